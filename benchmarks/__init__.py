"""The harness: parity, latency, reports."""
