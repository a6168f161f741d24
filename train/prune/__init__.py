"""Making trained networks of the convtext family smaller: fewer channels, heads, hidden units, blocks, lower rank."""
