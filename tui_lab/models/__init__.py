"""Networks: built from a recipe, summarised, exported."""

from tui_lab.models.summaries import ModelSummary, summary
from tui_lab.models.unet import UNet2DModel, build

__all__ = ["ModelSummary", "UNet2DModel", "build", "summary"]
