"""Whatever is sent to a route, by whomever: one sentence in two languages comes back, and nothing of the server."""

import json
import re
import time
from functools import partial
from urllib.parse import quote

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from genart.export import save_png
from genart.recipe import Anchor, Recipe
from genart.sound import RATE
from genart.ui import build, films, maps
from genart.ui.breeding import Breeding
from genart.ui.cells import Cells
from genart.ui.directions import Directions
from genart.ui.films import Films
from genart.ui.live import Live
from genart.ui.maps import Maps
from genart.ui.messages import UNEXPECTED
from genart.ui.share import Share
from genart.ui.sheets import Sheets
from genart.ui.shelf import Shelf
from genart.walk import Key, Walk
from tests.sounds import beats, wav

RECIPES = [{"model": "vae", "anchors": [{"seed": seed}]} for seed in range(12)]
WALK = Walk((Key(Recipe("dcgan", (Anchor(1),)), 0.2), Key(Recipe("dcgan", (Anchor(2),)), 0.2))).to_json()
FILM = {"walk": WALK, "film": {"format": "gif", "side": 16, "fps": 10}}
MODEL = {"model": "dcgan"}
GOOD = {  # a request that each route serves; every part of it is then replaced by what is none
    "/live": {"seq": 1, "recipe": RECIPES[0], "hurry": False, "aside": False},
    "/live/model": MODEL,
    "/live/png": {"recipe": RECIPES[0], "format": "png", "label": False},
    "/live/point": {"recipe": RECIPES[0], "space": "w"},
    "/live/cells": {"recipes": RECIPES[:2], "side": 16},
    "/live/sheet": {"recipes": RECIPES[:2]},
    "/live/breed": {"parents": RECIPES[:2], "settings": {}, "seed": 0, "likes": []},
    "/live/directions": MODEL,
    "/live/directions/learn": {"model": "vae", "has": RECIPES[:6], "hasNot": RECIPES[6:]},
    "/live/directions/axes": {"model": "vae", "recipes": RECIPES[:4]},
    "/live/directions/save": {"model": "vae", "direction": "pca1", "vector": None},
    "/live/models/list": MODEL,
    "/live/models/look": MODEL,
    "/live/models/get": {"model": "nothing"},
    "/live/models/state": {"model": "nothing"},
    "/live/models/stop": MODEL,
    "/live/models/delete": MODEL,
    "/live/walk": {"make": "circle", "recipe": RECIPES[0]},
    "/live/film": {**FILM, "sound": False},
    "/live/film/estimate": FILM,
    "/live/film/state": {"id": "nothing"},
    "/live/film/cancel": {"id": "nothing"},
    "/live/film/file": {"id": "nothing"},
    "/live/map": MODEL,
    "/live/map/state": MODEL,
    "/live/map/leave": {"model": "vae"},
    "/live/map/points": MODEL,
    "/live/map/sheet": MODEL,
    "/live/map/pins": {**MODEL, "recipes": RECIPES[:2]},
    "/live/qr": {"address": "http://genart/"},
}
FILES = {  # routes whose body is a file, and what the address says of it
    "/live/recipe": (),
    "/live/read": ("model", "label"),
    "/live/recipes": (),
    "/live/directions/open": ("model",),
    "/live/models/drop": ("name",),
    "/live/walk/read": (),
    "/live/sound": ("name",),
    "/live/film/sound": (),
}
PARTS = [(path, part) for path, good in GOOD.items() for part in good]
PARTS += [("/live/walk", "even"), ("/live/walk", "reached"), ("/live", "link"), ("/live", "plain"), ("/live", "walk")]
VALUES = (
    *("null", "true", "NaN", "-Infinity", "-1", "0.5", "1e308", "1" + "0" * 400, '""', "[]", "[[[]]]", "[null, null]", "{}"),
    '{"": {"a": NaN}, "model": [], "anchors": {}, "recipe": 3, "keys": 1e999, "format": {}, "side": "x", "fps": NaN}',
    "[" * 300 + "]" * 300,
    '{"a":' * 300 + "1" + "}" * 300,
    '"' + "é" * 300 + '"',
    r'"\u0000\u001b[2J\r\n\u202e"',
    r'"\ud800"',
    '"../../../../etc/passwd"',
    r'"/etc/passwd\u0000.pt"',
    '"<img src=x onerror=alert(1)>"',
    '"{\\"keys\\": [null, NaN, 1e999]}"',
)
NO_REQUEST = {
    "nothing": b"",
    "half": b'{"model":',
    "no text": b"\xff\xfe\x00",
    "zeros": bytes(900),
    "null": b"null",
    "a list": b"[]",
    "NaN": b"NaN",
    "deep": b"[" * 900,
    "very deep": b"[" * 100_000,
    "deep names": b'{"model":' * 100,
    "a long number": b'{"model":' + b"9" * 5000 + b"}",
    "too long": b'"' + bytes(9 * 2**20) + b'"',
}
NAMES = ("", "%00", "NaN", "-1", "9" * 400, "%ED%A0%80", "%1B%5B2J%0D%0A", "..%2F..%2Fetc%2Fpasswd", "é" * 300, "x%00.pt", "[]")
FILE_BODIES = {
    "nothing": b"",
    "noise": bytes(range(256)) * 40,
    "zeros": bytes(5000),
    "half a PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a huge length": b"\xff" * 7 + b"\x7f{",
    "JSON": b'{"model": NaN}',
    "deep": b"[" * 100_000,
    "half a sound": b"RIFF\xff\xff\xff\xffWAVEfmt ",
    "a zip": b"PK\x03\x04" + bytes(100),
    "a pickle": b"\x80\x02cos\nsystem\nX\x04\0\0\0trueR.",
}
OF_THE_SERVER = re.compile(r'Traceback|File "|site-packages|/genart/|/tmp/|/home/|\.py\b|0x[0-9a-f]{6}')
SOON = 30


def channels(live, entries):
    """All routes of the page but Gradio's."""
    owners = [live, Cells(live), Sheets(live), Breeding(live), Directions(live), Shelf(live, live._studio, entries, public=False)]
    owners += [Films(live, public=False), Maps(live, public=False), Share(live)]
    return [route for owner in owners for route in owner.routes()]


@pytest.fixture(scope="module")
def live(studio):
    return Live(lambda: studio, requests_a_second=1e6)


@pytest.fixture(scope="module")
def client(live, studio, tmp_path_factory):
    """Every route, over tiny models and an empty cache, with the map of one model drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(maps, "COUNTS", (16,))
        with TestClient(Starlette(routes=channels(live, studio.entries)), raise_server_exceptions=False) as client:
            client.headers["x-genart-token"] = live.token()
            end = time.monotonic() + SOON
            while not client.post("/live/map", json=MODEL).json().get("finished"):
                assert time.monotonic() < end
            yield client


def told(answer):
    """What a reply says is wrong, which is fit for a visitor; None where it was served."""
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
    if answer.request.url.path == "/live" and answer.status_code == 200:  # the error stands in the head of the frame
        said = json.loads(answer.content[4 : 4 + int.from_bytes(answer.content[:4], "big")])
    elif answer.status_code != 200:
        said = answer.json()
    else:
        return None
    if "error" not in said:
        return None
    assert said["error"] != UNEXPECTED
    assert 10 < len(said["error"]) < 700
    assert said["error"].endswith((".", "?"))
    assert re.search(r"[\u4e00-\u9fff]", said["chinese"])
    assert not OF_THE_SERVER.search(said["error"] + said["chinese"])
    return said["error"]


def test_no_route_of_the_page_is_left_out(live, studio):
    ours = {route.path for route in channels(live, studio.entries) if isinstance(route, Route)}
    page = {route.path for route in build(lambda: studio).routes if isinstance(route, Route) and route.path.startswith("/live")}

    assert set(GOOD) | set(FILES) == ours == page


@pytest.mark.parametrize("path", GOOD)
def test_a_good_request_is_served(client, path):
    """Or the others would be refused for nothing of what they tell."""
    said = told(client.post(path, json=GOOD[path]))

    assert said is None or "'nothing'" in said or (path, "comes with genart" in said) == ("/live/models/delete", True)


@pytest.mark.parametrize("path", GOOD)
def test_what_is_no_request_gets_a_sentence(client, path, caplog):
    for name, body in NO_REQUEST.items():
        said = told(client.post(path, content=body))
        assert said is not None, name
    assert caplog.records == []


@pytest.mark.parametrize(("path", "part"), PARTS)
def test_a_part_of_a_request_that_is_something_else_costs_no_more_than_a_sentence(client, path, part, caplog):
    for value in VALUES:
        good = {name: json.dumps(each) for name, each in GOOD[path].items()} | {part: value}
        told(client.post(path, content="{" + ",".join(f'"{name}":{each}' for name, each in good.items()) + "}"))
    assert [record for record in caplog.records if record.name.startswith("genart")] == []


@pytest.mark.parametrize("path", GOOD)
def test_every_part_of_a_request_may_be_missing(client, path):
    for part in GOOD[path]:
        told(client.post(path, json={name: each for name, each in GOOD[path].items() if name != part}))
    told(client.post(path, json={}))


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_is_none_gets_a_sentence(client, path, caplog):
    query = {"model": "autoencoder_tiny" if path == "/live/read" else "vae", "name": "a.pt"}
    for name, body in FILE_BODIES.items():
        said = told(client.post(path, params={each: query[each] for each in FILES[path] if each in query}, content=body))
        assert said is not None or path == "/live/film/sound", name  # it is looked into with its film
    assert caplog.records == []


@pytest.mark.parametrize(("path", "part"), [(path, part) for path, parts in FILES.items() for part in parts])
def test_an_address_that_says_something_else_costs_no_more_than_a_sentence(client, path, part, studio, monkeypatch, caplog):
    monkeypatch.setattr(films, "samples_of", lambda *_, **__: np.zeros((RATE, 2), np.int16))  # each takes a child else
    query = {"model": "autoencoder_tiny" if path == "/live/read" else "vae", "name": "a.pt", "label": "0"}
    body = save_png(studio, [Recipe("vae")]) if path == "/live/read" else b"x"
    for value in NAMES:
        parts = [f"{each}={value if each == part else quote(query[each])}" for each in FILES[path]]
        told(client.post(f"{path}?{'&'.join(parts)}", content=body))
    assert caplog.records == []


# What belongs to another visitor.


@pytest.fixture
def theirs(client, live):
    """A film of another visitor, finished, and a sound that waits for the next one."""
    token = {"x-genart-token": live.token()}
    ask = partial(client.post, headers=token)
    assert ask("/live/film/sound", content=wav(beats())).status_code == 200
    name = ask("/live/film", json=FILM).json()["id"]
    end = time.monotonic() + SOON
    while not ask("/live/film/state", json={"id": name}).json()["finished"]:
        assert time.monotonic() < end
    yield name, ask
    ask("/live/film/cancel", json={"id": name})


@pytest.mark.parametrize("route", ["state", "cancel", "file"])
def test_the_film_of_another_is_as_unknown_as_one_that_never_was(client, theirs, route):
    name, ask = theirs
    never = name[:-1] + ("a" if name[-1] != "a" else "b")
    other, unknown = (client.post(f"/live/film/{route}", json={"id": each}) for each in (name, never))

    assert other.status_code == unknown.status_code == 422
    assert other.json()["error"] == unknown.json()["error"].replace(never, name)
    assert ask("/live/film/file", json={"id": name}).content.startswith(b"GIF8")


def test_the_sound_of_another_goes_into_no_film_of_mine(client, live, theirs):
    headers = {"x-genart-token": live.token()}
    film = {"format": "mp4", "side": 32, "fps": 10}
    name = client.post("/live/film", json={**FILM, "film": film, "sound": True}, headers=headers).json()["id"]
    state, end = {}, time.monotonic() + SOON
    while not state.get("finished"):
        state = client.post("/live/film/state", json={"id": name}, headers=headers).json()
        assert "error" not in state
        assert time.monotonic() < end
    film = client.post("/live/film/file", json={"id": name}, headers=headers).content

    assert b"avc1" in film
    assert b"mp4a" not in film
