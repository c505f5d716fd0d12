"""Networks: built from a recipe, summarised, exported."""

from tui_lab.models.summaries import ModelSummary, summary
from tui_lab.models.unet import build

__all__ = ["ModelSummary", "build", "summary"]
