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


def test_a_check_tells_classes_shapes_values_and_duplicates(lab: Lab, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(6):
        place = tmp_path / ("cats" if number < 4 else "dogs")
        place.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(place / f"{number}.png")
    (tmp_path / "dogs" / "copy.png").write_bytes((tmp_path / "cats" / "0.png").read_bytes())
    (tmp_path / "dogs" / "notes.txt").write_text("mine")
    report = lab("datasets", "check", str(tmp_path), "--json").json
    assert report["classes"] == {"cats": 4, "dogs": 3} and report["aspects"] == {"4:3": 7}
    assert report["duplicates"] == {"exact": [["cats/0.png", "dogs/copy.png"]], "near": [], "spare": 1}
    assert report["passed_over"] == {".txt": 1}
    assert len(report["values"]["mean"]) == 3 and all(100 < mean < 150 for mean in report["values"]["mean"])
    plain = lab("datasets", "check", str(tmp_path)).out
    assert "cats/0.png  =  dogs/copy.png" in plain and "1 exact, 0 near" in plain and "4:3 7" in plain


def test_a_set_without_one_usable_image_is_still_reported(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not a picture")
    (tmp_path / "b.png").touch()
    outcome = lab("datasets", "check", str(tmp_path), "--json")
    assert outcome.code == 2 and "holds no picture that can be used" in outcome.error
    assert [item["path"] for item in outcome.json["rejected"]] == ["a.png", "b.png"]
    assert "an empty file" in lab("datasets", "check", str(tmp_path)).out


def test_arrays_keep_their_size_unless_another_is_asked_for(lab: Lab, tmp_path: Path) -> None:
    np.save(tmp_path / "set.npy", np.random.default_rng(0).integers(0, 256, (30, 20, 28), dtype=np.uint8))
    shown = lab("datasets", "show", str(tmp_path / "set.npy"), "--json").json
    assert shown["shape"] == [20, 28, 1] and shown["train"] + shown["held_out"] == 30
    assert len(shown["content_hash"]) == 64 and Path(shown["cache"]).is_dir()
    changes = ("--set", "dataset.resolution=16", "--set", "dataset.width=0", "--set", "dataset.channels=3")
    assert lab("datasets", "show", str(tmp_path / "set.npy"), "--json", *changes).json["shape"] == [16, 16, 3]
    assert lab("datasets", "check", str(tmp_path / "set.npy"), "--json").json["sizes"] == {"28×20": 30}


def test_a_known_set_is_checked_too(lab: Lab) -> None:
    report = lab("datasets", "check", "pixel-faces", "--json").json
    assert report["images"] == 8192 and report["duplicates"]["spare"] == 0
