"""Pictures side by side, for looking at. It knows no model."""

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F


def sheet(x: Tensor, columns: int, scale: int = 1) -> Image.Image:
    """Pictures (N, C, H, W) in [-1, 1] in rows of `columns`, each pixel `scale` wide."""
    x = x.expand(-1, 3, -1, -1)
    rows = -(-len(x) // columns)
    x = torch.cat([x, x.new_ones(rows * columns - len(x), *x.shape[1:])])
    x = F.interpolate(x, scale_factor=scale, mode="nearest") if scale > 1 else x
    x = F.pad(x, (1, 1, 1, 1), value=1.0)
    whole = x.unflatten(0, (rows, columns)).permute(0, 3, 1, 4, 2).reshape(rows * x.shape[2], columns * x.shape[3], 3)
    return Image.fromarray((whole * 127.5 + 128).clamp(0, 255).byte().numpy())
