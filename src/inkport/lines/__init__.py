"""Line data: where images with their texts come from, and what is wrong with them.

Needs numpy and Pillow; Parquet files need pyarrow (the extra ``parquet``), imported when one is opened.
"""
