"""Distillation: a network learns from what a teacher reads, on lines with and without transcriptions."""
