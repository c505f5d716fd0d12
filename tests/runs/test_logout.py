"""What is told of a host from its files and its environment."""

from pathlib import Path

import pytest

from tui_lab.runs.logout import hazards, kills_user_processes


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_a_plain_host_ends_nothing(tmp_path: Path) -> None:
    write(tmp_path, "etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=yes\n")
    write(tmp_path, "proc/1/cgroup", "0::/init.scope\n")
    write(tmp_path, "proc/1/comm", "systemd\n")
    assert hazards(tmp_path, {}) == []


def test_drop_ins_of_logind_overrule_its_file_and_the_last_wins(tmp_path: Path) -> None:
    write(tmp_path, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=no\n")
    write(tmp_path, "usr/lib/systemd/logind.conf.d/10-site.conf", "[Login]\nKillUserProcesses=yes\n")
    assert kills_user_processes(tmp_path)
    [hazard] = hazards(tmp_path, {})
    assert "enable-linger" in hazard.way_out and "systemd-run --user --scope" in hazard.way_out
    write(tmp_path, "etc/systemd/logind.conf.d/10-site.conf", "[Login]\nKillUserProcesses=no\n")
    assert not kills_user_processes(tmp_path)


@pytest.mark.parametrize(
    ("mark", "text"), [(".dockerenv", ""), ("run/.containerenv", ""), ("proc/1/cgroup", "0::/kubepods/besteffort\n")]
)
def test_a_container_is_known_by_its_marks(tmp_path: Path, mark: str, text: str) -> None:
    write(tmp_path, "proc/1/cgroup", "0::/\n")
    write(tmp_path, "proc/1/comm", "sleep\n")
    write(tmp_path, mark, text)
    [hazard] = hazards(tmp_path, {})
    assert "container" in hazard.what and "(sleep)" in hazard.what


@pytest.mark.parametrize(
    ("variable", "system"), [("SLURM_JOB_ID", "Slurm"), ("PBS_JOBID", "PBS"), ("LSB_JOBID", "LSF")]
)
def test_a_batch_system_is_named_with_its_job(tmp_path: Path, variable: str, system: str) -> None:
    [hazard] = hazards(tmp_path, {variable: "4711"})
    assert f"job 4711 of {system}" in str(hazard) and "diffusion-lab resume" in hazard.way_out
