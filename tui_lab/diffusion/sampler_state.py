"""Where a scheduler stands on its way, said in the terms of training: x_t = α x_0 + σ ε, and what the model is told.

diffusers' schedulers carry their state in four ways: as training's x_t (DDPM, DDIM, the DPM-Solvers), as x_0 + σ̃ ε with
σ̃ = σ/α (the Euler family, which scales it for the model), as EDM's x_0 + σ ε, and as the flow's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_heun_discrete import FlowMatchHeunDiscreteScheduler
from torch import Tensor

from tui_lab.diffusion.process import Levels
from tui_lab.diffusion.schedules.sampler_sigmas import timestep_of
from tui_lab.diffusion.uniform_mixing import UniformMixingSampler
from tui_lab.recipe.schema import Objective

_RESPACED = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")


@dataclass(slots=True, eq=False)
class SamplerState:
    """A scheduler whose timesteps are set, and its `x`, in its own scale. `objective`: what the model answers."""

    scheduler: Any
    x: Tensor
    objective: Objective
    sigma_data: float

    @classmethod
    def before(cls, scheduler: Any, noise: Tensor) -> SamplerState:
        """At the start, from `noise` ~ N(0, I)."""
        if isinstance(scheduler, UniformMixingSampler):
            return cls(scheduler, scheduler.start(noise), "sample", 0.5)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)  # by itself it would look for its first timestep, and skip one that is double
        x = noise * getattr(scheduler, "init_noise_sigma", 1.0)
        if _is_edm(scheduler):
            return cls(scheduler, x, "edm", scheduler.config.sigma_data)
        return cls(scheduler, x, "flow" if _is_flow(scheduler) else scheduler.config.prediction_type, 0.5)

    def levels(self, index: int) -> Levels:
        """Those of `x_t(index)`, each of shape (1,)."""
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
        """α x_0 + σ ε, as the process has it."""
        return self.x if _is_edm(self.scheduler) else self.model_input(index)

    def model_input(self, index: int) -> Tensor:
        """What the model is shown."""
        if not hasattr(self.scheduler, "scale_model_input"):
            return self.x
        return self.scheduler.scale_model_input(self.x, self.scheduler.timesteps[index])

    def picture(self, index: int) -> Tensor:
        """x_t at a scale in which noise alone has unit variance, and pictures their own."""
        if not _is_edm(self.scheduler):
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
