"""Exporters that start from ONNX; they need no torch."""
