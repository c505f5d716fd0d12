"""Commands about data: datasets, datasets show, datasets check."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui_lab.cli.arguments import JsonOption
from tui_lab.cli.output import put, put_fields, put_json, put_table, say

if TYPE_CHECKING:
    from tui_lab.catalog.datasets import DatasetInfo
    from tui_lab.data import Images
    from tui_lab.recipe import Dataset

STRIP = 12
PAGE = 40

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def datasets(context: typer.Context, json: JsonOption = False) -> None:
    """List the datasets that the lab knows by name; a folder of images or a hub's owner/name will do as well.

    \b
    Example: diffusion-lab datasets check ~/photos
    """
    if context.invoked_subcommand is not None:
        return
    from tui_lab.catalog.datasets import DATASETS

    if json:
        put_json(
            [
                {
                    "name": info.name,
                    "title": info.title,
                    "help": info.help,
                    "resolution": info.resolution,
                    "channels": info.channels,
                    "labels": list(info.labels),
                    "available": info.available,
                    "needs": info.needs,
                }
                for info in DATASETS.values()
            ]
        )
        return
    for info in DATASETS.values():
        _strip(info)
        missing = "" if info.available else f" (not here: {info.needs})"
        put(f"{info.name}  {info.resolution}×{info.resolution}×{info.channels}  {info.help}{missing}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|RECIPE|FOLDER", help="What a recipe's [dataset] may name.")],
    json: JsonOption = False,
) -> None:
    """Load a dataset as training would, and say what is in it.

    \b
    Example: diffusion-lab datasets show pixel-faces
    """
    from tui_lab.data import load_images

    images = load_images(_dataset(name))
    counts = _class_counts(images)
    if json:
        put_json(
            {
                "name": images.name,
                "origin": images.origin,
                "train": len(images.train_rows),
                "held_out": len(images.held_out_rows),
                "shape": list(images.shape),
                "classes": counts,
                "rejected": [{"path": rejected.path, "reason": rejected.reason} for rejected in images.rejected],
            }
        )
        return
    _page(images)
    height, width, channels = images.shape
    put_fields(
        [
            ("name", images.name),
            ("origin", images.origin),
            ("images", f"{len(images.train_rows)} to train on, {len(images.held_out_rows)} held out"),
            ("shape", f"{width}×{height}×{channels}"),
            ("classes", ", ".join(f"{title} {count}" for title, count in counts.items())),
            ("left out", str(len(images.rejected) or "")),
        ]
    )


@app.command()
def check(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A folder of images.")],
    json: JsonOption = False,
) -> None:
    """Open every image of a folder: which are usable, why others are not, their modes and sizes.

    \b
    Example: diffusion-lab datasets check ~/photos --json
    """
    report = _checked(folder)
    if json:
        put_json(report)
        return
    put_fields(
        [
            ("usable", str(report["images"])),
            ("modes", ", ".join(f"{mode} {count}" for mode, count in report["modes"].items())),
            ("sizes", ", ".join(f"{size} {count}" for size, count in list(report["sizes"].items())[:8])),
        ]
    )
    if report["rejected"]:
        put()
        rows = [(rejected["path"], rejected["reason"]) for rejected in report["rejected"]]
        put_table(("left out", "because"), rows)


def _checked(folder: str) -> dict[str, Any]:
    from PIL import Image

    from tui_lab.data.decode import UNREADABLE, decode, why
    from tui_lab.data.folder import Folder
    from tui_lab.recipe import Dataset

    found = Folder.of(Dataset(path=folder))
    modes: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    rejected = []
    for number, file in enumerate(found.files, start=1):
        if number % 500 == 0:
            say(f"{number} of {found.count} looked at")
        path = found.root / file
        try:
            decode(path, found.resolution, found.channels, found.center_crop)
            with Image.open(path) as image:
                mode, size = image.mode, f"{image.width}×{image.height}"
        except UNREADABLE as error:
            rejected.append({"path": file, "reason": why(error)})
        else:
            modes[mode] += 1
            sizes[size] += 1
    return {
        "images": found.count - len(rejected),
        "rejected": rejected,
        "modes": dict(modes.most_common()),
        "sizes": dict(sizes.most_common()),
    }


def _dataset(name: str) -> Dataset:
    """A known dataset at its native size, a folder, a recipe's dataset, or a hub's."""
    from tui_lab.catalog.datasets import DATASETS
    from tui_lab.catalog.recipes import find_recipe
    from tui_lab.errors import RecipeError
    from tui_lab.recipe import Dataset, load_recipe

    if name in DATASETS:
        info = DATASETS[name]
        return _native(info)
    if Path(name).expanduser().is_dir():
        return Dataset(path=name)
    try:
        return load_recipe(find_recipe(name)).dataset
    except RecipeError:
        if name.count("/") == 1 and not name.startswith((".", "/", "~")):
            return Dataset(name=name)
        raise


def _class_counts(images: Images) -> dict[str, int]:
    counts = Counter(images.train_labels.tolist())
    return {title: counts[index] for index, title in enumerate(images.classes)}


def _native(info: DatasetInfo) -> Dataset:
    from tui_lab.recipe import Dataset

    return Dataset.model_validate({"name": info.name, "resolution": info.resolution, "channels": info.channels})


def _strip(info: DatasetInfo) -> None:
    """The first pictures of a set that is at hand, where the shell can show them."""
    from tui_lab.cli.stills import can_print, grid, print_picture

    if not can_print():
        return
    from tui_lab.data import load_cached

    images = load_cached(_native(info))
    if images is not None:
        print_picture(grid(images.take(images.train_rows[:STRIP]), columns=STRIP))


def _page(images: Images) -> None:
    from tui_lab.cli.stills import can_print, grid, print_picture

    if can_print():
        print_picture(grid(images.take(images.train_rows[:PAGE]), columns=10))
