"""Making, changing and comparing weights."""
