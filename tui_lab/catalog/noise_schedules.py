"""The β schedules that can be chosen, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoiseScheduleInfo:
    """One β schedule. `uses_beta_range` says whether beta_start and beta_end mean anything to it."""

    name: str
    title: str
    help: str
    uses_beta_range: bool = True


_LIST = (
    NoiseScheduleInfo(
        "linear",
        "linear",
        "β grows evenly, as in the DDPM paper; drowns small pictures early, and its last steps teach little",
    ),
    NoiseScheduleInfo(
        "scaled_linear",
        "scaled linear",
        "√β grows evenly, as in Stable Diffusion; gentler at first, and leaves some signal",
    ),
    NoiseScheduleInfo(
        "squaredcos_cap_v2",
        "cosine",
        "ᾱ falls as a squared cosine; good for small pictures; ends at almost no signal, so take v_prediction",
        uses_beta_range=False,
    ),
    NoiseScheduleInfo("sigmoid", "sigmoid", "β grows along an S: slow, fast, slow"),
    NoiseScheduleInfo(
        "laplace",
        "Laplace",
        "crowds the timesteps around equal signal and noise; begins grainy, and ends with signal left unless rescaled",
        uses_beta_range=False,
    ),
)

NOISE_SCHEDULES: dict[str, NoiseScheduleInfo] = {info.name: info for info in _LIST}
