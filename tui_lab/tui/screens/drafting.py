"""The keys that turn knobs, and the recipe that they make: the draft of the next run, or of the run that is going."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from tui_lab.catalog.noise_schedules import NOISE_SCHEDULES
from tui_lab.catalog.recipes import find_recipe, list_recipes
from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.errors import LabError
from tui_lab.recipe import KNOBS, Knob
from tui_lab.tui.draft import Draft
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.screens.going_back import GoingBackScreen
from tui_lab.tui.widgets.knob_list import KnobList


class DraftingScreen(GoingBackScreen):
    """Owns the draft. A live knob of a run that is going goes to the run; any other waits for the next one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "undo", "Undo", id="undo", tooltip="Turn the last knob back"),
        Binding("o", "open_recipe", "Recipes", id="open-recipe", tooltip="Open another recipe"),
        Binding(
            "w",
            "save_recipe",
            "Save recipe",
            id="save-recipe",
            show=False,
            tooltip="Save the knobs as a recipe of your own",
        ),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            return True if self.draft.can_undo else None
        return super().check_action(action, parameters)

    @abstractmethod
    def draft_changed(self) -> None:
        """Show the draft anew, wherever it is shown."""

    def choices_of(self, knob: Knob) -> list[tuple[str, str]]:
        """(name, words) of what a knob can be, the words from the catalog where it has some; empty: it is typed."""
        words = {name: info.help for name, info in SAMPLERS.items()}
        words |= {name: info.help for name, info in NOISE_SCHEDULES.items()}
        return [(str(choice), words.get(str(choice), "")) for choice in knob.choices]

    @on(KnobList.Nudged)
    def _knob_nudged(self, event: KnobList.Nudged) -> None:
        self.turn(event.knob, event.knob.nudge(self.draft.get(event.knob.key), event.direction))

    @on(KnobList.TypeAsked)
    def _knob_typed(self, event: KnobList.TypeAsked) -> None:
        self._type(event.knob)

    @work
    async def _type(self, knob: Knob) -> None:
        value = knob.format(self.draft.get(knob.key))
        if choices := self.choices_of(knob):
            chosen = await self.app.push_screen_wait(Choose(knob.title, choices, value))
            typed = None if chosen is None else knob.parse(chosen)
        else:
            unit = f" in {knob.unit}" if knob.unit else ""
            bounds = f" Takes {knob.bounds}." if knob.bounds else ""
            ask = AskText(f"{knob.title}{unit}", f"{knob.help}{bounds}", value, knob.parse)
            typed = await self.app.push_screen_wait(ask)
        if typed is not None:
            self.turn(knob, typed)

    def turn(self, knob: Knob, value: Any) -> None:
        """Set a knob of the draft, and of the run where it goes and the knob is live."""
        try:
            changed = self.draft.set(knob.key, value)
        except LabError as error:
            self.complain(error)
            return
        if changed:
            self._knob_turned(knob, value)

    def _knob_turned(self, knob: Knob, value: Any) -> None:
        self.draft_changed()
        if self.alive and self.steers and self.attached is not None:
            if knob.live:
                self.send_live(knob.key, value)
            else:
                self.say(f"{knob.title} is not live: t trains a new run with it, f forks {self.attached.id}")

    def turn_all(self, changes: Mapping[str, Any]) -> None:
        """Set several knobs as one edit, which one undo takes back."""
        try:
            changed = self.draft.set_all(changes)
        except LabError as error:
            self.complain(error)
            return
        if changed:
            self.draft_changed()
            if self.alive and self.steers and self.attached is not None:
                self.say(f"That is for a new run: t trains it, and {self.attached.id} goes on as it is")

    def action_undo(self) -> None:
        edit = self.draft.undo()
        if edit is None:
            return
        self._knob_turned(KNOBS[edit.key], edit.old[edit.key])
        self.query_one(KnobList).chosen = edit.key

    @work
    async def action_open_recipe(self) -> None:
        options = [(listed.name, listed.problem or listed.description) for listed in list_recipes()]
        name = await self.app.push_screen_wait(Choose("Recipes", options, self.draft.origin))
        if name is None:
            return
        try:
            self.open_recipe(find_recipe(name))
        except LabError as error:  # it went while the list was looked at
            self.complain(error)

    def open_recipe(self, path: Path) -> bool:
        """Put a recipe on the bench, if it is sound. A run that is attached and alive goes on by itself."""
        try:
            self.draft = Draft.load(path)
        except LabError as error:
            self.complain(error)
            return False
        self.draft_changed()
        return True

    @work
    async def action_save_recipe(self) -> None:
        ask = AskText(
            "Save as a recipe", "A name for the recipe as it stands.", f"my-{self.draft.origin}", self.draft.save
        )
        path = await self.app.push_screen_wait(ask)
        if path is not None:
            self.open_recipe(path)
            self.say(f"Saved as {path.stem}: o opens it again, diffusion-lab train {path.stem} trains it")
