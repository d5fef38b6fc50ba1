"""Checkpoints of other programs: found in their wrappings, converted once, drawn like their originals."""

import os
import pickle
import subprocess
import sys
import threading
from argparse import Namespace
from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file as load_safetensors
from safetensors.torch import save_file

from genart.__main__ import main
from genart.catalogue import ENTRIES, entry_of
from genart.errors import BadWeights, UnknownModel
from genart.limits import SPARE_BYTES
from genart.recipe import Recipe
from genart.studio import Studio
from genart.weights import MISFITS, config_of, foreign, load_file, open_checkpoint, readable, recognise, save_as
from genart.weights.read import header_of, sha256_of
from genart.weights.unwrap import unwrapped
from tests.parity import assert_same
from tests.tiny import state_of

FIXTURES = Path(__file__).parent / "fixtures"
STYLEGAN2 = FIXTURES / "stylegan2"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def folder(cache, monkeypatch):
    """One cache for all tests here, so that each fixture is converted once."""
    monkeypatch.setenv("HF_HOME", str(cache))
    return foreign.folder()


@pytest.fixture
def conversions(monkeypatch):
    """The names of the files that a child has read, as they come."""
    names = []
    convert = foreign._convert
    monkeypatch.setattr(foreign, "_convert", lambda path, *rest: (names.append(path.name), convert(path, *rest)))
    return names


def saved(path, value, **how):
    torch.save(value, path, **how)
    return path


def array(name):
    return np.load(STYLEGAN2 / f"{name}.io.npz")


def raw(*arguments):
    """What `render` writes as floats."""
    assert main(["render", *map(str, arguments), "--out", "raw.npy"]) == 0
    return np.load("raw.npy")


# From the command line to the picture of the original code.


@pytest.mark.parametrize("noise", ["none", "const"])
def test_a_snapshot_of_nvidia_draws_what_its_own_code_draws(noise, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    io = array("uncond32")
    np.save("z.npy", io["z"])

    assert_same(raw(STYLEGAN2 / "uncond32.pkl", "--z", "z.npy", "--noise", noise), io[f"img_{noise}"])


def test_a_snapshot_with_classes_draws_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    io = array("cond32")
    for z, label, picture in zip(io["z"], io["c"].argmax(1), io["img_const"], strict=True):
        np.save("z.npy", z)
        assert_same(raw(STYLEGAN2 / "cond32.pkl", "--z", "z.npy", "--label", label), picture[None])


def test_rosinalitys_checkpoint_draws_what_its_own_code_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    io, state = array("rosinality64"), load_safetensors(STYLEGAN2 / "rosinality64.safetensors")
    mean = state.pop("latent_avg")
    saved("g.pt", {"g": {}, "g_ema": state, "g_optim": {"state": {0: {"exp_avg": torch.ones(3)}}}, "latent_avg": mean})
    np.save("z.npy", io["z"])

    assert_same(raw("g.pt", "--z", "z.npy"), io["img_fixednoise"])
    assert_same(raw("g.pt", "--z", "z.npy", "--psi", "0.7"), io["img_psi07"])


def test_a_dcgan_of_the_tutorial_is_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert raw(FIXTURES / "dcgan" / "tutorial_main_gray64.pth", "--seeds", "0-2").shape == (3, 1, 64, 64)


@pytest.mark.parametrize("name", ["uncond32", "cond32"])
def test_a_converted_snapshot_holds_the_averaged_generator_bit_for_bit(name):
    file, sha256 = readable(STYLEGAN2 / f"{name}.pkl")
    ours, theirs = load_safetensors(file), load_safetensors(STYLEGAN2 / f"{name}.G_ema.safetensors")
    header = header_of(file)
    config = config_of(STYLEGAN2 / f"{name}.pkl", header)

    assert sha256 == sha256_of(STYLEGAN2 / f"{name}.pkl")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert (header.metadata["genart.prefix"], header.metadata["genart.left_out"]) == ("G_ema.", "D, G")
    assert (config["z_dim"], config["c_dim"]) == (24, 5 if name == "cond32" else 0)
    assert config.get("conv_clamp") == (256 if name == "uncond32" else None)


# Wrappings. `right` is the generator's state, `wrong` one of the same shapes.


def prefixed(prefix, state):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


WRAPPINGS = {
    "bare": lambda right, wrong: right,
    "module": lambda right, wrong: prefixed("module.", right),
    "g_ema": lambda right, wrong: {"g": wrong, "d": wrong, "g_ema": right, "g_optim": {"state": {0: wrong}}},
    "G_ema": lambda right, wrong: {"G": wrong, "D": wrong, "G_ema": right, "augment_pipe": None},
    "g": lambda right, wrong: {"d": wrong, "d_optim": {"x": wrong}, "g": right, "g_optim": {"x": wrong}},
    "g with module": lambda right, wrong: {"d": wrong, "g": prefixed("module.", right)},
    "netG_state_dict": lambda right, wrong: {"netD_state_dict": wrong, "netG_state_dict": right, "epoch": 3},
    "netG": lambda right, wrong: {"netD": wrong, "netG": right},
    "avgG": lambda right, wrong: {"netG": wrong, "netD": wrong, "avgG": right},
    "params_ema": lambda right, wrong: {"params": wrong, "params_ema": right},
    "model_state_dict": lambda right, wrong: {"optimizer_state_dict": {"x": wrong}, "model_state_dict": right, "loss": 0.3},
    "state_dict": lambda right, wrong: {"state_dict": right, "best_fid": 3.0, "optimizer": {"x": wrong}},
    "lightning": lambda right, wrong: {
        "state_dict": {**prefixed("discriminator.", wrong), **prefixed("generator.", right), **prefixed("loss.lpips.", wrong)},
        "optimizer_states": [{"state": {0: wrong}}],
        "epoch": 1,
    },
    "lightning, many parts": lambda right, wrong: {
        "state_dict": {
            **prefixed("generator.", right),
            **prefixed("discriminator.", wrong),
            **prefixed("lpips.", wrong),
            **{f"{part}.conv.weight": torch.zeros(8, 3, 4, 4) for part in ("encoder", "criterion", "val_metric")},
        }
    },
    "a discriminator by its letter": lambda right, wrong: {
        "D_state_dict": wrong,
        "D_ema": wrong,
        "model_D": wrong,
        "model_G": right,
    },
    "Gema": lambda right, wrong: {"G": wrong, "D": wrong, "Gema": right},
    "moments of an optimiser": lambda right, wrong: {"exp_avg": wrong, "exp_avg_sq": wrong, "grads": wrong, "weights": right},
    "lightning, G and D": lambda right, wrong: {"state_dict": {**prefixed("D.", wrong), **prefixed("G.", right)}},
    "latent diffusion": lambda right, wrong: {
        "state_dict": {
            **prefixed("model.diffusion_model.", {"time_embed.0.weight": 0 * wrong[next(iter(wrong))]}),
            **prefixed("first_stage_model.", right),
        }
    },
    "GE": lambda right, wrong: {
        "GAN": {**prefixed("D_aug.D.", wrong), **prefixed("G.", wrong), **prefixed("GE.", right), **prefixed("D.", wrong)}
    },
    "ema of several": lambda right, wrong: {"ema": {"D": wrong, "G": right}, "raw": {"D": wrong, "G": wrong}},
    "generator_ema": lambda right, wrong: {"generator": wrong, "generator_ema": right, "discriminator": wrong},
    "ema_state_dict": lambda right, wrong: {"state_dict": wrong, "ema_state_dict": right},
    "nested": lambda right, wrong: {"checkpoint": {"model": {"module": {"G": right, "D": wrong}}}},
    "compiled": lambda right, wrong: prefixed("_orig_mod.", right),
    "compiled, on several devices": lambda right, wrong: prefixed("module._orig_mod.", right),
    "ema_pytorch": lambda right, wrong: {
        **prefixed("online_model.", wrong),
        **prefixed("ema_model.", right),
        "initted": torch.tensor(True),
        "step": torch.tensor(9),
    },
    "a running mean of torch's": lambda right, wrong: {**prefixed("module.", right), "n_averaged": torch.tensor(5)},
    "list": lambda right, wrong: [right, wrong],
    "list, the other first": lambda right, wrong: [{"conv.weight": torch.zeros(1, 3, 4, 4)}, right],
    "tuple": lambda right, wrong: (3, right, wrong),
    "numbered": lambda right, wrong: {0: right, 1: wrong},
    "lists": lambda right, wrong: {"models": [right, wrong], "optimizers": [{"state": {0: wrong}}] * 2, "epoch": 3},
    "states of optimisers of the same shapes": lambda right, wrong: {
        "solverG": {
            "state": {0: {"exp_avg": torch.zeros(4, 4, 1, 1), "exp_avg_sq": torch.zeros(4, 4, 1, 1)}},
            "param_groups": [],
        },
        "netG": right,
    },
    "losses beside it": lambda right, wrong: {"G": right, "G_losses": [torch.tensor(1.0), torch.tensor(2.0)]},
    "noise beside its tensors": lambda right, wrong: {**right, "fixed_noise": torch.zeros(4, 20, 1, 1), "z": torch.zeros(4, 8)},
    "counters beside its tensors": lambda right, wrong: {**right, "global_step": torch.tensor(9), "lr": torch.tensor(0.1)},
    "pictures beside its tensors": lambda right, wrong: {**right, "img_list": [torch.zeros(3, 8, 8)]},
    "a dict for each part": lambda right, wrong: {"model": parts(right)},
    "itself": lambda right, wrong: looped(right),
}


def parts(state):
    groups = defaultdict(dict)
    for name, tensor in state.items():
        first, _, rest = name.partition(".")
        groups[first][rest] = tensor
    return dict(groups)


def looped(state):
    whole = {"model": state}
    whole["self"] = whole
    return whole


def known(shapes):
    with suppress(BadWeights, *MISFITS):
        return bool(recognise(shapes, ""))
    return False


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("family", ["stylegan2", "dcgan", "vae"])
def test_the_generator_is_found_in_its_wrapping(wrapping, family):
    right = state_of(family)
    wrong = {name: torch.zeros_like(tensor) for name, tensor in right.items()}
    found = unwrapped(WRAPPINGS[wrapping](right, wrong), known)

    assert sorted(map(id, found.state.values())) == sorted(map(id, right.values()))
    assert known({name: tuple(tensor.shape) for name, tensor in found.state.items()})


def test_the_mean_of_w_beside_the_weights_is_kept():
    state = load_safetensors(STYLEGAN2 / "rosinality64.safetensors")
    mean = state.pop("latent_avg")
    found = unwrapped({"g_ema": state, "g": dict(state), "latent_avg": mean}, known)

    assert found.state["latent_avg"] is mean
    assert (found.prefix, found.left_out) == ("g_ema.", ["g"])


def test_averages_in_a_list_take_the_place_of_the_parameters():
    """As torch_ema and the original FastGAN keep them: in the parameters' order, without names and without buffers."""
    right = state_of("dcgan")
    counted = {name: tensor for name, tensor in right.items() if "running" in name or "batches" in name}
    lists = [{"decay": 0.99, "shadow_params": [x for name, x in right.items() if name not in counted]}]
    lists.insert(0, {"decay": 0.99, "shadow_params": [torch.zeros(1, 3, 4, 4)], "collected_params": None})
    raw = {name: torch.zeros_like(tensor) for name, tensor in right.items()} | counted
    found = unwrapped({"G": raw, "emas": lists}, known)

    assert found.prefix == "G."
    assert all(found.state[name] is tensor for name, tensor in right.items())
    assert unwrapped({"G": raw, "emas": lists[:1]}, known).state == raw
    assert unwrapped({"g": raw, "g_ema": lists[1]["shadow_params"]}, known).state == found.state
    assert unwrapped({"g": raw, "gradients": lists[1]["shadow_params"]}, known).state == raw


def mlp_state(inputs=20):
    """As a tutorial's class has it: a Sequential that is called model."""
    layers = torch.nn.Sequential(torch.nn.Linear(inputs, 32), torch.nn.ReLU(), torch.nn.Linear(32, 64))
    return prefixed("model.", layers.state_dict())


@pytest.mark.parametrize(("wrapped", "prefix"), [(lambda state: state, ""), (lambda state: {"state_dict": state}, "state_dict.")])
def test_a_network_that_calls_its_layers_model_keeps_that_name(wrapped, prefix):
    state = {**mlp_state(), "label_emb.weight": torch.zeros(10, 8)}
    for whole in (mlp_state(), state):
        found = unwrapped(wrapped(whole), known)
        assert (found.state, found.prefix, found.left_out) == (whole, prefix, [])


def test_a_word_before_the_names_is_the_networks_own_if_what_stands_beside_it_is():
    named = {name.replace("0.", "first.").replace("2.", "second."): tensor for name, tensor in mlp_state().items()}
    with_classes = {**named, "label_emb.weight": torch.zeros(10, 8)}

    assert unwrapped(named, known).prefix == "model."
    assert unwrapped(with_classes, known).state == with_classes
    assert unwrapped({**named, "probe.weight": torch.zeros(3, 5)}, known).prefix == "model."


def convolutions(inputs):
    """A DCGAN's layers, which a family knows by themselves."""
    layers = [torch.nn.ConvTranspose2d(inputs, 8, 4, 1, 0), torch.nn.BatchNorm2d(8), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.ConvTranspose2d(8, 3, 4, 2, 1)).state_dict()


@pytest.mark.parametrize(
    "names", ["attn model", "mapping net", "cond_emb net", "label_fc G", "gen_head gen", "attention model_ema"]
)
def test_what_other_layers_of_its_network_feed_is_not_drawn_without_them(names):
    first, second = names.split()
    state = {**prefixed(f"{second}.", convolutions(24)), f"{first}.query.weight": torch.zeros(3, 20, 1, 1)}
    for whole in (state, {"state_dict": state}):
        found = unwrapped(whole, known)
        assert found.state == state
        assert not known({name: tuple(tensor.shape) for name, tensor in found.state.items()})


@pytest.mark.parametrize("names", ["fc gen", "gen_fc gen_conv", "G_fc G_conv", "linear model"])
def test_layers_under_a_generators_words_are_drawn_with_those_that_feed_them(names):
    first, second = names.split()
    layers = torch.nn.Sequential(
        torch.nn.ConvTranspose2d(32, 8, 4, 2, 1), torch.nn.ReLU(), torch.nn.ConvTranspose2d(8, 3, 4, 2, 1)
    )
    state = {**prefixed(f"{first}.", torch.nn.Linear(16, 512).state_dict()), **prefixed(f"{second}.", layers.state_dict())}

    assert unwrapped({"model": state}, known).state == state


def test_an_encoder_beside_a_generator_is_left_out():
    layers = {name: torch.nn.Sequential(torch.nn.Linear(*sizes)) for name, sizes in (("mu", (64, 8)), ("logvar", (64, 8)))}
    generator = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 64)).state_dict()
    state = {**prefixed("encoder.", torch.nn.ModuleDict(layers).state_dict()), **prefixed("generator.", generator)}

    assert unwrapped({"state_dict": state}, known).state == generator


def test_an_average_of_a_whole_network_is_taken_beside_its_layers():
    state = {**mlp_state(), **prefixed("fc.", torch.nn.Linear(3, 5).state_dict())}

    assert unwrapped({**state, **prefixed("ema.", state)}, lambda shapes: shapes.keys() == state.keys()).prefix == "ema."


def test_layers_are_called_d_within_a_network():
    layers = [torch.nn.ConvTranspose2d(*sizes) for sizes in ((20, 32, 4, 1, 0), (32, 8, 4, 2, 1), (8, 3, 4, 2, 1))]
    names = ("d1", "d2", "d_out")
    state = {f"{name}.{part}": x for name, layer in zip(names, layers, strict=True) for part, x in layer.state_dict().items()}

    assert unwrapped({"netG": state, "D": {}}, known).state == state
    assert unwrapped({"state_dict": {**prefixed("D.", state), **prefixed("g.", state)}}, known).prefix == "state_dict.g."


@pytest.mark.parametrize("ending", ["", "_state_dict", "_model"])
def test_a_decoder_beside_its_encoder_is_known_by_its_name(ending):
    encoder = {"fc1": torch.nn.Linear(64, 32), "mu": torch.nn.Linear(32, 8), "logvar": torch.nn.Linear(32, 8)}
    decoder = {"fc1": torch.nn.Linear(8, 32), "fc2": torch.nn.Linear(32, 64)}
    halves = {f"encoder{ending}": encoder, f"decoder{ending}": decoder}
    found = unwrapped({half: torch.nn.ModuleDict(layers).state_dict() for half, layers in halves.items()}, known)

    assert (found.prefix, len(found.state)) == ("", 10)


@pytest.mark.parametrize("average", ["ema", "ema_shadow", "model_ema"])
def test_an_average_takes_the_buffers_that_it_lacks_from_the_network_beside_it(average):
    right = state_of("dcgan")
    buffers = {name for name in right if "running" in name or "batches" in name}
    parameters = {name: tensor for name, tensor in right.items() if name not in buffers}
    raw = {name: tensor if name in buffers else torch.zeros_like(tensor) for name, tensor in right.items()}
    found = unwrapped({"model": raw, average: parameters}, known)
    other = unwrapped({"model": {**raw, "more.weight": torch.zeros(1)}, average: parameters}, known)

    assert buffers
    assert found.prefix == other.prefix == f"{average}."
    assert found.state.keys() == right.keys()
    assert all(found.state[name] is tensor for name, tensor in right.items())
    assert other.state == parameters


def test_moments_of_an_optimiser_in_a_list_are_no_averages():
    right = state_of("dcgan")
    raw = [tensor for name, tensor in right.items() if "running" not in name and "batches" not in name]

    assert unwrapped({"G": right, "exp_avg": [torch.zeros_like(x) for x in raw]}, known).state == right


class BaseConfig:
    """As pytorch_GAN_zoo pickles its settings."""


BaseConfig.__module__ = "models.utils.config"


@pytest.mark.parametrize("kind", [dict, Namespace, BaseConfig])
def test_settings_beside_the_generator_reach_its_family(kind, tmp_path, monkeypatch):
    for name in ("models", "models.utils", "models.utils.config"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(BaseConfig=BaseConfig))
    said = {"leakyReluLeak": 0.05, "categoryVectorDim": 4, "attribKeysOrder": None, "lossCriterion": "WGANGP"}
    config = kind()
    if isinstance(config, dict):
        config.update(said)
    else:
        vars(config).update(said)
    state = load_safetensors(FIXTURES / "pgan" / "pgan32.safetensors")
    path = saved(tmp_path / "model.pth", {"config": config, "netG": state, "avgG": state, "netD": state})
    generator = load_file(path).generator

    assert (generator.slope, generator.space.num_classes, generator.presses) == (0.05, 4, False)


def test_settings_lie_under_their_names_and_never_over_a_networks_own():
    state = {"a.weight": torch.zeros(1)}
    network = {"_modules": {}, "_parameters": state, "_buffers": {}, "_init_kwargs": {"config": "own", "z_dim": 3}}
    beside = {
        "args": {"lr": 1e-3, "names": ["x"]},
        "opt": {"param_groups": [], "lr": 1},
        "config": {"text": "x" * 20_000, "a": 1},
    }
    inner = {"G_ema": network, "hparams": {"b": 2, "z": torch.zeros(3)}}
    settings = unwrapped({"model": inner, **beside}, lambda shapes: len(shapes) == 1).settings

    assert settings == {"args": {"lr": 1e-3, "names": ["x"]}, "config": "own", "hparams": {"b": 2}, "z_dim": 3}


def test_what_is_left_out_beside_the_generator_is_named_and_not_the_place_where_it_was():
    one = torch.zeros(1)
    inside = {"encoder.weight": one, "loss.discriminator.weight": one, "loss.logvar": one}
    found = unwrapped({"state_dict": inside, "callbacks": {"best": one}}, lambda shapes: "encoder.weight" in shapes)

    assert (found.prefix, found.left_out) == ("state_dict.", ["callbacks", "state_dict.loss"])


def test_a_prefix_that_is_part_of_the_layout_is_left_alone():
    state = {"synthesis.init.weight": torch.zeros(1), "synthesis.to_big.weight": torch.zeros(1)}

    assert unwrapped({"state_dict": state}, lambda shapes: True).state == state
    assert unwrapped(state, lambda shapes: "init.weight" in shapes).prefix == "synthesis."


def test_a_checkpoint_without_tensors_is_found_empty():
    assert unwrapped({"epoch": 3, "args": [1, 2]}, known).state == {}


# Ways of saving, through the child.


def test_what_lies_beside_the_weights_is_no_hindrance(tmp_path):
    """Settings, counters and records of training, in torch's format and in plain pickles."""
    beside = {
        "args": Namespace(size=64, lr=2e-3),
        "history": defaultdict(list),
        "where": Path("x"),
        "fid": np.float64(3.5),
        "array": np.arange(3),
        "generator": state_of("dcgan"),
    }
    for name, how in {"new.pt": {}, "old.pt": {"_use_new_zipfile_serialization": False}}.items():
        assert load_file(saved(tmp_path / name, beside, **how)).family.title == "DCGAN"


def test_a_plain_pickle_of_arrays_or_tensors_is_read(tmp_path):
    arrays = {name: tensor.numpy() for name, tensor in state_of("vae").items()}
    for name, value in {"arrays.pkl": arrays, "tensors.pkl": OrderedDict(state_of("vae"))}.items():
        (tmp_path / name).write_bytes(pickle.dumps({"G": value}, 4))
        file, _ = readable(tmp_path / name)

        assert all(torch.equal(tensor, state_of("vae")[key]) for key, tensor in load_safetensors(file).items())


def test_half_precision_parameters_and_views_are_read(tmp_path):
    state = {name: torch.nn.Parameter(tensor.half().t().t()) for name, tensor in state_of("vae").items()}
    state["decoder.0.weight"] = state_of("vae")["decoder.0.weight"].t().contiguous().t()
    file, _ = readable(saved(tmp_path / "model.ckpt", state))

    assert torch.equal(load_safetensors(file)["decoder.0.weight"], state_of("vae")["decoder.0.weight"])
    assert load_safetensors(file)["decoder.1.weight"].dtype == torch.float16


# The converted copy.


def test_a_second_load_needs_no_child(conversions, tmp_path):
    path = saved(tmp_path / "first.pt", state_of("vae"))
    first = load_file(path)
    path = path.rename(tmp_path / "renamed.bin")
    second = load_file(path)

    assert conversions == ["first.pt"]
    assert first.sha256 == second.sha256 == sha256_of(path)


def test_a_damaged_copy_is_made_again(conversions, tmp_path, folder):
    path = saved(tmp_path / "model.pt", {"g": state_of("dcgan")})
    copy, _ = readable(path)
    copy.write_bytes(copy.read_bytes()[:-4] + b"oops")

    assert sha256_of(readable(path)[0]) == copy.stem.partition("-")[2]
    assert len(conversions) == 2


def test_sixteen_visitors_with_one_checkpoint_convert_it_once(conversions, tmp_path):
    path = saved(tmp_path / "model.pt", {"netG": state_of("dcgan", 3)})
    together = threading.Barrier(16)

    def open_it(_):
        together.wait()
        return readable(path)

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(open_it, range(16)))) == 1
    assert conversions == ["model.pt"]


def test_what_a_killed_conversion_left_behind_is_removed_after_a_day(tmp_path, folder):
    old, new = folder / "old.partial", folder / "new.partial"
    for path in (old, new):
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    readable(saved(tmp_path / "model.pt", {"avgG": state_of("dcgan")}))

    assert (old.exists(), new.exists()) == (False, True)
    new.unlink()


def test_copies_that_an_earlier_reader_made_are_removed(tmp_path, folder):
    earlier = folder.with_name(f"converted-{foreign.READER - 1}") / "copy.safetensors"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(b"x")
    readable(saved(tmp_path / "model.pt", {"avgG": state_of("dcgan", 9)}))

    assert not earlier.parent.exists()


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))

    with pytest.raises(BadWeights, match=r"no place for a copy of 'uncond32.pkl' \(.+\); set HF_HOME"):
        load_file(STYLEGAN2 / "uncond32.pkl")


def test_copies_leave_the_disk_its_spare_room(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(foreign, "free", lambda _: SPARE_BYTES + (STYLEGAN2 / "uncond32.pkl").stat().st_size - 1)
    for copied in (lambda: load_file(STYLEGAN2 / "uncond32.pkl"), lambda: foreign.kept(STYLEGAN2 / "uncond32.pkl", "d" * 64)):
        with pytest.raises(BadWeights, match=r"A copy of 'uncond32.pkl' needs .+ MB free; make room, or set HF_HOME"):
            copied()

    assert list(tmp_path.iterdir()) == []


def test_the_child_gets_no_token(monkeypatch, tmp_path):
    seen = {}

    def run(command, **how):
        seen.update(how["env"])
        return subprocess.CompletedProcess(command, 1, stdout=b"")

    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BadWeights, match=r"did not start; run python -m genart doctor"):
        readable(saved(tmp_path / "model.pt", {"w": torch.zeros(1)}))

    assert "HF_TOKEN" not in seen
    assert seen["PYTHONPATH"]


def test_a_config_beside_the_file_says_what_the_weights_cannot(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(state_of("dcgan"), path)
    (tmp_path / "config.json").write_text('{"num_classes": 3}')

    assert load_file(path).generator.space.num_classes == 3


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": ' + "[" * 100_000, "\0" * 50, " " * 2_000_000 + '{"num_classes": 3}'])
def test_an_odd_config_beside_the_file_is_passed_over(text, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(state_of("dcgan"), path)
    (tmp_path / "config.json").write_text(text)

    assert load_file(path).generator.space.num_classes == 0


# Names, entries and commands.


def test_a_model_is_named_by_the_table_or_by_a_path(tmp_path, entries):
    path = tmp_path / "network.pkl"
    path.write_bytes(b"x")

    assert entry_of("digits-gan") is ENTRIES["digits-gan"]
    assert entry_of(str(path)).path == path
    assert entry_of("gone.pt").name == "gone"
    with pytest.raises(UnknownModel, match="did you mean 'digits-gan'"):
        entry_of("digit-gan")


def test_an_opened_checkpoint_is_an_entry_that_a_studio_draws(tmp_path):
    entry = open_checkpoint(STYLEGAN2 / "uncond32.pkl")
    studio = Studio("cpu", {entry.name: entry})

    assert (entry.name, entry.kind, entry.licence) == ("uncond32", "GAN", "unknown")
    assert studio.render(Recipe(entry.name)).shape == (32, 32, 3)
    assert studio.stamped(Recipe(entry.name)).weights == sha256_of(STYLEGAN2 / "uncond32.pkl")


def test_an_upload_is_kept_when_its_folder_is_swept(tmp_path):
    upload = tmp_path / "upload.pt"
    saved(upload, {"g_ema": state_of("stylegan2")})
    entry = open_checkpoint(upload, keep=True)
    upload.unlink()

    assert Studio("cpu", {entry.name: entry}).render(Recipe(entry.name)).shape == (16, 16, 3)


def test_an_opened_checkpoint_takes_no_name_that_is_taken(tmp_path):
    path = tmp_path / "digits-gan.safetensors"
    save_file(state_of("dcgan"), path)

    assert open_checkpoint(path).name == f"digits-gan-{sha256_of(path)[:6]}"
    assert open_checkpoint(path, taken=()).name == "digits-gan"


def test_what_cannot_be_opened_is_not_kept(tmp_path, folder):
    path = saved(tmp_path / "classifier.pt", {"fc.weight": torch.zeros(10, 5)})
    before = set(folder.parent.rglob("*"))

    with pytest.raises(BadWeights, match=r"'classifier.pt' belong to no family"):
        open_checkpoint(path, keep=True)
    assert set(folder.parent.rglob("*")) == before


def test_convert_writes_one_file_that_needs_nothing_beside_it(tmp_path, capsys):
    out = tmp_path / "network.safetensors"
    assert main(["convert", str(STYLEGAN2 / "uncond32.pkl"), str(out)]) == 0
    io = array("uncond32")
    generator = load_file(out).generator
    picture = generator.synthesis(generator.mapping(torch.from_numpy(io["z"])))

    assert_same(picture.detach().numpy(), io["img_const"])
    assert [path.name for path in tmp_path.iterdir()] == ["network.safetensors"]


def test_convert_takes_a_config_into_the_file(tmp_path):
    save_file(state_of("dcgan"), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"num_classes": 3}')
    out = tmp_path / "elsewhere" / "out.safetensors"
    out.parent.mkdir()
    save_as(tmp_path / "model.safetensors", out)

    assert load_file(out).generator.space.num_classes == 3


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ("convert x.pt y.pt", "'y.pt' does not end in .safetensors"),
        ("convert x.pt y.safetensors", "'x.pt' is missing"),
        ("convert {pkl} nowhere/y.safetensors", "nowhere"),
        ("inspect x.pt", "'x.pt' is missing"),
        ("inspect .", "folder"),
        ("render x.pt", "'x.pt' is missing"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(arguments, quoted, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments.format(pkl=STYLEGAN2 / "uncond32.pkl").split()) == 1
    said = capsys.readouterr().err

    assert quoted in said
    assert said.count("\n") == 1


def lines(capsys):
    return {line[:15].strip(): line[15:].strip() for line in capsys.readouterr().out.splitlines()}


def test_inspect_says_family_sizes_and_where_the_generator_was(capsys):
    assert main(["inspect", str(STYLEGAN2 / "cond32.pkl")]) == 0
    said = lines(capsys)

    assert (said["family"], said["kind"], said["picture"]) == ("StyleGAN2", "GAN", "32 px, 3 channels")
    assert (said["z_dim"], said["num_ws"], said["classes"]) == ("24", "8", "5")
    assert (said["found under"], said["left out"]) == ("G_ema.", "D, G")


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_inspect_reads_of_a_safetensors_file_the_header_alone(entry, capsys, monkeypatch):
    monkeypatch.setattr("genart.weights.read_tensors", lambda *_: pytest.fail("loaded"))
    assert main(["inspect", str(entry.path)]) == 0
    said = lines(capsys)

    assert said["licence"] == entry.licence
    assert said["kind"] == entry.kind


def test_inspect_says_what_is_missing_or_left_over(tmp_path, capsys):
    whole = state_of("stylegan2")
    short = {name: tensor for name, tensor in whole.items() if name != "synthesis.b8.conv1.affine.bias"}
    for state, named in ((short, "lack the tensor"), ({**whole, "extra.weight": torch.zeros(1)}, "'extra.weight' is no part")):
        save_file(state, tmp_path / "model.safetensors")
        assert main(["inspect", str(tmp_path / "model.safetensors")]) == 0
        assert named in lines(capsys)["cannot be used"]


def test_doctor_tells_a_whole_copy_from_a_damaged_one(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert main(["doctor"]) == 0
    assert "none yet" in capsys.readouterr().out

    place = foreign.folder()
    place.mkdir(parents=True)
    foreign.kept(STYLEGAN2 / "cond32.pkl", "d" * 64)
    (place / "x.partial").write_bytes(b"x")
    copy = place / "copy"
    copy.write_bytes(b"a copy")
    copy.rename(place / f"{'a' * 64}-{sha256_of(copy)}.safetensors")
    (place / f"{'b' * 64}-{'c' * 64}.safetensors").write_bytes(b"another")
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out

    assert "1 whole" in said
    assert f"copy of {'b' * 12}" in said
    assert "1 unfinished" in said
    assert "1, 0.3 MB" in said
    assert said.count("as recorded") == len(ENTRIES)
