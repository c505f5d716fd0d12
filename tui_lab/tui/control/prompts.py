"""Rows on what a text-to-image pipeline is told."""

from __future__ import annotations

from tui_lab.recipe.denoising import Denoising
from tui_lab.sanitize import clean
from tui_lab.tui.control.rows import Row, Subject


class PromptRow(Row):
    """The field of a denoising that is its key: `prompt`, or `negative_prompt`."""

    def value(self, asked: Denoising, subject: Subject) -> str:
        return clean(getattr(asked, self.key), 2000)

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        return asked.changed(**{self.key: text.strip()})

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(**{self.key: ""})


class NegativePromptRow(PromptRow):
    def barred(self, asked: Denoising, subject: Subject) -> str:
        idle = subject.knob(asked, "guidance_scale") == 1.0
        return "guidance is 1: it leads away from nothing" if idle else ""
