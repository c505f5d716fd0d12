"""`diffusion-lab doctor`: what the lab finds on this machine, a line each."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import shutil
import sys
from collections import Counter

from tui_lab.cli.arguments import JsonOption
from tui_lab.cli.output import put_fields, put_json, size
from tui_lab.errors import LabError

PACKAGES = ("diffusion-lab", "torch", "diffusers", "accelerate", "datasets", "textual", "numpy", "pillow")
WORKBENCH_SECONDS = 60.0
LOW_DISK = 2 << 30


def doctor(json: JsonOption = False) -> None:
    """Versions, cores, memory, devices, terminal, pictures, disk, runs, and processes that should not be there.

    \b
    Example: diffusion-lab doctor
    """
    findings = [
        ("python", f"{platform.python_version()} ({sys.executable}) on {platform.platform()}"),
        *((name, _version(name)) for name in PACKAGES),
        ("cores", _cores()),
        ("memory", _memory()),
        ("devices", _devices()),
        ("terminal", _terminal()),
        ("pictures", _pictures()),
        ("home", _home()),
        ("runs", _runs()),
        ("orphans", _orphans()),
        ("spares", _spares()),
        ("logout", _logout()),
    ]
    if json:
        put_json(dict(findings))
    else:
        put_fields(findings)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "is not installed"


def _cores() -> str:
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} usable of {os.cpu_count()} ({psutil.cpu_count(logical=False)} physical)"


def _memory() -> str:
    import psutil

    memory = psutil.virtual_memory()
    return f"{size(memory.available)} free of {size(memory.total)}"


def _devices() -> str:
    """Asked of the workbench, as only torch knows; within a limit, as a sick driver may hang."""
    from tui_lab.workbench.client import Device, Workbench, run_sync

    async def ask(workbench: Workbench) -> list[Device]:
        return await asyncio.wait_for(workbench.devices(), WORKBENCH_SECONDS)

    try:
        found = run_sync(ask)
    except TimeoutError:
        return f"no answer from torch within {WORKBENCH_SECONDS:.0f} s: a driver may hang"
    except LabError as error:
        return f"cannot be told: {error.message}"
    return ", ".join(
        f"{device.name} ({device.title}{f', {size(device.free)} free' if device.free is not None else ''}; "
        f"a run there by default: {', '.join(device.speed)})"
        for device in found
    )


def _terminal() -> str:
    columns, lines = shutil.get_terminal_size()
    where = f"{columns}×{lines}" if sys.stdout.isatty() else "none on stdout"
    colour = "NO_COLOR is set" if os.environ.get("NO_COLOR") else f"COLORTERM={os.environ.get('COLORTERM', '')}"
    return f"{where}, TERM={os.environ.get('TERM', '')}, {colour}, {sys.stdout.encoding}"


def _pictures() -> str:
    """How the lab draws them here, and why; the terminal is asked where the lab would ask it."""
    from tui_lab.tui.memory import Memory
    from tui_lab.tui.shell_probe import choose_in_shell

    choice = choose_in_shell(os.environ, Memory.load().pictures)
    return f"{choice.mode.title}: {choice.why}"


def _home() -> str:
    from tui_lab.runs.home import lab_home

    home = lab_home()
    free = shutil.disk_usage(home).free
    low = ": low, checkpoints will need it" if free < LOW_DISK else ""
    return f"{home}, {size(free)} free{low}"


def _runs() -> str:
    from tui_lab.runs.folder import list_runs
    from tui_lab.runs.status import status_of

    counts = Counter(status_of(folder).name for folder in list_runs())
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none yet"


def _orphans() -> str:
    """On their way out, or stuck."""
    from tui_lab.runs.orphans import find_orphans

    found = [f"process {orphan.pid}, {orphan.what}: {orphan.why}" for orphan in find_orphans()]
    return f"{'; '.join(found)} (those of a run are ended by: diffusion-lab resume)" if found else "none"


def _spares() -> str:
    """What open labs keep ready for their next run: no orphans, though no run is theirs yet."""
    from tui_lab.runs.spare import waiting_spares

    found = [f"process {process.pid}, of the lab in {process.info['ppid']}" for process in waiting_spares()]
    return f"{', '.join(found)} (each leaves with its lab)" if found else "none"


def _logout() -> str:
    from tui_lab.runs.logout import hazards

    return "; ".join(map(str, hazards())) or "runs go on after it: no logind, container or batch system ends them"
