import os
from pathlib import Path

import numpy as np
import pytest

from tests.pictures.made import PICTURES, sidecar
from tui_lab.errors import RunError
from tui_lab.pictures import gallery


def test_a_sample_is_kept_once_with_what_makes_it_again(lab_home: Path) -> None:
    one = gallery.keep(PICTURES[2], sidecar(place=2))
    assert gallery.is_kept(PICTURES[2], sidecar(place=2)) and not gallery.is_kept(PICTURES[1], sidecar(place=1))
    assert gallery.keep(PICTURES[2], sidecar(place=2)) == one
    assert gallery.kept() == [one]
    assert one.sidecar == sidecar(place=2)
    assert np.array_equal(one.pixels(), PICTURES[2])
    assert one.path.parent == lab_home / "gallery"
    assert one.path.parent.stat().st_mode & 0o777 == 0o700


def test_the_newest_comes_first_and_what_is_removed_is_gone() -> None:
    kept = [gallery.keep(PICTURES[place], sidecar(place=place)) for place in range(3)]
    for age, one in enumerate(kept):
        os.utime(one.path, (1e9 - age, 1e9 - age))
    assert [one.id for one in gallery.kept()] == [one.id for one in kept]
    gallery.remove(kept[1])
    gallery.remove(kept[1])
    assert [one.id for one in gallery.kept()] == [kept[0].id, kept[2].id]
    assert len(list(kept[0].path.parent.iterdir())) == 4


def test_what_is_damaged_is_left_out_and_can_be_kept_anew() -> None:
    one = gallery.keep(PICTURES[0], sidecar(place=0))
    one.path.with_name(f"{one.path.name}.json").unlink()
    assert gallery.kept() == []
    assert gallery.keep(PICTURES[0], sidecar(place=0)).id == one.id
    one.path.write_bytes(b"no picture")
    with pytest.raises(RunError, match="cannot be read any more"):
        gallery.kept()[0].pixels()
