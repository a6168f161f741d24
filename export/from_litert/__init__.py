"""Exporters that start from LiteRT files, without torch."""
