"""What a program does with inkport; all of it is in ``inkport`` itself: ``inkport.load(...)``, ``inkport.verify(...)``.

Errors are those of ``inkport.core.errors``. Nothing is downloaded, and nothing is written but what ``out`` names.
"""
