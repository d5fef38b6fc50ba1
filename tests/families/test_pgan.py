from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from genart.errors import BadWeights
from genart.families.pgan import FAMILY
from tests.parity import assert_same

FIXTURES = Path(__file__).parents[1] / "fixtures" / "pgan"


def weights():
    return load_file(FIXTURES / "pgan32.safetensors")


def fixture():
    with np.load(FIXTURES / "pgan32.io.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


@pytest.mark.parity
@pytest.mark.parametrize("prefix", ["", "module.", "avgG.", "netG.module."])
def test_pictures_are_those_of_the_original_code(prefix):
    model, io = FAMILY({f"{prefix}{name}": tensor for name, tensor in weights().items()}), fixture()

    assert_same(model.synthesis(model.mapping(io["z"])), io["img"])


@pytest.mark.parity
def test_a_network_still_growing_fades_between_two_sizes():
    model, io = FAMILY(weights(), {"alpha": 0.3}), fixture()

    assert_same(model.synthesis(model.mapping(io["z"])), io["img_alpha03"])


def test_psi_counts_though_z_is_put_on_its_sphere():
    model = FAMILY(weights())
    z = torch.randn(1, 20, generator=torch.Generator().manual_seed(0))
    w = model.mapping(z)

    assert_same(model.mapping(5 * z), w)
    assert not torch.allclose(model.synthesis(0.5 * w), model.synthesis(w), atol=1e-2)


def test_classes_follow_z_where_the_configuration_says_so():
    model = FAMILY(weights(), {"categoryVectorDim": 4})
    z, label = torch.randn(2, 16), torch.eye(4)[:2]

    assert (model.space.z_dim, model.space.num_classes, model.space.w_dim) == (16, 4, 20)
    assert_same(
        model.synthesis(model.mapping(z, label)), FAMILY(weights()).synthesis(FAMILY(weights()).mapping(torch.cat([z, label], 1)))
    )


def textbook(z, slope=0.2, equalised=True, normalised=True):
    """(N, z_dim) -> (N, C, H, W), by the weights as they stand."""
    state = weights()

    def layer(name, x, run):
        weight, bias = state[f"{name}.module.weight"], state[f"{name}.module.bias"]
        return run(x, weight, bias) * ((2 / weight[0].numel()) ** 0.5 if equalised else 1)

    def conv(x, weight, bias):
        return F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)

    def same(x):
        return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt() if normalised else x

    x = F.leaky_relu(layer("formatLayer", same(z), F.linear), slope)
    x = same(x.reshape(len(x), -1, 4, 4))
    x = same(F.leaky_relu(layer("groupScale0.0", x, conv), slope))
    for scale in range(3):
        x = F.interpolate(x, scale_factor=2)
        for place in range(2):
            x = same(F.leaky_relu(layer(f"scaleLayers.{scale}.{place}", x, conv), slope))
    return layer("toRGBLayers.3", x, conv)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("setting", "how"),
    [
        ({}, {}),
        ({"leakyReluLeak": 0.05}, {"slope": 0.05}),
        ({"equalizedlR": False}, {"equalised": False}),
        ({"perChannelNormalization": False}, {"normalised": False}),
    ],
)
def test_the_settings_of_the_original_count_wherever_they_lie(setting, how):
    io = fixture()
    theirs = textbook(io["z"], **how)
    for config in (setting, {"config": setting}):
        model = FAMILY(weights(), config)
        assert_same(model.synthesis(model.mapping(io["z"])), theirs)


@pytest.mark.parametrize(("loss", "presses"), [("WGANGP", False), ("Logistic", False), ("MSE", True), ("DCGAN", True)])
def test_the_loss_says_whether_pictures_end_in_tanh(loss, presses):
    model, z = FAMILY(weights(), {"lossCriterion": loss}), fixture()["z"]
    theirs = textbook(z)

    assert_same(model.synthesis(model.mapping(z)), theirs.tanh() if presses else theirs)


def test_each_attribute_has_a_value_of_its_own():
    """Beside a class of one attribute, the values of the others have equal shares."""
    order = {"light": {"order": 1, "values": ["day", "night"]}, "shape": {"order": 0, "values": ["disc", "bar", "star"]}}
    model = FAMILY(weights(), {"config": {"categoryVectorDim": 5, "attribKeysOrder": order}})
    z = torch.randn(3, 15)
    third = 1 / 3
    numbers = torch.tensor([[0, 1, 0, 0.5, 0.5], [third, third, third, 0, 1], [third, third, third, 0.5, 0.5]])

    labels = torch.stack([torch.eye(5)[1], torch.eye(5)[4], torch.zeros(5)])
    assert model.space.num_classes == 5
    assert_same(model.mapping(z, labels), FAMILY(weights()).mapping(torch.cat([z, numbers], 1)))
    assert_same(model.mapping(z)[2:], FAMILY(weights()).mapping(torch.cat([z, numbers], 1))[2:])


def test_the_space_is_read_off_the_weights():
    space = FAMILY(weights()).space

    assert (space.z_dim, space.w_dim, space.num_ws, space.image_size, space.channels) == (20, 20, 1, 32, 3)
    assert (space.spherical, space.has_noise, space.has_mapping, space.sizes) == (True, False, False, (32,))


@pytest.mark.parametrize(
    "setting", [{"alpha": 2}, {"leakyReluLeak": "0.2"}, {"categoryVectorDim": 20}, {"categoryVectorDim": -1}]
)
def test_a_configuration_without_sense_is_refused(setting):
    with pytest.raises(BadWeights, match=next(iter(setting))):
        FAMILY(weights(), setting)


def test_a_tensor_left_over_and_a_missing_one_are_named():
    with pytest.raises(BadWeights, match="surprise"):
        FAMILY(weights() | {"surprise": torch.zeros(1)})
    for name in ("scaleLayers.1.1.module.bias", "toRGBLayers.3.module.weight", "formatLayer.module.bias"):
        with pytest.raises(BadWeights, match=name):
            FAMILY({key: tensor for key, tensor in weights().items() if key != name})
