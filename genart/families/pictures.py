"""What autoencoders of pictures share: a latent that is itself a small picture. It knows no network.

Such a latent has no prior: a Gaussian one decodes to mud. So points come from pictures. Four
pictures, drawn here, are encoded when the weights are loaded, and a seed is a collage of them: z
is a coarse field for each of the four, and every place of the latent is taken from the one whose
field is highest there, with soft seams. z is thus Gaussian, mixes on its radius, and seams wander
as it moves; any other picture becomes a w through `encode`. The mean, where psi leads, is one
plain tone: the mean of each channel. Decoding a latent that was averaged to half its size gives
the picture at half its size, which is how synthesis stops early.
"""

import math
from functools import lru_cache
from typing import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.families.base import Space
from genart.families.conv import Convolution
from genart.recipe import Noise

SIDE = 256  # pixels, for a latent of at most MAX_CELLS
MAX_CELLS = 64
COARSE = 4  # places of a field, a side
SHARPNESS = 4.0  # a field's lead of one sigma makes a place its own by e^4 : 1
PREVIEWS = 2  # halvings
LEAST_CELLS = 4


class PictureLatents(nn.Module):
    """The generator's promises over `read` and `decode`, which a family provides.

    w is the latent (C, h, w) laid flat, in one row. Without an encoder nothing can be read: a seed
    is then a smooth field of unit variance in every channel, the least structured that is no mud.
    """

    examples: Tensor

    def __init__(self, latent_channels: int, factor: int, image_channels: int, encoder: bool = True):
        super().__init__()
        cells = min(MAX_CELLS, max(1, SIDE // factor))
        self.latent = (latent_channels, cells, cells)
        halvings = range(PREVIEWS, -1, -1)
        sizes = [cells * factor >> i for i in halvings if cells >> i >= LEAST_CELLS and not cells % (1 << i)]
        self.space = Space(
            z_dim=(len(DRAWINGS) if encoder else latent_channels) * COARSE * COARSE,
            w_dim=math.prod(self.latent),
            num_ws=1,
            image_size=cells * factor,
            channels=image_channels,
            spherical=True,
            has_mapping=True,
            has_encoder=encoder,
            sizes=tuple(sizes or [cells * factor]),
            latent=self.latent,
        )
        self.register_buffer("examples", torch.zeros(0, *self.latent, device="cpu"), persistent=False)

    def read(self, x: Tensor) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] -> latents (N, channels, h, w)."""
        raise NotImplementedError

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, channels, h, w) -> pictures (N, C, H, W) about [-1, 1]."""
        raise NotImplementedError

    def look(self) -> None:
        """Encodes the four pictures, one by one, for `mapping`; to be called once the weights are in.

        An outline without weights sees nothing: pictures on the meta device would be kept for all models to come.
        """
        if self.first_kernels().is_meta:
            return
        with torch.no_grad():
            pictures = drawn(self.space.image_size, self.space.channels)
            self.examples = torch.cat([self.read(picture[None]) for picture in pictures]).contiguous()
        for module in self.modules():
            if isinstance(module, Convolution):
                module.packed.clear()  # the encoder's: several times its weights, and seldom needed again

    @property
    def w_mean(self) -> Tensor:
        """(1, 1, w_dim): the mean of each channel, everywhere; zeros where nothing could be read."""
        if not len(self.examples):
            return torch.zeros(1, 1, self.space.w_dim, device=self.examples.device)
        return self.examples.mean((0, 2, 3))[:, None].expand(-1, self.latent[1] * self.latent[2]).reshape(1, 1, -1)

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, z_dim) -> w (N, 1, w_dim): the collage of a seed."""
        fields = F.interpolate(z.reshape(len(z), -1, COARSE, COARSE), self.latent[1:], mode="bicubic", align_corners=True)
        if not len(self.examples):
            return fields.flatten(1)[:, None]
        shares = (SHARPNESS * fields).softmax(1)
        return torch.einsum("nkhw,kchw->nchw", shares, self.examples).flatten(1)[:, None]

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, w_dim) -> (N, C, H, W) about [-1, 1]; there is no noise. `size` decodes a smaller latent."""
        latents = w.reshape(len(w), *self.latent)
        wanted = next((own for own in self.space.sizes if size is not None and own >= size), self.space.image_size)
        if wanted < self.space.image_size:
            latents = F.avg_pool2d(latents, self.space.image_size // wanted)
        return self.decode(latents)

    def encode(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, C, H, W) in [-1, 1], resized to the space's size -> w (N, 1, w_dim); there are no classes."""
        side = self.space.image_size
        if x.shape[2:] != (side, side):
            x = F.interpolate(x, (side, side), mode="bicubic", antialias=True).clamp(-1, 1)
        return self.read(x).flatten(1)[:, None]

    def style_weights(self) -> Tensor:
        """(channels, w_dim): what the first convolution does to a channel that changes everywhere alike.

        Of all its kernels' sums only the triangular factor is kept: it has the same singular vectors.
        """
        sums = self.first_kernels().sum((2, 3))
        factor = torch.linalg.qr(sums, mode="r").R
        cells = self.latent[1] * self.latent[2]
        return factor.repeat_interleave(cells, dim=1) / cells

    def first_kernels(self) -> Tensor:
        """(out, channels, k, k): the kernels that a latent meets first."""
        raise NotImplementedError


@lru_cache(2)
def drawn(side: int, channels: int) -> Tensor:
    """The four pictures, (4, channels, side, side) in [-1, 1]: grey for one channel, opaque for a fourth."""
    x, y = torch.meshgrid(*[(torch.arange(side) + 0.5) / side] * 2, indexing="xy")
    colours = torch.stack([draw(x, y) for draw in DRAWINGS]).clamp(0, 1) * 2 - 1
    if channels == 1:
        return colours.mean(1, keepdim=True)
    return torch.cat([colours, colours.new_ones(len(colours), max(0, channels - 3), side, side)], 1)[:, :channels]


# The pictures: x, y (side, side) in 0 .. 1 -> (3, side, side) in 0 .. 1. Unlike each other in colour, edge and grain.


def _dusk(x: Tensor, y: Tensor) -> Tensor:
    """A low sun behind five ridges, each nearer and darker."""
    picture = _ramp(y / 0.75, [(0.16, 0.2, 0.42), (0.72, 0.4, 0.5), (1.0, 0.78, 0.5)])
    picture = _paint(picture, _within(0.11 - (x - 0.62).hypot(y - 0.5)), (1.0, 0.93, 0.74))
    for i in range(5):
        top = (
            0.52 + 0.1 * i + 0.05 * torch.sin(5 * x + 2.1 * i) + 0.02 * torch.sin((13 + 4 * i) * x + i) + 0.004 * _grain(x, 0 * y)
        )
        picture = _paint(picture, _within(y - top), (0.5 - 0.1 * i, 0.34 - 0.055 * i, 0.46 - 0.075 * i))
    return picture


def _bloom(x: Tensor, y: Tensor) -> Tensor:
    """Flowers of many petals on dark leaves."""
    picture = _ramp(
        0.5 + 0.3 * torch.sin(9 * x + 4 * torch.sin(7 * y)) * torch.sin(11 * y), [(0.02, 0.12, 0.1), (0.12, 0.36, 0.18)]
    )
    flowers = [
        (0.3, 0.32, 0.27, 9, (0.93, 0.3, 0.42)),
        (0.74, 0.62, 0.3, 12, (0.98, 0.72, 0.2)),
        (0.22, 0.8, 0.2, 7, (0.6, 0.42, 0.88)),
        (0.76, 0.17, 0.17, 8, (0.96, 0.93, 0.9)),
    ]
    for across, down, radius, petals, colour in flowers:
        distance, turn = (x - across).hypot(y - down) / radius, torch.atan2(y - down, x - across)
        edge = 0.72 + 0.26 * torch.cos(petals * turn)
        shade = (0.55 + 0.5 * distance + 0.08 * torch.cos(3 * petals * turn))[None]
        picture = torch.lerp(picture, shade * torch.tensor(colour)[:, None, None], _within((edge - distance) * radius))
        picture = _paint(picture, _within((0.22 - distance) * radius), (0.36, 0.2, 0.08))
    return picture


def _weave(x: Tensor, y: Tensor) -> Tensor:
    """Cloth of coloured bands, thread over thread."""
    tones = [(0.82, 0.2, 0.16), (0.95, 0.9, 0.8), (0.1, 0.28, 0.46), (0.93, 0.66, 0.16), (0.08, 0.46, 0.42)]
    warp, weft = (_steps((5 * v + 0.2 * torch.sin(20 * v)) % 5, tones) for v in (x, y))
    over = torch.sin(64 * math.pi * x) * torch.sin(64 * math.pi * y) > 0
    light = 0.8 + 0.2 * torch.where(over, torch.sin(64 * math.pi * x).abs(), torch.sin(64 * math.pi * y).abs())
    return torch.where(over, warp, weft) * light


def _marble(x: Tensor, y: Tensor) -> Tensor:
    """Ink of four tones, combed in water."""
    for i in range(3):  # each pass bends the plane by waves of its last shape, ever finer
        x, y = x + 0.16 / 2**i * torch.sin(2**i * 6.3 * y + 1.3 * i), y + 0.13 / 2**i * torch.sin(2**i * 7.9 * x + 2.1 * i)
    band = 0.5 + 0.5 * torch.sin(17 * x + 9 * y + 3 * torch.sin(5 * x - 4 * y))
    picture = _ramp(band, [(0.01, 0.14, 0.24), (0.05, 0.46, 0.54), (0.6, 0.86, 0.82), (1.0, 0.99, 0.95)])
    return picture + 0.03 * _grain(x, y)


DRAWINGS = (_dusk, _bloom, _weave, _marble)


def _within(depth: Tensor) -> Tensor:
    """1 inside, 0 outside, soft over about a pixel; `depth` is positive inside."""
    return torch.sigmoid(depth * 600)


def _paint(picture: Tensor, share: Tensor, colour: Sequence[float]) -> Tensor:
    return torch.lerp(picture, torch.tensor(colour)[:, None, None].expand_as(picture), share.expand_as(picture))


def _ramp(t: Tensor, colours: Sequence[Sequence[float]]) -> Tensor:
    """Colours in equal steps from t = 0 to t = 1, with straight ways between them."""
    table = torch.tensor(colours)
    place = t.clamp(0, 1) * (len(table) - 1)
    low = place.long().clamp(max=len(table) - 2)
    return torch.lerp(table[low], table[low + 1], (place - low)[..., None]).permute(2, 0, 1)


def _steps(t: Tensor, colours: Sequence[Sequence[float]]) -> Tensor:
    return torch.tensor(colours)[t.long().clamp(0, len(colours) - 1)].permute(2, 0, 1)


def _grain(x: Tensor, y: Tensor) -> Tensor:
    """Values in -1 .. 1 without order, and without a random number."""
    return (torch.sin(311.7 * x + 127.1 * y) * 437.58 % 1) * 2 - 1
