"""Tiny generators of every family with fixed weights. They draw nothing anybody would look at."""

from pathlib import Path
from typing import Callable

import torch
from safetensors.torch import save_file
from torch import Tensor

from genart.catalogue import Entry
from genart.families.autoencoder_kl import AutoencoderKL
from genart.families.autoencoder_tiny import AutoencoderTiny
from genart.families.dcgan import DCGAN
from genart.families.stylegan2 import StyleGAN2
from genart.families.taming import Level, Manner, Plan
from genart.families.vae import VAE
from genart.families.vq import VQ
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


def lightweight_gan() -> State:
    """16 pixels in colour, z 12: noise, attention and excitation, in the newer of its layouts."""
    state = {"initial_conv.0.weight": torch.randn(12, 24, 4, 4), "out_conv.weight": torch.randn(3, 6, 3, 3) / 2}
    state |= {"out_conv.bias": torch.full((3,), 0.5)} | _norm("initial_conv.1", 24)
    for i, (inside, outside) in enumerate([(12, 8), (8, 6)]):
        block = f"GE.layers.{i}"
        state[f"{block}.0.0.net.0.weight"] = torch.randn(4 * inside, inside, 1, 1)
        state[f"{block}.0.1.f"] = torch.tensor([1.0, 2.0, 1.0])
        state[f"{block}.0.2.1.weight"] = torch.randn(2 * outside, inside, 4, 4)
        state[f"{block}.0.3.weight"] = torch.tensor([2.0])
        state |= _norm(f"{block}.0.4", 2 * outside)
    return {name if name.startswith("GE") else f"GE.{name}": tensor for name, tensor in state.items()}


def _norm(name: str, channels: int) -> State:
    statistics = {"running_mean": torch.zeros(channels), "running_var": torch.full((channels,), 4.0)}
    return {
        f"{name}.{part}": value
        for part, value in ({"weight": torch.ones(channels), "bias": torch.zeros(channels)} | statistics).items()
    }


def mlp(num_classes: int = 0) -> State:
    """8 grey pixels, z 10; the class, as long as 4, comes before z."""
    inputs = 14 if num_classes else 10
    network = torch.nn.Sequential(torch.nn.Linear(inputs, 24), torch.nn.LeakyReLU(), torch.nn.Linear(24, 64))
    state = {f"model.{name}": 3 * tensor for name, tensor in network.state_dict().items()}
    return state | ({"label_emb.weight": torch.randn(num_classes, 4)} if num_classes else {})


GREY = dict(manner=Manner(groups=2, act="silu"))


def _plans(latent: int, moments: int) -> tuple[Plan, Plan]:
    """A grey encoder and decoder of four doublings, attention in the middle."""
    down = [Level(((4, 4),), False, True) for _ in range(4)] + [Level(((4, 6),), False, False)]
    up = [Level(((6, 4),), False, True)] + [Level(((4, 4),), False, True) for _ in range(3)] + [Level(((4, 4),), False, False)]
    return Plan(1, moments, 6, True, tuple(down)), Plan(latent, 1, 6, True, tuple(up))


def autoencoder_kl() -> State:
    encoder, decoder = _plans(latent=2, moments=4)
    return AutoencoderKL(encoder, decoder, **GREY, before=(4, 4), after=(2, 2)).state_dict()


def vq() -> State:
    encoder, decoder = _plans(latent=3, moments=3)
    return VQ(encoder, decoder, **GREY, codes=(16, 2)).state_dict()


def autoencoder_tiny() -> State:
    encoder = [(3, 4, "conv"), (4, 4, "block"), *[(4, 4, "resize")] * 4, (4, 2, "conv")]
    decoder = [(2, 4, "conv"), (4, 4, "block"), *[(4, 4, "resize")] * 4, (4, 3, "conv")]
    state = {name: 1.8 * tensor for name, tensor in AutoencoderTiny(encoder, decoder).state_dict().items()}
    return state | {"decoder.6.bias": torch.full((3,), 0.5)}


TINY: dict[str, Callable[..., State]] = {
    "stylegan2": stylegan2,
    "lightweight_gan": lightweight_gan,
    "vq": vq,
    "autoencoder_kl": autoencoder_kl,
    "autoencoder_tiny": autoencoder_tiny,
    "dcgan": dcgan,
    "vae": vae,
    "mlp": mlp,
}
WITH_CLASSES = ("stylegan2", "dcgan", "vae", "mlp")


def state_of(family: str, num_classes: int = 0) -> State:
    """The same weights at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return {
            name: tensor.detach().contiguous()
            for name, tensor in (TINY[family](num_classes) if num_classes else TINY[family]()).items()
        }


def save_all(folder: Path) -> dict[str, Entry]:
    """Each family as `name` and, where it has them, with three classes as `name-classes`, in files in `folder`."""
    kinds = [(family, classes) for family in TINY for classes in (0, 3) if not classes or family in WITH_CLASSES]
    names = [(family + "-classes" * bool(classes), family, classes) for family, classes in kinds]
    return {name: save(folder, name, family, classes) for name, family, classes in names}


def save(folder: Path, name: str, family: str, num_classes: int = 0) -> Entry:
    path = folder / f"{name}.safetensors"
    save_file(state_of(family, num_classes), path)
    return Entry(name, str(path), sha256_of(path), "GAN", "CC0-1.0", f"tiny {name}")
