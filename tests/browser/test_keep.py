"""The Keep tool: favourites, the tree of steps, comparing, and what a reload brings back."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from genart.export import recipes_of
from genart.recipe import Anchor, Recipe
from tests.browser.conftest import Serving, Visitor

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
NODES = "#keep-tree .node"
CARDS = ".keep-card"
PAST = """async (steps) => {
  const { Past, fresh } = await import(new URL("static-genart/recipe.js", document.baseURI));
  const past = new Past(steps.limit);
  const seen = () => [...past.nodes.values()].map(({ recipe }) => recipe.anchors[0].seed);
  const line = () => past.steps.map(({ recipe }) => recipe.anchors[0].seed);
  const of = (seed) => [...past.nodes.values()].find(({ recipe }) => recipe.anchors[0].seed === seed)?.id;
  const keep = (seed) => past.keep(fresh("some", seed));
  return new Function("past", "keep", "seen", "line", "of", "fresh", `return ${steps.does}`)(past, keep, seen, line, of, fresh);
}"""


@pytest.fixture(scope="module")
def serving(page_studio, page_entries, words):
    """A server that names no seed: a visit begins where the last one ended."""
    serving = Serving(page_studio, page_entries, seed=None)
    yield serving
    serving.stop()


@pytest.fixture
def visitor(visit):
    visitor = visit(open="?model=vae&seed=7")
    yield visitor
    assert visitor.complaints == []


def keep_tool(visitor):
    visitor.page.click('[data-tool="keep"]')
    visitor.wait("() => document.querySelector('#keep-tree .node')")
    return visitor


def to_seed(visitor, seed):
    visitor.page.evaluate("document.querySelector('[data-tool=\"steer\"]').click()")
    visitor.page.fill("#seed", str(seed))
    visitor.step(lambda: visitor.press("Enter"), f"anchor.seed === {seed}")


def favourites(visitor, *seeds):
    """Keep the pictures of some seeds, the last one newest."""
    for seed in seeds:
        to_seed(visitor, seed)
        count = visitor.page.evaluate("document.querySelectorAll('.keep-card').length")
        visitor.page.click('#actions [data-action="keep"]')
        visitor.wait("() => document.querySelector('[data-action=\"keep\"]').getAttribute('aria-pressed') === 'true'", count)
    keep_tool(visitor)
    wait_for(visitor, CARDS, len(seeds))


def wait_for(visitor, selector, count):
    try:
        visitor.wait("([selector, count]) => document.querySelectorAll(selector).length === count", [selector, count])
    except Exception as error:
        found = visitor.page.eval_on_selector_all(selector, "all => all.map((one) => one.ariaLabel ?? one.textContent)")
        raise AssertionError(f"{found} are not {count} {selector}") from error


def written(visitor):
    """Wait until the store has what the page has."""
    visitor.page.evaluate("""async () => {
      const database = await new Promise((done) => (indexedDB.open("genart").onsuccess = ({ target }) => done(target.result)));
      const all = (place) => new Promise((done) => {
        database.transaction(place).objectStore(place).getAll().onsuccess = ({ target }) => done(target.result);
      });
      const whole = async () => {
        const [past, kept] = [await all("past"), await all("kept")];
        const names = [...document.querySelectorAll("#keep-named span")].map((node) => node.textContent);
        const named = names.every((name) => past.some((node) => node.name === name));
        return named && past.length === document.querySelectorAll("#keep-tree .node").length
          && kept.length === document.querySelectorAll(".keep-card").length;
      };
      for (const end = Date.now() + 20000; !(await whole()); await new Promise((done) => setTimeout(done, 30)))
        if (Date.now() > end) throw new Error("the store never had what the page has");
      database.close();
    }""")


def seeds(visitor):
    return [int(title) for title in visitor.page.eval_on_selector_all(".keep-title", "all => all.map((one) => one.placeholder)")]


def exported(visitor):
    with visitor.page.expect_download() as saved:
        visitor.page.click('[data-keep="export"]')
    assert saved.value.suggested_filename == "genart-favourites.json"
    return saved.value.path().read_bytes()


def import_file(visitor, name, data, kind="application/json"):
    visitor.page.set_input_files("#keep-file", {"name": name, "mimeType": kind, "buffer": data})


# ---- the tree of steps


def past(visitor, does, limit=200):
    return visitor.page.evaluate(PAST, {"does": f"({does})", "limit": limit})


def test_a_step_after_an_undo_begins_a_branch_and_redo_follows_the_last_visited_one(visitor):
    build = "keep(1), keep(2), keep(3), past.go(0), keep(4), keep(5)"

    assert past(visitor, f"{build}, [seen().sort(), line(), past.at]") == [[1, 2, 3, 4, 5], [1, 4, 5], 2]
    assert past(visitor, f"{build}, past.visit(of(2)), past.go(0), line()") == [1, 2, 3]
    assert past(visitor, f"{build}, past.go(0), keep(2), [line(), past.nodes.size]") == [[1, 2, 3], 5]


def test_the_oldest_leaves_go_first_and_named_steps_never(visitor):
    build = "keep(1), keep(2), past.set(of(2), { name: 'x' }), past.go(0), keep(3), past.go(0), keep(4), keep(5)"

    assert past(visitor, f"{build}, keep(6), seen().sort()", limit=4) == [1, 2, 4, 5, 6]  # 3 was a leaf; 2 has a name
    assert past(visitor, f"{build}, keep(6), keep(7), [seen().sort(), line()]", limit=4) == [[2, 4, 5, 6, 7], [4, 5, 6, 7]]


def test_a_branch_is_cut_and_comes_back(visitor):
    build = "keep(1), keep(2), keep(3), past.go(0), keep(4), past.visit(of(3))"

    assert past(visitor, f"{build}, past.cut(of(2)), [seen(), line(), past.at]") == [[1, 4], [1, 4], 0]
    assert past(visitor, f"{build}, past.restore(past.cut(of(2))), [seen().sort(), past.nodes.get(of(3)).parent === of(2)]") == [
        [1, 2, 3, 4],
        True,
    ]
    assert past(visitor, "keep(1), keep(2), past.cut(of(1))") is None
    assert past(visitor, f"{build}, past.clear(), seen()") == [3]
    assert past(visitor, f"{build}, past.restore(past.clear()), [seen().sort(), line()]") == [[1, 2, 3, 4], [1, 2, 3]]


def test_stored_steps_that_are_damaged_are_left_out(visitor):
    stored = """[null, 7, { id: 'a' }, { id: 'b', at: 1, recipe: { model: 3 } },
      { id: 'c', at: 2, parent: 'd', recipe: fresh('some', 8) },
      { id: 'd', at: 1, parent: 'c', recipe: fresh('some', 9) },
      { id: 'e', at: 3, parent: 'gone', recipe: fresh('some', 10) }]"""

    assert past(visitor, f"keep(1), past.adopt({stored}, 'c'), [seen().sort((a, b) => a - b), line()]") == [
        [1, 8, 9, 10],
        [9, 8, 1],
    ]


def test_both_branches_stay_after_an_undo_and_a_tap_leads_back(visitor):
    to_seed(visitor, 8)
    pixels = visitor.pixels
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("z"), "anchor.seed === 7")
    visitor.after(lambda: visitor.press("ArrowLeft"), "anchor.seed === 6")
    keep_tool(visitor)

    wait_for(visitor, NODES, 3)
    tops = visitor.page.eval_on_selector_all(NODES, "all => new Set(all.map((one) => one.style.top)).size")
    assert tops == 2
    assert visitor.page.locator("#history .step").count() == 2
    visitor.after(lambda: visitor.page.click(f'{NODES}[aria-label*="8"]'), "anchor.seed === 8")
    assert (visitor.pixels == pixels).all()
    assert visitor.page.get_attribute(f'{NODES}[aria-label*="8"]', "aria-selected") == "true"


def test_the_tree_is_walked_by_keys_and_a_branch_deleted_and_brought_back(visitor):
    to_seed(visitor, 8)
    to_seed(visitor, 9)
    keep_tool(visitor)
    wait_for(visitor, NODES, 3)
    visitor.page.focus(f'{NODES}[aria-selected="true"]')
    visitor.press("ArrowLeft")
    visitor.after(lambda: visitor.press("Enter"), "anchor.seed === 8")
    visitor.after(lambda: visitor.press("Delete"), "anchor.seed === 7")
    wait_for(visitor, NODES, 1)

    visitor.page.click('[data-keep="regrow"]')
    wait_for(visitor, NODES, 3)
    visitor.page.click('[data-keep="clear"]')
    wait_for(visitor, NODES, 1)


# ---- a reload


def test_a_reload_brings_everything_back(visitor):
    to_seed(visitor, 8)
    to_seed(visitor, 9)
    keep_tool(visitor)
    wait_for(visitor, NODES, 3)
    visitor.page.fill("#keep-name", "the one")
    visitor.press("Enter")
    visitor.page.wait_for_selector("#keep-named button")
    visitor.page.click('[data-keep="add"]')
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("z"), "anchor.seed === 8")
    visitor.after(lambda: visitor.page.click('[data-model="stylegan2"]'), "recipe.model === 'stylegan2'")
    visitor.page.focus("#picture")
    visitor.step(lambda: visitor.press("ArrowRight"))
    wait_for(visitor, NODES, 5)
    written(visitor)
    recipe, pixels = visitor.recipe, visitor.pixels

    visitor.open()
    assert visitor.recipe == recipe
    assert (visitor.pixels == pixels).all()
    wait_for(visitor, NODES, 5)
    wait_for(visitor, CARDS, 1)
    assert visitor.page.inner_text("#keep-named") == "the one"
    visitor.after(lambda: visitor.page.click('[data-model="vae"]'), "recipe.model === 'vae'")
    assert visitor.recipe.anchors == (Anchor(8),)
    visitor.after(lambda: visitor.page.click("#keep-named button"), "anchor.seed === 9")


LEAVE = """async (way) => {
  window.setTimeout = () => 1;  // nothing that is put off will ever be done
  for (const key of ["h", "ArrowRight"])
    document.querySelector("#picture").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  if (way === "go") location.assign("about:blank");
  if (way !== "hide") return;
  Object.defineProperty(document, "visibilityState", { value: "hidden" });
  document.dispatchEvent(new Event("visibilitychange"));
  const database = await new Promise((done) => (indexedDB.open("genart").onsuccess = ({ target }) => done(target.result)));
  const past = database.transaction("past").objectStore("past").getAll();
  await new Promise((done) => (past.onsuccess = done));
  if (!past.result.some(({ recipe }) => recipe.anchors[0].seed === 9)) throw new Error("what was done last is not kept");
}"""


@pytest.mark.parametrize("way", ["go", "close", "hide"])
def test_what_is_done_the_moment_before_the_page_is_left_is_kept(visitor, way):
    """Hidden, as on a telephone, which may then end a page without a word."""
    to_seed(visitor, 8)
    other = Visitor(visitor.page.context.new_page(), visitor.url, visitor.studio)
    visitor.page.evaluate(LEAVE, way)
    if way != "go":
        visitor.page.close(run_before_unload=way == "close")
    other.open("?model=stylegan2&seed=3")
    keep_tool(other)

    wait_for(other, NODES, 4)
    wait_for(other, CARDS, 1)
    assert seeds(other) == [8]
    other.page.focus("#picture")
    other.after(lambda: other.press("z"), "anchor.seed === 9")


def test_an_address_wins_over_the_last_picture_and_the_past_goes_on(visitor):
    to_seed(visitor, 8)
    keep_tool(visitor)
    wait_for(visitor, NODES, 2)
    written(visitor)

    visitor.open("?model=stylegan2&seed=3")
    assert visitor.recipe.model == "stylegan2"
    assert visitor.recipe.anchors == (Anchor(3),)
    wait_for(visitor, NODES, 3)
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("z"), "recipe.model === 'vae' && anchor.seed === 8")


@pytest.mark.parametrize(
    "last",
    [
        "{",
        "[]",
        "[null, 3]",
        '[{"model": "nobody"}]',
        json.dumps([{"model": "vae", "anchors": [{"seed": -1}], "psi": "x"}]),
        "WRONG",
    ],
)
def test_a_damaged_store_never_breaks_the_page(visit, last):
    if last == "WRONG":
        sound = {"offsets": [], "layers": [], "finish": [], "controls": [], "noise": {"mode": "const"}, "psi": 0.7}
        last = json.dumps([{**sound, "model": model, "anchors": [{"seed": -1}]} for model in ("vae", "nobody")])
    script = f"""if (!sessionStorage.damaged) {{
      sessionStorage.damaged = true;
      for (const name of ["last", "kept", "present"]) localStorage.setItem(`genart.${{name}}`, {json.dumps(last)});
      const opening = indexedDB.open("genart", 1);
      opening.onupgradeneeded = () => {{
        for (const place of ["kept", "past"]) opening.result.createObjectStore(place, {{ keyPath: "id" }});
      }};
      opening.onsuccess = () => {{
        const writing = opening.result.transaction(["kept", "past"], "readwrite");
        for (const place of ["kept", "past"])
          for (const record of [{{ id: 1 }}, {{ id: "a", at: "x", recipe: 3 }}, {{ id: "b", at: 1, recipe: {{}} }}])
            writing.objectStore(place).put(record);
        writing.oncomplete = () => opening.result.close();
      }};
    }}"""
    visitor = visit(script=script)
    visitor.open()

    assert visitor.recipe.model == "stylegan2-classes"
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("ArrowRight"))
    keep_tool(visitor)
    assert visitor.page.locator(CARDS).count() == 0
    visitor.page.click('[data-keep="add"]')
    wait_for(visitor, CARDS, 1)
    assert visitor.complaints == []


def test_without_a_store_all_works_and_the_tool_says_that_nothing_stays(visit):
    visitor = visit(open="?model=vae&seed=7", script="indexedDB.open = () => { throw new Error('no'); };")
    favourites(visitor, 8)

    assert visitor.page.is_visible("#keep-unsafe")
    assert visitor.complaints == []


# ---- favourites


def test_favourites_are_filtered_sorted_named_and_opened(visitor):
    favourites(visitor, 8, 9)
    visitor.after(lambda: visitor.page.click('[data-model="stylegan2"]'), "recipe.model === 'stylegan2'")
    visitor.page.click('[data-keep="add"]')
    wait_for(visitor, CARDS, 3)
    visitor.page.select_option("#keep-model", "vae")
    wait_for(visitor, CARDS, 2)
    assert seeds(visitor) == [9, 8]
    visitor.page.select_option("#keep-sort", "oldest")
    assert seeds(visitor) == [8, 9]

    visitor.page.fill(f"{CARDS}:nth-child(2) .keep-title", "a good one")
    visitor.press("Enter")
    visitor.page.select_option("#keep-sort", "name")
    visitor.wait("() => document.querySelector('.keep-title').value === 'a good one'")
    visitor.after(lambda: visitor.page.click(".keep-open"), "recipe.model === 'vae' && anchor.seed === 9")
    assert visitor.shows(Recipe("vae", (Anchor(9),)))


def test_favourites_go_round_by_file_with_names_and_named_steps(visit, visitor):
    favourites(visitor, 8, 9)
    visitor.page.fill(f"{CARDS}:nth-child(1) .keep-title", "nine")
    visitor.press("Enter")
    visitor.page.fill("#keep-name", "a step")
    visitor.press("Enter")
    visitor.page.wait_for_selector("#keep-named button")
    data = exported(visitor)
    assert b"data:image" not in data

    other = keep_tool(visit(open="?model=stylegan2&seed=1"))
    import_file(other, "mine.json", data)
    wait_for(other, CARDS, 2)
    assert seeds(other) == [9, 8]
    assert other.page.input_value(".keep-title") == "nine"
    other.page.wait_for_selector("#keep-named button")
    assert json.loads(exported(other)) == json.loads(data)
    picture = other.page.eval_on_selector(".keep-open", "node => node.style.backgroundImage")
    assert picture.startswith('url("data:image/jpeg')

    import_file(other, "mine.json", data)  # a second time adds nothing
    other.wait("() => document.querySelector('#note').textContent.includes('already')")
    assert other.page.locator(CARDS).count() == 2
    assert other.complaints == []


def test_a_file_of_favourites_dropped_on_the_page_is_read(visit, visitor):
    favourites(visitor, 8)
    data = exported(visitor)
    other = visit(open="?model=stylegan2&seed=1")
    other.drop("mine.json", data)
    other.wait("() => document.querySelector('#note').textContent.startsWith('1 ')")
    keep_tool(other)

    wait_for(other, CARDS, 1)


def test_a_file_partly_damaged_gets_one_sentence_and_the_good_ones_are_kept(visitor):
    good = {"recipe": {"model": "vae", "anchors": [{"seed": 5}]}, "name": "five"}
    bad = [{"recipe": {"model": "nobody"}}, {"recipe": {"model": "vae", "anchors": [{"seed": -3}]}}, {"recipe": 7}, None]
    keep_tool(visitor)
    import_file(visitor, "mine.json", json.dumps({"genart favourites": 1, "favourites": [*bad, good]}).encode())

    visitor.page.wait_for_selector("#stage-error:visible")
    assert visitor.sentence.startswith("4 of 5 in mine.json cannot be read")
    assert visitor.page.input_value(".keep-title") == "five"
    assert visitor.page.locator(CARDS).count() == 1


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", '{"genart favourites": 1, "favo', "a.json is no file of favourites"),
        ("b.json", '{"genart favourites": 9}', "b.json is no file of favourites"),
        ("c.json", '{"other": []}', "c.json is no file of favourites"),
        ("d.txt", "just some text", "carries no genart recipe"),
    ],
)
def test_a_damaged_file_gets_one_sentence(visit, name, text, says):
    visitor = keep_tool(visit(open="?model=vae&seed=7"))
    import_file(visitor, name, text.encode())

    visitor.page.wait_for_selector("#stage-error:visible")
    assert says in visitor.sentence


def test_the_gallery_is_used_by_keys_and_what_is_deleted_comes_back(visitor):
    favourites(visitor, 8, 9, 10)
    visitor.page.focus(".keep-open[tabindex='0']")
    visitor.press("ArrowRight", "Space", "ArrowRight", "Space")
    assert visitor.page.inner_text("#keep-chosen-count") == "2 chosen"
    visitor.press("Delete")
    wait_for(visitor, CARDS, 1)
    assert seeds(visitor) == [10]
    visitor.page.click('[data-keep="undo"]')
    wait_for(visitor, CARDS, 3)
    assert seeds(visitor) == [10, 9, 8]

    visitor.page.focus(".keep-open[tabindex='0']")
    visitor.press("Home", "F2")
    visitor.page.keyboard.type("ten")
    visitor.press("Enter")
    visitor.wait("() => document.querySelector('.keep-title').value === 'ten'")
    visitor.press("End")
    visitor.after(lambda: visitor.press("Enter"), "anchor.seed === 8")


def test_a_name_half_typed_stays_when_a_small_picture_comes(visitor):
    favourites(visitor, 8, 9, 10)
    visitor.page.focus(f"{CARDS}:nth-child(2) .keep-title")
    visitor.page.keyboard.type("a good")
    visitor.page.evaluate("""async () => {
      const database = await new Promise((done) => (indexedDB.open("genart").onsuccess = ({ target }) => done(target.result)));
      const store = database.transaction("kept", "readwrite").objectStore("kept");
      const items = await new Promise((done) => (store.getAll().onsuccess = ({ target }) => done(target.result)));
      for (const item of items) store.put({ ...item, thumb: "data:image/png;base64,AAAA" });
      await new Promise((done) => (store.transaction.oncomplete = done));
      database.close();
      new BroadcastChannel("genart.kept").postMessage("changed");
    }""")
    visitor.wait(
        "() => [...document.querySelectorAll('.keep-open')].every((node) => node.style.backgroundImage.includes('AAAA'))"
    )
    visitor.page.keyboard.type(" one")
    visitor.press("Enter")

    visitor.wait("() => document.querySelectorAll('.keep-title')[1].value === 'a good one'")
    assert seeds(visitor) == [10, 9, 8]


def test_a_contact_sheet_opens_with_pillow_and_brings_its_recipes_back(visitor):
    favourites(visitor, 8, 9, 10)
    visitor.page.click('.keep-card:nth-child(1) [type="checkbox"]', force=True)
    visitor.page.click('[data-keep="all"]')
    with visitor.page.expect_download() as saved:
        visitor.page.click('[data-keep="sheet"]')
    data = saved.value.path().read_bytes()

    image = Image.open(io.BytesIO(data))
    size = visitor.pixels.shape[0]
    assert image.size == (2 * size + 6, 2 * size + 6)
    expected = visitor.studio.render(Recipe("vae", (Anchor(10),)))
    assert np.array_equal(np.asarray(image)[2 : 2 + size, 2 : 2 + size], expected)
    assert [recipe.anchors[0].seed for recipe in recipes_of(data)] == [10, 9, 8]

    visitor.page.click('[data-keep="delete"]')
    wait_for(visitor, CARDS, 0)
    import_file(visitor, "sheet.png", data, "image/png")
    wait_for(visitor, CARDS, 3)
    visitor.page.click('[data-tool="steer"]')
    file = {"name": "sheet.png", "mimeType": "image/png", "buffer": data}
    visitor.after(lambda: visitor.page.set_input_files("#open-file", file), "anchor.seed === 10")


def test_favourites_become_keys_of_a_film(visitor):
    favourites(visitor, 8, 9)
    visitor.page.click('[data-action="film"]')
    visitor.page.select_option("#tl-from", "kept")
    wait_for(visitor, ".tl-key", 2)
    visitor.page.click('[data-film="close"]')
    visitor.page.click('.keep-card:nth-child(1) [type="checkbox"]', force=True)
    visitor.page.click('[data-keep="film"]')

    wait_for(visitor, ".tl-key", 3)


def test_two_windows_of_a_browser_show_the_same_favourites(visitor):
    keep_tool(visitor)
    other = visitor.page.context.new_page()
    other.goto(visitor.url)
    other.wait_for_selector("#stage.alive")
    other.wait_for_function("document.querySelectorAll('#history .step').length")
    other.click('#actions [data-action="keep"]')

    wait_for(visitor, CARDS, 1)


def test_favourites_of_the_days_of_local_storage_are_taken_over(visit):
    recipe = {"model": "vae", "anchors": [{"seed": 5}], "psi": 0.7, "psi_cutoff": None, "offsets": [], "layers": [], "finish": [],
              "noise": {"mode": "const", "seed": 0, "strength": 1}, "all_classes": False, "controls": []}  # fmt: skip
    items = json.dumps([{"id": "a", "name": "old", "recipe": recipe, "thumb": None}])
    script = f"if (!sessionStorage.old) {{ sessionStorage.old = 1; localStorage.setItem('genart.kept', {json.dumps(items)}); }}"
    visitor = keep_tool(visit(open="?model=vae&seed=7", script=script))

    wait_for(visitor, CARDS, 1)
    visitor.wait("() => localStorage.getItem('genart.kept') === null")
    visitor.open()
    wait_for(visitor, CARDS, 1)
    assert visitor.page.input_value(".keep-title") == "old"


# ---- comparing


def picture_of(visitor):
    """What the stage looks like, without what lies on it."""
    visitor.page.evaluate("document.querySelector('#stage').classList.add('dragged')")
    hide = "#frame > button, #note, #wipe-line, #wipe b, #wipe button { visibility: hidden !important }"
    style = visitor.page.add_style_tag(content=hide)
    data = visitor.page.locator("#frame").screenshot()
    style.evaluate("node => node.remove()")
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_the_wipe_shows_a_left_and_b_right_of_its_line(visitor):
    keep_tool(visitor)
    a = picture_of(visitor)
    visitor.page.click('[data-keep="pin"]')
    visitor.page.wait_for_selector("#wipe:visible")
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("ArrowRight"), "anchor.seed === 8")
    visitor.page.evaluate("document.querySelector('#wipe').hidden = true")
    b = picture_of(visitor)
    visitor.page.evaluate("document.querySelector('#wipe').hidden = false")
    width = a.shape[1]

    def off(one, other, columns):  # the browser may scale a clipped canvas a little otherwise
        return np.abs(one - other)[20:-20, columns].mean()

    def divided(share):
        both, at = picture_of(visitor), round(width * share)
        left, right = slice(20, at - 3), slice(at + 3, -20)
        like = off(both, a, left) < 4 and off(both, b, right) < 4
        return like and off(both, b, left) > 30 and off(both, a, right) > 30

    assert divided(0.5)
    visitor.page.focus("#wipe-line")
    visitor.press(*["ArrowLeft"] * 5)
    assert visitor.page.get_attribute("#wipe-line", "aria-valuenow") == "40"
    assert divided(0.4)
    assert visitor.recipe.anchors == (Anchor(8),)  # the arrows moved the line alone

    box = visitor.page.locator("#frame").bounding_box()
    visitor.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + box["height"] / 2)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2, steps=5)
    visitor.page.mouse.up()
    assert divided(0.75)

    visitor.after(lambda: visitor.page.click('[data-keep="swap"]'), "anchor.seed === 7")
    visitor.page.focus("#wipe-line")
    visitor.press("Escape")
    assert not visitor.page.is_visible("#wipe")


def test_a_finger_moves_the_line(visit):
    visitor = keep_tool(visit(open="?model=vae&seed=7", **PHONE))
    visitor.page.click('[data-keep="pin"]')
    visitor.page.wait_for_selector("#wipe:visible")
    box = visitor.page.locator("#wipe-line i").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = visitor.page.context.new_cdp_session(visitor.page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 9):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x - 8 * step, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    visitor.wait("() => Number(document.querySelector('#wipe-line').getAttribute('aria-valuenow')) < 40")
    assert visitor.recipe.anchors == (Anchor(7),)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390


def cell(visitor, model):
    """The small picture of a model in the row, and what its caption says."""
    return visitor.page.evaluate(
        """(model) => {
          const all = [...document.querySelectorAll(".beside-list button")];
          const button = all.find((one) => one.querySelector("span").textContent === model);
          const { data } = button.querySelector("canvas").getContext("2d").getImageData(0, 0, 256, 256);
          return [button.querySelector("small").textContent, data.reduce((sum, value, at) => (sum * 31 + value) % 1000003, 7)];
        }""",
        model,
    )


def test_other_models_follow_the_present_picture_side_by_side(visitor):
    keep_tool(visitor)
    for model in ("vae", "dcgan-classes"):
        visitor.page.locator("#keep-models button", has_text=model).first.click()
    captions = "() => [...document.querySelectorAll('.beside-list small')].map((one) => one.textContent).join()"
    visitor.wait(f"() => ({captions})() === 'on the stage,the same seed'")
    before = [cell(visitor, model) for model in ("vae", "dcgan-classes")]
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("ArrowRight"), "anchor.seed === 8")
    visitor.wait(
        """(before) => {
          const sums = [...document.querySelectorAll(".beside-list canvas")].map((canvas) => canvas.getContext("2d")
            .getImageData(0, 0, 256, 256).data.reduce((sum, value) => (sum * 31 + value) % 1000003, 7));
          return sums.every((sum, at) => sum !== before[at]);
        }""",
        [total for _, total in before],
    )

    visitor.after(lambda: visitor.page.click(".beside-list button:nth-child(2)"), "recipe.model === 'dcgan-classes'")
    assert visitor.recipe.anchors == (Anchor(8),)
    visitor.page.click(".beside-close")
    assert not visitor.page.is_visible("#beside")


def test_a_recipe_goes_whole_only_to_a_model_of_the_same_latents(visitor):
    carried = """async ([recipe, from, to, seedOnly]) => {
      const { carried } = await import(new URL("static-genart/recipe.js", document.baseURI));
      return carried(recipe, from, to, {}, seedOnly);
    }"""
    recipe = {
        "model": "a",
        "anchors": [{"seed": 3, "vector": "z.1.x", "label": 1}],
        "psi": 0.4,
        "offsets": [{"direction": "pca0", "sigma": 1}],
    }
    a = {"name": "a", "zDim": 8, "wDim": 8, "numWs": 1, "numClasses": 3}

    same = visitor.page.evaluate(carried, [recipe, a, {**a, "name": "b"}, False])
    assert same == {"how": "whole", "recipe": {**recipe, "model": "b"}}
    for other, only in ((a | {"zDim": 9}, False), (a | {"numClasses": 1}, False), (a, True)):
        seed = visitor.page.evaluate(carried, [recipe, a, {**other, "name": "b"}, only])
        assert seed["how"] == "seed"
        assert "vector" not in seed["recipe"]["anchors"][0]
        assert ("label" in seed["recipe"]["anchors"][0]) == (other["numClasses"] > 1)
        assert (seed["recipe"]["anchors"][0]["seed"], seed["recipe"]["psi"], seed["recipe"]["offsets"]) == (3, 0.4, [])

    # Of one z, made into another w.
    mapped = {**a, "name": "b", "wDim": 32, "numWs": 6}
    for offsets, vector, how in (([], "z.1.x", "z"), (recipe["offsets"], "z.1.x", "seed"), ([], "w.1.x", "seed")):
        stored = {**recipe, "anchors": [{"seed": 3, "vector": vector, "label": 1}], "layers": [], "offsets": offsets}
        there = visitor.page.evaluate(carried, [stored, a, mapped, False])
        assert there["how"] == how
        assert (there["recipe"]["anchors"][0].get("vector") == vector) is (how == "z")


def test_holding_compare_still_shows_the_step_before(visitor):
    before = visitor.pixels
    to_seed(visitor, 8)
    keep_tool(visitor)
    visitor.page.focus("#picture")
    visitor.page.keyboard.down("c")
    visitor.rest("anchor.seed === 7")
    assert (visitor.pixels == before).all()
    visitor.page.keyboard.up("c")
    visitor.rest("anchor.seed === 8")
