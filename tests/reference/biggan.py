"""BigGAN-deep as the paper writes it, in the layout of Hugging Face's port: plain, sharing nothing with genart.

Spectral and batch norm are computed as the network runs, at every call (Brock 2018,
arXiv:1809.11096, appendix B). Tests compare with it, and benchmarks/families.py times against it.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


def picture(state: State, z: Tensor, label: Tensor, truncation: float, ups: list[bool], eps: float = 1e-4) -> Tensor:
    """z (N, z_dim) already truncated, label (N, classes) -> (N, 3, H, W)."""
    condition = torch.cat([z, label @ state["embeddings.weight"].T], 1)
    x = F.linear(condition, normalised(state, "generator.gen_z"), state["generator.gen_z.bias"])
    channels = state["generator.layers.0.bn_0.running_means"].shape[1]
    x = x.reshape(len(x), 4, 4, channels).permute(0, 3, 1, 2)
    rising, i = iter(ups), 0
    while f"generator.layers.{i}.gamma" in state or f"generator.layers.{i}.conv_0.bias" in state:
        name = f"generator.layers.{i}"
        x = (
            attention(state, name, x)
            if f"{name}.gamma" in state
            else block(state, name, x, condition, truncation, next(rising), eps)
        )
        i += 1
    mean, variance = statistics(state, "generator.bn", truncation)
    x = F.relu(F.batch_norm(x, mean, variance, state["generator.bn.weight"], state["generator.bn.bias"], eps=eps))
    x = conv(state, "generator.conv_to_rgb", x)
    return torch.tanh(x[:, :3])


def block(state: State, name: str, x: Tensor, condition: Tensor, truncation: float, up: bool, eps: float) -> Tensor:
    beside = x
    for i in range(4):
        x = F.relu(norm(state, f"{name}.bn_{i}", x, condition, truncation, eps))
        if i == 1 and up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = conv(state, f"{name}.conv_{i}", x)
    beside = beside[:, : x.shape[1]]
    return x + (F.interpolate(beside, scale_factor=2, mode="nearest") if up else beside)


def norm(state: State, name: str, x: Tensor, condition: Tensor, truncation: float, eps: float) -> Tensor:
    mean, variance = statistics(state, name, truncation)
    scale = 1 + F.linear(condition, normalised(state, f"{name}.scale"))
    shift = F.linear(condition, normalised(state, f"{name}.offset"))
    x = (x - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + eps)
    return x * scale[:, :, None, None] + shift[:, :, None, None]


def statistics(state: State, name: str, truncation: float) -> list[Tensor]:
    """Mean and variance for a truncation; between two steps the port weighs them the wrong way round."""
    tables = [state[f"{name}.running_{part}"] for part in ("means", "vars")]
    share, start = math.modf(truncation / (1 / (len(tables[0]) - 1)))
    if not share:
        return [table[int(start)] for table in tables]
    return [table[int(start)] * share + table[int(start) + 1] * (1 - share) for table in tables]


def attention(state: State, name: str, x: Tensor) -> Tensor:
    asked = conv(state, f"{name}.snconv1x1_theta", x).flatten(2)
    offered = F.max_pool2d(conv(state, f"{name}.snconv1x1_phi", x), 2).flatten(2)
    values = F.max_pool2d(conv(state, f"{name}.snconv1x1_g", x), 2).flatten(2)
    looks = torch.softmax(asked.transpose(1, 2) @ offered, dim=-1)
    seen = (values @ looks.transpose(1, 2)).reshape(len(x), -1, *x.shape[2:])
    return x + state[f"{name}.gamma"] * conv(state, f"{name}.snconv1x1_o_conv", seen)


def conv(state: State, name: str, x: Tensor) -> Tensor:
    weight = normalised(state, name)
    return F.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)


def normalised(state: State, name: str) -> Tensor:
    weight = state[f"{name}.weight_orig"]
    return weight / (state[f"{name}.weight_u"] @ weight.flatten(1) @ state[f"{name}.weight_v"])


def random_state(
    blocks: list[tuple[int, int]], *, attention_at: int = 1, z_dim: int = 6, classes: int = 3, ch: int = 8, seed: int = 0
) -> State:
    """Weights in the port's names for blocks of (inside, outside), in units of `ch` channels."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int, mean: float = 0.0, spread: float = 1.0) -> Tensor:
        return torch.randn(shape, generator=draw) * spread + mean

    def spectral(name: str, *shape: int) -> State:
        weight = normal(*shape, spread=1 / math.sqrt(math.prod(shape[1:])))
        v = F.normalize(normal(weight[0].numel()), dim=0)
        for _ in range(10):
            u = F.normalize(weight.flatten(1) @ v, dim=0)
            v = F.normalize(u @ weight.flatten(1), dim=0)
        return {f"{name}.weight_orig": weight, f"{name}.weight_u": u, f"{name}.weight_v": v}

    def tables(name: str, channels: int) -> State:
        variances = torch.rand(51, channels, generator=draw) * 0.5 + 0.75
        return {f"{name}.running_means": normal(51, channels, spread=0.1), f"{name}.running_vars": variances}

    first = blocks[0][0] * ch
    state = {"embeddings.weight": normal(z_dim, classes)} | spectral("generator.gen_z", 16 * first, 2 * z_dim)
    state |= {"generator.gen_z.bias": normal(16 * first, spread=0.1)}
    index = 0
    for place, (inside, outside) in enumerate(blocks):
        if place == attention_at:
            name, channels = f"generator.layers.{index}", inside * ch
            state[f"{name}.gamma"] = torch.tensor([0.8])
            for part, o, i in (("theta", 8, 1), ("phi", 8, 1), ("g", 2, 1), ("o_conv", 1, 2)):
                state |= spectral(f"{name}.snconv1x1_{part}", channels // o, channels // i, 1, 1)
            index += 1
        name, narrow = f"generator.layers.{index}", inside * ch // 4
        shapes = [(narrow, inside * ch, 1), (narrow, narrow, 3), (narrow, narrow, 3), (outside * ch, narrow, 1)]
        for i, (wide, width, kernel) in enumerate(shapes):
            state |= tables(f"{name}.bn_{i}", width) | spectral(f"{name}.conv_{i}", wide, width, kernel, kernel)
            state |= spectral(f"{name}.bn_{i}.scale", width, 2 * z_dim) | spectral(f"{name}.bn_{i}.offset", width, 2 * z_dim)
            state[f"{name}.conv_{i}.bias"] = normal(wide, spread=0.1)
        index += 1
    last = blocks[-1][1] * ch
    state |= tables("generator.bn", last) | spectral("generator.conv_to_rgb", last, last, 3, 3)
    return state | {
        "generator.bn.weight": normal(last, mean=1.0, spread=0.1),
        "generator.bn.bias": normal(last, spread=0.1),
        "generator.conv_to_rgb.bias": normal(last, spread=0.1),
    }
