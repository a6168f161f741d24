"""Campaigns against inkport: damaged files, kills, hostile runtimes, leaks. ``make campaign`` runs all of them.

A short run is part of the tests. pytest and ``python -m campaign`` (with this folder's parent on the path) import the
modules by the same names.
"""
