"""How strong classifier-free guidance is over the noise's time."""

from __future__ import annotations

import math

from tui_lab.recipe.schema import Sampling


def guidance_at(sampling: Sampling, u: float) -> float:
    """The scale at `u`, the share of the noise's time (0: the picture's end): 1 outside of `sampling`'s interval, whose
    ends are inside (Kynkäänniemi et al. 2024).

    Over all of that time linear gives 1 + (scale - 1) (1 - u), and cosine 1 + (scale - 1) (1 + cos πu) / 2: the rising
    schedules of Wang et al. 2024 (Analysis of Classifier-Free Guidance Weight Schedulers), so that noise alone is not
    pulled about, and guidance_scale is their end.
    """
    if not sampling.guidance_from <= u <= sampling.guidance_until:
        return 1.0
    match sampling.guidance_schedule:
        case "constant":
            return sampling.guidance_scale
        case "linear":
            share = 1.0 - u
        case "cosine":
            share = 0.5 * (1.0 + math.cos(math.pi * u))
    return 1.0 + (sampling.guidance_scale - 1.0) * share
