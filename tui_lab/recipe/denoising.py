"""What a denoising is: everything needed to make it again. Torch-free; what it asks of a model is checked with it.

The knobs that shape a drawing are those of the recipe's [sampling], declared there; here stand the model that is asked,
and what steers it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import KNOBS, Recipe, Section
from tui_lab.recipe.values import as_dict, replaced

NOT_DRAWING = ("every_steps", "previews_total_limit")
"""Knobs of [sampling] that say when a run draws, and not what."""
DRAWING_KNOBS = tuple(
    knob.name for knob in KNOBS.values() if knob.section == "sampling" and knob.name not in NOT_DRAWING
)

ClassLabel = int | str
"""A class by its number, or by its name in the dataset."""
_Share = Annotated[float, Field(ge=0, le=1)]
_Channel = Annotated[int, Field(ge=0, le=255)]


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class ImageRef(Section):
    """A picture by where it is. `index` counts the source's dataset; `sha256` is that of a file's decoded pixels, with
    which a picture that was changed meanwhile is told from the one that was meant."""

    kind: Literal["data", "file"]
    index: int = Field(0, ge=0)
    path: str = ""
    sha256: str = ""


class Start(Section):
    """Where a denoising begins: at noise; at `image`, noised to `strength` (0: the image itself, 1: noise); or at the
    noise that DDIM's inversion finds under it (Song et al. 2021, 4.3)."""

    kind: Literal["noise", "image", "inversion"] = "noise"
    image: ImageRef | None = None
    strength: _Share = 0.6

    @model_validator(mode="after")
    def _has_an_image(self) -> Start:
        if self.kind != "noise" and self.image is None:
            raise ValueError(f"a start from an {self.kind} needs an image")
        return self


class Mask(Section):
    """Which pixels of the start's image stay: lengths of runs over the rows, one after the other, the first of them of
    pixels that are drawn anew (0 long where the first pixel stays)."""

    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    runs: Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_as_tuple)]

    @model_validator(mode="after")
    def _covers_the_picture(self) -> Mask:
        if sum(self.runs) != self.height * self.width:
            raise ValueError(f"the mask has {sum(self.runs)} pixels, not {self.height}×{self.width}")
        return self

    @property
    def kept(self) -> int:
        """How many pixels stay."""
        return sum(self.runs[1::2])


class Pull(Section):
    """Guidance by the gradient of a loss of the predicted x₀ (Dhariwal & Nichol 2021, 4.2; the course's unit 2).

    `level` is the brightness wanted, 0 to 1; `path` a Python file with `loss(x0)`.
    """

    kind: Literal["colour", "brightness", "symmetry", "likeness", "file"]
    scale: float = Field(40.0, ge=-10_000, le=10_000)
    colour: Annotated[tuple[_Channel, _Channel, _Channel], BeforeValidator(_as_tuple)] = (26, 230, 128)
    level: _Share = 1.0
    image: ImageRef | None = None
    path: str = ""
    sha256: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> Pull:
        if self.kind == "likeness" and self.image is None:
            raise ValueError("guidance by likeness needs an image")
        if self.kind == "file" and not self.path:
            raise ValueError("guidance by a file of one's own needs its path")
        return self


class Between(Section):
    """A row from the seed or the class asked for to another one; the pictures of the batch lie on it, ends included."""

    kind: Literal["seeds", "classes"]
    to: ClassLabel


class Variation(Section):
    """Neighbours of one sample: the noise of `seed` and `place`, moved by `amount` towards the fresh noise of each."""

    seed: int = Field(ge=0, le=2**31 - 1)
    place: int = Field(ge=0, le=255)
    amount: _Share = 0.2


class Denoising(Section):
    """`source`: a run's id or path, or a pipeline's folder; `checkpoint`: the run's step, None for its newest.

    `knobs`: of [sampling], without the prefix; those that are not there are the source's own. `class_labels` are drawn
    in turn, all classes where there is none. `place`: the one picture of the batch that is meant, where it is one.
    """

    source: str
    checkpoint: int | None = Field(None, ge=0)
    knobs: dict[str, Any] = {}
    class_labels: Annotated[tuple[ClassLabel, ...], BeforeValidator(_as_tuple)] = ()
    negative_class: ClassLabel | None = None
    start: Start = Start()
    keep: Mask | None = None
    pull: Pull | None = None
    between: Between | None = None
    variation: Variation | None = None
    place: int | None = Field(None, ge=0)
    prompt: str = ""
    negative_prompt: str = ""

    @field_validator("knobs")
    @classmethod
    def _are_drawing_knobs(cls, knobs: dict[str, Any]) -> dict[str, Any]:
        if unknown := [name for name in knobs if name not in DRAWING_KNOBS]:
            raise ValueError(f"{unknown[0]!r} is no knob of [sampling] that shapes a drawing")
        return knobs

    @model_validator(mode="after")
    def _mask_has_an_image(self) -> Denoising:
        if self.keep is not None and self.start.image is None:
            raise ValueError("a mask needs an image to start from")
        return self

    def changed(self, **fields: Any) -> Denoising:
        """With these fields changed, checked anew. Raises RecipeError."""
        return parse_denoising({**self.model_dump(), **fields})

    def turned(self, **knobs: Any) -> Denoising:
        """With these knobs set, and the others as they are."""
        return self.changed(knobs={**self.knobs, **knobs})

    def recipe_of(self, recipe: Recipe) -> Recipe:
        """The source's recipe with this one's knobs in its [sampling]. Raises RecipeError."""
        return replaced(recipe, {f"sampling.{name}": value for name, value in self.knobs.items()})

    def resolved(self, recipe: Recipe, checkpoint: int | None) -> Denoising:
        """With every knob and the checkpoint that it was drawn with; `recipe` as `recipe_of` gives it."""
        sampling = as_dict(recipe)["sampling"]
        return self.changed(checkpoint=checkpoint, knobs={name: sampling[name] for name in DRAWING_KNOBS})

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `parse_denoising` takes them."""
        return self.model_dump(mode="json")

    def key(self) -> str:
        """16 hex digits: equal for denoisings that draw the same pictures."""
        fields = {name: value for name, value in self.to_json().items() if name != "place"}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def parse_denoising(fields: Mapping[str, Any]) -> Denoising:
    """Raises RecipeError, a line that names the field."""
    try:
        return Denoising.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        words = str(first["msg"]).removeprefix("Value error, ")
        raise RecipeError(f"{where}: {words[0].lower()}{words[1:]}" if where else words) from error
