import hashlib
import math

import pytest
import torch

from genart import latent


def points(count=3, dim=64):
    return [latent.sample(seed, dim) for seed in range(count)]


@pytest.mark.parametrize(
    ("seed", "begins", "sha256"),
    [
        (0, [1.76405235, 0.40015721, 0.97873798], "3281a32dd82b5a6b"),
        (42, [0.49671415, -0.1382643, 0.64768854], "81475509c7569d0d"),
        (2**32 - 1, [0.64840867], "0555a388407f661d"),
    ],
)
def test_a_seed_means_the_latent_of_the_official_tools(seed, begins, sha256):
    z = latent.sample(seed, 512)

    assert z.shape == (1, 512)
    assert z.dtype == torch.float32
    assert z[0, : len(begins)].tolist() == pytest.approx(begins, abs=1e-7)
    assert hashlib.sha256(z.numpy().astype("<f4").tobytes()).hexdigest().startswith(sha256)


def test_drawing_a_latent_leaves_torchs_own_random_numbers_alone():
    before = torch.get_rng_state()
    latent.sample(1, 8)

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.8])
def test_a_spherical_mix_of_two_points_of_one_radius_lies_on_the_arc_of_slerp(t):
    a, b = (point / point.norm() * 8 for point in points(2))
    angle = torch.acos((a * b).sum() / 64)
    ours = latent.mix([a, b], [1 - t, t], spherical=True)
    along = torch.acos((a * ours).sum() / 64).item()
    same_arc = (torch.sin(angle - along) * a + math.sin(along) * b) / torch.sin(angle)

    assert torch.allclose(ours, same_arc, atol=1e-4)


def test_half_way_the_spherical_mix_is_slerp():
    a, b = (point / point.norm() * 8 for point in points(2))
    angle = torch.acos((a * b).sum() / 64)
    slerp = torch.sin(angle / 2) / torch.sin(angle) * (a + b)

    assert torch.allclose(latent.mix([a, b], [0.5, 0.5], spherical=True), slerp, atol=1e-4)


def test_a_spherical_mix_has_the_mixed_radius():
    latents, weights = points(), [0.5, 0.3, 0.2]
    radius = sum(weight * point.norm() for weight, point in zip(weights, latents, strict=True))

    assert latent.mix(latents, weights, spherical=True).norm() == pytest.approx(float(radius), rel=1e-5)


def test_a_straight_mix_is_the_weighted_mean():
    a, b, c = points()

    assert torch.allclose(latent.mix([a, b, c], [2, 1, 1], spherical=False), 0.5 * a + 0.25 * b + 0.25 * c)


@pytest.mark.parametrize("spherical", [True, False])
def test_only_the_relation_of_weights_counts(spherical):
    a, b, _ = points()

    assert torch.allclose(latent.mix([a, b], [1, 3], spherical=spherical), latent.mix([a, b], [0.25, 0.75], spherical=spherical))


@pytest.mark.parametrize("spherical", [True, False])
def test_a_mix_that_is_all_one_parent_is_that_parent(spherical):
    a, b, _ = points()

    assert torch.allclose(latent.mix([a, b], [1, 0], spherical=spherical), a, atol=1e-6)
    assert torch.allclose(latent.mix([a, b], [0, 1], spherical=spherical), b, atol=1e-6)
    assert latent.mix([a], [0.3], spherical=spherical) is a


def test_opposite_points_mix_to_a_finite_latent():
    a = points()[0]

    assert torch.isfinite(latent.mix([a, -a], [0.5, 0.5], spherical=True)).all()


def test_truncation_by_0_is_the_mean_and_by_1_leaves_w_alone():
    w, mean = torch.randn(1, 6, 8), torch.randn(1, 1, 8)

    assert torch.equal(latent.truncate(w, mean, 0.0), mean.expand_as(w))
    assert latent.truncate(w, mean, 1.0) is w


def test_a_negative_psi_is_the_opposite_point():
    w, mean = torch.randn(1, 6, 8), torch.randn(1, 1, 8)

    assert torch.allclose(latent.truncate(w, mean, -1.0), 2 * mean - w, atol=1e-5)


@pytest.mark.parametrize("cutoff", [0, 2, 6, 64])
def test_truncation_stops_at_the_cutoff(cutoff):
    w, mean = torch.randn(1, 6, 8), torch.randn(1, 1, 8)
    pulled = latent.truncate(w, mean, 0.5, cutoff)

    assert torch.equal(pulled[:, cutoff:], w[:, cutoff:])
    assert torch.equal(pulled[:, :cutoff], latent.truncate(w, mean, 0.5)[:, :cutoff])


def test_swapping_all_layers_gives_the_other_point():
    w, other = torch.randn(1, 6, 8), torch.randn(1, 6, 8)

    assert torch.equal(latent.swap_layers(w, other, (0, 6)), other)


def test_swapping_some_layers_leaves_the_rest_and_the_original_alone():
    w, other = torch.randn(1, 6, 8), torch.randn(1, 6, 8)
    kept = w.clone()
    mixed = latent.swap_layers(w, other, (2, 4))

    assert torch.equal(mixed[:, 2:4], other[:, 2:4])
    assert torch.equal(mixed[:, :2], w[:, :2])
    assert torch.equal(mixed[:, 4:], w[:, 4:])
    assert torch.equal(w, kept)


def test_a_share_of_0_swaps_nothing():
    w, other = torch.randn(1, 6, 8), torch.randn(1, 6, 8)

    assert torch.equal(latent.swap_layers(w, other, (0, 6), 0.0), w)


def test_an_offset_moves_only_its_layers():
    w, direction = torch.zeros(1, 6, 8), torch.ones(8)
    moved = latent.offset(w, direction, 2.0, (1, 3))

    assert moved.sum(2).tolist() == [[0, 16, 16, 0, 0, 0]]
    assert torch.equal(latent.offset(moved, direction, -2.0, (1, 3)), w)


@pytest.mark.parametrize("label", [None, 2, ((0, 1.0),), ((0, 0.2), (2, 0.6)), ((1, 1.0), (1, 3.0))])
def test_the_shares_of_classes_sum_to_one(label):
    vector = latent.one_hot(label, 3)

    assert vector.shape == (1, 3)
    assert vector.sum() == pytest.approx(1)


def test_class_shares_keep_their_relation():
    assert latent.one_hot(((0, 1.0), (2, 3.0)), 3).tolist() == [[0.25, 0, 0.75]]


def test_a_model_without_classes_has_no_label():
    assert latent.one_hot(None, 0) is None


def test_a_spot_is_whole_at_its_centre_and_half_at_its_radius():
    shares = latent.spot((2, 8, 16), 0.53125, 0.3125, 0.25).reshape(2, 8, 16)

    assert torch.equal(shares[0], shares[1])
    assert shares[0, 2, 8] == 1
    assert shares[0, 2, 12] == shares[0, 4, 8] == 0.5
    assert shares.max() == 1


def test_an_arc_keeps_the_distance_from_its_centre_and_passes_its_ends():
    a, b, centre = torch.randn(3, 1, 6, 8).unbind()
    middle = latent.arc([a, b], [0.7, 0.7], centre)
    lengths = [(point - centre).norm(dim=-1) for point in (a, b, middle)]

    assert torch.allclose(latent.arc([a], [1.0], centre), a, atol=1e-5)
    assert torch.allclose(latent.arc([a], [-1.0], centre) - centre, centre - a, atol=1e-5)
    assert torch.allclose(lengths[2], (lengths[0] + lengths[1]) / 2, atol=1e-4)
