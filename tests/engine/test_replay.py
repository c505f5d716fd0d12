"""Recipe and interventions give the same weights once more."""

from collections.abc import Callable

from tests.engine.tiny import Tiny, same
from tui_lab.runs.creation import fork_run
from tui_lab.runs.replaying import outcome_of, replay_run

Make = Callable[..., Tiny]
CADENCE = {"training.checkpointing_steps": 2, "training.max_train_steps": 8, "training.checkpoints_total_limit": 1}
RATE = {"optimizer.learning_rate": 1e-2}
BATCH = {"training.train_batch_size": 5}


def test_a_replay_of_a_run_with_a_history_ends_with_its_weights(tiny: Make) -> None:
    script = {1: [("set", {"changes": BATCH})], 3: [("set", {"changes": RATE})], 4: [("undo", {})], 5: [("stop", {})]}
    original = tiny(CADENCE).train(script)
    replay = Tiny(replay_run(original.folder, "again"), original.images).train(kill_at=3)
    replay.train()
    assert outcome_of(replay.folder) == {
        "run": original.folder.id,
        "equal": True,
        "weights": replay.records("replays")[0].data["weights"],
        "expected": replay.records("replays")[0].data["weights"],
    }
    assert replay.records("finished")[0].step == 5
    assert same(original.tensors(), replay.tensors())


def test_a_replay_that_ends_elsewhere_says_so(tiny: Make) -> None:
    original = tiny(CADENCE).train({3: [("set", {"changes": RATE})]})
    folder = replay_run(original.folder)
    text = folder.recipe_path.read_text().replace("seed = 0", "seed = 1", 1)
    folder.recipe_path.write_text(text)
    Tiny(folder, original.images).train()
    outcome = outcome_of(folder)
    assert outcome is not None
    assert outcome["equal"] is False


def test_a_fork_is_its_parent_and_so_is_the_forks_replay(tiny: Make) -> None:
    script = {3: [("set", {"changes": RATE})], 4: [("set", {"changes": BATCH})]}
    parent = tiny({**CADENCE, "training.checkpoints_total_limit": 0}).train(script)
    fork = Tiny(fork_run(parent.folder, at=4), parent.images).train()
    assert same(parent.tensors(), fork.tensors())
    assert fork.folder.checkpoint_steps()[0] == 4
    replay = Tiny(replay_run(fork.folder), parent.images).train()
    assert outcome_of(replay.folder)["equal"]  # type: ignore[index]
    assert same(fork.tensors(), replay.tensors())
