"""diffusers' DiTTransformer2DModel from a recipe."""

from __future__ import annotations

from diffusers.models.embeddings import LabelEmbedding
from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel
from torch import nn

from tui_lab.recipe import Recipe


def build_dit(recipe: Recipe) -> DiTTransformer2DModel:
    """With fresh weights, on the default device; its own label dropout is off, because ours is seeded by step.

    Its embedding always has a row more than it has classes, for none of them: so `num_class_embeds` K gives K - 1
    classes and the null class K - 1, as in diffusers' DiTPipeline; an unconditional one has one class, and is told 0.
    """
    model, dataset = recipe.model, recipe.dataset
    transformer = DiTTransformer2DModel(
        sample_size=dataset.resolution,
        in_channels=dataset.channels,
        patch_size=model.patch_size,
        num_layers=model.num_layers,
        num_attention_heads=model.num_attention_heads,
        attention_head_dim=model.attention_head_dim,
        dropout=model.dropout,
        num_embeds_ada_norm=max(1, model.num_class_embeds - 1),
    )
    silence_label_dropout(transformer)
    _start_as_identity(transformer)
    return transformer


def silence_label_dropout(transformer: DiTTransformer2DModel) -> None:
    """diffusers drops a tenth of the labels in training, from the global generator, whatever it is asked."""
    for module in transformer.modules():
        if isinstance(module, LabelEmbedding):
            module.dropout_prob = 0.0


def _start_as_identity(transformer: DiTTransformer2DModel) -> None:
    """adaLN-Zero (Peebles & Xie 2023, section 3.2): each block begins as the identity, and the answer at 0.

    diffusers leaves these layers at torch's defaults, since it only loads weights that were trained elsewhere.
    """
    modulations = [block.norm1.linear for block in transformer.transformer_blocks]
    for layer in (*modulations, transformer.proj_out_1, transformer.proj_out_2):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
