"""StyleGAN2 (Karras 2019, arXiv:1912.04958; classes and clamping: Karras 2020, arXiv:2006.06676).

It reads two layouts: the official names, which the modules here bear, and rosinality's. It knows
no files. Three ways to make the picture: `skip` (every block adds to a growing RGB sum, so
synthesis can stop early), `resnet` and `orig` (the last block alone makes RGB).
"""

import math
import re
from dataclasses import replace
from typing import Any, Mapping, Sequence, cast

import numpy as np
import torch
from torch import Tensor, nn

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes, Space
from genart.families.ops import OWN_SEED, Prefixes, StyleMapping, fill, normal, parts_of, said
from genart.families.packed import CAN_PACK
from genart.families.styled import Skip, StyledConv, ToRGB, double, low_pass
from genart.families.ways import Ways, can_halve
from genart.recipe import Noise

TITLE = "StyleGAN2"
MAX_LEVELS = 10  # doublings from 4 pixels: 4096


class StyleGAN2(nn.Module):
    """A generator; `channels` are those of the blocks 4, 8, 16, … and `first` is the shape of the constant."""

    def __init__(
        self,
        channels: Sequence[int],
        *,
        z_dim: int = 512,
        mapping_widths: Sequence[int] = (512,) * 8,
        num_classes: int = 0,
        embedded: int = 512,
        image_channels: int = 3,
        architecture: str = "skip",
        conv_clamp: float | None = None,
        first: tuple[int, int] = (4, 4),
        parts: Sequence[tuple[int, ...]] = (),
    ):
        super().__init__()
        w_dim, num_ws = mapping_widths[-1], 2 * len(channels)
        self.mapping = StyleMapping(z_dim, mapping_widths, num_ws, num_classes, embedded if num_classes else 0, parts)
        self.synthesis = Synthesis(channels, w_dim, image_channels, architecture, conv_clamp, first)
        sizes = tuple(max(first) << i for i in range(len(channels)))
        self.space = Space(
            z_dim=z_dim,
            w_dim=w_dim,
            num_ws=num_ws,
            image_size=sizes[-1],
            channels=image_channels,
            num_classes=num_classes,
            has_mapping=True,
            has_noise=True,
            sizes=sizes if architecture == "skip" else sizes[-1:],
        )

    @property
    def w_mean(self) -> Tensor:
        """(1, 1, w_dim)."""
        return self.mapping.w_avg[None, None]

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the affine maps of all convolutions, with their gains."""
        return torch.cat([conv.affine.weight * conv.affine.gain for conv in self.synthesis.convs()])


class Synthesis(nn.Module):
    """w (N, num_ws, w_dim) -> pictures (N, C, H, W) about [-1, 1]."""

    def __init__(
        self,
        channels: Sequence[int],
        w_dim: int,
        image_channels: int,
        architecture: str,
        clamp: float | None,
        first: tuple[int, int],
    ):
        super().__init__()
        self.const_shape = first
        self.architecture = architecture
        self.blocks: list[Block] = []  # in order; each is registered under its name
        for i, (inside, outside) in enumerate(zip([0, *channels], channels, strict=False)):
            rgb = image_channels if architecture == "skip" or i == len(channels) - 1 else 0
            shape = (first[0] << i, first[1] << i)
            self.blocks.append(Block(inside, outside, w_dim, rgb, shape, architecture == "resnet", clamp))
            self.add_module(f"b{4 << i}", self.blocks[-1])
        self.drawn: tuple[object, list[Tensor]] = (None, [])
        self.prefixes: Prefixes | None = None
        self.ways: Ways | None = None  # for previews

    def forward(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """`size` stops the `skip` kind at the first block that reaches it; the others make the full picture.

        Where there are `ways`, what stops early may go a little less exactly.
        """
        patterns = self.patterns(noise)
        last = self._last(size)
        ways = self._ways(w, last)
        rows, known = (0, None) if self.prefixes is None else self.prefixes.longest(w, _manner(noise, ways), 2 * last + 2)
        start = rows // 2
        const = self.blocks[0].const.expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x, image, raised, beside = (const, None, None, None) if known is None else known
        for i, block in enumerate(self.blocks[start : last + 1], start):
            row = max(2 * i - 1, 0)
            if raised is None:
                raised, beside = block.raised(x, w[:, row], patterns[row], ways)
                self._keep(w[:, : 2 * i], _manner(noise, ways), (None, image, raised, beside))
            # Windows on w overlap by one: toRGB reads the row of the next block's first convolution.
            x, image = block(raised, beside, image, w[:, row:], patterns[row:], ways)
            raised = None
            self._keep(w[:, : 2 * i + 2], _manner(noise, ways), (x, image, None, None))
        return cast(Tensor, image)  # the last block always has toRGB

    def _keep(self, seen: Tensor, manner: tuple[Noise, bool], state: tuple[Tensor | None, ...]) -> None:
        if self.prefixes is not None and 0 < seen.shape[1] < 2 * len(self.blocks):
            self.prefixes.keep(seen, manner, state)

    def _ways(self, w: Tensor, last: int) -> Ways | None:
        """For a preview, where halved numbers can be had."""
        early = last < len(self.blocks) - 1 and len(w) == 1 and not torch.is_grad_enabled()
        able = CAN_PACK and w.is_cpu and self.blocks[0].const.dtype == torch.float32
        return self.ways if early and able and can_halve() else None

    def _last(self, size: int | None) -> int:
        """The block that makes the picture."""
        final = len(self.blocks) - 1
        if size is None or self.architecture != "skip":
            return final
        return next((i for i in range(final) if max(self.const_shape) << i >= size), final)

    def convs(self) -> "list[StyledConv]":
        return [conv for block in self.blocks for conv in block.convs()]

    def patterns(self, noise: Noise) -> Sequence[Tensor | None]:
        """The noise (H, W) of every convolution, before its learned strength."""
        convs = self.convs()
        if noise.mode == "none":
            return [None] * len(convs)
        patterns = self.draw(noise.seed) if noise.mode == "random" else [conv.noise_const for conv in convs]
        return patterns if noise.strength == 1 else [pattern * noise.strength for pattern in patterns]

    def draw(self, seed: int) -> list[Tensor]:
        """Normal patterns for all convolutions in order, the same on every device; the last seed's are kept."""
        stored = [conv.noise_const for conv in self.convs()]
        key = (seed, stored[0].device)
        if self.drawn[0] != key:
            random = np.random.RandomState(seed)
            with torch.inference_mode(False):  # they may later meet a gradient
                self.drawn = key, [_normal(random, like.shape).to(like.device) for like in stored]
        return self.drawn[1]


def _manner(noise: Noise, ways: Ways | None) -> tuple[Noise, bool]:
    """What decides a state beside w; asked anew for each, for a layer may have been measured meanwhile."""
    return noise, ways is None or not ways.any_half


class Block(nn.Module):
    """One resolution: a convolution that doubles the size, another, and toRGB where `rgb` is not 0.

    The first block, with no channels `inside`, holds the constant and has one convolution.
    """

    resample_filter: Tensor

    def __init__(
        self,
        inside: int,
        outside: int,
        w_dim: int,
        rgb: int,
        shape: tuple[int, int],
        residual: bool,
        clamp: float | None,
    ):
        super().__init__()
        if not inside:
            self.const = nn.Parameter(normal(outside, *shape))
        self.conv0 = StyledConv(inside, outside, w_dim, shape, clamp, up=True) if inside else None
        self.conv1 = StyledConv(outside, outside, w_dim, shape, clamp)
        self.torgb = ToRGB(outside, rgb, w_dim, clamp) if rgb else None
        self.skip = Skip(inside, outside) if inside and residual else None
        self.register_buffer("resample_filter", low_pass())

    def raised(self, x: Tensor, w: Tensor, pattern: Tensor | None, ways: Ways | None = None) -> tuple[Tensor, Tensor | None]:
        """x at this block's size, and the shortcut past the block where it has one."""
        if self.conv0 is None:
            return x, None
        return self.conv0(x, w, pattern, ways=ways), None if self.skip is None else self.skip(x)

    def forward(
        self,
        x: Tensor,
        beside: Tensor | None,
        image: Tensor | None,
        ws: Tensor,
        patterns: Sequence[Tensor | None],
        ways: Ways | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        last = len(self.convs()) - 1
        x = self.conv1(x, ws[:, last], patterns[last], gain=1.0 if beside is None else math.sqrt(0.5), ways=ways)
        if beside is not None:
            x = x + beside
        if self.torgb is None:
            return x, image
        rgb = self.torgb(x, ws[:, last + 1])
        return x, rgb if image is None else rgb + double(image, self.resample_filter)

    def convs(self) -> "list[StyledConv]":
        return [self.conv1] if self.conv0 is None else [self.conv0, self.conv1]


OURS = {"synthesis.b4.const", "synthesis.b4.conv1.affine.weight", "mapping.fc0.weight"}
ROSINALITY = {"input.input", "conv1.conv.modulation.weight", "style.1.weight"}
PREFIX = re.compile(r"^((module|G_ema|g_ema)\.)+")


def recognises(shapes: Shapes) -> bool:
    names = {PREFIX.sub("", name) for name in shapes}
    return names >= OURS or names >= ROSINALITY


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> StyleGAN2:
    """The generator of a state dict in either layout; raises BadWeights naming the tensor that does not fit.

    Some were trained without noise, and some keep no mean of w, which is then measured.
    """
    ours = {PREFIX.sub("", name): tensor for name, tensor in state.items()}
    if ours.keys() >= ROSINALITY:
        ours = _from_rosinality(ours)
    with torch.device("meta"):
        model = StyleGAN2(**_sizes(ours), conv_clamp=_clamp(config))
    without_mean = "mapping.w_avg" not in ours
    fill(model, _left_out(model, ours) | ours, TITLE)
    for conv in model.synthesis.convs():
        conv.lay_out()
    if without_mean:
        model.mapping.take_mean()
    strengths = [conv.noise_strength for conv in model.synthesis.convs()]
    heard = any(strength.is_meta or bool(strength) for strength in strengths)  # of an outline nothing is known
    model.space = replace(model.space, has_noise=heard and not _is_silent(ours))
    return model


def _is_silent(state: Mapping[str, Tensor]) -> bool:
    return not any(name.endswith("noise_strength") for name in state)


def _left_out(model: StyleGAN2, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a file need not hold: filters, the mean of w, and noise, where no layer has any."""
    parts = {"resample_filter", "w_avg", *(("noise_const", "noise_strength") if _is_silent(state) else ())}
    return {
        name: low_pass() if name.endswith("resample_filter") else torch.zeros(like.shape)
        for name, like in model.state_dict().items()
        if name.rpartition(".")[2] in parts
    }


def _sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments of StyleGAN2 that its weights tell."""
    _, height, width = _shape(state, "synthesis.b4.const", 3)
    later = (f"synthesis.b{8 << i}" for i in range(min(len(state), 2 * MAX_LEVELS)))
    names = ["synthesis.b4", *(name for name in later if f"{name}.conv1.weight" in state)]
    channels = [_shape(state, f"{name}.conv1.weight", 4)[0] for name in names]
    depth = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    widths = [_shape(state, f"mapping.fc{i}.weight", 2)[0] for i in range(depth)]
    embedded, num_classes = _shape(state, "mapping.embed.weight", 2) if "mapping.embed.weight" in state else (0, 0)
    parts = parts_of(state, "mapping.parts.", 1)
    z_dim = sum(shape[2] for shape in parts) or _shape(state, "mapping.fc0.weight", 2)[1] - embedded
    if z_dim < 1:
        raise BadWeights(f"The tensor 'mapping.fc0.weight' of these {TITLE} weights reads no z; use another file.")
    early = "synthesis.b4.torgb.weight" in state
    residual = any(name.endswith(".skip.weight") for name in state)
    return {
        "channels": channels,
        "z_dim": z_dim,
        "mapping_widths": widths,
        "num_classes": num_classes,
        "embedded": embedded,
        "image_channels": _shape(state, f"{names[-1]}.torgb.weight", 4)[0],
        "architecture": "skip" if early else "resnet" if residual else "orig",
        "first": (height, width),
        "parts": parts,
    }


def _shape(state: Mapping[str, Tensor], name: str, dims: int) -> tuple[int, ...]:
    if name not in state:
        raise BadWeights(f"These {TITLE} weights lack the tensor {quote(name)}; fetch the whole file again.")
    shape = tuple(state[name].shape)
    if len(shape) != dims:
        raise BadWeights(f"The tensor {quote(name)} of these {TITLE} weights has shape {shape}; fetch the whole file again.")
    return shape


def _clamp(config: Config) -> float | None:
    clamp = said(config, "conv_clamp")
    if clamp is None:
        return None
    if isinstance(clamp, bool) or not isinstance(clamp, (int, float)) or not clamp > 0:
        raise BadWeights(f"conv_clamp {quote(clamp)} of these {TITLE} weights is no limit; use a number above 0.")
    return float(clamp)


# rosinality's layout (https://github.com/rosinality/stylegan2-pytorch): the same network in other words.

CONV = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "conv.blur.kernel": "resample_filter",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",
}
DIMS = {"const": 3, "weight": 4, "noise_const": 2, "noise_strength": 0}  # rosinality keeps 1s before these


def _from_rosinality(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under our names; unknown ones keep theirs, to be refused by it.

    Some files hold no noise: it is then drawn once and for all.
    """
    levels = sum(re.fullmatch(r"to_rgbs\.\d+\.conv\.weight", name) is not None for name in state)
    _check_levels(4, levels)
    names = _names_in_rosinality(levels)
    ours = {}
    for name, tensor in state.items():
        style = re.fullmatch(r"style\.([1-9]\d*)\.(weight|bias)", name)
        if style:
            ours[f"mapping.fc{int(style[1]) - 1}.{style[2]}"] = tensor
        else:
            ours[names.get(name, name)] = _as_official(tensor, names[name]) if name in names else tensor
    _, height, width = _shape(ours, "synthesis.b4.const", 3)
    _check_levels(max(height, width), levels)
    random, const = np.random.RandomState(OWN_SEED), ours["synthesis.b4.const"]
    for i in range(2 * levels + 1):
        shape = (height << (i + 1) // 2, width << (i + 1) // 2)
        ours.setdefault(names[f"noises.noise_{i}"], torch.empty(shape) if const.is_meta else _normal(random, shape))
    return ours


def _check_levels(first: int, levels: int) -> None:
    if levels > MAX_LEVELS or first << levels > 4 << MAX_LEVELS:
        raise BadWeights(f"These {TITLE} weights draw {first << levels} pixels a side; at most {4 << MAX_LEVELS} are read.")


def _names_in_rosinality(levels: int) -> dict[str, str]:
    """rosinality's names -> ours, for everything but the mapping network; noise in order of its layers."""
    layers = {"conv1": "synthesis.b4.conv1", "to_rgb1": "synthesis.b4.torgb"}
    for i in range(levels):
        block = f"synthesis.b{8 << i}"
        layers |= {f"convs.{2 * i}": f"{block}.conv0", f"convs.{2 * i + 1}": f"{block}.conv1"}
        layers |= {f"to_rgbs.{i}": f"{block}.torgb"}
    names = {f"{old}.{part}": f"{new}.{CONV[part]}" for old, new in layers.items() for part in CONV}
    names |= {f"to_rgbs.{i}.upsample.kernel": f"synthesis.b{8 << i}.resample_filter" for i in range(levels)}
    names |= {"input.input": "synthesis.b4.const", "latent_avg": "mapping.w_avg"}
    convs = [new for new in layers.values() if "conv" in new]
    return names | {f"noises.noise_{i}": f"{conv}.noise_const" for i, conv in enumerate(convs)}


def _as_official(tensor: Tensor, name: str) -> Tensor:
    """A tensor of rosinality's as the official code stores it, `name` being ours.

    rosinality scales a convolution by 1 / √fan-in before the normalisation, which has a 1e-8 in
    it, where the official code leaves the scale to it; and its filters are stored times 4.
    """
    last = name.rpartition(".")[2]
    while tensor.dim() > DIMS.get(last, 9) and tensor.shape[0] == 1:
        tensor = tensor[0]
    if last == "resample_filter":
        return tensor / 4
    if name.endswith(("torgb.bias", "w_avg")):
        return tensor.flatten()
    if name.endswith((".conv0.weight", ".conv1.weight")):
        return tensor / math.sqrt(math.prod(tensor.shape[1:]))
    return tensor


def _normal(random: np.random.RandomState, shape: Sequence[int]) -> Tensor:
    return torch.from_numpy(random.randn(*shape).astype(np.float32))


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
