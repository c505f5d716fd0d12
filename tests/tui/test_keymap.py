"""Keys of one's own take the place of the declared ones; a mistake in them is one line, and changes nothing."""

from __future__ import annotations

import pytest

from tests.tui.conftest import Opened, told, until
from tui_lab.errors import LabError
from tui_lab.tui.keymap import keymap_path, load_keymap
from tui_lab.tui.screens.help import HelpScreen
from tui_lab.tui.widgets.line_chart import LineChart


def test_without_a_file_nothing_changes() -> None:
    assert load_keymap({"train"}) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("trian = 'x'", "did you mean train?"),
        ("train = 3", 'takes a key such as "ctrl+t", not 3'),
        ("train = ", "is not used"),
    ],
)
def test_a_mistake_is_named(text: str, says: str) -> None:
    keymap_path().write_text(text)
    with pytest.raises(LabError) as caught:
        load_keymap({"train", "help"})
    assert says in caught.value.message and "keys.toml" in caught.value.message


async def test_a_key_of_ones_own_works_and_the_old_one_does_not(open_lab: Opened) -> None:
    keymap_path().write_text('help = "h"\n')
    async with open_lab() as (lab, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        assert lab.app.screen is lab
        await pilot.press("h")
        await until(pilot, lambda: isinstance(lab.app.screen, HelpScreen))


async def test_keys_of_a_panel_can_be_ones_own_too(open_lab: Opened) -> None:
    keymap_path().write_text('curves = "n"\n')
    async with open_lab() as (lab, pilot):
        chart = lab.query_one("#schedule-curves", LineChart)
        await pilot.press("2", "n")
        await until(pilot, lambda: chart.series[0].name == "ᾱ")


async def test_a_damaged_file_is_said_and_the_lab_opens(open_lab: Opened) -> None:
    keymap_path().write_text("trian = 'x'")
    async with open_lab() as (lab, pilot):
        await until(pilot, lambda: told(lab, "did you mean train?"))
