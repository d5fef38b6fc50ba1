"""What goes over the live channel: requests become recipes, frames and errors become replies.

It knows no connection and no visitor.
"""

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from genart.errors import BadRecipe, quote
from genart.export import screen
from genart.recipe import MAX_CHARACTERS, Anchor, Recipe
from genart.ui.sentences import chinese
from genart.ui.words import in_both
from genart.walk import Walk, drift

if TYPE_CHECKING:
    from genart.studio import Frame, Studio
    from genart.weights import Part

LACKING = -1e4  # a class gives things that it lacks a weight so far below the others
UNEXPECTED = "The picture could not be made; the server's log says why. Change something and try again."


def seq_in(message: dict[str, Any]) -> int | None:
    """The number of a request, that its reply repeats; None where it is no whole number a browser can hold."""
    seq = message.get("seq")
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and abs(seq) <= 2**53 else None


def recipe_in(message: dict[str, Any]) -> Recipe:
    """The recipe a request asks for: written out, as the word of a link, as plain parts, or a moment of a walk."""
    if "link" in message:
        return Recipe.from_text(str(message["link"]))
    if "plain" in message:
        return plain_recipe(message["plain"])
    if "walk" not in message:
        return Recipe.from_dict(message.get("recipe"))
    walk, moment = message["walk"], message.get("moment")
    if not isinstance(walk, str) or (walk != "drift" and not walk.startswith("{")):
        raise BadRecipe(f"There is no walk named {quote(walk)}; write drift, or a whole walk as JSON.")
    if isinstance(moment, bool) or not isinstance(moment, (int, float)) or not 0 <= moment <= 1e6:
        raise BadRecipe(f"moment {quote(moment)} is out of range; use a number from 0 to 1000000.")
    return drift(Recipe.from_dict(message.get("recipe")))(moment) if walk == "drift" else walk_of(walk).at(moment)


@lru_cache(64)  # while a walk plays, every frame brings the same text
def walk_of(text: str) -> Walk:
    """The walk that a request carries."""
    return Walk.from_json(text)


def plain_recipe(parts: Any) -> Recipe:
    """The recipe of a hand-written address such as ?model=digits-gan&seed=42&psi=0.7&label=3."""
    if not isinstance(parts, dict):
        raise BadRecipe(f"{quote(parts)} is no recipe; write model, seed, psi and label.")
    try:
        label = int(parts["label"]) if parts.get("label") else None
        return Recipe(
            str(parts.get("model")),
            (Anchor(int(parts.get("seed") or 0), label=label),),
            0.7 if parts.get("psi") in (None, "") else float(parts["psi"]),
        )
    except (ValueError, TypeError, OverflowError):
        raise BadRecipe(f"{quote(parts)} is no recipe; write seed and label as whole numbers, psi as a number.") from None


def reply(seq: int, recipe: Recipe, frame: "Frame", *, hurry: bool, walking: bool) -> bytes:
    """A picture with what the page shows beside it: at rest the link, and the recipe the page may not know."""
    start = time.perf_counter()
    kind, data = screen(frame.pixels)
    head: dict[str, Any] = {
        "seq": seq,
        "kind": kind,
        "width": frame.pixels.shape[1],
        "height": frame.pixels.shape[0],
        "full": frame.full,
        "ms": round(frame.ms, 2),
    }
    if frame.point is None:
        head["point"] = None
    elif frame.point.size <= 64 or not hurry:
        head["point"] = [round(value, 4) for value in frame.point.ravel().tolist()]
    if not hurry:
        head["link"] = recipe.to_text()
    if walking or not hurry:
        head["recipe"] = json.loads(recipe.to_json())
    head["encode_ms"] = round((time.perf_counter() - start) * 1000, 2)
    return framed(head, data)


def told(sentence: object) -> dict[str, str]:
    """What went wrong, in both languages, so that the page can change its own while it shows it."""
    return {"error": str(sentence), "chinese": chinese(str(sentence))}


def framed(head: dict[str, Any], data: bytes = b"") -> bytes:
    packed = json.dumps(head, separators=(",", ":")).encode()
    return len(packed).to_bytes(4, "big") + packed + data


def describe(studio: "Studio", name: Any) -> dict[str, Any]:
    """A model in the numbers and words that its controls are made from."""
    resident = studio.resident(str(name))
    entry, space = studio.entry(str(name)), resident.loaded.generator.space
    return {
        "name": str(name),
        "kind": resident.loaded.family.kind if entry.kind == "Hub" else entry.kind,
        "family": resident.loaded.family.title,
        "licence": entry.licence,
        "credit": entry.credit,
        "trained": in_both(entry.credit),
        "classes": list(entry.classes if len(entry.classes) == space.num_classes else map(str, range(space.num_classes))),
        "hardPixels": entry.hard_pixels,
        "size": space.image_size,
        "zDim": space.z_dim,
        "wDim": space.w_dim,
        "numWs": space.num_ws,
        "numClasses": space.num_classes,
        "hasMapping": space.has_mapping,
        "spherical": space.spherical,
        "hasNoise": space.has_noise,
        "hasEncoder": space.has_encoder,
        "latent": list(space.latent),
        "parts": [{"name": part.name, "cells": cells_of(part)} for part in resident.loaded.parts],
        "controls": [{"name": control.name, "low": control.low, "high": control.high} for control in space.controls],
        **directions_of(studio, entry.name),
        "weights": resident.loaded.sha256,
        "megabytes": round(resident.bytes / 1e6, 1),
        "device": str(studio.device),
    }


def cells_of(part: "Part") -> list[list[list[float]]]:
    """For each class the things that it knows, each as its code and, last, its weight."""
    things = np.concatenate([part.codes, part.weights[:, :, None]], axis=2).round(2)
    known = part.weights > part.weights.max(axis=1, keepdims=True) + LACKING
    return [own[rows].tolist() for own, rows in zip(things, known, strict=True)]


def directions_of(studio: "Studio", name: str) -> dict[str, Any]:
    """What a model's directions are called; how surely those that were measured do what they say, as a held-out
    correlation; and which ones may still be found."""
    still = studio.still_measured(name)  # first: what is found meanwhile is then told as still coming, and not lost
    found = studio.resident(name).directions or {}
    sure = {each: round(known.r, 3) for each, known in found.items() if known.r is not None}
    return {"directions": studio.direction_names(name), "measured": sure, "stillMeasured": [] if sure else still}


def parsed(text: str | bytes, limit: int = MAX_CHARACTERS) -> dict[str, Any]:
    if len(text) > limit:
        raise BadRecipe(f"A request has at most {limit} characters; this one has {len(text)}.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRecipe(f"The request {quote(text)} is not valid JSON; load the page again.") from None
    if not isinstance(value, dict):
        raise BadRecipe(f"The request {quote(text)} is not a JSON object; load the page again.")
    return value
