"""The page for every eye and hand: languages, themes, phones, keyboards, screen readers."""

import re

import pytest

from genart.ui.words import in_both

PSI = "#psi input[type=range]"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TEXTS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (node.closest("script, style, noscript, code, footer, [hidden]") || !node.getClientRects().length) continue;
    found.push(walker.currentNode.nodeValue.trim());
  }
  for (const node of document.querySelectorAll("gradio-app [aria-label], gradio-app [title], gradio-app [placeholder]"))
    if (node.getClientRects().length && !node.closest("footer"))
      found.push(...["aria-label", "title", "placeholder"].map((name) => node.getAttribute(name)).filter(Boolean));
  return found.filter(Boolean);
}"""
BLOCKS = """() => {
  const names = ["#masthead", "#frame", "#actions", "#history", "#model-panel", "#seed-panel", "#psi", "#advanced-toggle"];
  return names.flatMap((name) => {
    const { x, y, width } = document.querySelector(name).getBoundingClientRect();
    return [[`${name} x`, x], [`${name} y`, y], [`${name} width`, width]];
  });
}"""
CARDS_PAINTED = """() => [...document.querySelectorAll("#models canvas")]
  .every((card) => new Set(card.getContext("2d").getImageData(0, 0, 96, 96).data).size > 2)"""
NAMELESS = """() => [...document.querySelectorAll("button, input, select, textarea, a[href], [tabindex='0']")]
  .filter((node) => node.offsetParent && !node.closest("footer"))
  .filter((node) => !(node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.title || node.textContent).trim())
  .map((node) => node.outerHTML.slice(0, 120))"""
NUMBERED = """() => [...document.querySelectorAll("#picture, #stage button, #controls button, #controls input, #controls select")]
  .filter((node) => node.offsetParent && node.tabIndex >= 0 && !node.disabled)
  .map((node, index) => (node.dataset.order = index))"""
# Names and terms that stay as they are; the Chinese credits keep names of people and data sets.
KEPT = r"genart|StyleGAN2?|DCGAN|VAE|GAN|Apache-2\.0|CC0-1\.0|MNIST|psi|sigma|px|fps|ms|cpu|PNG|Shift\+Z|English"


def test_the_chinese_page_has_no_english_left(visit, page_entries):
    visitor = visit(locale="zh-CN")
    visitor.open_advanced()
    credits = {in_both(entry.credit)[1] for entry in page_entries.values()} | {entry.licence for entry in page_entries.values()}
    texts = visitor.page.evaluate(TEXTS)
    visitor.page.click("#about-button")
    visitor.page.wait_for_selector("#about-text:visible")
    texts += visitor.page.evaluate(TEXTS)

    def english(text: str) -> bool:
        for credit in credits:
            text = text.replace(credit, "")
        return bool(re.search(r"[A-Za-z]{2,}\W+[A-Za-z]{2,}", re.sub(KEPT, "", text)))

    left = [text for text in texts if english(text) and text not in page_entries]
    assert left == [], left
    assert any("多样性" in text for text in texts)


def test_switching_the_language_and_back_leaves_every_text_as_it_was(visitor):
    texts = visitor.page.evaluate(TEXTS)
    visitor.page.click('[data-action="language"]')
    visitor.wait("() => document.documentElement.lang === 'zh-Hans'")
    assert visitor.page.evaluate(TEXTS) != texts
    visitor.page.click('[data-action="language"]')
    visitor.wait("() => document.documentElement.lang === 'en'")

    def words(texts: list[str]) -> list[str]:
        changing = r"\d ms|strip is drawn|sigma the picture changes"  # times, and what is measured meanwhile
        return [text for text in texts if not re.search(changing, text)]

    assert words(visitor.page.evaluate(TEXTS)) == words(texts)


def test_the_theme_button_turns_the_page_dark_and_the_next_visit_remembers(visitor):
    colour = "getComputedStyle(document.body).backgroundColor"
    light = visitor.page.evaluate(colour)
    visitor.page.click('[data-action="theme"]')
    visitor.wait("() => document.body.classList.contains('dark')")
    assert visitor.page.evaluate(colour) != light

    visitor.open()
    assert visitor.page.evaluate("document.body.classList.contains('dark')")


def test_on_a_phone_nothing_is_wider_than_the_screen_and_the_picture_stays_in_sight(visit):
    visitor = visit(**PHONE)
    visitor.open_advanced()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390

    visitor.page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    visitor.wait("() => scrollY > 100")
    box = visitor.page.locator("#frame").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 844


def test_on_a_phone_a_finger_moves_the_picture_and_the_sliders(visit):
    visitor = visit(**PHONE)
    touch = visitor.page.context.new_cdp_session(visitor.page)

    def swipe(selector: str, by: float):
        box = visitor.page.locator(selector).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for step in range(1, 9):
            point = {"x": x + by * step / 8, "y": y}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    visitor.after(lambda: swipe("#picture", -60), "recipe.anchors.length > 1")
    assert visitor.shows(visitor.recipe)
    visitor.page.locator(PSI).evaluate("node => node.scrollIntoView({ block: 'end' })")  # below the picture, which stays on top
    visitor.after(lambda: swipe(PSI, 60), "recipe.psi !== 0.7")
    assert visitor.shows(visitor.recipe)


@pytest.mark.parametrize("model", ["vae", "stylegan2", "stylegan3"])
def test_on_a_phone_every_slider_and_field_is_as_tall_as_a_finger_and_shown_whole(visit, model):
    visitor = visit(open=f"?model={model}&seed=3", **PHONE)
    visitor.open_advanced()
    found = visitor.page.evaluate("""() => [...document.querySelectorAll("#controls :is(input, select)")]
      .filter((node) => node.offsetParent && node.type !== "checkbox").map((node) => {
        const { height, bottom } = node.getBoundingClientRect();
        const cut = node.closest(".tab-like-container")?.getBoundingClientRect().bottom < bottom - 1;
        return [node.ariaLabel || node.id, height, cut];
      })""")

    assert len(found) > 5
    assert [each for each in found if each[1] < 36 or each[2]] == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth") == 390


def test_nothing_moves_once_the_first_picture_is_painted(visit):
    visitor = visit(open=None)
    visitor.page.goto(visitor.url, wait_until="commit")
    visitor.wait("() => document.querySelector('#stage')?.classList.contains('alive')")
    before = dict(visitor.page.evaluate(BLOCKS))
    visitor.wait(CARDS_PAINTED)  # the last thing to arrive
    after = dict(visitor.page.evaluate(BLOCKS))

    assert {name: (before[name], after[name]) for name in before if abs(before[name] - after[name]) > 2} == {}


def test_every_control_has_a_name(visitor):
    visitor.open_advanced()
    assert visitor.page.evaluate(NAMELESS) == []


def test_the_tab_key_reaches_every_control_in_order(visitor):
    visitor.open_advanced()
    wanted = visitor.page.evaluate(NUMBERED)
    visitor.page.evaluate("document.activeElement.blur()")
    visitor.page.focus("#masthead button")
    reached = []
    for _ in range(len(wanted) + 25):
        visitor.press("Tab")
        reached.append(visitor.page.evaluate("document.activeElement.dataset.order ?? null"))
    reached = [int(order) for order in reached if order is not None]

    assert sorted(set(reached)) == wanted
    assert reached[: len(wanted)] == wanted
