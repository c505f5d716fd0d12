"""The workbench as others see it: an object to ask, without torch; behind it a process, started when it is needed.

    async with Workbench() as workbench:
        async for step in workbench.denoise(Denoising(source="amber-heron")):
            show(step.pane("x0"))

and from code that is not asynchronous, `run_sync(lambda workbench: workbench.export("amber-heron", folder))`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tui_lab import errors
from tui_lab.errors import LabError, WorkbenchError
from tui_lab.model_summary import Block, Memory, ModelSummary
from tui_lab.pictures.origin import Origin
from tui_lab.recipe.denoising import Denoising, parse_denoising
from tui_lab.runs.home import lab_home, open_log
from tui_lab.workbench.answers import DenoisedStep, Device, OneBatch, Probe
from tui_lab.workbench.wire import LENGTH, Message, WireError, decode_header, encode, header_length

Result = TypeVar("Result")

_LOG = "workbench.log"
REST_SECONDS = 300.0
"""A workbench that nobody asked anything for so long lets its process go, and with it the memory that torch holds."""
_STEPS_AHEAD = 8
"""Steps of a stream that wait here for their reader; beyond that, the pipe fills and the workbench waits."""

_PLAIN = ("index", "count", "timestep", "alpha", "sigma", "snr", "at_once", "rmse")
"""What of a step's header is handed on as it is."""


class WorkbenchDied(WorkbenchError):  # noqa: N818 (an event, told as one)
    """The process went away while it was asked; the next request starts another one."""


class Workbench:
    """One workbench process and the requests that it has not answered. Belongs to one event loop.

    `say` is told what of it a person may want to know: that it rests, that it wakes, and "" when it is as ever.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say or (lambda words: None)
        self._rest: asyncio.TimerHandle | None = None
        self._rested: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[Message | WorkbenchDied]] = {}
        self.starts = 0
        """How often a process was started: more than once means that one died, or rested."""

    @property
    def log_path(self) -> Path:
        return lab_home() / "logs" / _LOG

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the process if there is none. It is up at once; `warm` waits until it has imported torch."""
        async with self._starting:
            if self.pid is not None:
                return
            if self._reader is not None:
                await self._reader
            with open_log(_LOG) as log:
                try:
                    self._process = await asyncio.create_subprocess_exec(
                        *(sys.executable, "-m", "tui_lab.workbench"),
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        env=_environment(),
                        start_new_session=True,  # a Ctrl-C for the terminal's program is none for this one
                    )
                except OSError as error:
                    raise WorkbenchError(f"cannot start the workbench: {error.strerror}") from error
            self.starts += 1
            self._reader = asyncio.create_task(self._read(self._process))

    async def warm(self) -> dict[str, str]:
        """Wait until torch is imported; its version and diffusers'."""
        return await self.request("warm")

    async def devices(self) -> list[Device]:
        """The devices at hand, the one that "auto" takes first."""
        return [Device(**device) for device in (await self.request("devices"))["devices"]]

    async def summary(self, recipe_toml: str) -> ModelSummary:
        """Parts and cost of the recipe's model; takes about a second. Raises RecipeError."""
        answer = await self.request("summary", recipe=recipe_toml)
        blocks = tuple(Block(**{**block, "shape": tuple(block["shape"])}) for block in answer["blocks"])
        return ModelSummary(answer["parameters"], blocks, answer["flops_per_step"], Memory(**answer["memory"]))

    async def architecture(self, source: str) -> dict[str, Any]:
        """Knobs that make a recipe fit the weights of `source`, as model.base_checkpoint names it. Raises LabError."""
        knobs: dict[str, Any] = (await self.request("architecture", source=source))["knobs"]
        return {key: tuple(value) if isinstance(value, list) else value for key, value in knobs.items()}

    async def probe(self, recipe_toml: str, device: str = "auto") -> Probe:
        """Two real updates of the recipe on that device. Raises LabError: no such device, data or memory."""
        answer = await self.request("probe", recipe=recipe_toml, device=device)
        return Probe(answer["seconds_per_step"], answer["peak_bytes"], answer["device"])

    async def batch(self, recipe_toml: str, step: int = 0) -> NDArray[np.uint8]:
        """What the model sees at that step: the first 256 pictures of training's batch, uint8 (B, H, W, C)."""
        answer = await self._only("batch", recipe=recipe_toml, step=step)
        return np.frombuffer(answer.blob, np.uint8).reshape(answer.header["shape"])

    async def one_batch(self, recipe_toml: str, source: str = "", seed: int = 0) -> OneBatch:
        """Eight of the pictures of step `seed` through the model: the recipe's with the weights it begins with, or by
        `source` a run's (run or run@step, on its own data). Raises LabError."""
        answer = await self._only("one_batch", recipe=recipe_toml, source=source, seed=seed)
        rows = np.frombuffer(answer.blob, np.uint8).reshape(answer.header["shape"])
        about = answer.header
        return OneBatch(tuple(about["timesteps"]), tuple(about["losses"]), rows, about["weights"], about["step"])

    async def denoise(
        self,
        asked: Denoising,
        panes: Sequence[str] = ("x_t", "x0", "eps", "change"),
        device: str = "auto",
    ) -> AsyncGenerator[DenoisedStep, None]:
        """Each denoising step as it is made. The newest checkpoint, where none is named, is that at the beginning.

        Close the generator (`aclosing`) to cancel. Raises LabError: what of it cannot be, and why.
        """
        request = {"denoising": asked.model_dump(), "panes": list(panes), "device": device}
        resolved, origin, word = asked, None, ""
        async with contextlib.aclosing(self.stream("denoise", **request)) as answers:
            async for answer in answers:
                told = answer.header
                if told["kind"] != "step":
                    continue
                if origin is None:
                    resolved, origin = parse_denoising(told["denoising"]), Origin.of_json(told["origin"])
                    word = told["word"]
                yield DenoisedStep(
                    denoising=resolved,
                    origin=origin,
                    **{name: told[name] for name in _PLAIN},
                    panes=tuple(told["panes"]),
                    pixels=np.frombuffer(answer.blob, np.uint8).reshape(told["shape"]),
                    word=word,
                )

    async def fetch(self, recipe_toml: str) -> AsyncGenerator[tuple[int, int], None]:
        """Read the recipe's dataset into the lab's cache: (pictures done, in all), now and then. Raises DataError."""
        async with contextlib.aclosing(self.stream("fetch", recipe=recipe_toml)) as answers:
            async for answer in answers:
                if answer.header["kind"] == "step":
                    yield answer.header["done"], answer.header["total"]

    async def export(self, run: str, folder: Path, checkpoint: int | None = None) -> dict[str, Any]:
        """Write a run's weights for diffusers: the folder, the checkpoint's step, which weights, and whether it is a
        `pipeline` that DDPMPipeline loads, or components with a README."""
        return await self.request("export", run=run, folder=str(folder), checkpoint=checkpoint)

    async def request(self, operation: str, **fields: Any) -> dict[str, Any]:
        """Ask, and wait for the result. Raises the workbench's LabError, or WorkbenchDied."""
        answer = await self._only(operation, **fields)
        return {name: value for name, value in answer.header.items() if name not in ("id", "kind")}

    async def _only(self, operation: str, **fields: Any) -> Message:
        """The result, with its blob."""
        async with contextlib.aclosing(self.stream(operation, **fields)) as answers:
            return [answer async for answer in answers][-1]

    async def stream(self, operation: str, **fields: Any) -> AsyncGenerator[Message, None]:
        """Ask, and get each answer as it comes, the result last. Closing it early cancels the operation."""
        self._stay()
        waking = self._rested is not None
        if waking:
            self._say("waking the workbench")
        await self.start()
        number = next(self._numbers)
        answers: asyncio.Queue[Message | WorkbenchDied] = asyncio.Queue(_STEPS_AHEAD)
        self._waiting[number] = answers
        finished = False
        try:
            await self._send({"id": number, "op": operation, **fields})
            while not finished:
                answer = await answers.get()
                if waking:
                    waking, self._rested = False, None
                    self._say("")
                if isinstance(answer, WorkbenchDied):
                    finished = True
                    raise answer
                finished = answer.header["kind"] != "step"
                if answer.header["kind"] == "error":
                    raise _error(answer.header)
                yield answer
        finally:
            del self._waiting[number]
            while not answers.empty():  # makes room for an answer that waits to be put
                answers.get_nowait()
            if not finished:
                with contextlib.suppress(WorkbenchDied):
                    await self._send({"id": number, "op": "cancel"})
            if not self._waiting:
                self._rest = asyncio.get_running_loop().call_later(REST_SECONDS, self._begin_to_rest)

    def _stay(self) -> None:
        """It is needed: no rest now."""
        if self._rest is not None:
            self._rest.cancel()

    def _begin_to_rest(self) -> None:
        self._rested = asyncio.create_task(self._let_go())
        self._say("the workbench rests")

    async def close(self) -> None:
        """Let the process go, in the middle of whatever it does."""
        self._stay()
        await self._let_go()
        if self._rested is not None:
            await self._rested

    async def _let_go(self) -> None:
        process, self._process = self._process, None
        reader = self._reader
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), timeout=0.5)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if reader is not None:
            await reader

    async def _send(self, header: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise WorkbenchDied("the workbench was closed")
        try:
            process.stdin.write(encode(Message(header)))
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise WorkbenchDied(await self._last_words(process)) from error

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hand out the answers of one process until it ends, then tell everyone who still waits."""
        assert process.stdout is not None
        try:
            while True:
                header, blob_length = decode_header(
                    await process.stdout.readexactly(header_length(await process.stdout.readexactly(LENGTH.size)))
                )
                blob = await process.stdout.readexactly(blob_length)
                answers = self._waiting.get(header["id"])
                if answers is not None:
                    await answers.put(Message(header, blob))
        except asyncio.IncompleteReadError:
            pass  # it ended
        except WireError:
            process.kill()
        died = WorkbenchDied(await self._last_words(process))
        for answers in list(self._waiting.values()):
            await answers.put(died)

    async def _last_words(self, process: asyncio.subprocess.Process) -> str:
        code = await process.wait()
        if code < 0:
            ended = f"was killed by {signal.Signals(-code).name}"
            ended += " (out of memory?)" if code == -signal.SIGKILL else ""
        else:
            ended = f"ended with exit code {code}"
        return f"the workbench {ended}; {self.log_path} may say why, and asking again starts another"


def run_sync(ask: Callable[[Workbench], Awaitable[Result]]) -> Result:
    """Start a workbench, wait for what `ask` awaits of it, and let it go: for code without an event loop."""

    async def once() -> Result:
        async with Workbench() as workbench:
            return await ask(workbench)

    return asyncio.run(once())


def _environment() -> dict[str, str]:
    # Threads that spin for long while they wait would take the cores from the terminal, or from a run; those that sleep
    # at once make a model call half as long again. Libgomp's own count is 300,000.
    return {"GOMP_SPINCOUNT": "10000", **os.environ}


def _error(header: dict[str, Any]) -> LabError:
    """The LabError that the workbench raised, as the class it was."""
    kind = getattr(errors, str(header.get("type")), None)
    if not (isinstance(kind, type) and issubclass(kind, LabError)):
        kind = WorkbenchError
    return kind(str(header.get("message")))
