"""Learning a VAE (Kingma 2013, arXiv:1312.6114) from pictures. It knows no files."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.families.vae import VAE, Layers
from genart.learn import prior
from genart.learn.augment import wobble
from genart.learn.data import Pictures
from genart.learn.losses import RECONSTRUCTIONS, kl, sliced
from genart.learn.pace import average, rate

PARTS = ("model", "average", "reader", "optimiser")
STEEPEST = 100.0  # gradients longer than this are shortened to it


@dataclass(frozen=True, slots=True)
class VAERecipe:
    """All that decides a VAE's weights, but the seed.

    `beta` weighs the KL term (Higgins 2017), and grows from 0 over the first tenth of the steps.
    `sliced` weighs the distance of all z together from a normal: for few dimensions, where holes show.
    `reading` weighs a classifier on z that helps in training only and is thrown away.
    `start` scales the decoder's last layer before the first step: where tanh is flat nothing is learnt.
    `contrast` multiplies the finished decoder's output before tanh: where it is unsure a
    distance asks for the grey in between, and contrast chooses a side.
    """

    data: str
    encoder: Layers
    decoder: Layers
    reconstruction: str
    beta: float
    sliced: float = 0.0
    reading: float = 0.0
    wobble: float = 0.0
    start: float = 1.0
    contrast: float = 1.0
    batch: int = 128
    lr: float = 1e-3
    steps: int = 10_000
    ema: float = 0.999
    family: str = "vae"


class VAETrainer:
    """One VAE in training: `advance` is a step, `weights` are the averaged ones, ready to be written."""

    def __init__(self, recipe: VAERecipe, pictures: Pictures, seed: int, device: torch.device):
        torch.manual_seed(seed)
        self.recipe, self.pictures, self.device = recipe, pictures, device
        self.random = torch.Generator().manual_seed(seed)
        self.model = VAE(recipe.encoder, recipe.decoder).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            self.model.decoder[-1].weight.mul_(recipe.start)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        classes = int(pictures.labels.max()) + 1
        self.reader = nn.Sequential(nn.Linear(self.model.z_dim, 64), nn.ReLU(), nn.Linear(64, classes)).to(device)
        self.optimiser = torch.optim.AdamW([*self.model.parameters(), *self.reader.parameters()], recipe.lr, weight_decay=1e-4)
        self.step = 0

    def advance(self) -> dict[str, float]:
        recipe = self.recipe
        lr = rate(self.step, recipe.steps, recipe.lr)
        x, label = self._batch()
        mean, log_variance = self.model.posterior(x)
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=self.random).to(self.device)
        y = self.model.decode(z[:, None])
        drawn = RECONSTRUCTIONS[recipe.reconstruction](y, x)
        distance = kl(mean, log_variance)
        loss = drawn + recipe.beta * min(1.0, 10 * self.step / recipe.steps) * distance
        measures = {"reconstruction": drawn.item(), "kl": distance.item()}
        if recipe.sliced:
            apart = sliced(z, self.random)
            loss = loss + recipe.sliced * apart
            measures["apart"] = apart.item()
        if recipe.reading:
            logits = self.reader(z)
            loss = loss + recipe.reading * F.cross_entropy(logits, label)
            measures["read right"] = (logits.argmax(1) == label).float().mean().item()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), STEEPEST)
        self.optimiser.param_groups[0]["lr"] = lr
        self.optimiser.step()
        self.step += 1
        average(self.average, self.model, recipe.ema, self.step)
        return measures

    def weights(self) -> dict[str, Tensor]:
        """The averaged network, its contrast raised, with the prior fitted to all pictures."""
        means, log_variances = self._posteriors()
        mean, axes = prior.fit(means, log_variances.exp())
        state = {**self.average.state_dict(), "prior.mean": mean, "prior.axes": axes}
        last = f"decoder.{len(self.recipe.decoder) - 1}."
        return {name: tensor * self.recipe.contrast if name.startswith(last) else tensor for name, tensor in state.items()}

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        return {**parts, "random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.random.set_state(state["random"].cpu())
        self.step = state["step"]

    def _batch(self) -> tuple[Tensor, Tensor]:
        index = torch.randint(len(self.pictures), (self.recipe.batch,), generator=self.random)
        x, label = self.pictures.at(index)
        x = wobble(x, self.recipe.wobble, self.random)
        return x.to(self.device, memory_format=torch.channels_last), label.to(self.device)

    @torch.no_grad()
    def _posteriors(self) -> tuple[Tensor, Tensor]:
        parts = [
            self.average.posterior(self.pictures.at(index)[0].to(self.device))
            for index in torch.arange(len(self.pictures)).split(500)
        ]
        means, log_variances = zip(*parts, strict=True)
        return torch.cat(means), torch.cat(log_variances)
