"""Textual's driver for Linux and macOS, with its bytes counted and timed, and an ear for a terminal that is gone.

It leans on private attributes of `LinuxDriver` and its writer (Textual is pinned to a minor version for that).
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import itertools
import os
import queue
import select
import time
from collections.abc import Callable
from typing import Any

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput

from tui_lab.tui.bandwidth import Line
from tui_lab.tui.terminal_replies import Reply, ReplyFilter

_QUESTION = "\x1b[?2026$p"
"""Textual asks this at the start, and swallows the answer; terminals that know it answer it each time."""
_PIECE_SECONDS = 0.02
_LEAST_PIECE, _MOST_PIECE = 2048, 65536
_LAST_WORDS_SECONDS = 1.0
_WORTH_ASKING = 1000
"""After so many characters the terminal is asked to say when it has come to their end."""


class LineDriver(LinuxDriver):
    """The app has a `line`, which learns of every byte, and is told by `terminal_gone` when nobody reads any more, by
    `terminal_replied` what the terminal says of itself; `last_words_to_terminal` are sent when it is left."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self.line: Line = app.line  # type: ignore[attr-defined]
        self._loop = asyncio.get_running_loop()
        self._replies = ReplyFilter(self._tell_reply)
        assert self._file is not None
        self._file = TimedFile(self._file.fileno(), self.line, self._tell_gone)  # type: ignore[assignment]

    def _tell_gone(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: it was leaving
            self._loop.call_soon_threadsafe(self._app.terminal_gone)  # type: ignore[attr-defined]

    def _sigcont_application(self, *arguments: object) -> None:
        """Textual begins anew whenever it is let go on, and would have all its threads twice after a SIGSTOP, of which
        it hears nothing: one of them would then keep the process for ever. What was only held paints itself again."""
        if self._must_signal_resume:
            super()._sigcont_application(*arguments)
        else:
            self._loop.call_soon_threadsafe(lambda: self._app.refresh(layout=True))

    def write(self, data: str) -> None:
        self.line.queued(len(data))
        super().write(data)
        if len(data) > _WORTH_ASKING and self.line.ask():
            self.line.queued(len(_QUESTION))
            super().write(_QUESTION)

    def process_message(self, message: Message) -> None:
        if isinstance(message, TerminalSupportsSynchronizedOutput):
            self.line.answered()
        super().process_message(message)

    def ask(self, question: str) -> None:
        """Something whose answer `app.terminal_replied` gets, if one ever comes."""
        self._replies.expects = True
        self.write(question)

    def _tell_reply(self, reply: Reply) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._app.terminal_replied, reply)  # type: ignore[attr-defined]

    def run_input_thread(self) -> None:
        """As Textual's, but what the terminal says of itself goes to the app and never becomes keys, and a terminal
        that hung up is gone, and no error."""
        parser = XTermParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        try:
            while not self.exit_event.is_set():
                ready, _, _ = select.select([self.fileno], [], [], _PIECE_SECONDS if self._replies.waits else 0.1)
                keys = self._replies.overdue()
                if ready:
                    data = os.read(self.fileno, 4096)
                    if not data:
                        break
                    keys = self._replies.feed(keys + decode(data))
                for message in itertools.chain(parser.feed(keys) if keys else (), parser.tick()):
                    self.process_message(message)
        except OSError:
            self._tell_gone()
        finally:
            with contextlib.suppress(EOFError, ParseError):
                for _ in parser.feed(""):
                    pass

    def stop_application_mode(self) -> None:
        """The terminal forgets our pictures with the rest: at the end, and while the program is suspended."""
        if farewell := self._app.last_words_to_terminal():  # type: ignore[attr-defined]
            self.write(farewell)
        super().stop_application_mode()

    def close(self) -> None:
        """Let the last words out, but wait for no terminal that does not take them."""
        writer = self._writer_thread
        if writer is not None:
            with contextlib.suppress(queue.Full):
                writer._queue.put(None, timeout=_LAST_WORDS_SECONDS)
            writer.join(_LAST_WORDS_SECONDS)


class TimedFile:
    """What Textual's writer thread writes to: in pieces, each of which tells the line how long it took."""

    def __init__(self, fileno: int, line: Line, gone: Callable[[], None]) -> None:
        self._fileno = fileno
        self._line = line
        self._say_gone = gone
        self._gone = False

    def fileno(self) -> int:
        return self._fileno

    def flush(self) -> None:
        """Nothing is held back."""

    def write(self, text: str) -> None:
        """Once the terminal is gone, that is said once, and the rest goes nowhere."""
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        while len(data) and not self._gone:
            piece = min(max(int(self._line.bytes_per_second * _PIECE_SECONDS), _LEAST_PIECE), _MOST_PIECE)
            started = time.monotonic()
            try:
                count = os.write(self._fileno, data[:piece])
            except BlockingIOError:
                select.select([], [self._fileno], [], 0.1)
                continue
            except OSError:
                self._gone = True
                self._say_gone()
                break
            self._line.written(count, time.monotonic() - started)
            data = data[count:]
        self._line.dequeued(len(text))
