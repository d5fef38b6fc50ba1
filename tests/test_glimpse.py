"""What a file on the Hub is, before it is fetched: its telling parts come by range, and nothing else of it."""

import pickle
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from genart.catalogue import Source
from genart.errors import BadWeights, NoDownload
from genart.families import FAMILIES, pictures
from genart.hub import looked_into
from genart.weights import outline
from genart.weights.glimpse import Glimpse, glimpses
from tests.fakehub import FakeHub
from tests.tiny import TINY, state_of

FIXTURES = Path(__file__).parent / "fixtures"
JUNK = torch.zeros(2_000_000)
fetching = sys.modules["genart.hub.fetch"]


def write(path, value, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(value, path) if path.suffix == ".safetensors" else torch.save(value, path, **how)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    for name in TINY:
        write(root / f"tiny/safetensors/{name}.safetensors", state_of(name))
        write(root / f"tiny/archives/{name}.pt", {"g_ema": state_of(name), "optimiser": JUNK})
        write(root / f"tiny/old/{name}.pt", {"netG": state_of(name)}, _use_new_zipfile_serialization=False)
    one = root / "somebody/one"
    write(one / "large.pt", {"g_ema": state_of("stylegan2"), "D": JUNK})
    write(one / "classifier.safetensors", {"fc.weight": JUNK})
    write(one / "sub/classes.safetensors", state_of("dcgan"))
    (one / "sub/config.json").write_text('{"num_classes": 3}')
    (one / "code.pkl").write_bytes(b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81}b." + bytes(2_000_000))
    (one / "code.bin").write_bytes(pickle.dumps(fetching.Pace(3)))
    (one / "page.bin").write_bytes(b"<!DOCTYPE html>" * 100)
    shutil.copy(FIXTURES / "stylegan2" / "uncond32.pkl", one / "network.pkl")
    many = root / "somebody/many"
    for number in range(20):
        write(many / f"{number:02}.safetensors", state_of("vae"))
    with FakeHub(root, token="hf_secret", cdn=True) as hub:
        yield hub


@pytest.fixture(autouse=True)
def hub(served, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(fetching, "LOOKED_AT", 99)
    served.set_faults([])
    served.log(clear=True)
    return served


@pytest.fixture
def look(tmp_path):
    """A function that says what the files of a place on the Hub are, by name."""

    def look(repo, file=None):
        folder = tmp_path / "parts"
        folder.mkdir()
        _, places = looked_into(Source(repo, file), folder)
        return glimpses(places)

    return look


@pytest.mark.parametrize("kind", ["safetensors", "archives", "old"])
def test_every_family_shows_before_its_file_is_fetched(kind, look):
    seen = look(f"tiny/{kind}")

    assert {Path(name).stem: glimpse.family for name, glimpse in seen.items()} == {name: FAMILIES[name] for name in TINY}
    for name, glimpse in seen.items():
        space = glimpse.space()
        generator = FAMILIES[Path(name).stem](state_of(Path(name).stem))
        assert space == generator.space


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.kind == "autoencoder"])
def test_a_look_leaves_nothing_behind_for_the_model_itself(family):
    pictures.drawn.cache_clear()
    space = outline(FAMILIES[family], {name: tuple(tensor.shape) for name, tensor in state_of(family).items()}, {}).space
    generator = FAMILIES[family](state_of(family))

    assert space == generator.space
    assert generator.synthesis(generator.w_mean).isfinite().all()
    assert generator.examples.numel()


def test_of_a_large_file_only_the_ends_are_fetched(look, hub):
    glimpse = look("somebody/one", "large.pt")["large.pt"]

    assert glimpse.family.title == "StyleGAN2"
    assert glimpse.header.metadata["genart.prefix"] == "g_ema."
    assert sum(each["sent"] for each in hub.log()) < 300_000
    assert all(each["range"] for each in hub.log() if "large.pt" in each["path"] or "/cdn/" in each["path"])


def test_what_would_be_refused_is_refused_now(look):
    seen = look("somebody/one")

    assert "belong to no family" in str(seen["classifier.safetensors"])
    assert "TensorFlow's time" in str(seen["code.pkl"])
    assert "needs the code 'genart.hub.fetch.Pace'" in str(seen["code.bin"])
    assert "a web page" in str(seen["page.bin"])
    assert seen["network.pkl"] is None
    assert all(isinstance(each, BadWeights) for name, each in seen.items() if name.startswith(("code", "page", "class")))


def test_settings_beside_the_file_are_read(look):
    glimpse = look("somebody/one", "sub/classes.safetensors")["sub/classes.safetensors"]

    assert glimpse.space().num_classes == 3


def test_only_the_first_few_of_many_are_looked_at(look, monkeypatch):
    monkeypatch.setattr(fetching, "LOOKED_AT", 3)

    assert list(look("somebody/many")) == [f"{number:02}.safetensors" for number in range(3)]


def test_a_server_that_knows_no_ranges_leaves_the_family_untold(look, hub):
    hub.set_faults(["norange"])
    seen = look("somebody/one")

    assert isinstance(seen["sub/classes.safetensors"], Glimpse)  # it lies in the first bytes
    assert "large.pt" not in seen
    assert sum(each["sent"] for each in hub.log()) < 10_000_000


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("gated@*/resolve/*", "accept its terms"),
        ("status=503@*/resolve/*", "out of order"),
        ("hang@*/resolve/*", "does not answer"),
        ("reset=10@*/cdn/*", "broke again and again"),
    ],
)
def test_what_goes_wrong_has_its_sentence(fault, said, look, hub, monkeypatch):
    monkeypatch.setattr(fetching, "ANSWER_SECONDS", 2)
    monkeypatch.setattr(fetching, "STILL_SECONDS", 6)
    hub.set_faults([fault])

    with pytest.raises(NoDownload, match=said):
        look("somebody/one", "large.pt")


def test_a_token_goes_to_the_hub_alone_and_into_no_sentence(look, hub, monkeypatch, capfd, caplog):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    look("somebody/one", "large.pt")

    assert {each["auth"] for each in hub.log() if "/cdn/" in each["path"]} == {False}
    assert {each["auth"] for each in hub.log() if "/resolve/" in each["path"]} == {True}
    assert "hf_secret" not in caplog.text + "".join(capfd.readouterr())
