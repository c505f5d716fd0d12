"""Whether this host ends a person's processes when they leave, and with them runs that should have gone on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_BATCH_SYSTEMS = {
    "SLURM_JOB_ID": ("Slurm", "sbatch"),
    "PBS_JOBID": ("PBS", "qsub"),
    "LSB_JOBID": ("LSF", "bsub"),
    "JOB_ID": ("Grid Engine", "qsub"),
    "COBALT_JOBID": ("Cobalt", "qsub"),
    "FLUX_JOB_ID": ("Flux", "flux batch"),
}
_LOGIND = ("usr/lib/systemd/logind.conf", "run/systemd/logind.conf", "etc/systemd/logind.conf")
_CONTAINER_FILES = (".dockerenv", "run/.containerenv")
_CONTAINER_GROUPS = re.compile(r"/(docker|kubepods|lxc|containerd|libpod|podman)\b")


@dataclass(frozen=True, slots=True)
class Hazard:
    """What ends detached runs here, and what to do about it: each half a sentence."""

    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.what}: {self.way_out}"


def hazards(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> list[Hazard]:
    """The nearest first. `root`: where the host's files are looked for."""
    return [*_batch_system(environment), *_logind(root), *_container(root)]


def kills_user_processes(root: Path = Path("/")) -> bool:
    """logind's KillUserProcesses, from its files and drop-ins: of each name the one of highest rank, the last wins."""
    folders = [root / name for name in _LOGIND]
    main = next((path for path in reversed(folders) if path.is_file()), None)
    drop_ins: dict[str, Path] = {}
    for path in folders:
        drop_ins |= {file.name: file for file in path.with_name("logind.conf.d").glob("*.conf")}
    files = [main] if main else []
    files += [drop_ins[name] for name in sorted(drop_ins)]
    said = "\n".join(file.read_text(errors="replace") for file in files if file.is_file())
    found = re.findall(r"^\s*KillUserProcesses\s*=\s*(\w*)", said, re.MULTILINE)
    return bool(found) and found[-1].lower() in ("yes", "true", "y", "t", "1", "on")


def _logind(root: Path) -> list[Hazard]:
    if not kills_user_processes(root) or _lingers(root):
        return []
    way_out = "`loginctl enable-linger` once, or start the lab by `systemd-run --user --scope diffusion-lab`"
    return [Hazard("logind ends your processes at logout (KillUserProcesses=yes), detached runs too", way_out)]


def _lingers(root: Path) -> bool:
    """Whether this user's processes may stay. Linger alone spares what is in a user's own service manager."""
    if root != Path("/") or shutil.which("loginctl") is None:
        return False
    command = ["loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == "yes"


def _container(root: Path) -> list[Hazard]:
    marked = any((root / name).exists() for name in _CONTAINER_FILES)
    group = root / "proc/1/cgroup"
    try:
        grouped = _CONTAINER_GROUPS.search(group.read_text()) is not None
        first = (root / "proc/1/comm").read_text().strip()
    except OSError:
        return []
    if not marked and not grouped:
        return []
    way_out = "keep it running (a container whose first process is no shell of yours), and its lab home on a volume"
    return [Hazard(f"this is a container: runs end when it stops, with its first process ({first})", way_out)]


def _batch_system(environment: Mapping[str, str]) -> list[Hazard]:
    for variable, (name, submit) in _BATCH_SYSTEMS.items():
        job = environment.get(variable)
        if job and (variable != "JOB_ID" or "SGE_ROOT" in environment):
            way_out = (
                f"submit `diffusion-lab train RECIPE` (without --detach) by {submit}, with the time that it needs, and "
                "go on after its limit by `diffusion-lab resume RUN`"
            )
            return [Hazard(f"this is job {job} of {name}, whose end ends all its processes", way_out)]
    return []
