"""The lab's screen, driven by its keys: layouts, panels, knobs, recipes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from textual.widgets import Input, Static

from tests.tui.conftest import Opened, nudged, told, until
from tui_lab.catalog.recipes import list_recipes
from tui_lab.recipe import KNOBS, load_recipe
from tui_lab.tui.layouts import layout_for
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.screens.help import HelpScreen
from tui_lab.tui.widgets.dataset_panel import DatasetPanel
from tui_lab.tui.widgets.header import LabHeader
from tui_lab.tui.widgets.knob_list import LIVE, NOT_LIVE, KnobList
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.panel import Panel
from tui_lab.tui.widgets.panel_tabs import PanelTabs
from tui_lab.tui.widgets.pixel_view import PixelView
from tui_lab.tui.widgets.recipe_panel import RecipePanel
from tui_lab.tui.widgets.schedule_panel import SchedulePanel


@pytest.mark.parametrize(
    ("columns", "lines", "layout"),
    [(200, 60, "wide"), (150, 45, "wide"), (149, 45, "middle"), (150, 44, "middle"), (110, 34, "middle"),
     (109, 34, "narrow"), (80, 24, "narrow"), (71, 24, "tiny"), (40, 10, "tiny")],
)  # fmt: skip
def test_the_layout_follows_the_terminal(columns: int, lines: int, layout: str) -> None:
    assert layout_for(columns, lines) == layout


@pytest.mark.parametrize("size", [(200, 60), (120, 40)])
async def test_five_live_panels_stand_before_any_key_is_pressed(open_lab: Opened, size: tuple[int, int]) -> None:
    async with open_lab(size) as (lab, pilot):
        await until(pilot, lambda: lab.query_one("#dataset-page", PixelView).shown)
        assert [panel.region.area > 0 for panel in lab.query(Panel)] == [True] * 5
        assert "pixel-faces 16×16" in str(lab.query_one(DatasetPanel).border_title)
        assert "7\u202f168 train · 1\u202f024 held out" in str(lab.query_one("#dataset-words", Static).visual)
        assert lab.query_one("#schedule-strip", PixelView).shown == (8 if size[0] == 200 else 4)
        assert [one.name for one in lab.query_one("#schedule-curves", LineChart).series] == ["√ᾱ", "√(1-ᾱ)", "log-SNR"]
        assert "Press t to train on pixel-faces" in lab.query_one("#loss-curves", LineChart).empty
        assert "Press t to train" in str(lab.query_one("#denoising-words", Static).visual)
        await pilot.press("2", "z")
        await until(pilot, lambda: lab.query_one("#schedule-strip", PixelView).shown == 8)


async def test_a_narrow_terminal_shows_one_panel_and_tabs(open_lab: Opened) -> None:
    async with open_lab((80, 24)) as (lab, pilot):
        for key, name in (("1", "dataset"), ("2", "schedule"), ("3", "loss"), ("4", "recipe"), ("5", "denoising")):
            await pilot.press(key)
            await pilot.pause()
            assert [panel.id for panel in lab.query(Panel) if panel.region.area] == [name]
            assert lab.query_one(PanelTabs).active == name
        await pilot.click(PanelTabs, offset=(3, 0))
        await pilot.pause()
        assert lab.panel == "dataset"


async def test_a_tiny_terminal_gets_a_word_and_a_larger_one_the_lab_again(open_lab: Opened) -> None:
    async with open_lab((40, 10)) as (lab, pilot):
        words = str(lab.query_one("#too-small", Static).visual)
        assert "this terminal is 40×10" in words and "--help" in words
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: lab.query_one(DatasetPanel).region.area > 0)


async def test_zoom_shows_the_panel_in_focus_alone(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("2", "z")
        await pilot.pause()
        assert [panel.id for panel in lab.query(Panel) if panel.region.area] == ["schedule"]
        await pilot.press("z")
        await pilot.pause()
        assert all(panel.region.area for panel in lab.query(Panel))


async def test_a_knob_turns_by_arrows_and_back_by_undo(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("4")
        assert lab.query_one(KnobList).chosen == "optimizer.learning_rate"
        lower = nudged("optimizer.learning_rate", lab.draft.get("optimizer.learning_rate"), -1, -1)
        await pilot.press("left", "left")
        assert lab.draft.changes == {"optimizer.learning_rate": lower}
        assert "*" in str(lab.query_one(RecipePanel).border_subtitle)
        await pilot.press("u", "u", "u")
        assert lab.draft.changes == {}


async def test_the_chosen_knob_stands_out(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("4", "down")
        await pilot.pause()
        knobs = lab.query_one(KnobList)
        lines = [knobs.render_line(y) for y in range(knobs.size.height)]
        grounds = {line.text.split()[1]: line._segments[1].style for line in lines if line.text[:1] in (LIVE, NOT_LIVE)}
        backgrounds = [style and style.bgcolor for style in grounds.values()]
        chosen = grounds[KNOBS[knobs.chosen].name]
        assert chosen is not None and backgrounds.count(chosen.bgcolor) == 1


async def test_a_typed_value_is_checked_in_place(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("4", "enter")
        await until(pilot, lambda: isinstance(lab.app.screen, AskText))
        dialog = lab.app.screen
        dialog.query_one(Input).value = "fast"
        await pilot.press("enter")
        assert "takes a number (0 to 1)" in str(dialog.query_one("#complaint", Static).visual)
        dialog.query_one(Input).value = "3e-4"
        await pilot.press("enter")
        await until(pilot, lambda: lab.draft.get("optimizer.learning_rate") == 3e-4)


async def test_the_schedule_bends_with_its_knob(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        chart = lab.query_one("#schedule-curves", LineChart)
        before = chart.series[0].y.copy()
        await pilot.press("4")
        lab.query_one(KnobList).chosen = "noise_scheduler.beta_schedule"
        await pilot.press("right")
        await pilot.pause()
        assert lab.draft.recipe.noise_scheduler.beta_schedule == "sigmoid"
        assert (chart.series[0].y != before).any()
        assert "sigmoid" in str(lab.query_one(SchedulePanel).border_subtitle)


async def test_a_choice_is_taken_from_a_list_that_typing_narrows(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("4")
        lab.query_one(KnobList).chosen = "sampling.scheduler"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press(*"DDIM", "enter")
        await until(pilot, lambda: lab.draft.recipe.sampling.scheduler == "DDIMScheduler")


async def test_search_finds_a_knob_by_part_of_its_name(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("slash", *"decay", "enter")
        await pilot.pause()
        assert lab.query_one(KnobList).has_focus
        assert lab.query_one(KnobList).chosen in ("ema.decay", "optimizer.weight_decay")


async def test_what_is_typed_right_after_a_panel_and_the_search_were_asked_for_goes_to_the_search(
    open_lab: Opened,
) -> None:
    async with open_lab() as (lab, pilot):
        lab.action_panel("recipe")
        lab.action_search()  # before the first had time to settle, as keys that come in one piece do
        await pilot.press("b")
        assert lab.query_one("#knob-search", Input).value == "b"


async def test_knobs_that_disagree_are_marked_and_training_says_why_not(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        lab.turn(KNOBS["dataset.resolution"], 18)
        await pilot.pause()
        assert "no multiple of 4" in str(lab.query_one("#knob-help", Static).visual)
        await pilot.press("t")
        await pilot.pause()
        assert lab.attached is None
        await until(pilot, lambda: told(lab, "no multiple of 4"))


async def test_edited_knobs_are_saved_as_a_recipe_of_ones_own(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        lower = nudged("optimizer.learning_rate", lab.draft.get("optimizer.learning_rate"), -1)
        await pilot.press("4", "left", "w")
        await until(pilot, lambda: isinstance(lab.app.screen, AskText))
        lab.app.screen.query_one(Input).value = "slower faces"
        await pilot.press("enter")
        await until(pilot, lambda: any(listed.name == "slower faces" for listed in list_recipes()))
        (listed,) = [listed for listed in list_recipes() if listed.name == "slower faces"]
        assert load_recipe(listed.path).optimizer.learning_rate == lower
        assert "Quickstart" in load_recipe(listed.path).recipe.description
        await until(pilot, lambda: lab.draft.origin == "slower faces")
        assert lab.draft.changes == {}


async def test_another_recipe_is_opened_from_the_list(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press(*"digits", "enter")
        await until(pilot, lambda: lab.draft.origin == "digits-8")
        await until(pilot, lambda: "8×8 grey" in str(lab.query_one(DatasetPanel).border_title))
        assert lab.query_one(LabHeader).state.recipe == "digits-8"


async def test_data_that_is_not_there_is_said_in_the_panel(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        lab.turn(KNOBS["dataset.path"], "/no/such/[bold]folder\x1b[31m")
        await until(pilot, lambda: "no/such" in str(lab.query_one("#dataset-words", Static).visual))
        assert "\x1b" not in str(lab.query_one("#dataset-words", Static).visual)


async def test_help_lists_every_key_that_the_lab_declares(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(lab.app.screen, HelpScreen))
        words = "\n".join(str(static.visual) for static in lab.app.screen.query(Static))
        for tooltip in ("Start a run", "Pause the run", "A new run with the edited knobs", "Turn the last knob back"):
            assert tooltip in words


async def test_the_palette_offers_the_same_actions(open_lab: Opened) -> None:
    async with open_lab() as (lab, _):
        offered = {command.title for command in lab.app.get_system_commands(lab)}
        assert {"Train", "Pause", "Preview", "Sample", "Fork", "Stop", "Checkpoint", "Undo", "Zoom", "Runs"} <= offered


async def test_both_themes_draw_the_lab(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await until(pilot, lambda: lab.query_one("#dataset-page", PixelView).shown)
        for theme in ("lab-light", "lab-dark"):
            lab.app.theme = theme
            await pilot.pause()
            assert "pixel-faces" in lab.app.export_screenshot()


def test_the_lab_imports_nothing_heavy() -> None:
    """Looks at `sys.modules` of a live app, with a page of pictures on its screen."""
    code = """
import asyncio, sys
from tui_lab.tui.app import LabApp

HEAVY = {"torch", "diffusers", "datasets", "accelerate", "sklearn", "scipy", "PIL", "numpy.random", "numpy.ma"}

async def main():
    app = LabApp()
    async with app.run_test(size=(120, 40)) as pilot:
        while app.lab is None or not app.lab.query("#dataset-page") or not app.lab.query_one("#dataset-page").shown:
            await pilot.pause(0.02)
        print(sorted(HEAVY & set(sys.modules)))

asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.stdout.strip() == "[]", ended.stderr
