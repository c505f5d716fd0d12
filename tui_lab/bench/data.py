"""Building the cache of decoded pictures, opening it, and feeding from it.

    python -m tui_lab.bench data [--rounds 3] [--idx 60000] [--jpegs 10000] [--seconds 10] [--json]

IDX files and JPEGs are made first, the same at every run. Each round builds both caches anew in a lab home of its own,
with one core's plain Pillow loop beside the JPEGs', so that what the machine does besides hits both alike. The share of
feeding is what a run of the quickstart journals of itself.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
from PIL import Image

from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import training_run
from tui_lab.data import load_cached, load_images
from tui_lab.recipe import Dataset

DIFFERENT = 50
"""JPEGs that differ; the rest are the same again under other names."""
PLAIN_SHARE = 5
"""One core's loop is timed on one in so many of the JPEGs."""
WANTED = "JPEGs a second, cache / one core's Pillow (wanted: 1.8 on 2 cores)"


def measure(options: argparse.Namespace) -> Report:
    with TemporaryDirectory(prefix="lab-bench-") as name:
        folder = Path(name)
        idx, jpegs = make_idx(folder, options.idx), make_jpegs(folder, options.jpegs)
        built: dict[str, list[float]] = {"idx": [], "jpegs": [], "plain": [], "warm idx": [], "warm jpegs": []}
        for _ in range(options.rounds):
            with empty_home():
                built["idx"].append(seconds_to_build(idx))
                built["warm idx"].append(milliseconds_to_open(idx))
                plain_before = plain_rate(Path(jpegs.path), options.jpegs // PLAIN_SHARE)
                built["jpegs"].append(options.jpegs / seconds_to_build(jpegs))
                plain_after = plain_rate(Path(jpegs.path), options.jpegs // PLAIN_SHARE)
                built["plain"].append((plain_before + plain_after) / 2)
                built["warm jpegs"].append(milliseconds_to_open(jpegs))
    samples = [
        Sample(f"{options.idx} IDX 28×28, build", "s", tuple(built["idx"]), 5),
        Sample(f"{options.idx} IDX 28×28, warm open", "ms", tuple(built["warm idx"]), 100),
        Sample(f"{options.jpegs} JPEGs 256×256 to 64×64, build", "images/s", tuple(built["jpegs"])),
        Sample("one core's plain Pillow loop", "images/s", tuple(built["plain"])),
        Sample(f"{options.jpegs} JPEGs, warm open", "ms", tuple(built["warm jpegs"]), 100),
    ]
    if options.seconds:
        shares = tuple(feeding_shares(options.rounds, options.seconds))
        samples.append(Sample("feeding batches of pixel-faces-16", "% of step", shares, 2))
    ratio = statistics.median(built["jpegs"]) / statistics.median(built["plain"])
    return Report(f"data, {os.cpu_count()} cores", tuple(samples), WANTED, ratio)


def make_idx(folder: Path, count: int) -> Dataset:
    """MNIST's file of pictures, gzipped: soft blobs on black."""
    random = np.random.default_rng(0)
    blobs = random.integers(0, 256, (1000, 28, 28), dtype=np.uint8) * (random.random((1000, 28, 28)) > 0.6)
    pixels = np.resize(blobs, (count, 28, 28)).astype(np.uint8)
    header = bytes([0, 0, 8, 3]) + np.array(pixels.shape, dtype=">u4").tobytes()
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(header + pixels.tobytes(), compresslevel=1))
    labels = folder / "train-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(bytes([0, 0, 8, 1]) + np.array([count], ">u4").tobytes() + bytes(count)))
    return Dataset(path=str(path), resolution=28, channels=1)


def make_jpegs(folder: Path, count: int) -> Dataset:
    """Pictures of 256×256 with shapes and grain, about 25 kB each, as photographs are."""
    random = np.random.default_rng(0)
    encoded = []
    for _ in range(DIFFERENT):
        small = Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        soft = np.asarray(small.resize((256, 256), Image.Resampling.BICUBIC))
        grainy = (soft + random.normal(0, 8, soft.shape)).clip(0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(grainy).save(file, "JPEG", quality=90)
        encoded.append(file.getvalue())
    jpegs = folder / "jpegs"
    jpegs.mkdir()
    for number in range(count):
        (jpegs / f"{number:06}.jpg").write_bytes(encoded[number % DIFFERENT])
    return Dataset(path=str(jpegs), resolution=64)


@contextmanager
def empty_home() -> Iterator[None]:
    with TemporaryDirectory(prefix="lab-bench-") as home, mock.patch.dict(os.environ, DIFFUSION_LAB_HOME=home):
        yield


def seconds_to_build(dataset: Dataset) -> float:
    started = time.perf_counter()
    load_images(dataset)
    return time.perf_counter() - started


def milliseconds_to_open(dataset: Dataset) -> float:
    started = time.perf_counter()
    images = load_cached(dataset)
    if images is None:
        raise SystemExit("the cache that was just built is not found")
    images.take(images.train_rows[:64])
    return (time.perf_counter() - started) * 1000


def plain_rate(folder: Path, count: int) -> float:
    """Images a second of the loop that anybody would write."""
    started = time.perf_counter()
    for number in range(count):
        with Image.open(folder / f"{number:06}.jpg") as image:
            np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.LANCZOS))
    return count / (time.perf_counter() - started)


def feeding_shares(rounds: int, seconds: float) -> Iterator[float]:
    """Percent of a step that the run spends on getting its batch ready."""
    with training_run("pixel-faces-16") as run:
        for _ in range(rounds):
            run.steps_per_second(seconds)
            yield 100 * run.latest_metrics()["data_share"]["mean"]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idx", type=int, default=60_000, help="how many IDX pictures")
    parser.add_argument("--jpegs", type=int, default=10_000, help="how many JPEGs")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long a run is watched each round; 0: not")
    return parser
