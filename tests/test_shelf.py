"""The routes of the Models tab: list, look, get, stop, delete, drop; and what a public page refuses."""

import asyncio
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import torch

from genart.catalogue import ENTRIES, hub_entries
from genart.errors import BadWeights, NoDownload, Refused
from genart.families import FAMILIES
from genart.hub import cache
from genart.limits import SPARE_BYTES
from genart.recipe import Anchor, Recipe
from genart.studio import Studio
from genart.ui import build, shelf
from genart.weights.foreign import copies
from tests.fakehub import FakeHub

DCGAN = Path(__file__).parent / "fixtures" / "dcgan"
STYLEGAN2 = Path(__file__).parent / "fixtures" / "stylegan2"
MNIST = "huggan/dcgan-mnist"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    for repo, file, source in (
        (MNIST, "pytorch_model.bin", DCGAN / "tutorial_main_gray64.pth"),
        ("somebody/two-files", "netG.pth", DCGAN / "tutorial_main_gray64.pth"),
        ("somebody/two-files", "colour.safetensors", DCGAN / "huggan_rgb64.safetensors"),
    ):
        (root / repo).mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / repo / file)
    (root / "somebody/two-files/README.md").write_text("<b>Two</b>")
    (root / "somebody/two-files/.hub.json").write_text('{"card": {"license": "cc-by-nc-4.0"}}')
    for name in ("strange", "keras"):
        (root / "somebody" / name).mkdir()
    torch.save({"fc.weight": torch.zeros(10, 5)}, root / "somebody/strange/classifier.pt")
    (root / "somebody/strange/flax.bin").write_bytes(b"\x82\xa6params\x81" + bytes(1000))
    (root / "somebody/keras/tf_model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    noise = root / "huggan/fastgan-few-shot-aurora"
    noise.mkdir(parents=True)
    (noise / "pytorch_model.bin").write_bytes(bytes(2_000_000))
    with FakeHub(root) as hub:
        yield hub


@pytest.fixture
def page(served, tmp_path, monkeypatch):
    """A page of its own, over an empty cache."""
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    served.set_faults([])
    served.log(clear=True)
    return Page()


class Page:
    def __init__(self, **how):
        self.studio = Studio("cpu")
        shelves = []
        make = shelf.Shelf.__init__
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shelf.Shelf, "__init__", lambda self, *a, **k: (make(self, *a, **k), shelves.append(self))[0])
            self.app = build(lambda: self.studio, **how)
        self.shelf = shelves[0]
        self.token = self.shelf._live.token()

    def ask(self, route, model="", expected=200, content=None):
        async def post():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://genart") as client:
                body = {"content": content} if content is not None else {"json": {"model": model}}
                return await client.post(f"/live/models/{route}", headers={"x-genart-token": self.token}, **body)

        with ThreadPoolExecutor(1) as pool:  # Playwright keeps a loop running in this thread
            answer = pool.submit(lambda: asyncio.run(post())).result()
        assert answer.status_code == expected, answer.text
        return answer.json()

    def get(self, model):
        """Fetch a model and wait for the end of it."""
        self.ask("get", model)
        return self.ended(model)

    def ended(self, model):
        for _ in range(600):
            state = self.ask("state", model)
            if state["state"] not in ("coming", "reading"):
                return state
            time.sleep(0.05)
        pytest.fail("the download does not end")

    def card(self, name):
        return next(card for card in self.ask("list")["models"] if card["name"] == name)


def test_the_list_has_shipped_models_first_then_those_of_the_hub(page):
    cards = page.ask("list")["models"]

    assert [card["name"] for card in cards] == [*ENTRIES, *hub_entries()]
    assert [card["here"] for card in cards] == [card["shipped"] for card in cards]
    assert {card["commercial"] for card in cards} == {True, False, None}


def test_a_page_that_is_only_looked_at_and_drawn_with_calls_nobody(page, served, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a child was started"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("an address was looked up"))
    page.ask("list")
    page.studio.render(next(iter(ENTRIES.values())).begin(Anchor(1)), size=16)

    assert served.log() == []


def test_a_model_is_fetched_drawn_and_deleted(page):
    state = page.get(MNIST)
    assert (state["state"], state["done"]) == ("here", state["total"])
    assert page.card(MNIST)["here"]
    assert page.studio.render(Recipe(MNIST)).shape == (64, 64, 3)
    assert len(list(copies())) == 1

    page.ask("delete", MNIST)
    assert not page.card(MNIST)["here"]
    assert not list(copies())
    assert not [path for path in cache.hub().rglob("*") if path.is_file() and path.stat().st_size > 10_000]
    assert page.ask("state", "nothing", expected=422)["error"].startswith("There is no model named 'nothing'")


def test_what_is_here_is_there_again_after_a_start(page, served):
    page.get("somebody/two-files:netG.pth")
    served.log(clear=True)
    again = Page()

    assert again.card("somebody/two-files:netG.pth")["here"]
    assert again.card("somebody/two-files:netG.pth")["commercial"] is False
    assert served.log() == []


def test_a_repository_is_looked_into_before_anything_large_is_fetched(page, served):
    found = page.ask("look", "https://huggingface.co/somebody/two-files")

    assert [card["name"] for card in found["models"]] == ["somebody/two-files:colour.safetensors", "somebody/two-files:netG.pth"]
    assert found["models"][0]["bytes"] == (DCGAN / "huggan_rgb64.safetensors").stat().st_size
    assert {card["licence"] for card in found["models"]} == {"cc-by-nc-4.0"}
    assert found["card"] == "<b>Two</b>"
    assert [(card["family"], card["pixels"], card["kind"]) for card in found["models"]] == [("DCGAN", 64, "GAN")] * 2
    assert {each["path"].rpartition("/")[2] for each in served.log() if each["range"]} == {"colour.safetensors", "netG.pth"}
    assert not [path for path in cache.hub().rglob("*") if path.suffix in (".pth", ".safetensors")]
    assert [card["name"] for card in page.ask("look", MNIST)["models"]] == [MNIST]
    assert "'what'" in page.ask("look", "what", expected=422)["error"]


def test_one_file_is_looked_into_by_its_address(page):
    found = page.ask("look", "https://huggingface.co/somebody/two-files/blob/main/netG.pth")

    assert [(card["name"], card["family"]) for card in found["models"]] == [("somebody/two-files:netG.pth", "DCGAN")]
    assert "'gone.pt'" in page.ask("look", "somebody/two-files:gone.pt", expected=422)["error"]


def test_what_genart_cannot_draw_is_said_before_it_is_fetched(page):
    classifier, flax = page.ask("look", "somebody/strange")["models"]

    assert "belong to no family" in classifier["refused"]["error"]
    assert "a Flax file" in flax["refused"]["error"]
    assert classifier["refused"]["chinese"] != classifier["refused"]["error"]
    assert "holds tf_model.h5 (a Keras file)" in page.ask("look", "somebody/keras", expected=422)["error"]
    assert "a Flax file" in page.ask("drop?name=flax_model.msgpack", expected=422, content=b"x")["error"]


def test_every_family_has_its_title_on_a_card(page):
    assert {page.shelf.card(replace(hub_entries()[MNIST], family=name))["family"] for name in FAMILIES} == {
        family.title for family in FAMILIES.values()
    }


def test_what_genart_cannot_draw_is_said_once_it_has_come(page):
    state = page.get("huggan/fastgan-few-shot-aurora")

    assert state["state"] == "failed"
    assert "'pytorch_model.bin'" in state["error"]
    assert state["chinese"] != state["error"]
    card = page.card("huggan/fastgan-few-shot-aurora")
    assert (card["here"], card["kept"]) == (False, True)
    page.ask("delete", "huggan/fastgan-few-shot-aurora")
    assert not page.card("huggan/fastgan-few-shot-aurora")["kept"]


def test_a_download_is_stopped(page, served):
    served.set_faults(["rate=200000@GET:*.bin"])
    page.ask("get", "huggan/fastgan-few-shot-aurora")
    while not page.ask("state", "huggan/fastgan-few-shot-aurora")["done"]:
        time.sleep(0.05)
    assert page.card("huggan/fastgan-few-shot-aurora")["progress"]["total"] == 2_000_000
    page.ask("stop", "huggan/fastgan-few-shot-aurora")

    assert "was stopped" in page.ended("huggan/fastgan-few-shot-aurora")["error"]


def test_a_dropped_checkpoint_is_opened_and_deleted(page):
    card = page.ask("drop?name=my%20network.pkl", content=(STYLEGAN2 / "uncond32.pkl").read_bytes())

    assert (card["name"], card["here"], card["family"]) == ("my network", True, "StyleGAN2")
    assert page.studio.render(Recipe("my network")).shape == (32, 32, 3)
    page.ask("delete", "my network")
    assert not list((cache.ours() / "opened").iterdir())
    assert "no checkpoint" in page.ask("drop?name=a.txt", expected=422, content=b"x")["error"]
    assert "'b.pt'" in page.ask("drop?name=../../b.pt", expected=422, content=b"x")["error"]


@pytest.mark.parametrize("name", ["%00.pt", "a" * 300 + ".safetensors", "%ED%A0%80" * 90 + ".pt", "%E4%BD%A0" * 80 + ".pkl"])
def test_a_file_whose_name_no_disk_takes_is_refused(page, name):
    assert "rename it" in page.ask(f"drop?name={name}", expected=422, content=b"x")["error"]


def test_a_checkpoint_that_is_too_large_is_refused_while_it_comes(page, monkeypatch):
    monkeypatch.setattr(shelf, "MAX_CHECKPOINT", 1000)

    assert "more than 2 GB" in page.ask("drop?name=a.pt", expected=422, content=bytes(2000))["error"]


class Slow:
    """Parts of a body, and the clock by which each takes its seconds."""

    def __init__(self, *parts):
        self._parts, self.now = parts, 0.0

    def clock(self):
        return self.now

    async def stream(self):
        for size, seconds in self._parts:
            await asyncio.sleep(0)
            self.now += seconds
            yield bytes(size)


def received(body):
    """The bytes of a body that comes slowly."""

    async def work():
        return sum([len(part) async for part in shelf._no_slower(body.stream(), "a.pt", body.clock)])

    with ThreadPoolExecutor(1) as pool:  # Playwright keeps a loop running in this thread
        return pool.submit(asyncio.run, work()).result()


def test_a_checkpoint_takes_as_long_as_it_takes_while_it_keeps_coming():
    assert received(Slow(*[(2**18, 14)] * 400)) == 400 * 2**18
    assert received(Slow((2**20, 59), (10, 59))) == 2**20 + 10
    assert received(Slow()) == 0


@pytest.mark.parametrize("body", [[(1, 1)] * 1000, [(2**21, 1), *[(100, 50)] * 3], [(0, 30)] * 9])
def test_a_checkpoint_that_only_drips_is_waited_for_no_longer(body):
    slow = Slow(*body)
    with pytest.raises(Refused, match="'a.pt' less than 1 MB came in 60 seconds; send it on a faster network"):
        received(slow)
    assert slow.now <= 101


def test_a_checkpoint_that_drips_is_refused_and_leaves_nothing(page, monkeypatch, tmp_path):
    monkeypatch.setattr(shelf, "SLOW_SECONDS", 0.05)
    monkeypatch.setattr(shelf.tempfile, "tempdir", str(tmp_path))

    async def dripping():
        yield b"x"
        await asyncio.Event().wait()

    assert "1 MB came in 0.05 seconds" in page.ask("drop?name=a.pt", expected=429, content=dripping())["error"]
    assert list(tmp_path.glob("genart-*")) == []


def test_a_checkpoint_that_the_disk_has_no_room_for_is_refused_before_it_comes(page, monkeypatch):
    monkeypatch.setattr(shelf.cache, "free", lambda _: SPARE_BYTES + 1000)

    assert "needs 67 MB and the disk has 67 MB free" in page.ask("drop?name=a.pt", expected=429, content=bytes(1001))["error"]


def test_a_disk_that_fills_while_a_checkpoint_comes_keeps_its_spare_room(page, monkeypatch):
    left = [SPARE_BYTES + 100] * 3
    monkeypatch.setattr(shelf.cache, "free", lambda _: left.pop())

    async def unannounced():
        for _ in range(9):
            yield bytes(100)

    left[0] -= 1
    assert "make room" in page.ask("drop?name=a.pt", expected=429, content=unannounced())["error"]
    assert left == []


def test_a_shipped_model_stays(page):
    assert "comes with genart" in page.ask("delete", "digits-gan", expected=429)["error"]


def test_a_public_page_shows_what_is_here_and_fetches_nothing(page, served):
    page.get(MNIST)
    served.log(clear=True)
    public = Page(public=True)

    assert [card["name"] for card in public.ask("list")["models"]] == [*ENTRIES, MNIST]
    for route in ("look", "get", "stop", "delete"):
        assert "This server shows the models" in public.ask(route, MNIST, expected=429)["error"]
    assert "This server" in public.ask("drop?name=a.pt", expected=429, content=b"x")["error"]
    assert served.log() == []


def test_a_model_found_damaged_is_set_aside_and_offered_again(page):
    page.get(MNIST)
    next(cache.hub().rglob("pytorch_model.bin")).resolve().write_bytes(bytes(1000))
    with pytest.raises(BadWeights):
        page.studio.render(Recipe(MNIST))

    assert not page.card(MNIST)["here"]
    assert page.get(MNIST)["state"] == "here"
    assert page.studio.render(Recipe(MNIST)).shape == (64, 64, 3)


def test_without_a_token_nothing_is_told(page):
    page.token = "forged"

    assert "expired" in page.ask("list", expected=401)["error"]


def test_a_link_to_a_model_that_is_not_here_says_where_to_fetch_it(page):
    with pytest.raises(NoDownload, match="fetch it in the tab Models"):
        page.studio.render(Recipe(MNIST))
