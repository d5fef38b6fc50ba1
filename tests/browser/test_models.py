"""The Models tab in a real browser, with a Hub of our own behind it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from genart.catalogue import ENTRIES
from genart.studio import Studio
from tests.browser.conftest import Serving, Visitor
from tests.fakehub import FakeHub

FIXTURES = Path(__file__).parents[1] / "fixtures"
MNIST = "huggan/dcgan-mnist"
AURORA = "huggan/fastgan-few-shot-aurora"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    for repo, file, source in (
        (MNIST, "pytorch_model.bin", "dcgan/tutorial_main_gray64.pth"),
        ("somebody/two-files", "netG.pth", "dcgan/tutorial_main_gray64.pth"),
        ("somebody/two-files", "colour.safetensors", "dcgan/huggan_rgb64.safetensors"),
    ):
        (root / repo).mkdir(parents=True, exist_ok=True)
        shutil.copy(FIXTURES / source, root / repo / file)
    (root / "somebody/two-files/README.md").write_text("<b>Two</b> generators")
    (root / "somebody/strange").mkdir()
    torch.save({"fc.weight": torch.zeros(10, 5)}, root / "somebody/strange/classifier.pt")
    (root / AURORA).mkdir()
    (root / AURORA / "pytorch_model.bin").write_bytes(bytes(3_000_000))
    with FakeHub(root) as hub:
        yield hub


@pytest.fixture
def shelf(browser, hub, tmp_path, monkeypatch):
    """A visitor at the Models tab of a page over an empty cache; the page must not complain."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    hub.set_faults([])
    entries = {name: ENTRIES[name] for name in ("pixel-vae", "digits-gan")}
    serving = Serving(Studio("cpu", entries), entries)
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    visitor = Visitor(context.new_page(), serving.url, serving.studio).open()
    visitor.page.click("#models-button")
    visitor.page.wait_for_selector("#shelf-cards .model")
    yield visitor
    context.close()
    serving.stop()
    assert [text for text in visitor.complaints if "422" not in text] == []  # a refusal is told by its status


def card(name, part=""):
    return f'#shelf-cards [data-name="{name}"] {part}'


def shown(page):
    return page.locator("#shelf-cards .model:visible").count()


def test_models_are_found_by_words_kind_licence_and_place(shelf):
    page = shelf.page
    assert shown(page) == 41
    assert page.inner_text("#shelf-count") == "41 models"
    page.fill("#shelf-search", "paint")
    assert "Paintings" in page.inner_text("#shelf-cards")
    assert shown(page) < 10
    page.select_option("#shelf-licence", "false")
    assert page.locator(".model:visible .badge.no").count() == shown(page) > 0
    page.fill("#shelf-search", "no such thing")
    assert page.is_visible("#shelf-none")
    page.fill("#shelf-search", "")
    page.select_option("#shelf-licence", "")
    page.check("#shelf-here")
    assert shown(page) == 2


def test_a_model_is_downloaded_opened_kept_in_mind_and_deleted(shelf):
    page = shelf.page
    page.click(card(MNIST, ".get"))
    page.wait_for_selector(card(MNIST, "progress"))
    page.wait_for_selector(card(MNIST, ".open"))
    shelf.after(lambda: page.click(card(MNIST, ".open")), f"recipe.model === '{MNIST}'")
    assert np.abs(shelf.studio.render(shelf.recipe).astype(int) - shelf.pixels).mean() < 8  # enlarged, it goes out as a JPEG
    assert page.get_attribute(f'#models [data-model="{MNIST}"]', "aria-pressed") == "true"

    page.click("#models-button")
    page.wait_for_selector(card(MNIST, "img.picture"))
    assert page.inner_text("#shelf-recent").split("\n")[1:] == ["Handwritten digits", "Pixel people"]
    shelf.open("").page.wait_for_selector(f'#models [data-model="{MNIST}"]')

    page.click("#models-button")
    page.click(card(MNIST, ".delete"))
    assert page.inner_text(card(MNIST, ".delete")) == "Really delete?"
    page.click(card(MNIST, ".delete"))
    page.wait_for_selector(card(MNIST, ".get"))
    assert not page.locator(f'#models [data-model="{MNIST}"]').count()


def test_a_download_shows_its_bytes_and_can_be_cancelled(shelf, hub):
    page = shelf.page
    hub.set_faults(["rate=400000@GET:*.bin"])
    page.click(card(AURORA, ".get"))
    shelf.wait("selector => / of 3.0 MB/.test(document.querySelector(selector)?.textContent)", card(AURORA, ".amount"))
    page.click(card(AURORA, ".stop"))
    page.wait_for_selector(card(AURORA, ".failure"))

    assert "was stopped" in page.inner_text(card(AURORA, ".failure"))
    page.click('[data-action="language"]')
    shelf.wait("selector => /已停止/.test(document.querySelector(selector)?.textContent)", card(AURORA, ".failure"))
    assert page.inner_text(card(AURORA, "h4")) == "极光"


def test_a_repository_is_listed_by_its_address_with_the_keyboard_alone(shelf):
    page = shelf.page
    page.focus("#shelf-address")
    page.keyboard.type("https://huggingface.co/somebody/two-files")
    page.keyboard.press("Enter")
    page.wait_for_selector("#shelf-found .model")
    assert page.locator("#shelf-found h4").all_inner_texts() == [
        "somebody/two-files:colour.safetensors",
        "somebody/two-files:netG.pth",
    ]
    assert page.locator("#shelf-found pre").text_content() == "<b>Two</b> generators"
    assert all(said.startswith("DCGAN · 64 px") for said in page.locator("#shelf-found .facts").all_inner_texts())

    page.fill("#shelf-address", "nobody/nothing")
    page.keyboard.press("Enter")
    page.wait_for_selector("#shelf-error:visible")
    assert "There is no repository 'nobody/nothing'" in page.inner_text("#shelf-error")


def test_a_file_that_would_be_refused_says_so_and_is_not_offered(shelf):
    page = shelf.page
    page.fill("#shelf-address", "somebody/strange")
    page.keyboard.press("Enter")
    page.wait_for_selector("#shelf-found .model .failure")

    assert "belong to no family known here" in page.inner_text("#shelf-found .failure")
    assert not page.locator("#shelf-found .get").count()
    page.click('[data-action="language"]')
    shelf.wait("/不属于/.test(document.querySelector('#shelf-found .failure')?.textContent)")


def test_a_checkpoint_of_ones_own_is_opened_at_once(shelf):
    page = shelf.page
    file = FIXTURES / "dcgan" / "huggan_rgb64.safetensors"
    shelf.after(lambda: page.set_input_files("#shelf-drop input", file), "recipe.model === 'huggan_rgb64'")

    assert shelf.shows(shelf.recipe)
    assert page.is_visible("#picture")


def test_the_tab_fits_a_phone(shelf):
    page = shelf.page
    page.set_viewport_size({"width": 390, "height": 844})

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(card(MNIST, ".get")).bounding_box()["height"] >= 40
