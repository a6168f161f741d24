"""Running targets: opening, reading, timing, and the machine that it happens on."""
