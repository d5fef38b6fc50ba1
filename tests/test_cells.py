"""Many small pictures in one request."""

import json

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.recipe import Anchor, Recipe
from genart.ui.cells import MAX_CELLS, Cells, shrunk
from genart.ui.live import Live


@pytest.fixture
def client(studio):
    live = Live(lambda: studio)
    with TestClient(Starlette(routes=Cells(live).routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


def ask(client, recipes, **more):
    return client.post("/live/cells", json={"recipes": recipes, **more})


def cells(answer):
    """Each cell's head with its pixels, or its error."""
    length = int.from_bytes(answer.content[:4], "big")
    heads, data = json.loads(answer.content[4 : 4 + length])["cells"], answer.content[4 + length :]
    for head in heads:
        picture, data = data[: head.get("bytes", 0)], data[head.get("bytes", 0) :]
        if "error" in head:
            yield head["error"]
        else:
            yield np.frombuffer(picture, np.uint8).reshape(head["height"], head["width"], 4)[:, :, :3]
    assert not data


def test_cells_are_the_pictures_of_their_recipes(client, studio):
    recipes = [Recipe("dcgan", (Anchor(seed),)) for seed in (1, 2, 3)]
    made = list(cells(ask(client, [json.loads(recipe.to_json()) for recipe in recipes])))
    for pixels, recipe in zip(made, recipes, strict=True):
        assert np.array_equal(pixels, studio.render(recipe))


def test_a_recipe_that_cannot_be_made_costs_the_others_nothing(client):
    good = {"model": "dcgan", "anchors": [{"seed": 1}]}
    first, second, third = cells(ask(client, [good, {"model": "nobody"}, good]))
    assert "'nobody'" in second
    assert np.array_equal(first, third)


def test_cells_go_without_the_steps_that_only_enlarge(client, studio):
    plain = {"model": "dcgan", "anchors": [{"seed": 1}]}
    large = {**plain, "finish": [{"name": "blocks", "parameters": [["size", 512]]}]}
    first, second = cells(ask(client, [plain, large]))
    assert np.array_equal(first, second)


def test_too_many_cells_or_too_large_are_refused(client):
    one = {"model": "dcgan"}
    assert "32 recipes" in ask(client, [one] * (MAX_CELLS + 1)).json()["error"]
    assert "'x'" in ask(client, "x").json()["error"]
    assert "4096" in ask(client, [one], side=4096).json()["error"]


def test_a_picture_shrinks_in_its_own_proportions():
    assert shrunk(np.zeros((40, 80, 3), np.uint8), 20).shape == (10, 20, 3)
    assert shrunk(np.zeros((8, 8, 3), np.uint8), 20).shape == (8, 8, 3)
