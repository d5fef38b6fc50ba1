"""The command line takes a place on the Hub wherever it takes a model."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from genart.__main__ import main
from genart.catalogue import Source, entry_of
from genart.hub import Listing, cache, fetch, here
from genart.recipe import Recipe
from genart.studio import Studio
from tests.fakehub import FakeHub

DCGAN = Path(__file__).parent / "fixtures" / "dcgan"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    digits, other = root / "huggan/dcgan-mnist", root / "somebody/two-files"
    digits.mkdir(parents=True)
    other.mkdir(parents=True)
    shutil.copy(DCGAN / "tutorial_main_gray64.pth", digits / "pytorch_model.bin")
    (digits / "README.md").write_text("---\nlicense: mit\n---\n# DCGAN of digits\n")
    (digits / ".hub.json").write_text('{"card": {"license": "cc0-1.0"}}')
    shutil.copy(DCGAN / "tutorial_main_gray64.pth", other / "netG.pth")
    shutil.copy(DCGAN / "huggan_rgb64.safetensors", other / "colour.safetensors")
    (other / "discriminator.bin").write_bytes(b"x")
    flax = root / "somebody/flax"
    flax.mkdir()
    for name in ("flax_model.msgpack", "tf_model.h5", "config.json"):
        (flax / name).write_bytes(b"\x82\xa6params\x81")
    with FakeHub(root) as hub:
        yield hub


@pytest.fixture(autouse=True)
def hub(served, tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.chdir(tmp_path)
    served.log(clear=True)
    return served


@pytest.mark.parametrize(
    "model",
    [
        "huggan/dcgan-mnist",
        "huggan/dcgan-mnist:pytorch_model.bin",
        "https://huggingface.co/huggan/dcgan-mnist/blob/main/pytorch_model.bin",
    ],
)
def test_a_model_of_the_hub_is_fetched_and_drawn(model, hub, capsys):
    assert main(["render", model, "--seeds", "3"]) == 0
    path = Path(capsys.readouterr().out.strip())

    assert path.name == "huggan-dcgan-mnist-seed0003.png"
    assert Image.open(path).size == (256, 256)  # as the catalogue finishes it
    hub.log(clear=True)
    assert main(["show", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "same bytes"
    assert hub.log() == []


def test_a_picture_of_a_model_that_is_gone_says_how_to_fetch_it(capsys):
    main(["render", "somebody/two-files:netG.pth", "--out", "a.png"])
    cache.take_away(Source("somebody/two-files", "netG.pth"), damaged=False)
    capsys.readouterr()

    assert main(["show", "a.png"]) == 1
    assert "fetch it with --weights somebody/two-files:netG.pth" in capsys.readouterr().err
    assert main(["show", "a.png", "--weights", "somebody/two-files:netG.pth"]) == 0


def test_inspect_lists_a_repository_with_licence_sizes_and_card(capsys):
    assert main(["inspect", "somebody/two-files"]) == 0
    said = capsys.readouterr().out

    assert "colour.safetensors, 0." in said
    assert "netG.pth, 0.1 MB, not here; DCGAN, 64 px" in said
    assert "discriminator" not in said
    assert "none stated" in said
    assert main(["inspect", "huggan/dcgan-mnist"]) == 0
    said = capsys.readouterr().out
    assert "cc0-1.0" in said
    assert "not here; expected to be dcgan" in said
    assert said.rstrip().endswith("# DCGAN of digits")


def test_inspect_of_a_file_says_its_family_without_fetching_it(hub, capsys):
    for place in ("somebody/two-files:netG.pth", "https://huggingface.co/somebody/two-files/blob/main/netG.pth"):
        assert main(["inspect", place]) == 0
        said = capsys.readouterr().out

        assert "family          DCGAN" in said
        assert "picture         64 px, 1 channels" in said
        assert "MB, not fetched" in said
    assert not list(cache.hub().rglob("netG.pth"))
    assert main(["render", "somebody/two-files:netG.pth", "--out", "a.png"]) == 0
    capsys.readouterr()
    main(["inspect", "somebody/two-files:netG.pth"])
    assert "not fetched" not in capsys.readouterr().out


def test_inspect_of_a_repository_without_a_checkpoint_says_what_it_has(capsys):
    assert main(["inspect", "somebody/flax"]) == 1
    assert "holds flax_model.msgpack (a Flax file), tf_model.h5 (a Keras file), and genart reads" in capsys.readouterr().err
    assert main(["render", "somebody/flax:flax_model.msgpack"]) == 1
    assert "'flax_model.msgpack' is a Flax file; genart reads safetensors" in capsys.readouterr().err
    assert not list(cache.hub().rglob("*.msgpack"))


def test_convert_takes_a_file_of_the_hub(capsys):
    assert main(["convert", "somebody/two-files:netG.pth", "mine.safetensors"]) == 0
    assert Path("mine.safetensors").stat().st_size > 1000


def test_offline_makes_no_call(hub, capsys, monkeypatch):
    assert main(["render", "huggan/dcgan-mnist", "--offline"]) == 1
    assert "offline" in capsys.readouterr().err
    assert hub.log() == []


def test_doctor_tells_the_state_of_the_hubs_cache(capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    main(["render", "huggan/dcgan-mnist", "--out", "a.png"])
    capsys.readouterr()
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "pytorch_model.bin, 0." in said
    assert "MB, as recorded" in said
    assert "there is one" in said
    assert "hf_secret" not in said

    next(cache.hub().rglob("pytorch_model.bin")).resolve().write_bytes(b"x")
    main(["doctor"])
    assert "damaged" in capsys.readouterr().out


def test_several_files_must_be_told_apart(capsys):
    assert main(["render", "somebody/two-files"]) == 1
    assert "colour.safetensors, netG.pth; name one as somebody/two-files:FILE" in capsys.readouterr().err


CLEAR = "\x1b[2J\r\u202e"  # a terminal would obey each of these


@pytest.fixture
def strange(served):
    """A repository whose maker writes to the terminal."""
    folder = Path(served.httpd.state.root) / "somebody/strange"
    folder.mkdir()
    shutil.copy(DCGAN / "tutorial_main_gray64.pth", folder / "netG.pth")
    (folder / f"{CLEAR}.pth").write_bytes(b"x")
    (folder / "README.md").write_text(f"Card {CLEAR}of\tmine\nand more", newline="")
    (folder / ".hub.json").write_text(json.dumps({"card": {"license": f"mit{CLEAR}"}}))
    yield "somebody/strange"
    shutil.rmtree(folder)


def test_what_a_stranger_writes_does_not_reach_the_terminal_as_orders(strange, tmp_path, capsys):
    own = tmp_path / f"own{CLEAR}.pth"
    shutil.copy(DCGAN / "tutorial_main_gray64.pth", own)
    for words in (["inspect", strange], ["inspect", f"{strange}:netG.pth"], ["inspect", f"{strange}:no.pth"]):
        main(words)
    for words in (["inspect", str(own)], ["convert", str(own), f"{own}.safetensors"], ["inspect", f"{own}.bin"]):
        main(words)
    said = "".join(capsys.readouterr())

    assert all(letter.isprintable() or letter == "\n" for letter in said)
    assert "mit[2J" in said
    assert "of mine\nand more" in said


def test_discriminators_are_no_candidates_and_averages_come_first(served):
    kinds = ("D-best", "D-current", "G-best", "G-current", "G_ema-best", "G_ema-current")
    files = {f"AFHQ/{name}-{kind}-weights.pth": (1, None) for name in ("model=x", "model") for kind in kinds}
    other = dict.fromkeys(("D.pth", "netD_epoch_3.pth", "Optimizer.pt", "3D-gan.pth", "netG.pth", "a.safetensors"), (1, None))
    found = Listing("a/b", "0" * 40, None, files | other).candidates()

    assert found[0] == "a.safetensors"
    assert all("G_ema" in name for name in found[1:5])
    assert sorted(found[5:]) == sorted(["3D-gan.pth", "netG.pth", *(name for name in files if "-G-" in name)])


@pytest.mark.parametrize("names", [("somebody/one", "somebody/one:netG.pth"), ("somebody/one:netG.pth", "somebody/one")])
def test_a_repository_of_one_file_and_the_file_are_one_model(served, names, tmp_path, capsys):
    folder = Path(served.httpd.state.root) / "somebody/one"
    folder.mkdir(exist_ok=True)
    shutil.copy(DCGAN / "tutorial_main_gray64.pth", folder / "netG.pth")
    entries = [fetch(entry_of(name)) for name in names]
    studio = Studio(entries={entry.name: entry for entry in entries})
    pictures = [studio.render(Recipe(name)) for name in names]

    assert entries[0] == entries[1]
    assert list(here()) == ["somebody/one:netG.pth"]
    assert len(list(cache.records())) == 1
    assert studio.resident(names[0]) is studio.resident(names[1])
    assert pictures[0] is pictures[1]
    assert main(["render", names[0], "--out", "a.png"]) == 0
    assert main(["show", "a.png"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "same bytes"
