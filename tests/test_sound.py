"""What is heard in tones, clicks and silence, and how it moves a walk."""

import json
from dataclasses import replace

import numpy as np
import pytest

from genart.drive import COLUMNS, USUAL, Drive, smoothed
from genart.errors import BadRecipe
from genart.recipe import Anchor, Noise, Offset, Recipe
from genart.sound import LOOKS, MAX_VALUES, RATE, ROWS, Sound, features, heard
from genart.walk import Key, Walk, even

A, B, C = (Recipe("m", (Anchor(seed),)) for seed in (1, 2, 3))
CLICKS = (0.5, 1.0, 1.534, 2.017, 3.301)


def tone(hertz, seconds=2.0, loud=0.5):
    return (loud * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE)).astype(np.float32)


def clicks(moments=CLICKS, seconds=4.0):
    samples = np.zeros(int(RATE * seconds), np.float32)
    for moment in moments:
        samples[int(moment * RATE) : int(moment * RATE) + 48] = 0.8
    return samples


def silence(seconds=4.0):
    return np.zeros(int(RATE * seconds), np.float32)


def peaks(values, rate):
    high = [at for at in range(1, len(values) - 1) if values[at] > 0.3 and values[at - 1] <= values[at] > values[at + 1]]
    return [(at + 0.5) / rate for at in high]


def driven(samples, *cells, keys=(A, B, C), seconds=2.0, **about):
    drive = Drive(tuple(cells), **about)
    return Walk(tuple(Key(key, seconds, "linear") for key in keys), sound=heard(samples), drive=drive)


def frames(walk, fps=20):
    return [walk.at(second) for second in walk.moments(fps)]


# Hearing.


@pytest.mark.parametrize(("hertz", "band"), [(60, "low"), (100, "low"), (1000, "mid"), (8000, "high")])
@pytest.mark.parametrize("loud", [0.02, 0.9])
def test_a_tone_is_in_its_own_band(hertz, band, loud):
    rows = dict(zip(ROWS, features(tone(hertz, loud=loud))[:, 20:-20].mean(1), strict=True))

    assert rows.pop(band) > 0.9
    assert rows.pop("loudness") > 0.9
    assert max(rows.values()) < 0.1


def test_onsets_of_clicks_are_found_within_20_milliseconds():
    found = peaks(features(clicks())[0], LOOKS)

    assert len(found) == len(CLICKS)
    assert max(abs(one - two) for one, two in zip(found, CLICKS, strict=True)) < 0.02


def test_onsets_keep_their_time_inside_a_walk():
    sound = heard(clicks())
    found = peaks(sound.values()[0], sound.rate)

    assert max(abs(one - two) for one, two in zip(found, CLICKS, strict=True)) < 0.02


def test_onsets_of_notes_are_found_though_nothing_falls_silent_between_them():
    notes = np.concatenate([tone(hertz, 0.5) for hertz in (220, 330, 440, 550)])
    found = peaks(features(notes)[0][20:], LOOKS)

    assert [second + 0.2 for second in found] == pytest.approx([0.5, 1.0, 1.5], abs=0.02)


def test_half_as_loud_is_13_hundredths_lower():
    values = features(np.concatenate([tone(440), tone(440, loud=0.25)]))[1]

    assert values[50] - values[-50] == pytest.approx(6.02 / 45, abs=0.01)


@pytest.mark.parametrize("samples", [silence(), 1e-4 * tone(440), np.zeros(0, np.float32)])
def test_silence_is_0_throughout(samples):
    assert not features(samples).any()


def test_a_sound_in_a_walk_is_bounded():
    noise = np.random.RandomState(1).randn(600 * RATE).astype(np.float32) * 0.1
    sound = heard(noise)

    assert len(sound.levels) <= MAX_VALUES * len(ROWS)
    assert sound.seconds == pytest.approx(600, abs=0.1)


# Moving.


def test_silence_gives_a_still_path():
    walk = replace(driven(silence()), drive=USUAL)

    assert set(frames(walk)) == {A}


def test_a_walk_stands_still_between_clicks_and_moves_at_them():
    walk = driven(clicks(), ("onset", "speed", 1.0))
    at = walk.at

    assert at(0.6) == at(0.9)
    assert at(0.45) == at(0.0) == A
    assert at(0.48) != at(0.52)
    assert (at(0), at(4)) == (A, C)


def test_half_an_amount_moves_half_of_the_way_evenly():
    walk = driven(silence(), ("loudness", "speed", 0.5))

    assert walk.at(4) == B
    assert walk.at(2).anchors == Walk(walk.keys).at(1).anchors


def test_a_walk_with_an_amount_below_0_moves_in_the_pauses():
    walk = driven(np.concatenate([tone(440), silence(2)]), ("loudness", "speed", -1.0))

    assert walk.at(1.9).anchors[0].weight > 0.99
    assert walk.at(4) == C


def test_a_loop_with_sound_closes():
    walk = replace(driven(clicks(), ("onset", "speed", 1.0)), loop=True)

    assert walk.at(walk.seconds) == walk.at(0) == A


def test_loud_moments_move_what_the_matrix_says():
    cells = [("loudness", column, 0.5) for column in COLUMNS[1:]]
    recipe = Recipe("m", (Anchor(1, label=2),), offsets=(Offset("hour", 1.0),), noise=Noise("random", 3))
    walk = driven(np.concatenate([tone(440), silence(2)]), *cells, keys=(recipe,), directions=("hour", "sun"), label=4, seconds=4)
    loud, quiet = walk.at(1), walk.at(3)

    assert quiet == recipe
    assert loud.psi == pytest.approx(0.7 + 0.3)
    assert {step.direction: step.sigma for step in loud.offsets} == pytest.approx({"hour": 2.5, "sun": 1.5})
    assert loud.noise == Noise("random", 3, 2.0)
    assert dict(loud.anchors[0].label) == pytest.approx({2: 0.5, 4: 0.5})


def test_what_the_sound_adds_stays_within_a_recipes_ranges():
    low = replace(A, psi=-1.9, noise=Noise(strength=0.1))
    cells = [(row, column, -1.0) for row in ROWS for column in COLUMNS]
    walk = driven(tone(440), *cells, keys=(low, replace(low, anchors=(Anchor(2),))), directions=("a", "b"))

    assert {(recipe.psi, recipe.noise.strength) for recipe in frames(walk)[5:-5]} == {(-2.0, 0.0)}


def test_after_the_sound_there_is_silence():
    walk = driven(tone(440, 1.0), ("loudness", "psi", 1.0))

    assert walk.at(0.5).psi > 1.2
    assert walk.at(1.5).psi == 0.7


def test_a_smoothed_row_falls_slowly():
    values = smoothed(np.eye(1, 200, 50)[0], 0.5, 50.0)

    assert values.argmax() in range(49, 52)
    assert 0.2 < values[70] < 0.6
    assert values[199] < 0.01


def test_a_walk_is_made_even_before_its_sound_moves_it():
    walk = driven(clicks(), ("onset", "speed", 1.0))
    evened, _, _ = even(walk, lambda recipe: np.full((1, 1, 3), 100.0 * len(recipe.anchors)))

    assert evened.sound == walk.sound
    assert evened.at(0.6) == evened.at(0.9)


# Writing and reading.


def test_a_walk_with_sound_comes_back_from_json():
    walk = driven(
        clicks(), ("onset", "speed", 1.0), ("low", "first", -0.5), smoothing=(("low", 0.3),), directions=("hour",), label=3
    )

    assert Walk.from_json(walk.to_json()) == walk
    assert len(walk.to_json()) < 2000


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"sound": 3}, "is no sound"),
        ({"sound": {"rate": 50}}, "is no sound"),
        ({"sound": {"rate": 500, "levels": "AAAAA"}}, "500"),
        ({"sound": {"rate": True, "levels": "AAAAA"}}, "True"),
        ({"sound": {"rate": 50, "levels": "AAAA"}}, "damaged"),
        ({"sound": {"rate": 50, "levels": "AAA!A"}}, "damaged"),
        ({"sound": {"rate": 50, "levels": "A" * 90_005}}, "damaged"),
        ({"sound": {"rate": 50, "levels": 5}}, "damaged"),
        ({"sound": {"rate": 50, "levels": "AAAAA", "name": "\n"}}, "name"),
        ({"drive": []}, "no matrix"),
        ({"drive": {"colour": 1}}, "no matrix"),
        ({"drive": {"amounts": 1}}, "no matrix"),
        ({"drive": {"amounts": [["onset", "psi"]]}}, "no matrix"),
        ({"drive": {"amounts": [["onset", "colour", 1]]}}, "no matrix"),
        ({"drive": {"amounts": [["onset", "psi", 2]]}}, "amount 2"),
        ({"drive": {"amounts": [["onset", "psi", 1], ["onset", "psi", 1]]}}, "twice"),
        ({"drive": {"amounts": [[[], "psi", 1]]}}, "no matrix"),
        ({"drive": {"smoothing": [["onset", 2]]}}, "smoothing 2"),
        ({"drive": {"smoothing": [["x", 1]]}}, "smoothing"),
        ({"drive": {"directions": ["a", "b", "c"]}}, "at most 2"),
        ({"drive": {"directions": [3]}}, "3"),
        ({"drive": {"label": -1}}, "-1"),
        ({"drive": {"label": "x"}}, "no matrix"),
    ],
)
def test_a_text_that_is_no_sound_or_matrix_is_refused_with_what_is_wrong(part, said):
    with pytest.raises(BadRecipe) as refused:
        Walk.from_dict({"keys": [{"recipe": {"model": "m"}}], **part})

    assert said in str(refused.value)


def test_a_sound_without_a_name_is_written_without_one():
    assert "name" not in json.loads(Walk((Key(A),), sound=Sound(1.0, "AAAAA")).to_json())["sound"]
