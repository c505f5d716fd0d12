"""Control: what shapes a denoising, each in a row: classes or prompts, guidance, sampler, an image, a mask, a loss."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui_lab.data.load import load_cached
from tui_lab.data.reference import picture_of
from tui_lab.errors import LabError, RecipeError
from tui_lab.recipe.denoising import Denoising, ImageRef, Mask, Variation
from tui_lab.runs.exports import in_latents, takes_text
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.sanitize import clean
from tui_lab.tui.control.form import ControlDraft, control_rows
from tui_lab.tui.control.pull import PullRow
from tui_lab.tui.control.rows import Row, Subject
from tui_lab.tui.control.start import ImageRow
from tui_lab.tui.desk import Desk
from tui_lab.tui.keeping import finished
from tui_lab.tui.screens.ask import Ask, AskText, Choose
from tui_lab.tui.screens.paint_mask import PaintMask
from tui_lab.tui.screens.pick_image import PickImage
from tui_lab.tui.screens.pick_path import PickPath
from tui_lab.tui.theatre_words import source_words
from tui_lab.tui.widgets.control_aside import ControlAside
from tui_lab.tui.widgets.control_list import ControlList
from tui_lab.tui.widgets.fitting_footer import FittingFooter

LARGEST_SEED = 2**31 - 1
LARGEST_LOSS = 1 << 20
"""Bytes of a loss file; a longer one is something else."""


class ControlScreen(Screen[Denoising | None]):
    """Dismisses with a denoising that can be drawn, or None where all stays as it was.

    `asked.place` is the picture that was chosen on the screen before: "this sample".
    """

    TITLE = "Control"
    DEFAULT_CSS = """
    ControlScreen {
        background: $background;
        & #control-title, & #control-complaint { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #control-title { background: $panel; }
        & #control-complaint { color: $error; }
        & Horizontal { height: 1fr; padding: 0 1; }
        & ControlList { width: 5fr; max-width: 76; margin-right: 2; }
        & ControlAside { width: 4fr; padding-top: 0; }
        & FittingFooter { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "done", "Draw", tooltip="Draw it so, and go back"),
        Binding("u", "undo", "Undo", tooltip="Take the last change back"),
        Binding("p", "plain", "Plain", tooltip="Nothing steers: as the model draws by itself"),
        Binding("n", "seed(1)", "Next seed", tooltip="The next seed: other noise"),
        Binding("N", "seed(-1)", "Seed before", show=False, tooltip="The seed before"),
        Binding("x", "random_seed", "Random", show=False, tooltip="A seed at random"),
        Binding("l", "lock_seed", "Lock seed", show=False, tooltip="Hold the seed, here and in the theatre"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape", "back", "Back", key_display="esc", tooltip="Leave all as it was"),
    ]

    def __init__(self, desk: Desk, asked: Denoising) -> None:
        super().__init__()
        self._desk = desk
        self._asked = asked
        self._draft: ControlDraft | None = None
        self._images: dict[ImageRef | None, NDArray[np.uint8]] = {}
        self._data_known = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Static(
            Content.assemble(("Control", "$primary bold"), (f"  {source_words(self._asked)}", "$secondary")),
            id="control-title",
        )
        with Horizontal():
            yield ControlList()
            yield ControlAside()
        yield Static(id="control-complaint")
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        try:
            recipe = source_recipe(self._asked.source)
        except LabError as error:
            self.app.notify(error.message, severity="error", markup=False)
            self.dismiss(None)
            return
        folder = Path(self._asked.source).expanduser()
        texts = takes_text(folder)
        steered = "prompts alone steer it" if texts else "it denoises latents alone"
        subject = Subject(recipe, no_pictures=steered if in_latents(folder) else "")
        seed, place = subject.knob(self._asked, "seed"), self._asked.place
        chosen = Variation(seed=seed, place=place) if place is not None else None
        self._draft = ControlDraft(self._asked.changed(place=None), subject, control_rows(chosen, texts))
        self.query_one(ControlList).focus()
        self._show()
        self._load_data()

    @work
    async def _load_data(self) -> None:
        """The dataset, for names and pictures, where nothing has to be decoded for it."""
        draft = self._draft
        assert draft is not None
        try:
            images = await asyncio.to_thread(load_cached, draft.subject.recipe.dataset)
        except LabError:
            return  # moved, or of a pipeline that came without it: classes are numbers then
        finally:
            self._data_known.set()
        draft.subject = replace(draft.subject, images=images)
        self._show()

    # Showing

    def _show(self, complaint: str = "") -> None:
        draft = self._draft
        assert draft is not None
        self.query_one("#control-complaint", Static).update(Content(complaint and f"! {complaint}"))
        self.query_one(ControlList).show(draft)
        self._show_aside()
        self._read_images()
        self.refresh_bindings()

    def _show_aside(self) -> None:
        draft, row = self._draft, self.query_one(ControlList).chosen
        if draft is not None and row is not None:
            samples = finished(self._desk.cells.get(draft.begun))
            self.query_one(ControlAside).show(row, draft.asked, draft.subject, self._images, samples)

    @work(exclusive=True, group="images")
    async def _read_images(self) -> None:
        """The images that the denoising refers to; one that is gone or changed is said."""
        draft = self._draft
        assert draft is not None
        asked, subject = draft.asked, draft.subject
        wanted = [asked.start.image, asked.pull.image if asked.pull is not None else None]
        for reference in wanted:
            if reference is None or reference in self._images:
                continue
            try:
                read = await asyncio.to_thread(picture_of, reference, subject.recipe.dataset, subject.images)
            except LabError as error:
                self.query_one("#control-complaint", Static).update(Content(f"! {error.message}"))
                continue
            self._images[reference] = read
            self._show_aside()

    @on(ControlList.Chosen)
    def _chosen(self) -> None:
        self._show_aside()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            return True if self._draft is not None and self._draft.can_undo else None
        if action in ("seed", "random_seed"):
            return None if self._desk.seed_is_locked else True
        return True

    # Turning

    def _turn(self, change: Callable[[ControlDraft], Denoising]) -> None:
        """Take what `change` makes of the draft, or say in a line why that cannot be."""
        draft = self._draft
        assert draft is not None
        try:
            draft.take(change(draft))
        except LabError as error:
            self._show(error.message)
            return
        self._show()

    def _is_barred(self, row: Row) -> bool:
        draft = self._draft
        assert draft is not None
        barred = row.barred(draft.asked, draft.subject)
        if row.key == "sampling.seed" and self._desk.seed_is_locked:
            barred = "it is locked: l lets it go"
        if barred:
            self._show(f"{row.title}: {barred}")
        return bool(barred)

    @on(ControlList.Nudged)
    def _nudged(self, event: ControlList.Nudged) -> None:
        if not self._is_barred(event.row):
            self._turn(lambda draft: event.row.nudged(draft.asked, draft.subject, event.by))

    @on(ControlList.Cleared)
    def _cleared(self, event: ControlList.Cleared) -> None:
        self._turn(lambda draft: event.row.cleared(draft.asked))

    @on(ControlList.SetAsked)
    def _set_asked(self, event: ControlList.SetAsked) -> None:
        if not self._is_barred(event.row):
            self._set(event.row)

    @work(exclusive=True, group="set")
    async def _set(self, row: Row) -> None:
        match row.entry:
            case "choose":
                await self._choose(row)
            case "image" if isinstance(row, ImageRow):
                image = await self._pick_image()
                if image is not None:
                    self._turn(lambda draft: row.with_image(draft.asked, image))
            case "mask":
                await self._paint_mask()
            case _:
                await self._type(row)

    async def _choose(self, row: Row) -> None:
        draft = self._draft
        assert draft is not None
        asked, subject = draft.asked, draft.subject
        options = row.options(asked, subject)
        words = [(option.name, option.words) for option in options]
        barred = {option.name: option.barred for option in options if option.barred}
        name = await self.app.push_screen_wait(Choose(row.title, words, row.value(asked, subject), barred))
        if name is None:
            return
        if isinstance(row, PullRow) and name == "likeness":
            image = await self._pick_image()
            if image is not None:
                self._turn(lambda draft: row.with_image(draft.asked, image))
        elif isinstance(row, PullRow) and name == "file":
            await self._pick_loss(row)
        else:
            self._turn(lambda draft: row.typed(draft.asked, draft.subject, name))

    async def _type(self, row: Row) -> None:
        draft = self._draft
        assert draft is not None
        asked, subject = draft.asked, draft.subject

        def check(text: str) -> Denoising:
            changed = row.typed(asked, subject, text)
            subject.check(changed)
            return changed

        bounds = getattr(getattr(row, "knob", None), "bounds", "")
        help = f"{row.help} Takes {bounds}." if bounds else row.help
        typed = await self.app.push_screen_wait(AskText(row.title, help, row.value(asked, subject), check))
        if typed is not None:
            self._turn(lambda _: typed)

    async def _pick_image(self) -> ImageRef | None:
        draft = self._draft
        assert draft is not None
        await self._data_known.wait()
        cell = self._desk.cells.get(draft.begun)
        picked: ImageRef | None = await self.app.push_screen_wait(
            PickImage(draft.subject.recipe.dataset, draft.subject.images, cell)
        )
        return picked

    async def _pick_loss(self, row: PullRow) -> None:
        path = await self.app.push_screen_wait(PickPath(Path.cwd(), "A Python file with loss(x0)"))
        if path is None:
            return
        try:
            sha256 = await asyncio.to_thread(_sha256_of_code, path)
        except LabError as error:
            self._show(error.message)
            return
        self._turn(lambda draft: row.with_file(draft.asked, path, sha256))

    async def _paint_mask(self) -> None:
        draft = self._draft
        assert draft is not None
        image = self._images.get(draft.asked.start.image)
        if image is None:
            self._show("the image is not read yet, or cannot be")
            return
        mask: Mask | None = await self.app.push_screen_wait(PaintMask(image, draft.asked.keep))
        if mask is not None:
            self._turn(lambda draft: draft.asked.changed(keep=mask))

    # Keys

    def action_undo(self) -> None:
        if self._draft is not None:
            self._draft.undo()
            self._show()

    def action_plain(self) -> None:
        self._turn(lambda draft: draft.plain)

    def action_seed(self, by: int) -> None:
        self._turn(lambda draft: draft.asked.turned(seed=_seed(draft) + by))

    def action_random_seed(self) -> None:
        self._turn(lambda draft: draft.asked.turned(seed=random.randint(0, LARGEST_SEED)))

    def action_lock_seed(self) -> None:
        self._desk.seed_is_locked = not self._desk.seed_is_locked
        self.refresh_bindings()
        words = "The seed is locked: l lets it go" if self._desk.seed_is_locked else "The seed is free"
        self.notify(words, markup=False)

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    def action_done(self) -> None:
        if self._draft is not None:
            self.dismiss(self._draft.asked)

    @work
    async def action_back(self) -> None:
        """What was turned is not thrown away without a word."""
        if self._draft is not None and self._draft.asked != self._draft.begun:
            choices = [("d", "draw it so", "draw"), ("y", "leave it as it was", "leave"), ("n", "stay here", "stay")]
            answer = await self.app.push_screen_wait(Ask("Leave without drawing it?", "", choices))
            if answer == "draw":
                self.action_done()
            if answer != "leave":
                return
        self.dismiss(None)


def _seed(draft: ControlDraft) -> int:
    return int(draft.subject.knob(draft.asked, "seed"))


def _sha256_of_code(path: Path) -> str:
    """Raises RecipeError for what is no small text."""
    name = clean(str(path), 200)
    if path.suffix != ".py":
        raise RecipeError(f"{name} is no Python file: its name has to end in .py")
    try:
        if path.stat().st_size > LARGEST_LOSS:
            raise RecipeError(f"{name} is larger than a megabyte, and no loss")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RecipeError(f"{name}: {error.strerror}") from error
