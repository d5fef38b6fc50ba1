"""Walks become films in every format, other programs open them, and they come back as walks."""

import io
import json
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from genart.catalogue import Source
from genart.errors import BadRecipe, GenartError, Refused
from genart.export import encode, read_notes, recipes_of, save_jpeg, save_png, save_webp
from genart.export.encode import Order, import_av
from genart.export.film import AHEAD, FORMATS, PUBLIC, Film, Limits, _ahead, estimate, moments, pictures, save_film, sized
from genart.export.label import labelled
from genart.export.notes import SOURCE_TYPE, Notes, of_recipes
from genart.export.replay import ALIKE, ends_of, likeness
from genart.recipe import Anchor, Offset, Recipe, pack_vector
from genart.walk import Key, Walk

A, B = Recipe("dcgan", (Anchor(1),)), Recipe("dcgan", (Anchor(2),), 0.9, offsets=(Offset("pca1", 1.5),))
WALK = Walk((Key(A, 0.5), Key(B, 0.5)), loop=True)
FPS = 10.0
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


@pytest.fixture(scope="module")
def films(studio, tmp_path_factory):
    """One film of each format, 64 pixels, 10 frames."""
    folder = tmp_path_factory.mktemp("films")
    for name, kind in FORMATS.items():
        save_film(studio, WALK, Film(name, 64, FPS), folder / (name + kind.suffix))
    return {name: folder / (name + kind.suffix) for name, kind in FORMATS.items()}


def decoded(path):
    """Frames as another program sees them: Pillow for pictures, FFmpeg for video."""
    if path.suffix in (".mp4", ".webm"):
        with import_av().open(str(path)) as container:
            return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with Image.open(path) as image:
        return [np.asarray(image.convert("RGB")) for number in range(image.n_frames) if image.seek(number) is None]


def close(a, b):
    return float(np.abs(a.astype(int) - b).mean())


# Frames.


def test_frame_0_is_the_keys_still(studio):
    film = Film(side=64, fps=FPS)
    first = next(pictures(studio, WALK, film, moments(WALK, film)))

    assert np.abs(first.astype(int) - studio.render(sized(studio, A, 64))).max() <= 1


def test_frame_n_of_a_loop_is_frame_0(studio):
    film = Film(side=64, fps=FPS)
    seconds = moments(WALK, film)
    first, again = pictures(studio, WALK, film, [0.0, seconds[-1] + WALK.seconds / len(seconds)])

    assert len(seconds) == 10
    assert (first == again).all()


def test_pictures_made_together_are_those_made_alone(studio):
    recipes = [WALK.at(second) for second in np.linspace(0, 1, 7)]
    together = list(studio.render_many(recipes, batch=3))

    assert all(np.abs(one.astype(int) - studio.render(recipe)).max() <= 1 for one, recipe in zip(together, recipes, strict=True))


@pytest.mark.parametrize("model", ["dcgan-classes", "vae", "autoencoder_kl"])
@pytest.mark.parametrize("mix", ["z", "z-arc", "w", "w-arc"])
def test_every_mix_is_rendered_and_ends_at_its_seeds(studio, model, mix):
    one = Recipe(model, (Anchor(1),))
    walk = Walk((Key(one, 1.0, "linear", mix), Key(replace(one, anchors=(Anchor(2),)))))

    assert np.abs(studio.raw(walk.at(1e-6)) - studio.raw(one)).max() < 1e-2
    assert (studio.raw(walk.at(0.5)) != studio.raw(one)).any()


def test_a_batch_is_chosen_by_measurement(studio):
    assert studio.best_batch(A) in (1, 2, 4, 8)


# Files, opened by other programs.


@pytest.mark.parametrize("name", ["mp4", "webm", "gif", "webp"])
def test_a_film_is_opened_by_another_program_with_its_frames(films, studio, name):
    frames = decoded(films[name])
    expected = list(pictures(studio, WALK, Film(name, 64, FPS), moments(WALK, Film(name, 64, FPS))))

    assert len(frames) == 10
    assert all(close(a, b) < 6 for a, b in zip(frames, expected, strict=True))


def test_an_mp4_plays_everywhere(films):
    with import_av().open(str(films["mp4"])) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, float(stream.average_rate)) == ("h264", "yuv420p", FPS)
        assert float(container.duration / 1e6) == pytest.approx(1.0, abs=0.05)
    assert films["mp4"].read_bytes().find(b"moov") < films["mp4"].read_bytes().find(b"mdat")  # it plays while it loads


@pytest.mark.parametrize("name", ["gif", "webp"])
def test_an_animation_lasts_as_long_as_its_walk_and_loops(films, name):
    with Image.open(films[name]) as image:
        lasts = sum(image.info["duration"] for number in range(image.n_frames) if (image.seek(number), image.load()))
        assert lasts == 1000
        assert image.info["loop"] == 0


def test_a_gif_of_30_frames_a_second_keeps_time(studio, tmp_path):
    save_film(studio, WALK, Film("gif", 16, 30), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        lasts = [image.info["duration"] for number in range(image.n_frames) if (image.seek(number), image.load())]

    assert set(lasts) == {30, 40}
    assert sum(lasts) == 1000


def test_a_gif_of_few_colours_has_exactly_these(tmp_path):
    colours = np.random.RandomState(1).randint(0, 256, (200, 3)).astype(np.uint8)
    pixels = np.concatenate([colours, colours[:56]]).reshape(16, 16, 3)
    with encode.Gif(Order(tmp_path / "a.gif", (16, 16), 1, 10, "good", Notes())) as gif:
        gif.add(gif.packed(pixels))

    assert (decoded(tmp_path / "a.gif")[0] == pixels).all()


def test_gif_frames_of_a_tenth_of_a_second_share_their_colours_and_those_of_few_keep_their_own(tmp_path):
    random = np.random.RandomState(2)
    rich = [np.kron(random.randint(0, 256, (20, 20, 3)), np.ones((2, 2, 1))).astype(np.uint8) for _ in range(5)]
    plain = np.full((40, 40, 3), (1, 2, 3), np.uint8)
    with encode.Gif(Order(tmp_path / "a.gif", (40, 40), 6, 30, "good", Notes())) as gif:
        for pixels in (*rich[:2], plain, *rich[2:]):
            gif.add(gif.packed(pixels))
    frames = decoded(tmp_path / "a.gif")

    assert len(frames) == 6
    assert (frames[2] == plain).all()
    assert len(np.unique(np.concatenate(frames[3:]).reshape(-1, 3), axis=0)) <= 256
    assert all(close(a, b) < 40 for a, b in zip(frames, (*rich[:2], plain, *rich[2:]), strict=True))


def test_numbered_frames_are_the_pictures_themselves(films, studio):
    with zipfile.ZipFile(films["frames"]) as file:
        names = sorted(name for name in file.namelist() if name.endswith(".png"))
        first = np.asarray(Image.open(io.BytesIO(file.read(names[0]))))
        assert SOURCE_TYPE.encode() in file.read(names[3])

    assert names == [f"frame{number:05d}.png" for number in range(10)]
    assert np.abs(first.astype(int) - studio.render(sized(studio, A, 64))).max() <= 1


def test_frames_finished_by_several_threads_come_in_order(studio, tmp_path):
    film = Film("frames", 64, 30)
    save_film(studio, WALK, film, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        made = [np.asarray(Image.open(io.BytesIO(file.read(f"frame{number:05d}.png")))) for number in range(30)]
    expected = [studio.render(sized(studio, WALK.at(second), 64)) for second in moments(WALK, film)]

    assert (made[0] == expected[0]).all()
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(made, expected, strict=True))


def test_few_frames_are_made_ahead_of_the_encoder():
    begun = []
    with ThreadPoolExecutor(2) as beside:
        frames = _ahead(beside, lambda number: number, ((begun.append(number) or number,) for number in range(100)))
        for number in range(20):
            assert next(frames) == number
            assert len(begun) <= number + AHEAD + 2
        frames.close()


def test_sprites_lie_where_their_json_says(films, studio):
    with zipfile.ZipFile(films["sprites"]) as file:
        about = json.loads(file.read("sprites.json"))
        sheet = Image.open(io.BytesIO(file.read("sprites.png")))
    last = about["frames"][9]["frame"]
    cut = sheet.crop((last["x"], last["y"], last["x"] + last["w"], last["y"] + last["h"]))

    assert (about["meta"]["size"]["w"], about["meta"]["size"]["h"]) == sheet.size == (256, 192)
    assert np.abs(np.asarray(cut).astype(int) - studio.render(sized(studio, WALK.at(0.9), 64))).max() <= 1
    assert about["frames"][0]["duration"] == 100


def test_a_contact_sheet_of_a_long_walk_has_36_pictures(studio, tmp_path):
    save_film(studio, WALK, Film("sheet", 16, 60), tmp_path / "a.png")

    assert Image.open(tmp_path / "a.png").size == (6 * 18 + 2, 6 * 18 + 2)


@pytest.mark.parametrize("name", ["mp4", "webm", "webp"])
def test_a_film_of_one_odd_picture_is_written(studio, tmp_path, name):
    path = tmp_path / f"a.{name}"
    save_film(studio, Walk((Key(A, 0.3),)), Film(name, 33, 10), path)

    assert decoded(path)[0].shape == (34, 34, 3)
    assert read_notes(path.read_bytes()).walk


# What the files say of themselves.


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_carries_its_walk_and_the_mark_of_a_made_picture(films, studio, name):
    data = films[name].read_bytes()
    notes = read_notes(data)

    assert notes.walk == WALK.stamped(studio.stamped(A).weights)
    assert Film.from_dict(json.loads(notes.shown)) == Film(name, 64, FPS)
    assert recipes_of(data)[0] == studio.stamped(A)
    for said in (SOURCE_TYPE, "tiny dcgan", "CC0-1.0", "genart 0."):
        assert said.encode() in data


def test_readable_notes_are_where_other_programs_look(films):
    with import_av().open(str(films["mp4"])) as container:
        assert "made by a trained model" in container.metadata["comment"]
    with import_av().open(str(films["webm"])) as container:
        assert "made by a trained model" in {name.lower(): text for name, text in container.metadata.items()}["comment"]
    with Image.open(films["gif"]) as image:
        assert b"made by a trained model" in image.info["comment"]
    with Image.open(films["webp"]) as image:
        assert SOURCE_TYPE.encode() in image.info["xmp"]


def boxes(data, path=()):
    """Every box of an MP4 (ISO/IEC 14496-12) as (path, contents), read by nothing but its lengths."""
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        contents = data[at + 8 : at + size]
        yield (*path, kind), contents
        if kind in (b"moov", b"udta", b"ilst", b"\xa9cmt", b"\xa9nam", b"cprt"):
            yield from boxes(contents, (*path, kind))
        elif kind == b"meta":
            yield from boxes(contents[4:], (*path, kind))
        at += max(size, 8)


def packet_in(name, path):
    """The XMP of a file, found by a reader that knows the format and nothing of genart."""
    data = path.read_bytes()
    if name == "mp4":
        return next(contents[16:] for at, contents in boxes(data) if at == (b"uuid",) and contents[:4].hex() == "be7acfcb")
    if name == "webm":
        with import_av().open(str(path)) as container:
            return container.metadata["XMP"].encode()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as file:
            return file.read("genart.xmp")
    with Image.open(path) as image:
        if name == "gif":
            application, at = image.info["extension"]
            assert application == b"XMP DataXMP"
            return data[at : data.index(b"\x01\xff\xfe", at)]
        found = image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode()
        return found.rpartition(b"<?xpacket end")[0] + b'<?xpacket end="w"?>'


@pytest.mark.parametrize("name", FORMATS)
def test_an_independent_reader_finds_the_notes_as_xml(films, studio, name):
    said = next(ElementTree.fromstring(packet_in(name, films[name])).iter(RDF + "Description")).attrib

    assert said["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert said["{http://ns.adobe.com/photoshop/1.0/}Credit"] == studio.entries["dcgan"].credit
    assert said["{http://ns.adobe.com/xap/1.0/rights/}UsageTerms"] == studio.entries["dcgan"].licence
    assert studio.stamped(A).weights in said["{http://purl.org/dc/elements/1.1/}description"]
    assert name == "sheet" or Walk.from_json(said["{urn:genart:1}walk"]).keys[0].recipe == studio.stamped(A)


def test_an_mp4_has_its_comment_where_players_look(films):
    found = dict(boxes(films["mp4"].read_bytes()))

    assert b"made by a trained model" in found[b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data"]


def test_a_model_of_the_hub_is_named_with_its_revision(studio, monkeypatch):
    record = SimpleNamespace(repo="owner/name", revision="a" * 40, file="model.safetensors")
    monkeypatch.setattr("genart.export.notes.record_of", lambda source: record)
    monkeypatch.setitem(studio.entries, "dcgan", replace(studio.entries["dcgan"], source=Source("owner/name")))

    assert f"owner/name@{'a' * 40}:model.safetensors" in of_recipes(studio, [A]).text


@pytest.mark.parametrize("name", FORMATS)
def test_a_film_is_held_against_its_walk(films, studio, name):
    exact = name in ("frames", "sheet", "sprites")

    assert likeness(studio, films[name], read_notes(ends_of(films[name]))) >= (45 if exact else ALIKE)


def test_a_film_of_other_pictures_is_found_out(films, studio, tmp_path):
    other = Walk((Key(replace(A, anchors=(Anchor(7),), psi=1.5), 0.5), Key(B, 0.5)), loop=True)
    order = Order(tmp_path / "a.mp4", (64, 64), 10, FPS, "good", read_notes(films["mp4"].read_bytes()))
    with encode.Video("mp4", order) as video:
        for pixels in pictures(studio, other, Film("mp4", 64, FPS), moments(other, Film("mp4", 64, FPS))):
            video.add(video.packed(pixels))

    assert likeness(studio, tmp_path / "a.mp4", read_notes(ends_of(tmp_path / "a.mp4"))) < ALIKE


@pytest.mark.parametrize("save", [save_jpeg, save_webp])
def test_a_still_of_any_format_carries_its_recipe_in_xmp(studio, save):
    data = save(studio, [A])
    with Image.open(io.BytesIO(data)) as image:
        assert SOURCE_TYPE.encode() in image.info["xmp"]
        assert "exif" not in image.info
        assert close(np.asarray(image.convert("RGB")), studio.render(A)) < 8

    assert recipes_of(data) == (studio.stamped(A),)


def test_a_recipe_too_long_for_a_jpeg_says_so(studio):
    anchors = tuple(Anchor(vector=pack_vector(np.random.RandomState(seed).randn(6, 8) + 0.1, "w")) for seed in range(64))
    swaps = tuple(replace(anchor, label=tuple((index, 0.123456789) for index in range(64))) for anchor in anchors)

    with pytest.raises(GenartError, match="PNG or WebP"):
        encode.still(studio.render(A), Notes((Recipe("stylegan2", swaps),)), "jpeg")


def test_a_walks_own_json_is_read():
    assert read_notes(WALK.to_json().encode()).walk == WALK
    assert read_notes(A.to_json().encode()).recipes == (A,)


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_film_is_read_or_refused(films, name):
    data = films[name].read_bytes()
    for cut in np.linspace(0, len(data) - 1, 40).astype(int):
        for damaged in (data[:cut], data[:cut] + bytes([data[cut] ^ 0x55]) + data[cut + 1 :]):
            with suppress(GenartError):
                assert read_notes(damaged).walk


def test_a_packet_of_another_program_is_passed_over():
    other = b"<?xpacket begin=''?><rdf/><?xpacket end='w'?>"
    rewritten = "<?xpacket begin=''?><genart:recipe>" + A.to_json().replace('"', "&quot;") + "</genart:recipe><?xpacket end='w'?>"

    assert read_notes(other + rewritten.encode()).recipes == (A,)
    with pytest.raises(BadRecipe, match="carries no genart recipe"):
        read_notes(other * 10_000)


def test_the_label_is_drawn_into_a_corner_and_nowhere_else(studio):
    pixels = np.full((256, 256, 3), 90, np.uint8)
    marked = labelled(pixels)

    assert (marked[:200] == 90).all()
    assert (marked[-20:, -100:] > 180).any()
    assert labelled(pixels[:12, :12]).shape == (12, 12, 3)


# With sound.


@pytest.mark.parametrize(("name", "codec"), [("mp4", "aac"), ("webm", "opus")])
@pytest.mark.parametrize("seconds", [0.6, 3.0])
def test_a_film_carries_its_sound_as_long_as_it_lasts(studio, tmp_path, name, codec, seconds):
    tone = np.sin(2 * np.pi * 440 * np.arange(int(48_000 * seconds)) / 48_000)
    samples = np.repeat((tone * 16_000).astype(np.int16)[:, None], 2, axis=1)
    save_film(studio, WALK, Film(name, 64, FPS), tmp_path / f"a.{name}", sound=samples)
    with import_av().open(str(tmp_path / f"a.{name}")) as container:
        sound = container.streams.audio[0]
        assert (sound.codec_context.name, sound.codec_context.sample_rate) == (codec, 48_000)
        heard = np.concatenate([frame.to_ndarray()[0].ravel() for frame in container.decode(audio=0)])

    assert len(decoded(tmp_path / f"a.{name}")) == 10
    assert len(heard) / 48_000 == pytest.approx(min(seconds, 1.0), abs=0.05)
    assert np.abs(heard[5000:20_000]).max() == pytest.approx(0.49, abs=0.06)
    assert read_notes((tmp_path / f"a.{name}").read_bytes()).walk.keys[0].recipe.anchors == A.anchors


def test_a_silent_format_leaves_the_sound_out(studio, tmp_path):
    save_film(studio, WALK, Film("gif", 16, FPS), tmp_path / "a.gif", sound=np.zeros((48_000, 2), np.int16))

    assert len(decoded(tmp_path / "a.gif")) == 10


@pytest.mark.parametrize("name", ["mp4", "gif"])
@pytest.mark.parametrize("model", ["dcgan", "vae"])
@pytest.mark.parametrize("hard", [False, True])
def test_frames_enlarged_by_the_encoder_are_those_of_the_stills(studio, tmp_path, monkeypatch, model, name, hard):
    monkeypatch.setitem(studio.entries, model, replace(studio.entries[model], hard_pixels=hard))
    walk = Walk((Key(replace(A, model=model), 0.3),))
    path = tmp_path / f"a.{name}"
    save_film(studio, walk, Film(name, 128, 10, "best"), path)

    assert close(decoded(path)[0], studio.render(sized(studio, walk.at(0), 128))) < (16 if name == "gif" else 6)


# Limits, cancelling, estimates.


def test_cancelling_leaves_nothing(studio, tmp_path):
    class Cancelled(Exception):
        pass

    def progress(done, count):
        if done == 4:
            raise Cancelled

    for name, kind in FORMATS.items():
        with pytest.raises(Cancelled):
            save_film(studio, WALK, Film(name, 32, FPS), tmp_path / f"a{kind.suffix}", progress=progress)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_film_that_fails_in_the_encoder_leaves_nothing_and_says_why(studio, tmp_path, monkeypatch, name):
    def broken(self, frame):
        if getattr(self, "tried", 0) == 3:
            raise GenartError("The encoder gave up; try again.")
        self.tried = getattr(self, "tried", 0) + 1

    for encoder in (encode.Video, encode.Gif, encode.Frames, encode.Sheet):
        monkeypatch.setattr(encoder, "add", broken)
    with pytest.raises(GenartError, match="gave up"):
        save_film(studio, WALK, Film(name, 32, FPS), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_frame(studio, tmp_path):
    heard = []
    save_film(studio, WALK, Film("frames", 32, FPS), tmp_path / "a.zip", progress=lambda *about: heard.append(about))

    assert heard == [(number, 10) for number in range(1, 11)]


def test_a_film_that_the_disk_cannot_hold_is_refused(studio, tmp_path, monkeypatch):
    monkeypatch.setattr("genart.export.film.shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(Refused, match="make room"):
        save_film(studio, WALK, Film(), tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("walk", "film", "quoted"),
    [
        (replace(WALK, keys=(Key(A, 31.0),)), Film(), "30 seconds"),
        (WALK, Film(side=1024), "512 pixels"),
        (replace(WALK, keys=(Key(A, 29.0),)), Film(fps=60), "900 frames"),
    ],
)
def test_a_public_page_has_limits(walk, film, quoted, studio):
    with pytest.raises(Refused, match=quoted):
        estimate(studio, walk, film, PUBLIC)


def test_too_many_sprites_are_refused(studio, tmp_path):
    with pytest.raises(Refused, match="too large a sheet"):
        save_film(studio, replace(WALK, keys=(Key(A, 60.0),)), Film("sprites", 512, 30), tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("about", "quoted"),
    [
        ({"format": "avi"}, "'avi'"),
        ({"format": ["mp4"]}, "['mp4']"),
        ({"fps": 0}, "0 frames"),
        ({"fps": True}, "True"),
        ({"format": "gif", "fps": 60}, "1 to 50"),
        ({"side": 8}, "8 pixels"),
        ({"side": 99999}, "99999"),
        ({"side": 64.5}, "64.5"),
        ({"quality": "huge"}, "'huge'"),
        ({"label": 1}, "label 1"),
        ({"codec": "x"}, "'codec'"),
        ([], "[]"),
    ],
)
def test_a_film_out_of_range_is_refused(about, quoted):
    with pytest.raises(BadRecipe) as refused:
        Film.from_dict(about)

    assert quoted in str(refused.value)


def test_an_estimate_counts_frames_and_is_above_nothing(studio):
    expected = estimate(studio, WALK, Film("mp4", 64, FPS), Limits())

    assert expected.frames == 10
    assert 0 < expected.seconds < 60
    assert expected.bytes > 500


def test_a_labelled_still_is_opened_again(studio):
    assert recipes_of(save_png(studio, [A], label=True)) == (studio.stamped(A),)
