"""The lab: five panels on one screen, or one at a time where the terminal is small."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui_lab.data import Images
from tui_lab.errors import LabError
from tui_lab.recipe import KNOBS
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import Frame
from tui_lab.runs.status import ASKED_FOR
from tui_lab.tui.attached import AttachedRun, Update
from tui_lab.tui.bandwidth import Line, LivePictures
from tui_lab.tui.draft import Draft
from tui_lab.tui.keymap import load_keymap
from tui_lab.tui.layouts import LAYOUTS, SMALLEST, layout_for
from tui_lab.tui.memory import Memory
from tui_lab.tui.run_colours import RunColours
from tui_lab.tui.run_words import header_of, strip_words
from tui_lab.tui.screens.ask import Ask
from tui_lab.tui.screens.loading import LoadingScreen
from tui_lab.tui.widgets.dataset_panel import DatasetPanel
from tui_lab.tui.widgets.denoising_panel import DenoisingPanel, Trajectory
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.header import LabHeader
from tui_lab.tui.widgets.knob_list import KnobList
from tui_lab.tui.widgets.loss_panel import LossPanel, Parent
from tui_lab.tui.widgets.panel import Panel
from tui_lab.tui.widgets.panel_tabs import PanelTabs
from tui_lab.tui.widgets.recipe_panel import RecipePanel
from tui_lab.tui.widgets.remark_list import RemarkList
from tui_lab.tui.widgets.run_strip import RunStrip
from tui_lab.tui.widgets.schedule_panel import SchedulePanel

PANELS: tuple[type[Panel], ...] = (DatasetPanel, SchedulePanel, LossPanel, RecipePanel, DenoisingPanel)
WARM_AFTER_SECONDS = 1.0
"""The workbench warms up once the first screen stands; not at all where a run needs the processor."""
CURVE_SECONDS = 0.25
CALM_CURVE_SECONDS = 1.0
CALM_AFTER = 60
"""The loss chart and the header's numbers are drawn anew at most this often; less often once there are so many points,
each of which changes little. On a small machine, every redraw is taken from the run."""
FRAME_SECONDS = 1 / 15


class LabScreen(LoadingScreen):
    """Wires the draft, the attached run and the panels to each other."""

    AUTO_FOCUS = ""  # the remembered panel gets the focus, once it stands

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", id="search", key_display="/", show=False, tooltip="Find a knob by name"),
        Binding("z", "zoom", "Zoom", id="zoom", tooltip="This panel alone, or all of them again"),
        Binding("l", "log_y", "Log y", id="log-y", tooltip="Loss on a logarithmic axis"),
        Binding("r", "runs", "Runs", id="runs", tooltip="All runs: open one, or take its recipe"),
        Binding("v", "log", "Log", id="log", show=False, tooltip="What the rank prints"),
        *(
            Binding(
                str(kind.number),
                f"panel('{kind.panel_id()}')",
                kind.title,
                id=kind.panel_id(),
                show=False,
                tooltip=f"Go to {kind.title}",
            )
            for kind in sorted(PANELS, key=lambda kind: kind.number)
        ),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="What all this is, and every key"),
        Binding("q", "leave", "Leave", id="leave", tooltip="Leave the lab; a run goes on without it"),
    ]

    panel: reactive[str] = reactive("dataset", init=False)
    """The panel that stands alone where only one does."""
    zoomed: reactive[bool] = reactive(False, init=False)
    terminal_layout: reactive[str] = reactive("", init=False)

    def __init__(self, draft: Draft, memory: Memory, run: RunFolder | None) -> None:
        super().__init__(draft, memory)
        self._first_run = run
        self._frame: Frame | None = None
        self._film = LivePictures()
        self._curves_dirty = False
        self._curves_drawn = 0.0

    def compose(self) -> ComposeResult:
        yield LabHeader()
        yield PanelTabs([(kind.number, kind.title, kind.panel_id()) for kind in PANELS])
        with Container(id="panels"):
            for kind in PANELS:
                yield kind()
        yield Static(id="too-small")
        yield RunStrip()
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.set_interval(CURVE_SECONDS, self._draw_curves)
        self._frame_timer = self.set_interval(FRAME_SECONDS, self._draw_frame, pause=True)
        self.query_one(DenoisingPanel).pace(self._line.room)
        self.panel = self._memory.panel if self._memory.panel in {kind.panel_id() for kind in PANELS} else "dataset"
        self.query_one(PanelTabs).active = self.panel
        self.query_one(LossPanel).log_y = self._memory.log_y
        self.run_attached()
        self.draft_changed()
        self.query_one(f"#{self.panel}", Panel).focus_target.focus()
        self._take_keys()
        if self._first_run is not None:
            self.attach(self._first_run)
        else:
            self.set_timer(WARM_AFTER_SECONDS, self.warm_workbench)

    def _take_keys(self) -> None:
        """The person's own keys, over the declared ones."""
        nodes = [self, *self.query(Panel)]
        known = {binding.id for node in nodes for _, binding in node._bindings if binding.id is not None}
        try:
            self.app.set_keymap(load_keymap(known))
        except LabError as error:
            self.complain(error)

    # Layout

    def on_resize(self, event: events.Resize) -> None:
        self.terminal_layout = layout_for(event.size.width, event.size.height)
        if self.terminal_layout == "tiny":
            words = (
                f"The lab needs {SMALLEST[0]}×{SMALLEST[1]}; this terminal is {event.size.width}×{event.size.height}.\n"
                "Enlarge it, or use the commands: diffusion-lab --help"
            )
            self.query_one("#too-small", Static).update(Content(words))

    def watch_terminal_layout(self) -> None:
        self._arrange()

    def watch_zoomed(self) -> None:
        self._arrange()

    def watch_panel(self) -> None:
        self.query_one(PanelTabs).active = self.panel
        self._arrange()
        if self.terminal_layout == "narrow":
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        narrow = self.terminal_layout == "narrow"
        if narrow and (action == "zoom" or (action == "log_y" and self.panel != "loss")):
            return None
        return super().check_action(action, parameters)

    def _arrange(self) -> None:
        """One panel alone when zoomed or narrow, else all."""
        for name, _, _ in LAYOUTS:
            self.set_class(self.terminal_layout == name, f"-{name}")
        alone = self.zoomed or self.terminal_layout == "narrow"
        self.set_class(alone, "-alone")
        # Where there is room for one panel, the pictures stand beside the knobs that shape them.
        beside = alone and self.panel == "recipe" and self.query_one(RecipePanel).knobs.chosen.startswith("dataset.")
        self.set_class(beside, "-beside")
        for panel in self.query(Panel):
            shown = panel.id == self.panel or (beside and isinstance(panel, DatasetPanel))
            panel.set_class(alone and not shown, "-aside")

    def action_panel(self, panel: str) -> None:
        self.panel = panel
        self.set_focus(self.query_one(f"#{panel}", Panel).focus_target)  # at once: keys may follow

    def action_search(self) -> None:
        self.panel = "recipe"
        self.query_one(RecipePanel).search()

    def action_zoom(self) -> None:
        self.zoomed = not self.zoomed

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Tab and the mouse move between panels too: the one in focus is the one that z zooms."""
        for widget in event.widget.ancestors_with_self:
            if isinstance(widget, Panel) and widget.id:
                self.panel = widget.id

    @on(PanelTabs.Asked)
    def _tab_asked(self, event: PanelTabs.Asked) -> None:
        self.action_panel(event.panel)

    def action_log_y(self) -> None:
        self.query_one(LossPanel).action_log_y()

    # The draft and its knobs

    def draft_changed(self) -> None:
        """Every panel that shows the recipe, anew."""
        self.query_one(RecipePanel).show(self.draft)
        self.query_one(SchedulePanel).show(self.draft.recipe)
        self.load_data()
        self._show_header()
        if self.attached is None:
            self._say_how_to_begin()
        self.count_parameters()
        self.refresh_bindings()

    def open_recipe(self, path: Path) -> bool:
        opened = super().open_recipe(path)
        if opened:
            self._memory.recipe = str(path)
        return opened

    @on(KnobList.Chosen)
    def _knob_chosen(self, event: KnobList.Chosen) -> None:
        self.query_one(RecipePanel).describe(event.knob, self.draft)
        self._arrange()

    @on(RemarkList.KnobAsked)
    def _knob_asked(self, event: RemarkList.KnobAsked) -> None:
        self.panel = "recipe"
        self.query_one(RecipePanel).go_to(event.key)

    # Data

    def data_awaited(self, words: str) -> None:
        for panel in self.query(DatasetPanel):  # none, while the lab is left
            panel.wait(words)
        for schedule in self.query(SchedulePanel):
            schedule.pictures(None)

    def data_previewed(self, name: str, pictures: NDArray[np.uint8]) -> None:
        for panel in self.query(DatasetPanel):
            panel.preview(name, pictures)

    def reading_over(self) -> None:
        for panel in self.query(DatasetPanel):
            panel.reading_over()

    def data_stopped(self, words: str) -> None:
        for panel in self.query(DatasetPanel):
            panel.wait(words, keep=True)

    def data_read(self, done: int, total: int) -> None:
        for panel in self.query(DatasetPanel):
            panel.reading(done, total)

    def data_there(self, images: Images) -> None:
        for panel in self.query(DatasetPanel):
            panel.show(images)
        for schedule in self.query(SchedulePanel):
            schedule.pictures(images)

    # The run

    def run_attached(self) -> None:
        attached = self.attached
        self._frame = None
        if attached is None:
            self._say_how_to_begin()
        else:
            self._memory.run = attached.id
            self._take_recipe_of(attached)
            self._hold_latest(attached)
            self._say_why_it_waits(attached)
        self._curves_dirty, self._curves_drawn = True, 0.0
        self._draw_curves()
        self._show_header()

    def _take_recipe_of(self, attached: AttachedRun) -> None:
        """The knobs show what the run runs with, live changes among them."""
        try:
            text = attached.folder.recipe_path.read_text(encoding="utf-8")
            self.draft = Draft(attached.folder.recipe(), text, attached.status.recipe or attached.id, attached.id)
            self.draft.adopt(attached.curves.live)
        except (LabError, OSError) as error:
            self.complain(error if isinstance(error, LabError) else LabError(f"{attached.id}: {error}"))
            return
        self.draft_changed()

    def run_updated(self, update: Update) -> None:
        attached = self.attached
        if attached is None:
            return
        # Before the records: the one that says that a preview is done comes after its frames.
        if update.frame is not None:
            self._take_frame(update.frame)
        for record in update.records:
            if record.kind == "applied" and record.data.get("command") == "set" and self.steers:
                self.draft.adopt({key: new for key, (_, new) in record.data["changes"].items()})
                self.draft_changed()
            elif record.kind == "rejected" and self.steers:
                self.draft.adopt({key: self.draft.base_value(key) for key in self.draft.changes if KNOBS[key].live})
                self.draft_changed()
            elif record.kind == "rewound" and self.steers:
                self.draft.adopt(attached.live_knobs())
                self.draft_changed()
            elif record.kind in ("warning", "failed"):
                self.complain(LabError(str(record.data.get("message", record.kind))))
            elif record.kind == "finished":
                self.say(f"{attached.id} has finished: its pipeline is exported, s draws more pictures")
            elif record.kind == "preview" and not self.query_one(DenoisingPanel).is_scrubbing:
                self._frame = None
                self._hold_latest(attached)
        if update.damage:
            self.complain(LabError(f"the journal of {attached.id} is damaged: {', '.join(update.damage)}"))
        self._curves_dirty = self._curves_dirty or bool(update.records)
        if update.status_changed:
            self._show_header()
            self._curves_dirty, self._curves_drawn = True, 0.0
            self._say_why_it_waits(attached)
            spoke = any(record.kind == "failed" for record in update.records)
            if attached.status.name in ("failed", "lost") and not spoke:
                words = f"{attached.id} {attached.status.name}: {attached.status.message}. v shows its log"
                self.complain(LabError(f"{words}; space goes on from the newest checkpoint"))

    def _say_why_it_waits(self, attached: AttachedRun) -> None:
        """Where nobody asked it to."""
        status = attached.status
        if status.name in ("running", "paused") and status.message not in ("", ASKED_FOR):
            self.complain(LabError(f"{attached.id} is {status.name}: {status.message}"))

    def _hold_latest(self, attached: AttachedRun) -> None:
        latest = attached.latest_trajectory()
        if latest is not None:
            self.query_one(DenoisingPanel).hold(Trajectory(*latest))
        else:
            self._say_how_to_begin()

    def _draw_curves(self) -> None:
        if not self._curves_dirty or self.attached is None:
            return
        seconds = CALM_CURVE_SECONDS if len(self.attached.curves.steps) > CALM_AFTER else 0.0
        if time.monotonic() - self._curves_drawn < seconds or self._line.room() <= 0:
            return
        self._curves_dirty = False
        self._curves_drawn = time.monotonic()
        self._show_header()
        attached, panel = self.attached, self.query_one(LossPanel)
        if len(attached.curves.steps):
            panel.show(attached.curves, attached.provenance, self._colour_of(attached.id), self._parent_of(attached))
        else:
            panel.wait(self._waiting_words(attached))
        if not self.query_one(DenoisingPanel).has_pictures:
            self._say_how_to_begin()
        loss = float(attached.curves.loss[-1]) if len(attached.curves.loss) else None
        words = strip_words(attached.status, loss)
        self.query_one(RunStrip).show(attached.status.name, words, attached.curves.steps, attached.curves.loss)

    @property
    def _line(self) -> Line:
        line: Line = self.app.line  # type: ignore[attr-defined]
        return line

    def _colour_of(self, run: str) -> str:
        return RunColours(self._memory).of(run, self.app.current_theme.dark)

    def _parent_of(self, attached: AttachedRun) -> Parent | None:
        """The curve that a fork's goes on from, once it is read."""
        before = attached.parent_curves
        if before is None or attached.status.parent_step is None:
            return None
        return Parent(before.run, attached.status.parent_step, before.curves, self._colour_of(before.run))

    def _draw_frame(self) -> None:
        """The newest live frame, once all of the last one is on its way; those that came between are dropped."""
        panel, film = self.query_one(DenoisingPanel), self._film
        if panel.is_behind:
            return
        if film.under_way:
            film.done()
        if self._frame is not None:
            if not panel.is_scrubbing and self._line.room() > 0:
                frame, self._frame = self._frame, None
                film.began()
                panel.step(frame.pixels, frame.header, film.quality)
        elif not film.is_coarse:
            self._frame_timer.pause()
        elif film.has_rested:
            film.rest()
            panel.sharpen()

    def _take_frame(self, frame: Frame) -> None:
        self._frame = frame
        self._frame_timer.resume()

    def _waiting_words(self, attached: AttachedRun) -> str:
        status = attached.status
        if status.name in ("failed", "lost"):
            return f"{attached.id} {status.name}: {status.message}. v shows its log; space tries again."
        if not attached.alive:
            return f"{attached.id} took no step."
        return f"{attached.waiting_for or 'starting'} …"

    def _say_how_to_begin(self) -> None:
        attached, recipe = self.attached, self.draft.recipe
        data = recipe.dataset.path or recipe.dataset.name
        every = recipe.sampling.every_steps
        if attached is None:
            self.query_one(LossPanel).wait(f"Press t to train on {data}: the curve grows here.")
            first = f"the first pictures come after {every} steps" if every else "p draws pictures while it trains"
            words = f"Press t to train on {data}: {first}."
        elif attached.alive:
            first = f"The first pictures come at step {every}" if every else "No previews by themselves"
            words = f"{first}; p draws some now." if len(attached.curves.steps) else self._waiting_words(attached)
        else:
            words = "No pictures yet: s draws some from the newest checkpoint."
        self.query_one(DenoisingPanel).wait(words)

    def drawing_step(self, frame: Frame) -> None:
        self._take_frame(frame)

    def drawing_done(self, trajectory: Trajectory) -> None:
        self._frame = None
        self.query_one(DenoisingPanel).hold(trajectory)

    def note_changed(self) -> None:
        self._show_header()

    def _show_header(self) -> None:
        parameters = self.parameters
        note = self.note or self._film.words(self._line)
        state = header_of(self.draft.recipe, self.draft.origin, parameters, self.attached, note)
        self.query_one(LabHeader).state = state
        self.set_class(self.attached is not None, "-has-run")

    # Other screens

    @work
    async def action_runs(self) -> None:
        from tui_lab.tui.screens.runs import RunsScreen

        answer = await self.app.push_screen_wait(RunsScreen(self.workbench, self._memory))
        if answer is None:
            return
        verb, name = answer
        try:
            folder = RunFolder.open(name)
            draft = Draft.load(folder.recipe_path)
        except LabError as error:
            self.complain(error)
            return
        if verb == "recipe":
            self.open_recipe(folder.recipe_path)
        else:
            self.draft = draft
            self.attach(folder)

    def action_log(self) -> None:
        from tui_lab.tui.screens.log import LogScreen

        if self.attached is None:
            self.say("No run is open, so there is no log: t trains, r lists runs")
        else:
            self.app.push_screen(LogScreen(self.attached.folder))

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    @work
    async def action_leave(self) -> None:
        parting = ""
        if self.alive and self.attached is not None:
            name = self.attached.id
            parting = f"{name} goes on without this window. Come back with: diffusion-lab"
            choices = [("q", "leave, and let it go on", "leave"), ("x", f"stop {name}, then leave", "stop")]
            answer = await self.app.push_screen_wait(Ask("Leave the lab", parting, choices))
            if answer is None:
                return
            if answer == "stop":
                if not self.send("stop"):
                    return
                parting = (
                    f"{name} stops: it writes a checkpoint and exports its pipeline. See: diffusion-lab show {name}"
                )
        self.remember()
        self.app.exit(message=parting or None)

    def remember(self) -> None:
        """Keep what is open for the next evening."""
        self._memory.panel = self.panel
        self._memory.log_y = self.query_one(LossPanel).log_y
        self._memory.run = self.attached.id if self.attached is not None else ""
        self._memory.theme = self.app.theme
        self._memory.save()
