import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from genart import export
from genart.errors import BadRecipe, UnknownModel
from genart.export import EXPORTERS, recipes_of, remade, save_png, save_sheet, screen
from genart.export.notes import Notes, of_recipes
from genart.export.png import png
from genart.export.sheet import contact_sheet
from genart.recipe import Anchor, Offset, Recipe, Step, pack_vector

RECIPE = Recipe("stylegan2", (Anchor(1, 0.75), Anchor(2, 0.25)), 0.9, offsets=(Offset("pca1", 1.5),))


def pixels(width=4, height=4):
    return np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)


def encoded(kind, **options):
    file = io.BytesIO()
    Image.fromarray(pixels()).save(file, kind, **options)
    return file.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(width, height):
    """A PNG that says it is vast, in a hundred bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def with_text(text, key="genart", **options):
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt(key, text, **options)
    return encoded("PNG", pnginfo=notes)


def test_a_saved_picture_carries_its_recipe_with_the_weights(studio):
    (recipe,) = recipes_of(save_png(studio, [RECIPE]))

    assert recipe == studio.stamped(RECIPE)


def test_a_saved_picture_is_the_rendered_one(studio):
    with Image.open(io.BytesIO(save_png(studio, [RECIPE]))) as image:
        assert (np.asarray(image) == studio.render(RECIPE)).all()


def test_a_saved_picture_says_how_it_was_made_to_people_and_machines(studio):
    with Image.open(io.BytesIO(save_png(studio, [RECIPE]))) as image:
        notes = image.info

    assert "model stylegan2, seeds 1 2, psi 0.9" in notes["parameters"]
    assert "trained model" in notes["parameters"]
    assert notes["Software"].startswith("genart ")
    assert "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia" in notes["XML:com.adobe.xmp"]
    assert "tiny stylegan2" in notes["XML:com.adobe.xmp"]


def test_a_credit_cannot_break_out_of_the_xmp():
    import xml.etree.ElementTree as tree

    with Image.open(io.BytesIO(png(pixels(), Notes((Recipe("m"),), credit='A "<&>" B')))) as image:
        description = tree.fromstring(image.info["XML:com.adobe.xmp"])[0][0]

    assert 'A "<&>" B' in description.attrib.values()


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        Recipe("vae", (Anchor(3),), finish=(Step("blocks", (("size", 40.0),)),)),
        Recipe("dcgan-classes", (Anchor(4, label=2),)),
    ],
    ids=["offsets", "finish", "class"],
)
def test_a_saved_picture_is_remade_byte_by_byte(recipe, studio):
    assert remade(studio, save_png(studio, [recipe]))


def test_a_picture_that_was_changed_is_not_remade(studio):
    assert not remade(studio, png(studio.render(RECIPE) ^ 1, of_recipes(studio, [RECIPE])))


def test_a_picture_saved_at_another_size_is_remade_at_that_size(studio):
    assert remade(studio, save_png(studio, [RECIPE], size=8))


def test_a_picture_of_other_weights_is_not_remade(studio):
    with pytest.raises(BadRecipe, match="other weights of 'vae'"):
        remade(studio, png(pixels(), Notes((Recipe("vae", weights="0" * 64),))))


def test_a_picture_of_an_unknown_model_is_not_remade(studio):
    with pytest.raises(UnknownModel, match="'elsewhere'"):
        remade(studio, png(pixels(), Notes((Recipe("elsewhere"),))))


@pytest.mark.parametrize("count", [2, 5, 9])
def test_a_contact_sheet_comes_back_as_its_recipes_and_is_remade(count, studio):
    recipes = [Recipe("vae", (Anchor(seed),)) for seed in range(count)]
    data = save_sheet(studio, recipes)

    assert recipes_of(data) == tuple(studio.stamped(recipe) for recipe in recipes)
    assert remade(studio, data)


def test_a_contact_sheet_stands_in_reading_order():
    pictures = [np.full((2, 3, 3), shade, np.uint8) for shade in (10, 20, 30)]
    sheet = contact_sheet(pictures)

    assert sheet.shape == (2 * 4 + 2, 2 * 5 + 2, 3)
    assert [sheet[2, 2, 0], sheet[2, 7, 0], sheet[6, 2, 0], sheet[6, 7, 0]] == [10, 20, 30, 255]


def test_a_sheet_of_thousands_can_be_opened_again():
    many = [Recipe("vae", (Anchor(seed),), weights="0" * 64) for seed in range(9000)]

    assert recipes_of(png(pixels(), Notes(tuple(many)))) == tuple(many)


def test_a_sheet_too_large_to_be_opened_again_is_refused_before_it_is_drawn(studio, monkeypatch):
    monkeypatch.setattr(export, "MAX_SHEET", 8 * 8 * 3)
    with pytest.raises(BadRecipe, match="4 pictures of 8 x 8 make too large a sheet"):
        save_sheet(studio, [Recipe("vae", (Anchor(seed),)) for seed in range(4)])


def test_a_long_recipe_is_read_back(studio):
    anchors = tuple(Anchor(vector=pack_vector(np.random.RandomState(seed).randn(6, 8), "w")) for seed in range(60))
    recipe = Recipe("stylegan2", anchors)

    assert recipes_of(save_png(studio, [recipe])) == (studio.stamped(recipe),)


def test_every_exporter_gives_a_file_that_can_be_opened_again(studio):
    for exporter in EXPORTERS.values():
        assert recipes_of(exporter(studio, [RECIPE])) == (studio.stamped(RECIPE),)


def test_notes_that_another_program_moved_behind_the_pixels_are_found(studio):
    whole = save_png(studio, [Recipe("vae")])
    signature, parts, at = whole[:8], [], 8
    while at < len(whole):
        (length,) = struct.unpack(">I", whole[at : at + 4])
        parts.append(whole[at : at + length + 12])
        at += length + 12
    notes = [part for part in parts if part[4:8] == b"iTXt"]
    rest = [part for part in parts if part not in notes]

    assert recipes_of(signature + b"".join([*rest[:-1], *notes, rest[-1]])) == (studio.stamped(Recipe("vae")),)


def test_a_picture_of_another_program_says_so():
    with pytest.raises(BadRecipe, match="carries no genart recipe"):
        recipes_of(encoded("PNG"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        encoded("PNG")[:40],
        encoded("JPEG"),
        encoded("GIF"),
        np.random.RandomState(0).bytes(5000),
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        bomb(100_000, 100_000),
        bomb(2**31 - 1, 2**31 - 1),
        bomb(4000, 4000),
        bomb(9000, 9000),
        bomb(0, 0),
    ],
    ids=["nothing", "signature", "truncated", "jpeg", "gif", "noise", "eps", "svg", "bomb", "vast", "16 MP", "81 MP", "0x0"],
)
def test_what_is_no_png_of_ours_is_refused_in_one_sentence(data):
    with pytest.raises(BadRecipe) as caught:
        recipes_of(data)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_every_truncation_of_a_saved_picture_is_read_or_refused(studio):
    data = save_png(studio, [Recipe("vae")])
    for length in range(0, len(data), 7):
        with suppress(BadRecipe):
            assert recipes_of(data[:length]) == (studio.stamped(Recipe("vae")),)


def test_a_picture_with_any_byte_changed_is_read_or_refused(studio):
    data = bytearray(save_png(studio, [Recipe("vae")]))
    for place in range(0, len(data), 5):
        data[place] ^= 0x55
        with suppress(BadRecipe):
            recipes_of(bytes(data))
        data[place] ^= 0x55


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[",
        "[3]",
        "[{}]",
        "[null]",
        "[[]]",
        "[NaN]",
        "[" * 100_000,
        '{"model":"m","psi":1e400}',
        '[{"model":"m","psi":NaN}]',
    ],
)
def test_a_damaged_recipe_in_a_picture_is_refused(text):
    with pytest.raises(BadRecipe):
        recipes_of(with_text(text))


@pytest.mark.parametrize("text", ['{"genart":9,"model":"m"}', '[{"genart":9,"model":"m"}]'])
def test_a_picture_of_a_newer_genart_says_so(text):
    with pytest.raises(BadRecipe, match="made by a newer genart"):
        recipes_of(with_text(text))


def test_text_that_inflates_to_gigabytes_is_refused():
    with pytest.raises(BadRecipe):
        recipes_of(with_text(" " * 50_000_000, zip=True))


def test_a_file_that_is_too_long_is_refused():
    with pytest.raises(BadRecipe, match="41 MB"):
        recipes_of(b"\0" * (41 * 2**20))


def test_small_pictures_reach_the_screen_as_plain_pixels():
    kind, data = screen(pixels(64, 32))
    shown = np.frombuffer(data, np.uint8).reshape(32, 64, 4)

    assert kind == "rgba"
    assert (shown[:, :, :3] == pixels(64, 32)).all()
    assert (shown[:, :, 3] == 255).all()


@pytest.mark.parametrize("side", [65, 256, 512])
def test_larger_pictures_reach_the_screen_as_jpeg(side):
    smooth = np.repeat(np.linspace(0, 255, side).astype(np.uint8)[:, None, None], side, 1).repeat(3, 2)
    kind, data = screen(smooth)

    assert kind == "jpeg"
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert np.abs(np.asarray(image).astype(int) - smooth).max() <= 8
