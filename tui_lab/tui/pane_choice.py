"""Which of what there is to see of a step stands on the screen: as much as the terminal has room for, or less."""

from __future__ import annotations

ALONE = ("x_t", "x0", "eps", "change")
SETS = {
    "wide": ("x_t x0 eps change", "x_t x0", *ALONE),
    "middle": ("x_t x0", "x_t x0 eps change", *ALONE),
    "narrow": ALONE,
    "tiny": ALONE,
}
"""By the terminal's layout, the first of each comes first; names of panes with blanks between."""


def panes_for(layout: str, now: str) -> str:
    """What stays on the screen where it can, else what such a terminal begins with."""
    return now if now in SETS[layout] else SETS[layout][0]


def next_panes(layout: str, now: str) -> str:
    """The next choice, round and round."""
    choices = SETS[layout]
    return choices[(choices.index(now) + 1) % len(choices)] if now in choices else choices[0]


def panes_of(choice: str, there: tuple[str, ...]) -> list[str]:
    """Those of the choice that a denoising has; where it is pulled by a loss, that gradient in the place of what the
    step moved."""
    names = choice.split()
    if "pull" in there:
        names = ["pull" if name == "change" else name for name in names]
    return [name for name in names if name in there]
