"""Training of the line finder: pages with baselines and polygons in, weights out."""
