"""Drawn pictures as files, with all that is needed to make each again. numpy and Pillow; no torch, no textual."""
