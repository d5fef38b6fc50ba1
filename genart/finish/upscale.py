"""A small network that enlarges pictures with clean edges (Shi 2016, arXiv:1609.05158). It knows no training.

It learns what a smooth enlargement lacks, so a picture unlike its own is enlarged smoothly at worst.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS = Path(__file__).parents[2] / "weights" / "upscale.safetensors"
TIMES = (2, 4)
TILE = 256  # pixels of the small picture taken at once, so that large ones need no more memory
MARGIN = 12  # how far the network looks


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
    result = torch.empty(3, height * times, width * times)
    with torch.inference_mode():
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                tile = x[:, :, top : top + TILE + 2 * MARGIN, left : left + TILE + 2 * MARGIN]
                y = network()(tile.contiguous(memory_format=torch.channels_last), times)
                inner = y[0, :, MARGIN * times : -MARGIN * times, MARGIN * times : -MARGIN * times]
                result[:, top * times : (top + TILE) * times, left * times : (left + TILE) * times] = inner
    return np.ascontiguousarray((result * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())
