"""How a network is trained: data, not code. Imports no torch.

A card of the catalogue has two recipes. ``quick`` takes minutes on two cores. ``paper`` holds what
the network's paper says; what it does not say stands under ``not_given``, and the value beside it
is then ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

Precision = Literal["auto", "float32", "bfloat16"]
Method = Literal["plain", "gan", "cyclegan"]
AdversarialLoss = Literal["bce", "lsgan", "wgan", "wgan-gp", "ragan"]
ScheduleKind = Literal["constant", "cosine", "linear", "step", "plateau", "cyclic"]
Begin = Literal["random", "identity"]
Preset = Literal["quick", "paper"]
PRESETS: tuple[str, ...] = get_args(Preset)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate changes. Several of a recipe multiply each other.

    constant; cosine (down to ``floor`` at the end); linear (constant until the part ``start`` of
    the training, then down to ``floor`` as the ``power`` of what is left of it: 1 is a line); step
    (times ``factor`` each ``every`` epochs, or at each of the parts ``at`` of the training);
    plateau (times ``factor`` once more than ``patience`` validations have brought nothing better
    in what the recipe watches); cyclic (triangles from ``floor`` to 1 and back, each ``every``
    epochs long). An epoch is as many steps as show as many crops as there are training pairs.
    """

    kind: ScheduleKind
    factor: float = 0.1
    every: float | None = None
    at: tuple[float, ...] = ()
    patience: int = 5
    start: float = 0.0
    power: float = 1.0
    floor: float = 0.01
    """As a part of the recipe's learning rate."""


@dataclass(frozen=True, slots=True)
class Adversary:
    """The discriminator's side of an adversarial training; the card names its network.

    The adversarial term is called ``adversarial`` in the curves, the discriminator's own loss
    ``discriminator``. ``cycle`` and ``identity`` count for method ``cyclegan`` only.
    """

    loss: AdversarialLoss
    weight: float
    """Of the adversarial term, beside the recipe's ``losses``."""
    learning_rate: float | None = None
    """None: the recipe's."""
    steps: int = 1
    """Steps of the discriminator for each of the generator."""
    penalty: float = 10.0
    """Weight of the gradient penalty of ``wgan-gp``."""
    clip: float = 0.01
    """Between this and its negative the weights of a ``wgan``'s critic are cut after each step."""
    pool: int = 0
    """Restored images kept, of which the discriminator is shown half instead of the newest ones."""
    cycle: float = 10.0
    identity: float = 0.0
    network: Mapping[str, Any] = field(default_factory=dict)
    """Options of the discriminator that are not its usual ones: of a PatchGAN ``norm`` (batch,
    instance, group or none) and ``spectral``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a step is computed: that changes how long it takes and how exact it is, not what it is.

    The header of the weights says what it came to on the device that trained them.
    """

    precision: Precision = "auto"
    """In what convolutions and matrices are multiplied while the network learns. Its weights, its
    losses, its optimiser and its validation are in float32 always. auto: bfloat16 where the device
    computes with it, which many a GPU does and few a CPU."""
    compile: bool = False
    """Let torch.compile make kernels of the network: minutes at first, for a long training."""
    fused: bool = True
    """One kernel for all of an optimiser's step."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    ``losses`` is a weighted sum of named terms (`models.training.losses`), taken of the results at
    all scales where ``pyramid``, and averaged over them. ``crop`` is the side of the degraded
    crops. A ``budget`` is ``90s``, ``10m``, ``1h``, ``300steps`` or ``100epochs``.
    """

    method: Method = "plain"
    begin: Begin = "random"
    """With random weights, or with those that put every image out as it came in, as nearly as the
    network can: it then has a method ``begin_at_identity``."""
    losses: Mapping[str, float] = field(default_factory=lambda: {"charbonnier": 1.0})
    adversary: Adversary | None = None
    pyramid: bool = False
    optimiser: Literal["adam", "adamw", "sgd", "muon"] = "adamw"
    """muon: kernels of convolutions by Muon, all else by AdamW (`models.training.muon`)."""
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
    average: float = 0.0
    """What a step leaves of the mean of the weights before it, 0 to 1. That mean is validated and
    kept, the means of batch normalisation in it; 0: the last weights are."""
    batch: int = 8
    crop: int = 64
    fit: Literal["crop", "resize"] = "crop"
    """How an image comes to the side ``crop``: a piece is cut out at random, or all is resized."""
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
    least: str | None = None
    """Fewer steps or epochs than this, or less time, teach too little to be called a result, unless
    patience ended the training; None: less than the budget."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Options of the network that are not those of its card. Every network that normalises takes
    ``norm`` (batch, instance, group or none), every one ``spectral`` (`models.construction`)."""
    execution: Execution = field(default_factory=Execution)
    source: str = ""
    """Where the numbers come from."""
    not_given: tuple[str, ...] = ()
    """Fields of which the source says nothing: their values are ours."""
    departs: tuple[str, ...] = ()
    """What the source does and this training does not."""


# --- quick: minutes on two cores ------------------------------------------------------------------

QUICK = Recipe(source="ours, for minutes on two cores", least="100steps")
QUICK_FEW = replace(
    QUICK, batch=2, patience=80,
    source="ours, for minutes on two cores: where a step takes long, more of them teach more than "
    "many crops in each; not for batch normalisation, which needs many. Patient for as many crops",
)  # fmt: skip
QUICK_NEAR = replace(
    QUICK_FEW, begin="identity", learning_rate=6e-4,
    source=f"{QUICK_FEW.source}. Without a sum with the input, most of a training from random "
    "weights goes into learning to put out what came in; a higher rate unlearns it",
)  # fmt: skip
QUICK_DEEPDEBLUR = replace(
    QUICK_NEAR, learning_rate=5e-4, source=f"{QUICK_NEAR.source}. At the usual rate it comes apart"
)

QUICK_SLOW = replace(
    QUICK, learning_rate=1e-3,
    source="ours, for minutes on two cores: at twice the rate a batch-normalised backbone was seen "
    "to make white spots on colours that no training scene has",
)  # fmt: skip
QUICK_COLOURS = replace(
    QUICK, augment=(*QUICK.augment, "colours"),
    source="ours, for minutes on two cores: without a sum with the input it has to draw colours "
    "that the few training scenes do not have, so colours change places in half of the crops",
)  # fmt: skip

_SMALL_DISCRIMINATOR = Adversary("bce", weight=0.001, learning_rate=2e-4)
"""As small as in SRGAN, Ledig et al. 2017, doi:10.1109/CVPR.2017.19. At five times as much the
validation PSNR of the plain encoder-decoder fell while its discriminator won."""
QUICK_GAN = replace(QUICK, method="gan", learning_rate=1e-3, adversary=_SMALL_DISCRIMINATOR)
QUICK_GAN_FEW = replace(
    QUICK_GAN, batch=QUICK_FEW.batch, patience=QUICK_FEW.patience, source=QUICK_FEW.source
)
QUICK_GAN_NEAR = replace(
    QUICK_GAN_FEW, begin="identity", learning_rate=QUICK_NEAR.learning_rate,
    source=QUICK_NEAR.source,
)  # fmt: skip
QUICK_UNET_GAN = replace(
    QUICK_GAN, begin="identity", crop=32,
    source="ours, for minutes on two cores: begins near the identity, and more steps on smaller "
    "crops teach more; as many of them, for batch normalisation",
)  # fmt: skip
QUICK_WGAN_FEW = replace(
    QUICK_GAN_FEW, adversary=replace(_SMALL_DISCRIMINATOR, loss="wgan-gp", weight=0.005)
)
QUICK_RAGAN = replace(
    QUICK_GAN, crop=32, batch=4, adversary=replace(_SMALL_DISCRIMINATOR, loss="ragan", weight=0.005)
)
QUICK_CYCLE = replace(
    QUICK, method="cyclegan", losses={}, learning_rate=5e-4, batch=1,
    adversary=Adversary("lsgan", weight=1.0, pool=50, identity=5.0),
    source="ours, for minutes on two cores; no training lets this generator see the colour that "
    "its first normalisation takes away",
)  # fmt: skip
QUICK_LITENET = replace(
    QUICK, augment=(*QUICK.augment, "colours", "contrast"), optimiser="muon", batch=4,
    average=0.998, schedule=(Schedule("cosine", floor=0.3),), weight_decay=0.1, validate_every=200,
    source="ours, for minutes on two cores; colours change places in half of the crops, because a "
    "few training scenes teach colours that other scenes do not have, and half are paler, because "
    "they are all sharper than a soft one; twice as many steps, each half as large; Muon, and a "
    "long mean of weights that go on moving, bring 0.1 dB more on scenes not learnt from",
)  # fmt: skip
QUICK_X4 = replace(QUICK, crop=32)
QUICK_GAN_X4 = replace(QUICK_GAN, crop=32)
"""These two are for networks that enlarge: crops are put out with four times the side."""

# --- paper: what each paper says ------------------------------------------------------------------

_ALL = tuple(
    item.name
    for item in fields(Recipe)
    if item.name
    not in (
        "method",
        "adversary",
        "least",
        "network",
        "fit",
        "execution",
        "source",
        "not_given",
        "departs",
    )
)
_NO_FRILLS = Recipe(
    losses={"mse": 1.0}, optimiser="adam", betas=(0.9, 0.999), weight_decay=0.0, clip=None,
    schedule=(Schedule("constant"),), warm_up=0.0, augment=(), validate_every=None, patience=None,
    watch="val_loss",
)  # fmt: skip
"""What a paper that does not mention a thing is taken to have done without."""

UNTRAINED = replace(
    QUICK, least=None, source="no paper trains this network to restore images", not_given=_ALL
)

COMPUTATIONAL_LIMITS = replace(
    QUICK, least=None, not_given=_ALL,
    source="Computational Limits and Breakthroughs: normalised, resized and augmented images, a "
    "validation set; no number of the training",
)  # fmt: skip

COMPUTATIONAL_LIMITS_GAN = replace(
    COMPUTATIONAL_LIMITS, method="gan", learning_rate=1e-3, adversary=_SMALL_DISCRIMINATOR,
    not_given=(*_ALL, "adversary"),
    source="Computational Limits and Breakthroughs: generator and discriminator, FID and inception "
    "score watched; no number of the training",
)  # fmt: skip

AUTOENCODER = replace(
    _NO_FRILLS, optimiser="adamw", learning_rate=1e-3, weight_decay=1e-2, crop=128, fit="resize",
    batch=16,
    schedule=(Schedule("plateau", factor=0.5, patience=5),), budget="100epochs",
    source="Convolutional Autoencoder: MSE, AdamW with weight decay, plateau schedule, the best "
    "checkpoint kept, images of 128x128",
    not_given=("learning_rate", "weight_decay", "betas", "batch", "schedule.factor",
               "schedule.patience", "augment", "patience", "budget"),
    departs=("perceptual and structural losses are named there without weights: left out",),
)  # fmt: skip

TWO_STAGE = replace(
    _NO_FRILLS, method="gan", losses={"mse": 1.0, "1-ssim": 0.3}, adversary=Adversary("bce", 0.01),
    learning_rate=5e-4, weight_decay=5e-4, batch=4, crop=256,
    schedule=(Schedule("plateau", factor=0.5, patience=5),
              Schedule("step", factor=0.1, every=30)),
    augment=("flip", "rotate"), patience=10, budget="100epochs",
    source="Two-Stage CNN, section 3.3",
    not_given=("betas", "crop"),
    departs=("whole images of 800x450 there, squares of 256 here",),
)  # fmt: skip

UNET_GAN = replace(
    _NO_FRILLS, method="gan", losses={"l1": 1.0, "vgg": 1.0}, adversary=Adversary("bce", 0.01),
    learning_rate=2e-4, batch=16, crop=256, schedule=(Schedule("step", factor=0.9, every=10),),
    augment=("flip", "rot90"), budget="100epochs",
    source="U-Net with residual blocks: L1, adversarial and VGG losses, Adam 2e-4 with a decay "
    "factor of 0.9, batch 16, 100 epochs, flips and rotation",
    not_given=("losses: weights, VGG layer", "adversary.loss", "adversary.weight", "betas", "crop",
               "schedule.every", "patience"),
)  # fmt: skip

DEBLURGAN = replace(
    _NO_FRILLS, method="gan", losses={"vgg": 100.0},
    adversary=Adversary("wgan-gp", weight=1.0, steps=5, penalty=10.0),
    learning_rate=1e-4, betas=(0.5, 0.999), batch=1, crop=256,
    schedule=(Schedule("linear", start=0.5, floor=0.0),), augment=("flip",), budget="300epochs",
    source="Kupyn et al. 2018 and the authors' train_options.py; batch, crop, flips from memory",
    departs=("images are shrunk by half before they are cropped there",),
)  # fmt: skip

DEEPDEBLUR = replace(
    _NO_FRILLS, pyramid=True, learning_rate=5e-5, batch=2, crop=256,
    schedule=(Schedule("step", factor=0.1, at=(1 / 3,)),),
    augment=("flip", "rot90", "jitter"), validate_every=5000, budget="900000steps",
    source="Nah et al. 2017, from memory, and the authors' opts.lua",
    departs=("1e-4 of an adversarial loss is added there",),
)  # fmt: skip

SRN = replace(
    _NO_FRILLS, pyramid=True, learning_rate=1e-4, batch=16, crop=256,
    schedule=(Schedule("linear", power=0.3, floor=0.0),), budget="4000epochs",
    source="Tao et al. 2018: the authors' run_model.py and model.py",
    departs=("the scales' losses are summed there, which Adam hardly feels",),
)  # fmt: skip

DBN = replace(
    _NO_FRILLS, learning_rate=5e-3, batch=64, crop=128, augment=("flip", "rot90", "scale"),
    schedule=(Schedule("step", factor=0.5, at=(0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)),),
    validate_every=5000, budget="80000steps",
    source="Su et al. 2017, from memory: 5e-3, halved every 8000 steps after 24,000",
    not_given=("betas", "validate_every"),
    departs=("its encoder-decoder of 15 million parameters is a residual CNN here",),
)  # fmt: skip

ESTRNN = replace(
    _NO_FRILLS, losses={"charbonnier": 1.0}, learning_rate=5e-4, batch=8, crop=256,
    augment=("flip", "rot90"), schedule=(Schedule("cosine"),), budget="500epochs",
    source="Zhong et al. 2020: the defaults of the authors' parameter.py; flips from memory",
    not_given=("betas", "schedule.floor"),
    departs=("8 frames in a row there, 5 here",
             "two frames to come are looked at there, none here"),
)  # fmt: skip

CYCLEGAN = replace(
    _NO_FRILLS, method="cyclegan", losses={},
    adversary=Adversary("lsgan", weight=1.0, pool=50, cycle=10.0),
    learning_rate=2e-4, betas=(0.5, 0.999), batch=1, crop=256,
    schedule=(Schedule("linear", start=0.5, floor=0.0),), augment=("flip",), budget="200epochs",
    watch="val_psnr",
    source="Zhu et al. 2017, from memory", not_given=("watch",),
)  # fmt: skip

HYBRID = replace(
    _NO_FRILLS, method="gan", losses={"l1": 1.0, "vgg": 0.1}, adversary=Adversary("bce", 0.005),
    learning_rate=2e-4, batch=8, crop=128, schedule=(Schedule("plateau", factor=0.5, patience=5),),
    augment=("flip", "rot90", "scale", "jitter"), patience=10, budget="100epochs",
    source="Singh and Sharma 2023: L1 or L2, VGG and adversarial losses, Adam, adaptive rate, "
    "early stop, rotation, scaling, crops, colour jitter",
    not_given=("losses: weights, VGG layer", "adversary.loss", "adversary.weight", "learning_rate",
               "betas", "batch", "crop", "schedule.factor", "schedule.patience", "patience",
               "budget"),
)  # fmt: skip
HYBRID_X4 = replace(HYBRID, crop=32)

DNCNN = replace(
    _NO_FRILLS, learning_rate=1e-3, batch=128, crop=40, augment=("flip", "rot90"),
    schedule=(Schedule("step", factor=0.1, at=(0.6,)),), validate_every=1600,
    budget="80000steps",
    source="Zhang et al. 2017: the authors' Demo_Train with Adam, 50 epochs of 128 x 1600 patches; "
    "patches from memory",
    departs=("the loss is summed over a patch there, which Adam hardly feels",),
)  # fmt: skip
DNCNN_COLOUR = replace(DNCNN, crop=50)

SRCNN = replace(
    _NO_FRILLS, optimiser="sgd", learning_rate=1e-4, betas=(0.9, 0.0), batch=128, crop=8,
    validate_every=10_000, budget="6250000steps",
    source="Dong et al. 2016, from memory: patches of 33x33, 8e8 back-propagations",
    not_given=("betas", "batch"),
    departs=("the last layer learns at 1e-5 there",
             "patches of 33x33 there, 32x32 here: 8x8 enlarged by 4"),
)  # fmt: skip

VDSR = replace(
    _NO_FRILLS, optimiser="sgd", learning_rate=0.1, betas=(0.9, 0.0), weight_decay=1e-4, batch=64,
    crop=10, clip=0.4, schedule=(Schedule("step", factor=0.1, every=20),),
    augment=("flip", "rot90"), budget="80epochs",
    source="Kim et al. 2016, from memory",
    not_given=("clip",),
    departs=("one scale is trained here, three together there",
             "the gradient is cut to theta / rate there, by its norm here",
             "patches of 41x41 there, 40x40 here: 10x10 enlarged by 4"),
)  # fmt: skip

ESRGAN = replace(
    _NO_FRILLS, method="gan", losses={"l1": 0.01, "vgg54": 1.0},
    adversary=Adversary("ragan", weight=0.005),
    learning_rate=1e-4, betas=(0.9, 0.99), batch=16, crop=32, augment=("flip", "rot90"),
    schedule=(Schedule("step", factor=0.5, at=(0.125, 0.25, 0.5, 0.75)),),
    validate_every=5000, budget="400000steps",
    source="Wang et al. 2018 and the authors' train_ESRGAN_x4.yml",
    average=0.999,
    departs=("begins with a generator trained on L1 alone there: give --from",),
)  # fmt: skip

DRUNET = replace(
    _NO_FRILLS, losses={"l1": 1.0}, learning_rate=1e-4, batch=16, crop=128,
    augment=("flip", "rot90"), validate_every=5000, budget="800000steps",
    schedule=(Schedule("step", factor=0.5, at=(0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)),),
    source="Zhang et al. 2021, from memory: L1, Adam, halved every 100,000 steps, noise of 0 to 50",
    not_given=("betas", "validate_every"),
)  # fmt: skip

_SWINIR_STEPS = (0.5, 0.8, 0.9, 0.95)
SWINIR = replace(
    _NO_FRILLS, losses={"l1": 1.0}, learning_rate=2e-4, average=0.999, batch=32, crop=48,
    augment=("flip", "rot90"), schedule=(Schedule("step", factor=0.5, at=_SWINIR_STEPS),),
    validate_every=5000, budget="500000steps",
    source="Liang et al. 2021: the authors' train_swinir_sr_classical.json",
    departs=("begins with the weights for x2 there, at half the rate and steps: give --from",
             "crops of 48 at every scale there, as large put out here"),
)  # fmt: skip
SWINIR_LIGHT = replace(
    SWINIR, batch=64, crop=64,
    source="Liang et al. 2021: the authors' train_swinir_sr_lightweight.json",
)  # fmt: skip
SWINIR_DENOISE = replace(
    SWINIR, losses={"charbonnier": 1.0}, batch=8, crop=128, budget="1600000steps",
    schedule=(Schedule("step", factor=0.5, at=(0.5, 0.75, 0.875, 0.9375)),),
    source="Liang et al. 2021: the authors' train_swinir_denoising_color.json",
    departs=("sigma 25 and 50 begin with the weights for 15 there: give --from",),
)  # fmt: skip
