"""Finding out why a port reads differently."""
