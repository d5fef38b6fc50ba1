"""How good are the pictures of a shipped model? `python -m benchmarks.quality MODEL`.

A judge, a small network that learnt from the model's training pictures what they show, reads all
pictures; sets are compared in its features, each divided by its deviation among real ones, with
the held-out pictures that neither it nor any model saw. A good set lies near "other real ones"
and well below the spoiled sets. The figures compare only within one table.
"""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from genart import latent
from genart.families.base import Generator
from genart.families.vae import VAE
from genart.learn import RECIPES
from genart.learn.data import DATA, Pictures, singles
from genart.learn.judge import (
    CLASS,
    Judge,
    colours,
    covered,
    frechet,
    judge_of,
    kernel,
    kinds_of,
    nearest,
    shares,
    total_variation,
)
from genart.weights import load_file

SAMPLES = 5000
PSIS = (1.0, 0.7)
LOOKED_AT = 16
SHIPPED = Path(__file__).parents[1] / "weights"
CACHE = Path(os.environ.get("GENART_CACHE", "~/.cache/genart")).expanduser()
FOLDER = Path(os.environ.get("GENART_DATA", CACHE / "data")).expanduser()


@torch.inference_mode()
def measure(path: Path) -> tuple[list[str], list[list[str]]]:
    """Lines about the model, and a table of sets: its first row is the header."""
    model = load_file(path).generator
    with safe_open(path, "pt") as file:
        recipe = RECIPES[json.loads(file.metadata()["genart"])["name"]]
    asked = getattr(recipe, "kind", "") or CLASS
    learn, held_out = DATA[recipe.data](FOLDER)
    many = learn.pixels.shape[1] > 3
    seen, fresh = (singles(part) if many else part for part in (learn, held_out))
    with torch.inference_mode(False), torch.enable_grad():
        judge = judge_of(recipe.data, seen, CACHE)
    made, labels = samples(model, 1.0)
    sets = {f"samples at psi {psi:g}": framed(samples(model, psi)[0], fresh) for psi in PSIS}
    lines = [f"judge on held-out pictures: {reading(judge, fresh)}"]
    if labels is not None and asked in judge.kinds:
        right = judge.read(judge(framed(made, fresh)))[0][asked].argmax(1) == labels
        lines.append(f"samples of the class asked for: {100 * right.float().mean():.1f} %")
    if isinstance(model, VAE):
        again, ratio = rebuilt(model, held_out)
        sets["reconstructions"] = again
        lines.append(f"reconstruction PSNR on {len(held_out)} held out: {ratio:.1f} dB")
    chosen = torch.randperm(len(seen), generator=torch.Generator().manual_seed(0))
    one, two = (seen.at(part)[0] for part in chosen[: 2 * min(SAMPLES, len(seen) // 2)].chunk(2))
    sets |= {
        "other real ones": one,
        "real ones, blurred 2 x 2": F.avg_pool2d(F.pad(one, (0, 1, 0, 1), mode="replicate"), 2, stride=1),
        "means of two real ones": (one + two) / 2,
        "50 real ones, repeated": one[torch.arange(len(one)) % 50],
    }
    real = fresh.at(torch.arange(len(fresh)))[0]
    lines.append(copies(framed(made[:LOOKED_AT], fresh), real[:LOOKED_AT], seen))
    return lines, table(judge, sets, real, seen)


def samples(model: Generator, psi: float) -> tuple[Tensor, Tensor | None]:
    """Pictures of the seeds 0, 1, ..., the classes in turn, and their classes."""
    space = model.space
    z = torch.cat([latent.sample(seed, space.z_dim) for seed in range(SAMPLES)])
    labels = torch.arange(SAMPLES) % space.num_classes if space.num_classes else None
    parts = []
    for index in torch.arange(SAMPLES).split(100):
        label = None if labels is None else F.one_hot(labels[index], space.num_classes).float()
        parts.append(model.synthesis(latent.truncate(model.mapping(z[index], label), model.w_mean, psi)))
    return torch.cat(parts), labels


def framed(x: Tensor, like: Pictures) -> Tensor:
    """Pictures without the frame that some models draw round them."""
    frame = (x.shape[-1] - like.pixels.shape[-1]) // 2
    return x[:, :, frame : x.shape[2] - frame, frame : x.shape[3] - frame].clamp(-1, 1)


def rebuilt(model: VAE, held_out: Pictures) -> tuple[Tensor, float]:
    """What the model makes of held-out pictures, and the mean PSNR in dB; of things in all classes, every class."""
    x, label = held_out.at(torch.arange(len(held_out)))
    classes = x.shape[1] if x.shape[1] > 3 else 1
    mean = torch.cat([model.posterior(part)[0] for part in x.split(100)])
    shown = torch.arange(classes).repeat(len(x)) if classes > 1 else label
    label_shares = F.one_hot(shown, model.space.num_classes).float() if model.space.num_classes else None
    w = model.with_class(mean.repeat_interleave(classes, dim=0), label_shares)[:, None]
    y = torch.cat([model.synthesis(part) for part in w.split(100)])
    errors = (y - x.reshape(y.shape)).square().mean((1, 2, 3))
    return y, float(10 * torch.log10(4 / errors).mean())


def reading(judge: Judge, pictures: Pictures) -> str:
    """How well the judge reads pictures it never saw."""
    odds, factors = judge.read(judge(pictures.at(torch.arange(len(pictures)))[0]))
    kinds = kinds_of(pictures)
    said = [f"{name} {100 * (odds[name].argmax(1) == values).float().mean():.1f} %" for name, values in kinds.items()]
    if pictures.factors is not None:
        left = (factors - pictures.factors).square().mean(0) / pictures.factors.var(0)
        said += [f"{name} R² {1 - part:.2f}" for name, part in zip(pictures.names, left, strict=False)]
    return ", ".join(said)


def copies(made: Tensor, real: Tensor, seen: Pictures) -> str:
    """How near samples come to training pictures, beside how near unseen real ones come."""
    parts = [torch.arange(len(seen)).split(2000)] * 2
    distances = [nearest(x, (seen.at(index)[0] for index in part)) for x, part in zip((made, real), parts, strict=True)]
    figures = [f"{d.min():.3f} to {d.max():.3f}" for d in distances]
    return f"distance of {len(made)} samples to the nearest training picture: {figures[0]}; of held-out ones: {figures[1]}"


def table(judge: Judge, sets: Mapping[str, Tensor], real: Tensor, seen: Pictures) -> list[list[str]]:
    """A row for each set: distances from the real ones, and what it shows of each kind."""
    spread = judge(real).std(0).clamp_min(1e-6)
    target = judge(real) / spread
    kinds = {name: shares(values, int(values.max()) + 1) for name, values in kinds_of(seen).items()}
    rows = [["set", "N", "Fréchet", "kernel", "colours", *(f"{name}: covered, TV" for name in kinds)]]
    for name, x in sets.items():
        features = judge(x)
        odds, _ = judge.read(features)
        figures = [f"{len(x)}", f"{frechet(features / spread, target):.1f}", f"{kernel(features / spread, target):.0f}"]
        figures.append(f"{colours(x[:500]):.0f}")
        for kind, whole in kinds.items():
            part = shares(odds[kind].argmax(1), len(whole))
            figures.append("{}/{}, {:.2f}".format(*covered(part, whole), total_variation(part, whole)))
        rows.append([name, *figures])
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the name of a shipped model, or a .safetensors file")
    asked = parser.parse_args().model
    lines, rows = measure(Path(asked) if asked.endswith(".safetensors") else SHIPPED / f"{asked}.safetensors")
    print(*lines, "", sep="\n")
    for place, row in enumerate(rows):
        print("|", " | ".join(row), "|")
        if not place:
            print("|", " | ".join("---" for _ in row), "|")
