"""Three ways of feeding a device, and one sequence of pictures."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.engine.tiny import tiny_recipe
from tests.waiting import wait_until
from tui_lab.data import Images
from tui_lab.engine import feeds
from tui_lab.engine.feeds import AHEAD, Direct, Mapped, Pictures, Prefetched, Request, Resident, Streamed, open_feed
from tui_lab.engine.order import Order

CPU = torch.device("cpu")


def same(a: Pictures, b: Pictures) -> bool:
    return torch.equal(a.pixels, b.pixels) and torch.equal(a.labels, b.labels)


def order(images: Images) -> Order:
    return Order(0, len(images.train_rows))


def test_however_it_is_fed_a_device_gets_the_same_pictures(images: Images, tmp_path: Path) -> None:
    """Across the end of an epoch, with a batch size that changes on the way, as one process of two."""
    np.save(tmp_path / "images.npy", images.pixels)
    mapped = dataclasses.replace(images, pixels=np.load(tmp_path / "images.npy", mmap_mode="r"))
    ways = [
        Resident(images, order(images), CPU),
        Direct(Mapped(mapped, order(images)), CPU),
        Prefetched(Mapped(mapped, order(images)), CPU),
    ]
    position = 0
    for size in (64, 64, 64, 10, 10, 64, 7):
        request = Request(position, size, size // 3, size)
        resident, direct, prefetched = (way.take(request) for way in ways)
        assert same(resident, direct)
        assert same(resident, prefetched)
        assert resident.pixels.shape == (size - size // 3, 3, 8, 8)
        assert prefetched.pixels.is_contiguous()
        position += size


def test_a_row_that_balancing_repeats_comes_as_often_in_an_epoch(images: Images) -> None:
    rows = np.repeat(images.train_rows[:3], [1, 2, 3])
    balanced = dataclasses.replace(images, train_rows=rows)
    taken = Resident(balanced, order(balanced), CPU).take(Request(0, 6, 0, 6)).pixels
    pictures = torch.from_numpy(images.pixels[images.train_rows[:3]].transpose(0, 3, 1, 2).copy())
    assert [sum(torch.equal(one, other) for other in taken) for one in pictures] == [1, 2, 3]


def test_the_next_batches_are_read_before_they_are_asked_for(images: Images) -> None:
    read: list[Request] = []
    mapped = Mapped(images, order(images))

    def noting(request: Request) -> Pictures:
        read.append(request)
        return mapped(request)

    feed = Prefetched(noting, CPU)
    feed.take(Request(0, 8, 0, 8))
    wait_until(lambda: len(read) == 1 + AHEAD)
    assert read == [Request(8 * i, 8, 0, 8) for i in range(1 + AHEAD)]


def test_reading_goes_on_in_a_thread_of_its_own(images: Images) -> None:
    threads = set()
    mapped = Mapped(images, order(images))

    def noting(request: Request) -> Pictures:
        threads.add(threading.current_thread().name)
        return mapped(request)

    feed = Prefetched(noting, CPU)
    for position in (0, 8, 500):
        feed.take(Request(position, 8, 0, 8))
    assert len(threads) == 1
    assert threading.current_thread().name not in threads


def test_what_goes_wrong_in_the_thread_is_raised_where_the_batch_is_taken() -> None:
    def broken(request: Request) -> Pictures:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        Prefetched(broken, CPU).take(Request(0, 8, 0, 8))


def test_a_set_too_large_for_the_device_is_read_from_its_map(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_feed(tiny_recipe(), images, CPU), Resident)
    monkeypatch.setattr(feeds, "RESIDENT_ON_CPU", images.pixels.nbytes - 1)
    assert isinstance(open_feed(tiny_recipe(), images, CPU), Prefetched)


def counted() -> Iterator[tuple[NDArray[np.uint8], int]]:
    for number in range(1000):
        yield np.full((8, 8, 3), number % 256, np.uint8), number


def test_of_a_stream_each_process_keeps_its_share_of_each_batch() -> None:
    whole, first, second = (Streamed(lambda position: counted()) for _ in range(3))
    for position in (0, 10):
        all_of_it = whole(Request(position, 10, 0, 10))
        shares = first(Request(position, 10, 0, 4)), second(Request(position, 10, 4, 10))
        assert all_of_it.labels.tolist() == list(range(position, position + 10))
        assert torch.equal(torch.cat([share.pixels for share in shares]), all_of_it.pixels)
        assert all_of_it.pixels.shape == (10, 8, 8, 3)
