"""Variational autoencoder (Kingma 2013, arXiv:1312.6114). It knows no data and no training.

The weights are the table of layers: `encoder.{i}` and `decoder.{i}` run in order, and the shape
of a layer says what it does.

    linear      the picture is flattened before it, and square again at the next convolution
    kernel 4    a convolution of stride 2: halves the picture
    kernel 3    a convolution; one that keeps its channels adds to its input, and one that takes two
                channels more than there are also sees where it is (Liu 2018, arXiv:1807.03247)
    kernel 1    a convolution, then pixel shuffle: doubles the picture (Shi 2016, arXiv:1609.05158)

ReLU follows every layer but the shuffles and the last. The encoder ends in mean | log variance,
the decoder in tanh. `label.weight` (k, num_classes), if present, embeds a class for the decoder.
An encoder with a channel for every class reads one thing in all its classes at once, such as the
letters of a font; a channel of zeros is a class not seen.
`prior.mean` (d,) and `prior.axes` (d, d), if present, turn a standard normal z into the
distribution that the encoder really fills, widest axis first; `prior.couplings.{i}` bend it first,
for each class in its own way if they read the embedding too.
`label.power`, if present, has the decoder take sides between classes: their shares are raised to it,
and of equal ones the first leads a little.
`parts.{i}.weight` and `.bias`, if present, choose things by z (`ops.Choices`), and the decoder's first layer
reads the choices.
"""

import math
import re
from typing import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote
from genart.families.base import Config, Family, Shapes, Space
from genart.families.ops import Choices, parts_of
from genart.recipe import Noise

Layers = Sequence[tuple[int, ...]]
"""One tuple a layer: (out, in) for a linear one, (out, in, kernel) for a convolution."""

PADDING = {4: 1, 3: 1, 1: 0}
STEEPEST = 2.0  # one coupling scales by e^-2 .. e^2
MOST_POWER = 1000.0
BEHIND = 0.99  # of its share counts a class as large as one before it, so that exact halves take a side too
ALIKE = 0.999
SPHERICAL_FROM = 9  # below this many dimensions a Gaussian still has mass at its centre

OURS = re.compile(
    r"(encoder|decoder|parts)\.\d+\.(weight|bias)|label\.(weight|power)|prior\.(mean|axes)|prior\.couplings\.\d+\.[024]\.(weight|bias)"
)
FC = {f"fc{name}.{part}" for name in ("1", "21", "22", "3", "4") for part in ("weight", "bias")}


class VAE(nn.Module):
    """Encoder and decoder as tables of layers, with a class embedding and a prior where asked for."""

    shares_of: Tensor | None

    def __init__(
        self,
        encoder: Layers,
        decoder: Layers,
        label: tuple[int, int] | None = None,
        prior: bool = False,
        couplings: Sequence[int] = (),
        prior_by_class: bool = False,
        parts: Sequence[tuple[int, ...]] = (),
        sides: bool = False,
    ):
        super().__init__()
        self.encoder = nn.ModuleList(map(_layer, encoder))
        self.decoder = nn.ModuleList(map(_layer, decoder))
        self.parts = Choices(parts)
        self.register_buffer("shares_of", None, persistent=False)
        self.z_dim = encoder[-1][0] // 2
        self.label: nn.Linear | None = nn.Linear(label[1], label[0], bias=False) if label else None
        if self.label is not None:
            self.label.register_buffer("power", torch.ones(()) if sides else None)
        self.prior: Prior | None = Prior(self.z_dim, couplings, label[0] if label and prior_by_class else 0) if prior else None
        channels, size = _picture(decoder)
        self.space = Space(
            z_dim=self.z_dim,
            w_dim=self.z_dim + (label[0] + 1 if label else 0),
            num_ws=1,
            image_size=size,
            channels=channels,
            num_classes=label[1] if label else 0,
            spherical=self.z_dim >= SPHERICAL_FROM and not couplings,
            has_mapping=bool(couplings),
            has_encoder=True,
            sizes=(size,),
        )

    @property
    def w_mean(self) -> Tensor:
        mean = self._first.new_zeros(1, 1, self.space.w_dim)
        if self.prior is not None:
            mean[0, :, : self.z_dim] = self.prior(mean[0, :, : self.z_dim], self.embedded(mean[0]))
        return mean

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, d) -> (N, 1, d), or (N, 1, d + k + 1) with a class: the class embedding and a 1 follow."""
        return self.with_class(z if self.prior is None else self.prior(z, self.embedded(z, label)), label)[:, None]

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, w_dim) -> (N, C, H, W) in [-1, 1]; there is no noise, and one size."""
        return torch.tanh(self.decode(w))

    def encode(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the mean of the posterior, (N, 1, w_dim)."""
        classes, first = self.space.num_classes, self.encoder[0]
        if classes and isinstance(first, nn.Conv2d) and first.in_channels == classes * x.shape[1]:
            x = (self._shares(x, label)[:, :, None, None, None] * x[:, None]).flatten(1, 2)
        return self.with_class(self.posterior(x)[0], label)[:, None]

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, (N, d) each, of q(z|x)."""
        mean, log_variance = _run(self.encoder, x).chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def decode(self, w: Tensor) -> Tensor:
        """The picture before tanh. Half of its log odds, where pixels are read as probabilities."""
        z, tail = w[:, 0, : self.z_dim], w[:, 0, self.z_dim :]
        embedding, shares = self._decided(tail)
        chosen = self.parts(z, shares) if self.parts else z
        x = _run(self.decoder, torch.cat([chosen, embedding], dim=1))
        return x.reshape(len(x), self.space.channels, self.space.image_size, self.space.image_size)

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the decoder's first layer, of what chooses where z does; zero where w holds the class."""
        if not self.parts:
            return F.pad(self._first[:, : self.z_dim], (0, self.space.w_dim - self.z_dim))
        rows = self.parts.back(self._first[:, : self.parts.things])
        return F.pad(rows, (0, self.space.w_dim - self.z_dim))

    @property
    def _first(self) -> Tensor:
        return next(self.decoder[0].parameters())

    def with_class(self, z: Tensor, label: Tensor | None) -> Tensor:
        """(N, d) -> [z, embedding, 1], (N, w_dim). The 1 is scaled with the rest by psi and by mixing, so that the
        embedding can be read back at full strength: psi calms the drawing, never the class.
        """
        if self.label is None:
            return z
        return torch.cat([z, self.label(self._shares(z, label)), z.new_ones(len(z), 1)], dim=1)

    def _decided(self, tail: Tensor) -> tuple[Tensor, Tensor | None]:
        """The class embedding, and the classes' shares where anybody asks for them: what w's tail says, once sides are taken."""
        if self.label is None:
            return tail, None
        embedding, power = _class_of(tail, self.label.weight), self._power
        if power is None and not self.parts:
            return embedding, None
        shares = embedding @ self._classes().T
        if power is None:
            return embedding, shares
        shares = shares.clamp_min(0)
        shares = shares / shares.amax(1, keepdim=True).clamp_min(1e-6)
        first = shares > ALIKE
        shares = torch.where(first & (first.cumsum(1) > 1), shares * BEHIND, shares) ** power
        shares = shares / shares.sum(1, keepdim=True).clamp_min(1e-6)
        return self.label(shares), shares

    def _classes(self) -> Tensor:
        """(classes, k): what turns an embedding into the shares of the classes; kept once the embedding learns no more."""
        kept = self.shares_of
        return torch.linalg.pinv(self._embedding()) if kept is None else kept

    def keep_classes(self) -> None:
        """Work out now what every picture of a model with classes needs that has parts, or takes sides."""
        if self.label is not None and (self.parts or self._power is not None):
            self.shares_of = torch.linalg.pinv(self._embedding())

    @property
    def _power(self) -> Tensor | None:
        return None if self.label is None else self.label._buffers["power"]

    def _embedding(self) -> Tensor:
        assert self.label is not None
        return self.label.weight

    def embedded(self, x: Tensor, label: Tensor | None = None) -> Tensor | None:
        """What the prior is told of the class, (N, k); None where it needs nothing."""
        if self.label is None or self.prior is None or not self.prior.given:
            return None
        return self.label(self._shares(x, label))

    def _shares(self, x: Tensor, label: Tensor | None) -> Tensor:
        """The label, or the same share of every class."""
        return x.new_full((len(x), self.space.num_classes), 1 / self.space.num_classes) if label is None else label


def _class_of(tail: Tensor, classes: Tensor) -> Tensor:
    """The embedding at full strength; the mean of all classes where psi 0 has left nothing of it."""
    embedding, scale = tail[:, :-1], tail[:, -1:]
    lost = scale.abs() < 1e-6
    return torch.where(lost, classes.mean(1), embedding / torch.where(lost, 1.0, scale))


class Prior(nn.Module):
    """z -> mean + axes z': the Gaussian that fits the encoder's output, z' = z where nothing bends it.

    `couplings` holds a width for each layer of a flow (Dinh 2016, arXiv:1605.08803), z -> z': one
    smooth map that can be undone, learnt so that the encoder's output becomes standard normal.
    `given` numbers, the embedding of a class, may steer the flow.
    """

    mean: Tensor
    axes: Tensor

    def __init__(self, dim: int, couplings: Sequence[int] = (), given: int = 0):
        super().__init__()
        self.given = given if couplings else 0
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("axes", torch.eye(dim))
        self.couplings = nn.ModuleList(_Coupling(dim, width, place, given) for place, width in enumerate(couplings))

    def forward(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        for coupling in self.couplings:
            z = coupling(z, given)
        return self.mean + z @ self.axes.T

    def undo(self, w: Tensor, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The z (N, d) that leads to w (N, d), and the log (N,) of how much the map widens space there."""
        z = torch.linalg.solve(self.axes, (w - self.mean).T).T
        widened = torch.linalg.slogdet(self.axes)[1].expand(len(w))
        for coupling in reversed(self.couplings):
            z, more = coupling.undo(z, given)  # type: ignore[operator]
            widened = widened + more
        return z, widened


class _Coupling(nn.Sequential):
    """Scales and shifts half of the numbers by what a small network says of the other half.

    Which half: the numbers whose index has a 1 in one of its binary digits, or a 0, in turn, so
    that after a few layers every number has met every other.
    """

    moves: Tensor

    def __init__(self, dim: int, width: int, place: int, given: int = 0):
        last = nn.Linear(width, 2 * dim)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        super().__init__(nn.Linear(dim + given, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last)
        digit = place // 2 % max(1, (dim - 1).bit_length())
        self.register_buffer("moves", (torch.arange(dim) >> digit) % 2 == place % 2, persistent=False)

    def forward(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        scale, shift = self._asked(z, given)
        return z * scale.exp() + shift

    def undo(self, z: Tensor, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As `Prior.undo`, for this layer alone."""
        scale, shift = self._asked(z, given)
        return (z - shift) * (-scale).exp(), scale.sum(1)

    def _asked(self, z: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
        kept = z * ~self.moves
        scale, shift = super().forward(kept if given is None else torch.cat([kept, given], dim=1)).chunk(2, dim=1)
        return STEEPEST * torch.tanh(scale / STEEPEST) * self.moves, shift * self.moves


def _layer(shape: tuple[int, ...]) -> nn.Module:
    if len(shape) == 2:
        layer: nn.Module = nn.Linear(shape[1], shape[0])
    else:
        kernel = shape[2]
        layer = nn.Conv2d(shape[1], shape[0], kernel, stride=2 if kernel == 4 else 1, padding=PADDING[kernel])
    weight, bias = layer.parameters()
    nn.init.kaiming_normal_(weight, nonlinearity="relu")
    nn.init.zeros_(bias)
    return layer


def _run(layers: nn.ModuleList, x: Tensor) -> Tensor:
    for layer in layers:
        if not isinstance(layer, nn.Conv2d):
            x = layer(x.flatten(1))
            x = x if layer is layers[-1] else F.relu(x)
            continue
        if x.ndim == 2:
            side = math.isqrt(x.shape[1] // layer.in_channels)
            x = x.unflatten(1, (layer.in_channels, side, side))
        y = layer(x if layer.in_channels == x.shape[1] else torch.cat([x, _places(x)], dim=1))
        if layer.kernel_size == (1, 1):
            x = F.pixel_shuffle(y, 2)
        elif layer is layers[-1]:
            x = y
        else:
            keeps = layer.kernel_size == (3, 3) and y.shape == x.shape
            x = x + F.relu(y) if keeps else F.relu(y)
    return x


def _places(x: Tensor) -> Tensor:
    """Across and down, (N, 2, H, W) in -1 .. 1, at each pixel of x."""
    across, down = (torch.linspace(-1, 1, side, device=x.device, dtype=x.dtype) for side in (x.shape[3], x.shape[2]))
    grid = torch.stack(torch.meshgrid(across, down, indexing="xy"))
    return grid.expand(len(x), -1, -1, -1)


def _picture(decoder: Layers) -> tuple[int, int]:
    """Channels and side of the picture that a decoder draws."""
    rows = [shape[0] for shape in decoder if len(shape) == 2][-1]
    kernels = [shape[2] for shape in decoder if len(shape) == 3]
    if kernels:
        seed = next(shape[1] for shape in decoder if len(shape) == 3)
        side = math.isqrt(rows // seed)
        channels = decoder[-1][0] // 4 if kernels[-1] == 1 else decoder[-1][0]
        square = side * side * seed == rows
    else:
        channels = 1 if math.isqrt(rows) ** 2 == rows else 3
        side = math.isqrt(rows // channels)
        square = side * side * channels == rows
    if not square or channels not in (1, 3):
        raise BadWeights(f"The decoder's {rows} values and {channels} channels make no square picture; choose another file.")
    return channels, side * 2 ** kernels.count(1)


def recognises(shapes: Shapes) -> bool:
    """Our own table of layers, or the fc1, fc21, fc22, fc3, fc4 of PyTorch's example."""
    names = set(shapes)
    if names == FC:
        return shapes["fc3.weight"][1:] == shapes["fc21.weight"][:1]  # else a class follows z, and it is any decoder
    ours = {"encoder.0.weight", "decoder.0.weight"} <= names and all(map(OURS.fullmatch, names))
    return ours and len(shapes["decoder.0.weight"]) == 2 and all(_without_gaps(names, part) for part in ("encoder", "decoder"))


def _without_gaps(names: set[str], part: str) -> bool:
    """Our layers are numbered one by one; a Sequential of PyTorch counts its activations too."""
    count = sum(name.startswith(f"{part}.") and name.endswith(".weight") for name in names)
    return {f"{part}.{i}.weight" for i in range(count)} <= names


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> VAE:
    """The VAE in `state`; BadWeights for a tensor that does not fit."""
    if set(state) == FC:
        state = _from_fc(state)
    stray = next((name for name in state if not OURS.fullmatch(name)), None)
    if stray is not None:
        raise BadWeights(f"The VAE has no place for the tensor {quote(stray)}; is the file of another kind of model?")
    label = state.get("label.weight")
    try:
        model = VAE(
            _table(state, "encoder"),
            _table(state, "decoder"),
            label=None if label is None else (label.shape[0], label.shape[1]),
            prior="prior.mean" in state,
            couplings=[len(state[f"{name}.0.weight"]) for name in _couplings(state)],
            prior_by_class=any(state[f"{name}.0.weight"].shape[1] > len(state["prior.mean"]) for name in _couplings(state)),
            parts=parts_of(state, "parts.", 1 if label is None else label.shape[1]),
            sides="label.power" in state,
        )
        if model.parts and sum(model.parts.dims) != model.z_dim:
            raise RuntimeError(f"parts of {sum(model.parts.dims)} numbers for a z of {model.z_dim}")
        if label is not None and label.shape[0] < label.shape[1] and (model.parts or "label.power" in state):
            raise RuntimeError(f"{label.shape[0]} numbers cannot tell {label.shape[1]} classes apart")
        model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
        power = state.get("label.power")
        if power is not None and not power.is_meta and not 1 <= float(power) <= MOST_POWER:
            raise RuntimeError("label.power is out of range")
        with torch.no_grad():
            model.keep_classes()
    except (KeyError, IndexError, RuntimeError) as error:
        raise BadWeights(f"The layers of this VAE do not fit together ({quote(error, 200)}); choose another file.") from None
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval().requires_grad_(False)


def _table(state: Mapping[str, Tensor], part: str) -> Layers:
    count = sum(name.startswith(f"{part}.") and name.endswith(".weight") for name in state)
    return [tuple(state[f"{part}.{i}.weight"].shape[:3]) for i in range(count)]


def _couplings(state: Mapping[str, Tensor]) -> list[str]:
    count = sum(name.startswith("prior.couplings.") and name.endswith(".0.weight") for name in state)
    return [f"prior.couplings.{i}" for i in range(count)]


def _from_fc(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """PyTorch's example in our layout: it reads and draws pictures in [0, 1], through a sigmoid.

    sigmoid(x) * 2 - 1 = tanh(x / 2), and W (x + 1) / 2 = (W / 2) x + W 1 / 2.
    """
    first = state["fc1.weight"] / 2
    return {
        "encoder.0.weight": first,
        "encoder.0.bias": state["fc1.bias"] + first.sum(1),
        "encoder.1.weight": torch.cat([state["fc21.weight"], state["fc22.weight"]]),
        "encoder.1.bias": torch.cat([state["fc21.bias"], state["fc22.bias"]]),
        "decoder.0.weight": state["fc3.weight"],
        "decoder.0.bias": state["fc3.bias"],
        "decoder.1.weight": state["fc4.weight"] / 2,
        "decoder.1.bias": state["fc4.bias"] / 2,
    }


FAMILY = Family(title="VAE", kind="VAE", recognises=recognises, from_state_dict=from_state_dict)
