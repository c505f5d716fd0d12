"""Networks: built from a recipe, asked, summarised, exported."""

from tui_lab.models.answering import answer
from tui_lab.models.building import build
from tui_lab.models.cost import Precision
from tui_lab.models.summaries import ModelSummary, summary

__all__ = ["ModelSummary", "Precision", "answer", "build", "summary"]
