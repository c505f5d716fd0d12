import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.pictures.made import ORIGIN, PICTURES, sidecar
from tui_lab.errors import RunError
from tui_lab.pictures.sidecar import is_same, read_sidecar, sidecar_path, write_sidecar


def test_a_sidecar_is_read_as_it_was_written_by_its_own_name_or_by_the_picture_s(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    path = write_sidecar(picture, sidecar(place=2))
    assert path == sidecar_path(picture) == tmp_path / "a.png.json"
    assert read_sidecar(path) == read_sidecar(picture) == sidecar(place=2)


def test_it_tells_the_same_pictures_from_others_to_the_bit() -> None:
    other = PICTURES.copy()
    other[2, 0, 0, 0] ^= 1
    assert is_same(sidecar(), PICTURES) and not is_same(sidecar(), other)
    assert is_same(sidecar(place=1), other) and not is_same(sidecar(place=2), other)
    assert not is_same(sidecar(), PICTURES.reshape(4, 8, 6, 3))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("[1]", "no sidecar of a picture that this version knows"),
        ('{"format": "diffusion-lab pictures 9"}', "that this version knows"),
        ('{"format": "diffusion-lab pictures 1", "pixels": {}}', "does not say how one was made"),
    ],
)
def test_what_is_no_sidecar_is_told_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RunError, match=words):
        read_sidecar(tmp_path / "a.json")
    with pytest.raises(RunError, match="No such file"):
        read_sidecar(tmp_path / "b.json")


def test_a_denoising_that_cannot_be_is_told_with_its_field(tmp_path: Path) -> None:
    fields = sidecar().to_json()
    fields["denoising"]["start"]["strength"] = 7
    (tmp_path / "a.json").write_text(json.dumps(fields))
    with pytest.raises(RunError, match=r"a\.json: start\.strength"):
        read_sidecar(tmp_path / "a.json")


def test_what_may_change_bits_is_said_in_words() -> None:
    assert ORIGIN.differences(ORIGIN) == []
    other = replace(ORIGIN, sha256="cd" * 32, versions={"torch": "2.12.0", "threads": "2"})
    assert ORIGIN.differences(other) == ["other weights", "torch 2.13.0, not 2.12.0"]
