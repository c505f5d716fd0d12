"""A draft's edits: one turn of a hand is one undo, whatever moved with it."""

from tui_lab.recipe import Recipe
from tui_lab.tui.draft import Draft


def test_a_preset_is_one_edit() -> None:
    draft = Draft(Recipe())
    changed = draft.set_all({"model.block_out_channels": (16, 32), "model.layers_per_block": 2, "ema.decay": 0.999})
    assert changed and set(draft.changes) == {"model.block_out_channels", "model.layers_per_block"}
    edit = draft.undo()
    assert edit is not None and edit.key == "model.block_out_channels"
    assert draft.recipe == Recipe() and not draft.can_undo


def test_another_process_takes_a_sampler_along_that_can_follow_it() -> None:
    draft = Draft(Recipe())
    draft.set("noise_scheduler.class", "EDMEulerScheduler")
    assert not draft.problems
    assert "sampling.scheduler" in draft.changes
    draft.undo()
    assert draft.recipe == Recipe()


def test_what_stands_there_already_is_no_edit() -> None:
    draft = Draft(Recipe())
    assert not draft.set("training.seed", 0)
    assert not draft.can_undo
