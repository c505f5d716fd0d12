"""The processes that train one run together. Rank 0 leads: whatever its learner does, all the others' do after it.

So commands, clocks and files are rank 0's alone, and all ranks change at the same step, as the word to update carries
the recipe that it is made with. Words go by a gloo group of their own on the CPU, so that a pause, a preview or a
checkpoint of rank 0, however long, is no collective of the GPUs that could time out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator, PartialState
from torch import Tensor

from tui_lab.engine.batches import Batches
from tui_lab.engine.checkpoints import Checkpoint
from tui_lab.engine.learner import Learner, Update
from tui_lab.engine.memory import is_out_of_memory
from tui_lab.errors import LabError, RankMemoryError
from tui_lab.recipe import Recipe, diff, replaced
from tui_lab.runs.environment import place

PATIENCE = timedelta(days=30)
"""How long a rank waits for the word of rank 0. One that is gone is noticed at once; this is for one that is paused."""


@dataclass(frozen=True, slots=True)
class Word:
    """What rank 0 says. update: with `data` as changes of the asked recipe, or as before where it is None; load: a
    checkpoint, whose tensors follow; end."""

    kind: str
    data: dict[str, Any] | None = None


_AGAIN = Word("update")


class Ranks:
    """This process among those of the run."""

    def __init__(self, group: dist.ProcessGroup, device: torch.device) -> None:
        """`device`: the one that this process was given."""
        self._group = group
        self.device = device

    @classmethod
    def join(cls, device: torch.device) -> Ranks | None:
        """Wait for the others; None where this process is alone."""
        if place().ranks == 1:
            return None
        state = PartialState(cpu=device.type == "cpu", timeout=PATIENCE)
        if state.num_processes != place().ranks:
            raise LabError(f"{place().ranks} processes were started, but accelerate sees {state.num_processes}")
        return cls(dist.new_group(backend="gloo", timeout=PATIENCE), state.device)

    def say(self, word: Word) -> None:
        """For rank 0. The commonest word, to update as before, is a single number."""
        text = b"" if word == _AGAIN else json.dumps([word.kind, word.data]).encode()
        dist.broadcast(torch.tensor([len(text)]), 0, self._group)
        if text:
            dist.broadcast(torch.frombuffer(bytearray(text), dtype=torch.uint8), 0, self._group)

    def hear(self) -> Word:
        size = torch.zeros(1, dtype=torch.int64)
        dist.broadcast(size, 0, self._group)
        if not int(size):
            return _AGAIN
        text = torch.zeros(int(size), dtype=torch.uint8)
        dist.broadcast(text, 0, self._group)
        return Word(*json.loads(text.numpy().tobytes()))

    def give(self, checkpoint: Checkpoint) -> None:
        """Rank 0's `say` of a checkpoint, whole."""
        layout = {
            part: {name: [list(each.shape), str(each.dtype).removeprefix("torch.")] for name, each in tensors.items()}
            for part, tensors in checkpoint.tensors.items()
        }
        self.say(Word("load", {"step": checkpoint.step, "state": dict(checkpoint.state), "layout": layout}))
        for part in checkpoint.tensors.values():
            for tensor in part.values():
                dist.broadcast(tensor.detach().cpu().contiguous(), 0, self._group)

    def receive(self, told: Mapping[str, Any]) -> Checkpoint:
        """What `give` gave, after its word was heard."""
        tensors: dict[str, dict[str, Tensor]] = {}
        for part, layout in told["layout"].items():
            tensors[part] = {}
            for name, (shape, dtype) in layout.items():
                tensors[part][name] = torch.empty(shape, dtype=getattr(torch, dtype))
                dist.broadcast(tensors[part][name], 0, self._group)
        return Checkpoint(int(told["step"]), tensors, told["state"])


class LeadingLearner(Learner):
    """Rank 0's."""

    def __init__(self, recipe: Recipe, batches: Batches, accelerator: Accelerator, ranks: Ranks) -> None:
        super().__init__(recipe, batches, accelerator)
        self._ranks = ranks
        self._asked = self._told = recipe

    def update(self) -> Update:
        if self.recipe is self._told:
            self._ranks.say(_AGAIN)
        else:
            self._told = self.recipe
            changes = {key: new for key, _, new in diff(self._asked, self.recipe)}
            self._ranks.say(Word("update", changes))
        try:
            return super().update()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise RankMemoryError(f"the memory of {self._accelerator.device} is full") from error

    def load(self, checkpoint: Checkpoint) -> None:
        super().load(checkpoint)
        self._ranks.give(self.checkpoint({}))

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        super().start_from(weights)
        self._ranks.give(self.checkpoint({}))

    def close(self) -> None:
        self._ranks.say(Word("end"))


def open_learner(recipe: Recipe, batches: Batches, accelerator: Accelerator, ranks: Ranks | None) -> Learner:
    """The learner of rank 0, which may be the only one."""
    if accelerator.distributed_type not in ("NO", "MULTI_GPU", "MULTI_CPU"):
        raise LabError(
            f"this lab keeps the whole model in each process, and cannot share it out by "
            f"{accelerator.distributed_type}: leave that launch argument out"
        )
    return (
        Learner(recipe, batches, accelerator) if ranks is None else LeadingLearner(recipe, batches, accelerator, ranks)
    )


def follow(ranks: Ranks, learner: Learner) -> None:
    """A rank other than 0, from its first word to the last."""
    asked = learner.recipe
    while (word := ranks.hear()).kind != "end":
        if word.kind == "load":
            learner.load(ranks.receive(word.data or {}))
            continue
        if word.data is not None:
            learner.recipe = replaced(asked, word.data)
        try:
            learner.update()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise RankMemoryError(f"the memory of rank {place().rank}'s device is full") from error
