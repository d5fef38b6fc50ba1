"""The families of generators, by the name a model's card gives. To add one: a file and a line."""

from genart.families import dcgan, lightweight_gan, stylegan2, vae
from genart.families.base import Family

FAMILIES: dict[str, Family] = {
    "stylegan2": stylegan2.FAMILY,
    "lightweight_gan": lightweight_gan.FAMILY,
    "dcgan": dcgan.FAMILY,
    "vae": vae.FAMILY,
}
