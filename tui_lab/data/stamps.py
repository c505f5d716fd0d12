"""What changes whenever a file does, for the manifests of sources."""

from __future__ import annotations

from pathlib import Path


def stamp(path: Path) -> str:
    """Path, size and time of change; a file that has gone is told from one that is there."""
    try:
        stat = path.stat()
    except OSError:
        return f"{path}\0gone"
    return f"{path}\0{stat.st_size} {stat.st_mtime_ns}"
