"""The timeline under the hand: keys, scrubbing, playing, films, and dropped files."""

import base64

import numpy as np
import pytest

from genart.export import read_notes
from genart.export.film import FORMATS, Film, save_film, sized
from genart.recipe import Anchor, Recipe
from genart.walk import Key, Walk

MODEL = "dcgan-classes"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

# What the browser's own decoders make of a file: its size, its seconds, and the pixels of a moment.
PLAYED = """async ([text, kind, second]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const src = URL.createObjectURL(new Blob([bytes], { type: kind }));
  const moving = kind.startsWith("video");
  const shown = document.createElement(moving ? "video" : "img");
  const done = (name) => new Promise((resolve, reject) => Object.assign(shown, { [name]: resolve, onerror: reject }));
  const loaded = done(moving ? "onloadeddata" : "onload");
  Object.assign(shown, { src, muted: true, preload: "auto" });
  await loaded;
  if (second) {
    const sought = done("onseeked");
    shown.currentTime = second;
    await sought;
  }
  const [width, height] = moving ? [shown.videoWidth, shown.videoHeight] : [shown.naturalWidth, shown.naturalHeight];
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
  context.drawImage(shown, 0, 0);
  return { width, height, seconds: shown.duration ?? 0, pixels: [...context.getImageData(0, 0, width, height).data] };
}"""
KINDS = {"mp4": "video/mp4", "webm": "video/webm", "gif": "image/gif", "webp": "image/webp", "sheet": "image/png"}


@pytest.fixture
def filming(visit):
    """A visitor with three keys of one second each on the timeline."""
    visitor = visit(open=f"?model={MODEL}&seed=3")
    visitor.page.click('[data-action="film"]')
    for seeds in ("3,4", "5"):
        visitor.page.fill("#tl-seeds", seeds)
        visitor.press("Enter")
    for number in range(3):
        visitor.page.click(f".tl-key >> nth={number}")
        visitor.page.fill("#tl-seconds", "1")
        visitor.press("Enter")
    yield visitor
    assert visitor.complaints == []


def keys(visitor) -> int:
    return visitor.page.locator(".tl-key").count()


def time(visitor) -> str:
    return visitor.page.inner_text("#tl-time")


def tap_track(visitor, share: float):
    box = visitor.page.locator("#tl-strip").bounding_box()
    visitor.page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)


def walk(*seeds: int) -> Walk:
    return Walk(tuple(Key(Recipe(MODEL, (Anchor(seed),)), 1.0) for seed in seeds), loop=True)


def test_a_moment_on_the_track_is_painted_and_becomes_the_present_picture(filming):
    filming.after(lambda: tap_track(filming, 0.5), "recipe.anchors.length === 2")
    second = float(time(filming).split()[0])

    assert (keys(filming), time(filming)) == (3, "1.5 / 3.0 s")
    assert filming.shows(walk(3, 4, 5).at(second), within=2)
    assert filming.page.input_value("#seed") == ""


def test_keys_of_the_keyboard_play_add_and_undo(filming):
    filming.page.focus("#tl-track")
    filming.press("k")
    assert keys(filming) == 4
    filming.press("z")
    assert keys(filming) == 3
    filming.press("Home")
    filming.press(" ")
    filming.wait("() => parseFloat(document.querySelector('#tl-time').textContent) > 0.5")
    filming.wait("() => lastHead().recipe?.anchors.length > 1")
    filming.press(" ")
    filming.rest("recipe.anchors.length === 2")

    assert filming.page.get_attribute('[data-film="play"]', "aria-pressed") == "false"


def test_a_key_is_dragged_along_the_track(filming):
    box = filming.page.locator(".tl-key >> nth=1").bounding_box()
    filming.page.mouse.move(box["x"] + 10, box["y"] + 10)
    filming.page.mouse.down()
    filming.page.mouse.move(box["x"] + 80, box["y"] + 10, steps=5)
    filming.page.mouse.up()
    filming.page.click(".tl-key >> nth=1")
    moved = float(time(filming).split()[0])

    assert 1.1 < moved < 1.5
    assert time(filming).endswith("3.0 s")


def test_a_control_takes_over_while_the_walk_plays(filming):
    filming.page.click('[data-film="play"]')
    filming.wait("() => parseFloat(document.querySelector('#tl-time').textContent) > 0.3")
    filming.after(lambda: filming.page.click('[data-action="dice"]'), "recipe.anchors.length === 1")

    assert filming.page.get_attribute('[data-film="play"]', "aria-pressed") == "false"


def test_a_film_is_made_and_dropped_back(filming, visit):
    filming.page.click('[data-film="export"]')
    filming.page.select_option("#film-format", "webm")
    filming.page.select_option("#film-side", "256")
    filming.page.select_option("#film-fps", "12")
    filming.wait("() => /36/.test(document.querySelector('#film-estimate').textContent)")
    with filming.page.expect_download() as download:
        filming.page.click("#film-start")
    data = download.value.path().read_bytes()

    assert [key.recipe.anchors[0].seed for key in read_notes(data).walk.keys] == [3, 4, 5]
    other = visit(open="?model=vae&seed=1")
    other.drop(download.value.suggested_filename, data)
    other.rest(f"recipe.model === '{MODEL}'")
    assert keys(other) == 3
    assert time(other).endswith("3.0 s")


def test_a_film_can_be_cancelled(filming):
    filming.page.click('[data-film="export"]')
    filming.page.select_option("#film-side", "2048")
    filming.page.select_option("#film-fps", "60")
    filming.page.click("#film-start")
    filming.page.wait_for_selector("#film-progress:visible")
    filming.page.click("#film-cancel")
    filming.wait("() => /Cancelled/.test(document.querySelector('#film-estimate').textContent)")
    filming.page.wait_for_selector("#film-progress", state="hidden")


def test_ready_made_walks_are_on_the_menu(filming):
    for name in ("circle", "classes"):
        filming.page.select_option("#tl-from", f"make {name}")
        filming.wait("count => document.querySelectorAll('.tl-key').length === count", {"circle": 4, "classes": 3}[name])


def test_the_timeline_fits_a_phone(visit):
    visitor = visit(open=f"?model={MODEL}&seed=3", **PHONE)
    visitor.page.click('[data-action="film"]')
    visitor.page.click('[data-film="key"]')
    visitor.page.click(".tl-key")

    assert visitor.page.evaluate("document.documentElement.scrollWidth") == 390
    assert visitor.page.locator("#timeline").bounding_box()["height"] < 844 / 3


@pytest.mark.parametrize("name", KINDS)
def test_the_browser_itself_plays_a_film(visitor, page_studio, tmp_path, name):
    path = tmp_path / f"a{FORMATS[name].suffix}"
    film = walk(3, 4)
    save_film(page_studio, film, Film(name, 64, 10, "best"), path)
    second = 1.05 if KINDS[name].startswith("video") else 0
    data = base64.b64encode(path.read_bytes()).decode()
    played = visitor.page.evaluate(PLAYED, [data, KINDS[name], second])
    if name == "sheet":
        assert (played["width"], played["height"]) == (5 * 66 + 2, 4 * 66 + 2)
        return
    pixels = np.array(played["pixels"], np.uint8).reshape(64, 64, 4)[:, :, :3]
    expected = page_studio.render(sized(page_studio, film.at(1.0 if second else 0.0), 64))

    assert np.abs(pixels.astype(int) - expected).mean() < 8
    assert not second or played["seconds"] == pytest.approx(2.0, abs=0.1)


def test_keys_have_small_pictures_that_are_fetched_once(filming):
    drawn = "() => [...document.querySelectorAll('.tl-key canvas')].every((one) => one.dataset.shown === one.dataset.wanted)"
    filming.wait(drawn)
    asked = []
    filming.page.on("request", lambda request: asked.append(request.url) if "live/cells" in request.url else None)
    filming.page.click(".tl-key >> nth=1")
    filming.page.click('[data-film="later"]')
    filming.page.click('[data-film="undo"]')
    filming.wait(
        "() => [...document.querySelectorAll('.tl-key canvas')].every((one) => one.dataset.shown === one.dataset.wanted)"
    )

    assert asked == []


def test_the_keys_on_either_side_lie_over_the_picture(filming):
    filming.page.click('[data-film="onion"]')
    drawn = "() => document.querySelector('#onion').getContext('2d').getImageData(128, 128, 1, 1).data[3] > 0"
    filming.wait(drawn)

    assert filming.page.is_visible("#onion")


def test_the_keyboard_moves_chooses_and_deletes_keys(filming):
    filming.page.focus("#tl-track")
    filming.press("End")
    assert time(filming) == "3.0 / 3.0 s"
    filming.press("ArrowLeft")
    assert time(filming) == "2.9 / 3.0 s"
    filming.page.focus(".tl-key >> nth=1")
    filming.press("ArrowRight")
    filming.press("Enter")
    assert time(filming).startswith("1.1")
    filming.press("Delete")

    assert keys(filming) == 2


def test_the_timeline_is_scrubbed_and_a_film_made_on_a_phone(visit):
    visitor = visit(open=f"?model={MODEL}&seed=3", **PHONE)
    visitor.page.tap('[data-action="film"]')
    visitor.page.select_option("#tl-from", "make classes")
    visitor.wait("() => document.querySelectorAll('.tl-key').length === 3")
    box = visitor.page.locator("#tl-strip").bounding_box()
    visitor.after(lambda: visitor.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
    assert float(time(visitor).split()[0]) > 1
    visitor.page.tap('[data-film="export"]')
    visitor.page.select_option("#film-format", "gif")
    visitor.page.select_option("#film-side", "256")
    visitor.page.select_option("#film-fps", "12")
    with visitor.page.expect_download() as download:
        visitor.page.tap("#film-start")

    assert download.value.suggested_filename.endswith(".gif")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") == 390
    small = [
        name
        for name in ("#film-format", "#film-start", "#film-cancel", '[data-film="play"]', "#tl-from")
        if (found := visitor.page.locator(name).bounding_box()) and found["height"] < 36
    ]
    assert small == []
    assert visitor.complaints == []
