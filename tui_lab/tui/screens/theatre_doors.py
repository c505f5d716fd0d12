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

    DOORS: ClassVar[list[Binding]] = [
        Binding("m", "map", "Map", tooltip="All checkpoints by steps of the denoising, of one picture"),
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

    @abstractmethod
    def show_asked(self, asked: Denoising | None) -> None:
        """This one from now on; None changes nothing."""

    @abstractmethod
    def go(self, place: int) -> None:
        """To that step."""

    def complain(self, error: LabError) -> None:
        self.notify(error.message, severity="error", timeout=12, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "map":
            return True if self.asked.checkpoint is not None else None
        return True

    def action_map(self) -> None:
        from tui_lab.tui.screens.checkpoint_map import CheckpointMapScreen

        self.app.push_screen(CheckpointMapScreen(self.desk, self.asked, self.chosen or 0), self._from_map)

    def _from_map(self, chosen: Place | None) -> None:
        if chosen is not None:
            self.go(chosen.place)
            self.show_asked(self.asked.changed(checkpoint=chosen.checkpoint))

    @work(exclusive=True, group="open")
    async def action_open(self) -> None:
        from tui_lab.tui.screens.open_denoising import open_denoising

        self.show_asked(await open_denoising(self.app, self.asked.source))
