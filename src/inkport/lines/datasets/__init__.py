"""Data sets of the literature in their official layouts, turned once into Parquet line sets.

``catalogue`` names them, ``convert`` checks and writes; the other modules read one layout each. Needs numpy and
Pillow; writing needs pyarrow (the extra ``parquet``).
"""
