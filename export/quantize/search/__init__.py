"""Sensitivity of single operators, and the search for what to leave in float."""
