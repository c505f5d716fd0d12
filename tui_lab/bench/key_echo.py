"""How long a key's echo takes in the lab while a run trains: median and worst.

    python -m tui_lab.bench.key_echo [--keys 50] [--recipe pixel-faces-16] [--json]

A text field is opened (`--open`, the search by default), letters are typed and taken back one by one; the time of
each is from the key press to the bytes that show it.
"""

from __future__ import annotations

import argparse
from functools import partial

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import COMMAND, training_run

_LETTERS = "@~#;&@~#;&"  # nothing on the screen reads like this by itself


def measure(options: argparse.Namespace) -> Report:
    columns, rows = map(int, options.size.split("x"))
    with (
        training_run(options.recipe) as run,
        PtyTerminal([COMMAND, run.name], columns=columns, rows=rows, env=run.env) as terminal,
    ):
        terminal.wait_for(run.name)
        terminal.send(*options.open.split())
        terminal.wait_for(options.opened)
        echoes: list[float] = []
        while len(echoes) < options.keys:
            for length in range(1, len(_LETTERS) + 1):
                echoes += [terminal.echo(_LETTERS[length - 1], _LETTERS[:length])]
            for length in range(len(_LETTERS), 0, -1):
                echoes += [terminal.echo("backspace", partial(_is_without, _LETTERS[:length]))]
    times = tuple(seconds * 1000 for seconds in echoes[: options.keys])
    samples = (Sample("key's echo", "ms", times, 40), Sample("worst", "ms", (max(times),)))
    return Report(
        f"key's echo while {options.recipe} trains",
        samples,
        "median, ms",
        samples[0].median,
        "lower",
    )


def _is_without(gone: str, text: str) -> bool:
    return gone not in text


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=50)
    parser.add_argument("--recipe", default="pixel-faces-16")
    parser.add_argument("--size", default="200x60", help="columns x rows")
    parser.add_argument("--opened", default="find a knob", help="a pattern of the open text field")
    parser.add_argument("--open", default="/", help="keys, with spaces between, that open a text field")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
