"""The spine: what every device needs, in numpy and Pillow."""
