"""The families of generators, by the name a model's card gives. To add one: a file and a line."""

from genart.families import autoencoder_kl, autoencoder_tiny, dcgan, lightweight_gan, mlp, stylegan2, vae, vq
from genart.families.base import Family

FAMILIES: dict[str, Family] = {
    "stylegan2": stylegan2.FAMILY,
    "lightweight_gan": lightweight_gan.FAMILY,
    "vq": vq.FAMILY,
    "autoencoder_kl": autoencoder_kl.FAMILY,
    "autoencoder_tiny": autoencoder_tiny.FAMILY,
    "dcgan": dcgan.FAMILY,
    "vae": vae.FAMILY,
    "mlp": mlp.FAMILY,
}
