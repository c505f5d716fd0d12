"""What tells two runs apart."""

from __future__ import annotations

from typing import Any

from tui_lab.runs.comparison import compare
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Journal

RATE = "optimizer.learning_rate"


def a_run(name: str, seed: int, *changes: tuple[int, float, float]) -> RunFolder:
    folder = RunFolder.create(f'[recipe]\nname = "a-test"\n[training]\nseed = {seed}\n', name)
    journal = Journal(folder)
    for number, (step, old, new) in enumerate(changes):
        client: dict[str, Any] = {"user": "ada", "tty": "/dev/pts/3", "pid": 42}
        asked = {"id": f"{number}", "command": "set"}
        journal.append("command", step, **asked, data={"changes": {RATE: new}}, client=client)
        journal.append("applied", step, **asked, changes={RATE: [old, new]}, message="")
    journal.close()
    return folder


def test_only_what_differs_is_told_and_the_same_step_stands_side_by_side() -> None:
    one = a_run("heron", 1, (10, 1e-3, 1e-2), (50, 1e-2, 1e-3))
    two = a_run("wren", 2, (10, 1e-3, 1e-2), (50, 1e-2, 1e-4), (70, 1e-4, 1e-5))
    found = compare([one, two])
    assert [(line.name, line.cells) for line in found.knobs] == [("training.seed", ("1", "2"))]
    assert [(line.name, line.cells) for line in found.interventions] == [
        ("50", ("learning_rate 0.01 → 0.001", "learning_rate 0.01 → 1e-4")),
        ("70", ("", "learning_rate 1e-4 → 1e-5")),
    ]
    assert found.alike == 1


def test_what_an_undo_dropped_is_said() -> None:
    one, two = a_run("heron", 1, (10, 1e-3, 1e-2)), a_run("wren", 1)
    journal = Journal(one)
    journal.append("rewound", 5, **{"from": 20, "to": 5, "dropped": ["0"]})
    journal.close()
    cells = [line.cells[0] for line in compare([one, two]).interventions]
    assert cells == ["rewound: from step 20 back to 5", "learning_rate 0.001 → 0.01 (undone)"]
