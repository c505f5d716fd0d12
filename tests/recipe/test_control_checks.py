"""Control that a sampler or a picture does not allow gets one line, which forms can show before a model is asked."""

from typing import Any

import pytest

from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.control_checks import check_control
from tui_lab.recipe.denoising import parse_denoising
from tui_lab.recipe.possible import why_not

IMAGE = {"kind": "data", "index": 0}
SIZE = Recipe().dataset.size
PIXELS = SIZE[0] * SIZE[1]


def refusal(scheduler: str = "DDIMScheduler", eta: float = 0.0, **fields: Any) -> str:
    """The line that it gets, "" if it may be drawn; forms show its first half."""
    asked = parse_denoising({"source": "a-run", "knobs": {"scheduler": scheduler, "eta": eta}, **fields})
    try:
        check_control(asked, asked.recipe_of(Recipe()))
    except RecipeError as error:
        assert why_not(asked, Recipe()) == error.message.partition("; ")[0]
        return error.message
    assert why_not(asked, Recipe()) == ""
    return ""


def mask(*runs: int, size: tuple[int, int] = SIZE) -> dict[str, Any]:
    return {"start": {"kind": "noise", "image": IMAGE}, "keep": {"height": size[0], "width": size[1], "runs": runs}}


@pytest.mark.parametrize(("runs", "line"), [((PIXELS,), "keeps no pixel"), ((0, PIXELS), "keeps every pixel")])
def test_a_mask_of_nothing_and_one_of_everything(runs: tuple[int, ...], line: str) -> None:
    assert line in refusal(**mask(*runs))


def test_a_mask_of_another_size() -> None:
    assert "the mask is of 3×2 pixels, and the pictures are of" in refusal(**mask(1, 5, size=(2, 3)))


def test_a_mask_of_some_will_do() -> None:
    assert refusal(**mask(1, PIXELS - 1)) == ""


@pytest.mark.parametrize(
    ("scheduler", "eta", "line"),
    [
        ("DDIMScheduler", 0.5, "set eta to 0"),
        ("DDPMScheduler", 0.0, "DDPM adds noise on its way"),
        ("HeunDiscreteScheduler", 0.0, "Heun asks the model between its levels"),
        ("PNDMScheduler", 0.0, "PNDM asks the model between its levels"),
    ],
)
def test_what_has_no_inversion(scheduler: str, eta: float, line: str) -> None:
    assert line in refusal(scheduler, eta, start={"kind": "inversion", "image": IMAGE})


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"])
def test_what_has_one(scheduler: str) -> None:
    assert refusal(scheduler, start={"kind": "inversion", "image": IMAGE}) == ""


def test_a_sampler_that_cannot_begin_on_the_way_begins_at_noise_all_the_same() -> None:
    start = {"kind": "image", "image": IMAGE}
    assert "PNDM can only begin at noise" in refusal("PNDMScheduler", start={**start, "strength": 0.5})
    assert refusal("PNDMScheduler", start={**start, "strength": 1.0}) == ""


@pytest.mark.parametrize("to", ["cat", -1, 2**31])
def test_a_row_of_seeds_ends_at_a_seed(to: Any) -> None:
    assert "between.to is a seed, 0 to 2147483647" in refusal(between={"kind": "seeds", "to": to})


def test_a_row_is_no_variation() -> None:
    assert "take one of the two" in refusal(between={"kind": "seeds", "to": 1}, variation={"seed": 0, "place": 0})
