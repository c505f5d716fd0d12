"""What a terminal says of itself, told apart from what a person types.

A terminal answers a question on the same line that keys come on, perhaps late, perhaps in pieces. Whatever was asked
once is looked for as long as the program runs: an answer never becomes keys.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KittyReply:
    """To a command of kitty's graphics protocol: the image's number, and "OK" or what was wrong."""

    image: int
    words: str


@dataclass(frozen=True, slots=True)
class VersionReply:
    """The terminal's name and version (XTVERSION)."""

    name: str


@dataclass(frozen=True, slots=True)
class CellReply:
    """Pixels of a cell."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AttributesReply:
    """Primary device attributes: every terminal answers this one, and so it ends a row of questions."""

    attributes: tuple[int, ...]


Reply = KittyReply | VersionReply | CellReply | AttributesReply

_REPLY = re.compile(
    r"\x1b_G(?P<kitty>[^\x1b]*)\x1b\\"
    r"|\x1bP>\|(?P<version>[^\x1b]*)\x1b\\"
    r"|\x1b\[6;(?P<height>\d+);(?P<width>\d+)t"
    r"|\x1b\[\?(?P<attributes>[\d;]*)c"
)
_SURELY_BEGUN = re.compile(r"\x1b(?:_G[^\x1b]*\x1b?|P>[^\x1b]*\x1b?|\[\?[\d;]*|\[6;[\d;]*)\Z")
_PERHAPS_BEGUN = re.compile(r"\x1b[_P\[]?\Z|\x1b\[6\Z")
_SURE_SECONDS, _PERHAPS_SECONDS = 2.0, 0.05
"""So long the rest of a reply is waited for: the beginning may be a key of its own, as escape is."""


class ReplyFilter:
    """Between the terminal and whoever reads its keys."""

    def __init__(self, tell: Callable[[Reply], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._held = ""
        self._held_since = 0.0
        self.expects = False
        """Something was asked: only then may a reply come in pieces, and a lone escape be the first of them."""

    def feed(self, text: str) -> str:
        """What is left of the text for keys and the mouse."""
        text = self._held + text
        self._held = ""
        keys = _REPLY.sub(self._heard, text)
        if self.expects and (begun := _SURELY_BEGUN.search(keys) or _PERHAPS_BEGUN.search(keys)):
            self._held, keys = keys[begun.start() :], keys[: begun.start()]
            self._held_since = self._clock()
        return keys

    def overdue(self) -> str:
        """What was held for too long: a key after all. The half of an answer is nobody's key, and is dropped."""
        waited = self._clock() - self._held_since
        if not self._held or waited < (_SURE_SECONDS if self._is_sure else _PERHAPS_SECONDS):
            return ""
        keys, self._held = "" if self._is_sure else self._held, ""
        return keys

    @property
    def waits(self) -> bool:
        """Whether something is held."""
        return bool(self._held)

    @property
    def _is_sure(self) -> bool:
        return _SURELY_BEGUN.search(self._held) is not None

    def _heard(self, match: re.Match[str]) -> str:
        if (reply := _reply(match)) is not None:
            self._tell(reply)
        return ""


def _reply(match: re.Match[str]) -> Reply | None:
    if match["kitty"] is not None:
        numbers, _, words = match["kitty"].partition(";")
        image = re.search(r"\bi=(\d+)", numbers)
        return KittyReply(int(image[1]) if image else 0, words)
    if match["version"] is not None:
        return VersionReply(match["version"])
    if match["height"] is not None:
        return CellReply(int(match["width"]), int(match["height"]))
    return AttributesReply(tuple(int(number) for number in match["attributes"].split(";") if number))
