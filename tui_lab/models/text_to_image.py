"""Text-to-image pipelines of the Stable Diffusion kind, asked as a model that knows two classes.

Class PROMPT is the prompt and class NEGATIVE the negative prompt, which stands for none: classifier-free guidance, its
schedule and its interval are then those of every other model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from tui_lab.errors import LabError
from tui_lab.models.latents import LatentModel, load_parts

PROMPT, NEGATIVE = 0, 1


class TextToImage(LatentModel):
    """The pipeline's parts. `heed` is told the prompts before anything is asked."""

    embeddings: Tensor

    def __init__(self, tokenizer: Any, text_encoder: Any, unet: UNet2DConditionModel, vae: AutoencoderKL) -> None:
        super().__init__(unet, vae)
        self._tokenizer = tokenizer
        self.text_encoder = text_encoder
        self._length = min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings)
        width = unet.config.cross_attention_dim
        self.register_buffer("embeddings", torch.zeros(2, self._length, width), persistent=False)

    @torch.inference_mode()
    def heed(self, prompt: str, negative_prompt: str) -> None:
        """From now on classes are these texts; what of a text is beyond the encoder's length is cut off."""
        texts = {PROMPT: prompt, NEGATIVE: negative_prompt}
        tokens = self._tokenizer(
            [texts[place] for place in sorted(texts)],
            padding="max_length",
            max_length=self._length,
            truncation=True,
            return_tensors="pt",
        )
        self.embeddings.copy_(self.text_encoder(tokens.input_ids.to(self.embeddings.device))[0])

    def forward(self, x: Tensor, t: Tensor, class_labels: Tensor | None, return_dict: bool = False) -> tuple[Tensor]:
        """Of latents x (B, C, h, w) at t (B,), told PROMPT or NEGATIVE each."""
        assert class_labels is not None
        answer: tuple[Tensor] = self.denoiser(
            x, t, encoder_hidden_states=self.embeddings[class_labels], return_dict=return_dict
        )
        return answer


def load_text_to_image(folder: Path) -> TextToImage:
    """As `load_parts` has it. LabError names what is missing."""
    try:
        from transformers import CLIPTextModel, CLIPTokenizer
    except ImportError as error:
        raise LabError(
            f"{folder} draws from texts, which needs transformers: pip install 'diffusion-lab[text]'"
        ) from error
    kinds = {
        "tokenizer": CLIPTokenizer,
        "text_encoder": CLIPTextModel,
        "unet": UNet2DConditionModel,
        "vae": AutoencoderKL,
    }
    parts = load_parts(folder, kinds)
    wide, said = parts["unet"].config.cross_attention_dim, parts["text_encoder"].config.hidden_size
    if wide != said:
        raise LabError(f"the unet of {folder} listens to texts {wide} wide, and its text_encoder's are {said}")
    return TextToImage(**parts).eval()
