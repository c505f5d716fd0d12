"""Rows on classes: which are drawn, which is kept away from, and how much either is heeded."""

from __future__ import annotations

from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.control.rows import NONE, Entry, Option, Row, SamplingRow, Subject

EVERY_CLASS = "every class in turn"


class ClassRow(Row):
    """The classes that are drawn in turn."""

    entry: Entry = "choose"

    def barred(self, asked: Denoising, subject: Subject) -> str:
        return subject.no_classes

    def value(self, asked: Denoising, subject: Subject) -> str:
        if subject.no_classes:
            return NONE
        return ", ".join(map(subject.class_name, asked.class_labels)) or EVERY_CLASS

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        return [Option(EVERY_CLASS), *map(Option, subject.classes)]

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        names = [] if text == EVERY_CLASS else [text] if text in subject.classes else text.split(",")
        return asked.changed(class_labels=tuple(subject.class_number(name) for name in names if name.strip()))

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(class_labels=())


class NegativeRow(Row):
    """The class that guidance leads away from."""

    entry: Entry = "choose"

    def barred(self, asked: Denoising, subject: Subject) -> str:
        idle = subject.knob(asked, "guidance_scale") == 1.0
        return subject.no_guidance or ("guidance is 1: it leads away from nothing" if idle else "")

    def value(self, asked: Denoising, subject: Subject) -> str:
        return NONE if asked.negative_class is None else subject.class_name(asked.negative_class)

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        return [Option(NONE, "from pictures of no class, as usual"), *map(Option, subject.classes)]

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        return asked.changed(negative_class=None if text == NONE else subject.class_number(text))

    def cleared(self, asked: Denoising) -> Denoising:
        return asked.changed(negative_class=None)


class GuidanceRow(SamplingRow):
    """How classes are heeded; but for the scale itself, only where that is not 1."""

    def barred(self, asked: Denoising, subject: Subject) -> str:
        idle = self.knob.name != "guidance_scale" and subject.knob(asked, "guidance_scale") == 1.0
        return subject.no_guidance or ("guidance is 1: the plain conditional model" if idle else "")
