"""The picture's way to the browser: what is blocked, what breaks, who else is there."""

import re

import pytest

from genart.recipe import Anchor, Recipe

PSI = "#psi input[type=range]"
NO_SOCKET = "window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.({ code: 1006 })); } };"
SOCKETS = """
const Plain = window.WebSocket;
window.sockets = [];
window.WebSocket = class extends Plain { constructor(...about) { super(...about); sockets.push(this); } };
"""


def test_without_a_websocket_pictures_come_by_post(visit):
    visitor = visit(script=NO_SOCKET)
    visitor.after(lambda: visitor.slide(PSI, 0.9))

    assert visitor.shows(visitor.recipe)
    assert visitor.recipe.psi > 1


def test_without_websocket_and_post_pictures_come_through_gradio(visit):
    visitor = visit(script=NO_SOCKET, blocked=re.compile(r"/live$"))
    visitor.after(lambda: visitor.slide(PSI, 0.9))

    assert visitor.shows(visitor.recipe)
    assert visitor.recipe.psi > 1


def test_a_broken_connection_is_made_again_and_the_last_value_is_painted(visit):
    visitor = visit(script=SOCKETS)
    visitor.page.evaluate("sockets.at(-1).close()")
    visitor.after(lambda: visitor.slide(PSI, 0.1), "recipe.psi < 0")

    visitor.wait("() => sockets.length > 1 && sockets.at(-1).readyState === 1")
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("ArrowRight"), "anchor.seed === 8")


def test_a_page_outlives_a_restart_of_the_server(visit, serving):
    visitor = visit()
    serving.stop()
    serving.start()  # with a new secret: the page's old token is worth nothing now
    visitor.page.focus("#picture")
    visitor.page.set_default_timeout(30_000)
    visitor.after(lambda: visitor.press("ArrowRight"), "anchor.seed === 8")

    assert visitor.shows(Recipe(visitor.recipe.model, (Anchor(8),)))
    visitor.page.wait_for_selector("#stage-error", state="hidden")


def test_two_visitors_see_their_own_pictures(visit):
    first, second = visit(), visit(open="?model=stylegan2-classes&seed=500")
    second.page.focus("#picture")
    for _ in range(5):
        first.slide(PSI, 0.9)
        second.press("ArrowRight")
    first.rest("recipe.psi > 1")
    second.rest("anchor.seed === 505")

    assert first.recipe.anchors == (Anchor(7),)
    assert first.shows(first.recipe)
    assert second.shows(Recipe("stylegan2-classes", (Anchor(505),)))


def test_the_page_asks_no_other_host(visit):
    visitor = visit(open=None)
    asked = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.on("websocket", lambda socket: asked.append(socket.url))
    visitor.open()
    visitor.page.click("#about-button")
    visitor.page.wait_for_selector("#about-text:visible")

    own = (visitor.url, visitor.url.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []


LATE = """
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  set onmessage(take) { super.onmessage = (event) => setTimeout(() => take(event), 150); }
};
"""


def test_late_pictures_take_back_nothing_that_the_hand_did(visit):
    visitor = visit(open="?model=digits-vae16&seed=7", script=LATE)
    fader = visitor.page.locator("#fader-list input").first
    start = float(fader.input_value())
    fader.focus()

    visitor.after(lambda: [visitor.press("ArrowRight") for _ in range(20)], "anchor.vector")

    assert float(fader.input_value()) == pytest.approx(start + 0.2, abs=0.011)
    assert visitor.shows(visitor.recipe)


def test_a_refused_number_leaves_the_last_good_recipe(visit):
    visitor = visit(open="?model=digits-vae16&seed=7")
    box = visitor.page.locator("#psi input[type=number]")
    box.fill("9")

    visitor.page.wait_for_selector("#stage-error:visible")
    assert "9 is out of range" in visitor.sentence
    visitor.page.keyboard.press("Tab")
    visitor.page.wait_for_function("document.querySelector('#psi input[type=number]').value === '0.7'")
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("ArrowRight"), "anchor.seed === 8")
    assert visitor.recipe.psi == 0.7


def test_every_step_of_the_history_gets_its_picture(visit):
    visitor = visit(open="?model=digits-vae16&seed=7")
    for _ in range(4):
        visitor.press("r")

    visitor.page.wait_for_function(
        "[...document.querySelectorAll('#history .step')].length === 5"
        " && [...document.querySelectorAll('#history .step')].every((step) => step.style.backgroundImage)"
    )
