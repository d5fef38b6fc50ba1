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


def stylegan3(num_classes: int = 0) -> State:
    """16 pixels, z 8, w 8, two full layers and two margins; filters as wide as the original's."""
    inside = {"fc0": 16 if num_classes else 8, "fc1": 8}
    state = {"mapping.w_avg": torch.randn(8) * 0.3}
    for name, width in inside.items():
        state |= {f"mapping.{name}.weight": torch.randn(8, width) * 100, f"mapping.{name}.bias": torch.randn(8)}
    if num_classes:
        state |= {"mapping.embed.weight": torch.randn(8, num_classes), "mapping.embed.bias": torch.randn(8)}
    state |= {
        "synthesis.input.weight": torch.randn(6, 6),
        "synthesis.input.transform": torch.eye(3),
        "synthesis.input.freqs": torch.randn(6, 2),
        "synthesis.input.phases": torch.rand(6),
        "synthesis.input.affine.weight": torch.randn(4, 8) * 0.1,
        "synthesis.input.affine.bias": torch.tensor([1.0, 0, 0, 0]),
    }
    for name, taps in (("L0_28_6", (12, 12)), ("L1_36_6", (24, 12)), ("L2_16_6", (12, 12)), ("L3_16_3", None)):
        layer, outside, kernel = f"synthesis.{name}", int(name[-1]), 3 if taps else 1
        state |= {
            f"{layer}.weight": torch.randn(outside, 6, kernel, kernel) * (1 if taps else 5),
            f"{layer}.bias": torch.randn(outside) * 0.1,
            f"{layer}.magnitude_ema": torch.tensor(1.5),
            f"{layer}.affine.weight": torch.randn(6, 8),
            f"{layer}.affine.bias": torch.ones(6),
        }
        for part, count in zip(("up_filter", "down_filter"), taps or (), strict=False):
            state[f"{layer}.{part}"] = torch.hann_window(count + 2)[1:-1] * 2 / (count + 1)
    return state


def biggan(num_classes: int = 0) -> State:
    """16 pixels, z 8, two blocks with attention between them; it always has classes."""
    state = {"embeddings.weight": torch.randn(4, num_classes or 3)}
    state |= spectral("generator.gen_z", (8 * 16, 12)) | {"generator.gen_z.bias": torch.randn(8 * 16)}

    def norm(name: str, channels: int) -> State:
        return {f"{name}.running_means": torch.randn(51, channels), f"{name}.running_vars": torch.rand(51, channels) + 0.5}

    for index, (inside, outside) in {0: (8, 8), 2: (8, 4), 3: (4, 4), 4: (4, 4)}.items():
        layer = f"generator.layers.{index}"
        for i, (width, wide, kernel) in enumerate([(inside, 2, 1), (2, 2, 3), (2, 2, 3), (2, outside, 1)]):
            state |= norm(f"{layer}.bn_{i}", width) | spectral(f"{layer}.conv_{i}", (wide, width, kernel, kernel))
            state |= spectral(f"{layer}.bn_{i}.scale", (width, 12)) | spectral(f"{layer}.bn_{i}.offset", (width, 12))
            state[f"{layer}.conv_{i}.bias"] = torch.randn(wide)
    state["generator.layers.1.gamma"] = torch.tensor([0.7])
    for part, shape in (("theta", (1, 8)), ("phi", (1, 8)), ("g", (4, 8)), ("o_conv", (8, 4))):
        state |= spectral(f"generator.layers.1.snconv1x1_{part}", (*shape, 1, 1))
    state |= norm("generator.bn", 4) | {"generator.bn.weight": torch.ones(4), "generator.bn.bias": torch.randn(4)}
    return state | spectral("generator.conv_to_rgb", (4, 4, 3, 3)) | {"generator.conv_to_rgb.bias": torch.randn(4) * 0.1}


def fastgan(blocks: str = "ds") -> State:
    """16 pixels, z 8, one double and one single block; the noise shows."""
    state = spectral("init.init.0", (8, 16, 4, 4), transposed=True) | batch_norm("init.init.1", 16)
    for block, kind in enumerate(blocks):
        name = f"feat_{8 << block}"
        for conv, noise, norm in ((1, 2, 3), (5, 6, 7)) if kind == "d" else ((1, None, 2),):
            state |= spectral(f"{name}.{conv}", (16, 8, 3, 3)) | batch_norm(f"{name}.{norm}", 16)
            if noise:
                state[f"{name}.{noise}.weight"] = torch.tensor([0.3])
    return state | {"to_big.weight": torch.randn(3, 8, 3, 3) * 0.03}


def projected_fastgan() -> State:
    """64 pixels, so that there is an excitation; all blocks double."""
    state = fastgan(blocks="dddd") | spectral("se_64.main.1", (8, 8, 4, 4)) | spectral("se_64.main.3", (8, 8, 1, 1))
    return {f"synthesis.{name}": tensor for name, tensor in state.items()} | {"synthesis.to_big.bias": torch.randn(3) * 0.1}


def pgan() -> State:
    """16 pixels, z 8."""
    shapes = {"formatLayer": (128, 8), "groupScale0.0": (8, 8, 3, 3)}
    shapes |= {f"scaleLayers.{scale}.{layer}": (8, 8, 3, 3) for scale in range(2) for layer in range(2)}
    shapes |= {f"toRGBLayers.{level}": (3, 8, 1, 1) for level in range(3)}
    weights = {f"{name}.module.weight": torch.randn(shape) for name, shape in shapes.items()}
    return weights | {f"{name}.module.bias": torch.randn(shape[0]) * 0.3 for name, shape in shapes.items()}


def spectral(name: str, shape: tuple[int, ...], transposed: bool = False) -> State:
    """A weight as torch's spectral norm keeps it, its u and v converged."""
    weight = torch.randn(shape)
    matrix = (weight.transpose(0, 1) if transposed else weight).flatten(1)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    return {f"{name}.weight_orig": weight, f"{name}.weight_u": u[:, 0], f"{name}.weight_v": v[0]}


def batch_norm(name: str, channels: int) -> State:
    return {
        f"{name}.weight": torch.rand(channels) * 0.5 + 0.7,
        f"{name}.bias": torch.randn(channels) * 0.3,
        f"{name}.running_mean": torch.randn(channels) * 0.1,
        f"{name}.running_var": torch.rand(channels) * 0.2 + 0.05,
        f"{name}.num_batches_tracked": torch.tensor(7),
    }


ONLY_WITH_CLASSES = {"biggan"}
WITH_CLASSES = ("stylegan2", "stylegan3", "biggan", "dcgan", "vae", "mlp")
TINY: dict[str, Callable[..., State]] = {
    "stylegan2": stylegan2,
    "stylegan3": stylegan3,
    "biggan": biggan,
    "fastgan": fastgan,
    "projected_fastgan": projected_fastgan,
    "pgan": pgan,
    "lightweight_gan": lightweight_gan,
    "vq": vq,
    "autoencoder_kl": autoencoder_kl,
    "autoencoder_tiny": autoencoder_tiny,
    "dcgan": dcgan,
    "vae": vae,
    "mlp": mlp,
}


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
