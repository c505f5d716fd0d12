"""The sampling loop: noise in, a picture of every step out, one model call at a time; over diffusers' schedulers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tui_lab.diffusion.forward import to_uint8
from tui_lab.diffusion.objective import predicted_eps, predicted_x0
from tui_lab.diffusion.sampler_state import SamplerState
from tui_lab.diffusion.steering import Moment, Start, Steering

PANES = ("x_t", "x0", "eps", "change", "pull")
"""What of a step can be shown; pull is grey where nothing pulls."""
BOTH = ("x_t", "x0")
SHOWN_TO: Mapping[str, float] = {"eps": 3.0, "change": 0.5, "pull": 3.0}
"""The value that is white; black is its negative, and grey nothing. Others are pictures, and white at 1."""

Generators = torch.Generator | list[torch.Generator] | None


@dataclass(frozen=True, slots=True, eq=False)
class DenoisingStep:
    """What one model call led to.

    `x_t` (B, C, H, W) is the state after the step, at about the scale of pictures whatever the scheduler works in;
    after the last step it is the sample. `x0` is the image that the model foresaw at `timestep`, clipped to [-1, 1],
    and `eps` the noise that it saw there; `alpha`, `sigma` and `snr` are that level's. `change` is what the step moved,
    and `pull` what guidance by a gradient moved the answer by, where there is such guidance (see `Steering.pull`).
    `rmse`: how far a picture that was inverted and drawn again is from itself, on the scale of [0, 1].
    """

    index: int
    count: int
    timestep: float
    alpha: float
    sigma: float
    snr: float
    x_t: Tensor
    x0: Tensor
    eps: Tensor
    change: Tensor
    pull: Tensor | None = None
    rmse: float | None = None

    @property
    def final(self) -> bool:
        return self.index == self.count - 1

    def panes(self, names: Sequence[str] = BOTH) -> np.ndarray:
        """Pictures for the screen: uint8 (P, B, H, W, C), one of PANES for each name."""
        return self.panes_later(names)()

    def panes_later(self, names: Sequence[str] = BOTH) -> Callable[[], np.ndarray]:
        """Begin to bring `panes` here; they are waited for when they are asked for. A GPU goes on meanwhile."""
        shown = torch.stack([self._pane(name) / SHOWN_TO.get(name, 1.0) for name in names])
        pixels = to_uint8(shown).permute(0, 1, 3, 4, 2).contiguous()
        if pixels.device.type != "cuda":
            return pixels.cpu().numpy
        here = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        here.copy_(pixels, non_blocking=True)
        copied = torch.cuda.Event()
        copied.record()

        def wait() -> np.ndarray:
            copied.synchronize()
            return here.numpy()

        return wait

    def _pane(self, name: str) -> Tensor:
        found: Tensor | None = getattr(self, name)
        return torch.zeros_like(self.x_t) if found is None else found


def image_generators(seed: int, count: int) -> list[torch.Generator]:
    """The `image_generator` of each of the first `count` places."""
    return [image_generator(seed, place) for place in range(count)]


def image_generator(seed: int, place: int) -> torch.Generator:
    """A CPU generator for the noise that stochastic samplers add to one image on the way.

    It is a function of (seed, the image's place) alone, as the initial noise is: so an image does not depend on how
    many are drawn beside it, nor on the device.
    """
    return _generator(seed, place, stream=1)


def initial_noise(shape: tuple[int, ...], seed: int, device: torch.device | str = "cpu") -> Tensor:
    """x_T ~ N(0, I), float32 (B, C, H, W); a smaller batch from the same seed is a prefix of a larger one."""
    images = [torch.randn(shape[1:], generator=_generator(seed, place, stream=0)) for place in range(shape[0])]
    return torch.stack(images).to(device)


def _generator(seed: int, place: int, stream: int) -> torch.Generator:
    word = np.random.SeedSequence(seed, spawn_key=(place, stream)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(word) >> 1)


def denoise(
    predict: Callable[[Tensor, Tensor], Tensor],
    scheduler: Any,
    num_inference_steps: int,
    x_T: Tensor,
    generator: Generators = None,
    eta: float = 0.0,
    start: Start | None = None,
    steering: Sequence[Steering] = (),
) -> Iterator[DenoisingStep]:
    """Denoise x_T (B, C, H, W) ~ N(0, I) with `predict(input, t)`, t (B,); exactly one call of it for each `next()`.

    `predict` is asked as in training: of the same input and t at the same noise level. The scheduler's timesteps are
    set anew, so one scheduler serves one loop at a time. Some schedulers call the model more often than
    `num_inference_steps`: the steps' `count` is the number of calls. `generator` feeds the stochastic ones; a list
    holds one for each image.

    Control hangs in at three places; what is not there changes no bit:

    - `start`: begin with another x_t than x_T, at a level on the way, and leave out the calls above it. `index` and
      `count` are of the calls that are made; where none is, what it began with is the only step.
    - `predict`: what asks the model of several classes goes into it (`guidance.guided`). It is told t on the CPU, so
      that it may look at it without waiting for a GPU.
    - `steering`, one after the other: `on_answer` of each answer, before the scheduler hears it; `on_arrival` at each
      x_t, the first and the last too. A step's x0 and eps are those of the answer as it was steered, its `pull` is the
      first that there is.
    """
    # On the CPU: schedulers look their timesteps up, and each look at a number on a GPU would wait for all its work.
    scheduler.set_timesteps(num_inference_steps, device="cpu")
    accepted = inspect.signature(scheduler.step).parameters
    options = {name: value for name, value in {"generator": generator, "eta": eta}.items() if name in accepted}
    first = start.first_call(scheduler) if start else 0
    state = SamplerState.before(scheduler, x_T.to(torch.float32), first)
    with torch.inference_mode():
        if start:
            _go_on(state, first, start.x_t)
        for steered in steering:
            _go_on(state, first, steered.on_arrival)
        before = state.picture(first)
    if first == state.count:
        nothing = torch.zeros_like(before)
        yield DenoisingStep(0, 1, 0.0, 1.0, 0.0, math.inf, before, before.clamp(-1.0, 1.0), nothing, nothing)
    for index in range(first, state.count):
        with torch.inference_mode():
            at = state.moment(index)
            output = predict(state.model_input(index), at.levels.t.expand(len(x_T))).to(torch.float32)
            for steered in steering:
                output = steered.on_answer(at, output)
            x0, eps = (of(state, output, at.x_t, at.levels) for of in (predicted_x0, predicted_eps))
            if index == state.count - 1 and state.stops_short:
                state.x = x0
            else:
                state.step(output, index, options)
            for steered in steering:
                _go_on(state, index + 1, steered.on_arrival)
            shown = state.picture(index + 1)
            change, before = shown - before, shown
        t, alpha, sigma, snr = map(float, (at.levels.t, at.levels.alpha, at.levels.sigma, at.levels.snr))
        pull = next((steered.pull for steered in steering if steered.pull is not None), None)
        x0 = x0.clamp(-1.0, 1.0)
        yield DenoisingStep(at.index, at.count, t, alpha, sigma, snr, shown, x0, eps, change, pull)


def _go_on(state: SamplerState, index: int, wanted: Callable[[Moment], Tensor]) -> None:
    """From the x_t of that index that is wanted; one that is not another costs no rounding."""
    at = state.moment(index)
    if (x_t := wanted(at)) is not at.x_t:
        state.put(x_t, index)
