"""The draft's pictures: from the cache, or read into it with progress and a way to stop; and other data by choice."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.binding import Binding, BindingType

from tui_lab.data import Images, load_cached, load_images
from tui_lab.data.load import needs_workbench
from tui_lab.errors import DataError, LabError
from tui_lab.recipe import Dataset, Recipe, dump_recipe, edited
from tui_lab.tui.aside import aside
from tui_lab.tui.data_choice import DataChoice, with_recent
from tui_lab.tui.draft import Draft
from tui_lab.tui.memory import Memory
from tui_lab.tui.screens.sampling import SamplingScreen
from tui_lab.tui.widgets.dataset_panel import DatasetPanel

SETTLED_SECONDS = 0.6
"""A knob that shapes the pictures rests this long before the whole set is read anew."""


class LoadingScreen(SamplingScreen):
    """Owns `images`, those of the draft's `[dataset]`; None until they are read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "choose_data", "Data", id="data", tooltip="Choose the data: a set, a folder or file, a hub name"),
        Binding(
            "e", "explore", "Explore", id="explore", show=False, tooltip="The data in full: pictures, statistics, …"
        ),
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
            images = await self._cached(recipe.dataset)
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

    async def _cached(self, dataset: Dataset) -> Images | None:
        return await aside(lambda progress: load_cached(dataset, progress), self.data_read)

    async def _read(self, recipe: Recipe) -> Images:
        """Read the recipe's dataset into the cache, aside; cancelling this stops the decoder. Raises LabError."""
        self._reading = True
        self.refresh_bindings()
        try:
            if needs_workbench(recipe.dataset):
                return await self._read_by_workbench(recipe)
            return await aside(lambda progress: load_images(recipe.dataset, progress), self.data_read)
        finally:
            self._reading = False
            self.refresh_bindings()

    async def _read_by_workbench(self, recipe: Recipe) -> Images:
        async with contextlib.aclosing(self._workbench.fetch(dump_recipe(recipe))) as steps:
            async for done, total in steps:
                self.data_read(done, total)
        images = await self._cached(recipe.dataset)
        if images is None:
            raise DataError(f"{DataChoice.of(recipe.dataset).title} was read, and is not in the cache: read it again")
        return images

    def action_stop_reading(self) -> None:
        self.workers.cancel_group(self, "choice")
        self.workers.cancel_group(self, "images")
        if self.images is None:
            self.data_awaited("Stopped reading.\nd chooses other data; training reads this by itself")

    # Looking

    def action_explore(self, row: int | None = None) -> None:
        from tui_lab.tui.screens.data import DataScreen

        if self.images is None:
            self.say("There are no pictures yet: d chooses data")
            return
        self.app.push_screen(DataScreen(self.images, self._batch, augmentation_words(self.draft.recipe.dataset), row))

    @on(DatasetPanel.Explored)
    def _explored(self, event: DatasetPanel.Explored) -> None:
        self.action_explore(event.row)

    async def _batch(self, step: int) -> NDArray[np.uint8]:
        """What the model sees at a step. Raises LabError."""
        return await self._workbench.batch(self.draft.to_toml(), step)

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
            if await self._cached(recipe.dataset) is None:
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


def augmentation_words(dataset: Dataset) -> str:
    """What training draws anew for each picture, in words."""
    drawn = []
    if dataset.fit == "random_crop":
        drawn.append("cropped at a place drawn anew")
    if dataset.random_flip:
        drawn.append("half of them mirrored")
    if dataset.random_rotation:
        drawn.append(f"turned by up to {dataset.random_rotation:g}° either way")
    return ", ".join(drawn) or "as they are: the recipe asks for no flip, rotation or random crop"
