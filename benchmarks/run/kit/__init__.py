"""A conformance kit: reading, opening and judging it."""
