"""A set in numbers: its values, classes, and the sizes, shapes and modes that its pictures came with."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui_lab.data import Images
from tui_lab.data.statistics import Statistics, statistics_of
from tui_lab.errors import LabError
from tui_lab.sanitize import clean
from tui_lab.tui.after_refresh import after_refresh
from tui_lab.tui.aside import aside
from tui_lab.tui.bars import lying_bar, merged, standing_bars
from tui_lab.tui.terminal import ascii_only
from tui_lab.tui.widgets.dataset_panel import progress_words, thousands
from tui_lab.tui.widgets.one_picture import CHANNELS

MOST = 24
"""Rows of a card; what is beyond is added up in one line."""
CARD = 46
"""Cells that a card needs: where there is room for two, they stand in two columns."""
TONES = {"red": "$error", "green": "$success", "blue": "$primary", "grey": "$foreground", "alpha": "$secondary"}


class DataStatistics(VerticalScroll):
    """Counts when it is first looked at; that may take seconds, and stops when the screen is left."""

    DEFAULT_CSS = """
    DataStatistics {
        scrollbar-gutter: stable;
        & #statistics-words { height: auto; color: $secondary; }
        & #cards { height: auto; }
        & .column { width: 1fr; height: auto; }
        & #cards.-one-column { layout: vertical; & .column { width: 100%; } }
        & .card {
            height: auto; border: round $border; border-title-color: $secondary; padding: 0 1; display: none;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
        & .card.-filled { display: block; }
    }
    """
    COLUMNS = (
        (("values", "Values, 0 to 255"), ("numbers", "Mean and standard deviation")),
        (
            ("classes", "Classes"),
            ("sizes", "Sizes, as they came"),
            ("aspects", "Shapes, as they came"),
            ("modes", "Modes, as they came"),
        ),
    )

    def __init__(self, images: Images, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._images = images
        self._statistics: Statistics | None = None
        self._asked = False

    def compose(self) -> ComposeResult:
        yield Static(id="statistics-words")
        with Horizontal(id="cards"):
            for column in self.COLUMNS:
                with Vertical(classes="column"):
                    for card, title in column:
                        widget = Static(id=f"card-{card}", classes="card")
                        widget.border_title = title
                        yield widget

    def look(self) -> None:
        """Count, unless that is done."""
        if not self._asked:
            self._asked = True
            self._count()

    @work(exclusive=True, group="statistics")
    async def _count(self) -> None:
        try:
            self._statistics = await aside(lambda progress: statistics_of(self._images, progress), self._say_how_far)
        except LabError as error:
            self._say(error.message)
            return
        self._say("")
        self._fill()

    def _say_how_far(self, done: int, total: int) -> None:
        self.query_one("#statistics-words", Static).update(progress_words(done, total, self.size.width, "counting"))

    def _say(self, words: str) -> None:
        line = self.query_one("#statistics-words", Static)
        line.update(Content(words))
        line.display = bool(words)

    def on_resize(self, event: events.Resize) -> None:
        after_refresh(self, self._fill)

    def _fill(self) -> None:
        found = self._statistics
        width = self.scrollable_content_region.width
        if found is None or not width:
            return
        columns = 2 if width >= 2 * CARD else 1
        self.query_one("#cards").set_class(columns == 1, "-one-column")
        room = width // columns - 4
        plain = ascii_only(os.environ)
        classes = {clean(name, 60) or "no label": count for name, count in found.classes.items()}
        cards = {
            "values": value_lines(found, room, plain),
            "numbers": number_lines(found),
            "classes": count_lines(classes, room, plain),
            "sizes": count_lines(found.sizes, room, plain),
            "aspects": count_lines(found.aspects, room, plain),
            "modes": count_lines(found.modes, room, plain),
        }
        for name, lines in cards.items():
            card = self.query_one(f"#card-{name}", Static)
            card.set_class(bool(lines), "-filled")
            card.update(Content("\n").join(lines))


def value_lines(found: Statistics, room: int, plain: bool) -> list[Content]:
    """Each channel's histogram."""
    lines = []
    columns = next((columns for columns in (256, 128, 64, 32) if columns <= room), 16)
    for name, counts in zip(CHANNELS[len(found.histogram)], found.histogram, strict=True):
        bars = standing_bars(np.sqrt(merged(counts, columns)), 4, plain)
        lines += [Content.styled(line, TONES[name]) for line in bars]
        lines.append(Content.styled(f"0{name.center(columns - 4)}255", "$secondary"))
    lines.append(Content.styled("heights are square roots, so that rare values show", "$secondary"))
    return lines


def number_lines(found: Statistics) -> list[Content]:
    """Mean and std of each channel, as they are and in [-1, 1], where the model has them."""
    lines = [Content.styled(f"{'':<8}{'0 … 255':^16}{'-1 … 1':^18}", "$secondary")]
    lines.append(Content.styled(f"{'':<8}{'mean':>8}{'std':>8}{'mean':>9}{'std':>9}", "$secondary"))
    for name, mean, std in zip(CHANNELS[len(found.histogram)], found.mean, found.std, strict=True):
        numbers = f"{mean:8.1f}{std:8.1f}{mean / 127.5 - 1:9.3f}{std / 127.5:9.3f}"
        lines.append(Content.assemble((f"{name:<8}", TONES[name]), numbers))
    overall = found.histogram.sum(axis=0)
    values = np.arange(256) / 127.5 - 1
    mean = float(overall @ values / max(1, overall.sum()))
    std = float(np.sqrt(overall @ (values - mean) ** 2 / max(1, overall.sum())))
    lines += [Content(""), Content.styled(f"σ_data of EDM: {std:.3f} over all channels", "$secondary")]
    return lines


def count_lines(counts: Mapping[str, int], room: int, plain: bool) -> list[Content]:
    """A bar a name, with its count and share; the largest first where there are too many for all."""
    total = sum(counts.values())
    if not total:
        return []
    named = list(counts.items())
    if len(named) > MOST:
        named = sorted(named, key=lambda item: -item[1])[:MOST]
    name_width = min(max(len(name) for name, _ in named), 20, room // 3)
    number_width = len(thousands(max(counts.values())))
    bar_width = max(4, room - name_width - number_width - 9)
    largest = max(counts.values())
    lines = []
    for name, count in named:
        name = name if len(name) <= name_width else name[: name_width - 1] + "…"
        lines.append(
            Content.assemble(
                (f"{name:<{name_width}} ", "$foreground"),
                (f"{lying_bar(count / largest, bar_width, plain):<{bar_width}} ", "$primary"),
                (f"{thousands(count):>{number_width}}", "$foreground"),
                (f" {count / total:>6.1%}", "$secondary"),
            )
        )
    if len(counts) > len(named):
        rest = total - sum(count for _, count in named)
        words = f"… {thousands(len(counts) - len(named))} more with {thousands(rest)} pictures"
        lines.append(Content.styled(words, "$secondary"))
    return lines
