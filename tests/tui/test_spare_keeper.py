"""The lab keeps one spare ready, trains with it, and lets it go."""

from __future__ import annotations

import psutil
import pytest
from textual.pilot import Pilot

from tests.tui.conftest import Opened, until
from tests.waiting import wait_until
from tui_lab.recipe import Recipe, replaced
from tui_lab.runs import spare
from tui_lab.runs.lifecycle import read_lifecycle
from tui_lab.tui import spare_keeper
from tui_lab.tui.spare_keeper import SpareKeeper


@pytest.fixture
def keeper(standin_engine: None) -> SpareKeeper:
    return SpareKeeper()


def waiting() -> list[int]:
    here = psutil.Process().pid
    return [process.pid for process in spare.waiting_spares() if process.info["ppid"] == here]


def test_one_at_a_time_and_none_once_it_is_closed(keeper: SpareKeeper) -> None:
    keeper.keep(Recipe())
    first = waiting()
    keeper.keep(replaced(Recipe(), {"training.train_batch_size": 8}))
    assert waiting() == first and len(first) == 1
    keeper.close()
    wait_until(lambda: not waiting())


def test_after_one_was_taken_the_run_has_the_machine_to_itself_for_a_while(
    keeper: SpareKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.keep(Recipe())
    taken = keeper.take()
    assert taken is not None
    keeper.keep(Recipe())
    assert not keeper.ready
    monkeypatch.setattr(spare_keeper, "AFTER_USE_SECONDS", 0.0)
    assert keeper.take() is None
    keeper.keep(Recipe())
    assert keeper.ready
    keeper.close()
    taken.close()


def test_memory_that_runs_short_takes_it_back(keeper: SpareKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper.keep(Recipe())
    monkeypatch.setattr(spare, "_container_leaves", lambda: 1 << 29)
    keeper.keep(Recipe())
    assert not keeper.ready
    wait_until(lambda: not waiting())


def test_one_that_dies_by_itself_is_not_started_again_at_once(keeper: SpareKeeper) -> None:
    keeper.keep(Recipe())
    (supervisor,) = waiting()
    psutil.Process(supervisor).kill()
    wait_until(lambda: not keeper.ready)
    keeper.keep(Recipe())
    assert not keeper.ready


def test_none_is_kept_where_the_environment_says_so(keeper: SpareKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(spare_keeper.SPARE_VARIABLE, "0")
    unwilling = SpareKeeper()
    unwilling.keep(Recipe())
    assert not unwilling.ready


async def test_training_begins_in_the_spare(open_lab: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_lab() as (lab, pilot):
        monkeypatch.setenv(spare_keeper.SPARE_VARIABLE, "1")
        lab.spares = SpareKeeper()
        lab._warmed = True
        await _until_ready(pilot, lab.spares)
        (supervisor,) = waiting()
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.curves.step)
        assert lab.attached is not None
        started = [event.data for event in read_lifecycle(lab.attached.folder) if event.kind == "started"]
        assert [data["supervisor"]["pid"] for data in started] == [supervisor]
        lab._keep_spare()
        assert not lab.spares.ready, "none is got ready beside a run on the CPU"


async def _until_ready(pilot: Pilot[object], keeper: SpareKeeper) -> None:
    """The lab looks after it by itself, every few seconds."""
    await until(pilot, lambda: keeper.ready)
