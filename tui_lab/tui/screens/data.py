"""The data in full: every picture, one of them large, and what is known of the whole set."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Static

from tui_lab.data import Images
from tui_lab.errors import LabError
from tui_lab.sanitize import clean
from tui_lab.tui.data_facts import DataFacts
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.widgets.data_statistics import DataStatistics
from tui_lab.tui.widgets.dataset_panel import thousands, title_of
from tui_lab.tui.widgets.duplicate_groups import DuplicateGroups
from tui_lab.tui.widgets.left_out import LeftOut
from tui_lab.tui.widgets.model_sees import Draw, ModelSees
from tui_lab.tui.widgets.one_picture import OnePicture
from tui_lab.tui.widgets.panel_tabs import PanelTabs
from tui_lab.tui.widgets.picture_grid import PictureGrid
from tui_lab.tui.widgets.split_view import SplitView

VIEWS = (
    (1, "Grid", "grid"),
    (2, "Picture", "picture"),
    (3, "Statistics", "statistics"),
    (4, "Duplicates", "duplicates"),
    (5, "Split", "split"),
    (6, "Left out", "left-out"),
    (7, "Batch", "model-sees"),
)
SPLITS = ("all", "train", "held out")
ALL_CLASSES = "all classes"


class DataScreen(Screen[None]):
    """Shows loaded `Images`. The class and split that are chosen narrow the grid and the walk through single pictures;
    the other views are of the whole set."""

    TITLE = "Data"
    DEFAULT_CSS = """
    DataScreen {
        background: $background;
        & #data-title, & #data-status { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #data-title { background: $panel; }
        & PanelTabs { display: block; }
        & ContentSwitcher { height: 1fr; padding: 1 1 0 1; }
        & #data-status { color: $secondary; }
        & Footer { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"view('{view}')", title, show=False, tooltip=f"Show: {title}")
            for number, title, view in VIEWS
        ),
        Binding("c", "choose_class", "Class", tooltip="Only the pictures of one class"),
        Binding("s", "next_split", "Split", tooltip="All pictures, those trained on, or those held out"),
        Binding("g", "jump", "Go to", tooltip="Go to a picture by its index"),
        Binding("escape", "back", "Back", key_display="esc", tooltip="Back to the grid, then to the lab"),
        Binding("q", "dismiss(None)", "Back to the lab", show=False),
    ]

    view: reactive[str] = reactive("grid", init=False)

    def __init__(self, images: Images, batch: Draw, augmentation: str, row: int | None = None) -> None:
        """`batch` draws what the model sees at a step, `augmentation` says what is done to it; `row` begins large."""
        super().__init__()
        self._images = images
        self._facts = DataFacts(images)
        self._batch_of, self._augmentation = batch, augmentation
        self._first_row = row
        self._class: int | None = None
        self._split = SPLITS[0]
        self._from_grid = False

    def compose(self) -> ComposeResult:
        yield Static(self._title(), id="data-title")
        yield PanelTabs(list(VIEWS))
        with ContentSwitcher(initial="grid"):
            yield PictureGrid(id="grid")
            yield OnePicture(id="picture")
            yield DataStatistics(self._images, id="statistics")
            yield DuplicateGroups(self._images, id="duplicates")
            yield SplitView(id="split")
            yield LeftOut(id="left-out")
            yield ModelSees(self._batch_of, self._augmentation, id="model-sees")
        yield Static(id="data-status")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(PanelTabs).active = self.view
        self.query_one(SplitView).show(self._images)
        self.query_one(LeftOut).show(self._images.rejected)
        self._choose_rows()
        self.query_one(PictureGrid).focus()
        if self._first_row is not None:
            self.query_one(PictureGrid).go(int(np.searchsorted(self._rows, self._first_row)))
            self.action_view("picture")

    def _title(self) -> Content:
        count = f"{thousands(len(self._images.pixels))} pictures"
        if self._images.streaming:
            count = f"the first {count} of a stream"
        return Content.assemble(
            ("Data", "$primary bold"),
            (f"  {title_of(self._images)}", "$foreground"),
            (f"  {count}  {clean(self._images.origin, 100)}", "$secondary"),
        )

    # Views

    def action_view(self, view: str) -> None:
        self._from_grid = False
        self.view = view

    def watch_view(self) -> None:
        switcher = self.query_one(ContentSwitcher)
        switcher.current = self.view
        self.query_one(PanelTabs).active = self.view
        widget = self.query_one(f"#{self.view}")
        widget.focus()
        if self.view == "picture":
            self._show_picture()
        elif isinstance(widget, DataStatistics | DuplicateGroups | ModelSees):
            widget.look()
        self._say_status()
        self.refresh_bindings()

    @on(PanelTabs.Asked)
    def _tab_asked(self, event: PanelTabs.Asked) -> None:
        self.action_view(event.panel)

    def action_back(self) -> None:
        if self._from_grid and self.view == "picture":
            self.action_view("grid")
        else:
            self.dismiss(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("choose_class", "next_split", "jump") and self.view not in ("grid", "picture"):
            return False
        if action == "choose_class" and not self._images.classes:
            return False
        return super().check_action(action, parameters)

    # The rows to go through

    @property
    def _rows(self) -> NDArray[np.int64]:
        return self.query_one(PictureGrid).rows

    def _choose_rows(self, row: int | None = None) -> None:
        """Narrow the pictures to the class and split chosen, keeping to the picture of `row` as far as it is there."""
        rows = {
            "all": lambda: np.arange(len(self._images.pixels)),
            "train": lambda: np.unique(self._images.train_rows),
            "held out": lambda: np.unique(self._images.held_out_rows),
        }[self._split]()
        if self._class is not None:
            rows = rows[self._images.labels[rows] == self._class]
        at = 0 if row is None else int(np.searchsorted(rows, row))
        self.query_one(PictureGrid).show_rows(self._images, rows, at)
        if self.view == "picture":
            self._show_picture()

    @property
    def _row(self) -> int | None:
        """The marked picture."""
        grid = self.query_one(PictureGrid)
        return int(grid.rows[grid.at]) if len(grid.rows) else None

    def action_next_split(self) -> None:
        self._split = SPLITS[(SPLITS.index(self._split) + 1) % len(SPLITS)]
        self._choose_rows(self._row)

    @work
    async def action_choose_class(self) -> None:
        images = self._images
        counts = np.bincount(images.labels[images.labels >= 0], minlength=len(images.classes))
        options = [(ALL_CLASSES, f"{thousands(len(images.pixels))} pictures")]
        names = [f"{number} {clean(name, 40)}" for number, name in enumerate(images.classes)]
        options += [(name, f"{thousands(int(n))} pictures") for name, n in zip(names, counts, strict=True)]
        chosen = ALL_CLASSES if self._class is None else names[self._class]
        answer = await self.app.push_screen_wait(Choose("Which class", options, chosen))
        if answer is not None:
            self._class = None if answer == ALL_CLASSES else names.index(answer)
            self._choose_rows(self._row)

    @work
    async def action_jump(self) -> None:
        total = len(self._images.pixels)
        ask = AskText("Go to a picture", f"Its index, from 0 to {total - 1}.", str(self._row or 0), self._index)
        row = await self.app.push_screen_wait(ask)
        if row is None:
            return
        if row not in self._rows:
            self._split, self._class = SPLITS[0], None
        self._choose_rows(row)

    def _index(self, text: str) -> int:
        """Raises LabError."""
        total = len(self._images.pixels)
        try:
            index = int(text)
        except ValueError as error:
            raise LabError(f"{clean(text, 20)!r} is no index: write a number from 0 to {total - 1}") from error
        if not 0 <= index < total:
            raise LabError(f"there is no picture {index}: the last one is {total - 1}")
        return index

    @on(PictureGrid.Opened)
    def _opened(self) -> None:
        self.action_view("picture")
        self._from_grid = True

    @on(DuplicateGroups.Opened)
    def _duplicate_opened(self, event: DuplicateGroups.Opened) -> None:
        self._split, self._class = SPLITS[0], None
        self._choose_rows(event.row)
        self.action_view("picture")

    @on(PictureGrid.Moved)
    def _moved(self) -> None:
        self._say_status()

    @on(OnePicture.Turned)
    def _turned(self, event: OnePicture.Turned) -> None:
        grid = self.query_one(PictureGrid)
        grid.go(grid.at + event.by)
        self._show_picture()

    def _show_picture(self) -> None:
        row = self._row
        if row is not None:
            self.query_one(OnePicture).show(self._images.take(np.array([row]))[0], self._facts.of(row))
        self._say_status()

    def _say_status(self) -> None:
        self.query_one("#data-status", Static).update(self._status(), layout=False)

    def _status(self) -> Content:
        if self.view == "left-out" and (rejected := len(self._images.rejected)):
            return Content(f"{thousands(rejected)} left out; the rest trains, and the files stay as they are")
        if self.view not in ("grid", "picture"):
            return Content("")
        grid, row = self.query_one(PictureGrid), self._row
        if row is None:
            return Content(f"no picture is {self._narrowed()}: s and c choose others")
        facts = self._facts.of(row)
        first, beyond = grid.in_view
        place = f"{thousands(first + 1)}–{thousands(beyond)} of {thousands(len(grid.rows))}"
        if self.view == "picture":
            place = f"{thousands(grid.at + 1)} of {thousands(len(grid.rows))}"
        words = [f"#{row}", clean(facts.name, 40), clean(facts.label, 30), facts.split]
        return Content.assemble(
            (" · ".join(filter(None, words)), "$foreground"), f"   {place}   showing: {self._narrowed()}"
        )

    def _narrowed(self) -> str:
        name = "" if self._class is None else f", {clean(self._images.classes[self._class], 30)}"
        return f"{self._split}{name}"
