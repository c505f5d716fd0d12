"""What the theatre opens: other sources, the map, compare and sheets, the control form, the gallery, exports."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding
from textual.screen import Screen

from tui_lab.errors import LabError
from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.desk import Desk
from tui_lab.workbench.cell import Cell

if TYPE_CHECKING:
    from tui_lab.tui.screens.checkpoint_map import Place


class TheatreDoors(Screen[None]):
    """Holds what is `asked` for; what comes back through a door is shown by `show_asked`."""

    FIRST_DOORS: ClassVar[list[Binding]] = [
        Binding(
            "k", "control", "Control", tooltip="Sampler, steps, class or prompt, guidance, an image, a mask, a loss"
        ),
        Binding("m", "map", "Map", tooltip="All checkpoints by steps of the denoising, of one picture"),
        Binding("e", "export", "Export", tooltip="PNG, GIF, WebP, a strip for a paper, or into the shell's scrollback"),
    ]
    """A small terminal, too, has room for these in its footer."""
    DOORS: ClassVar[list[Binding]] = [
        Binding("h", "sheet", "How low", tooltip="How low can you go: samplers by step counts, or any two knobs"),
        Binding("C", "compare", "Compare", tooltip="What is pinned, side by side in lock step"),
        Binding("c", "pin", "Pin", tooltip="Pin this denoising to compare it, or let it go"),
        Binding("s", "keep", "Keep", tooltip="Keep the chosen sample in the gallery, with all that makes it again"),
        Binding("l", "lock_seed", "Lock seed", show=False, tooltip="Hold the seed: [ ] and x rest until l again"),
        Binding("g", "gallery", "Gallery", tooltip="What was kept: open it again, export it, draw it again"),
        Binding("o", "open", "Open", tooltip="Another run, or the folder of a pipeline"),
    ]

    def __init__(self, desk: Desk, asked: Denoising) -> None:
        super().__init__()
        self.desk = desk
        self.asked = asked

    @property
    @abstractmethod
    def cell(self) -> Cell:
        """What is looked at."""

    @property
    @abstractmethod
    def chosen(self) -> int | None:
        """The picture of the batch that is marked."""

    @property
    @abstractmethod
    def place(self) -> int:
        """Of the step on the screen, among those that are kept."""

    @property
    @abstractmethod
    def panes(self) -> tuple[str, ...]:
        """The names of those on the screen."""

    @property
    @abstractmethod
    def alone(self) -> bool:
        """Whether the chosen picture has the screen for itself."""

    @abstractmethod
    def show_asked(self, asked: Denoising | None) -> None:
        """This one from now on; None changes nothing."""

    @abstractmethod
    def go(self, place: int) -> None:
        """To that step."""

    @abstractmethod
    def draw_no_neighbours(self) -> None:
        """Until this screen is back: what is opened over it has drawings of its own, which wait behind others."""

    def complain(self, error: LabError) -> None:
        self.notify(error.message, severity="error", timeout=12, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "map":
            return True if self.asked.checkpoint is not None else None
        if action == "export":
            return True if self.place >= 0 else None
        if action == "keep":
            return True if self.cell.done else None
        if action in ("seed", "random_seed"):
            return None if self.desk.seed_is_locked else True
        return True

    def action_map(self) -> None:
        from tui_lab.tui.screens.checkpoint_map import CheckpointMapScreen

        self.app.push_screen(CheckpointMapScreen(self.desk, self.asked, self.chosen or 0), self._from_map)

    def _from_map(self, chosen: Place | None) -> None:
        if chosen is not None:
            self.go(chosen.place)
            self.show_asked(self.asked.changed(checkpoint=chosen.checkpoint))

    def _numbered(self) -> Denoising:
        """What is asked for, by the checkpoint that it was drawn from where the live run's newest one is meant."""
        resolved = self.cell.resolved
        return resolved if self.asked.checkpoint is None and resolved is not None else self.asked

    def action_control(self) -> None:
        from tui_lab.tui.screens.control import ControlScreen

        self.app.push_screen(ControlScreen(self.desk, self.asked.changed(place=self.chosen)), self.show_asked)

    def action_pin(self) -> None:
        try:
            pinned = self.desk.pins.toggle(self._numbered())
        except LabError as error:
            self.complain(error)
            return
        count = len(self.desk.pins)
        words = f"Pinned, {count} in all: C compares them" if pinned else f"Let go, {count} pinned"
        self.notify(words, markup=False)

    def action_compare(self) -> None:
        from tui_lab.tui.screens.comparing import open_comparison

        self.draw_no_neighbours()
        open_comparison(self.app, self.desk, self._numbered())

    def action_sheet(self) -> None:
        from tui_lab.tui.screens.sheet import open_sheet

        self.draw_no_neighbours()
        open_sheet(self.app, self.desk, self._numbered())

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        from tui_lab.tui.exporting import Meant
        from tui_lab.tui.screens.export_pictures import export_pictures

        await export_pictures(self.app, Meant(self.cell, self.place, self.panes, self.chosen if self.alone else None))

    def action_keep(self) -> None:
        """The finished picture of the chosen place, whatever step is on the screen."""
        from tui_lab.tui.keeping import keep_sample

        place = self.chosen or 0
        try:
            kept = keep_sample(self.cell, place)
        except LabError as error:
            self.complain(error)
        else:
            self.notify(f"Picture {place + 1} is in the gallery (g): {kept.path}", markup=False)

    def action_lock_seed(self) -> None:
        self.desk.seed_is_locked = not self.desk.seed_is_locked
        self.refresh_bindings()
        self.notify(
            "The seed is locked: l lets it go" if self.desk.seed_is_locked else "The seed is free", markup=False
        )

    def action_gallery(self) -> None:
        from tui_lab.tui.screens.gallery import GalleryScreen

        self.app.push_screen(GalleryScreen(self.desk), self.show_asked)

    @work(exclusive=True, group="open")
    async def action_open(self) -> None:
        from tui_lab.tui.screens.open_denoising import open_denoising

        self.show_asked(await open_denoising(self.app, self.asked.source))
