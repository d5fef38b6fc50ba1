import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from genart import weights
from genart.catalogue import ENTRIES, own_entry
from genart.errors import BadWeights
from genart.families import FAMILIES
from genart.families.ops import choices_of
from genart.families.stylegan2 import StyleGAN2
from genart.families.vae import VAE
from genart.learn import RECIPES
from genart.ui.words import WORDS
from genart.weights import load, load_file, screen
from genart.weights import read as read_module
from genart.weights.read import read_tensors
from tests.tiny import ONLY_WITH_CLASSES, WITH_CLASSES, state_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "secret-folder" / "mine.safetensors"


@pytest.fixture(autouse=True)
def folder(path):
    path.parent.mkdir()


def refusal(path):
    """The one sentence with which a file is refused. It names the file or a tensor, and no folder."""
    with pytest.raises(BadWeights) as caught:
        load_file(path)
    sentence = str(caught.value)

    assert path.name in sentence or any(word in sentence for word in ("tensor", "layer", "weight"))
    assert "secret-folder" not in sentence
    assert "\n" not in sentence
    assert len(sentence) < 400
    return sentence


def header(value, body=b""):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return len(text).to_bytes(8, "little") + text + body


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_is_recognised_and_loaded(family, entries):
    loaded = load(entries[family])

    assert loaded.family is FAMILIES[family]
    assert loaded.sha256 == entries[family].sha256
    assert bool(loaded.generator.space.num_classes) == (family in ONLY_WITH_CLASSES)


def test_a_file_of_ones_own_is_taken_as_it_is(entries):
    own = own_entry(entries["vae"].path)

    assert (own.name, own.sha256) == ("vae", None)
    assert load(own).sha256 == entries["vae"].sha256


def test_a_missing_file_is_named(path):
    assert "missing" in refusal(path)


def test_a_folder_is_no_file(path):
    path.mkdir()
    assert "is a folder" in refusal(path)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\xff" * 8 + b"{}",
        header(b"{" * 100_000),
        header(b"[" * 100_000),
        header({"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 4]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**60]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"\0" * 4),
    ],
    ids=[
        "one byte",
        "huge header",
        "braces",
        "brackets",
        "size",
        "product",
        "end",
        "negative",
    ],
)
def test_a_file_whose_header_lies_is_refused(path, data):
    path.write_bytes(data)
    assert "damaged or no safetensors file" in refusal(path)


@pytest.mark.parametrize("kept", [0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(path, kept, entries):
    data = entries["stylegan2"].path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    assert "damaged" in refusal(path)


def test_a_file_without_tensors_is_refused(path):
    path.write_bytes(header({}))
    assert "holds 0 tensors" in refusal(path)


def test_a_file_of_too_many_tensors_is_refused_before_they_are_read(path, monkeypatch):
    monkeypatch.setattr(read_module, "MAX_TENSORS", 3)
    save_file({str(number): torch.zeros(1) for number in range(4)}, path)
    assert "holds 4 tensors" in refusal(path)


def test_a_file_too_large_for_memory_is_refused_before_it_is_read(path, monkeypatch):
    monkeypatch.setattr(read_module, "MAX_STATE", 2**10)
    save_file({"a": torch.zeros(1000, dtype=torch.float16)}, path)
    assert "GiB of memory; use a model" in refusal(path)


def test_a_file_too_large_to_be_read_is_refused_for_its_length_alone(path, monkeypatch):
    monkeypatch.setattr(screen, "MAX_WEIGHTS_FILE", 2**10)
    path.write_bytes(bytes(2**10 + 1))
    assert "of weights alone" in refusal(path)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_named(path, number):
    state = state_of("vae")
    state["decoder.0.bias"][3] = number
    save_file(state, path)
    assert "'decoder.0.bias'" in refusal(path)


def test_a_number_that_overflows_float32_is_named(path):
    save_file({**state_of("vae"), "decoder.0.bias": torch.full((32,), 1e300, dtype=torch.float64)}, path)
    assert "'decoder.0.bias'" in refusal(path)


def test_an_unknown_dtype_is_refused(path):
    path.write_bytes(header({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4))
    assert "has dtype 'F99'" in refusal(path)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.complex64])
def test_a_dtype_that_is_no_weight_is_refused(path, dtype):
    save_file({"a": torch.zeros(4, dtype=dtype)}, path)
    assert "dtype" in refusal(path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_floats_of_any_width_become_float32(path, dtype):
    save_file({"a": torch.ones(4, dtype=dtype)}, path)
    assert read_tensors(path)["a"].dtype == torch.float32


def test_whole_number_weights_are_read_or_refused(path):
    save_file({name: tensor.to(torch.int64) for name, tensor in state_of("dcgan").items()}, path)
    assert load_file(path).generator.space.image_size == 16


@pytest.mark.parametrize(
    "state",
    [
        {"weight": torch.zeros(3, 3)},
        {"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)},
        {"": torch.zeros(1)},
        {"<script>alert(1)</script>": torch.zeros(1)},
        {f"main.{'9' * 5000}.weight": torch.zeros(4, 4, 4, 4), "main.1.weight": torch.zeros(4, 3, 4, 4)},
    ],
    ids=["one", "classifier", "nameless", "script", "long number"],
)
def test_weights_of_no_known_family_are_refused(path, state):
    save_file(state, path)
    refusal(path)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_with_a_tensor_of_another_shape_is_refused_when_it_is_loaded(path, family):
    whole = state_of(family, 3 if family in WITH_CLASSES else 0)
    for name in [name for name in whole if not name.endswith("num_batches_tracked")][::3]:  # those are no part of a picture
        save_file({**whole, name: whole[name][None].repeat(2, *[1] * whole[name].dim())}, path)
        refusal(path)


def test_a_decoder_that_does_not_take_its_z_is_refused(path):
    save_file({name: tensor for name, tensor in state_of("vae", 3).items() if name != "label.weight"}, path)
    assert "do not fit together" in refusal(path)


def test_a_small_file_that_would_draw_a_vast_picture_is_refused(path):
    doubling = {f"main.{number}.weight": torch.zeros(3, 3, 4, 4) for number in range(30)}
    save_file(doubling, path)
    assert f"{4 * 2**29} pixels a side" in refusal(path)


@pytest.mark.parametrize(
    ("most", "named"),
    [((0, 2**60, 99_999), "MB of memory"), ((2**60, 10**6, 99_999), "multiplications"), ((2**60, 2**60, 9), "operations")],
)
def test_a_picture_that_takes_too_much_is_refused_before_anything_is_built(path, monkeypatch, most, named):
    monkeypatch.setattr(weights, "PICTURE", most)
    monkeypatch.setattr(weights, "read_tensors", lambda *_: pytest.fail("read"))
    save_file(state_of("stylegan2"), path)
    assert named in refusal(path)


def test_a_z_that_is_longer_than_any_is_refused(path, monkeypatch):
    monkeypatch.setattr(weights, "MAX_Z", 9)
    save_file(state_of("dcgan"), path)
    assert "read 12 numbers of z" in refusal(path)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_picture_takes_is_counted_in_every_family(path, family, monkeypatch):
    opened = []

    class Noted(weights.Counted):
        def __init__(self, *limits):
            super().__init__(*limits)
            opened.append(self)

    monkeypatch.setattr(weights, "Counted", Noted)
    save_file(state_of(family, 3 if family in WITH_CLASSES else 0), path)
    space = load_file(path).generator.space

    assert [0 < one.work < 10**12 for one in opened] == [True, True]
    assert all(one.bytes >= 4 * space.channels * space.sizes[0] ** 2 for one in opened)


@pytest.mark.parametrize(
    "config", ["", "{", "[]", "null", '"x"', '{"num_classes": "many"}', '{"num_classes": -1}', '{"conv_clamp": 0}']
)
@pytest.mark.parametrize("family", FAMILIES)
def test_odd_metadata_never_breaks_the_process(path, family, config):
    save_file(state_of(family), path, {"genart": config})
    with suppress(BadWeights):
        assert load_file(path).family is FAMILIES[family]


def test_another_file_than_the_catalogue_records_is_refused(entries):
    with pytest.raises(BadWeights, match=r"'vae.safetensors' is not the one recorded in the catalogue"):
        load(replace(entries["vae"], sha256="0" * 64))


def test_an_error_of_the_disk_names_no_folder(path, entries, monkeypatch):
    path.write_bytes(entries["vae"].path.read_bytes())

    def unreadable(name, **_):
        raise PermissionError(f"Permission denied: {name}")

    monkeypatch.setattr(read_module, "safe_open", unreadable)
    assert "Permission denied" in refusal(path)


def test_a_file_that_may_not_be_read_names_no_folder(path, entries, monkeypatch):
    path.write_bytes(entries["vae"].path.read_bytes())

    def unreadable(name):
        raise PermissionError(13, "Permission denied", str(name))

    monkeypatch.setattr(weights, "sha256_of", unreadable)
    assert "(Permission denied)" in refusal(path)


def test_the_families_are_named_where_none_fits():
    with pytest.raises(BadWeights, match=", ".join(family.title for family in FAMILIES.values())):
        weights.recognise({"weight": (1,)}, "a file")


def test_parts_of_z_are_named_where_the_names_fit(tmp_path):
    path, model = tmp_path / "vae.safetensors", VAE([(6, 48)], [(16, 5), (48, 16)], parts=[(1, 2, 1), (1, 3, 2)])
    for said, names in [
        ({"hair": 1, "hat": 2}, ["hair", "hat"]),
        ({"hair": 2, "hat": 1}, ["part 1", "part 2"]),
        ({"hair": 1, "h\u202eat": 2}, ["part 1", "part 2"]),
        ({"x" * 50: 1, "x" * 60: 2}, ["part 1", "part 2"]),
        (["hair", "hat"], ["part 1", "part 2"]),
    ]:
        save_file(model.state_dict(), path, {"genart": json.dumps({"parts": said})})
        parts = load_file(path).parts
        assert [part.name for part in parts] == names
        assert [part.codes.shape for part in parts] == [(1, 2, 1), (1, 3, 2)]


def test_a_model_without_parts_has_none_whatever_the_file_says(tmp_path):
    path = tmp_path / "vae.safetensors"
    save_file(state_of("vae"), path, {"genart": json.dumps({"parts": {"hair": 10}})})

    assert load_file(path).parts == ()


@pytest.mark.parametrize("shape", [(1, 3), (2, 3, 2), (1, 0, 2), (1, 3, 0), (0, 3, 2), (1, 3, 3), (1, 2000, 2)])
@pytest.mark.parametrize("family", ["vae", "stylegan2"])
def test_parts_that_fit_nothing_are_refused(tmp_path, family, shape):
    path, shapes = tmp_path / "odd.safetensors", [(1, 2, 1), (1, 3, 2)]
    if family == "vae":
        state, prefix = VAE([(6, 48)], [(16, 5), (48, 16)], parts=shapes).state_dict(), "parts."
    else:
        state, prefix = StyleGAN2([8, 8], z_dim=3, mapping_widths=(8, 8), parts=shapes).state_dict(), "mapping.parts."
        if shape == (1, 3, 3):
            pytest.skip("a StyleGAN2's z is as long as its parts together")
    state[f"{prefix}1.weight"] = torch.zeros(shape)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)

    with pytest.raises(BadWeights):
        load_file(path)


def test_a_thousand_parts_are_refused_at_once(tmp_path):
    state = VAE([(6, 48)], [(16, 5), (48, 16)], parts=[(1, 2, 1), (1, 3, 2)]).state_dict()
    for i in range(1000):
        state |= {f"parts.{i}.weight": torch.zeros(1, 2, 1), f"parts.{i}.bias": torch.zeros(1, 2)}
    save_file(state, tmp_path / "many.safetensors")

    with pytest.raises(BadWeights, match="no part of a picture"):
        load_file(tmp_path / "many.safetensors")


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.parts])
def test_what_a_recipe_says_of_parts_is_in_the_shipped_weights(name):
    parts = load(ENTRIES[name]).parts

    assert [(part.name, part.codes.shape[2]) for part in parts] == [*RECIPES[name].parts.items()]
    assert all(f"part.of.{part.name}" in WORDS for part in parts)


def test_loading_what_is_shipped_and_drawing_import_no_symbolic_algebra(entries):
    """Torch does so for arithmetic on the meta device, which holds up the first pictures by a second."""
    script = """
import sys
from pathlib import Path
import torch
from genart.weights import load_file
from genart.weights.read import sha256_of

for path in sys.argv[1:]:
    with torch.inference_mode():
        generator = load_file(Path(path), sha256_of(Path(path))).generator
        space = generator.space
        label = torch.eye(space.num_classes)[:1] if space.num_classes else None
        generator.synthesis(generator.mapping(torch.zeros(1, space.z_dim), label))
    assert "sympy" not in sys.modules, path
"""
    paths = [entry.path for entry in {**entries, **ENTRIES}.values()]
    ended = subprocess.run([sys.executable, "-c", script, *map(str, paths)], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


def test_where_z_chooses_one_thing_only_nothing_can_be_kept_while_it_changes():
    loaded = load(ENTRIES["digits-vae2"])

    assert len(choices_of(loaded.generator)) == 1
    assert loaded.parts == ()
    assert len(load(ENTRIES["portraits"]).parts) == 14
