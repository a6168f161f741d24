"""Exporters that start from Core ML packages."""
