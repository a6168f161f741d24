"""What trainings of several arms and seeds say: error rates with intervals, and differences from a reference."""
