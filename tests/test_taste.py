"""A taste learnt from thumbs chooses better than chance."""

import numpy as np
import pytest

from genart.taste import belief, choose

ROUNDS = 10
SHOWN = 9
POOL = 200
DIM = 6


def hidden(random):
    """A utility with a direction and a curve, in standard deviations over random points."""
    way, bend = (direction / np.linalg.norm(direction) for direction in random.randn(2, DIM))
    best = random.randn()

    def raw(x):
        return np.sqrt(DIM) * (x @ way) - 0.3 * (np.sqrt(DIM) * (x @ bend) - best) ** 2

    ordinary = raw(random.randn(4000, DIM) / np.sqrt(DIM))
    return lambda x: (raw(x) - ordinary.mean()) / ordinary.std()


def visit(seed, learning):
    """The mean utility of the nine points shown in the last round: the best gets a thumb up, the worst one down."""
    random = np.random.RandomState(seed)
    utility = hidden(random)
    points, thumbs, rounds = np.zeros((0, DIM)), [], []
    for number in range(ROUNDS):
        pool = random.randn(POOL, DIM) / np.sqrt(DIM)
        believed = belief(points, thumbs, rounds) if learning and any(thumbs) else None
        chosen = choose(pool, believed, count=SHOWN, explore=0.2, random=random)
        shown = pool[list(chosen)]
        seems = utility(shown) + random.randn(SHOWN) / 3
        points = np.concatenate([points, shown])
        thumbs += [int(at == seems.argmax()) - int(at == seems.argmin()) for at in range(SHOWN)]
        rounds += [number] * SHOWN
    return utility(shown).mean()


def test_after_ten_rounds_it_beats_chance_by_a_standard_deviation_in_nine_runs_of_ten():
    won = [visit(seed, learning=True) - visit(seed, learning=False) >= 1 for seed in range(10)]

    assert sum(won) >= 9


def test_without_thumbs_the_first_are_shown():
    pool = np.random.RandomState(0).randn(20, DIM)

    assert choose(pool, None, count=5, explore=0.5, random=np.random.RandomState(0)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("explore", [0.0, 0.5, 1.0])
def test_no_candidate_is_shown_twice(explore):
    pool = np.random.RandomState(0).randn(20, DIM) / np.sqrt(DIM)
    chosen = choose(pool, belief(pool[:4], [1, -1, 0, 0], [0] * 4), count=20, explore=explore, random=np.random.RandomState(0))

    assert sorted(chosen) == list(range(20))


def test_a_single_thumb_is_understood():
    liked = np.ones((1, DIM)) / np.sqrt(DIM)
    for thumb in (1, -1):
        mean = belief(liked, [thumb], [0]).mean(np.concatenate([liked, -liked]))
        assert thumb * (mean[0] - mean[1]) > 0.5


def test_what_was_seen_is_less_doubtful_than_what_was_not():
    random = np.random.RandomState(0)
    points = random.randn(30, DIM) / np.sqrt(DIM)
    believed = belief(points, [1, -1, *[0] * 28], [0] * 30)
    doubt = believed.covariance(x := np.concatenate([points[:1], 3 * random.randn(1, DIM)]))

    assert doubt[0, 0] < doubt[1, 1]
    assert np.linalg.eigvalsh(doubt).min() > -1e-6
    assert np.allclose(believed.variance(x), np.diag(doubt))


def test_contradictory_thumbs_leave_it_undecided():
    point = np.ones((1, DIM)) / np.sqrt(DIM)
    mean = belief(np.concatenate([point, point]), [1, -1], [0, 1]).mean(point)

    assert abs(mean[0]) < 1e-3
