"""Pure functions on numpy arrays: no file, no session, no clock."""
