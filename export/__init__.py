"""Exporters: artefact in, artefact out, named ``<target>_from_<source>``."""
