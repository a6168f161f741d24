"""Latency as a function of a line's width: curve, cost model, operations, buckets."""
