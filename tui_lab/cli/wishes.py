"""What `sample` is asked for in words, as a `Denoising`; without torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_lab.errors import DataError, RecipeError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset
    from tui_lab.recipe.denoising import Denoising

_COLOUR = re.compile(r"#?([0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options that shape a drawing, as they were given; None, or nothing, where they were not. `knobs` are those of
    [sampling]."""

    knobs: Mapping[str, Any]
    class_label: Sequence[str] | None
    negative_class: str | None
    image: str | None
    strength: float | None
    invert: bool
    mask: Path | None
    between_seeds: int | None
    between_classes: str | None
    variation: str | None
    amount: float | None
    pull: str | None
    pull_scale: float | None
    loss: Path | None
    prompt: str | None
    negative_prompt: str | None

    @property
    def given(self) -> list[str]:
        """Names of the options that were given."""
        options = {**self.knobs, **{field.name: getattr(self, field.name) for field in fields(self)[1:]}}
        given = [name for name, value in options.items() if value not in (None, []) and value is not False]
        return [f"--{name.replace('_', '-')}" for name in given]

    def denoising(self, source: str, checkpoint: int | None, dataset: Dataset) -> Denoising:
        """`dataset`: the source's, whose pictures `data:17` counts, and as which files are fitted. Raises LabError."""
        from tui_lab.recipe.denoising import parse_denoising

        return parse_denoising(
            {
                "source": source,
                "checkpoint": checkpoint,
                "knobs": {name: value for name, value in self.knobs.items() if value is not None},
                "class_labels": tuple(map(_class_label, self.class_label or ())),
                "negative_class": _class_label(self.negative_class) if self.negative_class is not None else None,
                "start": self._start(dataset),
                "keep": self._mask(),
                "pull": self._pull(dataset),
                "between": self._between(),
                "variation": self._variation(),
                "prompt": self.prompt or "",
                "negative_prompt": self.negative_prompt or "",
            }
        )

    def _start(self, dataset: Dataset) -> dict[str, Any]:
        if self.invert:
            if self.strength is not None:
                raise RecipeError("--strength has no part in --invert, which goes all the way: leave one of them out")
            return {"kind": "inversion", "image": _image(self.image, dataset)}
        if self.image is None:
            if self.strength is not None:
                raise RecipeError("--strength says how far an image is noised: name one by --image")
            return {}
        # With a mask the rest is drawn from noise, unless a strength is given.
        kind = "noise" if self.mask is not None and self.strength is None else "image"
        strength = {} if self.strength is None else {"strength": self.strength}
        return {"kind": kind, "image": _image(self.image, dataset), **strength}

    def _mask(self) -> dict[str, Any] | None:
        if self.mask is None:
            return None
        if self.image is None:
            raise RecipeError("--mask says what of an image stays: name one by --image")
        return _read_mask(self.mask)

    def _pull(self, dataset: Dataset) -> dict[str, Any] | None:
        if self.pull is not None and self.loss is not None:
            raise RecipeError("--pull and --loss: take one of the two")
        found: dict[str, Any] | None = None
        if self.pull is not None:
            found = _read_pull(self.pull, dataset)
        elif self.loss is not None:
            if not self.loss.is_file():
                raise RecipeError(f"--loss {self.loss}: there is no such file")
            found = {"kind": "file", "path": str(self.loss.expanduser().absolute())}
        if self.pull_scale is not None:
            if found is None:
                raise RecipeError("--pull-scale says how strongly --pull or --loss pulls: give one of them")
            found["scale"] = self.pull_scale
        return found

    def _between(self) -> dict[str, Any] | None:
        if self.between_seeds is not None and self.between_classes is not None:
            raise RecipeError("--between-seeds and --between-classes: take one of the two")
        if self.between_seeds is not None:
            return {"kind": "seeds", "to": self.between_seeds}
        if self.between_classes is not None:
            return {"kind": "classes", "to": _class_label(self.between_classes)}
        return None

    def _variation(self) -> dict[str, Any] | None:
        if self.variation is None:
            if self.amount is not None:
                raise RecipeError("--amount says how far --variation moves: give that too")
            return None
        found = re.fullmatch(r"(\d+):(\d+)", self.variation)
        if not found:
            given = clean(self.variation, 40)
            raise RecipeError(f"--variation {given!r} has to be SEED:PLACE, as 7:3 for the fourth picture of seed 7")
        amount = {} if self.amount is None else {"amount": self.amount}
        return {"seed": int(found[1]), "place": int(found[2]), **amount}


def _class_label(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _image(text: str | None, dataset: Dataset) -> dict[str, Any]:
    """ "data:17", or a file."""
    from tui_lab.data.reference import file_reference

    if text is None:
        raise RecipeError("--invert finds the noise under an image: name one by --image")
    if found := re.fullmatch(r"data:(\d+)", text):
        return {"kind": "data", "index": int(found[1])}
    return file_reference(Path(text), dataset).model_dump()


def _read_pull(text: str, dataset: Dataset) -> dict[str, Any]:
    kind, _, value = text.partition("=")
    match kind, value:
        case "colour" | "color", _ if found := _COLOUR.fullmatch(value):
            return {"kind": "colour", "colour": tuple(bytes.fromhex(found[1]))}
        case "brightness", _ if (level := _number(value)) is not None:
            return {"kind": "brightness", "level": level}
        case "symmetry", "":
            return {"kind": "symmetry"}
        case "likeness", _ if value:
            return {"kind": "likeness", "image": _image(value, dataset)}
    raise RecipeError(
        f"--pull {clean(text, 60)!r} is none of colour=#1ae680, brightness=0.8, symmetry, likeness=FILE, "
        "likeness=data:17"
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _read_mask(path: Path) -> dict[str, Any]:
    """As diffusers has it: what is light is drawn anew, what is dark stays."""
    import numpy as np
    from PIL import Image

    from tui_lab.data.decode import UNREADABLE, why
    from tui_lab.data.masks import mask_of

    try:
        with Image.open(path) as image:
            light = np.asarray(image.convert("L")) >= 128
    except UNREADABLE as error:
        raise DataError(f"--mask {clean(str(path), 200)}: {why(error)}") from error
    return mask_of(~light).model_dump()
