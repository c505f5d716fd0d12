"""New runs: from a recipe with some knobs changed, or from a checkpoint of another run."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tui_lab.catalog.datasets import DATASETS
from tui_lab.data.load import source_of
from tui_lab.errors import DataError, DiskFullError, RecipeError, RunError
from tui_lab.recipe import KNOBS, Recipe, edit_toml, parse_recipe, replaced
from tui_lab.runs.files import FILE_MODE, FOLDER_MODE, is_disk_full
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.interventions import Interventions
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.weights import is_whole

_SHAPES = ("dataset.resolution", "dataset.channels")


def new_run(text: str, changes: Mapping[str, Any], name: str | None = None, source: str = "recipe") -> RunFolder:
    """A run's folder for the recipe in TOML `text` with `changes`; its comments are kept. Not started.

    A relative `dataset.path` is taken from where we are now, and written down whole: the run may go on elsewhere.
    Raises RecipeError, DataError for data that is not here, RunError for a name in use.
    """
    recipe = replaced(parse_recipe(text, source), changes)
    changes = dict(changes)
    if recipe.dataset.path:
        changes["dataset.path"] = str(Path(recipe.dataset.path).expanduser().absolute())
    _check_data(recipe)
    return RunFolder.create(edit_toml(text, changes) if changes else text, name)


def fork_run(
    parent: RunFolder, at: int | None = None, changes: Mapping[str, Any] | None = None, name: str | None = None
) -> RunFolder:
    """A new run that goes on from a checkpoint of `parent`, the newest where `at` is None. Not started.

    Its recipe is the parent's as it stood there, live changes in it, with `changes` on top.
    """
    asked, changes = parent.recipe(), dict(changes or {})
    step = _whole_checkpoint(parent, at)
    interventions = Interventions()
    interventions.feed(JournalReader(parent).read_events())
    standing = {**interventions.until(step), **changes}
    recipe = replaced(asked, standing)
    _check_fork(parent, step, asked, recipe)
    text = parent.recipe_path.read_text(encoding="utf-8")
    child = RunFolder.create(
        edit_toml(text, standing) if standing else text, name, parent={"run": parent.id, "step": step}
    )
    with filled(child, f"take the checkpoint of {parent.id} at step {step}"):
        copy_checkpoint(parent.checkpoint(step), child.checkpoint(step))
    return child


def _whole_checkpoint(parent: RunFolder, at: int | None) -> int:
    """The step of that one, or of the newest that is whole. RunError where there is none."""
    asked = parent.find_checkpoint(at)
    for step in (asked,) if at is not None else reversed(parent.checkpoint_steps()):
        if is_whole(parent.checkpoint(step)):
            return step
    raise RunError(f"the checkpoint of {parent.id} at step {asked} is damaged: fork another one, by --at")


@contextmanager
def filled(run: RunFolder, purpose: str) -> Iterator[None]:
    """A new run whose folder cannot be filled is gone again: DiskFullError or RunError, "cannot `purpose`: …"."""
    try:
        yield
    except OSError as error:
        shutil.rmtree(run.path, ignore_errors=True)
        if is_disk_full(error):
            raise DiskFullError(f"no room left on the disk of {run.path.parent} to {purpose}") from error
        raise RunError(f"cannot {purpose}: {error.strerror}") from error


def _check_fork(parent: RunFolder, step: int, asked: Recipe, recipe: Recipe) -> None:
    for key in KNOBS:
        section, _, name = key.partition(".")
        if (section == "model" or key in _SHAPES) and _value(asked, section, name) != _value(recipe, section, name):
            raise RecipeError(f"{key} cannot change in a fork, as the weights would not fit: begin anew with train")
    if 0 < recipe.training.max_train_steps <= step:
        raise RecipeError(
            f"{parent.id} is at step {step} of {recipe.training.max_train_steps} there, with no steps left to train: "
            f"add --set training.max_train_steps={2 * step}"
        )


def _value(recipe: Recipe, section: str, name: str) -> object:
    return getattr(getattr(recipe, section), "class_name" if name == "class" else name)


def copy_checkpoint(source: Path, target: Path) -> None:
    """Complete or absent, as every checkpoint. Its files are never written again, so that hard links will do."""
    aside = target.with_name(f".{target.name}")
    aside.mkdir(mode=FOLDER_MODE)
    files = sorted(source.rglob("*"))
    if not files:
        raise FileNotFoundError(errno.ENOENT, f"{source.name} was removed just now")
    for file in files:
        copy = aside / file.relative_to(source)
        if file.is_dir():
            copy.mkdir(mode=FOLDER_MODE)
            continue
        try:
            os.link(file, copy)
        except OSError:  # another file system, or one without links
            shutil.copyfile(file, copy)
            copy.chmod(FILE_MODE)
    aside.rename(target)


def _check_data(recipe: Recipe) -> None:
    dataset = recipe.dataset
    if dataset.path:
        source_of(dataset)
        return
    info = DATASETS.get(dataset.name)
    if info is not None and not info.available:
        raise DataError(f"the dataset {dataset.name} is not on this machine: {info.needs}")
