"""A person's own loss: a Python file that defines `loss(x0)`, run in a process of its own while pictures are drawn.

`loss` gets x_0, a float32 tensor (B, C, H, W) in [-1, 1] on the CPU, and returns a number for each picture, a tensor
(B,), or one alone: then it is asked about one picture at a time, so that no picture depends on its neighbours. The
gradient is torch's. The file runs with all the rights of the person who named it, as `python FILE` would: it is kept
apart so that one that fails, or never returns, takes nothing with it, not to keep it from anything.

    python -m tui_lab.diffusion.own_loss FILE CALL_SECONDS IMPORT_SECONDS

answers over its pipes (see `_serve`). What the file prints goes to stderr, and so to the log of whoever started it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import IO, Any, BinaryIO

import torch
from torch import Tensor

from tui_lab.errors import LossFileError
from tui_lab.interruption import may_be_interrupted
from tui_lab.sanitize import clean

CALL_SECONDS = 10.0
IMPORT_SECONDS = 120.0
"""Of the file and all that it imports; torch alone takes seconds."""

_SHAPE = struct.Struct(">4I")
_LENGTH = struct.Struct(">I")
_GRACE = 5.0
"""Seconds after which a process whose starter is gone ends itself in the midst of a call."""
_FRAMES = 3
"""So many of a traceback's last frames stand in the message; the log has all."""

log = logging.getLogger(__name__)


class OwnLoss:
    """x_0 (B, C, H, W) in [-1, 1] → the gradient of the file's loss with respect to it, on the same device.

    The process starts at once, and imports while there is something else to do. Errors are LossFileErrors, after which
    it is gone. Close it in the end. `kill` may come from another thread: a call that waits then ends with an error.
    """

    def __init__(
        self,
        path: Path,
        sha256: str = "",
        call_seconds: float = CALL_SECONDS,
        import_seconds: float = IMPORT_SECONDS,
    ) -> None:
        """`sha256`: of the file as it was chosen; empty where any is right."""
        found = file_sha256(path)
        self._name = clean(path.name, 80)
        if sha256 and found != sha256:
            raise LossFileError(f"{self._name} is another file than it was: choose it again")
        self._call_seconds, self._import_seconds = call_seconds, import_seconds
        self._ready = False
        # Without the working directory in its path: a torch.py there would be taken for torch.
        module = [sys.executable, "-B", "-P", "-m", "tui_lab.diffusion.own_loss"]
        self._process = subprocess.Popen(
            [*module, str(path.expanduser()), str(call_seconds), str(import_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # so that it goes with all that it may have started
        )
        self._started = time.monotonic()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        # The two pipes then close with this object, where nobody closes it, and the process sees that and leaves.
        self._process.stdin = self._process.stdout = None
        os.set_blocking(self._to.fileno(), False)
        may_be_interrupted(self)

    def __call__(self, x0: Tensor) -> Tensor:
        """Waits for the import, the first time. What else may go wrong: `evaluate`."""
        try:
            if not self._ready:
                self._answer(self._started + self._import_seconds, "was not imported", self._import_seconds)
                self._ready = True
            asked = x0.detach().to("cpu", torch.float32).contiguous()
            until = time.monotonic() + self._call_seconds
            self._write(_SHAPE.pack(*asked.shape) + asked.numpy().tobytes(), until)
            gradient = self._answer(until, "loss(x0) did not return", self._call_seconds)
        except BaseException:
            self.close()
            raise
        return torch.frombuffer(bytearray(gradient), dtype=torch.float32).reshape(x0.shape).to(x0.device)

    def close(self) -> None:
        self.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    def kill(self) -> None:
        """At once, whatever it does, and with it what it has started."""
        with suppress(ProcessLookupError):
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _answer(self, until: float, amiss: str, seconds: float) -> bytes:
        """The blob of the next answer. LossFileError where it tells of one, comes too late, or does not come."""
        try:
            (length,) = _LENGTH.unpack(self._read(_LENGTH.size, until))
            header = json.loads(self._read(length, until))
            blob = self._read(header["blob"], until)
        except TimeoutError as error:
            raise LossFileError(f"{self._name}: {amiss} within {seconds:g} s, and was stopped") from error
        if "error" in header:
            lines = [clean(line, 1000) for line in header["traceback"].splitlines()]
            log.warning("the loss of %s failed\n%s", self._name, "\n".join(lines))
            raise LossFileError(f"{self._name}: {clean(header['error'], 600)}")
        return blob

    def _read(self, count: int, until: float) -> bytes:
        data = bytearray()
        while len(data) < count:
            self._wait(self._from, select.POLLIN, until)
            chunk = os.read(self._from.fileno(), min(count - len(data), 1 << 20))
            if not chunk:
                raise self._gone()
            data += chunk
        return bytes(data)

    def _write(self, data: bytes, until: float) -> None:
        left = memoryview(data)
        while left:
            self._wait(self._to, select.POLLOUT, until)
            try:
                left = left[os.write(self._to.fileno(), left) :]
            except BrokenPipeError as error:
                raise self._gone() from error

    def _wait(self, pipe: IO[bytes], for_what: int, until: float) -> None:
        waiting = select.poll()
        waiting.register(pipe, for_what)
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000.0):
            raise TimeoutError

    def _gone(self) -> LossFileError:
        code = self._process.wait()
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        return LossFileError(f"{self._name}: its process ended by itself ({how})")


def file_sha256(path: Path) -> str:
    """Of the file's bytes, to know it again. Raises LossFileError where it cannot be read."""
    try:
        return hashlib.sha256(path.expanduser().read_bytes()).hexdigest()
    except OSError as error:
        raise LossFileError(f"{clean(str(path), 200)}: {error.strerror}; name a Python file with loss(x0)") from error


def evaluate(loss: Callable[[Tensor], Any], x0: Tensor) -> Tensor:
    """The gradient of `loss` at x0 (B, C, H, W); of a loss that answers with one number, of each picture alone.

    Raises LossFileError, a line without the file's name, where the answer is none that can be led back to x0.
    """
    x0 = x0.clone().requires_grad_()
    losses = loss(x0)
    if len(x0) > 1 and isinstance(losses, Tensor) and losses.dim() == 0:
        return torch.cat([evaluate(loss, picture[None]) for picture in x0.detach()])
    if not isinstance(losses, Tensor):
        raise LossFileError(f"loss(x0) returned {type(losses).__name__}, not a tensor")
    if losses.dim() and losses.shape != (len(x0),):
        shape = "×".join(map(str, losses.shape))
        raise LossFileError(f"loss(x0) returned {shape} numbers, not one for each of {len(x0)} pictures, or one alone")
    if not losses.isfinite().all():
        raise LossFileError(f"loss(x0) returned {float(losses.detach()[~losses.isfinite()].flatten()[0])}")
    gradient = torch.autograd.grad(losses.sum(), x0, allow_unused=True)[0] if losses.requires_grad else None
    if gradient is None:
        raise LossFileError("loss(x0) does not depend on x0, as far as torch can follow it")
    if not gradient.isfinite().all():
        raise LossFileError("the gradient of loss(x0) is no number: a root or a logarithm of 0, perhaps")
    return gradient


def _serve(path: Path, call_seconds: float, import_seconds: float, requests: BinaryIO, answers: BinaryIO) -> None:
    """Requests: the shape of x_0, four uint32, and its float32. Answers, a first one when the file is imported: a JSON
    header after its length, "blob" bytes of float32, the gradient; or "error" and "traceback", the last words."""

    def answer(blob: bytes = b"", **header: str) -> None:
        told = json.dumps({**header, "blob": len(blob)}).encode()
        answers.write(_LENGTH.pack(len(told)) + told + blob)
        answers.flush()

    try:
        _end_after(import_seconds)
        torch.manual_seed(0)  # a loss that draws draws the same when all is done again
        loss = _load(path)
        answer()
        while True:
            _end_after(None)
            shape = requests.read(_SHAPE.size)
            if len(shape) < _SHAPE.size:
                return
            size = _SHAPE.unpack(shape)
            data = bytearray(requests.read(4 * math.prod(size)))
            _end_after(call_seconds)
            gradient = evaluate(loss, torch.frombuffer(data, dtype=torch.float32).reshape(size))
            answer(gradient.contiguous().numpy().tobytes())
    except LossFileError as error:
        answer(error=str(error), traceback=traceback.format_exc())
    except BaseException as error:  # noqa: BLE001 (whatever a person's file raises, SystemExit too, is told)
        answer(error=_told(error, path), traceback=traceback.format_exc())


def _end_after(seconds: float | None) -> None:
    """Have the kernel end this process, a little after whoever asked should have: it may be gone. None: no more."""
    signal.setitimer(signal.ITIMER_REAL, 0.0 if seconds is None else seconds + _GRACE)


def _load(path: Path) -> Callable[[Tensor], Any]:
    """The file's `loss`, imported as Python would run the file: its folder comes first where it looks for others."""
    sys.path.insert(0, str(path.parent))
    loader = SourceFileLoader("loss_file", str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    loss = getattr(module, "loss", None)
    if not callable(loss):
        raise LossFileError("it defines no loss(x0)")
    return loss


def _told(error: BaseException, path: Path) -> str:
    """The last frames of the traceback from the file on, and what was raised, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((place for place, frame in enumerate(frames) if frame.filename == str(path)), len(frames))
    lines = []
    for frame in frames[first:][-_FRAMES:]:
        file = "" if frame.filename == str(path) else f"{Path(frame.filename).name} "
        lines.append(f"{file}line {frame.lineno}, in {frame.name}: {frame.line}")
    words = "".join(traceback.format_exception_only(error)).strip().splitlines()
    return " › ".join([*lines, " ".join(word.strip() for word in words)])


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    with Path(os.devnull).open("rb") as nothing:  # a file that asks for input gets none, and not our requests
        os.dup2(nothing.fileno(), 0)
    path, call_seconds, import_seconds = sys.argv[1:]
    _serve(Path(path).absolute(), float(call_seconds), float(import_seconds), requests, answers)


if __name__ == "__main__":
    main()
