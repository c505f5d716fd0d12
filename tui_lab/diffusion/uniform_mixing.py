"""The course's own sampler for its toy corruption, as a scheduler of diffusers' kind."""

from __future__ import annotations

import math

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor


class UniformMixingSampler(SchedulerMixin, ConfigMixin):
    """From x_T ~ U(-1, 1), step i of n moves x 1/(n-i) of the way to the x_0 that the model predicts.

    That is an Euler step along the flow of x_t = (1-a) x_0 + a ε, from a = (n-i)/n to (n-i-1)/n. The model is told the
    nearest of training's T levels, a T - 1.
    """

    @register_to_config
    def __init__(self, num_train_timesteps: int = 1000) -> None:
        self.init_noise_sigma = 1.0
        self.set_timesteps(num_train_timesteps)

    def set_timesteps(self, num_inference_steps: int, device: torch.device | str | None = None) -> None:
        self.num_inference_steps = num_inference_steps
        a = torch.arange(num_inference_steps, 0, -1, dtype=torch.float64) / num_inference_steps
        self.sigmas = torch.cat([a, a.new_zeros(1)]).float()
        T = self.config.num_train_timesteps
        self.timesteps = ((a * T).round().long() - 1).clamp(min=0).to(device)
        self._step_index = 0

    def set_begin_index(self, begin_index: int = 0) -> None:
        """The step that comes next."""
        self._step_index = begin_index

    def start(self, noise: Tensor) -> Tensor:
        """x_T ~ U(-1, 1) from `noise` ~ N(0, I), value by value."""
        return (noise / math.sqrt(2.0)).erf()

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor:
        return sample

    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor, return_dict: bool = True) -> tuple[Tensor]:
        """`model_output` is the predicted x_0, at `timestep`; steps come in the order of `timesteps`."""
        left = self.num_inference_steps - self._step_index
        self._step_index += 1
        return (sample + (model_output - sample) / left,)
