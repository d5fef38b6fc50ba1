"""A larger prior for a VAE that is finished: a flow learnt alone on what the encoder fills. It knows no pictures."""

import copy
from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import Tensor, nn

from genart.families.vae import VAE, Prior
from genart.learn import prior
from genart.learn.pace import STEEPEST, average, rate

EMA = 0.999

Posteriors = Callable[[], tuple[Tensor, Tensor]]
"""Means and log variances, both (N, d), of all pictures."""


@dataclass(frozen=True, slots=True)
class Refit:
    """How the prior is learnt anew in the last `steps`, when nothing else learns any more.

    A step costs no picture, so the flow can be larger than the one that learnt along with the
    rest, and see far more points.
    """

    steps: int
    widths: tuple[int, ...] = (256,) * 14
    batch: int = 256
    lr: float = 1.5e-3
    seed: int = 0


class PriorTrainer:
    """Gives a finished VAE a fresh prior and teaches it: `advance` is a step, the VAE holds the averaged weights."""

    def __init__(self, model: VAE, old: Prior, labels: Tensor, posteriors: Posteriors, refit: Refit, random: torch.Generator):
        self.refit, self.random, self.labels, self.posteriors = refit, random, labels, posteriors
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(refit.seed)
            self.prior = Prior(model.z_dim, refit.widths, old.given).to(old.mean.device)
        self.slow = copy.deepcopy(self.prior).requires_grad_(False)
        self.model, model.prior = model, self.slow
        self.optimiser = torch.optim.Adam(self.prior.parameters(), refit.lr)
        self.points: tuple[Tensor, Tensor] | None = None
        self.step = 0

    def advance(self) -> dict[str, float]:
        if self.points is None:
            self.points = self.posteriors()
            if not self.step:
                self._begin(*self.points)
        index = torch.randint(len(self.labels), (self.refit.batch,), generator=self.random)
        means, log_variances = (part[index] for part in self.points)
        noise = torch.randn(means.shape, generator=self.random).to(means.device)
        distance = prior.distance(self.prior, means + (log_variances / 2).exp() * noise, log_variances, self._given(index))
        self.optimiser.zero_grad()
        distance.backward()
        nn.utils.clip_grad_norm_(self.prior.parameters(), STEEPEST)
        self.optimiser.param_groups[0]["lr"] = rate(self.step, self.refit.steps, self.refit.lr)
        self.optimiser.step()
        self.step += 1
        average(self.slow, self.prior, EMA, self.step)
        return {"kl": distance.item()}

    def state_dict(self) -> dict[str, Any]:
        return {"prior": self.prior.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.prior.load_state_dict(state["prior"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]

    @torch.no_grad()
    def _begin(self, means: Tensor, log_variances: Tensor) -> None:
        """Both priors, as the Gaussian that fits: the couplings bend nothing yet."""
        mean, axes = prior.fit(means, log_variances.exp())
        for each in (self.prior, self.slow):
            each.mean.copy_(mean)
            each.axes.copy_(axes)

    @torch.no_grad()
    def _given(self, index: Tensor) -> Tensor | None:
        """What the prior is told of the pictures' classes."""
        if not self.slow.given:
            return None
        shares = nn.functional.one_hot(self.labels[index], self.model.space.num_classes).float()
        return self.model.embedded(shares, shares.to(self.slow.mean.device))
