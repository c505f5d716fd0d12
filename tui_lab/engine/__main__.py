"""A rank: `python -m tui_lab.engine RUN_PATH`. Exits with 0 when the run finished or stopped, 1 when it failed. One of
several where a launcher started it; without a supervisor, as on a cluster, rank 0 keeps the run itself.

With `--spare` in the path's place it gets ready first, and is told the path later, on stdin.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tui_lab.data import load_images
from tui_lab.engine.warm_up import warm_up
from tui_lab.errors import DiskFullError, LabError, RankMemoryError
from tui_lab.runs.environment import DIED, SUPERVISOR, engine_module, place
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.launcher import EXIT_LOST_RANK, EXIT_OUT_OF_MEMORY
from tui_lab.runs.lifecycle import fingerprint
from tui_lab.runs.rank import RankSession
from tui_lab.runs.roster import lost_rank, sign_in
from tui_lab.runs.spare import SPARE, await_run, take_output
from tui_lab.runs.turn import EXIT_HELD, Turn

if TYPE_CHECKING:
    from tui_lab.engine.trainer import Trainer


def main(path: str | Path) -> int:
    """Train the run in this folder until it ends, as rank 0 or one of those that follow it."""
    folder = RunFolder.open(Path(path).absolute())
    here = place()
    supervised = SUPERVISOR in os.environ
    if here.ranks > 1 and supervised:
        take_output(folder.rank_log(here.rank))
        sign_in(folder, here.rank)
    if here.rank > 0:
        return _follow(folder, here.rank)
    return _lead(folder) if supervised else _lead_by_hand(folder)


def _lead(folder: RunFolder) -> int:
    """Rank 0. Its last word is in the journal, a traceback on stderr."""
    died = os.environ.get(DIED)
    session = RankSession(folder)
    trainer: Trainer | None = None
    try:
        if died:
            _say_restarted(session, died)
        trainer = _start(session)
        trainer.run()
    except RankMemoryError as error:
        _print_traceback()
        return _say_lost(session, trainer, error.message, EXIT_OUT_OF_MEMORY)
    except LabError as error:
        _print_traceback()
        refused = trainer is None and session.past_last_step == 0 and not isinstance(error, DiskFullError)
        _say_failed(session, trainer, error.message, refused)
        return 1
    except Exception as error:
        lost = lost_rank(folder) if place().ranks > 1 else None
        if lost is not None:
            _print_traceback()
            return _say_lost(session, trainer, lost, EXIT_LOST_RANK)
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        _say_failed(session, trainer, f"{type(error).__name__}: {reason}", refused=False)
        raise
    finally:
        session.close()
    return 0


def _lead_by_hand(folder: RunFolder) -> int:
    """Rank 0 without a supervisor, as under a cluster's own launcher: it keeps the run itself."""
    turn = Turn.take(folder)
    if turn is None:
        sys.stderr.write(f"{folder.id} is kept by another process already\n")
        return EXIT_HELD
    here = fingerprint(os.getpid())
    turn.record("started", rank=0, processes=place().ranks, engine=engine_module(), supervisor=here, **here)
    why = "it was ended from outside"
    try:
        code = _lead(folder)
        why = f"rank 0 left with code {code}"
        return code
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise
    finally:
        word = turn.last_word()
        turn.end(*(("failed", why) if word is None else (word.kind, str(word.data.get("message", "")))))


def _follow(folder: RunFolder, rank: int) -> int:
    """Another rank. What it fails of it leaves in the roster, where rank 0 and the supervisor look."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a stop is rank 0's to obey, and ends this one too
    from tui_lab.engine.startup import follow_rank_0

    try:
        follow_rank_0(folder.recipe())
    except RankMemoryError as error:
        sign_in(folder, rank, why=error.message)
        _print_traceback()
        return EXIT_OUT_OF_MEMORY
    except Exception as error:
        lost = lost_rank(folder)  # what another one failed of makes this one fail of something else
        if lost is None:
            sign_in(folder, rank, why=(str(error).strip().splitlines() or [type(error).__name__])[0])
            raise
        _print_traceback()
        return EXIT_LOST_RANK
    return 0


def _start(session: RankSession) -> Trainer:
    """Importing torch and diffusers takes seconds, so that the journal first says what one waits for."""
    at = session.past_last_step
    session.record("starting", at, message=f"reading {session.recipe.dataset.path or session.recipe.dataset.name}")
    images = load_images(session.recipe.dataset)
    session.record("starting", at, message="importing torch and diffusers")
    from tui_lab.engine.startup import prepare

    return prepare(session, images)


def _print_traceback() -> None:
    """Into the log. A disk without room for it must cost no more than that."""
    with suppress(OSError):
        traceback.print_exc()


def _say_restarted(session: RankSession, died: str) -> None:
    of = "for want of memory" if died == "memory" else "with SIGKILL"
    message = f"a rank was killed {of}: its supervisor has started the run once more"
    session.record("warning", session.past_last_step, message=message)


def _say_lost(session: RankSession, trainer: Trainer | None, why: str, code: int) -> int:
    """No last word: the supervisor may start the ranks once more, and says how it ends if it does not."""
    step = trainer.step if trainer else session.past_last_step
    session.record("warning", step, message=f"{why}: all ranks end")
    sign_in(session.folder, 0, why=why)
    return code


def _say_failed(session: RankSession, trainer: Trainer | None, message: str, refused: bool) -> None:
    """`refused`: what the recipe asks for cannot be, and no step was tried."""
    step = trainer.step if trainer else session.past_last_step
    log = session.folder.rank_log()
    session.record("failed", step, message=f"{message} (the whole story: {log})", log=str(log), refused=refused)


if __name__ == "__main__":
    os.umask(0o077)  # libraries too write for the run's owner alone
    path = await_run(warm_up) if sys.argv[1] == SPARE else sys.argv[1]
    sys.exit(main(path) if path is not None else 0)
