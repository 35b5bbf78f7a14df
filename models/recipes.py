"""How a network is trained: data, not code. Imports no torch.

A card of the catalogue has two recipes. ``quick`` takes minutes on two cores. ``paper`` holds what
the network's paper says; what it does not say stands under ``not_given``, and the value beside it
is then ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Method = Literal["plain", "gan", "cyclegan"]
AdversarialLoss = Literal["bce", "lsgan", "wgan-gp", "ragan"]
ScheduleKind = Literal["constant", "cosine", "linear", "step", "plateau", "cyclic"]
Preset = Literal["quick", "paper"]
PRESETS: tuple[str, ...] = get_args(Preset)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate changes. Several of a recipe multiply each other.

    constant; cosine (down to ``floor`` at the end); linear (constant until the part ``start`` of
    the training, then straight down to ``floor``); step (times ``factor`` each ``every`` epochs, or
    at each of the parts ``at`` of the training); plateau (times ``factor`` once ``patience``
    validations have brought nothing better in the quantity that the recipe watches); cyclic
    (triangles between ``floor`` and 1, each ``every`` epochs long). An epoch is one pass over the
    training pairs.
    """

    kind: ScheduleKind
    factor: float = 0.1
    every: float | None = None
    at: tuple[float, ...] = ()
    patience: int = 5
    start: float = 0.0
    floor: float = 0.01
    """As a part of the recipe's learning rate."""


@dataclass(frozen=True, slots=True)
class Adversary:
    """The opponent's side of an adversarial training; the card names its network.

    The adversarial term is called ``adversarial`` in the curves, the opponent's own loss
    ``opponent``. ``cycle`` and ``identity`` count for method ``cyclegan`` only.
    """

    loss: AdversarialLoss
    weight: float
    """Of the adversarial term, beside the recipe's ``losses``."""
    learning_rate: float | None = None
    """None: the recipe's."""
    steps: int = 1
    """Steps of the opponent for each of the generator."""
    penalty: float = 10.0
    """Weight of the gradient penalty of ``wgan-gp``."""
    pool: int = 0
    """Restored images kept, of which the opponent is shown half instead of the newest ones."""
    cycle: float = 10.0
    identity: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    ``losses`` is a weighted sum of named terms (`models.training.losses`). ``crop`` is the side of
    the degraded crops. A ``budget`` is ``90s``, ``10m``, ``1h``, ``300steps`` or ``100epochs``.
    """

    method: Method = "plain"
    losses: Mapping[str, float] = field(default_factory=lambda: {"charbonnier": 1.0})
    adversary: Adversary | None = None
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.99)
    """Of Adam; the first is the momentum of SGD. A short training cannot wait for a memory of a
    thousand steps."""
    weight_decay: float = 1e-4
    clip: float | None = 1.0
    """Norm to which a step's gradient is cut: one bad batch must not throw a training out."""
    schedule: tuple[Schedule, ...] = (Schedule("cosine"),)
    warm_up: float = 0.05
    """The part of all steps during which the learning rate rises."""
    batch: int = 8
    crop: int = 64
    augment: tuple[str, ...] = ("flip", "rot90")
    curriculum: float = 0.0
    """The part of the training until which the pairs come in, the least blurred first."""
    validate_every: int | None = 100
    """Steps between validations, each of which writes a checkpoint; None: an epoch."""
    watch: Literal["val_psnr", "val_loss"] = "val_psnr"
    """What decides which weights are best, when to stop early, and the plateau schedule."""
    patience: int | None = 20
    """Validations without improvement before training stops early; None: it does not."""
    budget: str = "90s"
    source: str = ""
    """Where the numbers come from."""
    not_given: tuple[str, ...] = ()
    """Fields of which the source says nothing."""


QUICK = Recipe(source="ours: minutes on two cores")
