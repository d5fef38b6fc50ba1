"""Breeding: recipes have children, which are recipes. It turns points into points, and draws no picture.

A child is one point, however many generations lie behind it, so its recipe never grows. Points are z
wherever all parents are: mixed on the arc and mutated by turning towards a fresh seed, a child of
Gaussian parents is Gaussian again (the step of Neal 1998, Cotter 2013, arXiv:1202.0709), so that no
line of descent fades towards the mean picture, and its class can still be chosen. Where a parent is a
point of w, such as a picture that was read, all are taken there, without what their class adds.
"""

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Sequence

import numpy as np
import torch
from torch import Tensor

from genart import latent, taste
from genart.errors import BadRecipe, quote
from genart.families.base import Generator
from genart.forward import check, point_of, styles
from genart.recipe import MAX_PARTS, MAX_SEED, Anchor, Label, LayerSwap, Offset, Recipe, blend_many, pack_vector
from genart.studio import Studio

CHILDREN = 9
CANDIDATES = 1000  # that a taste chooses from
LEAST_CANDIDATES = 200
ROOM = 2**23  # numbers in all candidates, where points are large
REFINED = 2  # times that the better ones among them have children themselves
VARIED = 0.6  # of the distance between children by chance, that those a taste chooses keep
BETTER = 5  # one of so many
MAX_PARENTS = 8
MAX_LIKES = 180
BANDS = 4  # parts of a network's layers that are inherited whole
ROUND_FROM = 9  # dimensions; below, a Gaussian still has mass at its centre
CHANGE = 0.4  # how often a class mutates
LEAST_SHARE = 0.02  # of a class; smaller ones die out
MOST_CLASSES = 8
LEAST_SIGMA = 0.01  # of a direction
SAMPLES = 64  # seeds that tell what a class adds to w
CLASS_STEP = 0.7  # how far apart classes are for a taste; two random points are 1.4
CROSSED = (0.707, 0.5, 0.5)  # what a refined candidate has of a better one, of another, and of chance; squares of sum 1
CROSSES = ("mix", "layers", "both")
GENES = ("parent", "shares", "mutate")


@dataclass(frozen=True, slots=True)
class Settings:
    """How children are made.

    `mutation`: 0 inherits all, 1 is a fresh seed, or with a taste a fresh point. `cross`: points are mixed, or
    layers are inherited whole, or each part of the layers is mixed in its own way. `classes`: a child's class
    is a parent's, shares of all, or may change. `explore`: 0 shows what is surely liked, 1 what nobody can tell.
    """

    mutation: float = 0.35
    cross: str = "mix"
    classes: str = "parent"
    explore: float = 0.2

    def __post_init__(self) -> None:
        for name in ("mutation", "explore"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise BadRecipe(f"{name} {quote(value)} is out of range; use a number from 0 to 1.")
        if self.cross not in CROSSES:
            raise BadRecipe(f"cross {quote(self.cross)} is unknown; use {', '.join(CROSSES)}.")
        if self.classes not in GENES:
            raise BadRecipe(f"classes {quote(self.classes)} is unknown; use {', '.join(GENES)}.")

    @classmethod
    def from_dict(cls, value: Any) -> "Settings":
        """The settings in parsed JSON; raises BadRecipe naming what is wrong."""
        if not isinstance(value, dict):
            raise BadRecipe(f"Settings are a JSON object, not {quote(value)}.")
        known = [field.name for field in fields(cls)]
        unknown = [name for name in value if name not in known]
        if unknown:
            raise BadRecipe(f"Settings have no field {quote(unknown[0])}; they have {', '.join(known)}.")
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Like:
    """A thumb, 1 or -1, or none, 0, for a recipe in a round of pictures that were seen together."""

    recipe: Recipe
    thumb: int
    round: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.thumb, bool) or self.thumb not in (1, 0, -1):
            raise BadRecipe(f"thumb {quote(self.thumb)} is none; use 1 for up, -1 for down, 0 beside them.")
        if isinstance(self.round, bool) or not isinstance(self.round, int) or abs(self.round) > 2**53:
            raise BadRecipe(f"round {quote(self.round)} is no whole number; count the rounds from 0.")


@dataclass(frozen=True, slots=True)
class Genome:
    """What is inherited: a point for every layer, (num_ws, z_dim) or (num_ws, w_dim), and shares of classes, (1, classes).

    A point of w is without what its class adds to it, so that classes are inherited apart.
    """

    kind: str
    rows: Tensor
    shares: Tensor | None


@dataclass(frozen=True, slots=True)
class Genes:
    """One child's lot: shares of the parents for each layer, (num_ws, parents), a fresh seed, and the class."""

    shares: np.ndarray
    fresh: int
    heir: int  # the parent whose class it takes
    change: int | None  # or another class
    refined: bool = False  # whether it turns towards a point of its own, not towards the seed


def breed(
    studio: Studio, parents: Sequence[Recipe], settings: Settings, seed: int, likes: Sequence[Like] = (), count: int = CHILDREN
) -> tuple[Recipe, ...]:
    """`count` children of `parents`; the same for the same arguments. With likes, those likeliest to please out of many.

    Raises BadRecipe for no or too many parents or likes, and for recipes of two models.
    """
    if not 1 <= len(parents) <= MAX_PARENTS:
        raise BadRecipe(f"{len(parents)} parents have no children; choose 1 to {MAX_PARENTS}.")
    if len(likes) > MAX_LIKES:
        raise BadRecipe(f"{len(likes)} likes are too many; send the newest {MAX_LIKES}.")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise BadRecipe(f"seed {quote(seed)} is out of range; use a whole number from 0 to {MAX_SEED}.")
    model = parents[0].model
    for other in (*parents, *(like.recipe for like in likes)):
        if other.model != model:
            raise BadRecipe(f"{other.model!r} and {model!r} are two models, whose pictures have no children; choose one model.")
    generator = studio.resident(model).loaded.generator
    with torch.inference_mode():
        return _Nursery(generator, parents, settings, seed).children(likes, count)


def genes(settings: Settings, parents: int, num_ws: int, num_classes: int, random: np.random.RandomState) -> Genes:
    """One child's lot, drawn."""
    fresh = int(random.randint(0, MAX_SEED + 1, dtype=np.uint64))
    bands = min(BANDS, num_ws)
    shares = random.dirichlet(np.full(parents, 2.0), bands if settings.cross == "both" else 1).repeat(
        1 if settings.cross == "both" else bands, axis=0
    )
    if settings.cross == "layers":
        shares = np.eye(parents)[_dealt(parents, bands, random)]
    heir = int(random.choice(parents, p=shares.mean(0)))
    draw, other = random.rand(), int(random.randint(max(1, num_classes)))
    change = other if settings.classes == "mutate" and draw < CHANGE else None
    return Genes(shares[_bands(num_ws)], fresh, heir, change)


def _bands(num_ws: int) -> np.ndarray:
    """The band of every layer, (num_ws,)."""
    return np.arange(num_ws) * min(BANDS, num_ws) // num_ws


def _dealt(parents: int, bands: int, random: np.random.RandomState) -> np.ndarray:
    """Which parent each band comes from, (bands,): as many parents as there are bands for."""
    dealt = random.permutation(np.concatenate([random.permutation(parents) for _ in range(-(-bands // parents))])[:bands])
    return np.where(random.rand(bands) < 0.25, random.randint(parents, size=bands), dealt)


@dataclass(frozen=True, slots=True)
class Brood:
    """Many genomes of the same parts of the layers: `rows` (N, parts, dim)."""

    kind: str
    rows: Tensor
    shares: list[Tensor | None]
    parts: list[tuple[int, int]]

    def child(self, at: int) -> Genome:
        counts = torch.tensor([last - first for first, last in self.parts])
        return Genome(self.kind, self.rows[at].repeat_interleave(counts, dim=0), self.shares[at])


class _Nursery:
    """What all children of the same parents share."""

    def __init__(self, generator: Generator, parents: Sequence[Recipe], settings: Settings, seed: int):
        self.generator, self.space = generator, generator.space
        self.settings, self.seed = settings, seed
        self.ordinary: dict[int, Tensor] = {}  # w of the first seeds in a class
        for parent in parents:
            check(parent, generator)
        self.parents = parents
        genomes = [self.genome(parent) for parent in parents]
        self.kind = "z" if all(one.kind == "z" for one in genomes) else "w"
        self.genomes = genomes if self.kind == "z" else self.in_w(genomes)
        most = MAX_PARTS // len(parents)
        self.plain = [replace(one, anchors=(Anchor(),), layers=(), offsets=_strongest(one, most), mix="own") for one in parents]

    def children(self, likes: Sequence[Like], count: int) -> tuple[Recipe, ...]:
        if not any(like.thumb for like in likes):
            lots = [self.lot(number) for number in range(count)]
            brood = self.brood(lots, self.fresh(lots))
            return tuple(self.recipe(lot, brood.child(at)) for at, lot in enumerate(lots))
        for like in likes:
            check(like.recipe, self.generator)
        believed = taste.belief(self.known(likes), [like.thumb for like in likes], [like.round for like in likes])
        random = np.random.RandomState([self.seed, CANDIDATES])
        lots, brood = self.promising(believed, random)
        apart = VARIED * self.usual_distance()
        explore = self.settings.explore
        chosen = taste.choose(self.seen(brood), believed, count=count, explore=explore, random=random, apart=apart)
        return tuple(self.recipe(lots[at], brood.child(at)) for at in chosen)

    def usual_distance(self) -> float:
        """How far apart children are for a taste when chance alone makes them."""
        lots = [self.lot(number) for number in range(SAMPLES)]
        seen = self.seen(self.brood(lots, self.fresh(lots)))
        return float(np.median(np.linalg.norm(seen[::2] - seen[1::2], axis=1)))

    def promising(self, believed: taste.Belief, random: np.random.RandomState) -> tuple[list[Genes], "Brood"]:
        """Candidates for a taste. What the better ones turned towards is crossed and mutated for the next, again and again:
        in many dimensions no lot of fresh seeds lies far in any one direction.
        """
        room = ROOM // (self.space.num_ws * self.space.w_dim)
        lots = [self.lot(number) for number in range(min(CANDIDATES, max(room, LEAST_CANDIDATES)))]
        fresh = self.fresh(lots)
        for _ in range(REFINED):
            better = np.argsort(-believed.mean(self.seen(self.brood(lots, fresh))), kind="stable")[: len(lots) // BETTER]
            one, other = better[random.randint(len(better), size=(2, len(lots) - len(better)))]
            strange = torch.from_numpy(random.randn(len(one), fresh.shape[1]).astype(np.float32))
            fresh = torch.cat([fresh[better], self.crossed([fresh[one], fresh[other], strange])])
            lots = [*(lots[at] for at in better), *(replace(lots[at], refined=True) for at in one)]
        return lots, self.brood(lots, fresh)

    def lot(self, number: int) -> Genes:
        random = np.random.RandomState([self.seed, number])
        return genes(self.settings, len(self.parents), self.space.num_ws, self.space.num_classes, random)

    # From recipes to genomes.

    def genome(self, recipe: Recipe) -> Genome:
        """Of z where the recipe's picture is decided there, layer by layer; else of w."""
        first = recipe.anchors[0].label
        weights = [abs(anchor.weight) for anchor in recipe.anchors]
        labels = [latent.one_hot(anchor.label, self.space.num_classes) for anchor in recipe.anchors]
        shares = None if labels[0] is None else latent.mix([one for one in labels if one is not None], weights, spherical=False)
        z = point_of(recipe.anchors, self.generator, recipe.mix)
        swaps = [(swap, point_of((swap.anchor,), self.generator)) for swap in recipe.layers if swap.share > 0]
        if z is not None and all(other is not None and swap.share == 1 and swap.anchor.label == first for swap, other in swaps):
            rows = z.repeat(self.space.num_ws, 1)
            for swap, other in swaps:
                if other is not None:
                    rows[slice(*swap.layers)] = other
            return Genome("z", rows, shares)
        w = styles(replace(recipe, psi=1, psi_cutoff=None, offsets=()), self.generator, {})[0].cpu()
        return Genome("w", w - self.mean(shares), shares)

    def in_w(self, genomes: Sequence[Genome]) -> list[Genome]:
        """The same, as points of w."""
        parts = [(at, run) for at, one in enumerate(genomes) if one.kind == "z" for run in _runs(one.rows)]
        if not parts:
            return list(genomes)
        z = torch.cat([genomes[at].rows[first : first + 1] for at, (first, _) in parts])
        mapped = self.mapped(z, [genomes[at].shares for at, _ in parts])
        rows = {at: torch.zeros_like(mapped[0]) for at, _ in parts}
        for (at, (first, last)), w in zip(parts, mapped, strict=True):
            rows[at][first:last] = w[first:last] - self.mean(genomes[at].shares)[first:last]
        return [replace(one, kind="w", rows=rows[at]) if at in rows else one for at, one in enumerate(genomes)]

    def mapped(self, z: Tensor, shares: Sequence[Tensor | None]) -> Tensor:
        """(N, z_dim) and shares of classes, one each -> (N, num_ws, w_dim) on the CPU."""
        known = [one for one in shares if one is not None]
        device = self.generator.w_mean.device
        return self.generator.mapping(z.to(device), torch.cat(known).to(device) if known else None).cpu()

    def mean(self, shares: Tensor | None) -> Tensor:
        """(num_ws, w_dim): the middle of w for shares of classes, which is that of each class by its share."""
        if shares is None:
            return self.middle(0)
        return torch.stack(
            [float(shares[0, index]) * self.middle(index) for index in shares[0].nonzero().flatten().tolist()]
        ).sum(0)

    def middle(self, label: int) -> Tensor:
        """(num_ws, w_dim): the mean w of the first seeds in one class."""
        if label not in self.ordinary:
            z = torch.cat([latent.sample(seed, self.space.z_dim) for seed in range(SAMPLES)])
            self.ordinary[label] = self.mapped(z, [latent.one_hot(label, self.space.num_classes)] * SAMPLES)
        return self.ordinary[label].mean(0)

    @cached_property
    def reach(self) -> float:
        """How far points of w lie from their middle, which is much the same in every class."""
        self.middle(0)
        w = self.ordinary[0]
        return float((w - w.mean(0)).flatten(1).norm(dim=1).square().mean().sqrt())

    def known(self, likes: Sequence[Like]) -> np.ndarray:
        """What a taste saw of pictures with a thumb, and of those beside them."""
        inside = self.in_w([self.genome(like.recipe) for like in likes])
        return self.looked(torch.stack([one.rows for one in inside]), [one.shares for one in inside])

    def seen(self, brood: "Brood") -> np.ndarray:
        """What a taste sees of children."""
        if self.kind == "w":
            return self.looked(brood.rows, brood.shares)
        parts = []
        for at, (first, last) in enumerate(self.parts):
            w = self.mapped(brood.rows[:, at], brood.shares)[:, first:last]
            parts.append(w - self.means(brood.shares)[:, first:last])
        return self.looked(torch.cat(parts, dim=1), brood.shares)

    def looked(self, rows: Tensor, shares: Sequence[Tensor | None]) -> np.ndarray:
        """Points as a taste sees them, (N, d): w (N, num_ws, w_dim) about 1 from its middle, then the shares of classes."""
        points, known = rows.flatten(1) / self.reach, [one for one in shares if one is not None]
        return torch.cat([points, CLASS_STEP * torch.cat(known)] if known else [points], dim=1).double().numpy()

    def means(self, shares: Sequence[Tensor | None]) -> Tensor:
        """(N or 1, num_ws, w_dim)."""
        if all(one is None for one in shares):
            return self.mean(None)[None]
        known = {one.numpy().tobytes(): one for one in shares if one is not None}
        means = {key: self.mean(one) for key, one in known.items()}
        return torch.stack([means[one.numpy().tobytes()] for one in shares if one is not None])

    # From genes to children.

    def crossed(self, z: Sequence[Tensor]) -> Tensor:
        """Gaussian points, (N, z_dim) each, mixed by CROSSED: Gaussian again."""
        if self.space.z_dim < ROUND_FROM:
            return torch.stack([share * one for share, one in zip(CROSSED, z, strict=True)]).sum(0)
        return latent.arc(z, CROSSED, torch.zeros(()))

    def fresh(self, lots: Sequence[Genes]) -> Tensor:
        """(N, z_dim): what each child turns towards."""
        return torch.cat([latent.sample(lot.fresh, self.space.z_dim) for lot in lots])

    @cached_property
    def parts(self) -> list[tuple[int, int]]:
        """Ranges of layers in which every child has one point; in w each layer has its own."""
        count = self.space.num_ws
        if self.kind == "w":
            return [(layer, layer + 1) for layer in range(count)]
        band = torch.from_numpy(_bands(count))[:, None]
        return _runs(torch.cat([band, *(one.rows for one in self.genomes)], dim=1))

    def brood(self, lots: Sequence[Genes], fresh: Tensor) -> "Brood":
        """Children of lots, turned towards fresh points z (N, z_dim)."""
        labels = [self.inherited(lot) for lot in lots]
        firsts = [first for first, _ in self.parts]
        shares = torch.from_numpy(np.stack([lot.shares[firsts] for lot in lots])).float()
        parents = [one.rows[firsts].expand(len(lots), -1, -1) for one in self.genomes]
        rows = self.between(parents, [shares[:, :, at, None] for at in range(len(parents))])
        if turn := self.settings.mutation:
            strange = fresh[:, None] if self.kind == "z" else self.mapped(fresh, labels) - self.means(labels)
            if self.kind == "w" and self.space.latent:
                rows = torch.lerp(rows, strange, turn)
            else:
                away = [math.cos(turn * math.pi / 2), math.sin(turn * math.pi / 2)]
                rows = self.between([rows, strange.expand_as(rows)], away)
        return Brood(self.kind, rows, labels, self.parts)

    def between(self, points: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Points mixed on their distance from the middle, or straight where that is no distance to keep:
        in few dimensions, and where w is a small picture."""
        straight = self.space.z_dim < ROUND_FROM if self.kind == "z" else bool(self.space.latent)
        if straight:
            return torch.stack([weight * one for weight, one in zip(weights, points, strict=True)]).sum(0)
        return latent.arc(points, weights, torch.zeros(()))

    def inherited(self, lot: Genes) -> Tensor | None:
        """Shares of classes, (1, num_classes)."""
        shares = [one.shares for one in self.genomes if one.shares is not None]
        if not shares:
            return None
        if lot.change is not None:
            return latent.one_hot(lot.change, self.space.num_classes)
        if self.settings.classes == "shares":
            return torch.cat(shares).mul(torch.from_numpy(lot.shares.mean(0)).float()[:, None]).sum(0, keepdim=True)
        return shares[lot.heir]

    def recipe(self, lot: Genes, child: Genome) -> Recipe:
        heirs = [parent for parent, share in zip(self.parents, lot.shares.sum(0), strict=True) if share > 0]
        if self.settings.mutation == 0 and all(one == heirs[0] for one in heirs) and lot.change is None:
            return heirs[0]
        plain = blend_many(self.plain, [float(share) for share in lot.shares.mean(0)])
        label = None if child.shares is None else _label(child.shares)
        if self.kind == "z" and self.settings.mutation == 1 and not lot.refined:
            return replace(plain, anchors=(Anchor(lot.fresh, label=label),), weights=None)
        rows = child.rows if self.kind == "z" else child.rows + self.mean(child.shares)
        rows = rows.half().float()
        runs = _runs(rows)
        if self.kind == "w" and len(runs) > BANDS:
            anchors = [Anchor(lot.fresh, label=label, vector=pack_vector(rows.numpy(), "w", half=True))]
        else:
            packed = [pack_vector(rows[first].numpy(), self.kind, half=True) for first, _ in runs]
            anchors = [Anchor(lot.fresh, label=label, vector=vector) for vector in packed]
        swaps = tuple(LayerSwap(anchor, run) for anchor, run in zip(anchors[1:], runs[1:], strict=False))
        return replace(plain, anchors=(anchors[0],), layers=swaps, weights=None)


def _runs(rows: Tensor) -> list[tuple[int, int]]:
    """Ranges `[first, last)` of rows that are alike."""
    ends = [at for at in range(1, len(rows)) if not torch.equal(rows[at], rows[at - 1])]
    return list(zip([0, *ends], [*ends, len(rows)], strict=True))


def _label(shares: Tensor) -> Label:
    """The class, or the greatest few with their shares, of (1, num_classes)."""
    order = shares[0].argsort(descending=True)[:MOST_CLASSES].tolist()
    kept = [(index, round(float(shares[0, index]), 3)) for index in order if shares[0, index] >= LEAST_SHARE] or [(order[0], 1.0)]
    return kept[0][0] if len(kept) == 1 else tuple(kept)


def _strongest(recipe: Recipe, most: int) -> tuple[Offset, ...]:
    """At most so many of its directions, in their order."""
    greatest = sorted(recipe.offsets, key=lambda step: -abs(step.sigma))[:most]
    return tuple(step for step in recipe.offsets if step in greatest and abs(step.sigma) >= LEAST_SIGMA)
