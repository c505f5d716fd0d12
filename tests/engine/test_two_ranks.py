"""Several processes learn as one would: each draws the whole batch and takes its share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.engine.two_ranks import learnt
from tui_lab.engine import importance


@pytest.mark.slow
def test_two_processes_end_with_what_one_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and importance: on both the same bit for bit, and but for rounding those of one process."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.engine.two_ranks"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *launch, str(tmp_path)], env=environment, check=True, timeout=240)
    first, second = (load_file(tmp_path / f"{rank}.safetensors") for rank in range(2))
    for name in ("BINS", "SAMPLES_FIRST"):  # `learnt` lowers them
        monkeypatch.setattr(importance, name, getattr(importance, name))
    tensors = learnt().checkpoint({}).tensors
    alone = {**tensors["importance"], **tensors["model"]}
    assert first.keys() == second.keys() == alone.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(first["samples"], alone["samples"])
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, atol=1e-4, rtol=1e-3)
