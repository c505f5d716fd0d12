from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Lab


def test_recipes_are_listed_with_ones_own_among_them(lab: Lab, lab_home: Path) -> None:
    own = lab_home / "recipes"
    own.mkdir()
    (own / "mine.toml").write_text('[recipe]\ndescription = "warm \\u001b[31mred"\n')
    listed = {recipe["name"]: recipe for recipe in lab("recipes", "--json").json}
    assert listed["mine"]["own"] and not listed["pixel-faces-16"]["own"]
    table = lab("recipes").out
    assert "yours" in table and "\x1b" not in table


def test_knobs_say_which_of_them_are_live(lab: Lab) -> None:
    knobs = {knob["key"]: knob for knob in lab("recipes", "--knobs", "--json").json}
    assert knobs["optimizer.learning_rate"]["live"] and not knobs["noise_scheduler.beta_schedule"]["live"]
    lines = lab("recipes", "--knobs").out.splitlines()
    assert any(line.startswith("●  optimizer.learning_rate ") for line in lines)


def test_the_schedule_for_scripts(lab: Lab) -> None:
    found = lab("schedule", "pixel-faces-16", "--json").json
    betas, alphas, snr = (np.array(found[name]) for name in ("betas", "alphas_cumprod", "snr"))
    assert found["timesteps"] == list(range(1000))
    assert np.allclose(np.cumprod(1 - betas), alphas) and np.allclose(alphas / (1 - alphas), snr)


def test_the_schedule_of_a_changed_knob_and_its_remarks(lab: Lab) -> None:
    changes = ("--set", "noise_scheduler.num_train_timesteps=100", "--set", "noise_scheduler.beta_schedule=linear")
    outcome = lab("schedule", "pixel-faces-16", *changes)
    assert outcome.code == 0 and "linear, T = 100" in outcome.out and "! ends at √ᾱ" in outcome.out


def test_a_zero_of_snr_is_still_json(lab: Lab) -> None:
    zero = ("--set", "noise_scheduler.rescale_betas_zero_snr=true")
    found = lab("schedule", "pixel-faces-16", *zero, "--json").json
    assert found["snr"][-1] == 0 and found["alphas_cumprod"][-1] == 0 and found["log_snr"][-1] is None


def test_a_schedule_says_where_its_loss_and_its_sampler_are(lab: Lab) -> None:
    found = lab("schedule", "pixel-faces-16", "--json").json
    alpha, sigma = np.array(found["alpha"]), np.array(found["sigma"])
    assert np.allclose(alpha**2, found["alphas_cumprod"]) and np.allclose(alpha**2 + sigma**2, 1)
    assert np.allclose(np.log(found["snr"]), found["log_snr"]) and sum(found["loss_share"]) == pytest.approx(1)
    visits = found["visits"]
    assert visits["timesteps"][:3] == visits["index"][:3] == [999, 949, 899]
    assert np.allclose(np.array(visits["sigma"][1]), sigma[949] / alpha[949], rtol=1e-4)
    assert {"level", "text", "key"} == set(found["remarks"][0])
    text = lab("schedule", "pixel-faces-16").out
    assert "DPMSolverMultistepScheduler calls the model 20 times, at t = 999 949 899" in text


@pytest.mark.parametrize(
    ("recipe", "words", "told"),
    [
        ("pixel-faces-16-edm", "EDM, σ 0.002 to 80, T = 1000, predicts edm", np.log(80) / 4),
        ("pixel-faces-16-flow", "flow matching, shift 1, T = 1000, predicts flow", 1000),
        ("u1-toy-basic", "uniform mixing, T = 1000, predicts sample", 999),
    ],
)
def test_processes_without_betas_have_levels_all_the_same(lab: Lab, recipe: str, words: str, told: float) -> None:
    assert words in lab("schedule", recipe).out
    found = lab("schedule", recipe, "--json").json
    assert found["betas"] is None and found["alphas_cumprod"] is None
    assert len(found["sigma"]) == len(found["alpha"]) == len(found["snr"]) == 1000
    assert found["told"][-1] == pytest.approx(told)
    assert found["log_snr"][-1] is None if found["snr"][-1] == 0 else found["log_snr"][-1] < 0


def test_custom_betas_are_checked_in_one_line(lab: Lab) -> None:
    for betas, words in [("[0.1, nan]", "trained_betas"), ("[0.1, 2.0]", "β 2 at t = 1"), ("[0.1]", "lists 1 β")]:
        custom = ("--set", "noise_scheduler.num_train_timesteps=2", "--set", f"noise_scheduler.trained_betas={betas}")
        outcome = lab("schedule", "pixel-faces-16", *custom)
        assert outcome.code == 2 and words in outcome.error and len(outcome.error.strip().splitlines()) == 1
    for count in (0, 10**7):
        outcome = lab("schedule", "pixel-faces-16", "--set", f"noise_scheduler.num_train_timesteps={count}")
        assert outcome.code == 2 and "noise_scheduler.num_train_timesteps" in outcome.error


def test_a_schedule_of_nothing_is_bad_input(lab: Lab) -> None:
    outcome = lab("schedule", "pixel-face-16")
    assert outcome.code == 2 and "did you mean pixel-faces-16?" in outcome.error
