"""Sound files are decoded somewhere else, within limits, or refused in one sentence."""

import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from genart.errors import BadRecipe
from genart.export import decode, listen
from genart.export.listen import heard_in, samples_of
from tests.sounds import beats, encoded, wav

LIMITS = {"most_bytes": 2**20, "most_seconds": 5}
BEATS = beats()
KINDS = {"mp3": "libmp3lame", "flac": "flac", "ogg": "libopus", "ipod": "aac"}


def test_a_wav_is_decoded_to_its_samples():
    samples = samples_of(wav(BEATS), "a.wav", **LIMITS)

    assert samples.shape == (96_000, 2)
    assert (samples[:, 0] == samples[:, 1]).all()
    assert np.abs(samples).max() == pytest.approx(0.8 * 32767, rel=0.15)


@pytest.mark.parametrize("muxer", KINDS)
def test_other_formats_are_heard_alike(muxer):
    one = heard_in(samples_of(wav(BEATS), "a", **LIMITS), "a").values()
    two = heard_in(samples_of(encoded(BEATS, muxer, KINDS[muxer]), "b", **LIMITS), "b").values()
    count = min(one.shape[1], two.shape[1])

    assert count >= 99
    assert np.abs(one[1, :count] - two[1, :count]).mean() < 0.05


def test_every_format_is_decoded_in_this_process_too():
    parts = [part for kind in KINDS if kind != "ipod" for part in decode.decoded(encoded(BEATS, kind, KINDS[kind]), kind)]

    assert all(part.dtype == np.int16 and part.shape[1] == 2 for part in parts)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no sound file"),
        (b"hello" * 100, "no sound file"),
        (b"#EXTM3U\n/etc/passwd\n", "no sound file"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no sound file"),
        (b"RIFF\0\0\0\0WAVEfmt ", "damaged"),
        (b"ID3" + b"\x55" * 5000, "damaged"),
        (b"OggS" + bytes(5000), "damaged"),
        (wav(BEATS)[:44], "damaged"),
        (wav(beats(6.0)), "longer than 5 seconds"),
        (b"RIFF\0\0\0\0WAVE" + bytes(2**20), "at most 1 MB"),
    ],
)
def test_a_file_that_cannot_be_heard_is_refused_in_one_sentence(data, said):
    with pytest.raises(BadRecipe, match=said) as refused:
        samples_of(data, "a.wav", **LIMITS)

    assert "'a.wav'" in str(refused.value)


def test_a_damaged_file_is_heard_or_refused():
    whole = encoded(BEATS, "mp3", "libmp3lame")
    random = np.random.RandomState(1)
    for cut in (len(whole) // 3, len(whole) // 2):
        spoilt = bytearray(whole[:cut])
        for at in random.randint(0, cut, 40):
            spoilt[at] ^= 0x55
        with suppress(BadRecipe):
            assert samples_of(bytes(spoilt), "a", **LIMITS).shape[1] == 2


def test_a_name_loses_what_cannot_be_shown():
    assert heard_in(np.zeros((480, 2), np.int16), "a\x07\nb" + "c" * 300).name == "a b" + "c" * 197


def test_a_decoder_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(listen, "TIMEOUT", 0.001)

    with pytest.raises(BadRecipe, match="took more than"):
        samples_of(wav(BEATS), "a.wav", **LIMITS)


@pytest.mark.parametrize("ended", [{"returncode": -24}, {"returncode": 1, "stderr": b"Timeout (0:01:00)!\nThread"}])
def test_a_decoder_that_its_own_clock_ended_took_too_long(monkeypatch, ended):
    about = {"args": [], "stdout": b"", "stderr": b"", **ended}
    monkeypatch.setattr(listen.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess(**about))
    monkeypatch.setattr(listen.signal, "SIGXCPU", 24, raising=False)

    with pytest.raises(BadRecipe, match="took more than 60 seconds"):
        samples_of(wav(BEATS), "a.wav", **LIMITS)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_a_decoder_that_spins_is_ended_by_the_clock_of_the_processor():
    spins = "from genart.export.decode import give_up; give_up(2**28, 1)\nwhile True: pass"
    ended = subprocess.run([sys.executable, "-c", spins], capture_output=True, timeout=60)

    assert listen._ran_out_of_time(ended)
