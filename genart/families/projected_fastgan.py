"""Projected GAN (Sauer 2021, arXiv:2111.01007) with the generator of FastGAN, z on its sphere.

The checkpoints of the original code: FastGAN's names under `synthesis.`, and no tanh at the end.
"""

from typing import Mapping

from torch import Tensor

from genart.families.base import Config, Family, Shapes
from genart.families.ops import Stock, normalise_z
from genart.families.sle import SLE, Skipping

TITLE = "Projected GAN"
PREFIX = "synthesis."


class ProjectedFastGAN(Skipping):
    """A generator. w is z on the sphere, so that psi, which shortens w, still counts."""

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, z_dim) -> (N, 1, z_dim), of mean square 1; there are no classes."""
        return normalise_z(z)[:, None]


def recognises(shapes: Shapes) -> bool:
    names = {Stock.bare(name).rpartition(".")[0] for name in shapes}
    return names >= {f"{PREFIX}{name}" for name in ("init.init.0", "init.init.1", "feat_8.1", "to_big")}


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> ProjectedFastGAN:
    """The generator of a state dict; raises BadWeights naming the tensor that does not fit."""
    stock = Stock(state, TITLE)
    stock.left = {name.removeprefix(PREFIX): tensor for name, tensor in stock.left.items()}
    network = SLE(stock)
    stock.close()
    return ProjectedFastGAN(network)


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
