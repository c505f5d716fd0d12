"""The Loss panel's line of numbers."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

from tests.tui.conftest import until
from tui_lab.runs.curves import Curves
from tui_lab.runs.journal import Record
from tui_lab.runs.provenance import Provenance
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.loss_panel import LossPanel, Parent


def some_curves() -> Curves:
    curves = Curves()
    numbers = {"learning_rate": 1e-3, "grad_norm": 0.5, "data_share": 0.031, "preview_share": 0.02}
    data = {name: {"mean": value, "last": value} for name, value in {"loss": 0.16, **numbers}.items()}
    curves.feed([Record(1, 0.0, 1, "metrics", data)])
    return curves


class PanelApp(App[None]):
    def compose(self) -> ComposeResult:
        yield LossPanel()


async def test_a_larger_panel_says_more_though_nothing_new_comes() -> None:
    app = PanelApp()
    async with app.run_test(size=(30, 20)) as pilot:
        app.query_one(LossPanel).show(some_curves(), Provenance(), "#56B4E9")
        line = app.query_one("#loss-numbers", Static)
        assert str(line.visual) == "loss 0.1600  lr 0.001\n|g| 0.50  data 3%"
        await pilot.resize_terminal(100, 20)
        await until(pilot, lambda: "data 3%  preview 2%" in str(line.visual))


def changed_curves() -> tuple[Curves, Provenance]:
    """Thirty steps with a change at 10 by ada, a rewind from 25 to 20, and on."""
    data = {"loss": {"mean": 0.2, "min": 0.1, "max": 0.3}}
    asked = {"id": "1", "command": "set"}
    records = [Record(step, 0.0, step, "metrics", data) for step in range(1, 26)]
    client = {"user": "ada", "tty": "/dev/pts/3", "pid": 42}
    key = "optimizer.learning_rate"
    records += [
        Record(26, 0.0, 10, "command", {**asked, "data": {"changes": {key: 0.1}}, "client": client}),
        Record(27, 0.0, 10, "applied", {**asked, "changes": {key: [0.01, 0.1]}}),
        Record(28, 0.0, 20, "rewound", {"from": 25, "to": 20, "dropped": []}),
        *(Record(9 + step, 0.0, step, "metrics", data) for step in range(21, 31)),
    ]
    curves, provenance = Curves(), Provenance()
    curves.feed(records)
    provenance.feed(records)
    return curves, provenance


async def test_whoever_reads_at_a_mark_learns_what_happened_and_who_did_it() -> None:
    app = PanelApp()
    async with app.run_test(size=(100, 20)) as pilot:
        app.query_one(LossPanel).show(*changed_curves(), "#56B4E9")
        chart, line = app.query_one(LineChart), app.query_one("#loss-numbers", Static)
        assert [(mark.x, mark.sign) for mark in chart.marks] == [(10, "▲"), (20, "↶")]
        await pilot.pause()
        chart.cursor = 10
        await until(pilot, lambda: "learning_rate 0.01 → 0.1, by ada on pts/3, pid 42" in str(line.visual))
        chart.cursor = 20
        await until(pilot, lambda: "from step 25 back to 20, by the run itself" in str(line.visual))
        chart.cursor = 15
        await until(pilot, lambda: "loss 0.2" in str(line.visual))


async def test_a_forks_curve_lies_over_its_parents() -> None:
    app = PanelApp()
    async with app.run_test(size=(100, 20)) as pilot:
        curves, provenance = changed_curves()
        app.query_one(LossPanel).show(curves, provenance, "#56B4E9", Parent("heron", 5, some_curves(), "#E69F00"))
        chart = app.query_one(LineChart)
        assert {one.name: one.colour for one in chart.series} == {"train": "#56B4E9", "heron": "#E69F00"}
        assert (chart.marks[0].x, chart.marks[0].text) == (5, "fork of heron")
        await pilot.pause()
