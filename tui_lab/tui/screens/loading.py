"""The draft's pictures: from the cache, or read into it with progress and a way to stop; and other data by choice."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from tui_lab.data import Images, load_cached, load_images
from tui_lab.errors import DataError, LabError
from tui_lab.recipe import Dataset, Recipe, dump_recipe, edited
from tui_lab.tui.data_choice import DataChoice, with_recent
from tui_lab.tui.draft import Draft
from tui_lab.tui.memory import Memory
from tui_lab.tui.screens.sampling import SamplingScreen

SETTLED_SECONDS = 0.6
"""A knob that shapes the pictures rests this long before the whole set is read anew."""


class _Stopped(Exception):  # noqa: N818 (asked for, and no error)
    """Raised inside the decoder, between two pictures."""


class LoadingScreen(SamplingScreen):
    """Owns `images`, those of the draft's `[dataset]`; None until they are read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "choose_data", "Data", id="data", tooltip="Choose the data: a set, a folder or file, a hub name"),
        Binding(
            "escape",
            "stop_reading",
            "Stop reading",
            id="stop-reading",
            key_display="esc",
            tooltip="Stop reading the data into the cache",
        ),
    ]

    def __init__(self, draft: Draft, memory: Memory) -> None:
        super().__init__(draft)
        self._memory = memory
        self.dataset: Dataset | None = None
        self.images: Images | None = None
        self._reading = False

    # What the screen with the panels does with it

    @abstractmethod
    def data_awaited(self, words: str) -> None:
        """There are no pictures yet: what is being done, or why there are none."""

    @abstractmethod
    def data_read(self, done: int, total: int) -> None:
        """How far reading is."""

    @abstractmethod
    def data_there(self, images: Images) -> None:
        """The pictures of the draft's dataset."""

    # Loading

    def load_data(self) -> None:
        """Bring the pictures of the draft's dataset on the screen, if they are not there."""
        dataset = self.draft.recipe.dataset
        if dataset != self.dataset:
            settled = self.dataset is None or DataChoice.of(dataset).source != DataChoice.of(self.dataset).source
            self.dataset, self.images = dataset, None
            self._load(self.draft.recipe, settled)

    @work(exclusive=True, group="images")
    async def _load(self, recipe: Recipe, settled: bool) -> None:
        name = DataChoice.of(recipe.dataset).title
        try:
            images = await asyncio.to_thread(load_cached, recipe.dataset)
            if images is None:
                self.data_awaited(f"Reading {name} …")
                await asyncio.sleep(0 if settled else SETTLED_SECONDS)
                images = await self._read(recipe)
        except LabError as error:
            self.data_awaited(f"{error.message}\nd chooses other data")
            return
        self.images = images
        self._remember(recipe.dataset)
        self.data_there(images)

    async def _read(self, recipe: Recipe) -> Images:
        """Read the recipe's dataset into the cache, aside; cancelling this stops the decoder. Raises LabError."""
        self._reading = True
        self.refresh_bindings()
        try:
            if needs_workbench(recipe.dataset):
                return await self._read_by_workbench(recipe)
            return await self._read_in_thread(recipe.dataset)
        finally:
            self._reading = False
            self.refresh_bindings()

    async def _read_by_workbench(self, recipe: Recipe) -> Images:
        async with contextlib.aclosing(self._workbench.fetch(dump_recipe(recipe))) as steps:
            async for done, total in steps:
                self.data_read(done, total)
        images = await asyncio.to_thread(load_cached, recipe.dataset)
        if images is None:
            raise DataError(f"{DataChoice.of(recipe.dataset).title} was read, and is not in the cache: read it again")
        return images

    async def _read_in_thread(self, dataset: Dataset) -> Images:
        stopped = threading.Event()
        tell = _newest(asyncio.get_running_loop(), self.data_read)

        def progress(done: int, total: int) -> None:
            if stopped.is_set():
                raise _Stopped
            tell(done, total)

        try:
            return await asyncio.to_thread(load_images, dataset, progress)
        finally:
            stopped.set()

    def action_stop_reading(self) -> None:
        self.workers.cancel_group(self, "choice")
        self.workers.cancel_group(self, "images")
        if self.images is None:
            self.data_awaited("Stopped reading.\nd chooses other data; training reads this by itself")

    # Choosing

    @work
    async def action_choose_data(self) -> None:
        from tui_lab.tui.screens.choose_data import ChooseData

        choice = await self.app.push_screen_wait(ChooseData(DataChoice.of(self.draft.recipe.dataset), self._recent()))
        if choice is not None:
            self._choose(choice)

    @work(exclusive=True, group="choice")
    async def _choose(self, choice: DataChoice) -> None:
        """The draft takes it once it was seen to hold pictures; until then, and where it holds none, all stays."""
        changes = choice.changes(self.draft.recipe)
        present = DataChoice.of(self.draft.recipe.dataset).title
        try:
            recipe = edited(self.draft.recipe, changes)
            if await asyncio.to_thread(load_cached, recipe.dataset) is None:
                self.say(f"Looking into {choice.title} …")
                await self._read(recipe)
        except LabError as error:
            self.complain(LabError(f"{error.message}; {present} stays"))
            return
        self.turn_all(changes)

    def _recent(self) -> list[DataChoice]:
        return [choice for values in self._memory.recent_data if (choice := DataChoice.stored(values)) is not None]

    def _remember(self, dataset: Dataset) -> None:
        recent = with_recent(self._recent(), DataChoice.of(dataset))
        self._memory.recent_data = [choice.remembered() for choice in recent]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stop_reading":
            return self._reading
        return super().check_action(action, parameters)


def _newest(loop: asyncio.AbstractEventLoop, show: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """`show` on the loop, from a thread: never more than one call waits there, and it takes the newest figures."""
    figures: list[tuple[int, int]] = []

    def on_loop() -> None:
        newest = figures[-1]
        figures.clear()
        show(*newest)

    def tell(done: int, total: int) -> None:
        figures.append((done, total))
        if len(figures) == 1:
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(on_loop)

    return tell


def needs_workbench(dataset: Dataset) -> bool:
    return "/" in dataset.name and not dataset.path
