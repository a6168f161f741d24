"""Margins as early warning: how many lines a port will flip, and which, before anything is transcribed."""
