"""The rows of the control form: what of a denoising each one shows and turns, and why it may do nothing here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

from tui_lab.data import Images
from tui_lab.data.drawable import drawable
from tui_lab.errors import RecipeError
from tui_lab.recipe import KNOBS, Knob, Recipe
from tui_lab.recipe.classes import null_label, real_classes
from tui_lab.recipe.denoising import ClassLabel, Denoising
from tui_lab.recipe.possible import choices_of
from tui_lab.sanitize import clean

NONE = "none"
Entry = Literal["type", "choose", "image", "mask", "path"]
"""How a value is given beside the arrows: typed, chosen from a list, or on a screen of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is steered: the source's recipe, and the pictures of its dataset where they are at hand. `no_pictures` says
    why none of them, nor a mask or a loss, can steer here, "" where they can."""

    recipe: Recipe
    images: Images | None = None
    no_pictures: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """A name for each class that the model can be told; its number where it has none."""
        names = self.images.classes if self.images is not None else self.recipe.dataset.classes
        return tuple(clean(names[i], 40) if i < len(names) else str(i) for i in range(real_classes(self.recipe)))

    def class_number(self, text: ClassLabel) -> int:
        """The class of that name or number. Raises RecipeError."""
        text = str(text).strip()
        classes = self.classes
        if text in classes:
            return classes.index(text)
        if text.isdigit() and int(text) < len(classes):
            return int(text)
        raise RecipeError(f"there is no class {clean(text, 40)!r}: enter lists the {len(classes)} that there are")

    def class_name(self, label: ClassLabel) -> str:
        """By its name, where it is known."""
        known = isinstance(label, int) and label < len(self.classes)
        return self.classes[int(label)] if known else clean(str(label), 40)

    def knob(self, asked: Denoising, name: str) -> Any:
        """The value of a knob of [sampling]: that of `asked`, or else the source's own."""
        return asked.knobs.get(name, getattr(self.recipe.sampling, name))

    def check(self, asked: Denoising) -> None:
        """Raises RecipeError, with the way out, where the source cannot be drawn so."""
        drawable(asked, self.recipe)

    @property
    def no_classes(self) -> str:
        """Why classes say nothing here, "" where they do."""
        return "" if real_classes(self.recipe) else "this model is unconditional: it was told no classes"

    @property
    def no_guidance(self) -> str:
        """Why guidance can do nothing here."""
        if self.no_classes or null_label(self.recipe) is not None:
            return self.no_classes
        return "this model knows no class for none: it was trained with loss.class_dropout 0"


@dataclass(frozen=True, slots=True)
class Option:
    """One of a row's values, in a list; `barred` says why it cannot be taken."""

    name: str
    words: str = ""
    barred: str = ""


class Row(ABC):
    """One line of the form. What it gives back is a changed `Denoising`, or a RecipeError in one line."""

    entry: Entry = "type"

    def __init__(self, key: str, section: str, title: str, help: str) -> None:
        self.key, self.section, self.title, self.help = key, section, title, help

    @abstractmethod
    def value(self, asked: Denoising, subject: Subject) -> str:
        """In the words of whoever would type it."""

    def barred(self, asked: Denoising, subject: Subject) -> str:
        """Why it does nothing here, "" where it does."""
        return ""

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        """What there is to choose from, of a row with that entry."""
        return []

    def nudged(self, asked: Denoising, subject: Subject, by: int) -> Denoising:
        """The next value up or down; of a row with options, the next one that can be taken."""
        names = [option.name for option in self.options(asked, subject) if not option.barred]
        if not names:
            return asked
        now = self.value(asked, subject)
        at = names.index(now) + by if now in names else 0
        return self.typed(asked, subject, names[at % len(names)])

    @abstractmethod
    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        """With the value that was typed, or chosen by its name."""

    @abstractmethod
    def cleared(self, asked: Denoising) -> Denoising:
        """As it is where nobody steers."""


class NumberRow(Row):
    """A number with a knob's bounds, steps and words."""

    def __init__(self, section: str, knob: Knob) -> None:
        super().__init__(knob.key, section, knob.title, knob.help)
        self.knob = knob

    @abstractmethod
    def read(self, asked: Denoising, subject: Subject) -> Any: ...

    @abstractmethod
    def written(self, asked: Denoising, value: Any) -> Denoising: ...

    def value(self, asked: Denoising, subject: Subject) -> str:
        return self.knob.format(self.read(asked, subject))

    def nudged(self, asked: Denoising, subject: Subject, by: int) -> Denoising:
        return self.written(asked, self.knob.nudge(self.read(asked, subject), by))

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        return self.written(asked, self.knob.parse(text))


class SamplingRow(NumberRow):
    """A knob of the recipe's [sampling]."""

    def __init__(self, section: str, name: str, title: str = "", help: str = "") -> None:
        """`title` and `help` where a drawing calls it otherwise than a recipe."""
        super().__init__(section, KNOBS[f"sampling.{name}"])
        self.entry = "choose" if self.knob.kind == "choice" else "type"
        self.title, self.help = title or self.title, help or self.help

    def read(self, asked: Denoising, subject: Subject) -> Any:
        return subject.knob(asked, self.knob.name)

    def written(self, asked: Denoising, value: Any) -> Denoising:
        return asked.turned(**{self.knob.name: value})

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        """All of the knob's choices; of those that cannot be drawn the reason."""
        found = choices_of(asked, subject.recipe, self.knob.name) if self.entry == "choose" else []
        return [Option(str(choice), barred=reason) for choice, reason in found]

    def nudged(self, asked: Denoising, subject: Subject, by: int) -> Denoising:
        return (Row if self.entry == "choose" else NumberRow).nudged(self, asked, subject, by)

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(knobs={name: value for name, value in asked.knobs.items() if name != self.knob.name})


class PartRow(NumberRow):
    """A number of one of a denoising's parts: `key` is its path, such as start.strength."""

    def read(self, asked: Denoising, subject: Subject) -> Any:
        part = getattr(asked, self.knob.section)
        return self.knob.default if part is None else getattr(part, self.knob.name)

    def written(self, asked: Denoising, value: Any) -> Denoising:
        part = getattr(asked, self.knob.section)
        return asked.changed(**{self.knob.section: {**part.model_dump(), self.knob.name: value}})

    def cleared(self, asked: Denoising) -> Denoising:
        return asked if getattr(asked, self.knob.section) is None else self.written(asked, self.knob.default)
