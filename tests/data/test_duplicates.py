from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tui_lab.data import Images, load_images
from tui_lab.data.duplicates import duplicates_of, near_pairs, perceptual_hash
from tui_lab.recipe import Dataset

SIDE = 48


def photos(count: int, seed: int = 0) -> list[Image.Image]:
    """Soft shapes in colour with some grain, unlike each other as photographs are."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    grown = [np.asarray(Image.fromarray(each).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for each in small]
    return [Image.fromarray((each + random.normal(0, 4, each.shape)).clip(0, 255).astype(np.uint8)) for each in grown]


def images_of(pictures: list[Image.Image]) -> Images:
    pixels = np.stack([np.asarray(picture) for picture in pictures])
    pixels = pixels.reshape(*pixels.shape[:3], -1)
    rows = np.arange(len(pixels))
    return dataclasses.replace(
        load_images(Dataset()), pixels=pixels, labels=np.full(len(rows), -1), train_rows=rows, held_out_rows=rows[:0]
    )


def compressed(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=60)
    return Image.open(file)


def smaller(picture: Image.Image) -> Image.Image:
    return picture.resize((32, 32), Image.Resampling.LANCZOS).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def brighter(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(1.03)


def test_the_same_pixels_are_exact_duplicates() -> None:
    first, second, third = photos(3)
    found = duplicates_of(images_of([first, second, first, third, second, first]))
    assert found.exact == ((0, 2, 5), (1, 4))
    assert found.near == () and found.spare == 3


@pytest.mark.parametrize("change", [compressed, smaller, brighter])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_what_looks_the_same_is_near(change: Callable[[Image.Image], Image.Image], mode: str) -> None:
    pictures = photos(40)
    twins = [change(picture) for picture in pictures[:10]]
    found = duplicates_of(images_of([picture.convert(mode) for picture in pictures + twins]))
    assert found.exact == ()
    assert len(found.near) >= 9 and set(found.near) <= {(row, 40 + row) for row in range(10)}


def test_near_and_exact_are_told_apart() -> None:
    pictures = photos(5)
    found = duplicates_of(images_of([*pictures, pictures[0], compressed(pictures[0])]))
    assert found.exact == ((0, 5),) and found.near == ((0, 6),)


def test_pictures_that_are_all_the_same_are_one_group() -> None:
    assert duplicates_of(images_of([photos(1)[0]] * 50)).exact == (tuple(range(50)),)


def test_flat_pictures_of_different_colours_are_different() -> None:
    flat = [Image.new("RGB", (SIDE, SIDE), (level, level, level)) for level in range(0, 250, 25)]
    assert duplicates_of(images_of(flat)).near == ()


def test_faces_of_the_embedded_set_are_all_different() -> None:
    assert duplicates_of(load_images(Dataset())).spare == 0


def test_every_pair_within_four_bits_is_found() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**63, 300, dtype=np.uint64)
    flips = [sum(1 << int(bit) for bit in random.choice(64, size, replace=False)) for size in (1, 2, 3, 4, 5) * 20]
    hashes[100:200] = hashes[:100] ^ np.array(flips, dtype=np.uint64)
    found = {tuple(sorted(pair)) for left, right in near_pairs(hashes) for pair in zip(left, right, strict=True)}
    assert found == {(row, 100 + row) for row in range(100) if flips[row].bit_count() <= 4}


def test_the_hash_does_not_see_brightness_and_sees_all_else() -> None:
    first, second = photos(2)
    hashes = perceptual_hash(np.stack([np.asarray(each) for each in (first, brighter(first), second)]))
    assert int(hashes[0] ^ hashes[1]).bit_count() <= 4
    assert int(hashes[0] ^ hashes[2]).bit_count() > 16
