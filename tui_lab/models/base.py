"""Where fine-tuning starts: weights of a run, a diffusers folder or the hub, for `model.base_checkpoint`.

Only safetensors are read: a pickle can carry code.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tui_lab.errors import RecipeError
from tui_lab.models.adopting import architecture_of_config, architecture_of_recipe
from tui_lab.models.building import build
from tui_lab.models.checkpoints import find_weights, run_and_step
from tui_lab.models.hub import fetch_model
from tui_lab.recipe import Recipe, get, irrelevant, load_recipe
from tui_lab.runs.exports import INDEX, MODEL, RECIPE, holds_components
from tui_lab.runs.folder import ID, RunFolder
from tui_lab.sanitize import clean

_WEIGHTS = "diffusion_pytorch_model.safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_DEPRECATED_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names in checkpoints from before diffusers 0.12, such as google's."""

_NOT_OF_THE_WEIGHTS = ("model.base_checkpoint", "model.dropout", "model.timestep_conditioning")
_SHOWN = 4
"""Groups of keys that are named in a message, of each kind."""


@dataclass(frozen=True, slots=True)
class Base:
    """Weights and the knobs that they were made with; `files` are parts of one state dict."""

    files: tuple[Path, ...]
    knobs: Mapping[str, Any]


def load_base(recipe: Recipe) -> dict[str, Tensor]:
    """The state dict that `model.base_checkpoint` names, on the CPU, fit to load into `build(recipe)`.

    Raises RecipeError where it is not to be had, is no safetensors, or was made for another architecture: the message
    says in one line which keys or knobs differ.
    """
    source = recipe.model.base_checkpoint
    base = find(source)
    state = _read(base.files)
    if (there := base.knobs["model.class"]) != recipe.model.class_name:
        raise RecipeError(
            f"{clean(source, 80)} is a {there}, and the recipe's model.class {recipe.model.class_name}: take over its "
            "architecture, or other weights"
        )
    _check_shapes(recipe, source, state)
    _check_knobs(recipe, source, base.knobs)
    return state


def architecture(source: str) -> dict[str, Any]:
    """{knob: value} that make a recipe fit the weights of `source`: [model], the images' shape, and the noise process
    where it is told. Raises RecipeError where they cannot be had, or need what the lab has no knob for."""
    return {**find(source).knobs, "model.base_checkpoint": source}


def find(source: str) -> Base:
    """Weights by a folder of diffusers' (a pipeline or a model), a run, run@step, a checkpoint's folder, a hub id."""
    path = Path(source).expanduser()
    if path.is_file():
        return _of_file(path)
    if holds_components(path):
        return Base(_weights_in(path / MODEL), architecture_of_recipe(load_recipe(path / RECIPE)))
    if path.is_dir() and (path / RECIPE).is_file():
        return _of_run(RunFolder.open(path.absolute()), None)
    if path.is_dir() and (path / "state.json").is_file():
        return _of_run(RunFolder.open(path.absolute().parent.parent), int(path.name.removeprefix("step-")))
    if path.is_dir():
        return _of_folder(path)
    name, step = run_and_step(source)
    if ID.fullmatch(name) or (step is not None and Path(name).is_dir()):
        return _of_run(RunFolder.open(name), step)
    if _HUB_ID.fullmatch(source):
        return _of_folder(fetch_model(source))
    raise RecipeError(
        f"model.base_checkpoint {clean(source, 80)!r} is no folder, run, run@step or hub id (owner/name): name one"
    )


def weights_of_folder(folder: Path) -> dict[str, Tensor]:
    """The state dict in a network's folder of diffusers'. Raises RecipeError."""
    return _read(_weights_in(folder))


def _of_run(run: RunFolder, step: int | None) -> Base:
    found = find_weights(run, step)
    return Base((found.path,), architecture_of_recipe(found.recipe))


def _of_file(path: Path) -> Base:
    if path.suffix in _PICKLES:
        raise _pickled(path)
    raise RecipeError(f"model.base_checkpoint {path} is a file: name the folder that has its config.json beside it")


def _of_folder(folder: Path) -> Base:
    """A pipeline's folder, or one of its network's."""
    process: dict[str, Any] = {}
    if (folder / INDEX).is_file():
        index = _json(folder / INDEX)
        network = next((name for name in ("unet", "transformer", "model") if name in index), None)
        if network is None:
            raise RecipeError(f"{folder} is a pipeline without a network that the lab can train")
        scheduler = folder / "scheduler" / "scheduler_config.json"
        process = _json(scheduler) if scheduler.is_file() else {}
        folder = folder / network
    if not (folder / "config.json").is_file():
        raise RecipeError(f"{folder} has no config.json: it is no model or pipeline of diffusers'")
    return Base(_weights_in(folder), architecture_of_config(_json(folder / "config.json"), process, str(folder)))


def _weights_in(folder: Path) -> tuple[Path, ...]:
    index = folder / f"{_WEIGHTS}.index.json"
    if (folder / _WEIGHTS).is_file():
        return (folder / _WEIGHTS,)
    if index.is_file():
        names = sorted(set(_json(index).get("weight_map", {}).values()))
        return tuple(folder / Path(str(name)).name for name in names)
    found = sorted(folder.glob("*.safetensors"))
    if len(found) == 1:
        return (found[0],)
    pickled = sorted(path for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickled:
        raise _pickled(pickled[0])
    raise RecipeError(f"{folder} holds no {_WEIGHTS}")


def _pickled(path: Path) -> RecipeError:
    return RecipeError(
        f"{path} is a pickle, which can carry code, and is not read; where you trust it, convert it: "
        f'python -c "import torch, safetensors.torch as s; '
        f"s.save_file(torch.load('{path.name}', weights_only=True), '{_WEIGHTS}')\""
    )


def _read(files: tuple[Path, ...]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for path in files:
        try:
            state |= load_file(path)
        except (OSError, SafetensorError) as error:
            raise RecipeError(f"cannot read the weights in {path}: {clean(str(error), 160)}") from error
    return {_present_name(name): tensor for name, tensor in state.items()}


def _present_name(name: str) -> str:
    parts = name.split(".")
    if "attentions" not in parts or len(parts) < 2 or parts[-2] not in _DEPRECATED_ATTENTION:
        return name
    return ".".join([*parts[:-2], _DEPRECATED_ATTENTION[parts[-2]], parts[-1]])


def _check_shapes(recipe: Recipe, source: str, state: Mapping[str, Tensor]) -> None:
    with torch.device("meta"):
        here = {name: tuple(tensor.shape) for name, tensor in build(recipe).state_dict().items()}
    there = {name: tuple(tensor.shape) for name, tensor in state.items()}
    other = [name for name in here if name in there and here[name] != there[name]]
    example = f", such as {other[0]} {_times(there[other[0]])} there and {_times(here[other[0]])} here" if other else ""
    kinds = (
        ("of another shape", other, example),
        ("only there", [name for name in there if name not in here], ""),
        ("only here", [name for name in here if name not in there], ""),
    )
    differences = [f"{len(keys)} {kind} ({_grouped(keys)}{more})" for kind, keys, more in kinds if keys]
    if differences:
        raise RecipeError(
            f"the weights of {clean(source, 80)} do not fit the recipe's [model]: {'; '.join(differences)}; take over "
            "their architecture, or other weights"
        )


def _check_knobs(recipe: Recipe, source: str, knobs: Mapping[str, Any]) -> None:
    """What changes no shape and yet the answer, such as the order of the timestep's embedding."""
    aside = {*_NOT_OF_THE_WEIGHTS, *irrelevant(recipe)}
    told = {key: value for key, value in knobs.items() if key.startswith("model.") and key not in aside}
    if differing := [key for key, value in told.items() if get(recipe, key) != value]:
        named = ", ".join(f"{key} {told[key]} there and {get(recipe, key)} here" for key in differing[:_SHOWN])
        raise RecipeError(
            f"the weights of {clean(source, 80)} were made with another [model]: {named}; take over their architecture"
        )


def _grouped(keys: list[str]) -> str:
    """ "down_blocks.3 44, mid_block.attentions 12, 3 more groups": names by their first two parts."""
    groups = Counter(".".join(clean(key, 120).split(".")[:2]) for key in keys).most_common()
    named = [f"{group} {count}" if count > 1 else group for group, count in groups[:_SHOWN]]
    more = [f"{len(groups) - _SHOWN} more groups"] if len(groups) > _SHOWN else []
    return ", ".join(named + more)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"cannot read {path}: {clean(str(error), 120)}") from error
    if not isinstance(value, dict):
        raise RecipeError(f"{path} holds no JSON object")
    return value
