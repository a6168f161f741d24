"""One small adapter per runtime, and the conformance suite that all of them inherit."""
