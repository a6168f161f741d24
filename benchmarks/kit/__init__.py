"""Conformance kits: one archive with everything that proves a port, and the judgement of what a runner made of it."""
