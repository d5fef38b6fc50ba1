"""Directions as small safetensors files: one that a person takes along, and all that were found for some weights.

The latter lie beside converted checkpoints in the Hugging Face cache, under the SHA-256 of the
weights: what took seconds to measure once is read at once by every later process.
"""

import json
from pathlib import Path
from typing import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from genart.directions.measures import Direction
from genart.errors import BadRecipe, quote
from genart.hub.cache import ours, put
from genart.limits import MAX_DIRECTION
from genart.recipe import MAX_VALUE

FINDER = 1  # part of the folder's name: raise it when directions found before should be found again
KEY = "genart.direction"
DAMAGED = (SafetensorError, ValueError, TypeError, LookupError, RecursionError, AttributeError)


def to_file(name: str, vector: Tensor, *, model: str, weights: str) -> bytes:
    """A direction as a file: its name, its model, the SHA-256 of the weights it belongs to, one sigma of w."""
    about = {"name": name, "model": model, "weights": weights, "unit": "one standard deviation of w"}
    return save({"vector": vector.float().contiguous()}, {KEY: json.dumps(about)})


def from_file(data: bytes, *, model: str, weights: str, w_dim: int) -> tuple[str, Tensor]:
    """Name and vector (1 or num_ws, w_dim) of a file made by `to_file`.

    Raises BadRecipe for a file that is none, and for one that was made for other weights.
    """
    try:
        if len(data) > MAX_DIRECTION:
            raise ValueError
        about = json.loads(_metadata(data)[KEY])
        name, of, made_for = (str(about[key])[:200] for key in ("name", "model", "weights"))
        vector = torch.atleast_2d(load(data)["vector"].float())
        if (
            not name.isprintable()
            or not name
            or not vector.numel()
            or not torch.isfinite(vector).all()
            or vector.abs().max() > MAX_VALUE
        ):
            raise ValueError
    except DAMAGED:
        raise BadRecipe("This file holds no direction; choose one that was exported here.") from None
    if made_for != weights:
        raise BadRecipe(
            f"The direction {quote(name)} belongs to other weights, of {quote(of)}, not to {quote(model)}; choose its own model."
        )
    if vector.dim() != 2 or vector.shape[1] != w_dim:
        raise BadRecipe(f"The direction {quote(name)} has shape {tuple(vector.shape)}; {quote(model)} takes {(1, w_dim)}.")
    return name, vector


def kept(weights: str, w_dim: int) -> dict[str, Direction] | None:
    """The directions found before for weights of that SHA-256; None where there are none that can be used."""
    try:
        data = _place(weights).read_bytes()
        sure = json.loads(_metadata(data)["r"])
        found = {name: Direction(vector, sure.get(name)) for name, vector in load(data).items()}
    except (OSError, *DAMAGED):
        return None
    whole = all(each.vector.shape == (w_dim,) and torch.isfinite(each.vector).all() for each in found.values())
    order: list[str] = sure.get("", [])
    return {name: found[name] for name in order} if whole and sorted(order) == sorted(found) else None


def keep(weights: str, found: Mapping[str, Direction]) -> None:
    """Keep what was found."""
    sure = {name: each.r for name, each in found.items() if each.r is not None} | {"": list(found)}
    data = save({name: each.vector.contiguous() for name, each in found.items()}, {"r": json.dumps(sure)})
    put(_place(weights), data)


def _place(weights: str) -> Path:
    return ours() / f"directions-{FINDER}" / f"{weights}.safetensors"


def _metadata(data: bytes) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length])["__metadata__"]
