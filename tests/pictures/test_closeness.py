"""Errors of pictures against hand-made cases."""

import math

import pytest

from tui_lab.pictures.closeness import error_words, psnr


def test_ten_times_the_error_is_20_db_less() -> None:
    assert [psnr(1.0), psnr(0.1), psnr(0.01), psnr(0.0)] == pytest.approx([0.0, 20.0, 40.0, math.inf])


def test_in_words() -> None:
    assert error_words(0.01234) == "RMSE 0.0123 of 1, PSNR 38.2 dB"
