"""Where two targets part: intermediate tensors matched, and each operator judged on what went into it."""
