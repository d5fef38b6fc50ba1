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
from tests.parity import assert_same

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


@pytest.mark.parity
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

    assert not FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in state.items()})
    with pytest.raises(BadWeights):
        FAMILY(state)


def test_does_not_claim_a_discriminator():
    network = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.Conv2d(8, 16, 4, 2, 1), nn.Conv2d(16, 1, 4))

    assert not FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()})


def strided(*layers):
    """A generator of (in, out, kernel, stride, padding, output padding) each, with batch norm between."""
    torch.manual_seed(5)
    modules = []
    for layer in layers:
        inward, outward, kernel, stride, padding, more = layer
        modules.append(nn.ConvTranspose2d(inward, outward, kernel, stride, padding, more, bias=False))
        if layer is not layers[-1]:
            modules += [nn.BatchNorm2d(outward), nn.ReLU()]
    return nn.Sequential(*modules, nn.Tanh()).eval()


TUTORIALS = {
    "28 pixels by kernels 3, 4, 3, 4": ((6, 8, 3, 2, 0, 0), (8, 6, 4, 1, 0, 0), (6, 4, 3, 2, 0, 0), (4, 1, 4, 2, 0, 0)),
    "28 pixels by way of 7": ((6, 8, 4, 1, 0, 0), (8, 6, 3, 2, 1, 0), (6, 4, 4, 2, 1, 0), (4, 1, 4, 2, 1, 0)),
    "28 pixels cut from 32": ((6, 8, 4, 1, 0, 0), (8, 6, 4, 2, 1, 0), (6, 4, 4, 2, 1, 0), (4, 3, 4, 2, 1, 0), (3, 1, 1, 1, 2, 0)),
    "64 pixels, the last layer keeps them": ((6, 8, 4, 1, 0, 0), *[(8, 8, 4, 2, 1, 0)] * 4, (8, 3, 3, 1, 1, 0)),
    "16 pixels, transparent": ((6, 8, 4, 1, 0, 0), (8, 6, 4, 2, 1, 0), (6, 4, 4, 2, 1, 0)),
    "32 pixels by kernel 2": ((6, 8, 4, 1, 0, 0), (8, 6, 2, 2, 0, 0), (6, 4, 2, 2, 0, 0), (4, 3, 2, 2, 0, 0)),
    "128 pixels": ((6, 8, 4, 1, 0, 0), *[(8, 8, 4, 2, 1, 0)] * 4, (8, 3, 4, 2, 1, 0)),
}


@pytest.mark.parametrize("layers", TUTORIALS.values(), ids=TUTORIALS)
def test_strides_and_paddings_are_those_of_tutorials(layers):
    network = strided(*layers)
    state = prefixed("gen.", network)
    z = torch.randn(2, 6)

    assert FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in state.items()})
    assert_same(draw(FAMILY(state), z), network(z[:, :, None, None]))


def test_the_config_has_the_last_word_on_size_and_steps():
    layers = ((6, 8, 4, 1, 0, 0), (8, 6, 3, 2, 1, 1), (6, 4, 3, 2, 1, 1), (4, 1, 3, 2, 1, 1))
    network = strided(*layers)
    state, z = prefixed("main.", network), torch.randn(1, 6)
    stepwise = {"strides": [1, 2, 2, 2], "paddings": [0, 1, 1, 1], "output_paddings": [0, 1, 1, 1]}

    assert FAMILY(state).space.image_size == 28
    for config in ({"image_size": 32}, stepwise):
        assert_same(draw(FAMILY(state, config), z), network(z[:, :, None, None]))


@pytest.mark.parametrize(
    ("config", "message"),
    [({"image_size": 45}, "45 pixels"), ({"strides": [1, 2]}, "4 whole numbers"), ({"paddings": "none"}, "4 whole numbers")],
)
def test_a_config_that_does_not_fit_is_quoted(config, message):
    state = strided(*TUTORIALS["28 pixels by way of 7"]).state_dict()

    with pytest.raises(BadWeights, match=message):
        FAMILY(state, config)


def test_two_first_layers_side_by_side_take_z_and_the_class():
    """As cDCGAN tutorials write it: each its own layer and batch norm, then joined."""
    torch.manual_seed(6)
    parts = {
        "deconv1_1": nn.ConvTranspose2d(5, 6, 4),
        "deconv1_2": nn.ConvTranspose2d(3, 2, 4),
        "deconv2": nn.ConvTranspose2d(8, 4, 4, 2, 1),
    }
    parts |= {"deconv1_1_bn": nn.BatchNorm2d(6), "deconv1_2_bn": nn.BatchNorm2d(2), "deconv3": nn.ConvTranspose2d(4, 1, 4, 2, 1)}
    network = nn.ModuleDict(parts).eval()
    for name in ("deconv1_1_bn", "deconv1_2_bn"):
        network[name].running_mean.normal_(0, 0.3)
        network[name].running_var.uniform_(0.3, 2)
    model = FAMILY(network.state_dict())
    z, label = torch.randn(2, 5), torch.eye(3)[[0, 2]]
    x = [network[f"deconv1_{i}_bn"](network[f"deconv1_{i}"](part[:, :, None, None])) for i, part in ((1, z), (2, label))]
    x = network["deconv3"](torch.relu(network["deconv2"](torch.relu(torch.cat(x, 1)))))

    assert FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()})
    assert (model.space.z_dim, model.space.num_classes) == (5, 3)
    assert_same(model.synthesis(model.mapping(z, label)), torch.tanh(x))


def test_a_class_embedding_follows_z():
    network = reference([9, 8, 4, 1])
    state = {**prefixed("main.", network), "label_emb.weight": torch.randn(3, 4)}
    model = FAMILY(state)
    z, label = torch.randn(2, 5), torch.eye(3)[[1, 2]]

    assert FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in state.items()})
    assert (model.space.z_dim, model.space.num_classes) == (5, 3)
    x = torch.cat([z, state["label_emb.weight"][[1, 2]]], 1)
    assert_same(model.synthesis(model.mapping(z, label)), network(x[:, :, None, None]))


def test_does_not_claim_what_begins_with_a_linear_layer():
    network = nn.Sequential(
        nn.Linear(6, 128), nn.Unflatten(1, (8, 4, 4)), nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.ConvTranspose2d(4, 3, 4, 2, 1)
    )

    assert not FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()})
