"""A text-to-image pipeline draws what diffusers' own draws, from its folder, by the prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tui_lab.data.drawable import drawable
from tui_lab.diffusion.sampling import initial_noise
from tui_lab.engine.drawing import begin_drawing
from tui_lab.errors import LabError, RecipeError
from tui_lab.models.export import Pipeline, load_pipeline
from tui_lab.models.sampler_model import SamplerModel
from tui_lab.models.text_to_image import TextToImage
from tui_lab.recipe.denoising import Denoising, parse_denoising
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.workbench.denoising import denoise
from tui_lab.workbench.wire import Message

transformers = pytest.importorskip("transformers")

WORDS = ("a", "face", "hat", "with")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights at random: 8×8 latents, pictures of 16×16, prompts of eight tokens."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("text") / "tiny"
    letters = sorted({letter for word in WORDS for letter in word})
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    files = made.parent / "tokenizer"
    files.mkdir()
    (files / "vocab.json").write_text(json.dumps({token: place for place, token in enumerate(vocabulary)}))
    (files / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer.from_pretrained(files, model_max_length=8)
    text_encoder = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=8,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
    )
    scheduler = DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False)
    StableDiffusionPipeline(
        vae, text_encoder, tokenizer, unet, scheduler, None, None, requires_safety_checker=False
    ).save_pretrained(made, safe_serialization=True)
    return made


def asked_of(folder: Path, **fields: object) -> Denoising:
    knobs = {"scheduler": "DDIMScheduler", "num_inference_steps": 4, "seed": 3, "guidance_scale": 3.0}
    return parse_denoising({"source": str(folder), "knobs": knobs, "prompt": "a face with a hat", **fields})


def drawn(loaded: Pipeline, asked: Denoising) -> list[torch.Tensor]:
    """The panes x_t of all steps."""
    assert isinstance(loaded.model, TextToImage)
    loaded.model.heed(asked.prompt, asked.negative_prompt)
    model = SamplerModel(loaded.recipe.model, loaded.model, "no")
    device = torch.device("cpu")
    drawing = begin_drawing(asked, loaded.recipe, None, loaded.scheduler_config, model, device)
    return [step.x_t for step in loaded.model.seen(drawing.steps)]


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_picture_is_the_one_that_diffusers_draws(folder: Path, scale: float) -> None:
    from diffusers import StableDiffusionPipeline

    theirs = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, requires_safety_checker=False)
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        "a face with a hat",
        negative_prompt="hat",
        num_inference_steps=4,
        guidance_scale=scale,
        latents=initial_noise((1, 4, 8, 8), 3),
        output_type="pt",
    ).images

    asked = asked_of(folder, negative_prompt="hat").turned(guidance_scale=scale, timestep_spacing="leading")
    steps = drawn(load_pipeline(folder), asked)

    assert [tuple(step.shape) for step in steps] == [(1, 3, 16, 16)] * 4
    assert torch.allclose((steps[-1] / 2 + 0.5).clamp(0, 1), expected, atol=1e-5)


def test_prompts_matter_and_guidance_of_one_asks_once(folder: Path) -> None:
    loaded = load_pipeline(folder)
    sizes: list[int] = []
    loaded.model.denoiser.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    plain = drawn(loaded, asked_of(folder).turned(guidance_scale=1.0))
    assert sizes == [1, 1, 1, 1]
    guided = drawn(loaded, asked_of(folder))
    assert sizes[4:] == [2, 2, 2, 2]
    other = drawn(loaded, asked_of(folder, prompt="hat"))
    assert not torch.equal(plain[-1], guided[-1]) and not torch.equal(guided[-1], other[-1])


def test_latents_are_seen_through_the_map_that_is_nearest_to_the_vae(folder: Path) -> None:
    model = load_pipeline(folder).model
    latents = torch.randn(8, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    truth, mapped = model.decoded(latents), model._mapped(latents, offset=1.0)
    flat = truth.mean((0, 2, 3), keepdim=True).expand_as(truth)
    assert mapped.shape == truth.shape
    assert (mapped - truth).square().mean() < (flat - truth).square().mean()


def test_what_stands_in_the_folder_is_told_without_torch(folder: Path) -> None:
    recipe = source_recipe(str(folder))
    assert (recipe.dataset.channels, recipe.dataset.size) == (4, (8, 8))
    assert recipe.sampling.guidance_scale == 7.5


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"class_labels": [0]}, "by its prompts"),
        ({"pull": {"kind": "symmetry"}}, "by its prompts"),
        ({"between": {"kind": "classes", "to": 1}}, "knows no classes"),
    ],
)
def test_control_of_pictures_is_refused(folder: Path, fields: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        drawable(asked_of(folder, **fields), source_recipe(str(folder)))


def test_a_model_without_texts_takes_no_prompt(tmp_path: Path) -> None:
    from tui_lab.recipe import Recipe

    with pytest.raises(RecipeError, match="prompt: "):
        drawable(Denoising(source=str(tmp_path), prompt="a face"), Recipe())


@pytest.mark.parametrize("part", ["tokenizer", "text_encoder", "unet", "vae"])
def test_a_missing_part_is_named(folder: Path, tmp_path: Path, part: str) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / part)
    with pytest.raises(LabError, match=part):
        load_pipeline(copy)


def test_weights_that_could_carry_code_are_not_read(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "vae" / "diffusion_pytorch_model.safetensors").rename(copy / "vae" / "diffusion_pytorch_model.bin")
    with pytest.raises(LabError, match=r"cannot load .*vae"):
        load_pipeline(copy)


def test_the_workbench_draws_by_the_prompts_and_all_again_from_what_it_tells(folder: Path) -> None:
    def told(asked: Denoising) -> list[Message]:
        return list(denoise({"denoising": asked.to_json(), "panes": ["x_t", "x0"], "device": "cpu"}))

    first, *_, last, result = told(asked_of(folder, negative_prompt="hat"))
    resolved = parse_denoising(first.header["denoising"])
    assert (resolved.prompt, resolved.negative_prompt) == ("a face with a hat", "hat")
    assert last.header["shape"] == [2, 1, 16, 16, 3] and result.header["kind"] == "result"
    assert told(resolved)[-2].blob == last.blob
    assert told(resolved.changed(prompt="a hat"))[-2].blob != last.blob


def test_texts_that_the_unet_cannot_listen_to_are_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    from diffusers import UNet2DConditionModel

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = dict(UNet2DConditionModel.load_config(copy / "unet"))
    UNet2DConditionModel.from_config({**config, "cross_attention_dim": 24}).save_pretrained(copy / "unet")
    with pytest.raises(LabError, match="listens to texts 24 wide, and its text_encoder's are 16"):
        load_pipeline(copy)
