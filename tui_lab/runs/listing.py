"""All runs with how they are, kept up to date cheaply: a run is read again only where something of it has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tui_lab.errors import LabError
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.journal import journal_files
from tui_lab.runs.lock import is_locked
from tui_lab.runs.status import Status, status_of

_Signature = tuple[object, ...]


class Listing:
    """Statuses by run, as they were when last looked at."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[_Signature, Status]] = {}

    def read(self) -> Iterator[Status]:
        """Every run's status, newest first, each as soon as it is known. Runs that are being deleted are left out."""
        folders = list_runs()
        there = {folder.id for folder in folders}
        self._seen = {run: seen for run, seen in self._seen.items() if run in there}
        for folder in folders:
            try:
                yield self._status(folder)
            except (OSError, LabError):
                self._seen.pop(folder.id, None)

    def _status(self, folder: RunFolder) -> Status:
        signature = _signature(folder)
        seen = self._seen.get(folder.id)
        if seen is None or seen[0] != signature:
            seen = self._seen[folder.id] = signature, status_of(folder)
        return seen[1]


def _signature(folder: RunFolder) -> _Signature:
    """Differs as soon as a status would: whatever speaks of a run writes one of these files, or holds its lock."""
    files = journal_files(folder)
    looked_at = (folder.recipe_path, *files[-1:], folder.lifecycle_path, folder.checkpoints, folder.pipeline)
    return is_locked(folder), len(files), *map(_stamp, looked_at)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
