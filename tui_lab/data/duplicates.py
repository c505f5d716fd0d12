"""Pictures that a dataset holds more than once: the very same pixels, or nearly the same by a perceptual hash."""

from __future__ import annotations

import functools
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Images, Progress
from tui_lab.data.shaping import Shaping, resize_weights, shape_arrays, with_channels
from tui_lab.data.sweep import chunks, remember, remembered

NEAR_BITS = 4
"""Of 64: hashes that differ in more are of different pictures."""
NEAR_LEVELS = 6.0
"""Of 255: the root mean square over thumbnails above which pictures with near hashes are different ones all the same,
as flat and dark ones often are."""
MOST_COMPARED = 1000
"""A hash is compared with no more than so many others that agree with it in a band: the frames of a film all do."""
_THUMBNAIL = 8
_SIDE = 32
_BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
"""(first bit, bits): hashes that differ in no more than NEAR_BITS agree in one of NEAR_BITS + 1 bands."""
_ORDER = np.random.default_rng(0).permutation(64)
"""Neighbouring frequencies go together; apart, they make bands that tell pictures from each other."""

Group = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Groups of rows, each in rising order with two or more. Of pictures in an `exact` group only the first one stands
    in `near` ones; a near group is joined by pairs, so that its ends may differ by more than a pair does."""

    exact: tuple[Group, ...]
    near: tuple[Group, ...]

    @property
    def spare(self) -> int:
        """How many pictures could go without the set losing one that is unlike all others."""
        return sum(len(group) - 1 for group in (*self.exact, *self.near))


def duplicates_of(images: Images, progress: Progress | None = None) -> Duplicates:
    """Searched once over the memory map, and kept beside the cached pictures; what `progress` raises stops it."""
    kept = remembered(images, "duplicates")
    if kept is None:
        found = _search(images, progress)
        remember(images, "duplicates", {"exact": found.exact, "near": found.near})
        return found
    return Duplicates(*(tuple(tuple(group) for group in kept[kind]) for kind in ("exact", "near")))


def _search(images: Images, progress: Progress | None) -> Duplicates:
    digests: defaultdict[bytes, list[int]] = defaultdict(list)
    hashes, thumbnails = [], []
    for first, pictures in chunks(images, progress):
        for row, picture in enumerate(pictures, start=first):
            digests[hashlib.blake2b(picture.data, digest_size=16).digest()].append(row)
        hashes.append(perceptual_hash(pictures))
        thumbnails.append(_thumbnails(pictures))
    exact = tuple(tuple(rows) for rows in digests.values() if len(rows) > 1)
    alone = np.array([rows[0] for rows in digests.values()], dtype=np.int64)
    groups = _near_groups(np.concatenate(hashes)[alone], np.concatenate(thumbnails)[alone], progress)
    return Duplicates(exact, tuple(tuple(sorted(alone[group].tolist())) for group in groups))


def perceptual_hash(pictures: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """pHash of pictures (K, H, W, C), (K,): which of the 8×8 lowest frequencies are above their median, without those
    that are constant in rows or in columns. Frequencies are of the cosine transform of the grey picture at 32×32;
    brightness, contrast, size and compression change little of it."""
    grey = with_channels(_opaque(pictures), 1)[..., 0].astype(np.float32)
    down, across = (_frequencies(side) for side in grey.shape[1:])
    coefficients = (down @ grey @ across.T).reshape(len(grey), 64)
    bits = coefficients > np.median(coefficients, axis=1, keepdims=True)
    packed = np.ascontiguousarray(np.packbits(bits[:, _ORDER], axis=1))
    return packed.view(">u8").astype(np.uint64)[:, 0]


def near_pairs(hashes: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of indices (i, j), in arrays of many, whose hashes differ in at most NEAR_BITS; some come more than once.

    Hashes are sorted five times, by each band of bits first, and each is compared with the one `apart` places on for as
    long as that agrees in the band.
    """
    for first, bits in _BANDS:
        turned = (hashes >> np.uint64(first)) | (hashes << np.uint64((64 - first) % 64))  # the band is lowest now …
        turned = (turned << np.uint64(64 - bits)) | (turned >> np.uint64(bits))  # … and now highest
        order = np.argsort(turned, kind="stable")
        ordered, band = hashes[order], turned[order] >> np.uint64(64 - bits)
        at = np.arange(len(hashes))
        for apart in range(1, MOST_COMPARED + 1):
            at = at[at + apart < len(hashes)]
            at = at[band[at] == band[at + apart]]
            if not len(at):
                break
            near = at[_bits_set(ordered[at] ^ ordered[at + apart]) <= NEAR_BITS]
            yield order[near], order[near + apart]


def _near_groups(
    hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8], progress: Progress | None
) -> list[NDArray[np.int64]]:
    pairs = []
    for left, right in near_pairs(hashes):
        if progress:
            progress(len(hashes), len(hashes))
        difference = thumbnails[left].astype(np.float32) - thumbnails[right]
        alike = np.sqrt((difference**2).mean(axis=1)) <= NEAR_LEVELS
        pairs.append(np.stack([left[alike], right[alike]]))
    joined = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), dtype=np.int64)
    if not joined.size:
        return []
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(joined.shape[1], dtype=np.bool_), tuple(joined)), shape=(len(hashes),) * 2)
    group_of = connected_components(graph, directed=False)[1]
    grouped = np.flatnonzero(np.bincount(group_of)[group_of] > 1)
    order = grouped[np.argsort(group_of[grouped], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(group_of[order])) + 1) if len(order) else []


@functools.lru_cache(maxsize=8)
def _frequencies(side: int) -> NDArray[np.float32]:
    """The matrix (8, side) that resizes to 32 and takes the cosine transform's frequencies 1 to 8."""
    frequency, place = np.arange(1, 9)[:, None], np.arange(_SIDE)[None]
    cosines = np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE)).astype(np.float32)
    return cosines @ resize_weights(side, _SIDE, "box")


def _thumbnails(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(K, 64 · channels)."""
    opaque = _opaque(pictures)
    small = shape_arrays(opaque, Shaping(_THUMBNAIL, _THUMBNAIL, opaque.shape[-1], "squeeze", "box"))
    return small.reshape(len(small), -1)


def _opaque(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 or 3 channels; what is transparent is black."""
    if pictures.shape[-1] != 4:
        return pictures
    return (pictures[..., :3].astype(np.uint16) * pictures[..., 3:] // 255).astype(np.uint8)


def _bits_set(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits of each are 1. (numpy's own bitwise_count came with 2.0.)"""
    return _ONES[values.view(np.uint8).reshape(-1, 8)].sum(axis=1, dtype=np.uint8)


_ONES = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)
