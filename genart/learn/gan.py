"""Learning a class-conditional DCGAN against a discriminator. It knows no files."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.families.dcgan import DCGAN
from genart.families.dcgan import Layers as GeneratorLayers
from genart.learn.augment import shift
from genart.learn.data import Pictures
from genart.learn.losses import discriminator_loss, generator_loss, r1
from genart.learn.pace import average, rate


@dataclass(frozen=True, slots=True)
class GANRecipe:
    """All that decides a GAN's weights, but the seed.

    `generator` is the DCGAN's table of layers, whose first input holds z and the class
    embedding of `label` numbers. `discriminator` is its widths, halving the picture each time.
    `pad` frames the pictures in black; `gamma` weighs R1, taken every `r1_every` steps.
    """

    data: str
    generator: GeneratorLayers
    discriminator: tuple[int, ...]
    label: int
    pad: int = 0
    gamma: float = 1.0
    r1_every: int = 8
    shift: float = 0.0
    batch: int = 64
    lr: float = 1e-3
    steps: int = 10_000
    ema: float = 0.999
    family: str = "dcgan"


class Discriminator(nn.Module):
    """Pictures and classes -> logits, the class by projection (Miyato 2018, arXiv:1802.05637)."""

    def __init__(self, channels: int, widths: tuple[int, ...], size: int, num_classes: int):
        super().__init__()
        inward = (channels, *widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(inward, widths))
        self.last = nn.Conv2d(widths[-1] + 1, widths[-1], 3, 1, 1)
        side = size >> len(widths)
        self.features = nn.Linear(widths[-1] * side * side, 128)
        self.real = nn.Linear(128, 1)
        self.classes = nn.Embedding(num_classes, 128)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.2)
        x = F.leaky_relu(self.last(torch.cat([x, _variety(x)], dim=1)), 0.2)
        features = F.leaky_relu(self.features(x.flatten(1)), 0.2)
        return self.real(features)[:, 0] + (features * self.classes(label)).sum(1) / 128**0.5


def _variety(x: Tensor, group: int = 8) -> Tensor:
    """One map (N, 1, H, W) of how much a group of pictures differs (Karras 2017, arXiv:1710.10196)."""
    groups = x.unflatten(0, (-1, min(group, len(x))))
    spread = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.repeat_interleave(groups.shape[1])[:, None, None, None].expand(-1, 1, *x.shape[2:])


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
        self.critic = Discriminator(space.channels, recipe.discriminator, space.image_size, self.num_classes).to(device)
        self.optimiser = torch.optim.Adam(self.model.parameters(), recipe.lr, betas=(0.0, 0.99))
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), recipe.lr, betas=(0.0, 0.99))
        self.step = 0

    def advance(self) -> dict[str, float]:
        lr = rate(self.step, self.recipe.steps, self.recipe.lr)
        for optimiser in (self.optimiser, self.critic_optimiser):
            optimiser.param_groups[0]["lr"] = lr
        measures = {**self._judge(), **self._draw()}
        self.step += 1
        average(self.average, self.model, self.recipe.ema, self.step)
        return measures

    def weights(self) -> dict[str, Tensor]:
        """The averaged generator."""
        return self.average.state_dict()

    def state_dict(self) -> dict[str, object]:
        return {**{name: getattr(self, name).state_dict() for name in PARTS}, "random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, object]) -> None:
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.random.set_state(state["random"].cpu())
        self.step = state["step"]

    def _judge(self) -> dict[str, float]:
        """One step of the discriminator."""
        recipe = self.recipe
        index = torch.randint(len(self.pictures), (recipe.batch,), generator=self.random)
        x, label = (part.to(self.device) for part in self.pictures.at(index))
        x = F.pad(x, [recipe.pad] * 4, value=-1.0).requires_grad_(self.step % recipe.r1_every == 0)
        with torch.no_grad():
            fake, fake_label = self._fake()
        real_logits = self.critic(shift(x, recipe.shift, self.random), label)
        fake_logits = self.critic(shift(fake, recipe.shift, self.random), fake_label)
        loss = total = discriminator_loss(real_logits, fake_logits)
        if x.requires_grad:
            total = loss + recipe.gamma / 2 * recipe.r1_every * r1(real_logits, x)
        self.critic_optimiser.zero_grad()
        total.backward()
        self.critic_optimiser.step()
        return {"discriminator": loss.item(), "real": real_logits.mean().item(), "fake": fake_logits.mean().item()}

    def _draw(self) -> dict[str, float]:
        """One step of the generator."""
        self.critic.requires_grad_(False)
        fake, label = self._fake()
        loss = generator_loss(self.critic(shift(fake, self.recipe.shift, self.random), label))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.critic.requires_grad_(True)
        return {"generator": loss.item()}

    def _fake(self) -> tuple[Tensor, Tensor]:
        z = torch.randn(self.recipe.batch, self.model.z_dim, generator=self.random)
        label = torch.randint(self.num_classes, (self.recipe.batch,), generator=self.random).to(self.device)
        shares = F.one_hot(label, self.num_classes).float()
        return self.model.synthesis(self.model.mapping(z.to(self.device), shares)), label


PARTS = ("model", "average", "critic", "optimiser", "critic_optimiser")
