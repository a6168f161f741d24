"""Pages: from an image of a whole page to its lines, in order, and the formats that hold them."""
