"""FastGAN (Liu 2021, arXiv:2101.04775): a picture of 256 to 1024 pixels, learnt from few.

Two layouts: the original names, and those of the models that the huggan event left on the Hub.
Noise is drawn anew for every picture by the original; here a seed stands for it.
"""

import re
from typing import Mapping

import torch
from torch import Tensor

from genart.families.base import Config, Family, Shapes
from genart.families.ops import Stock
from genart.families.sle import SLE, Skipping
from genart.recipe import Noise

TITLE = "FastGAN"
SQUASHED_FROM = 1024  # the original code ends in tanh at this size only


class FastGAN(Skipping):
    """A generator; `squashed` says whether it ends in tanh."""

    def __init__(self, network: SLE, squashed: bool):
        super().__init__(network)
        self.squashed = squashed

    def mapping(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, z_dim) -> (N, 1, z_dim): z itself; there are no classes."""
        return z[:, None]

    def synthesis(self, w: Tensor, noise: Noise = Noise(), size: int | None = None) -> Tensor:
        """(N, 1, z_dim) -> (N, C, H, W) about [-1, 1]; stops at 128 where the network has that head."""
        x = super().synthesis(w, noise, size)
        return torch.tanh(x) if self.squashed else x


# The Hub's names -> the original's.
HUGGAN = {
    r"_init\._layers\.(\d+)\.(?:_conv\.)?(.+)": r"init.init.\1.\2",
    r"_upsample_(\d+)\._layers\.(\d+)\.(?:_conv\.)?_?(.+)": r"feat_\1.\2.\3",
    r"_sle_(\d+)\._layers\.(\d+)\.(?:_conv\.)?(.+)": r"se_\1.main.\2.\3",
    r"_out_128\.0\.(?:_conv\.)?(.+)": r"to_128.\1",
    r"_out_(?:\d+)\.0\.(?:_conv\.)?(.+)": r"to_big.\1",
}


def recognises(shapes: Shapes) -> bool:
    names = {_original(Stock.bare(name)).rpartition(".")[0] for name in shapes}
    return names >= {"init.init.0", "init.init.1", "feat_8.1", "to_big"}


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> FastGAN:
    """The generator of a state dict in either layout; raises BadWeights naming the tensor that does not fit."""
    stock = Stock(state, TITLE)
    huggan = any(name.startswith("_init.") for name in stock.left)
    stock.left = {_original(name): tensor for name, tensor in stock.left.items()}
    network = SLE(stock)
    stock.close()
    return FastGAN(network, squashed=huggan or network.sizes[-1] >= SQUASHED_FROM)


def _original(name: str) -> str:
    return next((re.sub(old, new, name) for old, new in HUGGAN.items() if re.fullmatch(old, name)), name)


FAMILY = Family(title=TITLE, kind="GAN", recognises=recognises, from_state_dict=from_state_dict)
