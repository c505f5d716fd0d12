"""The noise schedule: how much picture and how much noise there is at each level, drawn and shown on a picture."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.data import Images
from tui_lab.diffusion import schedules
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe
from tui_lab.tui.after_refresh import after_refresh
from tui_lab.tui.compared_schedules import ComparedSchedules
from tui_lab.tui.schedule_curves import CurveSet, Shown, readings, series_of
from tui_lab.tui.schedule_words import OBJECTIVES, has_timesteps
from tui_lab.tui.screens.ask import Choose
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.panel import Panel
from tui_lab.tui.widgets.remark_list import RemarkList
from tui_lab.tui.widgets.schedule_pictures import FEWEST, MOST, SchedulePictures

ROOMY = 34
"""Lines inside the panel from which on the remarks get all the lines that they need."""
SLIM = 50
"""Columns below which the line of values gives way: the chart's legend says the most telling ones."""
READABLE, READABLE_BESIDE_BRUSH = 10, 6
"""Lines that the chart keeps, axes and legend included; fewer where the brush's pictures need the room."""


def _key(key: str, action: str, name: str, id: str, words: str, show: bool = False) -> Binding:
    """A key of this panel; help and the palette, which list the keys of all, say whose it is."""
    return Binding(key, action, name, id=id, show=show, tooltip=f"Schedule: {words}")


class SchedulePanel(Panel, can_focus=False):
    """Sets of curves with a brush that reads them, one picture under noise, and the remarks of the linter.

    What is compared with, the brush, axes and picture are this panel's own; only `KnobAsked` goes out.
    """

    number, title = 2, "Schedule"
    BINDINGS: ClassVar[list[BindingType]] = [
        _key("g,down", "curves(1)", "Curves", "curves", "the next set of curves: β, SNR, loss share …", show=True),
        _key("G,up", "curves(-1)", "Curves back", "curves-back", "the set of curves before"),
        _key("l", "log_y", "Log y", "curves-log-y", "a logarithmic y axis for these curves, or a linear one"),
        _key("L", "log_x", "Log t", "curves-log-t", "a logarithmic t axis, or a linear one"),
        _key("k", "pin", "Pin", "pin", "keep this schedule's curve to compare others with", show=True),
        _key("K", "pinned", "Pinned", "pinned", "the pinned schedules; Enter takes one away"),
        _key("h", "before", "Before", "before", "the curve from before the last knob, or not"),
        _key("y", "visits", "Visits", "visits", "where the sampler asks the model, or not"),
        _key("i", "picture(1)", "Image", "image", "the next of your pictures under noise"),
        _key("I", "picture(-1)", "Image back", "image-back", "the picture before"),
        _key("e", "clip", "Clip", "clip", "noise clipped to the picture's range, or all of it squeezed into that"),
        _key("plus", "levels(1)", "More levels", "more-levels", "one more timestep in the strip"),
        _key("minus", "levels(-1)", "Fewer levels", "fewer-levels", "one timestep less in the strip"),
        _key("comma", "brush(-1)", "Brush back", "brush-back", "the brush one timestep to the left"),
        _key("full_stop", "brush(1)", "Brush on", "brush-on", "the brush one timestep on"),
        _key("j", "mend", "Mend", "mend", "go to the knob that the remark is about"),
    ]
    DEFAULT_CSS = """
    SchedulePanel {
        & LineChart { height: 1fr; min-height: 4; }
        & #schedule-words { height: 1; color: $secondary; }
        & RemarkList { max-height: 3; }
        &.-roomy RemarkList { max-height: 12; }
        &.-slim #schedule-words { display: none; }
        &.-slim.-fine RemarkList { max-height: 1; }
    }
    """

    curve_set: reactive[str] = reactive("", init=False)
    """The set of curves on the chart, by its title: it stays where another process has such a set too."""
    log_x: reactive[bool] = reactive(False, init=False)
    shows_before: reactive[bool] = reactive(True, init=False)
    shows_visits: reactive[bool] = reactive(True, init=False)

    def __init__(self) -> None:
        super().__init__()
        self._recipe: Recipe | None = None
        self._visits: schedules.Visits | None = None
        self._images: Images | None = None
        self._row = 0
        self._log_y: dict[str, bool] = {}
        self.compared = ComparedSchedules()

    @property
    def chart(self) -> LineChart:
        return self.query_one(LineChart)

    @property
    def focus_target(self) -> LineChart:
        return self.chart

    def compose(self) -> ComposeResult:
        yield LineChart(id="schedule-curves", keeps_cursor=True)
        yield Static(id="schedule-words")
        yield SchedulePictures()
        yield RemarkList(id="schedule-remarks")

    def on_mount(self) -> None:
        self.watch(self.chart, "cursor", self._show_level, init=False)

    # What is shown

    def show(self, recipe: Recipe) -> None:
        """Draw the recipe's schedule, and say what the linter has to say of it.

        Where its knobs allow no schedule, as they may amid an edit, the last one stays beside the remark that says why.
        """
        try:
            schedules.levels(recipe.noise_scheduler)
        except RecipeError:
            self.query_one(RemarkList).show(schedules.lint(recipe))
            self.set_class(False, "-fine")
            return
        if self._recipe is not None:
            self.compared.follow(self._recipe, recipe)
        self._recipe = recipe
        try:
            self._visits = schedules.visits(recipe)
        except RecipeError:  # a sampler that does not fit, of which the linter has more to say
            self._visits = None
        objective = OBJECTIVES[recipe.noise_scheduler.objective]
        self.border_subtitle = f"{Shown.of(recipe).title} · {objective}"
        self._draw()
        self._remark()

    def pictures(self, images: Images | None) -> None:
        """The person's own pictures: one of them goes under noise here."""
        self._images, self._row = images, 0
        self._draw_pictures()
        self._remark()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(self.content_size.height >= ROOMY, "-roomy")
        self.set_class(self.content_size.width < SLIM, "-slim")
        after_refresh(self, self._show_level)

    def watch_curve_set(self) -> None:
        self._draw()

    def watch_log_x(self) -> None:
        level = self.level
        self._draw()
        if level is not None:
            self._move_brush(level)

    def watch_shows_before(self) -> None:
        self._draw()

    def watch_shows_visits(self) -> None:
        self._draw()

    @property
    def level(self) -> int | None:
        """Where the brush is, 0 … T-1."""
        if self._recipe is None or self.chart.cursor is None:
            return None
        last = self._recipe.noise_scheduler.num_train_timesteps - 1
        return min(last, max(0, round(self.chart.cursor) - self.chart.log_x))

    def _chosen_set(self, recipe: Recipe) -> CurveSet:
        """The one of `curve_set`, or where this process has none such, its first."""
        sets = Shown.of(recipe).sets
        return next((one for one in sets if one.title == self.curve_set), sets[0])

    def _draw(self) -> None:
        if self._recipe is None:
            return
        chart, chosen = self.chart, self._chosen_set(self._recipe)
        log_y = self._log_y.get(chosen.title, chosen.log_y)
        chart.log_x, chart.log_y, chart.y_range = self.log_x, log_y, chosen.y_range
        axes = ", ".join([*(["log y"] if log_y else []), *(["log t"] if self.log_x else [])])
        chart.y_label = f"{chosen.title}, {axes}" if axes else chosen.title
        self.border_title = f"{self.number} {self.title} · {chart.y_label}"
        chart.x_label = _level_name(self._recipe) + (" + 1" if self.log_x else "")
        visits = self._visits if self.shows_visits else None
        chart.rug = () if visits is None else tuple((visits.index + self.log_x).tolist())
        chart.set_series(series_of(chosen, self.compared.kept(self.shows_before), self.log_x, log_y))
        self._say(self._recipe)
        self._draw_pictures()

    def _say(self, recipe: Recipe) -> None:
        """One line: the values at the brush, or where the sampler goes."""
        width = self.content_size.width
        words = self._sampler_words(recipe, width) if self.level is None else level_words(recipe, self.level, width)
        self.query_one("#schedule-words", Static).update(words, layout=False)

    def _sampler_words(self, recipe: Recipe, width: int) -> Content:
        info = SAMPLERS.get(recipe.sampling.scheduler)
        if info is None or self._visits is None:
            return Content("")
        discrete = recipe.noise_scheduler.class_name == "DDPMScheduler"
        told = [f"{one:.4g}" for one in (self._visits.timesteps if discrete else self._visits.sigma).tolist()]
        head = f"{info.short}, {len(told)} calls at {'t' if discrete else 'σ'} = "
        words = elided_middle(told, max(8, width - len(head) - 2))
        return Content.assemble(("⡇ ", "$accent"), head, (words, "$foreground 80%"))

    def _remark(self) -> None:
        if self._recipe is not None:
            count = None if self._images is None or self._images.streaming else len(self._images.train_rows)
            remarks = schedules.lint(self._recipe, count)
            self.query_one(RemarkList).show(remarks)
            self.set_class(all(remark.level == "ok" for remark in remarks), "-fine")
            after_refresh(self, self._draw_pictures)  # in the room that the remarks leave

    def _show_level(self) -> None:
        """What depends on the brush, and on the room there is."""
        if self._recipe is not None:
            self._say(self._recipe)
            self._draw_pictures()

    def _draw_pictures(self) -> None:
        if self._recipe is None or not self.content_size.height:
            return
        pictures = self.query_one(SchedulePictures)
        pictures.noise, pictures.level = self._recipe.noise_scheduler, self.level
        pictures.picture = None
        if self._images is not None and len(self._images.train_rows):
            row = self._images.train_rows[self._row % len(self._images.train_rows)]
            pictures.picture = self._images.take(np.array([row]))[0]
        width, height = self.content_size
        words = self.query_one("#schedule-words").size.height
        remarks = self.query_one(RemarkList).size.height
        chart = READABLE if self.level is None else READABLE_BESIDE_BRUSH
        pictures.draw(width, height - words - remarks - max(chart, height * 2 // 5))

    # Keys

    def action_curves(self, by: int) -> None:
        if self._recipe is not None:
            titles = [one.title for one in Shown.of(self._recipe).sets]
            at = titles.index(self._chosen_set(self._recipe).title)
            self.curve_set = titles[(at + by) % len(titles)]

    def action_log_y(self) -> None:
        if self._recipe is not None:
            chosen = self._chosen_set(self._recipe)
            self._log_y[chosen.title] = not self._log_y.get(chosen.title, chosen.log_y)
            self._draw()

    def action_log_x(self) -> None:
        self.log_x = not self.log_x

    def action_before(self) -> None:
        self.shows_before = not self.shows_before

    def action_visits(self) -> None:
        self.shows_visits = not self.shows_visits

    def action_pin(self) -> None:
        if self._recipe is None:
            return
        pinned = self.compared.pin(Shown.of(self._recipe))
        if pinned is None:
            self.notify("This schedule is pinned already, or there are too many: K takes one away", markup=False)
        else:
            self.notify(f"Pinned: {pinned.title}. Turn a knob and compare; K takes it away", timeout=3, markup=False)
        self._draw()

    def action_pinned(self) -> None:
        if not self.compared.pinned:
            self.notify("No schedule is pinned: k pins the present one", markup=False)
            return
        options = [(one.title, "Enter takes it away") for one in self.compared.pinned]
        self.app.push_screen(Choose("Pinned schedules", options), self._unpin)

    def _unpin(self, title: str | None) -> None:
        if title is not None:
            self.compared.unpin(title)
            self._draw()

    def action_picture(self, by: int) -> None:
        if self._images is not None and len(self._images.train_rows):
            self._row = (self._row + by) % len(self._images.train_rows)
            self._draw_pictures()

    def action_clip(self) -> None:
        pictures = self.query_one(SchedulePictures)
        pictures.clipped = not pictures.clipped
        self._draw_pictures()

    def action_levels(self, by: int) -> None:
        pictures = self.query_one(SchedulePictures)
        pictures.count = max(FEWEST, min(MOST, pictures.count + by))
        self._draw_pictures()

    def action_brush(self, by: int) -> None:
        if self._recipe is not None:
            last = self._recipe.noise_scheduler.num_train_timesteps - 1
            self._move_brush(last if self.level is None else max(0, min(last, self.level + by)))

    def _move_brush(self, level: int) -> None:
        self.chart.cursor = float(level + self.log_x)

    def action_mend(self) -> None:
        if not self.query_one(RemarkList).ask():
            self.notify("Nothing here asks for another knob", markup=False)


def level_words(recipe: Recipe, level: int, width: int) -> Content:
    """What is known of a level, the most telling first, as much as fits into so many cells."""
    parts = [Content.styled(f"{_level_name(recipe)} {level}", "$foreground bold")]
    for name, value in readings(Shown.of(recipe), level):
        part = Content.assemble((f"{name} ", "$secondary"), (value, "$foreground"))
        if sum(one.cell_length + 2 for one in parts) + part.cell_length > width:
            break
        parts.append(part)
    return Content("  ").join(parts)


def _level_name(recipe: Recipe) -> str:
    return "t" if has_timesteps(recipe.noise_scheduler) else "level"


def elided_middle(words: list[str], width: int) -> str:
    """As many of the words as fit, from both ends, with … between: "999 949 … 49"."""
    if len(" ".join(words)) <= width:
        return " ".join(words)
    for left_out in range(1, len(words)):
        first = (len(words) - left_out + 1) // 2
        shown = [*words[:first], "…", *words[first + left_out :]]
        if len(" ".join(shown)) <= width:
            return " ".join(shown)
    return "…"
