"""How near pictures come to what they should be, said as a person reads it."""

from __future__ import annotations

import math


def psnr(rmse: float) -> float:
    """The peak signal-to-noise ratio in dB of a root mean squared error on the scale of [0, 1]; infinite for none."""
    return -20.0 * math.log10(rmse) if rmse else math.inf


def error_words(rmse: float) -> str:
    """ "RMSE 0.0123 of 1, PSNR 38.2 dB" of an error on the scale of [0, 1]."""
    return f"RMSE {rmse:.4f} of 1, PSNR {psnr(rmse):.1f} dB"
