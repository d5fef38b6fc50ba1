import copy

import pytest
import torch
from torch.nn import functional as F

from genart.families import conv, packed, winograd
from genart.families.conv import Conv1x1, Conv3x3, Convolution, product, to_few, trial
from genart.families.packed import Packed
from genart.families.stylegan2 import FAMILY as STYLEGAN2
from genart.families.stylegan3 import FAMILY as STYLEGAN3
from genart.families.ways import Layer
from tests.reference import stylegan2, stylegan3

WIDE = 128  # channels from which tiles are used
NARROW = 68  # and bands


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def filters(outside, inside, kernel=3):
    weight = drawn(outside, inside, kernel, kernel, seed=1) / (kernel * inside**0.5)
    return weight.contiguous(memory_format=torch.channels_last)


def doubled(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


def assert_same(ours, theirs):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-4 * max(1, theirs.abs().max())


@pytest.fixture
def tiled(monkeypatch):
    """Counts the pictures that went by tiles."""
    return counted(monkeypatch, "tiles")


@pytest.fixture
def banded(monkeypatch):
    """Counts the pictures that went by bands, small ones and all too wide for tiles too."""
    monkeypatch.setattr(conv, "BAND_PIXELS", 64)
    monkeypatch.setattr(conv, "TILE_PIXELS", 10**9)
    return counted(monkeypatch, "bands")


def counted(monkeypatch, name):
    seen, way = [], getattr(conv, name)
    monkeypatch.setattr(conv, name, lambda *inputs: seen.append(1) or way(*inputs))
    return seen


@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 23), (34, 19), (70, 66)])
def test_tiles_give_the_convolution_at_every_size(height, width, padding, tiled):
    x, weight, bias = drawn(2, WIDE, height, width), filters(WIDE + 4, WIDE), drawn(WIDE + 4)
    y = Convolution()(x.contiguous(memory_format=torch.channels_last), weight, bias, padding=padding)

    assert len(tiled) == 2 * packed.CAN_PACK
    assert_same(y, F.conv2d(x, weight, bias, padding=padding))


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("points", [1, 100, 2048])
@pytest.mark.parametrize(("height", "width"), [(9, 16), (17, 23), (34, 19)])
def test_bands_give_the_convolution_at_every_size(height, width, points, padding, banded, monkeypatch):
    monkeypatch.setattr(winograd, "BAND_POINTS", points)
    x, weight, bias = drawn(2, NARROW, height, width), filters(NARROW + 4, NARROW), drawn(NARROW + 4)
    x = x.contiguous(memory_format=torch.channels_last)
    style, gain = drawn(2, NARROW, seed=2), drawn(2, NARROW + 4, seed=3)
    layer, plain = Convolution(), F.conv2d(x, weight, bias, padding=padding)

    assert_same(layer(x, weight, bias, padding=padding), plain)
    assert_same(layer(x, weight, padding=padding), F.conv2d(x, weight, padding=padding))
    theirs = F.conv2d(x * style[:, :, None, None], weight, padding=padding) * gain[:, :, None, None] + bias[:, None, None]
    assert_same(layer(x, weight, bias, padding=padding, style=style, gain=gain), theirs)
    assert len(banded) == 6 * packed.CAN_PACK
    if padding == 1:
        assert_same(layer.rectified(x, weight, bias), plain.relu())


@pytest.mark.parametrize("channels", [6, NARROW])
def test_a_rectified_layer_tells_the_right_gradients(channels, banded):
    x, weight, bias = drawn(1, channels, 12, 12), filters(channels, channels), drawn(channels)
    for wanting in (x, weight, bias):
        wanting.requires_grad_()
        [ours] = torch.autograd.grad(Convolution().rectified(x, weight, bias).square().sum(), [wanting])
        [theirs] = torch.autograd.grad(F.conv2d(x, weight, bias, padding=1).relu().square().sum(), [wanting])
        assert_same(ours, theirs)
        wanting.requires_grad_(False)


def test_sizes_in_turn_transform_the_weights_once_each_and_share_them_where_they_can(monkeypatch):
    made, way = [], winograd._both_ways
    monkeypatch.setattr(winograd, "_both_ways", lambda weight: made.append(1) or way(weight))
    layer, weight = Convolution(), filters(WIDE, WIDE)
    for size in (16, 32, 40, 64) * 2:
        x = drawn(1, WIDE, size, size).contiguous(memory_format=torch.channels_last)
        assert_same(layer(x, weight), F.conv2d(x, weight, padding=1))

    assert len(made) == 4 * packed.CAN_PACK
    assert layer.packed.kept_bytes <= 3 * 36 * WIDE**2 * 4


@pytest.mark.parametrize("wanting", ["style", "gain", "bias"])
@pytest.mark.parametrize(("channels", "size"), [(WIDE, 24), (WIDE, 8), (6, 24)])
def test_a_scale_alone_may_want_a_gradient(wanting, channels, size):
    x, weight = drawn(1, channels, size, size).contiguous(memory_format=torch.channels_last), filters(channels, channels)
    scales = {"style": drawn(1, channels, seed=2), "gain": drawn(1, channels, seed=3), "bias": drawn(channels, seed=4)}
    scales[wanting].requires_grad_()
    Convolution()(x, weight, **scales).square().sum().backward()
    ours = scales[wanting].grad

    scales = {name: scale.detach().requires_grad_(name == wanting) for name, scale in scales.items()}
    y = F.conv2d(x * scales["style"][:, :, None, None], weight, padding=1) * scales["gain"][:, :, None, None]
    (y + scales["bias"][:, None, None]).square().sum().backward()
    assert_same(ours, scales[wanting].grad)


@pytest.mark.parametrize("count", [1, 2])
def test_a_layer_to_few_channels_goes_by_one_product(count, monkeypatch):
    asked, way = [], conv.product
    monkeypatch.setattr(conv, "product", lambda *inputs: asked.append(1) or way(*inputs))
    x, weight, bias = drawn(count, 12, 20, 20), filters(3, 12), drawn(3)
    y = Conv3x3(weight, bias)(x)

    assert len(asked) == (packed.CAN_PACK)
    assert_same(y, F.conv2d(x, weight, bias, padding=1))


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("channels", [6, WIDE])
@pytest.mark.parametrize("biased", [False, True])
def test_styles_scale_what_goes_in_and_gains_what_comes_out(channels, biased, count, kernel):
    x, weight = drawn(count, channels, 18, 18), filters(channels, channels, kernel)
    style, gain = drawn(count, channels, seed=2), drawn(count, channels, seed=3)
    bias = drawn(channels, seed=4) if biased else None
    theirs = F.conv2d(x * style[:, :, None, None], weight, padding=kernel // 2) * gain[:, :, None, None]
    theirs = theirs if bias is None else theirs + bias[:, None, None]

    last = x.contiguous(memory_format=torch.channels_last)
    ours = Convolution()(last, weight, bias, padding=kernel // 2, style=style, gain=gain)
    assert_same(ours, theirs)
    half = Convolution()(last, weight, bias, padding=kernel // 2, style=style)
    assert_same(half, F.conv2d(x * style[:, :, None, None], weight, bias, padding=kernel // 2))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("channels", [3, 16, WIDE])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 7), (40, 38)])
def test_a_doubled_picture_is_never_made_but_its_convolution_is(height, width, channels, count, monkeypatch):
    monkeypatch.setattr(packed, "BAND_BYTES", 0)  # so that the taller picture is made in bands
    x, weight, bias = drawn(count, channels, height, width), filters(5, channels), drawn(5)

    assert_same(Conv3x3(weight, bias, up=True)(x), F.conv2d(doubled(x), weight, bias, padding=1))
    assert_same(Conv3x3(weight, up=True)(x), F.conv2d(doubled(x), weight, padding=1))


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize(("channels", "side"), [(4, 8), (NARROW, 64), (WIDE, 32)])
def test_of_no_pictures_there_are_no_pictures(channels, side, kernel):
    x, weight = drawn(0, channels, side, side), filters(channels, channels, kernel)
    scales = drawn(0, channels)

    assert Convolution()(x, weight, padding=kernel // 2, style=scales, gain=scales).shape == x.shape
    assert Convolution().rectified(x, filters(channels, channels), None).shape == x.shape
    assert Convolution()(x, filters(channels, channels), up=True).shape == (0, channels, 2 * side, 2 * side)


def test_a_trial_of_a_vast_layer_takes_a_few_rows_of_it():
    vast = trial(Layer(8, 8, 4096, 4096))("plain")

    assert vast.shape[2] < 4096
    assert vast.nbytes <= conv.MOST_TRIED
    assert trial(Layer(8, 8, 32, 16))("plain").shape == (1, 8, 32, 16)


def test_a_trial_goes_the_way_that_it_is_told_and_packs_its_weights_once(tiled):
    goes = trial(Layer(WIDE, WIDE, 64, 64))
    made = [goes("tiles"), goes("tiles"), goes("plain")]

    assert len(tiled) == 2 * packed.CAN_PACK
    assert_same(made[0], made[2])


def test_gradients_reach_a_picture_and_weights_that_are_doubled():
    x, weight, way = drawn(1, 4, 5, 5).requires_grad_(True), filters(6, 4).requires_grad_(True), Convolution()
    own = torch.autograd.grad(way(x, weight, up=True).square().sum(), [x, weight])
    theirs = torch.autograd.grad(F.conv2d(doubled(x), weight, padding=1).square().sum(), [x, weight])

    assert all(torch.allclose(*pair, rtol=1e-4, atol=1e-4) for pair in zip(own, theirs, strict=True))


def test_the_input_is_left_as_it_was():
    x = drawn(1, WIDE, 16, 16).contiguous(memory_format=torch.channels_last)
    before = x.clone()
    Convolution()(x, filters(WIDE, WIDE), style=drawn(1, WIDE))

    assert torch.equal(x, before)


@pytest.mark.parametrize("side", [16, 32])
def test_changed_weights_change_the_convolution(side):
    x, weight, way = drawn(1, WIDE, side, side), filters(WIDE, WIDE), Convolution()
    way(x, weight)
    weight.mul_(2)

    assert_same(way(x, weight), F.conv2d(x, weight, padding=1))
    assert_same(way(x, filters(WIDE, WIDE)), F.conv2d(x, filters(WIDE, WIDE), padding=1))


@pytest.mark.parametrize("side", [8, 32])
def test_what_was_prepared_is_not_saved_and_a_copy_works(side):
    x, layer = drawn(1, WIDE, side, side), Conv3x3(filters(WIDE, WIDE))
    with torch.inference_mode():
        y = layer(x)

    assert list(layer.state_dict()) == ["weight"]
    assert torch.equal(copy.deepcopy(layer)(x), y)
    assert layer.convolution.packed.kept_bytes == (4 if side == 32 else 1) * layer.weight.nbytes * packed.CAN_PACK
    assert copy.deepcopy(layer).convolution.packed.kept_bytes == 0


@pytest.mark.parametrize("side", [8, 32])
def test_what_was_prepared_can_be_given_up(side):
    x, layer = drawn(1, WIDE, side, side), Conv3x3(filters(WIDE, WIDE))
    with torch.inference_mode():
        y = layer(x)
        layer.convolution.packed.clear()
        assert not layer.convolution.packed.kept_bytes
        assert torch.equal(layer(x), y)


@pytest.mark.parametrize("phased", [1, 512])
@pytest.mark.parametrize("side", [1, 4, 7, 16])
@pytest.mark.parametrize("channels", [3, 20, WIDE])
def test_packed_weights_give_the_same_convolutions(channels, side, phased, monkeypatch):
    monkeypatch.setattr(packed, "PHASED", phased)
    if not packed.CAN_PACK:
        pytest.skip("this torch packs no weights")
    x, bias = drawn(1, channels, side, side + 1).contiguous(memory_format=torch.channels_last), drawn(8)
    for _ in range(2):
        assert_same(Packed().convolution(x, filters(8, channels), bias, 1), F.conv2d(x, filters(8, channels), bias, padding=1))
        weight = filters(8, channels).transpose(0, 1)
        assert_same(Packed().transposed(x, filters(8, channels)), F.conv_transpose2d(x, weight, stride=2))
        weight = weight.flip(2, 3)
        assert_same(Packed().transposed(x, filters(8, channels), flipped=True), F.conv_transpose2d(x, weight, stride=2))


def test_gradients_reach_the_picture_even_after_a_render_in_inference_mode(tiled):
    layer, x = Conv3x3(filters(WIDE, WIDE)), drawn(1, WIDE, 16, 16)
    with torch.inference_mode():
        layer(x)
    ours, theirs = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
    layer(ours).square().sum().backward()
    F.conv2d(theirs, layer.weight, padding=1).square().sum().backward()

    assert_same(ours.grad, theirs.grad)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("outside", [1, 3, 5])
@pytest.mark.parametrize("biased", [False, True])
def test_few_channels_are_those_of_the_convolution(biased, outside, count):
    x, weight, bias = drawn(count, 20, 18, 23), filters(outside, 20), drawn(outside) if biased else None

    assert_same(to_few(x, weight, bias), F.conv2d(x, weight, bias, padding=1))
    assert_same(Convolution()(x, weight, bias), F.conv2d(x, weight, bias, padding=1))


def test_products_are_matrix_products():
    x, weight, bias = drawn(7, 5), drawn(3, 5), drawn(3)

    assert_same(product(x, weight, bias), x @ weight.T + bias)
    assert_same(product(x, drawn(5, 3).T), x @ drawn(5, 3))
    assert_same(
        Conv1x1(weight[:, :, None, None], bias)(drawn(2, 5, 4, 6)), F.conv2d(drawn(2, 5, 4, 6), weight[:, :, None, None], bias)
    )


def test_wide_stylegans_agree_with_the_textbooks(tiled):
    state = stylegan2.random_state([WIDE, WIDE, WIDE + 8])
    model = STYLEGAN2(state).requires_grad_(False)
    w = model.mapping(drawn(2, 10))
    assert_same(model.synthesis(w), stylegan2.synthesis(state, w)[-1])
    state = stylegan3.random_state(base=100_000, most=WIDE, layers=6)
    w = STYLEGAN3(state).mapping(drawn(1, 10))
    assert_same(STYLEGAN3(state).synthesis(w), stylegan3.synthesis(state, w))
    assert bool(tiled) == (packed.CAN_PACK)
