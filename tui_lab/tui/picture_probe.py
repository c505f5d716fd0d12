"""Whether a terminal shows full pixels: what makes it likely, what is asked of it, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui_lab.sanitize import clean
from tui_lab.tui.pixels import CellSize
from tui_lab.tui.terminal import PictureMode, plain_cells
from tui_lab.tui.terminal_replies import AttributesReply, CellReply, KittyReply, Reply, VersionReply

PROBE_SECONDS = 1.5
"""For all answers: one of a terminal at the other end of the world comes within half a second."""
PROBE_IMAGE = 31
_SIXEL_ATTRIBUTE = 4
_PLACEHOLDER_NAMES = ("kitty", "ghostty")
"""Of the terminals that speak kitty's protocol, those that know its placeholders, by what they call themselves."""
_SIXEL_TERMS = ("foot", "mlterm", "contour", "yaft", "sixel")
_SIXEL_PROGRAMS = ("wezterm", "iterm.app", "contour", "mlterm", "rio")


@dataclass(frozen=True)
class Choice:
    """How pictures are drawn now, and why."""

    mode: PictureMode
    why: str


def question(environ: Mapping[str, str]) -> str:
    """A picture of one pixel that is only asked about, the terminal's name, its cells' size, its attributes: in this
    order, so that the last answer says that there are no others."""
    kitty = in_tmux(f"\x1b_Gi={PROBE_IMAGE},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", environ)
    return f"{kitty}\x1b[>0q\x1b[16t\x1b[c"


def in_tmux(sequence: str, environ: Mapping[str, str]) -> str:
    """As tmux passes it on to the terminal around it, where its `allow-passthrough` is on."""
    if not environ.get("TMUX"):
        return sequence
    return "\x1bPtmux;{}\x1b\\".format(sequence.replace("\x1b", "\x1b\x1b"))


def likely_protocol(environ: Mapping[str, str]) -> tuple[PictureMode, str] | None:
    """What this terminal probably speaks, and what says so: only there is it asked without being told to."""
    if environ.get("TMUX") or environ.get("STY"):
        return None
    term = environ.get("TERM", "").lower()
    program = environ.get("TERM_PROGRAM", "").lower()
    if environ.get("KITTY_WINDOW_ID"):
        return PictureMode.KITTY, "KITTY_WINDOW_ID is set"
    for name in _PLACEHOLDER_NAMES:
        if name in term:
            return PictureMode.KITTY, f"TERM={clean(term)}"
        if name in program:
            return PictureMode.KITTY, f"TERM_PROGRAM={clean(program)}"
    if any(name in term for name in _SIXEL_TERMS):
        return PictureMode.SIXEL, f"TERM={clean(term)}"
    if any(name == program for name in _SIXEL_PROGRAMS):
        return PictureMode.SIXEL, f"TERM_PROGRAM={clean(program)}"
    for variable in ("WT_SESSION", "KONSOLE_VERSION"):
        if environ.get(variable):
            return PictureMode.SIXEL, f"{variable} is set"
    return None


class Answers:
    """What the terminal has said so far."""

    def __init__(self) -> None:
        self.kitty = ""
        self.name = ""
        self.cell: CellSize | None = None
        self.attributes: tuple[int, ...] | None = None

    def take(self, reply: Reply) -> None:
        if isinstance(reply, KittyReply) and reply.image == PROBE_IMAGE:
            self.kitty = reply.words
        elif isinstance(reply, VersionReply):
            self.name = clean(reply.name, 40)
        elif isinstance(reply, CellReply) and reply.width and reply.height:
            self.cell = CellSize(reply.width, reply.height)
        elif isinstance(reply, AttributesReply):
            self.attributes = reply.attributes

    @property
    def are_all(self) -> bool:
        """The last one has come."""
        return self.attributes is not None

    @property
    def has_sixel(self) -> bool:
        return self.attributes is not None and _SIXEL_ATTRIBUTE in self.attributes


def choose(asked: PictureMode, asked_by: str, environ: Mapping[str, str], answers: Answers | None) -> Choice:
    """`answers`: None where the terminal was not asked. Full pixels need its word; what was asked for by name and
    was not confirmed becomes half blocks, and so does whatever auto is not sure of."""
    plain = plain_cells(environ)
    likely = likely_protocol(environ)
    if asked not in (PictureMode.AUTO, PictureMode.KITTY, PictureMode.SIXEL):
        return Choice(asked, f"{asked_by} says so")
    wished, because = (asked, f"{asked_by} says so") if asked is not PictureMode.AUTO else (likely or (None, ""))
    if wished is None:
        multiplexer = "tmux" if environ.get("TMUX") else "screen" if environ.get("STY") else ""
        hides = f"{multiplexer} hides the terminal" if multiplexer else "nothing says that this terminal has pixels"
        return Choice(plain, f"{hides}; DIFFUSION_LAB_PICTURES=kitty or sixel asks it")
    if answers is None:
        return Choice(plain, f"{because}; the terminal was not asked")
    name = f" ({answers.name})" if answers.name else ""
    if wished is PictureMode.KITTY and answers.kitty == "OK" and (asked is wished or _has_placeholders(answers)):
        return Choice(wished, f"{because}, and the terminal confirms it{name}")
    if answers.has_sixel and (wished is PictureMode.SIXEL or asked is PictureMode.AUTO):
        if answers.cell is not None:
            return Choice(PictureMode.SIXEL, f"{because}, and the terminal has sixels{name}")
        return Choice(plain, f"{because}, but the terminal{name} does not say how large its cells are")
    what = "kitty's pictures" if wished is PictureMode.KITTY else "sixels"
    silent = "did not answer" if answers.attributes is None else f"does not confirm {what}"
    return Choice(plain, f"{because}, but the terminal{name} {silent}")


def _has_placeholders(answers: Answers) -> bool:
    """Konsole and WezTerm speak the protocol without them: of terminals that say who they are, two are known."""
    return not answers.name or any(known in answers.name.lower() for known in _PLACEHOLDER_NAMES)
