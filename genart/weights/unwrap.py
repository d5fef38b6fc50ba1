"""From whatever a checkpoint holds to the state dict of one generator. It knows no files.

Training scripts save the generator among its average, its adversary, optimisers and losses, under
names of their own. The rules here are about the words of those names: what belongs to a
discriminator, an optimiser or a loss is left out, an average comes before the raw weights, and of
several ways to take the prefixes off the first that a family recognises is chosen. A part of a
network is never taken without the layers beside it that feed it, and an average without buffers
has those of the network it averages. Settings that lie beside the generator go with it.
"""

import json
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Callable, Iterator, Mapping

from torch import Tensor

from genart.families.base import Shapes
from genart.weights.inert import Array, Inert

Path = tuple[str, ...]
State = dict[str, Tensor]

LEFT_OUT = {
    *("d", "dis", "disc", "discriminator", "discriminators", "critic", "netd", "net_d", "model_d", "d_ema"),
    *("aug", "augment", "augmentation"),
    *("optim", "optims", "optimizer", "optimizers", "optimiser", "opt", "scheduler", "schedulers", "scaler"),
    *("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "momentum_buffer", "grads"),  # an optimiser's
    *("diffusion", "cond_stage_model", "loss", "losses", "lpips", "perceptual", "inception", "teacher"),
    *("callbacks", "metrics", "rng"),
}
AVERAGED = {"ema", "avg", "average", "averaged", "shadow", "running", "swa", "ge", "gs", "gema"}
GENERATOR = {"g", "gen", "generator", "netg"}
WRAPPER = {
    "checkpoint",
    "ckpt",
    "state",
    "model",
    "module",
    "_orig_mod",
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
HALVES = {"encoder", "decoder", "enc", "dec"}
FEEDING = {
    *("fc", "l1", "lin", "linear", "dense", "proj", "project", "projection", "map", "mapping", "preprocess", "stem", "style"),
    *("latent", "label", "labels", "emb", "embed", "embedding", "cond", "condition", "attn", "attention"),
    *("input", "output", "out", "last", "final", "head", "rgb"),
}
PARALLEL = {"module.", "_orig_mod."}  # what torch puts before every name; no network has it of itself
STRAY = {"noise", "z", "latent", "latents", "fixed", "sample", "samples", "seed", "epoch", "epochs", "step", "steps"}
STRAY |= {"iter", "iters", "iteration", "iterations", "lr", "fid", "best"}
SETTINGS = {"config", "cfg", "opt", "args", "hparams", "hyper_parameters", "model_config", "model_args", "settings"}
BUFFERS = {"running_mean", "running_var", "num_batches_tracked", "noise_const", "resample_filter", "kernel", "w_avg"}
BUFFERS |= {"weight_u", "weight_v", "_u", "_v"}
BESIDE = "latent_avg"  # rosinality's mean of w lies beside the weights
ELEMENT = re.compile(r"(^|\.)\[[^].]*\](\.|$)")
ODD = {"odd.weight": (7, 11, 13)}  # a tensor of no network
DEEPEST = 40
MAX_NODES = 200_000
MAX_ELEMENTS = 10_000
MAX_SETTING = 10_000  # characters
MOST_TENSORS = 50_000
LONGEST = 1000  # of a name or a text among the settings, in characters
MOST_WHOLE = 2**63
WIDEST = 100  # of a list or a table of settings


@dataclass(frozen=True, slots=True)
class Found:
    """A generator's tensors, what the file says of its making, the prefix it lay under, and the names beside it."""

    state: State
    settings: dict[str, Any]
    prefix: str
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Contents:
    """All that was met in a checkpoint, by full names: tensors, what networks say of themselves, and settings.

    An element of a list is named by its number in brackets. `folders` are the prefixes that a dict or a list
    made; others stand in the names of a state dict.
    """

    tensors: State = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)


def unwrapped(loaded: object, recognised: Callable[[Shapes], bool]) -> Found:
    """The generator in a checkpoint; of no tensors where the checkpoint holds none.

    `recognised` tells whether names and shapes are those of a known family.
    """
    contents = Contents()
    _gather(loaded, (), contents)
    tensors = contents.tensors
    views = [view for view in _views(contents, tensors, "", recognised) if view[1]] or [("", tensors)]
    whole = ((prefix, _with_buffers(state, views)) for prefix, state in views)
    prefix, state = next((view for view in whole if recognised(_shapes(view[1]))), views[0])
    others = [name for name in tensors if name.removeprefix(prefix) not in state]
    depths = (prefix.count(".") + name.startswith(prefix) for name in others)  # beside the generator, or among its own
    left_out = sorted({".".join(name.split(".")[:depth]) for name, depth in zip(others, depths, strict=True)})
    return Found(_averaged(state, tensors), _said(contents, prefix), prefix, left_out)


def _said(contents: Contents, prefix: str) -> dict[str, Any]:
    """What a network says of itself, and beneath their own names the settings that lie beside it or further out."""
    above = [path for path in contents.settings if prefix.startswith(path)]
    beside = {name: plain for path in sorted(above, key=len) for name, plain in contents.settings[path].items()}
    made = beside | contents.networks.get(prefix.rstrip("."), {})
    below = (part["conv_clamp"] for path, part in contents.networks.items() if path.startswith(prefix) and "conv_clamp" in part)
    clamp = next(below, None)  # the arguments may leave it to the default of the code they were made with
    if clamp is not None:
        made.setdefault("conv_clamp", clamp)
    return made


def _with_buffers(state: State, views: list[tuple[str, State]]) -> State:
    """The state with the buffers it lacks, as an average of parameters does, from a view that is the same but for them."""
    shapes = _shapes(state).items()
    for _, other in views:
        lacking = other.keys() - state.keys() if len(other) > len(state) else set()
        if lacking and all(_is_buffer(name) for name in lacking) and shapes <= _shapes(other).items():
            return other | state
    return state


def _averaged(state: State, tensors: State) -> State:
    """The state with averages in place of its parameters, where the file has them as a list in the parameters' order."""
    lists: dict[str, list[Tensor]] = {}
    for name, tensor in tensors.items():
        before, _, last = name.rpartition(".")
        words = _words(before.rpartition(".")[2])
        if last.startswith("[") and words & AVERAGED and not words & LEFT_OUT:
            lists.setdefault(before, []).append(tensor)
    names = [name for name in state if not _is_buffer(name)]
    shapes = [state[name].shape for name in names]
    average = next((each for each in lists.values() if [tensor.shape for tensor in each] == shapes), [])
    return state | dict(zip(names, average, strict=False))


def _gather(node: object, path: Path, contents: Contents) -> None:
    """All tensors below a node but those of optimisers, by their full names; and the settings met on the way."""
    if isinstance(node, Array):
        node = node.tensor()
    if sum(map(len, path)) > LONGEST or len(contents.tensors) > MOST_TENSORS:
        raise ValueError(f"names of more than {LONGEST} characters, or more than {MOST_TENSORS} tensors")
    if isinstance(node, Tensor):
        contents.tensors[".".join(path)] = node
        return
    if isinstance(node, Inert):
        node = vars(node)
    seen = contents.seen
    if not isinstance(node, (Mapping, list, tuple)) or id(node) in seen or len(path) > DEEPEST or len(seen) > MAX_NODES:
        return
    seen.add(id(node))
    if isinstance(node, (list, tuple)):
        node = {f"[{place}]": child for place, child in enumerate(node[:MAX_ELEMENTS])}
    if "_modules" in node and "_parameters" in node:
        contents.networks[".".join(path)] = _settings(node)
        gone = node.get("_non_persistent_buffers_set") or ()
        for part in ("_parameters", "_buffers", "_modules"):
            children = node.get(part)
            for name, child in children.items() if isinstance(children, Mapping) else ():
                if not (part == "_buffers" and name in gone):
                    _gather(child, (*path, _text(name)), contents)
        return
    if "param_groups" in node:  # an optimiser's records have the shapes of weights
        return
    above = "".join(f"{name}." for name in path)
    for name, child in node.items():
        own = f"[{_text(name)}]" if isinstance(name, int) else _text(name)
        if own in SETTINGS and (plain := _beside(child)):
            contents.settings.setdefault(above, {})[own] = plain
        contents.folders.add(f"{above}{own}.")
        _gather(child, (*path, own), contents)


def _beside(node: object) -> dict[str, Any]:
    """Settings of training as JSON has them; none of an optimiser or a network, nor what is too long to be one."""
    node = vars(node) if isinstance(node, Inert) else node
    if not isinstance(node, Mapping) or "param_groups" in node or "_modules" in node:
        return {}
    plain = {_text(name): _plain(value) for name, value in node.items() if not isinstance(value, Tensor)}
    return {name: value for name, value in plain.items() if value is not None and len(json.dumps(value)) <= MAX_SETTING}


def _text(name: object) -> str:
    """A key as text, if it is one that somebody would write; the name of its type otherwise."""
    text = name if isinstance(name, str) else str(name) if isinstance(name, int) and abs(name) < MOST_WHOLE else ""
    return text if 0 < len(text) <= LONGEST or name == "" else type(name).__name__


def _settings(module: Mapping, outer: bool = True) -> dict[str, Any]:
    """What a network's object says of itself: plain attributes, and the arguments it was made with.

    Those of the synthesis network count as the whole's, as StyleGAN3 has them.
    """
    given = module.get("_init_kwargs")
    given = dict(given) if isinstance(given, Mapping) else {}
    inner = given.pop("synthesis_kwargs", None)
    children = module["_modules"] if isinstance(module["_modules"], Mapping) else {}
    synthesis = children.get("synthesis")
    lies_below = outer and isinstance(synthesis, Inert) and "_modules" in vars(synthesis)
    below = _settings(vars(synthesis), outer=False) if lies_below else {}
    own = {_text(name): value for name, value in module.items() if not _text(name).startswith("_") and name != "training"}
    merged = {**below, **own, **(inner if isinstance(inner, Mapping) else {}), **given}
    return {_text(name): plain for name, value in merged.items() if (plain := _plain(value)) is not None}


def _plain(value: object, depth: int = 3) -> Any:
    """The value, if JSON has it; else None."""
    if isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < MOST_WHOLE else None
    if isinstance(value, str):
        return value if len(value) <= LONGEST else None
    if isinstance(value, (list, tuple)) and depth:
        return [_plain(part, depth - 1) for part in value[:WIDEST]]
    if isinstance(value, Mapping) and depth:
        return {_text(name): _plain(part, depth - 1) for name, part in islice(value.items(), WIDEST)}
    return None


def _views(
    contents: Contents, tensors: State, prefix: str, recognised: Callable[[Shapes], bool], depth: int = 6
) -> Iterator[tuple[str, State]]:
    """Ways to read a checkpoint, best first: under its best wrapper, under the next, as it is, each element of a list.

    At last under a prefix that all names share: it may be part of a layout, as projected GANs' is.
    """
    groups: dict[str, State] = {}
    for name, tensor in tensors.items():
        first, dot, rest = name.partition(".")
        groups.setdefault(first + dot, {})[rest] = tensor
    kept = {first: group for first, group in groups.items() if not _is_left_out(first, prefix, contents)} or groups
    folders = [first for first in kept if first.endswith(".")]
    beside = {BESIDE: tensors[BESIDE]} if BESIDE in kept else {}
    wrappers = sorted((first for first in folders if _rank(first) < 3), key=_rank)
    shared = folders if len(folders) == 1 and not wrappers else []
    listed = [first for first in folders if first.startswith("[") or any(rest.startswith("[") for rest in kept[first])]
    own = {
        first + rest: tensor
        for first, group in kept.items()
        for rest, tensor in group.items()
        if first == BESIDE or not (ELEMENT.search(first + rest) or (not rest and _words(first) & STRAY))
    }
    named = [first for first in wrappers if first not in PARALLEL and f"{prefix}{first}" not in contents.folders]
    fed = {first for first in named if _is_fed(first, kept)}

    def below(chosen: list[str]) -> Iterator[tuple[str, State]]:
        for first in chosen if depth else ():
            yield from _views(contents, beside | kept[first], f"{prefix}{first}", recognised, depth - 1)

    for rank in range(3):
        words = [first for first in wrappers if _rank(first) == rank]
        halves = any(_words(first) & HALVES for first in words)
        attributes = (_is_attribute(first, kept, own, recognised) for first in words if first in named)
        if rank and (halves or any(attributes)):
            yield prefix, own
        yield from below([first for first in words if first not in fed])
    yield prefix, own
    yield from below(shared)
    yield from below(listed)


def _is_attribute(first: str, kept: Mapping[str, State], whole: State, recognised: Callable[[Shapes], bool]) -> bool:
    """Whether a word before some names of a state dict is the network's own, not one that wraps the network.

    So it is where numbers follow, for then a Sequential is called that, and where a family that looks at all
    tensors takes those beside it too, unless they are an encoder, which feeds no generator.
    """
    if _rank(first) == 2 and all(rest[:1].isdecimal() for rest in kept[first]):
        return True
    shapes = _shapes(whole)
    beside = [other for other in kept if other != first and not (_rank(first) == 1 and _words(other) & HALVES)]
    return bool(beside) and recognised(shapes) and not recognised({**shapes, **ODD})


def _is_fed(first: str, kept: Mapping[str, State]) -> bool:
    """Whether below a word in a state dict lies a part of a network alone: layers that feed or finish others stand there.

    An average of the whole network may have its own of them.
    """
    beside = [other for other in kept if other != BESIDE and (other.endswith(".") or not _words(other) & STRAY)]
    feeding = [other for other in beside if _words(other) & FEEDING]
    return len(beside) > 1 and any(_rank(first) or not any(rest.startswith(other) for rest in kept[first]) for other in feeding)


def _is_left_out(first: str, prefix: str, contents: Contents) -> bool:
    """Whether a name is of no generator; among the names of a state dict d1 and d_out are layers, and D alone a discriminator."""
    within = _words(first) & LEFT_OUT
    return bool(within - {"d"}) or (bool(within) and (first.lower() in ("d", "d.") or f"{prefix}{first}" in contents.folders))


def _is_buffer(name: str) -> bool:
    return name.rpartition(".")[2] in BUFFERS


def _rank(first: str) -> int:
    words = _words(first)
    return 0 if words & AVERAGED else 1 if words & GENERATOR else 2 if words & WRAPPER else 3


def _words(name: str) -> set[str]:
    """The words in a name: netG_state_dict has net, g, state, dict and netg; GE is one word."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return {part.lower() for part in parts} | {name.rstrip(".").lower()}


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
