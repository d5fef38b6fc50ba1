"""Places in a normal law for things of which there are a few: shares, order, and the middle of each."""

from itertools import pairwise

import pytest
import torch

from genart.learn import transport

COUNT = 6000
SHARES = (0.5, 0.25, 0.15, 0.1)


@pytest.fixture(scope="module")
def grounds():
    """Which of four greys each picture shows, the rarest the lightest, and the pictures."""
    values = torch.multinomial(torch.tensor(SHARES), COUNT, True, generator=torch.Generator().manual_seed(1))
    return values, (60 * values + 20).byte()[:, None, None, None].expand(-1, 1, 4, 4)


def test_all_points_together_are_standard_normal(grounds):
    values, pixels = grounds
    z, _ = transport.points({"ground": values}, {"ground": 2}, torch.zeros(COUNT).long(), pixels)

    assert z.shape == (COUNT, 2)
    torch.testing.assert_close(z.mean(0), torch.zeros(2), atol=0.05, rtol=0)
    torch.testing.assert_close(z.T.cov(), torch.eye(2), atol=0.08, rtol=0)
    assert (z.abs() < 0.6745).float().mean() == pytest.approx(0.5, abs=0.02)


def test_things_that_look_alike_lie_side_by_side_and_the_middle_of_a_cell_is_that_thing(grounds):
    values, pixels = grounds
    z, _ = transport.points({"ground": values}, {"ground": 1}, torch.zeros(COUNT).long(), pixels)
    z = z[:, 0]
    spans = sorted((z[values == value].min().item(), z[values == value].max().item(), value) for value in range(4))

    assert [value for *_, value in spans] in ([0, 1, 2, 3], [3, 2, 1, 0])
    assert all(high < low for (_, high, _), (low, *_) in pairwise(spans))


def test_every_class_has_the_whole_law_for_its_own_things():
    values, labels = torch.arange(COUNT) % 3, torch.arange(COUNT) % 2
    pixels = (80 * values + 20).byte()[:, None, None, None].expand(-1, 1, 2, 2)
    alike = torch.where(labels == 1, 0, values)  # the second class knows one thing only
    z, _ = transport.points({"hat": alike}, {"hat": 2}, labels, pixels)

    for label in range(2):
        torch.testing.assert_close(z[labels == label].std(0), torch.ones(2), atol=0.1, rtol=0)
    first = [z[(labels == 0) & (values == value)].mean(0) for value in range(3)]
    second = [z[(labels == 1) & (values == value)].mean(0) for value in range(3)]
    assert min((a - b).norm() for a in first for b in first if a is not b) > 0.8
    assert max(point.norm() for point in second) < 0.2


def test_the_same_pictures_have_the_same_points(grounds):
    values, pixels = grounds
    first, second = (transport.points({"ground": values}, {"ground": 3}, torch.zeros(COUNT).long(), pixels)[0] for _ in range(2))

    assert torch.equal(first, second)


def test_a_thing_of_one_picture_only_has_a_point_too():
    values = torch.cat([torch.arange(2).repeat(3000), torch.tensor([2, 3, 4, 4])])
    pixels = (40 * values + 20).byte()[:, None, None, None].expand(-1, 1, 2, 2)
    z, ((codes, weights),) = transport.points({"hat": values}, {"hat": 2}, torch.zeros(len(values)).long(), pixels)

    assert torch.isfinite(z).all()
    right = (z @ codes[0].T + weights[0]).argmax(1) == values
    assert right[:6000].all()


@pytest.fixture(scope="module")
def lines():
    """Three groups of pictures, a line a group along which a bar widens; how far along, the group, and the pictures."""
    along, group = torch.linspace(0, 1, 200).repeat(3), torch.arange(3).repeat_interleave(200)
    wide = 1 + (10 * along).long()
    pixels = torch.zeros(600, 1, 12, 12)
    for at in range(600):
        pixels[at, 0, 4 * int(group[at]) : 4 * int(group[at]) + 3, : wide[at]] = 255
    return along, group, pixels.byte()


def test_on_a_plane_alike_pictures_lie_side_by_side_and_all_together_are_standard_normal(lines):
    along, group, pixels = lines
    z, ((codes, weights),) = transport.plane(pixels.flatten(1).float(), pixels, 30)

    assert z.shape == (600, 2)
    assert codes.shape == (1, 30, 2)
    assert weights.shape == (1, 30)
    torch.testing.assert_close(z.mean(0), torch.zeros(2), atol=0.12, rtol=0)
    torch.testing.assert_close(z.std(0), torch.ones(2), atol=0.12, rtol=0)
    assert torch.isfinite(weights).all()
    free = torch.randn(100_000, 2, generator=torch.Generator().manual_seed(2))
    filled = torch.bincount((free @ codes[0].T + weights[0]).argmax(1), minlength=30) / len(free)
    shown = torch.bincount((z @ codes[0].T + weights[0]).argmax(1), minlength=30) / len(z)
    assert (filled - shown).abs().sum() / 2 < 0.05
    near = torch.cdist(z, z).fill_diagonal_(9).argmin(1)
    assert (group[near] == group).float().mean() > 0.9
    assert (along[near] - along).abs().mean() < 0.1
