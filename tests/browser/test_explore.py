"""The Explore tab under the hand: every control writes the recipe, and the picture is the recipe's."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image, PngImagePlugin

from genart import latent
from genart.catalogue import ENTRIES
from genart.export import save_png
from genart.recipe import Anchor, Recipe, unpack_vector

PSI = "#psi input[type=range]"


def png_file(name: str, data: bytes) -> dict:
    return {"name": name, "mimeType": "image/png", "buffer": data}


def test_the_first_picture_is_painted(visitor):
    values = "new Set(document.querySelector('#picture').getContext('2d').getImageData(0, 0, 512, 512).data)"

    assert visitor.page.evaluate(f"{values}.size") > 5
    assert visitor.shows(visitor.recipe, within=0)


@pytest.mark.parametrize("model", ENTRIES)
def test_a_shipped_model_shows_its_picture(visit, model):
    visitor = visit(open=f"?model={model}&seed=3")
    size = visitor.pixels.shape[0]

    assert visitor.recipe.model == model
    assert visitor.shows(visitor.recipe, within=1 if size <= 64 else 40)  # larger pictures come as JPEG


def test_a_click_draws_one_part_anew_and_keeps_the_others(visit):
    visitor = visit(open="?model=pixel-vae&seed=3")
    before, seen = latent.sample(3, 48)[0].numpy(), visitor.pixels
    buttons = visitor.page.locator("#part-list button:visible")
    visitor.step(
        lambda: visitor.page.get_by_role("button", name="Hat", exact=True).click(), "anchor.vector"
    )  # nineteen in twenty have none
    (anchor,) = visitor.recipe.anchors
    _, point = unpack_vector(anchor.vector)

    assert buttons.count() == 17
    assert set(np.flatnonzero(np.abs(point[0] - before) > 1e-3)) == {33, 34, 35}
    assert np.abs(visitor.pixels.astype(int) - seen).max() > 60
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("z"), "anchor.seed === 3 && !anchor.vector")


def test_a_class_has_the_parts_that_it_knows(visit):
    visitor = visit(open="?model=portraits&seed=3")
    names = [visitor.page.locator("#part-list button:visible").all_inner_texts()]
    visitor.after(lambda: visitor.page.click("#class-list button:nth-child(3)"), "anchor.label === 2")
    names += [visitor.page.locator("#part-list button:visible").all_inner_texts()]

    assert {"Nose", "Mouth", "Brows"} <= set(names[0]) - set(names[1])
    assert set(names[1]) - set(names[0]) == {"Clothes", "Colour of hair"}


def test_dragging_diversity_paints_the_last_value(visitor):
    visitor.after(lambda: visitor.slide(PSI, 0.8))
    shown = float(visitor.page.input_value(PSI))

    assert abs(shown - 1.0) < 0.1
    assert visitor.recipe.psi == shown
    assert visitor.shows(Recipe(visitor.recipe.model, (Anchor(7),), shown))


def test_arrows_step_through_seeds(visitor):
    visitor.page.focus("#picture")
    for key, seed in [("ArrowRight", 8), ("ArrowLeft", 7), ("ArrowDown", 107), ("ArrowUp", 7)]:
        visitor.after(lambda key=key: visitor.press(key), f"(anchor.seed ?? 0) === {seed}")

    assert visitor.page.input_value("#seed") == "7"
    assert visitor.shows(Recipe(visitor.recipe.model, (Anchor(7),)))


def test_letters_dice_go_back_undo_redo_and_reset(visitor):
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("r"), "anchor.seed !== 7")
    diced = visitor.recipe
    visitor.after(lambda: visitor.press("b"), "anchor.seed === 7")
    visitor.after(lambda: visitor.press("z"), f"anchor.seed === {diced.anchors[0].seed}")
    visitor.after(lambda: visitor.press("Shift+Z"), "anchor.seed === 7")
    visitor.after(lambda: visitor.slide(PSI, 0.2), "recipe.psi < 0")
    visitor.after(lambda: visitor.press("0"), "(recipe.psi ?? 0.7) === 0.7")

    assert visitor.recipe == Recipe(diced.model, (Anchor(7),), weights=visitor.recipe.weights)


def test_a_typed_seed_is_shown(visitor):
    visitor.page.fill("#seed", "4294967295")
    visitor.after(lambda: visitor.press("Enter"), "anchor.seed === 4294967295")

    assert visitor.shows(Recipe(visitor.recipe.model, (Anchor(4294967295),)))


@pytest.mark.parametrize("typed", ["banana", "-1", "1.5", "4294967296", ""])
def test_a_wrong_seed_gets_a_sentence_that_quotes_it_and_the_next_one_works(visitor, typed):
    visitor.page.fill("#seed", typed)
    visitor.press("Enter")

    visitor.page.wait_for_selector("#stage-error:visible")
    assert f'"{typed}"' in visitor.sentence
    visitor.page.fill("#seed", "12")
    visitor.after(lambda: visitor.press("Enter"), "anchor.seed === 12")
    visitor.page.wait_for_selector("#stage-error", state="hidden")


def test_undo_restores_every_control(visitor):
    visitor.open_advanced()
    before = visitor.controls
    visitor.step(lambda: visitor.slide(PSI, 0.9))
    visitor.step(lambda: visitor.page.click('#noise-modes [value="random"]'))
    visitor.step(lambda: visitor.page.click("#class-list button:nth-child(3)"))
    visitor.step(lambda: visitor.slide("#fader-list input", 0.8))
    after = visitor.controls
    assert after != before

    visitor.page.focus("#picture")
    for _ in range(4):
        visitor.after(lambda: visitor.press("z"))
    assert visitor.controls == before
    for _ in range(4):
        visitor.after(lambda: visitor.press("Shift+Z"))
    assert visitor.controls == after


@pytest.mark.parametrize("way", ["open", "drop"])
def test_a_saved_picture_restores_every_control(visitor, way):
    visitor.open_advanced()
    visitor.after(lambda: visitor.slide(PSI, 0.9))
    visitor.after(lambda: visitor.page.click("#class-list button:nth-child(2)"))
    visitor.after(lambda: visitor.page.click('#noise-modes [value="random"]'))
    visitor.after(lambda: visitor.page.fill("#noise-seed", "5"), "recipe.noise.seed === 5")
    visitor.after(lambda: visitor.slide("#fader-list input", 0.7))
    visitor.page.select_option("#saved-size", "256")
    before, recipe, pixels = visitor.controls, visitor.recipe, visitor.pixels
    with visitor.page.expect_download() as saved:
        visitor.page.click('[data-action="save"]')
    data = saved.value.path().read_bytes()

    visitor.choose("vae")
    assert visitor.controls != before
    if way == "open":
        act = lambda: visitor.page.set_input_files("#open-file", png_file("kept.png", data))  # noqa: E731
    else:
        act = lambda: visitor.drop("kept.png", data)  # noqa: E731
    visitor.after(act, f"recipe.model === '{recipe.model}'")

    assert visitor.controls == before
    assert (visitor.pixels == pixels).all()


def foreign() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def with_recipe(text: str) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("genart", text)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def newer() -> bytes:
    return with_recipe(json.dumps({**json.loads(Recipe("vae").to_json()), "genart": 99}))


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("foreign.png", foreign(), "carries no genart recipe"),
        ("notes.txt", b"just some text", "carries no genart recipe"),
        ("newer.png", newer(), "was made by a newer genart"),
        ("unknown.png", with_recipe(Recipe("nobody").to_json()), "no model named 'nobody'"),
    ],
)
def test_a_file_that_cannot_be_opened_gets_a_sentence_and_the_next_action_works(visit, name, data, says):
    visitor = visit()
    before = visitor.controls
    visitor.page.set_input_files("#open-file", png_file(name, data))

    visitor.page.wait_for_selector("#stage-error:visible")
    assert says in visitor.sentence
    assert visitor.controls == before
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("ArrowRight"), "anchor.seed === 8")
    visitor.page.wait_for_selector("#stage-error", state="hidden")


def test_a_picture_of_another_program_is_read_by_a_model_with_an_encoder(visitor):
    visitor.choose("vae")
    file = io.BytesIO()
    Image.fromarray(np.random.RandomState(0).randint(256, size=(20, 30, 3), dtype=np.uint8)).save(file, "JPEG")
    visitor.after(lambda: visitor.page.set_input_files("#open-file", png_file("photo.jpg", file.getvalue())), "anchor.vector")

    assert visitor.recipe.psi == 1.0
    assert visitor.shows(visitor.recipe)


def test_a_copied_link_restores_the_picture(visit):
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    visitor.after(lambda: visitor.slide(PSI, 0.3))
    visitor.after(lambda: visitor.page.click("#class-list button:nth-child(2)"))
    visitor.page.click('[data-action="link"]')
    visitor.page.wait_for_selector("#note.shown")
    link = visitor.page.evaluate("navigator.clipboard.readText()")

    other = visit(open=link.removeprefix(visitor.url))
    assert other.recipe == visitor.recipe
    assert other.controls == visitor.controls
    assert (other.pixels == visitor.pixels).all()


def test_an_address_written_by_hand_is_opened(visit):
    visitor = visit(open="?model=dcgan-classes&seed=42&psi=0.5&label=2")

    assert visitor.shows(Recipe("dcgan-classes", (Anchor(42, label=2),), 0.5))
    assert visitor.page.input_value("#seed") == "42"


@pytest.mark.parametrize("query", ["?r=damaged", "?model=nobody", "?seed=banana", "?psi=nan", "?label=99"])
def test_a_damaged_address_gets_a_sentence_and_a_picture(visit, query):
    visitor = visit(open=None)
    visitor.page.goto(visitor.url + query, wait_until="commit")

    visitor.page.wait_for_selector("#stage-error:visible")
    assert visitor.sentence.endswith((".", "?"))
    visitor.page.wait_for_function("document.querySelector('#seed').value !== ''")
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("ArrowRight"))


def test_class_buttons_choose_and_mix(visitor):
    visitor.after(lambda: visitor.page.click("#class-list button:nth-child(2)"), "anchor.label === 1")
    assert visitor.shows(Recipe(visitor.recipe.model, (Anchor(7, label=1),)))

    visitor.page.click("#class-mix")
    visitor.after(lambda: visitor.page.click("#class-list button:nth-child(3)"), "Array.isArray(anchor.label)")
    visitor.after(lambda: visitor.slide("#class-shares .slider:nth-child(2) input", 0.3))
    shares = dict(visitor.recipe.anchors[0].label)
    assert set(shares) == {1, 2}
    assert shares[2] < shares[1]
    assert visitor.shows(visitor.recipe)

    visitor.after(lambda: visitor.page.click("#class-mix"), "anchor.label === 1")


def test_all_classes_are_shown_at_once_and_a_tap_chooses_one(visitor):
    visitor.choose("dcgan-classes")
    visitor.page.click("#class-all")
    visitor.rest("recipe.all_classes")
    classes = visitor.page.locator("#class-list button").count()
    frame = visitor.page.locator("#picture").bounding_box()
    columns = math.ceil(classes**0.5)
    rows = math.ceil(classes / columns)
    visitor.page.mouse.click(
        frame["x"] + frame["width"] * ((classes - 1) % columns + 0.5) / columns,
        frame["y"] + frame["height"] * (0.5 - rows / columns / 2 + (rows - 0.5) / columns),
    )

    visitor.rest(f"!recipe.all_classes && anchor.label === {classes - 1}")


def test_a_latent_fader_changes_the_picture_and_comes_back_with_undo(visitor):
    before, pixels = visitor.controls, visitor.pixels
    visitor.step(lambda: visitor.slide("#fader-list input", 0.95), "anchor.vector")
    assert (visitor.pixels != pixels).any()
    assert visitor.shows(visitor.recipe)

    visitor.after(lambda: visitor.press("z"), "!anchor.vector")
    assert visitor.controls == before
    assert (visitor.pixels == pixels).all()


def test_painting_the_latent_strip_changes_the_picture_and_comes_back_with_undo(visitor):
    visitor.choose("wide")
    pixels = visitor.pixels
    visitor.page.locator("#strip-canvas").scroll_into_view_if_needed()
    box = visitor.page.locator("#strip-canvas").bounding_box()

    def paint():
        visitor.page.mouse.move(box["x"] + 10, box["y"] + 10)
        visitor.page.mouse.down()
        visitor.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 12, steps=12)
        visitor.page.mouse.up()

    visitor.after(paint, "anchor.vector")
    assert visitor.shows(visitor.recipe)
    assert (visitor.pixels != pixels).any()
    visitor.after(lambda: visitor.press("z"), "!anchor.vector")
    assert (visitor.pixels == pixels).all()


def test_a_model_that_moves_its_whole_picture_has_sliders_for_it(visitor):
    visitor.choose("stylegan3")
    visitor.after(lambda: visitor.slide("#move-list input", 0.8), "recipe.controls?.length === 1")

    assert visitor.recipe.controls[0][0] == "translate_x"
    assert visitor.shows(visitor.recipe)
    visitor.choose("vae")
    assert not visitor.page.is_visible("#moves")


def test_finishing_steps_are_done_and_taken_back(visitor):
    visitor.open_advanced()
    plain = visitor.pixels
    for step in ("palette", "upscale"):
        visitor.after(
            lambda step=step: visitor.page.click(f'[data-step="{step}"]'),
            f"recipe.finish?.some((step) => step.name === '{step}')",
        )
    assert [step.name for step in visitor.recipe.finish] == ["upscale", "palette"]
    assert visitor.pixels.shape[0] == 4 * plain.shape[0]

    for step in ("palette", "upscale"):
        visitor.after(lambda step=step: visitor.page.click(f'[data-step="{step}"]'))
    assert (visitor.pixels == plain).all()


def test_a_direction_moves_the_picture(visitor):
    visitor.choose("wide")
    visitor.after(lambda: visitor.slide("#direction-list input", 0.9), "recipe.offsets?.length === 1")

    assert visitor.recipe.offsets[0].sigma > 3
    assert visitor.shows(visitor.recipe)


@pytest.mark.parametrize("model", ["stylegan2", "vae"])
def test_a_drag_on_the_picture_blends_neighbouring_seeds(visitor, model):
    visitor.choose(model)
    visitor.after(lambda: visitor.drag_picture(-0.3, 0.1), "recipe.anchors.length === 4")

    assert visitor.shows(visitor.recipe)
    assert visitor.page.get_attribute("#seed", "placeholder") == "between seeds"


def test_a_drag_back_to_where_it_began_shows_the_seed_again(visitor):
    box = visitor.page.locator("#picture").bounding_box()
    x, y = box["x"] + 200, box["y"] + 200

    def there_and_back():
        visitor.page.mouse.move(x, y)
        visitor.page.mouse.down()
        visitor.page.mouse.move(x + 100, y, steps=6)
        visitor.page.mouse.move(x, y, steps=6)
        visitor.page.mouse.up()

    visitor.after(there_and_back, "recipe.anchors.length === 1")
    assert visitor.page.input_value("#seed") == "7"


def test_compare_shows_the_step_before_while_it_is_held(visitor):
    before = visitor.pixels
    visitor.after(lambda: visitor.slide(PSI, 0.1))
    now = visitor.pixels
    visitor.page.focus("#picture")

    visitor.page.keyboard.down("c")
    visitor.rest("recipe.psi === 0.7 || recipe.psi === undefined")
    assert (visitor.pixels == before).all()
    visitor.page.keyboard.up("c")
    visitor.rest("recipe.psi < 0")
    assert (visitor.pixels == now).all()


def test_drift_moves_and_stopping_keeps_its_last_picture(visitor):
    visitor.page.focus("#picture")
    visitor.press("d")
    seq = visitor.seq
    visitor.wait("seq => lastHead().seq > seq + 12", seq)
    visitor.after(lambda: visitor.press("d"))

    assert visitor.page.get_attribute('[data-action="drift"]', "aria-pressed") == "false"
    assert visitor.recipe.anchors != (Anchor(7),)
    assert visitor.shows(visitor.recipe)


def test_each_model_keeps_its_own_state(visitor):
    visitor.after(lambda: visitor.slide(PSI, 0.9))
    visitor.after(lambda: visitor.page.click("#class-list button:nth-child(3)"))
    before, pixels = visitor.controls, visitor.pixels
    first = visitor.recipe.model

    visitor.choose("vae")
    visitor.after(lambda: visitor.slide(PSI, 0.2))
    visitor.choose(first)
    assert visitor.controls == before
    assert (visitor.pixels == pixels).all()


def test_a_step_of_the_history_is_opened_again(visitor):
    pixels = visitor.pixels
    visitor.page.focus("#picture")
    visitor.after(lambda: visitor.press("r"), "anchor.seed !== 7")
    visitor.wait("() => document.querySelectorAll('#history .step').length === 2")
    visitor.after(lambda: visitor.page.click("#history .step:first-child"), "anchor.seed === 7")

    assert (visitor.pixels == pixels).all()


def test_the_saved_file_is_what_the_studio_saves(visitor):
    with visitor.page.expect_download() as saved:
        visitor.page.click('[data-action="save"]')

    assert saved.value.suggested_filename == "stylegan2-classes-seed0007.png"
    assert saved.value.path().read_bytes() == save_png(visitor.studio, [Recipe("stylegan2-classes", (Anchor(7),))])


def test_no_file_is_written_while_dragging(visitor):
    def files():
        return {path for path in Path(get_upload_folder()).rglob("*") if path.is_file()}

    before = files()
    visitor.after(lambda: visitor.slide(PSI, 0.9))
    visitor.after(lambda: visitor.drag_picture(0.2, 0.2))

    assert files() == before


def test_after_a_drag_the_line_below_the_picture_tells_of_the_picture_at_rest(visitor):
    visitor.choose("type")
    visitor.after(lambda: visitor.slide("#psi input[type=range]", 0.4))
    visitor.wait("() => /(^|\\s)1024 px/.test(document.querySelector('#readout').textContent)")

    assert max(visitor.pixels.shape) == 1024
