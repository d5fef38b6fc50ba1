"""Breeding on the page: nine children, generation after generation, thumbs, and the tree of all that came of them."""

import json

import numpy as np
import pytest

from genart.recipe import Recipe

DRAWN = """() => !document.querySelector("#breed-grid").hidden && document.querySelector("#breed-stop").hidden
  && !document.querySelector(".child.waiting")"""
CHILDREN = """() => JSON.parse(localStorage.getItem("genart.breed") ?? "{}").family?.children ?? []"""
KEPT = """() => JSON.parse(localStorage.getItem("genart.breed") ?? "{}")"""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SIZES = """() => [...document.querySelectorAll("#tool-breed button")].filter((node) => node.offsetParent)
  .map((node) => [node.id || node.className, node.getBoundingClientRect().width, node.getBoundingClientRect().height])"""
GREY = """() => [...document.querySelectorAll(".portrait canvas")].map((canvas) =>
  [...canvas.getContext("2d").getImageData(0, 0, 160, 160).data].reduce((sum, value) => sum + value, 0))"""


def portrait(n: int) -> str:
    return f".child:nth-child({n}) .portrait"


class Breeder:
    """A visitor at the tool."""

    def __init__(self, visitor):
        self.visitor, self.page = visitor, visitor.page
        self.page.click('[data-tool="breed"]')

    def bred(self, act):
        """Do something, and wait for the nine children that follow."""
        before = self.children
        act()
        self.visitor.wait(f"before => JSON.stringify(({CHILDREN})()) !== JSON.stringify(before)", before)
        self.visitor.wait(DRAWN)
        return self

    def begin(self):
        return self.bred(lambda: self.page.click("#breed-begin"))

    def tap(self, n: int):
        """Go on from a child."""
        return self.bred(lambda: self.page.click(portrait(n)))

    def kept(self, condition: str):
        """Wait until what the browser keeps fits."""
        self.visitor.wait(f"() => {{ const kept = ({KEPT})(); return {condition}; }}")

    @property
    def children(self) -> list:
        return self.page.evaluate(CHILDREN)

    @property
    def nodes(self) -> int:
        return self.page.locator("#tree-ground .cell").count()

    @property
    def parents(self) -> int:
        return self.page.locator("#breed-parents .cell").count()


@pytest.fixture
def breeder(visitor):
    return Breeder(visitor)


def same(recipe: Recipe, child: dict) -> bool:
    return recipe.anchors == Recipe.from_dict({key: child[key] for key in ("model", "anchors")}).anchors


def test_the_tool_says_what_to_do_and_nine_different_children_appear(breeder):
    assert breeder.page.is_visible("#breed-empty")
    assert breeder.page.is_hidden("#breed-grid")
    breeder.begin()

    assert breeder.page.is_hidden("#breed-empty")
    assert len(breeder.children) == 9
    assert len(set(breeder.page.evaluate(GREY))) == 9
    assert breeder.parents == 1


def test_a_tapped_child_is_the_present_picture_and_the_parent_of_the_next(breeder):
    child = breeder.begin().children[4]
    breeder.tap(5)
    breeder.visitor.rest("anchor.vector")

    assert same(breeder.visitor.recipe, child)
    assert breeder.visitor.shows(breeder.visitor.recipe)
    assert breeder.parents == 1
    assert breeder.nodes == 2  # the parent and the child


def test_others_are_other_children_of_the_same_parents_and_undo_brings_the_last_picture_back(breeder):
    start = breeder.visitor.recipe
    breeder.begin()
    breeder.bred(lambda: breeder.page.click("#breed-again"))
    breeder.tap(3)
    breeder.visitor.rest("anchor.vector")
    breeder.page.focus("#picture")
    breeder.visitor.after(lambda: breeder.visitor.press("z"), "!anchor.vector")

    assert breeder.visitor.recipe.anchors == start.anchors


def test_a_child_can_become_a_further_parent_and_both_stand_above_their_child(breeder):
    breeder.begin()
    breeder.page.click(".child:nth-child(2) .add")
    assert breeder.parents == 2
    breeder.bred(lambda: breeder.page.click("#breed-again")).tap(1)
    breeder.kept("kept.nodes.length === 3")
    nodes = breeder.page.evaluate(KEPT)["nodes"]

    assert [len(node["parents"]) for node in nodes] == [0, 1, 2]
    assert breeder.page.locator("#tree-ground path").count() == 3


def test_parents_come_from_the_tray_and_go_when_they_are_tapped(breeder):
    breeder.page.click("#breed-now")
    assert breeder.parents == 1
    breeder.page.click("#breed-parents .cell")
    assert breeder.parents == 0
    breeder.page.click("#breed-tray .cell")
    assert breeder.parents == 1


def test_no_mutation_of_one_parent_warns_that_all_are_alike_and_says_what_to_do(breeder):
    breeder.begin()
    breeder.visitor.wait("() => document.querySelector('#breed-grid').dataset.share")
    breeder.visitor.slide('[data-setting="mutation"] input', 0.0)
    breeder.page.wait_for_selector("#breed-alike:visible")
    assert len(set(breeder.page.evaluate(GREY))) == 1
    assert "0 %" in breeder.page.inner_text("#breed-alike")

    breeder.bred(lambda: breeder.page.click("#breed-raise"))
    assert len(set(breeder.page.evaluate(GREY))) == 9


def test_thumbs_are_sent_counted_taken_back_and_forgotten(breeder):
    page = breeder.begin().page
    assert page.is_hidden('[data-setting="explore"]')
    page.click(".child:nth-child(1) .up")
    page.click(".child:nth-child(2) .down")
    assert "1 liked, 1 disliked" in page.inner_text("#breed-taste")
    assert page.is_visible('[data-setting="explore"]')

    with page.expect_request("**/live/breed") as asked:
        breeder.bred(lambda: page.click("#breed-again"))
    likes = json.loads(asked.value.post_data)["likes"]
    assert [like["thumb"] for like in likes] == [1, -1] + [0] * 7

    page.click('#breed-bar [data-thumb="1"]')
    assert "2 liked" in page.inner_text("#breed-taste")
    page.click('#breed-bar [data-thumb="1"]')
    assert "1 liked" in page.inner_text("#breed-taste")
    page.click("#breed-forget")
    assert page.is_hidden('[data-setting="explore"]')


def test_the_tree_grows_loses_a_branch_and_gets_it_back(breeder):
    breeder.begin().tap(1).tap(2).tap(3)
    assert breeder.nodes == 4
    breeder.page.click("#tree-ground .cell:nth-child(3)")  # after the lines: the first child
    breeder.page.click("#tree-delete")
    assert breeder.nodes == 1
    breeder.page.click("#tree-undo")
    assert breeder.nodes == 4
    assert breeder.page.is_hidden("#tree-undo")


def test_the_tree_is_rooted_anew_and_shown_whole_again(breeder):
    breeder.begin().tap(1).tap(2)
    breeder.page.click("#tree-ground .cell:nth-child(3)")
    breeder.page.click("#tree-root")
    assert breeder.nodes == 2
    breeder.page.click("#tree-all")
    assert breeder.nodes == 3


def test_a_picture_of_the_tree_is_shown_bred_from_pinned_and_compared(breeder):
    page = breeder.begin().tap(1).tap(2).page
    breeder.visitor.after(lambda: page.click("#tree-ground .cell:nth-child(2)"), "!anchor.vector")
    page.click("#tree-pin")
    assert page.locator("#tree-ground .pinned").count() == 1
    page.click("#tree-compare")
    page.wait_for_selector("#tree-pick:visible")
    page.click("#tree-ground .cell:nth-child(4)")
    page.wait_for_selector("#tree-pair:visible")
    painted = "canvas.getContext('2d').getImageData(0, 0, 256, 256).data.some((value) => value > 0 && value < 255)"
    breeder.visitor.wait(f"() => [...document.querySelectorAll('#tree-pair canvas')].every((canvas) => {painted})")
    page.locator("#tree-flip").scroll_into_view_if_needed()
    page.focus("#tree-flip")
    breeder.visitor.rest("anchor.vector")
    seq = breeder.visitor.seq
    page.keyboard.down(" ")
    breeder.visitor.wait("seq => lastHead().seq > seq", seq)
    page.keyboard.up(" ")
    breeder.visitor.rest(f"head.seq > {seq + 1} && anchor.vector")

    breeder.bred(lambda: page.click("#tree-go"))
    assert breeder.parents == 1


def test_nothing_is_lost_when_the_page_is_loaded_again(breeder):
    breeder.begin().tap(4)
    breeder.page.click(".child:nth-child(1) .up")
    breeder.kept("kept.rounds.length === 1 && kept.nodes.length === 2")
    children, kept = breeder.children, breeder.page.evaluate(KEPT)
    breeder.visitor.open()
    breeder.visitor.wait(DRAWN)

    assert breeder.children == children
    assert breeder.page.evaluate(KEPT)["nodes"] == kept["nodes"]
    assert breeder.nodes == 2
    assert "1 liked" in breeder.page.inner_text("#breed-taste")


def test_a_thumb_of_the_moment_before_the_page_is_left_is_kept(breeder):
    breeder.begin()
    breeder.page.evaluate("""() => {
      window.setTimeout = () => 1;  // nothing that is put off will ever be done
      document.querySelector(".child:nth-child(1) .up").click();
      location.reload();
    }""")
    breeder.visitor.rest()

    breeder.kept("kept.rounds.length === 1")


def test_everything_by_keyboard(breeder):
    page, press = breeder.page, breeder.visitor.press
    page.focus("#breed-begin")
    breeder.bred(lambda: press("Enter"))
    focused = "() => document.activeElement === [...document.querySelectorAll('.portrait')]"
    breeder.visitor.wait(f"{focused}[0]")
    press("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft")
    breeder.visitor.wait(f"{focused}[6]")
    press("+")
    press("ArrowRight")
    press("-")
    assert "1 liked, 1 disliked" in page.inner_text("#breed-taste")
    press("Shift+Enter")
    assert breeder.parents == 2
    breeder.bred(lambda: press("n"))
    breeder.bred(lambda: press("Enter"))
    breeder.visitor.wait(f"{focused}[7]")
    assert breeder.nodes == 3

    page.focus("#tree-ground [tabindex='0']")
    press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.node") == "1"
    press("p")
    assert page.locator("#tree-ground .pinned").count() == 1
    press("ArrowDown", "Delete")
    assert breeder.nodes < 3
    assert page.evaluate("document.activeElement.dataset.node") == "1"


def test_crossing_and_classes_are_offered_only_where_there_are_any(breeder):
    page = breeder.begin().page
    assert page.is_visible("#breed-classes-row")
    assert page.is_hidden("#breed-cross-row")
    page.click(".child:nth-child(2) .add")
    assert page.is_visible("#breed-cross-row")
    breeder.bred(lambda: page.select_option("#breed-cross", "layers"))

    breeder.visitor.choose("vae")
    assert page.is_visible("#breed-empty")
    assert page.is_hidden("#breed-classes-row")
    breeder.visitor.choose("stylegan2-classes")
    breeder.visitor.wait(DRAWN)
    assert breeder.parents == 2


def test_stopping_leaves_what_is_drawn(visit):
    visitor = visit()
    held = []
    Breeder(visitor)
    visitor.page.route("**/live/cells", lambda route: held.append(route))
    visitor.page.click("#breed-begin")
    visitor.page.wait_for_selector("#breed-stop:visible")
    visitor.page.click("#breed-stop")

    visitor.page.wait_for_selector("#breed-stop", state="hidden")
    visitor.wait(f"() => ({CHILDREN})().length === 9")


def test_a_child_that_nobody_has_seen_cannot_be_taken(breeder):
    page, held = breeder.begin().page, []
    page.route("**/live/cells", lambda route: held.append(route))
    page.click("#breed-again")
    breeder.visitor.wait("() => document.querySelectorAll('.child.waiting').length === 9")
    page.click(portrait(2))
    page.click(".child:nth-child(2) .add")
    page.click(".child:nth-child(2) .up")
    page.focus(portrait(1))
    breeder.visitor.press("Shift+Enter", "+")

    assert (breeder.parents, breeder.nodes) == (1, 0)
    assert page.is_hidden('[data-setting="explore"]')


def test_the_servers_sentence_is_shown(visit):
    visitor = visit()
    breeder = Breeder(visitor)
    sentence = json.dumps({"error": "No.", "chinese": "不。"})
    visitor.page.route("**/live/breed", lambda route: route.fulfill(status=422, body=sentence, content_type="application/json"))
    breeder.page.click("#breed-begin")
    visitor.page.wait_for_selector("#stage-error:visible")

    assert visitor.sentence == "No."


def test_on_a_phone_three_by_three_fit_and_every_target_is_large_enough(visit):
    breeder = Breeder(visit(**PHONE)).begin()
    assert breeder.page.evaluate("document.documentElement.scrollWidth") <= 390
    breeder.page.click(".child:nth-child(3) .up")
    breeder.tap(9)
    sizes = breeder.page.evaluate(SIZES)

    assert [size for size in sizes if min(size[1:]) < 36] == []
    assert np.ptp([size[1] for size in sizes if size[0] == "portrait"]) < 2
