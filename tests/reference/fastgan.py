"""FastGAN as the paper writes it, in the original names: plain, and sharing nothing with genart.

Spectral and batch norm are computed as the network runs, at every call (Liu 2021,
arXiv:2101.04775). Tests compare with it, and benchmarks/families.py times against it.
"""

import math
import re

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]
WIDTHS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 0.5, 512: 0.25, 1024: 0.125}


def pictures(state: State, z: Tensor, noise: list[Tensor] | None = None) -> tuple[Tensor, Tensor | None]:
    """z (N, z_dim) -> the large picture and the one of 128 pixels, before any tanh."""
    noise = None if noise is None else list(noise)
    x = F.conv_transpose2d(z[:, :, None, None], normalised(state, "init.init.0", transposed=True))
    features = {4: F.glu(norm(state, "init.init.1", x), 1)}
    for size in sorted({int(match[1]) for name in state if (match := re.match(r"feat_(\d+)\.", name))}):
        x = F.interpolate(features[size // 2], scale_factor=2, mode="nearest")
        for place in (1, 5):
            if f"feat_{size}.{place}.weight_orig" not in state:
                continue
            x = F.conv2d(x, normalised(state, f"feat_{size}.{place}"), padding=1)
            after = place + 1
            if f"feat_{size}.{after}.running_mean" not in state:
                x = x if noise is None else x + state[f"feat_{size}.{after}.weight"] * noise.pop(0)
                after += 1
            x = F.glu(norm(state, f"feat_{size}.{after}", x), 1)
        if f"se_{size}.main.1.weight_orig" in state:
            y = F.adaptive_avg_pool2d(features[size // 16], 4)
            y = F.silu(F.conv2d(y, normalised(state, f"se_{size}.main.1")))
            x = x * torch.sigmoid(F.conv2d(y, normalised(state, f"se_{size}.main.3")))
        features[size] = x
    small = F.conv2d(features[128], normalised(state, "to_128")) if "to_128.weight_orig" in state else None
    return F.conv2d(x, normalised(state, "to_big"), state.get("to_big.bias"), padding=1), small


def norm(state: State, name: str, x: Tensor) -> Tensor:
    parts = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *parts, eps=1e-5)


def normalised(state: State, name: str, transposed: bool = False) -> Tensor:
    weight = state[f"{name}.weight_orig"]
    matrix = (weight.transpose(0, 1) if transposed else weight).flatten(1)
    return weight / (state[f"{name}.weight_u"] @ matrix @ state[f"{name}.weight_v"])


def random_state(size: int = 256, *, ngf: int = 8, z_dim: int = 8, all_double: bool = False, seed: int = 0) -> State:
    """Weights in the original names, with nothing at a trivial value."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int, mean: float = 0.0, spread: float = 1.0) -> Tensor:
        return torch.randn(shape, generator=draw) * spread + mean

    def spectral(name: str, *shape: int, transposed: bool = False) -> State:
        weight = normal(*shape, spread=1 / math.sqrt(math.prod(shape[1:])))
        matrix = (weight.transpose(0, 1) if transposed else weight).flatten(1)
        v = F.normalize(normal(matrix.shape[1]), dim=0)
        for _ in range(10):
            u = F.normalize(matrix @ v, dim=0)
            v = F.normalize(u @ matrix, dim=0)
        return {f"{name}.weight_orig": weight, f"{name}.weight_u": u, f"{name}.weight_v": v}

    def batch_norm(name: str, channels: int) -> State:
        return {
            f"{name}.weight": normal(channels, mean=1.0, spread=0.2),
            f"{name}.bias": normal(channels, spread=0.3),
            f"{name}.running_mean": normal(channels, spread=0.1),
            f"{name}.running_var": torch.rand(channels, generator=draw) * 0.1 + 0.15,
            f"{name}.num_batches_tracked": torch.tensor(9),
        }

    width = {place: max(1, int(times * ngf)) for place, times in WIDTHS.items() if place <= size}
    state = spectral("init.init.0", z_dim, 2 * width[4], 4, 4, transposed=True) | batch_norm("init.init.1", 2 * width[4])
    for place in list(width)[1:]:
        name, wide = f"feat_{place}", 2 * width[place]
        double = all_double or place in (8, 32, 128, 512)
        state |= spectral(f"{name}.1", wide, width[place // 2], 3, 3)
        if double:
            state |= {f"{name}.2.weight": normal(1, spread=0.3), f"{name}.6.weight": normal(1, spread=0.3)}
            state |= (
                batch_norm(f"{name}.3", wide) | spectral(f"{name}.5", wide, width[place], 3, 3) | batch_norm(f"{name}.7", wide)
            )
        else:
            state |= batch_norm(f"{name}.2", wide)
        if 64 <= place <= 512:
            state |= spectral(f"se_{place}.main.1", width[place], width[place // 16], 4, 4)
            state |= spectral(f"se_{place}.main.3", width[place], width[place], 1, 1)
    if size > 128:
        state |= spectral("to_128", 3, width[128], 1, 1)
    return state | spectral("to_big", 3, width[size], 3, 3)
