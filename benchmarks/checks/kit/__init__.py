"""Making a kit, running it and checking its results."""
