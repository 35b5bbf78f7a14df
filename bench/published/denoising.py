"""Published figures of denoising white Gaussian noise: BSD68, CBSD68, Kodak24."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.published.row import Cost, Figure, Report

LEVELS = ("15", "25", "50")
_NOISE = "noise neither rounded nor clipped, mean over images"
_DNCNN = "Zhang et al. 2017, doi:10.1109/TIP.2017.2662206"
_SWINIR = "Liang et al. 2021, doi:10.1109/ICCVW54120.2021.00210, Table {}"
_GREY, _COLOUR = _SWINIR.format(5), _SWINIR.format(6)
_REST = "Zamir et al. 2022, doi:10.1109/CVPR52688.2022.00564"
_WHICH = "of the networks for one level, or of that for all: our source does not say"
_DRUNET_COST = Cost(mparams=32.7, source=_GREY)
_SWINIR_COST = Cost(mparams=12.0, source=_GREY)


def _rows(
    suite: str,
    model: str,
    values: tuple[float, float, float],
    source: str,
    *,
    names: tuple[str, ...] = (),
    caveat: str = "",
    **match: Any,
) -> Iterator[Report]:
    """Yield the rows of the three noise levels; ``{}`` in a name stands for the level."""
    colour = "grey" if suite == "bsd68" else "RGB"
    for sigma, value in zip(LEVELS, values, strict=True):
        figure = Figure("psnr", value, f"{colour}, {_NOISE}", source, "psnr", caveat=caveat)
        yield Report(
            suite,
            {"sigma": sigma},
            model,
            (figure,),
            names=tuple(dict.fromkeys(name.format(sigma) for name in names)),
            **match,
        )


_COLOURS = ("gray", "grey")
_GREYS = ("color", "colour")

DENOISING: tuple[Report, ...] = (
    *_rows("bsd68", "BM3D", (31.08, 28.57, 25.60), _GREY, words=("bm3d",)),
    *_rows("bsd68", "WNNM", (31.37, 28.83, 25.87), _GREY, words=("wnnm",)),
    *_rows("bsd68", "DnCNN", (31.73, 29.23, 26.23), _DNCNN, names=("dncnn-grey", "dncnn-{}"),
           words=("dncnn",), but=_GREYS),
    *_rows("bsd68", "IRCNN", (31.63, 29.15, 26.19), _GREY, words=("ircnn",), but=_GREYS),
    *_rows("bsd68", "FFDNet", (31.63, 29.19, 26.29), _GREY, words=("ffdnet",), but=_GREYS),
    *_rows("bsd68", "DRUNet", (31.91, 29.48, 26.59), _GREY, names=("drunet-grey",),
           words=("drunet",), cost=_DRUNET_COST, but=_GREYS),
    *_rows("bsd68", "SwinIR", (31.97, 29.50, 26.58), _GREY, names=("swinir-grey-{}",),
           words=("swinir",), cost=_SWINIR_COST, but=_GREYS),
    *_rows("bsd68", "Restormer", (31.96, 29.52, 26.62), _REST,
           names=("restormer-grey-{}", "restormer-grey"), words=("restormer",),
           caveat=_WHICH, but=_GREYS),
    *_rows("cbsd68", "BM3D", (33.52, 30.71, 27.38), _COLOUR, words=("bm3d",)),
    *_rows("cbsd68", "DnCNN", (33.90, 31.24, 27.95), _COLOUR,
           names=("dncnn", "dncnn-colour-blind"), words=("dncnn",), but=_COLOURS),
    *_rows("cbsd68", "IRCNN", (33.86, 31.16, 27.86), _COLOUR, words=("ircnn",), but=_COLOURS),
    *_rows("cbsd68", "FFDNet", (33.87, 31.21, 27.96), _COLOUR, words=("ffdnet",), but=_COLOURS),
    *_rows("cbsd68", "DRUNet", (34.30, 31.69, 28.51), _COLOUR, names=("drunet-colour",),
           words=("drunet",), cost=_DRUNET_COST, but=_COLOURS),
    *_rows("cbsd68", "SwinIR", (34.42, 31.78, 28.56), _COLOUR,
           names=("swinir-colour-{}", "swinir-denoise"), words=("swinir",), cost=_SWINIR_COST,
           but=_COLOURS),
    *_rows("cbsd68", "Restormer", (34.40, 31.79, 28.60), _REST,
           names=("restormer-colour-{}", "restormer-colour"), words=("restormer",),
           caveat=_WHICH, but=_COLOURS),
    *_rows("kodak24", "BM3D", (34.28, 32.15, 28.46), _COLOUR, words=("bm3d",)),
    *_rows("kodak24", "DnCNN", (34.60, 32.14, 28.95), _COLOUR,
           names=("dncnn", "dncnn-colour-blind"), words=("dncnn",), but=_COLOURS),
    *_rows("kodak24", "IRCNN", (34.69, 32.18, 28.93), _COLOUR, words=("ircnn",), but=_COLOURS),
    *_rows("kodak24", "FFDNet", (34.63, 32.13, 28.98), _COLOUR, words=("ffdnet",), but=_COLOURS),
    *_rows("kodak24", "DRUNet", (35.31, 32.89, 29.86), _COLOUR, names=("drunet-colour",),
           words=("drunet",), cost=_DRUNET_COST, but=_COLOURS),
    *_rows("kodak24", "SwinIR", (35.34, 32.89, 29.79), _COLOUR,
           names=("swinir-colour-{}", "swinir-denoise"), words=("swinir",), cost=_SWINIR_COST,
           but=_COLOURS),
    *_rows("kodak24", "Restormer", (35.47, 33.04, 30.01), _REST,
           names=("restormer-colour-{}", "restormer-colour"), words=("restormer",),
           caveat=_WHICH, but=_COLOURS),
)  # fmt: skip
