"""Pipelines that denoise the latents of an autoencoder: seen through a linear map on the way, decoded in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vq_model import VQModel
from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel
from diffusers.models.unets.unet_2d import UNet2DModel
from safetensors import SafetensorError
from torch import Tensor, nn

from tui_lab.diffusion.sampling import DenoisingStep
from tui_lab.errors import LabError


class LatentModel(nn.Module):
    """What answers about latents, and the autoencoder (`vae`, of either kind) that they are of."""

    def __init__(self, denoiser: Any, vae: AutoencoderKL | VQModel) -> None:
        super().__init__()
        self.denoiser, self.vae = denoiser, vae
        self._map: Tensor | None = None

    def forward(self, x: Tensor, t: Tensor, class_labels: Tensor | None, return_dict: bool = False) -> tuple[Tensor]:
        """Of latents x (B, C, h, w) at t (B,); of a model that predicts its variance too, the answer alone."""
        labels = {} if class_labels is None else {"class_labels": class_labels}
        said = self.denoiser(x, t, return_dict=return_dict, **labels)[0]
        return (said[:, : x.shape[1]],)

    def seen(self, steps: Iterator[DenoisingStep]) -> Iterator[DenoisingStep]:
        """Steps over latents as steps over RGB pictures of the autoencoder's size: the last one decoded, those before
        mapped, each latent a square. x₀ on the way is that of latents clipped to [-1, 1]."""
        for step in steps:
            eps, change = (self._mapped(latents, offset=0.0) for latents in (step.eps, step.change))
            if step.final:
                x_t = x0 = self.decoded(step.x_t)
            else:
                x_t, x0 = (self._mapped(latents, offset=1.0) for latents in (step.x_t, step.x0))
            yield replace(step, x_t=x_t, x0=x0, eps=eps, change=change)

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """(B, C, h, w) → pictures (B, 3, H, W), one after the other: to decode takes far more memory than a call."""
        raw = latents / self.vae.config.scaling_factor + (getattr(self.vae.config, "shift_factor", None) or 0.0)
        return torch.cat([self.vae.decode(each[None], return_dict=False)[0] for each in raw]).to(torch.float32)

    @property
    def _enlargement(self) -> int:
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @torch.inference_mode()
    def _mapped(self, latents: Tensor, offset: float) -> Tensor:
        if self._map is None:
            self._map = self._fitted_map(latents.device)
        matrix, shift = self._map[:, :-1], self._map[:, -1]
        rgb = torch.einsum("rc,bchw->brhw", matrix, latents) + offset * shift.reshape(-1, 1, 1)
        return rgb.repeat_interleave(self._enlargement, 2).repeat_interleave(self._enlargement, 3)

    def _fitted_map(self, device: torch.device) -> Tensor:
        """(3, C + 1): what this autoencoder makes of one latent alone, by least squares over random latents, and the
        offset."""
        channels = int(self.denoiser.config.in_channels)
        generator = torch.Generator().manual_seed(0)
        latents = torch.randn(32, channels, 4, 4, generator=generator).to(device)
        pictures = nn.functional.avg_pool2d(self.decoded(latents), self._enlargement)
        known = torch.cat([latents, torch.ones_like(latents[:, :1])], 1).movedim(1, -1).reshape(-1, channels + 1)
        wanted = pictures.movedim(1, -1).reshape(-1, 3)
        # On the CPU: least squares there takes rank-deficient systems too.
        return torch.linalg.lstsq(known.cpu(), wanted.cpu(), driver="gelsd").solution.T.to(device)


def load_latents(folder: Path) -> LatentModel:
    """A DiT that knows classes, or an unconditional UNet, with its autoencoder. LabError names what is missing."""
    if (folder / "transformer").is_dir():
        parts = load_parts(folder, {"transformer": DiTTransformer2DModel, "vae": AutoencoderKL})
    else:
        parts = load_parts(folder, {"unet": UNet2DModel, "vqvae": VQModel})
    return LatentModel(*parts.values()).eval()


def load_parts(folder: Path, kinds: dict[str, Any]) -> dict[str, Any]:
    """Each part by its class. Safetensors alone are read, and no code that the folder may name is run. LabError names
    what is missing."""
    parts: dict[str, Any] = {}
    for name, kind in kinds.items():
        if not (folder / name).is_dir():
            raise LabError(f"{folder / name} is missing: this is no complete pipeline")
        options = {} if name == "tokenizer" else {"use_safetensors": True}
        try:
            parts[name] = kind.from_pretrained(folder / name, local_files_only=True, **options)
        except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise LabError(f"cannot load {folder / name}: {reason}") from error
    return parts
