"""A model as sampling asks it: in its precision, without gradients, and on CUDA as a graph where that pays."""

from __future__ import annotations

from time import perf_counter

import torch
from torch import Tensor, nn

from tui_lab.models.answering import answer
from tui_lab.recipe.schema import Model

_LAUNCH_BOUND = 0.8
"""Where launching the kernels takes more than this share of a call, the GPU waits for the processor, and a graph, which
is launched as one, is faster. It costs three more calls to make."""


class SamplerModel:
    """(x (B, C, H, W), t (B,), labels (B,) or None) → the model's answer, float32 (B, C, H, W).

    `precision`: bf16, fp16 or no. `model` is in eval mode, on its device, and changes no more. Gradients go through it
    where `x` wants them.
    """

    def __init__(self, section: Model, model: nn.Module, precision: str) -> None:
        self._section = section
        self._model = model
        self._device = next(model.parameters()).device
        self._dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
        self._graphs: dict[int, _Graph | None] = {}

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        if x.requires_grad:
            return self._ask(x, t, labels)
        with torch.inference_mode():
            return self._without_gradients(x, t, labels)

    def _without_gradients(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        if self._device.type != "cuda":
            return self._ask(x, t, labels)
        t = t.to(self._device, non_blocking=True)
        if len(x) not in self._graphs:
            self._graphs[len(x)] = self._graph_of(x, t, labels)
        graph = self._graphs[len(x)]
        return self._ask(x, t, labels) if graph is None else graph(x, t, labels)

    def _ask(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        # Without the cache: what one call has cast must not be what a captured one reads.
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None, cache_enabled=False):
            return answer(self._section, self._model, x, t, labels).to(torch.float32)

    def _graph_of(self, x: Tensor, t: Tensor, labels: Tensor | None) -> _Graph | None:
        """None where a graph would not pay."""
        self._ask(x, t, labels)  # the first call loads and tunes kernels
        torch.cuda.synchronize(self._device)
        began = perf_counter()
        self._ask(x, t, labels)
        launched = perf_counter() - began
        torch.cuda.synchronize(self._device)
        if launched < _LAUNCH_BOUND * (perf_counter() - began):
            return None
        return _Graph(self, x, t, labels)


class _Graph:
    """One call of a shape, captured; the inputs are copied into it, the answer out of it."""

    def __init__(self, model: SamplerModel, x: Tensor, t: Tensor, labels: Tensor | None) -> None:
        self._x, self._t = x.clone(), t.clone()
        self._labels = None if labels is None else labels.clone()
        current, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(current)
        with torch.cuda.stream(aside):  # what is set up at a first call on a stream is no part of the graph
            model._ask(self._x, self._t, self._labels)
        current.wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._answer = model._ask(self._x, self._t, self._labels)

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        self._x.copy_(x)
        self._t.copy_(t)
        if self._labels is not None and labels is not None:
            self._labels.copy_(labels)
        self._graph.replay()
        return self._answer.clone()
