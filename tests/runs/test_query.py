"""Filters, orders and families of runs."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.listing import Listing
from tui_lab.runs.query import Filter, families, in_order
from tui_lab.runs.status import Status, StatusName, status_of


def named(run: str, name: StatusName = "finished", **fields: object) -> Status:
    folder = RunFolder.create('[recipe]\nname = "pixel-faces"\n', run)
    return replace(status_of(folder), name=name, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "runs"),
    [("", ["heron", "wren"]), ("her", ["heron"]), ("w*n", ["wren"]), ("status:failed", ["wren"]),
     ("status:failed,finished -heron", ["wren"]), ("recipe:pixel-*", ["heron", "wren"]), ("status:", ["heron", "wren"]),
     ("recipe:pixel status:finished", ["heron"]), ("!status:failed", ["heron"]), ("odd:word", [])],
)  # fmt: skip
def test_a_filter_holds_where_all_its_words_do(text: str, runs: list[str]) -> None:
    statuses = [named("heron"), named("wren", "failed")]
    assert [one.run for one in statuses if Filter(text).matches(one)] == runs


def test_what_a_run_does_not_have_comes_last_both_ways() -> None:
    statuses = [named("a", loss=None), named("b", loss=0.2), named("c", loss=0.1)]
    assert [one.run for one in in_order(statuses, "loss")] == ["c", "b", "a"]
    assert [one.run for one in in_order(statuses, "loss", reverse=True)] == ["b", "c", "a"]


def test_forks_stand_below_their_parents() -> None:
    statuses = [named("d", parent="b"), named("a"), named("b", parent="a"), named("c", parent="gone")]
    assert [(depth, one.run) for depth, one in families(statuses)] == [(0, "a"), (1, "b"), (2, "d"), (0, "c")]


def test_a_circle_of_parents_loses_nobody() -> None:
    statuses = [named("a", parent="b"), named("b", parent="a")]
    assert {one.run for _, one in families(statuses)} == {"a", "b"}


def test_a_listing_reads_a_run_again_only_when_it_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    heron, _ = (RunFolder.create('[recipe]\nname = "a-test"\n', name) for name in ("heron", "wren"))
    looked_at: list[str] = []

    def counted(folder: RunFolder) -> Status:
        looked_at.append(folder.id)
        return status_of(folder)

    monkeypatch.setattr("tui_lab.runs.listing.status_of", counted)
    listing = Listing()
    list(listing.read())
    list(listing.read())
    assert sorted(looked_at) == ["heron", "wren"]
    heron.checkpoint(5).mkdir()
    os.utime(heron.checkpoints)
    assert {one.run: one.step for one in listing.read()} == {"heron": 5, "wren": 0}
    assert sorted(looked_at) == ["heron", "heron", "wren"]
