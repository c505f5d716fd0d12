"""The Model screen, by its keys; its workbench gives canned answers."""

from __future__ import annotations

import pytest
from textual.widgets import Input, OptionList, Static

from tests.tui.canned import Asked, can_workbench
from tests.tui.conftest import Opened, told, until
from tui_lab.catalog.models import MODEL_PRESETS
from tui_lab.errors import RecipeError
from tui_lab.recipe import KNOBS
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.screens.model import ModelScreen
from tui_lab.tui.widgets.block_tree import BlockTree
from tui_lab.workbench.client import Workbench

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return can_workbench(monkeypatch)


def cost(lab: LabScreen) -> str:
    return str(lab.app.screen.query_one("#model-cost-words", Static).visual)


def lines(lab: LabScreen) -> list[str]:
    tree = lab.app.screen.query_one(BlockTree)
    return [tree.render_line(y).text.rstrip() for y in range(tree.size.height)]


@pytest.mark.parametrize("size", SIZES)
async def test_m_shows_the_blocks_and_what_a_step_costs(open_lab: Opened, asked: Asked, size: tuple[int, int]) -> None:
    async with open_lab(size) as (lab, pilot):
        await pilot.press("m")
        await until(pilot, lambda: isinstance(lab.app.screen, ModelScreen) and "GFLOP" in cost(lab))
        assert "4.1 GFLOP" in cost(lab) and "≈ 16 MB, estimated" in cost(lab) and "1\u202f000\u202f000" in cost(lab)
        shown = lines(lab)
        assert shown[0].split()[0] == "conv_in" and shown[0].endswith("32×16×16     896")
        assert "resnets.0" in shown[2] and "down_blocks" not in shown[2]
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "▸" in lines(lab)[1] and "conv_out" in lines(lab)[2]
        await pilot.press("escape")
        await until(pilot, lambda: lab.app.screen is lab)


async def test_a_preset_is_previewed_taken_as_one_edit_and_undone(open_lab: Opened, asked: Asked) -> None:
    async with open_lab() as (lab, pilot):
        before = lab.draft.recipe
        await pilot.press("m", "tab")
        screen = lab.app.screen
        names = list(MODEL_PRESETS)
        await pilot.press(*["down"] * names.index("small"))
        await pilot.pause()
        changes = str(screen.query_one("#model-changes-words", Static).visual)
        assert "channels a block" in changes and "→ 64, 128, 128" in changes
        assert lab.draft.recipe == before
        await pilot.press("enter")
        await until(pilot, lambda: lab.draft.recipe.model.block_out_channels == (64, 128, 128))
        await until(pilot, lambda: len(asked.of("summary")) >= 2)
        preset = MODEL_PRESETS["small"]
        assert all(lab.draft.get(key) == value for key, value in preset.knobs.items())
        option = screen.query_one(OptionList).get_option("small")
        assert str(option.prompt).startswith("✓")
        await pilot.press("u")
        await pilot.pause()
        assert lab.draft.recipe == before


async def test_a_model_that_cannot_be_says_why(open_lab: Opened, asked: Asked) -> None:
    async with open_lab() as (lab, pilot):
        lab.turn(KNOBS["dataset.resolution"], 18)
        await pilot.press("m")
        await pilot.pause()
        assert "no multiple of 4" in str(lab.app.screen.query_one("#model-problem", Static).visual)
        assert not asked.of("summary") and "counts" not in cost(lab)
        await pilot.press("b")
        await until(pilot, lambda: told(lab, "no multiple of 4"))
        assert not asked.of("probe")


async def test_b_times_two_steps_and_says_when_it_would_end(open_lab: Opened, asked: Asked) -> None:
    async with open_lab() as (lab, pilot):
        lab.turn(KNOBS["training.max_train_steps"], 600)
        await pilot.press("m")
        await until(pilot, lambda: "b times two steps" in cost(lab))
        await pilot.press("b")
        await until(pilot, lambda: "0.5 s a step, cpu" in cost(lab))
        assert "5:00 for 600 steps" in cost(lab)
        assert asked.of("probe") == [lab.draft.recipe.training.device]


async def test_fine_tuning_starts_from_a_checkpoint_whose_architecture_is_adopted(
    open_lab: Opened, asked: Asked
) -> None:
    async with open_lab() as (lab, pilot):
        run = RunFolder.create(lab.draft.to_toml(), "amber-heron")
        (run.checkpoint(250)).mkdir(parents=True)
        await pilot.press("m", "c")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press(*"amber", "enter")
        await until(pilot, lambda: lab.draft.get("model.base_checkpoint") == "amber-heron@250")
        assert lab.draft.get("model.layers_per_block") == 3
        await until(pilot, lambda: "amber-heron@250" in cost(lab))
        await pilot.press("u")
        assert not lab.draft.changes


async def test_a_hub_id_is_typed_and_a_source_that_cannot_be_read_changes_nothing(
    open_lab: Opened, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: Workbench, source: str) -> dict[str, object]:
        raise RecipeError(f"model.base_checkpoint {source}: the hub cannot be reached")

    monkeypatch.setattr(Workbench, "architecture", refused)
    async with open_lab() as (lab, pilot):
        await pilot.press("m", "c")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press(*"name it", "enter")
        await until(pilot, lambda: isinstance(lab.app.screen, AskText))
        lab.app.screen.query_one(Input).value = "google/ddpm-cifar10-32"
        await pilot.press("enter")
        await until(pilot, lambda: told(lab, "the hub cannot be reached"))
        assert not lab.draft.changes


async def test_what_the_workbench_cannot_count_is_said_in_place(
    open_lab: Opened, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: Workbench, recipe_toml: str) -> None:
        raise RecipeError("model: no such block")

    monkeypatch.setattr(Workbench, "summary", refused)
    async with open_lab() as (lab, pilot):
        await pilot.press("m")
        await until(pilot, lambda: "no such block" in cost(lab))


@pytest.mark.slow
async def test_the_real_workbench_counts_and_times_the_model_and_takes_a_batch_through_it(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press(*"digits-8", "enter")
        await until(pilot, lambda: lab.draft.origin == "digits-8")
        await pilot.press("m")
        await until(pilot, lambda: "FLOP" in cost(lab))
        await pilot.press("b")
        await until(pilot, lambda: "a step, cpu" in cost(lab))
        await pilot.press("escape", "b")
        await until(pilot, lambda: "loss" in str(lab.app.screen.query_one("#batch-title", Static).visual))
