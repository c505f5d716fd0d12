"""What a live run draws for the theatre: asked for through its spool, seen by its frames, taken from its recording."""

from __future__ import annotations

import numpy as np
import pytest

from tests.drawer import STEPS, picture
from tests.tui.rank import ASKED, RESOLVED, Rank
from tui_lab.recipe.denoising import parse_denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.live_denoising import LiveDenoising
from tui_lab.tui.theatre_words import state_words


@pytest.fixture
def rank(heron: RunFolder) -> Rank:
    return Rank(heron)


@pytest.fixture
def live(heron: RunFolder) -> LiveDenoising:
    return LiveDenoising(heron)


def test_the_run_is_asked_for_the_whole_denoising_by_its_weights_as_they_are(live: LiveDenoising, rank: Rank) -> None:
    live.ask(ASKED.changed(checkpoint=100, place=2))
    command = rank.asked()
    assert command.kind == "sample"
    assert parse_denoising(command.data["denoising"]) == ASKED.changed(place=2)


def test_it_fills_by_frames_that_may_skip_steps_and_is_whole_once_recorded(live: LiveDenoising, rank: Rank) -> None:
    live.ask(ASKED)
    assert not live.poll() and live.cell.state == "waiting"
    for index in (0, 1, 3):
        rank.shows(index)
        assert live.poll()
    assert live.cell.state == "drawing" and [level.index for level in live.cell.levels] == [0, 1, 3]
    assert state_words(live.cell) == "drawing 4/6 (esc stops), between its training steps, in up to 50% of the time"
    assert np.array_equal(live.cell.pixels[2], picture(RESOLVED, 3))
    rank.records(rank.asked())
    assert live.poll() and live.cell.done and live.cell.resolved == RESOLVED
    assert np.array_equal(live.cell.pixels, np.stack([picture(RESOLVED, index) for index in range(STEPS)]))
    assert live.cell.levels[4].timestep == 896.0
    assert not live.poll()


def test_frames_of_another_drawing_give_way_to_ours(live: LiveDenoising, rank: Rank) -> None:
    rank.shows(4)
    live.ask(ASKED)
    assert not live.poll()
    rank.shows(5)
    live.poll()
    rank.shows(0)
    live.poll()
    assert [level.index for level in live.cell.levels] == [0]


def test_a_refusal_is_said(live: LiveDenoising, rank: Rank) -> None:
    live.ask(ASKED)
    rank.refuses(rank.asked(), "another one was asked for")
    live.poll()
    assert (live.cell.state, live.cell.error) == ("failed", "another one was asked for")


def test_what_is_forgotten_is_cancelled_and_changes_no_more(live: LiveDenoising, rank: Rank) -> None:
    live.ask(ASKED)
    sample = rank.asked()
    rank.shows(0)
    live.poll()
    live.forget()
    cancel = rank.asked()
    assert (cancel.kind, cancel.data) == ("cancel", {"of": sample.id})
    rank.shows(1)
    assert not live.poll() and live.cell.state == "stopped" and live.cell.drawn == 1


def test_what_is_whole_is_not_cancelled(live: LiveDenoising, rank: Rank, heron: RunFolder) -> None:
    live.ask(ASKED)
    rank.records(rank.asked())
    live.poll()
    live.forget()
    assert live.cell.done and not list(heron.commands_new.iterdir())
