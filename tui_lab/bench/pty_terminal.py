"""A terminal for tests and benches: the program runs in a real pseudo-terminal, keys go in, and the screen's text is
waited for.

A thread reads all the time, so the program never waits for a test that is busy; what it wrote becomes a screen (pyte)
only when somebody looks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import pyte

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "space": " ",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "backspace": "\x7f",
    "delete": "\x1b[3~",
    "f1": "\x1bOP",
}

PATIENCE_SECONDS = 90.0
"""What a program should do has so long: many times what it takes, for a machine may have much else to do."""

# What pyte would print as text: private modes, kitty's and sixel's strings.
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b[_P].*?\x1b\\", re.DOTALL)
_UNFINISHED = re.compile(rb"\x1b(\[[0-9;<=>?$]*|[_P][^\x1b]*)?$")


def key_bytes(key: str) -> bytes:
    """A named key, `ctrl+x`, or a character, as a terminal sends it."""
    if key in KEYS:
        return KEYS[key].encode()
    if key.startswith("ctrl+") and len(key) == 6:
        return bytes([ord(key[5]) & 0x1F])
    return key.encode()


class PtyTerminal:
    """A program in a pseudo-terminal of its own session; a context manager that ends it.

    `parse=False` only counts bytes: pyte is slow, and a bench that pours frames in would wait for it.
    `drain_bytes_per_second` makes it a slow line.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        parse: bool = True,
        drain_bytes_per_second: float | None = None,
    ) -> None:
        environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **(env or {})}
        for inherited in ("COLUMNS", "LINES", "NO_COLOR", "TMUX", "SSH_CONNECTION", "SSH_TTY", "TERM_PROGRAM"):
            if inherited not in (env or {}):
                environ.pop(inherited, None)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._parse = parse
        self._drain_speed = drain_bytes_per_second
        self._chunks: list[tuple[float, bytes]] = []
        self._changed = threading.Condition()
        self._held = b""
        self._shown_at = self._read_at = 0.0
        self._stop_reading = threading.Event()
        self._reads = threading.Event()
        self._reads.set()
        self._exit_code: int | None = None
        self.bytes_written = 0
        """What the program has written so far."""
        self.started = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            self._become(argv, environ, cwd, columns, rows)
        self._reader = threading.Thread(target=self._read_forever, name="pty-reader", daemon=True)
        self._reader.start()

    @staticmethod
    def _become(
        argv: Sequence[str],
        environ: Mapping[str, str],
        cwd: str | os.PathLike[str] | None,
        columns: int,
        rows: int,
    ) -> None:
        """The child's side of the fork; it never returns."""
        try:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)  # whoever started us may ignore them, as nohup does
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            if cwd is not None:
                os.chdir(cwd)
            os.execvpe(argv[0], list(argv), dict(environ))
        except OSError as error:
            os.write(2, f"{argv[0]}: {error}\n".encode())
        finally:
            os._exit(127)

    def __enter__(self) -> PtyTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- looking ---

    @property
    def text(self) -> str:
        """The screen as it is now, without trailing blanks."""
        return self._text_after()

    @property
    def pixels(self) -> list[list[str]]:
        """The screen's half blocks as two rows of colours for each line: rrggbb, or pyte's name of a colour."""
        self._text_after()
        rows: list[list[str]] = []
        for y in range(self._screen.lines):
            cells = [self._screen.buffer[y][x] for x in range(self._screen.columns)]
            rows.append([cell.fg if cell.data == "▀" else cell.bg for cell in cells])
            rows.append([cell.bg for cell in cells])
        return rows

    @property
    def exit_code(self) -> int | None:
        """None while the program runs; minus the signal's number where one ended it."""
        return self._exit_code

    def wait_for(self, pattern: str | Callable[[str], bool], timeout: float = PATIENCE_SECONDS) -> str:
        """Wait until the screen's text matches, and give that text; AssertionError shows the screen otherwise."""
        matches = pattern if callable(pattern) else re.compile(pattern, re.MULTILINE | re.DOTALL).search
        deadline = time.monotonic() + timeout
        while True:
            text = self._text_after(at_most=1)
            if matches(text):
                return text
            if self._chunks:
                continue
            left = deadline - time.monotonic()
            if left <= 0 or (self._exit_code is not None and not self._reader.is_alive() and not self._chunks):
                why = f"exited with {self._exit_code}" if self._exit_code is not None else f"{timeout:g} s passed"
                raise AssertionError(f"{pattern!r} did not appear ({why}); the screen:\n{text}")
            self._wait_for_bytes(min(left, 0.2))

    def wait_until_quiet(self, seconds: float = 0.3, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until the program has written nothing for so long."""
        deadline = time.monotonic() + timeout
        while self._wait_for_bytes(seconds, anew=True):
            if time.monotonic() > deadline:
                raise AssertionError(f"the program was never quiet for {seconds:g} s")

    def wait_for_exit(self, timeout: float = PATIENCE_SECONDS) -> int:
        """The exit code, once there is one."""
        self._reap(timeout)
        if self._exit_code is None:
            raise AssertionError(f"still running after {timeout:g} s; the screen:\n{self.text}")
        return self._exit_code

    def first_paint(self, timeout: float = PATIENCE_SECONDS) -> float:
        """Seconds from the start of the program to the first screen that is not blank."""
        self.wait_for(r"\S", timeout)
        return self.shown_after

    @property
    def shown_after(self) -> float:
        """Seconds from the start of the program to the last bytes of the screen that was looked at."""
        return self._shown_at - self.started

    # --- doing ---

    def send(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            os.write(self._fd, key_bytes(key))

    def type(self, text: str) -> None:
        """Type text, letter by letter."""
        self.send(*text)

    def click(self, column: int, row: int) -> None:
        """A left click on a cell, counted from 0."""
        for ending in "Mm":
            os.write(self._fd, f"\x1b[<0;{column + 1};{row + 1}{ending}".encode())

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """The left button down on one cell (column, row), counted from 0, and let go on another."""
        for button, (column, row), ending in ((0, start, "M"), (32, end, "M"), (0, end, "m")):
            os.write(self._fd, f"\x1b[<{button};{column + 1};{row + 1}{ending}".encode())

    def resize(self, columns: int, rows: int) -> None:
        """Another size, as when a window is dragged."""
        self._text_after()
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def echo(
        self, key: str, pattern: str | Callable[[str], bool] | None = None, timeout: float = PATIENCE_SECONDS
    ) -> float:
        """Seconds from pressing `key` until the bytes came that made the screen match (None: that changed it)."""
        before = self.text
        pressed = time.monotonic()
        self.send(key)
        self.wait_for(pattern if pattern is not None else lambda text: text != before, timeout)
        return self._shown_at - pressed

    def settled(self, key: str, quiet: float = 0.12) -> float:
        """Seconds from pressing `key` until the last of the bytes that followed it, before so long without any; the
        screen is not looked at meanwhile."""
        before, pressed = self.bytes_written, time.monotonic()
        self.send(key)
        with self._changed:
            self._changed.wait_for(lambda: self.bytes_written > before, PATIENCE_SECONDS)
        while self._wait_for_bytes(quiet, anew=True):
            pass
        return self._read_at - pressed

    def hold(self) -> None:
        """Take nothing of what the program writes, as a terminal does that is stopped with Ctrl+S."""
        self._reads.clear()

    def go_on(self) -> None:
        """Take what it writes again."""
        self._reads.set()

    def hang_up(self) -> None:
        """Drop the terminal, as a lost SSH session does: its end is closed, and the session gets SIGHUP."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGHUP)
        self._close_line()
        self._reap(PATIENCE_SECONDS)

    def close(self) -> None:
        """End the program: SIGTERM, and SIGKILL where that is not heard."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._exit_code is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            self._reap(timeout=5.0)
        self._close_line()

    # --- underneath ---

    def _close_line(self) -> None:
        self._stop_reading.set()
        self._reader.join(5.0)
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _text_after(self, at_most: int | None = None) -> str:
        """The screen after pyte has read these many chunks more (None: all); `_shown_at` is when the last arrived."""
        with self._changed:
            chunks = self._chunks[:at_most]
            del self._chunks[:at_most]
        for arrived, data in chunks:
            data = self._held + data
            unfinished = _UNFINISHED.search(data)
            cut = unfinished.start() if unfinished else len(data)
            data, self._held = data[:cut], data[cut:]
            self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))
            self._shown_at = arrived
        return "\n".join(line.rstrip() for line in self._screen.display)

    def _wait_for_bytes(self, seconds: float, anew: bool = False) -> bool:
        with self._changed:
            if self._chunks and not anew:
                return True
            before = self.bytes_written
            return self._changed.wait_for(lambda: self.bytes_written > before, seconds)

    def _read_forever(self) -> None:
        answered = b""
        while not self._stop_reading.is_set():
            if not self._reads.wait(0.05):
                continue
            try:
                ready, _, _ = select.select([self._fd], [], [], 0.05)
                if not ready:
                    continue
                data = os.read(self._fd, 65536)
            except OSError:
                data = b""
            if not data:
                self._reap(timeout=5.0)
                with self._changed:
                    self._changed.notify_all()
                return
            answered = self._answer(answered[-16:] + data, len(answered[-16:]))
            with self._changed:
                self.bytes_written += len(data)
                self._read_at = time.monotonic()
                if self._parse:
                    self._chunks.append((time.monotonic(), data))
                self._changed.notify_all()
            if self._drain_speed:
                time.sleep(len(data) / self._drain_speed)

    def _answer(self, data: bytes, old: int) -> bytes:
        """Answer what a real terminal answers, each question once though it may be cut in two."""
        for question, answer in ((b"\x1b[c", b"\x1b[?62;22c"), (b"\x1b[?2026$p", b"\x1b[?2026;2$y")):
            for found in re.finditer(re.escape(question), data):
                if found.end() <= old:
                    continue
                with contextlib.suppress(OSError):
                    os.write(self._fd, answer)
        return data

    def _reap(self, timeout: float) -> None:
        """Take the exit code, if there is one in time; the reader and the test both ask."""
        deadline = time.monotonic() + timeout
        while self._exit_code is None and time.monotonic() < deadline:
            with self._changed:
                if self._exit_code is None:
                    pid, status = os.waitpid(self.pid, os.WNOHANG)
                    if pid:
                        self._exit_code = os.waitstatus_to_exitcode(status)
                        return
            time.sleep(0.01)
