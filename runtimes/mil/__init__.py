"""The MIL reference evaluator: the program of a Core ML package, computed operator by operator in numpy.

It runs everywhere and proves that a conversion is right. It is not Core ML: docs/runtimes/coreml.md says
what it proves and what it does not.
"""
