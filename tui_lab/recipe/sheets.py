"""A sheet: one denoising with two of its knobs turned, a row for each value of one, a column for each of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tui_lab.catalog.samplers import SAMPLERS, misfits
from tui_lab.errors import RecipeError
from tui_lab.recipe.denoising import DRAWING_KNOBS, Denoising
from tui_lab.recipe.knobs import Knob, format_number
from tui_lab.recipe.possible import why_not, with_knobs
from tui_lab.recipe.relevance import irrelevant
from tui_lab.recipe.schema import KNOBS, Recipe
from tui_lab.recipe.values import edited, get

SHEET_KNOBS = tuple(name for name in DRAWING_KNOBS if name != "num_images")
"""What an axis can turn."""
STEP_COUNTS = (2, 5, 10, 20, 50)
"""How low can you go: from where most samplers break to where most have arrived."""
_SHARES_OF_FEW = (0.2, 0.5, 1, 2, 5)
_SPREAD = (0.0, 0.25, 0.5, 0.75, 1.0)
_SERIES = (1, 2, 5, 10)
MOST_VALUES = 24


@dataclass(frozen=True, slots=True)
class Axis:
    """A knob of [sampling], without its prefix, and the values it goes through."""

    name: str
    values: tuple[Any, ...]

    @property
    def knob(self) -> Knob:
        return KNOBS[f"sampling.{self.name}"]

    @property
    def titles(self) -> tuple[str, ...]:
        """The values as a person reads them: samplers by their short names."""
        return tuple(value_words(self.name, value) for value in self.values)

    @property
    def text(self) -> str:
        """The values as a person types them: `parse_axis(name, text)` gives them back."""
        return ", ".join(self.titles)


@dataclass(frozen=True, slots=True)
class SheetCell:
    """What is drawn there, or `reason`: why it cannot be, or need not."""

    asked: Denoising
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows[down][across]`, in the order of the axes' values."""

    down: Axis
    across: Axis
    rows: tuple[tuple[SheetCell, ...], ...]


def knob_sheet(base: Denoising, recipe: Recipe, down: Axis, across: Axis) -> Sheet:
    """`base` with the two knobs turned; `recipe` is its source's. Raises RecipeError where both axes are one."""
    if down.name == across.name:
        raise RecipeError(f"a sheet turns two knobs: take another one than {down.knob.title} for its columns")
    rows = tuple(
        tuple(_cell(base, recipe, down, value, across, place) for place in range(len(across.values)))
        for value in down.values
    )
    return Sheet(down, across, rows)


def sampler_sheet(base: Denoising, recipe: Recipe) -> Sheet:
    """How low can you go: every sampler that fits the model, in fewer and fewer steps."""
    return knob_sheet(
        base, recipe, default_axis("scheduler", base, recipe), Axis("num_inference_steps", _steps(STEP_COUNTS, recipe))
    )


def default_axis(name: str, base: Denoising, recipe: Recipe) -> Axis:
    """Values of this knob that are worth seeing beside each other."""
    recipe = with_knobs(base, recipe)
    knob, value = KNOBS[f"sampling.{name}"], get(recipe, f"sampling.{name}")
    if name == "scheduler":
        barred = misfits(recipe)
        return Axis(name, tuple(sampler for sampler in SAMPLERS if sampler not in barred))
    if name == "num_inference_steps":
        few = SAMPLERS[recipe.sampling.scheduler].few_steps
        return Axis(name, _steps([round(few * share) for share in _SHARES_OF_FEW], recipe))
    if knob.choices:
        return Axis(name, knob.choices)
    if name == "seed":
        return Axis(name, tuple(seed for seed in range(value, value + 5) if seed <= 2**31 - 1))
    low, high = knob.minimum or 0.0, knob.maximum
    if high is not None and (high - low) / knob.step <= 2 * MOST_VALUES:
        return Axis(name, tuple(_typed(knob, low + share * (high - low)) for share in _SPREAD))
    unit = knob.default or knob.step
    return Axis(name, tuple(_typed(knob, number) for number in (low, *(unit * times for times in _SERIES))))


def parse_axis(name: str, text: str) -> Axis:
    """The axis that a person typed: values with commas between them. Raises RecipeError."""
    knob = KNOBS[f"sampling.{name}"]
    values = tuple(dict.fromkeys(_parsed(knob, part.strip()) for part in text.split(",") if part.strip()))
    if not values:
        raise RecipeError(f"{knob.title}: name at least one value")
    if len(values) > MOST_VALUES:
        raise RecipeError(f"{knob.title}: {len(values)} values are more than a sheet has room for, {MOST_VALUES}")
    return Axis(name, values)


def idle_knobs(base: Denoising, recipe: Recipe) -> dict[str, str]:
    """{name: why} of the knobs that change nothing in `base`, whatever the sampler."""
    found: dict[str, str] = {}
    recipe = with_knobs(base, recipe)
    fitting = [name for name in SAMPLERS if name not in misfits(recipe)]
    with_samplers = [edited(recipe, {"sampling.scheduler": sampler}) for sampler in fitting]
    for name in SHEET_KNOBS:
        if name != "scheduler" and all(f"sampling.{name}" in irrelevant(one) for one in with_samplers):
            found[name] = "changes nothing with this model"
    return found


def model_calls(asked: Denoising, recipe: Recipe) -> int:
    """How often the model is asked for it."""
    sampling = with_knobs(asked, recipe).sampling
    return sampling.num_inference_steps * SAMPLERS[sampling.scheduler].calls_per_step


def value_words(name: str, value: Any) -> str:
    """A knob's value in few words: "DDIM", "20", "0.5"."""
    if name == "scheduler" and value in SAMPLERS:
        return SAMPLERS[value].short
    return KNOBS[f"sampling.{name}"].format(value)


def _cell(base: Denoising, recipe: Recipe, down: Axis, value: Any, across: Axis, place: int) -> SheetCell:
    asked = base.turned(**{down.name: value, across.name: across.values[place]})
    return SheetCell(asked, why_not(asked, recipe) or _same_as_first(asked, recipe, across, place))


def _same_as_first(asked: Denoising, recipe: Recipe, across: Axis, place: int) -> str:
    recipe = with_knobs(asked, recipe)
    if not place or f"sampling.{across.name}" not in irrelevant(recipe):
        return ""
    return f"as the first: {across.knob.title} changes nothing with {SAMPLERS[recipe.sampling.scheduler].short}"


def _steps(counts: Sequence[int], recipe: Recipe) -> tuple[int, ...]:
    """Those of the counts that the process has timesteps for; at least one."""
    noise = recipe.noise_scheduler
    discrete = noise.class_name in ("DDPMScheduler", "FlowMatchEulerDiscreteScheduler")
    most = min(1000, noise.num_train_timesteps) if discrete else 1000
    return tuple(dict.fromkeys(max(1, min(most, count)) for count in counts))


def _typed(knob: Knob, number: float) -> float | int:
    number = min(number, knob.maximum) if knob.maximum is not None else number
    return round(number) if knob.kind == "int" else float(format_number(number))


def _parsed(knob: Knob, text: str) -> Any:
    """As the knob parses it, within its bounds; a sampler also by its short name."""
    short = {info.short.lower(): name for name, info in SAMPLERS.items()} if knob.name == "scheduler" else {}
    value = knob.parse(short.get(text.lower(), text))
    edited(Recipe(), {knob.key: value})
    return value
