import pytest

from tui_lab.tui.terminal import ColourDepth, PictureMode, asked_pictures, colour_depth, plain_cells


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ColourDepth.TRUECOLOR),
        ({"TERM": "xterm-256color"}, ColourDepth.PALETTE),  # what SSH leaves
        ({"TERM": "screen-256color", "TMUX": "x", "COLORTERM": ""}, ColourDepth.PALETTE),
        ({"TERM": "xterm-kitty"}, ColourDepth.TRUECOLOR),
        ({"TERM": "linux"}, ColourDepth.SIXTEEN),
        ({"TERM": "dumb"}, ColourDepth.NONE),
        (
            {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "Apple_Terminal"},
            ColourDepth.PALETTE,
        ),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, ColourDepth.NONE),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, ColourDepth.PALETTE),
        ({"TERM": "linux", "TEXTUAL_COLOR_SYSTEM": "truecolor"}, ColourDepth.TRUECOLOR),
        ({"TERM": "linux", "DIFFUSION_LAB_COLOR": "256", "NO_COLOR": "1"}, ColourDepth.PALETTE),
        ({"TERM": "linux", "DIFFUSION_LAB_COLOR": "rainbow"}, ColourDepth.SIXTEEN),
    ],
)
def test_colour_depth(environ: dict[str, str], depth: ColourDepth) -> None:
    assert colour_depth(environ) is depth


@pytest.mark.parametrize(
    ("environ", "remembered", "asked"),
    [
        ({}, "auto", (PictureMode.AUTO, "nobody")),
        ({}, "sextant", (PictureMode.SEXTANT, "the lab's palette")),
        ({"DIFFUSION_LAB_PICTURES": " Quadrant "}, "sextant", (PictureMode.QUADRANT, "DIFFUSION_LAB_PICTURES")),
        ({"DIFFUSION_LAB_PICTURES": "oil"}, "kitty", (PictureMode.KITTY, "the lab's palette")),
        ({}, "oil", (PictureMode.AUTO, "nobody")),
    ],
)
def test_asked_pictures(environ: dict[str, str], remembered: str, asked: tuple[PictureMode, str]) -> None:
    assert asked_pictures(environ, remembered) == asked


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({"TERM": "xterm"}, PictureMode.HALF),
        ({"TERM": "linux"}, PictureMode.HALF),
        ({"TERM": "xterm", "LANG": "de_DE.ISO-8859-1"}, PictureMode.ASCII),
        ({"TERM": "xterm", "DIFFUSION_LAB_GLYPHS": "ascii"}, PictureMode.ASCII),
    ],
)
def test_plain_cells(environ: dict[str, str], mode: PictureMode) -> None:
    assert plain_cells(environ) is mode
