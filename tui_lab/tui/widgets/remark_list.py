"""What the linter has to say of a recipe, a remark each; choosing one asks for the knob that it is about."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_lab.diffusion.schedules import Remark

SIGNS = {"ok": ("✓", "$success"), "warn": ("!", "$warning"), "error": ("✗", "$error")}


class RemarkList(OptionList):
    """Posts `KnobAsked` for a remark that is clicked, or chosen with Enter."""

    DEFAULT_CSS = """
    RemarkList {
        height: auto; border: none; padding: 0; background: transparent; scrollbar-size-vertical: 1;
        &:focus { border: none; background: transparent; background-tint: transparent; }
        & > .option-list--option { padding: 0; }
        & > .option-list--option-highlighted { background: transparent; color: $foreground; text-style: none; }
        &:focus > .option-list--option-highlighted { background: $primary 30%; }
        & > .option-list--option-hover { background: $foreground 8%; }
    }
    """

    class KnobAsked(Message):
        """Show me the knob that this remark is about."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._remarks: tuple[Remark, ...] = ()

    def show(self, remarks: Sequence[Remark]) -> None:
        """These remarks from now on; the one that was chosen stays so while it is said."""
        if tuple(remarks) == self._remarks:
            return
        chosen = self.chosen
        self._remarks = tuple(remarks)
        self.clear_options()
        self.add_options(Option(_line(remark)) for remark in self._remarks)
        self.highlighted = self._remarks.index(chosen) if chosen in self._remarks else None

    @property
    def chosen(self) -> Remark | None:
        """The remark under the cursor; before any was chosen, the first with a knob to turn."""
        if self.highlighted is not None and self.highlighted < len(self._remarks):
            return self._remarks[self.highlighted]
        return next((remark for remark in self._remarks if remark.key and remark.level != "ok"), None)

    def ask(self) -> bool:
        """Ask for the knob of the chosen remark; False where there is none."""
        if self.chosen is None or not self.chosen.key:
            return False
        self.post_message(self.KnobAsked(self.chosen.key))
        return True

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.ask()


def _line(remark: Remark) -> Content:
    sign, colour = SIGNS[remark.level]
    return Content.assemble((f"{sign} ", colour), (remark.text, "$foreground 80%"))
