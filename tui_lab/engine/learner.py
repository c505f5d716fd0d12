"""What learns: the weights, their mean, the optimizer, and one update of them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tui_lab.diffusion.objective import loss_per_sample, loss_weights, target
from tui_lab.diffusion.process import Levels, draw_levels, noise_process
from tui_lab.engine.batches import Batch, Batches
from tui_lab.engine.checkpoints import Checkpoint
from tui_lab.engine.compiling import compiled, obstacle, wants_compiled
from tui_lab.engine.crew import open_crew, shares
from tui_lab.engine.ema import EMA, copy_weights, decay_at
from tui_lab.engine.feeds import Request
from tui_lab.engine.importance import Importance
from tui_lab.engine.lr_schedule import multiplier
from tui_lab.engine.optimizer import adamw, load_tensors, skip_if, tensors_of, tune
from tui_lab.engine.seeds import Generators, Stream, step_seed
from tui_lab.errors import LabError
from tui_lab.models import answer, build, placed
from tui_lab.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What one update did. The tensors are scalars on the device: reading them waits for it."""

    loss: Tensor
    grad_norm: Tensor
    skipped: Tensor
    learning_rate: float
    ema_decay: float
    data_seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """This process's share of a batch, its noise and levels; `correction` (B,): by what each loss is multiplied."""

    batch: Batch
    noise: Tensor
    levels: Levels
    correction: Tensor | None

    def __getitem__(self, which: slice) -> Drawn:
        x0, labels = self.batch
        return Drawn(
            Batch(x0[which], None if labels is None else labels[which]),
            self.noise[which],
            self.levels[which],
            None if self.correction is None else self.correction[which],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The loss that a share of a batch adds to the update's, and that of each sample before its correction (B,)."""

    loss: Tensor
    levels: Levels
    losses: Tensor


def fresh_model(recipe: Recipe) -> nn.Module:
    """The recipe's network as training would begin with it, on the CPU."""
    torch.manual_seed(step_seed(recipe.training.seed, 0, Stream.WEIGHTS))
    return build(recipe)


class Learner:
    """`recipe` may be replaced between two updates by one that differs in live knobs; all else is fixed. `obstacle`
    says why the network is not `compiled` although it should be.

    An update sees `train_batch_size` images `gradient_accumulation_steps` times, over all processes together: each
    draws the whole batch and takes its share.
    """

    def __init__(self, recipe: Recipe, batches: Batches, accelerator: Accelerator) -> None:
        self.recipe = recipe
        self.step = 0
        self.samples_seen = 0
        self._batches = batches
        self._accelerator = accelerator
        device = accelerator.device
        self.model = placed(fresh_model(recipe), device)
        self.ema = EMA(self.model) if recipe.ema.enabled else None
        self._parameters = list(self.model.parameters())
        self._prepared, self._optimizer = accelerator.prepare(
            self.model.train(), adamw(self._parameters, recipe.optimizer)
        )
        self._generators = Generators(recipe.training.seed, device)
        self._process = noise_process(recipe.noise_scheduler, device)
        self._importance = Importance(device) if recipe.loss.timestep_sampling == "importance" else None
        self.obstacle = obstacle(device) if wants_compiled(recipe.training.compile, device) else None
        self.compiled = wants_compiled(recipe.training.compile, device) and self.obstacle is None
        if self.compiled:
            self._prepared = compiled(self._prepared)
        self.crew = None if self.compiled else open_crew(recipe, device, accelerator.num_processes)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._parameters)

    @property
    def best(self) -> nn.Module:
        """The weights that samples are drawn with: the EMA where there is one."""
        return self.ema.model if self.ema else self.model

    @property
    def learning_rate(self) -> float:
        """Of the next update."""
        schedule = self.recipe.lr_scheduler
        total = self.recipe.training.max_train_steps
        factor = multiplier(schedule.name, self.step, schedule.num_warmup_steps, total)
        return self.recipe.optimizer.learning_rate * factor

    def update(self) -> Update:
        """One optimizer update; `step` and `samples_seen` move on. One whose loss or gradient is not finite counts,
        but changes no weight. An exception from it (out of memory, say) leaves the weights as they were."""
        training = self.recipe.training
        learning_rate = self.learning_rate
        parts = training.gradient_accumulation_steps
        self._optimizer.zero_grad()
        torch.manual_seed(step_seed(training.seed, self.step, Stream.GLOBAL, self._accelerator.process_index))
        loss = torch.zeros((), device=self._accelerator.device)
        data_seconds = 0.0
        seen: list[Seen] = []
        for part in range(parts):
            began = time.perf_counter()
            batch = self._batches.draw(self.step, part, self._request(part))
            data_seconds += time.perf_counter() - began
            last = part == parts - 1
            with nullcontext() if last else self._accelerator.no_sync(self._prepared):
                seen.append(self._learn(self._draw(part, batch), 1 / (training.train_batch_size * parts)))
            loss += seen[-1].loss
        loss = self._accelerator.reduce(loss, "mean")  # of all processes, which then agree whether it is finite
        move = partial(self._move, loss, learning_rate)
        norm, skipped, decay = self.crew.alone(move) if self.crew else move()
        if self._importance:
            self._importance.update(*self._of_all_processes(seen))
        self.step += 1
        self.samples_seen += training.train_batch_size * parts
        return Update(loss, norm, skipped, learning_rate, decay, data_seconds)

    def close(self) -> None:
        """No update will follow."""

    def forget_gradients(self) -> None:
        """Free what a failed update left behind."""
        self._optimizer.zero_grad()

    def predict(self, model: nn.Module, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """The answer of `model`, this learner's or a copy, in the precision that it trains in, without dropout.

        x (B, C, H, W) is what the process hands the model, `labels` (B,) go to a conditional one. Gradients go through
        it where `x` wants them.
        """
        training = model.training
        model.eval()
        with torch.set_grad_enabled(x.requires_grad), self._accelerator.autocast():
            output = answer(self.recipe.model, model, x, t, labels)
        model.train(training)
        return output.float()

    def finite(self) -> bool:
        """No weight is inf or NaN."""
        return bool(torch.stack(torch._foreach_norm([*self._parameters])).isfinite().all())

    def checkpoint(self, state: Mapping[str, Any]) -> Checkpoint:
        """Everything that the next update depends on, with `state` of the caller's own beside it."""
        tensors = {"model": self.model.state_dict(), "optimizer": tensors_of(self._optimizer)}
        own: dict[str, Any] = {"samples_seen": self.samples_seen}
        if self.ema:
            tensors["ema"] = self.ema.model.state_dict()
            own["ema_updates"] = self.ema.updates
        if self._importance:
            tensors["importance"] = self._importance.state_dict()
        if self._accelerator.scaler is not None:
            own["grad_scaler"] = self._accelerator.scaler.state_dict()
        return Checkpoint(self.step, tensors, {**state, **own})

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Begin with these weights, a state dict, in place of fresh ones. Raises LabError where they do not fit."""
        try:
            self.model.load_state_dict(dict(weights))
        except RuntimeError as error:
            raise LabError("the weights of model.base_checkpoint do not fit the recipe's [model]") from error
        if self.ema:
            copy_weights(self.model, self.ema.model)

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on from there. LabError where the checkpoint is of another model."""
        try:
            self.model.load_state_dict(dict(checkpoint.tensors["model"]))
            load_tensors(self._optimizer, checkpoint.tensors["optimizer"])
            if self.ema:
                self.ema.model.load_state_dict(dict(checkpoint.tensors.get("ema", checkpoint.tensors["model"])))
                self.ema.updates = int(checkpoint.state.get("ema_updates", 0))
            if self._importance and "importance" in checkpoint.tensors:  # a fork may have just begun with it
                self._importance.load_state_dict(checkpoint.tensors["importance"])
            self.samples_seen = int(checkpoint.state["samples_seen"])
        except (LookupError, ValueError, RuntimeError) as error:
            raise LabError(
                f"the checkpoint of step {checkpoint.step} does not fit the recipe: was its [model] changed?"
            ) from error
        if self._accelerator.scaler is not None and "grad_scaler" in checkpoint.state:
            self._accelerator.scaler.load_state_dict(checkpoint.state["grad_scaler"])
        self.step = checkpoint.step

    def _request(self, part: int) -> Request:
        size = self.recipe.training.train_batch_size
        rank, ranks = self._accelerator.process_index, self._accelerator.num_processes
        return Request(self.samples_seen + part * size, size, size * rank // ranks, size * (rank + 1) // ranks)

    def _draw(self, part: int, batch: Batch) -> Drawn:
        """Noise and levels for this process's share of a batch."""
        request = self._request(part)
        mine = slice(request.start, request.stop)
        generator, device = self._generators.at(Stream.NOISE, self.step, part), self._accelerator.device
        noise = self._process.noise((request.size, *self._batches.shape), generator, device)[mine]
        importance = self._importance.weights if self._importance else None
        levels, correction = draw_levels(self._process, self.recipe.loss, request.size, generator, device, importance)
        return Drawn(batch, noise, levels[mine], None if correction is None else correction[mine])

    def _learn(self, drawn: Drawn, share: float) -> Seen:
        """`_backward`, by the crew where there is one and it helps."""
        size = len(drawn.batch.x0)
        parts = shares(size, self.recipe.training.gradient_accumulation_steps) if self.crew else [slice(0, size)]
        if self.crew is None or len(parts) == 1:
            return self._backward(drawn, share)
        seen = self.crew([partial(self._backward, drawn[part], share) for part in parts])
        loss = torch.stack([each.loss for each in seen]).sum()
        return Seen(loss, drawn.levels, torch.cat([each.losses for each in seen]))

    def _backward(self, drawn: Drawn, share: float) -> Seen:
        """Add the gradient of `share` × the sum of the samples' losses."""
        process, levels, (x0, labels) = self._process, drawn.levels, drawn.batch
        x_t = process.corrupt(x0, drawn.noise, levels)
        output = answer(self.recipe.model, self._prepared, process.model_input(x_t, levels), levels.t, labels)
        losses = loss_per_sample(self.recipe.loss, output, target(process, x0, drawn.noise, levels))
        if self.recipe.loss.weighting != "none":
            losses = losses * loss_weights(self.recipe.loss, process, levels)
        corrected = losses if drawn.correction is None else losses * drawn.correction
        # Processes average their gradients, so that each counts its own share of the whole batch for all of them.
        loss = corrected.sum() * (share * self._accelerator.num_processes)
        self._accelerator.backward(loss)
        return Seen(loss.detach(), levels, losses.detach())

    def _move(self, loss: Tensor, learning_rate: float) -> tuple[Tensor, Tensor, float]:
        """Step along the gradients: their norm, whether the step was skipped, and the decay of the weights' mean."""
        optimizer, ema = self.recipe.optimizer, self.recipe.ema
        norm = self._accelerator.clip_grad_norm_(self._parameters, optimizer.max_grad_norm or math.inf)
        skipped = self._guard(loss, norm)
        tune(self._optimizer, learning_rate, optimizer.weight_decay)
        self._optimizer.step()
        if self.ema is None:
            return norm, skipped, 0.0
        decay = decay_at(ema.decay, ema.warmup, self.ema.updates)
        self.ema.update(ema.decay, ema.warmup)
        return norm, skipped, decay

    def _of_all_processes(self, seen: list[Seen]) -> tuple[Tensor, Tensor]:
        """Places and losses of the whole update's samples, in the order in which one process would have seen them."""
        whole = []
        for part, share in enumerate(seen):
            request = self._request(part)
            both = torch.zeros((2, request.size), device=share.losses.device)
            both[:, request.start : request.stop] = torch.stack([self._process.place(share.levels), share.losses])
            whole.append(self._accelerator.reduce(both, reduction="sum"))
        places, losses = torch.cat(whole, dim=1)
        return places, losses

    def _guard(self, loss: Tensor, norm: Tensor) -> Tensor:
        """Whether the update must be skipped. With fp16 the gradient scaler minds the gradients by itself."""
        if self._accelerator.scaler is not None:
            return ~loss.isfinite()
        skipped = ~(loss + norm).isfinite()
        skip_if(self._optimizer.optimizer, skipped)
        return skipped
