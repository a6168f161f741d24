"""Exporters: artifact in, artifact out, named ``<target>_from_<source>``."""
