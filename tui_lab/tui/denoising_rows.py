"""What of a denoising can be turned by hand, as rows: whose weights, the sampler and its knobs, the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui_lab.catalog.samplers import SAMPLERS, fitting_sampler
from tui_lab.data.class_labels import class_names
from tui_lab.errors import RecipeError
from tui_lab.recipe import KNOBS, Knob, Recipe, as_dict, irrelevant
from tui_lab.recipe.classes import real_classes
from tui_lab.recipe.denoising import DRAWING_KNOBS, ClassLabel, Denoising
from tui_lab.recipe.possible import choices_of, why_not, with_knobs
from tui_lab.recipe.sheets import value_words
from tui_lab.runs.exports import takes_text
from tui_lab.sanitize import clean
from tui_lab.tui.denoising_choice import beside, checkpoints_of
from tui_lab.tui.theatre_words import source_words

SOURCE, CHECKPOINT, CLASS = "source", "checkpoint", "class"
EACH_IN_TURN = "each in turn"
"""What is drawn of a model with classes where none is asked for."""


@dataclass(frozen=True, slots=True)
class FormRow:
    """`key` is a knob of [sampling] without its prefix, or SOURCE, CHECKPOINT or CLASS; `idle`: why turning it
    would change nothing."""

    key: str
    title: str
    value: str
    idle: str = ""


def rows_of(asked: Denoising, recipe: Recipe) -> list[FormRow]:
    """`recipe` is the source's."""
    drawn = with_knobs(asked, recipe)
    idle, sampling = irrelevant(drawn), as_dict(drawn)["sampling"]
    rows = [FormRow(SOURCE, "run", source_words(asked.changed(checkpoint=None)))]
    steps = checkpoints_of(asked.source)
    none = "" if steps else "a pipeline has but its own weights"
    rows.append(FormRow(CHECKPOINT, "checkpoint", "–" if asked.checkpoint is None else str(asked.checkpoint), none))
    for name in DRAWING_KNOBS:
        reason = _idle_words(name, drawn) if f"sampling.{name}" in idle else ""
        rows.append(FormRow(name, knob_of(name).title, value_words(name, sampling[name]), reason))
    if takes_text(Path(asked.source).expanduser()):
        return [*rows, FormRow(CLASS, "prompt", clean(asked.prompt, 40) or "–", "k on the panes changes the prompts")]
    classes = ", ".join(clean(str(label), 24) for label in asked.class_labels) or EACH_IN_TURN
    return [*rows, FormRow(CLASS, "class", classes if real_classes(recipe) else "–", _no_classes(recipe))]


def classes_of(recipe: Recipe) -> list[ClassLabel]:
    """Those that the model can be told: by their names where the dataset is at hand, else by their numbers."""
    known = real_classes(recipe)
    return list(class_names(recipe)[:known] or range(known))


def nudged(asked: Denoising, recipe: Recipe, key: str, direction: int) -> Denoising | None:
    """With the next value of that row which can be drawn; None where there is none, or where it is chosen by name."""
    if key == SOURCE:
        return None
    if key == CHECKPOINT:
        step = None if asked.checkpoint is None else beside(checkpoints_of(asked.source), asked.checkpoint, direction)
        return None if step is None else asked.changed(checkpoint=step)
    if key == CLASS:
        choices: list[tuple[ClassLabel, ...]] = [(), *((label,) for label in classes_of(recipe))]
        at = choices.index(asked.class_labels) if asked.class_labels in choices else 0
        return asked.changed(class_labels=choices[(at + direction) % len(choices)])
    knob, value = knob_of(key), as_dict(with_knobs(asked, recipe))["sampling"][key]
    if knob.choices:
        can = [choice for choice, reason in choices_of(asked, recipe, key) if not reason or choice == value]
        moved = can[(can.index(value) + direction) % len(can)]
    else:
        moved = _next_possible(knob, value, direction, lambda number: why_not(asked.turned(**{key: number}), recipe))
    return None if moved == value else asked.turned(**{key: moved})


def typed(asked: Denoising, recipe: Recipe, key: str, text: str) -> Denoising:
    """With the value that a person typed. Raises RecipeError: it cannot be, or cannot be drawn."""
    turned = asked.turned(**{key: knob_of(key).parse(text)})
    if reason := why_not(turned, recipe):
        raise RecipeError(reason)
    return turned


def over(asked: Denoising, other: Denoising, recipe: Recipe) -> Denoising:
    """`asked` with the weights of `other`, whose source has this recipe; without classes or prompts where these know
    none, with a sampler that fits them where its own does not, and as `other` draws by itself where nothing of it
    fits."""
    same = asked.changed(source=other.source, checkpoint=other.checkpoint, prompt="", negative_prompt="")
    if takes_text(Path(other.source).expanduser()):  # beside the knobs that is all that such a one heeds
        same = other.changed(knobs=asked.knobs, prompt=asked.prompt, negative_prompt=asked.negative_prompt)
    elif not real_classes(recipe):
        same = same.changed(class_labels=(), negative_class=None)
    if not why_not(same, recipe):
        return same
    fitting = fitting_sampler(with_knobs(same, recipe))
    mended = same if fitting is None else same.turned(scheduler=fitting)
    return other if why_not(mended, recipe) else mended


def knob_of(name: str) -> Knob:
    return KNOBS[f"sampling.{name}"]


def _next_possible(knob: Knob, value: Any, direction: int, reason_of: Callable[[Any], str], tries: int = 12) -> Any:
    """The value where nudges first lead to one that can be drawn; the present one where none of them does."""
    moved = value
    for _ in range(tries):
        before, moved = moved, knob.nudge(moved, direction)
        if moved == before:
            break
        if not reason_of(moved):
            return moved
    return value


def _idle_words(name: str, recipe: Recipe) -> str:
    """Of a knob that changes nothing: what it would be for."""
    if name == "eta":
        return f"{SAMPLERS[recipe.sampling.scheduler].short} has none: it is DDIM's"
    return _no_classes(recipe) or "nothing is guided at guidance 1"


def _no_classes(recipe: Recipe) -> str:
    return "" if recipe.model.num_class_embeds else "this model knows no classes"


def longest_title(rows: Sequence[FormRow]) -> int:
    return max(len(row.title) for row in rows)
