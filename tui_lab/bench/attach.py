"""How long a lab that attaches to a long run waits for the whole curve: a journal of a million records, one a step.

python -m tui_lab.bench.attach [--steps 1000000] [--repetitions 5] [--json]
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

from tui_lab.bench import report
from tui_lab.bench.report import Report, Sample, say
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Journal
from tui_lab.tui.attached import AttachedRun


def measure(options: argparse.Namespace) -> Report:
    with tempfile.TemporaryDirectory() as home:
        folder = RunFolder(Path(home) / "long-run")
        folder.journal_dir.mkdir(parents=True)
        folder.recipe_path.write_text('[recipe]\nname = "long"\n', encoding="utf-8")
        say(f"a journal of {options.steps} steps …")
        _write(folder, options.steps)
        attached = Sample(
            f"attach to {options.steps} steps",
            "s",
            tuple(_attach(folder, options.steps) for _ in range(options.repetitions)),
        )
    return Report("attach", (attached,), "seconds to the whole curve", attached.median, better="lower")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tui_lab.bench.attach", description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=5)
    return parser


def _write(folder: RunFolder, steps: int) -> None:
    """As a rank whose steps are slow enough that each has a record of its own."""
    journal = Journal(folder)
    journal.append("started", 0, device="cpu")
    names = ("loss", "grad_norm", "learning_rate", "steps_per_second", "data_share", "preview_share", "memory")
    for step in range(1, steps + 1):
        value = 0.1 + 1 / math.sqrt(step)
        values = {name: {"mean": value, "min": value, "max": value, "last": value} for name in names}
        journal.append("metrics", step, count=1, first_step=step, **values)
    journal.close()


def _attach(folder: RunFolder, steps: int) -> float:
    began = time.perf_counter()
    run = AttachedRun(folder)
    run.poll()
    seconds = time.perf_counter() - began
    if run.curves.step != steps:
        raise RuntimeError(f"the curve ends at step {run.curves.step} of {steps}")
    return seconds


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
