"""Published figures of super-resolution: Set5, Set14, DIV2K."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.published.row import Cost, Figure, Report

SCALES = ("2", "3", "4")
_LUMA = "luma, border cut by the scale, mean over images"
_KIM = "Kim et al. 2016, doi:10.1109/CVPR.2016.182, Table 3"
_SRCNN = "Dong et al. 2016, doi:10.1109/TPAMI.2015.2439281"
_EDSR = "Lim et al. 2017, arXiv:1707.02921"
_SWINIR = "Liang et al. 2021, doi:10.1109/ICCVW54120.2021.00210, Table {}"
_CLASSICAL, _LIGHT = _SWINIR.format(2), _SWINIR.format(3)
_RRDB = "Wang et al. 2018, arXiv:1809.00219"
_MMAGIC = "MMagic's model zoo, which retrained it"
_MORE = "the table of Chu et al. 2019 (MoreMNAS)"
_HD = "an output of 1280×720"

Pairs = dict[str, tuple[float, float]]
"""Scale -> PSNR and SSIM."""


def _rows(
    suite: str,
    model: str,
    values: Pairs,
    source: str,
    *,
    same_ssim: bool = False,
    names: tuple[str, ...] = (),
    costs: dict[str, Cost] | None = None,
    caveat: str = "",
    **match: Any,
) -> Iterator[Report]:
    """Yield a row for each scale; ``{}`` in a name stands for it."""
    for scale, (psnr, ssim) in values.items():
        yield Report(
            suite,
            {"scale": scale},
            model,
            (
                Figure("psnr", psnr, _LUMA, source, "psnr-y", caveat=caveat),
                Figure("ssim", ssim, _LUMA, source, "ssim-y" if same_ssim else None, caveat=caveat),
            ),
            names=tuple(dict.fromkeys(name.format(scale) for name in names)),
            cost=(costs or {}).get(scale),
            **match,
        )


def _both(model: str, set5: Pairs, set14: Pairs, source: str, **match: Any) -> Iterator[Report]:
    yield from _rows("set5", model, set5, source, **match)
    yield from _rows("set14", model, set14, source, **match)


def _div2k(model: str, scale: str, psnr: float, ssim: float, **match: Any) -> Report:
    convention = "RGB, border cut by the scale, mean over images"
    return Report(
        "div2k",
        {"scale": scale},
        model,
        (
            Figure("psnr", psnr, convention, _MMAGIC, "psnr"),
            Figure("ssim", ssim, f"{convention}; Gaussian 11, valid region", _MMAGIC, "ssim"),
        ),
        **match,
    )


_SWINIR_COSTS = dict.fromkeys(SCALES, Cost(mparams=11.8, source=_CLASSICAL))
_RRDB_CAVEAT = "trained without a discriminator"

SUPERRESOLUTION: tuple[Report, ...] = (
    *_both("Bicubic interpolation",
           {"2": (33.66, 0.9299), "3": (30.39, 0.8682), "4": (28.42, 0.8104)},
           {"2": (30.24, 0.8688), "3": (27.55, 0.7742), "4": (26.00, 0.7027)},
           _KIM, names=("bicubic",), words=("bicubic",)),
    *_both("SRCNN", {"2": (36.66, 0.9542), "4": (30.48, 0.8628)},
           {"2": (32.42, 0.9063), "3": (29.28, 0.8209), "4": (27.49, 0.7503)}, _KIM,
           names=("srcnn-955",), words=("srcnn",),
           costs={"2": Cost(mparams=0.057, gmacs=52.7, at=_HD, source=_MORE)}),
    Report("set5", {"scale": "3"}, "SRCNN",
           (Figure("psnr", 32.39, _LUMA, _SRCNN, "psnr-y", 32.75,
                   "the range is over its networks and training sets"),),
           words=("srcnn",)),
    *_both("VDSR", {"2": (37.53, 0.9587), "3": (33.66, 0.9213), "4": (31.35, 0.8838)},
           {"2": (33.03, 0.9124), "3": (29.77, 0.8314), "4": (28.01, 0.7674)}, _KIM,
           names=("vdsr",), words=("vdsr",),
           costs={"2": Cost(mparams=0.665, gmacs=612.6, at=_HD, source=_MORE)}),
    *_both("EDSR", {"2": (38.11, 0.9601), "3": (34.65, 0.9282), "4": (32.46, 0.8968)},
           {"2": (33.92, 0.9195), "3": (30.52, 0.8462), "4": (28.80, 0.7876)}, _EDSR,
           words=("edsr",)),
    *_both("RCAN", {"2": (38.27, 0.9614), "3": (34.74, 0.9299), "4": (32.63, 0.9002)},
           {"2": (34.12, 0.9216), "3": (30.65, 0.8482), "4": (28.87, 0.7889)}, _CLASSICAL,
           words=("rcan",), same_ssim=True),
    *_both("ESRGAN's network trained for PSNR", {"4": (32.73, 0.9011)}, {"4": (28.99, 0.7917)},
           _RRDB, names=("esrgan-psnr-x4", "esrgan"), words=("rrdb",), but=("gan",),
           same_ssim=True, caveat=_RRDB_CAVEAT),
    *_both("SwinIR, lightweight",
           {"2": (38.14, 0.9611), "3": (34.62, 0.9289), "4": (32.44, 0.8976)},
           {"2": (33.86, 0.9206), "3": (30.54, 0.8463), "4": (28.77, 0.7858)}, _LIGHT,
           names=("swinir-light-x{}", "swinir-light"), words=("swinirs",), same_ssim=True,
           costs={scale: Cost(mparams=mparams, gmacs=gmacs, at=_HD, source=_LIGHT)
                  for scale, mparams, gmacs in (("2", 0.878, 195.6), ("3", 0.886, 87.2),
                                                ("4", 0.897, 49.6))}),
    *_both("SwinIR", {"2": (38.42, 0.9623), "3": (34.97, 0.9318), "4": (32.92, 0.9044)},
           {"2": (34.46, 0.9250), "3": (30.93, 0.8534), "4": (29.09, 0.7950)}, _CLASSICAL,
           names=("swinir-x{}", "swinir"), words=("swinirm",), same_ssim=True,
           costs=_SWINIR_COSTS),
    *_both("SwinIR+", {"2": (38.46, 0.9624), "3": (35.04, 0.9322), "4": (32.93, 0.9043)},
           {"2": (34.61, 0.9260), "3": (31.00, 0.8542), "4": (29.15, 0.7958)}, _CLASSICAL,
           names=("swinir-x{}", "swinir"), words=("swinirm",), same_ssim=True, variants=("x8",),
           costs=_SWINIR_COSTS),
    _div2k("EDSR, 16 blocks", "2", 34.59, 0.9352, words=("edsr",)),
    _div2k("EDSR, 16 blocks", "3", 30.92, 0.8711, words=("edsr",)),
    _div2k("EDSR, 16 blocks", "4", 28.97, 0.8172, words=("edsr",)),
    _div2k("ESRGAN's network trained for PSNR", "4", 29.34, 0.8263,
           names=("esrgan-psnr-x4",), words=("rrdb",), but=("gan",)),
    _div2k("ESRGAN", "4", 26.65, 0.7340, names=("esrgan-x4", "esrgan"), words=("esrgan",),
           but=("psnr", "real")),
)  # fmt: skip
