"""What mixing asks of the server: a recipe's latent as a stored vector."""

from dataclasses import replace

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.errors import BadRecipe
from genart.families import FAMILIES
from genart.recipe import Anchor, LayerSwap, Recipe
from genart.ui.live import Live
from tests.tiny import WITH_CLASSES

NAMES = [*FAMILIES, *(f"{family}-classes" for family in WITH_CLASSES)]


@pytest.fixture
def client(studio):
    live = Live(lambda: studio)
    with TestClient(Starlette(routes=live.routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


def anchors(name: str) -> tuple[Anchor, ...]:
    labels = (1, 2) if name.endswith("-classes") else (None, None)
    return tuple(Anchor(seed, weight, label) for seed, weight, label in zip((3, 9), (0.3, 0.7), labels, strict=True))


@pytest.mark.parametrize("mix", ["own", "z-arc", "w"])
@pytest.mark.parametrize("name", NAMES)
def test_all_layers_of_a_mixture_give_its_picture_and_none_give_the_other(name, mix, studio):
    a, b = Recipe(name, (Anchor(1),)), Recipe(name, anchors(name), mix=mix)
    stored = Anchor(3, vector=studio.point(b, "w"))
    num_ws = studio.resident(name).loaded.generator.space.num_ws

    def taken(share):
        return replace(a, layers=(LayerSwap(stored, (0, num_ws), share),))

    assert (studio.raw(taken(1.0)) == studio.raw(b)).all()
    assert (studio.raw(taken(0.0)) == studio.raw(a)).all()
    assert (studio.raw(taken(0.5)) != studio.raw(b)).any()


def test_a_stored_point_keeps_the_layers_that_were_swapped(studio):
    recipe = Recipe("stylegan2", anchors("stylegan2"), layers=(LayerSwap(Anchor(5), (2, 4)),))
    stored = Recipe("stylegan2", (Anchor(vector=studio.point(recipe, "w")),))

    assert (studio.raw(stored) == studio.raw(recipe)).all()


@pytest.mark.parametrize("name", ["vae", "dcgan", "mlp", "biggan-classes", "stylegan2"])
def test_the_latent_numbers_of_a_mixture_give_its_picture(name, studio):
    recipe = Recipe(name, (Anchor(3, 0.3), Anchor(9, 0.7)), mix="z-arc")

    assert (studio.raw(Recipe(name, (Anchor(vector=studio.point(recipe, "z")),))) == studio.raw(recipe)).all()


def test_a_point_of_w_has_no_latent_numbers(studio):
    recipe = Recipe("stylegan2", (Anchor(vector=studio.point(Recipe("stylegan2"), "w")),))

    with pytest.raises(BadRecipe, match="not made from latent numbers alone"):
        studio.point(recipe, "z")


@pytest.mark.parametrize("name", NAMES)
def test_identical_parents_give_the_parent(name, studio):
    recipe = Recipe(name, (Anchor(4),))
    num_ws = studio.resident(name).loaded.generator.space.num_ws
    swapped = replace(recipe, layers=(LayerSwap(Anchor(4), (0, max(1, num_ws // 2))),))

    assert (studio.render(swapped) == studio.render(recipe)).all()


@pytest.mark.parametrize("name", ["dcgan-classes", "vae-classes", "mlp-classes"])
def test_classes_of_one_point_mix_by_the_weights_of_its_anchors(name, studio):
    by_weight = Recipe(name, (Anchor(4, 0.25, 0), Anchor(4, 0.75, 2)), mix="z")
    by_share = Recipe(name, (Anchor(4, label=((0, 0.25), (2, 0.75))),))

    assert np.abs(studio.raw(by_weight) - studio.raw(by_share)).max() < 1e-4


def test_the_channel_gives_a_point_or_the_sentence_why_not(client, studio):
    recipe = Recipe("vae", (Anchor(3, 0.3), Anchor(9, 0.7)))
    given = client.post(
        "/live/point",
        json={"recipe": {"model": "vae", "anchors": [{"seed": 3, "weight": 0.3}, {"seed": 9, "weight": 0.7}]}, "space": "z"},
    )
    refused = client.post(
        "/live/point", json={"recipe": {"model": "vae", "anchors": [{"vector": studio.point(recipe, "w")}]}, "space": "z"}
    )

    assert given.json() == {"vector": studio.point(recipe, "z")}
    assert refused.status_code == 422
    assert "latent numbers" in refused.json()["error"]
    assert "潜变量" in refused.json()["chinese"]
