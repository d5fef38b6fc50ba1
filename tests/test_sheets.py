"""Contact sheets of chosen pictures, and the recipes of any file made here."""

import asyncio
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.export import recipes_of, remade, save_png
from genart.export.sheet import contact_sheet
from genart.recipe import Anchor, Recipe
from genart.ui import sheets as sheets_module
from genart.ui.live import Live
from genart.ui.sheets import AT_ONCE, MAX_PICTURES, Sheets

CHOSEN = [Recipe("dcgan", (Anchor(1),)), Recipe("vae", (Anchor(2),), 0.5), Recipe("dcgan", (Anchor(3),))]
SOON = 10


@pytest.fixture
def live(studio):
    return Live(lambda: studio)


@pytest.fixture
def client(live):
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


@pytest.fixture
def slow(monkeypatch):
    """Pictures of seed 1 are not drawn until they are let go; the seeds whose drawing has begun."""
    begun, may_end = [], threading.Event()
    draw = sheets_module.picture_of

    def drawn(studio, recipe, side):
        seed = recipe.anchors[0].seed
        begun.append(seed)
        assert seed != 1 or may_end.wait(SOON)
        return draw(studio, recipe, side)

    monkeypatch.setattr(sheets_module, "picture_of", drawn)
    yield begun, may_end
    may_end.set()


def test_a_visitor_who_asks_for_many_sheets_takes_one_place_and_leaves_the_others(live, slow):
    begun, may_end = slow

    async def work():
        transport = httpx.ASGITransport(Starlette(routes=Sheets(live).routes()))
        async with asyncio.timeout(SOON), httpx.AsyncClient(transport=transport, base_url="http://genart") as client:

            def asked(token, seed):
                message = {"recipes": [json.loads(Recipe("dcgan", (Anchor(seed),)).to_json())]}
                return asyncio.create_task(client.post("/live/sheet", json=message, headers={"x-genart-token": token}))

            token = live.token()
            greedy = [asked(token, 1) for _ in range(AT_ONCE)]
            await asyncio.sleep(0.1)  # in which they take what places they can
            other = await asked(live.token(), 2)
            at_once = begun.count(1)
            may_end.set()
            return at_once, other, await asyncio.gather(*greedy)

    with ThreadPoolExecutor(1) as pool:  # Playwright keeps a loop running in this thread
        at_once, other, greedy = pool.submit(asyncio.run, work()).result()

    assert at_once == 1
    assert [answer.status_code for answer in (other, *greedy)] == [200] * (1 + AT_ONCE)


def test_a_file_of_another_program_is_refused(client):
    assert "carries no genart recipe" in client.post("/live/recipes", content=b"just some text").json()["error"]


def test_smaller_pictures_of_a_sheet_are_enlarged_by_whole_factors_in_the_middle():
    small, large = np.full((2, 2, 3), 10, np.uint8), np.full((5, 5, 3), 20, np.uint8)
    made = contact_sheet([small, large], gap=1)[:, :, 0]

    assert made.shape == (7, 13)
    assert (made[1:5, 1:5] == 10).all()
    assert (made[5, 1:6] == 255).all()
    assert (made[1:6, 7:12] == 20).all()
