"""A sound on the timeline, its matrix, pictures dragged there, the code of a link, a label on stills."""

import io

import numpy as np
import pytest
from PIL import Image

from genart.export import read_notes
from genart.export.encode import import_av
from genart.walk import Walk
from tests.sounds import beats, wav

MODEL = "stylegan2-classes"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SOUND = {"name": "beats.wav", "mimeType": "audio/wav", "buffer": wav(beats(3.0))}
PLAYING = """() => { const play = HTMLMediaElement.prototype.play; window.played = [];
HTMLMediaElement.prototype.play = function () { played.push(this); return play.call(this); }; }"""
WAVE = """() => { const wave = document.querySelector("#tl-wave");
return wave.getContext("2d").getImageData(0, 0, wave.width, wave.height).data.some((value) => value > 0); }"""


@pytest.fixture
def hearing(visit):
    """A visitor with two keys and a sound of three seconds."""
    visitor = visit(open=f"?model={MODEL}&seed=3", script=f"({PLAYING})()")
    visitor.page.click('[data-action="film"]')
    visitor.page.fill("#tl-seeds", "3,4")
    visitor.press("Enter")
    visitor.page.set_input_files("#tl-sound-file", files=[SOUND])
    visitor.page.wait_for_selector("#tl-matrix:visible")
    yield visitor
    assert visitor.complaints == []


def time(visitor) -> str:
    return visitor.page.inner_text("#tl-time")


def walk_of(visitor) -> Walk:
    """The walk on the timeline, as it would be saved."""
    visitor.page.click('[data-film="export"]')
    visitor.page.select_option("#film-format", "walk")
    with visitor.page.expect_download() as download:
        visitor.page.click("#film-start")
    return Walk.from_json(download.value.path().read_text())


def test_a_sound_is_heard_drawn_and_moves_the_walk(hearing):
    walk = walk_of(hearing)

    assert time(hearing).endswith("/ 3.0 s")
    assert walk.sound.name == "beats.wav"
    assert walk.sound.seconds == pytest.approx(3.0, abs=0.05)
    assert hearing.page.evaluate(WAVE)
    assert hearing.page.locator("#tl-matrix tbody tr").count() == 5


def test_a_cell_of_the_matrix_changes_the_picture_of_a_moment(hearing):
    box = hearing.page.locator("#tl-strip").bounding_box()
    hearing.after(lambda: hearing.page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 20))
    before = hearing.recipe
    cell = hearing.page.locator('[data-row="loudness"][data-into="psi"]')
    hearing.after(lambda: cell.fill("-1"), f"Math.abs(recipe.psi - {before.psi}) > 0.05")

    assert ("loudness", "psi", -1.0) in walk_of(hearing).drive.amounts
    assert hearing.page.input_value('[data-row="loudness"][data-into="psi"]') == "-1"
    assert hearing.page.get_attribute('[data-row="loudness"][data-into="psi"]', "aria-label") == "Loudness: Diversity"


def test_the_sound_plays_while_the_walk_plays(hearing):
    hearing.page.click('[data-sound="close"]')
    hearing.page.click('[data-film="play"]')
    hearing.wait("() => window.played.some((audio) => audio.currentTime > 0.2)")
    hearing.page.click('[data-film="play"]')
    hearing.wait("() => window.played.every((audio) => audio.paused)")
    off = hearing.page.evaluate(
        "Math.abs(played.at(-1).currentTime - parseFloat(document.querySelector('#tl-time').textContent))"
    )

    assert off < 0.5


def test_a_film_carries_the_sound(hearing):
    hearing.page.click('[data-film="export"]')
    hearing.page.select_option("#film-format", "gif")
    assert not hearing.page.is_visible("#film-sound")
    hearing.page.select_option("#film-format", "mp4")
    hearing.page.select_option("#film-side", "256")
    hearing.page.select_option("#film-fps", "12")
    assert hearing.page.is_checked("#film-sound")
    with hearing.page.expect_download() as download:
        hearing.page.click("#film-start")
    data = download.value.path().read_bytes()
    with import_av().open(io.BytesIO(data)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.duration / 1e6 == pytest.approx(3.0, abs=0.1)

    assert read_notes(data).walk.sound.name == "beats.wav"


def test_a_sound_is_dropped_removed_and_brought_back_by_undo(visit):
    visitor = visit(open=f"?model={MODEL}&seed=3")
    visitor.drop("drop.wav", SOUND["buffer"])
    visitor.page.wait_for_selector("#tl-matrix:visible")
    assert visitor.page.locator(".tl-key").count() == 1
    visitor.page.click('[data-sound="remove"]')
    assert not visitor.page.is_visible("#tl-wave")
    visitor.page.click('[data-film="undo"]')

    assert visitor.page.is_visible("#tl-wave")
    assert visitor.complaints == []


def test_a_file_that_is_no_sound_is_refused_in_words(visit):
    visitor = visit(open=f"?model={MODEL}&seed=3")
    visitor.drop("bad.mp3", bytes([1, 2, 3]))
    visitor.page.wait_for_selector("#stage-error:visible")

    assert "'bad.mp3' is no sound file" in visitor.sentence


def test_the_matrix_fits_a_phone(visit):
    visitor = visit(open=f"?model={MODEL}&seed=3", **PHONE)
    visitor.drop("drop.wav", SOUND["buffer"])
    visitor.page.wait_for_selector("#tl-matrix:visible")
    box = visitor.page.locator("#tl-matrix").bounding_box()

    assert visitor.page.evaluate("document.documentElement.scrollWidth") == 390
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["y"] >= 0


@pytest.mark.parametrize("source", ["#history .step >> nth=0", "#points .point >> nth=0"])
def test_a_picture_is_dragged_to_the_timeline(visit, source):
    visitor = visit(open="?model=skies&seed=3" if "points" in source else f"?model={MODEL}&seed=3")
    visitor.page.wait_for_selector(source)
    visitor.page.click('[data-action="film"]')
    visitor.page.set_viewport_size({"width": 1280, "height": 1300})
    visitor.page.drag_and_drop(source, "#tl-track")
    visitor.page.wait_for_selector(".tl-key")
    visitor.page.drag_and_drop(source, "#tl-track", target_position={"x": 40, "y": 50})
    visitor.wait("() => document.querySelectorAll('.tl-key').length === 2")

    assert visitor.complaints == []


def test_a_link_is_shown_as_a_code_with_a_warning_at_home(visitor):
    visitor.page.click('[data-action="qr"]')
    visitor.page.wait_for_selector("#link-code svg")
    address = visitor.page.input_value("#link-address")
    side = visitor.page.locator("#link-code svg").bounding_box()["width"]

    assert "?r=" in address
    assert side > 400
    assert "--host" in visitor.page.inner_text("#link-local")
    visitor.press("Escape")
    assert not visitor.page.is_visible("#link-dialog")


def test_the_code_is_reached_and_fits_on_a_phone(visit):
    visitor = visit(**PHONE)
    visitor.page.tap('[data-action="qr"]')
    visitor.page.wait_for_selector("#link-code svg")
    box = visitor.page.locator("#link-dialog").bounding_box()

    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert visitor.page.locator("#link-code svg").bounding_box()["width"] > 200
    assert visitor.page.locator("#link-copy").bounding_box()["height"] >= 36
    assert visitor.complaints == []


def test_a_saved_picture_has_the_visible_label_if_it_is_asked_for(visitor):
    visitor.open_advanced()
    sizes = []
    for label in (False, True):
        visitor.page.set_checked("#saved-label", label)
        with visitor.page.expect_download() as download:
            visitor.page.click('[data-action="save"]')
        sizes.append(np.asarray(Image.open(download.value.path())).astype(int))

    assert (sizes[0] != sizes[1]).any()
    visitor.open()
    assert visitor.page.is_checked("#saved-label")
