import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from genart import latent, memo, resident
from genart import studio as studio_module
from genart.catalogue import Entry
from genart.device import pick_device
from genart.errors import BadRecipe, BadWeights, GenartError, Refused, UnknownModel
from genart.families import FAMILIES
from genart.forward import to_pixels
from genart.recipe import Anchor, LayerSwap, Noise, Offset, Recipe, Step, pack_vector, unpack_vector
from genart.studio import Studio
from tests.reference import stylegan2 as reference
from tests.tiny import TINY, WITH_CLASSES, save

NAMES = [*FAMILIES, *(f"{family}-classes" for family in WITH_CLASSES)]
SOON = 10


@pytest.fixture
def own_studio(entries):
    """A studio that no other test has used."""
    return Studio("cpu", entries)


def out_of_memory(*_args, **_kwargs):
    raise torch.OutOfMemoryError("out of memory")


def test_every_family_has_a_tiny_model():
    assert TINY.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_gives_the_same_bytes_again_and_in_a_new_studio(name, studio, entries):
    recipe = Recipe(name, (Anchor(3, 0.6), Anchor(4, 0.4)), 0.9)
    pixels = studio.render(recipe)

    assert pixels.shape[2] == 3
    assert pixels.dtype == np.uint8
    assert pixels.std() > 5
    assert studio.render(recipe).tobytes() == pixels.tobytes()
    assert Studio("cpu", entries).render(recipe).tobytes() == pixels.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_other_seeds_give_other_pictures(name, studio):
    assert (studio.render(Recipe(name, (Anchor(1),))) != studio.render(Recipe(name, (Anchor(2),)))).any()


@pytest.mark.parametrize("name", NAMES)
def test_psi_0_gives_the_mean_picture_whatever_the_seed(name, studio):
    pictures = [studio.render(Recipe(name, (Anchor(seed),), psi=0.0)) for seed in (1, 2)]
    resident = studio.resident(name).loaded.generator
    mean = to_pixels(resident.synthesis(resident.w_mean.expand(1, resident.space.num_ws, -1)))

    assert (pictures[0] == pictures[1]).all()
    assert np.abs(pictures[0].astype(int) - mean).max() <= 1


def test_a_remembered_picture_is_the_same_array_and_took_no_time(studio):
    recipe = Recipe("vae", (Anchor(77),))
    first, second = (studio.submit("visitor", recipe).result(SOON) for _ in range(2))

    assert first.ms > 0
    assert second.ms == 0
    assert second.pixels is first.pixels
    assert (second.point == first.point).all()


def test_a_remembered_picture_cannot_be_spoilt_by_who_got_it(studio):
    pixels = studio.render(Recipe("vae", (Anchor(78),)))

    with pytest.raises(ValueError, match="read-only"):
        pixels[:] = 0


def test_what_is_remembered_stays_within_its_bytes(own_studio, monkeypatch):
    monkeypatch.setattr(memo, "MEMO_BYTES", 3 * (8 * 8 * 3 + memo.KEY_BYTES))
    for seed in range(5):
        own_studio.render(Recipe("vae", (Anchor(seed),)))

    assert own_studio.submit("visitor", Recipe("vae", (Anchor(4),))).result(SOON).ms == 0
    assert own_studio.submit("visitor", Recipe("vae", (Anchor(0),))).result(SOON).ms > 0


# Sizes and previews.


@pytest.mark.parametrize(("size", "side"), [(1, 4), (4, 4), (5, 8), (8, 8), (9, 16), (16, 16), (4096, 16), (None, 16)])
def test_stylegan2_stops_at_the_next_size_it_has(size, side, studio):
    assert studio.render(Recipe("stylegan2"), size=size).shape == (side, side, 3)
    assert studio.raw(Recipe("stylegan2"), size=size).shape == (1, 3, side, side)


def test_a_preview_of_a_family_with_one_size_is_the_whole_picture(studio):
    recipe = Recipe("vae", (Anchor(5),), finish=(Step("blocks", (("size", 32.0),)),))

    assert (studio.render(recipe, size=4) == studio.render(recipe)).all()
    assert studio.render(recipe).shape == (32, 32, 3)


@pytest.mark.parametrize("size", [0, -8])
def test_a_size_below_1_is_quoted(size, studio):
    for render in (studio.render, studio.raw):
        with pytest.raises(BadRecipe, match=f"size {size} is out of range"):
            render(Recipe("stylegan2"), size=size)


def test_a_picture_that_would_take_too_long_is_shown_smaller(own_studio):
    own_studio.resident("stylegan2").ms_by_size.update({4: 1.0, 8: 30.0, 16: 500.0})
    frames = [own_studio.submit("visitor", Recipe("stylegan2"), within_ms=ms).result(SOON) for ms in (40.0, 0.001, None)]

    assert [(frame.pixels.shape[0], frame.full) for frame in frames] == [(8, False), (4, False), (16, True)]


def test_finishing_steps_are_applied_in_order(studio):
    recipe = Recipe("vae", finish=(Step("enlarge", (("size", 16.0),)), Step("blocks", (("size", 64.0),))))
    pixels = studio.render(recipe)

    assert pixels.shape == (64, 64, 3)
    assert (pixels[::4, ::4].repeat(4, 0).repeat(4, 1) == pixels).all()


@pytest.mark.parametrize(
    "step", [Step("blur"), Step("enlarge"), Step("enlarge", (("size", 0.0),)), Step("blocks", (("pixels", 3.0),))]
)
def test_a_wrong_finishing_step_is_named(step, studio):
    with pytest.raises(BadRecipe, match=f"{step.name}|size"):
        studio.render(Recipe("vae", finish=(step,)))


# What a recipe says is what is drawn.


@pytest.mark.parametrize("family", WITH_CLASSES)
def test_a_class_mix_ends_at_the_pure_classes(family, studio):
    def picture(label):
        return studio.raw(Recipe(f"{family}-classes", (Anchor(5, label=label),)))

    assert np.allclose(picture(((0, 1.0), (2, 0.0))), picture(0), atol=1e-6)
    assert np.allclose(picture(((0, 0.0), (2, 3.0))), picture(2), atol=1e-6)
    assert not np.allclose(picture(0), picture(2), atol=1e-3)


def test_controls_of_the_family_move_the_picture(studio):
    still = Recipe("stylegan3", (Anchor(5),))
    moved = replace(still, controls=(("translate_x", 0.1), ("rotate", 20.0)))
    generator = studio.resident("stylegan3").loaded.generator
    w = generator.mapping(latent.sample(5, generator.space.z_dim))
    w = latent.truncate(w, generator.w_mean, still.psi)

    assert (studio.raw(replace(still, controls=(("rotate", 0.0),))) == studio.raw(still)).all()
    assert np.allclose(studio.raw(moved), generator.synthesis(w, translate_x=0.1, rotate=20.0), atol=1e-5)
    assert not np.allclose(studio.raw(moved), studio.raw(still), atol=1e-2)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (Recipe("stylegan3", controls=(("rotte", 1.0),)), "no control 'rotte'; it has translate_x, translate_y, rotate"),
        (Recipe("vae", controls=(("rotate", 1.0),)), "no control 'rotate'; it has none"),
        (Recipe("stylegan3", controls=(("rotate", 361.0),)), "rotate 361.0 is out of range; use a number from -360 to 360"),
    ],
)
def test_a_control_that_is_not_there_or_goes_too_far_is_named(recipe, words, studio):
    with pytest.raises(BadRecipe, match=words):
        studio.render(recipe)


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_latent_gives_the_picture_of_its_seed(name, studio):
    seeded = Recipe(name, (Anchor(6),))
    z = studio.submit("visitor", seeded).result(SOON).point
    stored = replace(seeded, anchors=(Anchor(vector=pack_vector(z, "z")),))

    assert (studio.raw(stored) == studio.raw(seeded)).all()


@pytest.mark.parametrize("rows", ["one", "all"])
@pytest.mark.parametrize("name", NAMES)
def test_a_stored_w_is_drawn_as_it_is(name, rows, studio):
    generator = studio.resident(name).loaded.generator
    w = torch.randn(1, 1 if rows == "one" else generator.space.num_ws, generator.space.w_dim)
    drawn = studio.raw(Recipe(name, (Anchor(vector=pack_vector(w[0].numpy(), "w")),), psi=1.0))

    assert np.allclose(drawn, generator.synthesis(w.expand(1, generator.space.num_ws, -1)).numpy(), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_style_mixing_of_all_layers_gives_the_other_picture(name, studio):
    rows = studio.resident(name).loaded.generator.space.num_ws
    mixed = Recipe(name, (Anchor(1),), layers=(LayerSwap(Anchor(2), (0, rows)),))

    assert np.allclose(studio.raw(mixed), studio.raw(Recipe(name, (Anchor(2),))), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_direction_moves_the_picture_at_every_psi_and_0_sigma_does_not(name, studio):
    still = Recipe(name, (Anchor(1),), psi=0.0)

    assert (studio.raw(replace(still, offsets=(Offset("pca1", 3.0),))) != studio.raw(still)).any()
    assert (studio.raw(replace(still, offsets=(Offset("pca1", 0.0),))) == studio.raw(still)).all()


def test_noise_does_what_its_mode_says(studio):
    def picture(*noise):
        return studio.raw(Recipe("stylegan2", noise=Noise(*noise)))

    assert (picture("random", 3) == picture("random", 3)).all()
    assert (picture("random", 3) != picture("random", 4)).any()
    assert (picture("const") != picture("none")).any()
    assert (picture("const", 0, 0.0) == picture("none")).all()


def test_grey_and_transparent_pictures_become_colour():
    assert to_pixels(torch.zeros(1, 1, 2, 2)).shape == (2, 2, 3)
    assert to_pixels(torch.zeros(1, 4, 2, 2)).shape == (2, 2, 3)
    assert to_pixels(torch.tensor([-9.0, -1.0, 0.0, 1.0]).reshape(1, 1, 1, 4))[0, :, 0].tolist() == [0, 0, 128, 255]


# What a model does not have.


@pytest.mark.parametrize(
    ("recipe", "quoted"),
    [
        (Recipe("dcgan", (Anchor(label=3),)), "label 3 .* no classes"),
        (Recipe("dcgan-classes", (Anchor(label=3),)), "label 3 .* classes 0 to 2"),
        (Recipe("dcgan-classes", (Anchor(label=((0, 1.0), (9, 0.0))),)), "label 9 .* classes 0 to 2"),
        (Recipe("dcgan", offsets=(Offset("smile", 1.0),)), "'smile'; it has pca1, "),
        (Recipe("stylegan2", offsets=(Offset("pca1", 1.0, (5, 7)),)), r"\(5, 7\) .* layers 0 to 6"),
        (Recipe("stylegan2", layers=(LayerSwap(Anchor(), (0, 7)),)), r"\(0, 7\) .* layers 0 to 6"),
        (Recipe("stylegan2", layers=(LayerSwap(Anchor(label=1), (0, 6)),)), "label 1"),
        (Recipe("dcgan", (Anchor(vector=pack_vector(np.ones(5), "z")),)), r"\(1, 5\) in z; 'dcgan' takes \(1, 12\)"),
        (Recipe("dcgan", (Anchor(vector=pack_vector(np.ones((2, 12)), "z")),)), r"\(2, 12\) in z"),
        (Recipe("stylegan2", (Anchor(vector=pack_vector(np.ones((5, 8)), "w")),)), r"\(5, 8\) in w; 'stylegan2' takes \(6, 8\)"),
    ],
)
def test_what_a_model_does_not_have_is_quoted_and_the_next_picture_comes(recipe, quoted, studio):
    with pytest.raises(BadRecipe, match=quoted):
        studio.render(recipe)
    with pytest.raises(BadRecipe, match=quoted):
        studio.submit("visitor", recipe).result(SOON)
    assert studio.render(Recipe(recipe.model)).any()


def test_an_unknown_model_is_quoted_with_the_nearest_name(studio):
    with pytest.raises(UnknownModel, match="'dcgam'; did you mean 'dcgan'"):
        studio.render(Recipe("dcgam"))
    with pytest.raises(UnknownModel, match="'a poem'; choose one of stylegan2, "):
        studio.resident("a poem")


def test_extreme_recipes_still_give_pictures(studio):
    far = pack_vector(np.full(8, 1e4), "w")
    wild = Recipe(
        "stylegan2",
        (Anchor(1, 100.0), Anchor(2, -99.99999), Anchor(vector=far)),
        psi=2.0,
        offsets=(Offset("pca1", 20.0),) * 64,
        layers=(LayerSwap(Anchor(3), (0, 6)),) * 64,
        noise=Noise("random", 2**32 - 1, 4.0),
    )

    assert studio.render(wild).shape == (16, 16, 3)
    assert np.isfinite(studio.raw(wild)).all()


# Memory.


def test_the_model_longest_unused_is_dropped_when_bytes_run_short(own_studio, monkeypatch):
    monkeypatch.setattr(studio_module, "MODEL_BYTES", sum(own_studio.resident(name).bytes for name in ("dcgan", "vae")))
    own_studio.render(Recipe("dcgan"))
    own_studio.render(Recipe("stylegan2"))
    kept = list(own_studio._residents)

    assert "vae" not in kept
    assert kept[-1] == "stylegan2"


def test_what_layers_keep_beside_their_weights_counts_as_it_grows(own_studio):
    resident = own_studio.resident("stylegan2")
    before = resident.bytes
    packs = [module.packed for module in resident.generator.modules() if hasattr(module, "packed")]
    packs[0].kept_bytes += 1000

    assert resident.bytes == before + 1000


def test_the_limit_holds_while_several_threads_ask_for_different_models(own_studio, studio, monkeypatch):
    monkeypatch.setattr(studio_module, "MODEL_BYTES", own_studio.resident("stylegan2").bytes)
    recipes = [Recipe(name, (Anchor(seed),)) for seed in range(4) for name in NAMES]
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(own_studio.render, recipes))
    kept = [resident.bytes for resident in own_studio._residents.values()]

    assert len(kept) == 1 or sum(kept) <= studio_module.MODEL_BYTES
    assert all((picture == studio.render(recipe)).all() for picture, recipe in zip(pictures, recipes, strict=True))


def test_a_model_larger_than_the_limit_is_kept_while_it_is_used(own_studio, monkeypatch):
    monkeypatch.setattr(studio_module, "MODEL_BYTES", 1)

    assert own_studio.render(Recipe("dcgan")).any()
    assert own_studio.render(Recipe("vae")).any()
    assert list(own_studio._residents) == ["vae"]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("MPS backend out of memory"), MemoryError()]
)
def test_when_memory_runs_out_the_other_models_go_and_the_picture_comes(error, own_studio, monkeypatch):
    own_studio.render(Recipe("dcgan"))
    generator, failures = own_studio.resident("vae").loaded.generator, [error]
    synthesis = generator.synthesis

    def scarce(*args, **kwargs):
        if failures:
            raise failures.pop()
        return synthesis(*args, **kwargs)

    monkeypatch.setattr(generator, "synthesis", scarce)

    assert own_studio.render(Recipe("vae", (Anchor(9),))).any()
    assert failures == []
    assert list(own_studio._residents) == ["vae"]


def test_when_memory_runs_out_twice_one_sentence_says_so_and_the_next_picture_comes(own_studio, monkeypatch):
    monkeypatch.setattr(own_studio.resident("vae").loaded.generator, "synthesis", out_of_memory)

    with pytest.raises(Refused, match="cpu has too little memory for 'vae'"):
        own_studio.render(Recipe("vae"))
    assert own_studio.render(Recipe("dcgan")).any()


def test_when_memory_runs_out_while_loading_the_other_models_go(own_studio, monkeypatch):
    own_studio.resident("dcgan")
    failures, load = [1], resident.load

    def scarce(entry):
        return out_of_memory() if failures and failures.pop() else load(entry)

    monkeypatch.setattr(resident, "load", scarce)

    assert own_studio.render(Recipe("vae")).any()
    assert list(own_studio._residents) == ["vae"]


def test_another_runtime_error_is_not_taken_for_a_lack_of_memory(own_studio, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(own_studio.resident("vae").loaded.generator, "synthesis", broken)

    with pytest.raises(RuntimeError, match="mat1"):
        own_studio.render(Recipe("vae"))


# Threads and devices.


def test_sixteen_threads_that_ask_for_one_model_load_it_once(own_studio, monkeypatch):
    loads, load = [], resident.load
    monkeypatch.setattr(resident, "load", lambda entry: loads.append(entry.name) or load(entry))
    together = threading.Barrier(16)

    def ask(seed):
        together.wait(SOON)
        return own_studio.render(Recipe("stylegan2", (Anchor(seed),)))

    with ThreadPoolExecutor(16) as pool:
        pictures = list(pool.map(ask, range(16)))

    assert loads == ["stylegan2"]
    for seed, picture in enumerate(pictures):
        assert (picture == own_studio.render(Recipe("stylegan2", (Anchor(seed),)))).all()


def test_pictures_come_one_by_one(studio):
    pictures = studio.render_many(Recipe("vae", (Anchor(seed),)) for seed in range(3))

    assert (next(pictures) == studio.render(Recipe("vae", (Anchor(0),)))).all()
    assert len(list(pictures)) == 2


@pytest.mark.parametrize("name", ["", "cuda:99", "tpu", "cpu:7", "cpu:x", "meta", "CPU", "/etc"])
def test_a_device_that_is_not_here_is_quoted(name):
    with pytest.raises(GenartError, match=f"Device '{name}'"):
        pick_device(name)


def test_a_device_is_found_by_itself():
    assert pick_device().type in ("cuda", "mps", "xpu", "cpu")
    assert pick_device("cpu") == torch.device("cpu")


# Weights that are not what the catalogue says.


def test_a_stamped_recipe_carries_the_sha256_of_the_weights(studio, entries):
    assert studio.stamped(Recipe("vae")).weights == entries["vae"].sha256


def test_other_weights_than_the_catalogue_records_are_refused(entries):
    with pytest.raises(BadWeights, match=r"'vae.safetensors' is not the one recorded"):
        Studio("cpu", {"vae": replace(entries["vae"], sha256="0" * 64)}).render(Recipe("vae"))


def test_a_model_that_failed_to_load_loads_once_its_file_is_there(entries, tmp_path):
    path = tmp_path / "late.safetensors"
    own = Studio("cpu", {"late": replace(entries["vae"], file=str(path))})
    with pytest.raises(BadWeights, match="missing"):
        own.render(Recipe("late"))
    path.write_bytes(Path(entries["vae"].file).read_bytes())

    assert own.render(Recipe("late")).any()


def test_loading_is_told_to_the_operator(own_studio, caplog):
    with caplog.at_level(logging.INFO, "genart.studio"):
        own_studio.warm_up("vae")

    assert "loaded vae" in caplog.text


@pytest.mark.parametrize("family", WITH_CLASSES)
def test_all_classes_in_one_picture_are_the_pictures_of_each(family, studio):
    name = f"{family}-classes"
    classes = studio.resident(name).loaded.generator.space.num_classes
    recipe = Recipe(name, (Anchor(3),), 0.9, all_classes=True)
    sheet = studio.render(recipe).astype(int)

    columns = math.ceil(classes**0.5)
    rows = math.ceil(classes / columns)
    for label in range(classes):
        one = studio.render(Recipe(name, (Anchor(3, label=label),), 0.9)).astype(int)
        side, gap = one.shape[0], max(1, one.shape[0] // 16)
        top, left = (gap + (side + gap) * place for place in divmod(label, columns))
        top += (columns - rows) * (side + gap) // 2
        assert np.abs(sheet[top : top + side, left : left + side] - one).max() <= 1
    assert sheet.shape[0] == sheet.shape[1] == gap + columns * (side + gap)
    assert (sheet[:gap] == 0).all()


def test_all_classes_of_a_model_that_has_none_are_refused(studio):
    with pytest.raises(BadRecipe, match="'vae' has 0 classes"):
        studio.render(Recipe("vae", all_classes=True))


def test_directions_beside_the_weights_come_first_and_move_the_picture(tmp_path):
    entry = save(tmp_path, "mine", "vae")
    save_file({"hat": torch.ones(10)}, entry.directions)
    own = Studio("cpu", {"mine": entry})

    assert own.direction_names("mine")[0] == "hat"
    assert (own.render(Recipe("mine", offsets=(Offset("hat", 2.0),))) != own.render(Recipe("mine"))).any()


def test_a_direction_of_another_model_is_refused(tmp_path):
    entry = save(tmp_path, "mine", "vae")
    save_file({"hat": torch.ones(3)}, entry.directions)

    with pytest.raises(BadWeights, match="'hat' in 'mine.directions.safetensors' has shape"):
        Studio("cpu", {"mine": entry}).render(Recipe("mine"))


# Pictures are read.


@pytest.mark.parametrize("name", ["vae", "autoencoder_kl", "autoencoder_tiny", "vq"])
def test_a_picture_becomes_an_anchor_that_mixes_with_seeds(name, studio):
    pixels = studio.render(Recipe(name, (Anchor(5),), psi=1.0))
    wide = np.concatenate([np.zeros_like(pixels[:, :8]), pixels, np.zeros_like(pixels[:, :8])], axis=1)
    anchor = studio.read(name, pixels)

    assert studio.read(name, wide) == anchor
    assert studio.read(name, 255 - pixels) != anchor
    mixed = Recipe(name, (replace(anchor, weight=0.5), Anchor(2, 0.5)))
    assert Recipe.from_text(mixed.to_text()) == mixed
    assert studio.render(mixed).shape == pixels.shape


def test_a_picture_is_read_as_its_encoder_reads_it(studio):
    generator = studio.resident("autoencoder_kl").loaded.generator
    x = (torch.rand(1, 1, 256, 256) * 255).round()
    pixels = x[0].expand(3, -1, -1).permute(1, 2, 0).numpy().astype(np.uint8)
    _, values = unpack_vector(studio.read("autoencoder_kl", pixels).vector)
    expected = generator.encode(x / 127.5 - 1)[0]

    assert np.abs(values - expected.numpy()).max() <= 2e-3 * max(1, expected.abs().max())


def test_a_model_without_an_encoder_reads_no_picture(studio):
    with pytest.raises(BadRecipe, match="'dcgan' reads no pictures"):
        studio.read("dcgan", np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize("name", ["autoencoder_kl", "autoencoder_tiny"])
def test_a_spot_paints_a_direction_in_one_place(name, studio):
    def picture(*offsets):
        return studio.raw(Recipe(name, (Anchor(5),), psi=1.0, offsets=offsets))

    plain, painted = picture(), picture(Offset("channel1", 15.0, spot=(0.25, 0.25, 0.05)))
    moved = np.abs(painted - plain).mean(1)[0]

    assert moved[:128, :128].mean() > 3 * moved[128:, 128:].mean()


def test_what_is_no_picture_cannot_be_painted(studio):
    with pytest.raises(BadRecipe, match="'vae' cannot be painted"):
        studio.render(Recipe("vae", offsets=(Offset("pca1", 1.0, spot=(0.5, 0.5, 0.1)),)))


@pytest.fixture
def toned_studio(tmp_path, monkeypatch):
    """A studio with a StyleGAN2 of 32 pixels whose last blocks add much, and which nobody has used."""
    monkeypatch.setattr("genart.studio.QUIET_SECONDS", 0.0)
    state = reference.random_state([8, 8, 6, 4])
    for r, share in ((4, 0.02), (8, 0.05), (16, 0.05), (32, 0.1)):
        state[f"synthesis.b{r}.torgb.weight"] *= share
        state[f"synthesis.b{r}.torgb.bias"] = torch.tensor([0.4, -0.2, 0.1]) * (r / 32)
    path = tmp_path / "toned.safetensors"
    save_file(state, path)
    return Studio("cpu", {"toned": Entry("toned", str(path), None, "GAN", "CC0-1.0", "toned")})


def off(studio, seed, size):
    """By how much a live preview differs from the picture that follows it, of the same size."""
    recipe = Recipe("toned", (Anchor(seed),))
    frame = studio._turns.run(lambda: studio._frame(recipe, size, toned=True)).pixels.astype(float)
    share = 32 // size
    whole = studio.render(recipe).astype(float).reshape(size, share, size, share, 3).mean((1, 3))
    return np.abs(frame - whole).mean(), np.abs(frame.mean((0, 1)) - whole.mean((0, 1))).max()


@pytest.mark.parametrize("size", [8, 16])
def test_tones_bring_a_preview_nearer_to_the_whole_picture(size, toned_studio):
    seeds = range(100, 108)
    before = np.mean([off(toned_studio, seed, size) for seed in seeds], axis=0)
    toned_studio.find_tones("toned")
    after = np.mean([off(toned_studio, seed, size) for seed in seeds], axis=0)
    assert (after < before).all(), (before, after)


def test_tones_leave_stills_as_they_were(toned_studio):
    recipe = Recipe("toned", (Anchor(3),))
    pictures = [toned_studio.render(recipe, size=size) for size in (8, 16, None)]
    toned_studio.find_tones("toned")
    for size, picture in zip((8, 16, None), pictures, strict=True):
        assert np.array_equal(toned_studio.render(recipe, size=size), picture)
    assert set(toned_studio.resident("toned").tones) == {4, 8, 16}


def test_a_model_without_previews_needs_no_tones(own_studio):
    own_studio.find_tones("dcgan")
    assert own_studio.resident("dcgan").tones == {}


def test_a_resumed_picture_has_the_bytes_of_a_new_studios(toned_studio, tmp_path):
    fine = Recipe("toned", (Anchor(1),), layers=(LayerSwap(Anchor(2), (6, 8)),))
    toned_studio.render(Recipe("toned", (Anchor(1),)))
    resumed = toned_studio.render(fine)
    assert toned_studio.resident("toned").prefixes[0].resumed
    assert np.array_equal(Studio("cpu", toned_studio.entries).render(fine), resumed)
