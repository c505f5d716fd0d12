"""The benches as a process: `python -m tui_lab.bench [NAME] [--json]`; `NAME --help` tells its options.

The table is on stdout, progress on stderr, and all of it as JSON in the lab's home, under bench/.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from tui_lab.bench.machine import machine, versions
from tui_lab.bench.report import Report, say
from tui_lab.errors import LabError
from tui_lab.runs.files import private_folder, replace_file
from tui_lab.runs.home import lab_home

BENCHES = ("train", "sample", "ui", "data", "runs")
"""Each a module of this room."""


class Bench(Protocol):
    """What such a module has."""

    def options(self) -> argparse.ArgumentParser: ...

    def measure(self, options: argparse.Namespace) -> Report: ...


def main(arguments: Sequence[str]) -> int:
    """Run the benches named, or all; options that follow a name are that bench's own."""
    words = list(arguments)
    as_json = "--json" in words
    words = [word for word in words if word != "--json"]
    name = words.pop(0) if words and not words[0].startswith("-") else None
    if name not in (None, *BENCHES) or (name is None and words):
        say(f"usage: python -m tui_lab.bench [{'|'.join(BENCHES)}] [--json]; NAME --help tells a bench's options")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was started beside us is stopped
    try:
        show(run(BENCHES if name is None else (name,), words), as_json)
    except LabError as error:
        say(f"the bench could not be run: {error.message}")
        return 1
    return 0


def bench(name: str) -> Bench:
    """The module of that name. Raises LabError where what it measures with is not installed."""
    try:
        module: Any = importlib.import_module(f"tui_lab.bench.{name}")
    except ModuleNotFoundError as error:
        raise LabError(f"bench {name} needs {error.name}: pip install 'diffusion-lab[test]'") from error
    return module


def run(names: Sequence[str], words: Sequence[str] = ()) -> dict[str, Any]:
    """Measure, and keep what was found in a file; `path` is where."""
    found: dict[str, Any] = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": machine(),
        "versions": versions(),
        "reports": [],
    }
    tables = []
    for name in names:
        say(f"bench {name}")
        chosen = bench(name)
        measured = chosen.measure(chosen.options().parse_args(list(words)))
        found["reports"].append(measured.document())
        tables.append(measured.table())
    found["table"] = "\n".join([*_head(found), *tables])
    found["path"] = str(_kept(found))
    return found


def show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({key: value for key, value in found.items() if key != "table"}, indent=2) + "\n")
    else:
        sys.stdout.write(f"{found['table']}\n")
    say(f"kept in {found['path']}")


def _head(found: dict[str, Any]) -> list[str]:
    return [
        f"{found['time']}: " + ", ".join(f"{name} {value}" for name, value in found["machine"].items()),
        ", ".join(f"{name} {value}" for name, value in found["versions"].items()),
    ]


def _kept(found: dict[str, Any]) -> Path:
    folder = lab_home() / "bench"
    private_folder(folder)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    replace_file(path, json.dumps(found, indent=1, ensure_ascii=False).encode())
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
