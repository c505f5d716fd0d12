"""The command `diffusion-lab`. What opens the lab's screen gets there without importing the rest of the commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tui_lab.errors import DataError, DeviceError, LabError, RecipeError, RunError

COMMANDS = (
    "train", "runs", "show", "log", "pause", "resume", "stop", "checkpoint", "set", "fork", "undo", "replay", "diff",
    "delete", "prune", "sample", "export", "schedule", "recipes", "datasets", "doctor", "bench",
)  # fmt: skip

BAD_INPUT = 2
_BAD_INPUT_ERRORS = (RecipeError, RunError, DataError, DeviceError)


def main(arguments: Sequence[str] | None = None) -> None:
    """A first word that is no command is a recipe or a run, for the screen. Exits; never returns."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(_run(words))
    except LabError as error:
        if os.environ.get("DIFFUSION_LAB_DEBUG"):
            raise
        from tui_lab.sanitize import clean

        sys.stderr.write(f"diffusion-lab: {clean(error.message, 1000)}\n")
        sys.exit(BAD_INPUT if isinstance(error, _BAD_INPUT_ERRORS) else 1)
    except BrokenPipeError:
        # Whoever read us has enough; without this the interpreter would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(words: list[str]) -> int:
    if words and (words[0] in COMMANDS or words[0].startswith("-")):
        from tui_lab.cli.commands import run_command

        return run_command(words)
    from tui_lab.cli.screen import open_screen

    return open_screen(words)
