"""Films from the page: rendered in turn, fetched once by whom they are for, cancelled without a trace."""

import asyncio
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.export import read_notes
from genart.export.film import FORMATS, Film
from genart.limits import SPARE_BYTES
from genart.recipe import Anchor, Recipe
from genart.sound import Sound
from genart.ui import films as films_module
from genart.ui.films import Films
from genart.ui.live import Live
from genart.walk import WALKS, Key, Walk
from tests.sounds import RATE, beats, encoded, wav

A, B = Recipe("dcgan", (Anchor(1),)), Recipe("dcgan", (Anchor(2),))
WALK = Walk((Key(A, 0.3), Key(B, 0.3)), loop=True)
SOON = 20


@pytest.fixture
def live(studio):
    return Live(lambda: studio)


@pytest.fixture
def films(live):
    return Films(live, public=False)


@pytest.fixture
def client(live, films):
    with TestClient(Starlette(routes=films.routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


def request(walk=WALK, **about):
    return {"walk": walk.to_json(), "film": {"format": "gif", "side": 16, "fps": 10, **about}}


def finished(client, name):
    """The last state of a film, which must come soon."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        state = client.post("/live/film/state", json={"id": name}).json()
        if state.get("finished") or "error" in state:
            return state
    pytest.fail("the film was never finished")


@pytest.fixture
def held(studio, monkeypatch):
    """Films wait in their first frame until they are let go."""
    begun, may_end = threading.Event(), threading.Event()
    save = films_module.save_film

    def slow(*about, progress, **more):
        begun.set()
        assert may_end.wait(SOON)
        progress(1, 10)
        save(*about, progress=progress, **more)

    monkeypatch.setattr(films_module, "save_film", slow)
    yield begun, may_end
    may_end.set()


@pytest.mark.parametrize(
    "path", ["walk", "walk/read", "film", "film/estimate", "sound", "film/sound", "film/state", "film/cancel", "film/file"]
)
def test_every_route_wants_a_token(client, path):
    assert client.post(f"/live/{path}", json=request(), headers={"x-genart-token": "forged"}).status_code == 401


@pytest.mark.parametrize("name", WALKS)
def test_a_ready_made_walk_starts_from_the_recipe_sent(client, name):
    recipe = Recipe("stylegan2-classes", (Anchor(5),))
    answer = client.post("/live/walk", json={"make": name, "recipe": json.loads(recipe.to_json())})

    assert Walk.from_dict(answer.json()["walk"]).model == "stylegan2-classes"


def test_a_walk_is_made_even(client):
    told = client.post("/live/walk", json={"even": WALK.to_json()}).json()

    assert told["after"] <= told["before"]
    assert Walk.from_dict(told["walk"]).keys == WALK.keys


@pytest.mark.parametrize("kind", FORMATS)
def test_a_film_is_rendered_fetched_once_and_opened_again(client, films, kind):
    name = client.post("/live/film", json=request(format=kind)).json()["id"]
    state = finished(client, name)
    answer = client.post("/live/film/file", json={"id": name})
    opened = client.post("/live/walk/read", content=answer.content)

    assert (state["done"], state["count"], state["name"]) == (6, 6, f"dcgan-film{FORMATS[kind].suffix}")
    assert read_notes(answer.content).shown == Film(kind, 16, 10).to_json()
    assert [key.recipe.anchors for key in Walk.from_dict(opened.json()["walk"]).keys] == [A.anchors, B.anchors]
    assert client.post("/live/film/file", json={"id": name}).status_code == 422
    assert list(films._place().iterdir()) == []


def test_an_estimate_comes_before_the_film(client):
    told = client.post("/live/film/estimate", json=request()).json()

    assert told["frames"] == 6
    assert told["seconds"] > 0
    assert told["bytes"] > 100


def test_a_cancelled_film_leaves_nothing(client, films, held):
    begun, may_end = held
    name = client.post("/live/film", json=request()).json()["id"]
    assert begun.wait(SOON)
    future = films._jobs[name].future
    assert client.post("/live/film/cancel", json={"id": name}).status_code == 200
    may_end.set()

    assert isinstance(future.exception(SOON), films_module.Cancelled)
    assert list(films._place().iterdir()) == []
    assert client.post("/live/film/state", json={"id": name}).status_code == 422


def test_a_film_cancelled_after_its_last_frame_leaves_nothing(client, films, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def last(_studio, _walk, _film, path, **_):
        begun.set()
        assert may_end.wait(SOON)
        path.write_bytes(b"film")

    monkeypatch.setattr(films_module, "save_film", last)
    name = client.post("/live/film", json=request()).json()["id"]
    assert begun.wait(SOON)
    assert client.post("/live/film/cancel", json={"id": name}).status_code == 200
    may_end.set()
    films._turns.run(lambda: None)

    assert list(films._place().iterdir()) == []


def test_a_visitor_has_one_film_at_a_time_and_others_wait(client, live, held):
    begun, may_end = held
    first = client.post("/live/film", json=request()).json()["id"]
    assert begun.wait(SOON)
    again = client.post("/live/film", json=request())
    other = {"x-genart-token": live.token()}
    second = client.post("/live/film", json=request(), headers=other).json()["id"]
    waiting = client.post("/live/film/state", json={"id": second}, headers=other).json()
    may_end.set()

    assert again.status_code == 429
    assert "still being rendered" in again.json()["error"]
    assert waiting["waiting"]
    assert finished(client, first)["finished"]


def test_so_many_films_wait_and_no_more(client, live, held, monkeypatch):
    monkeypatch.setattr(films_module, "WAITING", 2)
    answers = [client.post("/live/film", json=request(), headers={"x-genart-token": live.token()}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "2 films are waiting" in answers[2].json()["error"]


def test_so_many_sounds_are_kept_for_films_and_no_more(client, live, monkeypatch):
    monkeypatch.setattr(films_module, "WAITING", 2)
    visitors = [{"x-genart-token": live.token()} for _ in range(3)]
    answers = [client.post("/live/film/sound", content=b"x", headers=visitor) for visitor in visitors]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert client.post("/live/film/sound", content=b"y", headers=visitors[0]).status_code == 200


def test_nobody_fetches_anothers_film(client, live):
    name = client.post("/live/film", json=request()).json()["id"]
    finished(client, name)
    answer = client.post("/live/film/file", json={"id": name}, headers={"x-genart-token": live.token()})

    assert answer.status_code == 422
    assert "There is no film" in answer.json()["error"]


def test_a_film_that_nobody_fetches_is_forgotten(client, films, live, monkeypatch):
    name = client.post("/live/film", json=request()).json()["id"]
    finished(client, name)
    monkeypatch.setattr(films_module, "KEPT_SECONDS", -1.0)
    other = client.post("/live/film", json=request(), headers={"x-genart-token": live.token()})

    assert other.status_code == 200
    assert name not in films._jobs


def test_a_film_that_fails_says_why_in_both_languages(client, monkeypatch):
    def broken(*_args, **_more):
        raise films_module.Refused("The disk is full; make room, or a smaller film.")

    monkeypatch.setattr(films_module, "save_film", broken)
    state = finished(client, client.post("/live/film", json=request()).json()["id"])

    assert "disk is full" in state["error"]
    assert "磁盘" in state["chinese"]


@pytest.mark.parametrize(
    ("message", "quoted"),
    [
        (request(side=1024), "512 pixels"),
        (request(Walk((Key(A, 31.0),))), "30 seconds"),
    ],
)
def test_a_public_page_renders_small_and_short_films(live, message, quoted):
    with TestClient(Starlette(routes=Films(live, public=True).routes())) as client:
        answer = client.post("/live/film", json=message, headers={"x-genart-token": live.token()})

    assert answer.status_code == 429
    assert quoted in answer.json()["error"]


def test_a_public_page_renders_few_films_for_one_visitor(live):
    with TestClient(Starlette(routes=Films(live, public=True).routes())) as client:
        client.headers["x-genart-token"] = live.token()
        for _ in range(films_module.PUBLIC_FILMS):
            finished(client, client.post("/live/film", json=request()).json()["id"])
        answer = client.post("/live/film", json=request())

    assert answer.status_code == 429
    assert "wait a while" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "message", "quoted"),
    [
        ("walk", {"make": "fly"}, "'fly'"),
        ("walk", {"make": ["noise"]}, "['noise']"),
        ("walk", {"make": "noise"}, "None"),
        ("walk", {"make": "classes", "recipe": {"model": "vae"}}, "no classes"),
        ("walk", {"even": "{}"}, "None"),
        ("walk", {"even": 3}, "3"),
        ("film", {}, "JSON"),
        ("film", {"walk": WALK.to_json()}, "None"),
        ("film", {"walk": WALK.to_json(), "film": {"format": "avi"}}, "'avi'"),
        ("film/estimate", {"walk": WALK.to_json(), "film": {"fps": 10**400}}, "1000"),
        ("film/state", {}, "None"),
        ("film/file", {"id": "../../etc/passwd"}, "passwd"),
        ("film/cancel", {"id": []}, "[]"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(client, path, message, quoted):
    answer = client.post(f"/live/{path}", json=message)

    assert answer.status_code == 422
    assert quoted in answer.json()["error"]


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"{}", A.to_json().encode()])
def test_a_file_without_a_walk_is_refused(client, content):
    assert client.post("/live/walk/read", content=content).status_code == 422


def test_a_sound_is_heard(client):
    told = client.post("/live/sound?name=a.wav", content=wav(beats())).json()
    sound = Sound.from_dict(told["sound"])

    assert sound.seconds == pytest.approx(2.0)
    assert sound.name == "a.wav"


def test_a_film_with_sound_needs_it_once(client, films):
    client.post("/live/film/sound", content=wav(beats()))
    message = {**request(format="mp4", side=32), "sound": True}
    name = client.post("/live/film", json=message).json()["id"]
    assert films._jobs[name].future.exception(SOON) is None
    data = client.post("/live/film/file", json={"id": name}).content

    assert b"mp4a" in data
    assert list(films._place().iterdir()) == []


def test_a_film_with_a_damaged_sound_says_so(client, films):
    client.post("/live/film/sound", content=b"hello")
    name = client.post("/live/film", json={**request(format="mp4", side=32), "sound": True}).json()["id"]
    films._jobs[name].future.exception(SOON)

    assert "no sound file" in finished(client, name)["error"]


def test_a_sound_that_is_brought_again_replaces_the_first_and_is_forgotten(client, films, monkeypatch):
    for _ in range(2):
        client.post("/live/film/sound", content=wav(beats()))
    assert len(list(films._place().iterdir())) == 1
    monkeypatch.setattr(films_module, "KEPT_SECONDS", -1.0)
    client.post("/live/film", json=request())

    assert not list(films._place().glob("*.sound"))


def test_a_public_server_takes_shorter_sounds(live):
    films = Films(live, public=True)
    with TestClient(Starlette(routes=films.routes())) as client:
        client.headers["x-genart-token"] = live.token()
        large = client.post("/live/sound?name=a.wav", content=bytes(9 * 2**20))
        long = client.post("/live/sound?name=a.mp3", content=encoded(np.zeros(125 * RATE, np.int16), "mp3", "libmp3lame"))

    assert "8 MB" in large.json()["error"]
    assert "120 seconds" in long.json()["error"]


def test_the_timeline_learns_where_a_walk_with_sound_has_come_to(client):
    walk = Walk(WALK.keys, loop=True, sound=Sound(10.0, "AAA___" + "A" * 24))
    told = client.post("/live/walk", json={"reached": walk.to_json()}).json()["reached"]

    assert (told[0], told[-1]) == (0, 1)
    assert told[100] == 0


def test_a_sound_that_nobody_uses_is_swept_though_nobody_comes_by(client, films, monkeypatch):
    monkeypatch.setattr(films_module, "KEPT_SECONDS", 0.0)
    client.post("/live/film/sound", content=wav(beats()))
    assert len(list(films._place().glob("*.sound"))) == 1
    end = time.monotonic() + SOON
    while list(films._place().glob("*.sound")) and time.monotonic() < end:
        client.post("/live/film/state", json={"id": "none"})

    assert not list(films._place().glob("*.sound"))


def test_one_timer_sweeps_all_sounds_the_oldest_first(client, live, films, monkeypatch):
    timers = []
    monkeypatch.setattr(films_module, "KEPT_SECONDS", 700.0)
    for _ in range(3):
        client.post("/live/film/sound", content=b"x", headers={"x-genart-token": live.token()})
        timers.append(films._timer)

    assert [timer.cancelled() for timer in timers] == [True, True, False]
    oldest = next(iter(films._sounds.values()))
    os.utime(oldest, (time.time() - 690, time.time() - 690))
    client.post("/live/film/sound", content=b"x", headers={"x-genart-token": live.token()})
    assert films._timer.when() < timers[2].when() - 600


def test_a_film_is_kept_from_when_it_was_finished(client, films, monkeypatch, held):
    begun, may_end = held
    name = client.post("/live/film", json=request()).json()["id"]
    assert begun.wait(SOON)
    monkeypatch.setattr(films_module, "KEPT_SECONDS", 0.0)
    films._sweep()
    assert name in films._jobs
    monkeypatch.setattr(films_module, "KEPT_SECONDS", 600.0)
    may_end.set()

    assert finished(client, name)["finished"]
    films._sweep()
    assert name in films._jobs


def test_the_sounds_of_all_visitors_together_have_a_limit(client, live, films, monkeypatch):
    sound = wav(beats())
    monkeypatch.setattr(films, "_limits", replace(films._limits, sound_bytes=len(sound)))
    monkeypatch.setattr(films_module, "SOUND_ROOM", 2)
    others = [{"x-genart-token": live.token()} for _ in range(3)]
    answers = [client.post("/live/film/sound", content=sound, headers=other) for other in (*others, others[0])]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert "fill the room" in answers[2].json()["error"]
    assert len(list(films._place().glob("*.sound"))) == 2


def test_a_sound_leaves_the_disk_its_spare_room(client, films, monkeypatch):
    monkeypatch.setattr(films_module, "free", lambda _: SPARE_BYTES + 10)
    assert client.post("/live/film/sound", content=bytes(10)).status_code == 200
    kept = list(films._place().iterdir())
    refused = client.post("/live/film/sound", content=bytes(11))

    assert refused.status_code == 429
    assert "the server's disk has 67 MB free; make room there" in refused.json()["error"]
    assert list(films._place().iterdir()) == kept == list(films._sounds.values())


@pytest.fixture
def slow_disk(monkeypatch):
    """Sounds are not written until they are let go."""
    begun, may_end = threading.Event(), threading.Event()
    write = Path.write_bytes

    def slow(path, data):
        begun.set()
        assert may_end.wait(SOON)
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", slow)
    yield begun, may_end
    may_end.set()


def test_a_sound_that_is_being_written_has_its_room_and_is_not_forgotten(client, live, films, slow_disk, monkeypatch):
    begun, may_end = slow_disk
    sound = wav(beats())
    monkeypatch.setattr(films, "_limits", replace(films._limits, sound_bytes=len(sound)))
    monkeypatch.setattr(films_module, "SOUND_ROOM", 1)
    with ThreadPoolExecutor(1) as pool:
        brought = pool.submit(client.post, "/live/film/sound", content=sound)
        assert begun.wait(SOON)
        other = client.post("/live/film/sound", content=sound, headers={"x-genart-token": live.token()})
        may_end.set()
        assert brought.result(SOON).status_code == 200

    assert other.status_code == 429
    assert list(films._sounds.values()) == list(films._place().glob("*.sound"))
    assert films._coming == {}


def test_a_sound_that_cannot_be_written_leaves_nothing_and_the_last_one_stays(client, films, monkeypatch):
    client.post("/live/film/sound", content=b"first")
    kept = list(films._place().iterdir())
    write = Path.write_bytes

    def full(path, data):
        write(path, data[:1])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    assert client.post("/live/film/sound", content=b"second").status_code == 500
    assert list(films._place().iterdir()) == kept == list(films._sounds.values())
    assert films._coming == {}


def test_an_old_sound_that_is_nobodys_is_swept(client, films):
    client.post("/live/film/sound", content=b"x")
    orphan = films._place() / "orphan.sound"
    orphan.write_bytes(b"x")
    films._sweep()
    assert orphan.exists()
    os.utime(orphan, (0, 0))
    films._sweep()

    assert list(films._place().iterdir()) == list(films._sounds.values())


def test_sounds_wait_for_each_other_and_hold_up_no_film(client, live, films, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def slow(*_, **__):
        begun.set()
        assert may_end.wait(SOON)
        return np.zeros((RATE, 2), np.int16)

    monkeypatch.setattr(films_module, "samples_of", slow)
    client.post("/live/film/sound", content=wav(beats()))
    first = client.post("/live/film", json={**request(format="mp4", side=32), "sound": True}).json()["id"]
    assert begun.wait(SOON)
    other = {"x-genart-token": live.token()}
    second = client.post("/live/film", json=request(), headers=other).json()["id"]
    films._jobs[second].future.result(SOON)
    monkeypatch.setattr(films, "_listening", films_module.HEARD_AT_ONCE)
    refused = client.post("/live/sound?name=a.wav", content=wav(beats()))
    waits = client.post("/live/film/state", json={"id": first}).json()
    may_end.set()

    assert refused.status_code == 429
    assert waits["waiting"]
    assert finished(client, first)["finished"]


def test_a_visitor_with_many_sounds_takes_one_place_and_leaves_the_others(live, films, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()
    monkeypatch.setattr(films_module, "HEARD_AT_ONCE", 2)
    hear = films_module.heard_in

    def slow(*about):
        begun.set()
        assert may_end.wait(SOON)
        return hear(*about)

    monkeypatch.setattr(films_module, "heard_in", slow)

    async def work():
        transport = httpx.ASGITransport(Starlette(routes=films.routes()))
        async with asyncio.timeout(SOON), httpx.AsyncClient(transport=transport, base_url="http://genart") as client:

            def brought(token):
                headers = {"x-genart-token": token}
                return asyncio.create_task(client.post("/live/sound?name=a.wav", content=wav(beats()), headers=headers))

            token = live.token()
            answers = [brought(token) for _ in range(3)]
            while not begun.is_set():
                await asyncio.sleep(0.01)
            answers.append(brought(live.token()))
            await asyncio.sleep(0.1)  # in which it is refused, if there is no place for it
            may_end.set()
            return await asyncio.gather(*answers)

    with ThreadPoolExecutor(1) as pool:  # Playwright keeps a loop running in this thread
        answers = pool.submit(asyncio.run, work()).result()

    assert [answer.status_code for answer in answers] == [200] * 4


def test_a_film_cancelled_while_its_sound_is_heard_leaves_nothing(client, films, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def slow(*_, **__):
        begun.set()
        assert may_end.wait(SOON)
        return np.zeros((RATE, 2), np.int16)

    monkeypatch.setattr(films_module, "samples_of", slow)
    client.post("/live/film/sound", content=wav(beats()))
    name = client.post("/live/film", json={**request(format="mp4", side=32), "sound": True}).json()["id"]
    assert begun.wait(SOON)
    client.post("/live/film/cancel", json={"id": name})
    may_end.set()
    films._ears.run(lambda: None)
    films._turns.run(lambda: None)

    assert list(films._place().iterdir()) == []
