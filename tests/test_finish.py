import numpy as np
import pytest
import torch
from PIL import Image

from genart.errors import BadRecipe
from genart.finish import FINISHES, apply, finished, hurried
from genart.learn import schools
from genart.recipe import Step

MOTTLED = np.where(np.arange(16)[:, None, None] < 8, [200, 40, 30], [20, 60, 210]) + np.random.RandomState(0).randint(
    -9, 9, (16, 16, 3)
)


def colours(pixels):
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def test_palette_gives_each_patch_one_of_the_colours_it_has():
    snapped = apply(MOTTLED.astype(np.uint8), Step("palette", (("colours", 2.0),)))

    assert colours(MOTTLED) > 100
    assert colours(snapped[:8]) == colours(snapped[8:]) == 1
    assert np.abs(snapped.astype(int) - MOTTLED).max() < 20


def test_palette_leaves_a_picture_of_few_colours_as_it_is():
    pixels = np.random.RandomState(1).choice([0, 90, 255], (16, 16, 1)).repeat(3, 2).astype(np.uint8)

    assert np.array_equal(apply(pixels, Step("palette", (("colours", 12.0),))), pixels)


@pytest.mark.parametrize("name", FINISHES)
def test_a_step_without_its_parameter_is_told_which(name):
    with pytest.raises(BadRecipe, match="takes the parameter (size|colours|scale|times); this recipe gives none"):
        apply(MOTTLED.astype(np.uint8), Step(name))


@pytest.mark.parametrize("count", [1.0, 257.0, float("nan")])
def test_a_number_of_colours_out_of_range_is_quoted(count):
    with pytest.raises(BadRecipe, match=f"colours {count}"):
        apply(MOTTLED.astype(np.uint8), Step("palette", (("colours", count),)))


def test_ink_prints_white_shapes_black_on_paper_with_sharp_outlines():
    letter = np.zeros((16, 16, 3), np.uint8)
    letter[4:12, 4:12] = 255
    printed = apply(letter, Step("ink", (("scale", 8),)))
    grey = printed.astype(int).sum(2)

    assert printed.shape == (128, 128, 3)
    assert grey[64, 64] < 100 < 700 < grey[8, 8]
    assert ((grey > 100) & (grey < 700)).mean() < 0.1  # hardly a pixel between ink and paper


def test_ink_under_a_moving_hand_is_the_same_on_a_smaller_sheet():
    letter = np.zeros((160, 160, 3), np.uint8)
    letter[40:120, 40:120] = 255
    steps = (Step("ink", (("scale", 8),)), Step("palette", (("colours", 2),)))
    still, moving = finished(letter, steps), finished(letter, hurried(steps, 160))

    assert (len(still), len(moving)) == (1024, 640)
    assert np.abs(still.mean((0, 1)) - moving.mean((0, 1))).max() < 1
    assert hurried(steps, 16) == steps  # small already
    refused = (Step("ink", (("scale", 33),)),)
    assert hurried(refused, 160) == refused


@pytest.mark.parametrize("scale", [0.0, 33.0, float("nan")])
def test_a_scale_out_of_range_is_quoted(scale):
    with pytest.raises(BadRecipe, match=f"scale {scale}"):
        apply(MOTTLED.astype(np.uint8), Step("ink", (("scale", scale),)))


@pytest.mark.parametrize("times", [2, 4])
def test_upscale_draws_edges_that_a_smooth_enlargement_loses(times):
    large = schools.paint("Bauhaus", schools.numbers(2_000_000), 128)
    small = large.reshape(128 // times, times, 128 // times, times, 3).mean((1, 3)).round().astype(np.uint8)
    smooth = np.asarray(Image.fromarray(small).resize((128, 128), Image.Resampling.BICUBIC))
    ours = apply(small, Step("upscale", (("times", times),)))

    error, smooth_error = (((picture - large.astype(float)) ** 2).mean() for picture in (ours, smooth))
    assert ours.shape == large.shape
    assert error < smooth_error / 2


def test_upscale_is_the_same_in_tiles(monkeypatch):
    picture = schools.paint("Marbling", schools.numbers(1), 40)
    whole = apply(picture, Step("upscale", (("times", 2),)))
    monkeypatch.setattr("genart.finish.upscale.TILE", 16)

    assert np.abs(apply(picture, Step("upscale", (("times", 2),))).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("times", [2, 4])
def test_upscale_leaves_out_only_what_the_margin_would_have_shown(times):
    from genart.finish.upscale import MARGIN, network

    x = torch.rand(1, 3, 20 + 2 * MARGIN, 12 + 2 * MARGIN) * 2 - 1
    with torch.inference_mode():
        whole = network()(x, times)[:, :, times * MARGIN : -times * MARGIN, times * MARGIN : -times * MARGIN]
        within = torch.nn.functional.pixel_shuffle(network().within(x, times), times)

    assert torch.allclose(within, whole, atol=1e-4)


@pytest.mark.parametrize(("times", "side", "says"), [(3, 8, "times 3"), (4, 2000, "2000 pixels grows beyond 4096 by 4")])
def test_an_upscale_that_cannot_be_is_refused(times, side, says):
    with pytest.raises(BadRecipe, match=says):
        apply(np.zeros((side, 2, 3), np.uint8), Step("upscale", (("times", times),)))
