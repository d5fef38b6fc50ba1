"""AutoencoderKL, the picture half of latent diffusion (Rombach 2021, arXiv:2112.10752; prior: Kingma 2013, arXiv:1312.6114).

It reads the names of diffusers, new and old, and those of the original code. It knows no files.
w is the latent as the decoder takes it, before any factor of the diffusion model around it.
"""

from typing import Mapping

import torch
from torch import Tensor, nn

from genart.families.base import Config, Family, Shapes
from genart.families.ops import fill
from genart.families.pictures import PictureLatents
from genart.families.taming import Decoder, Encoder, Manner, Plan, is_autoencoder, manner_of, plans, translated

TITLE = "AutoencoderKL"


class AutoencoderKL(PictureLatents):
    """`before` and `after` are the channels of the 1x1 convolutions round the latent, absent in newer models."""

    def __init__(
        self,
        encoder: Plan,
        decoder: Plan,
        manner: Manner,
        before: tuple[int, int] | None = None,
        after: tuple[int, int] | None = None,
    ):
        factor = 2 ** sum(level.resizes for level in decoder.levels)
        super().__init__(after[0] if after else decoder.inside, factor, decoder.outside)
        self.encoder = Encoder(encoder, manner)
        self.decoder = Decoder(decoder, manner)
        self.quant_conv = nn.Conv2d(*before, 1) if before else None
        self.post_quant_conv = nn.Conv2d(*after, 1) if after else None

    def read(self, x: Tensor) -> Tensor:
        """The mean of the posterior."""
        return self.posterior(x)[0]

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, (N, channels, h, w) each; a plain autoencoder has no variance: minus 30."""
        moments = self.encoder(x)
        moments = moments if self.quant_conv is None else self.quant_conv(moments)
        channels = self.latent[0]
        if moments.shape[1] == channels:
            return moments, torch.full_like(moments, -30.0)
        return moments[:, :channels], moments[:, channels:].clamp(-30, 20)

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(latents if self.post_quant_conv is None else self.post_quant_conv(latents))

    def first_kernels(self) -> Tensor:
        return self.decoder.conv_in.weight if self.post_quant_conv is None else self.post_quant_conv.weight


def recognises(shapes: Shapes) -> bool:
    names = is_autoencoder(shapes)
    return bool(names) and not any(name.startswith("quantize.") for name in names)


def from_state_dict(state: Mapping[str, Tensor], config: Config) -> AutoencoderKL:
    """The autoencoder in `state`; `config` may hold `norm_num_groups` and `act_fn`. BadWeights names what does not fit."""
    ours = translated(state)
    encoder, decoder = plans(ours, TITLE)
    around = [
        (ours[f"{name}.weight"].shape[1], ours[f"{name}.weight"].shape[0]) if f"{name}.weight" in ours else None
        for name in ("quant_conv", "post_quant_conv")
    ]
    with torch.device("meta"):
        model = AutoencoderKL(encoder, decoder, manner_of(ours, config, TITLE), *around)
    fill(model, ours, TITLE)
    model.eval().requires_grad_(False)
    model.look()
    return model


FAMILY = Family(title=TITLE, kind="autoencoder", recognises=recognises, from_state_dict=from_state_dict)
