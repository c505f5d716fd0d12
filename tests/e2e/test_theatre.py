"""The denoising theatre in a real terminal, over the real workbench: what stands on the screen is what was drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.tiny_run import TINY, tiny_run
from tests.waiting import wait_until
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.data import load_images
from tui_lab.data.masks import mask_of
from tui_lab.recipe.denoising import Denoising, ImageRef, Start
from tui_lab.tui.spare_keeper import SPARE_VARIABLE
from tui_lab.workbench.cells import PANES
from tui_lab.workbench.client import Workbench, run_sync

COMMAND = [sys.executable, "-c", "from tui_lab.cli import main; main()"]


async def drawn(workbench: Workbench, asked: Denoising) -> np.ndarray:
    """(steps, panes, B, H, W, C)."""
    return np.stack([step.pixels async for step in workbench.denoise(asked, PANES)])


def grey(terminal: PtyTerminal) -> np.ndarray:
    """(2·lines, columns): the pixels that are grey, -1 for all others."""
    levels = [
        [int(colour[:2], 16) if len(colour) == 6 and colour[:2] * 3 == colour else -1 for colour in row]
        for row in terminal.pixels
    ]
    return np.array(levels)


def stands_there(terminal: PtyTerminal, picture: np.ndarray) -> bool:
    """Whether that picture (H, W, 1) is on the screen, enlarged by whatever whole factor."""
    screen = grey(terminal)
    for times in range(1, 6):
        large = picture[..., 0].repeat(times, 0).repeat(times, 1)
        if large.shape[0] <= screen.shape[0] and large.shape[1] <= screen.shape[1]:
            places = sliding_window_view(screen, large.shape)
            if (places == large).all(axis=(2, 3)).any():
                return True
    return False


LOWEST = Denoising(source="tiny", checkpoint=20, knobs={"scheduler": "DDIMScheduler", "num_inference_steps": 2})
"""A place of the sheet, of which it draws four pictures."""

KEPT = np.ones((8, 8), bool)
KEPT[2, 1:7] = False
MASKED = Denoising(
    source="tiny",
    checkpoint=20,
    start=Start(kind="image", image=ImageRef(kind="data", index=0)),
    keep=mask_of(KEPT),
)
"""A line of a picture drawn anew."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, np.ndarray]]:
    """The lab's home with a run, and what each of its checkpoints draws, as 0 what LOWEST is and as -1 MASKED, by
    another workbench."""
    home = tmp_path_factory.mktemp("theatre")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFUSION_LAB_HOME", str(home))
        run = tiny_run()

        async def both(workbench: Workbench) -> dict[int, np.ndarray]:
            runs = {step: Denoising(source=str(run.path), checkpoint=step) for step in (10, 20)}
            others = {0: LOWEST.turned(num_images=4), -1: MASKED}
            return {step: await drawn(workbench, asked) for step, asked in (runs | others).items()}

        return home, run_sync(both)


def test_it_is_played_scrubbed_gone_through_by_checkpoint_and_kept(tiny: tuple[Path, dict[int, np.ndarray]]) -> None:
    home, pictures = tiny
    env = {"DIFFUSION_LAB_HOME": str(home), SPARE_VARIABLE: "0"}
    with PtyTerminal([*COMMAND, "tiny"], columns=80, rows=24, env=env) as terminal:
        terminal.wait_for("tiny")
        terminal.send("n")
        terminal.wait_for(r"step +6/6")
        wait_until(lambda: all(stands_there(terminal, picture) for picture in pictures[20][5, 0]))
        terminal.send("left", "left")
        terminal.wait_for(r"step +4/6")
        wait_until(lambda: all(stands_there(terminal, picture) for picture in pictures[20][3, 0]))
        terminal.send("up")
        terminal.wait_for("tiny @ 10.*step +4/6")
        wait_until(lambda: all(stands_there(terminal, picture) for picture in pictures[10][3, 0]))
        terminal.send("v", "enter")
        terminal.wait_for(r"predicted x₀.*picture +1/3")
        wait_until(lambda: stands_there(terminal, pictures[10][3, 1, 0]))
        assert not stands_there(terminal, pictures[10][3, 1, 1])
        terminal.send("home", "space")
        terminal.wait_for(r"step +6/6")
        wait_until(lambda: stands_there(terminal, pictures[10][5, 1, 0]))
        terminal.send("s")
        terminal.wait_for("Picture 1 is in the gallery")
        terminal.send("g")
        terminal.wait_for("Gallery +1 kept")
        wait_until(lambda: stands_there(terminal, pictures[10][5, 0, 0]))
        terminal.send("r")
        terminal.wait_for("drawn again, it is the same to the bit")
        terminal.send("q", "m")
        terminal.wait_for(r"checkpoint 10 +step 6/6")
        for checkpoint in (10, 20):
            wait_until(lambda step=checkpoint: stands_there(terminal, pictures[step][5, 1, 0]))
        terminal.send("q", "q", "q")
        assert terminal.wait_for_exit() == 0


def test_what_is_pinned_is_compared_in_lock_step_and_a_sheet_goes_as_low_as_two_steps(
    tiny: tuple[Path, dict[int, np.ndarray]],
) -> None:
    home, pictures = tiny
    env = {"DIFFUSION_LAB_HOME": str(home), SPARE_VARIABLE: "0"}
    with PtyTerminal([*COMMAND, "tiny"], columns=120, rows=40, env=env) as terminal:
        terminal.wait_for("tiny")
        terminal.send("n")
        terminal.wait_for(r"step +6/6")
        terminal.send("c", "up")
        terminal.wait_for("tiny @ 10.*step +6/6")
        terminal.send("C")
        terminal.wait_for(r"A +@ 20.*B +@ 10.*6/6.*RMSE")
        for checkpoint in (10, 20):
            wait_until(lambda step=checkpoint: all(stands_there(terminal, one) for one in pictures[step][5, 1]))
        terminal.send("left", "left", "v")
        terminal.wait_for(r"4/6.*4/6")
        for checkpoint in (10, 20):
            wait_until(lambda step=checkpoint: all(stands_there(terminal, one) for one in pictures[step][3, 0]))
        terminal.send("tab", "h")
        terminal.wait_for("How low can you go.*@ 20")
        wait_until(lambda: stands_there(terminal, pictures[0][-1, 0, 0]))
        terminal.send("q", "q", "q", "q")
        assert terminal.wait_for_exit() == 0


def test_a_mask_is_painted_with_the_mouse_and_what_is_kept_stays(tiny: tuple[Path, dict[int, np.ndarray]]) -> None:
    home, pictures = tiny
    image = load_images(TINY.dataset).take(np.array([0]))[0]
    env = {"DIFFUSION_LAB_HOME": str(home), SPARE_VARIABLE: "0"}
    with PtyTerminal([*COMMAND, "tiny"], columns=80, rows=24, env=env) as terminal:
        terminal.wait_for("tiny")
        terminal.send("n")
        terminal.wait_for(r"step +6/6")
        terminal.send("k")
        terminal.wait_for("guidance by a loss")
        terminal.send(*["down"] * 6, "enter")  # past the sampler's rows
        terminal.wait_for("Choose an image.*#0 ")
        terminal.send("enter")
        terminal.wait_for(r"\* image +#0 of the dataset")
        wait_until(lambda: stands_there(terminal, image))
        terminal.send("down", "down", "enter")
        terminal.wait_for("64 of 64 pixels")
        wait_until(lambda: stands_there(terminal, image))  # beside the one that is painted over
        left, top = 4, 1 + 2  # of the picture, each of whose pixels is 4 by 2 cells
        terminal.drag((left + 4, top + 4), (left + 6 * 4, top + 4))
        terminal.wait_for("58 of 64 pixels")
        terminal.send("enter")
        terminal.wait_for("58 of 64 pixels")
        terminal.send("d")
        terminal.wait_for(r"kept +91%")
        wait_until(lambda: all(stands_there(terminal, picture) for picture in pictures[-1][-1, 0]))
        assert all((picture[KEPT] == image[KEPT]).all() for picture in pictures[-1][-1, 0])
        assert all((picture[~KEPT] != image[~KEPT]).any() for picture in pictures[-1][-1, 0])
        terminal.send("q", "q")
        assert terminal.wait_for_exit() == 0
