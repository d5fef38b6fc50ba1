"""Learning the shipped models: data, losses and loops, and a recipe for each model.

`python -m genart.learn list` names the recipes, `python -m genart.learn NAME` follows one.
"""

from pathlib import Path
from typing import Any

import torch

from genart.errors import UnknownModel
from genart.learn.data import DATA, Pictures
from genart.learn.gan import GANRecipe, GANTrainer, Style
from genart.learn.run import Trainer
from genart.learn.vae import Adversary, Flow, VAERecipe, VAETrainer


def _digits_vae(z_dim: int, **settings: Any) -> VAERecipe:
    return VAERecipe(
        data="digits",
        encoder=((32, 1, 4), (64, 32, 4), (64, 64, 3), (256, 64 * 49), (2 * z_dim, 256)),
        decoder=((256, z_dim), (64 * 49, 256), (64, 64, 3), (64, 64, 3), (128, 64, 1), (32, 32, 3), (4, 32, 1)),
        reconstruction="bernoulli",
        **settings,
    )


def _painter(
    data: str, z_dim: int, label: int, widths: tuple[int, int], beta: float = 1e-4, smooth: bool = False, **settings: Any
) -> VAERecipe:
    """Pictures of 64 x 64 in colour, with classes; the decoder sees where each pixel is.

    Its last layer draws four pixels at once, which shows in slopes; with `smooth` one more looks across them.
    """
    return VAERecipe(
        data=data,
        encoder=((32, 3, 4), (64, 32, 4), (96, 64, 4), (128, 96, 4), (256, 128 * 16), (2 * z_dim, 256)),
        decoder=(
            (widths[0], z_dim + label),
            (widths[1], widths[0]),
            (64 * 64, widths[1]),
            (96, 64, 3),
            (96, 96 + 2, 3),
            (256, 96, 1),
            (64, 64 + 2, 3),
            (64, 64 + 2, 3),
            (192, 64, 1),
            (48, 48 + 2, 3),
            *(((64, 48, 1), (3, 16, 3)) if smooth else ((12, 48, 1),)),
        ),
        label=label,
        beta=beta,
        start=0.05,
        batch=32,
        lr=1.5e-3,
        **settings,
    )


# How many numbers of z tell what each part of a picture is: the more things there are, the more numbers.
PIXEL_DIMS = {
    "hair": 5,
    "hairColor": 3,
    "skinColor": 2,
    "eyes": 3,
    "eyesColor": 2,
    "mouth": 4,
    "mouthColor": 2,
    "clothing": 4,
    "clothingColor": 3,
    "glasses": 3,
    "glassesColor": 2,
    "hat": 3,
    "hatColor": 2,
    "beard": 3,
    "accessories": 2,
    "accessoriesColor": 2,
    "primaryBackgroundColor": 3,
}
PORTRAIT_DIMS = {
    "hair": 6,
    "hairColor": 2,
    "face": 4,
    "eyes": 4,
    "brows": 3,
    "nose": 3,
    "mouth": 4,
    "glasses": 3,
    "beard": 3,
    "skin": 2,
    "body": 4,
    "sign": 2,
    "extra": 3,
    "ground": 2,
}

RECIPES: dict[str, VAERecipe | GANRecipe] = {
    "digits-vae2": _digits_vae(2, beta=1.0, known=True, plane=600, wobble=0.3, contrast=3.0, steps=6000),
    "digits-vae16": _digits_vae(
        16,
        beta=1.5,
        sliced=100.0,
        reading=40.0,
        wobble=0.5,
        contrast=2.0,
        flow=Flow(steps=2500, beta=1.5),
        steps=5000,
    ),
    "digits-gan": GANRecipe(
        data="digits",
        generator=((64, 128, 4), (128, 64, 4), (64, 32, 4), (32, 1, 4)),
        discriminator=(32, 64, 128),
        label=16,
        pad=2,
        gamma=1.0,
        shift=1 / 16,
        steps=7000,
    ),
    "pixel-vae": VAERecipe(
        data="pixels",
        encoder=((48, 3, 4), (96, 48, 3), (128, 96, 4), (256, 128 * 16), (2 * sum(PIXEL_DIMS.values()), 256)),
        decoder=(
            (256, 0),
            (256, 256),
            (128 * 16, 256),
            (128, 128, 3),
            (128, 128, 3),
            (384, 128, 1),
            (96, 96, 3),
            (96, 96, 3),
            (96, 96, 1),
            (24, 24, 3),
            (3, 24, 3),
        ),
        reconstruction="painterly",
        perceptual=0.3,
        beta=0.02,
        known=True,
        parts=PIXEL_DIMS,
        start=0.05,
        batch=64,
        lr=1.5e-3,
        steps=9_000,
    ),
    "type": VAERecipe(
        data="letters",
        encoder=((64, 26, 4), (96, 64, 4), (128, 96, 4), (256, 128 * 16), (48, 256)),
        decoder=(
            (256, 24 + 32),
            (384, 256),
            (64 * 64, 384),
            (96, 64, 3),
            (96, 96, 3),
            (192, 96, 1),
            (48, 48, 3),
            (48, 48, 3),
            (96, 48, 1),
            (24, 24, 3),
            (1, 24, 3),
        ),
        reconstruction="bernoulli",
        beta=0.15,
        label=32,
        letters=8,
        restyle=0.7,
        batch=16,
        lr=1.5e-3,
        steps=12_000,
    ),
    "pixel-gan": GANRecipe(
        data="pixels",
        generator=Style(channels=(128, 96, 64), z_dim=sum(PIXEL_DIMS.values()), widths=(256, 256)),
        discriminator=(96, 128),
        stem=64,
        label=0,
        kind="hair",
        gamma=1.0,
        shift=0.0,
        noise=0.1,
        naming=0.5,
        parts=PIXEL_DIMS,
        taught=5.0,
        alone=45_000,
        lr=2e-3,
        steps=52_000,
    ),
    "skies": _painter(
        "skies",
        z_dim=14,
        label=8,
        widths=(256, 384),
        smooth=True,
        beta=0.02,
        reconstruction="scenic",
        perceptual=0.3,
        known=True,
        adversary=Adversary(steps=1300, weight=0.5, gamma=0.1, shift=0.0, mixed=True),
        steps=10_300,
    ),
    "schools": _painter(
        "schools",
        z_dim=12,
        label=16,
        sides=3.0,
        widths=(384, 512),
        smooth=True,
        beta=0.02,
        reconstruction="painterly",
        perceptual=0.3,
        known=True,
        adversary=Adversary(steps=4000, weight=0.5, gamma=0.1, shift=0.0, mixed=True),
        steps=18_000,
    ),
    "portraits": _painter(
        "portraits",
        z_dim=sum(PORTRAIT_DIMS.values()),
        label=8,
        sides=400.0,
        widths=(384, 512),
        smooth=True,
        beta=0.02,
        reconstruction="painterly",
        perceptual=0.3,
        known=True,
        parts=PORTRAIT_DIMS,
        adversary=Adversary(steps=2000, weight=0.5, gamma=0.1, shift=0.0),
        steps=7_500,
    ),
}


def trainer_of(name: str, folder: Path, seed: int, device: torch.device) -> tuple[Trainer, Pictures]:
    """The trainer of a recipe, at step 0, and the pictures that it must not see."""
    if name not in RECIPES:
        raise UnknownModel(name, RECIPES)
    recipe = RECIPES[name]
    learn, held_out = DATA[recipe.data](folder)
    if isinstance(recipe, VAERecipe):
        return VAETrainer(recipe, learn, seed, device), held_out
    return GANTrainer(recipe, learn, seed, device), held_out
