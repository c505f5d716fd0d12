"""Who did what, in the order of the journal."""

from tui_lab.runs.provenance import Provenance
from tui_lab.runs.record import Record

RATE = "optimizer.learning_rate"


def test_interventions_stand_in_the_order_in_which_they_took_effect_though_the_clock_was_put_back() -> None:
    client = {"pid": 7, "tty": "/dev/pts/3", "user": "ada"}
    told = [
        ("command", {"id": "1", "command": "set", "data": {"changes": {RATE: 0.2}}, "client": client}),
        ("command", {"id": "2", "command": "pause", "data": {}, "client": client}),
        ("paused", {"message": "asked for"}),
        ("applied", {"id": "2", "command": "pause"}),
        ("applied", {"id": "1", "command": "set", "changes": {RATE: [0.1, 0.2]}}),
        ("command", {"id": "3", "command": "stop", "data": {}, "client": client}),
        ("applied", {"id": "3", "command": "stop"}),
    ]
    provenance = Provenance()
    provenance.feed(Record(seq, 1e9 - 3600 * seq, 10, kind, data) for seq, (kind, data) in enumerate(told, start=1))
    assert [(one.id, one.words) for one in provenance.interventions] == [
        ("2", "pause"),
        ("1", "learning_rate 0.1 → 0.2"),
        ("3", "stop"),
    ]
    assert {one.who for one in provenance.interventions} == {"ada on pts/3, pid 7"}
