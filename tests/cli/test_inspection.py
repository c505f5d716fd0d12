import json
import os

import pytest

from tests.cli.conftest import Lab
from tests.waiting import wait_until
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.rank import RankSession
from tui_lab.runs.status import status_of

KEYS = {"run", "path", "status", "step", "loss", "steps_per_second", "checkpoint", "pipeline"}


def test_without_runs_the_list_says_how_to_begin(lab: Lab) -> None:
    outcome = lab("runs")
    assert outcome.out == "" and "diffusion-lab train" in outcome.err
    assert lab("runs", "--json").json == []


@pytest.mark.usefixtures("standin_engine")
def test_runs_show_and_log_of_a_finished_run(lab: Lab) -> None:
    lab("train", "pixel-faces-16", "--set", "training.max_train_steps=40", "--name", "heron")
    [listed] = lab("runs", "--json").json
    assert set(listed) >= KEYS and {**listed, "interventions": []} == lab("show", "heron", "--json").json
    table = lab("runs").out.splitlines()
    assert len(table) == 2 and "heron" in table[1] and "finished" in table[1]
    shown = lab("show", "heron").out
    assert "finished" in shown and "40 of 40" in shown
    records = [json.loads(line) for line in lab("log", "heron", "--json").out.splitlines()]
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert records[-1]["kind"] == "finished"


@pytest.mark.usefixtures("standin_engine")
def test_log_follows_until_the_end(lab: Lab) -> None:
    lab("train", "pixel-faces-16", "--set", "training.max_train_steps=200", "--name", "heron", "--detach")
    records = [json.loads(line) for line in lab("log", "heron", "--follow", "--json").out.splitlines()]
    assert records[-1]["kind"] == "finished"


def test_what_a_rank_prints_cannot_drive_the_terminal(lab: Lab) -> None:
    folder = RunFolder.create('[recipe]\nname = "a-test"\n', "heron")
    (folder.logs / "rank-0.log").write_bytes(b"plain\n\x1b]0;owned\x07\x1b[2J\xff\nunfinished")
    out = lab("log", "heron").out
    assert out.startswith("plain\n") and out.endswith("\nunfinished\n")
    assert "\x1b" not in out and "\x07" not in out


@pytest.mark.parametrize("command", ["show", "log", "pause", "resume", "stop", "checkpoint", "fork", "sample"])
@pytest.mark.parametrize("name", ["nobody", "../heron", "/tmp"])
def test_no_such_run_is_one_line_for_every_command(lab: Lab, command: str, name: str) -> None:
    RunFolder.create('[recipe]\nname = "a-test"\n', "heron")
    outcome = lab(command, name)
    assert outcome.code == 2 and "diffusion-lab runs" in outcome.error


@pytest.mark.usefixtures("standin_engine")
def test_a_damaged_journal_is_counted(lab: Lab) -> None:
    lab("train", "pixel-faces-16", "--set", "training.max_train_steps=40", "--name", "heron")
    folder = RunFolder.open("heron")
    wait_until(lambda: status_of(folder).name == "finished")
    path = folder.journal_dir / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"kind":"starting"', b'"kind":"startinx"', 1))
    shown = lab("show", "heron").out
    assert [line.split(maxsplit=1) for line in shown.splitlines() if line.startswith("damage")] == [
        ["damage", "1 damaged line in 000001.jsonl"]
    ]


def test_show_names_the_pictures_by_their_hash(lab: Lab) -> None:
    session = RankSession(RunFolder.create('[recipe]\nname = "a-test"\n', "heron"))
    counts = {"train_images": 90, "held_out_images": 10, "rejected_images": 2}
    session.record("started", 0, dataset="cats\x1b", content_hash="0123456789abcdef" * 4, **counts)
    session.close()
    shown = lab("show", "heron").out
    assert "cats�: 90 to train on, 10 held out, 2 left out; content 0123456789abcdef\n" in shown


@pytest.mark.usefixtures("standin_engine")
def test_show_lists_what_was_changed_by_whom(lab: Lab) -> None:
    lab("train", "pixel-faces-16-long", "--set", "optimizer.learning_rate=0.001", "--name", "heron", "--detach")
    lab("set", "heron", "optimizer.learning_rate=0.01")
    lab("pause", "heron")
    lab("stop", "heron")
    done = lab("show", "heron", "--json").json["interventions"]
    assert [one["kind"] for one in done] == ["set", "pause", "stop"]
    assert done[0]["changes"] == {"optimizer.learning_rate": [0.001, 0.01]}
    assert {(one["pid"], one["outcome"]) for one in done} == {(os.getpid(), "applied")}
    lines = [line for line in lab("show", "heron").out.splitlines() if "learning_rate 0.001 → 0.01" in line]
    assert len(lines) == 1 and f"pid {os.getpid()}" in lines[0] and f" {done[0]['step']} " in lines[0]


@pytest.mark.usefixtures("standin_engine")
def test_runs_are_sorted_and_filtered(lab: Lab) -> None:
    for name, steps in (("heron", 30), ("wren", 20)):
        lab("train", "pixel-faces-16", "--set", f"training.max_train_steps={steps}", "--name", name)
    RunFolder.create('[recipe]\nname = "a-test"\n', "lark")

    def listed(*words: str) -> list[str]:
        return [run["run"] for run in lab("runs", "--json", *words).json]

    assert listed("--status", "finished", "--sort", "step") == ["heron", "wren"]
    assert listed("--status", "finished", "--sort", "step", "--reverse") == ["wren", "heron"]
    assert listed("--recipe", "pixel-*", "--filter", "-heron") == ["wren"]
    assert listed("--status", "lost,failed") == ["lark"]
    assert "cannot be sorted by 'colour'" in lab("runs", "--sort", "colour").error


@pytest.mark.usefixtures("standin_engine")
def test_diff_tells_two_runs_apart(lab: Lab) -> None:
    for name, seed in (("heron", 1), ("wren", 2)):
        what = ("--set", "training.max_train_steps=5", "--set", f"training.seed={seed}")
        lab("train", "pixel-faces-16", *what, "--name", name)
    found = lab("diff", "heron", "wren", "--json").json
    assert found["runs"] == ["heron", "wren"] and found["recipe"] == {"training.seed": {"heron": "1", "wren": "2"}}
    assert [line.split() for line in lab("diff", "heron", "wren").out.splitlines()][1:] == [["training.seed", "1", "2"]]
    assert "two runs or more" in lab("diff", "heron", "heron").error
