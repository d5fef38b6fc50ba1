"""The command line takes a place on the Hub wherever it takes a model."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from genart.__main__ import main
from genart.catalogue import Source
from genart.hub import cache
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
