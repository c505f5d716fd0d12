"""A person's own pictures under noise, as the strip shows them."""

from __future__ import annotations

import math
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
    count = math.prod(shape)
    if noise.class_name == "UniformMixing":
        return (2 * _uniform(count, seed) - 1).reshape(shape)
    radius, turn = _uniform(2 * count, seed).reshape(2, *shape)  # Box & Muller 1958
    return np.sqrt(-2 * np.log1p(-radius)) * np.cos(2 * np.pi * turn)


def _uniform(count: int, seed: int) -> Float:
    """U(0, 1), (count,): SplitMix64 (Steele et al. 2014). numpy's own generators would take 3 MB of the lab's screen,
    which draws no other noise."""
    first = (seed + 1) * 0xD1B54A32D192ED03 % 2**64
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(first)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


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
