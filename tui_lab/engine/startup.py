"""From a run's folder to a trainer that is ready to go on from where the run stood."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch import Tensor

from tui_lab.data import Images, load_images
from tui_lab.engine import checkpoints
from tui_lab.engine.attention import choose_attention
from tui_lab.engine.batches import Batches
from tui_lab.engine.checkpoints import Checkpoint
from tui_lab.engine.devices import cpu_cores, device_name, free_memory, resolve_device
from tui_lab.engine.evaluation import open_evaluation
from tui_lab.engine.feeds import open_feed, open_still
from tui_lab.engine.guards import Guards
from tui_lab.engine.importance import Importance
from tui_lab.engine.labels import check_labels
from tui_lab.engine.learner import Learner, fresh_model
from tui_lab.engine.memory import check_memory
from tui_lab.engine.precision import Precision, resolve_precision
from tui_lab.engine.ranks import Ranks, follow, open_learner
from tui_lab.engine.speed import speed_of
from tui_lab.engine.trainer import Trainer
from tui_lab.engine.versions import versions
from tui_lab.errors import DataError, LabError
from tui_lab.models.base import load_base
from tui_lab.recipe import Recipe, recipe_hash
from tui_lab.runs.environment import place
from tui_lab.runs.launcher import check_batch
from tui_lab.runs.rank import RankSession

_BATCH = "training.train_batch_size"


def prepare(session: RankSession, images: Images) -> Trainer:
    """Build everything, load the newest checkpoint that verifies, and journal `started`.

    Raises LabError where the device, the dataset or the checkpoint cannot do what the recipe asks.
    """
    recipe, at = session.recipe, session.past_last_step
    device = resolve_device(recipe.training.device)
    precision = resolve_precision(recipe.training.mixed_precision, device)
    check(recipe, images, device)
    set_up_torch(device)
    choose_attention(recipe, device)
    session.record("starting", at, message="building the model")
    batches = Batches(recipe, images, open_feed(recipe, images, device), device)
    ranks = Ranks.join(device)
    learner = open_learner(recipe, batches, build_accelerator(device, precision), ranks)
    here, guards = versions(), Guards(session)
    if not resume(session, learner, guards, here) and recipe.model.base_checkpoint:
        session.record("starting", at, message=f"loading the weights of {recipe.model.base_checkpoint}")
        learner.start_from(load_base(recipe))
    pending = session.go_on_from(learner.step)
    learner.recipe = session.recipe
    for size in (session.recipe.training.train_batch_size, *(later[_BATCH] for _, later in pending if _BATCH in later)):
        check_batch(size, place().ranks)
    session.record(
        "started",
        learner.step,
        versions=here,
        device=str(device),
        device_name=device_name(device),
        processes=place().ranks,
        threads=torch.get_num_threads(),
        mixed_precision=precision,
        speed=speed_of(learner, device, precision),
        parameters=learner.parameters,
        dataset=images.name,
        content_hash=images.content_hash,
        images=len(images.pixels),
        train_images=len(images.train_rows),
        held_out_images=len(images.held_out_rows),
        rejected_images=len(images.rejected),
        classes=len(images.classes),
        process=recipe.noise_scheduler.class_name,
        objective=recipe.noise_scheduler.objective,
        parent=session.folder.parent(),
        recipe_hash=recipe_hash(session.folder.recipe()),
        first_step=learner.step,
        waits_for="compiling the network, which the first step waits for" if learner.compiled else "",
    )
    if learner.obstacle:
        message = f"the network is not compiled, since {learner.obstacle}: the run goes on without, slower"
        session.record("warning", learner.step, message=message)
    if images.streaming:
        session.record("warning", learner.step, message=_streaming(images, learner.step))
    evaluation = open_evaluation(recipe, images, device)
    return Trainer(session, learner, evaluation, here, pending, guards, partial(beginning, recipe))


def follow_rank_0(recipe: Recipe) -> None:
    """The whole turn of another rank than 0, which leads. The images come once rank 0 has them, from its cache."""
    ranks = Ranks.join(resolve_device(recipe.training.device))
    if ranks is None:
        raise LabError("a rank that is alone has nobody to follow")
    images, device = load_images(recipe.dataset), ranks.device
    set_up_torch(device)
    choose_attention(recipe, device)
    batches = Batches(recipe, images, open_feed(recipe, images, device), device)
    precision = resolve_precision(recipe.training.mixed_precision, device)
    follow(ranks, Learner(recipe, batches, build_accelerator(device, precision)))


def beginning(recipe: Recipe) -> Checkpoint:
    """The state before the first update, for a run that goes back there."""
    weights = load_base(recipe) if recipe.model.base_checkpoint else fresh_model(recipe).state_dict()
    tensors: dict[str, Mapping[str, Tensor]] = {"model": weights, "optimizer": {}}
    if recipe.loss.timestep_sampling == "importance":
        tensors["importance"] = Importance(torch.device("cpu")).state_dict()
    return Checkpoint(0, tensors, {"samples_seen": 0, "grad_scaler": torch.amp.GradScaler("cpu").state_dict()})


def check(recipe: Recipe, images: Images, device: torch.device) -> None:
    """What would fail later, and at greater cost. Raises LabError."""
    if not len(images.train_rows):
        raise DataError(f"{images.name} has no image to train on: lower dataset.val_fraction, or choose another")
    check_labels(recipe, images)
    check_memory(recipe, free_memory(device), device)


def lone_learner(recipe: Recipe, images: Images, device: torch.device) -> Learner:
    """A learner at step 0 without a run: its updates are those that a run's first steps would make.

    For a process that looks at one recipe after another: accelerate's memory of the one before, its device and its
    precision, is let go. Raises LabError where the device or the dataset cannot do what the recipe asks.
    """
    precision = resolve_precision(recipe.training.mixed_precision, device)
    check(recipe, images, device)
    choose_attention(recipe, device)
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    batches = Batches(recipe, images, open_still(recipe, images, device), device)
    return Learner(recipe, batches, build_accelerator(device, precision))


def set_up_torch(device: torch.device) -> None:
    """Threads for the cores at hand; denormal numbers, which cost a CPU a hundredfold, become 0."""
    torch.set_num_threads(cpu_cores())
    torch.set_flush_denormal(True)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True


def build_accelerator(device: torch.device, precision: Precision) -> Accelerator:
    """accelerate on this device; where a launcher started several processes, each keeps the one it was given."""
    if "LOCAL_RANK" not in os.environ:
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)
    return Accelerator(mixed_precision=precision, cpu=device.type == "cpu", step_scheduler_with_optimizer=False)


def resume(session: RankSession, learner: Learner, guards: Guards, versions: dict[str, str]) -> bool:
    """Load the newest checkpoint that verifies; whether there is one."""
    with suppress(OSError):
        checkpoints.remove_leftovers(session.folder.checkpoints)
    checkpoint, skipped = checkpoints.newest(session.folder.checkpoints)
    at = session.past_last_step
    for damaged in skipped:
        session.record("warning", at, message=f"checkpoint {damaged.path.name} was passed over: {damaged.why}")
    parent = session.folder.parent()
    if checkpoint is None and parent is not None:
        raise LabError(
            f"no checkpoint of {session.folder.id} is whole, and a fork cannot begin anew: fork {parent['run']} again"
        )
    if checkpoint is not None:
        session.record("starting", at, message=f"loading the checkpoint of step {checkpoint.step}")
        learner.load(checkpoint)
        guards.rewound(checkpoint.state.get("guards", {}))
        before = checkpoint.state.get("versions")
        if before != versions:
            session.record(
                "warning",
                at,
                message=f"the checkpoint was made with {_listed(before)}, this is {_listed(versions)}: results may "
                "differ in the last bits",
            )
    return checkpoint is not None


def _streaming(images: Images, step: int) -> str:
    """What a streamed set cannot keep: said when a run starts, and whenever it is resumed."""
    if step:
        return (
            f"{images.name} is streamed, and its stream begins anew: this resume is not exact, since from step {step} "
            "on the pictures are others than those that an unbroken run would have seen"
        )
    return (
        f"{images.name} is streamed: a resume of this run will not be exact, since its stream then begins anew; turn "
        "dataset.streaming off for that"
    )


def _listed(versions: object) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items()) if isinstance(versions, dict) else "others"
