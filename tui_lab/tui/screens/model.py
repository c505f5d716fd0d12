"""The model: its blocks at the present resolution, what a step of it costs, presets by scale, and where it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from tui_lab.catalog.models import MODEL_PRESETS, ModelPreset
from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, get
from tui_lab.sanitize import clean
from tui_lab.tui.draft import Draft
from tui_lab.tui.model_words import change_lines, cost_lines, preset_words
from tui_lab.tui.screens.weights import choose_weights
from tui_lab.tui.widgets.block_tree import BlockTree
from tui_lab.workbench.client import ModelSummary, Probe, Workbench


class ModelDesk(Protocol):
    """What the lab lends this screen. Edits go through it, so that they show behind this screen too."""

    @property
    def draft(self) -> Draft: ...
    @property
    def workbench(self) -> Workbench: ...
    @property
    def alive(self) -> bool: ...
    def turn_all(self, changes: Mapping[str, Any]) -> None: ...
    def action_undo(self) -> None: ...


class ModelScreen(Screen[None]):
    """Looks at the draft's model, and turns its knobs several at a time. Each such edit is one undo."""

    TITLE = "Model"
    DEFAULT_CSS = """
    ModelScreen {
        background: $background;
        & #model-title {
            height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
        }
        & #model-body { height: 1fr; }
        & .box {
            border: round $border; border-title-color: $secondary; border-subtitle-color: $secondary; padding: 0 1;
            &:focus, &:focus-within { border: round $primary; border-title-color: $primary; border-title-style: bold; }
        }
        & #model-left { width: 1.2fr; }
        & #model-right { width: 1fr; }
        & #model-changes { display: none; }
        & #model-cost { height: auto; }
        & #model-presets-box { height: 1fr; }
        & #model-problem { height: auto; max-height: 3; color: $error; }
        & OptionList {
            border: none; padding: 0; background: transparent; height: 1fr;
            text-wrap: nowrap; text-overflow: ellipsis; scrollbar-size-vertical: 1;
            &:focus { border: none; background-tint: transparent; }
            & > .option-list--option-highlighted { background: $panel; color: $foreground; text-style: none; }
            &:focus > .option-list--option-highlighted { background: $primary 30%; color: $foreground; }
        }
        &.-changes #model-tree-box { display: none; }
        &.-changes #model-changes { display: block; }
        & Footer { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "probe", "Time it", tooltip="Two real steps on this device: seconds a step, time to the end"),
        Binding(
            "c", "start_from", "Start from", tooltip="Fine-tune: begin from a run's checkpoint, a folder or a hub id"
        ),
        Binding("u", "undo", "Undo", tooltip="Take the last edit of the recipe back"),
        Binding("tab", "app.focus_next", "Tree/presets", tooltip="To the tree of blocks, or to the presets"),
        Binding("escape,m,q", "dismiss(None)", "Back to the lab", key_display="esc"),
    ]
    AUTO_FOCUS = "BlockTree"

    def __init__(self, desk: ModelDesk) -> None:
        super().__init__()
        self._desk = desk
        self._summary: ModelSummary | None = None
        self._probe: Probe | None = None
        self._waiting = ""

    def compose(self) -> ComposeResult:
        yield Static(id="model-title")
        with Horizontal(id="model-body"):
            with Vertical(id="model-left"):
                with Vertical(id="model-tree-box", classes="box") as tree_box:
                    tree_box.border_title = "Blocks, in the order they run"
                    yield BlockTree(id="model-tree")
                with VerticalScroll(id="model-changes", classes="box", can_focus=False):
                    yield Static(id="model-changes-words")
            with Vertical(id="model-right"):
                with Vertical(id="model-cost", classes="box"):
                    yield Static(id="model-cost-words")
                    yield Static(id="model-problem")
                with Vertical(id="model-presets-box", classes="box") as presets_box:
                    presets_box.border_title = "Presets"
                    presets_box.border_subtitle = "Enter takes one"
                    yield OptionList(*(Option(name, id=name) for name in MODEL_PRESETS))
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            return True if self._desk.draft.can_undo else None
        return True

    # What is shown

    def _show(self) -> None:
        """The draft anew, after every change of it."""
        recipe, problems = self._desk.draft.recipe, self._desk.draft.problems
        height, width = recipe.dataset.size
        self.query_one("#model-title", Static).update(
            Content.assemble(
                ("Model", "$primary bold"),
                (f"  {recipe.model.class_name}", "$foreground"),
                (f"  {width}×{height}×{recipe.dataset.channels}", "$foreground"),
                (f"  {clean(self._desk.draft.origin, 40)}", "$secondary"),
            )
        )
        problem = self.query_one("#model-problem", Static)
        problem.display = bool(problems)
        problem.update(Content(f"! {problems[0].message}" if problems else ""))
        self._summary = self._probe = None
        self._waiting = "" if problems else "The workbench counts …"
        self.query_one("#model-cost").border_title = f"What a step costs at batch {recipe.training.train_batch_size}"
        presets = self.query_one(OptionList)
        for name, preset in MODEL_PRESETS.items():
            presets.replace_option_prompt(name, _preset_line(preset, recipe))
        self._show_cost()
        self._preview()
        self.refresh_bindings()
        if not problems:
            self._summarise()

    def _show_cost(self) -> None:
        recipe = self._desk.draft.recipe
        words = cost_lines(recipe, self._summary, self._probe, self._waiting)
        self.query_one("#model-cost-words", Static).update(words)

    @work(exclusive=True, group="summary")
    async def _summarise(self) -> None:
        try:
            summary = await self._desk.workbench.summary(self._desk.draft.to_toml())
        except LabError as error:
            self._waiting = error.message
            self._show_cost()
            return
        self._summary = summary
        self.query_one(BlockTree).show(summary.blocks)
        self._show_cost()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._preview()

    @on(OptionList.OptionHighlighted)
    def _preview(self) -> None:
        """While a person goes through the presets, what each would change stands in the tree's place."""
        presets = self.query_one(OptionList)
        preset = self._highlighted
        self.set_class(presets.has_focus and preset is not None, "-changes")
        if preset is not None:
            box = self.query_one("#model-changes", VerticalScroll)
            box.border_title = f"What {preset.name} would change"
            about = Content.assemble((f"{preset.help}\n\n", "$secondary"))
            recipe = self._desk.draft.recipe
            words = change_lines(recipe, preset.knobs)
            self.query_one("#model-changes-words", Static).update(Content("").join([about, words]))

    @property
    def _highlighted(self) -> ModelPreset | None:
        option = self.query_one(OptionList).highlighted_option
        return MODEL_PRESETS[option.id] if option is not None and option.id else None

    # Keys

    @on(OptionList.OptionSelected)
    def _take_preset(self) -> None:
        if self._highlighted is not None:
            self._turn_all(self._highlighted.knobs)

    def _turn_all(self, changes: Mapping[str, Any]) -> None:
        self._desk.turn_all(changes)
        self._show()

    def action_undo(self) -> None:
        self._desk.action_undo()
        self._show()

    @work(exclusive=True, group="probe")
    async def action_probe(self) -> None:
        draft = self._desk.draft
        if draft.problems:
            self.notify(draft.problems[0].message, severity="error", markup=False)
            return
        if self._desk.alive:
            self.notify(
                "A run is training on this machine: alone, a step takes less than what is measured", markup=False
            )
        cost = self.query_one("#model-cost")
        cost.border_subtitle = "measuring two steps …"
        try:
            probe = await self._desk.workbench.probe(draft.to_toml(), draft.recipe.training.device)
        except LabError as error:
            self.notify(error.message, severity="error", timeout=12, markup=False)
        else:
            if draft.recipe == self._desk.draft.recipe:
                self._probe = probe
                self._show_cost()
        finally:
            cost.border_subtitle = ""

    @work
    async def action_start_from(self) -> None:
        recipe: Recipe = self._desk.draft.recipe
        source = await choose_weights(self.app, recipe.model.base_checkpoint)
        if source is None:
            return
        if not source:
            self._turn_all({"model.base_checkpoint": ""})
            return
        try:
            knobs = await self._desk.workbench.architecture(source)
        except LabError as error:
            self.notify(error.message, severity="error", timeout=12, markup=False)
            return
        self._turn_all(knobs)
        self.notify(f"Training starts from {clean(source, 80)}; u takes it back", markup=False)


def _preset_line(preset: ModelPreset, recipe: Recipe) -> Content:
    """Its name, size and title, with a tick where the recipe has this model."""
    taken = all(get(recipe, key) == value for key, value in preset.knobs.items())
    return Content.assemble(
        ("✓ " if taken else "  ", "$success"),
        (f"{preset.name:<13}", "bold"),
        (f"{preset_words(preset.parameters, preset.resolution):<16}", "$foreground 80%"),
        (preset.title if preset.title != preset.name else preset.help, "$secondary"),
    )
