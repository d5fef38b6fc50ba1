"""Takes the pictures of docs/tour.md anew: starts the app, drives it in Chromium, saves what is seen.

    python docs/tour.py [SCENE ...]

Needs playwright and /usr/bin/chromium, like the browser tests.
"""

import io
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
FOLDER = HERE / "tour"
DESK = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
SETTLED = 2500  # ms: thumbnails and strips have come by then
QUALITY = 82


def tool(page: Page, name: str, *, to: str | None = None) -> None:
    """Opens a tool and brings a part of it into view."""
    if page.get_attribute(f'[data-tool="{name}"]', "aria-selected") != "true":
        page.click(f'[data-tool="{name}"]')
    if to:
        page.wait_for_selector(to)
        page.locator(to).evaluate("node => node.scrollIntoView({ block: 'center' })")


def seeds(page: Page, field: str, text: str) -> None:
    page.fill(field, text)
    page.keyboard.press("Enter")


def drag(page: Page, selector: str, *places: tuple[float, float]) -> None:
    """Through places in shares of what is dragged over; the hand stays down."""
    page.locator(selector).evaluate("node => node.scrollIntoView({ block: 'center' })")
    box = page.locator(selector).bounding_box()
    assert box is not None
    for index, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=8)
        if not index:
            page.mouse.down()


def directions(page: Page) -> None:
    tool(page, "steer", to="#direction-list")
    page.click("#direction-strips")
    page.wait_for_timeout(SETTLED)
    page.locator("#directions").evaluate("node => node.scrollIntoView({ block: 'start' })")


def parts(page: Page) -> None:
    tool(page, "steer", to="#parts")
    page.locator("#part-list button").first.click()


def pad(page: Page) -> None:
    tool(page, "mix")
    seeds(page, "#mix-seeds", "3,5,8,11")
    page.wait_for_selector("#mix-pad:visible")
    drag(page, "#mix-pad", (0.5, 0.5), (0.4, 0.6), (0.32, 0.38))
    page.mouse.up()


def layers(page: Page) -> None:
    tool(page, "mix")
    seeds(page, "#mix-seeds", "3,5,8,11")
    page.wait_for_selector("#mix-pad:visible")
    page.locator("#mix-presets button").nth(1).click()
    page.locator("#mix-layers").evaluate("node => node.scrollIntoView({ block: 'center' })")


def table(page: Page) -> None:
    layers(page)
    page.click('[data-mix="draw"]')
    page.wait_for_timeout(SETTLED)
    page.locator("#mix-table-panel").evaluate("node => node.scrollIntoView({ block: 'center' })")


def children(page: Page) -> None:
    tool(page, "breed")
    drawn = "() => document.querySelectorAll('.child').length === 9 && !document.querySelector('.child.waiting')"
    page.click("#breed-begin")
    page.wait_for_function(drawn)
    for child in (2, 5, 7):
        page.click(f".child:nth-child({child}) .portrait")
        page.wait_for_timeout(1200)
        page.wait_for_function(drawn)
    page.click(".child:nth-child(1) .up")
    page.click(".child:nth-child(2) .down")


def tree(page: Page) -> None:
    children(page)
    page.locator("#tree-panel").evaluate("node => node.scrollIntoView({ block: 'center' })")


def atlas(page: Page) -> None:
    tool(page, "map", to="#map")
    page.wait_for_selector("#map-wait", state="hidden", timeout=180_000)
    page.wait_for_timeout(SETTLED)
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.4, steps=6)


def wipe(page: Page) -> None:
    tool(page, "keep", to="#keep-compare")
    page.click('[data-keep="pin"]')
    page.press("body", "r")
    page.wait_for_selector("#wipe:visible")


def beside(page: Page) -> None:
    tool(page, "keep", to="#keep-compare")
    for name in ("Pixel people", "Pixel GAN", "Ink portraits"):
        page.locator("#keep-models button", has_text=name).click()


def kept(page: Page) -> None:
    for _ in range(4):
        page.press("body", "r")
        page.wait_for_timeout(400)
        page.click('#actions [data-action="keep"]')
    tool(page, "keep", to="#keep-favourites")


def timeline(page: Page) -> None:
    page.click('[data-action="film"]')
    for some in ("3,4", "8", "11"):
        seeds(page, "#tl-seeds", some)
        page.wait_for_timeout(400)
    page.wait_for_timeout(SETTLED)
    drag(page, "#tl-strip", (0.05, 0.5), (0.3, 0.5), (0.46, 0.5))


def shelf(page: Page) -> None:
    page.locator("button[role=tab]:visible").nth(1).click()


def refused(page: Page) -> None:
    """A pickle that would run a command, dropped on the tab."""
    shelf(page)
    page.wait_for_selector("#shelf-drop")
    page.set_input_files("#shelf-drop input", {"name": "holiday.pkl", "mimeType": "", "buffer": b"cos\nsystem\n(S'ls'\ntR."})
    page.wait_for_selector("#shelf-error:visible", timeout=60_000)


def nothing(page: Page) -> None:
    page.wait_for_timeout(SETTLED)


Scene = tuple[str, dict[str, Any], Callable[[Page], None]]
SCENES: dict[str, Scene] = {
    "first": ("", DESK, nothing),
    "first-phone": ("", PHONE, nothing),
    "directions-vae": ("?model=skies&seed=3", DESK, directions),
    "directions-gan": ("?model=pixel-gan&seed=3", DESK, directions),
    "parts": ("?model=portraits&seed=12", DESK, parts),
    "mix-vae": ("?model=schools&seed=3", DESK, pad),
    "mix-gan": ("?model=digits-gan&seed=3", DESK, pad),
    "layers-gan": ("?model=pixel-gan&seed=3", DESK, layers),
    "table-vae": ("?model=portraits&seed=3", DESK, table),
    "breed-gan": ("?model=pixel-gan&seed=3", DESK, children),
    "breed-vae": ("?model=skies&seed=3", DESK, tree),
    "map-vae": ("?model=digits-vae2&seed=3", DESK, atlas),
    "map-gan": ("?model=pixel-gan&seed=3", DESK, atlas),
    "wipe-gan": ("?model=pixel-gan&seed=3", DESK, wipe),
    "beside": ("?model=pixel-vae&seed=3", DESK, beside),
    "kept": ("?model=portraits&seed=3", DESK, kept),
    "timeline": ("?model=skies&seed=3", DESK, timeline),
    "alphabet": ("?model=type&seed=32", DESK, nothing),
    "models": ("", DESK, shelf),
    "refused": ("", DESK, refused),
    "breed-phone": ("?model=pixel-gan&seed=3", PHONE, children),
    "mix-phone": ("?model=type&seed=3", PHONE, pad),
    "map-phone": ("?model=digits-vae2&seed=3", PHONE, atlas),
}


@contextmanager
def served() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    app = subprocess.Popen([sys.executable, HERE.parent / "app.py", "--port", str(port)], cwd=HERE.parent)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/"
    finally:
        app.terminate()
        app.wait()


def main(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with served() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for name in names or SCENES:
            query, window, act = SCENES[name]
            page = browser.new_context(locale="en-GB", color_scheme="dark", **window).new_page()
            page.goto(url + query)
            page.wait_for_selector("#stage.alive", timeout=60_000)
            act(page)
            page.wait_for_timeout(SETTLED)
            seen = Image.open(io.BytesIO(page.screenshot()))
            seen.convert("RGB").save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
            print(name, flush=True)
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
