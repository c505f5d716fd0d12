"""Whole runs of a tiny model, through the run folder as a client sees it."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.tiny import ScriptedSession, Tiny, same
from tui_lab.engine import checkpoints, learner, preview_budget, previews, trainer
from tui_lab.engine.feeds import Pictures, Request, Resident
from tui_lab.errors import DeviceError, DiskFullError
from tui_lab.models.export import load_pipeline
from tui_lab.runs.frame import read_frame
from tui_lab.runs.rank import RankSession
from tui_lab.runs.spool import Command, submit

Make = Callable[..., Tiny]


def kinds(run: Tiny, *wanted: str) -> list[tuple[str, int]]:
    """Each with its step: of a checkpoint the one that it is of, as it is journalled a little later."""
    return [(r.kind, r.data.get("of", r.step)) for kind in wanted for r in run.records(kind)]


def test_a_run_ends_with_a_checkpoint_a_preview_and_a_pipeline(tiny: Make) -> None:
    changes = {"training.checkpointing_steps": 4, "evaluation.every_steps": 3, "sampling.every_steps": 2}
    run = tiny(changes).train()
    assert kinds(run, "started", "checkpoint", "validation", "finished") == [
        ("started", 0),
        ("checkpoint", 4),
        ("checkpoint", 6),
        ("validation", 3),
        ("validation", 6),
        ("finished", 6),
    ]
    started, finished = run.records("started")[0].data, run.records("finished")[0].data
    assert (started["device"], started["mixed_precision"], started["train_images"]) == ("cpu", "no", 184)
    assert {"torch", "diffusers", "accelerate", "isa"} <= started["versions"].keys()
    pipeline = load_pipeline(Path(finished["pipeline"]))
    weights = run.tensors()
    for name, value in pipeline.model.state_dict().items():
        assert torch.equal(value, weights[f"ema/{name}"])
    last = run.records("preview")[-1].data
    assert last["reason"] == "final"
    assert np.load(last["path"]).shape == (3, 2, 32, 8, 8, 3)


def test_metrics_carry_what_the_screen_shows(tiny: Make) -> None:
    run = tiny({"optimizer.max_grad_norm": 0.0}).train()
    records = run.records("metrics")
    assert sum(record.data["count"] for record in records) == 6
    for name in ("loss", "grad_norm", "learning_rate", "steps_per_second", "ema_decay", "memory"):
        assert records[-1].data[name]["last"] > 0, name
    assert {"data_share", "preview_share"} <= records[-1].data.keys()


def test_validation_names_its_timesteps_and_both_weights(tiny: Make) -> None:
    data = tiny().train().records("validation")[0].data
    assert [t for t, _ in data["by_timestep"]] == [25, 75]
    assert data["ema_loss"] == pytest.approx(sum(loss for _, loss in data["by_timestep"]) / 2)
    assert data["loss"] != data["ema_loss"]


def test_stopped_and_resumed_is_bit_for_bit_the_run_that_never_stopped(tiny: Make) -> None:
    straight = tiny().train()
    halved = tiny().train({3: [("stop", {})]})
    assert kinds(halved, "stopped") == [("stopped", 3)]
    assert (halved.folder.pipeline / "model_index.json").is_file()
    halved.train()
    assert kinds(halved, "started", "finished") == [("started", 0), ("started", 3), ("finished", 6)]
    assert not halved.records("rewound")
    assert same(straight.tensors(), halved.tensors())


def test_weights_are_the_same_with_no_preview_one_and_forty(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(previews.SHARES, "cadence", 0.999)
    monkeypatch.setattr(preview_budget.PreviewBudget, "pays_for_one", True)
    changes = {"training.max_train_steps": 41, "sampling.num_inference_steps": 1, "sampling.num_images": 1}
    plain = tiny({**changes, "sampling.every_steps": 0}).train()
    assert not plain.records("preview")
    for drawn in (1, 40):
        busy = tiny({**changes, "sampling.every_steps": 40 // drawn, "sampling.scheduler": "DDPMScheduler"}).train()
        assert sum(record.data["reason"] == "cadence" for record in busy.records("preview")) == drawn
        assert same(plain.tensors(), busy.tensors())


def test_validation_and_a_preview_by_request_change_nothing_in_training(tiny: Make) -> None:
    busy = tiny({"evaluation.every_steps": 1}).train({2: [("preview", {"seed": 5, "num_inference_steps": 1})]})
    assert len(busy.records("validation")) == 6
    assert busy.records("preview")[0].data["reason"] == "request"
    assert same(tiny().train().tensors(), busy.tensors())


def test_a_preview_that_is_not_paid_for_waits(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(previews.SHARES, "cadence", 0.999)
    monkeypatch.setattr(preview_budget, "BUDGET", 1e-9)
    run = tiny({"sampling.every_steps": 1, "sampling.num_inference_steps": 1}).train()
    assert [record.data["reason"] for record in run.records("preview")] == ["cadence", "final"]


def test_a_killed_run_rewinds_and_applies_its_changes_again_at_their_steps(tiny: Make) -> None:
    script = {
        1: [("set", {"changes": {"ema.decay": 0.5}})],
        3: [("set", {"changes": {"optimizer.learning_rate": 1e-2, "training.train_batch_size": 5}})],
    }
    straight = tiny({"training.checkpointing_steps": 2}).train(script)
    killed = tiny({"training.checkpointing_steps": 2}).train(script, kill_at=4)
    shutil.rmtree(killed.folder.checkpoint(4))
    killed.train()
    assert [r.data for r in killed.records("rewound")] == [{"from": 4, "to": 2, "why": "", "dropped": []}]
    assert same(straight.tensors(), killed.tensors())
    rates = {r.step: r.data["learning_rate"]["last"] for r in killed.records("metrics")}
    assert rates[6] == 1e-2
    untouched = tiny({"training.checkpointing_steps": 2}).train()
    assert not same(untouched.tensors(), killed.tensors())


def test_without_a_checkpoint_a_killed_run_begins_anew(tiny: Make) -> None:
    killed = tiny().train(kill_at=3).train()
    assert [r.data for r in killed.records("rewound")] == [{"from": 3, "to": 0, "why": "", "dropped": []}]
    assert same(tiny().train().tensors(), killed.tensors())


def test_a_damaged_checkpoint_is_passed_over_with_a_word(tiny: Make) -> None:
    run = tiny({"training.checkpointing_steps": 2}).train({5: [("stop", {})]})
    (run.folder.checkpoint(5) / "model.safetensors").write_bytes(b"")
    run.train()
    assert "step-00000005 was passed over" in run.records("warning")[0].data["message"]
    assert kinds(run, "started", "rewound") == [("started", 0), ("started", 4), ("rewound", 4)]
    assert same(tiny({"training.checkpointing_steps": 2}).train().tensors(), run.tensors())


def test_a_fork_goes_on_from_a_copied_checkpoint_without_rewinding(tiny: Make) -> None:
    parent = tiny().train({3: [("stop", {})]})
    fork = tiny()
    shutil.copytree(parent.folder.checkpoint(3), fork.folder.checkpoint(3))
    fork.train()
    assert kinds(fork, "started", "rewound") == [("started", 3)]
    assert same(tiny().train().tensors(), fork.tensors())


def test_live_knobs_take_effect_with_the_next_update(tiny: Make) -> None:
    changes = {"optimizer.learning_rate": 1e-4, "ema.decay": 0.05, "optimizer.max_grad_norm": 0.1}
    run = tiny().train({2: [("set", {"changes": changes})]})
    assert run.answers[0].ok
    applied = run.records("applied")[0]
    assert applied.step == 2
    assert applied.data["changes"]["optimizer.learning_rate"] == [2e-3, 1e-4]
    by_step = {r.step: r.data for r in run.records("metrics")}
    assert by_step[6]["learning_rate"]["last"] == 1e-4
    assert by_step[6]["ema_decay"]["last"] == 0.05


def test_what_is_due_follows_a_live_cadence(tiny: Make) -> None:
    changes = {"evaluation.every_steps": 1, "training.checkpointing_steps": 5, "training.checkpoints_total_limit": 1}
    run = tiny().train({3: [("set", {"changes": changes})]})
    assert kinds(run, "validation", "checkpoint") == [
        ("validation", 4),
        ("validation", 5),
        ("validation", 6),
        ("checkpoint", 5),
        ("checkpoint", 6),
    ]
    assert run.folder.checkpoint_steps() == [6]


def test_a_paused_run_still_draws_what_is_asked_for(tiny: Make) -> None:
    wishes = {"seed": 9, "num_inference_steps": 2, "scheduler": "DDIMScheduler", "num_images": 3}
    script = {
        2: [("pause", {}), ("pause", {}), ("sample", wishes), ("checkpoint", {}), ("resume", {})],
        3: [("resume", {})],
    }
    run = tiny().train(script)
    pause, again, sample, checkpoint, resume, twice = run.answers
    assert (pause.ok, again.ok, checkpoint.ok, resume.ok, twice.ok) == (True, False, True, True, False)
    assert again.message == "the run is paused already"
    assert twice.message == "the run is not paused"
    assert kinds(run, "paused", "resumed") == [("paused", 2), ("resumed", 2)]
    preview = run.records("preview")[0]
    assert (preview.step, preview.data["reason"], preview.data["seed"]) == (2, "request", 9)
    assert sample.ok
    assert np.load(preview.data["path"]).shape == (2, 2, 3, 8, 8, 3)
    assert same(tiny().train().tensors(), run.tensors())


def test_a_newer_request_takes_the_place_of_the_one_in_the_making(tiny: Make) -> None:
    script = {2: [("pause", {}), ("sample", {"num_inference_steps": 50}), ("sample", {"seed": 1}), ("resume", {})]}
    run = tiny({"training.max_train_steps": 20}).train(script)
    _, first, second, _ = run.answers
    assert (first.ok, first.message) == (False, "another one was asked for")
    assert second.ok


def test_a_request_that_is_cancelled_frees_the_device_before_the_next_model_call(
    tiny: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, poll, show = tiny({"training.max_train_steps": 20}), ScriptedSession.poll, ScriptedSession.frame
    cancels, shown = list[str](), list[tuple[int, int]]()

    def cancelling(session: ScriptedSession, step: int) -> list[Command]:
        if shown and not cancels:
            cancels.extend(submit(run.folder, "cancel", {"of": of}) for of in ("another's", session.sent[1]))
        return poll(session, step)

    def seen(session: ScriptedSession, header: dict[str, Any], pixels: np.ndarray) -> None:
        shown.append((header["count"], header["index"]))
        show(session, header, pixels)

    with monkeypatch.context() as patched:
        patched.setattr(ScriptedSession, "poll", cancelling)
        patched.setattr(ScriptedSession, "frame", seen)
        run.train({2: [("pause", {}), ("sample", {"num_inference_steps": 50}), ("resume", {})]})
    assert (run.answers[1].ok, run.answers[1].message) == (False, "cancelled")
    assert shown == [(50, 0), (3, 0), (3, 1), (3, 2)], "one call of it, then those of the run's end"
    assert same(tiny({"training.max_train_steps": 20}).train().tensors(), run.tensors())


def test_the_live_frame_shows_both_panes_of_the_latest_step(tiny: Make) -> None:
    run = tiny().train()
    frame = read_frame(run.folder)
    assert frame is not None
    assert frame.pixels.shape == (2, 32, 8, 8, 3)
    expected = {"kind": "preview", "step": 6, "index": 2, "count": 3, "panes": ["x_t", "x0"], "weights": "ema"}
    assert expected.items() <= frame.header.items()
    assert frame.header["final"] is True


def test_without_ema_the_weights_themselves_are_shown_and_exported(tiny: Make) -> None:
    run = tiny({"ema.enabled": False}).train()
    assert run.records("preview")[0].data["weights"] == "live"
    assert not any(name.startswith("ema/") for name in run.tensors())
    exported = load_pipeline(run.folder.pipeline).model.state_dict()
    assert all(torch.equal(run.tensors()[f"model/{name}"], value) for name, value in exported.items())


def test_losses_that_are_not_finite_are_skipped_and_then_the_run_waits(
    tiny: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = learner.loss_per_sample, []

    def breaks_after_two(*args: Any) -> Tensor:
        calls.append(1)
        return real(*args) * (torch.nan if len(calls) > 2 else 1.0)

    with monkeypatch.context() as patched:
        patched.setattr(learner, "loss_per_sample", breaks_after_two)
        run = tiny({"training.max_train_steps": 20}).train({7: [("stop", {})]})
    assert [r.step for r in run.records("warning")] == [3]
    (paused,) = run.records("paused")
    assert paused.step == 7
    assert "5 losses in a row were not finite" in paused.data["message"]
    good = tiny({"training.max_train_steps": 20}).train({2: [("stop", {})]})
    weights = {name: value for name, value in run.tensors().items() if name.startswith("model/")}
    assert all(torch.equal(value, good.tensors()[name]) for name, value in weights.items())


def test_weights_that_are_not_finite_are_never_checkpointed(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny().train({2: [("stop", {})]})
    monkeypatch.setattr(learner.Learner, "finite", lambda self: self.step < 4)
    monkeypatch.setattr(trainer.Trainer, "_finished", lambda self: None)
    run.train({5: [("checkpoint", {})]})
    assert "not finite: no checkpoint of them is written" in run.answers[0].message
    assert run.folder.checkpoint_steps() == [2]


def full_beyond(monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    """The device's memory holds batches up to `largest`."""
    real = Resident.take

    def take(self: Resident, request: Request) -> Pictures:
        if request.size > largest:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return real(self, request)

    monkeypatch.setattr(Resident, "take", take)


def test_a_batch_that_does_not_fit_is_undone(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    full_beyond(monkeypatch, 10)
    run = tiny().train({2: [("set", {"changes": {"training.train_batch_size": 16}})]})
    assert [r.data["changes"]["training.train_batch_size"] for r in run.records("applied")] == [[8, 16], [16, 8]]
    assert "train_batch_size 16 did not fit" in run.records("warning")[0].data["message"]
    assert same(tiny().train().tensors(), run.tensors())


def test_a_batch_that_grew_twice_goes_back_to_the_one_that_fitted(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    full_beyond(monkeypatch, 10)
    grow = [("set", {"changes": {"training.train_batch_size": size}}) for size in (16, 32)]
    run = tiny().train({2: [("pause", {}), *grow, ("resume", {})]})
    sets = [record.data["changes"] for record in run.records("applied") if record.data["command"] == "set"]
    assert [changes["training.train_batch_size"] for changes in sets] == [[8, 16], [16, 32], [32, 8]]
    assert same(tiny().train().tensors(), run.tensors())


def test_a_batch_that_was_lowered_is_not_raised_again(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    full_beyond(monkeypatch, 6)
    with pytest.raises(DeviceError, match="memory is full at train_batch_size 7: lower it"):
        tiny().train({0: [("set", {"changes": {"training.train_batch_size": 7}})]})


def test_a_recipe_that_does_not_fit_fails_with_the_mend(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    full_beyond(monkeypatch, 4)
    with pytest.raises(DeviceError, match="memory is full at train_batch_size 8: lower it"):
        tiny().train()


def test_a_full_disk_pauses_the_run_and_keeps_what_is_there(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = checkpoints.write_all, [8]

    def write_all(descriptor: int, data: bytes) -> None:
        room[0] -= 1
        if room[0] < 0:
            room[0] = 1000
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor, data)

    monkeypatch.setattr(checkpoints, "write_all", write_all)
    run = tiny({"training.checkpointing_steps": 2}).train({step: [("resume", {})] for step in (4, 5, 6)})
    (paused,) = run.records("paused")
    assert paused.step >= 4
    assert "no room for a checkpoint" in paused.data["message"]
    assert kinds(run, "checkpoint", "finished") == [("checkpoint", 2), ("checkpoint", 6), ("finished", 6)]
    assert same(tiny().train().tensors(), run.tensors())


def test_a_full_disk_at_the_end_loses_nothing(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    real, full = checkpoints.write_all, [True]

    def write_all(descriptor: int, data: bytes) -> None:
        if full.pop() if full else False:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor, data)

    monkeypatch.setattr(checkpoints, "write_all", write_all)
    run = tiny().train({6: [("resume", {})]})
    assert kinds(run, "paused", "checkpoint", "finished") == [("paused", 6), ("checkpoint", 6), ("finished", 6)]
    assert same(tiny().train().tensors(), run.tensors())


def test_a_preview_that_cannot_be_drawn_costs_a_warning(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*args: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr(trainer.Previews, "_show", no_room)
    run = tiny({"sampling.every_steps": 2}).train()
    assert "the preview was given up: CUDA out of memory" in run.records("warning")[0].data["message"]
    assert same(tiny().train().tensors(), run.tensors())


def test_a_sample_that_cannot_be_kept_is_answered(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(path: Path, *parts: bytes) -> None:
        raise DiskFullError("no room left on the disk")

    monkeypatch.setitem(previews.SHARES, "request", 0.999)
    with monkeypatch.context() as full:
        full.setattr(previews, "replace_file", no_room)
        run = tiny({"training.max_train_steps": 20}).train({2: [("sample", {"num_inference_steps": 1})]})
    (sample,) = run.answers
    assert not sample.ok and "no room left on the disk" in sample.message


def test_nothing_is_undone_while_the_journal_has_no_room(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoints would be gone, and nothing would tell why."""
    full = iter(["no room left on the disk"])
    monkeypatch.setattr(RankSession, "disk_full", property(lambda self: next(full, "") if self._step == 4 else ""))
    change = [("set", {"changes": {"ema.decay": 0.5}})]
    run = tiny({"training.checkpointing_steps": 2}).train({3: change, 4: [("undo", {})]})
    assert [answer.ok for answer in run.answers] == [True, False] and "no room" in run.answers[-1].message
    assert not run.records("rewound")


def test_an_orphan_writes_a_checkpoint_and_leaves(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny({"training.max_train_steps": 0})
    from tests.engine.tiny import ScriptedSession

    monkeypatch.setattr(ScriptedSession, "orphaned", property(lambda self: self._step >= 2))
    run.train()
    (stopped,) = run.records("stopped")
    assert stopped.step == 3
    assert run.folder.checkpoint_steps() == [3]


def test_no_checkpoint_gets_ahead_of_a_journal_that_has_no_room(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed then, the run would go on from steps and changes that are nowhere told."""
    looks = iter(["", "", "", "no room", "no room"])  # at the boundaries of steps 0 to 2; at the checkpoint; after it
    monkeypatch.setattr(RankSession, "disk_full", property(lambda _: next(looks, "")))
    run = tiny({"training.checkpointing_steps": 3, "training.max_train_steps": 5}).train({3: [("resume", {})]})
    assert {record.step for record in run.records("paused")} == {3}
    assert run.folder.checkpoint_steps() == [5]
