"""Noise processes: how x_t comes of a picture and noise, at which levels training looks, and what the model is told.

Every process is x_t = α x_0 + σ ε. Shapes: x0, eps, x_t (B, *); index, u and the fields of `Levels` (B,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

from tui_lab.diffusion.forward import over
from tui_lab.diffusion.noise_schedulers import training_alphas_cumprod
from tui_lab.recipe.schema import Loss, NoiseScheduler, Objective

Device = torch.device | str


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Noise levels, one for each sample: all float32 (B,), but that `t` is int64 where timesteps are whole.

    `t` is what the model is told. `snr` is α²/σ², as exactly as the process knows it.
    """

    alpha: Tensor
    sigma: Tensor
    t: Tensor
    snr: Tensor

    def __len__(self) -> int:
        return len(self.sigma)

    def __getitem__(self, which: slice | Tensor) -> Levels:
        return Levels(self.alpha[which], self.sigma[which], self.t[which], self.snr[which])


class NoiseProcess:
    """A forward process with T levels, the noisier the higher the index; EDM trains between and beyond them too.

    What stands here is as where whole timesteps are drawn and told; other processes say what they do otherwise.
    """

    def __init__(self, table: Levels, objective: Objective, sigma_data: float) -> None:
        """`table`: the T levels, on the device that they are wanted on. `sigma_data`: for EDM's weights."""
        self._table = table
        self.objective = objective
        self.sigma_data = sigma_data

    @property
    def T(self) -> int:  # noqa: N802 (the papers' name)
        return len(self._table)

    def levels(self, index: Tensor) -> Levels:
        """The levels of that index, int64 in 0 … T-1."""
        return self._table[index.to(self._table.sigma.device)]

    def draw(self, size: int, generator: torch.Generator | None, device: Device) -> Levels:
        """Levels as the process draws them where nothing else is asked: every index alike."""
        return self.levels(torch.randint(self.T, (size,), generator=generator, device=device))

    def at(self, u: Tensor) -> Levels:
        """The level at the share u in [0, 1) of all that `draw` draws, the least noise first: its quantile."""
        return self.levels((u * self.T).long().clamp(max=self.T - 1))

    def place(self, levels: Levels) -> Tensor:
        """The u in [0, 1) that leads there by `at`, float32; of a whole timestep, the middle of those that do."""
        return (levels.t + 0.5) / self.T

    def time(self, t: float) -> float:
        """Where the model is told t, in the noise's time: the share in [0, 1] of all that `draw` draws that is less
        noisy, so 0 is at the picture's end and 1 at that of noise."""
        return (t + 0.5) / self.T

    def noise(self, shape: tuple[int, ...], generator: torch.Generator | None, device: Device) -> Tensor:
        """ε ~ N(0, I), float32."""
        return torch.randn(shape, generator=generator, device=device)

    def corrupt(self, x0: Tensor, eps: Tensor, levels: Levels) -> Tensor:
        """x_t = α x_0 + σ ε, in float32 always: bfloat16 would round the first timesteps' noise away."""
        return over(levels.alpha, x0) * x0.to(torch.float32) + over(levels.sigma, x0) * eps.to(torch.float32)

    def model_input(self, x_t: Tensor, levels: Levels) -> Tensor:
        """What the model sees of x_t: x_t itself, but in EDM."""
        return x_t


class DiscreteDiffusion(NoiseProcess):
    """DDPM (Ho et al. 2020): α = √ᾱ_t, σ = √(1-ᾱ_t), t = 0 … T-1."""

    def __init__(self, alphas_cumprod: Tensor, objective: Objective, sigma_data: float = 0.5) -> None:
        alpha_bar = alphas_cumprod.to(torch.float32)
        t = torch.arange(len(alpha_bar), device=alpha_bar.device)
        table = Levels(alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt(), t, alpha_bar / (1.0 - alpha_bar))
        super().__init__(table, objective, sigma_data)


class FlowMatching(NoiseProcess):
    """Rectified flow (Liu et al. 2022; Lipman et al. 2022): α = 1-σ, and the model is told σ T.

    σ_i = s u / (1 + (s-1) u) with u = (i+1)/T and s the shift (Esser et al. 2024, eq. 23), as in diffusers.
    """

    def __init__(self, num_train_timesteps: int, shift: float, sigma_data: float = 0.5, device: Device = "cpu") -> None:
        self._shift = shift
        u = torch.arange(1, num_train_timesteps + 1, dtype=torch.float64) / num_train_timesteps
        sigma = shift * u / (1.0 + (shift - 1.0) * u)
        table = _levels_of(1.0 - sigma, sigma, (sigma * num_train_timesteps).float(), device)
        super().__init__(table, "flow", sigma_data)

    def place(self, levels: Levels) -> Tensor:
        u = levels.sigma / (self._shift - (self._shift - 1.0) * levels.sigma)
        return (u - 0.5 / self.T).clamp(0.0, 1.0 - 0.5 / self.T)

    def time(self, t: float) -> float:
        sigma = t / self.T
        return sigma / (self._shift - (self._shift - 1.0) * sigma)


class KarrasDiffusion(NoiseProcess):
    """EDM (Karras et al. 2022): α = 1, the model sees c_in x_t and is told c_noise = ln σ / 4.

    Training draws ln σ ~ N(P_mean, P_std²); the T levels, for curves and validation, are the paper's eq. 5 with ρ.
    """

    def __init__(self, noise: NoiseScheduler, device: Device = "cpu") -> None:
        self._mean, self._std = noise.P_mean, noise.P_std
        low, high = noise.sigma_min ** (1 / noise.rho), noise.sigma_max ** (1 / noise.rho)
        sigma = torch.linspace(low, high, noise.num_train_timesteps, dtype=torch.float64) ** noise.rho
        table = _levels_of(torch.ones_like(sigma), sigma, (sigma.log() / 4.0).float(), device)
        super().__init__(table, "edm", noise.sigma_data)

    def draw(self, size: int, generator: torch.Generator | None, device: Device) -> Levels:
        return self._of_log_sigma(torch.randn(size, generator=generator, device=device) * self._std + self._mean)

    def at(self, u: Tensor) -> Levels:
        # At 0 and 1 the quantile is infinite: no further out than six standard deviations.
        normal = torch.special.ndtri(u).clamp(-6.0, 6.0)
        return self._of_log_sigma(normal * self._std + self._mean)

    def place(self, levels: Levels) -> Tensor:
        u = torch.special.ndtr((levels.sigma.log() - self._mean) / self._std)
        return u.clamp(max=1.0 - torch.finfo(torch.float32).eps)

    def time(self, t: float) -> float:
        return NormalDist(self._mean, self._std).cdf(4.0 * t)

    def model_input(self, x_t: Tensor, levels: Levels) -> Tensor:
        """c_in x_t, c_in = 1/√(σ² + σ_data²) (table 1): of unit variance at every level."""
        return x_t / over((levels.sigma**2 + self.sigma_data**2).sqrt(), x_t)

    def _of_log_sigma(self, log_sigma: Tensor) -> Levels:
        sigma = log_sigma.exp()
        return Levels(torch.ones_like(sigma), sigma, log_sigma / 4.0, sigma**-2)


class UniformMixing(NoiseProcess):
    """The course's toy: x_t = (1-a) x_0 + a ε with ε ~ U(-1, 1), a = (i+1)/T; the model predicts x_0."""

    def __init__(self, num_train_timesteps: int, sigma_data: float = 0.5, device: Device = "cpu") -> None:
        a = torch.arange(1, num_train_timesteps + 1, dtype=torch.float64) / num_train_timesteps
        table = _levels_of(1.0 - a, a, torch.arange(num_train_timesteps), device)
        super().__init__(table, "sample", sigma_data)

    def noise(self, shape: tuple[int, ...], generator: torch.Generator | None, device: Device) -> Tensor:
        """ε ~ U(-1, 1), float32: the course's, over the data's range."""
        return torch.rand(shape, generator=generator, device=device) * 2.0 - 1.0


def noise_process(noise: NoiseScheduler, device: Device = "cpu") -> NoiseProcess:
    """The process that the recipe's `[noise_scheduler]` describes, its levels on `device`."""
    match noise.class_name:
        case "FlowMatchEulerDiscreteScheduler":
            return FlowMatching(noise.num_train_timesteps, noise.shift, noise.sigma_data, device)
        case "EDMEulerScheduler":
            return KarrasDiffusion(noise, device)
        case "UniformMixing":
            return UniformMixing(noise.num_train_timesteps, noise.sigma_data, device)
        case "DDPMScheduler":
            return DiscreteDiffusion(training_alphas_cumprod(noise, device), noise.prediction_type, noise.sigma_data)


def draw_levels(
    process: NoiseProcess,
    loss: Loss,
    size: int,
    generator: torch.Generator | None,
    device: Device = "cpu",
    importance: Tensor | None = None,
) -> tuple[Levels, Tensor | None]:
    """`size` levels as training draws them, and by what each sample's loss is to be multiplied; None for 1.

    logit_normal: u = 1 / (1 + e^-z), z ~ N(logit_mean, logit_std²); cosine: u with the density 2 / (π (1 - 2u + 2u²))
    (both Esser et al. 2024, section 3.1); they mean to weigh the levels otherwise, and are not corrected.
    importance: bin k of K equal ones of u is drawn in proportion to `importance` (K,), all positive, such as √E[loss²]
    (Nichol & Dhariwal 2021, section 3.3), and 1 / (K p_k) makes the mean what the process's own draws would give.
    Without `importance` (nothing is known yet) the process draws.
    """
    match loss.timestep_sampling:
        case "logit_normal":
            z = torch.randn(size, generator=generator, device=device) * loss.logit_std + loss.logit_mean
            return process.at(z.sigmoid()), None
        case "cosine":
            u = torch.rand(size, generator=generator, device=device)
            return process.at(1.0 - 1.0 / ((math.pi / 2.0 * u).tan() + 1.0)), None
        case "importance" if importance is not None:
            share = (importance / importance.sum()).to(device=device, dtype=torch.float32)
            bins = torch.multinomial(share, size, replacement=True, generator=generator)
            within = torch.rand(size, generator=generator, device=device)
            return process.at((bins + within) / len(share)), 1.0 / (len(share) * share[bins])
        case _:
            return process.draw(size, generator, device), None


def _levels_of(alpha: Tensor, sigma: Tensor, t: Tensor, device: Device) -> Levels:
    """A table from float64."""
    snr = (alpha / sigma) ** 2
    return Levels(alpha.float().to(device), sigma.float().to(device), t.to(device), snr.float().to(device))
