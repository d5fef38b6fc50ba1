"""The families of generators, by the name a model's card gives. To add one: a file and a line."""

from genart.families import (
    autoencoder_kl,
    autoencoder_tiny,
    biggan,
    dcgan,
    fastgan,
    lightweight_gan,
    mlp,
    pgan,
    projected_fastgan,
    stylegan2,
    stylegan3,
    vae,
    vq,
)
from genart.families.base import Family

FAMILIES: dict[str, Family] = {
    "stylegan2": stylegan2.FAMILY,
    "lightweight_gan": lightweight_gan.FAMILY,
    "vq": vq.FAMILY,
    "autoencoder_kl": autoencoder_kl.FAMILY,
    "autoencoder_tiny": autoencoder_tiny.FAMILY,
    "stylegan3": stylegan3.FAMILY,
    "biggan": biggan.FAMILY,
    "fastgan": fastgan.FAMILY,
    "projected_fastgan": projected_fastgan.FAMILY,
    "pgan": pgan.FAMILY,
    "dcgan": dcgan.FAMILY,
    "vae": vae.FAMILY,
    "mlp": mlp.FAMILY,
}
