"""Rows on guidance by a loss: which one, how strong, and towards what."""

from __future__ import annotations

from pathlib import Path

from textual.color import Color, ColorParseError

from tui_lab.errors import RecipeError
from tui_lab.recipe import Knob
from tui_lab.recipe.denoising import Denoising, ImageRef, Pull
from tui_lab.sanitize import clean
from tui_lab.tui.control.rows import NONE, Entry, Option, PartRow, Row, Subject


class PullRow(Row):
    """Which loss of the predicted x₀ pulls at the drawing."""

    entry: Entry = "choose"
    WORDS = {
        NONE: "nothing pulls",
        "colour": "towards a colour",
        "brightness": "towards a brightness",
        "symmetry": "towards left like right",
        "likeness": "towards the likeness of an image",
        "file": "by a Python file of your own, with loss(x0)",
    }

    def barred(self, asked: Denoising, subject: Subject) -> str:
        return subject.no_pictures

    def value(self, asked: Denoising, subject: Subject) -> str:
        return NONE if asked.pull is None else asked.pull.kind

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        return [Option(kind, words) for kind, words in self.WORDS.items()]

    def nudged(self, asked: Denoising, subject: Subject, by: int) -> Denoising:
        """Those that need no more than their name."""
        plain = [NONE, "colour", "brightness", "symmetry"]
        now = self.value(asked, subject)
        at = plain.index(now) + by if now in plain else 0
        return self.typed(asked, subject, plain[at % len(plain)])

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        """What was set of another loss stays set."""
        if text == NONE:
            return asked.changed(pull=None)
        before = asked.pull.model_dump() if asked.pull is not None else {}
        return asked.changed(pull={**before, "kind": text})

    def with_image(self, asked: Denoising, image: ImageRef) -> Denoising:
        before = asked.pull.model_dump() if asked.pull is not None else {}
        return asked.changed(pull={**before, "kind": "likeness", "image": image})

    def with_file(self, asked: Denoising, path: Path, sha256: str) -> Denoising:
        before = asked.pull.model_dump() if asked.pull is not None else {}
        return asked.changed(pull={**before, "kind": "file", "path": str(path), "sha256": sha256})

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(pull=None)


class PullPartRow(PartRow):
    """A number of the loss; `only` of that kind, "" of each."""

    def __init__(self, section: str, knob: Knob, only: str = "") -> None:
        super().__init__(section, knob)
        self.only = only

    def barred(self, asked: Denoising, subject: Subject) -> str:
        return subject.no_pictures or _not_pulled(asked, self.only)


class ColourRow(Row):
    """The colour that is pulled towards, by its name or as #rrggbb."""

    def barred(self, asked: Denoising, subject: Subject) -> str:
        return subject.no_pictures or _not_pulled(asked, "colour")

    def value(self, asked: Denoising, subject: Subject) -> str:
        return Color(*self.colour(asked)).hex.lower()

    @staticmethod
    def colour(asked: Denoising) -> tuple[int, int, int]:
        return asked.pull.colour if asked.pull is not None else Pull(kind="colour").colour

    def nudged(self, asked: Denoising, subject: Subject, by: int) -> Denoising:
        """Round the circle of hues; of a grey, from red on."""
        h, s, v = Color(*self.colour(asked)).hsv
        turned = Color.from_hsv((h + by / 24) % 1, s or 1.0, v or 1.0)
        return self.written(asked, turned)

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        try:
            return self.written(asked, Color.parse(text.strip().lower()))
        except ColorParseError as error:
            raise RecipeError(f"{clean(text, 40)!r} is no colour: a name such as teal, or #rrggbb") from error

    @staticmethod
    def written(asked: Denoising, colour: Color) -> Denoising:
        before = asked.pull.model_dump() if asked.pull is not None else {"kind": "colour"}
        return asked.changed(pull={**before, "colour": colour.rgb})

    def cleared(self, asked: Denoising) -> Denoising:
        return asked if asked.pull is None else self.written(asked, Color(*Pull(kind="colour").colour))


def _not_pulled(asked: Denoising, kind: str) -> str:
    if asked.pull is None:
        return "no loss pulls"
    return f"the loss is {asked.pull.kind}" if kind and asked.pull.kind != kind else ""
