"""The Python API: what the command line does, for notebooks and programs.

It is reached as ``import bench``; the command line is built on it.

>>> import numpy as np, bench
>>> a = np.zeros((32, 32, 3), np.uint8)
>>> bench.metric("psnr")(a + np.uint8(5), a)  # 20 log10(255 / 5)
34.15140352195873
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.checks import check_profile, check_rescoring, check_run, check_scoring
from bench.compute.environment import pick_device
from bench.compute.profile import Conditions, Measurement, measure
from bench.core.errors import BenchError
from bench.core.names import counted
from bench.core.progress import Progress, Unheard
from bench.image import Pixels, read
from bench.metrics.scorer import Scorer
from bench.metrics.set_table import choose_metrics, set_metric_cards
from bench.metrics.table import at_hand, resolve
from bench.records import ProfileSize, RunSpec, Tile, tile_of
from bench.runs.finding import find_run, folder_for
from bench.runs.record import RunRecord
from bench.runs.scoring import FolderScores, score_folder
from bench.runs.splits import nothing_to_learn
from bench.runs.store import RunFolder
from bench.suites import Suite
from bench.suites.table import open_suite
from models.catalogue import baselines, model_cards
from models.shipped.table import shipped_of
from models.shipped.telling import told
from models.specs import label
from models.variants import parted, renamed
from models.weights_folder import WeightsFolder

if TYPE_CHECKING:
    import pandas as pd

    from bench.framework.budgets import Pick
    from bench.framework.people import HumanScale
    from bench.framework.significance import Comparison
    from bench.runs.planning import OnOverlap
    from bench.runs.runner import Changed

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True)
class Run:
    """A run on disk. Tables are read when they are asked for, of an unfinished run too."""

    folder: RunFolder

    @property
    def path(self) -> Path:
        """Where the run lies."""
        return self.folder.path

    @property
    def record(self) -> RunRecord:
        """The spec, the models and what became of them, the suite, the environment."""
        return self.folder.record()

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Tidy scores: model, image, metric, value (NaN where missing), missing (the reason)."""
        return self.folder.scores()

    @cached_property
    def sets(self) -> pd.DataFrame:
        """Tidy scores of whole sets: model, metric, value, deviation, images, missing."""
        return self.folder.sets()

    @cached_property
    def costs(self) -> pd.DataFrame:
        """Tidy costs: model, the conditions, quantity, value, low, high, unit, missing, noisy."""
        from bench.framework.costs import read_figures

        return self.folder.profiles(read_figures(self.folder))

    @cached_property
    def images(self) -> pd.DataFrame:
        """The images in order: image, cluster, degraded, reference (paths or ""), strata."""
        return self.folder.images()

    def pick(
        self,
        quality: str = "psnr",
        maxima: Mapping[str, float] | None = None,
        minima: Mapping[str, float] | None = None,
        study: str | None = None,
    ) -> Pick:
        """Return the best model within a budget, and which others are as good.

        ``quality`` is a metric of the run, or ``people`` with a ``study`` (``DB`` or ``DB#NAME``);
        ``maxima`` and ``minima`` hold costs or metrics: ``{"latency_ms": 50}``. Raises `BenchError`
        for names that the run does not know.
        """
        from bench.framework.budgets import pick  # and scipy.stats, which no run waits for
        from bench.framework.costs import read_costs
        from bench.framework.joint import Evidence
        from bench.framework.scores import read_scores

        table = read_scores(self.folder)
        base = next((name for name in baselines() if name in table.models), None)
        people = people_of(study, [self])
        evidence = Evidence(table, read_costs(self.folder), people, base)
        return pick(evidence, quality, dict(maxima or {}), dict(minima or {}))

    def compare(self, a: str, b: str, metric: str | None = None) -> Comparison:
        """Return the paired difference of two models, with its interval and significance.

        No ``metric``: the run's first.
        """
        from bench.framework.significance import compare

        return compare(self.folder, a, b, metric or next(iter(self.record.metrics)))

    def rescore(
        self, metrics: Sequence[str], *, data: Path | None = None, progress: Progress | None = None
    ) -> Run:
        """Add metrics from the restored images that the run keeps; return the run as it is then.

        The numbers are those of a run that had asked for them; what is there is kept. ``data`` is
        the suite's folder where it was moved. Stopped, the same call goes on. Raises `BenchError`
        for unknown metrics and for a run whose images have changed.
        """
        names = check_rescoring(metrics).all
        from bench.runs.rescoring import rescore  # and torch

        spec, listener = self.record.spec, progress or Unheard()
        suite = open_suite(spec.suite, data or Path(spec.data), progress=listener.update)
        rescore(self.folder, names, suite, pick_device(spec.device), listener)
        return Run(self.folder)

    def report(self, out: Path | None = None, study: str | None = None, pdf: bool = False) -> Path:
        """Write the report of this run, plots as PDF too where asked for; return its page."""
        from bench.report import write_report  # and matplotlib

        return write_report([self.folder], out, people=people_of(study, [self]), pdf=pdf)


def open_run(name: str | Path, results: Path | None = None) -> Run:
    """Open a run: a folder, or a suite's name for its latest run.

    Raises `BenchError` where there is none.
    """
    return Run(find_run(str(name), results))


def people_of(study: str | None, runs: Sequence[Run]) -> HumanScale | None:
    """Read a study of one of the runs, named ``DB`` or ``DB#NAME``; None for None.

    Raises `BenchError` where there is no such database.
    """
    if study is None:
        return None
    db, _, name = study.partition("#")
    file = Path(db.removeprefix("sqlite:///"))
    if "://" not in db.removeprefix("sqlite:///") and not file.is_file():
        raise BenchError(
            f"no study database '{file}'; expected the file that 'bench rate' keeps its studies "
            "in (results/studies.db unless --db named another), as DB or DB#NAME"
        )
    from bench.framework.people import read_study  # and sqlalchemy

    return read_study(db, name, [run.folder for run in runs])


def run(
    suite: str,
    *,
    data: Path | None = None,
    models: Sequence[str] | Literal["all"] = (),
    metrics: Sequence[str] = (),
    prepare: Sequence[str] = (),
    limit: int | None = None,
    device: str = "auto",
    train: Literal["missing", "never", "always"] = "missing",
    preset: Literal["quick", "paper"] = "quick",
    budget: str | None = None,
    recipe: Sequence[str] = (),
    profile: ProfileSize = "suite",
    tile: Tile = None,
    seed: int = 0,
    executor: str = "local",
    changed: Changed = "redo",
    overlap: OnOverlap = "refuse",
    out: Path | None = None,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train or load models, restore a suite, score, and measure costs.

    The same call again does only what is missing, and anew what has changed since: ``changed``
    says otherwise: ``refuse``, or begin ``afresh``. Weights that learned from test images fail,
    unless ``overlap`` is ``mark``. With ``train`` ``never``, networks that were not trained on the
    suite run with the weights that come with them, under the name of these. No ``models`` are the
    suite's standard ones, without networks that have no weights and nothing here to learn from, no
    ``metrics`` the suite's own. ``profile`` is the (height, width) at which costs are measured, or
    (batch, height, width), ``suite`` for that of the suite's own images, a list of several, None
    for no costs. ``tile`` is that of networks (`bench.records.Tile`). ``recipe`` are changes to
    the preset of every network trained, ``KEY=VALUE`` (`models.recipe_files`). ``options`` are kept
    with the run as what was asked for. What fails is listed in the run's record. Raises
    `BenchError` for what cannot begin, and KeyboardInterrupt; the same call then goes on.
    """
    asked = check_run(
        suite,
        data=data,
        models=models,
        metrics=metrics,
        prepare=prepare,
        limit=limit,
        budget=budget,
        profile=profile,
        executor=executor,
        preset=preset,
        recipe=recipe,
    )
    listener = progress or Unheard()
    opened = open_suite(suite, data, progress=listener.update)
    chosen = asked.models if models else _that_can_run(asked.models, opened, listener)
    if train == "never" and preset == "quick" and not (recipe or prepare):
        chosen = _with_shipped(chosen, opened, out, listener)
    measured = asked.metrics or choose_metrics(at_hand(opened.card.metrics)).all
    if limit is not None and limit >= len(opened.pairs("test")):
        limit = None  # all of them: the same run, and no part of the test set
    spec = RunSpec(
        suite=opened.spec,
        data=str(opened.root.absolute()),
        models=chosen,
        metrics=measured,
        limit=limit,
        device=pick_device(device),
        train=train,
        budget=budget,
        preset=preset,
        seed=seed,
        tile=tile_of(tile),
        prepare=tuple(prepare),
        recipe=tuple(recipe),
    )
    from bench.runs.runner import run as run_suite  # and torch, which a wrong option need not await

    destination = out or folder_for(opened.card.name, spec)
    listener.note(
        f"{opened.card.title}; {counted(len(chosen), 'model')}, "
        f"{counted(len(measured), 'metric')}; {destination}"
    )
    return Run(
        run_suite(
            spec,
            opened,
            out=destination,
            progress=listener,
            profile_size=profile,
            options=options,
            executor=executor,
            changed=changed,
            overlap=overlap,
        )
    )


def _that_can_run(standard: Sequence[str], suite: Suite, listener: Progress) -> tuple[str, ...]:
    """Return the standard models of a suite without networks that have no weights and get none.

    Of photographs without references no blur is known either: what needs it is left out, too.
    """
    why = nothing_to_learn(suite)
    kept, cards = WeightsFolder(), model_cards()
    idle = [
        name for name in standard if why and cards[name].recipe and not kept.all_of(name, suite.key)
    ]
    if idle:
        listener.note(f"left out: {', '.join(idle)}: no weights, and {why}")
    test = suite.pairs("test")
    alone = bool(test) and test[0].reference is None
    untold = [name for name in standard if alone and cards[name].needs_psf]
    if untold:
        listener.note(f"left out: {', '.join(untold)}: the blur of these images is not known")
    return tuple(name for name in standard if name not in {*idle, *untold})


def _with_shipped(
    models: Sequence[str], suite: Suite, out: Path | None, listener: Progress
) -> tuple[str, ...]:
    """Return the models with the shipped weights, under their own name, for those networks that
    were never trained on the suite."""
    kept, cards = WeightsFolder(), model_cards()
    found = []
    for spec in models:
        name, _ = parted(spec)
        row = shipped_of(name, suite.card.task)
        own = None if out is None else out / "training" / f"{name}.safetensors"
        here = kept.all_of(name, suite.key) or (own is not None and own.is_file())
        if row is None or here or name not in cards:
            found.append(spec)
            continue
        listener.note(f"  {spec}: no weights of this suite here; runs as {told(row)}")
        found.append(renamed(spec, row.name))
    return tuple(dict.fromkeys(found))


def score(
    restored: Path,
    reference: Path | None = None,
    *,
    metrics: Sequence[str] = (),
    border: int = 0,
    scale: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> FolderScores:
    """Score the images of a folder, the outputs of any program, with the numbers of a run.

    No ``metrics``: those of `bench.metrics.table.DEFAULT` whose weights are here, and those of
    `WITHOUT_REFERENCE` where no folder of references is given. Images are paired
    by name, as those of a run are; references are cut to multiples of ``scale``.
    Raises `BenchError` for images that the references lack.
    """
    names = check_scoring([restored], reference, metrics)
    listener = progress or Unheard()
    return score_folder(
        restored,
        reference,
        metrics=names.all,
        border=border,
        device=pick_device(device),
        scale=scale,
        update=listener.update,
    )


def profile(
    model: str,
    *,
    size: Size = (256, 256),
    batch: int = 1,
    device: str = "auto",
    threads: int | None = None,
    processes: int = 3,
    passes: int = 30,
    seconds: float = 10.0,
    weights: Path | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Measure what a model costs, in fresh processes; ``profiles()`` of the result has the figures.

    Raises `BenchError` for conditions that mean nothing; a figure that there is not has its reason.
    """
    check_profile(model, size=size, seconds=seconds, weights=weights)
    conditions = Conditions(
        *size,
        batch=batch,
        device=pick_device(device),
        threads=threads,
        processes=processes,
        passes=passes,
        seconds=seconds,
    )
    listener = progress or Unheard()
    (found,) = measure([(label(model), model, weights)], conditions, listener.update)
    return found


def metric(name: str, *, border: int = 0, device: str = "cpu") -> Callable[..., float]:
    """Return a metric as a function of a restored image and its reference.

    Images are (H, W, 3) uint8 sRGB, or paths of files. The function raises `BenchError` with the
    reason where there is no score, and for images whose sizes differ.
    """
    if name in set_metric_cards():
        raise BenchError(f"'{name}' is of whole sets of images: bench.score measures folders by it")
    found, *others = resolve([name])
    if others:
        raise BenchError(f"'{name}' is {len(others) + 1} metrics; name one")
    scorer = Scorer([found], device, border)

    def pixels(image: Pixels | Path | str) -> Pixels:
        return read(Path(image)) if isinstance(image, str | Path) else image

    def value(restored: Pixels | Path | str, reference: Pixels | Path | str | None = None) -> float:
        truth = None if reference is None else pixels(reference)
        scored = scorer.score(pixels(restored), scorer.reference(truth))[found]
        if scored.value is None:
            raise BenchError(f"{found}: {scored.reason}")
        return scored.value

    return value
