"""Denoisings in few words: what each is, and what tells several apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tui_lab.recipe import Recipe, as_dict, irrelevant
from tui_lab.recipe.denoising import DRAWING_KNOBS, Denoising
from tui_lab.recipe.possible import with_knobs
from tui_lab.recipe.schema import KNOBS
from tui_lab.recipe.sheets import value_words
from tui_lab.sanitize import clean
from tui_lab.tui.theatre_words import source_words

_UNSAID = {
    "eta": 0.0,
    "guidance_scale": 1.0,
    "guidance_schedule": "constant",
    "guidance_from": 0.0,
    "guidance_until": 1.0,
    "timestep_spacing": "auto",
    "sigma_schedule": "auto",
}
"""Knobs that go without saying while they stand so in all that is compared."""
_WORDS = {
    "scheduler": "{}",
    "num_inference_steps": "{} steps",
    "guidance_scale": "guidance {}",
    "timestep_spacing": "{} spacing",
    "sigma_schedule": "{} sigmas",
    "num_images": "{} images",
}
_ENDS = {"seeds": "seed", "classes": "class"}


def aspects(asked: Denoising, recipe: Recipe) -> dict[str, str]:
    """{what: in words} of all that shapes it, "" for what changes nothing here; `recipe` is its source's."""
    drawn = with_knobs(asked, recipe)
    idle, sampling = irrelevant(drawn), as_dict(drawn)["sampling"]
    told = {"source": source_words(asked.changed(checkpoint=None))}
    told["checkpoint"] = "" if asked.checkpoint is None else f"@ {asked.checkpoint}"
    for name in DRAWING_KNOBS:
        words = value_words(name, sampling[name])
        title = KNOBS[f"sampling.{name}"].title
        told[name] = "" if f"sampling.{name}" in idle else _WORDS.get(name, f"{title} {{}}").format(words)
    told["seed"] = f"seed {sampling['seed']}"
    return told | _control(asked)


def differing(asked: Sequence[Denoising], recipes: Sequence[Recipe]) -> tuple[str, list[str]]:
    """What all have in common, and what is each one's own; what goes without saying is not said."""
    told = [aspects(one, recipe) for one, recipe in zip(asked, recipes, strict=True)]
    unsaid = {what for what in _UNSAID if all(_goes_unsaid(what, *pair) for pair in zip(asked, recipes, strict=True))}
    shared = {what for what in told[0] if len({one[what] for one in told}) == 1}
    common = _joined(told[0], shared - unsaid)
    return common, [_joined(one, told[0].keys() - shared - unsaid) for one in told]


def in_words(asked: Denoising, recipe: Recipe, without: Collection[str] = ()) -> str:
    """All that shapes it but what goes without saying, and `without` these knobs."""
    told = aspects(asked, recipe)
    unsaid = {what for what in _UNSAID if _goes_unsaid(what, asked, recipe)}
    return _joined(told, told.keys() - unsaid - set(without))


def noise_of(asked: Denoising, recipe: Recipe) -> tuple[Any, ...]:
    """Equal for denoisings whose pictures begin at the same noise."""
    drawn = with_knobs(asked, recipe)
    between = asked.between if asked.between is not None and asked.between.kind == "seeds" else None
    return drawn.sampling.seed, drawn.dataset.size, drawn.dataset.channels, asked.start, between, asked.variation


def _joined(told: Mapping[str, str], what: Collection[str]) -> str:
    """ "faces @ 750 · DDIM"."""
    words = " · ".join(words for name, words in told.items() if words and name in what)
    return words.replace(" · @", " @")


def _goes_unsaid(what: str, asked: Denoising, recipe: Recipe) -> bool:
    """It changes nothing, or stands as one would think."""
    drawn = with_knobs(asked, recipe)
    return f"sampling.{what}" in irrelevant(drawn) or as_dict(drawn)["sampling"][what] == _UNSAID[what]


def _control(asked: Denoising) -> dict[str, str]:
    """What steers it beside the knobs, each "" where it does not."""
    classes = ", ".join(clean(str(label), 24) for label in asked.class_labels)
    start = asked.start
    return {
        "classes": f"class {classes}" if classes else "",
        "negative": f"not {clean(str(asked.negative_class), 24)}" if asked.negative_class is not None else "",
        "start": {
            "noise": "",
            "image": f"from an image at strength {start.strength:g}",
            "inversion": "from an inverted image",
        }[start.kind],
        "keep": f"{asked.keep.kept} pixels kept" if asked.keep is not None else "",
        "pull": f"pulled by {asked.pull.kind} {asked.pull.scale:g}" if asked.pull is not None else "",
        "between": f"to {_ENDS[asked.between.kind]} {clean(str(asked.between.to), 24)}" if asked.between else "",
        "variation": f"variations of {asked.variation.amount:g}" if asked.variation is not None else "",
        "prompt": clean(asked.prompt, 40),
        "negative_prompt": f"not {clean(asked.negative_prompt, 40)}" if asked.negative_prompt else "",
    }
