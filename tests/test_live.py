import asyncio
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from genart import finish
from genart.export import recipes_of
from genart.recipe import MAX_CHARACTERS, Anchor, Recipe, Step
from genart.ui import live as live_module
from genart.ui.live import Bucket, Live
from genart.walk import Key, Walk

RECIPE = Recipe("stylegan2", (Anchor(5),))
SOON = 10


def awaited(work):
    """The result of a coroutine, in a thread of its own: Playwright keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.fixture
def live(studio):
    return Live(lambda: studio)


@pytest.fixture
def client(live):
    with TestClient(Starlette(routes=live.routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


@pytest.fixture
def socket(client, live):
    with client.websocket_connect("/live") as socket:
        socket.send_text(json.dumps({"token": live.token()}))
        yield socket


def parts(reply):
    """The head and the picture of a reply."""
    length = int.from_bytes(reply[:4], "big")
    return json.loads(reply[4 : 4 + length], parse_constant=pytest.fail), reply[4 + length :]


def request(seq=1, recipe=RECIPE, **more):
    return {"seq": seq, "recipe": json.loads(recipe.to_json()), **more}


def ask(socket, message):
    socket.send_text(message if isinstance(message, str) else json.dumps(message))
    return parts(socket.receive_bytes())


# Tokens.


def test_a_token_names_one_visitor(live):
    token = live.token()

    assert live.visitor(token) == live.visitor(token)
    assert live.visitor(live.token()) != live.visitor(token)


@pytest.mark.parametrize("token", [None, "", "a", "a.b.c", "x.99999999999.00", 3, [], {}, "\ud800", "é.é.é", "." * 100_000])
def test_a_forged_token_is_refused(live, token):
    with pytest.raises(live_module.Expired, match="load it again"):
        live.visitor(token)


def test_a_token_with_a_later_expiry_written_in_is_refused(live):
    name, _, signature = live.token().split(".")
    with pytest.raises(live_module.Expired):
        live.visitor(f"{name}.99999999999.{signature}")


def test_the_token_of_another_server_is_refused(live, studio):
    with pytest.raises(live_module.Expired):
        live.visitor(Live(lambda: studio).token())


def test_a_token_expires(live, monkeypatch):
    token = live.token()
    tomorrow = time.time() + live_module.TOKEN_SECONDS + 1
    monkeypatch.setattr(live_module.time, "time", lambda: tomorrow)

    with pytest.raises(live_module.Expired, match="load it again"):
        live.visitor(token)


@pytest.mark.parametrize("path", ["/live", "/live/model", "/live/png", "/live/recipe", "/live/read"])
def test_every_route_wants_a_token(client, path):
    answer = client.post(path, json=request(), headers={"x-genart-token": "forged"})

    assert answer.status_code == 401
    assert "load it again" in answer.json()["error"]


def test_a_socket_without_a_token_is_closed_with_a_sentence(client):
    with client.websocket_connect("/live") as socket:
        head, _ = ask(socket, request())
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()

    assert "load it again" in head["error"]
    assert closed.value.code == 4401


@pytest.mark.parametrize("token", ["a.b.\ud800", 7, {"a": []}, None])
def test_an_odd_token_on_a_socket_closes_it_with_a_sentence(client, token):
    with client.websocket_connect("/live") as socket:
        assert "load it again" in ask(socket, {"token": token, **request()})[0]["error"]


# Frames.


def test_a_request_on_a_socket_brings_the_picture(socket, studio):
    head, data = ask(socket, request(7))

    assert head["seq"] == 7
    assert (head["kind"], head["width"], head["height"], head["full"]) == ("rgba", 16, 16, True)
    assert (np.frombuffer(data, np.uint8).reshape(16, 16, 4)[:, :, :3] == studio.render(RECIPE)).all()
    assert Recipe.from_text(head["link"]) == RECIPE
    assert len(head["point"]) == 8


def test_a_post_brings_the_same_reply(client, socket):
    answer = client.post("/live", json=request(7))
    head, data = parts(answer.content)
    head_of_socket, data_of_socket = ask(socket, request(7))

    assert answer.status_code == 200
    assert data == data_of_socket
    assert head | {"encode_ms": 0, "ms": 0} == head_of_socket | {"encode_ms": 0, "ms": 0}


def test_gradios_own_route_brings_the_same_picture(live, socket):
    head, data = parts(awaited(live.event(json.dumps({"token": live.token(), **request(3)}))))

    assert head["seq"] == 3
    assert data == ask(socket, request(3))[1]


@pytest.mark.parametrize("sent", [None, 7, [1], {"token": 1}, "", "x", "[" * 100_000])
def test_what_gradios_own_route_passes_on_is_answered_in_a_sentence(live, sent):
    assert "load" in parts(awaited(live.event(sent)))[0]["error"]


def test_while_dragging_the_reply_is_short(socket):
    head, _ = ask(socket, request(hurry=True))

    assert "link" not in head
    assert "recipe" not in head


def test_ink_is_drawn_on_a_smaller_sheet_while_dragging_and_whole_at_rest(socket, monkeypatch):
    monkeypatch.setattr(finish, "HURRIED_SIDE", 32)
    inked = replace(RECIPE, finish=(Step("ink", (("scale", 4),)),))
    dragging, _ = ask(socket, request(1, inked, hurry=True))
    resting, _ = ask(socket, request(2, inked))

    assert (dragging["width"], resting["width"]) == (32, 4 * ask(socket, request(3))[0]["width"])


@pytest.mark.parametrize(
    "message", [{"link": RECIPE.to_text()}, {"plain": {"model": "stylegan2", "seed": "5", "psi": "0.7", "label": ""}}]
)
def test_a_picture_can_be_asked_for_by_link_and_by_hand(socket, message):
    head, _ = ask(socket, {"seq": 1, **message})

    assert Recipe.from_dict(head["recipe"]) == RECIPE


def test_a_moment_of_a_walk_brings_its_recipe(socket):
    start, _ = ask(socket, request(1, walk="drift", moment=0, hurry=True))
    later, _ = ask(socket, request(2, walk="drift", moment=0.5, hurry=True))

    assert Recipe.from_dict(start["recipe"]) == RECIPE
    assert len(Recipe.from_dict(later["recipe"]).anchors) == 2


def test_a_moment_of_a_whole_walk_brings_its_recipe(socket):
    walk = Walk((Key(RECIPE, 2.0), Key(Recipe("stylegan2", (Anchor(6),)))))
    head, _ = ask(socket, {"seq": 1, "walk": walk.to_json(), "moment": 0.5, "hurry": True})

    assert Recipe.from_dict(head["recipe"]) == walk.at(0.5)


def test_an_overtaken_request_is_told_so_and_the_newest_is_drawn(socket, studio):
    begun, may_end = threading.Event(), threading.Event()

    def hold():
        begun.set()
        assert may_end.wait(SOON)

    studio._turns.submit("somebody else", hold)
    assert begun.wait(SOON)
    for seq in (1, 2, 3):
        socket.send_text(json.dumps(request(seq)))
    overtaken = [parts(socket.receive_bytes())[0] for _ in range(2)]
    may_end.set()
    head, data = parts(socket.receive_bytes())

    assert overtaken == [{"seq": 1, "overtaken": True}, {"seq": 2, "overtaken": True}]
    assert head["seq"] == 3
    assert data


def test_a_thumbnail_does_not_overtake_the_picture(socket, studio):
    begun, may_end = threading.Event(), threading.Event()

    def hold():
        begun.set()
        assert may_end.wait(SOON)

    studio._turns.submit("somebody else", hold)
    assert begun.wait(SOON)
    socket.send_text(json.dumps(request(1)))
    socket.send_text(json.dumps(request(2, aside=True)))
    may_end.set()
    heads = [parts(socket.receive_bytes())[0] for _ in range(2)]

    assert {head["seq"] for head in heads} == {1, 2}
    assert not any("overtaken" in head for head in heads)


def test_a_visitor_who_leaves_takes_his_waiting_request_along(client, live, studio, caplog):
    begun, may_end = threading.Event(), threading.Event()

    def hold():
        begun.set()
        assert may_end.wait(SOON)

    studio._turns.submit("somebody else", hold)
    assert begun.wait(SOON)
    with client.websocket_connect("/live") as socket:
        socket.send_text(json.dumps({"token": live.token(), **request(1)}))
    may_end.set()

    assert parts(client.post("/live", json=request(2)).content)[0]["seq"] == 2
    assert "never retrieved" not in caplog.text


# Errors.


@pytest.mark.parametrize(
    ("message", "quoted"),
    [
        ({"seq": 1}, "None"),
        ({"seq": 1, "recipe": None}, "None"),
        ({"seq": 1, "recipe": []}, "[]"),
        ({"seq": 1, "recipe": {"model": "stilegan2"}}, "did you mean 'stylegan2'"),
        ({"seq": 1, "recipe": {"model": "stylegan2", "psi": 9}}, "9"),
        ({"seq": 1, "recipe": {"model": "stylegan2", "psi": float("nan")}}, "nan"),
        ({"seq": 1, "recipe": {"model": "stylegan2", "psi": 10**400}}, "1000"),
        ({"seq": 1, "recipe": {"model": "stylegan2", "genart": 2}}, "newer genart"),
        ({"seq": 1, "recipe": {"model": "stylegan2", "anchors": [{"label": 1}]}}, "label 1"),
        ({"seq": 1, "recipe": {"model": "stylegan2", "finish": [{"name": "blur"}]}}, "'blur'"),
        ({"seq": 1, "link": "%%%"}, "%%%"),
        ({"seq": 1, "link": {"a": 1}}, "'a'"),
        ({"seq": 1, "plain": []}, "[]"),
        ({"seq": 1, "plain": {"model": "stylegan2", "seed": "x"}}, "'x'"),
        ({"seq": 1, "plain": {"model": "stylegan2", "seed": [1]}}, "[1]"),
        ({"seq": 1, "plain": {"model": "stylegan2", "seed": float("inf")}}, "inf"),
        ({"seq": 1, "plain": {"model": "stylegan2", "label": {"a": 1}}}, "'a'"),
        (request(walk="fly", moment=1), "'fly'"),
        (request(walk=["drift"], moment=1), "['drift']"),
        (request(walk="{", moment=1), "not valid JSON"),
        (request(walk='{"keys":[]}', moment=1), "1 to 64 keys"),
        (request(walk="drift"), "None"),
        (request(walk="drift", moment="1"), "'1'"),
        (request(walk="drift", moment=True), "True"),
        (request(walk="drift", moment=-1), "-1"),
        (request(walk="drift", moment=float("nan")), "nan"),
        (request(walk="drift", moment=float("inf")), "inf"),
        (request(walk="drift", moment=10**400), "1000"),
    ],
)
def test_an_error_comes_as_a_head_and_the_next_request_works(socket, message, quoted, caplog):
    head, data = ask(socket, message)

    assert head["seq"] == 1
    assert quoted in head["error"]
    assert data == b""
    assert ask(socket, request(2))[0]["seq"] == 2
    assert caplog.records == []


@pytest.mark.parametrize("seq", [None, "1", 1.0, True, [], {}, 2**53 + 1, -(2**60), float("nan"), float("inf")])
def test_a_request_without_a_number_is_answered_without_one(socket, seq):
    head, _ = ask(socket, request(seq))

    assert head["seq"] is None
    assert "whole number" in head["error"]


@pytest.mark.parametrize(
    "text", ["", "{", "hello", "[]", "3", "null", "[" * 100_000, '{"seq":' + "9" * 5000 + "}", '"' + "x" * MAX_CHARACTERS + '"']
)
def test_a_message_that_is_no_request_closes_the_socket_with_a_sentence(client, live, text):
    with client.websocket_connect("/live") as socket:
        socket.send_text(json.dumps({"token": live.token()}))
        head, _ = ask(socket, text)
        with pytest.raises(WebSocketDisconnect):
            socket.receive_bytes()

    assert "request" in head["error"]
    assert len(head["error"]) < 300


def test_a_binary_message_closes_the_socket_quietly(client, live, caplog):
    with client.websocket_connect("/live") as socket:
        socket.send_bytes(b"\x00")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_bytes()

    assert caplog.records == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
@pytest.mark.parametrize("path", ["/live", "/live/model", "/live/png"])
def test_a_post_that_is_no_request_is_refused_in_one_sentence(client, path, body):
    answer = client.post(path, content=body)

    assert answer.status_code == 422
    assert "load the page again" in answer.json()["error"]


def test_an_unexpected_failure_is_logged_and_shows_nothing_of_the_server(client, studio, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise OSError("/srv/secret/weights vanished")

    monkeypatch.setattr(studio, "submit", broken)
    head, _ = parts(client.post("/live", json=request()).content)

    assert head["error"] == live_module.UNEXPECTED
    assert "secret" in caplog.text


def test_a_studio_that_could_not_start_says_why():
    def broken():
        raise live_module.Refused("Device 'tpu' is not on this machine.")

    live = Live(broken)
    head, _ = parts(awaited(live.event(json.dumps({"token": live.token(), **request()}))))

    assert head["error"] == "Device 'tpu' is not on this machine."


# Limits.


@pytest.mark.parametrize(("path", "limit"), [("/live", MAX_CHARACTERS), ("/live/model", 1000), ("/live/png", MAX_CHARACTERS)])
def test_a_body_that_is_too_large_is_refused(client, path, limit):
    answer = client.post(path, content=b"x" * (limit + 1))

    assert answer.status_code == 422
    assert "choose a smaller one" in answer.json()["error"]


def test_a_stream_is_read_no_further_than_its_limit(live):
    read = []

    class Endless:
        async def stream(self):
            while True:
                read.append(1)
                yield b"x" * 1000

    async def whole():
        async with live._body(Endless(), 3000, live_module.Room()):
            pytest.fail("an endless stream has ended")

    with pytest.raises(live_module.BadRecipe, match="larger than"):
        awaited(whole())
    assert len(read) == 4


def test_too_many_requests_are_refused_with_their_number(studio):
    live = Live(lambda: studio, requests_a_second=3)
    with TestClient(Starlette(routes=live.routes())) as client, client.websocket_connect("/live") as socket:
        socket.send_text(json.dumps({"token": live.token()}))
        heads = [ask(socket, request(seq))[0] for seq in range(12)]

    refused = [head for head in heads if "error" in head]
    assert refused
    assert all("More than 3 requests a second" in head["error"] for head in refused)
    assert live.admit(live.visitor(live.token())) is None  # nobody else is held up


@pytest.fixture
def hall(live):
    """A route whose requests wait until they are let go; what has begun, and the way to let go."""
    begun, may_end = [], asyncio.Event()

    async def wait(request):
        async def work(visitor, body):
            begun.append(visitor)
            await may_end.wait()
            return Response(body)

        return await live.answer(request, 4 * 2**20, work)

    return Starlette(routes=[Route("/live/wait", wait, methods=["POST"])]), begun, may_end


def gathered(app, begun, may_end, requests, until):
    """The answers to some requests (token, body), let go as soon as so many have begun."""

    async def work():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://genart") as client:
            posts = [
                asyncio.create_task(client.post("/live/wait", content=body, headers={"x-genart-token": token}))
                for token, body in requests
            ]
            async with asyncio.timeout(SOON):
                while len(begun) < until:
                    await asyncio.sleep(0)
                for _ in range(200):  # turns of the loop, in which no more may begin
                    await asyncio.sleep(0)
                at_once = len(begun)
                may_end.set()
                return at_once, await asyncio.gather(*posts)

    return awaited(work())


def test_a_visitor_who_asks_for_much_at_once_waits_for_himself_alone(live, hall):
    greedy, other = live.token(), live.token()
    most = live_module.AT_ONCE
    at_once, answers = gathered(*hall, [(greedy, b"")] * (most + 5) + [(other, b"")], until=most + 1)

    assert at_once == most + 1
    assert all(answer.status_code == 200 for answer in answers)
    assert live._rooms == {}


def test_a_visitor_who_asks_for_far_too_much_is_refused(live, hall, monkeypatch):
    monkeypatch.setattr(live_module, "WAITING", 2)
    most = live_module.AT_ONCE
    _, answers = gathered(*hall, [(live.token(), b""), *[(live.token(), b"")] * (most + 3)], until=most + 1)

    assert [answer.status_code for answer in answers].count(429) == 1
    assert "waiting already" in answers[-1].json()["error"]


def test_large_bodies_of_all_visitors_are_held_within_a_limit_and_small_ones_pass(live, hall, monkeypatch):
    monkeypatch.setattr(live_module, "HELD_BYTES", 5 * 2**20)
    bodies = [bytes(2 * 2**20)] * 3 + [bytes(1000)]
    _, answers = gathered(*hall, [(live.token(), body) for body in bodies], until=3)

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429]
    assert answers[-1].status_code == 200
    assert live._held == 0


def test_a_visitor_has_a_share_of_what_is_held_and_leaves_the_rest_to_others(live, hall, monkeypatch):
    monkeypatch.setattr(live_module, "HELD_BYTES", 20 * 2**20)  # a share is 5 MB
    greedy, large = live.token(), bytes(2 * 2**20)
    _, answers = gathered(*hall, [(greedy, large)] * 4 + [(live.token(), large) for _ in range(3)], until=5)

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 200, 200, 200]
    assert "This page sends" in answers[2].json()["error"]
    assert live._held == 0
    assert live._rooms == {}


def test_a_share_is_never_less_than_one_largest_body(live, hall, monkeypatch):
    monkeypatch.setattr(live_module, "HELD_BYTES", 5 * 2**20)
    _, answers = gathered(*hall, [(live.token(), bytes(4 * 2**20))], until=1)

    assert answers[0].status_code == 200


def test_a_body_that_does_not_come_is_waited_for_no_longer_than_its_time(live, hall, monkeypatch):
    monkeypatch.setattr(live_module, "BODY_SECONDS", 0.05)
    app, begun, _ = hall
    token = live.token()

    async def trickle():
        yield bytes(2 * 2**20)
        await asyncio.Event().wait()

    async def work():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://genart") as client:
            async with asyncio.timeout(SOON):
                return await client.post("/live/wait", content=trickle(), headers={"x-genart-token": token})

    answer = awaited(work())
    assert answer.status_code == 429
    assert "longer than 0.05 seconds" in answer.json()["error"]
    assert begun == []
    assert live._held == 0


def test_work_may_take_longer_than_a_body_may(live, monkeypatch):
    monkeypatch.setattr(live_module, "BODY_SECONDS", 0.02)

    async def work(_, body):
        await asyncio.sleep(0.1)
        return Response(body)

    async def slow(request):
        return await live.answer(request, 1000, work)

    with TestClient(Starlette(routes=[Route("/slow", slow, methods=["POST"])])) as client:
        assert client.post("/slow", content=b"x", headers={"x-genart-token": live.token()}).content == b"x"


def test_a_socket_that_takes_no_replies_is_not_read_for_ever(live, monkeypatch):
    monkeypatch.setattr(live_module, "OPEN_REPLIES", 4)
    read, token = [], live.token()

    async def endless():
        read.append(1)
        return json.dumps({"token": token, **request(len(read))})

    async def never(_):
        await asyncio.Event().wait()

    async def work():
        socket = SimpleNamespace(accept=nothing, receive_text=endless, send_bytes=never, close=nothing)
        task = asyncio.create_task(live.socket(socket))
        await asyncio.sleep(0.3)
        task.cancel()
        return len(read)

    assert awaited(work()) == 4


async def nothing(*_):
    return None


def test_a_bucket_fills_again(monkeypatch):
    now = 100.0
    monkeypatch.setattr(live_module.time, "monotonic", lambda: now)
    bucket = Bucket(10)
    taken = [bucket.take() for _ in range(21)]
    now += 0.25

    assert taken == [True] * 20 + [False]
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_visitors_long_gone_are_forgotten(live, monkeypatch):
    live._buckets.update({str(number): Bucket(1) for number in range(10_001)})
    live.admit(live.visitor(live.token()))

    assert len(live._buckets) == 1


# Models, saving, opening.


def test_a_model_is_described_in_what_its_controls_need(client):
    told = client.post("/live/model", json={"model": "dcgan-classes"}).json()

    assert (told["name"], told["size"], told["zDim"], told["numClasses"], told["classes"]) == (
        "dcgan-classes",
        16,
        12,
        3,
        ["0", "1", "2"],
    )
    assert told["hasNoise"] is False
    assert len(told["weights"]) == 64


@pytest.mark.parametrize("name", [None, 3, [], "stylegan", "../../etc/passwd", "x" * 900])
def test_an_unknown_model_is_refused(client, name):
    answer = client.post("/live/model", json={"model": name})

    assert answer.status_code == 422
    assert "There is no model named" in answer.json()["error"]


def test_a_saved_picture_opens_with_its_recipe(client, studio):
    saved = client.post("/live/png", json=request())
    opened = client.post("/live/recipe", content=saved.content)

    assert saved.headers["content-type"] == "image/png"
    assert recipes_of(saved.content) == (studio.stamped(RECIPE),)
    assert Recipe.from_dict(opened.json()) == studio.stamped(RECIPE)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_a_picture_saved_in_another_format_opens_too(client, studio, kind):
    saved = client.post("/live/png", json={**request(), "format": kind})

    assert saved.headers["content-type"] == f"image/{kind}"
    assert Recipe.from_dict(client.post("/live/recipe", content=saved.content).json()) == studio.stamped(RECIPE)


@pytest.mark.parametrize("kind", ["bmp", None, ["png"], "sheet"])
def test_a_format_that_is_not_offered_is_refused(client, kind):
    assert "no picture format" in client.post("/live/png", json={**request(), "format": kind}).json()["error"]


def test_a_saved_picture_carries_the_visible_label_where_it_is_asked_for(client):
    plain, labelled = (client.post("/live/png", json={**request(), "label": label}).content for label in (False, True))

    assert recipes_of(plain) == recipes_of(labelled)
    assert plain != labelled


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_of_ours_is_refused(client, content):
    answer = client.post("/live/recipe", content=content)

    assert answer.status_code == 422
    assert "genart" in answer.json()["error"]


def test_large_pictures_hold_up_nobodys_turn(client, live, studio, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def slow(pixels, size):
        begun.set()
        assert may_end.wait(SOON)
        return pixels

    monkeypatch.setitem(finish.FINISHES, "slow", slow)
    recipe = {**request()["recipe"], "finish": [{"name": "slow", "parameters": [["size", 8]]}]}
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(client.post, "/live/png", json={"recipe": recipe})
        assert begun.wait(SOON)
        other = client.post("/live", json=request(2), headers={"x-genart-token": live.token()})
        may_end.set()

        assert parts(other.content)[0]["seq"] == 2
        assert saving.result().content.startswith(b"\x89PNG")


def image(kind: str, **how) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.RandomState(0).randint(256, size=(20, 12, 3), dtype=np.uint8)).save(file, kind, **how)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_of_any_program_is_read_by_a_model_with_an_encoder(client, kind):
    answer = client.post("/live/read?model=vae-classes&label=2", content=image(kind))
    recipe = Recipe.from_json(answer.text)

    assert answer.status_code == 200
    assert (recipe.model, recipe.psi, recipe.anchors[0].label) == ("vae-classes", 1.0, 2)
    assert recipe.anchors[0].vector.startswith("w16.")


@pytest.mark.parametrize(
    ("address", "content", "says"),
    [
        ("?model=dcgan", image("PNG"), "'dcgan' reads no pictures"),
        ("?model=vae", b"no picture", "is no readable picture"),
        ("?model=nobody", image("PNG"), "nobody"),
        ("?model=vae-classes&label=7", image("PNG"), "label 7 is out of range"),
        ("?model=vae", image("PNG")[:60], "is no readable picture"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(client, address, content, says):
    answer = client.post(f"/live/read{address}", content=content)

    assert answer.status_code == 422
    assert says in answer.json()["error"]


def test_a_vast_picture_is_refused_before_it_is_decoded(client):
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")

    assert "9000 x 9000 pixels" in client.post("/live/read?model=vae", content=file.getvalue()).json()["error"]
