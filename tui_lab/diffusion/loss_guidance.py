"""Guidance by a loss of the predicted x_0: pictures drawn towards a colour, a brightness, symmetry, another picture.

What is sampled is about p(x_0) exp(-scale · L(x_0)): the score gets -scale · ∇_{x_t} L(x_0(x_t)) (Dhariwal & Nichol
2021, eq. 14, with the loss for the classifier; Chung et al. 2023, eq. 16, for a loss of the predicted x_0), that is,
x_0 is foreseen at x_0 - (σ²/α) · scale · ∇_{x_t} L. So the same scale pulls alike in 10 steps and in 50, for any
sampler, objective, size of picture and of batch. As L is a mean over a picture, 5 is a nudge, 40 plain to see, and 100
all that the model can do, as in the course, which takes the same loss but adds its gradient to x_t once a step.

The gradient goes through the model. By the second-order Tweedie formula it then is (α/σ²) Cov[x_0|x_t] ∇L: only what
the model holds possible moves, and hair turns teal, where the gradient without the model (the course's other variant)
paints noise over the face. That costs another call of the model, and its derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tui_lab.diffusion.forward import over
from tui_lab.diffusion.guidance import Predict
from tui_lab.diffusion.in_parts import AT_ONCE, InParts
from tui_lab.diffusion.objective import answer_for, model_input, predicted_x0
from tui_lab.diffusion.process import Levels
from tui_lab.diffusion.steering import Moment, Steering
from tui_lab.errors import RecipeError
from tui_lab.recipe.denoising import Pull

Loss = Callable[[Tensor], Tensor]
"""x_0 (B, C, H, W) in [-1, 1] → the loss of each picture, (B,)."""

Gradient = Callable[[Tensor], Tensor]
"""x_0 (B, C, H, W) in [-1, 1] → the gradient of each picture's loss with respect to it, of that shape."""

_LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue in the brightness (Rec. ITU-R BT.601)."""

_LEAST_REACH = 25.0


def colour_loss(x0: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """mean |x_0 - colour|, the course's color_loss; `colour` in 0 … 255, in grey for pictures of one channel."""
    return (x0 - _in_channels(colour, x0)).abs().flatten(1).mean(dim=1)


def brightness_loss(x0: Tensor, level: float) -> Tensor:
    """|mean brightness - level|, `level` from 0, black, to 1, white: light and dark within the picture stay."""
    weights = x0.new_tensor(_LUMA if x0.shape[1] == 3 else [1.0 / x0.shape[1]] * x0.shape[1])
    brightness = (x0.mean(dim=(2, 3)) * weights).sum(dim=1)
    return (brightness - (2.0 * level - 1.0)).abs()


def symmetry_loss(x0: Tensor) -> Tensor:
    """Half the mean |x_0 - x_0 mirrored|, left for right: half, as every pair of pixels counts twice in it."""
    return 0.5 * (x0 - x0.flip(-1)).abs().flatten(1).mean(dim=1)


def likeness_loss(x0: Tensor, image: Tensor) -> Tensor:
    """mean (x_0 - image)²; `image` (C, H, W) in [-1, 1]."""
    return (x0 - image).square().flatten(1).mean(dim=1)


def loss_of(pull: Pull, image: Tensor | None = None) -> Loss:
    """The loss that `pull` names, other than a file's; `image` (C, H, W) in [-1, 1] is what likeness is to."""
    match pull.kind:
        case "colour":
            return partial(colour_loss, colour=pull.colour)
        case "brightness":
            return partial(brightness_loss, level=pull.level)
        case "symmetry":
            return symmetry_loss
        case "likeness" if image is not None:
            return partial(likeness_loss, image=image)
        case _:
            raise ValueError(f"no loss of x_0 alone: {pull.kind}")


def gradient_of(loss: Loss) -> Gradient:
    def gradient(x0: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x0 = x0.clone().requires_grad_()
            return torch.autograd.grad(loss(x0).sum(), x0)[0]

    return gradient


class LossGuidance(Steering):
    """Moves the answer down the gradient of a loss; its `pull` is the way that the picture is pulled, as far as 1 where
    it is pulled most.

    The loss sees x_0 clipped to [-1, 1], and its gradient there is taken for that at x_0: what is out of range is
    pulled too.
    """

    def __init__(self, gradient: Gradient, scale: float, predict_for: Callable[[Tensor], Predict]) -> None:
        """`predict_for(places)`: the model as `denoise` asks it, of the pictures of these places of the batch, int64
        (b,), and with gradients, where x wants them."""
        self._gradient = gradient
        self._scale = scale
        self._predict_for = predict_for
        self._at_once = AT_ONCE

    def on_answer(self, at: Moment, output: Tensor) -> Tensor:
        """Raises RecipeError where the gradient is no number."""
        x0 = predicted_x0(at.process, output, at.x_t, at.levels)
        on_x0 = self._gradient(x0.clamp(-1.0, 1.0))
        asked = InParts(partial(self._chained, at, on_x0))
        asked.at_once = self._at_once  # back through the model takes more memory than an answer: what fits is kept
        places = torch.arange(len(x0), device=x0.device)
        on_x_t = asked(at.x_t, at.levels.t.expand(len(x0)), places)
        self._at_once = asked.at_once
        moved = -self._scale * over(_weight(at), x0) * on_x_t
        if not moved.isfinite().all():
            raise RecipeError(
                f"pull: the gradient of the loss is no number at t = {float(at.levels.t):g}; lower pull.scale, "
                f"{self._scale:g}, or take another loss"
            )
        most = moved.abs().amax(dim=(1, 2, 3), keepdim=True)
        self.pull = moved / most.clamp(min=torch.finfo(torch.float32).tiny)
        return answer_for(at.process, x0 + moved, at.x_t, at.levels)

    def _chained(self, at: Moment, on_x0: Tensor, x_t: Tensor, t: Tensor, places: Tensor | None) -> Tensor:
        """∇_{x_t} L from ∇_{x_0} L, of the pictures of these places: one call of the model, and back through it."""
        assert places is not None  # InParts would allow for none
        predict = self._predict_for(places)
        with torch.inference_mode(False), torch.enable_grad():
            levels = at.levels
            levels = Levels(levels.alpha.clone(), levels.sigma.clone(), levels.t.clone(), levels.snr.clone())
            x_t = x_t.clone().requires_grad_()
            output = predict(model_input(at.process, x_t, levels), t.clone())
            x0 = predicted_x0(at.process, output, x_t, levels)
            return torch.autograd.grad(x0, x_t, on_x0[places].clone())[0]


def _weight(at: Moment) -> Tensor:
    """σ²/α, which falls off where the noise σ/α is beyond √(D/8), of D values a picture.

    There a network's x_0 depends on x_t by no more than chance, and 1/α would blow that up to a picture's own size.
    """
    alpha, sigma = at.levels.alpha, at.levels.sigma
    reach = max(_LEAST_REACH, at.x_t[0].numel() / 8.0)
    return alpha * sigma**2 / (alpha**2 + sigma**2 / reach)


def _in_channels(colour: tuple[int, int, int], x0: Tensor) -> Tensor:
    """The colour in [-1, 1], (C, 1, 1). Raises RecipeError for pictures that have no colours."""
    channels = x0.shape[1]
    if channels not in (1, 3):
        raise RecipeError(f"pull: a colour is for pictures of 1 or 3 channels, and these have {channels}")
    rgb = x0.new_tensor(colour) / 127.5 - 1.0
    if channels == 1:
        rgb = (rgb * x0.new_tensor(_LUMA)).sum().reshape(1)
    return rgb.reshape(-1, 1, 1)
