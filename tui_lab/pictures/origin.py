"""What a denoising came from: enough to tell whether it can be made again bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Origin:
    """`weights`: ema, live or pipeline, with the `sha256` of their values; `class_labels` by number, None of a model
    without classes; `versions` also hold the threads and the instruction set."""

    weights: str
    sha256: str
    recipe_hash: str
    class_labels: tuple[int, ...] | None
    device: str
    device_name: str
    versions: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> Self:
        """Raises TypeError or KeyError where it is no origin."""
        labels = fields["class_labels"]
        return cls(**{**fields, "class_labels": None if labels is None else tuple(labels)})

    def differences(self, other: Origin) -> list[str]:
        """In words, what of another origin is not as here, and so may change bits."""
        found = []
        if self.sha256 != other.sha256:
            found.append("other weights")
        if self.class_labels != other.class_labels:
            found.append("other classes")
        if (self.device, self.device_name) != (other.device, other.device_name):
            found.append(f"drawn on {self.device_name}, not on {other.device_name}")
        for name in sorted({*self.versions, *other.versions}):
            mine, its = self.versions.get(name, "none"), other.versions.get(name, "none")
            if mine != its:
                found.append(f"{name} {mine}, not {its}")
        return found
