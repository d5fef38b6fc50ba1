import pytest
import torch
from torch import nn
from torch.nn import functional as F

from genart import latent
from genart.errors import BadWeights
from genart.families.vae import FAMILY, VAE
from tests.parity import assert_same

CONVOLUTIONAL = dict(
    encoder=((4, 3, 4), (6, 4, 4), (6, 6, 3), (2 * 10, 6 * 16)),
    decoder=((6 * 16, 10), (6, 6, 3), (16, 6, 1), (5, 4, 3), (12, 5, 1)),
)
FLAT = dict(encoder=((12, 49), (4, 12)), decoder=((12, 2), (49, 12)))


def tiny(layers=CONVOLUTIONAL, **options):
    torch.manual_seed(1)
    return VAE(**layers, **options)


@pytest.mark.parametrize(
    ("layers", "space"),
    [(CONVOLUTIONAL, (10, 16, 3, True)), (FLAT, (2, 7, 1, False))],
)
def test_reads_sizes_off_the_weights(layers, space):
    model = FAMILY(tiny(layers).state_dict())
    found = model.space

    assert (found.z_dim, found.image_size, found.channels, found.spherical) == space
    w = model.mapping(torch.randn(2, found.z_dim))
    x = model.synthesis(w)
    assert w.shape == (2, 1, found.z_dim)
    assert x.shape == (2, found.channels, found.image_size, found.image_size)
    assert x.abs().max() <= 1
    assert torch.allclose(model.synthesis(w[:1]), x[:1], atol=1e-5)
    assert model.encode(x).shape == w.shape


def test_recognises_its_own_weights_and_no_others():
    shapes = {name: tuple(tensor.shape) for name, tensor in tiny().state_dict().items()}

    assert FAMILY.recognises(shapes)
    assert not FAMILY.recognises({**shapes, "encoder.0.gamma": (4,)})
    assert not FAMILY.recognises({"main.0.weight": (8, 4, 4, 4)})


def test_the_convolutional_decoder_doubles_by_pixel_shuffle():
    model = FAMILY(tiny().state_dict())
    first, keep, up, change, out = model.decoder
    z = torch.randn(2, 10)
    x = F.relu(first(z)).reshape(2, 6, 4, 4)
    x = x + F.relu(keep(x))
    x = F.pixel_shuffle(up(x), 2)
    x = F.pixel_shuffle(out(F.relu(change(x))), 2)

    assert torch.allclose(model.synthesis(model.mapping(z)), torch.tanh(x), atol=1e-6)


def test_encodes_to_the_mean_of_the_posterior():
    model = FAMILY(tiny(FLAT).state_dict())
    x = torch.rand(3, 1, 7, 7)
    mean, _ = model.encoder[1](F.relu(model.encoder[0](x.flatten(1)))).chunk(2, dim=1)

    assert torch.allclose(model.encode(x)[:, 0], mean, atol=1e-6)


def test_the_prior_is_where_psi_leads_and_what_z_is_stretched_by():
    state = tiny(FLAT, prior=True).state_dict()
    state["prior.mean"] = torch.tensor([1.0, -2.0])
    state["prior.axes"] = torch.tensor([[3.0, 0.5], [0.0, 1.0]])
    model = FAMILY(state)

    assert model.w_mean.flatten().tolist() == [1.0, -2.0]
    assert model.mapping(torch.tensor([[1.0, 2.0]])).flatten().tolist() == [5.0, 0.0]
    assert torch.equal(latent.truncate(model.mapping(torch.randn(1, 2)), model.w_mean, 0.0), model.w_mean)


def bent(seed=3):
    """A VAE of 10 dimensions whose prior is a flow with something to say."""
    state = tiny(prior=True, couplings=(8, 5, 8)).state_dict()
    torch.manual_seed(seed)
    return {name: torch.randn_like(tensor) * 0.5 if name.startswith("prior") else tensor for name, tensor in state.items()}


def test_a_flow_is_a_mapping_and_is_sized_by_its_tensors():
    state = bent()
    model = FAMILY(state)
    z = torch.randn(3, 10)
    w = model.mapping(z)

    assert FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in state.items()})
    assert model.space.has_mapping
    assert not model.space.spherical
    assert [len(coupling[0].weight) for coupling in model.prior.couplings] == [8, 5, 8]
    assert torch.allclose(model.mapping(z[:1]), w[:1], atol=1e-5)
    assert torch.equal(model.w_mean, model.mapping(torch.zeros(1, 10)))
    assert not torch.allclose(model.mapping(2 * z) + model.mapping(0 * z), 2 * w, atol=0.1)  # no straight line


def test_a_gaussian_prior_is_no_mapping():
    space = FAMILY(tiny(prior=True).state_dict()).space

    assert space.spherical
    assert not space.has_mapping


def test_a_flow_is_undone_and_says_how_much_it_widens():
    prior = FAMILY(bent()).prior.double()
    z = torch.randn(4, 10, dtype=torch.double)
    back, widened = prior.undo(prior(z))
    slopes = torch.stack([torch.autograd.functional.jacobian(lambda row: prior(row[None])[0], row) for row in z])

    assert torch.allclose(back, z, atol=1e-6)
    assert torch.allclose(widened, torch.linalg.slogdet(slopes)[1], atol=1e-6)


@pytest.mark.parametrize("dim", [2, 5, 16])
def test_every_number_is_moved_by_some_layer_and_by_every_other(dim):
    torch.manual_seed(0)
    prior = tiny(dict(encoder=((4, 49), (2 * dim, 4)), decoder=((49, dim),)), prior=True, couplings=(16,) * 8).prior
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    slope = torch.autograd.functional.jacobian(lambda row: prior(row[None])[0], torch.randn(dim))

    assert slope.abs().gt(0).all()


@pytest.mark.parametrize("psi", [0.3, 1.5, -1.0])
def test_psi_calms_the_drawing_and_not_the_class(psi):
    layers = {**FLAT, "decoder": ((12, 2 + 3), (49, 12))}
    model = FAMILY(tiny(layers, label=(3, 4)).state_dict())
    z, label = torch.randn(1, 2), torch.eye(4)[1:2]
    pulled = latent.truncate(model.mapping(z, label), model.w_mean, psi)

    assert model.space.num_classes == 4
    assert torch.allclose(model.synthesis(pulled), model.synthesis(model.mapping(psi * z, label)), atol=1e-5)
    assert not torch.allclose(model.synthesis(pulled), model.synthesis(model.mapping(psi * z, torch.eye(4)[2:3])), atol=1e-5)


@pytest.mark.parity
def test_reads_the_example_of_pytorch_with_pictures_in_0_1():
    torch.manual_seed(2)
    layers = {"fc1": (49, 12), "fc21": (12, 3), "fc22": (12, 3), "fc3": (3, 12), "fc4": (12, 49)}
    net = nn.ModuleDict({name: nn.Linear(*sizes) for name, sizes in layers.items()})
    x = torch.rand(2, 49)
    mean = net["fc21"](F.relu(net["fc1"](x)))
    y = torch.sigmoid(net["fc4"](F.relu(net["fc3"](mean))))

    assert FAMILY.recognises({name: tuple(tensor.shape) for name, tensor in net.state_dict().items()})
    model = FAMILY(net.state_dict())
    w = model.encode((x * 2 - 1).reshape(2, 1, 7, 7))
    assert_same(w[:, 0], mean)
    assert_same(model.synthesis(w).flatten(1), y * 2 - 1)


def test_gradients_reach_w_and_the_first_layer_is_what_w_meets():
    model = FAMILY(tiny().state_dict())
    w = model.mapping(torch.randn(1, 10)).requires_grad_(True)
    model.synthesis(w).sum().backward()

    assert w.grad.abs().sum() > 0
    assert model.style_weights().shape == (96, 10)


def test_a_tensor_left_over_is_named():
    with pytest.raises(BadWeights, match="decoder.0.scale"):
        FAMILY({**tiny().state_dict(), "decoder.0.scale": torch.zeros(1)})


@pytest.mark.parametrize("name", ["encoder.1.bias", "decoder.3.weight"])
def test_layers_that_do_not_fit_are_refused(name):
    state = tiny().state_dict()
    state[name] = state[name][:3]

    with pytest.raises(BadWeights):
        FAMILY(state)


def test_a_layer_that_is_missing_is_refused():
    state = tiny().state_dict()
    for part in ("weight", "bias"):
        state.pop(f"decoder.1.{part}")

    with pytest.raises(BadWeights):
        FAMILY(state)


def parted(classes=2):
    """Two parts of z: the first number chooses one of two things, the next two one of three; a class has its own scores."""
    label = (classes, classes) if classes > 1 else None
    layers = dict(encoder=((8, 48), (6, 8)), decoder=((16, 5 * classes + (classes if label else 0)), (48, 16)))
    model = tiny(layers, label=label, prior=True, parts=[(classes, 2, 1), (classes, 3, 2)])
    for part in model.parts:
        part.weight.copy_(40 * torch.randn(part.weight.shape))
    return FAMILY(model.state_dict())


def test_parts_of_z_choose_one_thing_each_and_only_the_choice_is_drawn():
    model = parted(classes=1)
    z = torch.tensor([[0.7, 1.0, -1.0], [0.7, 1.1, -1.0], [-0.7, 1.0, -1.0]])
    chosen = model.parts(z)
    drawn = model.synthesis(model.mapping(z))

    assert torch.allclose(chosen.split((2, 3), dim=1)[0].sum(1), torch.ones(3))
    assert chosen.split((2, 3), dim=1)[1].max(1).values.min() > 0.99
    assert torch.allclose(drawn[0], drawn[1], atol=1e-3)
    assert not torch.allclose(drawn[0], drawn[2], atol=1e-2)


def test_each_class_has_its_own_things_and_between_classes_both_are_drawn():
    model = parted()
    z, one, both = torch.randn(1, 3), torch.eye(2)[:1], torch.tensor([[0.5, 0.5]])
    decoder = next(iter(model.decoder))
    heard = []
    decoder.register_forward_pre_hook(lambda _, x: heard.append(x[0]))
    for label in (one, both):
        model.synthesis(model.mapping(z, label))
    parts = [x[:, :10].split((4, 6), dim=1) for x in heard]

    for alone, mixed, count in zip(*parts, (2, 3), strict=True):
        assert torch.allclose(alone[:, count:], torch.zeros(1, count), atol=1e-5)  # the other class's things
        assert torch.allclose(2 * mixed[:, :count], alone[:, :count], atol=1e-5)
        assert torch.allclose(mixed[:, count:].sum(1), torch.tensor([0.5]), atol=1e-5)


def test_directions_of_the_weights_lie_where_z_chooses():
    model = parted()
    rows = model.style_weights()

    assert rows.shape == (16, model.space.w_dim)
    assert rows[:, :3].abs().min() > 0
    assert not rows[:, 3:].any()


def test_parts_that_do_not_make_up_z_are_refused():
    state = tiny(dict(encoder=((8, 48), (6, 8)), decoder=((16, 5), (48, 16))), parts=[(1, 2, 1), (1, 3, 2)]).state_dict()
    state["parts.1.weight"] = torch.randn(1, 3, 4)

    with pytest.raises(BadWeights, match="do not fit"):
        FAMILY(state)


def test_with_a_power_a_walk_from_class_to_class_takes_sides():
    state = tiny({**FLAT, "decoder": ((12, 2 + 4), (49, 12))}, label=(4, 3)).state_dict()
    plain, soft, hard = FAMILY(state), *(FAMILY(state | {"label.power": torch.tensor(power)}) for power in (12.0, 400.0))
    z = torch.randn(1, 2)

    def drawn(model, *shares):
        return model.synthesis(model.mapping(z, torch.tensor([shares])))

    one, other = drawn(plain, 1.0, 0.0, 0.0), drawn(plain, 0.0, 1.0, 0.0)
    assert not torch.allclose(drawn(plain, 0.6, 0.4, 0.0), one, atol=0.05)
    for model in (soft, hard):
        assert torch.allclose(drawn(model, 1.0, 0.0, 0.0), one, atol=1e-4)
        assert torch.allclose(drawn(model, 0.6, 0.4, 0.0), one, atol=0.02)
        assert torch.allclose(drawn(model, 0.35, 0.65, 0.0), other, atol=0.02)
    assert not torch.allclose(drawn(soft, 0.5, 0.5, 0.0), one, atol=0.02)
    assert torch.allclose(drawn(hard, 0.5, 0.5, 0.0), one, atol=0.02)  # even an exact half
    assert torch.allclose(drawn(hard, 0.49, 0.51, 0.0), other, atol=0.05)


def test_psi_leaves_the_side_that_was_taken():
    state = tiny({**FLAT, "decoder": ((12, 2 + 4), (49, 12))}, label=(4, 3)).state_dict()
    model, z, label = FAMILY(state | {"label.power": torch.tensor(12.0)}), torch.randn(1, 2), torch.tensor([[0.6, 0.4, 0.0]])
    pulled = latent.truncate(model.mapping(z, label), model.w_mean, 0.5)

    assert torch.allclose(model.synthesis(pulled), model.synthesis(model.mapping(z / 2, label)), atol=1e-5)
    assert torch.isfinite(model.synthesis(latent.truncate(pulled, model.w_mean, 0.0))).all()
    assert torch.isfinite(model.synthesis(-1000 * pulled)).all()


@pytest.mark.parametrize("power", [0.5, 2000.0, -3.0])
def test_a_power_out_of_range_is_refused(power):
    state = tiny({**FLAT, "decoder": ((12, 2 + 3), (49, 12))}, label=(3, 3)).state_dict()

    with pytest.raises(BadWeights, match="power"):
        FAMILY(state | {"label.power": torch.tensor(power)})
