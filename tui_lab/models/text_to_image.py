"""Text-to-image pipelines of the Stable Diffusion kind, asked as a model that knows two classes.

Class PROMPT is the prompt and class NEGATIVE the negative prompt, which stands for none: classifier-free guidance, its
schedule and its interval are then those of every other model. What is denoised are the VAE's latents; on the way they
are seen through a linear map, in the end through the VAE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import SafetensorError
from torch import Tensor, nn

from tui_lab.diffusion.sampling import DenoisingStep
from tui_lab.errors import LabError

PROMPT, NEGATIVE = 0, 1


class TextToImage(nn.Module):
    """The pipeline's parts. `heed` is told the prompts before anything is asked."""

    embeddings: Tensor

    def __init__(self, tokenizer: Any, text_encoder: nn.Module, unet: UNet2DConditionModel, vae: AutoencoderKL) -> None:
        super().__init__()
        self._tokenizer = tokenizer
        self.text_encoder, self.unet, self.vae = text_encoder, unet, vae
        length, width = tokenizer.model_max_length, unet.config.cross_attention_dim
        self.register_buffer("embeddings", torch.zeros(2, length, width), persistent=False)
        self._map: Tensor | None = None

    @torch.inference_mode()
    def heed(self, prompt: str, negative_prompt: str) -> None:
        """From now on classes are these texts; what of a text is beyond the encoder's length is cut off."""
        texts = {PROMPT: prompt, NEGATIVE: negative_prompt}
        tokens = self._tokenizer(
            [texts[place] for place in sorted(texts)],
            padding="max_length",
            max_length=self._tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        self.embeddings.copy_(self.text_encoder(tokens.input_ids.to(self.embeddings.device))[0])

    def forward(self, x: Tensor, t: Tensor, class_labels: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        """Of latents x (B, C, h, w) at t (B,), told PROMPT or NEGATIVE each."""
        assert not return_dict
        answer: tuple[Tensor] = self.unet(
            x, t, encoder_hidden_states=self.embeddings[class_labels], return_dict=return_dict
        )
        return answer

    def seen(self, steps: Iterator[DenoisingStep]) -> Iterator[DenoisingStep]:
        """Steps over latents as steps over RGB pictures of the VAE's size: the last one decoded, those before mapped,
        each latent a square. x₀ on the way is that of latents clipped to [-1, 1]."""
        for step in steps:
            eps, change = (self._mapped(latents, offset=0.0) for latents in (step.eps, step.change))
            if step.final:
                x_t = x0 = self.decoded(step.x_t)
            else:
                x_t, x0 = (self._mapped(latents, offset=1.0) for latents in (step.x_t, step.x0))
            yield replace(step, x_t=x_t, x0=x0, eps=eps, change=change)

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """(B, C, h, w) → pictures (B, 3, H, W), one after the other: a VAE takes far more memory than a model call."""
        raw = latents / self.vae.config.scaling_factor + (self.vae.config.shift_factor or 0.0)
        return torch.cat([self.vae.decode(each[None], return_dict=False)[0] for each in raw]).to(torch.float32)

    @property
    def _enlargement(self) -> int:
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @torch.inference_mode()
    def _mapped(self, latents: Tensor, offset: float) -> Tensor:
        if self._map is None:
            self._map = self._fitted_map()
        matrix, shift = self._map[:, :-1], self._map[:, -1]
        rgb = torch.einsum("rc,bchw->brhw", matrix, latents) + offset * shift.reshape(-1, 1, 1)
        return rgb.repeat_interleave(self._enlargement, 2).repeat_interleave(self._enlargement, 3)

    def _fitted_map(self) -> Tensor:
        """(3, C + 1): what this VAE makes of one latent alone, by least squares over random latents, and the offset."""
        channels = int(self.unet.config.in_channels)
        generator = torch.Generator().manual_seed(0)
        latents = torch.randn(32, channels, 4, 4, generator=generator).to(self.embeddings.device)
        pictures = nn.functional.avg_pool2d(self.decoded(latents), self._enlargement)
        known = torch.cat([latents, torch.ones_like(latents[:, :1])], 1).movedim(1, -1).reshape(-1, channels + 1)
        wanted = pictures.movedim(1, -1).reshape(-1, 3)
        # On the CPU: least squares there takes rank-deficient systems too.
        return torch.linalg.lstsq(known.cpu(), wanted.cpu(), driver="gelsd").solution.T.to(latents.device)


def load_text_to_image(folder: Path) -> TextToImage:
    """Safetensors alone are read, and no code that the folder may name is run. LabError names what is missing."""
    try:
        from transformers import CLIPTextModel, CLIPTokenizer
    except ImportError as error:
        raise LabError(
            f"{folder} draws from texts, which needs transformers: pip install 'diffusion-lab[text]'"
        ) from error
    loaders = {
        "tokenizer": (CLIPTokenizer, {}),
        "text_encoder": (CLIPTextModel, {"use_safetensors": True}),
        "unet": (UNet2DConditionModel, {"use_safetensors": True}),
        "vae": (AutoencoderKL, {"use_safetensors": True}),
    }
    parts: dict[str, Any] = {}
    for name, (kind, options) in loaders.items():
        if not (folder / name).is_dir():
            raise LabError(f"{folder / name} is missing: this is no complete text-to-image pipeline")
        try:
            parts[name] = kind.from_pretrained(folder / name, local_files_only=True, **options)
        except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise LabError(f"cannot load {folder / name}: {reason}") from error
    return TextToImage(**parts).eval()
