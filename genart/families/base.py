"""What every generator promises: z -> mapping -> w -> synthesis -> pixels. It knows no family."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Callable, Mapping, Protocol

from torch import Tensor

from genart.recipe import Noise

Shapes = Mapping[str, tuple[int, ...]]
Config = Mapping[str, object]


LEAST_SHARE = 16  # of a picture's side: a smaller preview would show nothing


@dataclass(frozen=True, slots=True)
class Control:
    """A number in [low, high] that only some families offer; 0 leaves the picture as it is."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Space:
    """The shape of a model's latent space, and what its family can do.

    `spherical`: the latent is itself Gaussian of many dimensions, so mixes keep its radius.
    `sizes`: the picture sizes at which synthesis can stop, ascending; the last is `image_size`.
    `latent`: where w is itself a small picture, its (C, h, w); its points then come from pictures.
    `controls`: what else synthesis takes, by name; a generator that has any is `Controlled`.
    """

    z_dim: int
    w_dim: int
    num_ws: int
    image_size: int
    channels: int
    num_classes: int = 0
    spherical: bool = False
    has_mapping: bool = False
    has_noise: bool = False
    has_encoder: bool = False
    sizes: tuple[int, ...] = ()
    latent: tuple[int, ...] = ()
    controls: tuple[Control, ...] = ()


class Generator(Protocol):
    """A loaded network. Batches are independent: no picture depends on its neighbours."""

    @property
    def space(self) -> Space: ...

    @property
    def w_mean(self) -> Tensor:
        """(1, num_ws or 1, w_dim): where truncation leads; zeros where there is no mapping network."""

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, z_dim), label (N, num_classes) -> w (N, num_ws, w_dim)."""

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, num_ws, w_dim) -> (N, C, H, W) about [-1, 1]; `size` stops early, at the next size it has."""

    def style_weights(self) -> Tensor:
        """(rows, w_dim): the linear maps that w meets first, stacked; what SeFa decomposes."""


class Controlled(Generator, Protocol):
    """A generator with controls of its own, those of its space."""

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None, **controls: float) -> Tensor:
        """As of any generator; each control is a keyword argument, 0 by default."""


class Encoder(Protocol):
    """A generator that also reads pictures."""

    def encode(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, C, H, W) in [-1, 1], label (N, num_classes) -> w (N, num_ws, w_dim)."""


@dataclass(frozen=True, slots=True)
class Family:
    """One paper: how to recognise its weights, and how to build it from them.

    `recognises` looks at names and shapes alone, so that a header is enough. Calling the family
    builds the generator from a state dict; sizes are read off the weights, and `config` holds
    only what the weights cannot say.
    """

    title: str
    kind: str
    recognises: Callable[[Shapes], bool]
    from_state_dict: Callable[[Mapping[str, Tensor], Config], Generator]

    def __call__(self, state: Mapping[str, Tensor], config: Config = MappingProxyType({})) -> Generator:
        return self.from_state_dict(state, config)
