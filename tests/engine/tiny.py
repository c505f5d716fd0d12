"""A tiny run in this process, with commands that arrive at chosen steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.state import AcceleratorState, GradientState
from torch import Tensor

from tui_lab.data import Images, load_images
from tui_lab.engine import checkpoints
from tui_lab.engine.startup import prepare
from tui_lab.recipe import Recipe, dump_recipe, parse_recipe, replaced
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.rank import RankSession
from tui_lab.runs.spool import Answer, Command, read_answer, submit

RECIPE = """
[recipe]
name = "tiny"
[dataset]
resolution = 8
random_flip = true
[model]
block_out_channels = [8, 16]
down_block_types = ["DownBlock2D", "AttnDownBlock2D"]
up_block_types = ["AttnUpBlock2D", "UpBlock2D"]
norm_num_groups = 4
dropout = 0.1
[noise_scheduler]
num_train_timesteps = 100
beta_schedule = "squaredcos_cap_v2"
prediction_type = "v_prediction"
[optimizer]
learning_rate = 2e-3
[training]
max_train_steps = 6
train_batch_size = 8
mixed_precision = "no"
checkpointing_steps = 0
[sampling]
every_steps = 1000
num_inference_steps = 3
num_images = 2
[evaluation]
every_steps = 0
num_images = 4
num_timesteps = 2
"""

Script = Mapping[int, list[tuple[str, dict[str, Any]]]]


def tiny_recipe(changes: Mapping[str, Any] | None = None) -> Recipe:
    return replaced(parse_recipe(RECIPE), changes or {})


def tiny_images() -> Images:
    """200 faces at half their size, 16 of them held out."""
    faces = load_images(parse_recipe('[dataset]\nname = "pixel-faces"').dataset)
    return dataclasses.replace(
        faces,
        pixels=faces.pixels[:, ::2, ::2],
        train_rows=faces.train_rows[:184],
        held_out_rows=faces.held_out_rows[:16],
    )


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """Bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Killed(BaseException):
    """Stands for kill -9: nothing after it is written."""


class ScriptedSession(RankSession):
    """Commands come as if a client had sent them just before the poll at their step, one a poll."""

    def __init__(self, folder: RunFolder, script: Script, kill_at: int | None) -> None:
        super().__init__(folder)
        self._script = {step: list(commands) for step, commands in script.items()}
        self._kill_at = kill_at
        self.sent: list[str] = []

    def poll(self, step: int) -> list[Command]:
        if step == self._kill_at:
            raise Killed
        if self._script.get(step):
            self.sent.append(submit(self.folder, *self._script[step].pop(0)))
        return super().poll(step)


@dataclass
class Tiny:
    folder: RunFolder
    images: Images
    answers: list[Answer] = field(default_factory=list)

    @classmethod
    def new(cls, images: Images, changes: Mapping[str, Any], name: str | None = None) -> Tiny:
        return cls(RunFolder.create(dump_recipe(tiny_recipe(changes)), name), images)

    def train(self, script: Script | None = None, kill_at: int | None = None) -> Tiny:
        """One process's turn."""
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        session = ScriptedSession(self.folder, script or {}, kill_at)
        trainer = None
        try:
            trainer = prepare(session, self.images)
            trainer.run()
        except Killed:
            assert trainer is not None
            trainer._checkpointing.give_up()  # its thread does not die with what stands for its process
            return self
        finally:
            session.close()
        self.answers = [answer for sent in session.sent if (answer := read_answer(self.folder, sent))]
        return self

    def records(self, kind: str) -> list[Record]:
        return [record for record in JournalReader(self.folder).read_new() if record.kind == kind]

    def losses(self) -> list[float]:
        """The mean loss of each metrics record, in order."""
        return [record.data["loss"]["mean"] for record in self.records("metrics")]

    def tensors(self) -> dict[str, Tensor]:
        """All that the newest checkpoint holds."""
        found, skipped = checkpoints.newest(self.folder.checkpoints)
        assert found is not None
        assert not skipped
        return {f"{part}/{name}": t for part, tensors in found.tensors.items() for name, t in tensors.items()}
