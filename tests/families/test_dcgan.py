from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from genart import latent
from genart.errors import BadWeights
from genart.families.dcgan import DCGAN, FAMILY

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dcgan"


def reference(widths, size0=4, dropout=False, bias=False, norm=True):
    """A DCGAN as tutorials write it, with statistics that are not trivial."""
    torch.manual_seed(3)
    layers = []
    for index, (inward, outward) in enumerate(pairwise(widths)):
        first, last = index == 0, index == len(widths) - 2
        kernel, stride, padding = (size0, 1, 0) if first else (4, 2, 1)
        layers.append(nn.ConvTranspose2d(inward, outward, kernel, stride, padding, bias=bias))
        if last:
            layers.append(nn.Tanh())
            continue
        if norm:
            batch_norm = nn.BatchNorm2d(outward)
            nn.init.uniform_(batch_norm.weight, 0.5, 1.5)
            nn.init.normal_(batch_norm.bias, 0, 0.3)
            batch_norm.running_mean.normal_(0, 0.2)
            batch_norm.running_var.uniform_(0.01, 0.2)
            layers.append(batch_norm)
        layers.append(nn.ReLU())
        if dropout:
            layers.append(nn.Dropout(0.5))
    return nn.Sequential(*layers).eval()


def draw(model, z):
    return model.synthesis(model.mapping(z))


def prefixed(prefix, network):
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


def assert_same(ours, theirs):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-4 * max(1, theirs.abs().max())


def test_draws_the_pictures_of_the_hub_layout():
    io = np.load(FIXTURES / "huggan_rgb64.npz")
    model = FAMILY(load_file(FIXTURES / "huggan_rgb64.safetensors"))

    assert_same(draw(model, torch.from_numpy(io["z"])[:, :, 0, 0]), torch.from_numpy(io["img"]))


def test_draws_the_pictures_of_the_tutorial_layout():
    state = torch.load(FIXTURES / "tutorial_main_gray64.pth", weights_only=True)
    network = reference([12, 40, 20, 10, 5, 1])
    network.load_state_dict({name.removeprefix("main."): tensor for name, tensor in state.items()})
    z = torch.randn(2, 12)

    assert_same(draw(FAMILY(state), z), network(z[:, :, None, None]))


@pytest.mark.parametrize("prefix", ["", "model.", "module.main.", "netG.gen."])
@pytest.mark.parametrize(
    ("widths", "options"),
    [
        ([100, 16, 8, 4, 3], {}),
        ([7, 8, 1], {"size0": 7}),
        ([16, 32, 24, 16, 8, 4, 3], {"dropout": True}),
        ([16, 8, 8, 8, 1], {"bias": True}),
        ([16, 8, 4, 3], {"norm": False, "bias": True}),
    ],
)
def test_reads_sizes_off_the_weights_whatever_their_names(prefix, widths, options):
    network = reference(widths, **options)
    state = prefixed(prefix, network)
    z = torch.randn(2, widths[0])

    assert FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in state.items()})
    model = FAMILY(state)
    assert_same(draw(model, z), network(z[:, :, None, None]))
    assert model.space.image_size == options.get("size0", 4) * 2 ** (len(widths) - 2)
    assert (model.space.z_dim, model.space.channels) == (widths[0], widths[-1])


def test_reads_layers_with_names_of_their_own():
    network = reference([6, 8, 4, 3])
    names = {"0": "deconv1", "1": "bn1", "3": "deconv2", "4": "bn2", "6": "deconv3"}
    state = {names[name.split(".")[0]] + "." + name.split(".")[1]: tensor for name, tensor in network.state_dict().items()}
    z = torch.randn(2, 6)

    assert_same(draw(FAMILY(state), z), network(z[:, :, None, None]))


def test_does_not_depend_on_the_order_of_the_file():
    state = prefixed("main.", reference([5, 8, 8, 8, 8, 1]))
    z = torch.randn(1, 5)

    assert torch.equal(draw(FAMILY(dict(sorted(state.items()))), z), draw(FAMILY(dict(reversed(state.items()))), z))


def test_a_one_hot_class_follows_z():
    network = reference([15, 8, 4, 1])
    model = FAMILY(prefixed("main.", network), {"num_classes": 10})
    z, label = torch.randn(2, 5), torch.eye(10)[[3, 7]]

    assert (model.space.z_dim, model.space.num_classes) == (5, 10)
    assert_same(model.synthesis(model.mapping(z, label)), network(torch.cat([z, label], 1)[:, :, None, None]))


@pytest.mark.parametrize("psi", [0.2, 0.7, 1.5, -1.0])
def test_psi_calms_the_drawing_and_not_the_class(psi):
    network = DCGAN([(9, 8, 4), (8, 4, 4), (4, 1, 4)], label=(4, 3), norm=False)
    model = FAMILY(network.state_dict())
    z, label = torch.randn(1, 5), torch.eye(3)[:1]
    pulled = latent.truncate(model.mapping(z, label), model.w_mean, psi)

    assert_same(model.synthesis(pulled), model.synthesis(model.mapping(psi * z, label)))


def test_psi_0_is_the_mean_of_the_classes():
    model = FAMILY(DCGAN([(9, 8, 4), (8, 4, 4), (4, 1, 4)], label=(4, 3)).state_dict())

    assert_same(model.synthesis(model.w_mean), model.synthesis(model.mapping(torch.zeros(1, 5))))


def test_gradients_reach_w_and_no_picture_depends_on_its_neighbours():
    model = FAMILY(reference([8, 8, 4, 3]).state_dict())
    w = model.mapping(torch.randn(3, 8)).requires_grad_(True)
    x = model.synthesis(w)
    x.sum().backward()

    assert w.grad.abs().sum() > 0
    assert torch.allclose(x[:1], model.synthesis(w[:1]), atol=1e-5)
    assert model.style_weights().shape == (8 * 16, 8)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("extra.weight", torch.zeros(3, 3)),
        ("main.0.scale", torch.zeros(8)),
        ("main.1.weight_u", torch.zeros(8)),
        ("tail.bias", torch.zeros(5)),
    ],
)
def test_a_tensor_left_over_is_named(name, tensor):
    state = {**prefixed("main.", reference([8, 8, 4, 3])), name: tensor}

    with pytest.raises(BadWeights, match=name.rpartition(".")[0]):
        FAMILY(state)


def test_layers_that_do_not_chain_are_refused():
    state = prefixed("main.", reference([8, 8, 4, 3]))
    state["main.3.weight"] = torch.zeros(9, 4, 4, 4)

    assert not FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in state.items()})
    with pytest.raises(BadWeights):
        draw(FAMILY(state), torch.randn(1, 8))


def test_a_bias_of_the_wrong_length_is_refused():
    state = prefixed("main.", reference([8, 8, 4, 3], bias=True))
    state["main.0.bias"] = torch.zeros(5)

    with pytest.raises(BadWeights, match="main.0"):
        FAMILY(state)


def test_does_not_claim_a_discriminator():
    network = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.Conv2d(8, 16, 4, 2, 1), nn.Conv2d(16, 1, 4))

    assert not FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()})
