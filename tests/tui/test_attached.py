"""A run that is followed: what it waits for before there is a step to show."""

from __future__ import annotations

from tests.tui.conftest import Opened, until
from tui_lab.recipe import Recipe, dump_recipe
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Journal
from tui_lab.runs.lifecycle import Lifecycle
from tui_lab.runs.lock import hold_lock
from tui_lab.tui.widgets.line_chart import LineChart

VALUE = {"count": 1, "mean": 0.5, "min": 0.5, "max": 0.5, "last": 0.5}


async def test_the_panel_says_what_a_cold_run_waits_for_until_its_first_step(open_lab: Opened) -> None:
    folder = RunFolder.create(dump_recipe(Recipe()), name="heron")
    assert hold_lock(folder) is not None
    Lifecycle(folder).append("started", rank=0, supervisor={}, pid=1)
    journal = Journal(folder)
    async with open_lab(target="heron") as (lab, pilot):
        chart = lab.query_one("#loss-curves", LineChart)
        for kind, about in (
            ("starting", {"message": "importing torch"}),
            ("starting", {"message": "building the model"}),
            ("started", {"device": "cuda:0", "waits_for": "compiling the network"}),
        ):
            journal.append(kind, 0, **about)
            words = about.get("message", about.get("waits_for"))
            await until(pilot, lambda words=words: chart.empty == f"{words} …")
        journal.append("metrics", 1, loss=VALUE, learning_rate=VALUE)
        await until(pilot, lambda: chart.series and len(chart.series[0].x) == 1)
