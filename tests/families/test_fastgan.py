from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genart.errors import BadWeights
from genart.families import fastgan, projected_fastgan
from genart.families.ops import normalise_z
from genart.recipe import Noise
from tests.parity import assert_same
from tests.reference import fastgan as reference

FIXTURES = Path(__file__).parents[1] / "fixtures"
FILES = {
    "original256": (fastgan.FAMILY, "fastgan/original256"),
    "huggan1024": (fastgan.FAMILY, "fastgan/huggan1024"),
    "projected256": (projected_fastgan.FAMILY, "projected_fastgan/256"),
}
QUIET = Noise("none")


def weights(name):
    return load_file(FIXTURES / f"{FILES[name][1]}.safetensors")


def fixture(name):
    with np.load(FIXTURES / f"{FILES[name][1]}.io.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def loaded(name):
    return FILES[name][0](weights(name))


@pytest.mark.parity
@pytest.mark.parametrize(("name", "apart"), [("original256", 4), ("huggan1024", 16), ("projected256", 4)])
def test_pictures_are_those_of_the_original_code(name, apart):
    model, io = loaded(name), fixture(name)
    w = model.mapping(io["z"].flatten(1))

    assert_same(model.synthesis(w, QUIET)[:, :, ::apart, ::apart], io["img_noise0"])
    if "img128_noise0" in io:
        apart = 128 // io["img128_noise0"].shape[-1]
        assert_same(model.synthesis(w, QUIET, size=128)[:, :, ::apart, ::apart], io["img128_noise0"])


@pytest.mark.parity
def test_blocks_give_the_activations_of_the_original_code():
    model, io = loaded("original256"), fixture("original256")
    seen = []
    for part in (model.network.init, *model.network.blocks):
        part.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    model.synthesis(model.mapping(io["z"]), QUIET)

    for ours, name in zip(seen, ("init", "feat_8", "feat_16", "feat_32", "feat_64"), strict=False):
        assert_same(ours, io[f"act_{name}"])


def test_noise_enters_where_the_original_adds_it():
    model, io = loaded("original256"), fixture("original256")
    torch.manual_seed(77)  # as the original drew it, layer after layer
    drawn = [torch.randn(1, 1, *shape)[0, 0] for shape in model.network.seeded.shapes]
    model.network.seeded.drawn = (3, torch.device("cpu")), drawn
    picture = model.synthesis(model.mapping(io["z"]), Noise("random", 3))

    assert_same(picture[:, :, ::4, ::4], io["img_noise_seed77"])


@pytest.mark.parametrize(("size", "double"), [(128, False), (256, True), (512, False), (1024, False)])
def test_every_size_agrees_with_the_textbook(size, double):
    state = reference.random_state(size, all_double=double)
    model = fastgan.FAMILY({f"module.{name}": tensor for name, tensor in state.items()})
    z = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
    patterns = model.network.seeded(5, z.device)
    large, small = reference.pictures(state, z, patterns)
    large, small = (torch.tanh(large), torch.tanh(small)) if size == 1024 else (large, small)

    assert_same(model.synthesis(model.mapping(z), Noise("random", 5)), large)
    assert model.space.sizes == ((size,) if size == 128 else (128, size))
    if small is not None:
        assert_same(model.synthesis(model.mapping(z), Noise("random", 5), size=64), small)


def test_projected_gan_takes_z_on_its_sphere_and_psi_still_counts():
    state = reference.random_state(256, all_double=True)
    bare = {name: tensor for name, tensor in state.items() if not name.startswith("to_128")}
    model = projected_fastgan.FAMILY({f"synthesis.{name}": tensor for name, tensor in bare.items()})
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    w = model.mapping(3 * z)

    assert_same(model.synthesis(w, QUIET), reference.pictures(bare, normalise_z(z))[0])
    assert not torch.allclose(model.synthesis(w * 0.5, QUIET), model.synthesis(w, QUIET), atol=1e-3)


@pytest.mark.parametrize("name", FILES)
def test_the_same_recipe_has_the_same_noise(name):
    first, second = loaded(name), loaded(name)
    w = first.mapping(fixture(name)["z"].flatten(1))
    size = first.space.sizes[0]

    assert torch.equal(first.synthesis(w, size=size), second.synthesis(w, size=size))
    assert torch.equal(first.synthesis(w, Noise("random", 2), size), second.synthesis(w, Noise("random", 2), size))
    assert not torch.allclose(first.synthesis(w, Noise("random", 3), size), first.synthesis(w, Noise("random", 2), size))
    assert_same(first.synthesis(w, Noise(strength=0.0), size), first.synthesis(w, QUIET, size))


def test_spectral_norm_in_torchs_new_names_is_read_too():
    state = weights("original256")
    part = {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"}
    new = {}
    for name, tensor in state.items():
        layer, _, leaf = name.rpartition(".")
        new[f"{layer}.parametrizations.weight.{part[leaf]}" if leaf in part else name] = tensor
    z = fixture("original256")["z"]
    ours, theirs = fastgan.FAMILY(new), fastgan.FAMILY(state)

    assert torch.equal(ours.synthesis(ours.mapping(z), size=128), theirs.synthesis(theirs.mapping(z), size=128))


@pytest.mark.parametrize("name", FILES)
def test_each_layout_is_recognised_and_its_space_read(name):
    family = FILES[name][0]
    assert family.recognises({key: tuple(tensor.shape) for key, tensor in weights(name).items()})
    space = loaded(name).space

    assert (space.z_dim, space.num_ws, space.channels, space.spherical, space.has_noise) == (16, 1, 3, True, True)
    assert space.image_size == int(name[-4:] if name[-4].isdecimal() else name[-3:])


@pytest.mark.parametrize("name", FILES)
def test_a_tensor_too_many_or_too_few_is_named(name):
    family, state = FILES[name][0], weights(name)
    with pytest.raises(BadWeights, match="surprise"):
        family(state | {"surprise.weight": torch.zeros(1)})
    lost = next(key for key in state if key.endswith("weight_u"))
    with pytest.raises(BadWeights, match="weight_u"):
        family({key: tensor for key, tensor in state.items() if key != lost})


def test_a_network_with_a_gap_is_refused():
    state = {name: tensor for name, tensor in weights("original256").items() if not name.startswith("feat_32.")}
    with pytest.raises(BadWeights, match="double from 4"):
        fastgan.FAMILY(state)
