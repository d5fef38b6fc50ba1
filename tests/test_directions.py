"""Directions that say what they do: measured, learnt, carried by recipes and files."""

import errno
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.directions import (
    MEASURES,
    Direction,
    axes_of,
    directions,
    from_file,
    keep,
    kept,
    learn,
    measurable,
    measured,
    names,
    sample_w,
    to_file,
)
from genart.directions.axes import thumbnail
from genart.errors import BadRecipe
from genart.families import FAMILIES
from genart.hub.cache import ours
from genart.recipe import Anchor, Offset, Recipe, blend, pack_vector, unpack_vector
from genart.studio import Studio
from genart.ui.directions import Directions
from genart.ui.live import Live
from tests.tiny import ONLY_WITH_CLASSES, TINY, state_of
from tests.tiny import save as save_tiny

SHA = "ab" * 32


def generator_of(family, num_classes=0):
    return FAMILIES[family](state_of(family, num_classes))


@pytest.fixture(scope="module")
def vae():
    return generator_of("vae")


# Every model has directions, one sigma long.


@pytest.mark.parametrize("family", TINY)
def test_every_family_has_the_directions_that_its_space_promises(family):
    generator = generator_of(family, 3 if family in ONLY_WITH_CLASSES else 0)
    with torch.inference_mode():
        found = directions(generator, samples=64)
        w = sample_w(generator, 64)
    spread = w - w.mean(0)

    assert list(found) == names(generator.space)
    for vector in found.values():
        length = vector.norm().clamp_min(1e-8)
        assert float((spread @ (vector / length)).std()) == pytest.approx(float(length), rel=1e-3, abs=1e-6)


# What is measured is raised.


@pytest.mark.parametrize(("family", "classes"), [("vae", 0), ("dcgan", 0), ("vae", 3), ("stylegan2", 0)])
def test_a_measured_direction_raises_what_it_is_named_after(family, classes):
    generator = generator_of(family, classes)
    found = measured(generator)
    assert "brightness" in found

    label = list(range(max(1, classes)))
    with torch.inference_mode():
        w = sample_w(generator, 640, label)[600:]
        for name, direction in found.items():
            low, high = (
                torch.cat([MEASURES[name](thumbnail(generator, row + sigma * direction.vector)) for row in w])
                for sigma in (-1.0, 1.0)
            )
            assert (high - low).mean() > 0, name
            if name == "brightness":
                assert (high > low).float().mean() > 0.8


def test_a_measured_direction_is_told_from_pictures_left_out(vae):
    for direction in measured(vae).values():
        assert 0.5 <= direction.r <= 1


def test_what_pictures_do_not_show_gets_no_direction(vae):
    """Pictures that a fixed noise decides, whatever w is."""

    class Deaf:
        space, w_mean, mapping = vae.space, vae.w_mean, vae.mapping
        random = torch.Generator().manual_seed(3)

        def parameters(self):
            return vae.parameters()

        def synthesis(self, w, noise=None, size=None):
            return torch.rand(len(w), 3, 8, 8, generator=self.random) * 2 - 1

    assert measured(Deaf()) == {}


def test_grey_pictures_have_no_colour_to_measure():
    assert measurable(generator_of("dcgan").space) == ["brightness", "contrast", "detail"]


def test_a_class_is_not_moved_by_a_measured_direction():
    generator = generator_of("vae", 3)
    w = sample_w(generator, 30)
    still = w.std(0) < 1e-6

    assert still.any()
    for direction in measured(generator).values():
        assert direction.vector[still].abs().max() == 0


# What is shown by examples is learnt.


@pytest.mark.parametrize("seed", range(4))
def test_a_planted_direction_is_learnt(seed):
    random = torch.Generator().manual_seed(seed)
    w = torch.randn(400, 16, generator=random)
    planted = torch.randn(16, generator=random)
    order = (w @ planted).argsort()
    has, has_not = w[order[-30:]], w[order[:30]]

    learnt = learn(has, has_not, w - w.mean(0))

    assert torch.cosine_similarity(learnt.vector, planted, dim=0) > 0.8
    assert learnt.score > 0.9
    length = learnt.vector.norm()
    assert float(((w - w.mean(0)) @ (learnt.vector / length)).std()) == pytest.approx(float(length), rel=1e-3)


def test_examples_marked_by_chance_score_like_a_guess():
    scores = []
    for seed in range(40):
        w = torch.randn(24, 32, generator=torch.Generator().manual_seed(seed))
        scores.append(learn(w[:12], w[12:], w - w.mean(0)).score)

    assert np.mean(scores) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(("has", "has_not"), [(4, 5), (5, 4), (0, 9), (101, 5)])
def test_too_few_or_too_many_examples_are_refused(has, has_not):
    with pytest.raises(BadRecipe, match=f"these are {has} and {has_not}"):
        learn(torch.randn(has, 4), torch.randn(has_not, 4), torch.randn(64, 4))


def test_examples_that_are_all_the_same_are_refused():
    same = torch.ones(6, 4)
    with pytest.raises(BadRecipe, match="mark different ones"):
        learn(same, same, torch.randn(64, 4))


def test_the_studio_learns_from_pictures_and_the_recipe_carries_it(studio):
    has = [Recipe("vae", (Anchor(seed),), psi=1.0) for seed in range(6)]
    has_not = [Recipe("vae", (Anchor(seed),), psi=1.0) for seed in range(10, 16)]
    vector, score = studio.learn("vae", has, has_not)
    moved = Recipe("vae", (Anchor(1),), offsets=(Offset("mine", 2.0, vector=vector),))

    assert 0 <= score <= 1
    assert Recipe.from_text(moved.to_text()) == moved
    assert (studio.render(moved) != studio.render(Recipe("vae", (Anchor(1),)))).any()
    with pytest.raises(BadRecipe, match="one is of 'dcgan'"):
        studio.learn("vae", has, [Recipe("dcgan")] * 6)


def test_pictures_vary_along_their_own_axes():
    random = torch.Generator().manual_seed(1)
    spread = torch.randn(200, 6, generator=random)
    main = torch.tensor([0.0, 3, 4, 0, 0, 0]) / 5
    points = torch.randn(9, 1, generator=random) * 5 * main + 0.05 * torch.randn(9, 6, generator=random)

    first, *others = axes_of(points, spread, 3)

    assert abs(torch.cosine_similarity(first, main, dim=0)) > 0.99
    assert len(others) == 2
    assert len(axes_of(points[:2], spread, 3)) == 1


# A recipe brings its own direction.


@pytest.mark.parametrize("name", ["stylegan2", "vae", "autoencoder_kl"])
def test_a_vector_does_what_the_direction_of_that_name_does(name, studio):
    vector = studio.directions(name)["pca1"].vector
    still = Recipe(name, (Anchor(4),))
    named = replace(still, offsets=(Offset("pca1", 2.0),))
    brought = replace(still, offsets=(Offset("anything", 2.0, vector=pack_vector(vector.numpy(), "w")),))

    assert (studio.raw(brought) == studio.raw(named)).all()
    assert (studio.raw(replace(still, offsets=(replace(brought.offsets[0], sigma=0.0),))) == studio.raw(still)).all()


def test_a_vector_may_differ_from_row_to_row(studio):
    rows = studio.resident("stylegan2").loaded.generator.space.num_ws
    values = np.zeros((rows, 8), np.float32)
    values[1] = 3
    own = Offset("second", 1.0, vector=pack_vector(values, "w"))
    one = Offset("second", 1.0, (1, 2), vector=pack_vector(values[1], "w"))
    still = Recipe("stylegan2", (Anchor(2),))

    assert (studio.raw(replace(still, offsets=(own,))) == studio.raw(replace(still, offsets=(one,)))).all()


def test_a_vector_of_another_size_is_refused(studio):
    step = Offset("mine", 1.0, vector=pack_vector(np.ones(3), "w", half=True))
    with pytest.raises(BadRecipe, match="'mine' has shape"):
        studio.render(Recipe("vae", offsets=(step,)))


@pytest.mark.parametrize(("vector", "said"), [(pack_vector(np.ones(3), "z"), "not in w"), ("w.1.!", "damaged"), (3, "damaged")])
def test_a_vector_that_is_none_is_refused(vector, said):
    with pytest.raises(BadRecipe, match=said):
        Offset("mine", 1.0, vector=vector)


def test_layers_beyond_the_model_are_refused_for_a_vector_too(studio):
    step = Offset("mine", 1.0, (0, 9), vector=pack_vector(np.ones(8), "w"))
    with pytest.raises(BadRecipe, match=r"\(0, 9\)"):
        studio.render(Recipe("stylegan2", offsets=(step,)))


def test_directions_of_one_name_and_two_vectors_blend_apart():
    one, two = (Offset("mine", 2.0, vector=pack_vector(np.full(4, value), "w")) for value in (1.0, 2.0))
    half = blend(Recipe("m", offsets=(one,)), Recipe("m", offsets=(two,)), 0.5)

    assert half.offsets == (replace(one, sigma=1.0), replace(two, sigma=1.0))


# Files.


def test_a_direction_goes_through_a_file_and_comes_back(studio):
    data = studio.save_direction("vae", "pca2")
    name, vector = studio.open_direction("vae", data)

    assert name == "pca2"
    assert np.allclose(unpack_vector(vector)[1][0], studio.directions("vae")["pca2"].vector.numpy(), atol=1e-2)
    again = studio.save_direction("vae", "mine", vector)
    assert studio.open_direction("vae", again) == ("mine", vector)


def test_a_file_of_other_weights_or_of_another_size_is_refused(studio):
    data = studio.save_direction("vae", "pca1")
    with pytest.raises(BadRecipe, match="'pca1' belongs to other weights, of 'vae', not to 'dcgan'"):
        studio.open_direction("dcgan", data)
    odd = to_file("odd", torch.ones(3), model="vae", weights=SHA)
    with pytest.raises(BadRecipe, match=r"'odd' has shape \(1, 3\)"):
        from_file(odd, model="vae", weights=SHA, w_dim=10)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no direction",
        b"\xff" * 64,
        save({"vector": torch.ones(4)}),
        save({"other": torch.ones(4)}, {"genart.direction": json.dumps({"name": "a", "model": "m", "weights": SHA})}),
        to_file("far", torch.full((4,), float("nan")), model="m", weights=SHA),
        to_file("far", torch.full((4,), 1e9), model="m", weights=SHA),
        to_file("a\nb", torch.ones(4), model="m", weights=SHA),
    ],
)
def test_a_file_that_holds_no_direction_is_refused(data):
    with pytest.raises(BadRecipe, match="holds no direction"):
        from_file(data, model="m", weights=SHA, w_dim=4)


# What was found is kept.


def test_directions_are_found_once_for_some_weights_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    entry = save_tiny(tmp_path, "mine", "vae")
    first = Studio("cpu", {"mine": entry})
    assert first.still_measured("mine") == measurable(first.resident("mine").loaded.generator.space)
    found = first.directions("mine")
    assert first.still_measured("mine") == []

    second = Studio("cpu", {"mine": entry})
    assert second.resident("mine").complete
    again = second.directions("mine")
    assert list(again) == list(found)
    assert all(torch.equal(again[name].vector, each.vector) and again[name].r == each.r for name, each in found.items())


def test_a_full_disk_leaves_nothing_half_kept(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr("genart.hub.cache.os.replace", full)
    keep("0" * 64, {"a": Direction(torch.ones(1, 10))})

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("harm", ["cut", "shape", "names"])
def test_kept_directions_that_are_damaged_are_found_again(harm, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    entry = save_tiny(tmp_path, "mine", "vae")
    found = Studio("cpu", {"mine": entry}).directions("mine")
    path = next((ours()).glob("directions-*/*.safetensors"))
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    elif harm == "shape":
        save_file({name: torch.ones(3) for name in found}, path, {"r": json.dumps({"": list(found)})})
    else:
        save_file(load_file(path), path, {"r": json.dumps({"": ["pca1"]})})

    assert kept(entry.sha256, 10) is None
    assert list(Studio("cpu", {"mine": entry}).directions("mine")) == list(found)


def test_a_name_that_came_with_the_weights_stays_its_own(tmp_path):
    entry = save_tiny(tmp_path, "mine", "vae")
    save_file({"brightness": torch.ones(10)}, entry.directions)
    own = Studio("cpu", {"mine": entry})

    assert torch.equal(own.directions("mine")["brightness"].vector, torch.ones(10))
    assert own.direction_names("mine").count("brightness") == 1
    assert own.direction_names("mine")[0] == "brightness"


def test_a_measured_direction_works_before_anybody_asked_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    own = Studio("cpu", {"mine": save_tiny(tmp_path, "mine", "vae")})
    brighter = own.render(Recipe("mine", (Anchor(1),), offsets=(Offset("brightness", 4.0),)))

    assert brighter.mean() > own.render(Recipe("mine", (Anchor(1),))).mean() + 1


# Over the live channel.


@pytest.fixture
def client(studio):
    live = Live(lambda: studio)
    with TestClient(Starlette(routes=Directions(live).routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


def test_the_page_is_told_what_was_found_and_how_surely(client, studio):
    studio.find_directions("vae")
    told = client.post("/live/directions", json={"model": "vae"}).json()

    assert told["directions"] == studio.direction_names("vae")
    assert set(told["measured"]) <= set(told["directions"])
    assert all(0.5 <= r <= 1 for r in told["measured"].values())
    assert told["stillMeasured"] == []


def test_a_direction_is_learnt_saved_and_opened_over_the_channel(client, studio):
    pictures = [{"model": "vae", "anchors": [{"seed": seed}]} for seed in range(12)]
    learnt = client.post("/live/directions/learn", json={"model": "vae", "has": pictures[:6], "hasNot": pictures[6:]}).json()
    file = client.post("/live/directions/save", json={"model": "vae", "direction": "mine", "vector": learnt["vector"]})
    opened = client.post("/live/directions/open?model=vae", content=file.content).json()

    assert opened == {"name": "mine", "vector": learnt["vector"]}
    axes = client.post("/live/directions/axes", json={"model": "vae", "recipes": pictures[:4]}).json()["vectors"]
    assert len(axes) == 3


def test_requests_that_cannot_be_served_get_a_sentence(client):
    few = client.post("/live/directions/learn", json={"model": "vae", "has": [], "hasNot": []})
    assert few.status_code == 422
    assert "0 and 0" in few.json()["error"]
    assert "没有" in few.json()["chinese"]
    assert "no list" in client.post("/live/directions/learn", json={"model": "vae", "has": 3, "hasNot": []}).json()["error"]
    assert "'nope'" in client.post("/live/directions/save", json={"model": "vae", "direction": "nope"}).json()["error"]
    assert "holds no direction" in client.post("/live/directions/open?model=vae", content=b"x").json()["error"]
