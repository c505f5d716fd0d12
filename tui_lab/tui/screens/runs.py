"""All runs: how each one is, and which to open."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from tui_lab.errors import LabError
from tui_lab.runs.folder import list_runs
from tui_lab.runs.status import Status, status_of
from tui_lab.sanitize import clean
from tui_lab.tui.widgets.header import SIGNS

REFRESH_SECONDS = 2.0


class RunsScreen(Screen[tuple[str, str] | None]):
    """Dismisses with ("attach", run) or ("recipe", run), or None."""

    TITLE = "Runs"
    DEFAULT_CSS = """
    RunsScreen {
        & #runs-title { height: 1; background: $panel; padding: 0 1; color: $primary; text-style: bold; }
        & DataTable { height: 1fr; background: $background; }
        & DataTable > .datatable--header { background: $surface; color: $secondary; }
        & DataTable:focus > .datatable--cursor { background: $primary 30%; color: $foreground; }
        & #runs-empty { height: 1fr; content-align: center middle; color: $secondary; display: none; }
        & .-shown { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "attach", "Open", tooltip="Open this run in the lab", priority=True),
        Binding("b", "recipe", "Take its recipe", tooltip="Begin anew from this run's recipe"),
        Binding("escape,r,q", "dismiss(None)", "Back to the lab", key_display="esc"),
    ]

    def compose(self) -> ComposeResult:
        yield Static("Runs, newest first", id="runs-title")
        yield DataTable(cursor_type="row", zebra_stripes=False)
        yield Static("No runs yet. Press esc, then t to train.", id="runs-empty")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for name in ("run", "status", "recipe", "step", "loss", "it/s", "device", "begun"):
            table.add_column(name, key=name)
        self._load()
        self.set_interval(REFRESH_SECONDS, self._load)

    @work(thread=True, exclusive=True, group="runs")
    def _load(self) -> None:
        found = []
        for folder in list_runs():
            try:
                found.append(status_of(folder))
            except (OSError, LabError):
                continue  # deleted while we looked
        self.app.call_from_thread(self._show, found)

    def _show(self, statuses: list[Status]) -> None:
        if not self.query(DataTable):
            return  # left while the runs were looked through
        table = self.query_one(DataTable)
        known = {str(key.value) for key in table.rows}
        for status in statuses:
            cells = _cells(status, self.app.theme_variables)
            if status.run in known:
                for column, cell in zip(table.columns, cells, strict=True):
                    table.update_cell(status.run, column, cell, update_width=True)
            else:
                table.add_row(*cells, key=status.run)
        for gone in known - {status.run for status in statuses}:
            table.remove_row(gone)
        self.query_one("#runs-empty").set_class(not statuses, "-shown")
        table.display = bool(statuses)

    @property
    def chosen(self) -> str | None:
        table = self.query_one(DataTable)
        if not table.row_count:
            return None
        return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)

    @on(DataTable.RowSelected)
    def _row_selected(self) -> None:
        self.action_attach()

    def action_attach(self) -> None:
        if self.chosen:
            self.dismiss(("attach", self.chosen))

    def action_recipe(self) -> None:
        if self.chosen:
            self.dismiss(("recipe", self.chosen))


def _cells(status: Status, colours: Mapping[str, str]) -> list[Text]:
    sign, colour = SIGNS[status.name]
    begun = datetime.datetime.fromtimestamp(status.created).strftime("%d %b %H:%M")
    of = f" / {status.max_train_steps}" if status.max_train_steps else ""
    return [
        Text(clean(status.run, 40), style="bold"),
        Text(f"{sign} {status.name}", style=colours[colour.removeprefix("$")]),
        Text(clean(status.recipe, 24)),
        Text(f"{status.step}{of}", justify="right"),
        Text("" if status.loss is None else f"{status.loss:.4f}", justify="right"),
        Text(f"{status.steps_per_second:.1f}" if status.steps_per_second and status.alive else "", justify="right"),
        Text(clean(status.device, 10)),
        Text(begun),
    ]
