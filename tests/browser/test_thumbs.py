"""Small pictures are asked for once, whatever shows them, and steps of the past say what they did."""

import json

import pytest


@pytest.fixture
def asked(visitor):
    """The recipes that the page has got small pictures of."""
    recipes: list[str] = []

    def note(request):
        if request.url.endswith("/live/cells"):
            recipes.extend(json.dumps(each, sort_keys=True) for each in json.loads(request.post_data)["recipes"])

    visitor.page.on("requestfinished", note)  # what was cancelled on the way was not drawn
    return recipes


def opened(visitor, tool: str, place: str) -> None:
    """A tool, once the pictures of its tray are there."""
    visitor.page.click(f'[data-tool="{tool}"]')
    visitor.wait(
        """place => { const cells = [...document.querySelectorAll(`${place} .cell`)];
          return cells.length && cells.every((cell) => cell.style.backgroundImage); }""",
        place,
    )


SHOWING = """async places => {
  const blank = [];
  for (const cell of document.querySelectorAll(places)) {
    const canvas = new OffscreenCanvas(32, 32), context = canvas.getContext("2d");
    let source = cell.querySelector("canvas");
    if (!source) {
      source = new Image();
      source.src = cell.style.backgroundImage.slice(5, -2);
      await source.decode();
    }
    context.drawImage(source, 0, 0, 32, 32);
    const pixels = new Uint32Array(context.getImageData(0, 0, 32, 32).data.buffer);
    const picture = pixels.some((pixel) => pixel >>> 24 === 255) && pixels.some((pixel) => pixel !== pixels[0]);
    if (!picture) blank.push(cell.ariaLabel);
  }
  return blank;
}"""


def blank(visitor, places: str) -> list[str]:
    """The cells that show no picture, or one of a single colour."""
    assert visitor.page.locator(places).count()
    return visitor.page.evaluate(SHOWING, places)


def test_a_picture_that_was_drawn_once_is_still_there_for_the_next_tool(visitor):
    visitor.choose("skies")  # it has starting points, whose pictures come from the store each time
    for tool in ("mix", "breed", "mix"):
        opened(visitor, tool, f"#{tool}-tray")
        assert blank(visitor, f"#{tool}-tray .cell") == []


def test_a_picture_is_asked_for_once_by_all_tools(visitor, asked):
    visitor.choose("vae")
    opened(visitor, "mix", "#mix-tray")
    asked.clear()
    opened(visitor, "breed", "#breed-tray")
    opened(visitor, "keep", "#keep-tray")
    opened(visitor, "mix", "#mix-tray")

    assert asked == []


def test_going_back_draws_no_strip_twice(visitor, asked):
    visitor.choose("stylegan2")
    row = '[data-direction="pca1"]'
    if not visitor.page.is_visible("#direction-rest"):
        visitor.page.click("#direction-more")
    visitor.page.locator(row).scroll_into_view_if_needed()
    visitor.page.click(f"{row} [aria-expanded]")
    visitor.page.wait_for_selector(f'{row}[data-drawn="strip"]')
    visitor.page.focus("#picture")
    seed = visitor.recipe.anchors[0].seed
    visitor.step(lambda: visitor.press("r"))
    visitor.after(lambda: visitor.press("z"), f"anchor.seed === {seed}")

    assert len(asked) == len(set(asked))


def test_undo_says_what_it_undid(visitor):
    visitor.choose("vae")
    visitor.page.focus("#picture")
    visitor.step(lambda: visitor.press("r"))
    seed = visitor.recipe.anchors[0].seed
    visitor.after(lambda: visitor.press("z"), f"anchor.seed !== {seed}")

    assert visitor.page.inner_text("#note") == f"Undone: Seed {seed}"
    assert visitor.page.get_attribute("#history .step:last-child", "title").endswith(f"Seed {seed}")
