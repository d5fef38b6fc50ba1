import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genart.__main__ as command_line
from genart.__main__ import main
from genart.export import read_notes, recipes_of
from genart.recipe import Anchor, Noise, Recipe
from genart.studio import Studio
from genart.walk import Key, Walk
from tests.sounds import beats, wav

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def tiny_catalogue(entries, studio, monkeypatch, tmp_path):
    """The commands see the tiny models, with one studio for all, from an empty folder."""
    monkeypatch.setattr(command_line, "ENTRIES", entries)
    monkeypatch.setattr(
        "genart.studio.Studio", lambda device, known: studio if known.keys() == entries.keys() else type(studio)("cpu", known)
    )
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    return main([str(argument) for argument in arguments])


def words(command):
    return run(*command.split())


def refusal(capsys, *arguments):
    """What is said to somebody whose command fails."""
    assert run(*arguments) == 1
    said = capsys.readouterr()

    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert len(said.err) < 500
    return said.err


def saved(name, values):
    np.save(name, values)
    return f"{name}.npy" if not str(name).endswith(".npy") else name


def test_list_names_every_model_with_its_family_and_sizes(capsys, entries):
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines] == list(entries)
    assert "StyleGAN2" in lines[0]
    assert "3 classes" in lines[1]


def test_render_writes_one_png_named_after_its_seed(capsys, studio):
    assert run("render", "vae", "--seeds", "7") == 0
    path = Path(capsys.readouterr().out.strip())

    assert path.name == "vae-seed0007.png"
    assert recipes_of(path.read_bytes()) == (studio.stamped(Recipe("vae", (Anchor(7),), 0.7)),)


def test_render_makes_a_sheet_of_several_seeds(capsys):
    assert run("render", "vae", "--seeds", "1,4,10-12", "--out", "sheet.png") == 0

    assert [recipe.anchors[0].seed for recipe in recipes_of(Path("sheet.png").read_bytes())] == [1, 4, 10, 11, 12]


def test_render_fills_a_folder(capsys):
    assert run("render", "vae", "--seeds", "3-5", "--out", "deep/folder") == 0

    assert sorted(path.name for path in Path("deep/folder").iterdir()) == ["seed0003.png", "seed0004.png", "seed0005.png"]


def test_every_option_of_render_reaches_the_recipe(capsys, studio):
    command = "render stylegan2-classes --seeds 2 --psi -0.5 --psi-cutoff 3 --label 2 --noise 9 --out a.png"
    assert run(*command.split()) == 0

    asked = Recipe("stylegan2-classes", (Anchor(2, label=2),), -0.5, 3, noise=Noise("random", 9))
    assert recipes_of(Path("a.png").read_bytes()) == (studio.stamped(asked),)


def test_render_stops_early_at_a_size(capsys):
    assert run("render", "stylegan2", "--size", "8", "--out", "a.png") == 0

    assert Image.open("a.png").size == (8, 8)


def test_render_writes_raw_floats(capsys, studio):
    assert run("render", "vae", "--seeds", "0-2", "--out", "raw.npy") == 0
    raw = np.load("raw.npy")

    assert (raw.shape, raw.dtype) == ((3, 3, 8, 8), np.float32)
    assert (raw[1] == studio.raw(Recipe("vae", (Anchor(1),)))[0]).all()


@pytest.mark.parametrize("shape", [(12,), (3, 12), (3, 1, 12), (3, 12, 1, 1)])
def test_given_z_is_drawn_at_psi_1(capsys, shape):
    z = np.random.RandomState(5).randn(*shape)
    assert run("render", "dcgan", "--z", saved("z", z), "--out", "raw.npy") == 0
    assert run("render", "dcgan", "--z", saved("z", z), "--psi", "1", "--out", "same.npy") == 0
    assert run("render", "dcgan", "--z", saved("z", z), "--psi", "0.7", "--out", "calm.npy") == 0

    assert len(np.load("raw.npy")) == (1 if len(shape) == 1 else 3)
    assert (np.load("raw.npy") == np.load("same.npy")).all()
    assert (np.load("raw.npy") != np.load("calm.npy")).any()


def test_the_z_of_a_seed_gives_the_picture_of_the_seed(capsys):
    z = np.stack([np.random.RandomState(seed).randn(8) for seed in (4, 5)])
    assert run("render", "stylegan2", "--z", saved("z", z), "--out", "given.npy") == 0
    assert run("render", "stylegan2", "--seeds", "4,5", "--psi", "1", "--out", "seeded.npy") == 0

    assert (np.load("given.npy") == np.load("seeded.npy")).all()


@pytest.mark.parametrize("shape", [(2, 8), (2, 6, 8)])
def test_given_w_is_drawn_as_it_is(capsys, studio, shape):
    import torch

    w = np.random.RandomState(5).randn(*shape).astype(np.float32)
    assert run("render", "stylegan2", "--w", saved("w", w), "--out", "raw.npy") == 0
    rows = torch.from_numpy(w).reshape(2, -1, 8).expand(2, 6, 8)
    expected = studio.resident("stylegan2").loaded.generator.synthesis(rows).numpy()

    assert np.allclose(np.load("raw.npy"), expected, atol=1e-5)


def test_a_weights_file_of_ones_own_can_be_drawn(capsys, entries):
    assert run("render", entries["vae"].path, "--out", "a.png") == 0
    assert recipes_of(Path("a.png").read_bytes())[0].weights == entries["vae"].sha256


@pytest.mark.parametrize("seeds", ["5", "5,6,7"])
def test_show_prints_the_recipe_and_says_same_bytes(capsys, seeds):
    run("render", "vae", "--seeds", seeds, "--out", "a.png")
    capsys.readouterr()
    assert run("show", "a.png") == 0
    lines = capsys.readouterr().out.splitlines()

    assert Recipe.from_json(lines[0]).anchors == (Anchor(5),)
    assert lines[-1] == "same bytes"


def test_show_says_same_bytes_of_a_smaller_picture(capsys):
    run("render", "stylegan2", "--size", "8", "--out", "a.png")
    capsys.readouterr()
    assert run("show", "a.png") == 0

    assert capsys.readouterr().out.splitlines()[-1] == "same bytes"


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.zip", "a.png"])
def test_film_writes_what_show_remakes(capsys, name):
    assert run(*f"film dcgan --seeds 1-2 --seconds 0.4 --fps 10 --size 32 --loop --even --mark --out {name}".split()) == 0
    assert capsys.readouterr().out.strip() == name
    assert run("show", name) == 0
    lines = capsys.readouterr().out.splitlines()

    assert Walk.from_json(lines[0]).loop
    assert "same pictures" in lines[-1]


def test_film_follows_a_sound_and_lasts_as_long(capsys):
    Path("a.wav").write_bytes(wav(beats(1.5)))
    assert words("film dcgan --seeds 1,2 --loop --sound a.wav --fps 10 --size 32 --out a.mp4") == 0
    walk = read_notes(Path("a.mp4").read_bytes()).walk

    assert walk.seconds == pytest.approx(1.5)
    assert walk.sound.name == "a.wav"
    assert b"mp4a" in Path("a.mp4").read_bytes()


def test_film_takes_walks_from_files_and_ready_made_ones(capsys):
    Path("walk.json").write_text(Walk((Key(Recipe("dcgan")), Key(Recipe("dcgan", (Anchor(3),))))).to_json())
    assert words("film walk.json --seconds 0.3 --fps 10 --size 16 --out a.gif") == 0
    assert words("film a.gif --fps 5 --size 16 --out b.webp") == 0
    assert words("film stylegan2 --walk layers --fps 1 --size 16 --out c.zip") == 0
    capsys.readouterr()
    run("show", "b.webp")

    assert [key.seconds for key in Walk.from_json(capsys.readouterr().out.splitlines()[0]).keys] == [0.3, 0.3]


def test_bench_measures_every_size(capsys):
    assert run("bench", "stylegan2", "--rounds", "1") == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[1] for line in lines[1:]] == ["4", "8", "16"]
    assert all(line.count("ms") == 3 for line in lines[1:])


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ("render dcgam", "did you mean 'dcgan'"),
        ("render vae --seeds x", "'x'"),
        ("render vae --seeds 4294967296", "4294967296"),
        ("render vae --seeds 0-99999999", "10000"),
        ("render vae --psi nan", "nan"),
        ("render vae --psi 7", "7"),
        ("render vae --label 1", "label 1"),
        ("render vae --noise loud", "'loud'"),
        ("render vae --noise 99999999999", "99999999999"),
        ("render vae --psi-cutoff -1", "-1"),
        ("render stylegan2 --size 0", "size 0"),
        ("render stylegan2 --size -4 --out a.npy", "size -4"),
        ("render vae --out a.gif", "'a.gif'"),
        ("render vae --out nowhere/a.png", "nowhere/a.png"),
        ("render vae --out nowhere/a.npy", "nowhere/a.npy"),
        ("render vae --out /dev/null/x", "/dev/null"),
        ("render vae --z missing.npy", "missing.npy"),
        ("render vae --w .", "'.'"),
        ("render missing.safetensors", "'missing.safetensors'"),
        ("show missing.png", "'missing.png'"),
        ("show .", "'.'"),
        ("film --out a.mp4", "--seeds"),
        ("film nothing.json --out a.mp4", "'nothing.json'"),
        ("film nothing --seeds 1 --out a.mp4", "'nothing'"),
        ("film vae --seeds 1,2 --out a.avi", "'.avi'"),
        ("film vae --seeds 1,2 --fps 0 --out a.mp4", "0.0 frames"),
        ("film vae --seeds 1,2 --seconds -1 --out a.mp4", "-1.0 seconds"),
        ("film vae --seeds 1,2 --seconds 0 --out a.mp4", "0.0 seconds"),
        ("film vae --seeds 1,2 --format mp4 --out .", "'.'"),
        ("render vae --out nowhere.npy/a.png", "'nowhere.npy/a.png'"),
        ("inspect nowhere.pth", "'nowhere.pth'"),
        ("inspect .", "is a folder"),
        ("convert nowhere.pth a.safetensors", "'nowhere.pth'"),
        ("convert . a.pth", "'a.pth'"),
        ("film vae --seeds 1,2 --sound nothing.wav --out a.mp4", "'nothing.wav'"),
        ("film vae --walk classes --out a.mp4", "no classes"),
        ("film vae --seeds 1,2 --seconds 0.1 --out nowhere/a.mp4", "nowhere"),
        ("bench nothing", "'nothing'"),
        ("bench vae --rounds 0", "0"),
    ],
)
def test_a_command_that_cannot_be_done_says_why_in_one_sentence(capsys, arguments, quoted):
    assert quoted in refusal(capsys, *arguments.split())


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"PK\x03\x04aaaa", b"\x80\x04abc", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x01\x00\x76\x00" + b"{" * 118],
    ids=["empty", "text", "zip", "pickle", "cut", "header"],
)
def test_a_file_that_is_no_array_is_refused(capsys, data):
    Path("z.npy").write_bytes(data)
    assert "'z.npy' is no .npy file" in refusal(capsys, "render", "vae", "--z", "z.npy")


def test_an_array_said_to_be_vast_is_refused(capsys):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 512), }".ljust(117) + b"\n"
    Path("z.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "'z.npy'" in refusal(capsys, "render", "vae", "--z", "z.npy")


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(0),
        np.float32(3),
        np.zeros((1, 10), complex),
        np.zeros((1, 10), bool),
        np.array(["a"]),
        np.full((1, 10), np.nan),
        np.full((1, 10), 1e30),
        np.zeros((1, 9)),
        np.zeros((1, 2, 3, 4, 5)),
    ],
    ids=["empty", "scalar", "complex", "bool", "text", "nan", "huge", "wrong length", "5-D"],
)
def test_an_array_that_holds_no_latents_is_refused(capsys, values):
    np.save("z.npy", values)
    refusal(capsys, "render", "vae", "--z", "z.npy")


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_show_refuses_what_carries_no_recipe(capsys, data):
    Path("a.png").write_bytes(data)
    assert "genart" in refusal(capsys, "show", "a.png")


def test_a_damaged_weights_file_is_refused(capsys):
    Path("mine.safetensors").write_bytes(b"not weights")
    assert "'mine.safetensors'" in refusal(capsys, "render", "mine.safetensors")


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["render"], ["render", "vae", "--psi", "x"], ["render", "vae", "--z", "a", "--w", "b"]]
)
def test_a_command_that_cannot_be_read_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.count("python -m genart") >= 5


def test_the_command_line_works_as_a_program():
    arguments = [sys.executable, "-m", "genart", "render", "digits-gan", "--device", "nonsense"]
    ended = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, env=os.environ, timeout=60)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("Device 'nonsense' is not on this machine")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(("output", "said"), [("/dev/full", "The output cannot be used"), ("a pipe", "")])
def test_an_output_that_takes_no_more_ends_the_command_quietly(output, said):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, writer = os.pipe() if output == "a pipe" else (None, os.open(output, os.O_WRONLY))
    if reader is not None:
        os.close(reader)
    arguments = [sys.executable, "-m", "genart", "doctor"]
    ended = subprocess.run(arguments, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment, timeout=60)
    os.close(writer)

    assert ended.returncode == 1
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == bool(said)


def test_a_terminal_of_few_letters_is_no_reason_to_fail(tmp_path):
    path = tmp_path / "数字.safetensors"
    path.write_bytes((ROOT / "weights/digits-gan.safetensors").read_bytes())
    arguments = [sys.executable, "-m", "genart", "inspect", str(path)]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60)

    assert ended.returncode == 0
    assert "??.safetensors" in ended.stdout


def test_list_goes_on_past_a_model_that_cannot_be_loaded(capsys, monkeypatch, entries, tmp_path):
    name, entry = next(iter(entries.items()))
    broken = {**entries, name: replace(entry, file=str(tmp_path / "gone.safetensors"))}
    monkeypatch.setattr(command_line, "ENTRIES", broken)
    monkeypatch.setattr("genart.studio.Studio", lambda device, known: Studio("cpu", broken))

    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "'gone.safetensors' is missing" in lines[0]
    assert len(lines) == len(entries)


def test_another_kind_of_checkpoint_is_refused_by_name(capsys, tmp_path):
    (tmp_path / "network.pkl").write_bytes(b"\x80\x02cos\nsystem\n.")

    assert "'network.pkl' needs the code 'os.system'" in refusal(capsys, "render", str(tmp_path / "network.pkl"))


def test_directions_are_given_by_name_and_as_files(studio, capsys):
    Path("mine.safetensors").write_bytes(studio.save_direction("vae", "sefa1"))
    assert words("render vae --seeds 3 --direction pca1=1.5 --direction mine.safetensors=-2 --out a.png") == 0
    first, second = recipes_of(Path("a.png").read_bytes())[0].offsets

    assert (first.direction, first.sigma, first.vector) == ("pca1", 1.5, None)
    assert (second.direction, second.sigma) == ("sefa1", -2.0)
    assert second.vector.startswith("w16.")
    assert words("show a.png") == 0
    assert "same bytes" in capsys.readouterr().out


def test_a_film_carries_a_direction_of_a_file(studio):
    Path("mine.safetensors").write_bytes(studio.save_direction("vae", "sefa1"))
    assert words("film vae --seeds 1,2 --direction mine.safetensors=1 --seconds 0.1 --size 64 --out a.gif") == 0
    assert all(key.recipe.offsets[0].vector for key in read_notes(Path("a.gif").read_bytes()).walk.keys)


@pytest.mark.parametrize("text", ["pca1", "pca1=far", "=", "nope=1", "missing.safetensors=1"])
def test_a_direction_that_cannot_be_read_is_quoted(text, capsys):
    assert text.split("=")[0] in refusal(capsys, "render", "vae", "--direction", text)


def test_a_command_that_is_stopped_says_so_and_no_more(monkeypatch, capsys):
    def interrupted(chosen):
        raise KeyboardInterrupt

    monkeypatch.setattr("genart.__main__.inspect", interrupted)
    assert main(["inspect", "owner/name"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"
