"""A real run to measure beside: started as a person would from a shell, in a lab home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tui_lab.bench.waiting import wait_for, wait_until
from tui_lab.errors import LabError
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.spool import read_answer, submit

COMMAND = str(Path(sys.executable).with_name("diffusion-lab"))
_ENDLESS = "training.max_train_steps=1000000"


@dataclass
class TrainingRun:
    """A run under way; `steps_per_second` reads its journal, so it costs the run nothing."""

    name: str
    home: Path
    folder: RunFolder
    _reader: JournalReader
    step: int = 0
    """As far as its journal has been read."""

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
        return _rate(points)

    def turn(self, steps: int) -> float:
        """Let a paused run go on for so many steps; its steps a second in them."""
        begun = self.step
        self._obey("resume")
        points: list[tuple[float, int]] = []

        def done() -> bool:
            for record in self._reader.read_new():
                if record.kind == "metrics":
                    points.append((record.time, record.step))
                    self.step = record.step
            return self.step >= begun + steps

        wait_until(done, 600, f"{steps} steps")
        self._obey("pause")
        return _rate(points)

    def pause(self) -> None:
        self._obey("pause")

    def finish(self) -> None:
        """Let a paused run go on to its recipe's last step, and wait for its last word."""
        self._obey("resume")
        wait_until(lambda: any(record.kind == "finished" for record in self._reader.read_new()), 1800, "the run's end")

    def records(self, kind: str) -> list[Record]:
        """All of that kind so far, oldest first."""
        return [record for record in JournalReader(self.folder).read_new() if record.kind == kind]

    def _obey(self, kind: str) -> None:
        identity = submit(self.folder, kind)
        answer = wait_for(lambda: read_answer(self.folder, identity), 60, f"an answer to {kind}")
        if not answer.ok:
            raise LabError(f"the run did not {kind}: {answer.message}")
        for record in self._reader.read_new():
            self.step = max(self.step, record.step)

    def latest_metrics(self) -> Mapping[str, Any]:
        """What the run last journalled of its steps, by `latest_metrics()["data_share"]["mean"]` and the like."""
        return self.records("metrics")[-1].data


def _rate(points: Sequence[tuple[float, int]]) -> float:
    (first_time, first_step), (last_time, last_step) = points[0], points[-1]
    return (last_step - first_step) / (last_time - first_time)


@contextmanager
def training_run(recipe: str, warm_up_steps: int = 50, changes: Sequence[str] = (_ENDLESS,)) -> Iterator[TrainingRun]:
    """A detached run of `recipe` that has done some steps, endless unless `changes`, each a K=V, say otherwise; it is
    stopped at the end."""
    with TemporaryDirectory(prefix="lab-bench-") as home:
        env = {**os.environ, "DIFFUSION_LAB_HOME": home}
        settings = [word for change in changes for word in ("--set", change)]
        command = [COMMAND, "train", recipe, *settings, "--detach", "--json"]
        started = subprocess.run(command, env=env, capture_output=True, text=True)
        if started.returncode:
            raise LabError((started.stderr.strip().splitlines() or ["the run did not start"])[-1])
        found = json.loads(started.stdout)
        try:
            folder = RunFolder.open(Path(found["path"]))
            reader = JournalReader(folder)
            wait_until(lambda: _has_done(reader.read_new(), warm_up_steps), 180, "the run's first steps")
            yield TrainingRun(found["run"], Path(home), folder, reader)
        finally:
            if _held(env, found["run"]):
                subprocess.run([COMMAND, "stop", found["run"]], env=env, check=True, capture_output=True)
            wait_until(lambda: not _held(env, found["run"]), 60, "the run's end")


def _has_done(records: Sequence[Record], steps: int) -> bool:
    """LabError where it has failed instead."""
    for record in records:
        if record.kind == "failed":
            raise LabError(f"the run failed: {record.data['message']}")
    return any(record.step >= steps for record in records)


def _held(env: dict[str, str], run: str) -> bool:
    shown = subprocess.run([COMMAND, "show", run, "--json"], env=env, check=True, capture_output=True, text=True)
    return json.loads(shown.stdout)["status"] in {"starting", "running", "paused"}
