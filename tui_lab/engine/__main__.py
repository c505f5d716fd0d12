"""A rank: `python -m tui_lab.engine RUN_PATH`. Exits with 0 when the run finished or stopped, 1 when it failed.

With `--spare` in the path's place it gets ready first, and is told the path later, on stdin.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from tui_lab.data import load_images
from tui_lab.engine.warm_up import warm_up
from tui_lab.errors import DiskFullError, LabError
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.rank import RankSession
from tui_lab.runs.spare import SPARE, await_run

if TYPE_CHECKING:
    from tui_lab.engine.trainer import Trainer


def main(path: str | Path) -> int:
    """Train the run in this folder until it ends. Its last word is in the journal, a traceback on stderr."""
    session = RankSession(RunFolder.open(Path(path).absolute()))
    trainer: Trainer | None = None
    try:
        trainer = _start(session)
        trainer.run()
    except LabError as error:
        traceback.print_exc()
        refused = trainer is None and session.past_last_step == 0 and not isinstance(error, DiskFullError)
        _say_failed(session, trainer, error.message, refused)
        return 1
    except Exception as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        _say_failed(session, trainer, f"{type(error).__name__}: {reason}", refused=False)
        raise
    finally:
        session.close()
    return 0


def _start(session: RankSession) -> Trainer:
    """Importing torch and diffusers takes seconds, so that the journal first says what one waits for."""
    at = session.past_last_step
    session.record("starting", at, message=f"reading {session.recipe.dataset.path or session.recipe.dataset.name}")
    images = load_images(session.recipe.dataset)
    session.record("starting", at, message="importing torch and diffusers")
    from tui_lab.engine.startup import prepare

    return prepare(session, images)


def _say_failed(session: RankSession, trainer: Trainer | None, message: str, refused: bool) -> None:
    """`refused`: what the recipe asks for cannot be, and no step was tried."""
    step = trainer.step if trainer else session.past_last_step
    log = session.folder.logs / "rank-0.log"
    session.record("failed", step, message=f"{message} (the whole story: {log})", log=str(log), refused=refused)


if __name__ == "__main__":
    path = await_run(warm_up) if sys.argv[1] == SPARE else sys.argv[1]
    sys.exit(main(path) if path is not None else 0)
