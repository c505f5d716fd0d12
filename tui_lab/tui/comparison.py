"""What stands side by side: denoisings in lock step, at the step of the longest of them that is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.possible import with_knobs
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.tui.chart import short_number
from tui_lab.tui.denoising_words import differing, in_words, noise_of
from tui_lab.tui.lock_step import leader_of, place_beside, shares_of, step_at
from tui_lab.tui.pictures_apart import difference, rmse
from tui_lab.tui.pins import MOST
from tui_lab.tui.player import Player
from tui_lab.tui.theatre_words import memory_words, state_words
from tui_lab.workbench.cell import Cell
from tui_lab.workbench.cells import Cells

APART = "apart"
VIEWS = {
    "x0": "predicted x₀",
    "x_t": "x_t",
    "eps": "predicted ε",
    "change": "change of x_t",
    APART: "difference from A",
}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A pane at the present step: pictures (B, H, W, C), None where there is none, and words on where it stands, what
    matters most first."""

    pictures: NDArray[np.uint8] | None
    words: tuple[str, ...]


class Comparison:
    """One to four denoisings, `chosen` the one that keys mean. `recipes` are their sources', by source.

    `touched`: what is compared was put together by hand, and not only opened.
    """

    def __init__(self, cells: Cells, asked: Sequence[Denoising], recipes: Mapping[str, Recipe]) -> None:
        self.asked = list(asked)[:MOST]
        self.chosen = len(self.asked) - 1
        self.touched = False
        self.player = Player()
        self._cells = cells
        self._recipes = dict(recipes)
        self._led_by, self._share = "", 1.0

    def recipe(self, asked: Denoising) -> Recipe:
        return self._recipes[asked.source]

    # What is compared

    def want(self) -> None:
        """Draw all of it, the chosen one first."""
        for at in sorted(range(len(self.asked)), key=lambda at: at != self.chosen):
            self._cells.want(self.asked[at], first=False)

    def stop(self) -> bool:
        """Draw no further; whether anything was being drawn."""
        states = [cell.state for cell in self.cells() if cell is not None]
        for asked in self.asked:
            self._cells.cancel(asked)
        return "waiting" in states or "drawing" in states

    def replace(self, number: int, asked: Denoising) -> None:
        """Another denoising in a pane. Raises LabError: its source is none."""
        self._recipes.setdefault(asked.source, source_recipe(asked.source))
        before, self.asked[number] = self.asked[number], asked
        self._let_go(before)

    def add(self) -> None:
        """A copy of the chosen one, which is chosen then."""
        self.asked.append(self.asked[self.chosen])
        self.chosen, self.touched = len(self.asked) - 1, True

    def remove(self) -> None:
        """The chosen one goes."""
        gone = self.asked.pop(self.chosen)
        self.chosen = min(self.chosen, len(self.asked) - 1)
        self._let_go(gone)

    def turn_seed(self, by: int) -> None:
        """All of it from other noise: those that began alike still do."""
        for number, asked in enumerate(list(self.asked)):
            seed = with_knobs(asked, self.recipe(asked)).sampling.seed
            self.replace(number, asked.turned(seed=max(0, seed + by)))

    def _let_go(self, asked: Denoising) -> None:
        self.touched = True
        if all(asked.key() != one.key() for one in self.asked):
            self._cells.cancel(asked)

    # Words

    def titles(self) -> tuple[str, list[str], list[bool]]:
        """What all have in common; each one's own; whether it begins at other noise than the first."""
        recipes = [self.recipe(asked) for asked in self.asked]
        if len(self.asked) == 1:
            return "", [in_words(self.asked[0], recipes[0])], [False]
        common, own = differing(self.asked, recipes)
        noise = [noise_of(asked, recipe) for asked, recipe in zip(self.asked, recipes, strict=True)]
        return common, [words or "as the others" for words in own], [one != noise[0] for one in noise]

    # Where it stands

    def cells(self) -> list[Cell | None]:
        return [self._cells.get(asked) for asked in self.asked]

    def shows(self, cell: Cell) -> bool:
        return any(asked.key() == cell.asked.key() for asked in self.asked)

    def extent(self) -> tuple[int, int]:
        """(steps that are there, steps that there will be) of the longest."""
        cells = self.cells()
        leader = cells[leader_of(cells)]
        return (0, 0) if leader is None else (len(leader.levels), leader.keeps)

    def places(self) -> list[int]:
        """Each one's step at the present; -1 where it has none yet."""
        cells = self.cells()
        lead = leader_of(cells)
        shares = shares_of(cells[lead])
        self._follow(self.asked[lead].key(), shares)
        if self.player.wanted is None:
            return [-1 if cell is None else len(cell.levels) - 1 for cell in cells]
        place = self.player.place(len(shares))
        whole = [cell is not None and cell.done for cell in cells]
        return [
            place if at == lead else place_beside(place, shares, shares_of(cell), whole[at] and whole[lead])
            for at, cell in enumerate(cells)
        ]

    def _follow(self, key: str, shares: list[float]) -> None:
        """Where another one leads from now on, it stands at the noise at which the one before stood."""
        if key != self._led_by and self.player.wanted is not None and shares:
            self.player.wanted = step_at(self._share, shares)
        self._led_by = key
        place = self.player.place(len(shares))
        self._share = shares[place] if place >= 0 else 1.0

    @property
    def share(self) -> float:
        """How much noise there is at the present, in [0, 1]."""
        return self._share

    def seen(self, view: str, one: int | None = None) -> list[Seen]:
        """All panes at the present step; `one` picture alone, or all."""
        cells, places = self.cells(), self.places()
        first = None
        if cells[0] is not None and places[0] >= 0:
            first = cells[0].pane("x0", places[0])
        return [
            _seen(cell, place, view, first if number else None, one)
            for number, (cell, place) in enumerate(zip(cells, places, strict=True))
        ]


def _seen(cell: Cell | None, place: int, view: str, first: NDArray[np.uint8] | None, one: int | None) -> Seen:
    """`first`: the x₀ of the first pane, where this is another one."""
    if cell is None or place < 0 or cell.state == "failed":
        return Seen(None, (state_words(cell),))
    shown = cell.pane(view if view in cell.panes else "x0", place)
    level = cell.levels[place]
    words = [f"{level.index + 1}/{cell.count}", f"t {short_number(level.timestep)}"]
    if first is not None:
        own = cell.pane("x0", place)
        apart, seen = rmse(first, own), difference(first, own)
        words.insert(1, "another shape than A" if apart is None else f"RMSE {apart:.3f}")
        shown = seen if view == APART and seen is not None else shown
    if one is not None:
        one = min(one, len(shown) - 1)
        shown, words = shown[one : one + 1], [f"picture {one + 1}", *words]
    if full := memory_words(cell):
        words.append(f"memory {full}")
    if cell.state == "stopped":
        words.insert(0, "stopped: space draws it")
    return Seen(shown, tuple(words))
