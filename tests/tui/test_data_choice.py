"""What a choice of data does to a recipe's knobs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe, edited, problems
from tui_lab.tui.data_choice import REMEMBERED, DataChoice, fitting_size, native_size, shortened, with_recent
from tui_lab.tui.memory import Memory

DEFAULT = Recipe()


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        ("ylecun/mnist", DataChoice(name="ylecun/mnist")),
        ("a/b, big", DataChoice(name="a/b", config="big")),
        ("a/b, split=test, revision=v2", DataChoice(name="a/b", split="test", revision="v2")),
        ("a/b, big, streaming", DataChoice(name="a/b", config="big", streaming=True)),
        ("https://huggingface.co/datasets/a/b/viewer?row=1", DataChoice(name="a/b")),
    ],
)
def test_a_hub_name_is_typed_with_what_load_dataset_takes(typed: str, choice: DataChoice) -> None:
    assert DataChoice.parse_hub(typed) == choice


@pytest.mark.parametrize("typed", ["mnist", "a/b/c", "a b/c", "a/b, x, y", "a/b, colour=red", "\x1b[31m/x"])
def test_what_is_no_hub_name_is_refused_in_one_safe_line(typed: str) -> None:
    with pytest.raises(RecipeError) as caught:
        DataChoice.parse_hub(typed)
    assert "\x1b" not in caught.value.message and "\n" not in caught.value.message


def test_a_known_set_comes_at_its_native_shape() -> None:
    changes = DataChoice.known("fashion-mnist").changes(DEFAULT)
    assert changes["dataset.name"] == "fashion-mnist"
    assert (changes["dataset.resolution"], changes["dataset.width"], changes["dataset.channels"]) == (28, 0, 1)


def test_what_only_the_set_before_meant_is_cleared() -> None:
    before = edited(DEFAULT, {"dataset.classes": ("hat",), "dataset.label": "mood", "dataset.config": "big"})
    after = edited(before, DataChoice.known("digits").changes(before))
    assert (after.dataset.classes, after.dataset.label, after.dataset.config) == ((), "", "")


@pytest.mark.parametrize(
    ("blocks", "native", "size"),
    [
        (3, (28, 28), (28, 0)),
        (4, (28, 28), (32, 0)),
        (3, (30, 30), (32, 0)),
        (3, (12, 20), (12, 20)),
        (4, (12, 20), (16, 24)),
    ],
)
def test_a_size_that_the_model_cannot_halve_gives_way_to_the_next_one(
    blocks: int, native: tuple[int, int], size: tuple[int, int]
) -> None:
    recipe = edited(
        DEFAULT,
        {
            "model.block_out_channels": (32,) * blocks,
            "model.down_block_types": ("DownBlock2D",) * blocks,
            "model.up_block_types": ("UpBlock2D",) * blocks,
        },
    )
    changes = fitting_size(recipe, *native)
    assert tuple(changes.values()) == size
    assert problems(edited(recipe, changes)) == []


def test_a_square_model_gets_square_pictures() -> None:
    recipe = edited(DEFAULT, {"model.class": "DiTTransformer2DModel"})
    assert tuple(fitting_size(recipe, 12, 20).values()) == (12, 0)


def test_only_small_pictures_of_one_size_are_taken_as_they_are() -> None:
    assert native_size([(28, 28), (28, 28)]) == (28, 28)
    assert native_size([(28, 28), (28, 30)]) is None
    assert native_size([(480, 640)]) is None
    assert native_size([(2, 2)]) is None


def test_the_same_data_is_remembered_once_in_its_latest_shape() -> None:
    first, second = DataChoice(path="/a", resolution=16), DataChoice(path="/b")
    recent = with_recent(with_recent([first], second), DataChoice(path="/a", resolution=32))
    assert [(choice.path, choice.resolution) for choice in recent] == [("/a", 32), ("/b", 0)]
    many = [DataChoice(path=f"/{number}") for number in range(20)]
    assert len(with_recent(many, first)) == REMEMBERED


def test_recent_choices_outlast_the_evening_and_damage_is_no_error(lab_home: Path) -> None:
    choice = DataChoice(name="a/b", config="c", streaming=True)
    Memory(recent_data=[choice.remembered()]).save()
    assert [DataChoice.stored(values) for values in Memory.load().recent_data] == [choice]
    for damaged in (None, 3, {}, {"name": 5}, {"path": ["x"]}):
        assert DataChoice.stored(damaged) is None
    (lab_home / "lab.json").write_text(json.dumps({"recent_data": "no list"}))
    assert Memory.load().recent_data == []


def test_a_title_is_safe_and_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert shortened(tmp_path / "photos") == "~/photos"
    assert DataChoice(path=str(tmp_path / "a\x1b[31m")).title == "~/a�[31m"
    assert DataChoice(name="a/b", config="c", split="test", streaming=True).title == "a/b · c · test · streaming"
