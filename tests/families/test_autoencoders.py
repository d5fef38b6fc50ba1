"""The families whose latent is itself a small picture."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from genart import latent
from genart.directions import directions, names
from genart.errors import BadWeights
from genart.families import FAMILIES, autoencoder_kl, autoencoder_tiny, vq
from genart.families.pictures import drawn
from genart.families.taming import normed
from tests.parity import assert_same
from tests.reference import autoencoders
from tests.tiny import state_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
KINDS = ("autoencoder_kl", "autoencoder_tiny", "vq")


def stored(name):
    """State, recorded tensors and config of a fixture."""
    path = FIXTURES / name
    io = {key: torch.from_numpy(value) for key, value in np.load(path.with_suffix(".npz")).items()}
    return load_file(path.with_suffix(".safetensors")), io, json.loads(path.with_suffix(".json").read_text())


def shapes_of(state):
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def families_that_claim(state):
    return [name for name, family in FAMILIES.items() if family.recognises(shapes_of(state))]


def rewritten(state, *rules):
    for pattern, replacement in rules:
        state = {re.sub(pattern, replacement, name): tensor for name, tensor in state.items()}
    return state


def original(state, levels):
    """A state dict of diffusers under the names of the original code, attention as 1x1 convolutions."""
    state = rewritten(
        state,
        (r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}"),
        (r"mid_block\.attentions\.0", "mid.attn_1"),
        (r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2"),
        (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
        (r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}"),
        (r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample"),
        (r"conv_norm_out", "norm_out"),
        (r"conv_shortcut", "nin_shortcut"),
        (r"group_norm", "norm"),
        (r"to_([qkv])\.", r"\1."),
        (r"to_out\.0", "proj_out"),
    )
    return {name: tensor[..., None, None] if "attn" in name and tensor.ndim == 2 else tensor for name, tensor in state.items()}


# AutoencoderKL


OLD_ATTENTION = [(r"to_q", "query"), (r"to_k", "key"), (r"to_v", "value"), (r"to_out\.0", "proj_attn")]
KL_LAYOUTS = {
    "diffusers": lambda state: state,
    "older diffusers": lambda state: rewritten(state, *OLD_ATTENTION),
    "original": lambda state: original(state, 4),
    "of a whole model": lambda state: {f"first_stage_model.{name}": tensor for name, tensor in original(state, 4).items()},
    "with a loss": lambda state: {**original(state, 4), "loss.logvar": torch.zeros([]), "loss.discriminator.x": torch.zeros(3)},
}


@pytest.mark.parity
@pytest.mark.parametrize("layout", KL_LAYOUTS)
def test_kl_reads_and_draws_as_the_original_in_every_layout(layout):
    state, io, config = stored("autoencoder_kl/sd_like")
    state = KL_LAYOUTS[layout](state)
    model = autoencoder_kl.FAMILY(state, config)

    assert families_that_claim(state) == ["autoencoder_kl"]
    assert model.space.latent == (4, 32, 32)
    mean, log_variance = model.posterior(io["x"])
    assert_same(mean, io["mean"])
    assert_same(log_variance, io["logvar"])
    assert_same(model.decode(io["mean"]), io["recon_from_mode"])
    assert_same(model.decode(io["z"]), io["dec_z"])


def test_kl_without_the_outer_convolutions_and_attention_decodes_as_it_is():
    state, io, config = stored("autoencoder_kl/sd_like")
    bare = {name: tensor for name, tensor in state.items() if "quant_conv" not in name and ".attentions." not in name}
    model = autoencoder_kl.FAMILY(bare, config)

    assert model.space.latent == (4, 32, 32)
    assert_same(model.decode(io["z"]), model.decoder(io["z"]))
    assert_same(model.read(io["x"]), model.encoder(io["x"])[:, :4])


def test_kl_guesses_the_groups_only_where_no_config_gives_them():
    state, _, config = stored("autoencoder_kl/sd_like")

    assert autoencoder_kl.FAMILY(state, config).encoder.conv_norm_out.num_groups == 4
    assert autoencoder_kl.FAMILY(state).encoder.conv_norm_out.num_groups == 8


@pytest.mark.parametrize(("count", "channels", "side"), [(1, 8, 300), (2, 64, 33)])
@pytest.mark.parametrize("grows", [False, True])
def test_a_norm_is_exact_where_the_mean_is_far_from_zero(count, channels, side, grows):
    torch.manual_seed(2)
    norm = torch.nn.GroupNorm(4, channels, 1e-6)
    x = torch.randn(count, channels, side, side) + 30
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_(grows)
    with torch.set_grad_enabled(grows):
        ours = normed(norm, x, F.silu)

    assert (ours - F.silu(norm.double()(x.double()))).abs().max() < 5e-5


# VQ


VQ_LAYOUTS = {
    "diffusers": lambda state: state,
    "original": lambda state: {**original(state, 3), "loss.perceptual_loss.lin0.model.1.weight": torch.zeros(1, 3, 1, 1)},
}


@pytest.mark.parity
@pytest.mark.parametrize("layout", VQ_LAYOUTS)
def test_vq_reads_and_draws_as_the_original_in_every_layout(layout):
    state, io, config = stored("vq/diffusers_vqmodel")
    state = VQ_LAYOUTS[layout](state)
    model = vq.FAMILY(state, config)

    assert families_that_claim(state) == ["vq"]
    h = model.read(io["x"])
    assert_same(h, io["h"])
    assert torch.equal(model.indices(h).flatten(1), io["indices"])
    assert_same(model.decode(h), io["dec"])
    assert_same(model.decode(h, snap=False), io["dec_noquant"])


def test_vq_with_a_projection_takes_the_code_of_the_highest_score():
    state, io, config = stored("vq/diffusers_vqmodel")
    state["quantize.embed.weight"] = state.pop("quantize.embedding.weight")
    state["quantize.proj.weight"], state["quantize.proj.bias"] = torch.randn(64, 3, 1, 1), torch.randn(64)
    model = vq.FAMILY(state, config)
    scores = F.conv2d(io["h"], state["quantize.proj.weight"], state["quantize.proj.bias"])
    codes = state["quantize.embed.weight"][scores.argmax(1)].permute(0, 3, 1, 2)

    assert families_that_claim(state) == ["vq"]
    assert_same(model.decode(io["h"]), model.decode(codes, snap=False))


# The tiny autoencoder


def original_tiny(state):
    """The two original files in one: bare numbers, the decoder's one higher for the clamp before it."""
    return rewritten(
        state,
        (r"encoder\.layers\.", "taesd_encoder."),
        (r"decoder\.layers\.(\d+)", lambda m: f"taesd_decoder.{int(m[1]) + 1}"),
    )


@pytest.mark.parity
@pytest.mark.parametrize("layout", [lambda state: state, original_tiny], ids=["diffusers", "original"])
def test_tiny_reads_and_draws_as_the_original_in_every_layout(layout):
    state, io, config = stored("autoencoder_tiny/taesd_like")
    state = layout(state)
    model = autoencoder_tiny.FAMILY(state, config)

    assert families_that_claim(state) == ["autoencoder_tiny"]
    assert model.space.latent == (4, 32, 32)
    assert_same(model.read(io["x"]), io["latents"])
    assert_same(model.decode(io["latents"]), io["recon"])
    assert_same(model.decode(io["z"]), io["dec_z"])


def test_the_decoder_alone_draws_smooth_fields_and_reads_nothing():
    state, io, _ = stored("autoencoder_tiny/taesd_like")
    state = {name.removeprefix("taesd_decoder."): x for name, x in original_tiny(state).items() if "decoder" in name}
    model = autoencoder_tiny.FAMILY(state)
    w = model.mapping(latent.sample(1, model.space.z_dim))

    assert families_that_claim(state) == ["autoencoder_tiny"]
    assert not model.space.has_encoder
    assert model.space.z_dim == 4 * 16
    assert 0.3 < w.std() < 1.5
    assert_same(model.decode(io["z"]), io["dec_z"])


def test_the_encoder_alone_is_refused():
    state, _, _ = stored("autoencoder_tiny/taesd_like")
    state = {name.removeprefix("taesd_encoder."): x for name, x in original_tiny(state).items() if "encoder" in name}

    with pytest.raises(BadWeights, match="the encoder alone"):
        autoencoder_tiny.FAMILY(state)


# What all of them promise


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return FAMILIES[request.param](state_of(request.param))


def test_four_pictures_unlike_each_other_are_drawn_in_any_number_of_channels():
    grey, colour, opaque = (drawn(64, channels) for channels in (1, 3, 4))

    assert colour.abs().max() <= 1
    assert torch.allclose(grey, colour.mean(1, keepdim=True))
    assert (opaque[:, 3] == 1).all()
    assert all((colour[i] - colour[j]).abs().mean() > 0.3 for i in range(4) for j in range(i))


def test_a_seed_is_a_collage_of_what_was_encoded(model):
    z = torch.full((4, 4, 4, 4), -3.0)
    for i in range(4):
        z[i, i] = 3.0
    w = model.mapping(z.flatten(1))

    assert torch.allclose(w.flatten(1), model.examples.flatten(1), atol=1e-3)
    pictures = drawn(model.space.image_size, model.space.channels)
    assert torch.allclose(model.encode(pictures), w, atol=1e-2)


def test_any_size_of_picture_is_read(model):
    x = torch.rand(1, model.space.channels, 50, 70) * 2 - 1

    assert model.encode(x).shape == (1, 1, model.space.w_dim)


def test_the_mean_is_one_tone_in_each_channel(model):
    channels = model.w_mean.reshape(model.latent)

    assert torch.equal(channels, channels[:, :1, :1].expand_as(channels))


def test_a_smaller_picture_resembles_the_large_one():
    state, _, config = stored("autoencoder_tiny/taesd_like")
    model = autoencoder_tiny.FAMILY(state, config)
    w = model.mapping(latent.sample(5, model.space.z_dim))
    large, small = model.synthesis(w), model.synthesis(w, size=128)

    assert small.shape[2:] == (128, 128)
    assert torch.equal(large, model.synthesis(w, size=256))
    assert (F.avg_pool2d(large, 2) - small).abs().mean() < 0.3 * large.std()


def test_directions_are_the_channels_one_sigma_long(model):
    found = directions(model, samples=64)
    channels = model.latent[0]

    assert list(found) == names(model.space)
    assert [name for name in found if name.startswith("channel")] == [f"channel{i + 1}" for i in range(channels)]
    assert not any(name.startswith("sefa") for name in found)
    first = found["channel1"].reshape(model.latent)
    assert first[0].std() == pytest.approx(0, abs=1e-6)
    assert first[0].mean() > 0
    assert (first[1:] == 0).all()


def test_principal_axes_are_those_of_the_singular_value_decomposition(model):
    found = directions(model, samples=64)
    w = model.mapping(torch.cat([latent.sample(seed, model.space.z_dim) for seed in range(64)]))[:, 0]
    axes = torch.linalg.svd(w - w.mean(0), full_matrices=False).Vh

    for number in (1, 2, 3):
        axis = found[f"pca{number}"]
        assert abs(float(axis @ axes[number - 1]) / axis.norm()) == pytest.approx(1, abs=1e-2)


def test_a_latent_of_many_channels_has_no_direction_for_each():
    space = replace(FAMILIES["vq"](state_of("vq")).space, latent=(256, 16, 16), w_dim=65536)

    assert names(space) == [f"{kind}{number}" for kind in ("pca", "sefa") for number in range(1, 7)]


def test_style_weights_have_the_singular_vectors_of_the_kernels_sums(model):
    kernels = model.first_kernels().sum((2, 3))
    rows = model.style_weights().reshape(-1, *model.latent).sum((2, 3))

    assert torch.allclose(rows.T @ rows, kernels.T @ kernels, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tensor_too_many_or_too_few_is_named(kind):
    state = state_of(kind)
    extra = "decoder.99.extra" if kind == "autoencoder_tiny" else "decoder.extra.weight"
    with pytest.raises(BadWeights, match=re.escape(extra)):
        FAMILIES[kind]({**state, extra: torch.zeros(1)})
    lost = "decoder.1.conv.2.bias" if kind == "autoencoder_tiny" else "decoder.mid_block.resnets.1.conv2.bias"
    state.pop(lost)
    with pytest.raises(BadWeights, match=re.escape(lost)):
        FAMILIES[kind](state)


@pytest.mark.parametrize("setting", [{"upsample_fn": "bilinear"}, {"upsampling_scaling_factor": 4}])
def test_tiny_refuses_another_way_to_grow(setting):
    with pytest.raises(BadWeights, match=next(iter(setting))):
        FAMILIES["autoencoder_tiny"](state_of("autoencoder_tiny"), setting)


@pytest.mark.parametrize("part", ["encoder.down_blocks.0.downsamplers", "decoder.up_blocks.0.upsamplers"])
def test_a_level_that_keeps_the_size_is_named(part):
    state, _, config = stored("autoencoder_kl/sd_like")
    state = {name: tensor for name, tensor in state.items() if not name.startswith(part)}

    with pytest.raises(BadWeights, match=rf"{re.escape(part.rpartition('.')[0])}.+changes the size"):
        autoencoder_kl.FAMILY(state, config)


@pytest.mark.parametrize(("kind", "act"), [("autoencoder_kl", "snake"), ("vq", "snake"), ("autoencoder_tiny", "snake")])
def test_an_activation_that_is_not_known_is_quoted(kind, act):
    with pytest.raises(BadWeights, match=act):
        FAMILIES[kind](state_of(kind), {"act_fn": act})


# The textbooks that the speed is measured against


ACTS = {"silu": F.silu, "relu": F.relu, "gelu": F.gelu, "mish": F.mish}


@pytest.mark.parametrize("act", ACTS)
def test_kl_decodes_as_the_textbook_does(act):
    state, z = autoencoders.kl_state((32, 64)), torch.randn(1, 4, 9, 7, generator=torch.Generator().manual_seed(1))

    theirs = autoencoders.kl_decode(state, z, ACTS[act])
    assert (autoencoder_kl.FAMILY(state, {"act_fn": act}).decode(z) - theirs).abs().max() <= 1e-4 * theirs.abs().max()


@pytest.mark.parametrize("config", [{}, {"latent_magnitude": 1, "act_fn": "relu"}, {"act_fn": "silu"}, {"act_fn": "gelu"}])
def test_tiny_decodes_as_the_textbook_does(config):
    """The magnitude of the settings is that of a latent stored as a picture; the decoder's own is fixed."""
    state, z = autoencoders.tiny_state(8), torch.randn(2, 4, 9, 7, generator=torch.Generator().manual_seed(1))

    theirs = autoencoders.tiny_decode(state, z, ACTS[config.get("act_fn", "relu")])
    assert (autoencoder_tiny.FAMILY(state, config).decode(z) - theirs).abs().max() <= 1e-4 * theirs.abs().max()
