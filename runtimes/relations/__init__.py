"""What must not change a line's text: relations that any session can be held to, without transcriptions."""
