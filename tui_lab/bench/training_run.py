"""A real run to measure beside: started as a person would from a shell, in a lab home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tui_lab.bench.waiting import wait_until
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader

COMMAND = str(Path(sys.executable).with_name("diffusion-lab"))
_ENDLESS = "training.max_train_steps=1000000"


@dataclass
class TrainingRun:
    """A run under way; `steps_per_second` reads its journal, so it costs the run nothing."""

    name: str
    home: Path
    folder: RunFolder
    _reader: JournalReader

    @property
    def env(self) -> dict[str, str]:
        """What a program needs to find the run."""
        return {"DIFFUSION_LAB_HOME": str(self.home)}

    def steps_per_second(self, seconds: float) -> float:
        """Measured from now on for about so long, between the first and the last step journalled in that time."""
        self._reader.read_new()
        points: list[tuple[float, int]] = []

        def measured() -> bool:
            points.extend((r.time, r.step) for r in self._reader.read_new() if r.kind == "metrics")
            return len(points) > 1 and points[-1][0] - points[0][0] >= seconds

        wait_until(measured, 10 * seconds + 30, "enough steps to measure")
        (first_time, first_step), (last_time, last_step) = points[0], points[-1]
        return (last_step - first_step) / (last_time - first_time)

    def latest_metrics(self) -> Mapping[str, Any]:
        """What the run last journalled of its steps, by `latest_metrics()["data_share"]["mean"]` and the like."""
        return [record.data for record in JournalReader(self.folder).read_new() if record.kind == "metrics"][-1]


@contextmanager
def training_run(recipe: str, warm_up_steps: int = 50) -> Iterator[TrainingRun]:
    """A detached run of `recipe` that has done some steps; it is stopped at the end."""
    with TemporaryDirectory(prefix="lab-bench-") as home:
        env = {**os.environ, "DIFFUSION_LAB_HOME": home}
        command = [COMMAND, "train", recipe, "--set", _ENDLESS, "--detach", "--json"]
        started = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        found = json.loads(started.stdout)
        try:
            folder = RunFolder.open(Path(found["path"]))
            reader = JournalReader(folder)
            wait_until(
                lambda: any(record.step >= warm_up_steps for record in reader.read_new()), 180, "the run's first steps"
            )
            yield TrainingRun(found["run"], Path(home), folder, reader)
        finally:
            subprocess.run([COMMAND, "stop", found["run"]], env=env, check=True, capture_output=True)
            wait_until(lambda: not _held(env, found["run"]), 60, "the run's end")


def _held(env: dict[str, str], run: str) -> bool:
    shown = subprocess.run([COMMAND, "show", run, "--json"], env=env, check=True, capture_output=True, text=True)
    return json.loads(shown.stdout)["status"] in {"starting", "running", "paused"}
