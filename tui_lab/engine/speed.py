"""What was chosen to make a run fast on its device, in words that a person knows."""

from __future__ import annotations

import torch

from tui_lab.engine.attention import takes_products
from tui_lab.engine.compiling import obstacle, wants_compiled
from tui_lab.engine.crew import MEMBERS, open_crew
from tui_lab.engine.learner import Learner
from tui_lab.engine.precision import Precision, resolve_precision
from tui_lab.recipe import Recipe


def speed_of(learner: Learner, device: torch.device, precision: Precision) -> list[str]:
    """Of a run, in short phrases, the most telling first: "bf16", "compiled", "2 half batches at a time"."""
    tf32 = torch.get_float32_matmul_precision() != "highest"
    return _words(
        "TF32" if device.type == "cuda" and precision == "no" and tf32 else precision,
        device,
        learner.compiled,
        learner.crew is not None,
        takes_products(learner.recipe, device),
    )


def speed_by_default(device: torch.device) -> list[str]:
    """The same of a run of the default recipe, before there is one."""
    recipe = Recipe()
    is_compiled = wants_compiled(recipe.training.compile, device) and obstacle(device) is None
    return _words(
        resolve_precision(recipe.training.mixed_precision, device),
        device,
        is_compiled,
        not is_compiled and open_crew(recipe, device, processes=1) is not None,
        takes_products(recipe, device),
    )


def _words(numbers: str, device: torch.device, is_compiled: bool, has_crew: bool, products: bool) -> list[str]:
    return [
        "float32" if numbers == "no" else numbers,
        *(["compiled"] if is_compiled else []),
        *(["channels last"] if device.type == "cuda" else []),
        *([f"{MEMBERS} half batches at a time"] if has_crew else []),
        *(["attention by matrix products"] if products else []),
    ]
