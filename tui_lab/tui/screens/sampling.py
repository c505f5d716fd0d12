"""What needs torch but no run: the devices, the model's size, pictures from a checkpoint at rest; by the workbench."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from textual import work
from textual.binding import Binding, BindingType

from tui_lab.errors import LabError
from tui_lab.recipe import Knob
from tui_lab.recipe.denoising import DRAWING_KNOBS, Denoising
from tui_lab.runs.frame import Frame
from tui_lab.tui.attached import AttachedRun
from tui_lab.tui.denoising_choice import asked_of, named
from tui_lab.tui.desk import Desk
from tui_lab.tui.draft import Draft
from tui_lab.tui.screens.drafting import DraftingScreen
from tui_lab.tui.widgets.denoising_panel import Trajectory
from tui_lab.workbench.client import DenoisedStep, Device, ModelSummary, Workbench

_DRAWN_WITH = ("scheduler", "num_inference_steps", "eta", "num_images")
"""Knobs of the draft that its pictures at rest follow."""


class SamplingScreen(DraftingScreen):
    """Owns the workbench, at `desk`. `note` is a quiet word about what is done aside."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "m", "model", "Model", id="model", tooltip="The model: its blocks, what it costs, presets, where it starts"
        ),
        Binding(
            "b",
            "one_batch",
            "One batch",
            id="one-batch",
            show=False,
            tooltip="One batch through the five steps of training",
        ),
        Binding(
            "n",
            "theatre",
            "Denoise",
            id="denoise",
            tooltip="How noise becomes a picture, step by step, at any checkpoint",
        ),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._aside = ""
        self._workbench_word = ""
        self.desk = Desk(Workbench(self._workbench_says))
        self._devices: list[Device] = []
        self._summary: ModelSummary | None = None
        self._summary_of: object = None
        self._seeds_used = 0
        self._warmed = False

    @property
    def workbench(self) -> Workbench:
        return self.desk.workbench

    async def on_unmount(self) -> None:
        await self.desk.close()

    @property
    def settled(self) -> bool:
        """The workbench is warm and does nothing, or a run was opened, for which it stays cold."""
        return (self._warmed or self.attached is not None) and not self._aside

    @abstractmethod
    def note_changed(self) -> None:
        """`note` or what is known of the model says something new."""

    @abstractmethod
    def drawing_step(self, frame: Frame) -> None:
        """A step of a drawing that the workbench makes."""

    @abstractmethod
    def drawing_done(self, trajectory: Trajectory) -> None:
        """All its steps."""

    @property
    def note(self) -> str:
        """The workbench's own word comes first: while it wakes, what it is asked for waits."""
        return self._workbench_word or self._aside

    def _say_aside(self, words: str) -> None:
        self._aside = words
        if self.is_running:
            self.note_changed()

    def _workbench_says(self, words: str) -> None:
        self._workbench_word = words
        if self.is_running:
            self.note_changed()

    @work(exclusive=True, group="warm")
    async def warm_workbench(self) -> None:
        """Import torch aside while the person looks at the first screen."""
        self._say_aside("warming up")
        try:
            await self.workbench.warm()
            self._devices = await self.workbench.devices()
        except LabError as error:
            self.complain(error)
            return
        finally:
            self._warmed = True
            self._say_aside("")
        self.count_parameters()

    @work(exclusive=True, group="summary")
    async def count_parameters(self) -> None:
        """Learn the size of the draft's model, once the workbench is warm, and after every change of the model."""
        recipe = self.draft.recipe
        asked = (recipe.model, recipe.dataset.resolution, recipe.dataset.channels)
        if not self._devices or asked == self._summary_of or self.draft.problems:
            return
        try:
            self._summary = await self.workbench.summary(self.draft.to_toml())
        except LabError as error:
            self.complain(error)
            return
        self._summary_of = asked
        self.note_changed()

    @property
    def parameters(self) -> int | None:
        """How large the model is, as far as anything has counted yet."""
        if self.attached is not None and "parameters" in self.attached.started:
            return int(self.attached.started["parameters"])
        return self._summary.parameters if self._summary is not None else None

    def choices_of(self, knob: Knob) -> list[tuple[str, str]]:
        """The devices are those that were found."""
        if knob.key == "training.device" and self._devices:
            return [("auto", "CUDA, then MPS, then CPU"), *((device.name, device.title) for device in self._devices)]
        return super().choices_of(knob)

    def action_model(self) -> None:
        from tui_lab.tui.screens.model import ModelScreen

        self.app.push_screen(ModelScreen(self))

    @work(exclusive=True, group="theatre")
    async def action_theatre(self) -> None:
        """Of the run that is open, else of what the person opens."""
        from tui_lab.tui.screens.open_denoising import open_denoising
        from tui_lab.tui.screens.theatre import TheatreScreen

        self.desk.cells.device = self.draft.recipe.training.device
        asked = self._asked_of_run()
        run = self.attached if asked is not None else None
        if asked is None:
            asked = await open_denoising(self.app)
        if asked is not None:
            self.app.push_screen(TheatreScreen(self.desk, asked, run))

    def _asked_of_run(self) -> Denoising | None:
        """As the open run would draw by the knobs as they are; None where it has nothing to draw from."""
        if self.attached is None:
            return None
        source = named(self.attached.folder)
        try:
            asked = Denoising(source=source) if self.attached.alive else asked_of(source)
        except LabError:
            return None
        if not self.steers:
            return asked
        sampling = self.draft.recipe.sampling
        return asked.turned(**{name: getattr(sampling, name) for name in DRAWING_KNOBS})

    def action_one_batch(self) -> None:
        from tui_lab.tui.screens.one_batch import OneBatchScreen

        self.app.push_screen(OneBatchScreen(self))

    def next_seed(self) -> int:
        self._seeds_used += 1
        return int(self.draft.recipe.sampling.seed) + self._seeds_used

    @work(exclusive=True, group="sample")
    async def sample_at_rest(self, attached: AttachedRun, fresh: bool) -> None:
        """The workbench draws; its steps come into the Denoising panel as a live run's would."""
        seed = self.next_seed() if fresh else self.draft.recipe.sampling.seed
        sampling = self.draft.recipe.sampling
        knobs = {name: getattr(sampling, name) for name in _DRAWN_WITH}
        asked = Denoising(source=str(attached.folder.path), knobs={**knobs, "seed": seed})
        device = self.draft.recipe.training.device
        steps: list[Frame] = []
        last: DenoisedStep | None = None
        self._say_aside("drawing")
        try:
            async with contextlib.aclosing(self.workbench.denoise(asked, ("x_t", "x0"), device)) as made:
                async for last in made:
                    steps.append(_frame(last))
                    self.drawing_step(steps[-1])
                    self._say_aside(last.word or "drawing")
        except LabError as error:
            self.complain(error)
        finally:
            self._say_aside("")
        if last is not None:
            if last.at_once < sampling.num_images:
                self.say(f"The device's memory was full: drawn {last.at_once} pictures at a time")
            about = {**steps[-1].header, "timesteps": [step.header["timestep"] for step in steps]}
            self.drawing_done(Trajectory(np.stack([step.pixels for step in steps]), about))


def _frame(step: DenoisedStep) -> Frame:
    """As a live run would tell it."""
    knobs = step.denoising.knobs
    header = {
        "kind": "preview",
        "step": step.denoising.checkpoint,
        "index": step.index,
        "count": step.count,
        "timestep": step.timestep,
        "panes": list(step.panes),
        "seed": knobs["seed"],
        "scheduler": knobs["scheduler"],
        "weights": step.origin.weights,
        "final": step.final,
    }
    return Frame(header, step.pixels)
