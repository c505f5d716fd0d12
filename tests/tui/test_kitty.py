import base64
import re
import zlib

import numpy as np

from tui_lab.tui import kitty


def test_a_picture_goes_in_pieces_that_come_together_again() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    pieces = kitty.transmission(7, picture, 6, 2)
    parsed = [re.fullmatch(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", piece) for piece in pieces]
    assert len(parsed) > 1 and all(len(piece[2]) <= 4096 for piece in parsed if piece)
    abouts = [piece[1] for piece in parsed if piece]
    assert abouts[0] == "a=T,U=1,i=7,c=6,r=2,f=24,o=z,s=60,v=40,m=1"
    assert set(abouts[1:-1]) <= {"m=1"} and abouts[-1] == "m=0"
    data = base64.b64decode("".join(piece[2] for piece in parsed if piece))
    assert zlib.decompress(data) == picture.tobytes()


def test_placeholders_say_row_column_and_number() -> None:
    assert kitty.placeholders(0x010203, 1, 2, 5) == "\x1b[38;2;1;2;3m\U0010eeee\u030d\u030e\U0010eeee\U0010eeee\x1b[39m"
    assert kitty.placeholders(1, 0, 3, 3) == ""


def test_numbers_fit_in_a_colour_and_are_new_each_time() -> None:
    numbers = [kitty.new_number() for _ in range(100)]
    assert len(set(numbers)) == 100
    assert all(0 < number < 1 << 24 for number in numbers)
