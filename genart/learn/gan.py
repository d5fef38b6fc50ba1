"""Learning a class-conditional GAN against a discriminator. It knows no files."""

import copy
from dataclasses import dataclass, field
from typing import Any, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from genart.families.dcgan import DCGAN
from genart.families.dcgan import Layers as GeneratorLayers
from genart.families.stylegan2 import StyleGAN2
from genart.learn.critic import Critic, Discriminator
from genart.learn.data import Pictures
from genart.learn.judge import EYE_SEED, learn, untrained
from genart.learn.losses import perceptual, unlike
from genart.learn.pace import average, rate
from genart.learn.transport import points
from genart.recipe import Noise


@dataclass(frozen=True, slots=True)
class Style:
    """The sizes of a StyleGAN2: channels at 4, 8, 16 … pixels, z, and the widths of the mapping network."""

    channels: tuple[int, ...]
    z_dim: int
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GANRecipe:
    """All that decides a GAN's weights, but the seed.

    `generator` is a StyleGAN2's sizes, or a DCGAN's table of layers, whose first input holds z and
    the embedding of the class. The embedding has `label` numbers; the class is the picture's, or,
    with `kind`, which of these things it shows. `discriminator` is its widths, halving the picture
    each time, after a layer of `stem` channels if that is not 0. `pad` frames the pictures in
    black. With `parts` as a VAERecipe has them, it also draws from z and class of real pictures, and
    `taught` weighs how unlike them that is, by pixels and by a judge's layers. `gamma`, `shift`,
    `noise` and `naming` are the critic's, the noise falling to none at half the steps.
    """

    data: str
    generator: GeneratorLayers | Style
    discriminator: tuple[int, ...]
    label: int
    kind: str = ""
    stem: int = 0
    pad: int = 0
    gamma: float = 1.0
    shift: float = 0.0
    noise: float = 0.0
    naming: float = 0.0
    parts: Mapping[str, int] = field(default_factory=dict)
    taught: float = 0.0
    batch: int = 64
    lr: float = 1e-3
    steps: int = 10_000
    ema: float = 0.999

    @property
    def family(self) -> str:
        return "stylegan2" if isinstance(self.generator, Style) else "dcgan"


class GANTrainer:
    """Generator and discriminator in training: `advance` is a step of each, `weights` the averaged generator."""

    def __init__(self, recipe: GANRecipe, pictures: Pictures, seed: int, device: torch.device):
        torch.manual_seed(seed)
        self.recipe, self.pictures, self.device = recipe, pictures, device
        self.random = torch.Generator().manual_seed(seed)
        self.labels = pictures.kinds[recipe.kind] if recipe.kind else pictures.labels
        self.num_classes = int(self.labels.max()) + 1
        self.eye = untrained(pictures, EYE_SEED).to(device) if recipe.parts else None
        self.model = _generator(recipe, pictures.pixels.shape[1], self.num_classes).to(device)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.known: Tensor | None = None
        if recipe.parts:
            z, _ = points(pictures.parts, recipe.parts, pictures.labels, pictures.pixels)
            self.known = _filled(z, self.model.space.z_dim, self.random)
        space = self.model.space
        net = Discriminator(space.channels, recipe.discriminator, space.image_size, self.num_classes, recipe.stem).to(device)
        self.critic = Critic(net, self.random, recipe.lr, recipe.gamma, recipe.shift, recipe.noise, recipe.naming)
        self.optimiser = torch.optim.Adam(self.model.parameters(), recipe.lr, betas=(0.0, 0.99))
        self.step = 0

    def advance(self) -> dict[str, float]:
        if self.eye is not None and not self.step:
            learn(self.eye, self.pictures, EYE_SEED)
        lr = rate(self.step, self.recipe.steps, self.recipe.lr)
        self.critic.noise = self.recipe.noise * max(0.0, 1 - 2 * self.step / self.recipe.steps)
        measures = {**self._judge(lr), **self._draw(lr)}
        self.step += 1
        average(self.average, self.model, self.recipe.ema, self.step)
        return measures

    def weights(self) -> dict[str, Tensor]:
        """The averaged generator; a StyleGAN2 with the mean of its w."""
        if isinstance(self.average, StyleGAN2):
            with torch.no_grad():
                z = torch.randn(MEAN_DRAWS, self.average.space.z_dim, generator=torch.Generator().manual_seed(0))
                shares = torch.eye(self.num_classes)[torch.arange(MEAN_DRAWS) % self.num_classes]
                self.average.mapping.w_avg.copy_(self.average.mapping(z.to(self.device), shares.to(self.device))[:, 0].mean(0))
        return self.average.state_dict()

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in self._parts()}
        return {**parts, "random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self._parts():
            getattr(self, name).load_state_dict(state[name])
        if self.eye is not None:
            self.eye.eval().requires_grad_(False)
        self.random.set_state(state["random"].cpu())
        self.step = state["step"]

    def _parts(self) -> tuple[str, ...]:
        return (*PARTS, "eye") if self.eye is not None else PARTS

    def _judge(self, lr: float) -> dict[str, float]:
        """One step of the discriminator."""
        index = torch.randint(len(self.pictures), (self.recipe.batch,), generator=self.random)
        x, label = self.pictures.at(index)[0].to(self.device), self.labels[index].to(self.device)
        with torch.no_grad():
            fake, fake_label = self._fake()
        return self.critic.judge(F.pad(x, [self.recipe.pad] * 4, value=-1.0), label, fake, fake_label, lr)

    def _draw(self, lr: float) -> dict[str, float]:
        """One step of the generator."""
        fake, label = self._fake()
        loss, measures = self.critic.displeasure(fake, label), {}
        if self.known is not None and self.eye is not None:
            x, drawn = self._taught()
            unlikeness = unlike(drawn, x) + perceptual(self.eye.layers(drawn), self.eye.layers(x))
            loss, measures = loss + self.recipe.taught * unlikeness, {"unlike": unlikeness.item()}
        self.optimiser.param_groups[0]["lr"] = lr
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return {"generator": loss.item(), **measures}

    def _taught(self) -> tuple[Tensor, Tensor]:
        """Real pictures and what the generator makes of their z and class."""
        assert self.known is not None
        index = torch.randint(len(self.pictures), (self.recipe.batch // 2,), generator=self.random)
        shares = F.one_hot(self.labels[index], self.num_classes).float().to(self.device)
        w = self.model.mapping(self.known[index].to(self.device), shares)
        return self.pictures.at(index)[0].to(self.device), self.model.synthesis(w, QUIET)

    def _fake(self) -> tuple[Tensor, Tensor]:
        z = torch.randn(self.recipe.batch, self.model.space.z_dim, generator=self.random)
        label = torch.randint(self.num_classes, (self.recipe.batch,), generator=self.random).to(self.device)
        shares = F.one_hot(label, self.num_classes).float()
        return self.model.synthesis(self.model.mapping(z.to(self.device), shares), QUIET), label


def _generator(recipe: GANRecipe, channels: int, num_classes: int) -> DCGAN | StyleGAN2:
    sizes = recipe.generator
    if not isinstance(sizes, Style):
        return DCGAN(sizes, label=(recipe.label, num_classes))
    return StyleGAN2(
        sizes.channels,
        z_dim=sizes.z_dim,
        mapping_widths=sizes.widths,
        num_classes=num_classes,
        embedded=recipe.label,
        image_channels=channels,
    )


def _filled(z: Tensor, dim: int, random: torch.Generator) -> Tensor:
    """(N, d) -> (N, dim): the numbers that mean nothing, of such a length that a mapping's normalisation changes none."""
    rest = F.normalize(torch.randn(len(z), dim - z.shape[1], generator=random), dim=1)
    return torch.cat([z, rest * (dim - z.square().sum(1, keepdim=True)).clamp_min(0).sqrt()], dim=1)


QUIET = Noise(mode="none")  # at these sizes noise only makes speckle
MEAN_DRAWS = 4600
PARTS = ("model", "average", "critic", "optimiser")
