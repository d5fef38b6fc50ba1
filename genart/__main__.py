"""The command line, over the same functions as the page."""

import argparse
import errno
import math
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from tokenize import TokenError
from typing import TYPE_CHECKING, Iterable, Iterator, Sequence
from zipfile import BadZipFile

import numpy as np

from genart import machine
from genart.catalogue import ENTRIES, Entry, Source, called, entry_at, entry_of, source_of
from genart.errors import BadRecipe, BadWeights, GenartError, NoDownload, printable, quote
from genart.recipe import MIXES, Anchor, Noise, Offset, Recipe, pack_vector, seeds_of
from genart.walk import EASES, WALKS, Key, Reach, Walk, even

if TYPE_CHECKING:
    from genart.hub import Progress
    from genart.studio import Studio

SECONDS = 4.0  # from key to key
EXAMPLES = """examples:
  python -m genart list
  python -m genart render digits-gan --seeds 1,4,10-15 --psi 0.7 --label 3 --out sheet.png
  python -m genart render digits-vae16 --seeds 0-99 --out pictures/
  python -m genart render digits-vae16 --z z.npy --out raw.npy
  python -m genart render ./network.pkl --z z.npy --noise none --out raw.npy
  python -m genart render skies --seeds 1 --direction hour=2 --direction mine.direction.safetensors=-1.5
  python -m genart render huggan/fastgan-few-shot-painting --seeds 0-8
  python -m genart inspect network.pkl
  python -m genart inspect huggan/dcgan-mnist
  python -m genart convert network.pkl network.safetensors
  python -m genart doctor
  python -m genart film digits-gan --seeds 1,2,3 --seconds 2 --loop --out a.mp4
  python -m genart film walk.json --fps 30 --out a.gif
  python -m genart film --seeds 1,2,3 --loop --sound song.mp3 --out a.mp4
  python -m genart show sheet.png
  python -m genart bench
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when done, 1 for an error in one sentence, 2 for a command that cannot be read, 130 if stopped."""
    chosen = _parser().parse_args(arguments)
    machine.prepare()
    if chosen.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        chosen.run(chosen)
    except GenartError as error:
        _say(error, error=True)
        return 1
    except OSError as error:
        place = error.filename2 or error.filename
        if place is None:  # it is the output, and Python would try once more to write the rest of it
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # whose reader has read enough
            named = quote(place) if place else "The output"
            _say(f"{named} cannot be used ({error.strerror}); choose another file or folder.", error=True)
        return 1
    except KeyboardInterrupt:
        _say("Stopped.", error=True)
        return 130  # as a shell calls it
    return 0


def list_models(chosen: argparse.Namespace) -> None:
    """One line per model, read off its weights."""
    studio = _studio(chosen)
    for entry in ENTRIES.values():
        try:
            loaded = studio.resident(entry.name).loaded
        except GenartError as error:
            _say(f"{entry.name:16} {error}")
            continue
        space = loaded.generator.space
        classes = f"{space.num_classes} classes" if space.num_classes else "no classes"
        _say(
            f"{entry.name:16} {entry.kind:4} {loaded.family.title:10} {space.image_size:5} px  z {space.z_dim:<4} "
            f"num_ws {space.num_ws:<3} {classes:12} {entry.licence}"
        )


def render(chosen: argparse.Namespace) -> None:
    """One PNG, a contact sheet, a folder of PNGs, or the raw float array."""
    from genart.export import EXPORTERS

    studio = _studio(chosen)
    recipes = list(_recipes(chosen, studio))
    out = Path(chosen.out or _default_name(studio.entry(chosen.model).plain_name, recipes))
    if out.suffix == ".npy":
        np.save(out, np.concatenate([studio.raw(recipe, size=chosen.size) for recipe in recipes]))
    elif out.suffix == ".png":
        out.write_bytes(EXPORTERS["png" if len(recipes) == 1 else "sheet"](studio, recipes, size=chosen.size))
    elif out.suffix:
        raise BadRecipe(f"--out {quote(str(out))} has no known ending; use .png, .npy, or a folder.")
    else:
        out.mkdir(parents=True, exist_ok=True)
        for number, recipe in enumerate(recipes):
            name = f"seed{recipe.anchors[0].seed:04d}.png" if chosen.seeds else f"row{number:04d}.png"
            (out / name).write_bytes(EXPORTERS["png"](studio, [recipe], size=chosen.size))
    _say(out)


def film(chosen: argparse.Namespace) -> None:
    """A walk as a film: from a file that carries one, through seeds, or a ready-made one."""
    from genart.export.film import FORMATS, Film, estimate, save_film

    walk = _walk(chosen)
    samples = None
    if chosen.sound:
        walk, samples = _with_sound(walk, chosen)
    studio = _studio(chosen)
    out = Path(chosen.out)
    kind = chosen.format or next((name for name, known in FORMATS.items() if known.suffix == out.suffix), out.suffix)
    shown = Film(kind, chosen.size, chosen.fps, chosen.quality, chosen.mark)
    if not out.absolute().parent.is_dir():
        raise BadRecipe(f"There is no folder {quote(str(out.parent))} to write to; make it, or choose another.")
    if out.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(out))
    if chosen.even:
        walk, before, after = even(walk, lambda recipe: studio.render(recipe, size=64))
        _say(f"unevenness {before:.2f}, now {after:.2f}", error=True)
    expected = estimate(studio, walk, shown)
    _say(f"{expected.frames} frames, about {expected.seconds:.0f} s and {expected.bytes / 1e6:.1f} MB", error=True)
    start = time.monotonic()

    def progress(done: int, count: int) -> None:
        if sys.stderr.isatty():
            left = (time.monotonic() - start) / done * (count - done)
            print(f"\r{done}/{count}, {left:.0f} s left ", end="" if done < count else "\n", file=sys.stderr, flush=True)

    save_film(studio, walk, shown, out, sound=samples, progress=progress)
    _say(out)


def show(chosen: argparse.Namespace) -> None:
    """What a file says of itself, and whether rendering it again gives the same pictures."""
    from genart.export import read_notes, remade
    from genart.export.replay import ALIKE, ends_of, likeness

    path = Path(chosen.file)
    data = ends_of(path)
    notes = read_notes(data)
    if notes.walk is None:
        for recipe in notes.recipes:
            _say(recipe.to_json())
        studio = _studio(chosen, {recipe.model for recipe in notes.recipes})
        _say("same bytes" if remade(studio, data) else "other bytes: made with another version or on another machine")
        return
    _say(notes.walk.to_json())
    if notes.shown:
        _say(notes.shown)
        decibels = likeness(_studio(chosen, {key.recipe.model for key in notes.walk.keys}), path, notes)
        verdict = "same pictures" if decibels >= ALIKE else "other pictures"
        _say(f"{verdict}: {'every pixel' if decibels == math.inf else f'{decibels:.1f} dB'}")


def _walk(chosen: argparse.Namespace) -> Walk:
    """The walk that is asked for. With seeds or a ready-made walk, the source is a model, else a file."""
    from genart.export import read_notes
    from genart.export.replay import ends_of

    seconds = SECONDS if chosen.seconds is None else chosen.seconds
    if not (chosen.seeds or chosen.walk):
        if chosen.source is None:
            raise BadRecipe("Name a file that carries a walk, or give --seeds.")
        notes = read_notes(ends_of(Path(chosen.source)))
        if notes.walk is None:
            return Walk(tuple(Key(recipe, seconds) for recipe in notes.recipes), loop=chosen.loop)
        walk = notes.walk
        if chosen.seconds is not None:
            walk = replace(walk, keys=tuple(replace(key, seconds=chosen.seconds) for key in walk.keys))
        return replace(walk, loop=walk.loop or chosen.loop)
    chosen.model = chosen.source or next(iter(ENTRIES))
    studio = _studio(chosen)
    entry = studio.entry(chosen.model)
    begun = [entry.begin(Anchor(seed, label=chosen.label), chosen.psi) for seed in seeds_of(chosen.seeds or "0")]
    recipes = [replace(recipe, offsets=_offsets(chosen, studio)) for recipe in begun]
    if chosen.walk:
        loaded = studio.resident(entry.name).loaded
        space = loaded.generator.space
        reach = Reach(space.num_ws, space.num_classes, tuple(studio.direction_names(entry.name)))
        return WALKS[chosen.walk](recipes[0], reach)
    keys = tuple(Key(recipe, seconds, chosen.ease, chosen.path) for recipe in recipes)
    return Walk(keys, loop=chosen.loop, spline=chosen.spline)


def _with_sound(walk: Walk, chosen: argparse.Namespace) -> tuple[Walk, np.ndarray]:
    """The walk moved by a sound, and the sound's samples. A walk made here lasts as long, unless its seconds are given."""
    from genart.export.film import Limits
    from genart.export.listen import heard_in, samples_of

    path, limits = Path(chosen.sound), Limits()
    with path.open("rb") as file:
        data = file.read(limits.sound_bytes + 1)
    samples = samples_of(data, path.name, most_bytes=limits.sound_bytes, most_seconds=limits.sound_seconds)
    sound = heard_in(samples, path.name)
    fits = (chosen.seeds or chosen.walk) and chosen.seconds is None
    return replace(walk.lasting(sound.seconds) if fits else walk, sound=sound), samples


def bench(chosen: argparse.Namespace) -> None:
    """Milliseconds per picture for each model and size, beside the bare forward pass, medians."""
    if chosen.rounds < 1:
        raise BadRecipe(f"--rounds {chosen.rounds} is out of range; use a whole number from 1 up.")
    studio = _studio(chosen)
    _say(f"{'model':16} {'size':>5} {'forward':>9} {'picture':>9} {'live':>9}  ratio   ({studio.device})")
    for name in [chosen.model] if chosen.model else ENTRIES:
        for size, forward, picture, live in _speeds(studio, name, chosen.rounds):
            _say(f"{name:16} {size:5} {forward:6.2f} ms {picture:6.2f} ms {live:6.2f} ms  {live / forward:5.2f}")


def inspect(chosen: argparse.Namespace) -> None:
    """What a checkpoint is: its family and sizes, where in the file it was found, and what is wrong with it.

    Of a repository of the Hub: what it holds, and what its card says. Of a file there that is not here: what
    its first and last bytes tell.
    """
    from genart import hub
    from genart.weights.report import inspected, inspected_afar

    source = _source(chosen.file)
    if source and source.file is None:
        return _print_repository(source)
    entry = hub.held(entry_at(source)) if source else _here(chosen.file)
    lines = inspected(entry.path) if entry else inspected_afar(source or Source(chosen.file))
    for name, value in lines:
        stated = name == "licence" and entry and entry.source and entry.title
        _say(f"{name:15} {entry.licence if stated and entry else value}")


def _print_repository(source: Source) -> None:
    from genart import hub
    from genart.weights.glimpse import Glimpse, glimpses

    with TemporaryDirectory(prefix="genart-") as folder:
        found, places = hub.looked_into(source, Path(folder))
        seen = glimpses(places)
    entries = {name: entry_at(replace(source, file=name)) for name in found.candidates()}
    known = next((entry for entry in entries.values() if entry.title), entry_at(source))
    licence = found.licence or (known.licence if known.title else "none stated")
    for name, value in (("repository", found.repo), ("revision", found.revision), ("licence", licence)):
        _say(f"{name:15} {value}")
    for name, entry in entries.items():
        size = f"{found.files[name][0] / 1e6:.1f} MB"
        state = "here" if hub.held(entry) else "not here"
        glimpse = seen.get(name)
        if isinstance(glimpse, Glimpse):
            space = glimpse.space()
            family = glimpse.family.title + (f", {space.image_size} px" if space else "")
        elif glimpse:
            family = str(glimpse)
        else:
            family = f"expected to be {entry.family}" if entry.family else "its family shows once it is here"
        _say(f"{'file':15} {name}, {size}, {state}; {family}")
    for line in ("", *found.card.splitlines()):
        _say(line)
    if not entries:
        hub.chosen(source, found)  # says what there is instead


def convert(chosen: argparse.Namespace) -> None:
    """A checkpoint as one safetensors file of the generator alone."""
    from genart.weights import save_as

    out = Path(chosen.out)
    if out.suffix != ".safetensors":
        raise BadWeights(f"{quote(chosen.out)} does not end in .safetensors; that is the only format that is written.")
    save_as(_here(chosen.file).path, out)
    _say(out)


def doctor(chosen: argparse.Namespace) -> None:
    """Versions, device, and whether the weights here are whole."""
    from genart.weights.report import health

    _say(f"{'device':20} {_studio(chosen).device}")
    for name, value in health():
        _say(f"{name:20} {value}")


def _speeds(studio: "Studio", name: str, rounds: int) -> Iterator[tuple[int, float, float, float]]:
    """(size, ms of synthesis alone, ms to pixels, ms to encoded bytes) with fresh seeds, interleaved."""
    from genart.export import screen

    space = studio.resident(name).loaded.generator.space
    for size in space.sizes or (space.image_size,):
        times: list[tuple[float, float, float]] = []
        for seed in range(rounds):
            forward = studio.time_forward(Recipe(name, (Anchor(seed),)), size)
            start = time.perf_counter()
            pixels = studio.render(Recipe(name, (Anchor(seed),)), size=size)
            drawn = time.perf_counter()
            screen(pixels)
            times.append((forward, (drawn - start) * 1000, (time.perf_counter() - start) * 1000))
        forward, picture, live = (float(np.median(column)) for column in zip(*times, strict=True))
        yield size, forward, picture, live


def _recipes(chosen: argparse.Namespace, studio: "Studio") -> Iterator[Recipe]:
    """One recipe per seed or per row of the given latents."""
    noise, offsets = _noise(chosen.noise), _offsets(chosen, studio)
    given = chosen.z or chosen.w
    psi = chosen.psi if chosen.psi is not None or not given else 1.0  # a given latent is taken as it is
    if given:
        anchors = [Anchor(label=chosen.label, vector=vector) for vector in _vectors(given, "z" if chosen.z else "w")]
    else:
        anchors = [Anchor(seed, label=chosen.label) for seed in seeds_of(chosen.seeds or "0")]
    for anchor in anchors:
        recipe = studio.entry(chosen.model).begin(anchor, psi)
        yield replace(recipe, psi_cutoff=chosen.psi_cutoff, noise=noise, offsets=offsets)


def _offsets(chosen: argparse.Namespace, studio: "Studio") -> tuple[Offset, ...]:
    """The steps along directions: each a name or a file that holds one, and how far in standard deviations."""
    steps = []
    for text in chosen.direction:
        name, _, sigma = text.rpartition("=")
        try:
            far = float(sigma)
        except ValueError:
            raise BadRecipe(f"--direction {quote(text)} cannot be read; write a name or a file, =, and sigma.") from None
        if name.endswith(".safetensors"):
            called, vector = studio.open_direction(chosen.model, Path(name).read_bytes())
            steps.append(Offset(called, far, vector=vector))
        else:
            steps.append(Offset(name, far))
    return tuple(steps)


def _vectors(name: str, space: str) -> Iterator[str]:
    """The rows of an .npy file, z (N, z_dim) or w (N, w_dim) or (N, num_ws, w_dim), as stored latents."""
    try:
        values = np.load(name, allow_pickle=False)
    except (ValueError, SyntaxError, EOFError, MemoryError, TokenError, BadZipFile):  # numpy wraps none of them
        raise BadRecipe(f"{quote(name)} is no .npy file of numbers; save it with numpy.save.") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or not 1 <= values.ndim <= 4 or not values.size:
        raise BadRecipe(f"{quote(name)} holds no latents; save an array of shape (N, z_dim), (N, w_dim) or (N, num_ws, w_dim).")
    rows = values[None] if values.ndim == 1 else values
    for row in rows:
        yield pack_vector(row.reshape(row.shape[0], -1) if space == "w" and row.ndim == 2 else row.reshape(1, -1), space)


def _noise(text: str) -> Noise:
    if text in ("const", "none"):
        return Noise(text)
    if not text.isdecimal():
        raise BadRecipe(f"--noise {quote(text)} is unknown; use const, none, or a seed.")
    return Noise("random", int(text))


def _default_name(name: str, recipes: Sequence[Recipe]) -> str:
    return f"{name}-seed{recipes[0].anchors[0].seed:04d}.png" if len(recipes) == 1 else f"{name}-sheet.png"


def _studio(chosen: argparse.Namespace, others: Iterable[str] = ()) -> "Studio":
    """A studio of all models, of the one that MODEL names if it names one, and of `others` that are here."""
    from genart.studio import Studio

    entries = dict(ENTRIES)
    if getattr(chosen, "model", None):
        entry = _here(chosen.model)
        entries[entry.name] = entry
        chosen.model = entry.name
    for name in others:
        if _source(name) and called(name, entries) is None:
            entry = _here(name, fetched=False)
            entries[entry.name] = entry
    return Studio(chosen.device, entries)


def _source(text: str) -> Source | None:
    """The place on the Hub that MODEL names; None for a shipped model and for a path."""
    return None if text in ENTRIES or Path(text).exists() else source_of(text)


def _here(text: str, *, fetched: bool = True) -> Entry:
    """The entry that MODEL names, with its file: one of the Hub is fetched now if it is not here."""
    source = _source(text)
    if source is None:
        return entry_of(text, ENTRIES)
    from genart import hub

    entry = entry_at(source)
    if not fetched and hub.held(entry) is None:
        raise NoDownload(f"{quote(text)} is not on this machine; fetch it with --weights {text}.")
    return hub.fetch(entry, _print_progress)


def _say(text: object, *, error: bool = False) -> None:
    """Print one line, fit for a terminal: names, cards and licences may be a stranger's words."""
    stream = sys.stderr if error else sys.stdout
    encoding = stream.encoding or "utf-8"
    print(printable(text).encode(encoding, "replace").decode(encoding), file=stream, flush=True)


def _print_progress(progress: "Progress") -> None:
    if sys.stderr.isatty():
        end = "\n" if progress.done >= progress.total else "\r"
        print(f"{progress.done / 1e6:8.1f} of {progress.total / 1e6:.1f} MB", end=end, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m genart",
        description="Render, inspect and measure from the command line.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        added.add_argument("--offline", action="store_true", help="make no call to the Hugging Face Hub")
        added.add_argument("--device", help="cuda, mps, xpu or cpu; found by itself if left out")
        return added

    def directed(command: argparse.ArgumentParser) -> None:
        text = "a step along a direction, by name or from a saved file, such as brightness=1.5; may be given again"
        command.add_argument("--direction", action="append", default=[], metavar="NAME|FILE=SIGMA", help=text)

    command("list", list_models, "List the models.")

    drawing = command("render", render, "Render pictures from seeds or latents.")
    drawing.add_argument("model", metavar="MODEL", help="a name from list, a checkpoint, or OWNER/NAME[:FILE] on the Hub")
    source = drawing.add_mutually_exclusive_group()
    source.add_argument("--seeds", help="such as 1,4,10-15; by default 0")
    source.add_argument("--z", metavar="FILE.npy", help="latents of shape (N, z_dim)")
    source.add_argument("--w", metavar="FILE.npy", help="latents of shape (N, w_dim) or (N, num_ws, w_dim)")
    drawing.add_argument(
        "--psi", type=float, help="truncation psi; by default the model's own, mostly 0.7, and 1 with --z or --w"
    )
    drawing.add_argument("--psi-cutoff", type=int, metavar="N", help="truncate only the first N layers")
    drawing.add_argument("--label", type=int, help="class index of a conditional model")
    drawing.add_argument("--noise", default="const", metavar="const|none|SEED", help="by default const")
    directed(drawing)
    drawing.add_argument("--size", type=int, help="stop early at this size, where the family can")
    drawing.add_argument("--out", metavar="FILE|DIR", help=".png (a sheet if there are several), .npy (raw floats), or a folder")

    filming = command("film", film, "Render a walk as a film, frames or a sheet.")
    filming.add_argument(
        "source", nargs="?", metavar="FILE|MODEL", help="a file that carries a walk; with --seeds or --walk, the model"
    )
    filming.add_argument("--seeds", help="keys of a new walk, such as 1,4,10-15")
    filming.add_argument("--walk", choices=list(WALKS), help="a ready-made walk from the first seed")
    filming.add_argument("--psi", type=float, help="truncation psi; by default the model's own")
    filming.add_argument("--label", type=int, help="class index of a conditional model")
    directed(filming)
    filming.add_argument("--seconds", type=float, help="from key to key, by default 4 or what the walk says")
    filming.add_argument("--ease", choices=list(EASES), default="sine", help="by default sine")
    filming.add_argument("--path", choices=list(MIXES), default="own", help="by default the model's own")
    filming.add_argument("--spline", action="store_true", help="bend smoothly through all keys")
    filming.add_argument("--loop", action="store_true", help="come back to the first key")
    filming.add_argument("--even", action="store_true", help="re-time the walk to change at one speed")
    filming.add_argument(
        "--sound", metavar="FILE", help=".wav, .mp3, .ogg, .flac or .m4a that moves the walk; heard in .mp4 and .webm"
    )
    filming.add_argument("--fps", type=float, default=30.0, help="frames a second, by default 30")
    filming.add_argument("--size", type=int, default=512, help="pixels of the longer side, by default 512")
    filming.add_argument("--quality", default="good", choices=["small", "good", "best"])
    filming.add_argument("--mark", action="store_true", help="write AI-generated into a corner")
    filming.add_argument("--format", help="mp4, webm, gif, webp, frames, sheet or sprites; by default as --out ends")
    filming.add_argument("--out", required=True, metavar="FILE", help=".mp4, .webm, .gif, .webp, .zip (frames) or .png (a sheet)")

    opening = command("show", show, "Print what is inside a picture or film, and render it again.")
    opening.add_argument("file")
    opening.add_argument(
        "--weights",
        dest="model",
        metavar="MODEL",
        help="the checkpoint that made it, if it was your own; or OWNER/NAME[:FILE] on the Hub",
    )

    looking = command("inspect", inspect, "Say what a checkpoint is: family, sizes, what is missing.")
    looking.add_argument(
        "file", help="a checkpoint, .safetensors, .pt, .pth, .bin, .ckpt or .pkl; or OWNER/NAME[:FILE] on the Hub"
    )

    converting = command("convert", convert, "Write the generator of a checkpoint as safetensors.")
    converting.add_argument(
        "file", metavar="IN", help="a checkpoint, .pt, .pth, .bin, .ckpt, .pkl or .safetensors; or OWNER/NAME:FILE on the Hub"
    )
    converting.add_argument("out", metavar="OUT.safetensors")

    command("doctor", doctor, "Check versions, device, shipped weights and the cache.")

    timing = command("bench", bench, "Measure milliseconds per picture on this machine.")
    timing.add_argument("model", nargs="?", help="a name from list or a checkpoint; by default every model")
    timing.add_argument("--rounds", type=int, default=15, help="pictures per size, by default 15")
    return parser


if __name__ == "__main__":
    sys.exit(main())
