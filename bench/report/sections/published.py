"""Figures that authors report, to stand beside ours: each with its convention and its source.

A published figure and one of ours say the same only where suite, images and convention are the
same; where they are not, the table says what differs and gives no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.core.names import parse_spec
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import fixed, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.analysis import Analysis, family
from bench.report.reading.context import Context
from bench.report.reading.gather import Row
from bench.report.sections.results import result_cell
from bench.suites.table import SUITES


@dataclass(frozen=True, slots=True)
class Figure:
    """One published mean over a test set. ``high`` is the upper end where a range is reported.

    ``same_as`` is the metric of ours that has the same convention, None where none is known to.
    ``caveat`` is what a reader must know before believing it.
    """

    family: str
    value: float
    convention: str
    source: str
    same_as: str | None = None
    high: float | None = None
    caveat: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was reported of one model on one suite.

    ``names`` are names of `bench models`. Files, factories and folders are recognised by their own
    name: it holds all of ``words`` and none of ``but``, whatever the case and the signs between.
    """

    suite: str
    options: Mapping[str, str]
    model: str
    figures: tuple[Figure, ...]
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


_RGB = "RGB, no border cut, mean over images"
_UNSTATED = "which SSIM is not stated"
_MATLAB = "MATLAB ssim on H×W×3 (Gaussian 11×11×11), mean over images"


def _psnr(value: float, source: str, caveat: str = "") -> Figure:
    return Figure("psnr", value, _RGB, source, "psnr", caveat=caveat)


def _ssim(value: float, source: str, caveat: str = "") -> Figure:
    return Figure("ssim", value, _UNSTATED, source, caveat=caveat)


def _volume(value: float, source: str) -> Figure:
    return Figure("ssim", value, _MATLAB, source, "ssim-volume")


def _gopro(model: str, *figures: Figure, **match: Any) -> Report:
    return Report("gopro", {"blur": "blur"}, model, figures, **match)


def _paper(model: str, psnr: float, ssim: float, *, caveat: str = "", **match: Any) -> Report:
    """Return a row of the table in the paper that proposes unet-gan, whose split is its own."""
    source = "Table 1 of the paper that proposes the U-Net with residual blocks and PatchGAN"
    why = "its split is 1600/300/313 images, the official one 2103/1111"
    why += f"; {caveat}" if caveat else ""
    convention = "which convention is not stated"
    return _gopro(
        model,
        Figure("psnr", psnr, convention, source, caveat=why),
        Figure("ssim", ssim, convention, source, caveat=why),
        **match,
    )


_NAH = "Nah et al. 2017, doi:10.1109/CVPR.2017.35"
_KUPYN = "Kupyn et al. 2018, doi:10.1109/CVPR.2018.00854"
_V2 = "Kupyn et al. 2019, doi:10.1109/ICCV.2019.00897"
_TAO = "Tao et al. 2018, doi:10.1109/CVPR.2018.00853"
_CHO = "Cho et al. 2021, doi:10.1109/ICCV48922.2021.00460"
_MPR = "Zamir et al. 2021, doi:10.1109/CVPR46437.2021.01458"
_REST = "Zamir et al. 2022, doi:10.1109/CVPR52688.2022.00564"
_NAF = "Chen et al. 2022, doi:10.1007/978-3-031-20071-7_2"
_DNCNN = "Zhang et al. 2017, doi:10.1109/TIP.2017.2662206"
_LOCAL = "with test-time local statistics, which a plain NAFNet lacks"

REPORTS: tuple[Report, ...] = (
    _gopro(
        "DeepDeblur", _psnr(29.08, _NAH),
        Figure("ssim", 0.914, _UNSTATED, _NAH, caveat="its author calls the paper's SSIM wrong"),
        names=("deepdeblur",), words=("deepdeblur",),
    ),
    _gopro(
        "DeepDeblur, retrained by its author", _psnr(30.40, _NAH), _ssim(0.9018, _NAH),
        names=("deepdeblur",), words=("deepdeblur",),
    ),
    _gopro(
        "DeblurGAN", _psnr(28.7, _KUPYN, "others' re-runs give 25.2 to 28.3 dB"),
        Figure("ssim", 0.958, "complex-wavelet SSIM, which is another measure", _KUPYN,
               caveat="others' re-runs give an SSIM of 0.80 to 0.86"),
        names=("deblurgan",), words=("deblurgan",), but=("v2",),
    ),
    _gopro("DeblurGAN-v2", _psnr(29.55, _V2), _ssim(0.934, _V2),
           words=("deblurgan", "v2"), but=("mobile",)),
    _gopro("DeblurGAN-v2, MobileNet", _psnr(28.17, _V2), _ssim(0.925, _V2),
           words=("deblurgan", "v2", "mobile")),
    _gopro("SRN-DeblurNet", _psnr(30.26, _TAO), _ssim(0.934, _TAO), names=("srn",),
           words=("srn",)),
    _gopro("MIMO-UNet", _psnr(31.73, _CHO), _ssim(0.951, _CHO), words=("mimo",), but=("plus",)),
    _gopro("MIMO-UNet+", _psnr(32.45, _CHO), _ssim(0.957, _CHO), words=("mimo", "plus")),
    _gopro("MPRNet", _psnr(32.66, _MPR), _volume(0.959, _MPR), words=("mprnet",)),
    _gopro("Restormer", _psnr(32.92, _REST), _volume(0.961, _REST), words=("restormer",)),
    _gopro("NAFNet, width 32", _psnr(32.87, _NAF, _LOCAL), _volume(0.9606, _NAF),
           words=("nafnet",), but=("64",)),
    _gopro("NAFNet, width 64", _psnr(33.71, _NAF, f"{_LOCAL}: 33.08 dB without"),
           _volume(0.9668, _NAF), words=("nafnet",), but=("32",)),
    _gopro(
        "t1-t4 generator with PatchGAN",
        *(Figure(name, value, "800×450 pixels; which convention is not stated",
                 "Gençaslan, Two-Stage CNN Framework for Single-Image Deblurring",
                 caveat="the paper's inputs score 28.48 dB and 0.915, GoPro's own about 25.6 dB: "
                        "not the same images")
          for name, value in (("psnr", 28.75), ("ssim", 0.943))),
        names=("t1t4-gan",),
    ),
    _paper("U-Net with residual blocks and PatchGAN", 32.85, 0.93, names=("unet-gan",)),
    _paper("DeblurGAN, there", 30.40, 0.88, caveat="DeblurGAN's authors report 28.7 dB",
           names=("deblurgan",)),
    _paper("Deep Image Prior, there", 29.75, 0.85, names=("dip", "dip-paper")),
    _paper("Non-local means, there", 28.30, 0.80,
           caveat="denoising cannot deblur to 28.3 dB", names=("nlm",)),
    *(
        Report("bsd68", {"sigma": sigma}, "DnCNN",
               (Figure("psnr", value, "grey, noise neither rounded nor clipped, mean over images",
                       _DNCNN, "psnr"),),
               names=("dncnn-grey",), words=("dncnn",), but=("color", "colour"))
        for sigma, value in (("15", 31.73), ("25", 29.23), ("50", 26.23))
    ),
    Report("set5", {"scale": "3"}, "SRCNN",
           (Figure("psnr", 32.39, "luma, border cut by the scale, mean over images",
                   "Dong et al. 2016, doi:10.1109/TPAMI.2015.2439281", "psnr-y", 32.75,
                   "the range is over its networks and training sets"),),
           words=("srcnn",)),
    Report("set5", {"scale": "2"}, "VDSR",
           (Figure("psnr", 37.53, "luma, border cut by the scale, mean over images",
                   "Kim et al. 2016, doi:10.1109/CVPR.2016.182", "psnr-y"),),
           words=("vdsr",)),
    Report("set5", {"scale": "4"}, "ESRGAN's network trained for PSNR",
           (Figure("psnr", 32.73, "luma, border cut by the scale, mean over images",
                   "Wang et al. 2018, arXiv:1809.00219", "psnr-y",
                   caveat="quoted from memory, not checked; trained without a discriminator"),),
           names=("esrgan",), words=("esrgan",)),
)  # fmt: skip


def section(context: Context) -> Content | Missing:
    """Return what authors report beside what was measured here."""
    table = published(context.analysis)
    if table is None:
        return Missing("none are known of these models on this suite")
    return Content(
        [
            "What authors report, with the convention they name, beside what was measured here. "
            "Equal names are not equal measures: SSIM alone moves in the second decimal by its "
            "convention.",
            table,
        ]
    )


def published(analysis: Analysis) -> Table | None:
    """Return published figures of this suite's models beside ours; None where there are none."""
    found = list(_matches(analysis))
    if not found:
        return None
    columns = [
        Column("Model", numeric=False), Column("Reported of", numeric=False), Column("Ours"),
        Column("Our convention", numeric=False), Column("Published"),
        Column("Its convention", numeric=False), Column("Difference"),
        Column("What differs", numeric=False),
    ]  # fmt: skip
    rows, records = [], []
    for row, report, figure in found:
        metric = _ours(analysis, figure)
        same = metric is not None and metric == figure.same_as
        ours = None if metric is None else analysis.standing(metric, row.name).estimate
        images = ours.n if ours else len(analysis.data.shots)
        differs = list(_differs(analysis, row, figure, same, images))
        apart = None
        if ours and same and _all_test_images(analysis, ours.n) and figure.high is None:
            apart = ours.value - figure.value
        family_name = title(figure.family)
        rows.append(
            [
                TableCell(row.name),
                TableCell(f"{report.model}, {family_name}", figure.source),
                replace(result_cell(analysis, metric, row.name), mark="")
                if metric
                else TableCell.missing(f"no {family_name} was measured"),
                TableCell(
                    f"{title(metric)}: {analysis.data.metrics[metric].convention}"
                    if metric
                    else "none"
                ),
                _published_cell(figure),
                TableCell(figure.convention),
                TableCell.missing("not the same measure")
                if apart is None
                else TableCell(fixed(apart, _places(figure), sign=True)),
                TableCell("; ".join(differs) or "nothing known"),
            ]
        )
        records.append(
            {"model": row.name, "published_model": report.model, "metric": metric,
             "ours": ours and ours.value, "low": ours and ours.low, "high": ours and ours.high,
             "our_convention": metric and analysis.data.metrics[metric].convention,
             "published": figure.value, "published_to": figure.high,
             "published_convention": figure.convention, "difference": apart,
             "differs": "; ".join(differs), "source": figure.source}
        )  # fmt: skip
    return Table(
        "published",
        "Published figures beside ours",
        columns,
        rows=rows,
        records=records,
        legend=[
            "A difference is given only where suite, images and convention are the same. Files, "
            "factories and folders are matched by their name alone."
        ],
    )


def _published_cell(figure: Figure) -> TableCell:
    ends = [fixed(e, _places(figure)) for e in (figure.value, figure.high) if e is not None]
    return TableCell(" to ".join(ends), sort=figure.value)


def _places(figure: Figure) -> int:
    return 2 if figure.family == "psnr" else 4


def _matches(analysis: Analysis) -> Iterator[tuple[Row, Report, Figure]]:
    name, options = parse_spec(analysis.data.record.spec.suite)
    here = [
        report
        for report in REPORTS
        if report.suite == name and report.options.items() <= options.items()
    ]
    for model in analysis.order:
        row = analysis.data.row(model)
        for report in here:
            if _is_of(report, row):
                yield from ((row, report, figure) for figure in report.figures)


def _is_of(report: Report, row: Row) -> bool:
    if row.info.spec == row.label:  # a name of the catalogue
        return row.label in report.names
    name = re.sub(r"[^a-z0-9]", "", row.label.lower())
    return (
        bool(report.words)
        and all(word in name for word in report.words)
        and not any(word in name for word in report.but)
    )


def _ours(analysis: Analysis, figure: Figure) -> str | None:
    """Return the measured metric of the figure's convention, else the first of its family."""
    if figure.same_as in analysis.measured:
        return figure.same_as
    return next((m for m in analysis.measured if family(m) == figure.family), None)


def _all_test_images(analysis: Analysis, images: int) -> bool:
    suite, _ = parse_spec(analysis.data.record.spec.suite)
    return images == SUITES[suite].images.get("test")


def _differs(
    analysis: Analysis, row: Row, figure: Figure, same: bool, images: int
) -> Iterator[str]:
    """Yield what keeps the two figures apart, in words."""
    record = analysis.data.record
    if not same:
        yield "the convention"
    suite, _ = parse_spec(record.spec.suite)
    total = SUITES[suite].images.get("test")
    if not _all_test_images(analysis, images):
        yield f"the images: {images} of the test set's {total}"
    if steps := record.spec.prepare:
        yield f"the input: after {', '.join(steps)}"
    weights = row.info.weights
    if weights and weights.header:
        yield "the weights: trained by this program, not by the authors"
    if figure.caveat:
        yield figure.caveat
