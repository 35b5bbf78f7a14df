"""THE table of suites, and what a suite is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bench.core.errors import BenchError
from bench.core.identity import keep_beside
from bench.core.names import choose, parse_spec
from bench.core.plugins import extended, load_object
from bench.core.progress import Update, unheard
from bench.metrics.table import DEFAULT, ON_LUMA, WITHOUT_REFERENCE
from bench.records import Pair
from bench.suites.degrading import DEGRADERS, read_degrading, read_levels, with_degrading
from bench.suites.frames import OPTION, read_frames, with_frames
from bench.suites.sizing import OPTIONS, read_sizing, with_sizing

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Suite:
    """An opened suite. Nothing but file names has been read.

    ``spec`` is canonical: every option written out. ``layout`` says which folder layout was found.
    ``border`` pixels are cut from each side before scoring. ``pairs(split)`` lists the pairs of
    "train", "val" or "test" in a fixed order, and may be empty for the first two.
    """

    spec: str
    card: SuiteCard
    root: Path
    layout: str
    pairs: Callable[[Split], Sequence[Pair]]
    border: int = 0
    scale: int = 1
    """What a model has to enlarge by: 1, or 2, 3, 4 for super-resolution."""
    no_reference: str = "no reference image"
    """Why pairs without a reference have none: the reason of every full-reference score."""
    notes: tuple[str, ...] = ()
    """Anything a reader of the numbers must know, shown in the report."""

    @property
    def key(self) -> str:
        """The name under which results and weights are kept: the spec, or an own folder's name."""
        _, colon, options = self.spec.partition(":")
        return f"{self.card.name}{colon}{options}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteCard:
    """One row of the table."""

    name: str
    title: str
    task: str
    """``deblur``, ``denoise``, ``dejpeg`` or ``super-resolution``; an option may make it another
    (`bench.suites.degrading`)."""
    opener: str
    """``module:function`` called as ``opener(card, root, options) -> Suite``; one of a suite that
    is ``made_here`` also takes ``progress``."""
    about: str
    licence: str
    """As its authors state it."""
    citation: str
    size: str
    source: str = ""
    """Where a person can read about it and get it."""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Legal values of each ``key=value`` option, the default first; empty: any text. `ANY_NUMBER`
    among them: any other number above 0, up to 255, or a range of them, too."""
    metrics: tuple[str, ...] = DEFAULT
    """What the field reports on it: measured unless others are asked for."""
    images: Mapping[Split, int] = field(default_factory=dict)
    """How many pairs the complete, published data set has."""
    divides: bool = False
    """Where it is degraded on reading, some of its photographs train (`bench.suites.degrading`)."""
    sequences: bool = False
    """Its images may be frames of sequences (`bench.suites.frames`)."""
    made_here: bool = False
    """Needs no data: the suite is made when it is first opened."""
    download: str | None = None
    """``module:NAME`` of a `bench.suites.fetch.Download`, or None: comes with us or from you."""


_UNALIGNED = ("psnr-aligned", "ssim-aligned", "vif", "st-lpips-alex", "lpips-alex")
ANY_NUMBER = "any number"
_SIGMA = {"sigma": ("25", "15", "50", ANY_NUMBER)}
_SCALE = {"scale": ("4", "2", "3")}

SUITES: dict[str, SuiteCard] = {
    card.name: card
    for card in (
        SuiteCard(
            name="demo",
            title="Demo: photographs from scikit-image, degraded here",
            task="deblur",
            opener="bench.suites.demo:open_demo",
            about="camera shake, defocus, low light and noise on held-out photographs; made here",
            licence="public domain, CC0, or as the docstrings of skimage.data say",
            citation="van der Walt et al. 2014, doi:10.7717/peerj.453",
            size="made here, about 35 MB",
            made_here=True,
        ),
        SuiteCard(
            name="gopro",
            title="GoPro (GOPRO_Large)",
            task="deblur",
            opener="bench.suites.gopro:open_gopro",
            about="dynamic-scene motion blur, 1111 test and 2103 training pairs of 1280x720",
            licence="CC BY 4.0",
            citation="Nah et al. 2017, doi:10.1109/CVPR.2017.35",
            size="9 GB",
            source="https://seungjunnah.github.io/Datasets/gopro.html",
            options={"blur": ("blur", "blur_gamma")},
            images={"train": 2103, "test": 1111},
            download="bench.suites.gopro:GOPRO_LARGE",
            sequences=True,
        ),
        SuiteCard(
            name="celeba",
            title="CelebA, aligned faces",
            task="deblur",
            opener="bench.suites.celeba:open_celeba",
            about="202,599 faces of 178x218, blurred by a hand's path, split by person",
            licence="non-commercial research only",
            citation="Liu et al. 2015, doi:10.1109/ICCV.2015.425",
            size="1.4 GB",
            source="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
            options={"blur": ("uniform", "varying", "stored")},
        ),
        SuiteCard(
            name="blur-triplets",
            title="Kwentar's blur dataset",
            task="deblur",
            opener="bench.suites.triplets:open_triplets",
            about="real defocus and motion blur; not aligned, so no reference metrics and people",
            licence="not stated",
            citation="Kwentar, Blur dataset, https://github.com/Kwentar/blur_dataset",
            size="350 scenes, 1050 photographs",
            source="https://www.kaggle.com/datasets/kwentar/blur-dataset",
            metrics=WITHOUT_REFERENCE,
        ),
        SuiteCard(
            name="hide",
            title="HIDE",
            task="deblur",
            opener="bench.suites.video:open_hide",
            about="people in motion, 2025 test and 6397 training pairs of 1280x720",
            licence="not stated",
            citation="Shen et al. 2019, doi:10.1109/ICCV.2019.00567",
            size="8422 pairs",
            source="https://github.com/joanshen0508/HA_deblur",
            images={"train": 6397, "test": 2025},
        ),
        SuiteCard(
            name="realblur-j",
            title="RealBlur-J",
            task="deblur",
            opener="bench.suites.realblur:open_realblur",
            about="real low-light shake, camera JPEG, 980 test and 3758 training pairs",
            licence="CC BY 4.0",
            citation="Rim et al. 2020, doi:10.1007/978-3-030-58595-2_12",
            size="4738 pairs, in one archive with RealBlur-R",
            source="https://github.com/rimchang/RealBlur",
            metrics=_UNALIGNED,
            images={"train": 3758, "test": 980},
        ),
        SuiteCard(
            name="realblur-r",
            title="RealBlur-R",
            task="deblur",
            opener="bench.suites.realblur:open_realblur",
            about="real low-light shake, from raw, 980 test and 3758 training pairs",
            licence="CC BY 4.0",
            citation="Rim et al. 2020, doi:10.1007/978-3-030-58595-2_12",
            size="4738 pairs, in one archive with RealBlur-J",
            source="https://github.com/rimchang/RealBlur",
            metrics=_UNALIGNED,
            images={"train": 3758, "test": 980},
        ),
        SuiteCard(
            name="rsblur",
            title="RSBlur",
            task="deblur",
            opener="bench.suites.video:open_rsblur",
            about="real shake of 1920x1200, 3360 test, 1120 validation and 8878 training pairs",
            licence="CC BY 4.0",
            citation="Rim et al. 2022, doi:10.1007/978-3-031-20071-7_29",
            size="13,358 pairs",
            source="https://github.com/rimchang/RSBlur",
            images={"train": 8878, "val": 1120, "test": 3360},
        ),
        SuiteCard(
            name="reds",
            title="REDS (blur)",
            task="deblur",
            opener="bench.suites.video:open_reds",
            about="dynamic-scene motion blur of 1280x720, 24,000 training and 3000 test frames",
            licence="CC BY 4.0",
            citation="Nah et al. 2019, doi:10.1109/CVPRW.2019.00251",
            size="27,000 pairs",
            source="https://seungjunnah.github.io/Datasets/reds.html",
            images={"train": 24000, "test": 3000},
            sequences=True,
        ),
        SuiteCard(
            name="bsd68",
            title="BSD68 (grey)",
            task="denoise",
            opener="bench.suites.denoising:open_denoising",
            about="68 grey photographs of 481x321; white Gaussian noise, float",
            licence="non-commercial research and education",
            citation="Roth and Black 2009, doi:10.1007/s11263-008-0197-6; "
            "Martin et al. 2001, doi:10.1109/ICCV.2001.937655",
            size="68 photographs",
            source="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/",
            options=_SIGMA,
            images={"test": 68},
        ),
        SuiteCard(
            name="cbsd68",
            title="CBSD68 (colour)",
            task="denoise",
            opener="bench.suites.denoising:open_denoising",
            about="68 colour photographs of 481x321; white Gaussian noise, float",
            licence="non-commercial research and education",
            citation="Roth and Black 2009, doi:10.1007/s11263-008-0197-6; "
            "Martin et al. 2001, doi:10.1109/ICCV.2001.937655",
            size="68 photographs",
            source="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/",
            options=_SIGMA,
            images={"test": 68},
        ),
        SuiteCard(
            name="kodak24",
            title="Kodak24",
            task="denoise",
            opener="bench.suites.denoising:open_denoising",
            about="24 colour photographs of 768x512; white Gaussian noise, float",
            licence="released by Kodak for unrestricted use",
            citation="Kodak lossless true color image suite, published by R. Franzen 1999",
            size="24 photographs, 15 MB",
            source="https://r0k.us/graphics/kodak/",
            options=_SIGMA,
            images={"test": 24},
        ),
        SuiteCard(
            name="set5",
            title="Set5",
            task="super-resolution",
            opener="bench.suites.superresolution:open_test_set",
            about="5 photographs made smaller as MATLAB does, x2 x3 x4",
            licence="not stated",
            citation="Bevilacqua et al. 2012, doi:10.5244/C.26.135",
            size="5 photographs, 1 MB",
            source="https://github.com/jbhuang0604/SelfExSR",
            options=_SCALE,
            metrics=ON_LUMA,
            images={"test": 5},
        ),
        SuiteCard(
            name="set14",
            title="Set14",
            task="super-resolution",
            opener="bench.suites.superresolution:open_test_set",
            about="14 photographs made smaller as MATLAB does, x2 x3 x4",
            licence="not stated",
            citation="Zeyde et al. 2012, doi:10.1007/978-3-642-27413-8_47",
            size="14 photographs, 4 MB",
            source="https://github.com/jbhuang0604/SelfExSR",
            options=_SCALE,
            metrics=ON_LUMA,
            images={"test": 14},
        ),
        SuiteCard(
            name="div2k",
            title="DIV2K",
            task="super-resolution",
            opener="bench.suites.superresolution:open_div2k",
            about="100 test and 800 training photographs of 2K, made smaller, x2 x3 x4",
            licence="academic research only",
            citation="Agustsson and Timofte 2017, doi:10.1109/CVPRW.2017.150",
            size="3.5 GB training and 0.4 GB test photographs",
            source="https://data.vision.ee.ethz.ch/cvl/DIV2K/",
            options=_SCALE,
            metrics=ON_LUMA,
            images={"train": 800, "test": 100},
        ),
        SuiteCard(
            name="folder",
            title="Your own two folders",
            task="deblur",
            opener="bench.suites.own:open_folder",
            about="DIR/input and DIR/target (or blur and sharp, lq and gt), paired by name; "
            "or what 'bench suites make' made of your photographs",
            licence="yours",
            citation="",
            size="yours",
            divides=True,
            sequences=True,
        ),
        SuiteCard(
            name="photos",
            title="Your own photographs",
            task="deblur",
            opener="bench.suites.own:open_photos",
            about="any folder of photographs, at any depth; no references: no-reference metrics, "
            "costs and people",
            licence="yours",
            citation="",
            size="yours",
            metrics=WITHOUT_REFERENCE,
            divides=True,
            sequences=True,
        ),
    )
}


def suite_cards() -> dict[str, SuiteCard]:
    """Return the table with the suites of installed third-party packages."""
    return extended(SUITES, "restoration_bench.suites", SuiteCard)


def open_suite(spec: str, data: Path | None = None, progress: Update = unheard) -> Suite:
    """Open ``name[:key=value,..]`` on the folder ``data`` (default ``data/<name>``).

    Every suite has the options of `bench.suites.sizing` and `bench.suites.degrading`, one of
    ``sequences`` that of `bench.suites.frames`, beside those of its row.

    A suite that is made here calls ``progress`` while it is made. Raises `BenchError` for an
    unknown name or option, or where the data is missing or incomplete: the message says what was
    expected where, and how to get it.
    """
    card, options = resolve_suite(spec)
    extra = {"progress": progress} if card.made_here else {}
    root = data or Path("data") / card.name
    row = suite_cards()[card.name]
    suite: Suite = load_object(card.opener)(row, root, _defaults(row) | options, **extra)
    keep_beside(suite.root)
    if (levels := read_degrading(spec, options, row.options)[0]) is not None:
        suite = with_degrading(suite, levels, canonical(card.name, options))
    if (sizing := read_sizing(spec, options)[0]) is not None:
        suite = with_sizing(suite, sizing)
    window, _ = read_frames(spec, options, [card.name])
    return with_frames(suite, window) if window > 1 else suite


def resolve_suite(spec: str) -> tuple[SuiteCard, dict[str, str]]:
    """Return the suite that a spec names, and all its options, the defaults written out.

    Where the options degrade it on reading, its task is that of what they do.

    Raises `BenchError` for an unknown name or option.
    """
    name, given = parse_spec(spec)
    cards = suite_cards()
    card = cards[choose("suite", name, cards)]
    options = _defaults(card)
    _, sizes = read_sizing(spec, given)
    having = [row.name for row in cards.values() if row.sequences]
    _, frames = read_frames(spec, given, having)
    levels, degrading = read_degrading(spec, given, card.options)
    if frames and levels is not None and levels.low < levels.high:
        raise BenchError(
            f"'{spec}': each frame of a sequence would have a level of its own; give one, as "
            f"{levels.option}={levels.high:g}"
        )
    if levels is not None:  # an option of its own that degrades otherwise no longer does
        options = {key: value for key, value in options.items() if key not in DEGRADERS}
        row = levels.degrader
        card = replace(card, task=row.task, metrics=row.metrics)
    for key, value in given.items():
        if key in sizes or key in degrading or key in frames:
            continue
        if key not in card.options:
            neighbours = [OPTION] if card.sequences else []
            legal = ", ".join(dict.fromkeys([*card.options, *DEGRADERS, *OPTIONS, *neighbours]))
            raise BenchError(f"suite '{name}' has no option '{key}'; its options: {legal}")
        options[key] = _legal(f"suite '{name}': {key}", value, card.options[key])
    return card, options | degrading | sizes | frames


def _defaults(card: SuiteCard) -> dict[str, str]:
    return {key: values[0] for key, values in card.options.items() if values}


def _legal(what: str, value: str, legal: tuple[str, ...]) -> str:
    """Return an option's value as it is recorded. Raises `BenchError` for one that is not legal."""
    if not legal or (value in legal and value != ANY_NUMBER):
        return value
    if ANY_NUMBER in legal:
        with suppress(BenchError):
            return str(read_levels(what, "sigma", value))
    raise BenchError(f"{what}={value} is not one of {', '.join(legal)}")


def canonical(name: str, options: Mapping[str, str]) -> str:
    """Return the spec with every option written out, as it is recorded."""
    return name + (":" if options else "") + ",".join(f"{k}={v}" for k, v in options.items())


def spread(pairs: Sequence[Pair], limit: int | None) -> Sequence[Pair]:
    """Take ``limit`` pairs spread evenly over the clusters, and over the frames inside each.

    The choice is the same on every machine, and the suite's order is kept. Without a limit the
    pairs are returned as they are: a long listing is not written out.
    """
    if limit is None or limit >= len(pairs):
        return pairs
    if limit < 1:
        raise BenchError(f"--limit {limit}: expected at least 1 image")
    clusters: dict[str, list[int]] = {}
    for index, pair in enumerate(pairs):
        clusters.setdefault(pair.cluster, []).append(index)
    names = list(clusters)
    if limit < len(names):
        names = [names[(2 * i + 1) * len(names) // (2 * limit)] for i in range(limit)]
    quota = dict.fromkeys(names, 0)
    left = limit
    while left:  # a round gives each cluster that still has frames one more
        for name in names:
            if left and quota[name] < len(clusters[name]):
                quota[name] += 1
                left -= 1
    chosen = [
        frames[(2 * i + 1) * len(frames) // (2 * quota[name])]
        for name, frames in clusters.items()
        for i in range(quota.get(name, 0))
    ]
    return [pairs[index] for index in sorted(chosen)]
