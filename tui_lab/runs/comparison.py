"""What tells runs apart: knobs that differ between their recipes, and what was done to one but not to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tui_lab.recipe import KNOBS, flat
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.provenance import Intervention, Provenance


@dataclass(frozen=True, slots=True)
class Differing:
    """One line of a comparison: a knob, or a step at which something was done. `cells` has one word a run, in their
    order: "" where nothing was done there."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`alike` counts the interventions that all the runs have in common, and that are left out."""

    runs: tuple[str, ...]
    knobs: tuple[Differing, ...]
    interventions: tuple[Differing, ...]
    alike: int

    def as_json(self) -> dict[str, Any]:
        """What `diff --json` prints; the keys are stable."""
        return {
            "runs": list(self.runs),
            "recipe": {line.name: dict(zip(self.runs, line.cells, strict=True)) for line in self.knobs},
            "interventions": [
                {"step": int(line.name), **dict(zip(self.runs, line.cells, strict=True))} for line in self.interventions
            ],
            "interventions_alike": self.alike,
        }


def compare(folders: Sequence[RunFolder]) -> Comparison:
    """Of two runs or more. Raises RecipeError where a recipe cannot be read any more."""
    interventions, alike = _interventions([provenance_of(folder).interventions for folder in folders])
    return Comparison(tuple(folder.id for folder in folders), _knobs(folders), interventions, alike)


def provenance_of(folder: RunFolder) -> Provenance:
    """Read from its whole journal, by the summaries of what is long past."""
    provenance = Provenance()
    provenance.feed(JournalReader(folder).read_events())
    return provenance


def _knobs(folders: Sequence[RunFolder]) -> tuple[Differing, ...]:
    recipes = [flat(folder.recipe()) for folder in folders]
    return tuple(
        Differing(key, tuple(KNOBS[key].format(recipe[key]) for recipe in recipes))
        for key in recipes[0]
        if any(recipe[key] != recipes[0][key] for recipe in recipes)
    )


def _interventions(runs: Sequence[Sequence[Intervention]]) -> tuple[tuple[Differing, ...], int]:
    """A line a step and thing done, so that the same change at the same step stands side by side."""
    lines: dict[tuple[int, str, int], list[str]] = {}
    for column, interventions in enumerate(runs):
        repeats: dict[tuple[int, str], int] = {}
        for one in interventions:
            if one.outcome in ("waiting", "rejected"):
                continue
            kind = ",".join(one.changes) or one.kind
            repeat = repeats[one.step, kind] = repeats.get((one.step, kind), -1) + 1
            cells = lines.setdefault((one.step, kind, repeat), [""] * len(runs))
            cells[column] = f"{one.words} (undone)" if one.outcome == "dropped" else one.words
    told = [Differing(str(step), tuple(cells)) for (step, _, _), cells in sorted(lines.items())]
    differing = [line for line in told if len({*line.cells}) > 1]
    return tuple(differing), len(lines) - len(differing)
