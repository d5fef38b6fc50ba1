"""The map channel: drawn once for all who wait, cancelled without a trace, kept under the weights' hash."""

import json
import threading
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.catalogue import ENTRIES
from genart.recipe import Anchor, Recipe
from genart.studio import Studio
from genart.ui import maps as module
from genart.ui.live import Live
from genart.ui.maps import Maps

SOON = 30


@pytest.fixture(autouse=True)
def small_maps(monkeypatch, tmp_path):
    """Sixteen points, and a cache of nobody else."""
    monkeypatch.setattr(module, "COUNTS", (16,))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))


@pytest.fixture
def live(studio):
    return Live(lambda: studio)


@contextmanager
def ending(maps):
    """The maps, whose work ends with the test: what is drawn later would be kept in the next one's cache."""
    yield maps
    for build in maps._builds.values():
        build.cancelled = True
        with suppress(CancelledError):
            build.future.exception(SOON)


@pytest.fixture
def maps(live):
    with ending(Maps(live, public=False)) as maps:
        yield maps


@pytest.fixture
def client(live, maps):
    with TestClient(Starlette(routes=maps.routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


def ask(client, route="", model="dcgan", **more):
    headers = more.pop("headers", None)
    return client.post(f"/live/map{route}", json={"model": model, **more}, headers=headers)


def finished(client, model="dcgan"):
    """The last state of a map, which must come soon."""
    state = ask(client, model=model).json()
    end = time.monotonic() + SOON
    while time.monotonic() < end and not state.get("finished") and "error" not in state:
        state = ask(client, "/state", model).json()
    return state


@pytest.fixture
def held(monkeypatch):
    """Maps wait before their first picture until they are let go."""
    begun, may_go_on = threading.Event(), threading.Event()
    draw = module.drawn

    def slow(studio, name, build):
        begun.set()
        assert may_go_on.wait(SOON)
        return draw(studio, name, build)

    monkeypatch.setattr(module, "drawn", slow)
    yield begun, may_go_on
    may_go_on.set()


def files():
    return sorted(module.path_of("x").parent.glob("*"))


@pytest.mark.parametrize("route", ["", "/state", "/leave", "/points", "/sheet", "/pins"])
def test_every_route_wants_a_token(client, route):
    assert ask(client, route, headers={"x-genart-token": "forged"}).status_code == 401


@pytest.mark.parametrize("model", ["dcgan", "stylegan2-classes", "vae-classes", "vae", "stylegan3"])
def test_a_map_has_a_place_and_a_picture_for_every_point(client, model):
    assert finished(client, model) == {"finished": True}
    told = ask(client, "/points", model).json()
    sheet = Image.open(module.BytesIO(ask(client, "/sheet", model).content))

    assert len(told["seeds"]) == len(told["labels"]) == 16
    assert len(told["cells"]) == 32
    assert sheet.size == (4 * 32, 4 * 32)
    assert set(told["labels"]) == ({0, 1, 2} if model.endswith("classes") else {-1})


def test_a_point_is_pinned_to_its_own_place(client, studio):
    finished(client)
    told = ask(client, "/points").json()
    recipes = [json.loads(Recipe("dcgan", (Anchor(seed),), told["psi"]).to_json()) for seed in (3, 11)]
    places = ask(client, "/pins", recipes=recipes).json()["places"]
    cells = np.array(told["cells"]).reshape(-1, 2)

    assert np.allclose(places, (cells[[3, 11]] + 0.5) / told["side"], atol=1e-4)


def test_what_cannot_be_pinned_has_no_place_and_costs_the_others_nothing(client):
    finished(client)
    good = {"model": "dcgan", "anchors": [{"seed": 3}]}
    places = ask(client, "/pins", recipes=[good, {"model": "vae"}, {"model": "dcgan", "psi": "x"}]).json()["places"]

    assert places[0] is not None
    assert places[1:] == [None, None]
    assert ask(client, "/pins", recipes=[good] * 33).status_code == 422
    assert ask(client, "/pins", recipes="x").status_code == 422


def test_a_map_is_drawn_once_and_read_from_the_disk_by_the_next_process(client, live, monkeypatch):
    finished(client)
    kept = ask(client, "/points").json()
    monkeypatch.setattr(module, "drawn", lambda *_: pytest.fail("drawn twice"))

    assert ask(client).json() == {"finished": True}
    assert len(files()) == 1
    with TestClient(Starlette(routes=Maps(live, public=False).routes())) as other:
        other.headers["x-genart-token"] = live.token()
        assert ask(other).json() == {"finished": True}
        assert ask(other, "/points").json() == kept


def test_a_damaged_file_is_drawn_anew(client, live):
    finished(client)
    files()[0].write_bytes(b"PK damaged")
    with TestClient(Starlette(routes=Maps(live, public=False).routes())) as other:
        other.headers["x-genart-token"] = live.token()
        assert finished(other) == {"finished": True}


def test_a_cache_that_cannot_be_written_costs_nothing_but_the_file(client, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))

    assert finished(client) == {"finished": True}


def test_no_more_than_so_many_are_kept(client, monkeypatch):
    monkeypatch.setattr(module, "ON_DISK", 1)
    finished(client, "dcgan")
    finished(client, "vae")

    assert len(files()) == 1


def test_a_map_that_everybody_has_left_ends_and_leaves_nothing(client, maps, held):
    begun, may_go_on = held
    ask(client)
    assert begun.wait(SOON)
    (build,) = maps._builds.values()
    ask(client, "/leave")
    may_go_on.set()

    assert isinstance(build.future.exception(SOON), module.Cancelled)
    assert maps._builds == {}
    assert maps._known == {}
    assert files() == []
    assert ask(client, "/state").json()["phase"] == "gone"


def test_a_map_that_nobody_asks_for_any_more_ends_by_itself(client, maps, held, monkeypatch):
    begun, may_go_on = held
    ask(client)
    assert begun.wait(SOON)
    monkeypatch.setattr(module, "GONE_SECONDS", -1.0)
    (build,) = maps._builds.values()
    may_go_on.set()

    assert isinstance(build.future.exception(SOON), module.Cancelled)
    monkeypatch.setattr(module, "GONE_SECONDS", 15.0)
    assert finished(client) == {"finished": True}


def test_visitors_wait_together_and_one_who_leaves_stops_nobody(client, live, maps, held):
    begun, may_go_on = held
    other = {"x-genart-token": live.token()}
    ask(client)
    assert begun.wait(SOON)
    ask(client, headers=other)
    assert len(maps._builds) == 1
    ask(client, "/leave")
    may_go_on.set()
    end = time.monotonic() + SOON
    while not (state := ask(client, "/state", headers=other).json()).get("finished") and time.monotonic() < end:
        assert "error" not in state

    assert state == {"finished": True}


def test_points_are_told_when_the_map_is_finished(client, held):
    ask(client)

    assert "not finished" in ask(client, "/points").json()["error"]


def test_an_autoencoder_of_pictures_has_no_map(client):
    assert "choose another model" in ask(client, model="autoencoder_tiny").json()["error"]


def test_a_map_that_fails_says_so_in_both_languages(client, monkeypatch):
    def broken(*_):
        raise module.Refused("The map is not finished; wait until it is.")

    monkeypatch.setattr(module, "drawn", broken)
    state = finished(client)

    assert "not finished" in state["error"]
    assert "地图" in state["chinese"]


def test_a_public_page_draws_few_maps_for_one_visitor(live, monkeypatch):
    monkeypatch.setattr(module, "PUBLIC_MAPS", 1)
    monkeypatch.setattr(module, "PUBLIC_SECONDS", float("inf"))  # a machine may sleep
    with ending(Maps(live, public=True)) as maps, TestClient(Starlette(routes=maps.routes())) as client:
        client.headers["x-genart-token"] = live.token()
        assert finished(client, "dcgan") == {"finished": True}
        refused = ask(client, model="vae")
        joined = ask(client, model="vae", headers={"x-genart-token": live.token()})

    assert refused.status_code == 429
    assert "wait a while" in refused.json()["error"]
    assert joined.status_code == 200


def test_so_many_maps_wait_and_no_more(client, held, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 1)
    ask(client)

    assert ask(client, model="vae").status_code == 429


def test_the_map_of_two_latent_numbers_is_the_plane_and_exact():
    studio = Studio("cpu", ENTRIES)
    live = Live(lambda: studio)
    with TestClient(Starlette(routes=Maps(live, public=False).routes())) as client:
        client.headers["x-genart-token"] = live.token()
        assert finished(client, "digits-vae2") == {"finished": True}
        told = ask(client, "/points", "digits-vae2").json()
        seed = {"model": "digits-vae2", "anchors": [{"seed": 5}], "psi": 1.0}
        calm = {**seed, "psi": 0.5}
        first, second = ask(client, "/pins", "digits-vae2", recipes=[seed, calm]).json()["places"]
    z = studio.submit(object(), Recipe.from_dict(seed)).result().point[0]

    assert (told["plane"], told["psi"], told["side"]) == (3.0, 1.0, 4)
    assert len(told["marks"]["labels"]) == 1500
    assert np.allclose(np.array(first) * 6 - 3, z, atol=1e-3)
    assert np.allclose(np.array(second) * 6 - 3, z / 2, atol=1e-3)
