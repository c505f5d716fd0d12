"""Going back in the same run: what was changed, and all that came of it, is as if it had never been."""

from collections.abc import Callable

import pytest
import torch

from tests.engine.tiny import Killed, Tiny, same
from tui_lab.errors import DeviceError
from tui_lab.runs import rank
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.provenance import Provenance

Make = Callable[..., Tiny]
CADENCE = {"training.checkpointing_steps": 2, "training.max_train_steps": 8}
BAD = [("set", {"changes": {"optimizer.learning_rate": 0.05}})]
GOOD = [("set", {"changes": {"ema.decay": 0.5}})]


def test_an_undone_change_leaves_no_trace_in_the_weights_and_those_before_it_stay(tiny: Make) -> None:
    straight = tiny(CADENCE).train({3: GOOD})
    both = [("pause", {}), *GOOD, *BAD, ("resume", {})]
    undone = tiny(CADENCE).train({3: both, 7: [("undo", {})]})
    assert [answer.ok for answer in undone.answers] == [True] * 5
    assert undone.answers[-1].message == "learning_rate 0.002 → 0.05 undone: back from step 7 to 2"
    (rewound,) = undone.records("rewound")
    bad = undone.records("command")[2].data["id"]
    assert (rewound.data["from"], rewound.data["to"], rewound.data["dropped"]) == (7, 2, [bad])
    assert same(straight.tensors(), undone.tensors())


def test_without_a_checkpoint_an_undo_begins_anew(tiny: Make) -> None:
    changes = {"loss.timestep_sampling": "importance"}
    undone = tiny(changes).train({1: BAD, 4: [("undo", {})]})
    assert [r.data["to"] for r in undone.records("rewound")] == [0]
    assert same(tiny(changes).train().tensors(), undone.tensors())


def test_checkpoints_of_the_undone_future_are_gone_even_if_the_run_dies_before_they_are(
    tiny: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*args: object) -> None:
        raise Killed

    run = tiny(CADENCE)
    with monkeypatch.context() as patched:
        patched.setattr(rank, "drop_future", dies)
        run.train({3: BAD, 7: [("undo", {})]})
    assert run.folder.checkpoint_steps() == [2, 4, 6]
    run.train(kill_at=3)
    assert run.folder.checkpoint_steps() == [2]
    run.train()
    assert same(tiny(CADENCE).train().tensors(), run.tensors())


def test_to_a_step_takes_all_changes_from_there_on_back(tiny: Make) -> None:
    run = tiny(CADENCE).train({3: GOOD, 4: BAD, 6: [("undo", {"to": 3})]})
    assert len(run.records("rewound")[0].data["dropped"]) == 2
    assert same(tiny(CADENCE).train().tensors(), run.tensors())


def test_what_cannot_be_undone_is_refused_and_nothing_happens(tiny: Make) -> None:
    run = tiny().train({3: [("undo", {}), ("undo", {"to": 5}), ("undo", {"to": "1"})], 4: [], 5: []})
    assert [answer.ok for answer in run.answers] == [False]
    assert "nothing was changed" in run.answers[0].message
    assert same(tiny().train().tensors(), run.tensors())


def test_a_resumed_run_does_not_apply_again_what_was_undone(tiny: Make) -> None:
    run = tiny(CADENCE).train({3: BAD, 5: [("undo", {})]}).folder
    provenance = Provenance()
    provenance.feed(JournalReader(run).read_new())
    assert [(one.kind, one.outcome) for one in provenance.interventions if one.kind in ("set", "undo")] == [
        ("set", "dropped"),
        ("undo", "applied"),
    ]


def test_after_a_death_by_memory_the_batch_change_is_undone(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    change = {"training.train_batch_size": 16, "ema.decay": 0.5}
    run = tiny(CADENCE).train({4: [("set", {"changes": change})]}, kill_at=5)
    monkeypatch.setenv("DIFFUSION_LAB_DIED", "memory")
    run.train()
    assert "train_batch_size 16 filled the machine's memory: it is 8 again" in run.records("warning")[0].data["message"]
    assert same(tiny(CADENCE).train({4: GOOD}).tensors(), run.tensors())


def test_a_device_that_fails_is_named_with_the_way_out(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: object) -> None:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be …")

    run = tiny(CADENCE)
    monkeypatch.setattr("tui_lab.engine.learner.Learner.update", lost)
    with pytest.raises(DeviceError, match=rf"unspecified launch failure; .* diffusion-lab resume {run.folder.id}"):
        run.train()


def test_the_checkpoint_before_the_last_change_stays_however_few_are_kept(tiny: Make) -> None:
    """Or an undo would have to begin anew, and all that was learnt since would be gone."""
    changes = {**CADENCE, "training.checkpoints_total_limit": 1, "training.max_train_steps": 10}
    run = tiny(changes).train({3: BAD, 9: [("undo", {})]})
    assert run.records("rewound")[0].data["to"] == 2
    assert run.folder.checkpoint_steps() == [10]
    assert same(tiny(changes).train().tensors(), run.tensors())
