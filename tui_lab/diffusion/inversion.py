"""The way back: the noise that a deterministic sampler would make a given picture of, and how well it does so."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tui_lab.diffusion.forward import over
from tui_lab.diffusion.guidance import Predict
from tui_lab.diffusion.objective import model_input, predicted_eps
from tui_lab.diffusion.sampler_state import SamplerState
from tui_lab.diffusion.sampling import DenoisingStep, denoise
from tui_lab.diffusion.steering import Moment, Steering


@dataclass(frozen=True, slots=True, eq=False)
class NoiseStart:
    """Begin with x_t = α x_0 + σ ε (B, C, H, W) of the sampler's noisiest level, as `invert` finds it."""

    noise: Tensor

    def first_call(self, scheduler: Any) -> int:
        return 0

    def x_t(self, at: Moment) -> Tensor:
        return self.noise


def invert(
    predict: Predict, scheduler: Any, num_inference_steps: int, image: Tensor, to_follow: int = 0
) -> Generator[DenoisingStep, None, Tensor]:
    """From `image` (B, C, H, W) in [-1, 1] up the sampler's own levels, one call of `predict` each; returns the x_t of
    the noisiest.

    x_t above is α x_0 + σ ε with the α and σ of the level above, and x_0 and ε as they are foreseen below (Song et al.
    2021, DDIM, section 4.3): Euler's method for the probability-flow ODE, backwards. The image itself has no noise that
    a model could be told of; it is told of the least that the sampler knows. A step's level is that which it leads to;
    `to_follow` calls are added to its `count`.
    """
    scheduler.set_timesteps(num_inference_steps, device="cpu")
    x = shown = image.to(torch.float32)
    state = SamplerState.before(scheduler, torch.zeros_like(x))
    for done in range(state.count):
        with torch.inference_mode():
            below, above = (state.levels(state.count - done - up) for up in (0, 1))
            asked_at = below if done else above
            output = predict(model_input(state, x, asked_at), asked_at.t.expand(len(x))).to(torch.float32)
            eps = predicted_eps(state, output, x, asked_at)
            x0 = (x - over(below.sigma, x) * eps) / over(below.alpha, x)
            x = over(above.alpha, x) * x0 + over(above.sigma, x) * eps
            before, shown = shown, (x / over((1.0 + above.sigma**2).sqrt(), x) if state.objective == "edm" else x)
        t, alpha, sigma, snr = map(float, (above.t, above.alpha, above.sigma, above.snr))
        x0, change, count = x0.clamp(-1.0, 1.0), shown - before, state.count + to_follow
        yield DenoisingStep(done, count, t, alpha, sigma, snr, shown, x0, eps, change)
    return x


def reconstruct(
    predict: Predict, scheduler: Any, num_inference_steps: int, image: Tensor, steering: Sequence[Steering] = ()
) -> Iterator[DenoisingStep]:
    """`image` (B, C, H, W) in [-1, 1] to noise by `invert`, and back by `denoise` in as many steps.

    The last step's `rmse` is the sample's, to the image: it shrinks with the length of the steps.
    """
    scheduler.set_timesteps(num_inference_steps, device="cpu")
    calls = len(scheduler.timesteps)
    noise = yield from invert(predict, scheduler, num_inference_steps, image, to_follow=calls)
    for step in denoise(predict, scheduler, num_inference_steps, noise, start=NoiseStart(noise), steering=steering):
        rmse = root_mean_squared_error(step.x_t, image) if step.final else None
        yield replace(step, index=calls + step.index, count=2 * calls, rmse=rmse)


def root_mean_squared_error(x: Tensor, y: Tensor) -> float:
    """Of pictures in [-1, 1], clipped to it, over all of the batch; on the scale of [0, 1]."""
    return float((x.clamp(-1.0, 1.0) - y.clamp(-1.0, 1.0)).square().mean().sqrt()) / 2.0
