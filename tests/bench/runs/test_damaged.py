"""A run whose files were cut, edited or replaced: one line that says so, or what is whole of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.errors import BenchError
from bench.framework.scores import read_scores
from bench.report import write_report
from bench.report.reading.gather import gather
from bench.runs.cells import Cell, CellWriter
from bench.runs.store import RunFolder

RECORDS = ("run.json", "images.csv", "profiles.csv", "samples.csv", "sets.csv", "cells")
SETS = "model,metric,value,deviation,images,missing,inputs\nnlm,fid,12.5,,6,,ab12\n"


def read_all(run: RunFolder) -> int:
    """Read everything that reports, picks and comparisons are made of; return the cells read."""
    run.sets()
    run.profiles()
    return sum(len(list(run.cells(row.label))) for row in gather([run]).rows)


def complaint(root: Path) -> str | None:
    """Return what is said of a run that cannot be read."""
    try:
        read_all(RunFolder(root))
    except BenchError as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def records(photographs_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of a run, without its images."""
    root = tmp_path_factory.mktemp("records")
    for name in RECORDS[:-2]:
        shutil.copy(photographs_run.path / name, root / name)
    (root / "sets.csv").write_text(SETS)
    shutil.copytree(photographs_run.path / "cells", root / "cells")
    read_all(RunFolder(root))
    return root


def files(root: Path) -> Iterator[Path]:
    """One file of each kind."""
    for name in RECORDS:
        path = root / name
        yield min(path.iterdir()) if path.is_dir() else path


OTHER_FILES = (b"", b"[]", b"null", b"{}", b"7", b'"', b"\xff\xfe\x00\x01", b"[" * 9000, b"\0" * 50)
EDITS: dict[str, Callable[[bytes], bytes]] = {
    "without its first line": lambda text: text.partition(b"\n")[2],
    "its first line alone": lambda text: text.partition(b"\n")[0],
    "without its first column": lambda text: b"\n".join(
        line.partition(b",")[2] for line in text.splitlines()
    ),
    "without quotes": lambda text: text.replace(b'"', b""),
    "with more commas": lambda text: text.replace(b",", b",,"),
    "letters for digits": lambda text: text.replace(b"0", b"x"),
    "nan for digits": lambda text: text.replace(b"1", b"nan"),
    "each line twice": lambda text: b"".join(2 * (line + b"\n") for line in text.splitlines()),
}


@pytest.mark.slow
def test_a_record_that_is_another_file_or_edited_is_named_or_read(records: Path) -> None:
    for path in files(records):
        whole = path.read_bytes()
        edited = {name: edit(whole) for name, edit in EDITS.items()}
        for name, text in {**edited, **{str(b[:9]): b for b in OTHER_FILES}}.items():
            path.write_bytes(text)
            said = complaint(records)
            path.write_bytes(whole)
            assert said is None or (str(path) in said and "\n" not in said), name


@settings(max_examples=60)
@given(data=st.data())
def test_a_record_with_any_bytes_changed_is_named_or_read(
    records: Path, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(list(files(records))))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.one_of(st.just(len(whole)), st.integers(start, min(len(whole), start + 9))))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=9)) + whole[end:])
    complaint(records)
    path.write_bytes(whole)


@pytest.mark.parametrize("path", ["spec.models", "suite", "models", "metrics", "status"])
def test_a_key_that_is_gone_or_holds_a_list_is_named(records: Path, path: str) -> None:
    file = records / "run.json"
    whole = file.read_bytes()
    for change in ("gone", "list"):
        found = json.loads(whole)
        *above, key = path.split(".")
        inside = found
        for name in above:
            inside = inside[name]
        inside[key] = [1]
        if change == "gone":
            del inside[key]
        file.write_text(json.dumps(found))
        try:
            with pytest.raises(BenchError, match=rf"run\.json.*'{path}"):
                read_scores(RunFolder(records))
        finally:
            file.write_bytes(whole)


def test_a_line_that_is_no_cell_costs_that_cell_alone(records: Path, tmp_path: Path) -> None:
    whole = next(path for path in files(records) if path.suffix == ".jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) > 3
    path = tmp_path / "cells.jsonl"
    for broken in (b"[]\n", b"{}\n", b"\n", lines[1][:-9] + b"\n", b'{"image": 1, "scores": 2}\n'):
        path.write_bytes(lines[0] + broken + b"".join(lines[2:]))
        with CellWriter(path) as writer:
            assert len(writer.done) == len(lines) - 1
            writer.append(Cell.from_line(lines[1]))
        assert path.read_bytes() == lines[0] + b"".join(lines[2:]) + lines[1]


@pytest.mark.slow
def test_a_report_is_made_of_a_run_whose_images_are_gone_or_damaged(
    photographs_run: RunFolder, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    shutil.copytree(photographs_run.path, run.path)
    images = list(run.images()["image"])
    run.image_path("nlm", images[0]).unlink()
    run.image_path("tv", images[0]).write_bytes(b"")
    cut = run.image_path("unsharp", images[0])
    cut.write_bytes(cut.read_bytes()[:200])
    (run.path / "training" / "sharper.csv").write_bytes(b"\xff\0,,\n1")
    page = write_report([run], tmp_path / "report")
    assert "nlm" in page.read_text()
