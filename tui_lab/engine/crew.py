"""Threads that each learn from a share of a batch, beside one another.

A CPU's cores otherwise work together on one operation after another, and wait for the slowest at the end of each. On
two quiet cores that is as fast; beside one busy neighbour a step took 1.7 times as long as with a share of the batch to
each core, beside several four to six times. The shares' gradients are added up in the weights' own, which is the same
in either order, so that a run stays deterministic; with more than two shares it would not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from tui_lab.recipe import Recipe

MEMBERS = 2
LEAST_SHARE = 16
"""Images: with fewer, what each thread does once for its share costs more than it gains."""

Result = TypeVar("Result")


class Crew:
    """Two threads, each with half of the cores' worth of its own."""

    def __init__(self, threads: int) -> None:
        """`threads`: of the whole process."""
        self._pool = ThreadPoolExecutor(MEMBERS, "crew", initializer=_ready, initargs=(max(1, threads // MEMBERS),))

    def __call__(self, tasks: Sequence[Callable[[], Result]]) -> list[Result]:
        """What each returns. Waits for all of them, then raises what one of them raised."""
        doing = [self._pool.submit(task) for task in tasks]
        errors = [error for error in (done.exception() for done in doing) if error is not None]
        if errors:
            raise errors[0]
        return [done.result() for done in doing]

    def alone(self, task: Callable[[], Result]) -> Result:
        """By one of them: for many small operations, none of which is worth sharing out over all cores."""
        return self._pool.submit(task).result()


def open_crew(recipe: Recipe, device: torch.device, processes: int) -> Crew | None:
    """None where it would not help, or where a network draws random numbers of its own, which threads would mix up."""
    model = recipe.model
    draws = model.dropout > 0 or model.class_name == "DiTTransformer2DModel"
    if device.type != "cpu" or processes > 1 or torch.get_num_threads() < MEMBERS or draws:
        return None
    return Crew(torch.get_num_threads())


def shares(size: int, parts: int) -> list[slice]:
    """Of a batch of `size`, which is one of `parts` that an update adds up: one for each of the crew. The whole batch
    where that is too small to share, or where the order of adding would tell."""
    if parts > 1 or size < MEMBERS * LEAST_SHARE:
        return [slice(0, size)]
    return [slice(size * part // MEMBERS, size * (part + 1) // MEMBERS) for part in range(MEMBERS)]


def _ready(threads: int) -> None:
    """Both settings are a thread's own."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
