"""Children of recipes: what they inherit, in every family."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient

from genart.breed import CHILDREN, CROSSES, GENES, MAX_LIKES, MAX_PARENTS, Like, Settings, breed, genes
from genart.errors import BadRecipe
from genart.forward import styles
from genart.recipe import Anchor, LayerSwap, Offset, Recipe, pack_vector, unpack_vector
from genart.ui.breeding import Breeding
from genart.ui.live import Live
from genart.ui.tools import breed as tool
from tests.tiny import ONLY_WITH_CLASSES, TINY, WITH_CLASSES

MODELS = [*TINY, *(f"{name}-classes" for name in WITH_CLASSES)]
PICTURES = ["autoencoder_kl", "autoencoder_tiny", "vq"]


def seed_of(model, seed, **more):
    label = 1 if model.endswith("-classes") or model in ONLY_WITH_CLASSES else None
    return Recipe(model, (Anchor(seed, label=label),), **more)


def in_w(studio, recipe):
    """The same point, as one of w."""
    generator = studio.resident(recipe.model).loaded.generator
    with torch.inference_mode():
        w = styles(replace(recipe, psi=1.0), generator, {})[0].numpy()
    return replace(recipe, anchors=(Anchor(label=recipe.anchors[0].label, vector=pack_vector(w, "w")),))


def space_of(studio, recipe):
    return unpack_vector(recipe.anchors[0].vector)[0]


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_every_family_has_children_that_can_be_drawn_and_differ(studio, model, stored):
    parents = [seed_of(model, 1), seed_of(model, 2)]
    if stored:
        parents[0] = in_w(studio, parents[0])
    children = breed(studio, parents, Settings(), 5)
    pictures = [studio.render(child) for child in children]

    assert len(children) == 9
    assert space_of(studio, children[0]) == ("w" if stored else "z")
    assert len({picture.tobytes() for picture in pictures}) > 5


@pytest.mark.parametrize("model", MODELS)
def test_without_mutation_the_child_of_one_parent_is_its_exact_picture(studio, model):
    parent = seed_of(model, 3, psi=0.9, offsets=(Offset("pca1", 1.0),))
    children = breed(studio, [parent, parent], Settings(mutation=0.0), 5)

    assert set(children) == {parent}
    assert np.array_equal(studio.render(children[0]), studio.render(parent))


@pytest.mark.parametrize("model", ["stylegan2-classes", "vae-classes", "dcgan", "autoencoder_kl"])
@pytest.mark.parametrize("stored", [False, True])
def test_the_least_mutation_is_nearly_the_parent(studio, model, stored):
    parent = in_w(studio, seed_of(model, 3)) if stored else seed_of(model, 3)
    child = breed(studio, [parent], Settings(mutation=1e-4), 5)[0]

    assert np.abs(studio.raw(child) - studio.raw(parent)).max() < 0.02


@pytest.mark.parametrize("cross", CROSSES)
@pytest.mark.parametrize("classes", GENES)
def test_the_same_parents_settings_and_seed_give_the_same_children_and_another_seed_others(studio, cross, classes):
    parents = [seed_of("stylegan2-classes", seed) for seed in (1, 2)]
    settings = Settings(cross=cross, classes=classes)
    likes = [Like(parents[0], 1), Like(parents[1], -1)]

    assert breed(studio, parents, settings, 5) == breed(studio, parents, settings, 5)
    assert breed(studio, parents, settings, 5, likes) == breed(studio, parents, settings, 5, likes)
    assert not set(breed(studio, parents, settings, 5)) & set(breed(studio, parents, settings, 6))


def test_full_mutation_is_a_fresh_seed(studio):
    child = breed(studio, [seed_of("dcgan", 3)], Settings(mutation=1.0), 5)[0]

    assert child == Recipe("dcgan", (Anchor(child.anchors[0].seed),))


@pytest.mark.parametrize("model", ["stylegan2-classes", "dcgan", "vae", "autoencoder_tiny"])
def test_after_sixty_generations_a_child_is_as_small_and_as_far_from_the_middle_as_the_first(studio, model):
    settings = Settings(mutation=0.3, cross="both")
    parents = list(breed(studio, [seed_of(model, 1), seed_of(model, 2)], settings, 0)[:2])
    first = max(len(one.to_json()) for one in parents)
    lengths = []
    for seed in range(60):
        parents = list(breed(studio, parents, settings, seed, count=2))
        lengths.append(np.linalg.norm(unpack_vector(parents[0].anchors[0].vector)[1]))

    assert max(len(one.to_json()) for one in parents) < first + 40
    size = np.sqrt(studio.resident(model).loaded.generator.space.z_dim)
    assert 0.6 * size < np.mean(lengths[-20:]) < 1.4 * size


@pytest.mark.parametrize("stored", [False, True])
def test_layers_are_inherited_whole(studio, stored):
    parents = [seed_of("stylegan2", seed) for seed in (1, 2)]
    parents = [in_w(studio, one) for one in parents] if stored else parents
    generator = studio.resident("stylegan2").loaded.generator
    with torch.inference_mode():
        ws = [styles(replace(one, psi=1.0), generator, {})[0] for one in parents]
        for child in breed(studio, parents, Settings(mutation=0.0, cross="layers"), 5):
            w = styles(replace(child, psi=1.0), generator, {})[0]
            assert all(min((row - own[at]).abs().max() for own in ws) < 0.02 for at, row in enumerate(w))


def test_style_mixing_of_a_parent_is_inherited(studio):
    parent = seed_of("stylegan2", 1, layers=(LayerSwap(Anchor(9), (2, 4)),))
    child = breed(studio, [parent], Settings(mutation=1e-4), 5)[0]

    assert [swap.layers for swap in child.layers][:1] == [(2, 4)]
    assert np.abs(studio.raw(child) - studio.raw(parent)).max() < 0.02


def labels(children):
    return [child.anchors[0].label for child in children]


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("model", ["stylegan2-classes", "vae-classes", "biggan"])
def test_a_class_is_a_parents_or_shared_or_changes(studio, model, stored):
    parents = [Recipe(model, (Anchor(seed, label=label),)) for seed, label in ((1, 0), (2, 2))]
    parents = [in_w(studio, one) for one in parents] if stored else parents

    assert set(labels(breed(studio, parents, Settings(classes="parent"), 5))) == {0, 2}
    shared = labels(breed(studio, parents, Settings(classes="shares"), 5))
    assert all(isinstance(label, tuple) and abs(sum(share for _, share in label) - 1) < 0.01 for label in shared)
    assert 1 in labels(breed(studio, parents, Settings(classes="mutate"), 5, count=30))


def test_what_is_no_point_is_mixed_by_the_same_shares(studio):
    parents = [seed_of("dcgan", 1, psi=0.4), seed_of("dcgan", 2, psi=1.0, offsets=(Offset("pca1", 2.0),))]
    children = breed(studio, parents, Settings(mutation=0.2), 5)

    assert all(0.4 < child.psi < 1.0 for child in children)
    assert all(0 < child.offsets[0].sigma < 2 for child in children)


def test_many_directions_of_many_parents_still_make_a_recipe(studio):
    layers = [None, (0, 1)]
    parents = [
        seed_of(
            "autoencoder_kl", seed, offsets=tuple(Offset("pca1", 1.0, layers[n % 2], (n / 64, seed / 8, 0.5)) for n in range(64))
        )
        for seed in range(8)
    ]

    assert len(breed(studio, parents, Settings(), 5)[0].offsets) <= 64


def test_likes_choose_among_the_children(studio):
    parent = seed_of("dcgan", 1)
    seen = breed(studio, [parent], Settings(mutation=1.0), 5)
    liked = breed(studio, [seen[0]], Settings(mutation=0.1), 6)
    likes = [*(Like(one, 1, 0) for one in liked), *(Like(one, -1, 0) for one in seen[1:])]
    chosen = breed(studio, [seen[0], seen[1]], Settings(mutation=0.2, explore=0.0), 7, likes)
    by_chance = breed(studio, [seen[0], seen[1]], Settings(mutation=0.2), 7)

    def near(children):
        target = studio.raw(seen[0])
        return np.mean([np.abs(studio.raw(child) - target).mean() for child in children])

    assert near(chosen) < 0.8 * near(by_chance)


@pytest.mark.parametrize("parents", [0, MAX_PARENTS + 1])
def test_too_few_and_too_many_parents_are_refused(studio, parents):
    with pytest.raises(BadRecipe, match=f"{parents} parents"):
        breed(studio, [seed_of("dcgan", 1)] * parents, Settings(), 5)


def test_parents_and_likes_of_another_model_are_refused(studio):
    with pytest.raises(BadRecipe, match="two models"):
        breed(studio, [seed_of("dcgan", 1), seed_of("vae", 1)], Settings(), 5)
    with pytest.raises(BadRecipe, match="two models"):
        breed(studio, [seed_of("dcgan", 1)], Settings(), 5, [Like(seed_of("vae", 1), 1)])


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_every_parent_has_its_share(bands):
    random = np.random.RandomState(0)
    lots = [genes(Settings(cross="layers"), 2, bands, 0, random).shares.mean(0) for _ in range(3000)]

    assert abs(np.mean(lots, axis=0)[0] - 0.5) < 0.03


# The route.


@pytest.fixture
def client(studio):
    live = Live(lambda: studio)
    with TestClient(Starlette(routes=Breeding(live).routes())) as client:
        client.headers["x-genart-token"] = live.token()
        yield client


PARENT = {"model": "dcgan", "anchors": [{"seed": 1}]}


def test_the_route_answers_with_nine_recipes(client, studio):
    likes = [{"recipe": PARENT, "thumb": 1, "round": 3}]
    settings = {"mutation": 0.5, "explore": 0.1}
    made = client.post("/live/breed", json={"parents": [PARENT], "settings": settings, "seed": 4, "likes": likes}).json()
    expected = breed(studio, [Recipe.from_dict(PARENT)], Settings(0.5, explore=0.1), 4, [Like(Recipe.from_dict(PARENT), 1, 3)])

    assert [Recipe.from_dict(child) for child in made["children"]] == list(expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parents": []}, "0 parents"),
        ({"parents": [PARENT] * 100}, f"{MAX_PARENTS + 1} parents"),
        ({"parents": "me"}, "'me'"),
        ({"parents": [{"model": "dcgan", "anchors": [{"seed": 1, "label": 3}]}]}, "no classes"),
        ({"seed": -1}, "-1"),
        ({"seed": True}, "True"),
        ({"settings": {"mutation": 2}}, "mutation 2"),
        ({"settings": {"mutation": float("nan")}}, "mutation nan"),
        ({"settings": {"cross": "x"}}, "'x'"),
        ({"settings": {"classes": []}}, r"\[\]"),
        ({"settings": {"much": 1}}, "'much'"),
        ({"settings": 1}, "1"),
        ({"likes": [{"recipe": PARENT, "thumb": 1}] * 1000}, f"{MAX_LIKES + 1} likes"),
        ({"likes": [{"recipe": PARENT, "thumb": 5}]}, "thumb 5"),
        ({"likes": [{"recipe": PARENT, "thumb": 1, "round": 0.5}]}, "round 0.5"),
        ({"likes": [7]}, "7"),
    ],
)
def test_the_route_says_what_is_wrong(client, change, said):
    body = json.dumps({"parents": [PARENT], "seed": 1, **change})
    answer = client.post("/live/breed", content=body)

    assert answer.status_code == 422

    assert re.search(said, answer.json()["error"])
    assert answer.json()["chinese"] != answer.json()["error"]


def test_the_page_offers_every_way_to_cross_and_to_inherit_a_class():
    assert (tool.CROSSES, tool.GENES, tool.CHILDREN) == (CROSSES, GENES, CHILDREN)
