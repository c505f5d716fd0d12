"""The five steps of training on one batch: what the model is given, what it says, and how wrong that is."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Protocol

import numpy as np
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Footer, Static

from tui_lab.errors import LabError
from tui_lab.sanitize import clean
from tui_lab.tui.attached import AttachedRun
from tui_lab.tui.draft import Draft
from tui_lab.tui.screens.weights import choose_weights
from tui_lab.tui.widgets.batch_stages import BatchStages
from tui_lab.workbench.client import OneBatch, Workbench

CHECKPOINT_SECONDS = 60.0
"""How long a live run may take to write the checkpoint that it was asked for."""
LOOK_SECONDS = 0.1


class BatchDesk(Protocol):
    """What the lab lends this screen."""

    @property
    def draft(self) -> Draft: ...
    @property
    def workbench(self) -> Workbench: ...
    @property
    def attached(self) -> AttachedRun | None: ...
    def send(self, kind: str, **data: Any) -> bool: ...


class OneBatchScreen(Screen[None]):
    """`source` is "" for a fresh model of the draft, or the run@step whose weights are looked at."""

    TITLE = "One batch"
    DEFAULT_CSS = """
    OneBatchScreen {
        background: $background;
        & #batch-title {
            height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
        }
        & #batch-words { height: 1fr; content-align: center middle; text-align: center; color: $secondary; }
        & BatchStages { height: 1fr; display: none; }
        &.-shown BatchStages { display: block; }
        &.-shown #batch-words { display: none; }
        & Footer { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "another(1)", "Another batch", tooltip="Draw another batch, with other noise"),
        Binding("N", "another(-1)", "Batch before", show=False, tooltip="The batch before"),
        Binding("c", "weights", "Weights", tooltip="Look at a fresh model, or at a checkpoint of a run"),
        Binding(
            "space", "live", "Run as it is", tooltip="Look at the run that is open: it writes a checkpoint for that"
        ),
        Binding("enter", "one", "Large", tooltip="One picture of the batch, large, or all of them again"),
        Binding("right", "next(1)", "Next", show=False, tooltip="The next picture of the batch"),
        Binding("left", "next(-1)", "Before", show=False, tooltip="The picture before"),
        Binding("escape,b,q", "dismiss(None)", "Back to the lab", key_display="esc"),
    ]

    source: reactive[str] = reactive("", init=False)
    seed: reactive[int] = reactive(0, init=False)

    def __init__(self, desk: BatchDesk) -> None:
        super().__init__()
        self._desk = desk

    def compose(self) -> ComposeResult:
        yield Static(id="batch-title")
        yield Static(id="batch-words")
        yield BatchStages()
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(BatchStages).focus()
        self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "live":
            return True if self._desk.attached is not None else None
        return True

    def watch_source(self) -> None:
        self.draw()

    def watch_seed(self) -> None:
        self.draw()

    @property
    def _stages(self) -> BatchStages:
        return self.query_one(BatchStages)

    def _head(self, said: str) -> None:
        """The title's line: whose weights, and what there is to say of the batch."""
        weights = clean(self.source or self._desk.draft.recipe.model.base_checkpoint, 60) or "a fresh model"
        self.query_one("#batch-title", Static).update(
            Content.assemble(
                ("One batch", "$primary bold"), (f"  {weights}", "$foreground"), (f"  {said}", "$secondary")
            )
        )

    @work(exclusive=True, group="batch")
    async def draw(self) -> None:
        """Ask the workbench for the batch of this seed through these weights."""
        draft = self._desk.draft
        if draft.problems:
            self._say(draft.problems[0].message)
            return
        self._head("…")
        if not self.has_class("-shown"):
            self._say("The workbench takes one step …")
        try:
            batch = await self._desk.workbench.one_batch(draft.to_toml(), self.source, self.seed)
        except LabError as error:
            self._say(error.message)
            return
        self.set_class(True, "-shown")
        self._stages.show(batch)
        self._head(batch_words(batch, self.seed))

    def _say(self, words: str) -> None:
        self._head("")
        self.set_class(False, "-shown")
        self.query_one("#batch-words", Static).update(Content(words))

    # Keys

    def action_another(self, by: int) -> None:
        self.seed = max(0, self.seed + by)

    def action_one(self) -> None:
        stages = self._stages
        stages.chosen = 0 if stages.chosen is None else None

    def action_next(self, by: int) -> None:
        stages = self._stages
        if stages.count:
            stages.chosen = 0 if stages.chosen is None else (stages.chosen + by) % stages.count

    @work(exclusive=True, group="weights")
    async def action_weights(self) -> None:
        chosen = await choose_weights(self.app, self.source, typed=False)
        if chosen is not None:
            self.source = chosen

    @work(exclusive=True, group="weights")
    async def action_live(self) -> None:
        """The newest weights of the open run: a run that is alive is asked to write them down first."""
        attached = self._desk.attached
        if attached is None:
            return
        step = (
            await self._written(attached) if attached.alive else max(attached.folder.checkpoint_steps(), default=None)
        )
        if step is None:
            self._head("")
            self.notify(f"{attached.id} has no checkpoint to look at", severity="warning", markup=False)
        elif self.source == f"{attached.id}@{step}":
            self.draw()
        else:
            self.source = f"{attached.id}@{step}"

    async def _written(self, attached: AttachedRun) -> int | None:
        """The step of a checkpoint no older than the run is now; None where none came."""
        now = attached.status.step
        if now not in attached.folder.checkpoint_steps():
            if not self._desk.send("checkpoint"):
                return None
            self._head(f"waiting for {attached.id} to write a checkpoint …")
        for _ in range(round(CHECKPOINT_SECONDS / LOOK_SECONDS)):
            written = [step for step in attached.folder.checkpoint_steps() if step >= now]
            if written:
                return written[-1]
            await asyncio.sleep(LOOK_SECONDS)
        return None


def batch_words(batch: OneBatch, seed: int) -> str:
    """ "ema weights  loss 0.97 on average  batch 0"; of fresh weights there is no more to say."""
    weights = "" if batch.weights == "fresh" else f"{batch.weights} weights  "
    return f"{weights}loss {np.mean(batch.losses):.3g} on average  batch {seed}"
