"""Where a batch's pictures come from: the device's own memory, a memory map read ahead by a thread, or a stream."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tui_lab.data import Images
from tui_lab.data.stream import open_stream
from tui_lab.engine.devices import free_memory
from tui_lab.engine.order import Order
from tui_lab.engine.seeds import Stream, step_seed
from tui_lab.recipe import Recipe
from tui_lab.recipe.classes import null_label

RESIDENT_SHARE = 0.25
"""A set that takes more of the device's free memory is not kept there."""

RESIDENT_ON_CPU = 1 << 30
"""Nor is a larger one copied into the memory of a machine that trains on its CPU: the map is in that memory already."""

AHEAD = 3
"""Batches that are read before they are asked for."""


class Pictures(NamedTuple):
    """uint8 (B, C, H', W') with the margin that random crops are cut from, and labels int64 (B,), -1 without one."""

    pixels: Tensor
    labels: Tensor


class Request(NamedTuple):
    """`size` samples from number `position` of the run on, of which this process wants those from `start` to `stop`."""

    position: int
    size: int
    start: int
    stop: int

    @property
    def next(self) -> Request:
        """The batch behind this one, if nobody changes its size."""
        return self._replace(position=self.position + self.size)


class Feed(Protocol):
    def take(self, request: Request) -> Pictures:
        """What is asked for, on the device."""
        ...


Read = Callable[[Request], Pictures]
"""Gathers a batch in the machine's memory, as uint8 (B, H', W', C)."""


class Resident:
    """The whole set on the device: a batch is gathered there, without a copy from outside."""

    def __init__(self, images: Images, order: Order, device: torch.device) -> None:
        rows, places = np.unique(images.train_rows, return_inverse=True)  # balancing repeats rows; pixels need not
        pixels = np.ascontiguousarray(images.pixels[rows].transpose(0, 3, 1, 2))
        self._pixels = torch.from_numpy(pixels).to(device)
        self._labels = torch.from_numpy(images.labels[rows]).to(device)
        self._places = torch.from_numpy(places.reshape(-1)).to(device)
        self._order = order

    def take(self, request: Request) -> Pictures:
        drawn = self._order.indices(request.position, request.size)[request.start : request.stop]
        places = self._places[drawn]
        return Pictures(self._pixels.index_select(0, places), self._labels.index_select(0, places))


class Mapped:
    """Reads rows of an array that may lie on the disk."""

    def __init__(self, images: Images, order: Order) -> None:
        """`order` gives its indices on the CPU."""
        self._images = images
        self._order = order

    def __call__(self, request: Request) -> Pictures:
        drawn = self._order.indices(request.position, request.size)[request.start : request.stop]
        rows = self._images.train_rows[drawn.numpy()]
        pixels = np.take(self._images.pixels, rows, axis=0)
        return Pictures(torch.from_numpy(pixels), torch.from_numpy(self._images.labels[rows]))


Shown = tuple[NDArray[np.uint8], int]
"""A picture with its margin, and its label, -1 without one."""


class Streamed:
    """Reads what comes next. A stream has no places to go back to: a resumed run begins another one."""

    def __init__(self, open_at: Callable[[int], Iterator[Shown]]) -> None:
        """`open_at` begins a stream for a run that has seen so many samples."""
        self._open_at = open_at
        self._stream: Iterator[Shown] | None = None

    def __call__(self, request: Request) -> Pictures:
        """Every process reads the whole batch, and keeps its share."""
        if self._stream is None:
            self._stream = self._open_at(request.position)
        drawn = list(islice(self._stream, request.size))[request.start : request.stop]
        pixels = np.stack([pixels for pixels, _ in drawn])
        return Pictures(torch.from_numpy(pixels), torch.tensor([label for _, label in drawn], dtype=torch.int64))


class Direct:
    """Reads a batch when it is asked for."""

    def __init__(self, read: Read, device: torch.device) -> None:
        self._read = read
        self._device = device

    def take(self, request: Request) -> Pictures:
        return _to_device(self._read(request), self._device)


class _Promise(NamedTuple):
    request: Request
    pictures: Future[Pictures]


class Prefetched:
    """Reads the next batches in a thread while the device works on this one.

    They are foretold: each begins where the one before it ends. Where that turns out wrong (the batch size has changed)
    they are thrown away, so that what is taken never depends on what was read ahead. The thread lives as long as the
    process, and does not hold up its end: it may be waiting for the network.
    """

    def __init__(self, read: Read, device: torch.device) -> None:
        """`read` is called in that one thread only."""
        self._read = read
        self._device = device
        self._ahead: deque[_Promise] = deque()
        self._jobs: SimpleQueue[_Promise] = SimpleQueue()
        threading.Thread(target=self._work, name="prefetch", daemon=True).start()

    def take(self, request: Request) -> Pictures:
        if self._ahead and self._ahead[0].request != request:
            for useless in self._ahead:
                useless.pictures.cancel()
            self._ahead.clear()
        following = self._ahead[-1].request.next if self._ahead else request
        while len(self._ahead) <= AHEAD:
            self._ahead.append(_Promise(following, Future()))
            self._jobs.put(self._ahead[-1])
            following = following.next
        return _to_device(self._ahead.popleft().pictures.result(), self._device)

    def _work(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device)  # of this thread: memory is pinned for it
        while True:
            request, pictures = self._jobs.get()
            if pictures.set_running_or_notify_cancel():
                try:
                    pictures.set_result(self._fetch(request))
                except BaseException as error:  # noqa: BLE001 - raised where the batch is taken
                    pictures.set_exception(error)

    def _fetch(self, request: Request) -> Pictures:
        pictures = self._read(request)
        # From pinned memory the copy to the GPU runs beside its work.
        return Pictures(*(tensor.pin_memory() for tensor in pictures)) if self._device.type == "cuda" else pictures


def open_feed(recipe: Recipe, images: Images, device: torch.device) -> Feed:
    """The fastest way to feed this set to this device. Which one it is changes no bit of what is taken, but that a
    streamed set comes in no order of ours."""
    seed, count = recipe.training.seed, len(images.train_rows)
    if images.streaming:
        return Prefetched(Streamed(partial(_open_stream, recipe)), device)
    if _fits(images, device):
        return Resident(images, Order(seed, count, device), device)
    return Prefetched(Mapped(images, Order(seed, count)), device)


def open_still(recipe: Recipe, images: Images, device: torch.device) -> Feed:
    """For a look at a few batches: nothing is loaded or read before it is asked for. They are those of `open_feed`, but
    that a streamed set gives its first pictures."""
    return Direct(Mapped(images, Order(recipe.training.seed, len(images.train_rows))), device)


def _open_stream(recipe: Recipe, position: int) -> Iterator[Shown]:
    """Shuffled otherwise after each resume. Pictures without a label are passed over where the model needs one."""
    stream = open_stream(recipe.dataset, step_seed(recipe.training.seed, position, Stream.ORDER))
    needs_label = bool(recipe.model.num_class_embeds) and null_label(recipe) is None
    return (shown for shown in stream if shown[1] >= 0) if needs_label else stream


def _fits(images: Images, device: torch.device) -> bool:
    room = int(RESIDENT_SHARE * free_memory(device))
    return images.pixels.nbytes <= (room if device.type == "cuda" else min(room, RESIDENT_ON_CPU))


def _to_device(pictures: Pictures, device: torch.device) -> Pictures:
    """Moved as bytes (B, H', W', C), and put into the order that models take there."""
    pixels = pictures.pixels.to(device, non_blocking=True)
    return Pictures(pixels.permute(0, 3, 1, 2).contiguous(), pictures.labels.to(device, non_blocking=True))
