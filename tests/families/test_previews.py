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
    assert len(clock.done) == 2 * (1 + ways.HURRIED_REPEATS) + 3


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
    monkeypatch.setattr(ways, "_quickest", lambda both, repeats: 1)
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
    monkeypatch.setattr(ways, "_quickest", lambda both, repeats: 0)
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
    other[1].measure(takes(clock, {"plain": 1.0, "bands": 0.5}), lambda job: job())
    ways, choice = resident.ways_here()
    assert ways.known == {"a layer": True}
    assert choice.found == {"64 from 64 32 32": ("bands",)}

    kept = json.loads(fresh.read_text())
    fresh.write_text(json.dumps(kept | {"about": ["another processor", *kept["about"][1:]]}))
    assert [each.known for each in resident.ways_here()] == [{}, {}]


def takes(clock, seconds):
    """A trial in which each way takes its seconds."""
    return lambda layer: lambda way: clock.job(way, seconds[way])()


def started(found, layer, trial):
    """What is found after one more start, in which the layer is met and measured."""
    here = Choice(found, keep=lambda told: found.update(told))
    first = here.way(layer, ["plain", "bands", "tiles"])
    while here.unmeasured:
        here.measure(trial, lambda job: job())
    assert here.way(layer, ["plain", "bands", "tiles"]) == first  # the pictures of one start are alike
    return first


@pytest.mark.parametrize(("seconds", "chosen"), [(0.5, "bands"), (0.95, "plain"), (2.0, "plain")])
def test_a_way_of_an_exact_layer_that_two_starts_find_clearly_quicker_counts_from_the_next(clock, seconds, chosen):
    found, layer, took = {}, Layer(64, 64, 32, 32), {"plain": 1.0, "bands": seconds, "tiles": 3.0}

    assert [started(found, layer, takes(clock, took)) for _ in range(4)] == ["plain", "plain", chosen, chosen]
    assert clock.done == list(took) * (1 + ways.REPEATS) * 2
    assert found == {str(layer): (chosen, chosen)}
    assert Choice(found).way(layer, ["plain", "tiles"]) == "plain"  # bands may be no longer a way


def test_what_one_start_finds_another_may_overturn(clock):
    found, layer = {}, Layer(64, 64, 32, 32)
    for bands in (0.5, 1.0, 0.5, 1.0, 1.0):
        assert started(found, layer, takes(clock, {"plain": 1.0, "bands": bands, "tiles": 3.0})) == "plain"

    assert found == {str(layer): ("plain", "plain")}


@pytest.mark.parametrize("disturbed", range(2))
def test_a_few_disturbed_rounds_choose_no_way(clock, disturbed):
    """The usual way is slowed down, at most twice of five times, by something else that runs."""
    layer, slow = Layer(64, 64, 32, 32), iter([1.0, *[9.0] * (disturbed + 1), *[1.0] * 9])
    here = Choice()
    here.way(layer, ["plain", "bands"])
    here.measure(lambda layer: lambda way: clock.job(way, next(slow) if way == "plain" else 0.95)(), lambda job: job())

    assert here.found == {str(layer): ("plain",)}


def test_a_layer_whose_trial_is_cut_short_is_measured_later(clock):
    layer, here = Layer(64, 64, 32, 32), Choice(keep=lambda found: pytest.fail("nothing is found"))
    here.way(layer, ["plain", "bands"])

    def run(job):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        here.measure(takes(clock, {"plain": 1.0, "bands": 0.5}), run)
    assert list(here.unmeasured) == [layer]


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
    layers = json.loads(fresh.read_text())["layers"]
    own.close()

    assert len(layers) > 1
    assert {way for found in layers.values() for way in found} <= {"plain", "bands", "tiles"}
    fresh.write_text(json.dumps(json.loads(fresh.read_text()) | {"layers": {name: ["tiles", "tiles"] for name in layers}}))
    monkeypatch.setattr(conv, "tiles", lambda *inputs: seen.append(1) or winograd.tiles(*inputs))
    seen, later = [], Studio("cpu", entries)
    assert np.abs(later.render(Recipe("model")).astype(int) - before).max() <= 1
    assert bool(seen) == packed.CAN_PACK
    later.close()


def test_times_count_only_while_nothing_else_is_drawn(fresh, tmp_path, monkeypatch):
    monkeypatch.setattr(studio, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(conv, "LEAST_TRIED", (1, 16))
    own = Studio("cpu", {"model": tiny.save(tmp_path, "model", "stylegan2")})
    own.render(Recipe("model"))
    rounds, passes = [], []

    def disturbing(layer):
        rounds.append(layer)

        def goes(way):
            passes.append(way)
            if len(rounds) == 1 and len(passes) == 4:  # a film goes on meanwhile
                own._turns.submit(object(), lambda: None)

        return goes

    monkeypatch.setattr(studio, "trial", disturbing)
    count = len(own._choice.unmeasured)
    own.find_ways()
    own.close()

    assert count > 1
    assert len(rounds) == count + 1
    assert rounds[0] == rounds[1]


def test_a_film_under_way_is_waited_for(fresh, tmp_path, monkeypatch):
    own = Studio("cpu", {"model": tiny.save(tmp_path, "model", "stylegan2")})
    waited = []
    monkeypatch.setattr(own._closing, "wait", lambda seconds: waited.append(seconds) or own._closing.set())
    next(own.render_many([Recipe("model"), Recipe("model", psi=0.5)]))
    own._wait_for_quiet()
    assert not waited  # no hand has moved
    own._wait_for_quiet(films_too=True)

    assert len(waited) == 1
    own.close()


@pytest.mark.parametrize("text", ["", "[]", '{"about": 1}', "{" * 10_000, '{"about": null, "previews": 3}'])
def test_a_damaged_file_is_as_none(fresh, text):
    fresh.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_text(text)

    assert [each.known for each in resident.ways_here()] == [{}, {}]
