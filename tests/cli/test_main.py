import os
import re
import subprocess
import sys
import types

import pytest

import tui_lab.cli
from tests.cli.conftest import Lab
from tests.conftest import REPOSITORY
from tui_lab.cli import COMMANDS
from tui_lab.runs.folder import RunFolder


def environment() -> dict[str, str]:
    """For the command in a process of its own."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def in_terminal(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Let the process seem to have a terminal; returns the targets that the screen is opened on."""
    opened: list[str | None] = []
    app = types.ModuleType("tui_lab.tui.app")
    app.run_tui = lambda target: opened.append(target) or []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tui_lab.tui.app", app)
    monkeypatch.setenv("TEXTUAL_COLOR_SYSTEM", "auto")  # the command sets it: not for the tests after this one
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    return opened


def test_the_words_that_are_commands_are_all_the_commands() -> None:
    from typer.main import get_command

    from tui_lab.cli.commands import app

    assert set(COMMANDS) == set(get_command(app).commands)  # type: ignore[attr-defined]


def test_without_a_word_the_screen_opens(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = in_terminal(monkeypatch)
    assert lab().code == 0
    assert opened == [None]


def test_a_recipe_or_a_run_opens_the_screen_on_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = in_terminal(monkeypatch)
    folder = RunFolder.create('[recipe]\nname = "a-test"\n', "amber-heron")
    recipe = folder.recipe_path
    for target in ("amber-heron", "pixel-faces-16", str(recipe)):
        assert lab(target).code == 0
    assert opened == ["amber-heron", "pixel-faces-16", str(recipe)]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["trian"], "did you mean train?"),
        (["trian", "pixel-faces-16"], "did you mean train?"),
        (["amber-hero"], "did you mean amber-heron?"),
        (["pixel-face-16"], "did you mean pixel-faces-16?"),
        (["../amber-heron"], "climbs out"),
        (["/etc"], "not a run's"),
        (["no-such.toml"], "does not exist"),
        (["\x1b[2J"], "no command"),
    ],
)
def test_a_word_that_means_nothing_gets_one_line(lab: Lab, words: list[str], hint: str) -> None:
    RunFolder.create('[recipe]\nname = "a-test"\n', "amber-heron")
    outcome = lab(*words)
    assert outcome.code == 2 and outcome.out == ""
    assert hint in outcome.error and "\x1b" not in outcome.error


def test_without_a_terminal_the_headless_commands_are_named(lab: Lab) -> None:
    outcome = lab()
    assert outcome.code == 2
    assert "needs a terminal" in outcome.error and "diffusion-lab train" in outcome.error


def test_the_way_to_the_screen_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from tui_lab.cli import main\n"
        "try:\n    main([])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'typer', 'rich', 'textual', 'pydantic', 'numpy', 'torch', 'diffusers'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    left = subprocess.run(
        [sys.executable, "-c", code], env=environment(), stdin=subprocess.DEVNULL, capture_output=True
    )
    assert left.returncode == 0, left.stderr


@pytest.mark.parametrize("words", [["runs"], ["recipes"], ["schedule", "pixel-faces-16"], ["datasets"]])
def test_commands_import_no_torch(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from tui_lab.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'diffusers', 'accelerate', 'datasets', 'textual'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    left = subprocess.run([sys.executable, "-c", code, *words], env=environment(), capture_output=True)
    assert left.returncode == 0, left.stderr


def test_every_command_has_help_with_an_example(lab: Lab) -> None:
    for command in COMMANDS:
        outcome = lab(command, "--help")
        assert outcome.code == 0 and re.search(r"Examples?: diffusion-lab", outcome.out), command


def test_a_reader_that_has_enough_is_no_error() -> None:
    program = "from tui_lab.cli import main; main()"
    command = f"{sys.executable} -c '{program}' recipes --knobs --json | head -n 1"
    left = subprocess.run(["/bin/sh", "-c", command], env=environment(), capture_output=True, text=True)
    assert left.stdout == "[\n" and left.stderr == ""


def test_debugging_shows_where_an_error_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFUSION_LAB_DEBUG", "1")
    with pytest.raises(tui_lab.cli.RunError):
        tui_lab.cli.main(["show", "nobody"])


def test_version(lab: Lab) -> None:
    assert lab("--version").out.startswith("diffusion-lab 0.")
