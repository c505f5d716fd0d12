"""A sheet into a file: asked where, written with its titles, its sidecar beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App

from tui_lab.errors import LabError
from tui_lab.pictures.files import STILL, check_path
from tui_lab.pictures.titled import TitledSheet, save_sheet, write_sheet_sidecar
from tui_lab.tui.aside import aside
from tui_lab.tui.screens.ask import AskText
from tui_lab.tui.sheet_drawing import SheetDrawing


async def export_sheet(app: App[Any], drawing: SheetDrawing, title: str) -> None:
    """What is drawn so far; places that are not say so. Await it in a worker."""
    sheet = drawing.sheet
    name = f"sheet-{sheet.down.name}-{sheet.across.name}.png"
    ask = AskText(
        "Export the sheet", "A PNG with its titles; beside it a JSON that tells how each was made.", name, _path
    )
    path = await app.push_screen_wait(ask)
    if path is None:
        return
    titled = titled_sheet(drawing, title)
    sidecars = {at: done.sidecar for at, done in drawing.finished.items() if done.sidecar is not None}
    try:
        await aside(lambda progress: save_sheet(path, titled), lambda done, total: None)
        write_sheet_sidecar(path, titled, sidecars)
    except LabError as error:
        app.notify(error.message, severity="error", markup=False)
    else:
        app.copy_to_clipboard(str(path))
        app.notify(f"Written, and its path copied: {path}", timeout=10, markup=False)


def titled_sheet(drawing: SheetDrawing, title: str) -> TitledSheet:
    """As far as it is drawn."""
    sheet = drawing.sheet
    places = [(row, column) for row, line in enumerate(sheet.rows) for column in range(len(line))]
    words = {at: drawing.cell(at).reason or drawing.errors.get(at, "not drawn") for at in places}
    pictures = {at: done.pictures for at, done in drawing.finished.items()}
    return TitledSheet(title, sheet.across.knob.title, sheet.down.titles, sheet.across.titles, pictures, words)


def _path(text: str) -> Path:
    path = Path(text.strip()).expanduser().absolute()
    check_path(path, STILL)
    return path
