"""All runs: how each one is, what they take, and the curves of those that are marked over each other."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui_lab.data import Progress
from tui_lab.errors import LabError
from tui_lab.runs.comparison import compare
from tui_lab.runs.disk import disk_use
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.listing import Listing
from tui_lab.runs.query import Filter, families, in_order
from tui_lab.runs.status import Status
from tui_lab.tui.aside import aside
from tui_lab.tui.layouts import layout_for
from tui_lab.tui.memory import Memory
from tui_lab.tui.overlay import SMOOTHINGS, FollowedCurves, View, overlay
from tui_lab.tui.run_colours import RunColours
from tui_lab.tui.screens.run_deeds import RunDeedsScreen
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.run_table import DISK, Row, RunTable
from tui_lab.workbench.client import Workbench

REFRESH_SECONDS = 2.0
FIRST_BATCH = 40
"""Runs that are shown as soon as they are read; the others follow by the batch."""
BATCH = 200
SIZES_AT_ONCE = 100


class RunsScreen(RunDeedsScreen):
    """The list is read in a thread: the newest runs stand first, the rest follows, then what they take on the disk."""

    TITLE = "Runs"
    AUTO_FOCUS = "RunTable"
    DEFAULT_CSS = """
    RunsScreen {
        & #runs-title { height: 1; background: $panel; padding: 0 1; color: $primary; }
        & #runs-filter { height: 1; background: $panel; border: none; padding: 0 1; display: none; }
        & #runs-body { height: 1fr; layout: vertical; }
        & #runs-curves {
            height: 45%; border: round $border; border-title-color: $secondary; border-subtitle-color: $secondary;
            padding: 0 1; display: none;
        }
        & #runs-curves:focus-within { border: round $primary; border-title-color: $primary; }
        & #runs-empty { height: 1fr; content-align: center middle; color: $secondary; display: none; }
        & .-shown { display: block; }
        & #runs-curves.-shown { display: block; }
        &.-wide #runs-body { layout: horizontal; }
        &.-wide #runs-curves { width: 45%; height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", key_display="esc", tooltip="Stop what goes on, or to the lab"),
        Binding("q,r", "dismiss(None)", "Back to the lab", show=False),
        Binding("enter", "attach", "Open", priority=True, tooltip="Open this run in the lab"),
        Binding("space", "mark", "Mark", tooltip="Mark this run: its curve is drawn, and keys mean all marked runs"),
        Binding(
            "slash", "filter", "Filter", key_display="/", tooltip="Only some runs: heron status:failed recipe:u1-*"
        ),
        Binding("d", "diff", "Diff", tooltip="What tells the marked runs apart"),
        *RunDeedsScreen.DEEDS,
        Binding("i", "turn_round", "Turn round", show=False, tooltip="Sort the other way round"),
        Binding("c", "clear", "Unmark", show=False, tooltip="Unmark all runs"),
        Binding("t", "tree", "Tree", show=False, tooltip="Forks below their parents, or all in one order"),
        Binding("l", "log_y", "Log y", show=False, tooltip="Loss on a logarithmic axis"),
        Binding("h", "held_out", "Held-out", show=False, tooltip="Held-out loss, or training loss"),
        Binding("w", "by_time", "Time", show=False, tooltip="Over minutes of training, or over steps"),
        Binding("m", "smooth", "Smoothing", show=False, tooltip="Smoother curves, or rawer ones"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
    ]

    def __init__(self, workbench: Workbench, memory: Memory) -> None:
        super().__init__(workbench)
        self._colours = RunColours(memory)
        self._listing = Listing()
        self._statuses: dict[str, Status] = {}
        self._sizes: dict[str, tuple[float, int]] = {}
        self._marked: list[str] = []
        self._followed: dict[str, FollowedCurves] = {}
        self._sort, self._reverse, self._tree = "begun", False, True
        self._filter = Filter()
        self._view = View()
        self._busy = ""
        self._looking = self._again = False

    def compose(self) -> ComposeResult:
        yield Static(id="runs-title")
        yield Input(placeholder="heron  status:failed,lost  recipe:pixel-*  -wren", id="runs-filter", compact=True)
        with Container(id="runs-body"):
            yield RunTable()
            with Vertical(id="runs-curves"):
                yield LineChart(id="overlay", zooms=True, empty="No points yet.")
        yield Static("No runs yet. Press esc, then t to train.", id="runs-empty")
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._arrange()
        self.look_again()
        self.set_interval(REFRESH_SECONDS, self.look_again)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(layout_for(event.size.width, event.size.height) == "wide", "-wide")

    # Looking at the runs

    def look_again(self) -> None:
        """One look at a time; what is asked meanwhile comes right after it."""
        self._again = True
        if not self._looking:
            self._look()

    @work(group="look")
    async def _look(self) -> None:
        self._looking = True
        try:
            while self._again:
                self._again = False
                await aside(self._read_all, lambda done, total: None)
                self.call_later(self._draw)  # after all that was heard
        finally:
            self._looking = False

    def _read_all(self, progress: Progress) -> None:
        """In a thread. Statuses are told by the batch, then what the runs take, then their curves are read on."""
        batch: list[Status] = []
        seen: dict[str, Status] = {}
        for status in self._listing.read():
            progress(len(seen), 0)
            batch.append(status)
            seen[status.run] = status
            if len(batch) >= (BATCH if len(seen) > FIRST_BATCH else FIRST_BATCH):
                self.call_later(self._heard, batch)
                batch = []
        self.call_later(self._heard, batch, seen.keys())
        self._count_sizes(seen.values(), progress)
        for followed in list(self._followed.values()):
            progress(len(seen), 0)
            with contextlib.suppress(OSError, LabError):  # deleted while we looked
                followed.read()

    def _count_sizes(self, statuses: Iterable[Status], progress: Progress) -> None:
        """What each takes on the disk, where it may have changed since it was counted."""
        new = 0
        for status in statuses:
            if self._sizes.get(status.run, (None,))[0] == status.updated:
                continue
            progress(new, 0)
            self._sizes[status.run] = status.updated, disk_use([status.path]).total
            new += 1
            if new % SIZES_AT_ONCE == 0:
                self.call_later(self._arrange)
        if new:
            self.call_later(self._arrange)

    def _heard(self, batch: list[Status], seen: Collection[str] | None = None) -> None:
        """`seen`: all the runs that there are, once they are known."""
        self._statuses.update({status.run: status for status in batch})
        if seen is not None:
            self._statuses = {run: status for run, status in self._statuses.items() if run in seen}
            self._marked = [run for run in self._marked if run in seen]
        self._arrange()

    def _arrange(self) -> None:
        """The table and the words around it, as all that is known has them now."""
        meant = [status for status in self._statuses.values() if self._filter.matches(status)]
        if self._sort == DISK.name:
            found = sorted(meant, key=lambda s: self._sizes.get(s.run, (0, -1))[1], reverse=not self._reverse)
        else:
            found = in_order(meant, self._sort, self._reverse)
        ordered = families(found) if self._tree else [(0, status) for status in found]
        dark = self.app.current_theme.dark
        rows = [
            Row(
                status,
                depth,
                self._sizes[status.run][1] if status.run in self._sizes else None,
                self._colours.of(status.run, dark) if status.run in self._marked else "",
            )
            for depth, status in ordered
        ]
        self.query_one(RunTable).show(rows, self._sort, self._reverse)
        empty = self.query_one("#runs-empty", Static)
        none_fit = bool(self._statuses)
        empty.update(
            Content("No run is like that. Press /, or esc in the filter, to change it.")
            if none_fit
            else Content("No runs yet. Press esc, then t to train.")
        )
        empty.set_class(not rows, "-shown")
        self.query_one("#runs-body").display = bool(rows)
        self._say_title(len(rows))

    def _say_title(self, shown: int) -> None:
        count = f"{shown} of {len(self._statuses)}" if self._filter else f"{shown}"
        marked = f" · {len(self._marked)} marked" if self._marked else ""
        parts: list[str | tuple[str, str]] = [
            ("Runs", "bold"),
            f"  {count}{marked} · by {self._sort}",
            "  ←→ sort, i turns round",
        ]
        if self._filter:
            parts.append((f"  filter: {self._filter.text}", "$accent"))
        if self._busy:
            parts.append((f"  {self._busy}", "$accent"))
        self.query_one("#runs-title", Static).update(Content.assemble(*parts))

    def busy(self, words: str) -> None:
        self._busy = words
        if self.is_running:
            self._say_title(len(self.query_one(RunTable).rows))

    @property
    def chosen(self) -> str | None:
        return self.query_one(RunTable).chosen or None

    @property
    def meant(self) -> list[str]:
        return list(self._marked) or ([self.chosen] if self.chosen else [])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "attach" and isinstance(self.focused, Input):
            return False  # its enter is its own
        if action in ("log_y", "held_out", "by_time", "smooth", "clear"):
            return True if self._marked else None
        if action == "diff":
            return True if len(self._marked) > 1 else None
        return True

    # Order and filter

    @on(RunTable.SortAsked)
    def _sort_asked(self, event: RunTable.SortAsked) -> None:
        self._reverse = event.by == self._sort and not self._reverse
        self._sort = event.by
        self._arrange()

    @on(RunTable.OpenAsked)
    def _open_asked(self) -> None:
        self.action_attach()

    def action_turn_round(self) -> None:
        self._reverse = not self._reverse
        self._arrange()

    def action_tree(self) -> None:
        self._tree = not self._tree
        self._arrange()

    def action_filter(self) -> None:
        typed = self.query_one("#runs-filter", Input)
        typed.add_class("-shown")
        typed.focus()

    @on(Input.Changed, "#runs-filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        self._filter = Filter(event.value)
        self._arrange()

    @on(Input.Submitted, "#runs-filter")
    def _filter_taken(self) -> None:
        self.query_one(RunTable).focus()
        self.query_one("#runs-filter").set_class(bool(self._filter), "-shown")

    def action_leave(self) -> None:
        """Out of the filter first, then out of what goes on aside, then back to the lab."""
        typed = self.query_one("#runs-filter", Input)
        if typed.has_focus or self._filter:
            typed.value = ""
            self._filter_taken()
        elif self._busy:
            self.workers.cancel_group(self, "deed")
        else:
            self.dismiss(None)

    # Marks and curves

    def action_mark(self) -> None:
        table = self.query_one(RunTable)
        if run := self.chosen:
            self._set_marks([r for r in self._marked if r != run] if run in self._marked else [*self._marked, run])
            table.action_move(1)

    def action_clear(self) -> None:
        self._set_marks([])

    def _set_marks(self, runs: list[str]) -> None:
        self._marked = runs
        self._followed = {run: followed for run, followed in self._followed.items() if run in runs}
        for run in runs:
            with contextlib.suppress(LabError):  # deleted just now: the next look says so
                self._followed.setdefault(run, FollowedCurves(RunFolder.open(run)))
        self._arrange()
        self.refresh_bindings()
        self._draw()
        self.look_again()

    def _draw(self) -> None:
        panel = self.query_one("#runs-curves")
        panel.set_class(bool(self._marked), "-shown")
        dark = self.app.current_theme.dark
        runs = [
            (run, self._followed[run].curves, self._colours.of(run, dark))
            for run in self._marked
            if run in self._followed
        ]
        panel.border_title = self._view.words
        panel.border_subtitle = "l log y  h held-out  w time  m smoother"
        chart = self.query_one("#overlay", LineChart)
        chart.x_label = self._view.x_label
        chart.set_series(overlay(runs, self._view))

    def _look_so(self, view: View) -> None:
        self._view = view
        self._draw()

    def action_log_y(self) -> None:
        chart = self.query_one("#overlay", LineChart)
        chart.log_y = not chart.log_y

    def action_held_out(self) -> None:
        self._look_so(replace(self._view, held_out=not self._view.held_out))

    def action_by_time(self) -> None:
        self._look_so(replace(self._view, by_time=not self._view.by_time))

    def action_smooth(self) -> None:
        self._look_so(replace(self._view, smoothing=(self._view.smoothing + 1) % len(SMOOTHINGS)))

    @work(thread=True, exclusive=True, group="diff")
    def action_diff(self) -> None:
        try:
            found = compare([RunFolder.open(run) for run in self._marked])
        except (LabError, OSError) as error:
            failed = error if isinstance(error, LabError) else LabError(f"these cannot be compared: {error}")
            self.call_later(self.complain, failed)
            return
        dark = self.app.current_theme.dark
        colours = [self._colours.of(run, dark) for run in found.runs]

        def show() -> None:
            from tui_lab.tui.screens.compare import CompareScreen

            self.app.push_screen(CompareScreen(found, colours))

        self.call_later(show)

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))
