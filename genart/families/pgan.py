"""Progressive GAN (Karras 2017, arXiv:1710.10196), in the layout of pytorch_GAN_zoo.

Every layer is scaled as it runs, its bias with it. `config` may hold the original's settings, which
lie beside its weights:

    categoryVectorDim         how many numbers after z say the class
    attribKeysOrder           {attribute: {order, values}}: each attribute has one of its values, side by side in these numbers
    leakyReluLeak             0.2 by default
    perChannelNormalization   false: no normalisation, of z or of points
    equalizedlR               false: layers are not scaled
    lossCriterion             MSE and DCGAN end in tanh, the others in nothing
    alpha                     the share of the size before the last, in a network still growing
"""

import math
import re
from typing import Mapping, Sequence, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.families.base import Config, Family, Shapes, Space
from genart.families.conv import Conv3x3
from genart.families.ops import Stock, kept, normalise_z, said, setting
from genart.recipe import Noise

TITLE = "Progressive GAN"


class PGAN(nn.Module):
    """A generator, its weights read off `stock`. w is [z, class] on the sphere; psi shortens it.

    The network normalises each point's channels after every layer, so the length of w weighs
    against the first bias alone. `attributes` are the numbers of their values, which are the classes.
    """

    def __init__(
        self,
        stock: Stock,
        attributes: Sequence[int] = (),
        normalised: bool = True,
        equalised: bool = True,
        slope: float = 0.2,
        fade: float = 0.0,
        presses: bool = False,
    ):
        super().__init__()
        self.attributes, self.presses = list(attributes), presses
        num_classes = sum(attributes)
        channels = stock.shape("groupScale0.0.module.weight")[0]
        rows, w_dim = stock.shape("formatLayer.module.weight")
        self.side, self.inside = math.isqrt(rows // channels), channels
        self.normalised, self.slope, self.fade = normalised, slope, fade
        weight, bias = _layer(stock, equalised, "formatLayer", self.side**2 * channels, w_dim)
        self.first = kept(weight.unflatten(0, (channels, -1)).transpose(0, 1).flatten(0, 1))  # points first, as in memory
        self.first_bias = kept(bias.unflatten(0, (channels, -1)).T.flatten())
        scales = sum(re.fullmatch(r"scaleLayers\.\d+\.0\.module\.weight", name) is not None for name in stock.left)
        self.blocks = nn.ModuleList()
        self.colours = nn.ModuleList()
        names = [["groupScale0.0"], *([f"scaleLayers.{i}.0", f"scaleLayers.{i}.1"] for i in range(scales))]
        for level, layers in enumerate(names):
            block = nn.Sequential()
            for place, layer in enumerate(layers):
                weight, bias = _layer(stock, equalised, layer, None, channels, 3, 3)
                channels = len(weight)
                block.append(Conv3x3(weight, bias, up=level > 0 and place == 0))
            self.blocks.append(block)
            rgb = Colours(*_layer(stock, equalised, f"toRGBLayers.{level}", None, channels, 1, 1))
            self.colours.append(rgb)
        size = self.side << scales
        self.space = Space(
            z_dim=w_dim - num_classes,
            w_dim=w_dim,
            num_ws=1,
            image_size=size,
            channels=len(rgb.bias),
            num_classes=num_classes,
            spherical=True,
            sizes=(size,),  # colours of smaller sizes are there, but learnt when the layers were not yet what they are
        )

    @property
    def w_mean(self) -> Tensor:
        return self.first.new_zeros(1, 1, self.space.w_dim)

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """z (N, z_dim), label (N, num_classes) -> (N, 1, w_dim), of mean square 1.

        Of an attribute that the label leaves open all values have the same share.
        """
        if self.attributes:
            if label is None:
                label = z.new_zeros(len(z), self.space.num_classes)
            shares = [own + (1 - own.sum(1, keepdim=True)) / own.shape[1] for own in label.split(self.attributes, dim=1)]
            z = torch.cat([z, *shares], dim=1)
        return (normalise_z(z) if self.normalised else z)[:, None]

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, w_dim) -> (N, C, H, W) about [-1, 1]; there is no noise, and one size."""
        x = F.linear(w[:, 0], self.first, self.first_bias)
        x = self._active(x.reshape(len(x), self.side, self.side, self.inside).permute(0, 3, 1, 2))
        before = x
        for block in self.blocks:
            before = x
            for conv in cast(nn.Sequential, block):
                x = self._active(conv(x))
        picture = self.colours[-1](x)
        if self.fade and len(self.blocks) > 1:
            small = F.interpolate(self.colours[-2](before), scale_factor=2, mode="nearest")
            picture = torch.lerp(picture, small, self.fade)
        return torch.tanh(picture) if self.presses else picture

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the first layer."""
        return self.first

    def _active(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(x, self.slope)
        return normalise_z(x) if self.normalised else x


class Colours(nn.Module):
    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        self.weight, self.bias = kept(weight), kept(bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias)


def _layer(stock: Stock, equalised: bool, layer: str, *shape: int | None) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer; where it is equalised, times √(2 / fan-in): He's gain, applied as the layer runs."""
    weight = stock.take(f"{layer}.module.weight", *shape)
    gain = math.sqrt(2 / math.prod(weight.shape[1:])) if equalised else 1.0
    return weight * gain, stock.take(f"{layer}.module.bias", len(weight)) * gain


def recognises(shapes: Shapes) -> bool:
    names = {Stock.bare(name) for name in shapes}
    return names >= {"formatLayer.module.weight", "groupScale0.0.module.weight", "toRGBLayers.0.module.weight"}


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> PGAN:
    """The generator of a state dict; raises BadWeights naming the tensor that does not fit."""
    stock = Stock(state, TITLE)
    w_dim = stock.shape("formatLayer.module.weight")[-1]
    model = PGAN(
        stock,
        attributes=_attributes(config, int(setting(config, "categoryVectorDim", 0, 0, w_dim - 1))),
        normalised=said(config, "perChannelNormalization") is not False,
        equalised=said(config, "equalizedlR") is not False,
        slope=setting(config, "leakyReluLeak", 0.2, 0, 1),
        fade=setting(config, "alpha", 0, 0, 1),
        presses=said(config, "lossCriterion") in ("MSE", "DCGAN"),
    )
    stock.close()
    return model


def _attributes(config: Config, count: int) -> list[int]:
    """How many values each attribute has, in their order; one attribute where the configuration tells no more than `count`."""
    order = said(config, "attribKeysOrder")
    parts = list(order.values()) if isinstance(order, Mapping) else []
    if parts and all(isinstance(part, Mapping) and isinstance(part.get("order"), int) for part in parts):
        sizes = [len(part.get("values") or ()) for part in sorted(parts, key=lambda part: part["order"])]
        if min(sizes) > 0 and sum(sizes) == count:
            return sizes
    return [count] if count else []


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
