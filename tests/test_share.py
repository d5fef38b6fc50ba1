"""A link as a QR code."""

import json
import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.ui.live import Live
from genart.ui.share import MAX_ADDRESS, Share


@pytest.fixture
def client(studio):
    live = Live(lambda: studio)
    with TestClient(Starlette(routes=Share(live).routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


@pytest.mark.parametrize("length", [30, 400, MAX_ADDRESS])
def test_an_address_becomes_a_black_code_on_white_with_its_margin(client, length):
    answer = client.post("/live/qr", json={"address": "http://192.168.1.5:7860/?r=".ljust(length, "x")})
    side = int(re.search(r'viewBox="0 0 (\d+) ', answer.text)[1]) - 8

    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert (side - 17) % 4 == 0
    assert 'fill="#fff"' in answer.text
    assert 'stroke="#000"' in answer.text
    assert "script" not in answer.text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("javascript:alert(1)", "javascript"),
        ("http://\ud800", "no address"),
        (3, "3"),
        (None, "None"),
        ("http://a/".ljust(MAX_ADDRESS + 1, "x"), "2301 characters"),
    ],
)
def test_what_is_no_address_or_too_long_is_refused(client, address, said):
    answer = client.post("/live/qr", content=json.dumps({"address": address}))

    assert answer.status_code == 422
    assert said in answer.json()["error"]


def test_the_route_wants_a_token(client):
    assert client.post("/live/qr", json={}, headers={"x-genart-token": "forged"}).status_code == 401
