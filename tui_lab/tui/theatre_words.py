"""What the theatre says of a denoising and of the step on the screen."""

from __future__ import annotations

from pathlib import Path

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.pictures.closeness import psnr
from tui_lab.recipe.denoising import Denoising
from tui_lab.sanitize import clean
from tui_lab.tui.chart import short_number
from tui_lab.workbench.cell import Cell, Level


def source_words(asked: Denoising, live: bool = False) -> str:
    """ "amber-heron @ 750", "amber-heron now"; of a pipeline's folder the end of its path."""
    parent, _, last = "/".join(Path(asked.source).parts[-2:]).rpartition("/")
    name = clean(last if parent in ("", "runs") else f"{parent}/{last}", 40)
    if live:
        return f"{name} now"
    return f"{name} @ {asked.checkpoint}" if asked.checkpoint is not None else name


def weights_words(cell: Cell) -> str:
    """ "EMA @ 750"; "" before they are known."""
    if cell.resolved is None:
        return ""
    known = {"ema": "EMA", "live": "without EMA", "pipeline": "pipeline's"}
    kind = known.get(cell.origin.weights, cell.origin.weights) if cell.origin is not None else "the run's"
    return kind if cell.resolved.checkpoint is None else f"{kind} @ {cell.resolved.checkpoint}"


def error_words(cell: Cell) -> str:
    """ "RMSE 0.012, 38.2 dB" of an inverted picture that was drawn again; "" of any other, and before that."""
    return "" if cell.rmse is None else f"RMSE {cell.rmse:.4f}, {psnr(cell.rmse):.1f} dB"


def memory_words(cell: Cell) -> str:
    """ "full: 2 at a time" where not all pictures fitted into the device's memory together."""
    return f"full: {cell.at_once} at a time" if 0 < cell.at_once < cell.images else ""


def state_words(cell: Cell | None) -> str:
    """How far it is drawn, "" once it is whole; an error in full."""
    if cell is None or cell.state == "waiting":
        return "waiting for its turn …"
    match cell.state:
        case "drawing" if not cell.count:
            return "reading the weights … (esc stops)"
        case "drawing":
            return f"drawing {cell.drawn}/{cell.count} (esc stops){cell.word and f', {cell.word}'}"
        case "stopped":
            return f"stopped at {cell.drawn}/{cell.count or '?'}: space draws it"
        case "failed":
            return cell.error
    return ""


def level_words(level: Level, count: int) -> list[tuple[str, str]]:
    """(name, value) of a step: where it is in the denoising and in the noise."""
    return [
        ("step", f"{level.index + 1}/{count}"),
        ("t", short_number(level.timestep)),
        ("σ", short_number(level.sigma)),
        ("SNR", short_number(level.snr)),
    ]


def knob_words(asked: Denoising) -> list[tuple[str, str]]:
    """(name, value) of how it is drawn, of what is known: the seed and the sampler first."""
    knobs = asked.knobs
    words = []
    if "seed" in knobs:
        words.append(("seed", str(knobs["seed"])))
    if "scheduler" in knobs:
        info = SAMPLERS.get(str(knobs["scheduler"]))
        words.append(
            ("sampler", f"{info.short if info else knobs['scheduler']} {knobs.get('num_inference_steps', '')}")
        )
    if knobs.get("eta"):
        words.append(("η", f"{knobs['eta']:g}"))
    if knobs.get("guidance_scale", 1.0) != 1.0:
        words.append(("guidance", f"{knobs['guidance_scale']:g}"))
    if asked.prompt:
        words.append(("prompt", clean(asked.prompt, 40)))
    if asked.negative_prompt:
        words.append(("not", clean(asked.negative_prompt, 40)))
    if asked.class_labels:
        words.append(("class", clean(", ".join(map(str, asked.class_labels)), 40)))
    if asked.negative_class is not None:
        words.append(("not", clean(str(asked.negative_class), 24)))
    if asked.start.kind != "noise":
        strength = f" {asked.start.strength:g}" if asked.start.kind == "image" else ""
        words.append(("from", f"{asked.start.kind}{strength}"))
    if asked.keep is not None:
        words.append(("kept", f"{asked.keep.kept / (asked.keep.height * asked.keep.width):.0%}"))
    if asked.pull is not None:
        words.append(("pull", f"{asked.pull.kind} {asked.pull.scale:g}"))
    if asked.between is not None:
        words.append(("to", clean(str(asked.between.to), 24)))
    if asked.variation is not None:
        words.append(("varied", f"{asked.variation.amount:g}"))
    return words
