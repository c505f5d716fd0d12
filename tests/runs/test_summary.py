"""A journal of many files is read by its columns, and says the same as line by line."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui_lab.runs.columns import COARSE, METRICS, coarsened, group_starts
from tui_lab.runs.curves import Curves
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Journal, JournalReader, journal_files
from tui_lab.runs.summary import columns_path, read_summary

RECIPE = '[recipe]\nname = "a-test"\n'


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder.create(RECIPE)


class Writer:
    """A run's journal as a rank writes it: metrics, checkpoints, changes, rewinds to a checkpoint."""

    def __init__(self, folder: RunFolder, rotate_bytes: int = 3000) -> None:
        self.folder = folder
        self.journal = Journal(folder, rotate_bytes)
        self.step = 0
        self.checkpoints = [0]
        self.journal.append("started", 0, device="cpu")

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.step += 1
            loss = 1 / self.step
            data = {"loss": {"mean": loss, "min": loss / 2, "max": 2 * loss, "last": loss}}
            self.journal.append("metrics", self.step, count=1, learning_rate={"last": 1e-3}, **data)

    def validate(self) -> None:
        self.journal.append("validation", self.step, loss=0.5, ema_loss=None, by_timestep=[[0.0, 0.1], [500.0, 0.2]])

    def checkpoint(self) -> None:
        self.checkpoints.append(self.step)
        self.journal.append("checkpoint", self.step, path="x")

    def change(self, value: float) -> None:
        key = "optimizer.learning_rate"
        identity = f"c{self.step}-{value}"
        self.journal.append("applied", self.step, id=identity, command="set", changes={key: [1e-3, value]})

    def rewind(self, back: int) -> None:
        at = self.checkpoints[max(0, len(self.checkpoints) - 1 - back)]
        self.checkpoints = [step for step in self.checkpoints if step <= at]
        self.journal.append("rewound", at, **{"from": self.step, "to": at, "dropped": []})
        self.step = at


def by_lines(folder: RunFolder) -> Curves:
    curves = Curves()
    curves.feed(JournalReader(folder).read_new())
    return curves


def by_columns(folder: RunFolder, full_files: int) -> Curves:
    curves, reader = Curves(), JournalReader(folder)
    for summary in reader.read_past(full_files):
        curves.feed_summary(summary)
    curves.feed(reader.read_new())
    return curves


def assert_same_but_for_detail(coarse: Curves, fine: Curves) -> None:
    assert (coarse.step, coarse.marks, coarse.live) == (fine.step, fine.marks, fine.live)
    assert np.array_equal(coarse.validation[0], fine.validation[0]) and coarse.loss_by_timestep == fine.loss_by_timestep
    assert np.all(np.diff(coarse.steps) > 0)  # no double points
    assert set(coarse.steps) <= set(fine.steps) and coarse.steps[-1:].tolist() == fine.steps[-1:].tolist()
    # Every fine point lies in exactly one coarse one: the mean of those up to a step is that of its rows.
    starts = np.searchsorted(fine.steps, np.concatenate([[0], coarse.steps[:-1]]), side="right")
    if len(coarse.steps):
        counts = np.diff(np.append(starts, len(fine.steps)))
        assert np.all(counts >= 1) and np.all(counts <= COARSE)
        assert np.allclose(np.add.reduceat(fine.loss, starts) / counts, coarse.loss)
        assert np.allclose(np.minimum.reduceat(fine.loss_min, starts), coarse.loss_min)
        assert np.allclose(np.maximum.reduceat(fine.loss_max, starts), coarse.loss_max)


def test_columns_say_what_the_lines_say(folder: RunFolder) -> None:
    writer = Writer(folder)
    for _ in range(4):
        writer.train(30)
        writer.validate()
        writer.checkpoint()
        writer.change(0.5 / writer.step)
    assert len(journal_files(folder)) > 3 and all(columns_path(path).exists() for path in journal_files(folder)[:-1])
    full, lines = by_columns(folder, 1000), by_lines(folder)
    assert np.array_equal(full.steps, lines.steps) and np.array_equal(full.loss, lines.loss)
    assert_same_but_for_detail(by_columns(folder, 0), lines)


ACTS: dict[str, Callable[[Writer, int], None]] = {
    "train": lambda writer, n: writer.train(n),
    "validate": lambda writer, n: writer.validate(),
    "checkpoint": lambda writer, n: writer.checkpoint(),
    "change": lambda writer, n: writer.change(n / 1000),
    "rewind": lambda writer, n: writer.rewind(n % 4),
    "reopen": lambda writer, n: setattr(writer, "journal", Journal(writer.folder, 3000)),
}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(st.sampled_from([*ACTS, "train", "train"]), st.integers(1, 90)), max_size=20))
def test_rewinds_cut_the_rows_of_earlier_files(acts: list[tuple[str, int]]) -> None:
    folder = RunFolder.create(RECIPE)
    writer = Writer(folder)
    for act, number in acts:
        ACTS[act](writer, number)
    lines = by_lines(folder)
    for full_files in (0, 2):
        assert_same_but_for_detail(by_columns(folder, full_files), lines)
    shutil.rmtree(folder.path)


def test_a_live_reader_keeps_little_and_folds_a_late_rewind(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_lab.runs.curves.FULL_ROWS", 200)
    writer, reader, curves = Writer(folder, 1 << 20), JournalReader(folder), Curves()
    for _ in range(20):
        writer.train(333)
        writer.checkpoint()
        curves.feed(reader.read_new())
        assert len(curves.steps) <= 2 * 200 + 333 + writer.step / COARSE + len(writer.checkpoints)
    writer.rewind(15)
    writer.train(10)
    curves.feed(reader.read_new())
    monkeypatch.undo()
    assert_same_but_for_detail(curves, by_lines(folder))


def write_two_files(folder: RunFolder) -> None:
    Writer(folder).train(60)


@pytest.mark.parametrize("harm", ["missing", "empty", "torn", "flipped header", "flipped table", "stale"])
def test_a_summary_that_does_not_verify_is_made_again_from_the_lines(folder: RunFolder, harm: str) -> None:
    write_two_files(folder)
    path = columns_path(journal_files(folder)[0])
    good = path.read_bytes()
    harms: dict[str, Callable[[bytes], bytes]] = {
        "missing": lambda raw: raw,
        "empty": lambda raw: b"",
        "torn": lambda raw: raw[: len(raw) // 2],
        "flipped header": lambda raw: raw[:20] + bytes([raw[20] ^ 1]) + raw[21:],
        "flipped table": lambda raw: raw[:-3] + bytes([raw[-3] ^ 1]) + raw[-2:],
        "stale": lambda raw: raw.replace(b'"lines": ', b'"lines":1'),
    }
    path.write_bytes(harms[harm](good))
    if harm == "missing":
        path.unlink()
    assert np.array_equal(by_columns(folder, 100).loss, by_lines(folder).loss)
    assert path.read_bytes() == good and path.stat().st_mode & 0o777 == 0o600


def test_a_truncated_file_of_lines_is_read_and_told(folder: RunFolder) -> None:
    write_two_files(folder)
    first = journal_files(folder)[0]
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:-2]) + lines[-2][:10])
    reader = JournalReader(folder)
    assert [summary.records for summary in reader.read_past()][:1] == [len(lines) - 2]
    following = journal_files(folder)[1].name
    assert reader.damage.words() == ["1 damaged line in 000001.jsonl", f"1 line missing in {following}"]


def test_a_flipped_bit_in_the_last_file_is_told_by_its_name(folder: RunFolder) -> None:
    write_two_files(folder)
    last = journal_files(folder)[-1]
    raw = bytearray(last.read_bytes())
    raw[40] ^= 1
    last.write_bytes(raw)
    for reader in (JournalReader(folder), JournalReader(folder)):
        list(reader.read_events())
        assert reader.damage.words() == [f"1 damaged line in {last.name}"]
    last.unlink()
    second = journal_files(folder)[1]
    second.unlink()
    if len(journal_files(folder)) > 1:
        assert JournalReader(folder).read_new()[-1].step > 0


def test_a_folder_that_cannot_be_written_is_still_read(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write_two_files(folder)
    columns_path(journal_files(folder)[0]).unlink()

    def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert np.array_equal(by_columns(folder, 100).loss, by_lines(folder).loss)


def test_losses_that_are_not_finite_count_for_nothing_in_a_coarse_row() -> None:
    rows = np.full((4, len(METRICS)), np.nan)
    rows[:, 0], rows[1, 1], rows[2, 1] = range(1, 5), 1.0, 3.0
    [row] = coarsened(rows, group_starts(4, []))
    assert row[0] == 4 and row[1] == 2.0 and math.isnan(row[2])


def test_the_seq_goes_on_where_the_last_file_has_no_whole_line(folder: RunFolder) -> None:
    write_two_files(folder)
    count = JournalReader(folder).read_new()[-1].seq
    (folder.journal_dir / f"{len(journal_files(folder)) + 1:06d}.jsonl").write_bytes(b"torn")
    assert Journal(folder).append("started", 60) == count + 1
    assert read_summary(journal_files(folder)[0], full=False).first_seq == 1
