"""Which run is meant: by its folder, by its suite's name, or by what was asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bench.core import shared
from bench.core.errors import BenchError
from bench.core.layout import OTHERS, file_name, results, run_folder
from bench.core.names import parse_spec
from bench.records import RunSpec
from bench.runs.store import RunFolder


def all_runs(root: Path | None = None) -> list[RunFolder]:
    """Return every run under the root of results, the latest last: of shared ones the records."""
    if root is None:
        shared.fetch_records()
    found = (root or results()).glob("*/*/run.json")
    runs = [path for path in found if path.parent.parent.name not in OTHERS]
    return [RunFolder(path.parent) for path in sorted(runs, key=lambda p: p.stat().st_mtime_ns)]


def find_run(name: str, root: Path | None = None) -> RunFolder:
    """Return the run at folder ``name``, or the latest run of the suite called ``name``."""
    if root is None:
        shared.fetch_records()
    folder = RunFolder(shared.located(name))
    if folder.exists:
        shared.fetch(folder.path)
        return folder
    root = root or results()
    found = list(root.glob(f"{file_name(name)}/*/run.json"))
    if not found:  # of whatever own folder, where the name is that of the suite 'folder'
        found = [run.path / "run.json" for run in all_runs(root) if _is_of(run, name)]
    runs = sorted(found, key=lambda path: path.stat().st_mtime_ns)
    if not runs:
        raise BenchError(
            f"no run '{name}': neither a folder with a run.json nor a suite with runs under "
            f"'{root}/'; 'bench run --suite {name}' makes one"
        )
    shared.fetch(runs[-1].parent)
    return RunFolder(runs[-1].parent)


def _is_of(run: RunFolder, suite: str) -> bool:
    """Whether it is a run of the suite of this name in the table. False for a damaged one."""
    try:
        return parse_spec(run.record().spec.suite)[0] == suite
    except BenchError:
        return False


def folder_for(suite: str, spec: RunSpec) -> Path:
    """Return where the run of ``spec`` lies, or will.

    A run that came to these metrics by `bench.runs.rescoring` is that run, too.
    """
    shared.fetch_records()
    target = run_folder(suite, spec.digest())
    if not RunFolder(target).exists:
        for path in sorted(target.parent.glob("*/run.json")):
            with suppress(BenchError):  # a damaged one is another
                found = RunFolder(path.parent).record().spec
                same_metrics = sorted(found.metrics) == sorted(spec.metrics)
                if same_metrics and replace(found, metrics=spec.metrics) == spec:
                    return path.parent
    return target


def continued(folder: RunFolder, spec: RunSpec) -> RunSpec:
    """Return the spec by which the run that lies in a folder goes on: it keeps all its metrics.

    Others may have been added since it was asked for (`bench.runs.rescoring`).
    """
    if not folder.exists:
        return spec
    has = folder.record().spec.metrics
    return replace(spec, metrics=has) if set(spec.metrics) <= set(has) else spec
