import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genart.errors import BadWeights
from genart.families.stylegan3 import FAMILY
from genart.latent import truncate
from tests.parity import assert_same
from tests.reference import stylegan3 as reference

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stylegan3"
CONFIGURATIONS = {
    "t": {},
    "r": dict(radial=True),
    "64 pixels": dict(size=64, base=512, most=9),
    "128 pixels, r": dict(size=128, base=512, most=5, radial=True),
    "9 layers": dict(layers=9),
    "other margins": dict(margin=6),
    "classes": dict(num_classes=3),
}


def weights(name):
    return load_file(FIXTURES / f"{name}.G_ema.safetensors")


def fixture(name):
    with np.load(FIXTURES / f"{name}.io.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def random_w(model, n=2, seed=1):
    z = torch.randn(n, model.space.z_dim, generator=torch.Generator().manual_seed(seed))
    return model.mapping(z, torch.eye(model.space.num_classes)[:n] if model.space.num_classes else None)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["t32", "r32"])
def test_pictures_are_those_of_the_official_code(name):
    model, io = FAMILY(weights(name)), fixture(name)
    ws = model.mapping(io["z"])

    assert_same(ws, io["ws"])
    assert_same(model.synthesis(ws), io["img"])
    assert_same(model.synthesis(truncate(ws, model.w_mean, 0.7)), io["img_psi07"])


@pytest.mark.parity
@pytest.mark.parametrize("name", ["t32", "r32"])
def test_every_layer_gives_the_activations_of_the_official_code(name):
    model, io = FAMILY(weights(name)), fixture(name)
    seen = []
    for part in model.synthesis.parts():
        part.register_forward_hook(lambda _module, _inputs, output: seen.append(output[:1, ::4, ::4, :4].permute(0, 3, 1, 2)))
    model.synthesis(io["ws"])

    names = [key for key in io if key.startswith("layer_")]
    assert len(seen) == len(names) == 16
    for key, ours in zip(names, seen, strict=True):
        assert_same(ours, io[key])


@pytest.mark.parametrize("name", ["t32", "r32"])
def test_a_transform_in_the_file_is_kept(name):
    io = fixture(name)
    model = FAMILY(weights(name) | {"synthesis.input.transform": io["transform"]})

    assert_same(model.synthesis(io["ws"]), io["img_transform"])


def test_controls_move_and_turn_as_the_official_tools_do():
    state = reference.random_state()
    model = FAMILY(state)
    w, turn = random_w(model), math.radians(30)
    moved = torch.tensor([[math.cos(turn), math.sin(turn), 0.1], [-math.sin(turn), math.cos(turn), -0.2], [0, 0, 1]])
    theirs = reference.synthesis(state, w, torch.linalg.inv(moved))

    assert_same(model.synthesis(w, translate_x=0.1, translate_y=-0.2, rotate=30.0), theirs)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_agrees_with_the_textbook(name):
    state = reference.random_state(**CONFIGURATIONS[name])
    model = FAMILY(state)
    w = random_w(model)
    w = w + torch.randn(w.shape, generator=torch.Generator().manual_seed(4))  # every row its own

    assert_same(model.synthesis(w), reference.synthesis(state, w, margin=CONFIGURATIONS[name].get("margin", 10)))


def test_the_space_is_read_off_the_weights():
    space = FAMILY(reference.random_state(size=64, layers=10, num_classes=3, z_dim=7, w_dim=9)).space

    assert (space.z_dim, space.w_dim, space.num_ws, space.image_size) == (7, 9, 12, 64)
    assert (space.channels, space.num_classes, space.sizes[-1]) == (3, 3, 64)
    assert (space.has_mapping, space.has_noise, space.spherical) == (True, False, False)
    assert [control.name for control in space.controls] == ["translate_x", "translate_y", "rotate"]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_preview_is_the_picture_seen_from_further_away(name):
    model = FAMILY(reference.random_state(**CONFIGURATIONS[name]))
    w = random_w(model)
    whole = model.synthesis(w)
    for size in model.space.sizes[:-1]:
        small = model.synthesis(w, size=size)
        seen = torch.nn.functional.adaptive_avg_pool2d(whole, size)

        assert small.shape == seen.shape
        assert (small - seen).square().mean() < 0.05 * seen.var(), size


def test_a_preview_moves_with_the_picture():
    model = FAMILY(reference.random_state(size=64, layers=10))
    w = random_w(model)
    size = model.space.sizes[-2]
    still, moved = (model.synthesis(w, size=size, translate_x=share) for share in (0.0, 0.25))
    step = size // 4

    assert (moved[..., step:] - still[..., :-step]).square().mean() < 0.05 * still.var()


def test_what_weights_cannot_say_is_read_off_the_configuration():
    state = reference.random_state()
    w = random_w(FAMILY(state))

    assert_same(FAMILY(state, {"output_scale": 0.5}).synthesis(w), FAMILY(state).synthesis(w) * 2)
    assert_same(FAMILY(state, {"synthesis_kwargs": {"output_scale": 0.5}}).synthesis(w), FAMILY(state).synthesis(w) * 2)
    assert FAMILY(state, {"conv_clamp": 0.5}).synthesis(w).abs().max() < FAMILY(state).synthesis(w).abs().max()
    with pytest.raises(BadWeights, match="first_cutoff 'low'"):
        FAMILY(state, {"first_cutoff": "low"})


def test_gradients_reach_w_as_in_the_textbook():
    state = reference.random_state(layers=8)
    model = FAMILY(state)
    ours = random_w(model).requires_grad_(True)
    theirs = ours.detach().clone().requires_grad_(True)
    model.synthesis(ours).square().sum().backward()
    reference.synthesis(state, theirs).square().sum().backward()

    assert_same(ours.grad, theirs.grad)


@pytest.mark.parametrize("name", ["synthesis.input.freqs", "synthesis.L3_36_12.weight", "mapping.fc1.bias"])
def test_a_missing_tensor_is_named(name):
    state = weights("t32")
    assert name in state
    with pytest.raises(BadWeights, match=name if "L3" not in name else "layers"):
        FAMILY({key: tensor for key, tensor in state.items() if key != name})


def test_a_mean_of_w_that_is_not_kept_is_measured():
    whole = FAMILY(weights("t32"))
    model = FAMILY({name: tensor for name, tensor in weights("t32").items() if name != "mapping.w_avg"})
    sampled = whole.mapping(torch.randn(6000, whole.space.z_dim, generator=torch.Generator().manual_seed(1)))[:, 0]

    assert (model.w_mean[0, 0] - sampled.mean(0)).abs().max() < 0.1 * sampled.std()


def test_a_tensor_left_over_is_named():
    with pytest.raises(BadWeights, match="synthesis.surprise"):
        FAMILY(weights("r32") | {"synthesis.surprise": torch.zeros(1)})


def test_a_vast_layer_in_a_name_is_refused_before_anything_is_built():
    state = {name.replace("L14_32", "L14_99999").replace("L13_32", "L13_99999"): t for name, t in weights("t32").items()}
    with pytest.raises(BadWeights, match="99999"):
        FAMILY(state)
