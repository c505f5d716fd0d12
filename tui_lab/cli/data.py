"""Commands about data: datasets, datasets show, datasets check."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui_lab.cli.arguments import JsonOption, SetOption, assignments
from tui_lab.cli.output import put, put_fields, put_json, put_table, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tui_lab.catalog.datasets import DatasetInfo
    from tui_lab.data import Images, Rejected
    from tui_lab.data.duplicates import Group
    from tui_lab.data.images import Progress
    from tui_lab.recipe import Dataset

STRIP = 12
PAGE = 40
LISTED = 12
"""Lines of a kind that are printed before a word says how many more there are; JSON has them all."""
UNKNOWN_SIZE = 64
"""What pictures of many sizes are brought to where no recipe says."""
LARGEST_NATIVE = 128
SECONDS_BETWEEN_WORDS = 1.0

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME|PATH", help="A set's name, a path, a recipe, or a hub's owner/name.")
]

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def datasets(context: typer.Context, json: JsonOption = False) -> None:
    """List the datasets that the lab knows by name; pictures of your own or a hub's owner/name will do as well.

    \b
    Example: diffusion-lab datasets check ~/photos
    """
    if context.invoked_subcommand is not None:
        return
    from tui_lab.catalog.datasets import DATASETS, HUB_DATASETS, cached_hub_datasets

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
    put(f"from the hub, for example: {', '.join(HUB_DATASETS)}")
    if cached := cached_hub_datasets():
        put(f"in the hub's cache here: {', '.join(cached)}")


@app.command()
def show(name: NameArgument, changes: SetOption = None, json: JsonOption = False) -> None:
    """Load a dataset as training would, and say what is in it.

    \b
    Example: diffusion-lab datasets show pixel-faces
    Example: diffusion-lab datasets show ~/photos --set dataset.resolution=32 --set dataset.fit=pad
    """
    from tui_lab.data import load_images
    from tui_lab.data.recorded import rejected_of
    from tui_lab.data.statistics import class_counts

    images = load_images(_dataset(name, changes), _words("decoded"))
    counts = class_counts(images.train_labels, images.classes)
    if json:
        put_json(
            {
                "name": images.name,
                "origin": images.origin,
                "train": len(images.train_rows),
                "held_out": len(images.held_out_rows),
                "shape": list(images.shape),
                "classes": counts,
                "rejected": _rejected(rejected_of(images)),
                "content_hash": images.content_hash,
                "cache": None if images.folder is None else str(images.folder),
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
            ("classes", _counted(counts)),
            ("left out", str(len(images.rejected) or "")),
            ("content", images.content_hash[:16]),
            ("cache", "" if images.folder is None else str(images.folder)),
        ]
    )


@app.command()
def check(name: NameArgument, changes: SetOption = None, json: JsonOption = False) -> None:
    """Decode every image: which are usable, why others are not, their modes, sizes, classes, duplicates and values.

    \b
    Example: diffusion-lab datasets check ~/photos --json
    Example: diffusion-lab datasets check photos.zip
    """
    from tui_lab.data.decoding import NothingUsableError

    try:
        report = _checked(_dataset(name, changes))
    except NothingUsableError as error:
        if json:
            put_json({"images": 0, "rejected": _rejected(error.rejected), "modes": {}, "sizes": {}})
        else:
            _put_left_out(_rejected(error.rejected))
        raise
    if json:
        put_json(report)
        return
    values = report["values"]
    duplicates = report["duplicates"]
    exact, near = (sum(len(group) - 1 for group in duplicates[kind]) for kind in ("exact", "near"))
    put_fields(
        [
            ("usable", str(report["images"])),
            ("left out", str(len(report["rejected"]) or "")),
            ("passed over", _counted(report["passed_over"])),
            ("modes", _counted(report["modes"])),
            ("sizes", _counted(report["sizes"])),
            ("shapes", _counted(report["aspects"])),
            ("classes", _counted(report["classes"])),
            ("mean", ", ".join(f"{mean:.1f}" for mean in values["mean"])),
            ("deviation", ", ".join(f"{deviation:.1f}" for deviation in values["std"])),
            ("duplicates", f"{exact} exact, {near} near" if exact + near else "none"),
        ]
    )
    _put_left_out(report["rejected"])
    for kind, title in (("exact", "the same"), ("near", "nearly the same")):
        groups = duplicates[kind]
        if groups:
            put()
            put_table((title,), [("  =  ".join(group[:6]) + " …" * (len(group) > 6),) for group in groups[:LISTED]])
            _put_more(len(groups) - LISTED)


def _checked(dataset: Dataset) -> dict[str, Any]:
    """What `check --json` prints: keys and their meaning are stable."""
    from tui_lab.data import load_images
    from tui_lab.data.duplicates import duplicates_of
    from tui_lab.data.recorded import names_of, rejected_of
    from tui_lab.data.statistics import statistics_of

    images = load_images(dataset, _words("decoded"))
    found = statistics_of(images, _words("counted"))
    duplicates = duplicates_of(images, _words("compared"))
    names = names_of(images)

    def named(groups: Sequence[Group]) -> list[list[str]]:
        return [[names[row] for row in group] for group in groups]

    return {
        "name": images.name,
        "origin": images.origin,
        "images": found.images,
        "shape": list(images.shape),
        "rejected": _rejected(rejected_of(images)),
        "passed_over": _passed_over(dataset),
        "modes": dict(found.modes),
        "sizes": dict(found.sizes),
        "aspects": dict(found.aspects),
        "classes": dict(found.classes),
        "values": {"mean": found.mean.tolist(), "std": found.std.tolist(), "histogram": found.histogram.tolist()},
        "duplicates": {"exact": named(duplicates.exact), "near": named(duplicates.near), "spare": duplicates.spare},
        "content_hash": images.content_hash,
    }


def _passed_over(dataset: Dataset) -> dict[str, int]:
    """Files in a folder that nobody would take for pictures, by suffix."""
    from tui_lab.data.folder import Folder
    from tui_lab.data.load import source_of

    if not dataset.path:
        return {}
    source = source_of(dataset)
    return dict(source.listing().passed_over.most_common()) if isinstance(source, Folder) else {}


def _dataset(name: str, changes: Sequence[str] | None) -> Dataset:
    """A known dataset, a path, a recipe's dataset, or a hub's; at its native size where no recipe says another."""
    from tui_lab.catalog.datasets import DATASETS
    from tui_lab.catalog.recipes import find_recipe
    from tui_lab.errors import DataError, RecipeError
    from tui_lab.recipe import Dataset, Recipe, edited, load_recipe

    knobs = assignments(list(changes or ()))
    path = Path(name).expanduser()
    if name in DATASETS:
        dataset = _native(DATASETS[name])
    elif path.exists() and path.suffix != ".toml":
        dataset = _measured(edited(Recipe(dataset=Dataset(path=name)), knobs).dataset)
    else:
        try:
            dataset = load_recipe(find_recipe(name)).dataset
        except RecipeError as error:
            if path.exists():
                raise
            if name.count("/") != 1 or name.startswith((".", "/", "~")):
                hint = (
                    "give a path, a hub's owner/name, or a name of `diffusion-lab datasets` or `diffusion-lab recipes`"
                )
                raise DataError(f"{name} does not exist: {hint}") from error
            dataset = Dataset(name=name, resolution=UNKNOWN_SIZE)
    return edited(Recipe(dataset=dataset), knobs).dataset


def _native(info: DatasetInfo) -> Dataset:
    from tui_lab.recipe import Dataset

    return Dataset.model_validate({"name": info.name, "resolution": info.resolution, "channels": info.channels})


def _measured(dataset: Dataset) -> Dataset:
    """At the size that all pictures share, if it is a small one."""
    from tui_lab.data.native import native_shape

    height, width, channels = native_shape(dataset) or (UNKNOWN_SIZE, UNKNOWN_SIZE, 3)
    if not 4 <= min(height, width) <= max(height, width) <= LARGEST_NATIVE:
        height = width = UNKNOWN_SIZE
    size = {"resolution": height, "width": 0 if width == height else width, "channels": channels}
    return dataset.model_copy(update=size)


def _words(done_what: str) -> Progress:
    """Says on stderr, now and then, how far a long work is."""
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > SECONDS_BETWEEN_WORDS:
            last = time.monotonic()
            say(f"{done} of {total} {done_what}" if total else f"{done} files found")

    return progress


def _rejected(rejected: Sequence[Rejected]) -> list[dict[str, str]]:
    return [{"path": item.path, "reason": item.reason} for item in rejected]


def _counted(counts: Mapping[str, int]) -> str:
    """ "RGB 12, L 3", the first few of them."""
    named = [f"{title or 'none'} {count}" for title, count in counts.items()]
    more = [f"{len(named) - LISTED} more"] if len(named) > LISTED else []
    return ", ".join(named[:LISTED] + more)


def _put_left_out(rejected: Sequence[dict[str, str]]) -> None:
    if rejected:
        put()
        put_table(("left out", "because"), [(item["path"], item["reason"]) for item in rejected])


def _put_more(count: int) -> None:
    if count > 0:
        put(f"and {count} more; --json lists all")


def _strip(info: DatasetInfo) -> None:
    """The first pictures of a set that is at hand, where the shell can show them."""
    from tui_lab.cli.stills import can_print, print_picture
    from tui_lab.pictures.grid import grid

    if not can_print():
        return
    from tui_lab.data import load_cached

    images = load_cached(_native(info))
    if images is not None:
        print_picture(grid(images.take(images.train_rows[:STRIP]), columns=STRIP))


def _page(images: Images) -> None:
    from tui_lab.cli.stills import can_print, print_picture
    from tui_lab.pictures.grid import grid

    if can_print():
        print_picture(grid(images.take(images.train_rows[:PAGE]), columns=10))
