"""Do the digits of a shipped model read as the digits they should be? `python benchmarks/quality.py MODEL`.

The judge is a small network that learnt from the real training digits alone; the 1,500 held-out
digits were seen neither by it nor by any model.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from genart import latent
from genart.families import FAMILIES
from genart.learn.augment import wobble
from genart.learn.data import DATA, Pictures

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


@torch.inference_mode()
def measure(path: Path) -> dict[str, str]:
    """The table for one model: a name and a figure a row, shares in per cent."""
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
