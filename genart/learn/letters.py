"""Capital letters of free fonts as small pictures. It knows no network.

The fonts come as Debian packages; only those are named here whose licence lets anybody use and
change them. Pictures of their letters are kept, never their outlines.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genart.errors import GenartError

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIZE = 32
SUPERSAMPLE = 4
CAP_HEIGHT = 22  # of an H, in pixels; room for a Q's tail below and for swashes
INK = (0.02, 0.6)  # a letter that covers less or more of its picture is a blank or a box
ALIKE = 0.012  # two fonts whose letters differ by less than this are one

OFL = """
    allerta anonymous-pro apropal arapey averia-gwf averia-sans-gwf averia-serif-gwf b612 bajaderka bebas-neue blankenburg
    breip cabin cabinsketch campania cantarell cardo century-catalogue cherrybomb cmu comfortaa comic-neue compagnon
    courier-prime crosextra-caladea crosextra-carlito dancingscript dkg-handwriting dosis ebgaramond ebgaramond-extra
    elstob essays1743 fantasque-sans firacode gamaliel georgewilliams gfs-artemisia gfs-bodoni-classic gfs-complutum
    gfs-didot gfs-neohellenic gfs-olga gnutypewriter hermit humor-sans inconsolata inter joscelyn junction junicode jura
    karla kaushanscript klaudia-berenika kristi lato le-murmure league-mono league-spartan leckerli-one lemonada
    levien-museum levien-typoscript linuxlibertine lobster lobstertwo manrope millimetre monoid mononoki mplus nanum
    nanum-extra national-park noto-core okolaks oldstandard opendin oxygen play quattrocento quicksand radisnoir
    sil-andika sil-charis sil-gentium-basic sil-gentiumplus sil-padauk sixtyfour smiley-sans solide-mirage sora stix
    tomsontalks train triod-postnaja ubuntu-title vollkorn yanone-kaffeesatz yrsa-rasa yusei-magic
"""
OTHERS = {
    "Apache-2.0": "clear-sans jetbrains-mono mmcedar open-sans roboto-slab roboto-unhinted",
    "MIT": "agave fanwood lindenhill roadgeek routed-gothic",
    "BSD-3-Clause": "go",
    "public domain": "goudybookletter prociono tuffy",
    "Bitstream Vera": "dejavu-core dejavu-extra",
    "GUST Font License": "lmodern texgyre",
    "GPL with font exception": """
        adf-accanthis adf-baskervald adf-berenis adf-gillius adf-ikarius adf-irianis adf-libris adf-mekanus adf-oldania
        adf-romande adf-solothurn adf-switzera adf-tribun adf-universalis adf-verana freefont-otf rufscript
    """,
}
PACKAGES: dict[str, str] = {
    f"fonts-{name}": licence for licence, names in {"OFL-1.1": OFL, **OTHERS}.items() for name in names.split()
}
"""Debian package: its fonts' licence, as its own copyright file states it."""


def draw(path: Path, size: int = SIZE) -> np.ndarray | None:
    """The capitals of a font file, white on black, uint8 (26, size, size); None if it has none of them.

    All letters of a font share its scale, so that an I stays narrow and a W wide.
    """
    side, height = size * SUPERSAMPLE, round(CAP_HEIGHT * SUPERSAMPLE * size / SIZE)
    try:
        probe = ImageFont.truetype(path, 200)
        _, top, _, bottom = probe.getbbox("H", anchor="ls")
        if bottom - top <= 0:
            return None
        font = ImageFont.truetype(path, round(200 * height / (bottom - top)))
        baseline = side // 2 + height // 2
        letters = [_letter(font, letter, side, baseline) for letter in ALPHABET]
    except (OSError, ValueError):  # a font without outlines, or one that FreeType cannot read
        return None
    blank = any(not INK[0] <= letter.mean() / 255 <= INK[1] for letter in letters)
    boxes = sum((letters[0] == letter).all() for letter in letters[1:])  # the sign for what a font lacks
    return None if blank or boxes else np.stack(letters)


def _letter(font: ImageFont.FreeTypeFont, letter: str, side: int, baseline: int) -> np.ndarray:
    left, _, right, _ = font.getbbox(letter, anchor="ls")
    picture = Image.new("L", (side, side))
    ImageDraw.Draw(picture).text((side / 2 - (left + right) / 2, baseline), letter, font=font, fill=255, anchor="ls")
    return np.asarray(picture.resize((side // SUPERSAMPLE, side // SUPERSAMPLE), Image.Resampling.BOX))


def alphabets(folder: Path) -> tuple[np.ndarray, list[str]]:
    """Every font's capitals (N, 26, SIZE, SIZE) and the package of each, near copies left out."""
    drawn: list[np.ndarray] = []
    small: list[np.ndarray] = []
    packages: list[str] = []
    for package in sorted(PACKAGES):
        for path in sorted(_fetch(package, folder).rglob("*.[ot]tf")):
            letters = draw(path)
            if letters is None:
                continue
            seen = letters.reshape(26, 16, 2, 16, 2).mean((2, 4)).ravel() / 255
            if small and np.abs(np.stack(small) - seen).mean(1).min() < ALIKE:
                continue
            drawn.append(letters)
            small.append(seen)
            packages.append(package)
    return np.stack(drawn), packages


def _fetch(package: str, folder: Path) -> Path:
    """The unpacked files of a Debian package; nothing is installed, and none of its scripts is run."""
    unpacked = folder / package
    if unpacked.is_dir():
        return unpacked
    if shutil.which("apt-get") is None:
        raise GenartError(f"The letters come as Debian packages such as {package}, and apt-get is missing; use Debian or Ubuntu.")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["apt-get", "download", "-q", package], cwd=folder, capture_output=True, text=True, check=False)
    archive = next(folder.glob(f"{package}_*.deb"), None)
    if done.returncode or archive is None:
        raise GenartError(f"apt-get could not fetch {package}: {done.stderr.strip()[-300:]}; check the network and try again.")
    subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], check=True)
    archive.unlink()
    return unpacked
