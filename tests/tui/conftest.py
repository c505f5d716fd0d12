"""The lab on a screen of a given size, without a terminal; its runs are made by the stand-in engine."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import textual.app
import textual.pilot
from textual._context import active_app
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from tests.drawer import Drawer
from tests.tui.bare_app import BareApp
from tests.waiting import PATIENCE_SECONDS
from tui_lab.recipe import KNOBS, Recipe, dump_recipe
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.tui import spare_keeper
from tui_lab.tui.app import LabApp
from tui_lab.tui.desk import Desk
from tui_lab.tui.screens import lab as lab_module
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.screens.theatre import TheatreScreen

Opened = Callable[..., AbstractAsyncContextManager[tuple[LabScreen, Pilot[Any]]]]

BUSY_SECONDS = 2.0
"""Of the processor: what a key sets off takes less, and what takes more goes on by itself."""


@pytest.fixture(autouse=True)
def keys_are_followed_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's pilot takes a process that gets no time from a busy machine for one that has nothing to do, and goes on
    in the middle of what a key has set off. Here it waits until nothing waits any more, and no longer."""
    handled = Pilot._wait_for_screen

    async def rest(app: App[Any]) -> None:
        begun, rests = time.process_time(), 0
        while rests < 3 and time.process_time() - begun < BUSY_SECONDS:
            await asyncio.sleep(0.002)
            rests = rests + 1 if at_rest(app) else 0

    async def wait_for_idle(*_: float) -> None:
        await rest(active_app.get())

    async def wait_for_screen(pilot: Pilot[Any], timeout: float = PATIENCE_SECONDS) -> bool:
        was_handled = await handled(pilot, timeout)
        await rest(pilot.app)
        return was_handled

    monkeypatch.setattr(textual.app, "wait_for_idle", wait_for_idle)
    monkeypatch.setattr(textual.pilot, "wait_for_idle", wait_for_idle)
    monkeypatch.setattr(Pilot, "_wait_for_screen", wait_for_screen)


@pytest.fixture(autouse=True)
def apps_end_as_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their workers first, and then the widgets; Textual's `run_test` takes the widgets from under the workers."""
    shut_down = App._shutdown

    async def workers_first(app: App[Any]) -> None:
        app.workers.cancel_all()
        await shut_down(app)

    monkeypatch.setattr(App, "_shutdown", workers_first)


def at_rest(app: App[Any]) -> bool:
    """Whether no message waits, and all of the screen is drawn; or it is left."""
    if app._exit or not app.screen_stack:
        return True
    screen = app.screen
    if screen._layout_required or screen._repaint_required or screen._dirty_widgets or screen._callbacks:
        return False
    return all(
        pump._message_queue.empty() and pump._pending_message is None and not pump._next_callbacks
        for pump in (app, *screen.walk_children(with_self=True))
    )


@pytest.fixture
def open_lab(standin_engine: None, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """`async with open_lab(size=(120, 40), target=None) as (lab, pilot)`. The workbench stays cold, no spare is
    kept, and a run's steps are slow enough that one of 750 still goes when it is steered."""
    monkeypatch.setattr(lab_module, "WARM_AFTER_SECONDS", 3600.0)
    monkeypatch.setenv("STANDIN_STEP_SECONDS", "0.05")
    monkeypatch.setenv(spare_keeper.SPARE_VARIABLE, "0")

    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (120, 40), target: str | None = None
    ) -> AsyncIterator[tuple[LabScreen, Pilot[Any]]]:
        app = LabApp(target)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.lab is not None and app.screen is app.lab and app.lab.focused)
            assert app.lab is not None
            yield app.lab, pilot

    return opened


@pytest.fixture
def heron() -> RunFolder:
    """A run with three checkpoints, of which the drawer needs no more than their numbers."""
    run = RunFolder.create(dump_recipe(Recipe()), name="heron")
    for step in (100, 200, 300):
        run.checkpoint(step).mkdir(parents=True)
    return run


@pytest.fixture
def text_folder(tmp_path: Path) -> Path:
    """A text-to-image pipeline, as far as a form reads of it."""
    files = {
        "model_index.json": {
            "_class_name": "StableDiffusionPipeline",
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
            "scheduler": ["diffusers", "DDIMScheduler"],
        },
        "unet/config.json": {"sample_size": 8, "in_channels": 4, "out_channels": 4},
        "scheduler/scheduler_config.json": {"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear"},
    }
    folder = tmp_path / "texts"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def open_theatre(
    heron: RunFolder, drawer: Drawer
) -> Callable[..., AbstractAsyncContextManager[tuple[TheatreScreen, Pilot[Any]]]]:
    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (120, 40), asked: Denoising | None = None, run: Any = None
    ) -> AsyncIterator[tuple[TheatreScreen, Pilot[Any]]]:
        app, desk = BareApp(), Desk(drawer)  # type: ignore[arg-type]
        async with app.run_test(size=size) as pilot:
            theatre = TheatreScreen(desk, asked or Denoising(source="heron", checkpoint=200), run)
            await app.push_screen(theatre)
            yield theatre, pilot
            await desk.close()

    return opened


def nudged(key: str, value: Any, *directions: int) -> Any:
    """The value of a knob after these nudges."""
    for direction in directions:
        value = KNOBS[key].nudge(value, direction)
    return value


def told(screen: Screen[Any], words: str) -> bool:
    """Whether a notification says this."""
    return any(words in note.message for note in screen.app._notifications)


async def until(pilot: Pilot[Any], condition: Callable[[], object], timeout: float = PATIENCE_SECONDS) -> None:
    """Let the app go on until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"line {condition.__code__.co_firstlineno} did not come true"
        await pilot.pause(0.02)
