"""How well metrics say what people say, as others measured and published it.

Each row of `PUBLISHED` says of which convention it is: a metric's name elsewhere is often not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Sizes of Spearman's, Kendall's and Pearson's coefficients that others measured on a set of
    opinions (`bench.metrics.opinions.OPINIONS`), by their ``convention`` of the metric; None: not
    told."""

    metric: str
    opinions: str
    srocc: float
    krcc: float | None
    plcc: float | None
    convention: str
    source: str


_PIQ = "piq 0.8.0, its documentation"
_QUOTED = "{} as quoted in piq 0.8.0's documentation"
_PYIQA = "pyiqa, tests/{}_benchmark_results.csv, github.com/chaofengc/IQA-PyTorch at 0d00073"
_SURVEY = "Athar and Wang 2019 ('Eval2019')"

_OURS = "as ours"
_AUTHORS = "its authors' code"
_HALVED = "large images made smaller first: not ours"
_FULL_SIZE = "at full size: not ours"

_BY_PIQ: Mapping[str, tuple[str, tuple[float, float, float]]] = {
    "psnr": (_OURS, (0.69, 0.68, 0.41)),
    "ssim": (_HALVED, (0.72, 0.72, 0.50)),
    "ms-ssim": (_OURS, (0.80, 0.80, 0.55)),
    "iw-ssim": (_OURS, (0.78, 0.85, 0.60)),
    "vif": (_OURS, (0.61, 0.65, 0.50)),
    "fsim": (_OURS, (0.85, 0.85, 0.59)),
    "sr-sim": (_OURS, (0.81, 0.84, 0.57)),
    "gmsd": (_OURS, (0.80, 0.85, 0.58)),
    "ms-gmsd": (_OURS, (0.81, 0.85, 0.59)),
    "vsi": (_OURS, (0.90, 0.88, 0.54)),
    "dss": (_OURS, (0.79, 0.86, 0.63)),
    "haarpsi": (_OURS, (0.87, 0.89, 0.59)),
    "mdsi": (_OURS, (0.89, 0.89, 0.59)),
    "lpips-vgg": (_OURS, (0.67, 0.72, 0.57)),
    "dists": (_OURS, (0.81, 0.88, 0.62)),
    "brisque": ("piq's regression; all distortions", (0.37, 0.33, 0.21)),
}
"""Two digits; TID2013, KADID-10k and PIPAL in this order."""

_BY_OTHERS: Mapping[tuple[str, str], tuple[float, str]] = {
    ("psnr", "tid2013"): (0.69, "TID2013's authors"),
    ("psnr", "pipal"): (0.41, "PIPAL's authors"),
    ("ssim", "tid2013"): (0.64, "TID2013's authors"),
    ("ssim", "kadid10k"): (0.72, "KADID-10k's authors"),
    ("ssim", "pipal"): (0.53, "PIPAL's authors"),
    ("ms-ssim", "tid2013"): (0.79, "TID2013's authors"),
    ("ms-ssim", "kadid10k"): (0.80, "KADID-10k's authors"),
    ("ms-ssim", "pipal"): (0.46, "PIPAL's authors"),
    ("iw-ssim", "tid2013"): (0.78, _SURVEY),
    ("iw-ssim", "kadid10k"): (0.85, "KADID-10k's authors"),
    ("vif", "tid2013"): (0.61, "TID2013's authors"),
    ("vif", "kadid10k"): (0.65, "KADID-10k's authors"),
    ("fsim", "tid2013"): (0.85, "TID2013's authors"),
    ("fsim", "kadid10k"): (0.85, "KADID-10k's authors"),
    ("sr-sim", "tid2013"): (0.81, _SURVEY),
    ("sr-sim", "kadid10k"): (0.84, "KADID-10k's authors"),
    ("gmsd", "tid2013"): (0.80, "MS-GMSD's authors"),
    ("gmsd", "kadid10k"): (0.85, "KADID-10k's authors"),
    ("ms-gmsd", "tid2013"): (0.81, "MS-GMSD's authors"),
    ("vsi", "tid2013"): (0.90, _SURVEY),
    ("vsi", "kadid10k"): (0.86, "KADID-10k's authors"),
    ("dss", "tid2013"): (0.79, _SURVEY),
    ("dss", "kadid10k"): (0.86, "KADID-10k's authors"),
    ("haarpsi", "tid2013"): (0.87, "HaarPSI's authors"),
    ("haarpsi", "kadid10k"): (0.89, "KADID-10k's authors"),
    ("mdsi", "tid2013"): (0.89, "MDSI's authors"),
    ("mdsi", "kadid10k"): (0.89, "KADID-10k's authors"),
    ("lpips-vgg", "tid2013"): (0.67, "DISTS's authors"),
    ("lpips-vgg", "pipal"): (0.58, "PIPAL's authors"),
    ("dists", "tid2013"): (0.83, "DISTS's authors"),
    ("dists", "pipal"): (0.66, "PIPAL's authors"),
    ("brisque", "tid2013"): (0.84, f"{_SURVEY}, of the distortions that it learned from"),
    ("brisque", "kadid10k"): (0.53, "KADID-10k's authors"),
}

_Three = tuple[float, float, float]
_BY_PYIQA: Mapping[str, tuple[str, str, Mapping[str, _Three]]] = {
    "psnr": (
        "FR",
        _OURS,
        {
            "csiq": (0.7857, 0.8087, 0.5989),
            "live": (0.7633, 0.8013, 0.5964),
            "tid2013": (0.6601, 0.6869, 0.4958),
        },
    ),
    "ssim-y": (
        "FR",
        "pyiqa's luma",
        {
            "csiq": (0.765, 0.8367, 0.6323),
            "live": (0.7369, 0.8509, 0.6547),
            "tid2013": (0.6558, 0.6269, 0.455),
        },
    ),
    "ms-ssim": (
        "FR",
        "of luma: not ours",
        {
            "csiq": (0.7717, 0.9125, 0.7372),
            "live": (0.679, 0.9027, 0.7227),
            "tid2013": (0.7814, 0.7852, 0.6033),
        },
    ),
    "fsim": (
        "FR",
        _OURS,
        {
            "csiq": (0.8207, 0.9309, 0.7683),
            "live": (0.7747, 0.9204, 0.7515),
            "tid2013": (0.8322, 0.8509, 0.6665),
        },
    ),
    "vif": (
        "FR",
        "of wavelets: not ours",
        {
            "csiq": (0.9219, 0.9194, 0.7532),
            "live": (0.9409, 0.9526, 0.8067),
            "tid2013": (0.7336, 0.677, 0.5148),
        },
    ),
    "lpips-alex": (
        "FR",
        _OURS,
        {
            "csiq": (0.9005, 0.9233, 0.7499),
            "live": (0.7672, 0.869, 0.6768),
            "tid2013": (0.7529, 0.7445, 0.5477),
        },
    ),
    "dists": (
        "FR",
        _FULL_SIZE,
        {
            "csiq": (0.9324, 0.9296, 0.7644),
            "live": (0.8392, 0.9051, 0.7283),
            "tid2013": (0.7538, 0.7077, 0.5212),
        },
    ),
    "niqe": ("NR", "pyiqa's parameters", {"tid2013": (0.3669, 0.3121, 0.2124)}),
    "brisque": ("NR", "pyiqa's regression", {"tid2013": (0.4317, 0.3672, 0.2574)}),
}
"""PLCC, SRCC and KRCC, as its tables have them; PLCC without a fit."""

PUBLISHED: tuple[Published, ...] = (
    *(
        Published(
            metric=metric,
            opinions=opinions,
            srocc=value,
            krcc=None,
            plcc=None,
            convention=convention,
            source=_PIQ,
        )
        for metric, (convention, values) in _BY_PIQ.items()
        for opinions, value in zip(("tid2013", "kadid10k", "pipal"), values, strict=True)
    ),
    *(
        Published(
            metric=metric,
            opinions=opinions,
            srocc=value,
            krcc=None,
            plcc=None,
            convention=_AUTHORS if metric != "brisque" else "their regression",
            source=_QUOTED.format(who),
        )
        for (metric, opinions), (value, who) in _BY_OTHERS.items()
    ),
    *(
        Published(
            metric=metric,
            opinions=opinions,
            srocc=srocc,
            krcc=krcc,
            plcc=plcc,
            convention=f"{convention}; PLCC without a fit",
            source=_PYIQA.format(kind),
        )
        for metric, (kind, convention, sets) in _BY_PYIQA.items()
        for opinions, (plcc, srocc, krcc) in sets.items()
    ),
)


def published(metric: str, opinions: str | None = None) -> tuple[Published, ...]:
    """Return what was published of a metric, on one set of opinions or on all."""
    return tuple(
        one for one in PUBLISHED if one.metric == metric and opinions in (None, one.opinions)
    )
