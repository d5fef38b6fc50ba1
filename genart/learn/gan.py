"""Learning a class-conditional DCGAN against a discriminator. It knows no files."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from genart.families.dcgan import DCGAN
from genart.families.dcgan import Layers as GeneratorLayers
from genart.learn.critic import Critic, Discriminator
from genart.learn.data import Pictures
from genart.learn.pace import average, rate


@dataclass(frozen=True, slots=True)
class GANRecipe:
    """All that decides a GAN's weights, but the seed.

    `generator` is the DCGAN's table of layers, whose first input holds z and the class
    embedding of `label` numbers. `discriminator` is its widths, halving the picture each time.
    `pad` frames the pictures in black; `gamma` weighs R1; `shift` moves what the discriminator sees.
    """

    data: str
    generator: GeneratorLayers
    discriminator: tuple[int, ...]
    label: int
    pad: int = 0
    gamma: float = 1.0
    shift: float = 0.0
    batch: int = 64
    lr: float = 1e-3
    steps: int = 10_000
    ema: float = 0.999
    family: str = "dcgan"


class GANTrainer:
    """Generator and discriminator in training: `advance` is a step of each, `weights` the averaged generator."""

    def __init__(self, recipe: GANRecipe, pictures: Pictures, seed: int, device: torch.device):
        torch.manual_seed(seed)
        self.recipe, self.pictures, self.device = recipe, pictures, device
        self.random = torch.Generator().manual_seed(seed)
        self.num_classes = int(pictures.labels.max()) + 1
        self.model = DCGAN(recipe.generator, label=(recipe.label, self.num_classes)).to(device)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        space = self.model.space
        net = Discriminator(space.channels, recipe.discriminator, space.image_size, self.num_classes).to(device)
        self.critic = Critic(net, self.random, recipe.lr, recipe.gamma, recipe.shift)
        self.optimiser = torch.optim.Adam(self.model.parameters(), recipe.lr, betas=(0.0, 0.99))
        self.step = 0

    def advance(self) -> dict[str, float]:
        lr = rate(self.step, self.recipe.steps, self.recipe.lr)
        measures = {**self._judge(lr), **self._draw(lr)}
        self.step += 1
        average(self.average, self.model, self.recipe.ema, self.step)
        return measures

    def weights(self) -> dict[str, Tensor]:
        """The averaged generator."""
        return self.average.state_dict()

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        return {**parts, "random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.random.set_state(state["random"].cpu())
        self.step = state["step"]

    def _judge(self, lr: float) -> dict[str, float]:
        """One step of the discriminator."""
        index = torch.randint(len(self.pictures), (self.recipe.batch,), generator=self.random)
        x, label = (part.to(self.device) for part in self.pictures.at(index))
        with torch.no_grad():
            fake, fake_label = self._fake()
        return self.critic.judge(F.pad(x, [self.recipe.pad] * 4, value=-1.0), label, fake, fake_label, lr)

    def _draw(self, lr: float) -> dict[str, float]:
        """One step of the generator."""
        loss = self.critic.displeasure(*self._fake())
        self.optimiser.param_groups[0]["lr"] = lr
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return {"generator": loss.item()}

    def _fake(self) -> tuple[Tensor, Tensor]:
        z = torch.randn(self.recipe.batch, self.model.z_dim, generator=self.random)
        label = torch.randint(self.num_classes, (self.recipe.batch,), generator=self.random).to(self.device)
        shares = F.one_hot(label, self.num_classes).float()
        return self.model.synthesis(self.model.mapping(z.to(self.device), shares)), label


PARTS = ("model", "average", "critic", "optimiser")
