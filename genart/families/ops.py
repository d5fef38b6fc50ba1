"""Blocks that two families truly share. It knows no family."""

import math
from typing import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.errors import BadWeights, quote


def normalise_z(x: Tensor, dim: int = 1) -> Tensor:
    """x divided by its root mean square along `dim` (Karras 2017, arXiv:1710.10196)."""
    return x * torch.rsqrt(x.square().mean(dim, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """Linear layer with an equalised learning rate (Karras 2017, arXiv:1710.10196).

    y = x (W rate / √inside)ᵀ + b rate, so that every layer's weights are stored near unit size.
    """

    def __init__(self, inside: int, outside: int, rate: float = 1.0, bias: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside) / rate)
        self.bias = nn.Parameter(torch.full((outside,), bias / rate))
        self.rate = rate
        self.gain = rate / math.sqrt(inside)

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight.t(), beta=self.rate, alpha=self.gain)


class StyleMapping(nn.Module):
    """The mapping network of the StyleGANs: z (N, z_dim), label (N, num_classes) -> w (N, num_ws, w_dim).

    `widths` are the outputs of the layers fc0, fc1, …; the last is w_dim. Without a label every
    class has the same share (Karras 2018, arXiv:1812.04948; classes: Karras 2020, arXiv:2006.06676).
    """

    w_avg: Tensor

    def __init__(self, z_dim: int, widths: Sequence[int], num_ws: int, num_classes: int = 0, embedded: int = 0):
        super().__init__()
        self.num_ws = num_ws
        self.num_classes = num_classes
        if num_classes:
            self.embed = EqualLinear(num_classes, embedded)
        self.depth = len(widths)
        for i, (inside, outside) in enumerate(zip([z_dim + embedded, *widths], widths, strict=False)):
            self.add_module(f"fc{i}", EqualLinear(inside, outside, rate=0.01))
        self.register_buffer("w_avg", torch.zeros(widths[-1]))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = normalise_z(z)
        if self.num_classes:
            if label is None:
                label = z.new_full((len(z), self.num_classes), 1 / self.num_classes)
            x = torch.cat([x, normalise_z(self.embed(label))], dim=1)
        for i in range(self.depth):
            x = F.leaky_relu(self.get_submodule(f"fc{i}")(x), 0.2) * math.sqrt(2)
        return x[:, None].repeat(1, self.num_ws, 1)


def fill(model: nn.Module, state: Mapping[str, Tensor], title: str) -> None:
    """Gives `model`, made on the meta device, the tensors of `state` as float32, sharing their memory.

    Raises BadWeights naming the first tensor that is missing, misshapen or not of this family.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, shape in wanted.items():
        if name not in state:
            raise BadWeights(f"These {title} weights lack the tensor {quote(name)}; fetch the whole file again.")
        if tuple(state[name].shape) != shape:
            found = tuple(state[name].shape)
            raise BadWeights(
                f"The tensor {quote(name)} of these {title} weights has shape {found}, not {shape}; "
                "use a file saved by the original code."
            )
    for name in state:
        if name not in wanted:
            raise BadWeights(f"The tensor {quote(name)} is no part of {title}; use a file with the generator alone.")
    model.load_state_dict({name: state[name].float() for name in wanted}, assign=True)
