"""Character n-gram language models: text, estimation, files, and scores."""

from __future__ import annotations
