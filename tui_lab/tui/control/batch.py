"""Rows on how the pictures of a batch belong together: a row from one to another, or neighbours of one sample."""

from __future__ import annotations

from tui_lab.recipe import KNOBS
from tui_lab.recipe.denoising import Between, ClassLabel, Denoising, Variation
from tui_lab.tui.control.rows import NONE, Entry, Option, PartRow, Row, Subject


class BetweenRow(Row):
    """Whether the batch is a row from one seed or class to another."""

    entry: Entry = "choose"
    WORDS = {
        NONE: "each picture has noise of its own",
        "seeds": "from this seed's noise to another's, on the sphere",
        "classes": "from this class to another, over the same noise",
    }

    def value(self, asked: Denoising, subject: Subject) -> str:
        return NONE if asked.between is None else asked.between.kind

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        few = subject.no_classes or ("" if len(subject.classes) > 1 else "the model knows but one class")
        return [Option(kind, words, few if kind == "classes" else "") for kind, words in self.WORDS.items()]

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        if text == NONE:
            return asked.changed(between=None)
        if text == "seeds":
            return asked.changed(between=Between(kind="seeds", to=subject.knob(asked, "seed") + 1))
        return asked.changed(between=Between(kind="classes", to=len(subject.classes) - 1))

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(between=None)


class BetweenToRow(Row):
    """The other end: a seed, or a class."""

    _SEED = KNOBS["sampling.seed"]

    def barred(self, asked: Denoising, subject: Subject) -> str:
        return "" if asked.between is not None else "no row from one to another"

    def value(self, asked: Denoising, subject: Subject) -> str:
        if asked.between is None:
            return NONE
        is_class = asked.between.kind == "classes"
        return subject.class_name(asked.between.to) if is_class else f"seed {asked.between.to}"

    def nudged(self, asked: Denoising, subject: Subject, by: int) -> Denoising:
        if asked.between is None:
            return asked
        if asked.between.kind == "seeds":
            return self._written(asked, self._SEED.nudge(int(asked.between.to), by))
        at = subject.class_number(asked.between.to)
        return self._written(asked, (at + by) % len(subject.classes))

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        if asked.between is not None and asked.between.kind == "classes":
            return self._written(asked, subject.class_number(text))
        return self._written(asked, self._SEED.parse(text.removeprefix("seed")))

    @staticmethod
    def _written(asked: Denoising, to: ClassLabel) -> Denoising:
        return asked if asked.between is None else asked.changed(between=asked.between.model_copy(update={"to": to}))

    def cleared(self, asked: Denoising) -> Denoising:
        return asked


class VariationRow(Row):
    """Whether the batch are neighbours of one sample: the one that was chosen, of what stood on the screen."""

    entry: Entry = "choose"

    def __init__(self, section: str, chosen: Variation | None) -> None:
        super().__init__("variation", section, "of", "Neighbours of one sample: its noise, moved a little.")
        self._chosen = chosen

    def value(self, asked: Denoising, subject: Subject) -> str:
        return NONE if asked.variation is None else _sample_words(asked.variation)

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        found = [Option(NONE, "each picture has noise of its own")]
        for one in (self._chosen, asked.variation):
            if one is not None and _sample_words(one) not in [option.name for option in found]:
                found.append(Option(_sample_words(one), "neighbours of this sample"))
        return found

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        if text == NONE:
            return asked.changed(variation=None)
        known = [one for one in (asked.variation, self._chosen) if one is not None and _sample_words(one) == text]
        return asked.changed(variation=known[0]) if known else asked

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(variation=None)


class AmountRow(PartRow):
    def barred(self, asked: Denoising, subject: Subject) -> str:
        return "" if asked.variation is not None else "no sample is varied"


def _sample_words(one: Variation) -> str:
    return f"sample {one.place + 1} of seed {one.seed}"
