"""Datasets as checked uint8 arrays: `load_images` and what it gives. No torch; numpy and Pillow only when asked for."""

from tui_lab.data.images import Images, Progress, Rejected
from tui_lab.data.load import load_cached, load_images

__all__ = ["Images", "Progress", "Rejected", "load_cached", "load_images"]
