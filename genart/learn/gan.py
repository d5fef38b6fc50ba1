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
from genart.learn.transport import Cells, points, settle, shapes, thinned
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
    black. With `parts` as a VAERecipe has them, it draws from the z of real pictures, and `taught` weighs
    how unlike these that is, by pixels and by a judge's layers; in the first `alone` steps there is no
    critic. Only the critic, where `label` is 0, is told the class. `gamma`, `shift`,
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
    alone: int = 0
    batch: int = 64
    lr: float = 1e-3
    steps: int = 10_000
    ema: float = 0.999

    def __post_init__(self) -> None:
        if self.parts and not isinstance(self.generator, Style):
            raise ValueError("only a StyleGAN2's mapping reads parts")

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
        z: Tensor | None = None
        cells: list[Cells] = []
        if recipe.parts:  # the mapping is told no class, so all pictures are of one
            z, cells = points(pictures.parts, recipe.parts, torch.zeros_like(pictures.labels), pictures.pixels)
        self.known: Tensor | None = z
        self.model = _generator(recipe, pictures.pixels.shape[1], self.num_classes, cells).to(device)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        space = self.model.space
        net = Discriminator(space.channels, recipe.discriminator, space.image_size, self.num_classes, recipe.stem).to(device)
        self.critic = Critic(net, self.random, recipe.lr, recipe.gamma, recipe.shift, recipe.noise, recipe.naming)
        mapping = [*self.model.mapping.parameters()] if isinstance(self.model, StyleGAN2) else []
        others = [each for each in self.model.parameters() if all(each is not mine for mine in mapping)]
        groups = [{"params": part} for part in (others, mapping) if part]
        self.optimiser = torch.optim.Adam(groups, recipe.lr, betas=(0.0, 0.99))
        self.step = 0

    def advance(self) -> dict[str, float]:
        if self.eye is not None and not self.step:
            learn(self.eye, self.pictures, EYE_SEED)
        lr = rate(self.step, self.recipe.steps, self.recipe.lr)
        self.critic.noise = self.recipe.noise * max(0.0, 1 - 2 * self.step / self.recipe.steps)
        measures = {**({} if self._alone else self._judge(lr)), **self._draw(lr)}
        self.step += 1
        average(self.average, self.model, self.recipe.ema, self.step)
        return measures

    def weights(self) -> dict[str, Tensor]:
        """The averaged generator; a StyleGAN2 with the mean of its w."""
        if isinstance(self.average, StyleGAN2):
            classes = self.average.space.num_classes
            with torch.no_grad():
                z = torch.randn(MEAN_DRAWS, self.average.space.z_dim, generator=torch.Generator().manual_seed(0))
                shares = torch.eye(classes)[torch.arange(MEAN_DRAWS) % classes].to(self.device) if classes else None
                self.average.mapping.w_avg.copy_(self.average.mapping(z.to(self.device), shares)[:, 0].mean(0))
        return thinned(self.average.state_dict(), "mapping.parts.")

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in self._state()}
        return {**parts, "random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self._state():
            getattr(self, name).load_state_dict(state[name])
        if self.eye is not None:
            self.eye.eval().requires_grad_(False)
        self.random.set_state(state["random"].cpu())
        self.step = state["step"]

    def _state(self) -> tuple[str, ...]:
        return (*STATE, "eye") if self.eye is not None else STATE

    def _judge(self, lr: float) -> dict[str, float]:
        """One step of the discriminator."""
        index = self._some()
        with torch.no_grad():
            fake, fake_label, _ = self._fake()
        return self.critic.judge(self._real(index), self.labels[index].to(self.device), fake, fake_label, lr)

    def _draw(self, lr: float) -> dict[str, float]:
        """One step of the generator."""
        fake, label, like = self._fake()
        loss, measures = fake.new_zeros(()), {}
        if not self._alone:
            loss = self.critic.displeasure(fake, label)
            measures["generator"] = loss.item()
        if self.eye is not None and like is not None:
            x = self._real(like)
            apart = unlike(fake, x) + perceptual(self.eye.layers(fake), self.eye.layers(x))
            loss, measures["unlike"] = loss + self.recipe.taught * apart, apart.item()
        for group, times in zip(self.optimiser.param_groups, PACES, strict=False):
            group["lr"] = lr * (times if self._alone else 1)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return measures

    @property
    def _alone(self) -> bool:
        return self.step < self.recipe.alone

    def _fake(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Pictures, their classes, and where each has z of a real one, which."""
        if self.known is not None:
            index = self._some()
            w = self.model.mapping(self.known[index].to(self.device))
            return self.model.synthesis(w, QUIET), self.labels[index].to(self.device), index
        z = torch.randn(self.recipe.batch, self.model.space.z_dim, generator=self.random)
        label = torch.randint(self.num_classes, (self.recipe.batch,), generator=self.random).to(self.device)
        shares = F.one_hot(label, self.num_classes).float()
        return self.model.synthesis(self.model.mapping(z.to(self.device), shares), QUIET), label, None

    def _some(self) -> Tensor:
        return torch.randint(len(self.pictures), (self.recipe.batch,), generator=self.random)

    def _real(self, index: Tensor) -> Tensor:
        return F.pad(self.pictures.at(index)[0].to(self.device), [self.recipe.pad] * 4, value=-1.0)


def _generator(recipe: GANRecipe, channels: int, num_classes: int, cells: list[Cells]) -> DCGAN | StyleGAN2:
    sizes = recipe.generator
    if not isinstance(sizes, Style):
        return DCGAN(sizes, label=(recipe.label, num_classes))
    model = StyleGAN2(
        sizes.channels,
        z_dim=sizes.z_dim,
        mapping_widths=sizes.widths,
        num_classes=num_classes if recipe.label else 0,
        embedded=recipe.label,
        image_channels=channels,
        parts=shapes(cells),
    )
    settle(model.mapping.parts, cells)
    return model


QUIET = Noise(mode="none")  # at these sizes noise only makes speckle
PACES = (1.0, 30.0)  # how fast synthesis and mapping learn while no critic follows them
MEAN_DRAWS = 4600
STATE = ("model", "average", "critic", "optimiser")
