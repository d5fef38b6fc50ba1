"""Two ways for a layer of a preview: measured once, kept, and never in the way of a whole picture."""

import json

import numpy as np
import pytest
import torch

from genart import resident, studio
from genart.families import FAMILIES, conv, packed, ways, winograd
from genart.families.ops import Prefixes
from genart.families.ways import Choice, Layer, Ways
from genart.hub.cache import ours
from genart.recipe import Noise, Recipe
from genart.studio import Studio
from tests import tiny
from tests.reference import stylegan2

able = pytest.mark.skipif(not ways.can_halve(), reason="this processor knows no bfloat16")


class Clock:
    """A time that only jobs move on."""

    def __init__(self):
        self.now, self.done = 0.0, []

    def job(self, name, seconds):
        def run():
            self.now += seconds
            self.done.append(name)
            return name

        return run


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(ways.time, "perf_counter", lambda: clock.now)
    return clock


@pytest.mark.parametrize(("seconds", "chosen"), [(0.5, "half"), (0.95, "exact"), (2.0, "exact")])
def test_a_layer_is_measured_once_and_goes_the_clearly_quicker_way(clock, seconds, chosen):
    told = []
    here = Ways(keep=lambda known: told.append(dict(known)))
    for _ in range(3):
        assert here.made("a layer", clock.job("exact", 1.0), clock.job("half", seconds)) == chosen

    assert told == [{"a layer": chosen == "half"}]
    assert clock.done[-2:] == [chosen] * 2
    assert len(clock.done) == 2 * ways.RUNS + 3


def test_what_was_measured_before_is_not_measured_again(clock):
    here = Ways({"a layer": True}, keep=lambda known: pytest.fail("nothing new is known"))

    assert here.made("a layer", clock.job("exact", 1.0), clock.job("half", 2.0)) == "half"
    assert clock.done == ["half"]


@pytest.fixture
def model():
    model = FAMILIES["stylegan2"](stylegan2.random_state([32, 32, 24, 16], z_dim=8, w_dim=8, depth=2))
    return model.requires_grad_(False)


@pytest.fixture
def halved(monkeypatch):
    """Ways of which the inexact one is always taken."""
    monkeypatch.setattr(ways, "_least_seconds", lambda both: [1.0, 0.0])
    return Ways()


@able
@torch.inference_mode()
def test_a_preview_may_be_a_shade_off_and_a_whole_picture_is_not(model, halved):
    w = model.mapping(torch.randn(1, 8, generator=torch.Generator().manual_seed(0)))
    exact = {size: model.synthesis(w, Noise(), size) for size in model.space.sizes}
    model.synthesis.ways = halved
    drawn = {size: model.synthesis(w, Noise(), size) for size in model.space.sizes}

    *early, whole = model.space.sizes
    for size in early:
        off = (drawn[size] - exact[size]).abs().max() / (exact[size].max() - exact[size].min())
        assert 0 < off < 0.01
    assert torch.equal(drawn[whole], exact[whole])
    assert {name.split()[0] for name in halved.known} == {"3x3", "up"}


@able
@torch.inference_mode()
def test_a_whole_picture_does_not_go_on_from_a_preview_made_the_other_way(model, halved):
    w = model.mapping(torch.randn(1, 8, generator=torch.Generator().manual_seed(1)))
    whole = model.synthesis(w)
    model.synthesis.ways, model.synthesis.prefixes = halved, Prefixes()
    preview = model.synthesis(w, Noise(), 16)

    assert torch.equal(model.synthesis(w), whole)
    fine = w.clone()
    fine[:, -1] += 1
    assert torch.equal(model.synthesis(fine, Noise(), 16), preview)
    assert model.synthesis.prefixes.resumed


@able
@torch.inference_mode()
def test_where_no_layer_goes_in_half_precision_a_whole_picture_goes_on_from_its_preview(model, monkeypatch):
    monkeypatch.setattr(ways, "_least_seconds", lambda *both: [1.0, 1.0])
    w = model.mapping(torch.randn(1, 8, generator=torch.Generator().manual_seed(1)))
    whole = model.synthesis(w)
    model.synthesis.ways, model.synthesis.prefixes = Ways(), Prefixes()
    model.synthesis(w, Noise(), 16)

    assert torch.equal(model.synthesis(w), whole)
    assert model.synthesis.prefixes.resumed


@able
def test_several_pictures_at_once_and_gradients_are_exact(model, halved):
    w = model.mapping(torch.randn(2, 8, generator=torch.Generator().manual_seed(2)))
    exact = model.synthesis(w, Noise(), 16)
    model.synthesis.ways = halved

    assert torch.equal(model.synthesis(w, Noise(), 16), exact)
    style = w[:1].clone().requires_grad_()
    model.synthesis(style, Noise(), 16).sum().backward()
    assert style.grad.abs().max() > 0
    assert not halved.known


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return ours() / "ways.json"


def test_a_later_start_knows_what_was_measured_on_this_machine(fresh, clock):
    layer = Layer(64, 64, 32, 32)
    here, other = resident.ways_here(), resident.ways_here()  # of two processes
    here[0].made("a layer", clock.job("exact", 1.0), clock.job("half", 0.1))
    assert other[1].way(layer, ["plain", "bands"]) == "plain"
    other[1].measure(lambda layer, way: clock.job(way, len(way)), lambda job: job())
    ways, choice = resident.ways_here()
    assert ways.known == {"a layer": True}
    assert choice.known == {"64 from 64 32 32": "plain"}

    kept = json.loads(fresh.read_text())
    fresh.write_text(json.dumps(kept | {"about": ["another processor", *kept["about"][1:]]}))
    assert [each.known for each in resident.ways_here()] == [{}, {}]


@pytest.mark.parametrize(("seconds", "chosen"), [(0.5, "bands"), (0.95, "plain"), (2.0, "plain")])
def test_a_clearly_quicker_way_of_an_exact_layer_counts_from_the_next_start(clock, seconds, chosen):
    told, took = [], {"plain": 1.0, "bands": seconds, "tiles": 3.0}
    here, layer = Choice(keep=lambda known: told.append(known)), Layer(64, 64, 32, 32)
    assert here.way(layer, list(took)) == "plain"
    while here.unmeasured:
        here.measure(lambda layer, way: clock.job(way, took[way]), lambda job: job())
        assert here.way(layer, list(took)) == "plain"  # the pictures of one start are alike

    assert clock.done == list(took) * ways.RUNS
    assert told == [{str(layer): chosen}]
    later = Choice(told[0], keep=lambda known: pytest.fail("nothing new is known"))
    assert later.way(layer, list(took)) == chosen
    assert later.way(layer, ["plain", "tiles"]) == "plain"  # a way that is no longer one
    assert not later.unmeasured


def test_a_layer_of_which_there_is_one_way_needs_no_trial():
    here = Choice()
    assert here.way(Layer(8, 8, 4, 4), ["plain"]) == "plain"
    assert not here.unmeasured


def test_the_studio_measures_exact_layers_while_nobody_asks(fresh, tmp_path, monkeypatch):
    monkeypatch.setattr(studio, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(conv, "LEAST_TRIED", (1, 16))
    entries = {"model": tiny.save(tmp_path, "model", "stylegan2")}
    own = Studio("cpu", entries)
    before = own.render(Recipe("model"))
    own.find_ways()
    exact = json.loads(fresh.read_text())["exact"]
    own.close()

    assert len(exact) > 1
    assert set(exact.values()) <= {"plain", "bands", "tiles"}
    fresh.write_text(json.dumps(json.loads(fresh.read_text()) | {"exact": dict.fromkeys(exact, "tiles")}))
    monkeypatch.setattr(conv, "tiles", lambda *inputs: seen.append(1) or winograd.tiles(*inputs))
    seen, later = [], Studio("cpu", entries)
    assert np.abs(later.render(Recipe("model")).astype(int) - before).max() <= 1
    assert bool(seen) == packed.CAN_PACK
    later.close()


@pytest.mark.parametrize("text", ["", "[]", '{"about": 1}', "{" * 10_000, '{"about": null, "previews": 3}'])
def test_a_damaged_file_is_as_none(fresh, text):
    fresh.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_text(text)

    assert [each.known for each in resident.ways_here()] == [{}, {}]
