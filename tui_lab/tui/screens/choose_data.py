"""Choosing data: recent choices, sets that the lab knows, and the ways to one's own; one list that typing narrows."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_lab.catalog.datasets import DATASETS, HUB_DATASETS, cached_hub_datasets
from tui_lab.errors import RecipeError
from tui_lab.sanitize import clean
from tui_lab.tui.data_choice import DataChoice
from tui_lab.tui.screens.ask import BOX
from tui_lab.tui.screens.hub_name import HubName
from tui_lab.tui.screens.pick_path import PickPath
from tui_lab.tui.widgets.knob_list import elided

FOLDER, HUB = "folder", "hub"
TYPED = "as typed"
_UNDECODABLE = re.compile("[\ud800-\udfff]")
TITLE_WIDTH, SHORT_TITLE_WIDTH, SHAPE_WIDTH = 36, 26, 10
ROOMY = 100
"""Columns of a terminal from which on a hub name has room for all of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: a `choice`, or the `way` (FOLDER, HUB) to make one. `missing` says how to get a set that is not here."""

    section: str
    title: str
    words: str
    choice: DataChoice | None = None
    way: str = ""
    missing: str = ""
    current: bool = False

    @property
    def shape(self) -> str:
        return self.choice.shape if self.choice is not None else ""

    def matches(self, typed: str) -> bool:
        text = f"{self.section} {self.title} {self.shape} {self.words}".lower().replace("×", "x")
        return all(word in text for word in typed.lower().replace("×", "x").split())


class ChooseData(ModalScreen[DataChoice | None]):
    """Dismisses with a choice, or None."""

    DEFAULT_CSS = f"""ChooseData {{ {BOX}
        & > .box {{ width: 110; }}
        & Input {{ background: $panel; margin-bottom: 1; }}
        & OptionList {{
            border: none; background: $surface; padding: 0; height: auto; max-height: 45vh;
            text-wrap: nowrap; text-overflow: ellipsis;
        }}
        & OptionList > .option-list--option-disabled {{ color: $secondary; }}
        & #data-words {{ height: 2; margin-top: 1; color: $foreground; }}
    }}"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", show=False),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
    ]

    def __init__(self, current: DataChoice, recent: Sequence[DataChoice]) -> None:
        super().__init__()
        self._current = current
        self._recent = list(recent)
        self._entries: list[Entry] = []
        self._shown: list[Entry] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Choose data"
            yield Input(placeholder="type to narrow, or a path, or owner/name of the hub", compact=True)
            yield OptionList()
            yield Static(id="data-words")
            yield Static(Content("enter: take it   ↑ ↓: choose   esc: leave it as it is"), classes="hint")

    async def on_mount(self) -> None:
        self.query_one(Input).focus()
        available = await asyncio.to_thread(lambda: {name: info.available for name, info in DATASETS.items()})
        cached = await asyncio.to_thread(cached_hub_datasets)
        self._entries = entries(self._current, self._recent, available, cached)
        self._fill(self.query_one(Input).value)

    @property
    def _title_width(self) -> int:
        return TITLE_WIDTH if self.app.size.width >= ROOMY else SHORT_TITLE_WIDTH

    def _fill(self, typed: str) -> None:
        self._shown = [*typed_entry(typed), *(entry for entry in self._entries if entry.matches(typed))]
        listed = self.query_one(OptionList)
        listed.clear_options()
        section, options, current = "", [], None
        for number, entry in enumerate(self._shown):
            if entry.section != section:
                section = entry.section
                options.append(Option(Content.styled(section, "$secondary"), disabled=True))
            if entry.current and current is None:
                current = len(options)
            options.append(Option(_row(entry, self._title_width), id=str(number)))
        listed.add_options(options)
        first = 1 if options else None
        listed.highlighted = current if current is not None and not typed else first
        if not options:
            self._say("nothing is called that: a path begins with / or ~, a hub name is owner/name")

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        if self._entries:
            self._fill(event.value)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        entry = self._entry(event.option_id)
        if entry is not None:
            needs = f"Not on this machine. To get it: {entry.missing}" if entry.missing else ""
            shortened = cell_len(entry.title) > self._title_width
            self._say(needs or (f"{entry.title}: {entry.words}" if shortened else entry.words))

    def _say(self, words: str, style: str = "$secondary") -> None:
        self.query_one("#data-words", Static).update(Content.styled(words, style))

    def action_move(self, by: int) -> None:
        listed = self.query_one(OptionList)
        (listed.action_cursor_down if by > 0 else listed.action_cursor_up)()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        listed = self.query_one(OptionList)
        if listed.highlighted is not None:
            self._take(self._entry(listed.get_option_at_index(listed.highlighted).id))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._take(self._entry(event.option_id))

    def _entry(self, option: str | None) -> Entry | None:
        """The row of an option; None for one that was narrowed away before its message came."""
        number = int(option) if option is not None else len(self._shown)
        return self._shown[number] if number < len(self._shown) else None

    @work(exclusive=True, group="way")
    async def _take(self, entry: Entry | None) -> None:
        if entry is None:
            return
        if entry.missing:
            self._say(f"! {entry.title} is not on this machine: {entry.missing}, then choose it again", "$warning")
        elif entry.way == FOLDER:
            path = await self.app.push_screen_wait(PickPath(Path.home()))
            if path is not None:
                self._take_path(path)
        elif entry.way == HUB:
            choice = await self.app.push_screen_wait(HubName(entry.title if entry.section == TYPED else ""))
            if choice is not None:
                self.dismiss(choice)
        elif entry.choice is not None and entry.choice.path:
            self._take_path(Path(entry.choice.path), entry.choice)
        elif entry.choice is not None:
            self.dismiss(entry.choice)

    def _take_path(self, path: Path, choice: DataChoice | None = None) -> None:
        name = os.fspath(path)
        if not path.exists():
            self._say(f"! there is nothing at {clean(name, 200)}", "$error")
        elif _UNDECODABLE.search(name):
            self._say(f"! {clean(name, 200)}: a recipe is UTF-8, and this name is not; rename it", "$error")
        else:
            self.dismiss(choice or DataChoice(path=name))


def entries(
    current: DataChoice, recent: Sequence[DataChoice], available: dict[str, bool], cached: Sequence[str] = ()
) -> list[Entry]:
    """All rows: what was chosen lately, the known sets, the ways to one's own, and sets of the hub; those that are
    `cached` on this machine first."""
    rows = []
    for choice in recent:
        info = DATASETS.get(choice.name) if not choice.path else None
        missing = info.needs if info is not None and not available[info.name] else ""
        words = info.help if info is not None else "pictures of your own" if choice.path else "from the hub"
        rows.append(Entry("recent", choice.title, words, choice, missing=missing, current=_same(choice, current)))
    for name, info in DATASETS.items():
        choice = DataChoice.known(name)
        missing = "" if available[name] else info.needs
        rows.append(Entry("sets", info.name, info.help, choice, missing=missing, current=_same(choice, current)))
    rows.append(Entry("your own", "a folder or file …", "images, an archive, arrays, IDX, parquet", way=FOLDER))
    rows.append(Entry("your own", "a hub name …", "owner/name of the Hugging Face hub", way=HUB))
    for name in sorted(dict.fromkeys((*cached, *HUB_DATASETS)), key=lambda name: name not in cached):
        words = HUB_DATASETS[name].help if name in HUB_DATASETS else "from the hub"
        choice = DataChoice.of_hub(name)
        where = "; fetched already" if name in cached else ""
        rows.append(Entry("of the hub", clean(name, 60), words + where, choice, current=_same(choice, current)))
    return rows


def typed_entry(typed: str) -> list[Entry]:
    """What was typed, where it is a path or a hub name itself."""
    typed = typed.strip()
    if typed.startswith(("/", "~", "./", "../")) or typed in (".", ".."):
        path = Path(typed).expanduser().absolute()
        words = "take it as a path" if path.exists() else "nothing is there yet"
        return [Entry(TYPED, clean(typed, 60), words, DataChoice(path=os.fspath(path)))]
    if "/" in typed:
        try:
            choice = DataChoice.parse_hub(typed)
        except RecipeError as error:
            return [Entry(TYPED, clean(typed, 60), error.message, way=HUB)]
        return [Entry(TYPED, choice.title, "read it from the hub", choice)]
    return []


def _same(choice: DataChoice, current: DataChoice) -> bool:
    return choice.source == current.source


def _row(entry: Entry, title_width: int) -> Content:
    sign, style = ("✓", "$success") if entry.current else ("!", "$warning") if entry.missing else (" ", "$secondary")
    words = f"needs {entry.missing}" if entry.missing else entry.words
    return Content.assemble(
        (f" {sign} ", style),
        (elided(entry.title, title_width).ljust(title_width), "bold"),
        (f" {entry.shape.ljust(SHAPE_WIDTH)} ", "$foreground"),
        (words, "$warning" if entry.missing else "$secondary"),
    )
