"""What a person picks when they choose data, and what the pick does to a recipe's knobs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from tui_lab.catalog.datasets import DATASETS, HUB_DATASETS
from tui_lab.errors import RecipeError
from tui_lab.recipe import Dataset, Recipe, edited, problems
from tui_lab.sanitize import clean

REMEMBERED = 8
"""Recent choices that are kept."""
LARGEST_NATIVE = 128
"""Pictures larger than this are photographs: they are brought to the recipe's own resolution, not taken as they are."""
_HUB_PAGE = re.compile(r"https?://[^/]+/datasets/([^/\s]+/[^/\s?#]+).*")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class DataChoice:
    """Where pictures come from, in the words of the recipe's `[dataset]`, and the shape to take them in: 0 for what is
    not known."""

    name: str = ""
    path: str = ""
    config: str = ""
    split: str = "train"
    revision: str = ""
    streaming: bool = False
    image_column: str = ""
    label: str = ""
    resolution: int = 0
    width: int = 0
    channels: int = 0

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """The choice that a recipe holds."""
        return cls(**{field.name: getattr(dataset, field.name) for field in fields(cls)})

    @classmethod
    def known(cls, name: str) -> Self:
        """An embedded or installed set at its native shape."""
        info = DATASETS[name]
        return cls(name=name, resolution=info.resolution, channels=info.channels)

    @classmethod
    def of_hub(cls, name: str) -> Self:
        """A set of the hub, at the shape that suits it where the lab knows it."""
        info = HUB_DATASETS.get(name)
        return cls(name=name) if info is None else cls(name=name, resolution=info.resolution, channels=info.channels)

    @classmethod
    def parse_hub(cls, text: str) -> Self:
        """From "owner/name, config, split=test, revision=main, streaming", or the address of a set's page. Raises
        RecipeError."""
        first, *rest = (part.strip() for part in text.split(","))
        if page := _HUB_PAGE.fullmatch(first):
            first = page[1]
        if not _HUB_NAME.fullmatch(first):
            raise RecipeError(f"{clean(first, 60)!r} is no hub name: it is owner/name, such as ylecun/mnist")
        given: dict[str, Any] = {"name": first}
        for part in filter(None, rest):
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if part == "streaming":
                given["streaming"] = True
            elif equals and key in ("config", "split", "revision"):
                given[key] = value
            elif not equals and "config" not in given:
                given["config"] = part
            else:
                raise RecipeError(
                    f"{clean(part, 40)!r} is not understood: owner/name, config, split=…, revision=…, streaming"
                )
        return cls(**given)

    @classmethod
    def stored(cls, values: object) -> Self | None:
        """One that was remembered; None where the memory is damaged."""
        if not isinstance(values, dict):
            return None
        default = cls()
        sound = {
            field.name: values[field.name]
            for field in fields(cls)
            if type(values.get(field.name)) is type(getattr(default, field.name))
        }
        choice = cls(**sound)
        return choice if choice.name or choice.path else None

    @property
    def source(self) -> tuple[object, ...]:
        """What makes two choices the same data, whatever their shape."""
        return self.path or self.name, *(() if self.path else (self.config, self.revision, self.streaming)), self.split

    @property
    def title(self) -> str:
        """ "pixel-faces", "owner/name · config · test", "~/photos"."""
        if self.path:
            return clean(shortened(Path(self.path)), 80)
        parts = [self.name, self.config, self.split if self.split != "train" else "", self.revision]
        return clean(" · ".join([*filter(None, parts), *(["streaming"] if self.streaming else [])]), 80)

    @property
    def shape(self) -> str:
        """ "28×28 grey", "" where it is not known."""
        if not self.resolution:
            return ""
        kind = {1: " grey", 3: " RGB", 4: " RGBA"}.get(self.channels, "")
        return f"{self.width or self.resolution}×{self.resolution}{kind}"

    def changes(self, recipe: Recipe) -> dict[str, Any]:
        """The knobs that this choice sets. What only the set before could mean (its classes, its columns) is cleared,
        and a size that the model cannot halve gives way to the next one that it can."""
        set_all: dict[str, Any] = {
            "dataset.path": self.path,
            "dataset.name": self.name or recipe.dataset.name,
            **{f"dataset.{key}": getattr(self, key) for key in ("config", "split", "revision", "streaming")},
            **{f"dataset.{key}": getattr(self, key) for key in ("image_column", "label")},
            "dataset.classes": (),
        }
        if self.streaming:
            set_all["dataset.balance"] = False
        if self.channels:
            set_all["dataset.channels"] = self.channels
        if self.resolution:
            set_all |= fitting_size(recipe, self.resolution, self.width)
        return set_all

    def remembered(self) -> dict[str, Any]:
        return asdict(self)


def fitting_size(recipe: Recipe, height: int, width: int) -> dict[str, Any]:
    """dataset.resolution and dataset.width for pictures of height × width (0: square): as they are where the recipe's
    model takes that, else the next multiples that it does; square where nothing else goes."""
    asked = [(height, 0 if width == height else width)]
    if asked[0][1]:
        asked.append((min(height, width), 0))
    for high, wide in asked:
        for multiple in (1, 2, 4, 8, 16, 32, 64):
            size = {"dataset.resolution": _up_to(high, multiple), "dataset.width": _up_to(wide, multiple)}
            if wide and len(set(size.values())) == 1:
                break  # rounded until it is square: cutting it square keeps more of the pictures
            if not any(problem.key in (*size, "model.class") for problem in problems(edited(recipe, size))):
                return size
    return {"dataset.resolution": height, "dataset.width": width}


def native_size(sizes: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """(height, width) of pictures that are all alike and small enough to be taken as they are; None else."""
    found = set(sizes)
    if len(found) != 1:
        return None
    ((height, width),) = found
    return (height, width) if min(height, width) >= 4 and max(height, width) <= LARGEST_NATIVE else None


def with_recent(recent: Iterable[DataChoice], choice: DataChoice) -> list[DataChoice]:
    """The recent choices with this one first; the same data is listed once, in the shape that it had last."""
    return [choice, *(other for other in recent if other.source != choice.source)][:REMEMBERED]


def shortened(path: Path) -> str:
    """The path with ~ for the home folder."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)


def _up_to(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple if size else 0
