"""Pictures that the set holds more than once: groups of the very same, and of nearly the same, to look at."""

from __future__ import annotations

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_lab.data import Images
from tui_lab.data.duplicates import Duplicates, Group, duplicates_of
from tui_lab.errors import LabError
from tui_lab.tui.aside import aside
from tui_lab.tui.widgets.dataset_panel import progress_words, thousands
from tui_lab.tui.widgets.pixel_view import PixelView

LISTED = 2000
"""Groups that are listed; more are only counted."""
LOOKED_AT = 200
"""Pictures of a group that are shown."""


class DuplicateGroups(Vertical):
    """Searches when it is first looked at; that may take seconds, and stops when the screen is left."""

    DEFAULT_CSS = """
    DuplicateGroups {
        & #duplicate-words { height: auto; margin-bottom: 1; }
        & OptionList {
            width: 36; height: 1fr; border: none; background: $background; padding: 0; margin-right: 2;
            text-wrap: nowrap; text-overflow: ellipsis;
            &:focus { border: none; background-tint: $background; }
        }
        & OptionList:focus > .option-list--option-highlighted { background: $primary 30%; color: $foreground; }
        & PixelView { width: 1fr; height: 1fr; }
        & #hint { height: 1; color: $secondary; }
        &.-none Horizontal, &.-none #hint { display: none; }
    }
    """

    class Opened(Message):
        """The person wants to see this picture large."""

        def __init__(self, row: int) -> None:
            self.row = row
            super().__init__()

    def __init__(self, images: Images, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._images = images
        self._held_out = np.zeros(len(images.pixels), bool)
        self._held_out[images.held_out_rows] = True
        self._groups: list[tuple[str, Group]] = []
        self._asked = False

    def compose(self) -> ComposeResult:
        yield Static(id="duplicate-words")
        with Horizontal():
            yield OptionList()
            yield PixelView(shrink_to_fit=True)
        yield Static(Content("↑ ↓: another group   enter: its first picture large   a click: that picture"), id="hint")

    def look(self) -> None:
        """Search, unless that is done."""
        self.query_one(OptionList).focus()
        if not self._asked:
            self._asked = True
            self._search()

    @work(exclusive=True, group="duplicates")
    async def _search(self) -> None:
        self.add_class("-none")
        try:
            found = await aside(lambda progress: duplicates_of(self._images, progress), self._say_how_far)
        except LabError as error:
            self._say(Content(error.message))
            return
        self._fill(found)

    def _say_how_far(self, done: int, total: int) -> None:
        self._say(progress_words(done, total, self.size.width, "comparing"))

    def _say(self, words: Content) -> None:
        self.query_one("#duplicate-words", Static).update(words)

    def _fill(self, found: Duplicates) -> None:
        self._groups = [("same", group) for group in found.exact] + [("alike", group) for group in found.near]
        across = sum(self._is_across(group) for _, group in self._groups)
        self._say(summary_words(found, across, len(self._images.pixels)))
        self.set_class(not self._groups, "-none")
        listed = self.query_one(OptionList)
        listed.clear_options()
        listed.add_options(
            Option(self._line(kind, group), id=str(i)) for i, (kind, group) in enumerate(self._groups[:LISTED])
        )
        if len(self._groups) > LISTED:
            words = f"… {thousands(len(self._groups) - LISTED)} more groups"
            listed.add_option(Option(Content.styled(words, "$secondary"), disabled=True))
        if self._groups:
            listed.highlighted = 0
            listed.focus()

    def _is_across(self, group: Group) -> bool:
        """Whether it has pictures on both sides of the split."""
        held_out = self._held_out[list(group)]
        return bool(held_out.any() and not held_out.all())

    def _line(self, kind: str, group: Group) -> Content:
        across = ("  ! both sides", "$warning") if self._is_across(group) else ("", "")
        count = f"{thousands(len(group)):>5} "
        return Content.assemble((count, "bold"), (f"{kind:<6}", "$secondary"), f"#{group[0]}", across)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_id is None:
            return
        rows = np.array(self._groups[int(event.option_id)][1][:LOOKED_AT], np.int64)
        sides = [f"#{row}{' held out' if self._held_out[row] else ''}" for row in rows.tolist()]
        self.query_one(PixelView).show(self._images.take(rows), sides)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id is not None:
            self.post_message(self.Opened(self._groups[int(event.option_id)][1][0]))

    @on(PixelView.Selected)
    def _clicked(self, event: PixelView.Selected) -> None:
        event.stop()
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is not None:
            self.post_message(self.Opened(self._groups[highlighted][1][event.index]))


def summary_words(found: Duplicates, across: int, total: int) -> Content:
    """How many groups there are, what could go, and what stands on both sides of the split."""
    if not found.exact and not found.near:
        return Content(f"No duplicates: all {thousands(total)} pictures differ, by their pixels and by their looks.")
    parts = [
        f"{thousands(len(groups))} {'group' if len(groups) == 1 else 'groups'} of {words} pictures"
        for groups, words in ((found.exact, "the very same"), (found.near, "nearly the same"))
        if groups
    ]
    words = f"{' and '.join(parts)}; {thousands(found.spare)} of {thousands(total)} pictures could go."
    if not across:
        return Content(words)
    leak = (
        f"\n! {thousands(across)} of them stand on both sides of the split: the held-out loss looks better than it is."
    )
    return Content.assemble(words, (leak, "$warning"))
