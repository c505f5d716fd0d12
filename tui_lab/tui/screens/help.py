"""Help: what the lab is, panel by panel, and every key that works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ActiveBinding, Screen
from textual.widgets import Footer, Static

WORDS = (
    (
        "What this is",
        "A laboratory for diffusion models. Training drowns pictures in noise, a little at timestep 0, wholly at the "
        "last, and a model learns to say what was drowned. Sampling starts from pure noise and undoes it step by step. "
        "A run trains in processes of its own: leave, lose the line, come back, and it is there.",
    ),
    (
        "1 Dataset",
        "The pictures that will be trained on, as the model will see them: turn a knob of dataset.* and they follow. "
        "Arrows turn the page, d chooses other data, Enter shows all of it: every picture, one of them large, "
        "statistics, duplicates, the split, what was left out, and a batch as the model sees it.",
    ),
    (
        "2 Schedule",
        "How much picture (√ᾱ) and how much noise (√(1-ᾱ)) there is in x_t at each timestep, and their ratio, log-SNR. "
        "Turn beta_schedule and see it bend; the grey curve is how it was before. g goes on to β, SNR, and the share "
        "of the loss that each timestep gets; l and L make an axis logarithmic; k pins a schedule to compare with. "
        "The uprights below are where the sampler asks the model. Below that, one of your pictures noised at eight "
        "timesteps: i takes another. Arrows move the brush: x_t there, its noise, and what a model would have to say "
        "of it. ! is a remark of the linter, and j goes to its knob.",
    ),
    (
        "3 Loss",
        "The training loss, smoothed, over its spread; dashed, the loss on held-out pictures at fixed timesteps and "
        "noise. ema is that loss with the averaged weights. ▲ marks what you changed. Arrows read values, l is "
        "logarithmic.",
    ),
    (
        "4 Recipe",
        "Every knob. ● is live: a running run takes it at its next step. ○ needs a new run (t) or a fork (f). ← and → "
        "turn a knob, Enter types its value, / finds one, u undoes. * is edited, ! stands in the way of training.",
    ),
    (
        "5 Denoising",
        "Noise becoming pictures: x_t, and beside it the clean picture that the model sees in it. Arrows go through "
        "the steps once a drawing is done, Enter opens them in the theatre.",
    ),
    (
        "The theatre (n)",
        "How noise becomes a picture: the state x_t, the clean picture and the noise ε that the model sees in it, and "
        "what a step changes (ε over ±3, changes over ±½). ← and → go through the steps, ↑ and ↓ through the "
        "checkpoints of the run, at the same starting noise; after the newest of a run that trains comes the run as it "
        "is now. m shows both at once, of one picture. The uprights below the curve are where the sampler asks the "
        "model. What is drawn is kept while there is room, and drawn again, to the same bytes, where there was none.",
    ),
    (
        "Compare (C) and sheets (h), from the theatre (n)",
        "Denoisings side by side, at the same noise whatever their steps: c pins one, C shows all that are pinned, "
        "and Enter turns a pane's sampler, steps, seed, checkpoint or run. ≠ says that a pane begins at other noise; "
        "RMSE is its distance from A, on the scale of [0, 1]. h asks how low you can go: every sampler by fewer and "
        "fewer steps; x turns any two knobs instead, and Enter opens a place in the player.",
    ),
    (
        "Control (k in the theatre) and the gallery (g)",
        "What steers a drawing, each in a row: a class and what to keep away from, guidance over the noise's time, an "
        "image to begin with or to invert, a mask that is painted over it by keys or the mouse, a loss whose gradient "
        "pulls, rows between two seeds or classes, neighbours of one sample. Grey rows say why they do nothing here; d "
        "draws, p is plain again. What is kept (s) stands in the gallery with all that makes it again: Enter opens it, "
        "r draws it again and says whether it is the same to the bit.",
    ),
    (
        "Model (m) and one batch (b)",
        "The network, block by block at the present resolution, what a step of it costs, presets by scale, and where "
        "it starts from. One batch is what training does at every step, seen slowly: pictures, noise, noisy pictures, "
        "what the model makes of them, and how far off that is; for a fresh model, a checkpoint, or the run as it is "
        "now.",
    ),
)


class HelpScreen(Screen[None]):
    """Takes the bindings that were active when it was asked for."""

    TITLE = "Help"
    DEFAULT_CSS = """
    HelpScreen {
        & #help-title { height: 1; background: $panel; padding: 0 1; color: $primary; text-style: bold; }
        & VerticalScroll { padding: 1 2; background: $background; }
        & .words { max-width: 100; height: auto; margin-bottom: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "app.pop_screen", "Back to the lab", key_display="esc"),
    ]

    def __init__(self, bindings: Mapping[str, ActiveBinding]) -> None:
        super().__init__()
        self._active = dict(bindings)

    def compose(self) -> ComposeResult:
        yield Static("Help", id="help-title")
        with VerticalScroll():
            for title, words in WORDS:
                yield Static(Content.assemble((title, "$primary bold"), "\n", words), classes="words")
            yield Static(self._keys(), classes="words")
        yield Footer()

    def _keys(self) -> Content:
        lines = [Content.styled("Keys", "$primary bold")]
        for key, words in key_words(self._active, self.app.get_key_display):
            lines.append(Content.assemble((key.rjust(9), "$accent bold"), "  ", words))
        return Content("\n").join(lines)


def key_words(bindings: Mapping[str, ActiveBinding], display: object) -> list[tuple[str, str]]:
    """(key, what it does) of every binding with words, in the order in which they are declared; one line an action."""
    assert callable(display)
    found: dict[str, tuple[str, str]] = {}
    for active in bindings.values():
        binding = active.binding
        words = binding.tooltip or binding.description
        if words and binding.action not in found and not binding.system:
            found[binding.action] = (display(binding), words)
    return list(found.values())
