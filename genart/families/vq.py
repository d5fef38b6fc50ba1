"""VQ autoencoders (van den Oord 2017, arXiv:1711.00937; VQGAN: Esser 2020, arXiv:2012.09841).

It reads the names of diffusers' VQModel and those of the original code, with its codebook chosen
by distance or by a projection (Gumbel). It knows no files. w is the latent before the codebook, so
that points mix; every place of it then takes the nearest of the codes on its way to the decoder.
"""

from typing import Mapping

import torch
from torch import Tensor, nn

from genart.errors import BadWeights
from genart.families.base import Config, Family, Shapes
from genart.families.ops import fill, normal
from genart.families.pictures import PictureLatents
from genart.families.taming import Decoder, Encoder, Manner, Plan, is_autoencoder, manner_of, plans, translated

TITLE = "VQ autoencoder"


class VQ(PictureLatents):
    """`codes` is (count, channels) of the codebook; `projected` says that a code is chosen by a projection."""

    def __init__(self, encoder: Plan, decoder: Plan, manner: Manner, codes: tuple[int, int], projected: bool = False):
        factor = 2 ** sum(level.resizes for level in decoder.levels)
        super().__init__(codes[1], factor, decoder.outside)
        self.encoder = Encoder(encoder, manner)
        self.decoder = Decoder(decoder, manner)
        self.quant_conv = nn.Conv2d(encoder.outside, codes[1], 1)
        self.post_quant_conv = nn.Conv2d(codes[1], decoder.inside, 1)
        self.quantize = nn.ModuleDict({"embed" if projected else "embedding": nn.Embedding(*codes, _weight=normal(*codes))})
        if projected:
            self.quantize["proj"] = nn.Conv2d(codes[1], codes[0], 1)

    def read(self, x: Tensor) -> Tensor:
        """The latent before the codebook."""
        return self.quant_conv(self.encoder(x))

    def indices(self, latents: Tensor) -> Tensor:
        """(N, channels, h, w) -> which code every place takes, (N, h, w): the nearest, or the most probable."""
        if "proj" in self.quantize:
            return self.quantize["proj"](latents).argmax(1)
        codes = self._codes
        places = latents.permute(0, 2, 3, 1)
        return (codes.square().sum(1) - 2 * places @ codes.T).argmin(3)

    def decode(self, latents: Tensor, snap: bool = True) -> Tensor:
        """`snap` takes codes from the book; a gradient passes it as if it were not there (straight through)."""
        if snap:
            codes = self._codes[self.indices(latents)].permute(0, 3, 1, 2)
            latents = codes + (latents - latents.detach())
        return self.decoder(self.post_quant_conv(latents))

    def first_kernels(self) -> Tensor:
        return self.post_quant_conv.weight

    @property
    def _codes(self) -> Tensor:
        """(count, channels)."""
        return next(self.quantize["embed" if "proj" in self.quantize else "embedding"].parameters())


def recognises(shapes: Shapes) -> bool:
    return bool({"quantize.embedding.weight", "quantize.embed.weight"} & is_autoencoder(shapes))


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> VQ:
    """The autoencoder in `state`; `config` may hold `norm_num_groups` and `act_fn`. BadWeights names what does not fit."""
    ours = translated(state)
    encoder, decoder = plans(ours, TITLE)
    projected = "quantize.embed.weight" in ours
    book = ours["quantize.embed.weight" if projected else "quantize.embedding.weight"]
    if book.ndim != 2:
        raise BadWeights(
            f"The codebook of these {TITLE} weights has shape {tuple(book.shape)}, not (count, channels); use another file."
        )
    with torch.device("meta"):
        model = VQ(encoder, decoder, manner_of(ours, config, TITLE), (book.shape[0], book.shape[1]), projected)
    fill(model, ours, TITLE)
    model.eval().requires_grad_(False)
    model.look()
    return model


FAMILY = Family(title=TITLE, kind="autoencoder", recognises=recognises, from_state_dict=from_state_dict)
