"""What the linter says: one remark, its weight, and the knob that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Remark:
    """Cause and mend on one line. `key` is the recipe's knob to look at first, "" where there is none."""

    level: Literal["ok", "warn", "error"]
    text: str
    key: str = ""
