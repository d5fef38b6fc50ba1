import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genart.errors import BadRecipe
from genart.recipe import (
    MAX_CHARACTERS,
    Anchor,
    LayerSwap,
    Noise,
    Offset,
    Recipe,
    Step,
    blend,
    pack_vector,
    seeds_of,
    unpack_vector,
)

KEPT = sorted((Path(__file__).parent / "recipes").glob("*.json"))
FULL = Recipe(
    "a model",
    (Anchor(1, 0.5, 3), Anchor(2, 1.5, ((0, 0.25), (4, 0.75))), Anchor(vector=pack_vector(np.arange(4.0), "z"))),
    psi=-0.5,
    psi_cutoff=4,
    offsets=(Offset("pca1", 2.0), Offset("sefa2", -1.0, (0, 4)), Offset("channel1", 3.0, spot=(0.25, 0.75, 0.1))),
    layers=(LayerSwap(Anchor(9), (2, 6), 0.5),),
    noise=Noise("random", 7, 0.5),
    finish=(Step("enlarge", (("size", 512.0),)),),
    weights="0" * 64,
    controls=(("translate_x", 0.25), ("rotate", -30.0)),
)


def read(**parts):
    return Recipe.from_json(json.dumps({"model": "m", **parts}))


@pytest.mark.parametrize("recipe", [Recipe("m"), FULL], ids=["smallest", "fullest"])
def test_a_recipe_comes_back_from_json_and_from_a_link(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_text(recipe.to_text()) == recipe
    assert hash(Recipe.from_json(recipe.to_json())) == hash(recipe)


def test_defaults_are_left_out_of_json():
    assert json.loads(Recipe("m", (Anchor(5),)).to_json()) == {"genart": 1, "model": "m", "anchors": [{"seed": 5}]}


def test_a_link_is_one_word():
    word = FULL.to_text()

    assert word.replace("-", "").replace("_", "").isalnum()
    assert len(word) < 500


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_recipe_kept_from_an_older_version_loads(path):
    recipe = Recipe.from_json(path.read_text())

    assert json.loads(recipe.to_json()) == json.loads(path.read_text())


def test_recipes_of_every_kind_are_kept():
    assert len(KEPT) >= 4


@pytest.mark.parametrize(
    ("parts", "quoted"),
    [
        ({"model": ""}, "''"),
        ({"model": 3}, "3"),
        ({"model": "a\nb"}, "a\\nb"),
        ({"model": "x" * 201}, "xxx"),
        ({"psi": 2.01}, "2.01"),
        ({"psi": -2.01}, "-2.01"),
        ({"psi": True}, "True"),
        ({"psi": "0.7"}, "'0.7'"),
        ({"psi": None}, "None"),
        ({"psi": [0.7]}, "0.7"),
        ({"psi_cutoff": -1}, "-1"),
        ({"psi_cutoff": 65}, "65"),
        ({"psi_cutoff": 1.0}, "1.0"),
        ({"anchors": []}, "none"),
        ({"anchors": {}}, "{}"),
        ({"anchors": [3]}, "3"),
        ({"anchors": [{"seed": -1}]}, "-1"),
        ({"anchors": [{"seed": 2**32}]}, str(2**32)),
        ({"anchors": [{"seed": 2**64}]}, str(2**64)),
        ({"anchors": [{"seed": 1.5}]}, "1.5"),
        ({"anchors": [{"seed": True}]}, "True"),
        ({"anchors": [{"seed": "1"}]}, "'1'"),
        ({"anchors": [{"weight": 101}]}, "101"),
        ({"anchors": [{"weight": "1"}]}, "'1'"),
        ({"anchors": [{"weight": 0}]}, "weights"),
        ({"anchors": [{"weight": 1}, {"weight": -1}]}, "weights"),
        ({"anchors": [{"label": -1}]}, "-1"),
        ({"anchors": [{"label": 100_001}]}, "100001"),
        ({"anchors": [{"label": "three"}]}, "'three'"),
        ({"anchors": [{"label": []}]}, "()"),
        ({"anchors": [{"label": [[1, 0.5, 2]]}]}, "0.5"),
        ({"anchors": [{"label": [[1, -0.5]]}]}, "-0.5"),
        ({"anchors": [{"label": [[1, 0]]}]}, "((1, 0),)"),
        ({"anchors": [{"label": [[0, 1]] * 65}]}, "(0, 1)"),
        ({"anchors": [{"vector": 7}]}, "7"),
        ({"anchors": [{"vector": ["z"]}]}, "z"),
        ({"anchors": [{}] * 65}, "65"),
        ({"anchors": [{"sead": 1}]}, "'sead'"),
        ({"offsets": [{"direction": "", "sigma": 1}]}, "''"),
        ({"offsets": [{"direction": "pca1", "sigma": 21}]}, "21"),
        ({"offsets": [{"direction": "pca1"}]}, "sigma"),
        ({"offsets": [{"direction": "pca1", "sigma": 1, "layers": [2, 2]}]}, "2"),
        ({"offsets": [{"direction": "pca1", "sigma": 1, "layers": [0]}]}, "(0,)"),
        ({"offsets": [{"direction": "pca1", "sigma": 1, "layers": 4}]}, "4"),
        ({"offsets": [{"direction": "pca1", "sigma": 1, "spot": [0.5, 0.5]}]}, "(0.5, 0.5)"),
        ({"offsets": [{"direction": "pca1", "sigma": 1, "spot": [0.5, 1.5, 0.1]}]}, "spot y 1.5"),
        ({"offsets": [{"direction": "pca1", "sigma": 1, "spot": [0.5, 0.5, 0]}]}, "spot radius 0"),
        ({"layers": [{"anchor": {}, "layers": None}]}, "None"),
        ({"controls": {"rotate": 1}}, "'rotate'"),
        ({"controls": [["rotate", 1], ["rotate", 2]]}, "('rotate', 2)"),
        ({"controls": [["rotate"]]}, "'rotate'"),
        ({"controls": [["rotate", "far"]]}, "'far'"),
        ({"controls": [["", 1]]}, "''"),
        ({"layers": [{"anchor": {}, "layers": [0, 65]}]}, "65"),
        ({"layers": [{"anchor": {}, "layers": [0, 1], "share": 1.1}]}, "1.1"),
        ({"layers": [{"anchor": 3, "layers": [0, 1]}]}, "3"),
        ({"layers": [{"layers": [0, 1]}]}, "anchor"),
        ({"noise": None}, "None"),
        ({"noise": {"mode": "loud"}}, "'loud'"),
        ({"noise": {"mode": ["const"]}}, "const"),
        ({"noise": {"seed": 2**32}}, str(2**32)),
        ({"noise": {"strength": -1}}, "-1"),
        ({"finish": [{"name": 1}]}, "1"),
        ({"finish": [{"name": "enlarge"}] * 9}, "9"),
        ({"finish": [{"name": "enlarge", "parameters": None}]}, "None"),
        ({"finish": [{"name": "enlarge", "parameters": [["size", "big"]]}]}, "'big'"),
        ({"weights": "abc"}, "'abc'"),
        ({"pzi": 1}, "'pzi'"),
    ],
)
def test_a_value_that_is_out_of_range_is_quoted(parts, quoted):
    with pytest.raises(BadRecipe) as caught:
        read(**parts)

    assert quoted in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" + "0" * 400, "1" * 5000])
@pytest.mark.parametrize(
    "place",
    [
        '{"model":"m","psi":%s}',
        '{"model":"m","psi_cutoff":%s}',
        '{"model":"m","anchors":[{"seed":%s}]}',
        '{"model":"m","genart":%s}',
    ],
)
def test_a_number_that_is_none_is_refused_wherever_it_stands(place, number):
    with pytest.raises(BadRecipe):
        Recipe.from_json(place % number)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"m"', "{}", '{"model":', "\x00", "\ud800", "{'model': 'm'}"])
def test_what_is_no_recipe_is_refused_in_one_sentence(text):
    with pytest.raises(BadRecipe) as caught:
        Recipe.from_json(text)

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("depth", [10, 1000, 100_000])
def test_deep_nesting_is_refused(depth):
    with pytest.raises(BadRecipe, match="nested too deeply"):
        Recipe.from_json('{"model":' + "[" * depth + "]" * depth + "}")


def test_a_recipe_that_is_too_long_is_refused():
    with pytest.raises(BadRecipe, match=str(MAX_CHARACTERS)):
        Recipe.from_json('{"model":"' + "x" * MAX_CHARACTERS + '"}')


def test_a_recipe_of_a_newer_genart_is_refused_by_name():
    with pytest.raises(BadRecipe, match="format 2 and was made by a newer genart; this one reads format 1: update genart"):
        read(genart=2)


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, None])
def test_an_unknown_format_is_quoted(version):
    with pytest.raises(BadRecipe, match="format"):
        read(genart=version)


@pytest.mark.parametrize("text", ["", "!!!", "abc", "é", "\ud800", FULL.to_text()[:-8], "A" * 100_000])
def test_a_damaged_link_is_refused_in_one_sentence(text):
    with pytest.raises(BadRecipe) as caught:
        Recipe.from_text(text)

    assert len(str(caught.value)) < 300


def test_a_link_that_inflates_to_gigabytes_is_refused():
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(b" " * 50_000_000, 9)).decode()

    with pytest.raises(BadRecipe, match="at most"):
        Recipe.from_text(bomb)


def test_a_recipe_that_could_not_be_opened_again_is_not_made():
    many = tuple(Anchor(vector=pack_vector(np.full((18, 512), number), "w")) for number in range(6))

    with pytest.raises(BadRecipe, match="fewer stored latents"):
        Recipe("m", many)


# Blending.


def test_the_ends_of_a_blend_are_the_recipes_themselves():
    other = Recipe("a model", (Anchor(8),))

    assert blend(FULL, other, 0) is FULL
    assert blend(FULL, other, 1) is other
    assert blend(FULL, other, -3) is FULL
    assert blend(FULL, other, 7) is other


def test_a_recipe_blended_with_itself_is_itself():
    assert blend(FULL, replace(FULL), 0.3) == FULL


@pytest.mark.parametrize("t", [0.1, 0.25, 0.75, 0.9])
def test_a_blend_is_the_same_from_either_end(t):
    other = replace(FULL, anchors=(Anchor(1, 1.0, 3), Anchor(8)), psi=1.0, offsets=(Offset("pca1", -1.0),), layers=())
    one, two = blend(FULL, other, t), blend(other, FULL, 1 - t)

    def parts(recipe):
        points = {replace(anchor, weight=1.0): pytest.approx(anchor.weight) for anchor in recipe.anchors}
        along = {(offset.direction, offset.layers): pytest.approx(offset.sigma) for offset in recipe.offsets}
        shares = [pytest.approx(swap.share) for swap in recipe.layers]
        return points, along, shares, pytest.approx(recipe.psi), recipe.psi_cutoff, recipe.noise, recipe.finish

    assert parts(one) == parts(two)


def test_equal_anchors_of_a_blend_become_one():
    mixed = blend(Recipe("m", (Anchor(1), Anchor(2))), Recipe("m", (Anchor(2, 3.0),)), 0.5)

    assert mixed.anchors == (Anchor(1, 0.25), Anchor(2, 0.75))


def test_a_blend_takes_relative_weights_for_what_they_are():
    assert blend(Recipe("m", (Anchor(1, 100.0),)), Recipe("m", (Anchor(2, 0.01),)), 0.5).anchors == (
        Anchor(1, 0.5),
        Anchor(2, 0.5),
    )


def test_what_only_one_side_has_fades():
    plain = Recipe("m")
    rich = replace(plain, offsets=(Offset("pca1", 2.0),), layers=(LayerSwap(Anchor(9), (0, 1)),))
    mixed = blend(plain, rich, 0.25)

    assert mixed.offsets == (Offset("pca1", 0.5),)
    assert mixed.layers == (LayerSwap(Anchor(9), (0, 1), 0.25),)


def test_a_blend_can_be_blended_and_written():
    mixed = blend(blend(FULL, Recipe("a model", (Anchor(8),)), 0.3), Recipe("a model", (Anchor(9),)), 0.6)

    assert Recipe.from_json(mixed.to_json()) == mixed
    assert sum(anchor.weight for anchor in mixed.anchors) == pytest.approx(1)


def test_two_models_are_not_blended():
    with pytest.raises(BadRecipe, match="'a' and 'b'"):
        blend(Recipe("a"), Recipe("b"), 0.5)


# Stored latents and seeds.


@pytest.mark.parametrize("shape", [(8,), (1, 8), (6, 8)])
@pytest.mark.parametrize("space", ["z", "w"])
def test_a_stored_latent_comes_back_bit_by_bit(shape, space):
    values = np.random.RandomState(1).randn(*shape).astype(np.float32)
    found, rows = unpack_vector(pack_vector(values, space))

    assert found == space
    assert rows.tobytes() == values.tobytes()


def test_a_latent_of_thousands_of_numbers_is_stored_in_half_the_room():
    values = np.random.RandomState(1).randn(1, 4096).astype(np.float32)
    text = pack_vector(values, "w", half=True)
    found, rows = unpack_vector(text)

    assert (found, rows.dtype, rows.shape) == ("w", np.float32, (1, 4096))
    assert np.abs(rows - values).max() <= np.abs(values).max() / 2000
    assert len(text) < 0.51 * len(pack_vector(values, "w"))
    assert len(Recipe("a", (Anchor(vector=text),) * 20).to_json()) < MAX_CHARACTERS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        "z.1",
        "z.1.",
        "z.1.AAAA",  # three bytes make no float
        "z.0.AAAAAA",
        "z.-1.AAAAAA",
        "z.x.AAAAAA",
        "z.2.AAAAAA",  # one number in two rows
        "q.1.AAAAAA",
        "z.1.AAAA!!",
        "z.1.é",
        "z.99999999999999999999.AAAAAA",
        "z.1.AAAAAA.AAAAAA",
        "16.1.AAAAAA",
        "w16.1.AAAAAAA",  # five bytes make no halves
        pack_vector(np.array([np.nan]), "w", half=True),
        pack_vector(np.array([10_016.0]), "w", half=True),
        pack_vector(np.array([np.nan]), "z"),
        pack_vector(np.array([np.inf]), "z"),
        pack_vector(np.array([10_001.0]), "w"),
    ],
)
def test_a_damaged_stored_latent_is_refused(text):
    with pytest.raises(BadRecipe, match="stored latent"):
        Anchor(vector=text)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("7", [7]), ("1,4,10-15", [1, 4, 10, 11, 12, 13, 14, 15]), (" 3 , 3 ", [3, 3]), ("4294967295", [4294967295]), ("5-5", [5])],
)
def test_a_list_of_seeds_is_read(text, seeds):
    assert seeds_of(text) == seeds


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "a",
        "-1",
        "1-",
        "5-4",
        "1.5",
        "1--2",
        "4294967296",
        "0-10000",
        "²",
        "9" * 5000,
        "1-" + "9" * 5000,
        "0-9999," * 200,
    ],
)
def test_seeds_that_cannot_be_read_are_refused(text):
    with pytest.raises(BadRecipe) as caught:
        seeds_of(text)

    assert len(str(caught.value)) < 300


def test_controls_blend_one_by_one_and_fade_from_0_where_only_one_side_has_them():
    a, b = Recipe("m", controls=(("rotate", 40.0),)), Recipe("m", controls=(("rotate", 80.0), ("translate_x", 1.0)))

    assert dict(blend(a, b, 0.25).controls) == {"rotate": 50.0, "translate_x": 0.25}
    assert blend(a, b, 0) == a
