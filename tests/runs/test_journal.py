from pathlib import Path

import pytest

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Journal, JournalReader, journal_files


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder.create('[recipe]\nname = "a-test"\n')


def test_records_come_back_in_order(folder: RunFolder) -> None:
    journal = Journal(folder)
    assert journal.append("started", 0, device="cpu") == 1
    assert journal.append("metrics", 10, loss={"mean": 0.5}) == 2
    records = JournalReader(folder).read_new()
    assert [(r.seq, r.step, r.kind, r.data) for r in records] == [
        (1, 0, "started", {"device": "cpu"}),
        (2, 10, "metrics", {"loss": {"mean": 0.5}}),
    ]


def test_a_second_writer_goes_on_counting(folder: RunFolder) -> None:
    first = Journal(folder)
    first.append("started", 0)
    first.close()
    path = journal_files(folder)[-1]
    path.write_bytes(path.read_bytes() + b"deadbeef {torn")
    assert Journal(folder).append("started", 5) == 2
    reader = JournalReader(folder)
    assert [r.seq for r in reader.read_new()] == [1, 2]
    assert reader.skipped == 0  # cut, not skipped


def test_a_reader_follows_across_rotations(folder: RunFolder) -> None:
    journal, reader = Journal(folder, rotate_bytes=500), JournalReader(folder)
    seen = []
    for step in range(50):
        journal.append("metrics", step)
        if step % 7 == 0:
            seen += reader.read_new()
    seen += reader.read_new()
    assert len(journal_files(folder)) > 3
    assert [record.seq for record in seen] == list(range(1, 51))
    journal.close()
    assert Journal(folder).append("metrics", 50) == 51


def test_a_new_file_repeats_what_was_started(folder: RunFolder) -> None:
    journal = Journal(folder, rotate_bytes=300)
    journal.append("started", 0, device="cuda:1")
    for step in range(20):
        journal.append("metrics", step)
    heads = [path.read_bytes().split(b"\n")[0] for path in journal_files(folder)[1:]]
    assert len(heads) > 2 and all(b'"continued"' in head and b"cuda:1" in head for head in heads)


def test_damaged_lines_are_counted_and_left_out(folder: RunFolder) -> None:
    journal = Journal(folder)
    for step in range(3):
        journal.append("metrics", step)
    path = journal_files(folder)[0]
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], lines[1][:-4] + b"9999", b"", lines[2], b""]))
    reader = JournalReader(folder)
    assert [record.step for record in reader.read_new()] == [0, 2]
    assert reader.skipped == 2


def test_a_torn_end_of_a_rotated_file_is_counted(folder: RunFolder) -> None:
    first = folder.journal_dir / "000001.jsonl"
    Journal(folder).append("metrics", 1)
    first.write_bytes(first.read_bytes() + b"torn")
    second = Path(folder.journal_dir / "000002.jsonl")
    second.write_bytes(first.read_bytes().split(b"\n")[0] + b"\n")
    reader = JournalReader(folder)
    assert len(reader.read_new()) == 2
    assert reader.skipped == 1
