"""A judge of pictures: a small network that reads what they show, and distances between sets. It knows no generator.

The distances are those of the literature in other features, so they compare only with each other.
"""

from pathlib import Path
from typing import Iterable, Mapping

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from genart.learn.augment import shift, wobble
from genart.learn.data import Pictures

FEATURES = 128
STEPS, BATCH, LR = 2000, 64, 3e-3
EYE_SEED = 1  # of a judge that trains models; those that measure them have another
COMMON = 0.005  # a kind that at least this share of real pictures shows
COVERED = 0.1  # of its real share
CLASS = "class"


class Judge(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1] -> features (N, 128); `read` says what they show.

    `heads` is how many values each kind has, `factors` how many numbers are read.
    """

    def __init__(self, channels: int, size: int, heads: Mapping[str, int], factors: int):
        super().__init__()
        layers: list[nn.Module] = []
        width = 24
        while size > 7:
            layers += [nn.Conv2d(channels, width, 5 if not layers else 3, 2, 2 if not layers else 1)]
            layers += [nn.BatchNorm2d(width), nn.LeakyReLU(0.1)]
            channels, width, size = width, min(128, 2 * width), (size + 1) // 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * size * size, FEATURES), nn.LeakyReLU(0.1))
        self.maps = channels  # of the last layer of convolutions
        self.kinds = nn.ModuleDict({name: nn.Linear(FEATURES, count) for name, count in heads.items()})
        self.factors = nn.Linear(FEATURES, max(1, factors))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.body(part) for part in x.split(500)])

    def layers(self, x: Tensor) -> list[Tensor]:
        """What each layer of convolutions makes of pictures, (N, channels, h, w)."""
        found = []
        for layer in self.body:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU) and x.dim() == 4:
                found.append(x)
        return found

    def read(self, features: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Log odds of each kind's values, and the factors, all (N, …)."""
        return {name: head(features) for name, head in self.kinds.items()}, self.factors(features)


def judge_of(name: str, pictures: Pictures, folder: Path) -> Judge:
    """The judge of a set, trained once on its pictures with a fixed seed and kept in `folder`."""
    judge = untrained(pictures, seed=0)
    path = folder / f"judge-{name}.safetensors"
    kept = load_file(path) if path.is_file() else {}
    if {name: tensor.shape for name, tensor in kept.items()} == {name: part.shape for name, part in judge.state_dict().items()}:
        judge.load_state_dict(kept)
    else:
        learn(judge, pictures, seed=0)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(judge.state_dict(), path)
    return judge.eval().requires_grad_(False)


def untrained(pictures: Pictures, seed: int) -> Judge:
    """A judge that knows nothing yet of what these pictures show."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        heads = {kind: int(values.max()) + 1 for kind, values in kinds_of(pictures).items()}
        factors = 0 if pictures.factors is None else pictures.factors.shape[1]
        return Judge(pictures.pixels.shape[1], pictures.pixels.shape[2], heads, factors)


def kinds_of(pictures: Pictures) -> dict[str, Tensor]:
    """What is known of each picture, by name; its class too where there are several."""
    classes = {CLASS: pictures.labels} if int(pictures.labels.max()) else {}
    return {**classes, **pictures.kinds}


def learn(judge: Judge, pictures: Pictures, seed: int) -> None:
    """Teaches a judge to read the pictures' kinds and factors; then it learns no more."""
    random, kinds, device = torch.Generator().manual_seed(seed), kinds_of(pictures), next(judge.parameters()).device
    optimiser = torch.optim.AdamW(judge.parameters(), LR, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=STEPS)
    drawn_by_hand = pictures.pixels.shape[2] == 28
    for _ in range(STEPS):
        index = torch.randint(len(pictures), (BATCH,), generator=random)
        x, _ = pictures.at(index)
        x = (wobble(x, 0.6, random) if drawn_by_hand else shift(x, 1 / 32, random)).to(device)
        odds, factors = judge.read(judge(x))
        loss = torch.zeros((), device=device)
        for name, values in kinds.items():
            loss = loss + F.cross_entropy(odds[name], values[index].to(device))
        if pictures.factors is not None:
            loss = loss + F.mse_loss(factors, pictures.factors[index].to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    judge.eval().requires_grad_(False)


def frechet(a: Tensor, b: Tensor) -> float:
    """Distance of two normal distributions fitted to features (N, d) (Heusel 2017, arXiv:1706.08500)."""
    a, b = a.double(), b.double()
    values, axes = torch.linalg.eigh(a.T.cov())
    root = axes @ torch.diag(values.clamp_min(0).sqrt()) @ axes.T
    cross = torch.linalg.eigvalsh(root @ b.T.cov() @ root).clamp_min(0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + a.T.cov().trace() + b.T.cov().trace() - 2 * cross)


def kernel(a: Tensor, b: Tensor, subsets: int = 10, size: int = 1000) -> float:
    """Kernel distance of features (N, d), cubic, mean over subsets, times 1000 (Binkowski 2018, arXiv:1801.01401)."""
    random = np.random.RandomState(0)
    size = min(size, len(a), len(b))
    total = 0.0
    for _ in range(subsets):
        x, y = (part[random.permutation(len(part))[:size]].double() for part in (a, b))
        xx, yy, xy = ((p @ q.T / p.shape[1] + 1) ** 3 for p, q in ((x, x), (y, y), (x, y)))
        own = sum((m.sum() - m.trace()) / (size * (size - 1)) for m in (xx, yy))
        total += float(own - 2 * xy.mean())
    return 1000 * total / subsets


def shares(values: Tensor, count: int) -> Tensor:
    """How often each of `count` values occurs among (N,), as shares."""
    return torch.bincount(values, minlength=count).float() / len(values)


def covered(made: Tensor, real: Tensor) -> tuple[int, int]:
    """How many of the common kinds a set's shares cover, and how many there are."""
    common = real >= COMMON
    return int((made[common] >= COVERED * real[common]).sum()), int(common.sum())


def total_variation(made: Tensor, real: Tensor) -> float:
    """Half the sum of the differences of shares: 0 alike, 1 nothing in common."""
    return float((made - real).abs().sum() / 2)


def colours(x: Tensor) -> float:
    """How many different colours a picture has, on average."""
    pixels = (x * 127.5 + 128).clamp(0, 255).byte().flatten(2).permute(0, 2, 1)
    return float(np.mean([len(torch.unique(picture, dim=0)) for picture in pixels]))


def nearest(x: Tensor, others: Iterable[Tensor]) -> Tensor:
    """The root mean square distance of each picture to the nearest of `others`, parts (n, C, H, W); (N,)."""
    flat = x.flatten(1)
    best = torch.full((len(x),), torch.inf)
    for part in others:
        best = torch.minimum(best, torch.cdist(flat, part.flatten(1)).min(1).values)
    return best / flat.shape[1] ** 0.5
