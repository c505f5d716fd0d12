"""The README's pictures, made by the program itself: a quickstart is trained, and the lab's screen exported as SVG.

    python -m tests.e2e.screenshots [--run RUN]

With `--run` a run that is there already is shown. The pictures go to `.github/screenshots`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from textual.pilot import Pilot

from tui_lab.tui.app import LabApp
from tui_lab.tui.widgets.pixel_view import PixelView

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "screenshots"
RUN = "readme"
DRAWN = "drawn"
"""No key: wait until the workbench has drawn all that was wished for."""
SHOTS = (
    ("lab", (160, 48), ()),
    ("narrow", (80, 24), ("5",)),
    ("schedule", (140, 44), ("2", "z", "right", *("shift+left",) * 5)),
    ("data", (140, 44), ("e",)),
    ("theatre", (160, 48), ("n", DRAWN, *("left",) * 7)),
    ("sheet", (140, 44), ("n", DRAWN, "h", DRAWN)),
)
"""(name, columns × lines, keys to press first)."""
CALM_SECONDS = 10.0


async def _take(run: str) -> None:
    for name, size, keys in SHOTS:
        app = LabApp(run)
        async with app.run_test(size=size) as pilot:
            await _until(pilot, lambda app=app: app.lab is not None and app.lab.attached is not None)
            assert app.lab is not None
            news = [time.monotonic()]
            app.lab.desk.cells.listen(lambda cell, news=news: news.append(time.monotonic()))
            for key in keys:
                if key == DRAWN:
                    heard = len(news)
                    await _until(pilot, lambda news=news, heard=heard: len(news) > heard)
                    await _until(pilot, lambda news=news: time.monotonic() - news[-1] > CALM_SECONDS)
                else:
                    await pilot.press(key)
            await _until(pilot, lambda app=app: any(view.shown for view in app.lab.query(PixelView)))
            await pilot.pause(1.5)
            _write(FOLDER / f"{name}.svg", app.export_screenshot(title="diffusion-lab"))


async def _until(pilot: Pilot[object], condition: object) -> None:
    assert callable(condition)
    while not condition():
        await pilot.pause(0.05)


def _write(path: Path, svg: str) -> None:
    """Without the web fonts that Textual's SVG asks for: a README's viewer loads none. With every blank kept."""
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.S).replace("<text ", '<text xml:space="preserve" ')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg, encoding="utf-8")
    sys.stdout.write(f"{path}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a run to show instead of training one")
    run = parser.parse_args().run
    os.environ["DIFFUSION_LAB_COLOR"] = "truecolor"
    if run is None:
        command = [sys.executable, "-c", "from tui_lab.cli import main; main()"]
        subprocess.run([*command, "train", "pixel-faces-16", "--name", RUN], check=True)
    asyncio.run(_take(run or RUN))


if __name__ == "__main__":
    main()
