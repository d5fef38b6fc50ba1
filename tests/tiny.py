"""Tiny generators of every family with fixed weights. They draw nothing anybody would look at."""

from pathlib import Path
from typing import Callable

import torch
from safetensors.torch import save_file
from torch import Tensor

from genart.catalogue import Entry
from genart.families.dcgan import DCGAN
from genart.families.stylegan2 import StyleGAN2
from genart.families.vae import VAE
from genart.weights.read import sha256_of

State = dict[str, Tensor]


def stylegan2(num_classes: int = 0) -> State:
    """16 pixels, z 8, w 8, six rows; the noise shows and the mean of w is not zero."""
    model = StyleGAN2([8, 8, 6], z_dim=8, mapping_widths=(8, 8), num_classes=num_classes, embedded=8)
    state = model.state_dict()
    state["mapping.w_avg"] = torch.randn(8)
    for name in state:
        if name.endswith("noise_strength"):
            state[name] = torch.tensor(0.3)
    return state


def dcgan(num_classes: int = 0) -> State:
    """16 grey pixels, z 12; enlarged kernels, so that the picture has contrast."""
    label = (4, num_classes) if num_classes else None
    state = DCGAN([(16 if label else 12, 8, 4), (8, 8, 4), (8, 1, 4)], label=label).state_dict()
    return {name: 4 * tensor if tensor.dim() == 4 else tensor for name, tensor in state.items()}


def vae(num_classes: int = 0) -> State:
    """8 pixels in colour, z 10."""
    label = (4, num_classes) if num_classes else None
    return VAE([(20, 192)], [(32, 14 if label else 10), (192, 32)], label=label).state_dict()


TINY: dict[str, Callable[..., State]] = {"stylegan2": stylegan2, "dcgan": dcgan, "vae": vae}


def state_of(family: str, num_classes: int = 0) -> State:
    """The same weights at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return {name: tensor.detach().contiguous() for name, tensor in TINY[family](num_classes).items()}


def save_all(folder: Path) -> dict[str, Entry]:
    """Each family as `name` and, with three classes, as `name-classes`, in files in `folder`."""
    return {
        name: save(folder, name, family, classes) for family in TINY for name, classes in ((family, 0), (f"{family}-classes", 3))
    }


def save(folder: Path, name: str, family: str, num_classes: int = 0) -> Entry:
    path = folder / f"{name}.safetensors"
    save_file(state_of(family, num_classes), path)
    return Entry(name, str(path), sha256_of(path), "GAN", "CC0-1.0", f"tiny {name}")
