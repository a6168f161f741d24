"""Quantization of exported networks: calibration, int8, palettes."""
