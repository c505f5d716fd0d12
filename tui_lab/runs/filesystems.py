"""Whether a folder lies on another machine's disk, where each write is a word over the network."""

from __future__ import annotations

import re
from pathlib import Path

NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.davfs", "fuse.glusterfs", "fuse.juicefs",
    "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs",
    "panfs", "pvfs2", "smb3", "smbfs", "wekafs",
})  # fmt: skip
"""Types of file systems, as the kernel calls them."""
MOUNTS = Path("/proc/self/mounts")


def is_network(path: Path) -> bool:
    """By the mount that `path` lies under; False where the system does not say."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    return _type_of(path.resolve(), lines) in NETWORK


def _type_of(path: Path, lines: list[str]) -> str:
    """Of the innermost mount; of two at one place, the later one, which covers the other."""
    found, depth = "", 0
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        if len(mount.parts) >= depth and path.is_relative_to(mount):
            found, depth = fields[2], len(mount.parts)
    return found
