"""diffusers' UNet2DModel from a recipe."""

from __future__ import annotations

from diffusers.models.unets.unet_2d import UNet2DModel

from tui_lab.recipe import Recipe


def build_unet(recipe: Recipe) -> UNet2DModel:
    """With fresh weights, on the default device. ValueError where diffusers refuses it."""
    model, dataset = recipe.model, recipe.dataset
    height, width = dataset.size
    return UNet2DModel(
        sample_size=height if height == width else (height, width),
        in_channels=dataset.channels,
        out_channels=dataset.channels,
        block_out_channels=model.block_out_channels,
        down_block_types=model.down_block_types,
        up_block_types=model.up_block_types,
        layers_per_block=model.layers_per_block,
        add_attention=model.add_attention,
        attention_head_dim=model.attention_head_dim or None,
        norm_num_groups=model.norm_num_groups,
        dropout=model.dropout,
        time_embedding_type=model.time_embedding_type,
        resnet_time_scale_shift=model.resnet_time_scale_shift,
        flip_sin_to_cos=model.flip_sin_to_cos,
        freq_shift=model.freq_shift,
        downsample_padding=model.downsample_padding,
        norm_eps=model.norm_eps,
        num_class_embeds=model.num_class_embeds or None,
    )
