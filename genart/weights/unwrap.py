"""From whatever a checkpoint holds to the state dict of one generator. It knows no files.

Training scripts save the generator among its average, its adversary, optimisers and losses, under
names of their own. The rules here are about the words of those names: what belongs to a
discriminator, an optimiser or a loss is left out, an average comes before the raw weights, and of
several ways to take the prefixes off the first that a family recognises is chosen.
"""

import re
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping

from torch import Tensor

from genart.families.base import Shapes
from genart.weights.inert import Array, Inert

Path = tuple[str, ...]
State = dict[str, Tensor]

LEFT_OUT = {
    *("d", "dis", "disc", "discriminator", "discriminators", "critic", "netd", "aug", "augment", "augmentation"),
    *("optim", "optims", "optimizer", "optimizers", "optimiser", "opt", "scheduler", "schedulers", "scaler"),
    *("diffusion", "cond", "loss", "losses", "lpips", "perceptual", "inception", "teacher", "callbacks", "metrics", "rng"),
}
AVERAGED = {"ema", "avg", "average", "averaged", "shadow", "running", "swa", "ge", "gs"}
GENERATOR = {"g", "gen", "generator", "netg"}
WRAPPER = {
    "checkpoint",
    "ckpt",
    "state",
    "model",
    "module",
    "net",
    "network",
    "params",
    "weights",
    "vae",
    "autoencoder",
    "first",
    "gan",
    "ae",
}
BESIDE = "latent_avg"  # rosinality's mean of w lies beside the weights
DEEPEST = 40
MAX_NODES = 200_000


@dataclass(frozen=True, slots=True)
class Found:
    """A generator's tensors, what the file says of its making, the prefix it lay under, and the names beside it."""

    state: State
    settings: dict[str, Any]
    prefix: str
    left_out: list[str]


def unwrapped(loaded: object, recognised: Callable[[Shapes], bool]) -> Found:
    """The generator in a checkpoint; of no tensors where the checkpoint holds none.

    `recognised` tells whether names and shapes are those of a known family.
    """
    tensors: State = {}
    settings: dict[str, dict[str, Any]] = {}
    _gather(loaded, (), tensors, settings, set())
    views = list(_views(tensors, ""))
    prefix, state = next((view for view in views if recognised(_shapes(view[1]))), views[0])
    made = dict(settings.get(prefix.rstrip("."), {}))
    below = (part["conv_clamp"] for path, part in settings.items() if path.startswith(prefix) and "conv_clamp" in part)
    clamp = next(below, None)  # the arguments may leave it to the default of the code they were made with
    if clamp is not None:
        made.setdefault("conv_clamp", clamp)
    depth = max(1, prefix.count("."))
    others = [name.split(".") for name in tensors if name.removeprefix(prefix) not in state]
    return Found(state, made, prefix, sorted({".".join(parts[:depth]) for parts in others}))


def _gather(node: object, path: Path, tensors: State, settings: dict[str, dict[str, Any]], seen: set[int]) -> None:
    """All tensors below a node, by their full names; and the settings of networks met on the way."""
    if isinstance(node, Array):
        node = node.tensor()
    if isinstance(node, Tensor):
        tensors[".".join(path)] = node
        return
    if isinstance(node, Inert):
        node = vars(node)
    if not isinstance(node, Mapping) or id(node) in seen or len(path) > DEEPEST or len(seen) > MAX_NODES:
        return
    seen.add(id(node))
    if "_modules" in node and "_parameters" in node:
        settings[".".join(path)] = _settings(node)
        gone = node.get("_non_persistent_buffers_set") or ()
        for part in ("_parameters", "_buffers", "_modules"):
            children = node[part] if isinstance(node[part], Mapping) else {}
            for name, child in children.items():
                if not (part == "_buffers" and name in gone):
                    _gather(child, (*path, str(name)), tensors, settings, seen)
        return
    for name, child in node.items():
        _gather(child, (*path, str(name)), tensors, settings, seen)


def _settings(module: Mapping) -> dict[str, Any]:
    """What a network's object says of itself: plain attributes, and the arguments it was made with.

    Those of the synthesis network count as the whole's, as StyleGAN3 has them.
    """
    given = module.get("_init_kwargs")
    given = dict(given) if isinstance(given, Mapping) else {}
    inner = given.pop("synthesis_kwargs", None)
    children = module["_modules"] if isinstance(module["_modules"], Mapping) else {}
    synthesis = children.get("synthesis")
    below = _settings(vars(synthesis)) if isinstance(synthesis, Inert) and "_modules" in vars(synthesis) else {}
    own = {str(name): value for name, value in module.items() if not str(name).startswith("_") and name != "training"}
    merged = {**below, **own, **(inner if isinstance(inner, Mapping) else {}), **given}
    return {str(name): plain for name, value in merged.items() if (plain := _plain(value)) is not None}


def _plain(value: object, depth: int = 3) -> Any:
    """The value, if JSON has it; else None."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)) and depth:
        return [_plain(part, depth - 1) for part in value[:100]]
    if isinstance(value, Mapping) and depth:
        return {str(name): _plain(part, depth - 1) for name, part in value.items()}
    return None


def _views(tensors: State, prefix: str, depth: int = 6) -> Iterator[tuple[str, State]]:
    """Ways to read a checkpoint, best first: under its best wrapper, under the next, as it is.

    At last under a prefix that all names share: it may be part of a layout, as projected GANs' is.
    """
    groups: dict[str, State] = {}
    for name, tensor in tensors.items():
        first, dot, rest = name.partition(".")
        groups.setdefault(first + dot, {})[rest] = tensor
    kept = {first: group for first, group in groups.items() if not _words(first) & LEFT_OUT} or groups
    folders = [first for first in kept if first.endswith(".")]
    beside = {BESIDE: tensors[BESIDE]} if BESIDE in kept else {}
    wrappers = sorted((first for first in folders if _rank(first) < 3), key=_rank)
    shared = folders if len(folders) == 1 and not wrappers else []
    for first in wrappers if depth else ():
        yield from _views(beside | kept[first], f"{prefix}{first}", depth - 1)
    yield prefix, {first + rest: tensor for first, group in kept.items() for rest, tensor in group.items()}
    for first in shared if depth else ():
        yield from _views(beside | kept[first], f"{prefix}{first}", depth - 1)


def _rank(first: str) -> int:
    words = _words(first)
    return 0 if words & AVERAGED else 1 if words & GENERATOR else 2 if words & WRAPPER else 3


def _words(name: str) -> set[str]:
    """The words in a name: netG_state_dict has net, g, state, dict and netg; GE is one word."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return {part.lower() for part in parts} | {name.rstrip(".").lower()}


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
