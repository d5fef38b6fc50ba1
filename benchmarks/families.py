"""How much faster our generators are than textbooks of the same: run `python -m benchmarks.families [NAME ...]`.

Ratios of process CPU time on one thread, the two measured in turn, medians. The textbooks are
those of tests/reference: weights for each picture, norms computed at every call, filters on
pixels spread apart by zeros, channels first, which is how the published code runs on a CPU.
(StyleGAN2's leaves the spreading to torch's transposed convolution, as the published code does.)
Where diffusers or pytorch-pretrained-biggan are installed, their models with the same weights are measured too.
Each row: family, what is compared with what, ratio, goal, met or not.

Layers of StyleGAN2's previews go in bfloat16 where this machine is quicker that way, which is measured here as in the
app; how far off they are then is told. An exact 3x3 layer goes the way that is usual for its shape (in the app another,
if that was measured to be quicker). On an EPYC with AVX-512, plain / bands / tiles took, in ms: 64 channels at 64, 128,
256 pixels 1.4 / 1.3 / 1.6, 5.4 / 4.7 / 6.2, 21.0 / 17.8 / 23.0; 96 at 128 12.6 / 9.8 / 8.6; 128 at 128 21.3 / 15.5 /
13.7; 256 at 64 21.3 / 13.2 / 9.6; 512 at 32 21.4 / 12.9 / 8.7. Of 29 shapes from 32 channels on, the usual way was the
quickest or within a tenth of it in 28.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: a spinning thread counts as work
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # large pages: a fresh tensor costs no page faults

import argparse
import time
from contextlib import suppress
from functools import partial
from statistics import median
from typing import Callable

import torch
from torch import Tensor

from genart import machine
from genart.families import FAMILIES
from genart.families.base import Generator
from genart.families.ops import Prefixes
from genart.families.ways import Ways
from genart.recipe import Noise
from tests.reference import autoencoders, biggan, fastgan, stylegan2, stylegan3

References = dict[str, Callable[[Tensor], Tensor]]
"""w -> picture as others make it, by their names."""

Pair = tuple[Generator, References, Tensor]
"""A generator, the textbook and published code beside it, and a w."""

CLAMP = 256  # of every layer, as in the published networks
DEEP_128 = [(16, 16), (16, 16), (16, 16), (16, 8), (8, 8), (8, 4), (4, 4), (4, 2), (2, 2), (2, 1)]
DEEP_256 = [(16, 16), (16, 16), (16, 16), (16, 8), (8, 8), (8, 8), (8, 8), (8, 4), (4, 4), (4, 2), (2, 2), (2, 1)]


def z_of(length: int) -> Tensor:
    return torch.randn(1, length, generator=torch.Generator().manual_seed(0))


def stylegan2_pair(channels: list[int], w_dim: int = 512) -> Pair:
    state = stylegan2.random_state(channels, z_dim=w_dim, w_dim=w_dim, depth=8)
    model = FAMILIES["stylegan2"](state, {"conv_clamp": CLAMP})
    model.requires_grad_(False)  # type: ignore[attr-defined]  # as the studio holds it
    return model, {"textbook": lambda w: stylegan2.synthesis(state, w, clamp=CLAMP, zeros=False)[-1]}, model.mapping(z_of(w_dim))


def stylegan3_pair(size: int, base: int, most: int, radial: bool = False) -> Pair:
    state = stylegan3.random_state(size, base=base, most=most, radial=radial, w_dim=512, z_dim=512)
    model = FAMILIES["stylegan3"](state)
    return model, {"textbook": lambda w: stylegan3.synthesis(state, w)}, model.mapping(z_of(512))


def biggan_pair(blocks: list[tuple[int, int]], attention_at: int) -> Pair:
    state = biggan.random_state(blocks, attention_at=attention_at, z_dim=128, classes=10, ch=128)
    model = FAMILIES["biggan"](state)
    z, label = z_of(128).clamp(-2, 2), torch.eye(10)[:1]
    ups = [index % 2 == 1 for index in range(len(blocks))]
    references: References = {"textbook": lambda _: biggan.picture(state, z, label, 1.0, ups)}
    with suppress(ImportError):
        from pytorch_pretrained_biggan import BigGAN, BigGANConfig

        sizes = dict(output_dim=4 << sum(ups), z_dim=128, class_embed_dim=128, channel_width=128, num_classes=10)
        layers = [(up, *block) for up, block in zip(ups, blocks, strict=True)]
        theirs = BigGAN(BigGANConfig(**sizes, layers=layers, attention_layer_position=attention_at)).eval()
        theirs.load_state_dict(state)
        references["pytorch-pretrained-biggan"] = lambda _: theirs(z, label, 1.0)
    return model, references, model.mapping(z, label)


def fastgan_pair(size: int) -> Pair:
    state = fastgan.random_state(size, ngf=64, z_dim=256)
    model = FAMILIES["fastgan"](state)
    z = z_of(256)
    patterns = model.network.seeded(0, z.device)  # type: ignore[attr-defined]
    last = torch.tanh if size == 1024 else torch.nn.Identity()
    return model, {"textbook": lambda _: last(fastgan.pictures(state, z, patterns)[0])}, model.mapping(z)


def kl_pair() -> Pair:
    state = autoencoders.kl_state()
    model = FAMILIES["autoencoder_kl"](state)
    w = model.mapping(z_of(model.space.z_dim))
    references: References = {"textbook": lambda w: autoencoders.kl_decode(state, w.reshape(1, 4, 32, 32))}
    with suppress(ImportError):
        from diffusers import AutoencoderKL

        widths, down, up = (128, 256, 512, 512), ("DownEncoderBlock2D",) * 4, ("UpDecoderBlock2D",) * 4
        theirs = AutoencoderKL(block_out_channels=widths, down_block_types=down, up_block_types=up, layers_per_block=2).eval()
        theirs.load_state_dict(state, strict=False)  # there is no encoder
        references["diffusers"] = lambda w: theirs.decode(w.reshape(1, 4, 32, 32)).sample
    return model, references, w


def tiny_pair() -> Pair:
    state = autoencoders.tiny_state()
    model = FAMILIES["autoencoder_tiny"](state)
    w = model.mapping(z_of(model.space.z_dim))
    references: References = {"textbook": lambda w: autoencoders.tiny_decode(state, w.reshape(1, 4, 32, 32))}
    with suppress(ImportError):
        from diffusers import AutoencoderTiny

        theirs = AutoencoderTiny().eval()
        theirs.load_state_dict(state, strict=False)
        references["diffusers"] = lambda w: theirs.decode(w.reshape(1, 4, 32, 32)).sample
    return model, references, w


PAIRS: dict[str, Callable[[], Pair]] = {
    "stylegan2-64-tiny": lambda: stylegan2_pair([64, 64, 64, 64, 32], 64),
    "stylegan2-256-auto": lambda: stylegan2_pair([512, 512, 512, 512, 256, 128, 64]),
    "stylegan2-256-f": lambda: stylegan2_pair([512, 512, 512, 512, 512, 256, 128]),
    "stylegan2-512-f": lambda: stylegan2_pair([512, 512, 512, 512, 512, 256, 128, 64]),
    "stylegan2-1024-f": lambda: stylegan2_pair([512, 512, 512, 512, 512, 256, 128, 64, 32]),
    "stylegan3-t-256-half": lambda: stylegan3_pair(256, 16384, 512),
    "stylegan3-t-256": lambda: stylegan3_pair(256, 32768, 512),
    "stylegan3-r-256-half": lambda: stylegan3_pair(256, 32768, 1024, radial=True),
    "biggan-deep-128": lambda: biggan_pair(DEEP_128, 8),
    "biggan-deep-256": lambda: biggan_pair(DEEP_256, 8),
    "fastgan-256": lambda: fastgan_pair(256),
    "fastgan-512": lambda: fastgan_pair(512),
    "fastgan-1024": lambda: fastgan_pair(1024),
    "autoencoder-kl-256": kl_pair,
    "autoencoder-tiny-256": tiny_pair,
}


def in_turn(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of CPU time of each job."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for i in range(rounds + 1):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if i:  # the first round is the warm-up
                taken[name].append(time.process_time() - start)
    return {name: median(times) for name, times in taken.items()}


GOALS = {
    "stylegan2": 1.8,
    "stylegan3-t": 2.8,
    "stylegan3-r": 2.8,
    "biggan": 1.4,
    "fastgan": 1.5,
    "autoencoder-kl": 1.5,
    "autoencoder-tiny": 1.4,
}
PREVIEW_GOALS = {4: 5.0, 8: 8.0}  # of a picture so many times smaller, against the textbook's whole one
FINE_GOAL = 1.5
ROW = "{:<22}{:<62}{:>8}{:>8}  {}"


def compare(name: str, rounds: int) -> None:
    """Rows of one network: the whole picture, earlier stops, an edit of fine layers."""
    model, references, w = PAIRS[name]()
    space = model.space
    if hasattr(getattr(model, "synthesis", None), "ways"):
        model.synthesis.ways = Ways()  # type: ignore[attr-defined]  # as the studio gives it
    with torch.inference_mode():
        ours = model.synthesis(w)
        errors = {}
        for whose, reference in references.items():
            theirs = reference(w)
            errors[whose] = (ours - theirs).abs().max() / theirs.abs().max().clamp(min=1)
        jobs: dict[str, Callable[[], object]] = {whose: partial(reference, w) for whose, reference in references.items()}
        early = [size for size in space.sizes if 16 <= size < space.image_size]
        differ = {size: _differs(model, w, size) for size in early}
        jobs |= {"whole": partial(model.synthesis, w)} | {str(size): partial(model.synthesis, w, Noise(), size) for size in early}
        times = in_turn(jobs, rounds)
    goal = next((goal for family, goal in GOALS.items() if name.startswith(family)), None)
    for whose, error in errors.items():
        what = f"whole, {times['whole'] * 1e3:.0f} ms, error {error:.0e}, / {whose}"
        row(name, what, times[whose] / times["whole"], goal)
    for size in early:
        share = space.image_size // size
        row(
            name,
            f"1/{share} size{differ[size]} / textbook's whole",
            times["textbook"] / times[str(size)],
            PREVIEW_GOALS.get(share),
        )
    for block in range(len(space.sizes) - 3, len(space.sizes)):
        if hasattr(getattr(model, "synthesis", None), "prefixes") and block > 0:
            resume(name, model, w, 2 * block, rounds)


def _differs(model: Generator, w: Tensor, size: int) -> str:
    """The largest error of a preview, beside the exact picture of that size, as a share of what it ranges over."""
    synthesis = model.synthesis
    if not hasattr(synthesis, "ways"):
        return ""
    hasty = synthesis(w, Noise(), size)
    ways, synthesis.ways = synthesis.ways, None
    exact = synthesis(w, Noise(), size)
    synthesis.ways = ways  # type: ignore[attr-defined]
    return f", off by {float((hasty - exact).abs().max() / (exact.max() - exact.min())):.0e} of range"


def resume(name: str, model: Generator, w: Tensor, first: int, rounds: int) -> None:
    """A row: rows of w from `first` on change from picture to picture."""
    synthesis = model.synthesis
    steps = (0.01 * step for step in range(1, 10**9))

    known = Prefixes()

    def changed(rows: slice, prefixes: Prefixes | None) -> Tensor:
        synthesis.prefixes = prefixes  # type: ignore[attr-defined]  # whole pictures in between would drive out what is kept
        edit = w.clone()
        edit[:, rows] += next(steps)
        return synthesis(edit)

    with torch.inference_mode():
        times = in_turn({"whole": lambda: changed(slice(None), None), "fine": lambda: changed(slice(first, None), known)}, rounds)
    synthesis.prefixes = None  # type: ignore[attr-defined]
    goal = FINE_GOAL if first == model.space.num_ws - 4 else None
    what = f"layers {first} to {model.space.num_ws} change / own whole"
    row(name, what, times["whole"] / times["fine"], goal)


def row(name: str, what: str, ratio: float, goal: float | None) -> None:
    met = "" if goal is None else "met" if ratio >= goal else "NOT MET"
    print(ROW.format(name, what, f"{ratio:.2f}", "" if goal is None else f"{goal:g}", met), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PAIRS))
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    machine.keep_memory()  # as in the app
    print(ROW.format("family", "what", "ratio", "goal", ""))
    for name in asked.names or PAIRS:
        compare(name, asked.rounds)
