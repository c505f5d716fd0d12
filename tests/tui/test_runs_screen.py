"""The list of runs, by its keys: order, filter, marks and curves, what tells runs apart, and what is done to them."""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.tui.conftest import Opened, until
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.journal import Journal
from tui_lab.runs.lock import hold_lock, is_locked
from tui_lab.runs.status import status_of
from tui_lab.tui.screens.ask import Ask, AskText, Choose
from tui_lab.tui.screens.compare import CompareScreen
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.screens.runs import RunsScreen
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.run_table import RunTable
from tui_lab.workbench.client import Workbench

RATE = "optimizer.learning_rate"


def a_run(name: str, word: str = "finished", level: float = 0.1, parent: RunFolder | None = None) -> RunFolder:
    came_from = None if parent is None else {"run": parent.id, "step": 100}
    folder = RunFolder.create('[recipe]\nname = "pixel-faces"\n', name, parent=came_from)
    journal = Journal(folder)
    journal.append("started", 0, device="cpu")
    for step in range(1, 101):
        loss = level + math.exp(-step / 20)
        values = {"mean": loss, "min": loss, "max": loss, "last": loss}
        journal.append("metrics", step, count=1, loss=values, steps_per_second={"last": 2.0})
    journal.append(word, 100)
    journal.close()
    for step in (50, 100):
        folder.checkpoint(step).mkdir()
        (folder.checkpoint(step) / "state.json").write_text(f'{{"step": {step}}}')
    return folder


async def opened(lab: LabScreen, pilot: Pilot[Any], runs: int) -> RunsScreen:
    await pilot.press("r")
    await until(pilot, lambda: isinstance(lab.app.screen, RunsScreen))
    screen = lab.app.screen
    assert isinstance(screen, RunsScreen)
    await until(pilot, lambda: len(names(screen)) == runs and screen.query_one(RunTable).render_line(runs).text.strip())
    return screen


def names(screen: RunsScreen) -> list[str]:
    return [row.status.run for row in screen.query_one(RunTable).rows]


async def test_runs_are_sorted_by_keys_and_by_the_head(open_lab: Opened) -> None:
    for name, level in (("heron", 0.3), ("wren", 0.1), ("lark", 0.2)):
        a_run(name, level=level)
    async with open_lab() as (lab, pilot):
        screen = await opened(lab, pilot, 3)
        table = screen.query_one(RunTable)
        head = table.render_line(0).text
        await pilot.click(RunTable, offset=(head.index("loss"), 0))
        await until(pilot, lambda: names(screen) == ["wren", "lark", "heron"])
        await pilot.press("i")
        assert names(screen) == ["heron", "lark", "wren"]
        await pilot.press("left", "left", "left")
        assert names(screen) == ["heron", "lark", "wren"] and "run ▼" in table.render_line(0).text


async def test_typing_filters_and_escape_shows_all_again(open_lab: Opened) -> None:
    a_run("heron"), a_run("wren", "failed")
    async with open_lab() as (lab, pilot):
        screen = await opened(lab, pilot, 2)
        await pilot.press("slash", *"status:failed", "enter")
        assert names(screen) == ["wren"]
        await pilot.press("escape")
        assert len(names(screen)) == 2
        await pilot.press("escape")
        await until(pilot, lambda: lab.app.screen is lab)


async def test_marked_runs_are_drawn_over_each_other_in_colours_that_they_keep(open_lab: Opened) -> None:
    a_run("heron"), a_run("wren", level=0.2)
    async with open_lab() as (lab, pilot):
        screen = await opened(lab, pilot, 2)
        await pilot.press("space", "space")
        chart = screen.query_one("#overlay", LineChart)
        await until(pilot, lambda: [len(one.x) for one in chart.series] == [100, 100])
        colours = {one.name: one.colour for one in chart.series}
        assert len(set(colours.values())) == 2
        await pilot.press("w")
        assert chart.x_label == "minutes of training" and abs(float(chart.series[0].x[-1]) - 100 / 2 / 60) < 1e-6
        await pilot.press("escape", "r")
        await until(pilot, lambda: isinstance(lab.app.screen, RunsScreen) and len(names(lab.app.screen)) == 2)
        await pilot.press("down", "space")
        again = lab.app.screen.query_one("#overlay", LineChart)
        await until(pilot, lambda: again.series)
        assert colours[again.series[0].name] == again.series[0].colour


async def test_what_tells_marked_runs_apart(open_lab: Opened) -> None:
    heron, _ = a_run("heron"), a_run("wren")
    journal = Journal(heron)
    journal.append(
        "command", 60, id="1", command="set", data={"changes": {RATE: 0.5}}, client={"user": "ada", "pid": 7}
    )
    journal.append("applied", 60, id="1", command="set", changes={RATE: [0.1, 0.5]})
    journal.close()
    async with open_lab() as (lab, pilot):
        await opened(lab, pilot, 2)
        await pilot.press("space", "space", "d")
        await until(pilot, lambda: isinstance(lab.app.screen, CompareScreen))
        words = "\n".join(str(one.visual) for one in lab.app.screen.query(Static))
        assert "Their recipes are alike" in words and "learning_rate 0.1 → 0.5" in words


async def test_a_fork_stands_below_its_parent_and_says_where_it_left(open_lab: Opened) -> None:
    parent = a_run("heron")
    a_run("wren", parent=parent), a_run("lark")
    async with open_lab((160, 50)) as (lab, pilot):
        screen = await opened(lab, pilot, 3)
        table = screen.query_one(RunTable)

        def child_of_heron() -> str:
            lines = [table.render_line(y).text for y in range(1, 4)]
            return "".join(below for line, below in itertools.pairwise(lines) if line.strip().startswith("heron"))

        await until(pilot, lambda: "└ wren" in child_of_heron() and "heron@100" in child_of_heron())


async def test_deleting_says_how_much_goes_and_asks(open_lab: Opened) -> None:
    a_run("heron")
    async with open_lab() as (lab, pilot):
        screen = await opened(lab, pilot, 1)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(lab.app.screen, Ask))
        body = str(lab.app.screen.query_one(".body", Static).visual)
        assert "heron: all of it" in body and "MB go" in body
        await pilot.press("enter")
        await until(pilot, lambda: lab.app.screen is screen)
        assert [folder.id for folder in list_runs()] == ["heron"]
        await pilot.press("D")
        await until(pilot, lambda: isinstance(lab.app.screen, Ask))
        await pilot.press("y")
        await until(pilot, lambda: not list_runs() and not names(screen))


async def test_a_run_that_goes_on_is_not_deleted(open_lab: Opened) -> None:
    held = hold_lock(a_run("heron"))
    assert held is not None
    async with open_lab() as (lab, pilot):
        await opened(lab, pilot, 1)
        await pilot.press("D")
        await until(pilot, lambda: any("x stops it" in note.message for note in lab.app._notifications))
    os.close(held)
    assert len(list_runs()) == 1


async def test_an_ended_run_is_forked_at_a_checkpoint_that_is_picked(open_lab: Opened) -> None:
    a_run("heron")
    async with open_lab() as (lab, pilot):
        await opened(lab, pilot, 1)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press("down", "enter")
        await until(pilot, lambda: lab.attached is not None)
        assert lab.attached.folder.parent() == {"run": "heron", "step": 50}


def told(screen: RunsScreen, words: str) -> bool:
    return any(words in note.message for note in screen.app._notifications)


async def test_marked_runs_go_on_and_are_stopped(open_lab: Opened) -> None:
    runs = [a_run("heron", "stopped"), a_run("wren", "stopped")]
    async with open_lab() as (lab, pilot):
        await opened(lab, pilot, 2)
        await pilot.press("space", "space", "g")
        await until(pilot, lambda: all(status_of(run).step > 100 and status_of(run).alive for run in runs))
        await pilot.press("x")
        await until(pilot, lambda: all(status_of(run).name == "stopped" and not is_locked(run) for run in runs))


async def test_pruning_says_what_goes_and_asks(open_lab: Opened) -> None:
    run = a_run("heron")
    async with open_lab() as (lab, pilot):
        screen = await opened(lab, pilot, 1)
        await pilot.press("P")
        await until(pilot, lambda: isinstance(lab.app.screen, Ask))
        assert "heron: 1 checkpoint" in str(lab.app.screen.query_one(".body", Static).visual)
        await pilot.press("y")
        await until(pilot, lambda: run.checkpoint_steps() == [100] and lab.app.screen is screen)


async def test_marked_runs_are_exported_into_a_folder_each(
    open_lab: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exports themselves are the workbench's."""
    runs, written = [a_run("heron"), a_run("wren")], []

    async def export(self: Workbench, source: str, target: Path) -> dict[str, str]:
        written.append((source, target))
        return {"folder": str(target)}

    monkeypatch.setattr(Workbench, "export", export)
    async with open_lab() as (lab, pilot):
        screen = await opened(lab, pilot, 2)
        await pilot.press("space", "space", "e")
        await until(pilot, lambda: isinstance(lab.app.screen, AskText))
        lab.app.screen.query_one(Input).value = str(tmp_path / "exports")
        await pilot.press("enter")
        await until(pilot, lambda: told(screen, f"wren is exported to {tmp_path / 'exports' / 'wren'}"))
    assert sorted(written) == [(str(run.path), tmp_path / "exports" / run.id) for run in runs]
