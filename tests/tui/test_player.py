"""What is on the screen of a denoising: as it comes, as it was left, as it plays."""

from __future__ import annotations

from tui_lab.tui.player import Player


def test_it_shows_the_newest_step_as_it_comes() -> None:
    player = Player()
    assert [player.place(there) for there in (0, 1, 5)] == [-1, 0, 4]


def test_a_step_gone_back_to_stays_while_others_come() -> None:
    player = Player()
    player.scrub(-2, there=5)
    assert player.place(5) == player.place(9) == 2
    player.scrub(100, there=9)
    assert player.place(9) == 8 and player.place(10) == 9


def test_the_step_is_kept_in_another_denoising_as_far_as_that_is_drawn() -> None:
    player = Player()
    player.go(7, there=20)
    assert [player.place(there) for there in (0, 3, 20)] == [-1, 2, 7]


def test_it_never_leaves_its_ends() -> None:
    player = Player()
    player.scrub(-10_000, there=20)
    assert player.place(20) == 0
    player.scrub(10_000, there=20)
    assert player.place(20) == 19


def test_it_plays_from_the_beginning_to_the_end_and_stops() -> None:
    player, seen = Player(), []
    player.toggle(there=4, count=4)
    while player.playing:
        seen.append(player.place(4))
        player.tick(there=4, count=4)
    assert seen == [0, 1, 2, 3] and player.place(4) == 3


def test_it_waits_for_steps_that_are_not_there_yet() -> None:
    player = Player()
    player.go(0, there=2)
    player.toggle(there=2, count=9)
    assert player.tick(2, 9) and not player.tick(2, 9) and player.playing
    assert player.tick(3, 9) and player.place(3) == 2


def test_what_comes_is_held_and_goes_on_from_there() -> None:
    player = Player()
    player.toggle(there=3, count=9)
    assert not player.playing and player.place(6) == 2
    player.toggle(there=6, count=9)
    assert player.playing and player.place(6) == 2
