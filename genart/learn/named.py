"""Directions with names, learnt from what is known of pictures: `python -m genart.learn.named MODEL`.

A file beside the weights holds them, name -> (w_dim,), one deviation of the factor long.
"""

import argparse
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from genart import latent
from genart.catalogue import ENTRIES
from genart.errors import UnknownModel
from genart.families.base import Generator
from genart.families.vae import VAE
from genart.learn import RECIPES
from genart.learn.data import DATA, Pictures, singles
from genart.learn.judge import Judge, judge_of
from genart.weights import load

POINTS = 8000
TRIED = 500
SIGMAS = 2.0
MOVED = 0.5  # deviations that count as a change
SURE = 0.8  # share of pictures with room for it in which a direction must do what its name says
READ = 0.4  # R² with which the judge must read a factor of held-out pictures, to be believed
RIDGE = 1e-3
FLIP = 0.65  # of the step from absent to present, so that 2 sigma are more than all of it


def find(w: Tensor, factors: Tensor) -> Tensor:
    """Directions (F, w_dim) in w (N, w_dim): each moves its factor (N, F) by one deviation, and the others not at all.

    Linear regression on whitened w, then its pseudo-inverse: of all moves that do this, the shortest.
    """
    centred = w - w.mean(0)
    spread, axes = torch.linalg.eigh(centred.T @ centred / len(w))
    kept = spread > 1e-6 * spread.max()
    root = axes[:, kept] * spread[kept].sqrt()
    white = centred @ (axes[:, kept] / spread[kept].sqrt())
    scaled = (factors - factors.mean(0)) / factors.std(0)
    weights = torch.linalg.solve(white.T @ white + RIDGE * len(w) * torch.eye(white.shape[1]), white.T @ scaled)
    return torch.linalg.pinv(weights) @ root.T * _lengths(factors)[:, None]


def _lengths(factors: Tensor) -> Tensor:
    """1 for a number; for a thing that is there or not, what turns one into the other within 2 sigma."""
    low, high, two = _ends(factors)
    return torch.where(two, (FLIP * (high - low) / factors.std(0)).clamp_min(1.0), 1.0)


def _snapped(seen: Tensor, factors: Tensor) -> Tensor:
    """What the judge sees, of a thing that is there or not the one or the other, if both are ever seen."""
    low, high, two = _ends(factors)
    snapped = torch.where(seen > (low + high) / 2, high, low)
    return torch.where(two & (snapped.std(0) > 0), snapped, seen)


def _ends(factors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Least and greatest of each factor, and whether there is nothing between."""
    low, high = factors.min(0).values, factors.max(0).values
    return low, high, ((factors == low) | (factors == high)).all(0)


def points(model: Generator, pictures: Pictures, judge: Judge) -> tuple[Tensor, Tensor]:
    """w (N, w_dim) with what is known there: encoded pictures, or for a model that reads none what the judge sees."""
    names = len(pictures.names)
    index = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))[:POINTS]
    if isinstance(model, VAE) and pictures.factors is not None:
        x, label = pictures.at(index)
        mean = torch.cat([model.posterior(part)[0] for part in x.split(500)])
        shares = F.one_hot(label, model.space.num_classes).float() if model.space.num_classes else None
        return model.with_class(mean, shares), pictures.factors[index, :names]
    w = draws(model, POINTS)
    seen = torch.cat([judge.read(judge(model.synthesis(part)))[1] for part in w.split(200)])[:, :names]
    return w[:, 0], seen if pictures.factors is None else _snapped(seen, pictures.factors[:, :names])


def draws(model: Generator, count: int) -> Tensor:
    """w (count, num_ws, w_dim) of the seeds 0, 1, ..., the classes in turn."""
    space = model.space
    z = torch.cat([latent.sample(seed, space.z_dim) for seed in range(count)])
    label = F.one_hot(torch.arange(count) % space.num_classes, space.num_classes).float() if space.num_classes else None
    return model.mapping(z, label)


def tried(model: Generator, judge: Judge, directions: Tensor) -> tuple[Tensor, Tensor]:
    """How far 2 sigma along each direction move each factor, in deviations, (F, F), and in what share of pictures
    that had less than the usual of it they add to it, (F,)."""
    w = draws(model, TRIED)
    before = judge.read(judge(model.synthesis(w)))[1][:, : len(directions)]
    moved, sure = [], []
    for place, step in enumerate(directions):
        change = judge.read(judge(model.synthesis(w + SIGMAS * step)))[1][:, : len(directions)] - before
        moved.append(change.mean(0))
        sure.append((change[before[:, place] < 0, place] > MOVED).float().mean())
    return torch.stack(moved), torch.stack(sure)


@torch.inference_mode()
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m genart.learn.named", description=__doc__)
    parser.add_argument("model", help="a shipped model whose pictures have factors")
    cache = Path(os.environ.get("GENART_CACHE", "~/.cache/genart")).expanduser()
    data = Path(os.environ.get("GENART_DATA", cache / "data")).expanduser()
    name = parser.parse_args(arguments).model
    if name not in ENTRIES:
        raise UnknownModel(name, ENTRIES)
    entry, recipe = ENTRIES[name], RECIPES[name]
    pictures, held_out = DATA[recipe.data](data)
    seen, fresh = (singles(part) if part.pixels.shape[1] > 3 else part for part in (pictures, held_out))
    with torch.inference_mode(False), torch.enable_grad():
        judge = judge_of(recipe.data, seen, cache)
    model = load(entry).generator
    found = find(*points(model, pictures, judge))
    moved, sure = tried(model, judge, found)
    factors = (torch.zeros(len(fresh), 0) if fresh.factors is None else fresh.factors)[:, : len(found)]
    said = judge.read(judge(fresh.at(torch.arange(len(fresh)))[0]))[1][:, : len(found)]
    read = 1 - (said - factors).square().mean(0) / factors.var(0)
    kept = {}
    print("| direction | does it in | " + " | ".join(pictures.names) + " |")
    print("| --- " * (2 + len(found)) + "|")
    for place, direction in enumerate(found):
        print(f"| {pictures.names[place]} | {100 * sure[place]:.0f} % | " + " | ".join(f"{x:+.1f}" for x in moved[place]) + " |")
        if sure[place] >= SURE and read[place] >= READ:
            kept[pictures.names[place]] = direction.contiguous()
    if kept:
        save_file(kept, entry.directions)
    print(f"{len(kept)} of {len(found)} directions kept in {entry.directions.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
