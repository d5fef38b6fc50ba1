"""The tables of models: whole, honest about what is not known, and named in every way a person may."""

import re
from dataclasses import replace

import pytest

from genart.catalogue import CHECKPOINTS, COMMERCIAL, ENTRIES, UNKNOWN, Entry, Source, entry_at, entry_of, hub_entries, source_of
from genart.errors import UnknownModel
from genart.finish import FINISHES
from genart.recipe import Anchor, Step

HUB = hub_entries()
LAYOUTS = {
    *("stylegan2", "stylegan3", "biggan", "fastgan", "projected_fastgan", "pgan", "lightweight_gan"),
    *("dcgan", "vae", "autoencoder_kl", "autoencoder_tiny", "vq"),
}


def test_the_hub_has_thirty_models_and_more_art_first():
    assert len(HUB) >= 30
    assert "Paintings" in next(iter(HUB.values())).title
    assert not HUB.keys() & ENTRIES.keys()


@pytest.mark.parametrize("name", HUB)
def test_an_entry_of_the_hub_is_whole(name):
    entry = HUB[name]
    source = entry.source

    assert re.fullmatch(r"[\w.-]+/[\w.-]+", source.repo)
    assert source.file is None or source.file.endswith(CHECKPOINTS)
    assert all(entry.title)
    assert re.search(r"[\u4e00-\u9fffA-Z]", entry.title[1])
    assert entry.family in LAYOUTS
    assert entry.kind in ("GAN", "VAE", "autoencoder")
    assert entry.licence in COMMERCIAL or entry.licence in UNKNOWN
    assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)
    assert source.size is None or 1e6 < source.size < 2e9
    assert source.repo in entry.credit
    assert entry.file == ""
    assert 0 < entry.psi <= 1
    assert all(step.name in FINISHES for step in entry.finish)


@pytest.mark.parametrize("name", HUB)
def test_what_is_said_to_be_inferred_is_a_field_that_is_there(name):
    entry = HUB[name]
    fields = {"repo", "file", "size", "pixels", "family", "licence", "data", "paper"}

    assert set(entry.inferred) <= fields
    for field in set(entry.inferred) - {"data"}:
        assert getattr(entry, field, None) or getattr(entry.source, field)


@pytest.mark.parametrize("name", HUB)
def test_an_entry_is_found_by_its_name_its_file_and_its_page(name):
    entry = HUB[name]
    source = entry.source

    assert entry_of(name) == entry
    if source.file:
        assert entry_of(f"{source.repo}:{source.file}") == entry
        assert entry_of(f"https://huggingface.co/{source.repo}/blob/main/{source.file}") == entry


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("a/b", Source("a/b")),
        ("a/b:c.pt", Source("a/b", "c.pt")),
        ("a/b:c/d e.pth", Source("a/b", "c/d e.pth")),
        ("a/b@1f2e:c.pt", Source("a/b", "c.pt", "1f2e")),
        ("https://huggingface.co/a/b", Source("a/b")),
        ("https://huggingface.co/a/b/", Source("a/b")),
        ("huggingface.co/a/b/tree/main/c", Source("a/b")),
        ("https://huggingface.co/a/b/blob/main/c/d.pkl", Source("a/b", "c/d.pkl")),
        ("https://hf.co/a/b/resolve/v1.0/c.bin?download=true", Source("a/b", "c.bin", "v1.0")),
        ("https://huggingface.co/a/b/blob/main/c%3D1%20d.pt", Source("a/b", "c=1 d.pt")),
        (" https://huggingface.co/a/b/blob/main/c.pt ", Source("a/b", "c.pt")),
    ],
)
def test_a_place_on_the_hub_is_read_off_what_a_person_types(text, source):
    assert source_of(text) == source


@pytest.mark.parametrize(
    "text",
    [
        *("digits", "weights/a.safetensors", "./a/b.pt", "/a/b", "a/b/c", "C:/a/b.pt", "https://example.org/a/b", "a/b:", ""),
        *("a/b:../../../c.pt", "a/b:/etc/passwd", "a/b@..:c.pt", "https://huggingface.co/datasets/a/b", "../a", "-/../a"),
        *(
            "https://hf.co/a/b/blob/main/%2E%2E/c.pt",
            "https://hf.co/a/b/blob/main/%2Fc.pt",
            "https://hf.co/a/b/blob/main/%00c.pt",
        ),
    ],
)
def test_what_names_no_place_on_the_hub_is_left_to_others(text):
    assert source_of(text) is None


def test_an_unknown_repository_is_an_entry_of_its_own():
    entry = entry_at(Source("a/b", "c.pt", "1f2e"))

    assert (entry.name, entry.licence, entry.sha256) == ("a/b@1f2e:c.pt", "unknown", None)
    assert entry_of(entry.name) == entry


def test_a_path_that_exists_is_no_place_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "huggan").mkdir()
    (tmp_path / "huggan" / "dcgan-mnist").write_bytes(b"")

    assert entry_of("huggan/dcgan-mnist").source is None


def test_a_name_that_is_none_is_refused():
    with pytest.raises(UnknownModel):
        entry_of("nothing")


def test_the_thousand_classes_of_imagenet_have_names():
    names = HUB["osanseviero/BigGAN-deep-128"].classes

    assert len(names) == len(set(names)) == 1000
    assert (names[0], names[207], names[985]) == ("tench", "golden retriever", "daisy")


def test_a_model_of_the_hub_says_what_a_new_picture_starts_with():
    recipe = HUB["huggan/dcgan-mnist"].begin(Anchor(3))

    assert (recipe.psi, recipe.finish) == (1.0, (Step("upscale", (("times", 4),)),))
    assert HUB["osanseviero/BigGAN-deep-128"].begin(Anchor(3)).psi == 0.5
    assert HUB["huggan/fastgan-few-shot-painting"].begin(Anchor(3)).psi == 0.7


def test_an_entry_is_a_value():
    entry = next(iter(HUB.values()))

    assert isinstance(hash(entry), int)
    assert replace(entry) == entry
    assert isinstance(entry, Entry)
