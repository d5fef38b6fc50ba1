import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genart.errors import BadRecipe
from genart.recipe import MIXES, Anchor, LayerSwap, Offset, Recipe, Step
from genart.walk import EASES, MAX_KEYS, WALKS, Key, Reach, Walk, drift, even

A, B, C, D = (Recipe("m", (Anchor(seed),)) for seed in (1, 2, 3, 4))
RICH = replace(B, psi=1.2, offsets=(Offset("pca1", 2.0),), layers=(LayerSwap(Anchor(9), (0, 2), 0.5),))
REACH = Reach(num_ws=6, num_classes=3, directions=("pca1", "pca2"))
OLD = Path(__file__).parent / "walks"


def keyed(*recipes, seconds=2.0, ease="linear", path="own", **options):
    return Walk(tuple(Key(recipe, seconds, ease, path) for recipe in recipes), **options)


def shares(recipe):
    """Each seed's share of a picture."""
    seeds = dict.fromkeys(anchor.seed for anchor in recipe.anchors)
    return {seed: sum(anchor.weight for anchor in recipe.anchors if anchor.seed == seed) for seed in seeds}


def place(recipe):
    """A picture of one pixel, so to speak: the mean of the seeds by their shares."""
    return sum(seed * share for seed, share in shares(recipe).items())


# Easing.


@pytest.mark.parametrize("ease", EASES)
def test_an_easing_goes_from_0_to_1_and_never_back(ease):
    values = [EASES[ease](t) for t in np.linspace(0, 1, 201)]

    assert values[0] == 0
    assert values[-1] == pytest.approx(1, abs=1e-12)
    assert all(later >= earlier for earlier, later in itertools.pairwise(values))


# Where a walk goes.


@pytest.mark.parametrize("ease", EASES)
@pytest.mark.parametrize("path", MIXES)
@pytest.mark.parametrize("spline", [False, True])
def test_a_walk_reaches_every_key_exactly_and_ends_there(ease, path, spline):
    walk = keyed(A, RICH, C, ease=ease, path=path, spline=spline)

    assert [walk.at(second) for second in (0, 2, 4)] == [A, RICH, C]
    assert (walk.at(-1), walk.at(99)) == (A, C)
    assert walk.seconds == 4


@pytest.mark.parametrize("spline", [False, True])
def test_a_loop_closes_exactly(spline):
    walk = keyed(A, B, C, loop=True, spline=spline)

    assert walk.seconds == 6
    assert walk.at(6) == walk.at(0) == A
    assert place(walk.at(6 - 1e-6)) == pytest.approx(1, abs=1e-4)
    assert len(walk.moments(10)) == 60
    assert walk.at(walk.moments(10)[-1] + walk.seconds / 60) == A


def test_a_walk_that_is_no_loop_shows_both_ends():
    walk = keyed(A, B, seconds=1.0)

    assert walk.moments(4) == [0, 0.25, 0.5, 0.75, 1]


def test_a_single_key_is_looked_at_for_its_time():
    assert keyed(A).seconds == 2
    assert {keyed(A).at(second) for second in (0, 1, 2, 3)} == {A}


def test_half_way_both_keys_have_half():
    assert shares(keyed(A, B).at(1)) == {1: 0.5, 2: 0.5}


@pytest.mark.parametrize("path", MIXES)
def test_a_walk_is_the_same_from_either_end(path):
    there, back = keyed(A, RICH, path=path), keyed(RICH, A, path=path)
    for second in (0.3, 0.9, 1.4):
        one, two = there.at(second), back.at(2 - second)

        assert shares(one) == pytest.approx(shares(two))
        assert one.psi == pytest.approx(two.psi)
        assert one.offsets[0].sigma == pytest.approx(two.offsets[0].sigma)
        assert one.layers[0].share == pytest.approx(two.layers[0].share)


def test_two_swaps_of_the_same_layers_get_equal_shares_half_way():
    one, two = (replace(A, layers=(LayerSwap(Anchor(seed), (0, 2)),)) for seed in (8, 9))
    first, second = keyed(one, two).at(1).layers

    assert first.share * (1 - second.share) == pytest.approx(second.share) == 0.5


def test_an_arc_turns_at_one_speed():
    walk = keyed(A, B, path="z-arc")
    angles = [math.atan2(shares(walk.at(second))[2], shares(walk.at(second))[1]) for second in (0.5, 1, 1.5)]

    assert angles == pytest.approx([math.pi / 8, math.pi / 4, math.pi * 3 / 8])
    assert walk.at(1).mix == "z-arc"


def test_a_key_that_is_a_mixture_is_left_in_the_models_own_way():
    mixed = replace(A, anchors=(Anchor(1, 0.5), Anchor(5, 0.5)))

    assert keyed(mixed, B, path="z-arc").at(1).mix == "own"


def test_hold_stays_and_then_cuts():
    walk = keyed(A, B, C, ease="hold")

    assert [walk.at(second) for second in (0, 1.999, 2, 3.9, 4)] == [A, A, B, B, C]


def test_a_spline_has_no_corner_at_its_keys():
    walk = Walk(tuple(Key(recipe, seconds, "linear") for recipe, seconds in [(A, 1), (C, 3), (B, 2), (D, 1)]), spline=True)
    for at in walk.starts[1:-1]:
        before, after = place(walk.at(at)) - place(walk.at(at - 1e-4)), place(walk.at(at + 1e-4)) - place(walk.at(at))
        assert before == pytest.approx(after, abs=1e-6)


def test_a_spline_through_points_on_a_line_stays_on_it():
    walk = keyed(A, B, C, D, spline=True)

    assert [place(walk.at(second)) for second in (0.5, 1, 2.5, 5)] == pytest.approx([1.25, 1.5, 2.25, 3.5], abs=1e-9)


def test_the_shares_of_a_spline_add_up_to_1():
    walk = keyed(A, B, C, D, spline=True, loop=True)

    assert all(sum(shares(walk.at(second)).values()) == pytest.approx(1) for second in np.linspace(0.1, 7.9, 23))


def test_a_spline_that_swings_out_keeps_within_a_recipes_ranges():
    low, high = replace(A, psi=-2.0), replace(A, psi=2.0)
    walk = keyed(low, high, high, low, spline=True, loop=True)

    assert max(walk.at(second).psi for second in np.linspace(0, 8, 81)) == 2


@pytest.mark.parametrize("loop", [False, True])
def test_a_wandering_walk_leaves_from_its_first_key_and_ends_where_it_should(loop):
    walk = keyed(A, B, loop=loop, wander=0.5, wander_seed=3)

    assert place(walk.at(0)) == place(A)
    assert walk.at(walk.seconds) == (A if loop else B)
    assert len(walk.at(0.7).anchors) == 5
    assert walk.at(0.7) == keyed(A, B, loop=loop, wander=0.5, wander_seed=3).at(0.7)
    assert walk.at(0.7) != replace(walk, wander_seed=4).at(0.7)


def test_a_finish_moves_between_its_values():
    few, many = (replace(A, finish=(Step("palette", (("colours", value),)),)) for value in (4, 12))

    assert keyed(few, many).at(1).finish == (Step("palette", (("colours", 8),)),)
    assert keyed(few, replace(A, finish=())).at(0.5).finish == few.finish


# Constant visual speed.


def uneven_picture(recipe):
    """A pixel that changes much about the middle of the way, and hardly at the ends."""
    return np.full((1, 1, 3), 255 / (1 + math.exp(-12 * (place(recipe) - 1.5))))


def test_retiming_takes_more_than_half_of_an_uneven_walks_unevenness():
    walk = keyed(A, B, ease="sine")
    evened, before, after = even(walk, uneven_picture)
    steps = np.diff([uneven_picture(evened.at(second))[0, 0, 0] for second in np.linspace(0, 2, 60)])

    assert before > 1
    assert after < before / 2
    assert steps.std() / steps.mean() < before / 2
    assert (evened.at(0), evened.at(2), evened.seconds) == (A, B, 2)


def test_retiming_leaves_a_hold_alone():
    walk = Walk((Key(A, 2.0, "sine"), Key(B, 2.0, "hold"), Key(C)))
    evened, _, _ = even(walk, uneven_picture)

    assert evened.at(2.2) == evened.at(3.9) == B


def test_a_walk_that_does_not_move_is_not_retimed():
    walk = keyed(A, A)

    assert even(walk, uneven_picture) == (walk, 0.0, 0.0)


def test_a_retimed_loop_still_closes():
    evened, _, after = even(keyed(A, B, loop=True, ease="sine"), uneven_picture)

    assert evened.at(evened.seconds) == A
    assert after < 0.5


# Ready-made walks.


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize(
    "start", [A, RICH, replace(A, anchors=(Anchor(1, 0.5, 2), Anchor(5, 0.5, 2)))], ids=["seed", "rich", "mix"]
)
def test_a_ready_made_walk_is_a_loop_that_never_jumps_and_can_be_written(name, start):
    walk = WALKS[name](start, REACH)

    assert Walk.from_json(walk.to_json()) == walk
    assert walk.loop
    assert walk.at(walk.seconds) == walk.keys[0].recipe
    for second in np.linspace(0.01, walk.seconds, 40):
        here, there = shares(walk.at(second)), shares(walk.at(second + 1e-4))
        moved = {seed: there.get(seed, 0) - here.get(seed, 0) for seed in here.keys() | there.keys()}
        assert max(map(abs, moved.values())) < 0.01


@pytest.mark.parametrize("name", ["seeds", "circle", "noise", "sweep", "layers"])
def test_a_ready_made_walk_starts_at_its_start(name):
    first = WALKS[name](A, REACH).at(0)

    assert first.anchors == A.anchors
    assert not any(swap.share for swap in first.layers)
    assert not any(step.sigma for step in first.offsets)


def test_a_circle_comes_to_the_opposite_side():
    walk = WALKS["circle"](A, REACH)

    assert shares(walk.at(walk.seconds / 2)) == {1: -1.0}
    for second in np.linspace(0.1, walk.seconds, 17):
        assert sum(share**2 for share in shares(walk.at(second)).values()) == pytest.approx(1)


def test_an_orbit_keeps_its_distance():
    walk = WALKS["orbit"](A, REACH)
    east = [anchor.seed for anchor in walk.keys[1].recipe.anchors[1:]]
    away = [math.hypot(*(shares(walk.at(second)).get(seed, 0) for seed in east)) for second in np.linspace(0, walk.seconds, 33)]

    assert away == pytest.approx([0.3] * 33, rel=0.02)


def test_a_sweep_goes_to_3_sigma_either_way():
    walk = WALKS["sweep"](A, REACH)
    sigmas = [sum(step.sigma for step in walk.at(second).offsets) for second in np.linspace(0, walk.seconds, 33)]

    assert (min(sigmas), max(sigmas)) == pytest.approx((-3, 3))


def test_a_tour_shows_every_class_alone():
    walk = WALKS["classes"](A, REACH)

    assert [walk.at(start).anchors for start in walk.starts] == [(Anchor(1, label=label),) for label in range(3)]


@pytest.mark.parametrize("name", ["sweep", "classes", "layers"])
def test_a_walk_that_a_model_cannot_make_says_so(name):
    with pytest.raises(BadRecipe, match="'m' has no"):
        WALKS[name](A, Reach())


def test_a_drift_comes_to_a_new_seed_at_every_whole_moment():
    walk = drift(A)

    assert walk(0) == A
    assert len(walk(1.5).anchors) == 2
    assert len({walk(number).anchors[0].seed for number in range(20)}) == 20


# Writing and reading.


def test_a_walk_comes_back_from_json():
    walk = Walk(
        (Key(RICH, 1.5, "hold", "w"), Key(A, 3.0)), loop=True, spline=True, wander=0.2, wander_seed=7, pace=(0.0, 0.25, 1.0)
    )

    assert Walk.from_json(walk.to_json()) == walk
    assert json.loads(walk.to_json())["genart walk"] == 1


@pytest.mark.parametrize("path", sorted(OLD.iterdir()), ids=lambda path: path.stem)
def test_walks_of_earlier_versions_still_load(path):
    walk = Walk.from_json(path.read_text())

    assert walk.at(walk.seconds / 3).model == walk.model


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", "JSON"),
        ("[]", "[]"),
        ("[" * 100_000, "JSON"),
        ('{"keys":3}', "3"),
        ('{"keys":[]}', "0"),
        ('{"keys":[3]}', "3"),
        ('{"keys":[{"recipe":{"model":"m"}}],"colour":1}', "'colour'"),
        ('{"keys":[{"recipe":{"model":"m"},"speed":1}]}', "'speed'"),
        ('{"keys":[{"recipe":{"model":"m"},"seconds":0}]}', "0 seconds"),
        ('{"keys":[{"recipe":{"model":"m"},"seconds":NaN}]}', "JSON"),
        ('{"keys":[{"recipe":{"model":"m"},"seconds":true}]}', "True"),
        ('{"keys":[{"recipe":{"model":"m"},"ease":"bounce"}]}', "'bounce'"),
        ('{"keys":[{"recipe":{"model":"m"},"ease":["sine"]}]}', "['sine']"),
        ('{"keys":[{"recipe":{"model":"m"},"path":"q"}]}', "'q'"),
        ('{"keys":[{"recipe":{"model":"m"}}],"loop":1}', "1"),
        ('{"keys":[{"recipe":{"model":"m"}}],"wander":9}', "9"),
        ('{"keys":[{"recipe":{"model":"m"}}],"wander_seed":-1}', "-1"),
        ('{"keys":[{"recipe":{"model":"m"}}],"pace":[0]}', "(0,)"),
        ('{"keys":[{"recipe":{"model":"m"}}],"pace":7}', "7"),
        ('{"keys":[{"recipe":{"model":"m"}}],"pace":[0,0.9,0.1,1]}', "back in time"),
        ('{"keys":[{"recipe":{"model":"m"}},{"recipe":{"model":"n"}}]}', "'m' and 'n'"),
        ('{"genart walk":2,"keys":[]}', "newer genart"),
        ('{"genart walk":"x","keys":[]}', "'x'"),
        (json.dumps({"keys": [{"recipe": {"model": "m"}, "seconds": 600}] * 3}), "1200"),
        (json.dumps({"keys": [{"recipe": {"model": "m"}}] * (MAX_KEYS + 1)}), "65"),
    ],
)
def test_a_text_that_is_no_walk_is_refused_with_what_is_wrong(text, quoted):
    with pytest.raises(BadRecipe) as refused:
        Walk.from_json(text)

    assert quoted in str(refused.value)
