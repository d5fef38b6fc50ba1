"""Lightweight GAN (Liu 2021, arXiv:2101.04775, as Wang writes it: lucidrains/lightweight-gan).

It reads the layout of the Hugging Face sprint and those of the original package, whose newer
versions double by pixel shuffle, blur, use kernel 4 and add noise. Which one a file has, how deep
it is and where attention stands is all told by its names and shapes. It knows no files.
"""

import math
import re
from typing import Mapping, Sequence, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes, Space
from genart.families.conv import Conv1x1, FastConv2d
from genart.recipe import Noise

TITLE = "Lightweight GAN"
HEAD_DIM = 64  # of every attention head, in all versions
SKIPS = 3  # a block scales the output of the block three later
EPSILON = 1e-5  # of both norms
SLOPE = 0.1
OWN_SEED = 0  # the noise called const: the original draws it anew for each picture


class LightweightGAN(nn.Module):
    """One latent point -> 4 pixels, of unit length over the channels -> blocks that double -> pixels in [0, 1].

    An early block squeezes its output to one factor a channel, for the block `SKIPS` later.
    """

    def __init__(self, first: nn.ConvTranspose2d, blocks: Sequence["Block"], out: nn.Module):
        super().__init__()
        self.first = first
        self.blocks = nn.ModuleList(blocks)
        self.out = out
        self.drawn: tuple[object, list[Tensor]] = (None, [])
        size = 4 << len(blocks)
        self.space = Space(
            z_dim=first.in_channels,
            w_dim=first.in_channels,
            num_ws=1,
            image_size=size,
            channels=len(cast(Tensor, out.weight)),
            spherical=True,
            has_noise=any(block.noise is not None for block in blocks),
            sizes=(size,),
        )

    @property
    def w_mean(self) -> Tensor:
        """(1, 1, w_dim): zeros, the centre of the Gaussian."""
        return self.first.weight.new_zeros(1, 1, self.space.w_dim)

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, z_dim) -> (N, 1, z_dim): there is no mapping network."""
        return z[:, None]

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, w_dim) -> (N, C, H, W) in [-1, 1]; the network's own [0, 1] is clipped first, as its tools do."""
        return self.draw(w[:, 0], noise).clamp(0, 1) * 2 - 1

    def draw(self, z: Tensor, noise: Noise = Noise()) -> Tensor:
        """(N, z_dim) -> (N, C, H, W), unclipped, meant for [0, 1]."""
        x = F.glu(self.first(z[:, :, None, None]), dim=1)
        x = F.normalize(x, dim=1).contiguous(memory_format=torch.channels_last)
        patterns = self.patterns(noise)
        factors: dict[int, Tensor] = {}
        for place, (block, pattern) in enumerate(zip(self.blocks, patterns, strict=True)):
            x = block(x, pattern)
            if isinstance(block.excite, Excite):
                factors[place + SKIPS] = block.excite(x)
            if place in factors:
                x = x * factors.pop(place)
        return self.out(x)

    def patterns(self, noise: Noise) -> Sequence[Tensor | None]:
        """The noise (H, W) of every block, the same on every device; the last seed's are kept."""
        if noise.mode == "none" or not self.space.has_noise:
            return [None] * len(self.blocks)
        key = (noise.seed if noise.mode == "random" else OWN_SEED, self.first.weight.device)
        if self.drawn[0] != key:
            random = np.random.RandomState(key[0])
            sides = [8 << place for place in range(len(self.blocks))]
            self.drawn = key, [torch.from_numpy(random.randn(side, side).astype(np.float32)).to(key[1]) for side in sides]
        return [pattern * noise.strength for pattern in self.drawn[1]]

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the first layer."""
        return self.first.weight.flatten(1).T


class Block(nn.Module):
    """Attention beside a skip, twice the size, convolution, noise and a gated linear unit.

    `taps` is the blur after doubling, `noise` (channels,) how much each channel takes of the pattern.
    """

    taps: Tensor | None
    noise: Tensor | None

    def __init__(
        self,
        conv: nn.Module,
        up: nn.Module | None,
        taps: Tensor | None,
        noise: Tensor | None,
        excite: nn.Module | None,
        attend: nn.Module | None,
    ):
        super().__init__()
        self.conv, self.up, self.excite, self.attend = conv, up, excite, attend
        self.register_buffer("taps", taps)
        self.register_buffer("noise", noise)

    def forward(self, x: Tensor, pattern: Tensor | None) -> Tensor:
        """(N, C, h, w), pattern (2h, 2w) -> (N, out, 2h, 2w)."""
        if self.attend is not None:
            x = x + self.attend(x)
        if self.up is None and self.taps is None and isinstance(self.conv, FastConv2d):
            x = self.conv(x, up=True)
        else:
            x = F.interpolate(x, scale_factor=2) if self.up is None else F.pixel_shuffle(F.silu(self.up(x)), 2)
            if self.taps is not None:
                kernel = torch.outer(self.taps, self.taps) / self.taps.sum().square()
                x = F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), kernel.repeat(x.shape[1], 1, 1, 1), groups=x.shape[1])
            x = self.conv(x)[:, :, : x.shape[2], : x.shape[3]]
        if pattern is not None and self.noise is not None:
            x = x + pattern * self.noise[:, None, None]
        return F.glu(x, dim=1)


class Excite(nn.Module):
    """Factors (N, out, 1, 1) for the channels of a later block, from a pooled early one.

    Pooled by a learned attention over the pixels (global context, Cao 2019, arXiv:1904.11492), or
    by the fixed cosines of `weights` (1, C, H, W) (FcaNet, Qin 2020, arXiv:2012.11879).
    """

    weights: Tensor | None

    def __init__(self, key: nn.Module | None, weights: Tensor | None, inner: nn.Module, outer: nn.Module):
        super().__init__()
        self.key, self.inner, self.outer = key, inner, outer
        self.register_buffer("weights", weights)

    def forward(self, x: Tensor) -> Tensor:
        if self.weights is not None:
            pooled = (x * self.weights).sum((2, 3), keepdim=True)
        elif self.key is not None:
            share = self.key(x).flatten(2).softmax(2)
            pooled = (x.flatten(2) @ share.transpose(1, 2))[..., None]
        return torch.sigmoid(self.outer(F.leaky_relu(self.inner(pooled), SLOPE)))


class Attend(nn.Module):
    """Attention of linear cost (Shen 2018, arXiv:1812.01243) after a norm over the channels.

    Newer files have `near` as well: each pixel attends to the 3x3 around it, beside the rest.
    """

    def __init__(self, norm: tuple[Tensor, Tensor], far: Sequence[nn.Module], near: Sequence[nn.Module], out: nn.Module):
        super().__init__()
        self.gain, self.bias = (nn.Parameter(tensor, requires_grad=False) for tensor in norm)
        self.far, self.near, self.out = nn.ModuleList(far), nn.ModuleList(near), out

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
        x = (x - mean) * torch.rsqrt(variance + EPSILON) * self.gain + self.bias
        seen = F.gelu(self._from_afar(x))
        return self.out(torch.cat([seen, self._from_nearby(x)], 1) if len(self.near) else seen)

    def _from_afar(self, x: Tensor) -> Tensor:
        ask, spread, mix = self.far
        q = _heads(ask(x)).softmax(2) / math.sqrt(HEAD_DIM)
        k, v = (_heads(part) for part in mix(spread(x)).chunk(2, 1))
        seen = (v @ k.softmax(3).transpose(2, 3)) @ q  # (N, heads, dim, pixels)
        return seen.reshape(len(x), -1, *x.shape[2:])

    def _from_nearby(self, x: Tensor) -> Tensor:
        ask, both = self.near
        q = _heads(ask(x))[:, :, :, None] / math.sqrt(HEAD_DIM)
        k, v = (F.unfold(part, 3, padding=1).unflatten(1, (-1, HEAD_DIM, 9)) for part in both(x).chunk(2, 1))
        share = (q * k).sum(2, keepdim=True).softmax(3)  # (N, heads, 1, 9, pixels)
        return (share * v).sum(3).reshape(len(x), -1, *x.shape[2:])


def _heads(x: Tensor) -> Tensor:
    """(N, heads dim, h, w) -> (N, heads, dim, pixels)."""
    return x.reshape(len(x), -1, HEAD_DIM, x.shape[2] * x.shape[3])


# Reading weights. A file may hold GE (the moving average, which is taken), G and the discriminators.

WRAPPERS = re.compile(r"^((module|GAN|gan)\.)+")
PARTS = ("GE.", "G.")
SIGNS = {"initial_conv.0.weight", "initial_conv.1.weight", "out_conv.weight", "layers.0.0.2.weight"}
SIGNS_NEW = SIGNS - {"layers.0.0.2.weight"} | {"layers.0.0.2.1.weight"}


def recognises(shapes: Shapes) -> bool:
    names = set(_generator(shapes))
    return names >= SIGNS or names >= SIGNS_NEW


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> LightweightGAN:
    """The generator of a file, its batch norms folded; raises BadWeights for a tensor too few or too many."""
    own = {name: tensor.float() for name, tensor in _generator(state).items() if not name.endswith("num_batches_tracked")}
    took = _Taker(own)
    weight, bias, _ = took.folded("initial_conv.0", "initial_conv.1", out=1)
    depth = len({name.split(".")[1] for name in own if name.startswith("layers.")})
    blocks = [_block(took, f"layers.{i}") for i in range(depth)]
    model = LightweightGAN(_opening(weight, bias), blocks, took.conv("out_conv"))
    took.finish()
    wanted = config.get("image_size", model.space.image_size)
    if wanted != model.space.image_size:
        raise BadWeights(
            f"These {TITLE} weights draw {model.space.image_size} pixels, not {quote(wanted)}; fetch both files again."
        )
    return model.eval().requires_grad_(False)


def _generator(state: Mapping[str, object]) -> dict:
    """The generator's own entries, under bare names."""
    bare = {WRAPPERS.sub("", name): value for name, value in state.items()}
    for part in PARTS:
        own = {name.removeprefix(part): value for name, value in bare.items() if name.startswith(part)}
        if own:
            return own
    return bare


def _block(took: "_Taker", name: str) -> Block:
    up = took.conv(f"{name}.0.0.net.0") if f"{name}.0.0.net.0.weight" in took.left else None
    conv = f"{name}.0.2.1" if f"{name}.0.2.1.weight" in took.left else f"{name}.0.2"
    noisy = f"{name}.0.4.running_mean" in took.left
    noise = took.tensor(f"{name}.0.3.weight") if noisy else None
    taps = took.tensor(f"{name}.0.1.f") if f"{name}.0.1.f" in took.left else None
    weight, bias, scale = took.folded(conv, f"{name}.0.{4 if noisy else 3}")
    excite = None
    if f"{name}.1.net.0.weight" in took.left:
        cosines = took.tensor(f"{name}.1.dct_weights") if f"{name}.1.dct_weights" in took.left else None
        key = took.conv(f"{name}.1.to_k") if cosines is None else None
        excite = Excite(key, cosines, took.conv(f"{name}.1.net.0"), took.conv(f"{name}.1.net.2"))
    attend = None
    if f"{name}.2.norm.g" in took.left:
        norm = took.tensor(f"{name}.2.norm.g"), took.tensor(f"{name}.2.norm.b")
        both = f"{name}.2.fn.to_lin_q.weight" in took.left
        far = [took.conv(f"{name}.2.fn.to_{'lin_' * both}{part}") for part in ("q", "kv.net.0", "kv.net.1")]
        near = [took.conv(f"{name}.2.fn.to_{part}") for part in ("q", "kv")] if both else []
        attend = Attend(norm, far, near, took.conv(f"{name}.2.fn.to_out"))
    return Block(_conv(weight, bias), up, taps, None if noise is None else noise * scale, excite, attend)


class _Taker:
    """Hands out the tensors of a state dict one by one, and says which are missing or left."""

    def __init__(self, state: dict[str, Tensor]):
        self.left = state

    def tensor(self, name: str) -> Tensor:
        if name not in self.left:
            raise BadWeights(f"These {TITLE} weights lack the tensor {quote(name)}; fetch the whole file again.")
        return self.left.pop(name)

    def conv(self, name: str) -> nn.Module:
        weight = self.tensor(f"{name}.weight")
        return _conv(weight, self.left.pop(f"{name}.bias", None))

    def folded(self, name: str, norm: str, out: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Kernel and bias with the batch norm in them (Ioffe 2015, arXiv:1502.03167), and the norm's factors.

        `out` is the axis of the kernel's output channels.
        """
        weight, mean = self.tensor(f"{name}.weight"), self.tensor(f"{norm}.running_mean")
        bias = self.left.pop(f"{name}.bias", torch.zeros_like(mean))
        scale = self.tensor(f"{norm}.weight") * torch.rsqrt(self.tensor(f"{norm}.running_var") + EPSILON)
        bias = (bias - mean) * scale + self.tensor(f"{norm}.bias")
        return weight * scale.reshape(-1, *[1] * (3 - out)), bias, scale

    def finish(self) -> None:
        for name in self.left:
            raise BadWeights(f"The tensor {quote(name)} is no part of {TITLE}; use a file with the generator alone.")


def _conv(weight: Tensor, bias: Tensor | None) -> nn.Module:
    """The layer of a stored kernel, which keeps the size; of 4, a row and a column more. A 3x3 of 1 channel is depthwise."""
    rows, columns, kernel, _ = weight.shape
    if kernel == 1:
        return Conv1x1(weight, bias)
    with torch.device("meta"):
        if kernel == 3 and columns == 1 and bias is None:
            layer = nn.Conv2d(rows, rows, kernel, padding=1, groups=rows)
        else:
            layer = FastConv2d(columns, rows) if kernel == 3 else nn.Conv2d(columns, rows, kernel, padding=kernel // 2)
    layer.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
    layer.bias = None if bias is None else nn.Parameter(bias)
    return layer


def _opening(weight: Tensor, bias: Tensor) -> nn.ConvTranspose2d:
    with torch.device("meta"):
        layer = nn.ConvTranspose2d(weight.shape[0], weight.shape[1], weight.shape[2])
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
