"""Exporters: artifact in, artifact out, named ``<target>_from_<source>``.

``inkport.export`` is this package and a function of the Python API at once: importing any module of it puts the
package in the place of an attribute of that name, so the package itself can be called.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A module that can be called: ``inkport.api.proving.export``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make an artifact; see ``inkport.api.proving.export``."""
        # By name: the API is above all that it puts together.
        return import_module("inkport.api.proving").export(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
