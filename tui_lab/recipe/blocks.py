"""What diffusers' UNet blocks ask of their channels and of each other, so that it is said before they are built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui_lab.recipe.schema import Model

_K_GROUP = 32
"""Channels in a group of the K blocks' norm."""


def clashes(model: Model, channels: int) -> Iterator[tuple[str, str]]:
    """(knob of [model], why) for each rule that the blocks break; `channels` are the images'. Needs one width, one down
    block and one up block a resolution."""
    yield from _k_blocks(model)
    yield from _skip_blocks(model, channels)


def _k_blocks(model: Model) -> Iterator[tuple[str, str]]:
    """K blocks hand over other skip connections than the rest do, and norm in groups of 32 channels."""
    for name in ("down_block_types", "up_block_types"):
        blocks = getattr(model, name)
        other = model.up_block_types if name == "down_block_types" else model.down_block_types
        if any(block.startswith("K") for block in blocks):
            plain = next((block for block in (*blocks, *other) if not block.startswith("K")), None)
            if plain:
                yield name, f"K blocks go only with K blocks, and there is {plain}: make all of them K, or none"
                return
    if model.down_block_types[0].startswith("K"):
        odd = _odd_for_k(model.block_out_channels)
        if odd:
            yield "block_out_channels", f"K blocks cannot group {odd} channels: take 32, 64, 128, … for each block"


def _odd_for_k(widths: Sequence[int]) -> int | None:
    """The first width that a K block cannot norm: by itself, doubled by a skip, or over its neighbour's channels."""
    for above, width in zip((widths[0], *widths), widths, strict=False):
        groups = width // _K_GROUP
        if groups == 0 or width % groups or 2 * width % (2 * width // _K_GROUP) or above % groups:
            return width
    return None


def _skip_blocks(model: Model, channels: int) -> Iterator[tuple[str, str]]:
    """Skip blocks carry the picture itself along, as RGB, and choose their own norm groups."""
    ups = [block for block in model.up_block_types if "Skip" in block]
    blocks = [*(block for block in model.down_block_types if "Skip" in block), *ups]
    if not blocks:
        return
    if channels != 3:
        name = "down_block_types" if len(ups) < len(blocks) else "up_block_types"
        yield name, f"{blocks[0]} carries RGB pictures along, and dataset.channels is {channels}: take other blocks"
    carrying = ["Skip" in block for block in model.down_block_types[:-1]]  # the last one only takes
    if carrying != sorted(carrying, reverse=True):
        yield (
            "down_block_types",
            "Skip blocks need Skip blocks before them, from the first one on: they shrink the picture",
        )
    if ups and any("Skip" not in block for block in model.up_block_types[-len(ups) :]):
        yield "up_block_types", f"{ups[0]} needs Skip blocks after it, up to the last one: the picture is carried on"
    widths = model.block_out_channels
    small = all(width % 4 == 0 for width in widths) and max(widths) <= 64
    if any(width % 32 for width in widths) and (not small or any(block.startswith("Attn") for block in blocks)):
        odd = next(width for width in widths if width % 32)
        yield "block_out_channels", f"{blocks[0]} cannot group {odd} channels: take multiples of 32 for each block"
