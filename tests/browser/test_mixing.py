"""Mixing in a real browser: the arithmetic of static/mixing.js, and the tool that uses it."""

import json

import numpy as np
import pytest

from genart.export import recipes_of
from genart.recipe import Anchor, LayerSwap, Noise, Offset, Recipe, blend

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
MODULES = "const [M, R] = await Promise.all(['mixing', 'recipe'].map((name) => import(`/static-genart/${name}.js`)));"
PLACES = """
  const random = (seed) => () => ((seed = (seed * 16807) % 2147483647) / 2147483647) * 2.6 - 1.3;
  const next = random(7);
  const places = Array.from({ length: 300 }, () => [next(), next()]);
"""


@pytest.fixture(scope="module")
def arithmetic(browser, serving):
    """Runs JavaScript with the modules `M` (mixing.js) and `R` (recipe.js); returns its value."""
    page = browser.new_page()
    page.goto(f"{serving.url}static-genart/mixing.js")

    def run(body: str, value: object = None):
        return page.evaluate(f"async (value) => {{ {MODULES} {body} }}", value)

    yield run
    page.close()


def complete(recipe: Recipe) -> dict:
    """A recipe as the page holds it, defaults written out."""
    plain = json.loads(recipe.to_json())
    noise = {"mode": recipe.noise.mode, "seed": recipe.noise.seed, "strength": recipe.noise.strength}
    rest = {"psi": recipe.psi, "psi_cutoff": recipe.psi_cutoff, "offsets": [], "layers": [], "finish": [], "controls": []}
    return {**rest, "all_classes": False, **plain, "noise": noise}


def mixed(arithmetic, recipes, shares, mix="own") -> Recipe:
    plain = arithmetic(
        "return M.mixed(value.recipes.map(R.complete), value.shares, value.mix)",
        {"recipes": [complete(recipe) for recipe in recipes], "shares": shares, "mix": mix},
    )
    return Recipe.from_dict(plain)


# The pad.


@pytest.mark.parametrize("count", range(2, 9))
def test_shares_are_never_below_0_and_add_up_to_1(arithmetic, count):
    low, away = arithmetic(
        PLACES
        + """
        const all = places.map((place) => M.shares(M.corners(value), M.settled(M.corners(value), place)));
        const off = all.map((shares) => Math.abs(shares.reduce((sum, share) => sum + share) - 1));
        return [Math.min(...all.flat()), Math.max(...off)];
        """,
        count,
    )

    assert low >= 0
    assert away < 1e-12


@pytest.mark.parametrize("count", range(2, 9))
def test_shares_follow_the_hand_without_a_jump(arithmetic, count):
    jump = arithmetic(
        PLACES
        + """
        const polygon = M.corners(value);
        const at = (place) => M.shares(polygon, M.settled(polygon, place));
        const near = polygon.flatMap(([x, y]) => [[0.999 * x, 0.999 * y], [0.9999 * x + 1e-4, y]]);
        return Math.max(...[...places, ...near].map(([x, y]) => {
          const [here, there] = [at([x, y]), at([x + 1e-6, y - 1e-6])];
          return Math.max(...here.map((share, index) => Math.abs(share - there[index])));
        }));
        """,
        count,
    )

    assert jump < 1e-4


@pytest.mark.parametrize("count", range(2, 9))
def test_a_corner_is_one_source_and_an_edge_mixes_its_two_ends_alone(arithmetic, count):
    corners, edges = arithmetic(
        """
        const polygon = M.corners(value);
        const along = (from, end) => [0, 1].map((axis) => 0.7 * from[axis] + 0.3 * end[axis]);
        const edges = polygon.map((from, index) => along(from, polygon[(index + 1) % value]));
        return [polygon, edges].map((places) => places.map((place) => M.shares(polygon, place)));
        """,
        count,
    )

    for index, (corner, edge) in enumerate(zip(corners, edges, strict=True)):
        assert corner == [float(at == index) for at in range(count)]
        expected = {index: 0.7, (index + 1) % count: 0.3}
        assert edge == pytest.approx([expected.get(at, 0.0) for at in range(count)], abs=1e-6)


def test_near_a_corner_or_an_edge_the_puck_is_pulled_there(arithmetic):
    settled = "return M.settled(M.corners(4), value, 0.06)"

    assert arithmetic(settled, [-0.98, -0.97]) == [-1, -1]
    assert arithmetic(settled, [0.2, -0.96]) == pytest.approx([0.2, -1])
    assert arithmetic(settled, [0.2, 0.3]) == [0.2, 0.3]
    assert arithmetic(settled, [3, 0.5]) == pytest.approx([1, 0.5])
    assert arithmetic(settled.replace("4", "2"), [-0.98, 7]) == [-1, 0]  # a hand beside the line


# Recipes.

RICH = [
    Recipe("stylegan2", (Anchor(1),), psi=1.0, offsets=(Offset("pca1", 2.0),), noise=Noise("random", 4, 0.5)),
    Recipe("stylegan2", (Anchor(2, 0.4), Anchor(3, 0.9)), psi=0.5, mix="w-arc", layers=(LayerSwap(Anchor(5), (1, 3), 0.6),)),
    Recipe("stylegan2", (Anchor(2, 0.25), Anchor(7, 0.75)), psi=0.9, psi_cutoff=3),
]


@pytest.mark.parametrize("corner", range(3))
def test_a_corner_is_the_parent_to_the_last_setting(arithmetic, corner):
    assert mixed(arithmetic, RICH, [float(at == corner) for at in range(3)], "z-arc") == RICH[corner]


@pytest.mark.parametrize("name", ["stylegan2-classes", "stylegan3", "dcgan-classes", "vae", "wide"])
@pytest.mark.parametrize("share", [0.0, 0.25, 0.9, 1.0])
def test_between_two_pictures_the_mixture_is_the_blend_of_films_and_links(arithmetic, page_studio, name, share):
    labels = (1, 2) if name.endswith("-classes") else (None, None)
    a = Recipe(name, (Anchor(1, label=labels[0]), Anchor(8, 0.5, labels[1])), psi=0.6)
    b = Recipe(name, (Anchor(2, label=labels[1]),), psi=0.9, offsets=(Offset("pca1", 1.0),) * (name == "stylegan3"))
    ours = page_studio.raw(mixed(arithmetic, [a, b], [1 - share, share]))

    assert np.abs(ours - page_studio.raw(blend(a, b, share))).max() < 1e-3


@pytest.mark.parametrize("mix", ["own", "z", "z-arc", "w", "w-arc"])
@pytest.mark.parametrize("name", ["stylegan2", "vae", "wide"])
def test_on_every_path_the_picture_next_to_a_corner_is_nearly_the_parent(arithmetic, page_studio, name, mix):
    recipes = [Recipe(name, (Anchor(seed),)) for seed in range(3)]
    parent, near = (page_studio.raw(mixed(arithmetic, recipes, shares, mix)) for shares in ([1, 0, 0], [0.9998, 0.0001, 0.0001]))

    assert (parent == page_studio.raw(recipes[0])).all()
    assert np.abs(near - parent).max() < 0.01


def test_the_arc_between_two_seeds_is_crossed_at_one_speed(arithmetic):
    assert arithmetic("return M.evenly([0.5, 0.5])") == pytest.approx([0.5, 0.5])
    third = arithmetic("return M.evenly([2 / 3, 1 / 3])")
    assert third[0] / third[1] == pytest.approx(3**0.5)


def test_an_anchor_of_several_sources_is_named_once_and_weights_are_multiplied(arithmetic):
    recipe = mixed(arithmetic, RICH[1:], [0.5, 0.5])

    weights = {anchor.seed: anchor.weight for anchor in recipe.anchors}
    assert weights == pytest.approx({2: 0.5 * 0.4 / 1.3 + 0.5 * 0.25, 3: 0.5 * 0.9 / 1.3, 7: 0.5 * 0.75})


def test_a_mixture_of_many_mixtures_keeps_the_64_heaviest_anchors(arithmetic):
    recipes = [Recipe("vae", tuple(Anchor(100 * at + seed, 1 + seed) for seed in range(60))) for at in range(3)]
    recipe = mixed(arithmetic, recipes, [0.5, 0.3, 0.2])

    assert len(recipe.anchors) == 64
    assert recipe.anchors[0].seed == 59


def test_layers_of_every_size_fall_into_three_groups_as_those_of_18_do(arithmetic):
    for num_ws, groups in {18: [[0, 4], [4, 8], [8, 18]], 6: [[0, 1], [1, 3], [3, 6]], 1: [[0, 1], [1, 1], [1, 1]]}.items():
        assert list(arithmetic("return R.layerGroups(value)", num_ws).values()) == groups


def test_neighbouring_layers_of_one_source_become_one_swap(arithmetic):
    swaps = arithmetic(
        """
        const [a, b] = [{ seed: 1 }, { seed: 2 }].map((anchor) => ({ anchor, share: 1 }));
        return M.swaps([null, a, a, b, { ...b, share: 0.5 }, { ...a, share: 0 }]);
        """
    )

    assert swaps == [
        {"anchor": {"seed": 1}, "layers": [1, 3]},
        {"anchor": {"seed": 2}, "layers": [3, 4]},
        {"anchor": {"seed": 2}, "layers": [4, 5], "share": 0.5},
    ]


# The tool.


def mixing(visitor, model: str, seeds: str = "1,2,3,4"):
    """The tool with sources at seeds, as a visitor types them."""
    visitor.choose(model)
    visitor.page.click('[data-tool="mix"]')
    visitor.page.fill("#mix-seeds", seeds)
    visitor.press("Enter")
    visitor.page.wait_for_selector("#mix-pad:visible")
    visitor.wait("() => [...document.querySelectorAll('#mix-row .face')].every((face) => face.style.backgroundImage)")
    return visitor


def at_corner(visitor, index: int):
    """Put the puck on a corner with the mouse."""
    corner = visitor.page.locator("#mix-corners .corner").nth(index)
    corner.scroll_into_view_if_needed()
    box = corner.bounding_box()
    visitor.page.mouse.click(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2 - 3)


def drag(visitor, steps: list[tuple[float, float]]):
    """Drag over the pad, through places in shares of its side."""
    visitor.page.locator("#mix-pad").scroll_into_view_if_needed()
    box = visitor.page.locator("#mix-pad").bounding_box()
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in steps]
    visitor.page.mouse.move(*places[0])
    visitor.page.mouse.down()
    for place in places[1:]:
        visitor.page.mouse.move(*place, steps=4)
    visitor.page.mouse.up()


MODELS = ["stylegan2-classes", "stylegan3", "dcgan-classes", "vae"]


@pytest.mark.parametrize("model", MODELS)
def test_a_corner_shows_that_parent_exactly_and_the_middle_all_of_them(visitor, model):
    mixing(visitor, model)
    psi, label = visitor.recipe.psi, visitor.recipe.anchors[0].label
    for index in (2, 0):
        visitor.after(
            lambda index=index: at_corner(visitor, index), f"recipe.anchors.length === 1 && anchor.seed === {index + 1}"
        )
        assert visitor.shows(Recipe(model, (Anchor(index + 1, label=label),), psi))
    visitor.after(lambda: drag(visitor, [(0.5, 0.3), (0.4, 0.45)]), "recipe.anchors.length === 4")

    assert sum(anchor.weight for anchor in visitor.recipe.anchors) == pytest.approx(1, abs=1e-3)
    assert visitor.shows(visitor.recipe)


def test_the_keyboard_moves_the_puck_and_undo_brings_it_back(visitor):
    mixing(visitor, "vae")
    visitor.step(lambda: at_corner(visitor, 0), "recipe.anchors.length === 1 && anchor.seed === 1")
    visitor.page.focus("#mix-puck")
    visitor.step(lambda: visitor.press("ArrowRight", "ArrowRight"), "recipe.anchors.length === 2")
    assert "A 95 % · B 5 %" in visitor.page.inner_text("#mix-shares")
    assert {anchor.seed for anchor in visitor.recipe.anchors} == {1, 2}

    visitor.after(lambda: visitor.press("z"), "recipe.anchors.length === 1")
    visitor.wait("() => document.querySelector('#mix-shares').textContent === 'A 100 %'")


def test_sources_are_picked_from_the_tray_replaced_swapped_and_removed(visitor):
    visitor.choose("vae")
    page = visitor.page
    page.click('[data-tool="mix"]')
    assert "Choose two pictures" in page.inner_text("#mix-say")
    assert not page.is_visible("#mix-pad-panel")
    page.click("#mix-tray .now")
    page.click('[data-mix="dice"]')
    page.click('[data-mix="dice"]')
    page.wait_for_selector("#mix-pad:visible")
    assert page.locator("#mix-row .chip").count() == 3
    faces = "[...document.querySelectorAll('#mix-row .face')].map((face) => face.style.backgroundImage)"
    visitor.wait(f"() => {faces}.every(Boolean)")
    before = page.evaluate(faces)

    page.click("#mix-row .chip:nth-child(1)")
    page.click('[data-mix="right"]')
    assert page.evaluate(faces) == [before[1], before[0], before[2]]
    page.click('[data-mix="remove"]')
    assert page.evaluate(faces) == [before[1], before[2]]
    page.click("#mix-row .chip:nth-child(2)")
    page.click('[data-mix="replace"]')
    page.click("#mix-tray .now")
    visitor.wait(f"before => {faces}.length === 2 && {faces}[1] === before", before[0])


def test_mixtures_outlive_a_visit_to_another_tool_and_a_reload_lays_the_tool_out(visitor):
    page = mixing(visitor, "stylegan2-classes", "1,2").page
    page.click('[data-mix="draw"]')
    page.wait_for_selector('[data-mix="save"]:visible')
    page.focus("#mix-puck")
    visitor.step(lambda: visitor.press("ArrowRight"), "recipe.anchors.length === 2")
    visitor.wait("() => document.querySelector('#mix-shares').textContent.includes('B 53 %')")
    page.click('[data-tool="steer"]')
    page.click('[data-tool="mix"]')
    assert "B 53 %" in page.inner_text("#mix-shares")
    assert page.locator("#mix-table .pair").count() == 4

    visitor.open()
    page.wait_for_selector("#mix-row .missing:visible")
    page.focus("#mix-tray .now")
    visitor.press("ArrowRight")
    assert page.locator("#mix-tray [tabindex='0']").count() == 1
    assert page.evaluate("!!document.activeElement.closest('#mix-tray')")


def test_sources_are_kept_for_each_model_and_eight_are_the_most(visitor):
    mixing(visitor, "vae", "1-9")
    chips = visitor.page.locator("#mix-row .chip")
    assert chips.count() == 8
    visitor.choose("stylegan2")
    assert chips.count() == 0
    visitor.choose("vae")
    assert chips.count() == 8


def test_wrong_seeds_get_a_sentence(visitor):
    visitor.page.click('[data-tool="mix"]')
    visitor.page.fill("#mix-seeds", "1,banana")
    visitor.press("Enter")
    visitor.page.wait_for_selector("#stage-error:visible")

    assert "banana" in visitor.sentence


@pytest.mark.parametrize("model", ["stylegan2-classes", "stylegan3", "vae"])
def test_all_parts_from_b_give_b_and_a_share_of_0_gives_a(visitor, model):
    page = mixing(visitor, model, "1,2").page
    psi = visitor.recipe.psi
    visitor.after(lambda: at_corner(visitor, 0), "recipe.anchors.length === 1 && anchor.seed === 1")
    a, b = (Recipe(model, (Anchor(seed, label=visitor.recipe.anchors[0].label),), psi) for seed in (1, 2))
    presets = page.locator("#mix-presets button")
    for index in range(presets.count()):
        visitor.after(lambda index=index: presets.nth(index).click())
    assert visitor.shows(b, within=0)

    for row in page.locator("#mix-matrix .slider input").all():
        row.focus()
        visitor.after(lambda: visitor.press("Home"))
    assert visitor.shows(a, within=0)
    visitor.after(lambda: page.click('[data-mix="unpick"]'), "!recipe.layers && !anchor.vector")
    assert visitor.shows(a, within=0)


def test_parts_of_a_mixture_are_taken_exactly(visitor):
    """A source that is itself a mixture, and has layers of its own."""
    page = mixing(visitor, "stylegan2", "1,2,3").page
    visitor.after(lambda: drag(visitor, [(0.5, 0.5), (0.45, 0.6)]), "recipe.anchors.length === 3")
    visitor.after(lambda: page.click("#mix-presets button:nth-child(1)"), "recipe.layers.length === 1")
    mixture = visitor.recipe
    page.click("#mix-tray .now")
    visitor.wait("() => document.querySelectorAll('#mix-row .chip').length === 4")
    visitor.after(lambda: at_corner(visitor, 1), "anchor.seed === 2 && recipe.anchors.length === 1")
    page.click("#mix-row .chip:nth-child(4)")
    presets = page.locator("#mix-presets button")
    for index in range(3):
        visitor.after(lambda index=index: presets.nth(index).click())

    assert visitor.recipe.layers[0].anchor.vector
    assert visitor.shows(mixture, within=0)


def test_a_single_layer_can_be_chosen(visitor):
    page = mixing(visitor, "stylegan2", "1,2,3").page
    visitor.after(lambda: at_corner(visitor, 0), "recipe.anchors.length === 1 && anchor.seed === 1")
    fine = page.locator("#mix-matrix .group").nth(2)
    fine.locator(".name").click()
    cell = page.get_by_label("5–5 from C")
    visitor.after(cell.click, "recipe.layers?.length === 1")

    assert visitor.recipe.layers == (LayerSwap(Anchor(3), (4, 5)),)
    assert fine.locator(".pick").nth(3).get_attribute("aria-pressed") == "mixed"
    assert visitor.shows(visitor.recipe)


def test_between_two_there_are_nine_pictures_and_a_slider(visitor):
    page = mixing(visitor, "stylegan2", "1,2").page
    page.select_option("#mix-path", "z-arc")
    visitor.after(lambda: page.click("#mix-strip .cell:nth-child(5)"), "recipe.anchors.length === 2")
    assert visitor.recipe.mix == "z-arc"
    assert [anchor.weight for anchor in visitor.recipe.anchors] == pytest.approx([0.5, 0.5])
    assert page.input_value("#mix-slider") == "0.5"
    page.focus("#mix-slider")
    visitor.after(lambda: visitor.press("End"), "recipe.anchors.length === 1 && anchor.seed === 2")

    assert visitor.shows(Recipe("stylegan2", (Anchor(2),)))


@pytest.mark.parametrize(
    ("model", "paths"),
    [("stylegan2", ["own", "z", "z-arc", "w-arc"]), ("digits-vae2", ["own", "z-arc"]), ("wide", ["own", "z", "z-arc"])],
)
def test_paths_that_change_nothing_are_not_offered(visitor, model, paths):
    mixing(visitor, model, "1,2")
    offered = "[...document.querySelectorAll('#mix-path option')].filter((one) => !one.hidden).map((one) => one.value)"

    assert visitor.page.evaluate(offered) == paths


@pytest.mark.parametrize("model", ["stylegan2-classes", "dcgan-classes"])
def test_the_table_shows_every_pair_and_its_cells_can_be_taken_and_saved(visitor, model):
    page = mixing(visitor, model, "1,2,3").page
    page.click('[data-mix="draw"]')
    page.wait_for_selector('[data-mix="save"]:visible')
    assert page.locator("#mix-table .pair").count() == 9
    with page.expect_download() as saved:
        page.click('[data-mix="save"]')
    recipes = recipes_of(saved.value.path().read_bytes())

    assert len(recipes) == 9
    assert [recipes[at].anchors[0].seed for at in (0, 4, 8)] == [1, 2, 3]
    assert not any(recipes[at].layers or recipes[at].anchors[0].vector for at in (0, 4, 8))
    parts = recipes[1].layers or recipes[1].anchors[0].vector
    assert parts
    page.locator("#mix-table .pair").nth(1).scroll_into_view_if_needed()
    visitor.after(lambda: page.locator("#mix-table .pair").nth(1).click(), "anchor.seed === 2")
    assert visitor.shows(recipes[1])


def test_a_table_of_one_picture_three_times_is_that_picture_everywhere(visitor):
    page = mixing(visitor, "stylegan2", "5,5,5").page
    page.click('[data-mix="draw"]')
    page.wait_for_selector('[data-mix="save"]:visible')
    shown = "[...document.querySelectorAll('#mix-table .pair canvas')].map((canvas) => canvas.toDataURL())"

    assert len(set(page.evaluate(shown))) == 1


def test_drawing_a_table_can_be_cancelled(visitor):
    page = mixing(visitor, "vae", "1-8").page
    page.route("**/live/cells", lambda route: None)  # never answered
    page.click('[data-mix="draw"]')
    page.wait_for_selector("#mix-progress:visible")
    page.click('[data-mix="cancel"]')

    page.wait_for_selector('[data-mix="draw"]:visible')
    assert not page.is_visible('[data-mix="save"]')


def test_a_picture_without_latent_numbers_says_so(visitor):
    visitor.choose("vae")
    vector = visitor.studio.point(Recipe("vae", (Anchor(3),)), "w")
    link = Recipe("vae", (Anchor(vector=vector),)).to_text()
    visitor.open(f"?r={link}")
    page = visitor.page
    page.click('[data-tool="mix"]')
    page.click("#mix-tray .now")
    page.fill("#mix-seeds", "2")
    visitor.press("Enter")
    page.click("#mix-presets button:nth-child(1)")
    page.wait_for_selector("#stage-error:visible")

    assert "latent numbers" in visitor.sentence
    visitor.complaints.clear()  # the browser's own note of the refusal


def test_on_a_phone_a_finger_drags_the_puck_and_nothing_is_wider_than_the_screen(visit):
    visitor = mixing(visit(**PHONE), "stylegan2", "1-8")
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = """[...document.querySelectorAll("#tool-mix button, #tool-mix select")]
      .filter((node) => node.offsetParent && Math.min(node.offsetWidth, node.offsetHeight) < 36)
      .map((node) => node.outerHTML.slice(0, 90))"""
    assert page.evaluate(small) == []
    touch = page.context.new_cdp_session(page)
    page.locator("#mix-pad").evaluate("node => node.scrollIntoView({ block: 'end' })")
    box = page.locator("#mix-puck").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def swipe():
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for step in range(1, 9):
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + 5 * step, "y": y}]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    visitor.after(swipe, "recipe.anchors.length === 8")
    assert visitor.shows(visitor.recipe)


def test_the_tool_speaks_chinese(visit):
    visitor = mixing(visit(locale="zh-CN"), "stylegan2", "1,2,3")
    text = visitor.page.inner_text("#tool-mix")

    assert "要混合的画面" in text
    assert "Coarse" not in text
    assert "mix." not in text
