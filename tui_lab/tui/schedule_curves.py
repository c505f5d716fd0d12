"""The curves of a noise schedule, in sets that belong on one chart, and their exact values at a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tui_lab.diffusion import schedules
from tui_lab.recipe import Recipe
from tui_lab.recipe.schema import Loss, NoiseScheduler
from tui_lab.tui.chart import Series, short_number
from tui_lab.tui.schedule_words import has_timesteps, schedule_title

Float = NDArray[np.float64]

LOG_SNR_RANGE = (-20.0, 20.0)
"""Over other curves, log-SNR is drawn with -20 at the bottom of the chart and +20 at its top."""
KEPT_STYLE = "long"
BEFORE_COLOUR = "#8a8f98"
PINNED_COLOURS = ("#b07aa1", "#9c755f", "#5f9ea0", "#a0a035")
"""Of the curves that stand beside the present ones; to be read on dark and on light."""


@dataclass(frozen=True, slots=True)
class Curve:
    """`main`: the one curve of its set that is drawn for other schedules too, to compare with."""

    name: str
    y: Float
    main: bool = False
    own_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class CurveSet:
    """Curves of one chart. `y_range` None leaves the scale to the chart, which may let wild values run out of sight."""

    title: str
    curves: tuple[Curve, ...]
    y_range: tuple[float, float] | None = None
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A schedule to draw: what it is called, and its sections."""

    title: str
    noise: NoiseScheduler
    loss: Loss

    @classmethod
    def of(cls, recipe: Recipe) -> Shown:
        return cls(schedule_title(recipe), recipe.noise_scheduler, recipe.loss)

    @property
    def sets(self) -> tuple[CurveSet, ...]:
        return curve_sets(self.noise, self.loss)


@lru_cache(maxsize=32)
def curve_sets(noise: NoiseScheduler, loss: Loss) -> tuple[CurveSet, ...]:
    """What there is to see of this process, the usual picture first; each curve has one value a level, (T,)."""
    levels = schedules.levels(noise)
    sets = [_signal_and_noise(noise, levels)]
    if noise.class_name == "DDPMScheduler":
        sets.append(_betas(noise))
    if noise.class_name == "EDMEulerScheduler":
        sets.append(_preconditioning(noise, levels))
    snr, ratio = Curve("SNR", levels.snr, main=True), Curve("σ/α", levels.sigma_ratio)
    sets.append(CurveSet("SNR and σ", (snr, ratio), log_y=True))
    sets.append(CurveSet("log-SNR", (Curve("log-SNR", levels.log_snr, main=True),), _span(levels.log_snr)))
    sets.append(_loss_share(noise, loss, levels))
    return tuple(sets)


def _signal_and_noise(noise: NoiseScheduler, levels: schedules.Levels) -> CurveSet:
    size = np.sqrt(levels.alpha**2 + levels.sigma**2) if noise.class_name == "EDMEulerScheduler" else 1.0
    names = {
        "DDPMScheduler": ("√ᾱ", "√(1-ᾱ)"),
        "FlowMatchEulerDiscreteScheduler": ("1-σ", "σ"),
        "EDMEulerScheduler": ("1/√(1+σ²)", "σ/√(1+σ²)"),
        "UniformMixing": ("1-a", "a"),
    }[noise.class_name]
    curves = (
        Curve(names[0], levels.alpha / size, main=True),
        Curve(names[1], levels.sigma / size),
        Curve("log-SNR", np.clip(levels.log_snr, *LOG_SNR_RANGE), own_range=LOG_SNR_RANGE),
    )
    return CurveSet("picture and noise", curves, (0.0, 1.0))


def _betas(noise: NoiseScheduler) -> CurveSet:
    betas = schedules.betas(noise)
    alpha_bar = Curve("ᾱ", schedules.alphas_cumprod(noise), main=True)
    return CurveSet("β and ᾱ", (alpha_bar, Curve("β", betas, own_range=(0.0, float(betas.max())))), (0.0, 1.0))


def _preconditioning(noise: NoiseScheduler, levels: schedules.Levels) -> CurveSet:
    """c_skip, c_out and c_in of EDM (Karras et al. 2022, table 1)."""
    data, sigma = noise.sigma_data, levels.sigma
    size = np.sqrt(sigma**2 + data**2)
    curves = (
        Curve("c_skip", (data / size) ** 2, main=True),
        Curve("c_out", sigma * data / size),
        Curve("c_in", 1 / size),
    )
    return CurveSet("preconditioning", curves, (0.0, float(max(1.0, (1 / size).max()))))


def _loss_share(noise: NoiseScheduler, loss: Loss, levels: schedules.Levels) -> CurveSet:
    """Each level's share of the loss, and of the draws where they are not even; 1 is an even share."""
    count = noise.num_train_timesteps
    share = schedules.loss_share(noise, loss) * count
    drawn = schedules.density(noise, loss) * count
    curves = [Curve("loss share", share, main=True)]
    if np.ptp(drawn) > 1e-9:
        curves.append(Curve("drawn", drawn))
    return CurveSet("loss share, 1 = even", tuple(curves), (0.0, float(max(one.y.max() for one in curves)) * 1.05))


def _span(y: Float) -> tuple[float, float] | None:
    finite = y[np.isfinite(y)]
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else None


def series_of(chosen: CurveSet, kept: Sequence[tuple[str, Shown]], log_x: bool, log_y: bool) -> list[Series]:
    """A set's curves, behind them the main curve of every kept schedule that has such a set and another course.

    `kept`: (colour, schedule). On a logarithmic x axis level i stands at i + 1, so that the first one has a place; on a
    logarithmic y axis curves that are never negative share it.
    """
    series = []
    for style, curve in zip(("solid", "dashed", "dotted"), chosen.curves, strict=False):
        own_range = None if log_y and curve.own_range and curve.own_range[0] >= 0 else curve.own_range
        series.append(Series(curve.name, _axis(len(curve.y), log_x), curve.y, None, style, own_range=own_range))
    mine = next(curve.y for curve in chosen.curves if curve.main)
    for colour, other in kept:
        same = [one for one in other.sets if one.title == chosen.title]
        for curve in (curve for one in same for curve in one.curves if curve.main):
            if not np.array_equal(curve.y, mine):
                x = _axis(len(curve.y), log_x)
                series.append(Series(other.title, x, curve.y, colour, KEPT_STYLE, behind=True))
    return series


def _axis(count: int, log_x: bool) -> Float:
    return np.arange(count, dtype=np.float64) + log_x


def readings(shown: Shown, index: int) -> list[tuple[str, str]]:
    """(name, value) of all that is known of a level, the most telling first."""
    noise, levels = shown.noise, schedules.levels(shown.noise)
    by_name = {curve.name: curve.y for one in shown.sets for curve in one.curves}
    order = ["√ᾱ", "√(1-ᾱ)", "1-σ", "σ", "1-a", "a", "SNR", "log-SNR", "σ/α", "loss share", "β", "ᾱ"]
    order += ["c_skip", "c_out", "c_in", "drawn"]
    values = {name: float(by_name[name][index]) for name in order if name in by_name}
    values["log-SNR"] = float(levels.log_snr[index])
    told = float(levels.timesteps[index])
    words = [(name, short_number(value)) for name, value in values.items()]
    if not has_timesteps(noise):
        words.insert(0, ("told", short_number(told)))
    if noise.class_name == "EDMEulerScheduler":
        words.insert(0, ("σ", short_number(float(levels.sigma[index]))))
    return words
