from tests.waiting import wait_until
from tui_lab.bench.played_run import played_run
from tui_lab.runs.curves import Curves
from tui_lab.runs.frame import FrameReader
from tui_lab.runs.journal import JournalReader


def test_a_played_run_grows_a_journal_and_replaces_its_frame() -> None:
    with played_run(records=200, frames=30) as (_, _, folder):
        reader, frames, curves = JournalReader(folder), FrameReader(folder), Curves()

        def grew() -> bool:
            curves.feed(reader.read_new())
            return len(curves.steps) > 20

        wait_until(grew)
        wait_until(lambda: frames.read_new() is not None)
        wait_until(lambda: frames.read_new() is not None)
