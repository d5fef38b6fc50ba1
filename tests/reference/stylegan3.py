"""StyleGAN3 as the paper writes it: slow, plain, and sharing nothing with genart.

Weights are scaled by the style and normalised for each picture, a batch is one convolution with
a group for each picture, and every filter runs on pixels spread apart by zeros, at the high rate
(Karras 2021, arXiv:2106.12423, sections 3.2 and appendix D). Tests compare with it, and
benchmarks/families.py times against it.
"""

import math
import re

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


def synthesis(state: State, ws: Tensor, transform: Tensor | None = None, margin: int = 10) -> Tensor:
    """(N, num_ws, w_dim) -> (N, C, H, W)."""
    names = sorted({match[1] for name in state if (match := re.match(r"synthesis\.(L\d+_\d+_\d+)\.", name))}, key=number)
    sizes = [int(name.split("_")[1]) for name in names]
    rates = [size - 2 * margin for size in sizes[:-2]] + sizes[-2:]
    x = waves(state, ws[:, 0], sizes[0], rates[0], state["synthesis.input.transform"] if transform is None else transform)
    for i, name in enumerate(names):
        before = max(i - 1, 0)
        x = layer(state, f"synthesis.{name}", x, ws[:, i + 1], sizes[i], rates[before], rates[i], i == len(names) - 1)
    return x * 0.25


def number(name: str) -> int:
    return int(name[1:].split("_")[0])


def waves(state: State, w: Tensor, size: int, rate: int, transform: Tensor, band: float = 2.0) -> Tensor:
    """The input layer: sines at random frequencies, moved and turned."""
    asked = dense(state, "synthesis.input.affine", w)
    asked = asked / asked[:, :2].norm(dim=1, keepdim=True)
    pictures = []
    for cos, sin, x, y in asked:
        one, zero = torch.ones(()), torch.zeros(())
        turn = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one]).reshape(3, 3)
        move = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one]).reshape(3, 3)
        whole = turn @ move @ transform
        phases = state["synthesis.input.phases"] + state["synthesis.input.freqs"] @ whole[:2, 2]
        freqs = state["synthesis.input.freqs"] @ whole[:2, :2]
        amplitudes = (1 - (freqs.norm(dim=1) - band) / (rate / 2 - band)).clamp(0, 1)
        centres = (torch.arange(size) + 0.5 - size / 2) / rate
        grid = torch.stack([centres[None, :].expand(size, size), centres[:, None].expand(size, size)], 2)
        signal = torch.sin(2 * math.pi * (grid @ freqs.T + phases)) * amplitudes
        weight = state["synthesis.input.weight"]
        pictures.append((signal @ (weight / math.sqrt(len(weight))).T).permute(2, 0, 1))
    return torch.stack(pictures)


def layer(state: State, name: str, x: Tensor, w: Tensor, size: int, in_rate: int, out_rate: int, last: bool) -> Tensor:
    weight, style = state[f"{name}.weight"], dense(state, f"{name}.affine", w)
    kernel, inside = weight.shape[-1], x.shape[-1]
    if last:
        weight = weight[None] * style[:, None, :, None, None] / math.sqrt(weight[0].numel())
    else:
        weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
        style = style * style.square().mean(1, keepdim=True).rsqrt()
        weight = weight[None] * style[:, None, :, None, None]
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    weight = weight * state[f"{name}.magnitude_ema"].rsqrt()
    n, out = weight.shape[:2]
    x = F.conv2d(x.reshape(1, -1, inside, inside), weight.flatten(0, 1), padding=kernel - 1, groups=n)
    x = x.reshape(n, out, *x.shape[2:]) + state[f"{name}.bias"][:, None, None]
    if last:
        return x.clamp(-256, 256)
    high = 2 * max(in_rate, out_rate)
    up, down = high // in_rate, high // out_rate
    rise, fall = state[f"{name}.up_filter"], state[f"{name}.down_filter"]
    padding = (size - 1) * down + len(rise) + len(fall) - 1 - x.shape[-1] * up
    low = (padding + up) // 2
    x = spread(x, up)
    x = F.pad(x, (low, padding - low, low, padding - low))
    x = filtered(x, rise) * up**2
    x = (F.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-256, 256)
    return filtered(x, fall)[:, :, ::down, ::down]


def spread(x: Tensor, up: int) -> Tensor:
    """Each pixel, then `up` - 1 zeros, in both directions."""
    apart = x.new_zeros(*x.shape[:2], x.shape[2], up, x.shape[3], up)
    apart[:, :, :, 0, :, 0] = x
    return apart.reshape(*x.shape[:2], x.shape[2] * up, x.shape[3] * up)


def filtered(x: Tensor, taps: Tensor) -> Tensor:
    channels = x.shape[1]
    if taps.dim() == 2:
        return F.conv2d(x, taps.flip(0, 1).expand(channels, 1, -1, -1), groups=channels)
    x = F.conv2d(x, taps.flip(0)[None, :].expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(x, taps.flip(0)[:, None].expand(channels, 1, -1, 1), groups=channels)


def dense(state: State, name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return x @ (weight / math.sqrt(weight.shape[1])).T + state[f"{name}.bias"]


def random_state(
    size: int = 32,
    *,
    base: int = 256,
    most: int = 12,
    radial: bool = False,
    layers: int = 14,
    critical: int = 2,
    margin: int = 10,
    w_dim: int = 12,
    z_dim: int = 10,
    num_classes: int = 0,
    seed: int = 0,
) -> State:
    """Weights in the official names. Rates, sizes and channels are those of the paper's appendix; filters are lopsided."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int, mean: float = 0.0, spread: float = 1.0) -> Tensor:
        return torch.randn(shape, generator=draw) * spread + mean

    ramp = np.minimum(np.arange(layers + 1) / (layers - critical), 1)
    cutoffs = 2 * (size / 4) ** ramp
    stopbands = 2**2.1 * (size / 2 * 2**0.3 / 2**2.1) ** ramp
    rates = np.exp2(np.ceil(np.log2(np.minimum(stopbands * 2, size)))).astype(int)
    sizes = [*(int(rate) + 2 * margin for rate in rates[:-2]), size, size]
    channels = [*(int(count) for count in np.rint(np.minimum(base / 2 / cutoffs, most))[:-1]), 3]

    def taps(count: int) -> Tensor:
        offsets = torch.arange(count) - (count - 1) / 2
        window = torch.sinc(offsets / (count / 6)) * torch.cos(math.pi * offsets / (count + 1)).square()
        window = window * (1 + 0.05 * torch.rand(count, generator=draw))
        return window / window.sum()

    embedded = w_dim if num_classes else 0
    state: State = {"mapping.w_avg": normal(w_dim)}
    if num_classes:
        state |= {"mapping.embed.weight": normal(w_dim, num_classes), "mapping.embed.bias": normal(w_dim)}
    for i, inside in enumerate([z_dim + embedded, w_dim]):
        state |= {f"mapping.fc{i}.weight": normal(w_dim, inside, spread=100.0), f"mapping.fc{i}.bias": normal(w_dim)}
    first = channels[0]
    state |= {
        "synthesis.input.weight": normal(first, first),
        "synthesis.input.transform": torch.eye(3),
        "synthesis.input.freqs": normal(first, 2),
        "synthesis.input.phases": torch.rand(first, generator=draw),
        "synthesis.input.affine.weight": normal(4, w_dim, spread=0.3),
        "synthesis.input.affine.bias": torch.tensor([1.0, 0.2, 0.1, -0.1]),
    }
    for i, outside in enumerate(channels):
        inside, before, last = channels[max(i - 1, 0)], max(i - 1, 0), i == layers
        name = f"synthesis.L{i}_{sizes[i]}_{outside}"
        kernel = 1 if radial or last else 3
        state |= {
            f"{name}.weight": normal(outside, inside, kernel, kernel),
            f"{name}.bias": normal(outside, spread=0.3),
            f"{name}.magnitude_ema": torch.tensor(1.3),
            f"{name}.affine.weight": normal(inside, w_dim),
            f"{name}.affine.bias": normal(inside, mean=1.0, spread=0.3),
        }
        if not last:
            high = 2 * max(rates[before], rates[i])
            state[f"{name}.up_filter"] = taps(6 * int(high // rates[before]))
            fall = taps(6 * int(high // rates[i]))
            state[f"{name}.down_filter"] = torch.outer(fall, fall.flip(0)) if radial and i < layers - critical else fall
    return state
