"""What steers a denoising, as a form: its rows in order, and the denoising while it is turned, with the way back."""

from __future__ import annotations

from tui_lab.recipe import Knob
from tui_lab.recipe.denoising import Denoising, Pull, Start, Variation
from tui_lab.tui.control.batch import AmountRow, BetweenRow, BetweenToRow, VariationRow
from tui_lab.tui.control.classes import ClassRow, GuidanceRow, NegativeRow
from tui_lab.tui.control.prompts import NegativePromptRow, PromptRow
from tui_lab.tui.control.pull import ColourRow, PullPartRow, PullRow
from tui_lab.tui.control.rows import Row, SamplingRow, Subject
from tui_lab.tui.control.sampler import EtaRow, SamplerRow
from tui_lab.tui.control.start import ImageRow, MaskRow, StartRow, StrengthRow

PROMPT, CLASS, GUIDANCE, SAMPLER, START, PULL, BETWEEN, VARIATION, SEED = (
    "prompt",
    "class",
    "guidance",
    "sampler",
    "start and mask",
    "guidance by a loss",
    "from one to another",
    "variations",
    "seed",
)
"""The sections."""

_STRENGTH = Knob(
    "start.strength", "strength", "How far the image is noised: 0 is the image itself, 1 pure noise.",
    "float", Start().strength, minimum=0, maximum=1, step=0.05,
)  # fmt: skip
_SCALE = Knob(
    "pull.scale", "scale", "5 is a nudge, 40 plain to see, 100 all that the model can do; below 0 it pushes away.",
    "float", Pull(kind="symmetry").scale, minimum=-10_000, maximum=10_000, step=5,
)  # fmt: skip
_LEVEL = Knob(
    "pull.level", "brightness", "The brightness that is pulled towards: 0 is black, 1 white.",
    "float", Pull(kind="symmetry").level, minimum=0, maximum=1, step=0.05,
)  # fmt: skip
_AMOUNT = Knob(
    "variation.amount", "amount", "How far the sample's noise is moved: 0 is the sample itself, 1 other noise.",
    "float", Variation(seed=0, place=0).amount, minimum=0, maximum=1, step=0.05,
)  # fmt: skip


def control_rows(chosen: Variation | None = None, texts: bool = False) -> tuple[Row, ...]:
    """All rows; of a model that is told `texts`, prompts in the place of classes. `chosen` is the sample that stands
    for "this one", where there is one."""
    return (
        *(_prompts() if texts else _classes()),
        *(
            GuidanceRow(GUIDANCE, name)
            for name in ("guidance_scale", "guidance_schedule", "guidance_from", "guidance_until")
        ),
        SamplerRow(SAMPLER, "scheduler"),
        SamplingRow(SAMPLER, "num_inference_steps", "steps"),
        EtaRow(SAMPLER, "eta"),
        SamplingRow(SAMPLER, "timestep_spacing"),
        SamplingRow(SAMPLER, "sigma_schedule"),
        StartRow("start", START, "start", "Noise, an image noised to a strength, or the noise that leads to an image."),
        ImageRow("image", START, "image", "Of the dataset, the gallery, a file, or one of these samples."),
        StrengthRow(START, _STRENGTH),
        MaskRow("mask", START, "mask", "What of the image stays while the rest is drawn anew (inpainting)."),
        PullRow("pull", PULL, "loss", "Its gradient pulls at every step: towards a colour, an image, what you write."),
        PullPartRow(PULL, _SCALE),
        ColourRow("colour", PULL, "colour", "The colour that is pulled towards: a name such as teal, or #rrggbb."),
        PullPartRow(PULL, _LEVEL, "brightness"),
        BetweenRow("between", BETWEEN, "row", "The pictures go evenly from one to the other, both ends among them."),
        BetweenToRow("to", BETWEEN, "to", "The other end of the row."),
        VariationRow(VARIATION, chosen),
        AmountRow(VARIATION, _AMOUNT),
        SamplingRow(SEED, "seed", "seed", "The noise that the pictures begin with; n takes the next, x one at random."),
        SamplingRow(SEED, "num_images", "pictures", "How many are drawn; a row from one to another has so many."),
    )


def _classes() -> tuple[Row, ...]:
    return (
        ClassRow("classes", CLASS, "class", "The class that is drawn; several, with commas, take turns."),
        NegativeRow("negative", CLASS, "away from", "The class that guidance leads away from, in place of none."),
    )


def _prompts() -> tuple[Row, ...]:
    return (
        PromptRow("prompt", PROMPT, "prompt", "What is drawn, in words."),
        NegativePromptRow("negative_prompt", PROMPT, "away from", "Words for what guidance leads away from."),
    )


class ControlDraft:
    """The denoising that the form shows. What cannot be drawn never becomes it."""

    def __init__(self, asked: Denoising, subject: Subject, rows: tuple[Row, ...]) -> None:
        self.begun = self.asked = asked
        self.subject = subject
        self.rows = rows
        self._past: list[Denoising] = []

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def plain(self) -> Denoising:
        """As its source draws by itself, but of the same seed and as many pictures."""
        asked = self.asked
        for row in self.rows:
            if row.section != SEED:
                asked = row.cleared(asked)
        return asked

    def take(self, asked: Denoising) -> bool:
        """Whether that is another one. Raises RecipeError where the source cannot be drawn so."""
        if asked == self.asked:
            return False
        self.subject.check(asked)
        self._past.append(self.asked)
        self.asked = asked
        return True

    def undo(self) -> None:
        if self._past:
            self.asked = self._past.pop()

    def steers(self, row: Row) -> bool:
        """Whether the row stands otherwise than it would by itself."""
        plain = row.cleared(self.asked)
        return row.section != SEED and row.value(plain, self.subject) != row.value(self.asked, self.subject)
