"""Asking the terminal about its pixels from the shell, where no Textual reads what it answers."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Mapping

from tui_lab.tui.picture_probe import PROBE_SECONDS, Answers, Choice, choose, likely_protocol, question
from tui_lab.tui.terminal import PictureMode, asked_pictures
from tui_lab.tui.terminal_replies import ReplyFilter


def choose_in_shell(environ: Mapping[str, str], remembered: str = "auto") -> Choice:
    """As the lab would choose, with the terminal's answers where it would ask for them."""
    asked, asked_by = asked_pictures(environ, remembered)
    wanted = asked in (PictureMode.KITTY, PictureMode.SIXEL)
    unsure = asked is PictureMode.AUTO and likely_protocol(environ) is not None
    return choose(asked, asked_by, environ, ask_terminal(environ) if wanted or unsure else None)


def ask_terminal(environ: Mapping[str, str]) -> Answers | None:
    """Its answers; what a person types meanwhile is lost, and so is what comes too late. None without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    answers = Answers()
    replies = ReplyFilter(answers.take)
    replies.expects = True
    before = termios.tcgetattr(0)
    try:
        tty.setcbreak(0, termios.TCSANOW)
        sys.stdout.write(question(environ))
        sys.stdout.flush()
        deadline = time.monotonic() + PROBE_SECONDS
        while not answers.are_all and (left := deadline - time.monotonic()) > 0:
            if select.select([0], [], [], left)[0]:
                replies.feed(os.read(0, 4096).decode("utf-8", "replace"))
    finally:
        termios.tcsetattr(0, termios.TCSAFLUSH, before)
    return answers
