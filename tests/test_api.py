"""The page as scripts meet it: a real server in a thread, asked over HTTP on this machine only."""

import socket
import threading
from pathlib import Path

import httpx
import pytest

from genart.catalogue import hub_entries
from genart.export import recipes_of, save_png
from genart.recipe import Anchor, Offset, Recipe
from genart.ui.words import WORDS

gradio_client = pytest.importorskip("gradio_client")


class Server:
    """The app of `genart.ui.build`, listening on a port of its own until it is closed."""

    def __init__(self, studio, **options):
        import uvicorn

        from genart.ui import build

        door = socket.create_server(("127.0.0.1", 0))
        app = build(lambda: studio, entries=studio.entries, seed=1, **options)
        self.url = f"http://127.0.0.1:{door.getsockname()[1]}"
        self.uvicorn = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=self.uvicorn.run, kwargs={"sockets": [door]}, daemon=True)
        self.thread.start()  # the socket listens already: the first request waits until it is served

    def close(self):
        self.uvicorn.should_exit = True
        self.thread.join(10)


@pytest.fixture(scope="module", autouse=True)
def titles(entries):
    """The tiny models have no words on the screen of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in entries:
            for key in (f"model.{name}", f"model.{name}.about"):
                patch.setitem(WORDS, key, (name, name))
        yield


@pytest.fixture(scope="module")
def server(studio):
    server = Server(studio)
    yield server
    server.close()


@pytest.fixture(scope="module")
def locked(studio):
    server = Server(studio, auth=("artist", "secret"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    return gradio_client.Client(server.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


def test_render_gives_the_bytes_that_the_page_saves(client, studio):
    path = client.predict("dcgan-classes", 42, 0.9, 2, None, api_name="/render")

    assert Path(path).read_bytes() == save_png(studio, [Recipe("dcgan-classes", (Anchor(42, label=2),), 0.9)])
    assert Path(path).name == "dcgan-classes-seed0042.png"


def test_render_takes_a_whole_recipe(client, studio):
    recipe = Recipe("stylegan2", (Anchor(1), Anchor(2)), 1.0, offsets=(Offset("pca1", 2.0),))
    path = client.predict("", recipe=recipe.to_json(), api_name="/render")

    assert recipes_of(Path(path).read_bytes()) == (studio.stamped(recipe),)


def test_render_takes_a_recipe_that_is_an_object_already(client, studio):
    path = client.predict("", recipe={"model": "vae", "anchors": [{"seed": 3}]}, api_name="/render")

    assert recipes_of(Path(path).read_bytes()) == (studio.stamped(Recipe("vae", (Anchor(3),))),)


def test_models_lists_every_model(client, entries):
    listed = client.predict(api_name="/models")

    here = [model for model in listed if model["here"]]
    assert [model["name"] for model in here] == list(entries)
    assert all(len(model["weights"]) == 64 for model in here)


def test_models_lists_those_of_the_hub_in_a_studio_and_says_that_they_are_not_here(client, entries):
    others = [model for model in client.predict(api_name="/models") if model["name"] not in entries]

    assert {model["name"] for model in others} == set(hub_entries())
    assert not any(model["here"] for model in others)
    assert others[0]["family"] == "FastGAN"


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        (("dcgam", 1, 0.7, None, None), "did you mean 'dcgan'"),
        (("dcgan", -1, 0.7, None, None), "seed -1"),
        (("dcgan", 2**32, 0.7, None, None), str(2**32)),
        (("dcgan", "one", 0.7, None, None), "'one'"),
        (("dcgan", 1, 9, None, None), "psi 9"),
        (("dcgan", 1, 0.7, 4, None), "label 4"),
        (("dcgan", 1, 0.7, None, "{"), "not valid JSON"),
        (("dcgan", 1, 0.7, None, [3]), "JSON object"),
        (("dcgan", 1, 0.7, None, '{"model":"dcgan","genart":2}'), "newer genart"),
        (("../../etc/passwd", 1, 0.7, None, None), "'../../etc/passwd'"),
    ],
)
def test_an_error_of_the_api_is_one_sentence(client, arguments, quoted):
    with pytest.raises(gradio_client.exceptions.AppError) as caught:
        client.predict(*arguments, api_name="/render")

    assert quoted in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_the_api_is_documented_by_name_and_type(client):
    named = client.view_api(return_format="dict")["named_endpoints"]

    assert [parameter["parameter_name"] for parameter in named["/render"]["parameters"]] == [
        "model",
        "seed",
        "psi",
        "label",
        "recipe",
    ]
    assert {"/render", "/models"} <= set(named)


def test_the_page_and_its_own_files_are_served(server):
    assert httpx.get(server.url).status_code == 200
    assert httpx.get(f"{server.url}/static-genart/live.js").status_code == 200


@pytest.mark.parametrize(
    "path", ["static-genart/../live.py", "static-genart/%2e%2e/live.py", "static-genart/..%2flive.py", "static-genart/"]
)
def test_nothing_outside_the_static_folder_is_served(server, path):
    assert httpx.get(f"{server.url}/{path}").status_code in (404, 405)


@pytest.mark.parametrize("file", ["README.md", "genart/ui/live.py", "weights", "/etc/passwd", "../../../etc/passwd"])
def test_no_file_of_the_server_is_served(server, file):
    root = Path(__file__).parents[1]
    for path in (file, str(root / file)):
        assert httpx.get(f"{server.url}/gradio_api/file={path}").status_code in (403, 404)


@pytest.mark.parametrize("path", ["live", "live/model", "live/png", "live/recipe"])
def test_the_live_channel_wants_a_token_in_every_mode(server, locked, path):
    for url in (server.url, locked.url):
        assert httpx.post(f"{url}/{path}", json={"seq": 1}).status_code == 401


def test_behind_a_login_nothing_but_the_style_is_given_away(locked):
    assert httpx.get(f"{locked.url}/config").status_code == 401
    assert httpx.post(f"{locked.url}/gradio_api/call/render", json={"data": ["dcgan", 1, 0.7, None, None]}).status_code == 401
    assert httpx.post(f"{locked.url}/gradio_api/run/models", json={"data": []}).status_code == 401
    assert httpx.post(f"{locked.url}/gradio_api/component_server", json={"fn_name": "hello"}).status_code in (401, 422)
    assert "masthead" not in httpx.get(locked.url).text


def test_a_login_opens_the_page(locked):
    with httpx.Client(base_url=locked.url) as visitor:
        assert visitor.post("/login", data={"username": "artist", "password": "wrong"}).status_code == 400
        assert visitor.get("/config").status_code == 401
        assert visitor.post("/login", data={"username": "artist", "password": "secret"}).status_code == 200
        assert visitor.get("/config").status_code == 200


@pytest.mark.parametrize("name", ["upload", "deep_link", "process_recording"])
def test_nobody_fills_the_disk_through_gradios_own_routes(server, name):
    address = f"{server.url}/gradio_api/{name}"

    assert httpx.post(address, files={"files": b"x"}).status_code == 404
    assert httpx.get(address).status_code == 404
