"""Fine-tuning starts from weights of a folder, a run or the hub; what does not fit says so on one screen."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file
from torch import nn

from tui_lab import models
from tui_lab.errors import RecipeError, RunError
from tui_lab.models.base import architecture, load_base
from tui_lab.recipe import Recipe, dump_recipe, replaced
from tui_lab.runs.folder import RunFolder

SMALL = {
    "dataset.resolution": 8,
    "model.block_out_channels": (8, 16),
    "model.down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "model.up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "model.norm_num_groups": 4,
}
RECIPE = replaced(Recipe(), SMALL)


def started_from(source: object, **more: Any) -> Recipe:
    return replaced(RECIPE, {"model.base_checkpoint": str(source), **more})


def same(state: dict[str, torch.Tensor], model: nn.Module) -> bool:
    mine = model.state_dict()
    return mine.keys() == state.keys() and all(torch.equal(mine[name], state[name]) for name in mine)


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(3)
    return models.build(RECIPE)


@pytest.fixture
def run(model: nn.Module) -> RunFolder:
    run = RunFolder.create(dump_recipe(RECIPE), "amber-heron")
    for step, files in ((10, ["model"]), (20, ["model", "ema"])):
        run.checkpoint(step).mkdir()
        (run.checkpoint(step) / "state.json").write_text("{}")
        for name in files:
            save_file(
                {n: w + step + (name == "ema") for n, w in model.state_dict().items()},
                run.checkpoint(step) / f"{name}.safetensors",
            )
    return run


class TestWhereItMayStart:
    def test_a_folder_of_a_model(self, tmp_path: Path, model: UNet2DModel) -> None:
        model.save_pretrained(tmp_path)
        assert same(load_base(started_from(tmp_path)), model)

    def test_a_folder_of_a_pipeline(self, tmp_path: Path, model: UNet2DModel) -> None:
        DDPMPipeline(model, DDPMScheduler()).save_pretrained(tmp_path)
        assert same(load_base(started_from(tmp_path)), model)

    @pytest.mark.parametrize(("ending", "moved"), [("", 21), ("@20", 21), ("@10", 10)])
    def test_a_run_by_its_name_and_step(self, run: RunFolder, model: nn.Module, ending: str, moved: int) -> None:
        state = load_base(started_from(f"amber-heron{ending}"))
        assert all(torch.equal(state[name], weight + moved) for name, weight in model.state_dict().items())

    def test_a_run_and_its_checkpoint_by_their_paths(self, run: RunFolder) -> None:
        newest = load_base(started_from("amber-heron"))
        for path in (run.path, run.checkpoint(20), f"{run.path}@20"):
            state = load_base(started_from(path))
            assert all(torch.equal(state[name], newest[name]) for name in newest)

    @pytest.mark.parametrize(
        "knobs",
        [
            {"model.class": "BasicUNet", "model.timestep_conditioning": False},
            {"model.class": "DiTTransformer2DModel", "model.num_layers": 1, "model.num_class_embeds": 5},
        ],
    )
    def test_other_classes_of_network(self, tmp_path: Path, knobs: dict[str, Any]) -> None:
        recipe = replaced(RECIPE, knobs)
        made = models.build(recipe)
        made.save_pretrained(tmp_path)
        assert same(load_base(replaced(recipe, {"model.base_checkpoint": str(tmp_path)})), made)

    def test_a_model_of_the_hub_that_its_cache_holds(
        self, tmp_path: Path, model: UNet2DModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repository = tmp_path / "models--someone--faces"
        DDPMPipeline(model, DDPMScheduler()).save_pretrained(repository / "snapshots" / "abc123")
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("abc123")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        assert same(load_base(started_from("someone/faces")), model)

    def test_weights_in_several_files(self, tmp_path: Path, model: UNet2DModel) -> None:
        model.save_pretrained(tmp_path, max_shard_size="20KB")
        assert len(list(tmp_path.glob("*.safetensors"))) > 1
        assert same(load_base(started_from(tmp_path)), model)

    def test_names_of_weights_from_before_diffusers_0_12(self, tmp_path: Path, model: UNet2DModel) -> None:
        model.save_pretrained(tmp_path)
        path = tmp_path / "diffusion_pytorch_model.safetensors"
        old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
        state = load_file(path)
        for new, before in old.items():
            state = {name.replace(new, before): weight for name, weight in state.items()}
        save_file(state, path)
        assert same(load_base(started_from(tmp_path)), model)


class TestWhatCannotBeStartedFrom:
    def test_another_shape_says_which_keys_differ_in_one_short_line(self, tmp_path: Path) -> None:
        wide = {"model.block_out_channels": (16, 32, 32), "dataset.channels": 1}
        blocks = {"model.down_block_types": ("DownBlock2D",) * 3, "model.up_block_types": ("UpBlock2D",) * 3}
        models.build(replaced(RECIPE, {**wide, **blocks})).save_pretrained(tmp_path)
        with pytest.raises(RecipeError) as caught:
            load_base(started_from(tmp_path))
        message = caught.value.message
        assert "of another shape" in message and "only there" in message and "only here" in message
        assert "conv_in.weight 16×1×3×3 there and 8×3×3×3 here" in message
        assert "down_blocks.2" in message and "down_blocks.1" in message
        assert len(message) < 900 and "\n" not in message

    def test_the_same_shape_with_another_order_of_the_embedding(self, tmp_path: Path) -> None:
        models.build(started_from("x", **{"model.flip_sin_to_cos": False})).save_pretrained(tmp_path)
        with pytest.raises(RecipeError, match=r"model\.flip_sin_to_cos False there and True here"):
            load_base(started_from(tmp_path))

    def test_another_class(self, tmp_path: Path, model: UNet2DModel) -> None:
        model.save_pretrained(tmp_path)
        basic = {"model.class": "BasicUNet", "model.timestep_conditioning": False}
        with pytest.raises(RecipeError, match=r"is a UNet2DModel, and the recipe's model.class BasicUNet"):
            load_base(started_from(tmp_path, **basic))

    def test_a_class_that_the_lab_does_not_train(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"_class_name": "UNet2DConditionModel"}')
        save_file({"a": torch.zeros(1)}, tmp_path / "diffusion_pytorch_model.safetensors")
        with pytest.raises(RecipeError, match="is a UNet2DConditionModel; the lab trains UNet2DModel"):
            load_base(started_from(tmp_path))

    def test_a_pickle_is_refused_with_a_conversion_that_works(self, tmp_path: Path, model: UNet2DModel) -> None:
        model.save_pretrained(tmp_path, safe_serialization=False)
        with pytest.raises(RecipeError, match="is a pickle, which can carry code") as caught:
            load_base(started_from(tmp_path))
        command = shlex.split(caught.value.message.partition("convert it: ")[2])
        subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True)
        assert same(load_base(started_from(tmp_path)), model)

    def test_weights_cut_short(self, tmp_path: Path, model: UNet2DModel) -> None:
        model.save_pretrained(tmp_path)
        path = tmp_path / "diffusion_pytorch_model.safetensors"
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(RecipeError, match="cannot read the weights"):
            load_base(started_from(tmp_path))

    @pytest.mark.parametrize(
        ("source", "error", "says"),
        [
            ("no-such-run", RunError, "no run named no-such-run"),
            ("amber-heron@7", RunError, "no checkpoint at step 7: there are 10, 20"),
            ("a thing", RecipeError, "is no folder, run, run@step or hub id"),
        ],
    )
    def test_a_name_of_nothing(self, run: RunFolder, source: str, error: type[Exception], says: str) -> None:
        with pytest.raises(error, match=says):
            load_base(started_from(source))

    def test_the_hub_out_of_reach_says_the_other_ways(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(RecipeError, match=r"cannot get google/ddpm-none from the hub: .*copy its folder here"):
            load_base(started_from("google/ddpm-none"))


class TestTakingOverAnArchitecture:
    def test_a_recipe_that_takes_it_over_gives_the_same_answers(self, tmp_path: Path) -> None:
        """The settings are those of google/ddpm-cifar10-32, which have no look in the weights' shapes."""
        torch.manual_seed(5)
        theirs = UNet2DModel(
            sample_size=16,
            block_out_channels=(32, 64),
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=None,
            flip_sin_to_cos=False,
            freq_shift=1,
            downsample_padding=0,
            norm_eps=1e-6,
        ).eval()
        DDPMPipeline(theirs, DDPMScheduler(beta_schedule="sigmoid", num_train_timesteps=500)).save_pretrained(tmp_path)

        adopted = replaced(Recipe(), architecture(str(tmp_path)))
        assert adopted.noise_scheduler.beta_schedule == "sigmoid"
        assert adopted.noise_scheduler.num_train_timesteps == 500
        ours = models.build(adopted).eval()
        ours.load_state_dict(load_base(adopted))
        x, t = torch.randn(2, 3, 16, 16), torch.tensor([3, 400])
        assert torch.equal(models.answer(adopted.model, ours, x, t), theirs(x, t).sample)

    def test_what_an_older_config_does_not_say_is_what_diffusers_takes(self, tmp_path: Path) -> None:
        UNet2DModel(
            block_out_channels=(32, 32),
            layers_per_block=2,
            down_block_types=("DownBlock2D",) * 2,
            up_block_types=("UpBlock2D",) * 2,
        ).save_pretrained(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        del config["layers_per_block"], config["add_attention"]
        (tmp_path / "config.json").write_text(json.dumps(config))
        adopted = replaced(RECIPE, architecture(str(tmp_path)))
        assert adopted.model.layers_per_block == 2
        load_base(adopted)

    def test_of_a_run(self, run: RunFolder) -> None:
        adopted = replaced(Recipe(), architecture("amber-heron@10"))
        assert adopted.model.block_out_channels == (8, 16)
        assert adopted.dataset.size == (8, 8)
        load_base(adopted)

    def test_a_sampler_beside_the_model_is_read_as_the_process_that_it_samples(
        self, tmp_path: Path, model: UNet2DModel
    ) -> None:
        DDPMPipeline(model, DDIMScheduler(prediction_type="v_prediction")).save_pretrained(tmp_path)
        taken = architecture(str(tmp_path))
        assert taken["noise_scheduler.class"] == "DDPMScheduler"
        assert taken["noise_scheduler.prediction_type"] == "v_prediction"

    @pytest.mark.parametrize(
        ("setting", "value"), [("downsample_type", "resnet"), ("center_input_sample", True), ("out_channels", 6)]
    )
    def test_a_setting_that_the_lab_cannot_build_is_named(
        self, tmp_path: Path, model: UNet2DModel, setting: str, value: object
    ) -> None:
        model.save_pretrained(tmp_path)
        config = {**json.loads((tmp_path / "config.json").read_text()), setting: value}
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(RecipeError, match=setting if setting != "out_channels" else "answers 6 channels to 3"):
            architecture(str(tmp_path))
