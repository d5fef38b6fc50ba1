"""Directions under the hand: rows that unfold, strips that show where they lead, examples that teach."""

import numpy as np

from genart.recipe import Offset, unpack_vector

MODEL = "stylegan2"
ROW = '[data-direction="pca1"]'
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CELLS = """row => [...document.querySelectorAll(`${row} .strip-cell canvas`)].map((canvas) =>
  [0, 1, 2].map((colour) => {
    const values = canvas.getContext("2d").getImageData(0, 0, 64, 64).data.filter((_, at) => at % 4 === colour);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  }))"""


def opened(visitor, row=ROW):
    """The row of a model of many layers, unfolded, its strip drawn."""
    visitor.choose(MODEL)
    page = visitor.page
    if not page.is_visible("#direction-rest"):
        page.click("#direction-more")
    page.locator(row).scroll_into_view_if_needed()
    page.click(f"{row} [aria-expanded]")
    page.wait_for_selector(f'{row}[data-drawn="strip"]')
    return visitor


def offset(visitor) -> Offset:
    (only,) = visitor.recipe.offsets
    return only


def test_a_row_unfolds_to_the_pictures_it_leads_to(visitor):
    opened(visitor)
    assert visitor.page.locator(f"{ROW} .strip-cell").count() == 7
    colours = visitor.page.evaluate(CELLS, ROW)
    assert len({tuple(colour) for colour in colours}) > 1

    visitor.after(lambda: visitor.page.click(f"{ROW} .strip-cell:nth-child(6)"), "recipe.offsets?.length === 1")
    assert offset(visitor) == Offset("pca1", 2.0)
    assert visitor.shows(visitor.recipe)
    assert np.abs(np.array(visitor.page.evaluate(CELLS, ROW)[5]) - visitor.pixels.mean((0, 1))).max() <= 3
    assert visitor.page.get_attribute(f"{ROW} .strip-cell:nth-child(6)", "aria-pressed") == "true"


def test_the_bar_says_how_much_changes(visitor):
    opened(visitor)
    said = visitor.page.get_attribute(f"{ROW} .change", "title")

    assert 0 < float(said.split("changes by ")[1].split(" %")[0]) < 100
    assert visitor.page.evaluate(f"document.querySelector('{ROW} .change i').getBoundingClientRect().width") > 0


def test_layers_narrow_a_direction_and_are_hidden_where_there_is_one(visitor):
    opened(visitor)
    visitor.after(lambda: visitor.page.click(f"{ROW} .strip-cell:nth-child(7)"), "recipe.offsets?.length === 1")
    visitor.after(lambda: visitor.page.select_option(f"{ROW} .direction-layers", label="fine (5–6)"), "recipe.offsets[0].layers")
    assert offset(visitor) == Offset("pca1", 3.0, (4, 6))

    visitor.choose("vae")
    visitor.page.click("#direction-more")
    visitor.page.click(f"{ROW} [aria-expanded]")
    visitor.page.wait_for_selector(f"{ROW} .strip")
    assert visitor.page.locator(f"{ROW} .direction-layers").count() == 0


def test_a_locked_direction_stays_when_the_others_are_reset(visitor):
    opened(visitor)
    visitor.page.click(f"{ROW} [data-word-title='direction.lock']")
    visitor.after(lambda: visitor.page.click(f"{ROW} .strip-cell:nth-child(5)"), "recipe.offsets?.length === 1")
    visitor.after(lambda: visitor.slide('[data-direction="pca2"] input[type=range]', 0.8), "recipe.offsets.length === 2")
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("r"), "anchor.seed !== 7")
    assert len(visitor.recipe.offsets) == 2  # a new seed keeps them all

    visitor.after(lambda: visitor.press("0"), "recipe.offsets.length === 1")
    assert offset(visitor) == Offset("pca1", 1.0)
    visitor.page.click(f"{ROW} [data-word-title='direction.reset']")
    visitor.rest("!recipe.offsets")


def test_a_row_keeps_the_name_it_was_given(visitor):
    opened(visitor)
    visitor.page.fill(f"{ROW} .direction-name", "Mood")
    visitor.press("Tab")
    visitor.wait("() => [...document.querySelectorAll('.direction .slider span')].some((name) => name.textContent === 'Mood')")
    visitor.open()
    visitor.choose(MODEL)
    assert visitor.page.text_content(f"{ROW} .slider span") == "Mood"


def test_a_strip_ends_when_the_recipe_changes_and_is_drawn_anew(visitor):
    opened(visitor)
    before = visitor.page.evaluate(CELLS, ROW)
    visitor.after(lambda: visitor.press("r"), "anchor.seed !== 7")
    visitor.wait(f"before => JSON.stringify(({CELLS})('{ROW}')) !== JSON.stringify(before)", before)


def test_measured_directions_arrive_and_nothing_below_moves(visitor):
    visitor.choose("wide")
    place = "document.querySelector('#advanced-toggle').getBoundingClientRect().y + scrollY"
    before = visitor.page.evaluate(place)
    visitor.studio.find_directions("wide")
    visitor.wait("() => !document.querySelector('[data-late]')")
    assert abs(visitor.page.evaluate(place) - before) <= 1
    named = visitor.page.locator('[data-direction="brightness"] .slider')
    if named.count():
        assert "r" not in named.get_attribute("title")[:1]
        assert "correlation" in named.get_attribute("title")


def test_a_half_typed_name_is_not_lost_when_measured_directions_arrive(visitor):
    visitor.choose("wide")
    if not visitor.page.is_visible("#direction-rest"):
        visitor.page.click("#direction-more")
    visitor.page.click(f"{ROW} [aria-expanded]")
    visitor.page.fill(f"{ROW} .direction-name", "Moo")
    visitor.studio.find_directions("wide")
    visitor.wait("() => !document.querySelector('[data-late]')")
    assert visitor.page.evaluate("document.activeElement.value") == "Moo"


def test_a_direction_is_learnt_from_examples_and_goes_through_a_link_and_a_file(visitor):
    visitor.choose(MODEL)
    page = visitor.page
    page.click("#teach-toggle")
    visitor.wait("() => document.querySelectorAll('#teach-grid .example').length === 24")
    for at in range(10):
        page.locator("#teach-grid .example").nth(at).click(click_count=1 if at < 5 else 2)
    page.fill("#teach-name", "mine")
    page.click("#teach-learn")
    page.wait_for_selector('[data-own][data-drawn="strip"]')
    assert "%" in page.inner_text("#teach-count")

    visitor.after(lambda: page.click("[data-own] .strip-cell:nth-child(6)"), "recipe.offsets?.length === 1")
    learnt = offset(visitor)
    assert (learnt.direction, learnt.sigma) == ("mine", 2.0)
    assert unpack_vector(learnt.vector)[1].shape == (1, 8)
    with page.expect_download() as saved:
        page.click("[data-own] [data-word-title='direction.save']")

    visitor.page.evaluate("localStorage.clear()")
    link = visitor.recipe.to_text()
    visitor.open(f"?r={link}")
    assert offset(visitor) == learnt
    page.locator("[data-own]").wait_for()  # a row of its own, though this browser knows it no longer
    assert page.text_content("[data-own] .slider span") == "mine"
    visitor.after(lambda: page.focus("#picture") or visitor.press("0"), "!recipe.offsets")
    page.set_input_files("#direction-file", {"name": "a.safetensors", "mimeType": "", "buffer": saved.value.path().read_bytes()})
    page.locator("[data-own]:visible").wait_for()


def test_a_file_that_holds_no_direction_is_refused_in_words(visit):
    visitor = visit()
    visitor.page.set_input_files("#direction-file", {"name": "a.safetensors", "mimeType": "", "buffer": b"nothing"})
    visitor.page.wait_for_selector("#stage-error:visible")
    assert "holds no direction" in visitor.sentence


def test_all_strips_can_be_shown_at_once(visitor):
    visitor.choose(MODEL)
    visitor.page.click("#direction-strips")
    visitor.page.wait_for_selector('.direction[data-drawn="strip"]')
    assert visitor.page.locator(".direction.open").count() == visitor.page.locator(".direction").count()


def test_on_a_phone_an_open_row_fits_and_its_cells_can_be_tapped(visit):
    visitor = opened(visit(**PHONE))
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    small = """() => [...document.querySelectorAll(".direction.open :is(button, input, select)")]
      .filter((node) => node.offsetParent && node.getBoundingClientRect().height < 36).map((node) => node.outerHTML)"""
    assert visitor.page.evaluate(small) == []
