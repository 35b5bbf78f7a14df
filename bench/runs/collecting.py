"""A run of images that are there already, in a folder for each method: for studies, unscored."""

from __future__ import annotations

import datetime
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.identity import digest_of, file_digest
from bench.core.layout import run_folder
from bench.core.parallel import in_threads
from bench.core.progress import Update, unheard
from bench.image import read, write_png
from bench.records import Pair, RunSpec
from bench.runs.record import ModelRecord, RunRecord, SuiteRecord
from bench.runs.store import RunFolder
from bench.suites.folder import REFERENCE, files_in, first_few, folders_in

SUITE = "images"


def collected(folder: Path, update: Update = unheard) -> RunFolder:
    """Return a run of the images in ``folder/METHOD/``, paired by name; made once.

    A folder called ``reference`` (or ``gt``, ``sharp`` ..) holds the references, which need not be.
    Images are of any format that is read, and may differ in size; those of one name are shown
    beside each other and should not. Raises `BenchError` for fewer than two methods, for a name
    twice in one, and for an image that cannot be read.
    """
    inside = {name: files_in(folder / name) for name in folders_in(folder)}
    references = [name for name in inside if name.lower() in REFERENCE]
    methods = {n: files for n, files in inside.items() if files and n not in references}
    if len(methods) < 2 or len(references) > 1:
        raise BenchError(
            f"'{folder}' holds {first_few(inside) or 'no folders'}: expected a folder of images "
            "for each of two methods or more, and perhaps one called 'reference'"
        )
    truth = {name: folder / n / file for n in references for name, file in inside[n].items()}
    paths = {
        (method, name): folder / method / file
        for method, files in methods.items()
        for name, file in files.items()
    }
    names = sorted({name for _, name in paths})
    content = {f"{m}/{name}": file_digest(path) for (m, name), path in paths.items()}
    content |= {f"/{name}": file_digest(path) for name, path in truth.items()}
    title = folder.resolve().name
    run = RunFolder(run_folder(title, digest_of(content)[:8]))
    if run.exists:
        return run
    first = {name: next(paths[m, name] for m in methods if (m, name) in paths) for name in names}
    pairs = [Pair(name, first[name], truth.get(name), name) for name in names]
    run.path.mkdir(parents=True, exist_ok=True)
    with run.locked():

        def copy(item: tuple[tuple[str, str], Path]) -> None:
            (method, name), path = item
            write_png(run.image_path(method, name), read(path))

        for _ in in_threads(copy, list(paths.items()), f"read {title}", update):
            pass
        run.write_images(pairs)
        run.write_scores(list(methods), names)
        run.write_record(_record(folder, title, list(methods), len(names)))
    return run


def _record(folder: Path, title: str, methods: list[str], images: int) -> RunRecord:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    spec = RunSpec(suite=SUITE, data=str(folder), models=tuple(methods), metrics=())
    return RunRecord(
        spec=spec,
        options={},
        status="done",
        started=now,
        finished=now,
        suite=SuiteRecord(
            name=title,
            title=title,
            task="",
            layout="a folder of images for each method",
            licence="",
            citation="",
            notes=(),
            border=0,
            scale=1,
            images=images,
            clusters=images,
        ),
        metrics={},
        sets={},
        models={name: _model(name) for name in methods},
        profile_notes={},
        failures=(),
        environment={},
    )


def _model(name: str) -> ModelRecord:
    return ModelRecord(
        spec=name,
        title=name,
        family="given",
        citation="",
        state="done",
        reason=None,
        weights=None,
        digest=None,
        remarks=(),
        separation="unknown",
        separation_note="what made these images is not known",
        told=(),
    )
