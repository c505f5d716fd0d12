"""What a model consists of and what training it takes: counted where torch is, shown where it is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the network, in the order it runs, its own parts (`depth` 1) after it.

    `parameters` are those of its parts too. `shape` is its output's for one image, (C, H, W), (tokens, C), or (C,).
    """

    name: str
    kind: str
    depth: int
    parameters: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that training holds on its device, estimated; the images, and what the libraries take for themselves, come
    on top. `copies`: the EMA, and the weights that previews are drawn from; `activations` are those of the batch."""

    weights: int
    gradients: int
    optimizer: int
    copies: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.copies + self.activations


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """`flops_per_step` and `memory` are of an update at the recipe's batch size and accumulation, forward and back; a
    multiplication and its addition are two operations."""

    parameters: int
    blocks: tuple[Block, ...]
    flops_per_step: int
    memory: Memory
