"""Synthetic lines: text from a corpus, drawn with a handwriting font, as it would look on scanned paper.

``render_line`` makes one image; ``corpus`` chooses texts; ``line_set`` writes many. Needs Pillow, numpy and, to
check which glyphs a font has, fontTools (the extra ``render``); never torch.
"""
