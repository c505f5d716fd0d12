"""Rows on where a denoising starts: noise, an image, an image's inversion; and what of the image stays."""

from __future__ import annotations

from pathlib import Path

from tui_lab.errors import RecipeError
from tui_lab.recipe.denoising import Denoising, ImageRef, Start
from tui_lab.recipe.possible import why_not
from tui_lab.runs.home import lab_home
from tui_lab.sanitize import clean
from tui_lab.tui.control.rows import NONE, Entry, Option, PartRow, Row, Subject

_A = {"noise": "noise", "image": "an image", "inversion": "an inversion"}


class StartRow(Row):
    """Noise, an image, or an image's inversion. What needs an image is chosen after the image."""

    entry: Entry = "choose"
    WORDS = {
        "noise": "from pure noise",
        "image": "from the image, noised as far as the strength says",
        "inversion": "from the noise that DDIM finds under the image, and so back to it",
    }

    def barred(self, asked: Denoising, subject: Subject) -> str:
        return subject.no_pictures

    def value(self, asked: Denoising, subject: Subject) -> str:
        return asked.start.kind

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        return [Option(kind, words, self._why_not(kind, asked, subject)) for kind, words in self.WORDS.items()]

    def _why_not(self, kind: str, asked: Denoising, subject: Subject) -> str:
        if kind == "noise":
            return ""
        if asked.start.image is None:
            return "choose an image first"
        return why_not(self._of_kind(asked, kind), subject.recipe)

    @staticmethod
    def _of_kind(asked: Denoising, kind: str) -> Denoising:
        return asked.changed(start={**asked.start.model_dump(), "kind": kind})

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        return self._of_kind(asked, text)

    def cleared(self, asked: Denoising) -> Denoising:
        return self._of_kind(asked, "noise")


class ImageRow(Row):
    """A picture that is picked on a screen of its own; typed, it is an index of the dataset or a file's path."""

    entry: Entry = "image"

    def barred(self, asked: Denoising, subject: Subject) -> str:
        return subject.no_pictures

    def image(self, asked: Denoising) -> ImageRef | None:
        return asked.start.image

    def with_image(self, asked: Denoising, image: ImageRef) -> Denoising:
        """A start from noise becomes one from the image, unless a mask is all that the image is for."""
        kind = "image" if asked.start.kind == "noise" and asked.keep is None else asked.start.kind
        return asked.changed(start={**asked.start.model_dump(), "image": image, "kind": kind})

    def value(self, asked: Denoising, subject: Subject) -> str:
        return image_words(self.image(asked))

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        raise RecipeError("pick an image with enter")

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(start=Start(strength=asked.start.strength), keep=None)


class StrengthRow(PartRow):
    """Only of a start from an image."""

    def barred(self, asked: Denoising, subject: Subject) -> str:
        idle = "" if asked.start.kind == "image" else f"it starts from {_A[asked.start.kind]}"
        return subject.no_pictures or idle


class MaskRow(Row):
    """What of the image stays, painted on a screen of its own."""

    entry: Entry = "mask"

    def barred(self, asked: Denoising, subject: Subject) -> str:
        idle = "" if asked.start.image is not None else "choose an image first: the mask is painted over it"
        return subject.no_pictures or idle

    def value(self, asked: Denoising, subject: Subject) -> str:
        if asked.keep is None:
            return NONE
        total = asked.keep.height * asked.keep.width
        return f"{asked.keep.kept:,} of {total:,} pixels stay"

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        raise RecipeError("paint a mask with enter")

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(keep=None)


def image_words(image: ImageRef | None) -> str:
    """ "#12 of the dataset", "photo.png", of a kept sample the first of its name."""
    if image is None:
        return NONE
    if image.kind == "data":
        return f"#{image.index} of the dataset"
    path = Path(image.path)
    is_kept = path.parent == lab_home() / "gallery"
    return clean(f"sample {path.name.partition('-')[0]} of the gallery" if is_kept else path.name, 60)
