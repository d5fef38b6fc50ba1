"""Hostile files put together by rules: every way to name code, times every way to call it, in every container."""

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from safetensors.torch import save

from genart.errors import BadWeights
from genart.weights import load_file
from tests.test_hostile import (
    CONTAINERS,
    ROOT,
    archive,
    folder,
    header,
    legacy,
    no_child,
    part,
    refusal,
    saved,
    short,
    tensor_pickle,
    text,
    write,
)
from tests.tiny import state_of

__all__ = ["folder", "no_child"]  # fixtures

HONEST = ("collections", "OrderedDict")


def long_text(value):
    return b"\x8d" + struct.pack("<Q", len(value)) + value.encode()


def line_text(value):
    return b"V" + value.encode() + b"\n"


def old_text(value):
    return b"S'" + value.encode() + b"'\n"


def binary_text(value):
    return b"U" + bytes([len(value)]) + value.encode()


def swapped(module, name):
    """Two names in the memo that a reader who counts its entries wrongly takes for honest ones."""
    fake = text(HONEST[0]) + b"q\x01q\x010" + text(module) + b"\x940" + text(HONEST[1]) + b"q\x020" + text(name) + b"\x940"
    return fake + b"h\x01h\x02\x93"


# How a pickle comes to a global.
NAMED = {
    "global": lambda module, name: f"c{module}\n{name}\n".encode(),
    "short texts": lambda module, name: short(module) + short(name) + b"\x93",
    "texts": lambda module, name: text(module) + text(name) + b"\x93",
    "long texts": lambda module, name: long_text(module) + long_text(name) + b"\x93",
    "lines": lambda module, name: line_text(module) + line_text(name) + b"\x93",
    "old texts": lambda module, name: old_text(module) + binary_text(name) + b"\x93",
    "escapes": lambda module, name: line_text("".join(f"\\u{ord(letter):04x}" for letter in module)) + text(name) + b"\x93",
    "memo by number": lambda module, name: text(module) + b"p7\n0" + text(name) + b"p8\n0g7\ng8\n\x93",
    "memo, long": lambda module, name: text(module) + b"r\x00\x01\x00\x000" + b"j\x00\x01\x00\x00" + text(name) + b"\x93",
    "memo overwritten": lambda module, name: text(HONEST[0]) + b"q\x010" + text(module) + b"q\x010h\x01" + text(name) + b"\x93",
    "memo counted": swapped,
    "more above": lambda module, name: text(module) + text(name) + text(HONEST[0]) + text(HONEST[1]) + b"00\x93",
    "a mark between": lambda module, name: text(module) + text(name) + b"(" + text(HONEST[1]) + b"1\x93",
    "twice the same": lambda module, name: text(module) + text(name) + b"20\x93",
}  # fmt: skip

# How it is called, with one text.
CALLED = {
    "reduce": lambda found, word: found + text(word) + b"\x85R",
    "obj": lambda found, word: b"(" + found + text(word) + b"o",
    "newobj": lambda found, word: found + text(word) + b"\x85\x81",
    "newobj_ex": lambda found, word: found + text(word) + b"\x85}\x92",
    "build": lambda found, word: b"cargparse\nNamespace\n)\x81}" + text("__setstate__") + found + b"sb" + text(word) + b"b",
    "a default's factory": lambda found, word: b"ccollections\ndefaultdict\n" + found + b"\x85R" + text(word) + b"N\x86b",
}  # fmt: skip

TARGETS = (
    ("posix", "system"),
    ("os", "popen"),
    ("builtins", "exec"),
    ("builtins", "__import__"),
    ("collections", "OrderedDict.__init__.__globals__"),
    ("torch", "FloatStorage.__reduce__"),
    ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    ("torch.serialization", "load"),
    ("numpy", "ndarray.tofile"),
    ("_codecs", "encode.__self__"),
    ("collections\x00", "OrderedDict"),
    ("Collections", "ordereddict"),
    (" collections", "OrderedDict"),
    ("copyreg", "add_extension"),
)


def cases():
    """name -> a complete pickle that would make the file `marker`; every way at least once."""
    made = {}
    for number, (way, named) in enumerate(NAMED.items()):
        for call in [list(CALLED)[number % len(CALLED)], "reduce"]:
            made[f"{way}, {call}"] = lambda marker, named=named, call=call: CALLED[call](
                named("posix", "system"), f"touch {marker}"
            )
    for call in CALLED:
        made[f"by {call}"] = lambda marker, call=call: CALLED[call](NAMED["texts"]("posix", "system"), f"touch {marker}")
    for module, name in TARGETS:
        for way in ("global", "short texts"):
            made[f"{module!r} {name}, {way}"] = lambda marker, module=module, name=name, way=way: CALLED["reduce"](
                NAMED[way](module, name), f"open({str(marker)!r}, 'w')"
            )
    for step in (b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00", b"Pposix.system\n", b"(i__builtin__\nexec\n"):
        made[f"step {step[:1]!r}"] = lambda marker, step=step: step
    return made


CASES = cases()
PROTOCOLS = {name: bytes([0x80, number % 6]) for number, name in enumerate(CASES)}


@pytest.mark.parametrize("name", CASES)
def test_code_is_never_run_however_it_is_named_and_called(name, folder, no_child):
    marker = folder / "marker"
    data = PROTOCOLS[name] + CASES[name](marker) + b"."
    for file, container in CONTAINERS.items():
        assert "needs the code" in refusal(write(folder, file, container(data)))
    assert not marker.exists()


def test_there_are_more_than_sixty_of_them():
    assert len(CASES) >= 60


SCRIPT = """
import pathlib, resource, sys, time
from genart.errors import BadWeights
from genart.weights import child, screen
from genart.weights.inert import Outline, Plain
unscreened = sys.argv[2] == "unscreened"
if unscreened:
    child.screen_pickles = lambda *_: None
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
slowest = read = 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    start = time.perf_counter()
    kind = {".pkl": "pickle", ".pt": "torch", ".pth": "legacy"}[path.suffix]
    ways = [lambda file: child._read(file, kind, path.name), lambda file: child._read_outline(path, kind)]
    for way in ways[: 1 if kind == "pickle" else 2]:
        try:
            if not unscreened:
                kind = screen.kind_of(path)
            with open(path, "rb") as file:
                way(file)
            read += 1
            if unscreened:
                print("READ", path.name)
        except (Exception, RecursionError) as error:
            assert not isinstance(error, AssertionError), error
    slowest = max(slowest, time.perf_counter() - start)
print(slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, read)
"""


def read_all(place, how):
    """Seconds of the slowest, kilobytes grown, and how many were read; in one process, whose output is the second answer."""
    ended = subprocess.run([sys.executable, "-c", SCRIPT, place, how], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    *said, last = ended.stdout.splitlines()
    return [float(word) for word in last.split()], said


def test_the_readers_themselves_refuse_every_one_of_them(folder, tmp_path):
    """Without the screen before them: the reader of tensors and the reader of outlines."""
    marker = tmp_path / "marker"
    for number, (name, made) in enumerate(CASES.items()):
        for file, container in CONTAINERS.items():
            write(folder, f"{number} {file}", container(PROTOCOLS[name] + made(marker) + b"."))
    (slowest, grown, _), said = read_all(folder, "unscreened")

    assert said == []
    assert not marker.exists()
    assert slowest < 10
    assert grown < 512 * 1024


def test_mutations_of_honest_files_end_soon_and_run_nothing(folder, tmp_path):
    """300 files: bytes flipped, steps swapped, pieces cut out or doubled, in the three containers."""
    random = np.random.RandomState(1)
    honest = pickle.dumps({"G_ema": {name: tensor.numpy() for name, tensor in state_of("vae").items()}}, 4)
    inside = tensor_pickle((2, 2), (2, 1))
    for number in range(300):
        file, container = list(CONTAINERS.items())[number % 3]
        data = bytearray(honest[:3000] if file == "model.pkl" else inside)
        for _ in range(1 + number % 4):
            start, length = random.randint(len(data)), random.randint(1, 30)
            piece = data[start : start + length]
            match random.randint(5):
                case 0:
                    data[start] ^= 1 << random.randint(8)
                case 1:
                    data[start : start + 1] = bytes([random.choice(list(b"c\x93RioP\x81\x92bQ\x82\x83\x84(t0q\x94hjrsuep"))])
                case 2:
                    del data[start : start + length]
                case 3:
                    data[start:start] = piece
                case 4:
                    data[start:start] = CALLED["reduce"](NAMED["texts"]("posix", "system"), f"touch {tmp_path / 'marker'}")
        write(folder, f"{number} {file}", container(bytes(data)))
    (slowest, grown, _), _ = read_all(folder, "screened")

    assert not (tmp_path / "marker").exists()
    assert slowest < 10
    assert grown < 512 * 1024


BOMBS = {
    "a memo of 2^31": b"\x80\x04" + text("a") + b"r\xff\xff\xff\x7f.",
    "a list in a list": b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b".",
    "tuples of tuples": b"\x80\x04K\x01" + b"2\x86" * 400_000 + b".",
    "a number of 2^31 digits": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "texts for ever": b"\x80\x04" + text("a" * 100) + b"2" * 900_000 + b".",
    "an array of 2^40": b"\x80\x04\x96" + struct.pack("<Q", 2**40) + b".",
    "a frame in a frame": b"\x80\x04" + (b"\x95" + struct.pack("<Q", 9)) * 1000 + b"}.",
    "a protocol of the future": b"\x80\xff}.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_pickle_that_would_fill_the_memory_ends_in_a_sentence(name, folder):
    refusal(write(folder, "model.pkl", BOMBS[name]))


# safetensors headers that lie.


def honest(**changes):
    """A file that would load, with some fields of its first tensor changed."""
    data = save(state_of("vae"))
    length = int.from_bytes(data[:8], "little")
    parts = json.loads(data[8 : 8 + length])
    next(iter(parts.values())).update(changes)
    return header(parts, data[8 + length :])


ONE = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
TWO = b'{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
LIES = {
    "negative offsets": lambda: honest(data_offsets=[-4, 0]),
    "offsets backwards": lambda: honest(data_offsets=[400, 0]),
    "offsets beyond the end": lambda: honest(data_offsets=[2**39, 2**39 + 4]),
    "three offsets": lambda: honest(data_offsets=[0, 4, 8]),
    "offsets of fractions": lambda: honest(data_offsets=[0.0, 4.0]),
    "offsets of text": lambda: honest(data_offsets=["0", "4"]),
    "a negative side": lambda: honest(shape=[-1, 4]),
    "two negative sides": lambda: honest(shape=[-2, -2], data_offsets=[0, 16]),
    "a side of true": lambda: honest(shape=[True, True], data_offsets=[0, 4]),
    "a side of 2^63": lambda: honest(shape=[2**63]),
    "sides that wrap round": lambda: honest(shape=[2**32, 2**32]),
    "nothing times much": lambda: honest(shape=[0, 2**40, 2**40, 2**40], data_offsets=[0, 0]),
    "no shape": lambda: honest(shape=None),
    "a shape of shapes": lambda: honest(shape=[[1, 2], [3]]),
    "a dtype of another case": lambda: honest(dtype="f32"),
    "a dtype of 8 bits": lambda: honest(dtype="F8_E4M3"),
    "a shorter dtype": lambda: honest(dtype="F64"),
    "two tensors in one place": lambda: header(b'{"a":' + ONE + b',"b":' + ONE + b"}", b"\0" * 4),
    "one name twice": lambda: header(b'{"a":' + ONE + b',"a":' + TWO + b"}", b"\0" * 8),
    "a number of 5000 digits": lambda: header(b'{"a":' + ONE.replace(b"1", b"9" * 5000) + b"}", b"\0" * 4),
    "no number": lambda: header(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', b"\0" * 4),
    "half a letter": lambda: header(b'{"\\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0" * 4),
    "a letter that ends a terminal's line": lambda: header({"a\x1b[2J\n\r": part([1], 0, 4, "Q")}, b"\0" * 4),
    "metadata alone": lambda: header({"__metadata__": {"format": "pt"}}),
    "metadata of a list": lambda: header({"__metadata__": ["pt"], "a": part([1], 0, 4)}, b"\0" * 4),
    "nothing": lambda: header({}),
    "a mark of order": lambda: header(b"\xef\xbb\xbf" + json.dumps({"a": part([1], 0, 4)}).encode(), b"\0" * 4),
    "words behind the end": lambda: header(json.dumps({"a": part([1], 0, 4)}).encode() + b"}{", b"\0" * 4),
    "a header of spaces": lambda: header(b"{" + b" " * 7_000_000),
    "no room for its length": lambda: b"\x10\0\0\0{",
    "a dictionary as deep as Python": lambda: header(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_header_that_lies_is_refused(name, folder, no_child):
    refusal(write(folder, "model.safetensors", LIES[name]()))


# Archives of doubtful parts.


def zipped(*entries, name="archive"):
    """A zip of (name, data, changes to its entry) beside an honest list of tensors."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(f"{name}/data.pkl", tensor_pickle((2, 2), (2, 1)))
        for part_name, data, changes in entries:
            info = zipfile.ZipInfo(part_name)
            for key, value in changes.items():
                setattr(info, key, value)
            file.writestr(info, data)
    return packed.getvalue()


def patched(data, old, new, last=False):
    place = data.rindex(old) if last else data.index(old)
    return data[:place] + new + data[place + len(new) :]


LINK = {"create_system": 3, "external_attr": 0o120777 << 16}
PART = ("archive/data/0", b"x" * 16, {})
DOUBTFUL = {
    "a link": lambda: zipped(("archive/data/0", b"/etc/passwd", LINK)),
    "a link to the list": lambda: zipped(("archive/data/0", b"../data.pkl", LINK)),
    "a folder as a part": lambda: zipped(("archive/data/0/", b"", {})),
    "a part above": lambda: zipped(("archive/../../marker", b"x" * 16, {})),
    "a part above, by another slash": lambda: zipped(("archive/..\\..\\marker", b"x" * 16, {})),
    "a part on a drive": lambda: zipped(("C:/archive/data/0", b"x" * 16, {})),
    "a part at the root": lambda: zipped(("/etc/cron.d/marker", b"x" * 16, {})),
    "a second list": lambda: zipped(("archive/more/data.pkl", b"\x80\x02}.", {})),
    "a secret part": lambda: patched(zipped(PART), b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
    "a part of 4 GB": lambda: patched(zipped(PART), struct.pack("<II", 16, 16), struct.pack("<II", 16, 2**32 - 2), last=True),
    "a list that is not where it is said": lambda: patched(zipped(), b"PK\x03\x04", b"PK\x03\x05"),
    "a list of another name inside": lambda: patched(zipped(), b"archive/data.pkl", b"archive/evil.pkl"),
    "an index of 65,535 parts": lambda: patched(zipped(), b"PK\5\6\0\0\0\0\1\0\1\0", b"PK\5\6\0\0\0\0" + b"\xff" * 4),
    "words before the archive": lambda: b"#!/bin/sh\ntouch marker\n" + zipped(("archive/data/0", b"x" * 16, {})),
    "two archives": lambda: zipped() + zipped(("archive/../marker", b"", {})),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_doubtful_part_is_neither_followed_nor_written(name, folder, tmp_path):
    refusal(write(folder, "model.pt", DOUBTFUL[name]()))

    assert not list(tmp_path.rglob("marker*"))
    assert [path.name for path in folder.iterdir()] == ["model.pt"]


def test_an_honest_checkpoint_still_passes(folder):
    """The rules above refuse what is hostile, not what is common."""
    for name, data in {"model.pt": saved({"g": state_of("vae")}), "model.pth": None}.items():
        path = write(folder, name, data or b"")
        if data is None:
            import torch

            torch.save({"g": state_of("vae")}, path, _use_new_zipfile_serialization=False)
        assert load_file(path).family.title == "VAE"
    assert legacy(b"").startswith(b"\x80\x02")
    with pytest.raises(BadWeights):
        load_file(write(folder, "x.pt", archive(b"")))
