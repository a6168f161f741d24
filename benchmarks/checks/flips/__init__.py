"""The flip forecast: how many lines a port will read differently, from a few of them."""
