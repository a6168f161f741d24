"""Importing recognisers that were trained elsewhere: their file stays as it is, and a specification says the rest."""
