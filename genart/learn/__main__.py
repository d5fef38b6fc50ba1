"""The command line of learning: `python -m genart.learn list`, `python -m genart.learn NAME`."""

import argparse
import os
import sys
from pathlib import Path

import torch
from PIL import Image

from genart import latent, machine
from genart.errors import GenartError
from genart.families import FAMILIES
from genart.families.vae import VAE
from genart.learn import RECIPES, trainer_of
from genart.learn.data import CREDITS, Pictures
from genart.learn.run import Trainer, publish, resume, save, train
from genart.learn.sheet import sheet

REPORT_EVERY = 240.0  # seconds; a report fits the prior to all pictures


def main(arguments: list[str] | None = None) -> int:
    options = _options().parse_args(arguments)
    machine.keep_memory()
    if options.name == "list":
        for name, recipe in RECIPES.items():
            print(f"{name:16} {recipe.family:6} {recipe.data:10} {recipe.steps} steps of {recipe.batch}")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        _follow(options)
    except GenartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _follow(options: argparse.Namespace) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trainer, held_out = trainer_of(options.name, options.data, options.seed, device)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, weights = (options.out / f"{options.name}{suffix}" for suffix in (".checkpoint", ".safetensors"))
    if resume(trainer, checkpoint):
        print(f"{options.name}: going on from step {trainer.step}")
    recipe = RECIPES[options.name]
    data, licence = CREDITS[recipe.data]
    facts = {"name": options.name, "family": recipe.family, "data": data, "licence": licence, "seed": options.seed}
    if recipe.parts:
        facts["parts"] = dict(recipe.parts)
    for progress in train(trainer, options.steps or recipe.steps, REPORT_EVERY, options.minutes):
        measures = "  ".join(f"{name} {value:.4g}" for name, value in progress.measures.items())
        print(f"{options.name}: step {progress.step}  {progress.seconds:.0f} s  {measures}", flush=True)
        save(trainer, checkpoint)
        publish(trainer, weights, facts)
        _sheet(trainer, recipe.family, held_out).save(weights.with_suffix(".png"))
    print(f"{options.name}: weights in {weights}")


@torch.no_grad()
def _sheet(trainer: Trainer, family: str, held_out: Pictures) -> Image.Image:
    """Six rows of samples; for an encoder, three of held-out pictures with their reconstructions below."""
    model = FAMILIES[family](trainer.weights())
    space = model.space
    z = torch.cat([latent.sample(seed, space.z_dim) for seed in range(60)])
    label = torch.eye(space.num_classes).repeat(-(-60 // space.num_classes), 1)[:60] if space.num_classes else None
    rows = [model.synthesis(model.mapping(z, label))]
    if isinstance(model, VAE):
        x, y = _rebuilt(model, held_out)
        rows += [part for pair in zip(x.split(10), y.split(10), strict=True) for part in pair]
    return sheet(torch.cat(rows), columns=10, scale=max(1, 64 // space.image_size))


def _rebuilt(model: VAE, held_out: Pictures) -> tuple[torch.Tensor, torch.Tensor]:
    """30 held-out pictures, and what the model makes of them."""
    x, label = held_out.at(torch.arange(30))
    if x.shape[1] == model.space.channels:
        shares = torch.eye(model.space.num_classes)[label] if model.space.num_classes else None
        return x, model.synthesis(model.encode(x, shares))
    mean, _ = model.posterior(x)  # one thing in all its classes: another class of each
    classes = torch.arange(len(x)) % x.shape[1]
    y = model.synthesis(model.with_class(mean, torch.eye(x.shape[1])[classes])[:, None])
    return x[torch.arange(len(x)), classes][:, None], y


def _options() -> argparse.ArgumentParser:
    cache = Path(os.environ.get("GENART_DATA", "~/.cache/genart/data")).expanduser()
    parser = argparse.ArgumentParser(prog="python -m genart.learn", description="Train one of the shipped models.")
    parser.add_argument("name", help="a recipe, or 'list'")
    parser.add_argument("--minutes", type=float, help="stop after this time; a later run goes on from there")
    parser.add_argument("--steps", type=int, help="stop at this step instead of the recipe's")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder for checkpoint, weights and sheet (runs)")
    parser.add_argument("--data", type=Path, default=cache, help=f"folder of the data ({cache}; or set GENART_DATA)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="CPU threads")
    return parser


if __name__ == "__main__":
    sys.exit(main())
