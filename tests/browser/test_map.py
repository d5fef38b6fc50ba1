"""The map under the hand: a GAN's and a VAE's, the plane, zooming, going there, walks drawn on it."""

import re

import numpy as np
import pytest

from genart.atlas import shares
from genart.recipe import Anchor, Recipe
from genart.ui import maps as module

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PAINTED = """() => {
  const map = document.querySelector("#map");
  if (!map.dataset.level || !map.width) return false;
  const { data } = map.getContext("2d").getImageData(0, 0, map.width, map.height);
  return new Set(data).size > 12;
}"""


@pytest.fixture(autouse=True)
def small_maps(monkeypatch):
    monkeypatch.setattr(module, "COUNTS", (36,))


def opened(visitor, model: str):
    """The map of a model, in view, once it is painted."""
    visitor.choose(model)
    if visitor.page.get_attribute('[data-tool="map"]', "aria-selected") != "true":
        visitor.page.click('[data-tool="map"]')
    visitor.page.wait_for_selector("#map-wait", state="hidden")
    visitor.page.locator("#map").scroll_into_view_if_needed()
    visitor.wait(PAINTED)
    return visitor


def told(visitor, model: str) -> dict:
    """The map as the server tells it."""
    ask = """model => fetch("live/map/points", { method: "POST", body: JSON.stringify({ model }),
      headers: { "x-genart-token": window.mapToken } }).then((answer) => answer.json())"""
    return visitor.page.evaluate(ask, model)


@pytest.fixture
def visitor(visit):
    """A visitor whose token the test knows, and whose page must not complain."""
    script = """const send = fetch; window.fetch = (...about) => {
      window.mapToken = about[1]?.headers?.["x-genart-token"] ?? window.mapToken; return send(...about); };"""
    visitor = visit(script=script)
    yield visitor
    assert visitor.complaints == []


def at(visitor, x: float, y: float) -> tuple[float, float]:
    """A place of the map, 0 .. 1, on the screen, while all of it is seen."""
    box = visitor.page.locator("#map").bounding_box()
    size = min(box["width"], box["height"])
    return box["x"] + box["width"] / 2 + (x - 0.5) * size, box["y"] + box["height"] / 2 + (y - 0.5) * size


def middle_of(visitor, model: str, index: int) -> tuple[float, float]:
    atlas = told(visitor, model)
    column, row = atlas["cells"][2 * index : 2 * index + 2]
    return at(visitor, (column + 0.5) / atlas["side"], (row + 0.5) / atlas["side"])


@pytest.mark.parametrize("model", ["stylegan2-classes", "vae", "dcgan-classes"])
def test_a_click_on_a_point_goes_exactly_there_and_is_a_step(visitor, model):
    opened(visitor, model)
    atlas = told(visitor, model)
    label = atlas["labels"][5] if atlas["labels"][5] >= 0 else None
    visitor.step(lambda: visitor.page.mouse.click(*middle_of(visitor, model, 5)), "anchor.seed === 5")

    assert visitor.recipe.anchors == (Anchor(5, label=label),)
    assert visitor.shows(Recipe(model, (Anchor(5, label=label),), psi=atlas["psi"]))


def test_under_the_pointer_is_the_picture_between_points_and_beside_the_map_the_present_one(visitor):
    opened(visitor, "vae")
    present, steps = visitor.recipe, visitor.steps
    x, y = middle_of(visitor, "vae", 3)
    visitor.after(lambda: visitor.page.mouse.move(x + 25, y + 20), "recipe.anchors.length > 1")
    weights = [anchor.weight for anchor in visitor.recipe.anchors]
    assert sum(weights) == pytest.approx(1, abs=1e-3)
    assert "%" in visitor.page.inner_text("#map-status")

    visitor.after(lambda: visitor.page.mouse.move(5, 5), "recipe.anchors.length === 1")
    assert visitor.recipe == present
    assert visitor.steps == steps


def test_the_map_of_two_latent_numbers_is_the_plane(visitor):
    opened(visitor, "digits-vae2")
    visitor.step(lambda: visitor.page.mouse.click(*at(visitor, 0.25, 0.75)), "recipe.psi === 1 && anchor.vector")
    z = visitor.page.evaluate("lastHead().point")

    assert np.allclose(z, [-1.5, 1.5], atol=0.03)
    assert visitor.page.locator("#map-legend button").count() == 10


def test_the_keyboard_zooms_moves_and_goes_there(visitor):
    opened(visitor, "vae")
    visitor.page.focus("#map")
    level = visitor.page.get_attribute("#map", "data-level")
    visitor.press(*["+"] * 7)
    visitor.wait("() => document.querySelector('#map').dataset.level === 'large'")
    visitor.press("0", "-", "-")
    visitor.wait("level => document.querySelector('#map').dataset.level !== 'large'", level)
    steps = visitor.steps
    visitor.after(lambda: visitor.press("ArrowRight", "ArrowDown"))
    assert visitor.steps == steps
    visitor.step(lambda: visitor.press("Enter"))
    assert visitor.recipe.anchors[0].seed < 36


def test_the_wheel_zooms_and_dragging_moves_without_going_anywhere(visitor):
    opened(visitor, "vae")
    steps = visitor.steps
    visitor.page.mouse.move(*at(visitor, 0.5, 0.5))
    for _ in range(8):
        visitor.page.mouse.wheel(0, -120)
    visitor.wait("() => document.querySelector('#map').dataset.level === 'large'")
    visitor.page.mouse.down()
    visitor.page.mouse.move(*at(visitor, 0.7, 0.6), steps=4)
    assert visitor.page.evaluate("document.querySelector('#map').classList.contains('panning')")
    visitor.page.mouse.up()

    assert visitor.steps == steps


def test_a_drawn_line_becomes_a_walk_that_plays(visitor):
    opened(visitor, "dcgan-classes")
    visitor.page.click('[data-map="draw"]')
    visitor.page.mouse.move(*at(visitor, 0.2, 0.3))
    visitor.page.mouse.down()
    for x, y in ((0.4, 0.5), (0.6, 0.4), (0.8, 0.7)):
        visitor.page.mouse.move(*at(visitor, x, y), steps=4)
    visitor.page.mouse.up()
    visitor.page.wait_for_selector(".tl-key")
    visitor.wait("() => parseFloat(document.querySelector('#tl-time').textContent) > 0")

    assert 4 <= visitor.page.locator(".tl-key").count() <= 12
    assert visitor.page.get_attribute('[data-film="loop"]', "aria-pressed") == "false"
    assert visitor.page.get_attribute('[data-map="draw"]', "aria-pressed") == "false"
    visitor.page.click('[data-film="play"]')


def test_favourites_are_pins_and_a_tap_on_one_opens_it(visitor):
    opened(visitor, "vae")
    visitor.step(lambda: visitor.page.mouse.click(*middle_of(visitor, "vae", 9)), "anchor.seed === 9")
    visitor.page.click('[data-action="keep"]')
    kept = visitor.recipe
    visitor.step(lambda: visitor.page.mouse.click(*middle_of(visitor, "vae", 20)), "anchor.seed === 20")
    x, y = middle_of(visitor, "vae", 9)
    visitor.step(lambda: visitor.page.mouse.click(x, y - 23), "anchor.seed === 9")

    assert visitor.recipe == kept
    visitor.page.evaluate("localStorage.removeItem('genart.kept')")


def test_a_build_is_cancelled_and_begun_again(visitor, monkeypatch):
    monkeypatch.setattr(module, "COUNTS", (4096,))
    visitor.choose("stylegan3")
    visitor.page.click('[data-tool="map"]')
    visitor.page.click("#map-cancel")
    visitor.page.wait_for_selector("#map-again")
    monkeypatch.setattr(module, "COUNTS", (36,))
    visitor.page.click("#map-again")
    visitor.page.wait_for_selector("#map-wait", state="hidden")
    visitor.wait(PAINTED)


def test_a_map_that_the_server_gave_up_is_begun_again(visitor, monkeypatch):
    """As after a laptop's sleep, in which nobody asked how far it was."""
    monkeypatch.setattr(module, "COUNTS", (4096,))
    begun = []
    visitor.page.on("request", lambda request: begun.append(request) if request.url.endswith("/live/map") else None)
    visitor.page.route("**/live/map/state", lambda route: route.fulfill(json={"finished": False, "phase": "gone"}), times=1)
    visitor.choose("portraits")
    for _ in range(2):
        with visitor.page.expect_response("**/live/map/state"):
            visitor.page.click('[data-tool="map"]') if not begun else None
    visitor.page.click("#map-cancel")

    assert len(begun) == 2


def test_a_class_is_seen_alone(visitor):
    opened(visitor, "stylegan2-classes")
    chips = visitor.page.locator("#map-legend button")
    assert chips.count() == 3
    chips.nth(1).click()
    assert chips.nth(1).get_attribute("aria-pressed") == "true"
    chips.nth(1).click()
    assert chips.nth(1).get_attribute("aria-pressed") == "false"


def test_on_a_phone_a_finger_goes_there_and_two_zoom(visit):
    visitor = opened(visit(**PHONE), "vae")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    visitor.page.locator("#map").evaluate("node => node.scrollIntoView({ block: 'end' })")
    touch = visitor.page.context.new_cdp_session(visitor.page)

    def send(kind: str, *points: tuple[float, float]):
        touched = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    def finger():
        send("touchStart", at(visitor, 0.3, 0.8))
        send("touchMove", at(visitor, 0.5, 0.75))
        send("touchEnd")

    visitor.step(finger)
    send("touchStart", at(visitor, 0.45, 0.8), at(visitor, 0.55, 0.8))
    for share in (0.1, 0.2, 0.3, 0.4):
        send("touchMove", at(visitor, 0.45 - share, 0.8), at(visitor, 0.55 + share, 0.8))
    send("touchEnd")
    visitor.wait("() => document.querySelector('#map').dataset.level === 'large'")
    assert visitor.complaints == []


def test_the_page_weighs_neighbours_as_the_server_does(visitor):
    for distances in ([0.5, 0.6, 0.8, 1.1, 1.3], [1, 1, 1, 1, 1], [0, 1, 2]):
        ours = visitor.page.evaluate(
            "distances => import('/static-genart/atlas.js').then(({ shares }) => shares(distances))", distances
        )
        assert np.allclose(ours, shares(np.array(distances)))


def test_a_path_is_cut_into_even_steps(visitor):
    cut = (
        """([path, count, closed]) => import('/static-genart/atlas.js').then(({ resampled }) => resampled(path, count, closed))"""
    )
    corner = [[0, 0], [0.1, 0], [0.4, 0], [0.4, 0.4]]

    assert np.allclose(visitor.page.evaluate(cut, [corner, 3, False]), [[0, 0], [0.4, 0], [0.4, 0.4]])
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert np.allclose(visitor.page.evaluate(cut, [square, 4, True]), square)


def test_the_map_speaks_chinese(visit):
    visitor = opened(visit(locale="zh-CN"), "vae")
    texts = visitor.page.inner_text("#map-about") + visitor.page.get_attribute("#map", "aria-label")

    assert not re.search(r"[A-Za-z]{3,}", texts)


def test_the_keyboard_drops_points_of_a_walk_and_plays_it(visitor):
    opened(visitor, "vae")
    visitor.page.focus("#map")
    visitor.press("ArrowRight", " ", "ArrowDown", "ArrowDown", " ", "ArrowLeft", " ", "ArrowRight", " ", "Backspace")
    visitor.press("Enter")
    visitor.wait("() => document.querySelectorAll('#timeline .tl-key').length === 3")


def test_the_last_point_taken_back_ends_the_walk(visitor):
    opened(visitor, "vae")
    visitor.page.focus("#map")
    visitor.press("ArrowRight", " ", "Backspace", "Backspace")
    note = visitor.page.inner_text("#note")
    visitor.press("ArrowLeft", " ", "ArrowDown", " ")

    assert "0" not in note
    assert visitor.page.inner_text("#note").startswith("2 points")


def test_a_walk_that_is_full_says_so(visitor):
    opened(visitor, "vae")
    visitor.page.focus("#map")
    for key in ["ArrowRight", "ArrowLeft"] * 16:
        visitor.press(key, " ")
    assert visitor.page.inner_text("#note").startswith("32 points")
    visitor.press("ArrowRight", " ")

    assert visitor.page.inner_text("#note") == "A walk has 32 points at most; Enter plays it"


def test_what_is_seen_on_the_map_is_what_h_keeps(visitor):
    opened(visitor, "vae")
    steps = visitor.steps
    visitor.page.mouse.move(*at(visitor, 0.4, 0.5))
    visitor.after(lambda: visitor.page.mouse.move(*at(visitor, 0.42, 0.5)))
    seen = visitor.recipe
    visitor.press("h")
    visitor.page.click('[data-tool="keep"]')
    visitor.step(lambda: visitor.page.click(".keep-card .keep-open"), "recipe.anchors.length > 1")
    assert visitor.recipe.anchors == seen.anchors
    assert visitor.steps > steps
