"""Rows on the sampler: which one, in how many steps, and how these are spaced."""

from __future__ import annotations

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.possible import choices_of
from tui_lab.recipe.sheets import value_words
from tui_lab.tui.control.rows import Option, SamplingRow, Subject


class SamplerRow(SamplingRow):
    """By the names that people have for them."""

    def value(self, asked: Denoising, subject: Subject) -> str:
        return value_words("scheduler", self.read(asked, subject))

    def options(self, asked: Denoising, subject: Subject) -> list[Option]:
        """Those that are not offered at all among them."""
        return [
            Option(value_words("scheduler", name), SAMPLERS[name].help if name in SAMPLERS else "", reason)
            for name, reason in choices_of(asked, subject.recipe, "scheduler")
        ]

    def typed(self, asked: Denoising, subject: Subject, text: str) -> Denoising:
        named = {info.short: name for name, info in SAMPLERS.items()}
        return super().typed(asked, subject, named.get(text, text))


class EtaRow(SamplingRow):
    def barred(self, asked: Denoising, subject: Subject) -> str:
        info = SAMPLERS[subject.knob(asked, "scheduler")]
        return "" if info.uses_eta else f"{info.short} has none: it is DDIM's"
