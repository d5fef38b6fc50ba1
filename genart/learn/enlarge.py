"""Learning to enlarge: `python -m genart.learn.enlarge`. The network is `genart/finish/upscale.py`.

It learns from the shipped models' kinds of pictures, drawn four times as large, and from dead
leaves, discs and boxes that hide each other, whose statistics are those of photographs (Lee 2001).
Some of the small pictures are those that our VAEs draw, with the steps and specks that they leave.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator, cast

import numpy as np
import torch
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from genart.families.base import Encoder
from genart.finish.upscale import TIMES, WEIGHTS, Upscale
from genart.learn.data import PORTRAIT_STYLES
from genart.learn.letters import draw
from genart.learn.pace import rate
from genart.learn.schools import SCHOOLS, numbers
from genart.learn.schools import paint as paint_school
from genart.learn.skies import paint as paint_sky
from genart.learn.skies import sky
from genart.weights import load_file

SIDE = 256
NATIVE = 64  # what the VAEs draw
EACH = 240  # pictures of a kind; every tenth is held out
FIRST = 1_000_000  # seeds that no model learnt from
PATCH = 96
BATCH = 12
LR = 2e-3
STEPS = 4000


def pictures(folder: Path) -> dict[str, np.ndarray]:
    """Large pictures of each kind, uint8 (EACH, 3, SIDE, SIDE), kept in `folder`."""
    kept = folder / "enlarge.npz"
    if not kept.is_file():
        kinds = {"skies": _skies(), "schools": _schools(), "portraits": _portraits(folder), "letters": _letters(folder)}
        kinds["leaves"] = np.stack([leaves(seed) for seed in range(EACH)])
        kinds["out of focus"] = np.stack([blurred(leaves(EACH + seed), seed) for seed in range(EACH)])
        np.savez_compressed(kept, **{name: values.transpose(0, 3, 1, 2) for name, values in kinds.items()})  # type: ignore[arg-type]
    with np.load(kept) as file:
        return dict(file)


def _skies() -> np.ndarray:
    return np.stack([paint_sky(sky(FIRST + seed), SIDE) for seed in range(EACH)])


def _schools() -> np.ndarray:
    names = [*SCHOOLS]
    return np.stack([paint_school(names[seed % len(names)], numbers(FIRST + seed), SIDE) for seed in range(EACH)])


def _portraits(folder: Path) -> np.ndarray:
    """After `data.portraits` has fetched what draws them."""
    script = Path(__file__).with_name("portraits.mjs")
    count = EACH // len(PORTRAIT_STYLES)
    parts = []
    for style in PORTRAIT_STYLES:
        arguments = ["node", str(script), str(folder.resolve()), style, str(SIDE), str(count)]
        drawn = subprocess.run(arguments, capture_output=True, check=True).stdout
        parts.append(np.frombuffer(drawn[: count * SIDE * SIDE * 3], np.uint8).reshape(count, SIDE, SIDE, 3))
    return np.random.RandomState(0).permutation(np.concatenate(parts))


def _letters(folder: Path) -> np.ndarray:
    """Four letters a picture, after `data.letters` has fetched the fonts."""
    random = np.random.RandomState(0)
    paths = sorted((folder / "fonts").rglob("*.[ot]tf"))
    found: list[np.ndarray] = []
    while len(found) < EACH:
        letters = draw(paths[random.randint(len(paths))], SIDE // 2)
        if letters is not None:
            four = letters[random.permutation(26)[:4]].reshape(2, 2, SIDE // 2, SIDE // 2)
            found.append(np.repeat(four.transpose(0, 2, 1, 3).reshape(SIDE, SIDE, 1), 3, axis=2))
    return np.stack(found)


def leaves(seed: int) -> np.ndarray:
    """Discs and boxes of all sizes that hide each other, some with a gradient or grain, uint8 (SIDE, SIDE, 3)."""
    random = np.random.RandomState(seed)
    scale = 2
    x, y = np.meshgrid(np.arange(SIDE * scale) / scale, np.arange(SIDE * scale) / scale)
    picture = np.full((SIDE * scale, SIDE * scale, 3), random.rand(3))
    for _ in range(160):
        a, b, turn = random.uniform(-20, SIDE + 20), random.uniform(-20, SIDE + 20), random.uniform(0, np.pi)
        radius = min(90.0, 3 / max(0.03, random.rand()))  # few large, many small
        u, v = (x - a) * np.cos(turn) + (y - b) * np.sin(turn), (y - b) * np.cos(turn) - (x - a) * np.sin(turn)
        inside = (
            (np.hypot(u, v) < radius)
            if random.rand() < 0.5
            else (np.abs(u) < radius) & (np.abs(v) < radius * random.uniform(0.1, 1))
        )
        shade = random.rand(3) + (u[inside] / radius * random.uniform(-0.2, 0.2))[:, None]
        picture[inside] = shade + random.randn(inside.sum(), 1) * random.choice([0, 0, 0.03, 0.08])
    small = picture.reshape(SIDE, scale, SIDE, scale, 3).mean((1, 3))
    return (small.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def blurred(picture: np.ndarray, seed: int) -> np.ndarray:
    """The picture out of focus: a sharp enlargement of it would be wrong."""
    radius = np.random.RandomState(seed).uniform(1, 8)
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


@torch.inference_mode()
def redrawn(kinds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The kinds that a shipped VAE draws, as it draws them from what it reads, uint8 (EACH, 3, NATIVE, NATIVE)."""
    styles = np.arange(EACH) // (EACH // len(PORTRAIT_STYLES))
    labels = {
        "skies": np.array([sky(FIRST + seed).sea for seed in range(EACH)]),
        "schools": np.arange(EACH) % len(SCHOOLS),
        "portraits": np.random.RandomState(0).permutation(styles),
    }
    drawn = {}
    for kind, label in labels.items():
        model = load_file(WEIGHTS.with_name(f"{kind}.safetensors")).generator
        small = F.avg_pool2d(torch.from_numpy(kinds[kind]).float() / 127.5 - 1, SIDE // NATIVE)
        shares = F.one_hot(torch.from_numpy(label).long(), model.space.num_classes).float()
        w = cast(Encoder, model).encode(small, shares)
        x = torch.cat([model.synthesis(part) for part in w.split(16)])
        drawn[kind] = (x * 127.5 + 128).clamp(0, 255).byte().numpy()
    return drawn


def patches(
    kinds: dict[str, np.ndarray], drawn: dict[str, np.ndarray], times: int, random: np.random.RandomState
) -> tuple[Tensor, Tensor]:
    """Random patches, turned and mirrored, of training pictures of random kinds: small, and `times` as large.

    (BATCH, 3, PATCH / times, PATCH / times) and (BATCH, 3, PATCH, PATCH), in [-1, 1]. Where the VAEs' own
    size is enlarged, every second patch of a kind in `drawn` is small as it is there, not by averaging.
    """
    names, step = [*kinds], SIDE // NATIVE
    pairs = []
    for _ in range(BATCH):
        kind = names[random.randint(len(names))]
        number = random.randint(EACH)
        number -= number % 10 == 0  # every tenth is held out
        top, left = step * random.randint((SIDE - PATCH) // step + 1, size=2)
        turn, mirrored = random.randint(4), random.rand() < 0.5
        large = _patch(kinds[kind][number], top, left, PATCH)
        small = F.avg_pool2d(large, times)
        if times == step and kind in drawn and random.rand() < 0.5:
            small = _patch(drawn[kind][number], top // step, left // step, PATCH // step)
        pairs.append([torch.rot90(x.flip(2) if mirrored else x, turn, (1, 2)) for x in (small, large)])
    small, large = (torch.stack(side) for side in zip(*pairs, strict=True))
    return small.contiguous(memory_format=torch.channels_last), large


def _patch(picture: np.ndarray, top: int, left: int, side: int) -> Tensor:
    return torch.from_numpy(picture[:, top : top + side, left : left + side]).float() / 127.5 - 1


def train(kinds: dict[str, np.ndarray], drawn: dict[str, np.ndarray], steps: int) -> Iterator[tuple[int, Upscale, float]]:
    """Steps, the network, and the mean absolute error since the last report."""
    torch.manual_seed(0)
    random = np.random.RandomState(0)
    model = Upscale().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():
        for head in model.heads.values():
            head.weight.mul_(0.1)
    optimiser = torch.optim.Adam(model.parameters(), LR)
    total = 0.0
    for step in range(1, steps + 1):
        times = TIMES[step % 2]
        small, x = patches(kinds, drawn, times, random)
        loss = F.l1_loss(model(small, times), x)
        optimiser.param_groups[0]["lr"] = rate(step, steps, LR)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item()
        if step % 200 == 0:
            yield step, model, total / 200
            total = 0.0


@torch.inference_mode()
def compared(
    model: Upscale, kinds: dict[str, np.ndarray], drawn: dict[str, np.ndarray]
) -> dict[tuple[str, int], tuple[float, float]]:
    """PSNR in dB on held-out pictures, (kind, times) -> the network's and bicubic enlargement's."""
    found = {}
    for name in (*kinds, *(f"{kind}, redrawn" for kind in drawn)):
        kind, _, again = name.partition(", ")
        x = torch.from_numpy(kinds[kind][::10]).float() / 127.5 - 1
        for times in (SIDE // NATIVE,) if again else TIMES:
            small = torch.from_numpy(drawn[kind][::10]).float() / 127.5 - 1 if again else F.avg_pool2d(x, times)
            smooth = F.interpolate(small, scale_factor=times, mode="bicubic")
            ours = torch.cat([model(part, times) for part in small.split(4)])
            found[name, times] = _ratio(ours, x), _ratio(smooth, x)
    return found


def _ratio(y: Tensor, x: Tensor) -> float:
    return float(10 * torch.log10(4 / (y.clamp(-1, 1) - x).square().mean((1, 2, 3))).mean())


def main(arguments: list[str] | None = None) -> int:
    cache = Path(os.environ.get("GENART_DATA", "~/.cache/genart/data")).expanduser()
    parser = argparse.ArgumentParser(prog="python -m genart.learn.enlarge", description="Train the upscaler.")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help=f"file of the weights ({WEIGHTS.name} among the shipped ones)")
    parser.add_argument("--data", type=Path, default=cache, help="folder of the data; or set GENART_DATA")
    options = parser.parse_args(arguments)
    kinds = pictures(options.data)
    drawn = redrawn(kinds)
    for step, model, error in train(kinds, drawn, options.steps):
        print(f"step {step}  error {error:.4f}", flush=True)
        if step % 1000 == 0 or step == options.steps:
            save_file({name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}, options.out)
            for (kind, times), (ours, smooth) in compared(model, kinds, drawn).items():
                print(f"  {kind:18} x{times}  {ours:.1f} dB, bicubic {smooth:.1f} dB, gain {ours - smooth:+.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
