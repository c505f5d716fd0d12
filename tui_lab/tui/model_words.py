"""What a model costs, in words: parameters, work, memory and time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tui_lab.recipe import KNOBS, Recipe, get
from tui_lab.tui.run_words import clock, short_count
from tui_lab.workbench.client import ModelSummary, Probe


def cost_lines(recipe: Recipe, summary: ModelSummary | None, probe: Probe | None, waiting: str) -> Content:
    """One line a fact; `waiting` stands where nothing is known yet."""
    lines = [_line("start", recipe.model.base_checkpoint or "fresh weights")]
    if summary is None:
        return Content("\n").join([*lines, Content.styled(waiting, "$secondary")])
    lines += [
        _line("parameters", f"{summary.parameters:,}".replace(",", "\u202f")),
        _line("a step", f"{si(summary.flops_per_step, 'FLOP')}, fwd+bwd"),
        _line("memory", f"≈ {size(summary.memory.total)}, estimated"),
        *(_line(name, size(part), "$secondary") for name, part in memory_parts(summary)),
    ]
    if probe is None:
        lines.append(_line("time", "b times two steps"))
    else:
        lines.append(_line("time", f"{seconds_words(probe.seconds_per_step)} a step, {probe.device}"))
        left = recipe.training.max_train_steps
        if left:
            lines.append(_line("to the end", f"{clock(left * probe.seconds_per_step)} for {left} steps"))
        if probe.peak_bytes is not None:
            lines.append(_line("peak", f"{size(probe.peak_bytes)}, measured"))
    return Content("\n").join(lines)


def memory_parts(summary: ModelSummary) -> list[tuple[str, int]]:
    """What the memory goes to, the largest first."""
    memory = summary.memory
    learning = memory.gradients + memory.optimizer
    parts = [("activations", memory.activations), ("weights", memory.weights + memory.copies), ("learning", learning)]
    return sorted(parts, key=lambda part: -part[1])


def _line(name: str, value: str, style: str = "$foreground") -> Content:
    return Content.assemble((f"{name:<12}", "$secondary"), (value, style))


def change_lines(recipe: Recipe, changes: Mapping[str, Any]) -> Content:
    """What would change, a knob a line: its name, the old value, the new one."""
    moved = {key: new for key, new in changes.items() if get(recipe, key) != new}
    if not moved:
        return Content.styled("The recipe has this model already.", "$secondary")
    lines = []
    for key, new in moved.items():
        knob = KNOBS[key]
        old = knob.format(get(recipe, key)) or "none"
        lines.append(
            Content.assemble(
                (f"{knob.title}\n", "$foreground bold"),
                (f"  {old}", "$secondary"),
                (" → ", "$accent"),
                (knob.format(new) or "none", "$foreground"),
            )
        )
    return Content("\n").join(lines)


def si(number: float, unit: str) -> str:
    """4.1e9 FLOP → "4.1 GFLOP"."""
    for limit, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {prefix}{unit}"
    return f"{number:.0f} {unit}"


def size(count: float) -> str:
    """Bytes as "212 MB", "3.1 GB"."""
    return si(count, "B")


def seconds_words(seconds: float) -> str:
    """ "85 ms", "0.31 s", "12 s"."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def preset_words(parameters: int, resolution: int) -> str:
    """ "1.1M at 16 px"."""
    return f"{short_count(parameters)} at {resolution} px"
