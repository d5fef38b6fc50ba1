"""What a recipe means for a loaded generator: its point of w, its picture. No state, any thread that may use the network."""

import math
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import Any, Callable, Mapping, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from genart import latent
from genart.errors import BadRecipe, quote
from genart.families.base import Controlled, Generator, Space
from genart.recipe import Anchor, Offset, Recipe, unpack_vector

MAX_CLASSES = 100  # that one picture shows side by side
MAX_CELL = 128  # pixels of each
CELLS_AT_ONCE = 32
MAPPED = 64  # anchors of a model whose w is remembered
MAPPED_CHARACTERS = 10_000  # of a stored latent; longer ones are w already, and large


def styles(
    recipe: Recipe, generator: Generator, steps: Mapping[str, Tensor], mapped: OrderedDict[Anchor | None, Tensor] | None = None
) -> Tensor:
    """The recipe's w, (1, num_ws, w_dim): mix, style mixing, truncation, then directions.

    Directions come after truncation, so that they move the picture at every psi. `mapped` remembers what
    single anchors lead to, and the mean: between two keys they stay the same for hundreds of frames.
    """
    w = swapped(recipe, generator, mapped)
    w = latent.truncate(w, _remembered(None, lambda: generator.w_mean, mapped), recipe.psi, recipe.psi_cutoff)
    for step in recipe.offsets:
        direction = axis_of(step, recipe.model, steps).to(w.device)
        if step.spot is not None:
            direction = direction * latent.spot(generator.space.latent, *step.spot).to(direction.device)
        w = latent.offset(w, direction, step.sigma, step.layers)
    return w


def swapped(recipe: Recipe, generator: Generator, mapped: OrderedDict[Anchor | None, Tensor] | None = None) -> Tensor:
    """w, (1, num_ws, w_dim), of the recipe's anchors mixed, with its layers swapped, neither truncated nor moved."""
    w = mixed(recipe.anchors, generator, recipe.mix, mapped)
    for swap in recipe.layers:
        w = latent.swap_layers(w, mixed((swap.anchor,), generator), swap.layers, swap.share)
    return w


def axis_of(step: Offset, model: str, steps: Mapping[str, Tensor]) -> Tensor:
    """One standard deviation along a step's direction, (w_dim,) or (rows, w_dim): its own, or the one of its name."""
    if step.vector is not None:
        return torch.from_numpy(unpack_vector(step.vector)[1].copy())
    if step.direction not in steps:
        raise BadRecipe(f"{model!r} has no direction {quote(step.direction)}; it has {', '.join(steps)}.")
    return steps[step.direction]


def in_every_class(recipe: Recipe, space: Space) -> list[Recipe]:
    """The same point in each class alone; raises BadRecipe where there are none, or too many to see."""
    if not 1 <= space.num_classes <= MAX_CLASSES:
        raise BadRecipe(f"{recipe.model!r} has {space.num_classes} classes; 1 to {MAX_CLASSES} can be shown at once.")
    one = replace(recipe, all_classes=False)
    return [
        replace(
            one,
            anchors=tuple(replace(anchor, label=label) for anchor in one.anchors),
            layers=tuple(replace(swap, anchor=replace(swap.anchor, label=label)) for swap in one.layers),
        )
        for label in range(space.num_classes)
    ]


def cells(recipe: Recipe, generator: Generator, w: Tensor, size: int | None) -> Tensor:
    """Pictures (N, C, H, W), H and W at most MAX_CELL."""
    stop = next((own for own in generator.space.sizes if own >= MAX_CELL), None) if size is None else size
    x = drawn(recipe, generator, w, stop)
    return x if max(x.shape[2:]) <= MAX_CELL else F.adaptive_avg_pool2d(x, MAX_CELL)


def side_by_side(parts: list[Tensor]) -> Tensor:
    """Pictures (n, C, H, W) in rows in the middle of a square of black, (1, C, side, side)."""
    cells = torch.cat(parts).split(1)
    columns = math.isqrt(len(cells) - 1) + 1
    gap = max(1, cells[0].shape[3] // 16)
    padded = [F.pad(cell, (0, gap, 0, gap), value=-1.0) for cell in cells]
    rows = [padded[first : first + columns] for first in range(0, len(padded), columns)]
    rows[-1] = [*rows[-1], *[torch.full_like(padded[0], -1.0)] * (columns - len(rows[-1]))]
    sheet = F.pad(torch.cat([torch.cat(row, dim=3) for row in rows], dim=2), (gap, 0, gap, 0), value=-1.0)
    spare = max(0, sheet.shape[3] - sheet.shape[2])
    return F.pad(sheet, (0, 0, spare // 2, spare - spare // 2), value=-1.0)


def drawn(recipe: Recipe, generator: Generator, w: Tensor, size: int | None) -> Tensor:
    """Synthesis, with the controls only where the recipe has any: most families take none."""
    return cast(Controlled, generator).synthesis(w, recipe.noise, size, **dict(recipe.controls))


def to_pixels(x: Tensor) -> np.ndarray:
    """(1, C, H, W) in [-1, 1] -> uint8 (H, W, 3), truncated as the official tools do; grey and RGBA too."""
    pixels = (x[0] * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, :3])


def from_pixels(pixels: np.ndarray, space: Space) -> Tensor:
    """uint8 (H, W, 3) -> (1, C, size, size) in [-1, 1]: the largest square in the middle, resized; opaque for RGBA."""
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    x = torch.from_numpy(pixels[top : top + side, left : left + side, :3].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    size = (space.image_size, space.image_size)
    x = torch.nn.functional.interpolate(x, size, mode="bicubic", antialias=True).clamp(-1, 1)
    if space.channels == 1:
        return x.mean(1, keepdim=True)
    return torch.cat([x, x.new_ones(1, max(0, space.channels - 3), *size)], dim=1)


def mixed(
    anchors: tuple[Anchor, ...],
    generator: Generator,
    mix: str = "own",
    mapped: OrderedDict[Anchor | None, Tensor] | None = None,
) -> Tensor:
    """One w for all anchors. A Gaussian latent is mixed as z, on its radius, classes by their
    shares; with a mapping network the mix is made in w, where straight lines are good; unless the recipe says how."""
    weights = [anchor.weight for anchor in anchors]
    points = [stored(anchor, generator) for anchor in anchors]
    labels = [latent.one_hot(anchor.label, generator.space.num_classes) for anchor in anchors]
    in_z = generator.space.spherical if mix == "own" else mix.startswith("z")
    if in_z and all(space == "z" for space, _ in points):
        z = mixed_z([point for _, point in points], weights, mix, generator)
        shares = [abs(weight) for weight in weights] if mix.endswith("-arc") else weights
        label = None if labels[0] is None else latent.mix([x for x in labels if x is not None], shares, spherical=False)
        return _to_w("z", z, label, generator)
    ws = [
        _remembered(replace(anchor, weight=1.0), partial(_to_w, *point, label, generator), mapped)
        for anchor, point, label in zip(anchors, points, labels, strict=True)
    ]
    return latent.arc(ws, weights, generator.w_mean) if mix.endswith("-arc") else latent.mix(ws, weights, spherical=False)


def point_of(anchors: tuple[Anchor, ...], generator: Generator, mix: str = "own") -> Tensor | None:
    """z (1, z_dim) on the CPU, where it alone decides w: one anchor's, or several that are mixed there; else None."""
    points = [stored(anchor, generator) for anchor in anchors]
    in_z = generator.space.spherical if mix == "own" else mix.startswith("z")
    if any(space == "w" for space, _ in points) or not (in_z or (len(anchors) == 1 and mix != "w-arc")):
        return None
    return mixed_z([z for _, z in points], [anchor.weight for anchor in anchors], mix if in_z else "z", generator)


def _to_w(space: str, point: Tensor, label: Tensor | None, generator: Generator) -> Tensor:
    """(1, num_ws, w_dim) of a point in z, (1, z_dim), or of a stored w, (1 or num_ws, w_dim)."""
    device = generator.w_mean.device
    if space == "w":
        return point.to(device).expand(generator.space.num_ws, -1)[None]
    return generator.mapping(point.to(device), None if label is None else label.to(device))


def _remembered(anchor: Anchor | None, work: Callable[[], Tensor], mapped: OrderedDict[Anchor | None, Tensor] | None) -> Tensor:
    """What `work` makes of an anchor, or once made; None stands for the mean of w."""
    if mapped is None or len((anchor and anchor.vector) or "") > MAPPED_CHARACTERS:
        return work()
    if anchor not in mapped:
        mapped[anchor] = work()
        if len(mapped) > MAPPED:
            mapped.popitem(last=False)
    return mapped[anchor]


def mixed_z(zs: list[Tensor], weights: list[float], mix: str, generator: Generator) -> Tensor:
    """(1, z_dim), on the CPU."""
    if mix.endswith("-arc"):
        return latent.arc(zs, weights, torch.zeros(()))
    return latent.mix(zs, weights, spherical=mix == "own" and generator.space.spherical)


def stored(anchor: Anchor, generator: Generator) -> tuple[str, Tensor]:
    """The anchor's point on the CPU: ("z", (1, z_dim)) or ("w", (1 or num_ws, w_dim))."""
    if anchor.vector is None:
        return "z", latent.sample(anchor.seed, generator.space.z_dim)
    space, values = unpack_vector(anchor.vector)
    return space, torch.from_numpy(values.copy())


def check(recipe: Recipe, generator: Generator) -> None:
    """Raise BadRecipe where the recipe asks for what this model does not have."""
    space = generator.space
    if recipe.noise.mode == "random" and not space.has_noise:
        raise BadRecipe(f"{recipe.model!r} has no noise, so none can be drawn; use const or none.")
    offered = {control.name: control for control in space.controls}
    for name, value in recipe.controls:
        if name not in offered:
            raise BadRecipe(f"{recipe.model!r} has no control {quote(name)}; it has {', '.join(offered) or 'none'}.")
        low, high = offered[name].low, offered[name].high
        if not low <= value <= high:
            raise BadRecipe(f"{name} {quote(value)} is out of range; use a number from {low:g} to {high:g}.")
    for anchor in (*recipe.anchors, *(swap.anchor for swap in recipe.layers)):
        check_label(anchor, space.num_classes, recipe.model)
        if anchor.vector is not None:
            kind, values = unpack_vector(anchor.vector)
            shapes = [(1, space.z_dim)] if kind == "z" else [(1, space.w_dim), (space.num_ws, space.w_dim)]
            if values.shape not in shapes:
                raise BadRecipe(f"The stored latent has shape {values.shape} in {kind}; {recipe.model!r} takes {shapes[-1]}.")
    for step in recipe.offsets:
        check_step(step, recipe.model, space)
    if not space.latent and any(step.spot is not None for step in recipe.offsets):
        raise BadRecipe(f"{recipe.model!r} cannot be painted, for its latent is no picture; leave out the spot.")
    for layers in (*(swap.layers for swap in recipe.layers), *(step.layers for step in recipe.offsets)):
        if layers is not None and layers[1] > space.num_ws:
            raise BadRecipe(f"layers {layers} are out of range; {recipe.model!r} has layers 0 to {space.num_ws}.")


def check_step(step: Offset, model: str, space: Space) -> None:
    """Raise BadRecipe where a direction of its own does not fit a model."""
    if step.vector is None:
        return
    shape = unpack_vector(step.vector)[1].shape
    if shape not in ((1, space.w_dim), (space.num_ws, space.w_dim)):
        raise BadRecipe(f"The direction {quote(step.direction)} has shape {shape}; {quote(model)} takes {(1, space.w_dim)}.")


def check_label(anchor: Anchor, num_classes: int, model: str) -> None:
    pairs: Any = () if anchor.label is None else anchor.label
    for index, _ in ((pairs, 1.0),) if isinstance(pairs, int) else pairs:
        if not num_classes:
            raise BadRecipe(f"label {index} is out of range; {model!r} has no classes.")
        if index >= num_classes:
            raise BadRecipe(f"label {index} is out of range; {model!r} has classes 0 to {num_classes - 1}.")
