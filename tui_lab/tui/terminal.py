"""What the environment says of the terminal: its colours, glyphs and pictures. Imports nothing that takes time."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class ColourDepth(Enum):
    """How many colours the terminal is believed to show; the value is what `DIFFUSION_LAB_COLOR` takes."""

    TRUECOLOR = "truecolor"
    PALETTE = "256"
    SIXTEEN = "16"
    NONE = "none"

    @property
    def textual_system(self) -> str:
        """What `TEXTUAL_COLOR_SYSTEM` takes, for the text beside the pictures."""
        return {"16": "standard", "none": "standard"}.get(self.value, self.value)


class PictureMode(Enum):
    """How pictures are drawn; the value is what `DIFFUSION_LAB_PICTURES` takes."""

    AUTO = "auto"
    HALF = "half"
    QUADRANT = "quadrant"
    SEXTANT = "sextant"
    ASCII = "ascii"
    KITTY = "kitty"
    SIXEL = "sixel"

    @property
    def title(self) -> str:
        return _PICTURE_WORDS[self][0]

    @property
    def help(self) -> str:
        return _PICTURE_WORDS[self][1]


_PICTURE_WORDS = {
    PictureMode.AUTO: ("what the terminal can", "Full pixels where the terminal is known for them, else half blocks"),
    PictureMode.HALF: ("half blocks", "Two pixels a cell, each in its own colour: every terminal has ▀"),
    PictureMode.QUADRANT: ("quadrants", "Four pixels a cell in two colours, where pictures do not fit otherwise"),
    PictureMode.SEXTANT: ("sextants", "Six pixels a cell in two colours; the font needs Unicode 13's legacy blocks"),
    PictureMode.ASCII: ("ASCII", "Characters that are as dense as the picture is bright"),
    PictureMode.KITTY: ("full pixels, kitty", "Kitty's graphics protocol with placeholders: kitty, Ghostty"),
    PictureMode.SIXEL: (
        "full pixels, sixel",
        "Sixels: foot, WezTerm, Konsole, iTerm2, Windows Terminal",
    ),
}

_TEXTUAL_SYSTEMS = {
    "truecolor": ColourDepth.TRUECOLOR,
    "256": ColourDepth.PALETTE,
    "standard": ColourDepth.SIXTEEN,
    "windows": ColourDepth.SIXTEEN,
}
_TRUECOLOR_TERMS = ("kitty", "alacritty", "wezterm", "foot", "ghostty", "iterm", "direct")


def colour_depth(environ: Mapping[str, str]) -> ColourDepth:
    """What the environment says of the terminal's colours.

    `DIFFUSION_LAB_COLOR` (truecolor, 256, 16, none) has the first word, then `NO_COLOR` and `TEXTUAL_COLOR_SYSTEM`.
    Apple's Terminal claims more than it shows. SSH and tmux often drop `COLORTERM`, which leaves 256 colours; tmux
    itself turns true colours into what the outer terminal can show, so a `COLORTERM` seen inside it is believed.
    """
    asked = environ.get("DIFFUSION_LAB_COLOR", "").strip().lower()
    if asked in {depth.value for depth in ColourDepth}:
        return ColourDepth(asked)
    if environ.get("NO_COLOR"):
        return ColourDepth.NONE
    if (system := environ.get("TEXTUAL_COLOR_SYSTEM", "").lower()) in _TEXTUAL_SYSTEMS:
        return _TEXTUAL_SYSTEMS[system]
    term = environ.get("TERM", "").lower()
    if term in {"dumb", "unknown"}:
        return ColourDepth.NONE
    if environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return ColourDepth.PALETTE
    if environ.get("COLORTERM", "").strip().lower() in {"truecolor", "24bit"}:
        return ColourDepth.TRUECOLOR
    if any(name in term for name in _TRUECOLOR_TERMS):
        return ColourDepth.TRUECOLOR
    return ColourDepth.PALETTE if "256color" in term else ColourDepth.SIXTEEN


def ascii_only(environ: Mapping[str, str]) -> bool:
    """Whether braille and shades are to be avoided: asked for by `DIFFUSION_LAB_GLYPHS`, a bare console, no UTF-8."""
    asked = environ.get("DIFFUSION_LAB_GLYPHS", "").strip().lower()
    if asked in {"ascii", "braille"}:
        return asked == "ascii"
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "utf-8"
    utf8 = "utf" in locale.lower() or locale in {"C", "POSIX"}
    return environ.get("TERM") == "linux" or not utf8


def asked_pictures(environ: Mapping[str, str], remembered: str = "auto") -> tuple[PictureMode, str]:
    """How pictures are to be drawn, and who says so: `DIFFUSION_LAB_PICTURES`, else what the lab remembers."""
    modes = {mode.value: mode for mode in PictureMode}
    asked = environ.get("DIFFUSION_LAB_PICTURES", "").strip().lower()
    if asked in modes:
        return modes[asked], "DIFFUSION_LAB_PICTURES"
    mode = modes.get(remembered, PictureMode.AUTO)
    return mode, "nobody" if mode is PictureMode.AUTO else "the lab's palette"


def plain_cells(environ: Mapping[str, str]) -> PictureMode:
    """What draws pictures where nothing better is known: half blocks, which bare consoles have too, or ASCII."""
    return PictureMode.ASCII if ascii_only(environ) and environ.get("TERM") != "linux" else PictureMode.HALF
