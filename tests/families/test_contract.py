"""What every family promises. A new one is tested by being in FAMILIES, with a tiny model in tests/tiny.py."""

import pytest
import torch

from genart import latent
from genart.families import FAMILIES
from genart.forward import to_pixels
from genart.recipe import Noise
from tests.tiny import ONLY_WITH_CLASSES, WITH_CLASSES, state_of

CASES = [(family, 0) for family in FAMILIES if family not in ONLY_WITH_CLASSES]
CASES += [(family, 3) for family in WITH_CLASSES]
SQUASHED = {"BigGAN", "DCGAN", "VAE"}  # the others end in a sum and may pass 1


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}-classes")
def model(request):
    family, classes = request.param
    return FAMILIES[family](state_of(family, classes)).requires_grad_(False)


def seeded_w(model, count=2):
    space = model.space
    z = torch.cat([latent.sample(seed, space.z_dim) for seed in range(count)])
    return model.mapping(z, torch.eye(space.num_classes)[:count] if space.num_classes else None)


def shapes_of(family, classes):
    return {name: tuple(tensor.shape) for name, tensor in state_of(family, classes).items()}


def test_shapes_are_those_of_the_space(model):
    space, w = model.space, seeded_w(model)
    x = model.synthesis(w)

    assert w.shape == (2, space.num_ws, space.w_dim)
    assert x.shape == (2, space.channels, space.image_size, space.image_size)
    assert x.dtype == torch.float32
    assert space.channels in (1, 3, 4)
    assert model.w_mean.shape in [(1, 1, space.w_dim), (1, space.num_ws, space.w_dim)]
    assert model.style_weights().shape[1] == space.w_dim


def test_values_are_finite_and_a_squashing_family_keeps_within_1(model):
    x = model.synthesis(seeded_w(model))

    assert torch.isfinite(x).all()
    if type(model).__name__ in SQUASHED:
        assert x.abs().max() <= 1
    assert to_pixels(x[:1]).shape == (model.space.image_size, model.space.image_size, 3)


def test_no_picture_depends_on_its_neighbours(model):
    w = seeded_w(model, 3)

    assert torch.allclose(model.synthesis(w)[1:2], model.synthesis(w[1:2]), atol=1e-5)


def test_the_same_w_gives_the_same_picture(model):
    w = seeded_w(model)

    assert torch.equal(model.synthesis(w), model.synthesis(w.clone()))


def test_the_latent_given_is_left_as_it_was(model):
    w = seeded_w(model)
    before = w.clone()
    model.synthesis(w)

    assert torch.equal(w, before)


def test_gradients_reach_every_row_of_w(model):
    w = seeded_w(model).requires_grad_(True)
    model.synthesis(w).square().sum().backward()

    assert (w.grad.abs().sum((0, 2)) > 0).all()


def test_the_network_itself_takes_no_gradient_and_is_in_evaluation(model):
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not any(module.training for module in model.modules() if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.Dropout)))


def test_shares_of_classes_lead_from_one_class_to_another(model):
    classes = model.space.num_classes
    if not classes:
        assert torch.equal(model.mapping(torch.ones(1, model.space.z_dim), None), model.mapping(torch.ones(1, model.space.z_dim)))
        return
    z = torch.cat([latent.sample(3, model.space.z_dim)] * 3)
    ends = torch.eye(classes)[:2]
    w = model.mapping(z, torch.stack([ends[0], ends.mean(0), ends[1]]))

    assert not torch.allclose(w[0], w[2])
    if not model.space.has_mapping:  # there the class enters as it is: half way is the middle
        assert torch.allclose(w[1], (w[0] + w[2]) / 2, atol=1e-6)


def test_w_mean_lies_where_truncation_leads(model):
    pulled = latent.truncate(seeded_w(model), model.w_mean, 0.0)

    assert torch.equal(pulled[0], pulled[1])
    assert torch.isfinite(model.synthesis(pulled)).all()


def test_sizes_ascend_and_synthesis_stops_at_each(model):
    space, w = model.space, seeded_w(model)

    assert list(space.sizes) == sorted(set(space.sizes))
    assert space.sizes[-1] == space.image_size
    for size in space.sizes:
        assert model.synthesis(w, size=size).shape[2:] == (size, size)


def test_noise_counts_only_where_the_family_has_it(model):
    w = seeded_w(model)
    quiet, loud = (model.synthesis(w, Noise(mode, 3)) for mode in ("none", "random"))

    assert torch.equal(quiet, loud) != model.space.has_noise


def test_a_control_at_0_leaves_the_picture_and_elsewhere_moves_it(model):
    w = seeded_w(model)
    for control in model.space.controls:
        assert control.low < 0 < control.high
        assert torch.equal(model.synthesis(w, **{control.name: 0.0}), model.synthesis(w))
        assert not torch.allclose(model.synthesis(w, **{control.name: control.high / 3}), model.synthesis(w), atol=1e-3)


def test_an_encoder_reads_pictures_into_w(model):
    if not model.space.has_encoder:
        assert not hasattr(model, "encode")
        return
    w = seeded_w(model)

    assert model.encode(model.synthesis(w)).shape == w.shape


@pytest.mark.parametrize(("family", "classes"), CASES)
def test_each_layout_is_recognised_by_its_own_family_alone(family, classes):
    assert [name for name, one in FAMILIES.items() if one.recognises(shapes_of(family, classes))] == [family]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "shapes",
    [{}, {"weight": (3, 3)}, {"": ()}, {"fc.weight": (10, 512), "fc.bias": (10,)}, {"conv.weight": (3, 3, 3, 3)}],
    ids=["nothing", "one", "nameless", "classifier", "one convolution"],
)
def test_foreign_weights_are_not_recognised(family, shapes):
    assert not FAMILIES[family].recognises(shapes)


@pytest.mark.parametrize(("family", "classes"), CASES)
def test_half_precision_and_whole_number_weights_are_read_as_float32(family, classes):
    for dtype in (torch.float16, torch.float64):
        model = FAMILIES[family]({name: tensor.to(dtype) for name, tensor in state_of(family, classes).items()})

        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
