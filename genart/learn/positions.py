"""Where a model of two latent numbers puts pictures it has not seen: `python -m genart.learn.positions MODEL`.

A small file beside the weights holds them for the map: z (N, 2) in float16, and what each picture shows.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from genart.catalogue import ENTRIES, Entry
from genart.errors import BadRecipe, GenartError, UnknownModel
from genart.families.vae import VAE
from genart.learn import RECIPES
from genart.learn.data import DATA
from genart.weights import load


@torch.inference_mode()
def positions(model: VAE, x: Tensor) -> Tensor:
    """z (N, d) at which `model` draws what its encoder makes of pictures x (N, C, H, W)."""
    w = model.posterior(x)[0]
    return w if model.prior is None else model.prior.undo(w)[0]


def keep(entry: Entry, folder: Path) -> Path:
    """Write the positions of the held-out pictures of a model's data; raises BadRecipe for a model without a plane."""
    loaded = load(entry)
    model = loaded.generator
    if not isinstance(model, VAE) or model.space.z_dim != 2:
        raise BadRecipe(f"{entry.name!r} has no plane of two latent numbers that pictures could be put on; choose digits-vae2.")
    held_out = DATA[RECIPES[entry.name].data](folder)[1]
    x, labels = held_out.at(torch.arange(len(held_out)))
    classes = [str(number) for number in range(int(labels.max()) + 1)]
    tensors = {"z": positions(model.eval(), x).half().contiguous(), "labels": labels.to(torch.uint8)}
    save_file(tensors, entry.positions, {"genart": json.dumps({"weights": loaded.sha256, "classes": classes})})
    return entry.positions


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m genart.learn.positions", description=__doc__)
    parser.add_argument("name", metavar="MODEL", help="a shipped VAE of two latent numbers")
    cache = Path(os.environ.get("GENART_CACHE", "~/.cache/genart")).expanduser()
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GENART_DATA", cache / "data")).expanduser())
    options = parser.parse_args(arguments)
    try:
        if options.name not in ENTRIES:
            raise UnknownModel(options.name, ENTRIES)
        print(f"positions in {keep(ENTRIES[options.name], options.data)}")
    except GenartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
