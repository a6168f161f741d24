"""``python -m inkport``, which is also how torchrun starts training."""

from __future__ import annotations

from inkport.cli import main


main()
