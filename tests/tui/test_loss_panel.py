"""The Loss panel's line of numbers."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

from tests.tui.conftest import until
from tui_lab.runs.curves import Curves
from tui_lab.runs.journal import Record
from tui_lab.tui.widgets.loss_panel import LossPanel


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
        app.query_one(LossPanel).show(some_curves())
        line = app.query_one("#loss-numbers", Static)
        assert str(line.visual) == "loss 0.1600  lr 0.001\n|g| 0.50  data 3%"
        await pilot.resize_terminal(100, 20)
        await until(pilot, lambda: "data 3%  preview 2%" in str(line.visual))
