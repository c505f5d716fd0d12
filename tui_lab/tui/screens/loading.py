"""The draft's pictures: from the cache, or read into it with progress and a way to stop; and other data by choice."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.binding import Binding, BindingType

from tui_lab.catalog.datasets import DATASETS
from tui_lab.data import Images, Rejected, load_cached, load_images
from tui_lab.data.load import needs_workbench
from tui_lab.errors import DataError, LabError
from tui_lab.recipe import Dataset, Recipe, dump_recipe, edited
from tui_lab.tui.aside import aside
from tui_lab.tui.data_choice import DataChoice, native_size, with_recent
from tui_lab.tui.draft import Draft
from tui_lab.tui.memory import Memory
from tui_lab.tui.screens.sampling import SamplingScreen
from tui_lab.tui.widgets.dataset_panel import DatasetPanel

if TYPE_CHECKING:
    from tui_lab.data.preview import Picture

SETTLED_SECONDS = 0.6
"""A knob that shapes the pictures rests this long before the whole set is read anew."""
PREVIEWED = ((0, 6), (6, 18))
"""(first, count) of the pictures that are shown before the whole set is read."""


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
        self._readings = 0
        self._shown: tuple[object, ...] = ()
        """The source of the pictures on the screen, () where there are none."""

    # What the screen with the panels does with it

    @abstractmethod
    def data_awaited(self, words: str) -> None:
        """There are no pictures yet: what is being done, or why there are none."""

    @abstractmethod
    def data_previewed(self, name: str, pictures: NDArray[np.uint8]) -> None:
        """The first pictures (N, H, W, C) as they will be, before the whole set is read."""

    @abstractmethod
    def data_read(self, done: int, total: int) -> None:
        """How far reading is."""

    @abstractmethod
    def reading_over(self) -> None:
        """Nothing is read any more, for whatever reason."""

    @abstractmethod
    def data_stopped(self, words: str) -> None:
        """The person stopped the reading; what was shown of the pictures may stay."""

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
            with self._stoppable():
                images = await self._cached(recipe.dataset)
                if images is None:
                    if settled:
                        self._await(f"Reading {name} …")
                    await self._preview(recipe.dataset)
                    await asyncio.sleep(0 if settled else SETTLED_SECONDS)
                    images = await self._read(recipe)
        except LabError as error:
            self._await(f"{error.message}\nd chooses other data")
            return
        self.images, self._shown = images, DataChoice.of(recipe.dataset).source
        self._remember(recipe.dataset)
        self.data_there(images)

    def _await(self, words: str) -> None:
        self._shown = ()
        self.data_awaited(words)

    async def _preview(self, dataset: Dataset) -> None:
        """Show the first pictures at the recipe's shaping: a few at once, then as many as a page may hold."""
        if needs_workbench(dataset):
            return
        found: list[NDArray[np.uint8]] = []
        for first, count in PREVIEWED:
            pictures = await self._first_of(dataset, first, count)
            found += [picture.pixels for picture in pictures if not isinstance(picture, Rejected)]
            if found:
                self._shown = DataChoice.of(dataset).source
                self.data_previewed(DataChoice.of(dataset).title, np.stack(found))

    async def _first_of(self, dataset: Dataset, first: int, count: int) -> list[Picture | Rejected]:
        from tui_lab.data.preview import preview_pictures  # and Pillow, which a set in the cache does without

        return await aside(lambda progress: preview_pictures(dataset, first, count, progress), self.data_read)

    async def _cached(self, dataset: Dataset) -> Images | None:
        return await aside(lambda progress: load_cached(dataset, progress), self.data_read)

    async def _read(self, recipe: Recipe) -> Images:
        """Read the recipe's dataset into the cache, aside; cancelling this stops the decoder. Raises LabError."""
        if needs_workbench(recipe.dataset):
            return await self._read_by_workbench(recipe)
        return await aside(lambda progress: load_images(recipe.dataset, progress), self.data_read)

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Meanwhile, a key stops the reading; the panel's progress goes when it is over."""
        self._readings += 1
        self.refresh_bindings()
        try:
            yield
        finally:
            self._readings -= 1
            if not self._readings:
                self.reading_over()
                self.refresh_bindings()

    async def _read_by_workbench(self, recipe: Recipe) -> Images:
        async with contextlib.aclosing(self.workbench.fetch(dump_recipe(recipe))) as steps:
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
            words = "Stopped reading. Training reads it by itself; d chooses other data"
            same = self._shown == DataChoice.of(self.draft.recipe.dataset).source
            self.data_stopped(words) if same else self._await(words)

    # Looking

    def action_explore(self, row: int | None = None) -> None:
        from tui_lab.tui.screens.data import DataScreen

        if self.images is None:
            self.say("The pictures are still being read" if self._readings else "There are no pictures: d chooses data")
            return
        self.app.push_screen(DataScreen(self.images, self._batch, augmentation_words(self.draft.recipe.dataset), row))

    @on(DatasetPanel.Explored)
    def _explored(self, event: DatasetPanel.Explored) -> None:
        self.action_explore(event.row)

    async def _batch(self, step: int) -> NDArray[np.uint8]:
        """What the model sees at a step. Raises LabError."""
        return await self.workbench.batch(self.draft.to_toml(), step)

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
        present = DataChoice.of(self.draft.recipe.dataset).title
        self._say_aside(f"looking into {choice.title}")
        try:
            with self._stoppable():
                choice = await self._in_native_shape(choice)
                changes = choice.changes(self.draft.recipe)
                await self._look_into(edited(self.draft.recipe, changes))
        except LabError as error:
            self.complain(LabError(f"{error.message}; {present} stays"))
            return
        finally:
            self._say_aside("")
        self.turn_all(changes)

    async def _in_native_shape(self, choice: DataChoice) -> DataChoice:
        """The choice at the size that its pictures have, where they all have one and it is small."""
        if choice.resolution:
            return choice
        from tui_lab.data.native import native_shape, native_shape_of

        recipe = edited(self.draft.recipe, choice.changes(self.draft.recipe))
        dataset = recipe.dataset
        if needs_workbench(dataset):  # it can only be read as a whole, into the cache
            shape = native_shape_of(await self._cached(dataset) or await self._read(recipe))
        else:
            shape = await aside(lambda progress: native_shape(dataset, progress), self.data_read)
        size = None if shape is None else native_size([shape[:2]])
        if shape is None or size is None:
            return choice
        return replace(choice, resolution=size[0], width=size[1], channels=shape[2])

    async def _look_into(self, recipe: Recipe) -> None:
        """Raises LabError where the recipe's dataset holds no picture that can be used."""
        dataset = recipe.dataset
        if await self._cached(dataset) is not None:
            return
        if not needs_workbench(dataset):
            first = await self._first_of(dataset, *PREVIEWED[0])
            if any(not isinstance(picture, Rejected) for picture in first):
                return
        await self._read(recipe)

    def _recent(self) -> list[DataChoice]:
        return [choice for values in self._memory.recent_data if (choice := DataChoice.stored(values)) is not None]

    def _remember(self, dataset: Dataset) -> None:
        choice = DataChoice.of(dataset)
        if not choice.path and choice.name in DATASETS and choice.shape == DataChoice.known(choice.name).shape:
            return  # it is listed in any case
        recent = with_recent(self._recent(), choice)
        self._memory.recent_data = [choice.remembered() for choice in recent]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stop_reading":
            return self._readings > 0
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
