"""THE table of models: name -> card. Imports no torch: builders are named, loaded when needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.core.errors import BenchError
from bench.core.plugins import extended
from models import recipes
from models.published import PUBLISHED, Checkpoint
from models.recipes import PRESETS, QUICK, QUICK_FEW, UNTRAINED, Recipe
from models.shipped.table import GERUNDS, SHIPPED, Shipped

NONCOMMERCIAL = "BENCH_NONCOMMERCIAL"
"""The environment variable that, not empty, permits networks whose licences forbid commerce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One row of the table.

    ``build`` is ``module:callable``, called with ``options``. It returns a `torch.nn.Module` where
    there is a ``recipe`` (a network that needs weights), else a `models.restorer.Restorer`.
    """

    name: str
    title: str
    family: str
    tasks: tuple[str, ...]
    build: str
    citation: str
    licence: str = "MIT"
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Recipe | None = None
    """The preset ``quick``."""
    paper: Recipe | None = None
    """The preset ``paper``."""
    needs_psf: bool = False
    frames: int = 1
    """How many frames of a sequence it sees for one (`models.windows`)."""
    recurrent: bool = False
    """It carries what it saw from frame to frame, and learns from ``frames`` of them in a row."""
    multiple: int = 1
    """The network needs heights and widths that are a multiple of this; inputs are padded."""
    params: int | None = None
    gmacs: float | None = None
    """Multiply-accumulates, in 10^9, for a degraded image of 256x256."""
    discriminator: str | None = None
    """Builder of the discriminator in adversarial training: images in [0,1] -> unbounded scores."""
    standard: bool = True
    """Part of a run that names no models."""
    baseline: str = ""
    """What a sentence calls it, where it adds nothing to the degraded image and the others are
    measured against it."""
    checkpoint: Checkpoint | None = None
    """The published file that its weights are, and its architecture is recognised from."""
    shipped: Shipped | None = None
    """The weights that come with the package for a network of the table, which this then is."""

    def preset(self, name: str) -> Recipe:
        """Return a recipe by its name. Raises `BenchError` where the card has none."""
        if self.recipe is None:
            raise BenchError(f"'{self.name}' is not trained: it has no recipe in the catalogue")
        recipe = {"quick": self.recipe, "paper": self.paper}.get(name)
        if recipe is None:
            what = "a recipe of its paper" if name in PRESETS else f"a recipe '{name}'"
            raise BenchError(f"'{self.name}' has not {what}; known: {', '.join(PRESETS)}")
        return recipe

    def enlarging(self, scale: int) -> Card:
        """Return the card of the same network made to enlarge by ``scale``; itself where it does.

        Only a network whose options have a ``scale`` can: any other is returned as it is. It is
        trained on crops that are put out about as large as before.
        """
        before = self.options.get("scale")
        if before is None or before == scale or self.recipe is None or self.paper is None:
            return self

        def as_large(recipe: Recipe) -> Recipe:
            steps = math.ceil(recipe.crop * before / scale / self.multiple)
            return replace(recipe, crop=steps * self.multiple)

        return replace(
            self,
            title=self.title.replace(f"x{before}", f"x{scale}"),
            options={**self.options, "scale": scale},
            recipe=as_large(self.recipe),
            paper=as_large(self.paper),
            params=None,
            gmacs=None,
        )


MODELS: dict[str, Card] = {
    card.name: card
    for card in (
        Card(
            name="input",
            title="Untouched input",
            family="identity",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.classical:identity",
            citation="the degraded image itself: the line to beat",
            baseline="the untouched input",
        ),
        Card(
            name="bicubic",
            title="Bicubic interpolation",
            family="classical",
            tasks=("super-resolution",),
            build="models.classical:bicubic",
            citation="Keys 1981, doi:10.1109/TASSP.1981.1163711",
            baseline="bicubic interpolation",
        ),
        Card(
            name="nlm",
            title="Non-local means",
            family="classical",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.classical:non_local_means",
            citation="Buades et al. 2005, doi:10.1109/CVPR.2005.38",
        ),
        Card(
            name="tv",
            title="Total variation",
            family="classical",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.classical:total_variation",
            citation="Chambolle 2004, doi:10.1023/B:JMIV.0000011325.36760.1e",
        ),
        Card(
            name="unsharp",
            title="Unsharp masking",
            family="classical",
            tasks=("deblur",),
            build="models.classical:unsharp_mask",
            citation="scikit-image unsharp_mask, radius 2, amount 0.5",
        ),
        Card(
            name="wiener",
            title="Wiener filter",
            family="classical",
            tasks=("deblur",),
            build="models.classical:wiener",
            citation="Wiener 1949; scikit-image wiener, balance by the noise",
            needs_psf=True,
        ),
        Card(
            name="richardson-lucy",
            title="Richardson-Lucy",
            family="classical",
            tasks=("deblur",),
            build="models.classical:richardson_lucy",
            citation="Richardson 1972, doi:10.1364/JOSA.62.000055",
            needs_psf=True,
        ),
        Card(
            name="dip",
            title="Deep image prior, small and short",
            family="prior",
            tasks=("deblur", "denoise", "dejpeg", "super-resolution"),
            build="models.prior:PriorRestorer",
            citation="Ulyanov et al. 2018, doi:10.1109/CVPR.2018.00984; a quarter of its width, "
            "400 iterations, less jitter",
            options={"name": "dip", "iterations": 400, "memory": 0.95, "jitter": 0.01, "width": 32},
            params=152_199,
            gmacs=1697.042,
            standard=False,
        ),
        Card(
            name="dip-paper",
            title="Deep image prior",
            family="prior",
            tasks=("deblur", "denoise", "dejpeg", "super-resolution"),
            build="models.prior:PriorRestorer",
            citation="Ulyanov et al. 2018, doi:10.1109/CVPR.2018.00984; an hour an image of "
            "256x256 on a CPU",
            options={"name": "dip-paper", "iterations": 2500},
            params=2_217_831,
            gmacs=145303.142,
            standard=False,
        ),
        Card(
            name="unet",
            title="U-Net",
            family="cnn",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.architectures.unet:UNet",
            citation="Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28",
            recipe=QUICK,
            paper=UNTRAINED,
            multiple=8,
            params=312_092,
            gmacs=1.283,
        ),
        Card(
            name="rescnn",
            title="Residual CNN",
            family="cnn",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.architectures.rescnn:ResidualCNN",
            citation="He et al. 2016, doi:10.1109/CVPR.2016.90",
            recipe=QUICK,
            paper=UNTRAINED,
            multiple=2,
            params=117_932,
            gmacs=1.925,
        ),
        Card(
            name="video-cnn",
            title="Residual CNN that sees 5 frames",
            family="cnn",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.architectures.video_cnn:VideoCNN",
            citation="Su et al. 2017, doi:10.1109/CVPR.2017.33",
            recipe=QUICK,
            paper=recipes.DBN,
            frames=5,
            multiple=2,
            params=131_756,
            gmacs=2.152,
            standard=False,
        ),
        Card(
            name="video-rnn",
            title="Small recurrent network for video",
            family="cnn",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.architectures.video_rnn:VideoRNN",
            citation="Nah et al. 2019, doi:10.1109/CVPR.2019.00829; Zhong et al. 2020, "
            "doi:10.1007/978-3-030-58539-6_12",
            recipe=QUICK_FEW,
            paper=recipes.ESTRNN,
            frames=5,
            recurrent=True,
            multiple=2,
            params=99_404,
            gmacs=1.623,
            standard=False,
        ),
        Card(
            name="litenet",
            title="Lightweight attention network",
            family="cnn",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.architectures.litenet:LiteNet",
            citation="ours, after Chen et al. 2022, doi:10.1007/978-3-031-20071-7_2",
            recipe=recipes.QUICK_LITENET,
            paper=UNTRAINED,
            multiple=2,
            params=159_148,
            gmacs=2.534,
            standard=False,
        ),
        Card(
            name="cnn",
            title="Plain convolutional encoder-decoder",
            family="cnn",
            tasks=("deblur",),
            build="models.architectures.plain_cnn:PlainCNN",
            citation="Masci et al. 2011, doi:10.1007/978-3-642-21735-7_7",
            recipe=recipes.QUICK_NEAR,
            paper=recipes.COMPUTATIONAL_LIMITS,
            multiple=4,
            params=1_368_387,
            gmacs=17.138,
            standard=False,
        ),
        Card(
            name="gan",
            title="The plain encoder-decoder against a PatchGAN",
            family="gan",
            tasks=("deblur",),
            build="models.architectures.plain_cnn:PlainCNN",
            citation="Goodfellow et al. 2014, arXiv:1406.2661",
            recipe=recipes.QUICK_GAN_NEAR,
            paper=recipes.COMPUTATIONAL_LIMITS_GAN,
            multiple=4,
            params=1_368_387,
            gmacs=17.138,
            discriminator="models.architectures.plain_cnn:discriminator",
            standard=False,
        ),
        Card(
            name="autoencoder",
            title="Convolutional autoencoder",
            family="cnn",
            tasks=("deblur",),
            build="models.architectures.autoencoder:Autoencoder",
            citation="Masci et al. 2011, doi:10.1007/978-3-642-21735-7_7",
            recipe=recipes.QUICK_FEW,
            paper=recipes.AUTOENCODER,
            multiple=8,
            params=1_036_611,
            gmacs=3.463,
            standard=False,
        ),
        Card(
            name="unet-classic",
            title="U-Net of 64 to 1024 channels",
            family="cnn",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.architectures.unet_classic:ClassicUNet",
            citation="Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28",
            recipe=recipes.QUICK_COLOURS,
            paper=UNTRAINED,
            multiple=16,
            params=31_037_763,
            gmacs=48.176,
            standard=False,
        ),
        Card(
            name="resnet",
            title="ResNet-18 backbone with a decoder",
            family="cnn",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.architectures.resnet:ResNetRestorer",
            citation="He et al. 2016, doi:10.1109/CVPR.2016.90",
            recipe=recipes.QUICK_SLOW,
            paper=UNTRAINED,
            multiple=32,
            params=14_414_371,
            gmacs=7.861,
            standard=False,
        ),
        Card(
            name="t1t4-gan",
            title="t1-t4 generator (two-stage CNN)",
            family="gan",
            tasks=("deblur",),
            build="models.architectures.t1t4:T1T4",
            citation="Gençaslan, Two-Stage CNN Framework for Single-Image Deblurring",
            recipe=recipes.QUICK_GAN,
            paper=recipes.TWO_STAGE,
            params=253_155,
            gmacs=24.071,
            discriminator="models.architectures.t1t4:T1T4Discriminator",
            standard=False,
        ),
        Card(
            name="unet-gan",
            title="U-Net with residual blocks and PatchGAN",
            family="gan",
            tasks=("deblur",),
            build="models.architectures.unet_gan:UNetGAN",
            citation="Isola et al. 2017, doi:10.1109/CVPR.2017.632",
            recipe=recipes.QUICK_UNET_GAN,
            paper=recipes.UNET_GAN,
            multiple=8,
            params=11_612_227,
            gmacs=53.779,
            discriminator="models.architectures.unet_gan:discriminator",
            standard=False,
        ),
        Card(
            name="deblurgan",
            title="DeblurGAN as released",
            family="gan",
            tasks=("deblur",),
            build="models.architectures.deblurgan:DeblurGAN",
            citation="Kupyn et al. 2018, doi:10.1109/CVPR.2018.00854",
            recipe=recipes.QUICK_WGAN_FEW,
            paper=recipes.DEBLURGAN,
            multiple=8,
            params=6_067_459,
            gmacs=27.808,
            discriminator="models.architectures.deblurgan:critic",
            standard=False,
        ),
        Card(
            name="deepdeblur",
            title="DeepDeblur, 3 scales",
            family="cnn",
            tasks=("deblur",),
            build="models.architectures.deepdeblur:DeepDeblur",
            citation="Nah et al. 2017, doi:10.1109/CVPR.2017.35",
            recipe=recipes.QUICK_DEEPDEBLUR,
            paper=recipes.DEEPDEBLUR,
            multiple=4,
            params=11_721_321,
            gmacs=335.943,
            standard=False,
        ),
        Card(
            name="srn",
            title="SRN-DeblurNet",
            family="recurrent",
            tasks=("deblur",),
            build="models.architectures.srn:SRN",
            citation="Tao et al. 2018, doi:10.1109/CVPR.2018.00853",
            recipe=recipes.QUICK_FEW,
            paper=recipes.SRN,
            multiple=16,
            params=8_061_411,
            gmacs=89.845,
            standard=False,
        ),
        Card(
            name="cyclegan",
            title="CycleGAN generator, degraded to sharp",
            family="gan",
            tasks=("deblur",),
            build="models.architectures.cyclegan:CycleGANGenerator",
            citation="Zhu et al. 2017, doi:10.1109/ICCV.2017.244",
            recipe=recipes.QUICK_CYCLE,
            paper=recipes.CYCLEGAN,
            multiple=8,
            params=11_378_179,
            gmacs=49.552,
            discriminator="models.architectures.cyclegan:discriminator",
            standard=False,
        ),
        Card(
            name="hybrid-gan",
            title="Hybrid CNN-transformer-GAN",
            family="hybrid",
            tasks=("deblur", "denoise", "dejpeg"),
            build="models.architectures.hybrid:Hybrid",
            citation="Singh and Sharma 2023, IJSRTM 2(2):6-10",
            recipe=recipes.QUICK_GAN,
            paper=recipes.HYBRID,
            multiple=8,
            params=4_058_467,
            gmacs=20.121,
            discriminator="models.architectures.hybrid:discriminator",
            standard=False,
        ),
        Card(
            name="hybrid-gan-x4",
            title="Hybrid CNN-transformer-GAN, x4",
            family="hybrid",
            tasks=("super-resolution",),
            build="models.architectures.hybrid:Hybrid",
            citation="Singh and Sharma 2023, IJSRTM 2(2):6-10",
            options={"scale": 4},
            recipe=recipes.QUICK_GAN_X4,
            paper=recipes.HYBRID_X4,
            multiple=8,
            params=4_071_472,
            gmacs=20.971,
            discriminator="models.architectures.hybrid:discriminator",
            standard=False,
        ),
        Card(
            name="dncnn",
            title="DnCNN, colour, 20 layers",
            family="cnn",
            tasks=("denoise", "dejpeg"),
            build="models.architectures.dncnn:DnCNN",
            citation="Zhang et al. 2017, doi:10.1109/TIP.2017.2662206",
            recipe=QUICK,
            paper=recipes.DNCNN_COLOUR,
            params=670_531,
            gmacs=43.713,
            standard=False,
        ),
        Card(
            name="dncnn-grey",
            title="DnCNN, each channel apart, 17 layers",
            family="cnn",
            tasks=("denoise", "dejpeg"),
            build="models.architectures.dncnn:DnCNN",
            citation="Zhang et al. 2017, doi:10.1109/TIP.2017.2662206",
            options={"channels": 1, "layers": 17},
            recipe=QUICK,
            paper=recipes.DNCNN,
            params=557_057,
            gmacs=108.943,
            standard=False,
        ),
        Card(
            name="drunet",
            title="DRUNet, colour, told the noise level",
            family="cnn",
            tasks=("denoise",),
            build="models.architectures.drunet:DRUNet",
            citation="Zhang et al. 2021, doi:10.1109/TPAMI.2021.3088914",
            recipe=recipes.QUICK_FEW,
            paper=recipes.DRUNET,
            multiple=8,
            params=32_640_960,
            gmacs=138.777,
            standard=False,
        ),
        Card(
            name="swinir-denoise",
            title="SwinIR, colour denoising",
            family="transformer",
            tasks=("denoise", "dejpeg"),
            build="models.architectures.swinir:swinir_denoise",
            citation="Liang et al. 2021, doi:10.1109/ICCVW54120.2021.00210",
            licence="Apache-2.0",
            recipe=QUICK,
            paper=recipes.SWINIR_DENOISE,
            multiple=8,
            params=11_504_163,
            gmacs=800.297,
            standard=False,
        ),
        Card(
            name="srcnn",
            title="SRCNN 9-1-5, x4",
            family="cnn",
            tasks=("super-resolution",),
            build="models.architectures.srcnn:SRCNN",
            citation="Dong et al. 2016, doi:10.1109/TPAMI.2015.2439281",
            options={"scale": 4},
            recipe=recipes.QUICK_X4,
            paper=recipes.SRCNN,
            params=8_129,
            gmacs=8.422,
            standard=False,
        ),
        Card(
            name="srcnn-955",
            title="SRCNN 9-5-5, x4",
            family="cnn",
            tasks=("super-resolution",),
            build="models.architectures.srcnn:SRCNN",
            citation="Dong et al. 2016, doi:10.1109/TPAMI.2015.2439281",
            options={"scale": 4, "kernels": (9, 5, 5)},
            recipe=recipes.QUICK_X4,
            paper=recipes.SRCNN,
            params=57_281,
            gmacs=59.961,
            standard=False,
        ),
        Card(
            name="vdsr",
            title="VDSR, x4",
            family="cnn",
            tasks=("super-resolution",),
            build="models.architectures.vdsr:VDSR",
            citation="Kim et al. 2016, doi:10.1109/CVPR.2016.182",
            options={"scale": 4},
            recipe=recipes.QUICK_X4,
            paper=recipes.VDSR,
            params=664_704,
            gmacs=696.992,
            standard=False,
        ),
        Card(
            name="esrgan",
            title="ESRGAN (RRDB), x4",
            family="gan",
            tasks=("super-resolution",),
            build="models.architectures.esrgan:rrdbnet",
            citation="Wang et al. 2018, arXiv:1809.00219",
            licence="Apache-2.0",
            options={"scale": 4},
            recipe=recipes.QUICK_RAGAN,
            paper=recipes.ESRGAN,
            params=16_697_987,
            gmacs=1174.854,
            discriminator="models.architectures.esrgan:VGGDiscriminator",
            standard=False,
        ),
        Card(
            name="swinir",
            title="SwinIR, x4",
            family="transformer",
            tasks=("super-resolution",),
            build="models.architectures.swinir:swinir",
            citation="Liang et al. 2021, doi:10.1109/ICCVW54120.2021.00210",
            licence="Apache-2.0",
            options={"scale": 4},
            recipe=recipes.QUICK_X4,
            paper=recipes.SWINIR,
            multiple=8,
            params=11_900_199,
            gmacs=856.903,
            standard=False,
        ),
        Card(
            name="swinir-light",
            title="SwinIR, lightweight, x4",
            family="transformer",
            tasks=("super-resolution",),
            build="models.architectures.swinir:swinir_light",
            citation="Liang et al. 2021, doi:10.1109/ICCVW54120.2021.00210",
            licence="Apache-2.0",
            options={"scale": 4},
            recipe=recipes.QUICK_X4,
            paper=recipes.SWINIR_LIGHT,
            multiple=8,
            params=929_628,
            gmacs=69.800,
            standard=False,
        ),
    )
}


def published_card(name: str, checkpoint: Checkpoint) -> Card:
    """Return the row of a published network: it runs by its name once its file is here."""
    return Card(
        name=name,
        title=checkpoint.title,
        family=checkpoint.family,
        tasks=checkpoint.tasks,
        build="models.foreign:load_spandrel",
        citation=checkpoint.citation,
        licence=checkpoint.licence,
        params=checkpoint.params,
        gmacs=checkpoint.gmacs,
        standard=False,
        checkpoint=checkpoint,
    )


def shipped_card(row: Shipped) -> Card:
    """Return the row of weights that come with the package: a network that is ready to run."""
    network = MODELS[row.network]
    return replace(
        network,
        name=row.name,
        title=f"{network.title}, for {GERUNDS[row.task]}",
        tasks=(row.task,),
        recipe=None,
        paper=None,
        standard=False,
        shipped=row,
    )


def model_cards() -> dict[str, Card]:
    """Return the table with the shipped and the published networks and the models of third-party
    packages."""
    shipped = {name: shipped_card(row) for name, row in SHIPPED.items()}
    published = {name: published_card(name, found) for name, found in PUBLISHED.items()}
    return extended({**MODELS, **shipped, **published}, "restoration_bench.models", Card)


def baselines() -> dict[str, str]:
    """Return the models that add nothing and what a sentence calls each, the preferred first."""
    return {name: card.baseline for name, card in model_cards().items() if card.baseline}
