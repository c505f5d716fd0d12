"""The recipe: its knobs, and what is known of the one under the cursor."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tui_lab.recipe import Knob, get
from tui_lab.tui.draft import Draft
from tui_lab.tui.widgets.knob_list import LIVE, NOT_LIVE, KnobList
from tui_lab.tui.widgets.panel import Panel


class RecipePanel(Panel, can_focus=False):
    """Shows a draft. `Nudged` and `TypeAsked` of its list go on to the screen, which knows whether a run is going."""

    number, title = 4, "Recipe"
    DEFAULT_CSS = """
    RecipePanel {
        & #knob-help { height: auto; max-height: 3; color: $secondary; }
        & #knob-search { display: none; background: $panel; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Input(placeholder="find a knob: lr, batch, beta …", id="knob-search", compact=True)
        yield KnobList()
        yield Static(id="knob-help")

    @property
    def focus_target(self) -> KnobList:
        return self.knobs

    @property
    def knobs(self) -> KnobList:
        return self.query_one(KnobList)

    def show(self, draft: Draft) -> None:
        problems = draft.problems
        self.knobs.show(draft.recipe, set(draft.changes), {problem.key for problem in problems})
        self.border_subtitle = f"{draft.origin}{' *' if draft.changes else ''}"
        self._problem = problems[0].message if problems else ""
        self._say(self.knobs.chosen, draft)

    def _say(self, key: str, draft: Draft) -> None:
        from tui_lab.recipe import KNOBS

        knob = KNOBS[key]
        if self._problem:
            said = Content.from_markup("[$error]$problem[/]", problem=f"! {self._problem}")
        else:
            said = knob_help(knob, knob.format(get(draft.recipe, key)))
        self.query_one("#knob-help", Static).update(said)

    def describe(self, knob: Knob, draft: Draft) -> None:
        self._say(knob.key, draft)

    def search(self) -> None:
        """Open the line that finds knobs."""
        search = self.query_one("#knob-search", Input)
        search.display = True
        self.screen.set_focus(search)  # at once: what is typed next is meant for it

    def go_to(self, key: str) -> None:
        """Put the cursor on a knob, whatever was searched for."""
        self.query_one("#knob-search", Input).value = ""
        self.knobs.filter("")
        self.knobs.chosen = key
        self._close_search()

    @on(Input.Changed, "#knob-search")
    def _filter(self, event: Input.Changed) -> None:
        self.knobs.filter(event.value)

    @on(Input.Submitted, "#knob-search")
    def _found(self) -> None:
        self._close_search()

    def key_escape(self) -> None:
        if self.query_one("#knob-search", Input).display:
            self.query_one("#knob-search", Input).value = ""
            self._close_search()

    def _close_search(self) -> None:
        search = self.query_one("#knob-search", Input)
        if not search.value:
            search.display = False
        self.knobs.focus()


def knob_help(knob: Knob, value: str) -> Content:
    """ "● Learning rate 1e-3 · AdamW's step … (0 to 1) · live"."""
    when = "live" if knob.live else "for a new run or a fork"
    bounds = f" ({knob.bounds})" if knob.bounds and len(knob.bounds) < 30 else ""
    unit = f" {knob.unit}" if knob.unit else ""
    return Content.from_markup(
        "[$primary]$mark $title[/] $value$unit · $help$bounds · [$accent]$when[/]",
        mark=LIVE if knob.live else NOT_LIVE,
        title=knob.title,
        value=value,
        unit=unit,
        help=knob.help.rstrip("."),
        bounds=bounds,
        when=when,
    )
