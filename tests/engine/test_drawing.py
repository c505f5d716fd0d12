"""From a `Denoising` to the pictures that it asks for: each kind of control, over a model that is a formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.engine.tiny import tiny_recipe
from tui_lab.data.masks import mask_array
from tui_lab.data.reference import file_reference, read_fitted
from tui_lab.diffusion.forward import to_uint8
from tui_lab.diffusion.noise_schedulers import training_scheduler
from tui_lab.diffusion.sampling import DenoisingStep
from tui_lab.engine.drawing import Drawing, begin_drawing
from tui_lab.errors import DataError, LossFileError, RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Mask, parse_denoising

CLASSES = {"model.num_class_embeds": 5, "loss.class_dropout": 0.1}
DDIM = {"scheduler": "DDIMScheduler", "num_inference_steps": 5, "num_images": 4}


class Formula:
    """Answers tanh x + label / 10 for v, and remembers which labels it was asked about."""

    def __init__(self) -> None:
        self.asked: list[list[int] | None] = []

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        self.asked.append(None if labels is None else labels.tolist())
        return x.tanh() if labels is None else x.tanh() + labels.reshape(-1, 1, 1, 1) / 10


def begun(asked: dict[str, Any], recipe: Recipe | None = None, model: Formula | None = None, **knobs: Any) -> Drawing:
    recipe = recipe or tiny_recipe()
    whole = parse_denoising({"source": "a-run", "knobs": {**DDIM, **knobs}, **asked})
    config = training_scheduler(recipe.noise_scheduler).config
    return begin_drawing(whole, recipe, 7, config, model or Formula(), torch.device("cpu"))


def drawn(asked: dict[str, Any], recipe: Recipe | None = None, **knobs: Any) -> list[DenoisingStep]:
    return list(begun(asked, recipe, **knobs).steps)


def sample(asked: dict[str, Any], recipe: Recipe | None = None, **knobs: Any) -> Tensor:
    return drawn(asked, recipe, **knobs)[-1].x_t


@pytest.fixture
def picture(tmp_path: Path) -> dict[str, Any]:
    """A reference to a file of another size, and grey."""
    Image.fromarray(np.arange(20 * 30, dtype=np.uint32).reshape(20, 30).astype(np.uint8)).save(tmp_path / "grey.png")
    return file_reference(tmp_path / "grey.png", tiny_recipe().dataset).model_dump()


def fitted(picture: dict[str, Any]) -> Tensor:
    """uint8 (C, H, W), as the data room brings it to the recipe's size."""
    return torch.from_numpy(read_fitted(Path(picture["path"]), tiny_recipe().dataset).pixels.copy()).permute(2, 0, 1)


class TestFromAnImage:
    def test_strength_0_is_that_image_brought_to_size_in_every_place(self, picture: dict[str, Any]) -> None:
        (step,) = drawn({"start": {"kind": "image", "image": picture, "strength": 0.0}})
        assert torch.equal(to_uint8(step.x_t), fitted(picture).expand(4, 3, 8, 8))

    def test_strength_1_is_the_plain_drawing(self, picture: dict[str, Any]) -> None:
        plain = sample({})
        assert torch.equal(sample({"start": {"kind": "image", "image": picture, "strength": 1.0}}), plain)
        assert not torch.equal(sample({"start": {"kind": "image", "image": picture, "strength": 0.8}}), plain)

    def test_an_image_of_the_dataset_is_meant_by_its_index(self) -> None:
        def of(index: int) -> Tensor:
            image = {"kind": "data", "index": index}
            return sample({"start": {"kind": "image", "image": image, "strength": 0.0}}, num_images=1)

        assert not torch.equal(of(0), of(1))
        with pytest.raises(DataError, match="there is no picture 1000000 in "):
            of(10**6)

    def test_what_a_mask_keeps_is_the_image_and_the_rest_is_drawn(self, picture: dict[str, Any]) -> None:
        mask = Mask(height=8, width=8, runs=(20, 44))
        made = to_uint8(sample({"start": {"kind": "noise", "image": picture}, "keep": mask.model_dump()}))
        kept = torch.from_numpy(mask_array(mask))
        assert torch.equal(made[..., kept], fitted(picture)[..., kept].expand(4, 3, 44))
        assert len({bytes(one[..., ~kept].numpy().tobytes()) for one in made}) == 4

    def test_an_inversion_goes_there_and_back_and_tells_its_error(self, picture: dict[str, Any]) -> None:
        steps = drawn({"start": {"kind": "inversion", "image": picture}}, num_inference_steps=40)
        assert [step.index for step in steps] == list(range(80))
        assert [step.final for step in steps].count(True) == 1
        assert steps[-1].rmse is not None and steps[-1].rmse < 0.1
        assert torch.allclose(steps[-1].x_t[0], steps[-1].x_t[3], atol=1e-5)

    def test_what_cannot_be_is_refused_before_the_model_is_asked(self, picture: dict[str, Any]) -> None:
        with pytest.raises(RecipeError, match="has no inversion"):
            begun({"start": {"kind": "inversion", "image": picture}}, scheduler="DDPMScheduler")
        with pytest.raises(RecipeError, match="between: a row is no variation"):
            row, variation = {"kind": "seeds", "to": 1}, {"seed": 0, "place": 0}
            begun({"between": row, "variation": variation})
        with pytest.raises(RecipeError, match=r"between\.to is a seed"):
            begun({"between": {"kind": "seeds", "to": "cat"}})


class TestSteppingAside:
    @pytest.mark.parametrize("scheduler", ["DDIMScheduler", "DDPMScheduler"])
    def test_a_variation_of_0_is_the_very_sample_of_its_class(self, scheduler: str) -> None:
        recipe = tiny_recipe(CLASSES)
        original = sample({}, recipe, scheduler=scheduler, seed=3)[2]
        asked = {"variation": {"seed": 3, "place": 2, "amount": 0.0}}
        same = sample(asked, recipe, scheduler=scheduler, seed=9)
        assert torch.allclose(same, original.expand(same.shape), atol=1e-6)
        aside = sample({"variation": {**asked["variation"], "amount": 0.3}}, recipe, scheduler=scheduler, seed=9)
        far = (aside - original).flatten(1).norm(dim=1)
        assert (far > 0.1).all() and far.unique().numel() == 4

    def test_a_row_of_seeds_goes_from_the_one_s_first_picture_to_the_other_s(self) -> None:
        made = sample({"between": {"kind": "seeds", "to": 8}}, seed=2)
        first, last = (sample({}, seed=seed)[0] for seed in (2, 8))
        assert torch.allclose(made[0], first, atol=1e-6) and torch.allclose(made[-1], last, atol=1e-6)
        assert not torch.allclose(made[1], first, atol=1e-2)

    def test_a_row_of_classes_keeps_the_noise_and_turns_one_class_into_the_other(self) -> None:
        recipe, model = tiny_recipe(CLASSES), Formula()
        drawing = begun({"class_labels": (1,), "between": {"kind": "classes", "to": 3}}, recipe, model)
        *_, last = drawing.steps
        of_1, of_3 = (sample({"class_labels": (label,)}, recipe)[0] for label in (1, 3))
        assert torch.allclose(last.x_t[0], of_1, atol=1e-6) and torch.allclose(last.x_t[-1], of_3, atol=1e-6)
        assert model.asked[:2] == [[1] * 4, [3] * 4]


class TestClasses:
    def test_a_negative_class_is_kept_away_from_in_the_place_of_none(self) -> None:
        recipe, model = tiny_recipe(CLASSES), Formula()
        asked = {"class_labels": (0, 1), "negative_class": "2"}
        list(begun(asked, recipe, model, guidance_scale=2.0).steps)
        assert model.asked == [[0, 1, 0, 1, 2, 2, 2, 2]] * 5

    def test_guidance_acts_within_its_interval_alone(self) -> None:
        recipe, model = tiny_recipe(CLASSES), Formula()
        list(begun({}, recipe, model, guidance_scale=2.0, guidance_from=0.5).steps)
        assert [len(labels or ()) for labels in model.asked] == [8, 8, 4, 4, 4]  # at t = 80, 60, 40, 20, 0 of 100

    def test_a_class_that_is_not_there(self) -> None:
        with pytest.raises(RecipeError, match="there is no class 9: the model knows 0 to 3"):
            begun({"negative_class": 9}, tiny_recipe(CLASSES))
        with pytest.raises(RecipeError, match="unconditional"):
            begun({"between": {"kind": "classes", "to": 1}})


class TestPulling:
    def test_a_loss_moves_the_pictures_and_shows_by_how_much(self) -> None:
        plain = sample({})
        steps = drawn({"pull": {"kind": "brightness", "level": 1.0, "scale": 200.0}})
        assert (steps[-1].x_t.mean(dim=(1, 2, 3)) > plain.mean(dim=(1, 2, 3)) + 0.03).all()
        assert all(step.pull is not None and step.pull.abs().max() == 1.0 for step in steps)
        assert steps[-1].panes(("pull",)).std() > 0

    def test_classes_are_pulled_with_the_answer_about_them(self) -> None:
        recipe = tiny_recipe(CLASSES)
        asked = {"pull": {"kind": "colour"}, "between": {"kind": "classes", "to": 2}}
        made = sample(asked, recipe, guidance_scale=2.0)
        assert made.isfinite().all() and not torch.equal(made, sample({"between": asked["between"]}, recipe))

    def test_likeness_is_to_the_image_that_is_meant(self, picture: dict[str, Any]) -> None:
        wanted = fitted(picture).float() / 127.5 - 1.0
        far = [
            (sample({"pull": {"kind": "likeness", "image": picture, "scale": scale}}) - wanted).square().mean()
            for scale in (0.0, 20.0)
        ]
        assert far[1] < far[0]

    def test_nothing_pulls_at_what_a_mask_keeps(self, picture: dict[str, Any]) -> None:
        keep = Mask(height=8, width=8, runs=(20, 44))
        asked = {"start": {"kind": "noise", "image": picture}, "keep": keep.model_dump(), "pull": {"kind": "symmetry"}}
        kept = torch.from_numpy(mask_array(keep))
        assert torch.equal(to_uint8(sample(asked))[..., kept], fitted(picture)[..., kept].expand(4, 3, 44))

    def test_a_file_of_one_s_own_is_resolved_to_what_it_was(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine.py"
        mine.write_text("def loss(x0):\n    return x0.mean()\n")
        resolved = begun({"pull": {"kind": "file", "path": str(mine)}}).resolved
        assert resolved.pull is not None
        mine.write_text("def loss(x0):\n    return -x0.mean()\n")
        with pytest.raises(LossFileError, match=r"^mine\.py is another file than it was: choose it again$"):
            next(begun(resolved.to_json()).steps)
        with pytest.raises(LossFileError, match="No such file"):
            begun({"pull": {"kind": "file", "path": str(tmp_path / "none.py")}})
