"""What the names of files say: which are pictures, which folders are classes, and which hold a test split."""

from __future__ import annotations

from collections.abc import Sequence

from tui_lab.data.labels import Labels, number_labels

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".avif", ".jp2", ".tga"}
)
FOLDER_COLUMN = "folder"
"""What `dataset.label` calls the labels that are the names of folders."""

_TRAIN = frozenset({"train", "training"})
_HELD_OUT = frozenset({"test", "testing", "val", "valid", "validation", "eval", "dev"})


def suffix_of(name: str) -> str:
    """In lower case, with its dot. Asked for every file of large folders, and so without a PurePath."""
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return f"{dot}{suffix}".lower() if stem else ""


def is_picture(name: str) -> bool:
    """By its name alone; hidden files are none."""
    return suffix_of(name) in SUFFIXES and not name.rpartition("/")[2].startswith(".")


def held_out_of(names: Sequence[str]) -> list[bool]:
    """True for what lies under test/, val/ and the like, where all else lies under train/; else False for all.

    Names are relative paths with `/`.
    """
    tops = {_top(name).lower() for name in names}
    if tops <= _TRAIN | _HELD_OUT and tops & _TRAIN and tops & _HELD_OUT:
        return [_top(name).lower() in _HELD_OUT for name in names]
    return [False] * len(names)


def folders_as_labels(names: Sequence[str]) -> Labels:
    """The first level of folders are the classes, below train/ and test/ where there are such; none of them where some
    picture lies in no folder."""
    if any(held_out_of(names)):
        names = [name.partition("/")[2] for name in names]
    if not all("/" in name for name in names):
        return Labels()
    return number_labels([_top(name) for name in names])


def common_folder(names: Sequence[str]) -> str:
    """The folder, with a `/` behind it, that all names lie in, or "": archives tend to hold one folder."""
    tops = {_top(name) for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""


def _top(name: str) -> str:
    top, slash, _ = name.partition("/")
    return top if slash else ""
