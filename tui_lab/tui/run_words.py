"""A run's state in the few words that the header and the strip have room for."""

from __future__ import annotations

from tui_lab.recipe import Recipe
from tui_lab.runs.status import Status
from tui_lab.sanitize import clean
from tui_lab.tui.attached import AttachedRun
from tui_lab.tui.schedule_words import OBJECTIVES, process_words
from tui_lab.tui.widgets.header import HeaderState


def header_of(
    recipe: Recipe, origin: str, parameters: int | None, attached: AttachedRun | None, note: str
) -> HeaderState:
    """What the header says of the draft and of the attached run. `note` is the quiet word of what is going on aside."""
    noise = recipe.noise_scheduler
    model = recipe.model.class_name.removesuffix("Model")
    about = {
        "recipe": clean(origin, 28),
        "model": f"{model} {short_count(parameters)}" if parameters else model,
        "objective": f"{OBJECTIVES[noise.objective]} · {process_words(noise)}",
        "note": note,
    }
    if attached is None:
        return HeaderState(**about)
    status = attached.status
    going = status.name == "running"
    return HeaderState(
        **about,
        run=clean(attached.id, 28),
        status=status.name,
        progress=progress_words(status),
        speed=f"{status.steps_per_second:.1f} it/s" if going and status.steps_per_second else "",
        eta=eta_words(status) if going else "",
        device=device_words(attached),
    )


def progress_words(status: Status) -> str:
    """ "step 640/750", "step 640" for a run without an end."""
    return f"step {status.step}/{status.max_train_steps}" if status.max_train_steps else f"step {status.step}"


def eta_words(status: Status) -> str:
    """ "ETA 0:20", "" where it cannot be told."""
    left = status.max_train_steps - status.step
    if not status.steps_per_second or left <= 0:
        return ""
    return f"ETA {clock(left / status.steps_per_second)}"


def clock(seconds: float) -> str:
    """ "0:20", "12:05", "3:07:00"."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def device_words(attached: AttachedRun) -> str:
    """ "cpu ×2 bf16", "cuda:0 bf16 3.1 GB"."""
    started = attached.started
    parts = [attached.status.device]
    if attached.status.device == "cpu" and (threads := started.get("threads")):
        parts[0] = f"cpu ×{threads}"
    if (precision := started.get("mixed_precision")) and precision != "no":
        parts.append(str(precision))
    if "compiled" in started.get("speed", ()):
        parts.append("compiled")
    memory = attached.curves.memory
    if len(memory) and memory[-1] > 0:
        parts.append(f"{memory[-1] / 1e9:.1f} GB")
    return clean(" ".join(parts), 40)


def strip_words(status: Status, loss: float | None) -> str:
    """One line for the narrow strip: run, progress, loss, speed, time left."""
    parts = [clean(status.run, 24), progress_words(status)]
    if loss is not None:
        parts.append(f"loss {loss:.4f}")
    if status.name == "running" and status.steps_per_second:
        parts += [f"{status.steps_per_second:.1f} it/s", eta_words(status)]
    elif status.name != "running":
        parts.append(status.name)
    return "  ".join(part for part in parts if part)


def short_count(number: int) -> str:
    """1138115 → "1.1M"."""
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.1f}{unit}"
    return str(number)
