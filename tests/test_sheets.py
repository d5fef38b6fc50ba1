"""Contact sheets of chosen pictures, and the recipes of any file made here."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.export import recipes_of, remade, save_png
from genart.export.sheet import contact_sheet
from genart.recipe import Anchor, Recipe
from genart.ui.live import Live
from genart.ui.sheets import MAX_PICTURES, Sheets

CHOSEN = [Recipe("dcgan", (Anchor(1),)), Recipe("vae", (Anchor(2),), 0.5), Recipe("dcgan", (Anchor(3),))]


@pytest.fixture
def client(studio):
    live = Live(lambda: studio)
    with TestClient(Starlette(routes=Sheets(live).routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


def sheet(client, recipes):
    return client.post("/live/sheet", json={"recipes": [json.loads(recipe.to_json()) for recipe in recipes]})


def test_a_sheet_is_a_picture_that_carries_its_recipes_and_is_remade(client, studio):
    data = sheet(client, CHOSEN).content

    assert Image.open(io.BytesIO(data)).format == "PNG"
    assert recipes_of(data) == tuple(studio.stamped(recipe) for recipe in CHOSEN)
    assert remade(studio, data)


def test_the_recipes_of_a_sheet_and_of_a_picture_come_back(client, studio):
    many = client.post("/live/recipes", content=sheet(client, CHOSEN).content).json()["recipes"]
    one = client.post("/live/recipes", content=save_png(studio, CHOSEN[:1])).json()["recipes"]

    assert [Recipe.from_dict(each) for each in many] == [studio.stamped(recipe) for recipe in CHOSEN]
    assert [Recipe.from_dict(each) for each in one] == [studio.stamped(CHOSEN[0])]


def test_a_sheet_of_none_of_too_many_or_of_what_is_no_recipe_is_refused(client):
    for wrong in ([], [{"model": "dcgan"}] * (MAX_PICTURES + 1), "x"):
        assert f"1 to {MAX_PICTURES} recipes" in client.post("/live/sheet", json={"recipes": wrong}).json()["error"]
    assert "'nobody'" in client.post("/live/sheet", json={"recipes": [{"model": "nobody"}]}).json()["error"]


def test_a_file_of_another_program_is_refused(client):
    assert "carries no genart recipe" in client.post("/live/recipes", content=b"just some text").json()["error"]


def test_smaller_pictures_of_a_sheet_are_enlarged_by_whole_factors_in_the_middle():
    small, large = np.full((2, 2, 3), 10, np.uint8), np.full((5, 5, 3), 20, np.uint8)
    made = contact_sheet([small, large], gap=1)[:, :, 0]

    assert made.shape == (7, 13)
    assert (made[1:5, 1:5] == 10).all()
    assert (made[5, 1:6] == 255).all()
    assert (made[1:6, 7:12] == 20).all()
