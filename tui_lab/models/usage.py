"""The README beside an export: what it is, and a program of a few lines that draws from it."""

from __future__ import annotations

from typing import Any

from tui_lab.recipe import Recipe
from tui_lab.recipe.classes import null_label, real_classes

_ITS_OWN = {
    "BasicUNet": "from tui_lab.models.basic_unet import BasicUNet",
    "UniformMixingSampler": "from tui_lab.diffusion.uniform_mixing import UniformMixingSampler",
}
"""Classes that are not diffusers': diffusion-lab has to be installed for them."""


def readme(recipe: Recipe, sampler: Any) -> str:
    """Markdown for a folder that holds `model`, `scheduler` (`sampler`, as saved) and the recipe."""
    name, noise = recipe.recipe.name or "a diffusion model", recipe.noise_scheduler
    return f"""# {name}

A {recipe.model.class_name} over {noise.class_name}, trained to predict {noise.objective} by diffusion-lab;
`recipe.toml` says how. `model` and `scheduler` are components of diffusers'. In this folder,

```python
{program(recipe, sampler)}```

draws `images`, float32 (N, C, H, W) from 0 to 1; so does `diffusion-lab sample` of this folder.
"""


def program(recipe: Recipe, sampler: Any) -> str:
    """Python that loads the components from the folder that it runs in, and leaves `images`."""
    model, scheduler = recipe.model, type(sampler).__name__
    height, width = recipe.dataset.size
    diffusers = sorted({model.class_name, scheduler} - _ITS_OWN.keys())
    imports = [f"from diffusers import {', '.join(diffusers)}"] if diffusers else []
    imports += [line for name, line in _ITS_OWN.items() if name in (model.class_name, scheduler)]
    classes, null = real_classes(recipe), null_label(recipe)
    count = classes or 4
    shape = f"count, {recipe.dataset.channels}, {height}, {width}, generator=noise"
    start = f"torch.randn({shape})"
    if scheduler == "UniformMixingSampler":
        start = f"torch.rand({shape}) * 2 - 1"
    elif hasattr(sampler, "init_noise_sigma"):
        start += " * scheduler.init_noise_sigma"
    lines = [
        "import torch",
        *imports,
        "",
        f'model = {model.class_name}.from_pretrained("model").eval()',
        f'scheduler = {scheduler}.from_pretrained("scheduler")',
        f"scheduler.set_timesteps({recipe.sampling.num_inference_steps})",
        f"count = {count}",
        *(["labels = torch.arange(count)  # one picture of each class"] if classes else []),
        *([f"guidance, nothing = 2.0, torch.full_like(labels, {null})"] if null is not None else []),
        "noise = torch.Generator().manual_seed(0)",
        f"x = {start}",
        "with torch.no_grad():",
        "    for t in scheduler.timesteps:",
        f"        seen = {'scheduler.scale_model_input(x, t)' if hasattr(sampler, 'scale_model_input') else 'x'}",
    ]
    lines += [f"        {line}" for line in _asking(recipe, null)]
    lines += [
        "        x = scheduler.step(said, t, x, return_dict=False)[0]",
        "images = (x / 2 + 0.5).clamp(0, 1)",
    ]
    return "\n".join(lines) + "\n"


def _asking(recipe: Recipe, null: int | None) -> list[str]:
    """The lines that make `said` of `seen` and `t`."""
    model = recipe.model
    if model.class_name == "BasicUNet":
        return ["said = model(seen)  # it is told no timestep"]
    lines = ["told = t.expand(count)" if model.timestep_conditioning else "told = torch.zeros(count)"]
    if model.time_embedding_type == "fourier" and model.class_name == "UNet2DModel":
        lines[-1] += ".exp()  # diffusers' fourier embedding takes the logarithm, and the answer is divided by it"
        undone = " * told.reshape(-1, 1, 1, 1)"
    else:
        undone = ""
    if model.num_class_embeds:
        labels = ", class_labels=labels"
    elif model.class_name == "DiTTransformer2DModel":
        labels = ", class_labels=torch.zeros(count, dtype=torch.long)"
    else:
        labels = ""
    lines.append(f"said = model(seen, told{labels}).sample{undone}")
    if null is not None:
        lines.append(f"without = model(seen, told, class_labels=nothing).sample{undone}")
        lines.append("said = without + guidance * (said - without)")
    return lines
