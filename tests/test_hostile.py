"""Files made to do harm, or merely broken: no code runs, nothing is left behind, and one sentence says what is wrong."""

import io
import json
import os
import pickle
import socket
import struct
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file

from genart import weights
from genart.errors import BadWeights
from genart.families.autoencoder_kl import AutoencoderKL
from genart.families.taming import Level, Manner, Plan
from genart.weights import foreign, load_file
from genart.weights.glimpse import glimpses
from genart.weights.read import MAX_TENSORS
from genart.weights.screen import MAGIC, MAX_STEPS
from tests.tiny import state_of

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder that no sentence may name, with a cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    place = tmp_path / "secret-folder"
    place.mkdir()
    return place


@pytest.fixture
def no_child(monkeypatch):
    """What the screen refuses must not even start a child."""
    monkeypatch.setattr(foreign, "_convert", lambda *_: pytest.fail("a child was started"))


def refusal(path):
    with pytest.raises(BadWeights) as caught:
        load_file(path)
    sentence = str(caught.value)

    assert "secret-folder" not in sentence
    assert "\n" not in sentence
    assert len(sentence) < 400
    assert sentence.endswith(".")
    assert ";" in sentence  # what happened; what to do
    assert not list(path.parent.parent.rglob("*.partial"))
    return sentence


def write(folder, name, data):
    (folder / name).write_bytes(data)
    return folder / name


# Code in pickles. Every payload makes the file `marker` if it runs.


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def short(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


def called(module, name, *arguments):
    """A call in protocol 2."""
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(map(text, arguments)) + b"tR"


def stack_called(module, name, *arguments):
    return short(module) + short(name) + b"\x93(" + b"".join(map(text, arguments)) + b"tR"


def payloads(marker):
    """Complete pickles: protocol, name, way of calling."""
    touch, python = f"touch {marker}", f"open({str(marker)!r}, 'w')"
    system = b"\x80\x02" + called("posix", "system", touch) + b"."
    second = pickle.dumps({"G_ema": {"w": 1}}, 4)
    return {
        "reduce, protocol 0": f"cos\nsystem\n(S'{touch}'\ntR.".encode(),
        "reduce, protocol 2": system,
        "reduce, protocol 4": b"\x80\x04" + stack_called("os", "system", touch) + b".",
        "reduce, protocol 5": b"\x80\x05" + stack_called("posix", "system", touch) + b".",
        "name from the memo": b"\x80\x04"
        + short("os")
        + b"\x94"
        + short("system")
        + b"\x940h\x00h\x01\x93"
        + text(touch)
        + b"\x85R.",
        "name built by a call": b"\x80\x04"
        + short("os")
        + called("builtins", "str", "system")
        + b"\x93"
        + text(touch)
        + b"\x85R.",
        "inst": f"(S'{touch}'\nios\nsystem\n.".encode(),
        "obj": b"(cos\nsystem\n" + text(touch) + b"o.",
        "newobj": b"\x80\x02csubprocess\nPopen\n" + text(touch) + b"\x85\x81.",
        "newobj_ex": b"\x80\x04csubprocess\nPopen\n" + text(touch) + b"\x85}\x92.",
        "build": b"\x80\x02cargparse\nNamespace\n)\x81}(X\x0c\x00\x00\x00__setstate__" + b"cos\nsystem\nub" + text(touch) + b"b.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent id": b"Pos.system\n.",
        "exec": b"\x80\x02" + called("builtins", "exec", python) + b".",
        "eval in Python 2's words": b"\x80\x02" + called("__builtin__", "eval", python) + b".",
        "getattr": b"\x80\x02cbuiltins\ngetattr\ncos\nsystem\n" + text("__call__") + b"\x86R" + text(touch) + b"\x85R.",
        "attrgetter": b"\x80\x02" + called("operator", "attrgetter", "system") + b".",
        "resolve_name": b"\x80\x02" + called("pkgutil", "resolve_name", "os:system") + text(touch) + b"\x85R.",
        "pip": b"\x80\x02" + called("pip", "main", "install") + b".",
        "runpy": b"\x80\x02" + called("runpy", "run_path", str(marker)) + b".",
        "ctypes": b"\x80\x02" + called("ctypes", "CDLL", str(marker)) + b".",
        "logging": b"\x80\x02" + called("logging", "FileHandler", str(marker)) + b".",
        "torch.load": b"\x80\x02" + called("torch", "load", str(marker)) + b".",
        "torch.jit.load": b"\x80\x02" + called("torch.jit", "load", str(marker)) + b".",
        "torch.hub.load": b"\x80\x02" + called("torch.hub", "load", str(marker)) + b".",
        "numpy.load": b"\x80\x02" + called("numpy", "load", str(marker)) + b".",
        "a way through torch": b"\x80\x04"
        + stack_called("torch.storage", "_load_from_bytes.__globals__.__getitem__", "io")
        + b".",
        "network of a class": b"\x80\x02cmodels.dcgan\nGenerator\n)\x81}b.",
        "network of TensorFlow": b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81}b.",
        "cloudpickle": b"\x80\x02" + called("cloudpickle.cloudpickle", "_make_function", python) + b".",
        "memory by name": b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x00\x10\x85R.",
        "sparse": b"\x80\x02" + called("torch._utils", "_rebuild_sparse_tensor") + b".",
        "quantised": b"\x80\x02" + called("torch._utils", "_rebuild_qtensor") + b".",
        "meta": b"\x80\x02" + called("torch._utils", "_rebuild_meta_tensor_no_storage") + b".",
        "after honest data": second[:-1] + b"0" + system[2:],
    }


FORMS = tuple(payloads("x"))


def archive(data, name="archive/data.pkl", compression=zipfile.ZIP_STORED, **parts):
    """A zip as torch.save writes it, round any pickle."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as file:
        file.writestr(name, data)
        file.writestr("archive/version", b"3\n")
        for part, content in parts.items():
            file.writestr(f"archive/data/{part.removeprefix('_')}", content)
    return packed.getvalue()


def legacy(data):
    return MAGIC + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2) + data + pickle.dumps([], 2)


CONTAINERS = {"model.pkl": lambda data: data, "model.pt": archive, "model.pth": legacy}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CONTAINERS)
def test_code_in_a_pickle_is_named_and_never_runs(form, name, folder, no_child):
    marker = folder / "marker"
    path = write(folder, name, CONTAINERS[name](payloads(marker)[form]))

    assert "needs the code" in refusal(path)
    assert not marker.exists()


def test_the_reader_itself_refuses_what_the_screen_would_and_has_no_way_out(folder):
    """The walls behind the screen, in one process that has given up what the child gives up."""
    marker = folder / "marker"
    for form, data in payloads(marker).items():
        for name, container in CONTAINERS.items():
            write(folder, f"{form} {name}", container(data))
    write(folder, "hidden model.pkl", nested(marker))
    script = f"""
import os, pathlib, socket, subprocess, sys
from genart.weights import child, screen
from genart.errors import BadWeights
child.screen_pickles = lambda *_: None
child.give_up(60, 2**28, 2**20)
for path in sorted(pathlib.Path({str(folder)!r}).iterdir()):
    kind = "pickle" if path.suffix == ".pkl" else "torch"
    try:
        with open(path, "rb") as file:
            child._read(file, kind, path.name)
        print("READ", path.name)
    except Exception as error:
        assert type(error).__name__ != "AssertionError", error
for way in (
    lambda: open({str(marker)!r}, "w"),
    lambda: os.open({str(marker)!r}, os.O_CREAT | os.O_WRONLY),
    lambda: os.system("touch {marker}"),
    lambda: subprocess.run(["touch", {str(marker)!r}]),
    lambda: socket.create_connection(("127.0.0.1", 9)),
    lambda: os.fork(),
):
    try:
        way()
        print("OPEN")
    except PermissionError:
        pass
print("done")
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert ended.stdout.split("\n")[-2] == "done", ended.stderr
    assert "OPEN" not in ended.stdout
    assert [line for line in ended.stdout.splitlines() if line.startswith("READ")] == []
    assert not marker.exists()


# Other formats, and what a failed download leaves.


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>not found</html>" * 10, "a web page"),
        (b"\n <html>" * 10, "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a git-LFS pointer"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "a picture"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, "a picture"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 50, "a Keras file"),
        (b"\x08\x08\x12\x07pytorch" + b"\0" * 50, "an ONNX model"),
        (b"\x08\x01\x12\x90\x02" + b"\0" * 50, "a TensorFlow model"),
        (b"\x82\xa6params\x81" + b"\0" * 50, "a Flax file"),
        (b"\x93NUMPY\x01\0" + b"\0" * 50, "a NumPy array"),
        (b"GGUF" + b"\0" * 50, "a GGUF model"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 50, "a 7-Zip archive"),
        (b"\x1f\x8b\x08" + b"\0" * 50, "a gzip archive"),
        (b"a".ljust(257, b"\0") + b"ustar" + b"\0" * 300, "a tar archive"),
        (b"{\"a\": 1}", "of no known kind"),
        (b"The weights are at https://example.org/weights.pt\n", "of no known kind"),
        (b"\x8e\xcd\xc5\x1aI\xb0\xb8\xbd\xfb\xda\x9ar(\xaeQ1" * 1000, "of no known kind"),
        (b"\0" * 10_000, "of no known kind"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_file_of_another_kind_is_called_by_its_name(data, named, folder, no_child):
    assert named in refusal(write(folder, "model.pt", data))


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["model/data.pkl", "model/constants.pkl", "model/code/__torch__.py"], "TorchScript"),
        (["model/data.pkl", "model/code/__torch__/x.py"], "TorchScript"),
        (["metadata.json", "config.json", "model.weights.h5"], "a Keras file"),
        (["arr_0.npy", "arr_1.npy"], "NumPy"),
        (["readme.txt", "model.pth"], "unpack it"),
        ([], "0 lists of tensors"),
    ],
)
def test_an_archive_of_another_kind_is_called_by_its_name(names, named, folder, no_child):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name in names:
            file.writestr(name, b"\x80\x02}.")
    assert named in refusal(write(folder, "model.pt", packed.getvalue()))


# Archives that lie.


def doubled():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02}.")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("archive/data.pkl", b"\x80\x02]q\x00.")
    return packed.getvalue()


def overlapping():
    """Two entries of the index that are the same bytes: the way of bombs that need no compression."""
    data = archive(b"\x80\x02}.", _0=b"\0" * 2000)
    entry = data.index(b"PK\x01\x02", data.index(b"archive/data/0"))
    start = data.rindex(b"PK\x01\x02", 0, data.index(b"PK\x05\x06"))
    assert entry <= start
    last = data[start : data.index(b"PK\x05\x06")]
    more = b"".join(last.replace(b"data/0", f"data/{i}".encode()) for i in range(1, 9))
    end = data.index(b"PK\x05\x06")
    tail = bytearray(data[end:])
    tail[8:12] = struct.pack("<HH", 10 + 1, 10 + 1)
    tail[12:16] = struct.pack("<I", struct.unpack("<I", tail[12:16])[0] + len(more))
    return data[:end] + more + bytes(tail)


ARCHIVES = {
    "bomb": lambda: archive(b"\x80\x02}.", compression=zipfile.ZIP_DEFLATED, _0=b"\0" * 50_000_000),
    "above": lambda: archive(b"\x80\x02}.", **{"_../../../marker": b"x"}),
    "absolute": lambda: archive(b"\x80\x02}.", name="/archive/data.pkl"),
    "two folders": lambda: archive(b"\x80\x02}.", name="other/data.pkl"),
    "doubled": doubled,
    "overlapping": overlapping,
    "cut": lambda: archive(b"\x80\x02}.", _0=b"\0" * 5000)[:3000],
    "cut index": lambda: archive(b"\x80\x02}.", _0=b"\0" * 5000)[:-30],
    "no index": lambda: b"PK\x03\x04" * 100,
    "broken sum": lambda: archive(b"\x80\x02" + b"N0" * 100 + b"}.").replace(b"N0N0N0", b"N0N0NN", 1),
    "many": lambda: archive(b"\x80\x02}.", **{f"_{i}": b"" for i in range(20_001)}),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_torch_would_not_write_is_refused_by_its_index(name, folder, no_child):
    assert "not as torch.save writes it" in refusal(write(folder, "model.pt", ARCHIVES[name]()))


# Pickles that never end, promise too much or are broken.

PICKLES = {
    "steps": b"\x80\x04" + b"N0" * (MAX_STEPS // 2 + 1) + b".",
    "marks": b"\x80\x04" + b"(" * (MAX_STEPS + 9),
    "memo": b"\x80\x04" + b"\x8c\x03abc\x940" * (MAX_STEPS // 3 + 1) + b".",
    "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x",
    "longer bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**64 - 1) + b"x",
    "long line": b"c" + b"a" * 10_000_000,
    "long number": b"I" + b"9" * 10_000 + b"\n.",
    "no end": b"\x80\x04}",
    "unknown step": b"\x80\x04\xff.",
}


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_that_cannot_be_spelled_out_is_refused_without_a_child(name, folder, no_child):
    sentence = refusal(write(folder, "model.pkl", PICKLES[name]))

    assert "has more than" in sentence or "is damaged" in sentence


# What is no file.


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files here")
@pytest.mark.parametrize(
    "kind", ["fifo", "socket", "device", "folder", "link to nothing", "link to itself", "no name", "long name"]
)
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_what_is_no_file_is_never_opened(kind, ending, folder, no_child, monkeypatch):
    path = folder / f"model{ending}"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(folder)  # the address of a socket is short
        socket.socket(socket.AF_UNIX).bind(path.name)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to nothing":
        path.symlink_to("nothing")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "no name":
        path = folder / f"mo\0del{ending}"
    else:
        path = folder / ("m" * 270 + ending)
    assert "missing" in refusal(path) or "a folder or a device" in refusal(path)


# safetensors that lie; their own reader has more in test_weights.py.


def header(value, body=b""):
    packed = value if isinstance(value, bytes) else json.dumps(value).encode()
    return len(packed).to_bytes(8, "little") + packed + body


def part(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def tampered(change):
    """The header of a file that would load, changed."""
    data = save(state_of("vae"))
    length = int.from_bytes(data[:8], "little")
    parts = json.loads(data[8 : 8 + length])
    change(parts)
    return header(parts, data[8 + length :])


def overlap(parts):
    last = max(parts, key=lambda name: parts[name]["data_offsets"])
    parts[last]["data_offsets"] = [end - 4 for end in parts[last]["data_offsets"]]


def hole(parts):
    last = max(parts, key=lambda name: parts[name]["data_offsets"])
    parts[last]["data_offsets"] = [end + 4 for end in parts[last]["data_offsets"]]


TENSORS = {
    "100 MB header": lambda: (100 * 2**20).to_bytes(8, "little") + b"{" + b" " * 2**20,
    "2^63 header": lambda: (2**63).to_bytes(8, "little") + b"{}",
    "overlap": lambda: tampered(overlap),
    "hole": lambda: tampered(hole),
    "huge shape": lambda: header({"a": part([2**39, 2**39], 0, 4)}, b"\0" * 4),
    "infinite shape": lambda: header(b'{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}}', b"\0" * 4),
    "many dimensions": lambda: header({"a": part([1] * 100_000, 0, 4)}, b"\0" * 4),
    "many tensors": lambda: header({str(i): part([], 4 * i, 4 * i + 4) for i in range(20_001)}, b"\0" * 80_004),
    "deep": lambda: header(b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"),
    "metadata of numbers": lambda: header({"__metadata__": {"genart": 5}, "a": part([], 0, 4)}, b"\0" * 4),
    "list": lambda: header({"a": [1, 2, 3]}),
    "dtype of a list": lambda: header({"a": part([], 0, 4, dtype=["F32"])}, b"\0" * 4),
    "no UTF-8": lambda: header(b'{"\xff\xfe":{}}'),
    "longer than it says": lambda: tampered(lambda parts: None) + b"PK\x03\x04" * 9,
    "long name": lambda: header({"a" * 100_000: part([], 0, 4)}, b"\0" * 4),
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_safetensors_file_that_lies_is_refused(name, folder, no_child):
    refusal(write(folder, "model.safetensors", TENSORS[name]()))


def test_what_a_refusal_costs_is_bounded(folder):
    """Memory of the parent, over the items that take most."""
    write(folder, "memo.pkl", PICKLES["memo"])
    lists = b'{"a":[' + b"[]," * 2_700_000 + b"[]]}"
    write(folder, "lists.safetensors", header(lists.ljust(8 * 2**20), b""))
    write(folder, "many.pt", ARCHIVES["many"]())
    script = f"""
import pathlib, resource, time
from genart.errors import BadWeights
from genart.weights import load_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in pathlib.Path({str(folder)!r}).iterdir():
    start = time.perf_counter()
    try:
        load_file(path)
    except BadWeights:
        print(path.name, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    figures = [line.split() for line in ended.stdout.splitlines()]

    assert len(figures) == 3, ended.stderr
    assert max(int(kilobytes) for *_, kilobytes in figures) < 512 * 1024
    assert max(float(seconds) for _, seconds, _ in figures) < 10


# What only the child can see.


def tensor_pickle(size, stride, count=4, dtype="FloatStorage"):
    """data.pkl of {"main.0.weight": a view of storage 0}, as torch.save writes it."""

    def number(value):
        return b"\x8a\x08" + struct.pack("<q", value)

    storage = b"(" + text("storage") + f"ctorch\n{dtype}\n".encode() + text("0") + text("cpu") + number(count) + b"tQ"
    shape, steps = (b"(" + b"".join(map(number, values)) + b"t" for values in (size, stride))
    empty = b"ccollections\nOrderedDict\n)R"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(0) + shape + steps + b"\x89" + empty + b"tR"
    return b"\x80\x02}" + text("main.0.weight") + tensor + b"s."


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def nested(marker):
    """A harmless looking snapshot whose tensor is another pickle."""
    inside = payloads(marker)["reduce, protocol 4"]
    return (
        b"\x80\x04}" + text("w") + b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inside)) + inside + b"\x85Rs."
    )


CHILD = {
    "view of one number": lambda _: archive(tensor_pickle((10**5, 10**5), (0, 0)), _0=b"\0" * 16),
    "more than the storage": lambda _: archive(tensor_pickle((2**20, 64), (64, 1)), _0=b"\0" * 16),
    "storage of 2^50": lambda _: archive(tensor_pickle((4,), (1,), 2**50), _0=b"\0" * 16),
    "negative stride": lambda _: archive(tensor_pickle((4,), (-1,)), _0=b"\0" * 16),
    "hidden pickle": nested,
    "whole numbers of 8 bits": lambda _: saved({"main.0.weight": torch.zeros(4, dtype=torch.uint8)}),
    "frame of 2^62": lambda _: b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}.",
    "nothing": lambda _: saved({"epoch": 3}),
    "itself": lambda _: b"\x80\x04}\x94" + text("a") + b"h\x00s.",
}


@pytest.mark.parametrize("name", CHILD)
def test_the_child_refuses_what_the_screen_cannot_see(name, folder):
    marker = folder / "marker"
    refusal(write(folder, "model.pt", CHILD[name](marker)))

    assert not marker.exists()
    assert not list(foreign.folder().iterdir())


def test_a_child_that_takes_too_long_is_ended(folder, monkeypatch):
    monkeypatch.setattr(foreign, "SECONDS", 1)
    endless = b"\x80\x04}K\x01" + b"2\x86" * 60 + b"K\x01s."  # a key whose hash takes 2^60 steps

    assert "took more than the 1 s" in refusal(write(folder, "model.pkl", endless))


def test_a_number_that_is_not_finite_is_found_in_a_foreign_file_too(folder):
    state = state_of("vae")
    state["decoder.0.bias"][3] = float("nan")

    assert "'decoder.0.bias' in 'model.pt'" in refusal(write(folder, "model.pt", saved(state)))


def test_a_cut_checkpoint_is_refused_wherever_it_is_cut(folder, no_child):
    whole = saved(state_of("vae"))
    for kept in (5, 100, len(whole) // 2, len(whole) - 1):
        refusal(write(folder, "model.pt", whole[:kept]))


def test_random_damage_ends_in_a_sentence_or_in_a_generator(folder, no_child):
    random = np.random.RandomState(0)
    save_file(state_of("vae"), folder / "model.safetensors")
    whole = (folder / "model.safetensors").read_bytes()
    for _ in range(200):
        data = bytearray(whole)
        for place in random.randint(0, 1500, 3):
            data[place] ^= 1 << random.randint(8)
        with suppress(BadWeights):
            load_file(write(folder, "model.safetensors", bytes(data)))


# Small files of networks that would take much.


def attentive():
    """An autoencoder with attention at its full 256 pixels."""
    manner, plain = Manner(1, "silu"), Level(((8, 8),), False, True)
    down, up = Level(((8, 8),), True, True), Level(((8, 8),), True, False)
    encoder = Plan(3, 4, 8, False, (down, plain, plain, Level(((8, 8),), False, False)))
    decoder = Plan(2, 3, 8, False, (plain, plain, plain, up))
    return AutoencoderKL(encoder, decoder, manner, before=(4, 4), after=(2, 2)).state_dict()


def growing(size, channels):
    """A progressive GAN of few channels."""
    state = {"formatLayer.module.weight": torch.randn(16 * channels, 8), "formatLayer.module.bias": torch.zeros(16 * channels)}
    layers = ["groupScale0.0", *(f"scaleLayers.{i}.{j}" for i in range(size.bit_length() - 3) for j in (0, 1))]
    for layer in layers:
        state[f"{layer}.module.weight"], state[f"{layer}.module.bias"] = (
            torch.randn(channels, channels, 3, 3),
            torch.zeros(channels),
        )
    for i in range(size.bit_length() - 2):
        state |= {
            f"toRGBLayers.{i}.module.weight": torch.randn(3, channels, 1, 1),
            f"toRGBLayers.{i}.module.bias": torch.zeros(3),
        }
    return state


def wide(size):
    """A DCGAN that ends in many channels."""
    widths = [8, *[8] * (size.bit_length() - 4), 128, 3]
    return {f"main.{i}.weight": torch.randn(a, b, 4, 4) for i, (a, b) in enumerate(pairwise(widths))}


VAST = {"attentive": attentive, "growing": lambda: growing(4096, 8), "wide": lambda: wide(2048)}


@pytest.mark.parametrize("name", VAST)
def test_a_small_file_whose_pictures_take_much_is_refused_before_it_is_built(name, folder, monkeypatch):
    monkeypatch.setattr(weights, "read_tensors", lambda *_: pytest.fail("read"))
    save_file({key: tensor.contiguous() for key, tensor in VAST[name]().items()}, folder / "model.safetensors")

    assert (folder / "model.safetensors").stat().st_size < 2**20
    assert "Drawing 'model.safetensors' takes more than" in refusal(folder / "model.safetensors")


def test_one_array_of_many_names_is_neither_copied_nor_written_for_each(folder):
    array = np.zeros(2_000_000, np.float32)
    data = pickle.dumps({f"main.{i}.weight": array for i in range(200)}, 4)
    assert "claim more numbers" in refusal(write(folder, "model.pkl", data))


def test_views_of_one_storage_count_each(folder):
    tensor = torch.zeros(1_000_000)
    assert "claim more numbers" in refusal(write(folder, "model.pt", saved({f"main.{i}.weight": tensor for i in range(50)})))


def test_a_number_of_thousands_of_digits_is_named_in_our_words(folder, no_child):
    data = b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,4]}}'
    assert "a number of 5000 digits" in refusal(write(folder, "model.safetensors", header(data, b"\0" * 4)))


KEYS = {
    "a key of thousands of digits": lambda: {10**5000: np.zeros(4, np.float32)},
    "a key of a million letters": lambda: {"a" * 10**6: {str(i): np.zeros(4, np.float32) for i in range(50)}},
    "60,000 tensors": lambda: dict.fromkeys(map(str, range(60_000)), np.zeros(4, np.float32)),
    "20,000 wrappers": lambda: {f"model_{i}": {"0.weight": np.zeros(4, np.float32)} for i in range(20_000)},
}


@pytest.mark.parametrize("name", KEYS)
def test_names_that_nobody_writes_end_in_a_sentence(name, folder):
    assert "set_int_max_str_digits" not in refusal(write(folder, "model.pkl", pickle.dumps(KEYS[name](), 4)))


def test_synthesis_in_synthesis_for_ever_ends_in_a_sentence(folder):
    inner = b"N"
    for _ in range(2000):
        inside = b"}(" + text("_modules") + b"}" + text("synthesis") + inner + b"s" + text("_parameters") + b"}u"
        inner = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n(}" + text("state") + inside + b"stR"
    assert "holds 0 tensors" in refusal(write(folder, "model.pkl", b"\x80\x04" + inner + b"."))


NAMES = {
    "main.{}.weight": (1, 1, 4, 4),
    "decoder.up_blocks.{}.resnets.0.conv1.weight": (1, 1, 3, 3),
    "synthesis.L{}_36_6.weight": (1, 1, 3, 3),
    "synthesis.b{}.conv1.weight": (1, 1, 3, 3),
    "{}.conv.0.weight": (1, 1, 3, 3),
    "GE.layers.{}.0.2.weight": (1, 1, 3, 3),
    "module." * 100 + "{}": (1,),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [MAX_TENSORS, 20_000])
def test_thousands_of_tensors_are_told_soon(name, count, folder, no_child):
    size = 4 * int(np.prod(NAMES[name]))
    parts = {name.format(i): part(list(NAMES[name]), size * i, size * (i + 1)) for i in range(count)}
    path = write(folder, "model.safetensors", header(parts, b"\0" * size * count))
    start = time.process_time()
    refusal(path)

    assert isinstance(glimpses({"model": path})["model"], BadWeights)
    assert time.process_time() - start < 4
