"""StyleGAN2 as the papers write it: slow, plain, and sharing nothing with genart.

Weights are scaled by the style and normalised for each picture, a batch is one convolution
with a group for each picture, and every filter runs on pixels spread apart by zeros
(Karras 2019, arXiv:1912.04958; Karras 2020, arXiv:2006.06676). Tests compare with it, and
benchmarks/families.py times against it.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


def mapping(state: State, z: Tensor, label: Tensor | None = None) -> Tensor:
    """(N, z_dim) -> (N, w_dim)."""
    x = normalise(z)
    if "mapping.embed.weight" in state:
        assert label is not None
        x = torch.cat([x, normalise(dense(state, "mapping.embed", label))], 1)
    i = 0
    while f"mapping.fc{i}.weight" in state:
        x = F.leaky_relu(dense(state, f"mapping.fc{i}", x, rate=0.01), 0.2) * math.sqrt(2)
        i += 1
    return x


def synthesis(state: State, ws: Tensor, *, clamp: float | None = None, noise: bool = True, zeros: bool = True) -> list[Tensor]:
    """RGB after every block that has any, the whole picture last. `zeros` false: `spread` is left to
    torch's transposed convolution in the dense layers, for timing; the numbers are the same.
    """
    resolutions = [4 << i for i in range(20) if f"synthesis.b{4 << i}.conv1.weight" in state]
    residual = any(".skip." in name for name in state)
    x = state["synthesis.b4.const"][None].repeat(len(ws), 1, 1, 1)
    image, images, row = None, [], 0
    for r in resolutions:
        block, shortcut, gain = f"synthesis.b{r}", None, 1.0
        if r > 4:
            if residual:
                weight = state[f"{block}.skip.weight"]
                gain = math.sqrt(0.5)
                shortcut = spread(F.conv2d(x, weight / math.sqrt(weight.shape[1])))
                shortcut = filtered(shortcut, state[f"{block}.skip.resample_filter"] * 4, (2, 1)) * gain
            x = layer(state, f"{block}.conv0", x, ws[:, row], True, 1.0, clamp, noise, zeros)
            row += 1
        x = layer(state, f"{block}.conv1", x, ws[:, row], False, gain, clamp, noise, zeros)
        row += 1
        if shortcut is not None:
            x = x + shortcut
        if image is not None:
            image = filtered(spread(image), state[f"{block}.resample_filter"] * 4, (2, 1))
        if f"{block}.torgb.weight" in state:
            rgb = to_rgb(state, f"{block}.torgb", x, ws[:, row], clamp)
            image = rgb if image is None else image + rgb
            images.append(image)
    return images


def layer(
    state: State, name: str, x: Tensor, w: Tensor, up: bool, gain: float, clamp: float | None, noise: bool, zeros: bool
) -> Tensor:
    style = dense(state, f"{name}.affine", w)
    weight = state[f"{name}.weight"][None] * style[:, None, :, None, None]
    weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    if up:
        x = raised(x, weight) if zeros else raised_by_torch(x, weight)
        x = filtered(x, state[f"{name}.resample_filter"] * 4, (1, 1))
    else:
        x = grouped(F.pad(x, (1, 1, 1, 1)), weight)
    if noise:
        x = x + state[f"{name}.noise_const"] * state[f"{name}.noise_strength"]
    x = F.leaky_relu(x + state[f"{name}.bias"][:, None, None], 0.2) * (math.sqrt(2) * gain)
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def to_rgb(state: State, name: str, x: Tensor, w: Tensor, clamp: float | None) -> Tensor:
    weight = state[f"{name}.weight"]
    style = dense(state, f"{name}.affine", w) / math.sqrt(weight.shape[1])
    x = grouped(x, weight[None] * style[:, None, :, None, None]) + state[f"{name}.bias"][:, None, None]
    return x if clamp is None else x.clamp(-clamp, clamp)


def dense(state: State, name: str, x: Tensor, rate: float = 1.0) -> Tensor:
    weight = state[f"{name}.weight"]
    return x @ (weight * rate / math.sqrt(weight.shape[1])).T + state[f"{name}.bias"] * rate


def normalise(x: Tensor) -> Tensor:
    return x / torch.sqrt(x.square().mean(1, keepdim=True) + 1e-8)


def grouped(x: Tensor, weight: Tensor) -> Tensor:
    """Each picture (C, H, W) with its own weights (O, C, k, k)."""
    n, out = weight.shape[:2]
    y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), weight.flatten(0, 1), groups=n)
    return y.reshape(n, out, *y.shape[2:])


def raised(x: Tensor, weight: Tensor) -> Tensor:
    """Every input pixel adds its weights (O, C, 3, 3) to the output, two pixels from its neighbour's."""
    apart = spread(x)[:, :, :-1, :-1]
    return grouped(F.pad(apart, (2, 2, 2, 2)), weight.flip(3, 4))


def raised_by_torch(x: Tensor, weight: Tensor) -> Tensor:
    n, out = weight.shape[:2]
    y = F.conv_transpose2d(x.reshape(1, -1, *x.shape[2:]), weight.transpose(1, 2).flatten(0, 1), stride=2, groups=n)
    return y.reshape(n, out, *y.shape[2:])


def spread(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W): a zero after every pixel, in both directions."""
    n, c, h, w = x.shape
    return F.pad(x.reshape(n, c, h, 1, w, 1), (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * w)


def filtered(x: Tensor, taps: Tensor, padding: tuple[int, int]) -> Tensor:
    """A true convolution with `taps` (4, 4), zeros `padding` before and after."""
    before, after = padding
    x = F.pad(x, (before, after, before, after))
    return F.conv2d(x, taps.flip(0, 1).repeat(x.shape[1], 1, 1, 1), groups=x.shape[1])


def random_state(
    channels: list[int],
    *,
    architecture: str = "skip",
    z_dim: int = 10,
    w_dim: int = 12,
    depth: int = 2,
    num_classes: int = 0,
    rgb: int = 3,
    seed: int = 0,
) -> State:
    """Weights in the official names with nothing at a trivial value: the filters are lopsided too."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int, mean: float = 0.0, spread: float = 1.0) -> Tensor:
        return torch.randn(shape, generator=draw) * spread + mean

    def taps() -> Tensor:
        return torch.rand(4, 4, generator=draw) / 8

    def affine(name: str, inside: int) -> State:
        return {f"{name}.weight": normal(inside, w_dim), f"{name}.bias": normal(inside, mean=1.0, spread=0.3)}

    def conv(name: str, inside: int, outside: int, r: int) -> State:
        return affine(f"{name}.affine", inside) | {
            f"{name}.weight": normal(outside, inside, 3, 3),
            f"{name}.bias": normal(outside, spread=0.3),
            f"{name}.noise_strength": normal(spread=0.2),
            f"{name}.noise_const": normal(r, r),
            f"{name}.resample_filter": taps(),
        }

    embedded = w_dim if num_classes else 0
    state: State = {"mapping.w_avg": normal(w_dim), "synthesis.b4.const": normal(channels[0], 4, 4)}
    if num_classes:
        state |= {"mapping.embed.weight": normal(w_dim, num_classes), "mapping.embed.bias": normal(w_dim)}
    for i in range(depth):
        inside = z_dim + embedded if i == 0 else w_dim
        state |= {f"mapping.fc{i}.weight": normal(w_dim, inside, spread=100.0), f"mapping.fc{i}.bias": normal(w_dim)}
    for i, outside in enumerate(channels):
        block, r = f"synthesis.b{4 << i}", 4 << i
        state[f"{block}.resample_filter"] = taps()
        if i:
            state |= conv(f"{block}.conv0", channels[i - 1], outside, r)
            if architecture == "resnet":
                state[f"{block}.skip.weight"] = normal(outside, channels[i - 1], 1, 1)
                state[f"{block}.skip.resample_filter"] = taps()
        state |= conv(f"{block}.conv1", outside, outside, r)
        if architecture == "skip" or i == len(channels) - 1:
            state |= affine(f"{block}.torgb.affine", outside)
            state |= {f"{block}.torgb.weight": normal(rgb, outside, 1, 1), f"{block}.torgb.bias": normal(rgb)}
    return state
