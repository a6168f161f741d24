"""Exporters that start from torch weights."""
