"""Any trainer, from its last checkpoint to its last step, as a stream of progress."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Protocol

import torch
from safetensors.torch import save_file
from torch import Tensor

MANY = 1_000_000


class Trainer(Protocol):
    step: int

    def advance(self) -> dict[str, float]: ...
    def weights(self) -> dict[str, Tensor]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is: steps done, seconds in this run, and each measure's mean since the last report."""

    step: int
    seconds: float
    measures: dict[str, float]


def train(trainer: Trainer, steps: int, every: float, minutes: float | None = None) -> Iterator[Progress]:
    """Steps until `steps` are done or `minutes` have passed; a report about every `every` seconds, and at the end."""
    start = last = time.monotonic()
    sums: dict[str, float] = {}
    count = 0
    while trainer.step < steps:
        for name, value in trainer.advance().items():
            sums[name] = sums.get(name, 0.0) + value
        count += 1
        now = time.monotonic()
        out_of_time = minutes is not None and now - start > 60 * minutes
        if now - last >= every or out_of_time or trainer.step >= steps:
            yield Progress(trainer.step, now - start, {name: value / count for name, value in sums.items()})
            last, sums, count = now, {}, 0
        if out_of_time:
            return


def save(trainer: Trainer, path: Path) -> None:
    """The whole state, so that a resumed run gives the weights of an uninterrupted one."""
    part = path.with_suffix(".part")
    torch.save(trainer.state_dict(), part)
    part.replace(path)


def resume(trainer: Trainer, path: Path) -> bool:
    """Whether there was a checkpoint at `path` to go on from."""
    if not path.is_file():
        return False
    trainer.load_state_dict(torch.load(path, weights_only=True))
    return True


def publish(trainer: Trainer, path: Path, facts: dict[str, object]) -> None:
    """The weights as safetensors, with `facts` in the header under "genart"; in half precision where they are many."""
    weights = {name: tensor for name, tensor in trainer.weights().items() if tensor.is_floating_point()}
    kind = torch.float16 if sum(tensor.numel() for tensor in weights.values()) > MANY else torch.float32
    tensors = {name: tensor.detach().to("cpu", kind).contiguous() for name, tensor in weights.items()}
    save_file(tensors, path, metadata={"genart": json.dumps({**facts, "steps": trainer.step})})
