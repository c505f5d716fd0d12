"""AdamW, and the change of its knobs between two updates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from tui_lab.recipe.schema import Optimizer as OptimizerKnobs


def adamw(parameters: Iterable[nn.Parameter], knobs: OptimizerKnobs) -> torch.optim.AdamW:
    """Fused: on the CPU too, where one call took a fifth of the time of the loop over parameters."""
    beta1, beta2 = knobs.betas
    return torch.optim.AdamW(
        parameters,
        lr=knobs.learning_rate,
        betas=(beta1, beta2),
        eps=knobs.eps,
        weight_decay=knobs.weight_decay,
        fused=True,
    )


def tune(optimizer: torch.optim.Optimizer, learning_rate: float, weight_decay: float) -> None:
    """Set what the next update uses."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
        group["weight_decay"] = weight_decay


def skip_if(optimizer: torch.optim.Optimizer, bad: Tensor) -> None:
    """Let the next update of a fused optimizer change nothing if `bad`, decided on the device, without waiting for it.

    It is the way in which torch's own GradScaler has the fused kernels skip an update whose gradients overflowed.
    """
    optimizer.found_inf = bad.to(torch.float32)  # type: ignore[attr-defined]


def tensors_of(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All that it remembers, by "parameter.kind", such as "12.exp_avg"."""
    states = optimizer.state_dict()["state"]
    return {f"{index}.{kind}": tensor for index, state in states.items() for kind, tensor in state.items()}


def load_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Back from `tensors_of`; the knobs stay as they are. Raises LookupError where they are of other weights."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, kind = name.partition(".")
        weight = weights[int(index)]
        # A fused update goes through the memory of weight and state side by side: both have to lie in it alike.
        alike = torch.empty_like(weight).copy_(tensor) if tensor.shape == weight.shape else tensor
        states.setdefault(int(index), {})[kind] = alike
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
