import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genart.errors import BadWeights
from genart.families.ops import Prefixes
from genart.families.stylegan2 import FAMILY, StyleGAN2
from genart.latent import truncate
from genart.recipe import Noise
from tests.parity import assert_same
from tests.reference import stylegan2 as reference

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stylegan2"
FILES = {"uncond32": "uncond32.G_ema", "cond32": "cond32.G_ema", "rosinality64": "rosinality64"}

CONFIGURATIONS = {
    "skip": dict(channels=[8, 8, 6, 4]),
    "resnet": dict(channels=[8, 6, 6, 4], architecture="resnet"),
    "orig": dict(channels=[6, 8, 4], architecture="orig"),
    "one block": dict(channels=[8]),
    "conditional": dict(channels=[8, 8, 4], num_classes=3),
    "conditional resnet": dict(channels=[8, 4, 4], architecture="resnet", num_classes=3),
    "grey": dict(channels=[8, 8], rgb=1),
    "with alpha": dict(channels=[8, 8], rgb=4, architecture="orig"),
    "deep mapping": dict(channels=[8, 8], depth=8, z_dim=20, w_dim=6),
    "shallow mapping": dict(channels=[8, 8], depth=1),
    "one channel": dict(channels=[1, 1, 1]),
    "256 pixels": dict(channels=[8, 8, 8, 6, 4, 2, 2]),
}


def weights(name):
    return load_file(FIXTURES / f"{FILES[name]}.safetensors")


def fixture(name):
    with np.load(FIXTURES / f"{name}.io.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def loaded(state, **config):
    return FAMILY(state, config).requires_grad_(False)


def random_w(model, n=2, seed=1):
    z = torch.randn(n, model.space.z_dim, generator=torch.Generator().manual_seed(seed))
    label = torch.eye(model.space.num_classes)[:n] if model.space.num_classes else None
    return model.mapping(z, label)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["uncond32", "cond32"])
def test_mapping_and_truncation_give_the_w_of_the_official_code(name):
    model, io = loaded(weights(name)), fixture(name)
    ws = model.mapping(io["z"], io["c"] if model.space.num_classes else None)
    assert_same(ws, io["ws"])
    assert_same(truncate(ws, model.w_mean, 0.7), io["ws_psi07"])
    assert_same(truncate(ws, model.w_mean, 0.5, 4), io["ws_psi05_cut4"])


@pytest.mark.parity
@pytest.mark.parametrize("name", ["uncond32", "cond32"])
@pytest.mark.parametrize(
    ("w", "image", "noise"),
    [
        ("ws", "img_const", Noise()),
        ("ws", "img_none", Noise("none")),
        ("ws_psi07", "img_psi07", Noise()),
        ("ws_psi05_cut4", "img_psi05_cut4", Noise()),
        ("ws_mix", "img_mix", Noise()),
    ],
)
def test_synthesis_gives_the_picture_of_the_official_code(name, w, image, noise):
    io = fixture(name)
    assert_same(loaded(weights(name)).synthesis(io[w], noise), io[image])


@pytest.mark.parity
@pytest.mark.parametrize("name", ["uncond32", "cond32"])
def test_every_block_gives_the_activations_of_the_official_code(name):
    model, io = loaded(weights(name)), fixture(name)
    seen = {}
    for block, module in model.synthesis.named_children():
        module.register_forward_hook(lambda _module, _inputs, outputs, block=block: seen.update({block: outputs}))
    model.synthesis(io["ws"])
    for block in ("b4", "b8", "b16", "b32"):
        assert_same(seen[block][0], io[f"block_{block}_x"])
        assert_same(seen[block][1], io[f"block_{block}_img"])


@pytest.mark.parity
def test_rosinalitys_layout_gives_rosinalitys_pictures():
    model, io = loaded(weights("rosinality64")), fixture("rosinality64")
    w = model.mapping(io["z"])
    mixed = torch.cat([w[:1, :4], w[1:, 4:]], dim=1)
    assert_same(w, io["w"])
    assert_same(model.w_mean[0, 0], io["latent_avg"])
    assert_same(model.synthesis(w), io["img_fixednoise"])
    assert_same(model.synthesis(truncate(w, model.w_mean, 0.7)), io["img_psi07"])
    assert_same(model.synthesis(mixed), io["img_mix_inject4"])


def test_rosinalitys_convolutions_are_scaled_by_their_fan_in_before_normalisation():
    state = weights("rosinality64")
    model = loaded(state)
    assert_same(model.synthesis.b8.conv0.weight, state["convs.0.conv.weight"][0] / 12)  # √(16 · 3 · 3)
    assert torch.equal(model.synthesis.b8.torgb.weight, state["to_rgbs.0.conv.weight"][0])


def test_rosinalitys_layout_may_lack_noise_and_mean():
    whole = weights("rosinality64")
    bare = {name: tensor for name, tensor in whole.items() if not name.startswith(("noises.", "latent_avg"))}
    model, full, io = loaded(bare), loaded(whole), fixture("rosinality64")
    w = model.mapping(io["z"])
    assert_same(model.synthesis(w, Noise("none")), full.synthesis(w, Noise("none")))
    assert torch.equal(model.synthesis(w), loaded(bare).synthesis(w))
    assert not torch.allclose(model.synthesis(w), model.synthesis(w, Noise("none")))
    sampled = full.mapping(torch.randn(5000, 16, generator=torch.Generator().manual_seed(0)))[:, 0]
    assert (model.w_mean[0, 0] - sampled.mean(0)).abs().max() < 0.1 * sampled.std()


@pytest.mark.parametrize("clamp", [None, 1.5])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_agrees_with_the_textbook(name, clamp):
    state = reference.random_state(**CONFIGURATIONS[name])
    model = loaded(state, conv_clamp=clamp)
    z = torch.randn(2, model.space.z_dim, generator=torch.Generator().manual_seed(3))
    label = torch.tensor([[0.0, 1, 0], [0.25, 0, 0.75]]) if model.space.num_classes else None

    w = model.mapping(z, label)
    picture = model.synthesis(w)
    silent = model.synthesis(w, Noise("none"))

    assert_same(w, reference.mapping(state, z, label)[:, None].repeat(1, model.space.num_ws, 1))
    w = w + torch.randn(w.shape, generator=torch.Generator().manual_seed(4))  # every row its own
    assert_same(model.synthesis(w), reference.synthesis(state, w, clamp=clamp)[-1])
    assert_same(model.synthesis(w, Noise("none")), reference.synthesis(state, w, clamp=clamp, noise=False)[-1])
    assert picture.shape == silent.shape == (2, model.space.channels, model.space.image_size, model.space.image_size)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("channels", [[8, 8, 6, 4, 4, 4], [40, 40, 40, 40]])
def test_a_strip_at_a_time_gives_the_same_picture(channels, count, monkeypatch):
    monkeypatch.setattr("genart.families.styled.STRIP_BYTES", 1)
    state = reference.random_state(channels)
    model = loaded(state, conv_clamp=2.0)
    w = random_w(model, count)
    with torch.inference_mode():
        assert_same(model.synthesis(w), reference.synthesis(state, w, clamp=2.0)[-1])


def test_the_clamp_is_found_in_the_part_of_a_configuration_that_has_it():
    state = reference.random_state([8, 8, 4])
    w = random_w(loaded(state))
    nested = loaded(state, synthesis_kwargs={"conv_clamp": 0.5})
    assert torch.equal(nested.synthesis(w), loaded(state, conv_clamp=0.5).synthesis(w))


def test_the_clamp_changes_the_picture():
    state = reference.random_state([8, 8, 4])
    model, clamped = loaded(state), loaded(state, conv_clamp=0.5)
    assert clamped.synthesis(random_w(model)).abs().max() < model.synthesis(random_w(model)).abs().max()


def test_the_space_is_read_off_the_weights():
    space = loaded(reference.random_state([8, 8, 4], num_classes=3, z_dim=7, w_dim=9, rgb=1)).space
    assert (space.z_dim, space.w_dim, space.num_ws, space.image_size) == (7, 9, 6, 16)
    assert (space.channels, space.num_classes, space.sizes) == (1, 3, (4, 8, 16))
    assert (space.has_mapping, space.has_noise, space.has_encoder) == (True, True, False)


def test_skip_stops_at_the_first_block_that_reaches_the_size():
    state = reference.random_state([8, 8, 6, 4])
    model = loaded(state)
    w = random_w(model)
    for size, image in zip((4, 8, 16, 32), reference.synthesis(state, w), strict=True):
        assert_same(model.synthesis(w, size=size), image)
    assert model.synthesis(w, size=9).shape[-1] == 16
    assert model.synthesis(w, size=1000).shape[-1] == 32


@pytest.mark.parametrize("architecture", ["resnet", "orig"])
def test_other_architectures_always_give_the_full_picture(architecture):
    model = loaded(reference.random_state([8, 8, 4], architecture=architecture))
    assert model.space.sizes == (16,)
    assert torch.equal(model.synthesis(random_w(model), size=4), model.synthesis(random_w(model)))


def test_a_picture_may_be_taller_than_wide():
    state = reference.random_state([8, 8])
    state["synthesis.b4.const"] = state["synthesis.b4.const"][:, :, :2].contiguous()
    for name in [name for name in state if name.endswith("noise_const")]:
        state[name] = state[name][:, : state[name].shape[1] // 2].contiguous()
    model = loaded(state)
    assert_same(model.synthesis(random_w(model)), reference.synthesis(state, random_w(model))[-1])
    assert model.space.image_size == 8


def test_no_picture_depends_on_its_neighbours():
    model = loaded(weights("uncond32"))
    w = random_w(model, 4)
    for noise in (Noise(), Noise("random", 5)):
        alone = torch.cat([model.synthesis(w[i : i + 1], noise) for i in range(4)])
        assert (model.synthesis(w, noise) - alone).abs().max() <= 1e-5 * max(1, alone.abs().max())


def test_random_noise_is_drawn_by_numpy_layer_after_layer():
    state = reference.random_state([8, 8, 4])
    random = np.random.RandomState(11)
    layers = ["b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"]
    drawn = {f"synthesis.{layer}.noise_const": state[f"synthesis.{layer}.noise_const"] for layer in layers}
    drawn = {name: torch.from_numpy(random.randn(*like.shape).astype(np.float32)) for name, like in drawn.items()}
    model = loaded(state)
    w = random_w(model)
    assert_same(model.synthesis(w, Noise("random", 11)), reference.synthesis(state | drawn, w)[-1])


def test_a_noise_seed_gives_its_picture_again_and_another_seed_another():
    model = loaded(weights("uncond32"))
    w = random_w(model)
    first = model.synthesis(w, Noise("random", 1))
    other = model.synthesis(w, Noise("random", 2))
    assert torch.equal(first, model.synthesis(w, Noise("random", 1)))
    assert not torch.allclose(first, other)
    assert not torch.allclose(first, model.synthesis(w))


def test_noise_strength_scales_the_learned_strength():
    state = reference.random_state([8, 8])
    model = loaded(state)
    w = random_w(model)
    doubled = {name: tensor * 2 if name.endswith("noise_strength") else tensor for name, tensor in state.items()}
    assert_same(model.synthesis(w, Noise(strength=2)), reference.synthesis(doubled, w)[-1])
    assert_same(model.synthesis(w, Noise(strength=0)), model.synthesis(w, Noise("none")))


def test_a_label_may_be_shared_between_classes():
    model, io = loaded(weights("cond32")), fixture("cond32")
    halves = torch.zeros(3, 5)
    halves[:, :2] = 0.5
    state = weights("cond32")
    assert_same(model.mapping(io["z"], halves)[:, 0], reference.mapping(state, io["z"], halves))
    assert_same(model.mapping(io["z"]), model.mapping(io["z"], torch.full((3, 5), 0.2)))


def test_style_weights_are_the_derivative_of_the_styles():
    state = reference.random_state([8, 6])
    model = loaded(state)
    names = ["b4.conv1", "b8.conv0", "b8.conv1"]
    step = torch.eye(12)
    styles = [reference.dense(state, f"synthesis.{name}.affine", step) for name in names]
    still = [reference.dense(state, f"synthesis.{name}.affine", torch.zeros(1, 12)) for name in names]
    expected = torch.cat([(a - b).T for a, b in zip(styles, still, strict=True)])
    assert_same(model.style_weights(), expected)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_gradients_reach_w_even_after_a_render_in_inference_mode(architecture):
    state = reference.random_state([8, 8, 4], architecture=architecture)
    model = loaded(state, conv_clamp=3.0)
    noise = Noise("random", 3)
    with torch.inference_mode():
        start = random_w(model)
        model.synthesis(start, noise)
    w = start.clone().requires_grad_(True)
    model.synthesis.requires_grad_(True)  # what rendering kept must serve training too
    model.synthesis(w, noise).square().sum().backward()
    for conv, pattern in zip(model.synthesis.convs(), model.synthesis.draw(3), strict=True):
        name = next(name for name, module in model.named_modules() if module is conv)
        state[f"{name}.noise_const"] = pattern
    theirs = start.clone().requires_grad_(True)
    reference.synthesis(state, theirs, clamp=3.0)[-1].square().sum().backward()
    assert_same(w.grad, theirs.grad)


def test_training_reaches_every_parameter_with_the_gradient_of_the_textbook():
    state = reference.random_state([8, 6], num_classes=2)
    model = FAMILY(state)
    leaves = {name: tensor.clone().requires_grad_(True) for name, tensor in state.items()}
    z, label = torch.randn(2, 10, generator=torch.Generator().manual_seed(0)), torch.eye(2)

    model.synthesis(model.mapping(z, label)).square().sum().backward()
    ws = reference.mapping(leaves, z, label)[:, None].repeat(1, 4, 1)
    reference.synthesis(leaves, ws)[-1].square().sum().backward()

    for name, parameter in model.named_parameters():
        assert_same(parameter.grad, leaves[name].grad)


@pytest.mark.parametrize("frozen", [True, False])
def test_changed_weights_change_the_picture(frozen):
    model = FAMILY(reference.random_state([8, 8, 4])).requires_grad_(not frozen)
    other = reference.random_state([8, 8, 4], seed=1)
    w = random_w(model).detach()
    with torch.no_grad():
        model.synthesis(w)
        for name, parameter in model.named_parameters():
            parameter.lerp_(other[name], 1.0)
        for name, buffer in model.named_buffers():
            buffer.copy_(other[name])
        assert_same(model.synthesis(w), reference.synthesis(other, w)[-1])


def test_a_copy_and_a_change_of_type_keep_the_picture():
    model = loaded(weights("uncond32"))
    w = random_w(model)
    picture = model.synthesis(w)
    assert torch.equal(copy.deepcopy(model).synthesis(w), picture)
    double = copy.deepcopy(model).double()
    assert_same(double.synthesis(w.double()).float(), picture)


def test_a_new_generator_saves_what_the_family_reads():
    torch.manual_seed(0)
    model = StyleGAN2([8, 8, 4], z_dim=6, mapping_widths=(6, 6), num_classes=2, embedded=6).requires_grad_(False)
    again = loaded(model.state_dict())
    assert again.space == replace(model.space, has_noise=False)  # until it has learnt to hear it
    assert_same(again.synthesis(random_w(model)), model.synthesis(random_w(model)))


@pytest.mark.parametrize("name", FILES)
def test_recognises_both_layouts_by_names_alone(name):
    shapes = {key: tuple(tensor.shape) for key, tensor in weights(name).items()}
    assert FAMILY.recognises(shapes)
    assert FAMILY.recognises({f"module.{key}": shape for key, shape in shapes.items()})


def test_does_not_recognise_another_network():
    assert not FAMILY.recognises({"synthesis.input.weight": (8, 8), "mapping.fc0.weight": (8, 8)})
    assert not FAMILY.recognises({})


@pytest.mark.parametrize("prefix", ["module.", "G_ema.", "module.G_ema."])
def test_a_common_prefix_is_stripped(prefix):
    state = weights("uncond32")
    model = loaded({f"{prefix}{name}": tensor for name, tensor in state.items()})
    assert torch.equal(model.synthesis(random_w(model)), loaded(state).synthesis(random_w(model)))


@pytest.mark.parametrize("name", FILES)
def test_a_tensor_too_many_is_named(name):
    with pytest.raises(BadWeights, match="synthesis.b4.surprise"):
        FAMILY(weights(name) | {"synthesis.b4.surprise": torch.zeros(1)})


def test_every_missing_tensor_is_reported_by_name():
    state = weights("cond32")
    for name in state:
        if not name.endswith(("resample_filter", "w_avg")) and not name.startswith("mapping.embed"):
            with pytest.raises(BadWeights):
                FAMILY({key: tensor for key, tensor in state.items() if key != name})
    with pytest.raises(BadWeights, match="mapping.fc1.bias"):
        FAMILY({key: tensor for key, tensor in state.items() if key != "mapping.fc1.bias"})


def test_a_network_made_without_noise_hears_none():
    state = reference.random_state(**CONFIGURATIONS["skip"])
    model = loaded({name: tensor for name, tensor in state.items() if "noise_" not in name})
    w = random_w(model)

    assert not model.space.has_noise
    assert_same(model.synthesis(w), reference.synthesis(state, w, noise=False)[-1])
    assert torch.equal(model.synthesis(w), model.synthesis(w, Noise("random", seed=3)))


def test_noise_without_its_patterns_is_refused():
    state = weights("uncond32")
    with pytest.raises(BadWeights, match="noise_const"):
        FAMILY({name: tensor for name, tensor in state.items() if not name.endswith("noise_const")})


@pytest.mark.parametrize("name", ["skip", "conditional"])
def test_a_mean_of_w_that_is_not_kept_is_measured_over_all_classes(name):
    state = reference.random_state(**CONFIGURATIONS[name])
    del state["mapping.w_avg"]
    model = loaded(state)
    classes = model.space.num_classes
    z = torch.randn(6000, model.space.z_dim, generator=torch.Generator().manual_seed(1))
    sampled = model.mapping(z, torch.eye(classes).repeat(6000 // classes, 1) if classes else None)[:, 0]

    assert (model.w_mean[0, 0] - sampled.mean(0)).abs().max() < 0.1 * sampled.std()
    assert torch.equal(model.w_mean, loaded(state).w_mean)


@pytest.mark.parametrize("file", FILES)
def test_a_misshapen_tensor_never_gets_through(file):
    state = weights(file)
    for name, tensor in state.items():
        wrong = torch.zeros(*tensor.shape, 2) if tensor.dim() == 3 else torch.zeros(3, 5, 7)
        with pytest.raises(BadWeights):
            FAMILY(state | {name: wrong})


def test_missing_filters_are_the_papers():
    state = weights("uncond32")
    bare = {name: tensor for name, tensor in state.items() if not name.endswith("resample_filter")}
    model = loaded(state)
    assert torch.equal(loaded(bare).synthesis(random_w(model)), model.synthesis(random_w(model)))


@pytest.mark.parametrize("clamp", [0, -1, "256", True, float("nan")])
def test_a_clamp_that_is_no_limit_is_refused(clamp):
    with pytest.raises(BadWeights, match="conv_clamp"):
        FAMILY(weights("uncond32"), {"conv_clamp": clamp})


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("changed", range(8))
def test_a_change_of_fine_layers_resumes_from_the_coarse_and_gives_the_same_bytes(changed, architecture):
    model = loaded(reference.random_state([8, 8, 6, 4], architecture=architecture))
    w = random_w(model, 1)
    edited = w.clone()
    edited[:, changed:] += 1
    with torch.inference_mode():
        whole = model.synthesis(edited)
        model.synthesis.prefixes = Prefixes()
        model.synthesis(w)
        runs = []
        for block in model.synthesis.blocks:
            block.register_forward_hook(lambda *_: runs.append(1))
        again = model.synthesis(edited)
    assert torch.equal(again, whole)
    assert len(runs) == 4 - changed // 2
    assert model.synthesis.prefixes.resumed == (changed >= 2)


def test_the_whole_picture_goes_on_from_its_preview():
    model = loaded(reference.random_state([8, 8, 6, 4]))
    w = random_w(model, 1)
    with torch.inference_mode():
        whole, small = model.synthesis(w), model.synthesis(w, size=8)
        model.synthesis.prefixes = Prefixes()
        assert torch.equal(model.synthesis(w, size=8), small)
        assert torch.equal(model.synthesis(w), whole)
        assert model.synthesis.prefixes.resumed
        assert torch.equal(model.synthesis(w, size=8), small)


@pytest.mark.parametrize("noise", [Noise("none"), Noise("random", 3), Noise(strength=0.5)])
def test_another_noise_or_a_small_memory_resumes_nothing(noise):
    model = loaded(weights("uncond32"))
    w = random_w(model, 1)
    with torch.inference_mode():
        whole = model.synthesis(w, noise)
        model.synthesis.prefixes = Prefixes()
        model.synthesis(w)
        assert torch.equal(model.synthesis(w, noise), whole)
        assert not model.synthesis.prefixes.resumed
        model.synthesis.prefixes = Prefixes(most=1000)
        model.synthesis(w, noise)
        model.synthesis(w, noise)
        assert not model.synthesis.prefixes.resumed


def test_what_is_remembered_of_pictures_stays_within_its_bytes():
    model = loaded(weights("uncond32"))
    w = random_w(model, 9)
    model.synthesis.prefixes = Prefixes(most=200_000)
    with torch.inference_mode():
        for each in w.split(1):
            model.synthesis(each)
            assert sum(size for _, _, _, size in model.synthesis.prefixes._kept) <= 200_000
        model.synthesis(w[-1:])
        assert model.synthesis.prefixes.resumed
        model.synthesis(w[:1])
        assert not model.synthesis.prefixes.resumed


def test_one_doubling_layer_alone_tells_its_style_the_right_gradient():
    model = loaded(reference.random_state([64, 64]))
    layer = model.synthesis.blocks[1].conv0.requires_grad_(False)
    x = torch.randn(1, 64, 4, 4, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last)
    w = random_w(model, 1)[:, 0].clone().requires_grad_()
    layer(x, w, None).sum().backward()
    step = 1e-2 * w.grad / w.grad.norm()
    with torch.no_grad():
        slope = (layer(x, w + step, None).sum() - layer(x, w - step, None).sum()) / 2

    assert slope.item() == pytest.approx((w.grad * step).sum().item(), rel=0.05)
