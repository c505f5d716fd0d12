"""A knob parses what a person types, prints what it would parse, and nudges to round values inside its bounds."""

import pytest

from tui_lab.errors import RecipeError
from tui_lab.recipe import KNOBS, Recipe, edited, flat
from tui_lab.recipe.knobs import format_number


def test_every_knob_has_words_and_a_default_it_can_read_back() -> None:
    for key, value in flat(Recipe()).items():
        knob = KNOBS[key]
        assert knob.title and knob.help.endswith((".", ")")), key
        assert knob.parse(knob.format(value)) == value, key


@pytest.mark.parametrize(
    ("value", "text"), [(64.0, "64"), (1e-4, "1e-4"), (3.5e-5, "3.5e-5"), (0.02, "0.02"), (0, "0")]
)
def test_numbers_are_written_as_a_person_would(value: float, text: str) -> None:
    assert format_number(value) == text
    assert float(text) == value


def test_the_learning_rate_is_nudged_by_a_ratio() -> None:
    knob = KNOBS["optimizer.learning_rate"]
    assert knob.nudge(1e-3, +1) == 1.3e-3
    assert knob.nudge(1.3e-3, -1) == 1e-3
    assert knob.nudge(1e-3, -1) == 8e-4
    assert knob.nudge(0.0, +1) == 1e-6
    assert knob.nudge(1.0, +1) == 1.0


def test_a_decay_is_nudged_by_its_distance_to_one() -> None:
    knob = KNOBS["ema.decay"]
    assert knob.nudge(0.995, +1) == 0.996
    assert knob.nudge(0.999999, +1) == 0.999999


def test_a_batch_size_doubles_and_halves() -> None:
    knob = KNOBS["training.train_batch_size"]
    assert (knob.nudge(64, +1), knob.nudge(64, -1), knob.nudge(1, -1)) == (128, 32, 1)


def test_choices_go_round_and_switches_flip() -> None:
    schedule = KNOBS["noise_scheduler.beta_schedule"]
    value = "linear"
    for _ in schedule.choices:
        value = schedule.nudge(value, +1)
    assert value == "linear"
    assert KNOBS["dataset.random_flip"].nudge(False, +1) is True


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("optimizer.learning_rate", "fast", "takes a number (0 to 1)"),
        ("training.train_batch_size", "1.5", "takes a whole number"),
        ("ema.enabled", "maybe", "takes true or false"),
        ("sampling.scheduler", "DDIMSheduler", "did you mean DDIMScheduler?"),
        ("model.block_out_channels", "32, big", "takes a whole number"),
    ],
)
def test_what_cannot_be_read_is_named(key: str, text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        KNOBS[key].parse(text)
    assert key in caught.value.message
    assert says in caught.value.message


def test_nudging_any_knob_many_times_stays_valid() -> None:
    recipe = Recipe()
    for knob in KNOBS.values():
        if knob.can_nudge:
            for direction in (+1, -1):
                value = flat(recipe)[knob.key]
                for _ in range(40):
                    value = knob.nudge(value, direction)
                    edited(recipe, {knob.key: value})
