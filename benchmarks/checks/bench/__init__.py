"""The measurements of ``inkport bench`` and their report."""
