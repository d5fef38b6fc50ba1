"""StyleGAN3, t and r (Karras 2021, arXiv:2106.12423): layers that know no pixels, only signals.

Rates, filters and sizes are read off the weights and their names; nothing is designed anew here.
The picture can be moved and turned freely: that acts on the signal the network begins with.

Each axis of a resampling step (zeros between samples, padding or cropping, filter, every d-th
sample) is one linear map of short reach, so it is built once as a banded matrix and applied as
small matrix products, a strip of rows at a time: no zero is ever multiplied.

Since a layer is a map of signals, it can be followed at a lower rate than its own. That is how a
preview is had, of a network that makes no colours before its last layer.
"""

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights
from genart.families.base import LEAST_SHARE, Config, Control, Family, Shapes, Space
from genart.families.conv import Convolution, product
from genart.families.ops import EqualLinear, Stock, StyleMapping, kept, setting
from genart.recipe import Noise

TITLE = "StyleGAN3"
SLOPE = 0.2
GAIN = math.sqrt(2)
MARGIN = 10  # the original's; the weights say theirs unless no layer has the full rate

MERGED = 1 / 4  # of its own rate: so far below it, a kernel is as good as one tap
EDGE = 4  # pixels round a preview, for what its convolutions lack beyond them
TILE = 16  # larger ones multiply more zeros, smaller ones take more calls
MAX_SIZE = 4500  # 4096 and its margins

CONTROLS = (Control("translate_x", -1, 1), Control("translate_y", -1, 1), Control("rotate", -360, 360))


@dataclass(frozen=True, slots=True)
class Plan:
    """One layer's numbers: sizes in pixels, rates in pixels a picture."""

    name: str
    inside: int
    outside: int
    in_size: int
    out_size: int
    in_rate: int
    out_rate: int


class StyleGAN3(nn.Module):
    """A generator; its parts are read off the weights by `from_state_dict`."""

    def __init__(self, mapping: StyleMapping, synthesis: "Synthesis", z_dim: int):
        super().__init__()
        self.mapping = mapping
        self.synthesis = synthesis
        size = synthesis.size
        self.space = Space(
            z_dim=z_dim,
            w_dim=len(mapping.w_avg),
            num_ws=mapping.num_ws,
            image_size=size,
            channels=synthesis.channels,
            num_classes=mapping.num_classes,
            has_mapping=True,
            sizes=(*synthesis.rates(), size),
            controls=CONTROLS,
        )

    @property
    def w_mean(self) -> Tensor:
        """(1, 1, w_dim)."""
        return self.mapping.w_avg[None, None]

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the affine maps of all layers, with their gains."""
        return torch.cat([part.affine.weight * part.affine.gain for part in self.synthesis.parts()])


class Synthesis(nn.Module):
    """w (N, num_ws, w_dim) -> pictures (N, C, H, W) about [-1, 1]."""

    def __init__(self, start: "Input", layers: "Sequence[Layer]", size: int, scale: float):
        super().__init__()
        self.input = start
        self.layers = nn.ModuleList(layers)
        self.channels = len(layers[-1].bias)
        self.size = size
        self.scale = scale
        for layer in layers:
            if layer.kernel == 3 and any(rate < layer.in_rate for rate in self.rates()):
                layer.kept_bytes = 3 * layer.weight.nbytes  # about what its kernels for previews will take

    def forward(
        self,
        w: Tensor,
        noise: Noise = Noise(),
        size: int | None = None,
        translate_x: float = 0.0,
        translate_y: float = 0.0,
        rotate: float = 0.0,
    ) -> Tensor:
        """There is no noise. The picture is moved by shares of its width, right and down, and turned
        by degrees, as the official tools count them. At a smaller `size` the layers of a higher
        rate are followed at that of the picture: close, and not exact.
        """
        rate = size or self.size
        x = self.input(w[:, 0], self.placed(translate_x, translate_y, rotate))
        for layer, row in zip(self.chain(), w.unbind(1)[1:], strict=True):
            x = layer(x, row) if layer.out_rate <= rate else layer.followed(_middle(x, rate + 2 * EDGE), row, rate)
        return _middle(x, rate).permute(0, 3, 1, 2) * self.scale

    def rates(self) -> list[int]:
        """The sizes of previews: rates at which some layer ends, below that of the picture."""
        ends = {layer.out_rate for layer in self.chain()}
        return sorted(rate for rate in ends if self.size <= rate * LEAST_SHARE < self.size * LEAST_SHARE)

    def placed(self, x: float, y: float, degrees: float) -> Tensor:
        """(3, 3): from the point in the picture to the point in the signal."""
        if x == y == degrees == 0:
            return self.input.transform
        turn = math.radians(degrees)
        cos, sin = math.cos(turn), math.sin(turn)
        moved = torch.tensor([[cos, sin, x], [-sin, cos, y], [0, 0, 1]], dtype=torch.float64)
        return self.input.transform @ torch.linalg.inv(moved).to(self.input.transform)

    def chain(self) -> "list[Layer]":
        return list(self.layers)  # type: ignore[arg-type]

    def parts(self) -> "list[Input | Layer]":
        return [self.input, *self.chain()]


class Input(nn.Module):
    """The signal that all begins with: a sum of waves that w moves and turns (section 3.2), (N, H, W, C)."""

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, stock: Stock, size: int, rate: int, band: float):
        super().__init__()
        name = "synthesis.input"
        channels, w_dim = stock.shape(f"{name}.phases")[0], stock.shape(f"{name}.affine.weight")[-1]
        with torch.device("meta"):
            self.affine = EqualLinear(w_dim, 4)
        stock.fill(self.affine, f"{name}.affine.")
        self.weight = kept(stock.take(f"{name}.weight", channels, channels) / math.sqrt(channels))
        for part, shape in (("transform", (3, 3)), ("freqs", (channels, 2)), ("phases", (channels,))):
            self.register_buffer(part, stock.take(f"{name}.{part}", *shape))
        self.size, self.rate, self.band = size, rate, band

    def forward(self, w: Tensor, transform: Tensor) -> Tensor:
        asked = self.affine(w)
        cos, sin, x, y = (asked / asked[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        one, zero = torch.ones_like(x), torch.zeros_like(x)
        turn = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1).unflatten(1, (3, 3))
        move = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], dim=1).unflatten(1, (3, 3))
        whole = turn @ move @ transform
        phases = self.phases + (self.freqs @ whole[:, :2, 2:])[:, :, 0]
        freqs = self.freqs @ whole[:, :2, :2]
        reach = (freqs.norm(dim=2) - self.band) / (self.rate / 2 - self.band)
        amplitudes = (1 - reach).clamp(0, 1)
        grid = (torch.arange(self.size, device=w.device) + 0.5 - self.size / 2) / self.rate
        across = grid[:, None] * freqs[:, None, :, 0] + phases[:, None]
        down = grid[:, None] * freqs[:, None, :, 1]
        waves = torch.sin(2 * math.pi * (down[:, :, None] + across[:, None]))
        return (waves * amplitudes[:, None, None]) @ self.weight.T


class Layer(nn.Module):
    """Convolution under a style, then leaky ReLU at a higher rate: (N, h, w, inside) -> (N, H, W, outside).

    The style scales what goes in and the normalisation what comes out, so that the weights are
    the same for every picture (Karras 2019, arXiv:1912.04958, section 2.2).
    """

    def __init__(self, stock: Stock, plan: Plan, w_dim: int, last: bool, clamp: float, over: int):
        super().__init__()
        name = f"synthesis.{plan.name}"
        with torch.device("meta"):
            self.affine = EqualLinear(w_dim, plan.inside, bias=1.0)
        stock.fill(self.affine, f"{name}.affine.")
        kernel = 1 if last else stock.shape(f"{name}.weight")[-1]
        weight = stock.take(f"{name}.weight", plan.outside, plan.inside, kernel, kernel)
        gain = stock.take(f"{name}.magnitude_ema").rsqrt()
        if last:
            weight = weight * gain / math.sqrt(plan.inside * kernel * kernel)
        else:
            weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
        self.last, self.clamp, self.kernel = last, clamp, kernel
        self.in_rate, self.out_rate = plan.in_rate, plan.out_rate
        self.kept_bytes = 0
        self.coarse: dict[float, tuple[Tensor, Convolution]] = {}
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.power = None if last else kept(weight.square().sum((2, 3)).T)
        self.gain = kept(gain)
        self.convolution = Convolution()
        self.bias = kept(stock.take(f"{name}.bias", plan.outside))
        self.resample = Resample(stock, name, plan, kernel, 1 if last else over)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        if self.power is None:
            return self._coloured(x, w)
        return self.resample(self._convolved(x, w, self.weight, self.convolution, self.kernel - 1), self.clamp)

    def followed(self, x: Tensor, w: Tensor, rate: int) -> Tensor:
        """As `forward`, at a `rate` below the layer's own, (N, h, w, inside) -> (N, h, w, outside)."""
        if self.power is None:
            return self._coloured(x, w)
        weight, convolution = self._seen_from(rate)
        x = self._convolved(x, w, weight, convolution, weight.shape[-1] // 2)
        return (F.leaky_relu(x, SLOPE) * GAIN).clamp(-self.clamp, self.clamp)

    def _coloured(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)
        x = product((x * style[:, None, None]).flatten(0, 2), self.weight.flatten(1), self.bias).unflatten(0, x.shape[:3])
        return x.clamp(-self.clamp, self.clamp)

    def _convolved(self, x: Tensor, w: Tensor, weight: Tensor, convolution: Convolution, padding: int) -> Tensor:
        style = self.affine(w)
        style = style * style.square().mean(1, keepdim=True).rsqrt()
        scale = torch.rsqrt(style.square() @ self.power + 1e-8) * self.gain
        y = convolution(x.permute(0, 3, 1, 2), weight, self.bias, padding=padding, style=style, gain=scale)
        return y.permute(0, 2, 3, 1)

    def _seen_from(self, rate: int) -> tuple[Tensor, Convolution]:
        """The kernel for pixels at a lower rate, made once: its outer taps lie between two of them, nearer to the middle one."""
        share = max(rate / self.in_rate, MERGED)
        if share >= 1 or self.kernel == 1:
            return self.weight, self.convolution
        if share not in self.coarse:
            with torch.inference_mode(False), torch.no_grad():
                if share == MERGED:
                    weight = self.weight.sum((2, 3), keepdim=True)
                else:
                    near = self.weight.new_tensor([[share, 0, 0], [1 - share, 1, 1 - share], [0, 0, share]])
                    weight = (near @ self.weight @ near.T).contiguous(memory_format=torch.channels_last)
            self.coarse[share] = weight, Convolution(self.convolution.choice)
        return self.coarse[share]


def _middle(x: Tensor, size: int) -> Tensor:
    """(N, size, size, C) of a larger (N, H, W, C)."""
    edge = (x.shape[1] - size) // 2
    return x[:, edge : edge + size, edge : edge + size] if edge > 0 else x


class Resample(nn.Module):
    """Up, leaky ReLU and clamp, down: (N, h, w, C) -> (N, H, W, C).

    The high rate is cut into tiles of `tile` pixels a side. Along an axis, a tile is `rise` times
    the few pixels of the input that reach it, and some pixels of the output are `fall` times a
    tile and the `over` pixels beside it. All tiles of some rows are one batch of small products;
    rows are made a strip at a time, so that the high rate never leaves the processor's cache.
    """

    def __init__(self, stock: Stock, name: str, plan: Plan, kernel: int, over: int):
        super().__init__()
        high = max(plan.in_rate, plan.out_rate) * over
        self.up, self.down = high // plan.in_rate, high // plan.out_rate
        one = torch.ones(1)
        rise = stock.take(f"{name}.up_filter", None) if f"{name}.up_filter" in stock else one
        flat = stock.shape(f"{name}.down_filter") if f"{name}.down_filter" in stock else ()
        radial = len(flat) == 2
        fall = stock.take(f"{name}.down_filter", *flat[-1:] * (2 if radial else 1)) if flat else one
        before = plan.in_size + kernel - 1
        self.size = plan.out_size
        self.over = max(0, len(fall) - self.down)
        self.tile = max(TILE, self.up, self.down)  # all powers of 2
        while self.tile < self.over:
            self.tile *= 2
        most = (self.size - 1) * self.down + len(fall)  # pixels of the high rate along an axis
        padding = most + len(rise) - 1 - before * self.up
        low = (padding + self.up) // 2  # zeros before the first pixel, at the high rate, as in the original
        taps = rise.flip(0) * self.up
        # Rows come `over` later than columns: a strip of the output needs that many rows kept from the strip before.
        self.rise, self.first = _raising(taps, self.up, low, self.tile)
        self.rise_rows, self.first_row = _raising(taps, self.up, low - self.over, self.tile)
        # How much larger the high rate can be than what it is made from.
        self.reach = math.inf if self.rise.is_meta else float(self.rise.abs().sum(1).max()) ** 2
        last = (len(rise) - 1 - low + most - 1) // self.up - self.first + 1  # columns of the input that are read
        self.across = max(-(-most // self.tile), -(-last * self.up // self.tile))
        self.strips = -(-self.size * self.down // self.tile)
        if radial:  # with the leaky ReLU's gain, which commutes with it
            self.fall = kept(fall.flip(0, 1).repeat(plan.outside, 1, 1, 1) * GAIN)
        else:
            self.fall = kept(_lowering(fall, self.down, self.tile) * math.sqrt(GAIN))

    def forward(self, x: Tensor, clamp: float) -> Tensor:
        clamp = clamp / GAIN
        if x.is_cpu and max(abs(float(end)) for end in x.detach().aminmax()) * self.reach <= clamp:
            clamp = math.inf  # nothing can come near it, and a pass over the high rate is saved
        pictures = [self._picture(picture, clamp)[None] for picture in x]
        return pictures[0] if len(pictures) == 1 else torch.cat(pictures)

    def _picture(self, x: Tensor, clamp: float) -> Tensor:
        """(h, w, C) -> (H, W, C)."""
        strips = self._strips(x, clamp)
        if torch.is_grad_enabled():
            return torch.cat(list(strips))[: self.size]
        tall = self.tile // self.down
        out = x.new_empty(self.strips * tall, self.size, x.shape[2])
        for place, strip in zip(out.split(tall), strips, strict=True):
            place.copy_(strip)
        return out[: self.size]

    def _strips(self, x: Tensor, clamp: float) -> Iterator[Tensor]:
        """(h, w, C) -> some rows of the output after the other, (tile / down, W, C)."""
        step, count, channels = self.tile // self.up, self.rise_rows.shape[1], x.shape[2]
        radial = self.fall.dim() == 4
        kept_rows = self.over * self.across * (self.tile if radial else len(self.fall)) * channels
        rows: Tensor | None = None
        for strip in range(self.strips + 1):  # the first is for the rows that the second needs
            y = self._padded(x, (strip - 1) * step + self.first_row, count).flatten(1)[None]
            y = _products(self.rise_rows, y, 0, self.rise.shape[1] * channels)
            lead = kept_rows if radial else 0
            y = self._across(self.rise, y, step, channels, lead)
            high = y[lead:]
            F.leaky_relu_(high if clamp == math.inf else high.clamp_(-clamp / SLOPE, clamp), SLOPE)
            if not radial:
                y = self._across(self.fall, y, self.tile, channels, kept_rows)
            y = y[: -self.fall.shape[-1] * channels].unflatten(0, (self.over + self.tile, -1, channels))
            if rows is not None:
                y = _with_first(rows[self.tile :], y)
                yield self._lowered(y)
            rows = y

    def _padded(self, x: Tensor, first: int, count: int) -> Tensor:
        """So many rows of x (h, w, C) from `first` on, as wide as all tiles, zeros where x has none."""
        rows = x[max(first, 0) : max(first + count, 0)]
        above = min(max(-first, 0), count)
        wide = self.across * self.tile // self.up
        return F.pad(rows, (0, 0, -self.first, wide + self.first - x.shape[1], above, count - above - len(rows)))

    def _across(self, taps: Tensor, rows: Tensor, step: int, channels: int, lead: int) -> Tensor:
        """All tiles of `tile` rows times `taps`; what a row's last tile reads of the next row is cut off later."""
        tiles = rows.as_strided((self.tile * self.across, taps.shape[1], channels), (step * channels, channels, 1))
        return _products(taps, tiles, lead, self.fall.shape[-1] * channels)

    def _lowered(self, rows: Tensor) -> Tensor:
        """Rows of the high rate, `over` and `tile` of them -> rows of the output (-1, W, C)."""
        if self.fall.dim() == 4:
            y = F.conv2d(rows.permute(2, 0, 1)[None], self.fall, stride=self.down, groups=rows.shape[2])
            return y[0].permute(1, 2, 0)[:, : self.size]
        return torch.mm(self.fall, rows.flatten(1)).unflatten(1, rows.shape[1:])[:, : self.size]


def _products(a: Tensor, b: Tensor, lead: int, slack: int) -> Tensor:
    """a (m, k) times each of b (n, k, l) as one row of numbers, `lead` places free before it and `slack` zeros behind."""
    shape = (len(b), len(a), b.shape[2])
    if torch.is_grad_enabled():
        return F.pad(torch.bmm(a.expand(len(b), -1, -1), b).flatten(), (lead, slack))
    out = b.new_empty(lead + math.prod(shape) + slack)
    out[-slack:].zero_()
    torch.bmm(a.expand(len(b), -1, -1), b, out=out[lead:-slack].view(shape))
    return out


def _with_first(rows: Tensor, y: Tensor) -> Tensor:
    """y with `rows` in its first places."""
    if torch.is_grad_enabled():
        return torch.cat([rows, y[len(rows) :]])
    y[: len(rows)] = rows
    return y


def _raising(taps: Tensor, up: int, low: int, tile: int) -> tuple[nn.Parameter, int]:
    """(tile, k), and the first input pixel it reads: pixel n of the high rate is the sum of
    taps[up m + low - n] times pixel m."""
    first = -(low // up)
    count = (len(taps) - 1 - low + tile - 1) // up - first + 1
    return kept(_band(taps, tile, count, up * first + low, up, -1)), first


def _lowering(fall: Tensor, down: int, tile: int) -> Tensor:
    """(tile / down, k): pixel n of the output is the sum of taps[k] times pixel down n + k of the high rate."""
    return _band(fall.flip(0), tile // down, tile - down + len(fall), 0, 1, -down)


def _band(taps: Tensor, rows: int, columns: int, start: int, across: int, down: int) -> Tensor:
    """(rows, columns) of taps[start + row down + column across], zero where there is none."""
    place = start + torch.arange(rows)[:, None] * down + torch.arange(columns) * across
    inside = (place >= 0) & (place < len(taps))
    return torch.where(inside, taps[place.clamp(0, len(taps) - 1)], 0.0)


NAME = re.compile(r"synthesis\.(L(\d+)_(\d+)_(\d+))\.weight")


def recognises(shapes: Shapes) -> bool:
    names = {Stock.bare(name) for name in shapes}
    return names >= {"synthesis.input.freqs", "synthesis.input.transform", "mapping.fc0.weight"} and any(
        map(NAME.fullmatch, names)
    )


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> StyleGAN3:
    """The generator of a state dict; raises BadWeights naming the tensor that does not fit.

    `config` may hold what weights cannot say, where it is not the original's: `first_cutoff`,
    `lrelu_upsampling`, `conv_clamp`, `output_scale`, `margin_size`.
    """
    stock = Stock(state, TITLE)
    plans = _plans(stock, config)
    w_dim = stock.shape("synthesis.input.affine.weight")[-1]
    clamp = setting(config, "conv_clamp", 256.0, 1e-3, 1e9)
    over = int(setting(config, "lrelu_upsampling", 2, 1, 8))
    band = setting(config, "first_cutoff", 2, 1e-3, 1e4)
    start = Input(stock, plans[0].in_size, plans[0].in_rate, band)
    layers = [Layer(stock, plan, w_dim, plan is plans[-1], clamp, over) for plan in plans]
    scale = setting(config, "output_scale", 0.25, 1e-6, 1e6)
    synthesis = Synthesis(start, layers, plans[-1].out_size, scale)
    mapping, z_dim = _mapping(stock, num_ws=len(plans) + 1)
    stock.close()
    return StyleGAN3(mapping, synthesis, z_dim)


def _plans(stock: Stock, config: Config) -> list[Plan]:
    """The layers in order: sizes are in their names, and a rate is a size without its margins.

    The last two layers have the picture's own size and rate, and no margin.
    """
    found = sorted((int(match[2]), match) for name in stock.left if (match := NAME.fullmatch(name)))
    sizes = [int(match[3]) for _, match in found]
    if max(sizes, default=0) > MAX_SIZE:
        raise BadWeights(f"These {TITLE} weights draw {max(sizes)} pixels a side; at most {MAX_SIZE} are read.")
    if [index for index, _ in found] != list(range(len(found))) or len(found) < 2 or sizes[-1] != sizes[-2]:
        raise BadWeights(f"The layers {sizes} of these {TITLE} weights are not complete; fetch the whole file again.")
    widest = (max(sizes) - sizes[-1]) // 2
    margin = widest if all(_is_rate(size - 2 * widest) for size in sizes[:-2]) else MARGIN
    margin = int(setting(config, "margin_size", margin, 0, 1000))
    rates = [size - 2 * margin for size in sizes[:-2]] + sizes[-2:]
    if not all(_is_rate(rate) for rate in rates) or any(low > high for low, high in pairwise(rates)):
        raise BadWeights(f"The layers {sizes} of these {TITLE} weights have no rates that double; choose another file.")
    plans = []
    for index, match in found:
        before = max(index - 1, 0)
        outside, inside = stock.shape(f"synthesis.{match[1]}.weight")[:2]
        plans.append(Plan(match[1], inside, outside, sizes[before], sizes[index], rates[before], rates[index]))
    return plans


def _is_rate(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def _mapping(stock: Stock, num_ws: int) -> tuple[StyleMapping, int]:
    depth = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in stock.left)
    widths = [stock.shape(f"mapping.fc{i}.weight")[0] for i in range(depth)]
    embedded, num_classes = stock.shape("mapping.embed.weight") if "mapping.embed.weight" in stock else (0, 0)
    z_dim = stock.shape("mapping.fc0.weight")[-1] - embedded
    if z_dim < 1:
        raise BadWeights(f"The tensor 'mapping.fc0.weight' of these {TITLE} weights reads no z; use another file.")
    with torch.device("meta"):
        mapping = StyleMapping(z_dim, widths, num_ws, num_classes, embedded)
    without_mean = "mapping.w_avg" not in stock
    if without_mean:
        stock.left["mapping.w_avg"] = torch.zeros(widths[-1])
    stock.fill(mapping, "mapping.")
    if without_mean:
        mapping.take_mean()
    return mapping.requires_grad_(False), z_dim


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
