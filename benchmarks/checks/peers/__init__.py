"""Other recognisers on the same lines in the same run: how well and how fast they read, beside the shipped model."""
