"""The course's BasicUNet: six convolutions, and nothing that knows the timestep."""

from __future__ import annotations

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own name for it)

_WIDTHS = (32, 64, 64)


class BasicUNet(ModelMixin, ConfigMixin):
    """5×5 convolutions, max-pooling, nearest up-sampling and additive skips, SiLU after each convolution, the last too.

    It is told no timestep. SiLU keeps the last answer above -0.28, which suits the course's pixels in [0, 1]: so images
    in [-1, 1] are brought there, and the answer back. 309,057 parameters with one channel.
    """

    @register_to_config
    def __init__(self, sample_size: int | tuple[int, int] | None = None, in_channels: int = 1, out_channels: int = 1):
        """`sample_size` is only noted, as diffusers' models do; height and width must be multiples of 4."""
        super().__init__()
        first, second, third = _WIDTHS
        down = ((in_channels, first), (first, second), (second, third))
        up = ((third, second), (second, first), (first, out_channels))
        self.down_layers = nn.ModuleList(nn.Conv2d(i, o, kernel_size=5, padding=2) for i, o in down)
        self.up_layers = nn.ModuleList(nn.Conv2d(i, o, kernel_size=5, padding=2) for i, o in up)

    def forward(self, sample: Tensor) -> Tensor:
        """Of images (B, C, H, W) in [-1, 1], the answer in the same shape and scale."""
        x = (sample + 1.0) / 2.0
        skips: list[Tensor] = []
        for index, layer in enumerate(self.down_layers):
            x = F.silu(layer(x))
            if index < len(self.down_layers) - 1:
                skips.append(x)
                x = F.max_pool2d(x, 2)
        for index, layer in enumerate(self.up_layers):
            if index:
                x = F.interpolate(x, scale_factor=2.0) + skips.pop()
            x = F.silu(layer(x))
        return x * 2.0 - 1.0
