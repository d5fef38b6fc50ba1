from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

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
