import pytest

from tui_lab.recipe import Recipe, edited
from tui_lab.tui.model_words import change_lines, cost_lines, seconds_words, si


def test_changes_are_told_knob_by_knob_and_only_where_something_changes() -> None:
    recipe = Recipe()
    words = change_lines(recipe, {"model.layers_per_block": 2, "model.dropout": recipe.model.dropout}).plain
    assert words == "layers a block\n  1 → 2"
    assert "already" in change_lines(recipe, {"model.dropout": recipe.model.dropout}).plain


def test_what_is_not_known_yet_is_said() -> None:
    words = cost_lines(Recipe(), None, None, "The workbench counts …").plain
    assert "fresh weights" in words and "The workbench counts" in words
    started = edited(Recipe(), {"model.base_checkpoint": "amber-heron@500"})
    assert "amber-heron@500" in cost_lines(started, None, None, "").plain


@pytest.mark.parametrize(("number", "words"), [(950, "950 FLOP"), (4.1e9, "4.1 GFLOP"), (2.5e15, "2.5 PFLOP")])
def test_large_numbers_have_a_prefix(number: float, words: str) -> None:
    assert si(number, "FLOP") == words


@pytest.mark.parametrize(("seconds", "words"), [(0.0123, "12 ms"), (0.314, "0.31 s"), (12.3, "12 s")])
def test_times_have_two_digits(seconds: float, words: str) -> None:
    assert seconds_words(seconds) == words
