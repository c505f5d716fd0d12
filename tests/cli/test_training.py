"""train, resume and fork, on the stand-in engine."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Lab
from tests.conftest import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_until
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.lifecycle import read_lifecycle
from tui_lab.runs.lock import is_locked
from tui_lab.runs.spool import submit
from tui_lab.runs.status import status_of

pytestmark = pytest.mark.usefixtures("standin_engine")

SHORT = ("--set", "training.max_train_steps=40")


@pytest.fixture
def endless(lab: Lab) -> Iterator[RunFolder]:
    """A run that goes on until it is stopped."""
    assert lab("train", "pixel-faces-16-long", "--name", "endless", "--detach").code == 0
    folder = RunFolder.open("endless")
    wait_until(lambda: status_of(folder).step >= 5)
    yield folder


def test_train_waits_for_the_end_and_prints_one_object(lab: Lab) -> None:
    outcome = lab("train", "pixel-faces-16", *SHORT, "--name", "first", "--json")
    assert outcome.code == 0
    status = outcome.json
    assert (status["run"], status["status"], status["step"]) == ("first", "finished", 40)
    assert Path(status["checkpoint"]).is_dir() and Path(status["pipeline"]).is_dir()
    assert "first finished at step 40" in outcome.err


def test_detached_it_returns_at_once(lab: Lab) -> None:
    outcome = lab("train", "pixel-faces-16-long", "--detach", "--json")
    assert outcome.code == 0 and outcome.json["status"] in ("starting", "running")
    assert is_locked(RunFolder.open(outcome.json["run"]))


def test_set_and_device_are_in_the_runs_recipe_and_its_comments_are_kept(lab: Lab, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('# why I do this\n[recipe]\nname = "mine"\n[training]\nmax_train_steps = 20\n')
    assert lab("train", str(recipe), "--set", "optimizer.learning_rate=0.007", "--device", "cpu").code == 0
    text = list_runs()[0].recipe_path.read_text()
    assert "# why I do this" in text and "learning_rate = 0.007" in text and 'device = "cpu"' in text


def test_several_processes_are_started_with_what_the_launcher_is_to_be_told(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFUSION_LAB_LAUNCHER", "tests.standin_launcher")
    words = ("--processes", "2", "--launch-args", "--max-restarts 0", "--device", "cpu")
    assert lab("train", "pixel-faces-16", *SHORT, "--name", "two", *words).code == 0
    (started,) = [event.data for event in read_lifecycle(RunFolder.open("two")) if event.kind == "started"]
    assert started["processes"] == 2
    log = (RunFolder.open("two").logs / "launcher.log").read_text()
    assert "--nproc-per-node 2 --max-restarts 0 -m tests.standin_engine" in log
    outcome = lab("train", "pixel-faces-16", "--processes", "3")
    assert outcome.code == 2 and "the nearest that can is 63" in outcome.error


def test_a_failed_run_exits_with_1(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_FAIL_AT", "5")
    outcome = lab("train", "pixel-faces-16", "--name", "doomed", "--json")
    assert outcome.code == 1
    assert outcome.json["status"] == "failed" and outcome.json["message"] == "asked to fail at step 5"
    assert "diffusion-lab log doomed" in outcome.err
    assert "Traceback" in lab("log", "doomed").out


def test_a_run_that_its_rank_refuses_before_the_first_step_was_bad_input(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_FAIL_AT", "0")
    outcome = lab("train", "pixel-faces-16", "--name", "refused", "--json")
    assert outcome.code == 2
    assert outcome.json["status"] == "failed"
    assert "asked to fail at step 0" in outcome.err and "resume" not in outcome.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["pixel-faces-61"], "did you mean pixel-faces-16?"),
        (["pixel-faces-16", "--set", "optimizer.learning_rat=1"], "learning_rate"),
        (["pixel-faces-16", "--set", "optimizer.learning_rate=fast"], "learning_rate"),
        (["pixel-faces-16", "--set", "dataset.resolution=15"], "resolution"),
        (["pixel-faces-16", "--set", "learning_rate"], "KEY=VALUE"),
        (["pixel-faces-16", "--set", "dataset.path=/no/such/folder"], "/no/such/folder"),
        (["pixel-faces-16", "--name", "../up"], "cannot name a run"),
        (["pixel-faces-16", "--name", "train"], "is a command"),
    ],
)
def test_bad_input_exits_with_2_and_makes_no_run(lab: Lab, words: list[str], hint: str) -> None:
    outcome = lab("train", *words)
    assert outcome.code == 2 and hint in outcome.error
    assert list_runs() == []


def test_a_typo_in_a_recipe_is_named_by_file_and_line(lab: Lab, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[optimizer]\nlearning_rat = 1e-3\n")
    outcome = lab("train", str(recipe))
    assert outcome.code == 2 and "mine.toml:2" in outcome.error and "learning_rate" in outcome.error


def test_a_second_run_of_the_same_name_is_refused(lab: Lab) -> None:
    assert lab("train", "pixel-faces-16", *SHORT, "--name", "first").code == 0
    outcome = lab("train", "pixel-faces-16", "--name", "first")
    assert outcome.code == 2 and "first is there already" in outcome.error


def test_a_folder_of_images_is_written_down_whole(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert lab("train", "pixel-faces-16", *SHORT, "--set", "dataset.path=photos").code == 0
    assert f'path = "{tmp_path / "photos"}"' in list_runs()[0].recipe_path.read_text()


def test_resume_goes_on_from_the_checkpoint_and_waits(lab: Lab, endless: RunFolder) -> None:
    assert lab("stop", "endless").code == 0
    wait_until(lambda: not is_locked(endless))
    stopped_at = status_of(endless).step
    assert lab("resume", "endless", "--detach").code == 0
    wait_until(lambda: status_of(endless).step > stopped_at)
    outcome = lab("resume", "endless")
    assert outcome.code == 2 and "is running already" in outcome.error


def test_resume_lets_a_paused_run_go_on(lab: Lab, endless: RunFolder) -> None:
    assert lab("pause", "endless").code == 0
    outcome = lab("resume", "endless")
    assert outcome.code == 0 and outcome.out.startswith("goes on at step")


def test_a_finished_run_is_not_resumed(lab: Lab) -> None:
    lab("train", "pixel-faces-16", *SHORT, "--name", "first")
    outcome = lab("resume", "first")
    assert outcome.code == 2 and "has finished" in outcome.error and "diffusion-lab fork first" in outcome.error


def test_a_fork_goes_on_from_its_parents_checkpoint_with_its_changes(lab: Lab) -> None:
    lab("train", "pixel-faces-16", *SHORT, "--set", "training.checkpointing_steps=20", "--name", "parent")
    changes = ("--set", "training.max_train_steps=60", "--set", "optimizer.weight_decay=0.5")
    outcome = lab("fork", "parent", "--at", "20", *changes, "--name", "child", "--json")
    assert outcome.code == 0
    assert (outcome.json["status"], outcome.json["step"], outcome.json["parent"]) == ("finished", 60, "parent")
    child = RunFolder.open("child")
    assert child.recipe().optimizer.weight_decay == 0.5
    records = [line for line in lab("log", "child", "--json").out.splitlines() if '"started"' in line]
    assert '"first_step": 20' in records[0] and '"parent"' in records[0]
    assert "rewound" not in lab("log", "child", "--json").out


def test_a_fork_takes_its_parents_live_changes_along(lab: Lab, endless: RunFolder) -> None:
    lab("set", "endless", "optimizer.weight_decay=0.25")
    lab("checkpoint", "endless")
    assert lab("fork", "endless", "--name", "child", "--detach").code == 0
    assert RunFolder.open("child").recipe().optimizer.weight_decay == 0.25
    assert endless.recipe().optimizer.weight_decay != 0.25


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["parent"], "no steps left"),
        (["parent", "--at", "7"], "no checkpoint at step 7: there are"),
        (["parent", "--set", "model.layers_per_block=3"], "weights would not fit"),
        (["nobody"], "no run named nobody"),
    ],
)
def test_a_fork_that_cannot_be_makes_no_run(lab: Lab, words: list[str], hint: str) -> None:
    lab("train", "pixel-faces-16", *SHORT, "--name", "parent")
    outcome = lab("fork", *words)
    assert outcome.code == 2 and hint in outcome.error
    assert [folder.id for folder in list_runs()] == ["parent"]


def test_in_a_terminal_there_is_a_bar() -> None:
    near, far = pty.openpty()
    program = "from tui_lab.cli import main; main()"
    words = ["train", "pixel-faces-16", "--set", "training.max_train_steps=200", "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        stderr=far,
    ) as process:
        os.close(far)
        seen = b""
        with suppress(OSError):  # how Linux says that the other end is closed
            while data := os.read(near, 65536):
                seen += data
        assert process.stdout is not None
        status = json.loads(process.stdout.read())
    os.close(near)
    assert status["status"] == "finished"
    assert "━" in seen.decode() and "200 / 200" in seen.decode()


@pytest.fixture
def waiting_train() -> Iterator[subprocess.Popen[str]]:
    """`diffusion-lab train` in a process of its own, waiting for a run that does not end by itself."""
    program = "from tui_lab.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "train", "pixel-faces-16-long", "--name", "watched"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: list_runs() and status_of(list_runs()[0]).step >= 5)
    yield process
    process.kill()
    process.communicate()


def test_ctrl_c_asks_the_run_to_stop_and_waits(waiting_train: subprocess.Popen[str]) -> None:
    waiting_train.send_signal(signal.SIGINT)
    _, words = waiting_train.communicate(timeout=PATIENCE_SECONDS)
    assert waiting_train.returncode == 0
    assert "asked watched to stop" in words and "watched stopped at step" in words
    status = status_of(RunFolder.open("watched"))
    assert status.name == "stopped" and status.pipeline is not None


def test_a_second_ctrl_c_leaves_and_says_how_to_come_back(waiting_train: subprocess.Popen[str]) -> None:
    folder = RunFolder.open("watched")
    rank = int(read_lifecycle(folder)[0].data["pid"])
    os.kill(rank, signal.SIGSTOP)  # so that it cannot stop before the second
    waiting_train.send_signal(signal.SIGINT)
    wait_until(lambda: list(folder.commands_new.iterdir()))
    waiting_train.send_signal(signal.SIGINT)
    _, words = waiting_train.communicate(timeout=PATIENCE_SECONDS)
    assert waiting_train.returncode == 130 and "diffusion-lab watched" in words
    assert is_locked(folder)
    os.kill(rank, signal.SIGCONT)


def test_a_run_outlives_the_command_that_waits_for_it(waiting_train: subprocess.Popen[str]) -> None:
    waiting_train.kill()
    waiting_train.wait()
    folder = RunFolder.open("watched")
    step = status_of(folder).step
    wait_until(lambda: status_of(folder).step > step + 10)


def test_train_says_when_it_waits_and_ends_with_a_run_that_another_terminal_stops(
    waiting_train: subprocess.Popen[str],
) -> None:
    for kind in ("pause", "stop"):
        submit(RunFolder.open("watched"), kind)
    _, words = waiting_train.communicate(timeout=PATIENCE_SECONDS)
    assert waiting_train.returncode == 0
    assert "paused (asked for): diffusion-lab resume watched lets it go on" in words


def in_a_terminal(*words: str) -> PtyTerminal:
    program = "from tui_lab.cli import main; main()"
    return PtyTerminal([sys.executable, "-c", program, *words], env={"PYTHONPATH": str(REPOSITORY)})


def test_a_run_outlives_the_terminal_in_which_it_is_waited_for() -> None:
    with in_a_terminal("train", "pixel-faces-16-long", "--name", "watched") as terminal:
        terminal.wait_for(r"step [1-9]")
        terminal.hang_up()
        assert terminal.exit_code == -signal.SIGHUP
    folder = RunFolder.open("watched")
    step = status_of(folder).step
    wait_until(lambda: status_of(folder).step > step + 10)


def test_ctrl_c_in_a_terminal_reaches_the_command_and_not_the_run() -> None:
    """The run stops because it is asked to, with a pipeline, and not because a signal hit its processes."""
    with in_a_terminal("train", "pixel-faces-16-long", "--name", "watched") as terminal:
        terminal.wait_for(r"step [1-9]")
        terminal.send("ctrl+c")
        terminal.wait_for("watched stopped at step")
        assert terminal.wait_for_exit() == 0
    folder = RunFolder.open("watched")
    assert status_of(folder).pipeline is not None
    assert [event.data["code"] for event in read_lifecycle(folder) if event.kind == "exited"] == [0]


def test_processes_among_which_the_live_batch_cannot_be_shared_out_are_refused(lab: Lab, endless: RunFolder) -> None:
    assert lab("set", "endless", "training.train_batch_size=9").code == 0
    assert lab("stop", "endless").code == 0
    wait_until(lambda: not is_locked(endless))
    outcome = lab("resume", "endless", "--processes", "2")
    assert outcome.code == 2 and "the nearest that can is 8" in outcome.error
    assert not is_locked(endless) and lab("resume", "endless", "--detach").code == 0
