import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genart.errors import BadWeights
from genart.families.biggan import FAMILY, Block, statistics
from genart.latent import truncate
from tests.parity import assert_same
from tests.reference import biggan as reference

FIXTURES = Path(__file__).parents[1] / "fixtures" / "biggan"
TRUNCATIONS = ["0.02", "0.3", "0.37", "0.4", "0.5", "0.6", "0.7", "1.0"]
BLOCKS = [(4, 4), (4, 2), (2, 2), (2, 1)]


def weights():
    return load_file(FIXTURES / "deep64.safetensors")


def config():
    return json.loads((FIXTURES / "deep64.config.json").read_text())


def fixture():
    with np.load(FIXTURES / "deep64.io.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def truncated(model, z, label, psi):
    """w of a z that has been truncated already, as the original takes it."""
    w = truncate(model.mapping(z, label), model.w_mean, psi)
    w[:, :, : model.space.z_dim] = z[:, None]
    return w


@pytest.mark.parity
@pytest.mark.parametrize("settings", [config(), {}], ids=["with its configuration", "without"])
@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_pictures_are_those_of_the_port_at_every_truncation(truncation, settings):
    model, io = FAMILY(weights(), settings), fixture()
    w = truncated(model, io["z"], io["class_onehot"], float(truncation))

    assert_same(model.synthesis(w)[:1], io[f"img_trunc_{truncation}"])


@pytest.mark.parity
def test_a_mix_of_classes_is_the_ports():
    model, io = FAMILY(weights()), fixture()

    assert_same(model.synthesis(truncated(model, io["z"][:1], io["mix_onehot"], 0.5)), io["img_mixclass_0.5"])


@pytest.mark.parity
def test_every_layer_gives_the_activations_of_the_port():
    model, io = FAMILY(weights()), fixture()
    seen = []
    for layer in model.layers:
        layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output[:1, :4]))
    names = [key for key in io if key.startswith("layer_")]
    for truncation in TRUNCATIONS:  # the fixture does not say which one its activations are of
        seen.clear()
        model.synthesis(truncated(model, io["z"], io["class_onehot"], float(truncation)))
        if torch.allclose(seen[0], io["layer_0"], atol=1e-4):
            break
    assert len(seen) == len(names) == 9
    for key, ours in zip(names, seen, strict=True):
        assert_same(ours, io[key])


@pytest.mark.parametrize("psi", [1.0, 0.61, 0.04])
def test_agrees_with_the_textbook(psi):
    state = reference.random_state(BLOCKS)
    ups = [True, False, True, True]
    model = FAMILY(state, {"layers": [[up, 0, 0] for up in ups]})
    z = torch.randn(2, 6, generator=torch.Generator().manual_seed(0)).clamp(-2, 2)
    label = torch.tensor([[0.2, 0, 0.8], [0, 1, 0]])
    w = truncate(model.mapping(z, label), model.w_mean, psi)

    assert model.space.image_size == 32
    assert_same(model.synthesis(w), reference.picture(state, z * psi, label, psi, ups))


def test_psi_calms_the_drawing_and_not_the_class():
    model = FAMILY(weights())
    w = model.mapping(torch.zeros(2, 16), torch.eye(10)[:2])
    conditions = model.conditions(truncate(w, model.w_mean, 0.1))

    assert_same(conditions, model.conditions(w))
    assert model.truncations(truncate(w, model.w_mean, 0.3)).unique().tolist() == [0.3]
    assert model.truncations(truncate(w, model.w_mean, -1.5)).unique().tolist() == [1.0]


def test_z_is_kept_within_two():
    model = FAMILY(weights())
    z = torch.full((1, 16), 2.0)

    assert torch.equal(model.mapping(z * 3, torch.eye(10)[:1]), model.mapping(z, torch.eye(10)[:1]))


def test_statistics_between_two_steps_are_weighed_the_wrong_way_round():
    table = torch.arange(51.0)[:, None]

    assert statistics(table, 0.5).item() == 25
    assert statistics(table, 0.375).item() == pytest.approx(18.25)  # 18.75 would be right
    assert statistics(table, 1.0).item() == 50


def test_every_block_reads_its_own_row():
    model = FAMILY(weights())
    w = model.mapping(torch.randn(1, 16, generator=torch.Generator().manual_seed(0)).clamp(-2, 2), torch.eye(10)[:1])
    other = model.mapping(torch.ones(1, 16), torch.eye(10)[1:2])

    assert model.space.num_ws == 1 + sum(isinstance(layer, Block) for layer in model.layers) == 9
    for row in range(model.space.num_ws):
        mixed = w.clone()
        mixed[:, row] = other[:, row]
        assert not torch.allclose(model.synthesis(mixed), model.synthesis(w), atol=1e-4)


def test_the_space_is_read_off_the_weights():
    space = FAMILY(weights()).space

    assert (space.z_dim, space.w_dim, space.num_classes, space.image_size, space.channels) == (16, 33, 10, 64, 3)
    assert (space.spherical, space.has_mapping, space.has_noise, space.sizes) == (True, False, False, (64,))


def test_style_weights_do_not_touch_the_class():
    model = FAMILY(weights())

    assert model.style_weights()[:, :16].abs().sum() > 0
    assert not model.style_weights()[:, 16:].any()


def test_a_tensor_left_over_and_a_missing_one_are_named():
    state = weights()
    with pytest.raises(BadWeights, match="discriminator"):
        FAMILY(state | {"discriminator.weight": torch.zeros(1)})
    for name in ("embeddings.weight", "generator.layers.2.conv_1.weight_u", "generator.bn.bias", "generator.layers.5.gamma"):
        with pytest.raises(BadWeights):
            FAMILY({key: tensor for key, tensor in state.items() if key != name})


@pytest.mark.parametrize("eps", ["small", -1, float("nan")])
def test_a_configuration_without_sense_is_refused(eps):
    with pytest.raises(BadWeights, match="eps"):
        FAMILY(weights(), {"eps": eps})
