"""Learning a VAE (Kingma 2013, arXiv:1312.6114) from pictures. It knows no files."""

import copy
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genart.families.vae import VAE, Layers, Prior
from genart.learn import prior
from genart.learn.augment import restyle, wobble
from genart.learn.critic import Critic, Discriminator
from genart.learn.data import Pictures
from genart.learn.judge import EYE_SEED, Judge, learn, untrained
from genart.learn.losses import RECONSTRUCTIONS, kl, perceptual, sliced, surprise
from genart.learn.pace import STEEPEST, average, rate
from genart.learn.transport import plane, points, settle, shapes, thinned

STATE = ("model", "average", "reader", "optimiser")


@dataclass(frozen=True, slots=True)
class Flow:
    """How a prior is learnt along with the rest in the last `steps`: its layers' widths, and beta from then on.

    Where pictures differ in kinds, hats or none, no Gaussian fits what the encoder fills, and
    samples fall between the kinds; a flow bends round that, so beta may ask for more.
    """

    steps: int
    beta: float
    widths: tuple[int, ...] = (128,) * 8


@dataclass(frozen=True, slots=True)
class Adversary:
    """A discriminator that sharpens the decoder in the last `steps` (Larsen 2015, arXiv:1512.09300).

    It sees real pictures beside samples of the prior and reconstructions. Its pull on the
    decoder's last layer is kept at `weight` times that of the reconstruction (Esser 2020,
    arXiv:2012.09841); the encoder does not feel it. With `mixed`, half of the samples have a
    share of a second class, less than the first's: they shall look like something too.
    """

    steps: int
    weight: float
    widths: tuple[int, ...] = (32, 64, 96, 128)
    gamma: float = 1.0
    shift: float = 1 / 16
    lr: float = 5e-4
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class VAERecipe:
    """All that decides a VAE's weights, but the seed.

    `beta` weighs the KL term (Higgins 2017), and grows from 0 over the first tenth of the steps.
    `sliced` weighs the distance of all z together from a normal: for few dimensions, where holes show.
    `reading` weighs what a small network reads off z in training only: the class, or, in one
    linear step, the factors that are known of a picture. It is thrown away.
    `perceptual` weighs the distance in the layers of a judge, taught before the first step to read what
    the pictures show; it is another than the one that measures finished models. The adversary sees through it too.
    `known` makes z the pictures' factors, where these are all that decides a picture and normal: the decoder
    draws half of a batch from them, and the encoder learns to tell them. No prior need be found then.
    Pictures that are decided by parts, of which there are a few each, have `parts`, numbers of z for each
    (`learn.transport`); the decoder's first layer then reads, beside the class, which of each part's things are chosen.
    A `plane` of so many groups gives z, two numbers then, by what pictures look like to a judge taught as above.
    `label` numbers embed the class for the decoder and the flow; 0 where the decoder is not told it.
    `sides` is the power to which the finished decoder raises the shares of classes: where there is nothing
    worth seeing between two of them, a walk from one to the other is over sooner.
    `letters` draws so many classes of each thing in a step, where a picture holds one thing in all
    its classes, a channel each; the encoder then sees some of them only.
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
    perceptual: float = 0.0
    known: bool = False
    parts: Mapping[str, int] = field(default_factory=dict)
    plane: int = 0
    wobble: float = 0.0
    restyle: float = 0.0
    label: int = 0
    sides: float = 1.0
    letters: int = 0
    start: float = 1.0
    contrast: float = 1.0
    flow: Flow | None = None
    adversary: Adversary | None = None
    batch: int = 128
    lr: float = 1e-3
    steps: int = 10_000
    ema: float = 0.999
    family: str = "vae"

    def __post_init__(self) -> None:
        if self.chosen and not self.known:
            raise ValueError("parts and planes are z only where z is known")
        if self.parts and self.plane:
            raise ValueError("z is either parts or a plane")
        if self.sides != 1 and not self.label:
            raise ValueError("only a decoder that is told the class takes sides")

    @property
    def chosen(self) -> bool:
        """Whether the decoder reads what z chooses instead of z."""
        return bool(self.parts or self.plane)


class VAETrainer:
    """One VAE in training: `advance` is a step, `weights` are the averaged ones, ready to be written."""

    def __init__(self, recipe: VAERecipe, pictures: Pictures, seed: int, device: torch.device):
        if recipe.plane > len(pictures):
            raise ValueError(f"a plane of {recipe.plane} groups needs as many pictures; there are {len(pictures)}")
        torch.manual_seed(seed)
        self.recipe, self.pictures, self.device = recipe, pictures, device
        self.random = torch.Generator().manual_seed(seed)
        z, cells = points(pictures.parts, recipe.parts, pictures.labels, pictures.pixels) if recipe.parts else (None, [])
        self.known = pictures.factors if z is None else z
        widths = recipe.flow.widths if recipe.flow else ()
        classes = pictures.pixels.shape[1] if recipe.letters else int(pictures.labels.max()) + 1
        label = (recipe.label, classes) if recipe.label else None
        decoder = recipe.decoder
        chosen = [(1, recipe.plane, 2)] if recipe.plane else shapes(cells)
        if chosen:
            decoder = ((decoder[0][0], recipe.label + sum(a * b for a, b, _ in chosen)), *decoder[1:])
        model = VAE(recipe.encoder, decoder, label, True, widths, prior_by_class=not recipe.letters, parts=chosen)
        if cells:
            settle(model.parts, cells)
        self.model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            self.model.decoder[-1].weight.mul_(recipe.start)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.reader = (_reader(self.model.z_dim, pictures) if recipe.reading else nn.Identity()).to(device)
        self.optimiser = torch.optim.AdamW([*self.model.parameters(), *self.reader.parameters()], recipe.lr, weight_decay=1e-4)
        self.eye = untrained(pictures, EYE_SEED).to(device) if recipe.perceptual or recipe.plane else None
        self.critic = _critic(recipe.adversary, self.model, self.random, device, self.eye) if recipe.adversary else None
        self.step = 0

    def advance(self) -> dict[str, float]:
        """A step of encoder and decoder, with what belongs to them."""
        recipe, last = self.recipe, self.recipe.steps
        if self.eye is not None and not self.step:
            self._look(self.eye)
        lr = rate(self.step, last, recipe.lr)
        x, known, shares = self._batch()
        z, beta, distance = self._read(x, known, shares)
        y, target = self._drawn(z, shares, x)
        drawn = RECONSTRUCTIONS[recipe.reconstruction](y, target)
        loss, measures = drawn + beta * distance, {"reconstruction": drawn.item(), "kl": distance.item()}
        for name, weight, extra in self._extras(y, target, z, known):
            loss, measures[name] = loss + weight * extra, extra.item()
        if self.critic is not None and recipe.adversary and self.step >= last - recipe.adversary.steps:
            sharper, judged = self._sharpened(self.critic, recipe.adversary, x, z, shares, drawn)
            loss, measures = loss + sharper, measures | judged
        self._descend(loss, lr)
        self.step += 1
        average(self.average, self.model, recipe.ema, self.step)
        if recipe.flow and self.step == last - recipe.flow.steps:
            for model in (self.model, self.average):
                self._fit(model.prior)
        return measures

    def _look(self, eye: Judge) -> None:
        """Before the first step: teaches the eye to see the pictures, and puts them on a plane by it if they shall have one."""
        learn(eye, self.pictures, EYE_SEED)
        if self.recipe.plane:
            indices = torch.arange(len(self.pictures)).split(500)
            with torch.no_grad():
                looks = torch.cat([eye(self.pictures.at(index)[0].to(self.device)) for index in indices])
            self.known, cells = plane(looks.cpu(), self.pictures.pixels, self.recipe.plane)
            for model in (self.model, self.average):
                settle(model.parts, cells)

    def _read(self, x: Tensor, known: Tensor, shares: Tensor | None) -> tuple[Tensor, float, Tensor]:
        """z of the pictures, and how far the encoder is from its task with the weight of that."""
        recipe, flow = self.recipe, self._flow()
        mean, log_variance = self.model.posterior(_some(x, self.random) if recipe.letters else x)
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=self.random).to(self.device)
        if recipe.known:
            told = known if recipe.chosen else torch.cat([known[: len(z) // 2], z[len(z) // 2 :]])
            return told, recipe.beta, surprise(mean, log_variance, known)
        if flow:
            return z, flow.beta, prior.distance(self.model.prior, z, log_variance, self.model.embedded(z, shares))
        return z, recipe.beta * min(1.0, 10 * self.step / recipe.steps), kl(mean, log_variance)

    def _extras(self, y: Tensor, target: Tensor, z: Tensor, known: Tensor) -> Iterator[tuple[str, float, Tensor]]:
        """What else the recipe asks of a step: name, weight, and how much is missing."""
        recipe = self.recipe
        if self.eye is not None and recipe.perceptual:
            yield "unlike", recipe.perceptual, perceptual(self.eye.layers(torch.tanh(y)), self.eye.layers(target))
        if recipe.sliced and not self._flow():
            yield "apart", recipe.sliced, sliced(z, self.random)
        if recipe.reading:
            misread = (F.mse_loss if known.is_floating_point() else F.cross_entropy)(self.reader(z), known)
            yield "misread", recipe.reading, misread

    def _drawn(self, z: Tensor, shares: Tensor | None, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder makes of z, before tanh, and the pictures that it should be."""
        if self.recipe.letters:
            letters = torch.rand(x.shape[:2], generator=self.random).argsort(1)[:, : self.recipe.letters].to(self.device)
            shares = F.one_hot(letters.flatten(), x.shape[1]).float()
            x = x[torch.arange(len(x), device=x.device)[:, None], letters].flatten(0, 1)[:, None]
            z = z.repeat_interleave(self.recipe.letters, dim=0)
        return self.model.decode(self.model.with_class(z, shares)[:, None]), x

    def _sharpened(
        self, critic: Critic, adversary: Adversary, x: Tensor, z: Tensor, shares: Tensor | None, drawn: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """The adversary's share of the loss, after its own step; half of what it sees are samples of the prior."""
        half = len(z) // 2
        fresh = torch.randn(z.shape, generator=self.random).to(self.device)
        drawn_of = shares
        if adversary.mixed and shares is not None:
            second = shares[torch.randperm(len(shares), generator=self.random)[: half // 2]]
            part = torch.rand(len(second), 1, generator=self.random).to(self.device) / 2
            drawn_of = torch.cat([torch.lerp(shares[: half // 2], second, part), shares[half // 2 :]])
        with torch.no_grad():
            samples = self.model.mapping(fresh, drawn_of)[:half]
            w = torch.cat([samples, self.model.with_class(z, shares)[half:, None]])
        fake = self.model.synthesis(w)
        label = x.new_zeros(len(x), dtype=torch.long) if shares is None else shares.argmax(1)
        measures = critic.judge(x, label, fake, label, adversary.lr)
        displeasure = critic.displeasure(fake, label)
        last = self.model.decoder[-1].weight
        pulls = [torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (drawn, displeasure)]
        return adversary.weight * (pulls[0] / (pulls[1] + 1e-8)).clamp(0, 1e4).detach() * displeasure, measures

    def _descend(self, loss: Tensor, lr: float) -> None:
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), STEEPEST)
        self.optimiser.param_groups[0]["lr"] = lr
        self.optimiser.step()

    def weights(self) -> dict[str, Tensor]:
        """The averaged network, its contrast raised, its classes made clear, with the prior fitted to all pictures."""
        if not self._flow() and not self.recipe.known:
            self._fit(self.average.prior)
        state = self.average.state_dict()
        if self.recipe.parts:
            state = thinned(state, "parts.")
        if self.recipe.sides != 1:
            state = state | {"label.power": torch.tensor(self.recipe.sides)}
        last = f"decoder.{len(self.recipe.decoder) - 1}."
        return {name: tensor * self.recipe.contrast if name.startswith(last) else tensor for name, tensor in state.items()}

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in self._state()}
        placed = {"known": self.known} if self.recipe.plane and self.known is not None else {}
        return {**parts, **placed, "random": self.random.get_state(), "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self._state():
            getattr(self, name).load_state_dict(state[name])
        if self.eye is not None:
            self.eye.eval().requires_grad_(False)
        self.known = state.get("known", self.known)
        self.random.set_state(state["random"].cpu())
        self.step = state["step"]

    def _state(self) -> tuple[str, ...]:
        extra = {"critic": self.critic, "eye": self.eye}
        return (*STATE, *(name for name, part in extra.items() if part is not None))

    def _batch(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Pictures, what is known of them, and their classes' shares where the decoder is told them."""
        index = torch.randint(len(self.pictures), (self.recipe.batch,), generator=self.random)
        x, label = self.pictures.at(index)
        x = restyle(wobble(x, self.recipe.wobble, self.random), self.recipe.restyle, self.random)
        known = label if self.known is None else self.known[index]
        shares = None
        if self.model.label is not None and not self.recipe.letters:
            shares = F.one_hot(label, self.model.space.num_classes).float().to(self.device)
        return x.to(self.device, memory_format=torch.channels_last), known.to(self.device), shares

    def _flow(self) -> Flow | None:
        """What is learnt of the prior at this step."""
        flow = self.recipe.flow
        return flow if flow and self.step >= self.recipe.steps - flow.steps else None

    @torch.no_grad()
    def _fit(self, gaussian: Prior) -> None:
        means, log_variances = self._posteriors()
        mean, axes = prior.fit(means, log_variances.exp())
        gaussian.mean.copy_(mean)
        gaussian.axes.copy_(axes)

    @torch.no_grad()
    def _posteriors(self) -> tuple[Tensor, Tensor]:
        parts = [
            self.average.posterior(self.pictures.at(index)[0].to(self.device))
            for index in torch.arange(len(self.pictures)).split(500)
        ]
        means, log_variances = zip(*parts, strict=True)
        return torch.cat(means), torch.cat(log_variances)


def _critic(adversary: Adversary, model: VAE, random: torch.Generator, device: torch.device, eye: Judge | None) -> Critic:
    sizes = (model.space.channels, adversary.widths, model.space.image_size, max(1, model.space.num_classes))
    net = Discriminator(*sizes, sight=eye.maps if eye else 0).to(device)
    return Critic(net, random, adversary.lr, adversary.gamma, adversary.shift, eye=eye)


def _some(x: Tensor, random: torch.Generator) -> Tensor:
    """Each thing in some of its classes (N, classes, H, W), from one to all; the others' channels are zero."""
    share = torch.rand(len(x), 1, generator=random) * 1.2
    draw = torch.rand(x.shape[:2], generator=random)
    seen = (draw < share) | (draw == draw.min(1, keepdim=True).values)
    return x * seen[:, :, None, None].to(x)


def _reader(dim: int, pictures: Pictures) -> nn.Module:
    if pictures.factors is not None:
        return nn.Linear(dim, pictures.factors.shape[1])
    return nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, int(pictures.labels.max()) + 1))
