from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genart.errors import BadWeights
from genart.families.lightweight_gan import FAMILY
from genart.recipe import Noise
from tests import parity
from tests.tiny import state_of

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lightweight_gan"


def stored(name):
    return load_file(FIXTURES / f"{name}.safetensors"), np.load(FIXTURES / f"{name}.npz")


def shapes_of(state):
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def assert_same(ours, theirs):
    """`theirs` holds every fourth pixel."""
    parity.assert_same(ours[:, :, ::4, ::4], torch.from_numpy(theirs))


@pytest.mark.parity
def test_draws_the_pictures_of_the_hub_layout():
    state, io = stored("huggan256")
    model = FAMILY(state, {"image_size": 256, "attn_res_layers": [32]})

    assert FAMILY.recognises(shapes_of(state))
    assert (model.space.z_dim, model.space.image_size, model.space.channels) == (32, 256, 3)
    assert not model.space.has_noise
    assert_same(model.draw(torch.from_numpy(io["z"])), io["img"])
    assert_same(model.synthesis(model.mapping(torch.from_numpy(io["z"]))), io["img"].clip(0, 1) * 2 - 1)


@pytest.mark.parity
@pytest.mark.parametrize(("name", "channels"), [("lucidrains128", 4), ("cosines128", 1)])
def test_draws_the_pictures_of_the_package_with_its_noise_and_without(name, channels):
    state, io = stored(name)
    model = FAMILY(state)
    z = torch.from_numpy(io["z"])

    assert model.space.channels == channels
    assert model.space.has_noise
    assert_same(model.draw(z, Noise("none")), io["quiet"])
    assert_same(model.draw(z, Noise("random", 5)), io["noisy5"])


@pytest.mark.parametrize("prefix", ["", "G.", "GE.", "module.GE.", "GAN.GE."])
def test_reads_the_generator_under_any_name(prefix):
    bare = {name.removeprefix("GE."): tensor for name, tensor in state_of("lightweight_gan").items()}
    state = {prefix + name: tensor for name, tensor in bare.items()}
    w = torch.randn(1, 1, 12)

    assert FAMILY.recognises(shapes_of(state))
    assert torch.equal(FAMILY(state).synthesis(w), FAMILY(bare).synthesis(w))


def test_takes_the_moving_average_and_leaves_the_discriminator():
    state = state_of("lightweight_gan")
    others = {f"G.{name.removeprefix('GE.')}": torch.zeros_like(tensor) for name, tensor in state.items()}
    whole = {**others, **state, "D.to_logits.0.weight": torch.zeros(3, 3), "D_aug.D.x": torch.zeros(1)}
    w = torch.randn(1, 1, 12)

    assert torch.equal(FAMILY(whole).synthesis(w), FAMILY(state).synthesis(w))


def test_const_noise_stays_and_random_noise_follows_its_seed():
    model = FAMILY(state_of("lightweight_gan"))
    w = torch.randn(1, 1, 12)
    const, one, two = (model.synthesis(w, noise) for noise in (Noise(), Noise("random", 1), Noise("random", 2)))

    assert torch.equal(const, model.synthesis(w))
    assert not torch.equal(one, two)
    assert torch.equal(one, model.synthesis(w, Noise("random", 1)))
    assert torch.allclose(model.synthesis(w, Noise(strength=0.0)), model.synthesis(w, Noise("none")))


def test_a_tensor_too_many_or_too_few_is_named():
    state = state_of("lightweight_gan")
    with pytest.raises(BadWeights, match=r"layers\.0\.5\.weight"):
        FAMILY({**state, "GE.layers.0.5.weight": torch.zeros(1)})
    state.pop("GE.layers.1.0.4.running_var")
    with pytest.raises(BadWeights, match=r"layers\.1\.0\.4\.running_var"):
        FAMILY(state)


def test_a_config_of_another_model_is_refused():
    with pytest.raises(BadWeights, match="16 pixels, not 512"):
        FAMILY(state_of("lightweight_gan"), {"image_size": 512})
