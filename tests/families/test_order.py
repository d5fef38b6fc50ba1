"""Networks without a layout of their own: which layer comes after which, where the file keeps their order and where not."""

from functools import partial

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, spectral_norm

from genart.errors import BadWeights
from genart.families import FAMILIES
from genart.families.steps import after, way
from genart.weights import load_file, recognise
from tests.families.test_mlp import Named, settled, shapes_of
from tests.parity import assert_same

pytestmark = pytest.mark.parity
LINE, POINT = nn.Linear, nn.ConvTranspose2d


def leaky(x):
    return F.leaky_relu(x, 0.2)


def square(x, colours=1, output=torch.tanh):
    side = int((x[0].numel() / colours) ** 0.5)
    return output(x).reshape(len(x), colours, side, side)


def shares(x):
    return torch.sigmoid(x) * 2 - 1


def block(inside, outside):
    return nn.Sequential(nn.ConvTranspose2d(inside, outside, 3, 2, 1, 1), nn.BatchNorm2d(outside), nn.LeakyReLU())


def shrinking(inside, outside):
    return nn.Sequential(nn.Conv2d(inside, outside, 3, 2, 1), nn.BatchNorm2d(outside), nn.LeakyReLU())


def words():
    net = Named(start=LINE(6, 16), middle=LINE(16, 32), late=LINE(32, 784))
    return net, lambda z: square(net.late(leaky(net.middle(leaky(net.start(z))))))


def norms_at_the_end():
    net = Named(fc1=LINE(6, 16), fc2=LINE(16, 16), fc3=LINE(16, 784), bn1=nn.BatchNorm1d(16), bn2=nn.BatchNorm1d(16))
    return net, lambda z: square(net.fc3(leaky(net.bn2(net.fc2(leaky(net.bn1(net.fc1(z))))))))


def lists_of_modules():
    convs = nn.ModuleList([POINT(8, 8, 4, 2, 1), POINT(8, 8, 4, 2, 1), POINT(8, 3, 4, 2, 1)])
    net = Named(convs=convs, bns=nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8)]), fc=LINE(6, 8 * 16))

    def draw(z):
        x = net.fc(z).reshape(-1, 8, 4, 4)
        for conv, norm in zip(net.convs, net.bns, strict=False):
            x = F.relu(norm(conv(x)))
        return torch.tanh(net.convs[2](x))

    return net, draw


def heads_by_shape():
    net = Named(fc1=LINE(784, 32), fc2=LINE(32, 6), fc3=LINE(32, 6), fc4=LINE(6, 32), fc5=LINE(32, 784))
    return net, lambda z: square(net.fc5(F.relu(net.fc4(z))), output=shares)


def heads_by_word():
    sizes = {"input_layer": (784, 32), "mean_layer": (32, 6), "logvar_layer": (32, 6)}
    net = Named(**{name: LINE(*size) for name, size in sizes.items()}, hidden_layer=LINE(6, 32), output_layer=LINE(32, 784))
    return net, lambda z: square(net.output_layer(F.relu(net.hidden_layer(z))), output=shares)


def one_end_of_two_halves():
    net = Named(fc1=LINE(784, 32), fc2=LINE(32, 12), fc3=LINE(6, 32), fc4=LINE(32, 784))
    return net, lambda z: square(net.fc4(leaky(net.fc3(z))))


def pytorch_vae():
    """At its published sizes: 64 pixels, where decoder_input stands before decoder."""
    widths = [32, 64, 128, 256, 512]
    net = Named(
        encoder=nn.Sequential(*(shrinking(*pair) for pair in zip([3, *widths], widths, strict=False))),
        fc_mu=LINE(2048, 6),
        fc_var=LINE(2048, 6),
        decoder_input=LINE(6, 2048),
        decoder=nn.Sequential(*(block(*pair) for pair in zip(widths[::-1], widths[-2::-1], strict=False))),
        final_layer=nn.Sequential(*block(32, 32), nn.Conv2d(32, 3, 3, padding=1), nn.Tanh()),
    )
    return net, lambda z: net.final_layer(net.decoder(net.decoder_input(z).reshape(-1, 512, 2, 2)))


def sequential_named_deconv():
    body = nn.Sequential(POINT(8, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), POINT(6, 1, 4, 2, 1), nn.Tanh())
    net = Named(fc=nn.Sequential(LINE(6, 8 * 49), nn.BatchNorm1d(8 * 49), nn.ReLU()), deconv=body)
    return net, lambda z: net.deconv(net.fc(z).reshape(-1, 8, 7, 7))


def decoder_from_one_point():
    heads = {"fc_mu": LINE(8, 6), "fc_var": LINE(8, 6)}
    net = Named(enc1=nn.Conv2d(3, 8, 4, 2, 1), **heads, dec1=POINT(6, 8, 4), dec2=POINT(8, 8, 4, 2, 1), dec3=POINT(8, 3, 4, 2, 1))
    return net, lambda z: shares(net.dec3(F.relu(net.dec2(F.relu(net.dec1(z[:, :, None, None]))))))


def layer_norm():
    net = nn.Sequential(LINE(6, 16), nn.LayerNorm(16), nn.LeakyReLU(0.2), LINE(16, 784))
    nn.init.normal_(net[1].weight)
    return net, lambda z: square(net(z))


def learnt_slopes():
    net = nn.Sequential(LINE(6, 16), nn.PReLU(), LINE(16, 32), nn.PReLU(32), LINE(32, 784))
    nn.init.normal_(net[3].weight)
    return net, lambda z: square(net(z))


def weights_in_parts():
    first, second = parametrizations.spectral_norm(LINE(6, 16)), spectral_norm(LINE(16, 32))
    for _ in range(5):
        second(first(torch.randn(4, 6)))
    net = nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), parametrizations.weight_norm(LINE(32, 784)))
    return net, lambda z: square(net(z))


def instance_norm_after_a_line():
    norm = nn.InstanceNorm2d(6, affine=True)
    nn.init.normal_(norm.weight)
    net = nn.Sequential(
        LINE(6, 8 * 49), nn.Unflatten(1, (8, 7, 7)), POINT(8, 6, 4, 2, 1), norm, nn.ReLU(), POINT(6, 1, 4, 2, 1), nn.Tanh()
    )
    return net, net


def point_opened():
    layers = (POINT(16, 8, 4), nn.ReLU(), POINT(8, 8, 4, 2, 1), nn.ReLU(), POINT(8, 8, 4, 2, 1), nn.ReLU(), POINT(8, 3, 4, 2, 1))
    decoder = nn.Sequential(LINE(6, 16), nn.Unflatten(1, (16, 1, 1)), nn.ReLU(), *layers)
    net = Named(encoder=nn.Sequential(nn.Conv2d(3, 4, 4)), decoder=decoder)
    return net, lambda z: shares(net.decoder(z))


def upsampling_in_blocks():
    def grows(inside, outside):
        return nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.LeakyReLU(0.2)
        )

    net = Named(fc=LINE(6, 16 * 16), up1=grows(16, 12), up2=grows(12, 8), up3=grows(8, 6), out=nn.Conv2d(6, 3, 3, padding=1))
    return net, lambda z: torch.tanh(net.out(net.up3(net.up2(net.up1(net.fc(z).reshape(-1, 16, 4, 4))))))


def begins_with_upsampling():
    decoder = nn.Sequential(
        *(nn.Upsample(scale_factor=2), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(8, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Conv2d(6, 3, 3, padding=1), nn.Sigmoid()),
    )
    net = Named(fc_mu=LINE(64, 6), fc_var=LINE(64, 6), fc_dec=LINE(6, 8 * 64), decoder=decoder)
    return net, lambda z: net.decoder(net.fc_dec(z).reshape(-1, 8, 8, 8)) * 2 - 1


def heads_of_one_shape():
    decoder = nn.Sequential(LINE(6, 32), nn.ReLU(), LINE(32, 784), nn.Sigmoid())
    net = Named(enc=nn.Sequential(LINE(784, 32)), mu=LINE(32, 6), lv=LINE(32, 6), dec=decoder)
    return net, lambda z: square(net.dec(z), output=lambda x: x * 2 - 1)


def decoder_before_encoder():
    net = Named(z_to_h=LINE(6, 32), h_to_x=LINE(32, 784), x_to_h=LINE(784, 32), h_to_mu=LINE(32, 6), h_to_logvar=LINE(32, 6))
    return net, lambda z: square(net.h_to_x(F.relu(net.z_to_h(z))), output=shares)


def one_head_for_both():
    encoder, decoder = Named(lin1=LINE(784, 32), mu_logvar=LINE(32, 12)), Named(lin1=LINE(6, 32), lin2=LINE(32, 784))
    net = Named(encoder=encoder, decoder=decoder)
    return net, lambda z: square(net.decoder.lin2(F.relu(net.decoder.lin1(z))), output=shares)


def dcgan_with_convolutions():
    net = nn.Sequential(
        *(POINT(6, 8, 4), nn.ReLU(), POINT(8, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()),
        *(POINT(8, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), POINT(8, 3, 4, 2, 1), nn.Tanh()),
    )
    return net, lambda z: net(z[:, :, None, None])


def norms_after_relu():
    net = nn.Sequential(
        *(POINT(6, 8, 4), nn.ReLU(), nn.BatchNorm2d(8), POINT(8, 8, 4, 2, 1), nn.ReLU(), nn.BatchNorm2d(8), nn.Dropout(0.5)),
        *(POINT(8, 3, 4, 2, 1), nn.Tanh()),
    )
    return net, lambda z: net(z[:, :, None, None])


def slopes_of_a_dcgan():
    return dcgan(OPENS, *EVEN, LAST, act=lambda width: nn.PReLU(init=0.1))


def dcgan(*layers, norm=nn.BatchNorm2d, wrap=lambda layer: layer, tail=(), act=lambda width: nn.ReLU()):
    """Of (in, out, kernel, stride, padding, output padding) each."""
    modules = []
    for place, layer in enumerate(layers):
        modules.append(wrap(POINT(*layer)))
        if place < len(layers) - 1:
            modules += [norm(layer[1]), act(layer[1])] if norm else [act(layer[1])]
    net = nn.Sequential(*modules, *tail, nn.Tanh())
    if wrap is spectral_norm:
        for _ in range(5):
            net(torch.randn(4, 6, 1, 1))
    return net, lambda z: net(z[:, :, None, None])


OPENS, EVEN = (6, 8, 4, 1, 0, 0), ((8, 8, 4, 2, 1, 0), (8, 8, 4, 2, 1, 0))
LAST = (8, 3, 4, 2, 1, 0)


def affine(width):
    norm = nn.InstanceNorm2d(width, affine=True)
    nn.init.normal_(norm.weight)
    return norm


def dcgan_of_words():
    convs = {"start": POINT(6, 16, 4), "mid": POINT(16, 12, 4, 2, 1), "late": POINT(12, 8, 4, 2, 1), "end": POINT(8, 3, 4, 2, 1)}
    norms = {"start_bn": nn.BatchNorm2d(16), "mid_bn": nn.BatchNorm2d(12), "late_bn": nn.BatchNorm2d(8)}
    net = Named(**convs, **norms)

    def draw(z):
        x = z[:, :, None, None]
        for name in ("start", "mid", "late"):
            x = F.relu(getattr(net, f"{name}_bn")(getattr(net, name)(x)))
        return torch.tanh(net.end(x))

    return net, draw


NETWORKS = {
    "words": words,
    "norms at the end": norms_at_the_end,
    "lists of modules": lists_of_modules,
    "heads by shape": heads_by_shape,
    "heads by word": heads_by_word,
    "one end of two halves": one_end_of_two_halves,
    "PyTorch-VAE": pytorch_vae,
    "a Sequential named deconv": sequential_named_deconv,
    "decoder from one point": decoder_from_one_point,
    "layer norm": layer_norm,
    "learnt slopes": learnt_slopes,
    "weights in parts": weights_in_parts,
    "instance norm after a line": instance_norm_after_a_line,
    "DCGAN of kernels 5": lambda: dcgan(OPENS, *[(8, 8, 5, 2, 2, 1)] * 3, (8, 3, 5, 2, 2, 1)),
    "DCGAN of kernels 3": lambda: dcgan(OPENS, *[(8, 8, 3, 2, 1, 1)] * 2, (8, 3, 3, 2, 1, 1)),
    "DCGAN of kernels 3, digits": lambda: dcgan(OPENS, (8, 8, 3, 2, 1, 0), (8, 8, 3, 2, 1, 1), (8, 1, 3, 2, 1, 1)),
    "DCGAN with kernels 3 between": dcgan_with_convolutions,
    "DCGAN whose norms follow ReLU": norms_after_relu,
    "DCGAN of learnt slopes": slopes_of_a_dcgan,
    "DCGAN of slopes alone": lambda: dcgan(OPENS, *EVEN, LAST, norm=None, act=lambda width: nn.PReLU(width, 0.1)),
    "DCGAN with weight norm by outputs": lambda: dcgan(OPENS, *EVEN, LAST, wrap=partial(parametrizations.weight_norm, dim=1)),
    "DCGAN of kernel 1 first": lambda: dcgan((6, 8, 1, 1, 0, 0), (8, 8, 7, 1, 0, 0), EVEN[0], (8, 1, 4, 2, 1, 0)),
    "DCGAN without an activation between": lambda: (lambda net: (net, lambda z: net(z[:, :, None, None])))(
        nn.Sequential(POINT(*OPENS), POINT(*EVEN[0]), nn.ReLU(), POINT(*LAST), nn.Tanh())
    ),
    "point opened by the first": point_opened,
    "upsampling in blocks": upsampling_in_blocks,
    "a Sequential that begins with upsampling": begins_with_upsampling,
    "two heads, one of no name": heads_of_one_shape,
    "decoder before its encoder": decoder_before_encoder,
    "one head for both": one_head_for_both,
    "DCGAN with instance norm": lambda: dcgan(OPENS, *EVEN, LAST, norm=affine),
    "DCGAN with spectral norm": lambda: dcgan(OPENS, *EVEN, LAST, wrap=spectral_norm),
    "DCGAN with new spectral norm": lambda: dcgan(OPENS, *EVEN, LAST, wrap=parametrizations.spectral_norm, norm=None),
    "DCGAN with weight norm": lambda: dcgan(OPENS, *EVEN, LAST, wrap=parametrizations.weight_norm),
    "DCGAN that ends in a convolution": lambda: dcgan(OPENS, *EVEN, tail=(nn.ReLU(), nn.Conv2d(8, 3, 3, 1, 1))),
    "DCGAN of words": dcgan_of_words,
}


@pytest.mark.parametrize("kept", [True, False], ids=["pt", "safetensors"])
@pytest.mark.parametrize("made", NETWORKS.values(), ids=NETWORKS)
def test_layers_are_found_whether_their_order_is_kept_or_not(made, kept):
    torch.manual_seed(1)
    network, draw = made()
    state = settled(network).state_dict()
    state = state if kept else dict(sorted(state.items()))
    z = torch.randn(2, 6)
    generator = recognise(shapes_of(state), "net")(state, {"ordered": kept})

    with torch.no_grad():
        assert_same(generator.synthesis(generator.mapping(z)), draw(z))


def alike():
    net = Named(start=LINE(6, 16), outer=LINE(16, 16), inner=LINE(16, 16), late=LINE(16, 784))
    return net, lambda z: square(net.late(leaky(net.inner(leaky(net.outer(leaky(net.start(z))))))))


def dcgan_alike():
    net = Named(first=POINT(6, 8, 4), mid=POINT(8, 8, 4, 2, 1), late=POINT(8, 8, 4, 2, 1), out=POINT(8, 3, 4, 2, 1))
    return net, lambda z: torch.tanh(net.out(F.relu(net.late(F.relu(net.mid(F.relu(net.first(z[:, :, None, None]))))))))


@pytest.mark.parametrize("made", [alike, dcgan_alike])
def test_an_order_that_is_lost_is_not_guessed(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    network, draw = made()
    save_file(network.state_dict(), tmp_path / "net.safetensors")
    torch.save(network.state_dict(), tmp_path / "net.pt")
    z = torch.randn(2, 6)

    with pytest.raises(BadWeights, match="order of the layers"):
        load_file(tmp_path / "net.safetensors")
    generator = load_file(tmp_path / "net.pt").generator
    assert_same(generator.synthesis(generator.mapping(z)), draw(z))


def test_the_class_is_what_the_encoder_does_not_make():
    net = Named(fc1=LINE(784 + 10, 32), mu=LINE(32, 6), log_var=LINE(32, 6), fc2=LINE(16, 32), fc3=LINE(32, 784))
    model = FAMILIES["mlp"](net.state_dict())
    z, label = torch.randn(2, 6), torch.eye(10)[[3, 7]]
    expected = square(net.fc3(F.relu(net.fc2(torch.cat([z, label], 1)))), output=shares)

    assert (model.space.z_dim, model.space.num_classes) == (6, 10)
    assert_same(model.synthesis(model.mapping(z, label)), expected)


@pytest.mark.parametrize("family", ["mlp", "dcgan", "vae"])
@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3, 3)])
def test_thousands_of_layers_are_nobodys(family, shape):
    assert not FAMILIES[family].recognises({f"layer{i}.weight": shape for i in range(20_000)})


def test_an_encoder_alone_is_no_generator():
    net = Named(fc1=LINE(784, 32), fc_mu=LINE(32, 6), fc_var=LINE(32, 6))

    assert not [name for name, family in FAMILIES.items() if family.recognises(shapes_of(net.state_dict()))]


def test_a_way_is_the_first_that_leads_to_a_target():
    moves = [(3, (1, 1, 0)), (3, (2, 1, 1)), (3, (2, 1, 0))]

    found = way(4, [moves] * 3, {28})
    side = 4
    for move in found:
        side = after(side, *move)

    assert side == 28
    assert way(4, [moves] * 3, {1000}) is None
