"""A small network that enlarges pictures with clean edges (Shi 2016, arXiv:1609.05158). It knows no training.

It learns what a smooth enlargement lacks, so a picture unlike its own is enlarged smoothly at worst.
"""

from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS = Path(__file__).parents[2] / "weights" / "upscale.safetensors"
TIMES = (2, 4)
TILE = 256  # pixels of the small picture taken at once, so that large ones need no more memory
MARGIN = 11  # how far the network looks: a kernel of 5, then nine of 3


class Upscale(nn.Module):
    """(N, 3, H, W) in [-1, 1] -> (N, 3, times H, times W): a bicubic enlargement and what the network adds."""

    def __init__(self, width: int = 32, depth: int = 4):
        super().__init__()
        self.first = nn.Conv2d(3, width, 5, padding=2)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2 * depth))
        self.heads = nn.ModuleDict({str(times): nn.Conv2d(width, 3 * times**2, 3, padding=1) for times in TIMES})

    def forward(self, x: Tensor, times: int) -> Tensor:
        y = F.relu(self.first(x))
        for first, second in zip(self.body[::2], self.body[1::2], strict=True):
            y = y + second(F.relu(first(y)))
        added = F.pixel_shuffle(self.heads[str(times)](y), times)
        return F.interpolate(x, scale_factor=times, mode="bicubic", align_corners=False) + added

    def within(self, x: Tensor, times: int) -> Tensor:
        """(N, 3, MARGIN + H + MARGIN, ...) -> (N, 3 times², H, W): what `forward` makes of all but the margin, not yet shuffled.

        No layer computes what the next ones cannot use, and the enlargement is a convolution like the
        others: a picture of 64 pixels takes half the time of `forward` with the margin cut off.
        """
        y = _inner(self.first, x).relu_()
        for first, second in zip(self.body[::2], self.body[1::2], strict=True):
            y = _inner(second, _inner(first, y).relu_()).add_(y[:, :, 2:-2, 2:-2])
        seen = x[:, :, MARGIN - 2 : 2 - MARGIN, MARGIN - 2 : 2 - MARGIN]
        return _inner(self.heads[str(times)], y).add_(F.conv2d(seen, smooth(times)))


def _inner(layer: nn.Module, x: Tensor) -> Tensor:
    """A convolution without its padding."""
    return F.conv2d(x, cast(Tensor, layer.weight), cast(Tensor, layer.bias))


@cache
def smooth(times: int) -> Tensor:
    """Bicubic enlargement (Keys 1981) as the kernel of a convolution, (3 times², 3, 5, 5): what one lit pixel becomes."""
    lit = torch.zeros(1, 1, 9, 9)
    lit[:, :, 4, 4] = 1
    around = F.interpolate(lit, scale_factor=times, mode="bicubic", align_corners=False).view(9, times, 9, times)
    kernel = around[2:7, :, 2:7].flip(0, 2).permute(1, 3, 0, 2).reshape(times**2, 5, 5)
    weight = torch.zeros(3, times**2, 3, 5, 5)
    for channel in range(3):
        weight[channel, :, channel] = kernel
    return weight.flatten(0, 1).contiguous(memory_format=torch.channels_last)


@cache
def network() -> Upscale:
    """The shipped network, loaded at its first use."""
    from safetensors.torch import load_file

    model = Upscale()
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def upscaled(pixels: np.ndarray, times: int) -> np.ndarray:
    """uint8 (H, W, 3) -> uint8 (times H, times W, 3)."""
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    x = F.pad(x, [MARGIN] * 4, mode="replicate")
    height, width = pixels.shape[:2]
    result = np.empty((height * times, width * times, 3), np.uint8)
    with torch.inference_mode():
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                tile = x[:, :, top : top + TILE + 2 * MARGIN, left : left + TILE + 2 * MARGIN]
                y = network().within(tile.contiguous(memory_format=torch.channels_last), times)[0].permute(1, 2, 0)
                levels = (y * 127.5).add_(128).clamp_(0, 255).to(torch.uint8).numpy()
                tall, wide = (length * times for length in levels.shape[:2])
                parts = levels.reshape(*levels.shape[:2], 3, times, times).transpose(0, 3, 1, 4, 2)
                result[top * times : top * times + tall, left * times : left * times + wide] = parts.reshape(tall, wide, 3)
    return result
