"""Every sampler on x₀ ~ N(μ, Σ), whose best denoiser is known in closed form: what is listed brings that back."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.diffusion.gaussian import COVARIANCE, MEAN, GaussianModel, recipe_of
from tui_lab.catalog.samplers import DDPM, EDM, FLOW, MIXING, SAMPLERS, SamplerInfo, fits, fitting_sampler, misfits
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.sampling import denoise, initial_noise
from tui_lab.recipe import Recipe
from tui_lab.recipe.schema import NoiseScheduler, Sampling

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PREDICTION_TYPES = ("epsilon", "sample", "v_prediction")


def white(count: int) -> Tensor:
    """Noise (count, 4, 1, 1) whose own mean is 0 and whose own covariance is the identity: less is left to chance."""
    noise = torch.randn(count, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = noise - noise.mean(0)
    factor = torch.linalg.cholesky(noise.T @ noise / count)
    return (noise @ torch.linalg.inv(factor).T).float().reshape(count, 4, 1, 1)


X_T = white(1024)


@dataclass(frozen=True)
class Choice:
    """A sampler, what it samples, and how it is spaced; `id` names it in the test's report."""

    sampler: str
    process: str
    objective: str
    spacing: str = "auto"
    sigmas: str = "auto"

    @property
    def id(self) -> str:
        return "-".join((self.sampler, self.objective, self.spacing, self.sigmas))

    def recipe(self, **noise: Any) -> Recipe:
        of_ddpm = {"prediction_type": self.objective} if self.process == DDPM else {}
        knobs = {"class": self.process, "num_train_timesteps": 1000, **of_ddpm, **noise}
        return recipe_of(
            {
                "sampling.scheduler": self.sampler,
                "sampling.timestep_spacing": self.spacing,
                "sampling.sigma_schedule": self.sigmas,
                **{f"noise_scheduler.{key}": value for key, value in knobs.items()},
            }
        )


def choices(over: tuple[str, ...] = (DDPM, FLOW, EDM)) -> Iterator[Choice]:
    """Everything that is offered: every objective spaced as the sampler likes it, every spacing on the last of them."""
    for name, info in SAMPLERS.items():
        for process, can in info.over.items():
            if process not in over:
                continue
            for objective in can.objectives:
                yield Choice(name, process, objective)
            for spacing in can.spacings:
                yield Choice(name, process, can.objectives[-1], spacing=spacing)
            for sigmas in can.sigma_schedules:
                yield Choice(name, process, can.objectives[-1], sigmas=sigmas)


def errors(recipe: Recipe, steps: int) -> tuple[float, float]:
    """How far the samples' mean is off, and by what share their covariance."""
    generator = torch.Generator().manual_seed(1)
    *_, last = denoise(GaussianModel(recipe.noise_scheduler), build_sampler(recipe), steps, X_T, generator)
    samples = last.x_t.double().flatten(1)
    off = (torch.cov(samples.T) - COVARIANCE).norm() / COVARIANCE.norm()
    return float((samples.mean(0) - MEAN).abs().max()), float(off)


def enough_steps(choice: Choice) -> int:
    return 200 if SAMPLERS[choice.sampler].stochastic or choice.sigmas == "beta" else 100


@pytest.mark.parametrize("choice", list(choices()), ids=lambda choice: choice.id)
def test_what_is_listed_brings_the_gaussian_back(choice: Choice) -> None:
    off_mean, off_covariance = errors(choice.recipe(), enough_steps(choice))
    assert off_mean < (0.03 if SAMPLERS[choice.sampler].stochastic else 0.005)  # the mean of 1024 draws is off by 0.01
    # Beta sigmas leave the middle to few steps; ancestral samplers are of first order, and their noise a sample's.
    assert off_covariance < (0.3 if choice.sigmas == "beta" else 0.15)


@pytest.mark.parametrize("choice", list(choices()), ids=lambda choice: choice.id)
def test_where_all_data_is_one_picture_few_steps_end_at_it_and_leave_no_noise(choice: Choice) -> None:
    recipe = choice.recipe()
    one_picture = GaussianModel(recipe.noise_scheduler, torch.zeros(4, 4, dtype=torch.float64))
    *_, last = denoise(one_picture, build_sampler(recipe), 10, X_T[:64], torch.Generator().manual_seed(1))
    # Those that end at the first timestep, not at none, leave its noise, 0.01.
    assert (last.x_t.flatten(1) - MEAN).abs().max().item() < 0.05


@pytest.mark.parametrize("choice", list(choices()), ids=lambda choice: choice.id)
def test_the_model_is_told_the_scheduler_s_timestep_before_it_was_rounded(choice: Choice) -> None:
    sampler, told = build_sampler(choice.recipe()), []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        told.append(float(t[0]))
        return torch.zeros_like(x)

    list(denoise(predict, sampler, 12, X_T[:2], torch.Generator().manual_seed(1)))
    assert told == pytest.approx([float(t) for t in sampler.timesteps], abs=1.0 if choice.process != EDM else 1e-5)


UNSPACED = [choice for choice in choices((DDPM,)) if choice.spacing == choice.sigmas == "auto"]


@pytest.mark.parametrize(
    "choice", [choice for choice in UNSPACED if choice.objective != "epsilon"], ids=lambda choice: choice.id
)
def test_and_where_the_signal_ends_at_exactly_zero(choice: Choice) -> None:
    off_mean, off_covariance = errors(choice.recipe(rescale_betas_zero_snr=True), enough_steps(choice))
    assert off_mean < (0.03 if SAMPLERS[choice.sampler].stochastic else 0.005)
    assert off_covariance < 0.15


@pytest.mark.parametrize("name", ["DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "LMSDiscreteScheduler"])
@pytest.mark.parametrize("beta_schedule", ["squaredcos_cap_v2", "sigmoid"])
def test_and_over_other_schedules(name: str, beta_schedule: str) -> None:
    off_mean, off_covariance = errors(Choice(name, DDPM, "v_prediction").recipe(beta_schedule=beta_schedule), 100)
    assert off_mean < 0.02
    assert off_covariance < 0.1


@pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if FLOW in info.over])
def test_and_along_a_shifted_flow(name: str) -> None:
    off_mean, off_covariance = errors(Choice(name, FLOW, "flow").recipe(shift=3.0), 100)
    assert off_mean < 0.03
    assert off_covariance < 0.1


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"])
def test_a_first_order_solver_s_error_halves_with_twice_the_steps(name: str) -> None:
    info = SAMPLERS[name]
    process, can = next(iter(info.over.items()))
    recipe = Choice(name, process, can.objectives[-1]).recipe()
    few, twice = errors(recipe, 50)[1], errors(recipe, 100)[1]
    assert few / twice == pytest.approx(2.0, rel=0.25)


@pytest.mark.parametrize(
    ("name", "prediction_type"),
    [(name, kind) for name, info in SAMPLERS.items() if DDPM in info.over for kind in PREDICTION_TYPES
     if kind not in info.over[DDPM].objectives],
)  # fmt: skip
def test_an_objective_that_is_not_listed_diffusers_refuses_too(name: str, prediction_type: str) -> None:
    listed = build_sampler(Choice(name, DDPM, "v_prediction").recipe())
    scheduler = type(listed).from_config({**listed.config, "prediction_type": prediction_type})
    with pytest.raises((NotImplementedError, ValueError)):
        list(denoise(lambda x, t: x, scheduler, 5, X_T[:2]))


class TestFits:
    def test_a_misfit_is_told_what_can(self) -> None:
        recipe = Choice("DPMSolverMultistepScheduler", DDPM, "sample").recipe()
        reason = fits("EulerAncestralDiscreteScheduler", recipe)
        assert reason is not None
        assert reason.startswith("Euler ancestral cannot sample a model that predicts sample; ")
        assert "DPM-Solver++" in reason
        assert fits("DPMSolverMultistepScheduler", recipe) is None

    @pytest.mark.parametrize(
        ("sampler", "process", "says"),
        [
            ("DDPMScheduler", FLOW, "DDPM does not sample flow matching; DPM-Solver++, "),
            ("FlowMatchEulerDiscreteScheduler", EDM, "flow Euler does not sample EDM; EDM Euler, EDM DPM-Solver++ can"),
            ("EDMEulerScheduler", MIXING, "does not sample the course's uniform mixing; course's mixing can"),
            ("UniformMixingSampler", DDPM, "course's mixing does not sample discrete diffusion"),
        ],
    )
    def test_a_process_of_another_kind(self, sampler: str, process: str, says: str) -> None:
        noise = NoiseScheduler.model_validate({"class": process})
        reason = fits(sampler, Recipe.model_construct(noise_scheduler=noise))
        assert reason is not None
        assert says in reason

    def spaced(self, sampler: str, **sampling: Any) -> str | None:
        return fits(sampler, Recipe.model_construct(sampling=Sampling(scheduler=sampler, **sampling)))

    def test_a_spacing_or_sigmas_that_it_does_not_know(self) -> None:
        assert self.spaced("DDIMScheduler", sigma_schedule="karras") == (
            "DDIM knows no sigma_schedule karras; set sampling.sigma_schedule to auto"
        )
        assert self.spaced("KDPM2DiscreteScheduler", sigma_schedule="beta") == (
            "DPM2 knows no sigma_schedule beta; set sampling.sigma_schedule to auto, karras or exponential"
        )
        assert self.spaced("PNDMScheduler", timestep_spacing="linspace") == (
            "PNDM knows no timestep_spacing linspace; set sampling.timestep_spacing to auto, leading or trailing"
        )

    @pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if DDPM in info.over])
    def test_epsilon_does_not_fit_zero_terminal_snr_whatever_the_sampler(self, name: str) -> None:
        noise = NoiseScheduler(rescale_betas_zero_snr=True)
        reason = fits(name, Recipe.model_construct(noise_scheduler=noise))
        assert reason is not None
        assert "v_prediction" in reason

    def test_an_unknown_sampler_is_told_what_there_is(self) -> None:
        reason = fits("MadeUpScheduler", Recipe())
        assert reason is not None
        assert reason.startswith("there is no sampler 'MadeUpScheduler'; choose one of DDPMScheduler")

    def test_one_that_is_left_out_says_why(self) -> None:
        reason = fits("LCMScheduler", Recipe())
        assert reason is not None
        assert reason.startswith("LCM is for models distilled to consistency")

    def test_all_that_cannot_sample_a_model_are_listed_each_with_why(self) -> None:
        """Those that are not offered at all among them: a list of choices shows them greyed."""
        flow = Recipe.model_construct(noise_scheduler=NoiseScheduler.model_validate({"class": FLOW}))
        reasons = misfits(flow)
        assert set(SAMPLERS) - set(reasons) == {name for name, info in SAMPLERS.items() if FLOW in info.over}
        assert reasons["DDIMScheduler"] == "DDIM does not sample flow matching"
        assert reasons["LCMScheduler"] == "LCM is for models distilled to consistency"
        assert reasons["TCDScheduler"] == "TCD is for models distilled to consistency"
        of_x0 = Choice("DPMSolverMultistepScheduler", DDPM, "sample").recipe()
        assert misfits(of_x0)["PNDMScheduler"] == "PNDM cannot sample a model that predicts sample"
        assert "DDIMScheduler" not in misfits(of_x0)

    def test_what_does_not_fit_is_replaced_by_what_does(self) -> None:
        flow = NoiseScheduler.model_validate({"class": FLOW})
        ddim = Sampling(scheduler="DDIMScheduler")
        assert fitting_sampler(Recipe.model_construct(noise_scheduler=flow, sampling=ddim)) == (
            "DPMSolverMultistepScheduler"
        )
        edm = NoiseScheduler.model_validate({"class": EDM})
        assert fitting_sampler(Recipe.model_construct(noise_scheduler=edm)) == "EDMDPMSolverMultistepScheduler"
        mixing = NoiseScheduler.model_validate({"class": MIXING})
        assert fitting_sampler(Recipe.model_construct(noise_scheduler=mixing)) == "UniformMixingSampler"
        assert fitting_sampler(Recipe()) is None


class TestNumbersOfSteps:
    """What is refused is what goes wrong, and what is let through does not."""

    @pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if info.below_timesteps])
    def test_a_timestep_for_every_step_and_one_more(self, name: str) -> None:
        recipe = Choice(name, DDPM, "v_prediction").recipe(num_train_timesteps=30, beta_end=0.4)
        all_of_them = recipe.model_copy(
            update={"sampling": recipe.sampling.model_copy(update={"num_inference_steps": 30})}
        )
        reason = fits(name, all_of_them)
        assert reason is not None
        assert "at most 29 steps of 30 timesteps" in reason
        *_, last = denoise(GaussianModel(recipe.noise_scheduler), build_sampler(recipe), 29, X_T[:64])
        assert last.x_t.isfinite().all()

    @pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if info.least_steps > 1])
    def test_the_least(self, name: str) -> None:
        process, can = next(iter(SAMPLERS[name].over.items()))
        recipe = Choice(name, process, can.objectives[-1]).recipe()
        least = SAMPLERS[name].least_steps
        fewer = recipe.sampling.model_copy(update={"num_inference_steps": least - 1})
        reason = fits(name, recipe.model_copy(update={"sampling": fewer}))
        assert reason is not None
        assert f"at least {least} steps" in reason
        *_, last = denoise(GaussianModel(recipe.noise_scheduler), build_sampler(recipe), least, X_T[:64])
        assert last.x_t.isfinite().all()

    @pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if info.timesteps_a_step])
    def test_a_cosine_schedule_s_end_is_too_steep_for_few(self, name: str) -> None:
        cosine = Choice(name, DDPM, "v_prediction").recipe(beta_schedule="squaredcos_cap_v2")
        for steps, sound in ((9, False), (12, False), (13, True)):
            recipe = cosine.model_copy(
                update={"sampling": cosine.sampling.model_copy(update={"num_inference_steps": steps})}
            )
            reason = fits(name, recipe)
            assert (reason is None) == sound
            assert reason is None or "in fewer than 13 steps; raise sampling.num_inference_steps" in reason
        sampler = build_sampler(cosine)
        sampler.set_timesteps(9)
        assert not sampler.timesteps.isfinite().all()  # what is refused
        sampler.set_timesteps(13)
        assert sampler.timesteps.isfinite().all()

    @pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if info.even_stride])
    def test_an_even_stride_that_does_not_come_out(self, name: str) -> None:
        trailing = Choice(name, DDPM, "v_prediction", spacing="trailing").recipe()
        assert errors(trailing, 300)[1] > 0.25  # as diffusers has it: 3 timesteps at a time, where calls are 3⅓ apart
        assert errors(trailing, 250)[1] < 0.1
        for steps, mend in ((300, 250), (501, 500), (250, None), (37, None)):
            sampling = trailing.sampling.model_copy(update={"num_inference_steps": steps})
            reason = fits(name, trailing.model_copy(update={"sampling": sampling}))
            assert (reason is None) == (mend is None)
            assert reason is None or f"set num_inference_steps to {mend}" in reason


@pytest.mark.parametrize("info", SAMPLERS.values(), ids=list(SAMPLERS))
def test_facts_that_diffusers_can_confirm(info: SamplerInfo) -> None:
    process, can = next(iter(info.over.items()))
    scheduler = build_sampler(Choice(info.name, process, can.objectives[-1]).recipe())
    assert ("eta" in inspect.signature(scheduler.step).parameters) == info.uses_eta
    assert bool(scheduler.config.get("clip_sample", False)) == info.clips
    scheduler.set_timesteps(40)
    assert round(len(scheduler.timesteps) / 40) == info.calls_per_step


@pytest.mark.parametrize("info", SAMPLERS.values(), ids=list(SAMPLERS))
def test_stochastic_samplers_and_no_others_depend_on_the_generator(info: SamplerInfo) -> None:
    process, can = next(iter(info.over.items()))
    recipe = Choice(info.name, process, can.objectives[-1]).recipe()
    x_T = initial_noise((2, 3, 4, 4), seed=0)

    def last(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        *_, step = denoise(lambda x, _t: -x, build_sampler(recipe), 5, x_T, generator)
        return step.x_t

    assert torch.equal(last(1), last(2)) is not info.stochastic
