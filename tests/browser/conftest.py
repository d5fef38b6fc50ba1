"""A real Chromium in front of the real page, with tiny models behind it."""

import mimetypes
import os
import shutil
import socket
import threading
from base64 import b64decode

import numpy as np
import pytest
import torch
import uvicorn
from gradio.context import Context
from safetensors.torch import save_file

from genart.catalogue import ENTRIES, Entry
from genart.families.dcgan import DCGAN
from genart.recipe import Recipe
from genart.ui import build
from genart.ui.words import WORDS
from genart.weights.read import sha256_of

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SEED = 7
# Keeps the pixels of the last picture before the canvas enlarges them, and knows when the page is at rest.
WATCH = """
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (source, ...place) {
  if (this.canvas.id === "picture") {
    window.native = new OffscreenCanvas(source.width, source.height).getContext("2d", { willReadFrequently: true });
    native.drawImage(source, 0, 0);
  }
  return draw.call(this, source, ...place);
};
window.lastHead = () => window.__live?.heads.at(-1);
window.atRest = () => lastHead() && !lastHead().hurry && lastHead().recipe;
window.pixels = () => {
  const { width, height } = native.canvas;
  const { data } = native.getImageData(0, 0, width, height);
  let bytes = "";
  for (let i = 0; i < data.length; i += 8192) bytes += String.fromCharCode(...data.subarray(i, i + 8192));
  return [height, width, btoa(bytes)];
};
window.fits = (condition) => {
  const [head, recipe, anchor] = [lastHead(), atRest(), atRest()?.anchors?.[0]];
  return recipe && new Function("head", "recipe", "anchor", `return ${condition}`)(head, recipe, anchor);
};
"""
DROP = """([name, type, bytes]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([Uint8Array.from(bytes)], name, { type }));
  const about = { dataTransfer: carried, bubbles: true, cancelable: true };
  for (const kind of ["dragenter", "dragover", "drop"])
    document.querySelector("#picture").dispatchEvent(new DragEvent(kind, about));
}"""
CONTROLS = """() => {
  const of = (selector, read) => [...document.querySelectorAll(selector)].filter((node) => node.offsetParent).map(read);
  return {
    model: of('#models .card[aria-pressed="true"]', (node) => node.dataset.model),
    fields: of("#seed, #noise-seed", (node) => [node.id, node.value, node.placeholder]),
    sliders: of("#controls input[type=range]", (node) => [node.getAttribute("aria-label"), node.value]),
    pressed: of("#controls button[aria-pressed]", (node) => [node.textContent.trim(), node.getAttribute("aria-pressed")]),
    size: of("#saved-size", (node) => node.value),
  };
}"""


class Visitor:
    """One page in a browser context of its own, and what it said and asked for."""

    def __init__(self, page, url: str, studio):
        self.page, self.url, self.studio = page, url, studio
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script(WATCH)

    def open(self, query: str = "") -> "Visitor":
        self.page.goto(self.url + query, wait_until="commit")
        return self.rest()

    def wait(self, condition: str, value: object = None):
        return self.page.wait_for_function(condition, arg=value, polling=30)

    def rest(self, condition: str = "true") -> "Visitor":
        """Wait for a whole picture whose head, `head`, recipe, `recipe`, and first anchor, `anchor`, fit."""
        self.wait("condition => window.fits?.(condition)", condition)
        return self

    def after(self, act, condition: str = "true") -> "Visitor":
        """Do something and wait for the whole picture that follows."""
        seq = self.seq
        act()
        return self.rest(f"head.seq > {seq} && ({condition})")

    def step(self, act, condition: str = "true") -> "Visitor":
        """The same, and wait until the history holds it."""
        count = self.steps
        self.after(act, condition)
        self.wait("count => document.querySelectorAll('#history .step').length > count", count)
        return self

    def choose(self, model: str) -> "Visitor":
        if self.recipe.model != model:
            self.after(lambda: self.page.click(f'[data-model="{model}"]'), f"recipe.model === '{model}'")
        return self

    def slide(self, selector: str, share: float):
        """Drag a slider's handle to a share of its width and let go."""
        self.page.locator(selector).first.scroll_into_view_if_needed()
        box = self.page.locator(selector).first.bounding_box()
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] / 2, y)
        self.page.mouse.down()
        for step in range(1, 13):
            self.page.mouse.move(box["x"] + box["width"] * (0.5 + (share - 0.5) * step / 12), y)
        self.page.mouse.up()

    def drag_picture(self, x: float, y: float):
        box = self.page.locator("#picture").bounding_box()
        at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(*at)
        self.page.mouse.down()
        for step in range(1, 13):
            self.page.mouse.move(at[0] + box["width"] * x * step / 12, at[1] + box["height"] * y * step / 12)
        self.page.mouse.up()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def open_advanced(self) -> None:
        self.page.click("#advanced-toggle")

    def drop(self, name: str, data: bytes) -> None:
        """Drop a file on the picture; as in a folder, its name tells its type."""
        self.page.evaluate(DROP, [name, mimetypes.guess_type(name)[0] or "", list(data)])

    @property
    def seq(self) -> int:
        return self.page.evaluate("lastHead()?.seq ?? 0")

    @property
    def steps(self) -> int:
        return self.page.locator("#history .step").count()

    @property
    def recipe(self) -> Recipe:
        return Recipe.from_dict(self.page.evaluate("atRest()"))

    @property
    def controls(self) -> dict:
        return self.page.evaluate(CONTROLS)

    @property
    def pixels(self) -> np.ndarray:
        """The picture as it was drawn, uint8 (H, W, 3), before the canvas enlarged it."""
        height, width, values = self.page.evaluate("pixels()")
        return np.frombuffer(b64decode(values), np.uint8).reshape(height, width, 4)[:, :, :3]

    @property
    def sentence(self) -> str:
        return self.page.inner_text("#stage-error") if self.page.is_visible("#stage-error") else ""

    def shows(self, recipe: Recipe, within: int = 1) -> bool:
        expected, seen = self.studio.render(recipe).astype(int), self.pixels
        return expected.shape == seen.shape and np.abs(expected - seen).max() <= within


class Serving:
    """The app on a port, in this process; it can end and come back on the same port."""

    def __init__(self, studio, entries, seed=SEED):
        self.studio, self.entries, self.seed = studio, entries, seed
        self.port = 0
        self.start()

    def start(self) -> None:
        door = socket.create_server(("127.0.0.1", self.port))
        self.port = door.getsockname()[1]
        Context.id = 0  # Gradio numbers its components anew, as a process of its own would
        app = build(lambda: self.studio, entries=self.entries, seed=self.seed)
        config = uvicorn.Config(app, log_level="error", ws_per_message_deflate=False, timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [door]}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture(scope="session")
def page_entries(entries, tmp_path_factory):
    """Tiny models first, one with more than 32 latent numbers, then what is shipped."""
    path = tmp_path_factory.mktemp("weights") / "wide.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        state = DCGAN([(40, 8, 4), (8, 8, 4), (8, 1, 4)]).state_dict()
    save_file({name: 4 * tensor if tensor.dim() == 4 else tensor for name, tensor in state.items()}, path)
    wide = Entry("wide", str(path), sha256_of(path), "GAN", "CC0-1.0", "tiny wide")
    names = ("stylegan2-classes", "stylegan2", "stylegan3", "dcgan-classes", "vae")
    return {name: entries[name] for name in names} | {"wide": wide} | ENTRIES


@pytest.fixture(scope="session")
def page_studio(page_entries):
    from genart.studio import Studio

    return Studio("cpu", page_entries)


@pytest.fixture(scope="session")
def words(page_entries):
    """Titles for the tiny models."""
    with pytest.MonkeyPatch.context() as patch:
        for name in page_entries:
            if f"model.{name}" not in WORDS:
                patch.setitem(WORDS, f"model.{name}", (name, name))
        yield WORDS


@pytest.fixture(scope="session")
def serving(page_studio, page_entries, words):
    serving = Serving(page_studio, page_entries)
    yield serving
    serving.stop()


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("GENART_BROWSER_REQUIRED"):
            pytest.fail("no Chromium on this machine; install it: apt-get install chromium")
        pytest.skip("no Chromium on this machine; install it to test the page: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, serving):
    """A function that opens a page for a new visitor: their window, language, and what they cannot reach."""
    contexts = []

    def visit(*, open: str | None = "", script: str = "", blocked: str | None = None, **options) -> Visitor:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(locale=options.pop("locale", "en-GB"), reduced_motion="reduce", **options)
        contexts.append(context)
        context.set_default_timeout(20_000)
        visitor = Visitor(context.new_page(), serving.url, serving.studio)
        if script:
            visitor.page.add_init_script(script)
        if blocked:
            visitor.page.route(blocked, lambda route: route.abort())
        return visitor if open is None else visitor.open(open)

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def visitor(visit):
    """A visitor at the first picture of the first model; the page must not complain."""
    visitor = visit()
    yield visitor
    assert visitor.complaints == []
