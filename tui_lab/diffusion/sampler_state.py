"""Where a scheduler stands on its way, said in the terms of training: x_t = α x_0 + σ ε, and what the model is told.

diffusers' schedulers carry their state in four ways: as training's x_t (DDPM, DDIM, the DPM-Solvers), as x_0 + σ̃ ε with
σ̃ = σ/α (the Euler family, which scales it for the model), as EDM's x_0 + σ ε, and as the flow's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_heun_discrete import FlowMatchHeunDiscreteScheduler
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler
from torch import Tensor

from tui_lab.diffusion.process import Levels
from tui_lab.diffusion.schedules.sampler_sigmas import timestep_of
from tui_lab.diffusion.steering import Moment
from tui_lab.diffusion.uniform_mixing import UniformMixingSampler
from tui_lab.recipe.schema import Objective

_RESPACED = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")


@dataclass(slots=True, eq=False)
class SamplerState:
    """A scheduler whose timesteps are set, and its `x`, in its own scale.

    `noise`: the ε that it starts from, as its process draws it. `objective`: what the model answers. `first`: the index
    of the first call that is made.
    """

    scheduler: Any
    x: Tensor
    noise: Tensor
    objective: Objective
    sigma_data: float
    first: int = 0

    @classmethod
    def before(cls, scheduler: Any, noise: Tensor, first: int = 0) -> SamplerState:
        """At the start, from `noise` ~ N(0, I), with x as it is at index 0."""
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)  # itself it would look for its timestep, and skip one that is double
        if isinstance(scheduler, UniformMixingSampler):
            mixed = scheduler.start(noise)
            return cls(scheduler, mixed, mixed, "sample", 0.5, first)
        x = noise * getattr(scheduler, "init_noise_sigma", 1.0)
        if _is_edm(scheduler):
            return cls(scheduler, x, noise, "edm", scheduler.config.sigma_data, first)
        objective: Objective = "flow" if _is_flow(scheduler) else scheduler.config.prediction_type
        return cls(scheduler, x, noise, objective, 0.5, first)

    @property
    def count(self) -> int:
        """Of model calls, from the noisiest level on."""
        return len(self.scheduler.timesteps)

    def levels(self, index: int) -> Levels:
        """Those of `x_t(index)`, each of shape (1,); α = 1 and σ = 0 at the end, which is told as t = 0."""
        if index == self.count:
            return _levels(torch.ones(()), torch.zeros(()), torch.zeros(()))
        scheduler, t = self.scheduler, self.scheduler.timesteps[index]
        T = scheduler.config.num_train_timesteps
        if not hasattr(scheduler, "sigmas"):
            alpha_bar = scheduler.alphas_cumprod[int(t)].cpu().double()
            return _levels(alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt(), t)
        sigma = self._sigma(index)
        if _is_edm(scheduler):
            return _levels(torch.ones_like(sigma), sigma, t)
        if _is_flow(scheduler):
            # Solvers not made for flows round their timesteps; the model was trained on whole and broken ones.
            return _levels(1.0 - sigma, sigma, (sigma * T).float().to(t.device))
        if isinstance(scheduler, UniformMixingSampler):
            return _levels(1.0 - sigma, sigma, t)
        if any(scheduler.config.get(name) for name in _RESPACED):
            t = self._timestep_of(sigma).to(t.device)  # they round or cut it off; at small σ̃ that is far off
        alpha = 1.0 / (1.0 + sigma**2).sqrt()
        return _levels(alpha, sigma * alpha, t)

    @property
    def stops_short(self) -> bool:
        """The scheduler's last step has no length (DEIS and SA-Solver over other sigmas than their own): it would leave
        the noise of the last level, though the model says what is under it."""
        sigmas = getattr(self.scheduler, "sigmas", None)
        return sigmas is not None and bool(sigmas[-1] == sigmas[-2])

    def x_t(self, index: int) -> Tensor:
        """α x_0 + σ ε, as the process has it; at the end the sample."""
        return self.x if index == self.count or _is_edm(self.scheduler) else self.model_input(index)

    def put(self, x_t: Tensor, index: int) -> None:
        """Go on from that x_t = α x_0 + σ ε."""
        self.x = torch.ones((), device=x_t.device)
        self.x = x_t / self.x_t(index)

    def moment(self, index: int) -> Moment:
        """What those are told that steer; the index counts from the first call that is made."""
        return Moment(
            index - self.first, self.count - self.first, self.x_t(index), self.noise, self.levels(index), self
        )

    def step(self, output: Tensor, index: int, options: Mapping[str, Any]) -> None:
        """Move x by the answer to the call `index`; `options` go to the scheduler's own step."""
        scheduler = self.scheduler
        if isinstance(scheduler, LMSDiscreteScheduler):  # which counts the calls that were left out as its history
            options = {**options, "order": min(4, index - self.first + 1)}
        self.x = scheduler.step(output, scheduler.timesteps[index], self.x, return_dict=False, **options)[0]

    def model_input(self, index: int) -> Tensor:
        """What the model is shown."""
        if not hasattr(self.scheduler, "scale_model_input"):
            return self.x
        return self.scheduler.scale_model_input(self.x, self.scheduler.timesteps[index])

    def picture(self, index: int) -> Tensor:
        """x_t at a scale in which noise alone has unit variance, and pictures their own."""
        if index == self.count or not _is_edm(self.scheduler):
            return self.x_t(index)
        return self.x / float((1.0 + self._sigma(index) ** 2).sqrt())

    def _sigma(self, index: int) -> Tensor:
        """The scheduler's own σ there: float64 of no dimension, on the CPU."""
        scheduler = self.scheduler
        if not hasattr(scheduler, "sigmas_interpol") or scheduler.state_in_first_order:
            return scheduler.sigmas[index].cpu().double()
        # At the midpoint of a DPM2 step, which the ancestral one keeps a place earlier.
        return scheduler.sigmas_interpol[index - hasattr(scheduler, "sigmas_up")].cpu().double()

    def _timestep_of(self, sigma: Tensor) -> Tensor:
        """The broken timestep whose σ̃ that is."""
        alpha_bar = self.scheduler.alphas_cumprod.double().cpu()
        log_sigmas = 0.5 * ((1.0 - alpha_bar) / alpha_bar).log()
        return torch.from_numpy(timestep_of(sigma.reshape(1).numpy(), log_sigmas.numpy())).float()


def _is_edm(scheduler: Any) -> bool:
    return isinstance(scheduler, EDMEulerScheduler | EDMDPMSolverMultistepScheduler)


def _is_flow(scheduler: Any) -> bool:
    of_its_own = isinstance(scheduler, FlowMatchEulerDiscreteScheduler | FlowMatchHeunDiscreteScheduler)
    return of_its_own or bool(scheduler.config.get("use_flow_sigmas"))


def _levels(alpha: Tensor, sigma: Tensor, t: Tensor) -> Levels:
    snr = (alpha / sigma) ** 2
    return Levels(alpha.reshape(1).float(), sigma.reshape(1).float(), t.reshape(1), snr.reshape(1).float())
