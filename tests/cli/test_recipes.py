from pathlib import Path

import numpy as np

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
    assert found["snr"][-1] == 0 and found["alphas_cumprod"][-1] == 0


def test_a_schedule_of_nothing_is_bad_input(lab: Lab) -> None:
    outcome = lab("schedule", "pixel-face-16")
    assert outcome.code == 2 and "did you mean pixel-faces-16?" in outcome.error
