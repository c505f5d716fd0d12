"""The pictures that a terminal was given by kitty's protocol: sent as the line has room, confirmed, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tui_lab.tui import kitty
from tui_lab.tui.picture_probe import in_tmux
from tui_lab.tui.pixels import Pixels
from tui_lab.tui.terminal_replies import KittyReply

CONFIRMED_SECONDS = 3.0
"""A terminal that has a picture says so within this time of its last byte."""
PACE_SECONDS = 1 / 30


@dataclass(frozen=True)
class Terminal:
    """What pictures need of whoever holds the terminal: to write and to ask, how many bytes there is room for now and
    to promise that so many come with the next write, to be called later, and to say something to the person."""

    write: Callable[[str], None]
    ask: Callable[[str], None]
    room: Callable[[], int]
    promise: Callable[[int], None]
    later: Callable[[float, Callable[[], None]], object]
    say: Callable[[str], None]


class KittyPictures:
    """`failed` is told why where the terminal does not confirm a picture."""

    def __init__(self, terminal: Terminal | None, environ: Mapping[str, str], failed: Callable[[str], None]) -> None:
        self._terminal = terminal
        self._environ = environ
        self._failed = failed
        self._sending = asyncio.Lock()
        self._unconfirmed: dict[int, asyncio.Future[str]] = {}
        self._held: set[int] = set()  # what the terminal keeps

    def take(self, reply: KittyReply) -> bool:
        """What the terminal says of a picture; whether it is one of these."""
        confirmed = self._unconfirmed.pop(reply.image, None)
        if confirmed is not None and not confirmed.done():
            confirmed.set_result(reply.words)
        return confirmed is not None

    def _passed(self, sequence: str) -> str:
        return in_tmux(sequence, self._environ)

    async def give(self, pixels: Pixels, columns: int, rows: int) -> int | None:
        """The number of the picture (H, W, 3) once the terminal confirmed that it has it; None where it does not."""
        terminal = self._terminal
        if terminal is None:
            return None
        number = kitty.new_number()
        pieces = await asyncio.to_thread(kitty.transmission, number, pixels, columns, rows)
        confirmed = self._unconfirmed[number] = asyncio.get_running_loop().create_future()
        self._held.add(number)
        try:
            async with self._sending:
                await self._send(terminal, pieces)
            words = await asyncio.wait_for(confirmed, CONFIRMED_SECONDS)
        except TimeoutError:
            words = "no word came of a picture that was sent"
        except asyncio.CancelledError:
            self.take_back(number)
            raise
        finally:
            self._unconfirmed.pop(number, None)
        if words == "OK":
            return number
        self.take_back(number)
        self._failed(words)
        return None

    async def _send(self, terminal: Terminal, pieces: Sequence[str]) -> None:
        """As fast as the line takes them; all or, where this is cancelled, a last one that ends the picture."""
        has_begun = False
        try:
            for piece in pieces:
                while terminal.room() <= 0:
                    await asyncio.sleep(PACE_SECONDS)
                terminal.write(self._passed(piece))
                has_begun = True
        except asyncio.CancelledError:
            if has_begun:
                terminal.write(self._passed(kitty.BREAK_OFF))
            raise

    def take_back(self, number: int) -> None:
        """The terminal may forget this picture."""
        if self._terminal is not None and number in self._held:
            self._held.discard(number)
            self._terminal.write(self._passed(kitty.deletion(number)))

    def last_words(self) -> str:
        """What makes the terminal forget all of them."""
        words = "".join(self._passed(kitty.deletion(number)) for number in self._held)
        self._held.clear()
        return words
