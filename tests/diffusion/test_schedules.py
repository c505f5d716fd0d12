from __future__ import annotations

import numpy as np
import pytest
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from tui_lab.diffusion import schedules
from tui_lab.recipe import NoiseScheduler, Recipe, replaced

BETA_SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace")
COSINE = NoiseScheduler(beta_schedule="squaredcos_cap_v2")
LINEAR = NoiseScheduler()
ZERO_SNR = NoiseScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")


@pytest.mark.parametrize("beta_schedule", BETA_SCHEDULES)
@pytest.mark.parametrize("num_train_timesteps", [300, 1000])
@pytest.mark.parametrize("rescale", [False, True])
def test_the_same_betas_as_diffusers(beta_schedule: str, num_train_timesteps: int, rescale: bool) -> None:
    noise = NoiseScheduler(
        beta_schedule=beta_schedule,
        num_train_timesteps=num_train_timesteps,
        beta_start=2e-4,
        beta_end=0.03,
        rescale_betas_zero_snr=rescale,
    )
    theirs = DDPMScheduler(
        num_train_timesteps=num_train_timesteps,
        beta_schedule=beta_schedule,
        beta_start=2e-4,
        beta_end=0.03,
        rescale_betas_zero_snr=rescale,
    )
    # Rescaling divides float32 differences, which diffusers' own betas then show; their product, ᾱ, is sound.
    tolerance = 1e-4 if rescale else 1e-6
    np.testing.assert_allclose(schedules.betas(noise), theirs.betas.numpy(), atol=tolerance, rtol=0)
    np.testing.assert_allclose(schedules.alphas_cumprod(noise), theirs.alphas_cumprod.numpy(), atol=1e-6, rtol=0)
    assert schedules.betas(noise).dtype == np.float64


def test_signal_and_noise_share_one_variance() -> None:
    signal, noise = schedules.sqrt_alphas_cumprod(LINEAR), schedules.sqrt_one_minus_alphas_cumprod(LINEAR)
    np.testing.assert_allclose(signal**2 + noise**2, 1)
    np.testing.assert_allclose(schedules.snr(LINEAR), (signal / noise) ** 2)
    np.testing.assert_allclose(schedules.log_snr(LINEAR), 2 * np.log(signal / noise))


@pytest.mark.parametrize("beta_schedule", BETA_SCHEDULES)
def test_the_picture_only_ever_fades(beta_schedule: str) -> None:
    assert (np.diff(schedules.sqrt_alphas_cumprod(NoiseScheduler(beta_schedule=beta_schedule))) < 0).all()


def test_zero_terminal_snr_is_exactly_zero_and_starts_where_it_did() -> None:
    assert schedules.alphas_cumprod(ZERO_SNR)[-1] == 0
    assert schedules.log_snr(ZERO_SNR)[-1] == -np.inf
    assert schedules.alphas_cumprod(ZERO_SNR)[0] == pytest.approx(schedules.alphas_cumprod(LINEAR)[0])


@pytest.mark.parametrize(
    ("noise", "terminal"),
    [(LINEAR, 0.0064), (COSINE, 5e-5), (NoiseScheduler(beta_start=1e-3, beta_end=4e-3), 0.286)],
)
def test_where_the_courses_schedules_end(noise: NoiseScheduler, terminal: float) -> None:
    assert schedules.sqrt_alphas_cumprod(noise)[-1] == pytest.approx(terminal, rel=0.03)


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="no-such"):
        schedules.betas(NoiseScheduler.model_construct(beta_schedule="no-such", **_range(LINEAR)))


def _range(noise: NoiseScheduler) -> dict[str, object]:
    return {key: getattr(noise, key) for key in ("num_train_timesteps", "beta_start", "beta_end")}


def test_noise_for_the_strip_has_the_schedules_mean_and_variance() -> None:
    alpha_bar = schedules.alphas_cumprod(LINEAR)
    grey = np.full((64, 64, 3), 204, dtype=np.uint8)  # 0.6 in [-1, 1]
    timesteps = [0, 300, 999]
    x_t = schedules.add_noise(grey, timesteps, LINEAR, seed=7)
    assert x_t.shape == (3, 64, 64, 3)
    for x, t in zip(x_t, timesteps, strict=True):
        assert x.mean() == pytest.approx(0.6 * np.sqrt(alpha_bar[t]), abs=0.03)
        assert x.std() == pytest.approx(np.sqrt(1 - alpha_bar[t]), rel=0.03)


def test_the_strip_is_one_picture_in_one_noise() -> None:
    alpha_bar = schedules.alphas_cumprod(LINEAR)
    face = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    strip = schedules.add_noise(face, schedules.spread_timesteps(1000, 8), LINEAR, seed=3)
    np.testing.assert_array_equal(strip, schedules.add_noise(face, schedules.spread_timesteps(1000, 8), LINEAR, seed=3))
    clean = face / 127.5 - 1
    at = alpha_bar[schedules.spread_timesteps(1000, 8)].reshape(-1, 1, 1, 1)
    noise = (strip - np.sqrt(at) * clean) / np.sqrt(1 - at)
    np.testing.assert_allclose(noise, np.broadcast_to(noise[0], noise.shape), atol=1e-9)
    assert (schedules.add_noise(face, [999], LINEAR, seed=4) != strip[-1]).any()


def test_timesteps_of_the_strip_include_both_ends() -> None:
    assert schedules.spread_timesteps(1000, 8).tolist() == [0, 143, 285, 428, 571, 714, 856, 999]


def test_pixels_come_back_and_overshoot_is_clipped() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(schedules.to_uint8(pixels / 127.5 - 1), pixels)
    assert schedules.to_uint8(np.array([-3.0, 3.0])).tolist() == [0, 255]


def lint(**changes: object) -> list[schedules.Remark]:
    base = {"sampling.scheduler": "DPMSolverMultistepScheduler", "sampling.num_inference_steps": 20}
    keys = {"scheduler": "sampling", "num_inference_steps": "sampling"}
    edits = {f"{keys.get(key, 'noise_scheduler')}.{key}": value for key, value in changes.items()}
    return schedules.lint(replaced(Recipe(), {**base, **edits}))


def test_a_sound_recipe_is_told_where_its_schedule_ends() -> None:
    (remark,) = lint(prediction_type="v_prediction", beta_schedule="squaredcos_cap_v2")
    assert (remark.level, remark.text) == ("ok", "ends in pure noise: √ᾱ = 0.00005")


def test_the_cosine_trap_is_named_with_its_mend() -> None:
    (remark,) = lint(prediction_type="epsilon", beta_schedule="squaredcos_cap_v2")
    assert remark.level == "warn"
    assert "√ᾱ = 0.00005" in remark.text
    assert "saturated noise" in remark.text
    assert "v_prediction" in remark.text


def test_a_sampler_that_clips_is_not_said_to_saturate() -> None:
    remarks = lint(beta_schedule="squaredcos_cap_v2", scheduler="DDPMScheduler", num_inference_steps=1000)
    assert [remark.level for remark in remarks] == ["warn"]
    assert "saturated" not in remarks[0].text


def test_too_little_noise_is_named_with_a_beta_end_that_mends_it() -> None:
    (remark,) = lint(beta_start=1e-3, beta_end=4e-3)
    assert remark.level == "warn"
    assert "√ᾱ = 0.286" in remark.text
    beta_end = float(remark.text.partition("raise beta_end to ")[2].partition(",")[0])
    mended = NoiseScheduler(beta_start=1e-3, beta_end=beta_end)
    assert schedules.sqrt_alphas_cumprod(mended)[-1] == pytest.approx(0.01, rel=0.1)
    assert [r.level for r in lint(beta_start=1e-3, beta_end=beta_end)] == ["ok"]


def test_where_no_beta_end_helps_another_knob_is_named() -> None:
    assert "num_train_timesteps" in lint(num_train_timesteps=2, num_inference_steps=2)[0].text
    assert "rescale_betas_zero_snr" in lint(beta_schedule="laplace")[0].text


def test_few_steps_are_told_what_else_to_take() -> None:
    remarks = lint(scheduler="DDPMScheduler", num_inference_steps=20)
    assert [remark.level for remark in remarks] == ["warn", "ok"]
    assert "200 or more" in remarks[0].text
    assert "DPM-Solver++" in remarks[0].text


def test_what_cannot_work_comes_first() -> None:
    """Recipes like these are refused when they are read; the linter also sees knobs that are still being edited."""
    noise = NoiseScheduler(prediction_type="sample", num_train_timesteps=10)
    sampling = Recipe().sampling.model_copy(
        update={"scheduler": "EulerAncestralDiscreteScheduler", "num_inference_steps": 20}
    )
    remarks = schedules.lint(Recipe.model_construct(noise_scheduler=noise, sampling=sampling))
    assert [remark.level for remark in remarks] == ["error", "error", "warn"]
    assert "predicts sample" in remarks[0].text

    noise = NoiseScheduler(prediction_type="epsilon", rescale_betas_zero_snr=True)
    remarks = schedules.lint(Recipe.model_construct(noise_scheduler=noise, sampling=Recipe().sampling))
    (error,) = (remark for remark in remarks if remark.level == "error")
    assert "where √ᾱ = 0; set prediction_type to v_prediction or sample" in error.text
