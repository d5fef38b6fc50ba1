"""How good are the pictures of a shipped model? `python -m benchmarks.quality MODEL`.

Digits are read by a judge, a small network that learnt from the real training digits alone; the
1,500 held-out digits were seen neither by it nor by any model. Other pictures are compared with
held-out ones by their Fréchet distance in features without a network: the 64 first principal
components of the pixels and the 64 first of the edges, each divided by its deviation among real
pictures. The figures compare only with each other, never with distances of Inception features.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from genart import latent
from genart.families import FAMILIES
from genart.families.vae import VAE
from genart.learn import RECIPES
from genart.learn.augment import wobble
from genart.learn.data import DATA, Pictures
from genart.learn.prior import fit

SAMPLES = 1000
SHIPPED = Path(__file__).parents[1] / "weights"
CACHE = Path(os.environ.get("GENART_CACHE", "~/.cache/genart")).expanduser()
DIGITS = Path(os.environ.get("GENART_DATA", CACHE / "data")).expanduser()


def judge() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 24, 5, stride=2, padding=2), nn.BatchNorm2d(24), nn.ReLU(),
        nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
        nn.Conv2d(48, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 49, 10),
    )  # fmt: skip


def trained_judge(pictures: Pictures) -> nn.Module:
    """The judge, trained once with a fixed seed and kept in the cache folder."""
    torch.manual_seed(0)
    model, path = judge(), CACHE / "judge-digits.safetensors"
    if path.is_file():
        model.load_state_dict(load_file(path))
        return model.eval()
    random = torch.Generator().manual_seed(0)
    steps, batch = 1000, 128
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in range(steps):
        x, label = pictures.at(torch.randint(len(pictures), (batch,), generator=random))
        loss = F.cross_entropy(model(wobble(x, 0.6, random)), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), path)
    return model.eval()


def read(model: nn.Module, x: Tensor) -> Tensor:
    """The digit and the certainty (N, 2) that the judge sees in each picture; frames wider than 28 are cut off."""
    frame = (x.shape[-1] - 28) // 2
    odds = torch.cat([model(part[:, :, frame : frame + 28, frame : frame + 28]) for part in x.split(500)]).softmax(1)
    certainty, digit = odds.max(1)
    return torch.stack([digit.float(), certainty], dim=1)


class Features:
    """What two sets of pictures are compared by, learnt from real ones: (N, 3, H, W) -> (N, 128)."""

    def __init__(self, real: Tensor):
        parts = _parts(real)
        self.means = [part.mean(0) for part in parts]
        self.axes = [torch.pca_lowrank(part, 64)[2] for part in parts]
        self.spread = torch.ones(())
        self.spread = self(real).std(0)

    def __call__(self, x: Tensor) -> Tensor:
        parts = zip(_parts(x), self.means, self.axes, strict=True)
        return torch.cat([(part - mean) @ axes for part, mean, axes in parts], dim=1) / self.spread


def _parts(x: Tensor) -> list[Tensor]:
    return [x.flatten(1), torch.cat([x.diff(dim=dim).abs().flatten(1) for dim in (2, 3)], dim=1)]


def frechet(a: Tensor, b: Tensor) -> float:
    """Distance of two normal distributions fitted to features (N, d) (Heusel 2017, arXiv:1706.08500)."""
    a, b = a.double(), b.double()
    values, axes = torch.linalg.eigh(a.T.cov())
    root = axes @ torch.diag(values.clamp_min(0).sqrt()) @ axes.T
    cross = torch.linalg.eigvalsh(root @ b.T.cov() @ root).clamp_min(0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + a.T.cov().trace() + b.T.cov().trace() - 2 * cross)


def _posteriors(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    means, log_variances = zip(*(model.posterior(part) for part in x.split(100)), strict=True)
    return torch.cat(means), torch.cat(log_variances).exp()


@torch.inference_mode()
def compare(path: Path, data: str) -> dict[str, str]:
    """The table for a model of pictures that have no classes to be read."""
    learn, held_out = DATA[data](DIGITS)
    count = len(held_out)
    real, _ = held_out.at(torch.arange(count))
    seen, _ = learn.at(torch.arange(4 * count))
    first, second = seen[:count], seen[count : 2 * count]
    model = FAMILIES["vae"](load_file(path))
    mean, axes = fit(*_posteriors(model, seen))
    z = torch.cat([latent.sample(seed, model.space.z_dim) for seed in range(count)])
    w = model.mapping(z)
    points = {
        "samples at psi 1": w,
        "samples at psi 0.7": latent.truncate(w, model.w_mean, 0.7),
        "samples of a plain Gaussian": (mean + z @ axes.T)[:, None],
        "reconstructions": torch.cat([model.encode(part) for part in real.split(100)]),
    }
    sets = {name: torch.cat([model.synthesis(part) for part in ws.split(100)]) for name, ws in points.items()}
    errors = (sets["reconstructions"] - real).square().mean((1, 2, 3))
    sets["other real pictures"] = first
    sets["real ones, blurred 2 x 2"] = F.avg_pool2d(F.pad(first, (0, 1, 0, 1), mode="replicate"), 2, stride=1)
    sets["means of two real ones"] = (first + second) / 2
    sets["50 real ones, repeated"] = first[torch.arange(count) % 50]
    features = Features(seen)
    target = features(real)
    rows = {"reconstruction PSNR": f"{10 * torch.log10(4 / errors).mean():.1f} dB"}
    return rows | {f"distance, {name}": f"{frechet(features(x), target):.1f}" for name, x in sets.items()}


@torch.inference_mode()
def measure(path: Path) -> dict[str, str]:
    """The table for one model: a name and a figure a row, shares in per cent."""
    with safe_open(path, "pt") as file:
        name = json.loads(file.metadata()["genart"])["name"]
    if RECIPES[name].data != "digits":
        return compare(path, RECIPES[name].data)
    learn, held_out = DATA["digits"](DIGITS)
    with torch.inference_mode(False), torch.enable_grad():
        eye = trained_judge(learn)
    real, truth = held_out.at(torch.arange(len(held_out)))
    state = load_file(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    family = next(family for family in FAMILIES.values() if family.recognises(shapes))
    model = family(state)
    space = model.space
    rows = {"judge on held-out digits": _share(read(eye, real)[:, 0] == truth)}
    if space.has_encoder:
        y = model.synthesis(model.encode(real))
        right = read(eye, y)[:, 0] == truth
        rows["reconstructions read right"] = _share(right)
        rows["  by digit"] = " ".join(_share(right[truth == digit]) for digit in range(10))
        rows["reconstruction PSNR"] = f"{10 * torch.log10(4 / (y - real).square().mean()):.1f} dB"
    z = torch.cat([latent.sample(seed, space.z_dim) for seed in range(SAMPLES)])
    asked = torch.from_numpy(np.random.RandomState(0).randint(10, size=SAMPLES))
    label = F.one_hot(asked, 10).float() if space.num_classes else None
    seen = read(eye, model.synthesis(model.mapping(z, label)))
    if label is not None:
        right = seen[:, 0] == asked
        rows["samples of the class asked for"] = _share(right)
        rows["  by digit"] = " ".join(_share(right[asked == digit]) for digit in range(10))
    rows["samples by digit"] = " ".join(_share(seen[:, 0] == digit) for digit in range(10))
    rows["samples read with 90 % certainty"] = _share(seen[:, 1] > 0.9)
    rows["  held-out digits, the same"] = _share(read(eye, real)[:, 1] > 0.9)
    return rows


def _share(right: Tensor) -> str:
    return f"{100 * right.float().mean():.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the name of a shipped model, or a .safetensors file")
    model = parser.parse_args().model
    for name, figure in measure(Path(model) if model.endswith(".safetensors") else SHIPPED / f"{model}.safetensors").items():
        print(f"{name:36} {figure}")
