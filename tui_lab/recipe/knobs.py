"""A knob: one field of a recipe, declared once, with all that a form, a command line and a help page need of it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from tui_lab.errors import RecipeError

Kind = Literal["float", "int", "bool", "choice", "text", "list"]
Scale = Literal["linear", "log", "complement"]

LOG_RATIO = 1.25
"""One nudge of a knob on a log scale multiplies by this, rounded to two digits: about ten nudges a decade."""


@dataclass(frozen=True, slots=True)
class Knob:
    """What is known of one field. `scale` says how a nudge moves it: by `step` (linear), by a ratio (log), or by the
    ratio of its distance to 1 (complement, for decays such as .999)."""

    key: str
    title: str
    help: str
    kind: Kind
    default: Any
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float = 1
    scale: Scale = "linear"
    live: bool = False
    choices: tuple[Any, ...] = ()
    item_kind: Kind = "text"

    @property
    def section(self) -> str:
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        return self.key.partition(".")[2]

    @property
    def log(self) -> bool:
        return self.scale == "log"

    @property
    def can_nudge(self) -> bool:
        return self.kind in ("float", "int", "bool", "choice")

    @property
    def bounds(self) -> str:
        """The allowed range in words, "" where there is none."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        low = "" if self.minimum is None else format_number(self.minimum)
        high = "" if self.maximum is None else format_number(self.maximum)
        if low and high:
            return f"{low} to {high}"
        return f"at least {low}" if low else f"at most {high}" if high else ""

    def parse(self, text: str) -> Any:
        """The value that a person typed. Raises RecipeError that names the knob and what it takes."""
        text = text.strip()
        if self.kind == "list":
            parts = [part.strip().strip("\"'") for part in text.strip("[]() ").split(",")]
            return tuple(_scalar(self, part, self.item_kind) for part in parts if part)
        return _scalar(self, text, self.kind)

    def format(self, value: Any) -> str:
        """The value as a person would type it: `parse(format(v)) == v`."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple | list):
            return ", ".join(self.format(item) for item in value)
        if isinstance(value, float):
            return format_number(value)
        return str(value)

    def nudge(self, value: Any, direction: int) -> Any:
        """The next value up (+1) or down (-1), kept inside the bounds."""
        if self.kind == "bool":
            return not value
        if self.kind == "choice":
            at = self.choices.index(value) if value in self.choices else 0
            return self.choices[(at + direction) % len(self.choices)]
        if self.kind == "int" and self.scale == "log":
            moved: float = value * 2 if direction > 0 else value // 2
            if value == 0:
                moved = self.step if direction > 0 else 0
            elif moved < self.step and direction < 0:
                moved = self.minimum or 0
        elif self.scale == "log":
            moved = self.step if value == 0 and direction > 0 else _two_digits(value * LOG_RATIO**direction)
        elif self.scale == "complement":
            moved = 1 - _two_digits((1 - value) * LOG_RATIO**-direction)
            moved = round(moved, 8)
        else:
            moved = round((value + direction * self.step) / self.step) * self.step
        if self.minimum is not None:
            moved = max(self.minimum, moved)
        if self.maximum is not None:
            moved = min(self.maximum, moved)
        return self._typed(moved)

    def _typed(self, value: float) -> float | int:
        return int(value) if self.kind == "int" else float(f"{value:.10g}")


def knob(
    default: Any = ...,
    *,
    title: str,
    help: str,
    unit: str = "",
    ge: float | None = None,
    le: float | None = None,
    step: float = 1,
    scale: Scale = "linear",
    live: bool = False,
    choices: tuple[str, ...] = (),
    alias: str | None = None,
) -> Any:
    """A pydantic field that carries its knob. `choices` also serves fields whose names a catalog lists."""
    extra: Any = {"unit": unit, "ge": ge, "le": le, "step": step, "scale": scale, "live": live, "choices": choices}
    return Field(default, title=title, description=help, ge=ge, le=le, alias=alias, json_schema_extra={"knob": extra})


def knobs_of(section: str, model: type[BaseModel]) -> Iterator[Knob]:
    """The knobs that a section's model declares, in order."""
    for attribute, field in model.model_fields.items():
        yield _knob(f"{section}.{field.alias or attribute}", field)


def nearest(name: str, known: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    """ "; did you mean X?" for a name that is not among the known ones, or "" where none is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.55)
    return f"; did you mean {close[0]}?" if close else ""


def format_number(value: float) -> str:
    """The shortest text that reads back as the same number: 64, 0.02, 1e-4."""
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e6):
        return str(int(value))
    if not 0 < abs(value) < 1e-3:
        return repr(float(value))
    shortest = next(text for digits in range(17) if float(text := f"{value:.{digits}e}") == value)
    mantissa, _, exponent = shortest.partition("e")
    return f"{mantissa}e{int(exponent)}"


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")


def _scalar(knob: Knob, text: str, kind: Kind) -> Any:
    try:
        if kind == "int":
            number = float(text)
            if number != int(number):
                raise ValueError(text)
            return int(number)
        if kind == "float":
            return float(text)
    except (ValueError, OverflowError) as error:
        whole = "a whole number" if kind == "int" else "a number"
        hint = f" ({knob.bounds})" if knob.bounds else ""
        raise RecipeError(f"{knob.key} takes {whole}{hint}, not {text!r}") from error
    if kind == "bool":
        known = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if text.lower() not in known:
            raise RecipeError(f"{knob.key} takes true or false, not {text!r}")
        return known[text.lower()]
    text = text.strip("\"'")
    if kind == "choice":
        named = {str(choice): choice for choice in knob.choices}
        if text not in named:
            raise RecipeError(f"{knob.key} is {knob.bounds}, not {text!r}{nearest(text, list(named))}")
        return named[text]
    return text


def _knob(key: str, field: FieldInfo) -> Knob:
    extra: dict[str, Any] = field.json_schema_extra["knob"]  # type: ignore[index, assignment]
    kind, item_kind, literals = _kind(field.annotation)
    choices = extra["choices"] or literals
    if extra["choices"] and kind == "text":
        kind = "choice"
    return Knob(
        key=key,
        title=field.title or key,
        help=field.description or "",
        kind=kind,
        default=None if field.is_required() else field.default,
        unit=extra["unit"],
        minimum=extra["ge"],
        maximum=extra["le"],
        step=extra["step"],
        scale=extra["scale"],
        live=extra["live"],
        choices=choices,
        item_kind=item_kind,
    )


def _kind(annotation: Any) -> tuple[Kind, Kind, tuple[str, ...]]:
    """(kind, kind of a list's items, choices) of a field's annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        kind: Kind = "choice"
        return kind, "text", tuple(arguments)
    if origin is tuple:
        inner = _kind(arguments[0])[0]
        return "list", "text" if inner == "choice" else inner, ()
    scalar: dict[Any, Kind] = {float: "float", int: "int", bool: "bool", str: "text"}
    return scalar[annotation], "text", ()
