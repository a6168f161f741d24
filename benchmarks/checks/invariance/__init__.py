"""Metamorphic checks: what must not change a line's text, tried on any session without a transcription."""
