"""Painting a mask: which pixels of a picture stay, and which are drawn anew."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui_lab.data.masks import mask_array, mask_of
from tui_lab.recipe.denoising import Mask
from tui_lab.tui.mask_canvas import MaskCanvas, redrawn
from tui_lab.tui.screens.ask import Ask
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.mask_view import MaskView
from tui_lab.tui.widgets.pixel_view import PixelView

HOW = (
    ("arrows", "move the brush"),
    ("space", "paint; shift+arrows paint on"),
    ("mouse", "drag; right button: the other"),
    ("[ ]", "brush size; the wheel too"),
    ("+ -", "closer, farther"),
)


class PaintMask(Screen[Mask | None]):
    """Dismisses with the mask, or None where all stays as it was. `begun` is a mask to go on with."""

    TITLE = "Mask"
    DEFAULT_CSS = """
    PaintMask {
        background: $background;
        & #mask-title { height: 1; background: $panel; padding: 0 1; }
        & MaskView { width: 1fr; height: 1fr; }
        & #mask-aside { width: 40; height: 1fr; padding: 1 1 0 1; }
        & #mask-words { height: auto; }
        & #mask-effect-words { height: auto; margin-top: 1; color: $secondary; }
        & #mask-effect { height: 1fr; min-height: 3; }
        & #mask-how { height: auto; color: $secondary; margin-top: 1; }
        & #mask-complaint { height: 1; padding: 0 1; color: $error; }
        & FittingFooter { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "done", "Take it", tooltip="Draw with this mask"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape", "back", "Back", key_display="esc", tooltip="Leave the mask as it was"),
    ]

    def __init__(self, image: NDArray[np.uint8], begun: Mask | None = None) -> None:
        """`image`: uint8 (H, W, C), with the size that the model draws."""
        super().__init__()
        self._image = image
        self._begun = begun
        height, width, _ = image.shape
        fits = begun is not None and (begun.height, begun.width) == (height, width)
        kept = mask_array(begun) if begun is not None and fits else np.ones((height, width), bool)
        self._canvas = MaskCanvas(kept)

    def compose(self) -> ComposeResult:
        height, width, _ = self._image.shape
        yield Static(
            Content.assemble(
                ("Mask", "$primary bold"),
                (f"  what of these {width}×{height} pixels stays when the rest is drawn anew", "$secondary"),
            ),
            id="mask-title",
        )
        with Horizontal():
            yield MaskView(self._image, self._canvas)
            with Vertical(id="mask-aside"):
                yield Static(id="mask-words")
                yield Static(Content("What the sampler starts from:"), id="mask-effect-words")
                yield PixelView(id="mask-effect")
                yield Static(how_lines(), id="mask-how")
        yield Static(id="mask-complaint")
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(MaskView).focus()

    @on(MaskView.Painted)
    def _painted(self) -> None:
        view = self.query_one(MaskView)
        kept = self._canvas.kept
        self.query_one("#mask-words", Static).update(mask_words(kept, view.brush, view.keeps, view.draws_rectangle))
        self.query_one("#mask-effect", PixelView).show(redrawn(self._image, kept))
        self._complain("")

    def _complain(self, words: str) -> None:
        self.query_one("#mask-complaint", Static).update(Content(words))

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    def action_done(self) -> None:
        kept = self._canvas.kept
        if kept.all():
            self._complain("! every pixel stays, and nothing is left to draw: paint what is to be drawn anew, or esc")
        elif not kept.any():
            self._complain("! no pixel stays, which is drawing without a mask: x, and paint what is to stay, or esc")
        else:
            self.dismiss(mask_of(kept))

    @work
    async def action_back(self) -> None:
        """A rectangle that was begun is given up first; strokes are not thrown away without a word."""
        if self.query_one(MaskView).drop_rectangle():
            return
        if self._canvas.can_undo:
            choices = [("y", "throw the strokes away", "leave"), ("n", "go on painting", "stay")]
            if await self.app.push_screen_wait(Ask("Leave without this mask?", "", choices)) != "leave":
                return
        self.dismiss(None)


def mask_words(kept: NDArray[np.bool_], brush: int, keeps: bool, rectangle: bool) -> Content:
    """The brush, and how many pixels stay."""
    total, stay = kept.size, int(kept.sum())
    sign, does, style = ("█", "keeps", "$primary bold") if keeps else ("╱", "draws anew", "$accent bold")
    tool = "rectangle" if rectangle else f"{brush}×{brush}"
    return Content("\n").join(
        [
            Content.assemble(("brush  ", "$secondary"), (f"{sign} {does}", style), f"  {tool}"),
            Content.assemble(("stay   ", "$secondary"), f"{stay:,} of {total:,} pixels", f"  {stay / total:.0%}"),
            Content.assemble(("anew   ", "$secondary"), f"{total - stay:,}"),
        ]
    )


def how_lines() -> Content:
    return Content("\n").join(Content.assemble((keys.ljust(7), "$accent"), words) for keys, words in HOW)
