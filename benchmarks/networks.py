"""Networks of full size with random weights, as files to open: run `python -m benchmarks.networks FOLDER [NAME ...]`.

Their pictures show nothing; what they cost in time and memory is what trained ones cost. The
layouts are those of the original code, so that they go the way a downloaded checkpoint goes.
"""

import argparse
from pathlib import Path
from typing import Callable

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.reference import fastgan, stylegan2, stylegan3

State = dict[str, Tensor]


def stylegan2_1024() -> State:
    """Config F, with colours in range: each block adds a little, the large ones less."""
    state = stylegan2.random_state([512, 512, 512, 512, 512, 256, 128, 64, 32], z_dim=512, w_dim=512, depth=8)
    for name in state:
        if name.endswith("torgb.weight"):
            state[name] *= 0.12
        elif name.endswith("torgb.bias"):
            state[name] *= 0.05
        elif name.endswith(("affine.weight", "w_avg")):
            state[name] *= 0.3
    return state


def stylegan3_t_256() -> State:
    return stylegan3.random_state(256, base=32768, most=512, w_dim=512, z_dim=512)


def fastgan_1024() -> State:
    return fastgan.random_state(1024, ngf=64, z_dim=256)


NETWORKS: dict[str, Callable[[], State]] = {
    "stylegan2-1024": stylegan2_1024,
    "stylegan3-t-256": stylegan3_t_256,
    "fastgan-1024": fastgan_1024,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NETWORKS))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in asked.names or NETWORKS:
        torch.manual_seed(0)
        path = asked.folder / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in NETWORKS[name]().items()}, path)
        print(f"{path}: {path.stat().st_size / 1e6:.0f} MB", flush=True)
