"""Small changes that a picture survives. Every draw comes from the given generator, on the CPU."""

import torch
from torch import Tensor
from torch.nn import functional as F


def wobble(x: Tensor, amount: float, random: torch.Generator) -> Tensor:
    """Pictures turned, sheared, scaled, shifted and bent a little, each in its own way.

    At `amount` 1: about 9 degrees, 9 %, 6 % of the width; the bend follows Simard 2003.
    """
    if not amount:
        return x
    n = len(x)
    draw = torch.randn(n, 6, generator=random) * amount
    affine = torch.zeros(n, 2, 3)
    affine[:, 0, 0], affine[:, 0, 1] = 1 + 0.09 * draw[:, 0], 0.15 * draw[:, 1]
    affine[:, 1, 0], affine[:, 1, 1] = 0.15 * draw[:, 2] - affine[:, 0, 1], 1 + 0.09 * draw[:, 3]
    affine[:, :, 2] = 0.06 * draw[:, 4:]
    coarse = torch.randn(n, 2, 5, 5, generator=random) * 0.04 * amount
    bend = F.interpolate(coarse, x.shape[2:], mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    grid = F.affine_grid(affine, list(x.shape), align_corners=False) + bend
    return F.grid_sample(x, grid.to(x), mode="bilinear", padding_mode="border", align_corners=False)


def restyle(x: Tensor, amount: float, random: torch.Generator) -> Tensor:
    """Letters slanted and made narrower or wider, each picture in its own way.

    At `amount` 1 the deviations are 11 degrees and 12 %.
    """
    if not amount:
        return x
    draw = torch.randn(len(x), 2, generator=random).clamp(-2, 2) * amount
    affine = torch.zeros(len(x), 2, 3)
    affine[:, 0, 0], affine[:, 0, 1], affine[:, 1, 1] = (0.12 * draw[:, 0]).exp(), 0.2 * draw[:, 1], 1
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid.to(x), mode="bilinear", padding_mode="border", align_corners=False)


def shift(x: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Pictures moved by up to `share` of their width, the edge repeated.

    Given to the discriminator alike for real and made ones (Zhao 2020, arXiv:2006.10738), so
    that the generator does not learn to shift.
    """
    if not share:
        return x
    reach = round(share * x.shape[-1])
    moves = torch.randint(2 * reach + 1, (len(x), 2), generator=random).to(x.device)
    padded = F.pad(x, [reach] * 4, mode="replicate")
    rows = moves[:, 0, None] + torch.arange(x.shape[2], device=x.device)
    columns = moves[:, 1, None] + torch.arange(x.shape[3], device=x.device)
    batch = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
