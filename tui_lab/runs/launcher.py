"""How a run's ranks are started: plain python for one, `accelerate launch` or torchrun for several."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from tui_lab.errors import RecipeError, RunError
from tui_lab.runs.environment import DIED, SUPERVISOR, engine_module, thread_counts
from tui_lab.runs.files import replace_file
from tui_lab.runs.folder import RunFolder

LAUNCHER = "DIFFUSION_LAB_LAUNCHER"
"""Module that is run in torchrun's place, for machines that need one of their own."""

EXIT_OUT_OF_MEMORY = 12
"""A rank's exit code when its device's memory was full (ENOMEM), and nothing in its process could help."""

EXIT_LOST_RANK = 13
"""A rank's exit code when another one was gone."""

_KINDS_OF_ACCELERATE = ("--cpu", "--multi_gpu", "--tpu", "--use_deepspeed", "--use_fsdp", "--config_file")
_MEETING_POINTS = ("--standalone", "--nnodes", "--rdzv", "--master")


@dataclass(frozen=True)
class Launch:
    """`processes` train the run together; `arguments` are further options for the launcher, as one would type them."""

    processes: int = 1
    arguments: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Without a launcher."""
        return self.processes == 1 and not self.arguments


class Death(NamedTuple):
    """The first rank that failed. `code` as subprocess has it: negative for a signal."""

    rank: int
    code: int

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def out_of_memory(self) -> bool:
        return self.code == EXIT_OUT_OF_MEMORY


def read_launch(folder: RunFolder) -> Launch:
    """How the run was last started; one process where nobody said otherwise."""
    try:
        fields = json.loads(folder.launch_path.read_text(encoding="utf-8"))
        return Launch(int(fields["processes"]), tuple(map(str, fields["arguments"])))
    except FileNotFoundError:
        return Launch()
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"{folder.launch_path} is damaged ({error}): say the number of processes anew with: "
            f"diffusion-lab resume {folder.id} --processes N"
        ) from error


def write_launch(folder: RunFolder, launch: Launch) -> None:
    replace_file(folder.launch_path, json.dumps(asdict(launch)).encode())


def asked_launch(before: Launch, processes: int | None, arguments: str | None) -> Launch:
    """`before` with what was asked for; `arguments` as typed in a shell. Raises RunError."""
    try:
        words = before.arguments if arguments is None else tuple(shlex.split(arguments))
    except ValueError as error:
        raise RunError(f"--launch-args {arguments!r} cannot be read: {error}") from error
    return Launch(before.processes if processes is None else processes, words)


def command(launch: Launch, folder: RunFolder, on_gpus: bool) -> list[str]:
    """The command line of the ranks' common parent, or of the only rank."""
    module = ["-m", engine_module(), str(folder.path)]
    if launch.plain:
        return [sys.executable, *module]
    arguments = list(launch.arguments)
    if on_gpus:
        kind = [] if _names(arguments, _KINDS_OF_ACCELERATE) or launch.processes == 1 else ["--multi_gpu"]
        count = ["--num_processes", str(launch.processes)]
        return [sys.executable, "-m", "accelerate.commands.launch", *kind, *count, *arguments, *module]
    # accelerate's own launcher starts one rank on a CPU, however many it is asked for.
    meeting = [] if _names(arguments, _MEETING_POINTS) else ["--standalone"]
    count = ["--nproc-per-node", str(launch.processes)]
    torchrun = os.environ.get(LAUNCHER) or "torch.distributed.run"
    return [sys.executable, "-m", torchrun, *meeting, *count, *arguments, *module]


def environment(
    launch: Launch, supervisor: Mapping[str, Any], on_gpus: bool, died: str | None = None
) -> dict[str, str]:
    """What the ranks are told, on top of what this process has."""
    told = {
        **os.environ,
        **thread_counts(launch.processes),
        SUPERVISOR: json.dumps(dict(supervisor)),
        "PYTHONSAFEPATH": "1",  # the folder that the person happens to be in is no place to import from
        "PYTHONUNBUFFERED": "1",
    }
    told.pop(DIED, None)
    if died:
        told[DIED] = died
    if not launch.plain and not on_gpus:
        told["ACCELERATE_USE_CPU"] = "1"
    return told


def uses_gpus(device: str) -> bool:
    """Whether `training.device` means CUDA here, told without torch."""
    if device != "auto":
        return device.startswith("cuda")
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    try:
        built_for_cpu = version("torch").endswith("+cpu")
    except PackageNotFoundError:
        built_for_cpu = False
    return not built_for_cpu and any(Path("/dev").glob("nvidia[0-9]*"))


def first_death(log: str) -> Death | None:
    """The rank that failed, by torchrun's last words (accelerate's are the same): of several that went together, one
    that was killed before one that missed another."""
    found = re.findall(r"^\s*rank\s*:\s*(\d+) .*?\n\s*exitcode\s*:\s*(-?\d+)", log, re.MULTILINE)
    deaths = [Death(int(rank), int(code)) for rank, code in found]
    worth = sorted(deaths, key=lambda death: (death.killed, death.out_of_memory, death.code != EXIT_LOST_RANK))
    return worth[-1] if worth else None


def _names(arguments: Sequence[str], options: tuple[str, ...]) -> bool:
    said = [argument.replace("_", "-") for argument in arguments]
    return any(each.startswith(option.replace("_", "-")) for each in said for option in options)


def check_batch(size: int, ranks: int) -> None:
    """Raises RecipeError where a batch cannot be shared out evenly, and names the nearest that can."""
    if size % ranks:
        nearest = max(1, round(size / ranks)) * ranks
        raise RecipeError(
            f"training.train_batch_size {size} cannot be shared out evenly to {ranks} processes: the nearest that can "
            f"is {nearest}"
        )
