"""Bundles for application developers: model, specification, golden values and sources in one folder to copy."""
