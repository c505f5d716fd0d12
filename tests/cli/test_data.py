from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Lab


def test_datasets_are_listed(lab: Lab) -> None:
    listed = {info["name"]: info for info in lab("datasets", "--json").json}
    assert listed["pixel-faces"]["available"] and listed["pixel-faces"]["resolution"] == 16
    out = lab("datasets").out
    assert "pixel-faces" in out and "\x1b" not in out  # no picture where there is no terminal


def test_a_dataset_is_shown_as_training_would_see_it(lab: Lab) -> None:
    shown = lab("datasets", "show", "pixel-faces", "--json").json
    assert (shown["train"], shown["held_out"], shown["shape"]) == (7168, 1024, [16, 16, 3])
    assert sum(shown["classes"].values()) == 7168
    assert "7168 to train on, 1024 held out" in lab("datasets", "show", "pixel-faces-16").out


def test_in_a_terminal_pictures_are_printed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_lab.cli.stills.can_print", lambda: True)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "▄" in lab("datasets", "show", "pixel-faces").out


def test_a_folder_is_checked_image_by_image(lab: Lab, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "good.png")
    Image.new("L", (20, 10)).save(tmp_path / "grey.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text\x1b[2J.png").write_text("not a picture")
    report = lab("datasets", "check", str(tmp_path), "--json").json
    assert report["images"] == 2
    assert report["modes"] == {"RGB": 1, "L": 1} and report["sizes"] == {"20×10": 2}
    assert sorted(item["path"] for item in report["rejected"]) == ["cut.png", "empty.jpg", "text\x1b[2J.png"]
    assert all(item["reason"] for item in report["rejected"])
    plain = lab("datasets", "check", str(tmp_path))
    assert plain.code == 0 and "empty.jpg" in plain.out and "\x1b" not in plain.out


@pytest.mark.parametrize("name", ["/no/such/folder", "no-such-set", "./nothing"])
def test_a_dataset_that_is_not_there_is_bad_input(lab: Lab, name: str) -> None:
    assert lab("datasets", "show", name).code == 2
    outcome = lab("datasets", "check", name)
    assert outcome.code == 2 and "does not exist" in outcome.error


def test_a_folder_is_shown_too(lab: Lab, tmp_path: Path) -> None:
    for number in range(4):
        Image.fromarray(np.full((16, 16, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    assert lab("datasets", "show", str(tmp_path), "--json").json["shape"] == [16, 16, 3]
