"""Networks: built from a recipe, asked, summarised, exported."""

from tui_lab.models.answering import answer
from tui_lab.models.building import build, placed
from tui_lab.models.summaries import summary

__all__ = ["answer", "build", "placed", "summary"]
