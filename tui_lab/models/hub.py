"""A model of the Hugging Face hub, or one that its cache on this machine already holds."""

from __future__ import annotations

from pathlib import Path

from tui_lab.errors import RecipeError
from tui_lab.sanitize import clean

_WANTED = (
    "model_index.json",
    "config.json",
    *(f"{network}/config.json" for network in ("unet", "transformer", "model")),
    "scheduler/*.json",
    "*.safetensors",
    "*.safetensors.index.json",
)


def fetch_model(name: str) -> Path:
    """The folder with that repository's configs and safetensors; nothing else of it is fetched, and nothing is run.

    Raises RecipeError, which names the ways to do without the network.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(_WANTED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise RecipeError(
            f"cannot get {clean(name, 80)} from the hub: {clean(reason, 120)}; check the name and the network, or copy "
            "its folder here and set model.base_checkpoint to that, or to a run"
        ) from error
