"""A terminal that shows full pixels, or says so: what it was sent is kept as pictures."""

from __future__ import annotations

import base64
import os
import re
import sys
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tui_lab.bench.pty_terminal import PtyTerminal

CELL = 8, 12
"""Pixels of a cell, across and down."""
_KITTY = re.compile(rb"\x1b_G([^;\x1b]*)(?:;([^\x1b]*))?\x1b\\")
_SIXEL_ROW = re.compile(rb"\x1b\[(\d+);1H\x1b\[0m\x1b7( +)\x1b8\x1bP([^\x1b]*)\x1b\\\x1b8")


@dataclass
class Manners:
    """How a terminal answers. `confirms`: it says OK to pictures. `late`: it answers the probe once this is set."""

    name: str = "kitty(0.40)"
    speaks_kitty: bool = True
    has_sixels: bool = False
    confirms: bool = True
    late: threading.Event | None = None
    answers: bool = True


class PixelTerminal(PtyTerminal):
    """`kept`: kitty's pictures by their number, which it has not been told to forget."""

    def __init__(self, manners: Manners, env: Mapping[str, str], argv: list[str] | None = None, **options: Any) -> None:
        self.manners = manners
        self.kept: dict[int, np.ndarray] = {}
        self.forgotten: list[int] = []
        self.raw = b""
        self.said = 0
        """Answers that it gave."""
        self._read_to = 0
        self._pending: tuple[dict[str, str], bytes] | None = None
        super().__init__(argv or [sys.executable, "-m", "tests.tui.pixel_app"], env=env, **options)

    def _answer(self, data: bytes, old: int) -> bytes:
        self.raw += data[old:]
        for match in _KITTY.finditer(self.raw, self._read_to):
            self._read_to = match.end()
            self._take(match[1].decode(), match[2] or b"")
        for question, answer in (
            (b"\x1b[>0q", f"\x1bP>|{self.manners.name}\x1b\\"),
            (b"\x1b[16t", f"\x1b[6;{CELL[1]};{CELL[0]}t"),
            (b"\x1b[c", "\x1b[?62;4c" if self.manners.has_sixels else "\x1b[?62c"),
        ):
            found = data.find(question)
            if found >= 0 and found + len(question) > old:
                self._say(answer, self.manners.late)
        return super()._answer(data.replace(b"\x1b[c", b"   "), old)

    def _take(self, about: str, payload: bytes) -> None:
        numbers = dict(pair.split("=", 1) for pair in about.split(",") if "=" in pair)
        if numbers.get("a") == "q":
            if self.manners.speaks_kitty:
                self._say(f"\x1b_Gi={numbers['i']};OK\x1b\\", self.manners.late)
        elif numbers.get("a") == "d":
            self.forgotten.append(int(numbers["i"]))
            self.kept.pop(int(numbers["i"]), None)
        else:
            first, before = self._pending or (numbers, b"")
            self._pending = (first, before + payload)
            if numbers.get("m") != "1":
                self._pending = None
                self._keep(first, before + payload)

    def _keep(self, first: dict[str, str], payload: bytes) -> None:
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(payload)), np.uint8)
        self.kept[int(first["i"])] = pixels.reshape(int(first["v"]), int(first["s"]), 3)
        if self.manners.confirms:
            self._say(f"\x1b_Gi={first['i']};OK\x1b\\")

    def _say(self, answer: str, late: threading.Event | None = None) -> None:
        if not self.manners.answers:
            return

        def write() -> None:
            if late is not None:
                late.wait()
            os.write(self._fd, answer.encode())
            self.said += 1

        if late is not None:
            threading.Thread(target=write, daemon=True).start()
        else:
            write()

    @property
    def placeholder_rows(self) -> int:
        """Lines of the screen on which a picture of kitty's stands."""
        return sum("\U0010eeee" in line for line in self.text.splitlines())

    def sixels(self) -> dict[int, np.ndarray]:
        """The last sixels that were sent to each line of the screen, which began at its first column."""
        return {int(match[1]) - 1: decode_sixels(match[3]) for match in _SIXEL_ROW.finditer(self.raw)}


def decode_sixels(data: bytes) -> np.ndarray:
    """The pixels of a sixel string without its brackets."""
    header = re.match(rb'0;0;0q"1;1;(\d+);(\d+)', data)
    assert header is not None
    width, height = int(header[1]), int(header[2])
    shown = np.zeros((-(-height // 6) * 6, width, 3), np.uint8)
    colours: dict[int, tuple[int, ...]] = {}
    colour, x, band = 0, 0, 0
    for number, definition, count, glyph, control in re.findall(
        rb"#(\d+)(?:;2;(\d+;\d+;\d+))?|(?:!(\d+))?([?-~])|([$-])", data[header.end() :]
    ):
        if number:
            colour = int(number)
            if definition:
                colours[colour] = tuple(round(int(share) * 255 / 100) for share in definition.split(b";"))
        elif control:
            x, band = 0, band + (control == b"-")
        else:
            bits, run = glyph[0] - 63, int(count or 1)
            for bit in range(6):
                if bits >> bit & 1:
                    shown[6 * band + bit, x : x + run] = colours[colour]
            x += run
    return shown[:height]
