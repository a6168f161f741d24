"""What can be checked of a port: each runs, and has a result and its views."""
