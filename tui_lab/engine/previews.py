"""Pictures of what a run has learnt so far, drawn between its training steps."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tui_lab.diffusion.noise_schedulers import training_scheduler
from tui_lab.diffusion.sampling import BOTH, DenoisingStep
from tui_lab.engine.drawing import Drawing, begin_drawing
from tui_lab.engine.ema import copy_weights, frozen_copy
from tui_lab.engine.memory import is_out_of_memory
from tui_lab.engine.preview_budget import PreviewBudget
from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, recipe_hash
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.files import replace_file
from tui_lab.runs.previews import REQUEST_SHARE, thin_out
from tui_lab.runs.rank import RankSession

Reason = Literal["cadence", "request", "final"]
Answer = Callable[[nn.Module, Tensor, Tensor, Tensor | None], Tensor]
"""(model, x_t, t, labels) → the model's answer."""

SHARES: dict[Reason, float] = {"cadence": 0.12, "request": REQUEST_SHARE, "final": 0.5}
"""The largest share of the time that a preview may take from training while it is drawn."""

ALL = ("x_t", "x0", "eps", "change")
"""The panes of what a person asks for; beside them the pull, where something pulls."""

TRAJECTORY_BYTES = 64 * 1024 * 1024
"""Beyond it, a trajectory keeps only every n-th step on the disk."""


@dataclass
class _Job:
    """A preview that is being drawn."""

    step: int
    reason: Reason
    drawing: Drawing
    panes: tuple[str, ...]
    done: Callable[[str], None] | None
    dropped: Callable[[str], None] | None
    asked_by: str
    seconds: float = 0.0
    kept: list[NDArray[np.uint8]] = field(default_factory=list)
    levels: list[tuple[float, float, float, float]] = field(default_factory=list)


class Previews:
    """At most one preview at a time, advanced by `work` within its share of the time.

    It draws from a copy of the weights as they were when it began, with generators of its own: what training does is
    the same with and without it.
    """

    def __init__(self, session: RankSession, weights: nn.Module, answer: Answer, which: Literal["ema", "live"]) -> None:
        """`weights` are copied when a preview begins."""
        self._session = session
        self._weights = weights
        self._model = frozen_copy(weights)
        self._answer = answer
        self._which = which
        self._job: _Job | None = None
        self._budget = PreviewBudget()
        self._credit = 0.0
        self._call_seconds = 0.0
        self._worked_at = perf_counter()

    @property
    def paid_for(self) -> bool:
        """Whether the time for another preview by cadence is saved up."""
        return self._budget.pays_for_one

    @property
    def share(self) -> float:
        """Of the time, lately, in [0, 1]: what previews took."""
        return self._budget.share

    @property
    def drawing(self) -> Reason | None:
        return self._job.reason if self._job else None

    def begin(
        self,
        step: int,
        recipe: Recipe,
        reason: Reason,
        asked: Denoising | None = None,
        done: Callable[[str], None] | None = None,
        dropped: Callable[[str], None] | None = None,
        asked_by: str = "",
    ) -> None:
        """Start a preview of the weights as they stand: what is `asked`, with all panes, or plainly as
        `recipe.sampling` says. One in the making is dropped. `asked_by`: the id of a command.

        Either `done` is called with the trajectory's path, or `dropped` with why there is none. Raises LabError where
        it cannot be drawn.
        """
        began = perf_counter()
        drawing = begin_drawing(
            asked or Denoising(source=self._session.folder.id),
            recipe,
            step,
            training_scheduler(recipe.noise_scheduler).config,
            partial(self._answer, self._model),
            next(self._model.parameters()).device,
        )
        copy_weights(self._weights, self._model)
        self.cancel("another one was asked for")
        panes = BOTH if asked is None else ALL if asked.pull is None else (*ALL, "pull")
        self._job = _Job(step, reason, drawing, panes, done, dropped, asked_by)
        self._credit = 0.0
        self._took(self._job, perf_counter() - began)

    def cancel(self, why: str, asked_by: str | None = None) -> None:
        """Drop the one in the making, if there is one; or only if that command asked for it."""
        job = self._job
        if job is None or asked_by not in (None, job.asked_by):
            return
        self._job = None
        if job.dropped:
            job.dropped(why)

    def work(self) -> None:
        """What there is to do between two training steps: as many model calls as the share allows for the time since
        it last worked, but one at most for a preview by cadence."""
        trained = perf_counter() - self._worked_at
        self._budget.trained(trained)
        if self._job is not None:
            share = SHARES[self._job.reason]
            # What a long wait earns is not kept: it would come back as a jolt.
            self._credit = min(self._credit + trained * share / (1.0 - share), 2.0 * self._call_seconds)
        while self._job is not None and self._credit >= self._call_seconds:
            one = self._job.reason == "cadence"
            self.advance()
            self._credit -= self._call_seconds
            if one:
                break
        self._worked_at = perf_counter()

    def finish(self) -> None:
        """Draw what is begun to its end."""
        while self._job is not None:
            self.advance()

    def advance(self) -> None:
        """One model call of the preview in the making. One that fails is given up with a warning: training goes on."""
        job = self._job
        if job is None:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # training's work that still waits on the device is not the preview's
        in_parts = job.drawing.in_parts
        began, at_once = perf_counter(), in_parts.at_once
        try:
            self._show(job, next(job.drawing.steps))
            if in_parts.at_once < at_once:
                full = f"the device's memory was full: the preview is drawn {in_parts.at_once} pictures at a time"
                self._session.record("warning", job.step, message=full)
        except (LabError, ValueError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not is_out_of_memory(error):
                raise
            why = f"the preview was given up: {_first_line(error)}"
            self._session.record("warning", job.step, message=why)
            self.cancel(why)
        self._call_seconds = perf_counter() - began
        self._took(job, self._call_seconds)
        if job is not self._job and job.reason == "cadence":
            self._budget.drawn(job.seconds)

    def _took(self, job: _Job, seconds: float) -> None:
        job.seconds += seconds
        self._budget.drew(seconds, by_cadence=job.reason == "cadence")

    def _show(self, job: _Job, made: DenoisingStep) -> None:
        panes = made.panes(job.panes)
        sampling = job.drawing.recipe.sampling
        header = {
            "kind": "preview",
            "step": job.step,
            "index": made.index,
            "count": made.count,
            "timestep": made.timestep,
            "alpha": made.alpha,
            "sigma": made.sigma,
            "snr": made.snr,
            "panes": list(job.panes),
            "seed": sampling.seed,
            "scheduler": sampling.scheduler,
            "weights": self._which,
            "at_once": min(job.drawing.in_parts.at_once, len(made.x0)),
            "final": made.final,
        }
        self._session.frame(header, panes)
        stride = -(-made.count * panes.nbytes // TRAJECTORY_BYTES)
        if (made.count - 1 - made.index) % stride == 0:
            job.kept.append(panes)
            job.levels.append((made.timestep, made.alpha, made.sigma, made.snr))
        if made.final:
            self._keep(job)
            self._job = None

    def _keep(self, job: _Job) -> None:
        """Write the trajectory, then its sidecar, then the journal's line: whoever reads the line finds both."""
        recipe = job.drawing.recipe
        sampling = recipe.sampling
        path = self._session.next_preview_path(job.step)
        array = io.BytesIO()
        np.save(array, np.stack(job.kept))
        about: dict[str, Any] = {
            "step": job.step,
            "seed": sampling.seed,
            "scheduler": sampling.scheduler,
            "num_inference_steps": sampling.num_inference_steps,
            "eta": sampling.eta,
            "timesteps": [timestep for timestep, *_ in job.levels],
            "levels": job.levels,
            "panes": job.panes,
            "denoising": job.drawing.resolved.to_json(),
            "weights": self._which,
            "recipe_hash": recipe_hash(recipe),
        }
        replace_file(path, array.getvalue())
        replace_file(path.with_suffix(".json"), json.dumps(about).encode())
        thin_out(path.parent, sampling.previews_total_limit)
        self._session.record(
            "preview",
            job.step,
            path=str(path),
            weights=self._which,
            scheduler=sampling.scheduler,
            steps=sampling.num_inference_steps,
            seed=sampling.seed,
            seconds=round(job.seconds, 3),
            reason=job.reason,
        )
        if job.done:
            job.done(str(path))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
