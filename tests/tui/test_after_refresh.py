"""What waits for a refresh finds its widget whole, or does not come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tests.tui.bare_app import BareApp
from tests.tui.canned import can_workbench
from tests.tui.conftest import Opened, until
from tui_lab.tui.after_refresh import after_refresh
from tui_lab.tui.widgets.batch_stages import BatchStages


class Pair(Vertical):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def compose(self) -> ComposeResult:
        yield Static()
        yield Static()

    def look(self) -> None:
        self.seen.append(len(self.query(Static)))


class PairScreen(Screen[None]):
    def compose(self) -> ComposeResult:
        yield Pair()


def held_back(screen: Screen[Any], widget: Widget, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What the screen would call for this widget after its next refresh, as if it took its time with that."""
    waiting: list[Callable[[], object]] = []
    others = screen._invoke_later

    def invoke_later(callback: partial[object], sender: MessagePump) -> None:
        waiting.append(callback) if callback.func.__self__ is widget else others(callback, sender)

    monkeypatch.setattr(screen, "_invoke_later", invoke_later)
    return waiting


async def test_it_comes_after_the_refresh() -> None:
    app = BareApp()
    async with app.run_test() as pilot:
        await app.push_screen(PairScreen())
        pair = app.screen.query_one(Pair)
        after_refresh(pair, pair.look)
        await until(pilot, lambda: pair.seen == [2])


async def test_it_does_not_come_to_a_widget_that_went_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    app = BareApp()
    async with app.run_test() as pilot:
        below = app.screen
        await app.push_screen(PairScreen())
        pair = app.screen.query_one(Pair)
        waiting = held_back(below, pair, monkeypatch)
        after_refresh(pair, pair.look)
        await app.pop_screen()
        assert waiting, "the screen below has it now"
        for callback in waiting:
            callback()
        await pilot.pause()
        assert pair.seen == []


async def test_a_batch_whose_colours_change_as_it_is_left_is_not_drawn(
    open_lab: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    can_workbench(monkeypatch)
    async with open_lab() as (lab, pilot):
        await pilot.press("b")
        await until(pilot, lambda: lab.app.screen.query(BatchStages) and lab.app.screen.query_one(BatchStages).count)
        stages = lab.app.screen.query_one(BatchStages)
        waiting = held_back(lab, stages, monkeypatch)
        stages.notify_style_update()
        left = lab.app.pop_screen()
        while stages.children:
            await asyncio.sleep(0)
            for callback in waiting:
                callback()
        await left
