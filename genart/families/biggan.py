"""BigGAN-deep (Brock 2018, arXiv:1809.11096), in the layout of Hugging Face's port.

Its truncation is two things at once: z is made shorter, and every batch norm takes the running
statistics recorded for that truncation. Here both are psi. w carries a 1 beside z and the class;
what psi makes of it says which statistics to take, and lets the class be read back at full
strength. z beyond ±2, which the original's sampler draws again, is set to ±2: a redraw would
make the picture jump while z moves. Every block reads a row of w of its own, so that one block
can take its class or its z from elsewhere.
"""

import math
import re
from typing import Mapping, Sequence, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights
from genart.families.base import Config, Family, Shapes, Space
from genart.families.conv import Conv1x1, Conv3x3, product
from genart.families.ops import Stock, kept, setting
from genart.recipe import Noise

TITLE = "BigGAN-deep"
REACH = 2.0  # of z: the original's sampler truncates there
LOST = 1e-6  # psi below which nothing of the class is left
STRIP = 256  # points that look round at a time
COLOURS = 3  # the network's last layer has more outputs, which the original drops


class BigGAN(nn.Module):
    """A generator, its weights read off `stock`; `ups` says which blocks double the size.

    w is (N, blocks + 1, z_dim + k + 1), rows [z, class embedding, 1]: the first row opens the
    first layer, and the others go to the blocks in order.
    """

    def __init__(self, stock: Stock, ups: Sequence[bool], eps: float):
        super().__init__()
        embedding = stock.take("embeddings.weight", None, None)
        self.embedding = kept(embedding)
        opening = stock.weight("generator.gen_z", None, None)
        self.k, num_classes = embedding.shape
        self.z_dim = opening.shape[1] - self.k
        channels = stock.weight_shape("generator.layers.0.conv_0")[1]
        self.side = math.isqrt(len(opening) // channels)
        if self.z_dim < 1 or self.side**2 * channels != len(opening):
            raise BadWeights(
                f"The tensor 'generator.gen_z.weight' of these {TITLE} weights has shape {tuple(opening.shape)}, "
                f"which opens no square of {channels} channels; choose another file."
            )
        self.opening = kept(opening)  # points first, as in memory
        self.opening_bias = kept(stock.take("generator.gen_z.bias", len(opening)))
        self.layers = nn.ModuleList()
        self.n_stats = stock.shape("generator.layers.0.bn_0.running_means")[0]
        rising = iter(ups)
        size = self.side
        for index in range(_count(stock)):
            name = f"generator.layers.{index}"
            if f"{name}.gamma" in stock:
                self.layers.append(Attention(stock, name, channels))
                continue
            up = next(rising, False)
            size *= 1 + up
            block = Block(stock, name, channels, opening.shape[1], self.n_stats, eps, up)
            self.layers.append(block)
            channels = block.outside
        self.last_norm = Norm(stock, "generator.bn", channels, 0, self.n_stats, eps)
        colours = stock.weight("generator.conv_to_rgb", None, channels, 3, 3)
        bias = stock.take("generator.conv_to_rgb.bias", len(colours))
        self.to_rgb = Conv3x3(colours[:COLOURS], bias[:COLOURS])
        self.space = Space(
            z_dim=self.z_dim,
            w_dim=self.z_dim + self.k + 1,
            num_ws=1 + sum(isinstance(layer, Block) for layer in self.layers),
            image_size=size,
            channels=len(self.to_rgb.weight),
            num_classes=num_classes,
            spherical=True,
            sizes=(size,),
        )

    @property
    def w_mean(self) -> Tensor:
        """Zeros, (1, 1, w_dim): psi shortens z."""
        return self.embedding.new_zeros(1, 1, self.space.w_dim)

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """z (N, z_dim), shares of classes (N, num_classes) -> (N, num_ws, w_dim)."""
        if label is None:
            label = z.new_full((len(z), self.space.num_classes), 1 / self.space.num_classes)
        row = torch.cat([z.clamp(-REACH, REACH), F.linear(label, self.embedding), z.new_ones(len(z), 1)], dim=1)
        return row[:, None].repeat(1, self.space.num_ws, 1)

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, num_ws, w_dim) -> (N, 3, H, W) in [-1, 1]; there is no noise, and one size."""
        conditions, truncations = self.conditions(w), self.truncations(w)
        x = F.linear(conditions[:, 0], self.opening, self.opening_bias)
        x = x.reshape(len(x), self.side, self.side, -1).permute(0, 3, 1, 2)
        row = 0
        for layer in self.layers:
            if isinstance(layer, Block):
                row += 1
                x = layer(x, conditions[:, row], truncations[:, row])
            else:
                x = layer(x)
        x = self.last_norm(x, None, truncations[:, row])
        return torch.tanh(self.to_rgb(x))

    def conditions(self, w: Tensor) -> Tensor:
        """What the layers read, (N, num_ws, z_dim + k): z as it is, the class at full strength."""
        z, embedding, scale = w.split([self.z_dim, self.k, 1], dim=2)
        lost = scale.abs() < LOST  # at psi 0 the class is gone: the mean of all
        embedding = torch.where(lost, self.embedding.mean(1), embedding / torch.where(lost, 1.0, scale))
        return torch.cat([z, embedding], dim=2)

    def truncations(self, w: Tensor) -> Tensor:
        """(N, num_ws) in [0, 1]: psi, in decimals as it was written, for the statistics are picky."""
        return w[:, :, -1].detach().abs().clamp(max=1).double().mul(1e6).round().div(1e6)

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the first layer and the conditional norms; zero where w holds the class."""
        blocks = [layer for layer in self.layers if isinstance(layer, Block)]
        maps = [self.opening, *(cast(Norm, norm).maps for block in blocks for norm in block.norms)]
        return F.pad(torch.cat([one[:, : self.z_dim] for one in maps]), (0, self.k + 1))


class Block(nn.Module):
    """Narrow, twice 3x3, wide again, beside a shortcut that drops the channels it has too many."""

    def __init__(self, stock: Stock, name: str, inside: int, conditions: int, n_stats: int, eps: float, up: bool):
        super().__init__()
        self.up = up
        narrow = stock.weight_shape(f"{name}.conv_0")[0]
        self.outside = stock.weight_shape(f"{name}.conv_3")[0]
        widths = [inside, narrow, narrow, narrow]
        self.norms = nn.ModuleList(
            Norm(stock, f"{name}.bn_{i}", width, conditions, n_stats, eps) for i, width in enumerate(widths)
        )
        self.convs = nn.ModuleList()
        for i, (width, wide, kernel) in enumerate(zip(widths, [narrow, narrow, narrow, self.outside], [1, 3, 3, 1], strict=True)):
            weight = stock.weight(f"{name}.conv_{i}", wide, width, kernel, kernel)
            bias = stock.take(f"{name}.conv_{i}.bias", wide)
            self.convs.append(Conv3x3(weight, bias, up=up and i == 1) if kernel == 3 else Conv1x1(weight, bias))

    def forward(self, x: Tensor, condition: Tensor, truncation: Tensor) -> Tensor:
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(norm(y, condition, truncation))
        x = x[:, : self.outside]
        return y + (F.interpolate(x, scale_factor=2, mode="nearest") if self.up else x)


class Norm(nn.Module):
    """Batch norm under a condition, then ReLU: all of it one scale and one shift for each channel.

    `maps` (2C, conditions) gives scale - 1 and shift of a condition; without conditions the two are constant.
    """

    def __init__(self, stock: Stock, name: str, channels: int, conditions: int, n_stats: int, eps: float):
        super().__init__()
        self.means = kept(stock.take(f"{name}.running_means", n_stats, channels))
        variances = stock.take(f"{name}.running_vars", n_stats, channels)
        self.variances = kept(variances + eps)
        if conditions:
            parts = [stock.weight(f"{name}.{part}", channels, conditions) for part in ("scale", "offset")]
        else:
            parts = [stock.take(f"{name}.weight", channels) - 1, stock.take(f"{name}.bias", channels)]
        self.maps = kept(torch.cat(parts))

    def forward(self, x: Tensor, condition: Tensor | None, truncation: Tensor) -> Tensor:
        """(N, C, H, W), (N, conditions), (N,) -> (N, C, H, W)."""
        known = self.maps[None] if condition is None else F.linear(condition, self.maps)
        scale, shift = known.chunk(2, dim=1)
        psi = [1.0] * len(truncation) if truncation.is_meta else truncation.tolist()
        mean, variance = (torch.stack([statistics(table, one) for one in psi]) for table in (self.means, self.variances))
        scale = (1 + scale) * torch.rsqrt(variance)
        shift = shift - mean * scale
        return torch.addcmul(shift[:, :, None, None], x, scale[:, :, None, None]).relu_()


def statistics(table: Tensor, truncation: float) -> Tensor:
    """The row (C,) of a table (n, C) for a truncation in [0, 1].

    Between two rows the original weighs them the wrong way round, and its pictures were looked at
    that way; so does this. Even its rounding counts: 0.3 / 0.02 is a little less than 15.
    """
    share, start = math.modf(truncation / (1 / (len(table) - 1)))
    low = table[int(start)]
    return low if share == 0 else low * share + table[int(start) + 1] * (1 - share)


class Attention(nn.Module):
    """Every point looks at all of a coarser grid (Zhang 2018, arXiv:1805.08318)."""

    def __init__(self, stock: Stock, name: str, channels: int):
        super().__init__()
        small, half = (stock.weight_shape(f"{name}.snconv1x1_{part}")[0] for part in ("theta", "g"))
        self.theta = Conv1x1(stock.weight(f"{name}.snconv1x1_theta", small, channels, 1, 1))
        self.phi = Conv1x1(stock.weight(f"{name}.snconv1x1_phi", small, channels, 1, 1))
        self.g = Conv1x1(stock.weight(f"{name}.snconv1x1_g", half, channels, 1, 1))
        self.out = Conv1x1(stock.weight(f"{name}.snconv1x1_o_conv", channels, half, 1, 1) * stock.take(f"{name}.gamma", 1))

    def forward(self, x: Tensor) -> Tensor:
        asked = self.theta(x).permute(0, 2, 3, 1).flatten(1, 2)
        offered = F.max_pool2d(self.phi(x), 2).permute(0, 2, 3, 1).flatten(1, 2)
        values = F.max_pool2d(self.g(x), 2).flatten(2)
        seen = [_seen(*picture) for picture in zip(asked, offered, values, strict=True)]
        return x + self.out(torch.stack(seen).unflatten(1, x.shape[2:]).permute(0, 3, 1, 2))


def _seen(asked: Tensor, offered: Tensor, values: Tensor) -> Tensor:
    """(n, d), (m, d), (C, m) -> (n, C): the values, weighed by softmax; some rows at a time, for the cache's sake."""
    strips = [product(torch.softmax(product(rows, offered), dim=1), values) for rows in asked.split(STRIP)]
    return torch.cat(strips)


def recognises(shapes: Shapes) -> bool:
    names = {Stock.bare(name) for name in shapes}
    return names >= {"embeddings.weight", "generator.gen_z.bias", "generator.bn.running_means", "generator.layers.0.conv_0.bias"}


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> BigGAN:
    """The generator of a state dict; raises BadWeights naming the tensor that does not fit.

    `config` may hold `layers`, rows that begin with whether a block doubles the size, and `eps`.
    Without it every second block doubles, as in all published models, and eps is theirs.
    """
    stock = Stock(state, TITLE)
    blocks = sum(f"generator.layers.{i}.conv_0.bias" in stock for i in range(_count(stock)))
    table = config.get("layers")
    if isinstance(table, (list, tuple)) and len(table) == blocks and all(isinstance(row, (list, tuple)) and row for row in table):
        ups = [bool(row[0]) for row in table]
    else:
        ups = [index % 2 == 1 for index in range(blocks)]
    model = BigGAN(stock, ups, setting(config, "eps", 1e-4, 0, 1))
    stock.close()
    return model


def _count(stock: Stock) -> int:
    """How many layers there are, attention among them."""
    return len({match[1] for name in stock.left if (match := re.match(r"generator\.layers\.(\d+)\.", name))})


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
