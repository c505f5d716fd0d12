"""A person's own pictures under noise, as the strip shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tui_lab.diffusion.schedules.betas import Float
from tui_lab.diffusion.schedules.levels import Levels, levels
from tui_lab.recipe.schema import NoiseScheduler

Bytes = NDArray[np.uint8]


def spread_timesteps(num_train_timesteps: int, count: int) -> NDArray[np.int64]:
    """`count` timesteps spread evenly over 0 … T-1, both ends among them."""
    return np.linspace(0, num_train_timesteps - 1, count).round().astype(np.int64)


def draw_noise(noise: NoiseScheduler, shape: tuple[int, ...], seed: int = 0) -> Float:
    """The ε of this process: N(0, I), or U(-1, 1) for uniform mixing."""
    generator = np.random.default_rng(seed)
    if noise.class_name == "UniformMixing":
        return generator.uniform(-1, 1, shape)
    return generator.standard_normal(shape)


def add_noise(images: Bytes, indices: Sequence[int] | NDArray[np.int64], noise: NoiseScheduler, seed: int = 0) -> Float:
    """x_t = α · x_0 + σ · ε at each of K levels, x_0 in [-1, 1], ε from `seed`.

    `images` with shape (…, H, W, C) gives (K, …, H, W, C). All K share one ε, so that a strip shows one picture go
    under in one noise, and holds still while a knob of the schedule moves.
    """
    clean = from_uint8(images)
    eps = draw_noise(noise, clean.shape, seed)
    alpha, sigma = _at(levels(noise), indices, clean.ndim)
    return alpha * clean + sigma * eps


def _at(levels: Levels, indices: Sequence[int] | NDArray[np.int64], ndim: int) -> tuple[Float, Float]:
    """α and σ at those levels, with shape (K, 1, …, 1)."""
    at = np.asarray(indices, dtype=np.int64)
    shape = (-1, *([1] * ndim))
    return levels.alpha[at].reshape(shape), levels.sigma[at].reshape(shape)


def from_uint8(images: Bytes) -> Float:
    """0 … 255 to [-1, 1]: how the model sees a picture."""
    return images.astype(np.float64) / 127.5 - 1


def to_uint8(x: Float, clip: bool = True) -> Bytes:
    """[-1, 1] to 0 … 255: how a screen sees x_t of shape (…, H, W, C).

    What lies beyond is clipped; without `clip`, each picture that goes beyond is scaled about grey until it fits.
    """
    if not clip:
        x = x / np.maximum(np.abs(x).max(axis=(-3, -2, -1), keepdims=True), 1.0)
    return np.clip(np.rint((x + 1) * 127.5), 0, 255).astype(np.uint8)
