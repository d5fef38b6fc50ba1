"""A discriminator and how it learns. It knows no generator."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.learn.augment import shift
from genart.learn.judge import Judge
from genart.learn.losses import discriminator_loss, generator_loss, r1


class Discriminator(nn.Module):
    """Pictures and classes -> logits, the class by projection (Miyato 2018, arXiv:1802.05637).

    `widths` are its layers, each of which halves the picture; `stem` is that of one before them that does not.
    `sight` is how many maps of another network's it is shown beside its own last ones, of their size.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], size: int, num_classes: int, stem: int = 0, sight: int = 0):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise((stem or channels, *widths)))
        if stem:
            self.down.insert(0, nn.Conv2d(channels, stem, 3, 1, 1))
        self.last = nn.Conv2d(widths[-1] + 1 + sight, widths[-1], 3, 1, 1)
        side = size >> len(widths)
        self.features = nn.Linear(widths[-1] * side * side, 128)
        self.real = nn.Linear(128, 1)
        self.classes = nn.Embedding(num_classes, 128)
        self.named = nn.Linear(128, num_classes)

    def forward(self, x: Tensor, label: Tensor, sight: tuple[Tensor, ...] = ()) -> tuple[Tensor, Tensor]:
        """How real the pictures look as what they are called, (N,), and what it would call them itself, (N, classes)."""
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.2)
        x = F.leaky_relu(self.last(torch.cat([x, _variety(x), *sight], dim=1)), 0.2)
        features = F.leaky_relu(self.features(x.flatten(1)), 0.2)
        real = self.real(features)[:, 0] + (features * self.classes(label)).sum(1) / 128**0.5
        return real, self.named(features)


def _variety(x: Tensor, group: int = 8) -> Tensor:
    """One map (N, 1, H, W) of how much a group of pictures differs (Karras 2017, arXiv:1710.10196)."""
    groups = x.unflatten(0, (-1, min(group, len(x))))
    spread = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.repeat_interleave(groups.shape[1])[:, None, None, None].expand(-1, 1, *x.shape[2:])


class Critic:
    """A discriminator in training: `judge` is its step, `displeasure` what a generator minimises.

    `gamma` weighs R1, taken every `r1_every` steps. Pictures are shifted by up to `shift` first, and get
    `noise` deviations of noise: where the real ones are of few flat colours, a colour that is a
    shade off would give the others away (Sønderby 2016, arXiv:1610.04490). `naming` weighs what both
    also learn: to name the class of real pictures, to draw what is named right (Odena 2016, arXiv:1610.09585).
    Through an `eye`, a judge that learns no more, it sees from the start what pictures show (Sauer 2021,
    arXiv:2111.01007).
    """

    def __init__(
        self,
        net: Discriminator,
        random: torch.Generator,
        lr: float,
        gamma: float,
        shift: float,
        noise: float = 0.0,
        naming: float = 0.0,
        eye: Judge | None = None,
        r1_every: int = 8,
    ):
        self.net, self.random, self.eye = net, random, eye
        self.gamma, self.shift, self.noise, self.naming, self.r1_every = gamma, shift, noise, naming, r1_every
        self.optimiser = torch.optim.Adam(net.parameters(), lr, betas=(0.0, 0.99))
        self.step = 0

    def judge(self, real: Tensor, real_label: Tensor, fake: Tensor, fake_label: Tensor, lr: float) -> dict[str, float]:
        real = real.detach().requires_grad_(self.step % self.r1_every == 0)
        real_logits, names = self._opinion(real, real_label)
        fake_logits, _ = self._opinion(fake.detach(), fake_label)
        loss = total = discriminator_loss(real_logits, fake_logits)
        if self.naming:
            total = total + F.cross_entropy(names, real_label)
        if real.requires_grad:
            total = total + self.gamma / 2 * self.r1_every * r1(real_logits, real)
        self.optimiser.param_groups[0]["lr"] = lr
        self.optimiser.zero_grad()
        total.backward()
        self.optimiser.step()
        self.step += 1
        return {"discriminator": loss.item()}

    def displeasure(self, fake: Tensor, label: Tensor) -> Tensor:
        """The generator's loss; its gradient reaches `fake`, and not the discriminator."""
        self.net.requires_grad_(False)
        logits, names = self._opinion(fake, label)
        loss = generator_loss(logits)
        if self.naming:
            loss = loss + self.naming * F.cross_entropy(names, label)
        self.net.requires_grad_(True)
        return loss

    def _opinion(self, x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        x = shift(x, self.shift, self.random)
        if self.noise:
            x = x + self.noise * torch.randn(x.shape, generator=self.random).to(x.device)
        return self.net(x, label, (self.eye.layers(x)[-1],) if self.eye else ())  # type: ignore[no-any-return]

    def state_dict(self) -> dict[str, Any]:
        return {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
