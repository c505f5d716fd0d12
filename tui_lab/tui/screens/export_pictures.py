"""What of a denoising goes into a file, and where; the path is said and copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_lab.errors import LabError, RecipeError
from tui_lab.tui.aside import aside
from tui_lab.tui.exporting import KINDS, STRIP, Kind, Meant, printed, suggested, write
from tui_lab.tui.screens.ask import BOX


class Wish(NamedTuple):
    """`steps` of a strip."""

    kind: Kind
    path: Path
    steps: int


class ExportPictures(ModalScreen[Wish | None]):
    """Dismisses with what is wished, or None."""

    DEFAULT_CSS = f"""ExportPictures {{ {BOX}
        & OptionList, & OptionList:focus {{
            border: none; background: $surface; padding: 0; height: auto; margin-bottom: 1;
        }}
        & Input {{ background: $panel; width: 1fr; }}
        & Horizontal {{ height: 1; }}
        & .name {{ width: 12; color: $secondary; }}
        & #complaint {{ color: $error; height: auto; }}
        & .-hidden {{ display: none; }}
    }}"""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    def __init__(self, meant: Meant) -> None:
        super().__init__()
        self._meant = meant

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Export"
            yield OptionList(*(Option(kind.words, id=kind.name) for kind in KINDS))
            with Horizontal(id="row-path"):
                yield Static("path", classes="name")
                yield Input(id="path", compact=True)
            with Horizontal(id="row-count"):
                yield Static("steps", classes="name")
                yield Input(str(STRIP), id="count", type="integer", compact=True)
            yield Static(id="complaint")
            yield Static(Content("enter: go on, then write   tab: next field   esc: back"), classes="hint")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    @property
    def _kind(self) -> Kind:
        return KINDS[self.query_one(OptionList).highlighted or 0]

    @on(OptionList.OptionHighlighted)
    def _named(self) -> None:
        kind = self._kind
        self.query_one("#path", Input).value = str(Path.cwd() / suggested(self._meant, kind))
        self.query_one("#row-path").set_class(kind.name == "print", "-hidden")
        self.query_one("#row-count").set_class(kind.name != "strip", "-hidden")

    @on(OptionList.OptionSelected)
    def _go_on(self) -> None:
        if self._kind.name == "print":
            self.dismiss(Wish(self._kind, Path(), 0))
        else:
            self.query_one("#path", Input).focus()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        try:
            self.dismiss(self._wish())
        except LabError as error:
            self.query_one("#complaint", Static).update(Content(error.message))

    def _wish(self) -> Wish:
        path, count = (self.query_one(f"#{name}", Input).value.strip() for name in ("path", "count"))
        if not path:
            raise RecipeError("Name a path, or press esc")
        if not (count.isdigit() and 1 <= int(count) <= 1000):
            raise RecipeError("A strip has 1 to 1000 steps")
        return Wish(self._kind, Path(path).expanduser().absolute(), int(count))


async def export_pictures(app: App[Any], meant: Meant) -> None:
    """Ask, write aside, say where it is. Await it in a worker."""
    wish = await app.push_screen_wait(ExportPictures(meant))
    if wish is None:
        return
    if wish.kind.name == "print":
        app.left_behind.append(printed(meant))  # type: ignore[attr-defined]
        app.notify("Printed into the shell when you leave the lab", markup=False)
        return
    try:
        written = await aside(lambda progress: write(meant, wish.kind, wish.path, wish.steps), lambda done, total: None)
    except LabError as error:
        app.notify(error.message, severity="error", timeout=12, markup=False)
        return
    app.copy_to_clipboard(str(written[0]))
    beside = "" if len(written) > 1 else "; without the JSON to make it again, for it is of no whole checkpoint"
    app.notify(f"Written, and its path copied: {written[0]}{beside}", timeout=10, markup=False)
