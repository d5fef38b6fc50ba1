from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from genart.errors import BadWeights
from genart.families import FAMILIES
from genart.families.mlp import FAMILY
from tests.parity import assert_same

pytestmark = pytest.mark.parity


def shapes_of(state):
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def settled(network):
    """In evaluation, with statistics that are not trivial."""
    torch.manual_seed(4)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def drawn(state, z, config=None, label=None):
    assert [name for name, family in FAMILIES.items() if family.recognises(shapes_of(state))] == ["mlp"]
    model = FAMILY(state, config or {})
    return model.synthesis(model.mapping(z, label))


class Named(nn.Module):
    """Modules under the names of a tutorial, some of them nested."""

    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)


def lines(inputs, picture):
    """The GAN of PyTorch-GAN: norms after all lines but the first and the last, 0.8 for their eps."""
    widths = [16, 24, 32]
    modules = [nn.Linear(inputs, widths[0]), nn.LeakyReLU(0.2)]
    for before, after in pairwise(widths):
        modules += [nn.Linear(before, after), nn.BatchNorm1d(after, 0.8), nn.LeakyReLU(0.2)]
    return nn.Sequential(*modules, nn.Linear(widths[-1], picture), nn.Tanh())


# GANs


@pytest.mark.parametrize("colours", [1, 3])
def test_a_gan_of_lines(colours):
    network = settled(Named(model=lines(12, colours * 28 * 28)))
    z = torch.randn(2, 12)

    assert_same(drawn(network.state_dict(), z), network.model(z).reshape(2, colours, 28, 28))


def test_a_gan_of_lines_whose_class_comes_before_z():
    network = settled(Named(label_emb=nn.Embedding(4, 4), model=lines(4 + 9, 784)))
    z, classes = torch.randn(2, 9), torch.tensor([1, 3])
    expected = network.model(torch.cat([network.label_emb(classes), z], 1)).reshape(2, 1, 28, 28)

    assert_same(drawn(network.state_dict(), z, label=torch.eye(4)[classes]), expected)


def test_the_config_tells_that_the_class_comes_after_z():
    network = settled(Named(label_emb=nn.Embedding(4, 4), model=lines(9 + 4, 784)))
    z, classes = torch.randn(2, 9), torch.tensor([1, 3])
    expected = network.model(torch.cat([z, network.label_emb(classes)], 1)).reshape(2, 1, 28, 28)

    assert_same(drawn(network.state_dict(), z, {"label_first": False}, torch.eye(4)[classes]), expected)


def test_a_one_hot_class_after_z_is_told_by_the_config():
    network = nn.Sequential(nn.Linear(9 + 4, 32), nn.LeakyReLU(0.2), nn.Linear(32, 784), nn.Tanh())
    z, label = torch.randn(2, 9), torch.eye(4)[[0, 2]]

    assert_same(
        drawn(network.state_dict(), z, {"num_classes": 4}, label), network(torch.cat([z, label], 1)).reshape(2, 1, 28, 28)
    )


def doubling(colours):
    """The DCGAN and ACGAN of PyTorch-GAN: a line, then doublings and convolutions."""
    return nn.Sequential(
        nn.BatchNorm2d(8),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.BatchNorm2d(8, 0.8),
        nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.BatchNorm2d(6, 0.8),
        nn.LeakyReLU(0.2),
        nn.Conv2d(6, colours, 3, padding=1),
        nn.Tanh(),
    )


@pytest.mark.parametrize("colours", [1, 3])
def test_a_gan_of_doublings(colours):
    network = settled(Named(l1=nn.Sequential(nn.Linear(10, 8 * 8 * 8)), conv_blocks=doubling(colours)))
    z = torch.randn(2, 10)

    assert_same(drawn(network.state_dict(), z, {"image_size": 32}), network.conv_blocks(network.l1(z).reshape(2, 8, 8, 8)))
    if colours == 3:
        assert_same(drawn(network.state_dict(), z), network.conv_blocks(network.l1(z).reshape(2, 8, 8, 8)))


def test_a_class_as_long_as_z_is_multiplied_with_it():
    network = settled(Named(label_emb=nn.Embedding(4, 10), l1=nn.Sequential(nn.Linear(10, 512)), conv_blocks=doubling(3)))
    z, classes = torch.randn(2, 10), torch.tensor([2, 0])
    expected = network.conv_blocks(network.l1(z * network.label_emb(classes)).reshape(2, 8, 8, 8))

    assert_same(drawn(network.state_dict(), z, label=torch.eye(4)[classes]), expected)


def test_a_generator_beside_its_discriminator_is_found():
    generator = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 784), nn.Tanh())
    network = Named(generator=generator, discriminator=nn.Sequential(nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 1)))
    z = torch.randn(2, 9)

    assert_same(drawn(network.state_dict(), z, {"activation": "relu"}), generator(z).reshape(2, 1, 28, 28))


def test_a_line_then_transposed_convolutions():
    network = settled(
        nn.Sequential(
            nn.Linear(10, 8 * 49),
            nn.BatchNorm1d(8 * 49),
            nn.ReLU(),
            nn.Unflatten(1, (8, 7, 7)),
            nn.ConvTranspose2d(8, 6, 5, 2, 2, 1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.ConvTranspose2d(6, 1, 4, 2, 1),
            nn.Tanh(),
        )
    )
    z = torch.randn(2, 10)

    assert_same(drawn(network.state_dict(), z), network(z))


# Decoders


def picture(x, colours=1):
    side = int((x[0].numel() / colours) ** 0.5)
    return x.reshape(len(x), colours, side, side) * 2 - 1


def test_a_decoder_of_lines_after_two_heads_by_number():
    layers = {
        "fc1": (784, 32),
        "fc2": (32, 16),
        "fc31": (16, 3),
        "fc32": (16, 3),
        "fc4": (3, 16),
        "fc5": (16, 32),
        "fc6": (32, 784),
    }
    network = Named(**{name: nn.Linear(*sizes) for name, sizes in layers.items()})
    z = torch.randn(2, 3)
    expected = torch.sigmoid(network.fc6(F.relu(network.fc5(F.relu(network.fc4(z))))))

    assert_same(drawn(network.state_dict(), z), picture(expected))


@pytest.mark.parametrize(
    "names", [("fc1", "fc_mu", "fc_logvar", "fc2", "fc3"), ("hidden", "mean", "log_var", "to_hidden", "to_picture")]
)
def test_a_decoder_of_lines_after_two_heads_by_name(names):
    sizes = [(784, 32), (32, 3), (32, 3), (3, 32), (32, 784)]
    network = Named(**{name: nn.Linear(*size) for name, size in zip(names, sizes, strict=True)})
    z = torch.randn(2, 3)
    expected = torch.sigmoid(getattr(network, names[4])(F.relu(getattr(network, names[3])(z))))

    assert_same(drawn(network.state_dict(), z), picture(expected))


def test_the_decoder_of_an_autoencoder_in_two_sequentials():
    encoder = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 3))
    decoder = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 784), nn.Sigmoid())
    z = torch.randn(2, 3)

    assert_same(drawn(Named(encoder=encoder, decoder=decoder).state_dict(), z), picture(decoder(z)))


def nested(*layers):
    return Named(layers=nn.ModuleList(nn.Sequential(*layer) for layer in layers))


def run(network, z):
    for layer in network.layers:
        z = layer(z)
    return z


def test_a_decoder_of_pythae():
    encoder = Named(
        layers=nn.ModuleList([nn.Sequential(nn.Linear(784, 32), nn.ReLU())]), embedding=nn.Linear(32, 5), log_var=nn.Linear(32, 5)
    )
    decoder = nested((nn.Linear(5, 32), nn.ReLU()), (nn.Linear(32, 784), nn.Sigmoid()))
    z = torch.randn(2, 5)

    assert_same(drawn(Named(encoder=encoder, decoder=decoder).state_dict(), z), picture(run(decoder, z)))


def test_a_convolutional_decoder_of_pythae():
    decoder = nested(
        (nn.Linear(5, 12 * 16), nn.Unflatten(1, (12, 4, 4))),
        (nn.ConvTranspose2d(12, 8, 3, 2, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
        (nn.ConvTranspose2d(8, 6, 3, 2, padding=1, output_padding=1), nn.BatchNorm2d(6), nn.ReLU()),
        (nn.ConvTranspose2d(6, 1, 3, 2, padding=1, output_padding=1), nn.Sigmoid()),
    )
    state = settled(Named(decoder=decoder)).state_dict()
    z = torch.randn(2, 5)

    assert_same(drawn(state, z), picture(run(decoder, z)))
    assert_same(drawn(state, z, {"input_dim": [1, 28, 28]}), picture(run(decoder, z)))
    assert FAMILY(state, {"image_size": 32}).space.image_size == 32


def test_a_decoder_of_pytorch_vae():
    def block(inside, outside):
        return nn.Sequential(nn.ConvTranspose2d(inside, outside, 3, 2, 1, 1), nn.BatchNorm2d(outside), nn.LeakyReLU())

    network = Named(
        encoder=nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU())),
        fc_mu=nn.Linear(16, 6),
        fc_var=nn.Linear(16, 6),
        decoder_input=nn.Linear(6, 12 * 4),
        decoder=nn.Sequential(block(12, 10), block(10, 8), block(8, 6), block(6, 4)),
        final_layer=nn.Sequential(*block(4, 4), nn.Conv2d(4, 3, 3, padding=1), nn.Tanh()),
    )
    settled(network)
    z = torch.randn(2, 6)
    expected = network.final_layer(network.decoder(network.decoder_input(z).reshape(2, 12, 2, 2)))

    assert_same(drawn(network.state_dict(), z), expected)


def test_a_decoder_that_begins_with_one_point():
    """As the world models' (Ha 2018, arXiv:1803.10122)."""
    sizes = {"deconv1": (64, 8, 5), "deconv2": (8, 6, 5), "deconv3": (6, 4, 6), "deconv4": (4, 3, 6)}
    decoder = Named(fc1=nn.Linear(8, 64), **{name: nn.ConvTranspose2d(*size, stride=2) for name, size in sizes.items()})
    z = torch.randn(2, 8)
    x = F.relu(decoder.fc1(z))[:, :, None, None]
    for name in sizes:
        x = getattr(decoder, name)(x)
        x = torch.sigmoid(x) if name == "deconv4" else F.relu(x)

    assert_same(drawn(Named(decoder=decoder).state_dict(), z), picture(x, 3))


def test_a_decoder_after_functional_relu_from_7_pixels():
    decoder = Named(fc=nn.Linear(4, 8 * 49), conv2=nn.ConvTranspose2d(8, 6, 4, 2, 1), conv1=nn.ConvTranspose2d(6, 1, 4, 2, 1))
    z = torch.randn(2, 4)
    x = torch.sigmoid(decoder.conv1(F.relu(decoder.conv2(F.relu(decoder.fc(z)).reshape(2, 8, 7, 7)))))
    state = {f"decoder.{name}": decoder.state_dict()[name] for name in decoder.state_dict()}

    assert_same(drawn(state, z), picture(x))


# What the config says, and what is refused


def test_the_config_has_the_last_word_on_activation_output_and_eps():
    network = settled(nn.Sequential(nn.Linear(9, 16), nn.BatchNorm1d(16, eps=0.3), nn.ELU(), nn.Linear(16, 64)))
    z = torch.randn(2, 9)
    config = {"activation": "elu", "output": "none", "eps": 0.3}

    assert_same(drawn(network.state_dict(), z, config), network(z).reshape(2, 1, 8, 8))


@pytest.mark.parametrize("name", ["activation", "output"])
def test_a_word_that_is_not_known_is_quoted(name):
    state = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 64)).state_dict()

    with pytest.raises(BadWeights, match=f"{name} 'snake'"):
        FAMILY(state, {name: "snake"})


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)),
        nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 784)),
        nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(30, 784)),
        nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 17)),
        nn.Sequential(nn.Linear(9, 8 * 16), nn.ConvTranspose2d(8, 5, 4, 2, 1)),
        Named(encoder=nn.Sequential(nn.Linear(9, 784))),
        nn.Linear(512, 1000),
        nn.Linear(9, 784),
        nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 100)),
    ],
    ids=["classifier", "autoencoder", "gap", "no square", "no colour", "encoder", "one", "line", "classes"],
)
def test_does_not_claim_what_is_no_generator(network):
    assert not FAMILY.recognises(shapes_of(network.state_dict()))
    with pytest.raises(BadWeights):
        FAMILY(network.state_dict())


def test_half_the_class_is_half_the_embedding_at_any_psi():
    network = Named(label_emb=nn.Embedding(3, 4), model=lines(4 + 9, 784))
    model = FAMILY(settled(network).state_dict())
    z, label = torch.randn(1, 9), torch.tensor([[0.5, 0.5, 0.0]])

    assert_same(model.synthesis(0.3 * model.mapping(z, label)), model.synthesis(model.mapping(0.3 * z, label)))
    assert np.isfinite(model.synthesis(model.w_mean).numpy()).all()
