"""Maps: what looks alike lies together, each point in a cell of its own, the same at every call."""

import numpy as np
import pytest
import torch

from genart.atlas import (
    CLASSES,
    REACH,
    anchors,
    chart,
    features,
    lattice,
    on_plane,
    pinned,
    principal,
    shares,
    spread,
    unfold,
)
from genart.catalogue import ENTRIES
from genart.families.base import Space
from genart.learn.positions import positions
from genart.limits import SMALL
from genart.recipe import unpack_vector
from genart.weights import load

COUNT = 150
SPACE = Space(z_dim=8, w_dim=8, num_ws=1, image_size=32, channels=3)
PLANE = Space(z_dim=2, w_dim=2, num_ws=1, image_size=32, channels=3)


def trustworthiness(x: np.ndarray, y: np.ndarray, neighbours: int = 12) -> float:
    """0 .. 1: how far the neighbours in places y (N, 2) are also neighbours in x (N, D), 1 where all are.

    Venna & Kaski 2001, doi:10.1007/3-540-44668-0_68; about 0.5 for places drawn by lot.
    """
    count = len(x)
    far, near = (torch.cdist(torch.as_tensor(each).double(), torch.as_tensor(each).double()).numpy() for each in (x, y))
    for distances in (far, near):
        np.fill_diagonal(distances, np.inf)
    rank = np.argsort(np.argsort(far, axis=1, kind="stable"), axis=1, kind="stable") + 1
    shown = np.argsort(near, axis=1, kind="stable")[:, :neighbours]
    wrong = np.maximum(np.take_along_axis(rank, shown, axis=1) - neighbours, 0).sum()
    return float(1 - 2 / (count * neighbours * (2 * count - 3 * neighbours - 1)) * wrong)


@pytest.fixture(scope="module")
def pictures():
    """A light at some place on a ground of some colour, uint8 (COUNT, SMALL, SMALL, 3)."""
    random = np.random.RandomState(0)
    across = np.arange(SMALL) / SMALL
    made = []
    for x, y, hue in random.rand(COUNT, 3):
        light = np.exp(-((across - x) ** 2 + (across[:, None] - y) ** 2) * 20)
        made.append(light[:, :, None] * 0.7 + np.array([hue, 0.5, 1 - hue]) * 0.3)
    return (np.stack(made) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def atlas(pictures):
    return chart(SPACE, anchors(SPACE, COUNT), pictures)


def test_the_same_pictures_give_the_same_map(pictures, atlas):
    again = chart(SPACE, anchors(SPACE, COUNT), pictures)

    assert np.array_equal(again.cells, atlas.cells)


def test_every_point_has_a_cell_of_its_own(atlas):
    assert len({tuple(cell) for cell in atlas.cells.tolist()}) == COUNT
    assert atlas.cells.min() >= 0
    assert atlas.cells.max() < atlas.side
    assert atlas.places.min() > 0
    assert atlas.places.max() < 1


def test_neighbours_on_the_map_look_alike_more_than_by_principal_components_and_far_more_than_by_lot(pictures, atlas):
    known = features(pictures)
    by_lot = trustworthiness(known, np.random.RandomState(1).rand(COUNT, 2))
    by_components = trustworthiness(known, principal(torch.from_numpy(known)).numpy())
    on_map = trustworthiness(known, atlas.places)

    assert by_lot < 0.65 < by_components
    assert on_map > max(by_components, 0.85)


def test_trustworthiness_is_one_for_the_places_themselves_and_half_by_lot():
    places = np.random.RandomState(0).rand(400, 2)

    assert trustworthiness(places, places) == 1
    assert trustworthiness(places, np.random.RandomState(1).rand(400, 2)) == pytest.approx(0.5, abs=0.05)


def test_the_layout_tells_its_progress_and_ends_when_told_to(pictures):
    told = []

    def stop(done, count):
        told.append((done, count))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unfold(torch.from_numpy(features(pictures)), stop)

    assert [done for done, _ in told] == [1, 2, 3]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_points_and_equal_ones_have_places_too(count):
    alike = np.zeros((count, SMALL, SMALL, 3), np.uint8)
    atlas = chart(SPACE, anchors(SPACE, count), alike)

    assert len({tuple(cell) for cell in atlas.cells.tolist()}) == count


def test_places_keep_their_order_where_there_is_room():
    places = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]])
    cells = spread(places, 2)

    assert cells.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]


@pytest.mark.parametrize("distances", [(1.0, 2.0, 3.0, 4.0, 5.0), (0.5, 0.5, 0.5, 0.5, 1.0), (2.0, 2.0, 2.0), (1e-12, 1.0, 2.0)])
def test_what_the_nearest_weigh_adds_up_to_one(distances):
    weights = shares(np.array(distances))

    assert len(weights) == len(distances) - 1
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0


def test_a_point_itself_has_all_of_the_weight():
    assert shares(np.array([0.0, 1.0, 2.0])).tolist() == [1, 0]


def test_nothing_jumps_where_a_neighbour_leaves():
    leaving = shares(np.array([1.0, 2.0, 2.999999, 3.0]))

    assert leaving[2] == pytest.approx(0, abs=1e-6)


def test_a_picture_of_the_map_is_pinned_to_its_own_place(pictures, atlas):
    places = pinned(atlas, features(pictures), pictures[[4, 77]])

    assert np.allclose(places, atlas.places[[4, 77]])


def test_a_picture_that_is_nearly_a_point_is_pinned_near_it(pictures, atlas):
    other = np.clip(pictures[[9]].astype(int) + 4, 0, 255).astype(np.uint8)
    place = pinned(atlas, features(pictures), other)[0]

    assert np.abs(place - atlas.places[9]).max() < 3 / atlas.side


def test_points_are_seeds_in_turn_over_the_classes():
    classes = Space(z_dim=8, w_dim=8, num_ws=1, image_size=32, channels=3, num_classes=3)
    many = Space(z_dim=8, w_dim=8, num_ws=1, image_size=32, channels=3, num_classes=1000)

    assert [(anchor.seed, anchor.label) for anchor in anchors(classes, 4)] == [(0, 0), (1, 1), (2, 2), (3, 0)]
    assert len({anchor.label for anchor in anchors(many, 100)}) == CLASSES
    assert {anchor.label for anchor in anchors(SPACE, 9)} == {None}


def test_the_map_of_two_latent_numbers_is_the_plane():
    points = anchors(PLANE, 20)
    atlas = chart(PLANE, points, np.zeros((16, SMALL, SMALL, 3), np.uint8))
    z = np.concatenate([unpack_vector(anchor.vector)[1] for anchor in points])

    assert atlas.is_plane
    assert len(points) == 16
    assert np.array_equal(z, lattice(4))
    assert np.allclose(on_plane(z), atlas.places)
    assert np.allclose(on_plane(np.array([[-REACH, 0.0]])), [[0, 0.5]])


def test_a_plane_with_classes_is_laid_out_like_any_other_space():
    classes = Space(z_dim=2, w_dim=2, num_ws=1, image_size=32, channels=3, num_classes=2)

    assert anchors(classes, 4)[3].label == 1


def test_the_position_of_a_picture_is_where_the_model_draws_what_its_encoder_read():
    model = load(ENTRIES["digits-vae2"]).generator
    with torch.inference_mode():
        x = model.synthesis(model.mapping(torch.tensor([[0.5, -0.7], [-1.5, 0.2]])))
        again = model.synthesis(model.mapping(positions(model, x)))

        assert torch.allclose(again, model.synthesis(model.encode(x)), atol=1e-5)


def test_the_shipped_positions_are_of_the_shipped_weights():
    from genart.ui.maps import marks

    told = marks(ENTRIES["digits-vae2"])

    assert len(told["labels"]) == 1500
    assert len(told["places"]) == 3000
    assert told["classes"] == list("0123456789")
    assert ENTRIES["digits-vae2"].positions.stat().st_size < 50_000
