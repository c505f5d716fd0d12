"""A dataset is read into the cache by the workbench, with its progress, and without torch."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.waiting import PATIENCE_SECONDS, wait_until
from tui_lab.data import Images, Progress, load_cached, load_images
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset, Recipe, dump_recipe, replaced
from tui_lab.workbench import fetching
from tui_lab.workbench.client import Workbench
from tui_lab.workbench.fetching import fetch


def recipe_of(folder: Path) -> Recipe:
    return replaced(Recipe(), {"dataset.path": str(folder), "dataset.resolution": 8})


def fill(folder: Path, count: int) -> None:
    random = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(random.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / f"{number:03}.png")


def test_the_cache_holds_what_was_fetched(tmp_path: Path) -> None:
    fill(tmp_path, 30)
    recipe = recipe_of(tmp_path)
    assert load_cached(recipe.dataset) is None
    answers = [answer.header for answer in fetch({"recipe": dump_recipe(recipe)})]
    assert answers[-1] == {"kind": "result", "images": 30}
    assert [a["done"] for a in answers[:-1]] == sorted(a["done"] for a in answers[:-1])
    images = load_cached(recipe.dataset)
    assert images is not None
    assert len(images.train_rows) + len(images.held_out_rows) == 30


def test_closing_it_stops_the_decoder_and_leaves_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 10)
    recipe = recipe_of(tmp_path)

    def lingering(dataset: Dataset, progress: Progress) -> Images:
        def again(done: int, total: int) -> None:
            while True:
                progress(done, total)
                time.sleep(0.001)

        return load_images(dataset, again)

    monkeypatch.setattr(fetching, "load_images", lingering)
    with contextlib.closing(fetch({"recipe": dump_recipe(recipe)})) as answers:
        next(answers)
    assert load_cached(recipe.dataset) is None


def test_what_is_there_already_is_counted_too(tmp_path: Path) -> None:
    fill(tmp_path, 30)
    (tmp_path / "broken.png").write_bytes(b"broken")
    for _ in range(2):
        assert list(fetch({"recipe": dump_recipe(recipe_of(tmp_path))}))[-1].header["images"] == 30


def test_a_download_without_news_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 3)
    go_on = threading.Event()
    stopped: list[BaseException] = []

    def download(dataset: object, progress: Progress) -> None:
        go_on.wait(PATIENCE_SECONDS)
        try:
            progress(1, 3)
        except BaseException as error:
            stopped.append(error)
            raise

    monkeypatch.setattr(fetching, "load_images", download)
    monkeypatch.setattr(fetching, "HEARTBEAT", 0.01)
    monkeypatch.setattr(fetching, "PATIENCE", 0.01)
    with contextlib.closing(fetch({"recipe": dump_recipe(recipe_of(tmp_path))})) as answers:
        assert next(answers).header == {"kind": "step", "done": 0, "total": 0}
    go_on.set()
    wait_until(lambda: stopped)


def test_the_process_fetches_and_says_what_is_wrong(tmp_path: Path) -> None:
    fill(tmp_path, 10)

    async def ask() -> list[tuple[int, int]]:
        async with Workbench() as workbench:
            seen = [step async for step in workbench.fetch(dump_recipe(recipe_of(tmp_path)))]
            with pytest.raises(DataError, match="does not exist"):
                async for _ in workbench.fetch(dump_recipe(recipe_of(tmp_path / "nothing"))):
                    pass
            return seen

    assert asyncio.run(ask())[-1] == (10, 10)
