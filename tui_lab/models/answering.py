"""One way to ask any of the networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tui_lab.recipe.schema import Model


def answer(section: Model, model: nn.Module, x: Tensor, t: Tensor, class_labels: Tensor | None = None) -> Tensor:
    """What `model`, built from the recipe's `[model]` section (or a wrapper around it), says of x at t.

    x (B, C, H, W) is what the process hands the model (`NoiseProcess.model_input`), t (B,) what it is told of the noise
    level, on any device: a timestep, σ·T, or EDM's c_noise = ln σ / 4. `class_labels` (B,) int64 go to a conditional
    model, which cannot do without; others ignore them. A model that does not know t is told 0.

    diffusers' fourier embedding takes the logarithm of what it is told, and the UNet then divides its answer by it
    (both meant for σ itself, Song et al. 2021): it is told exp(t) = σ^¼, so that it embeds c_noise, and the division
    is undone.
    """
    if section.class_name == "BasicUNet":
        return model(x)
    t = t.to(x.device, non_blocking=True)
    if not section.timestep_conditioning:
        t = torch.zeros_like(t)
    labels = class_labels if section.num_class_embeds else None
    if section.class_name == "DiTTransformer2DModel":
        labels = torch.zeros(len(x), dtype=torch.int64, device=x.device) if labels is None else labels
        return model(x, t, class_labels=labels, return_dict=False)[0]
    if section.time_embedding_type != "fourier":
        return model(x, t, class_labels=labels, return_dict=False)[0]
    told = t.to(torch.float32).exp()
    divided = model(x, told, class_labels=labels, return_dict=False)[0]
    return divided * told.reshape(-1, *(1,) * (x.dim() - 1))
