"""The run folder: torn lines, resumed order, refused mixtures."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.core.errors import BenchError
from bench.core.layout import file_name
from bench.records import Pair, Profile, RunSpec, Score
from bench.runs.cells import Cell, CellWriter
from bench.runs.finding import find_run
from bench.runs.store import RunFolder
from tests.support.runs import run_record

SPEC = RunSpec(suite="demo", data="data/demo", models=("input",), metrics=("psnr",))

LATENCY = Profile(
    model="m",
    device="cpu",
    dtype="float32",
    height=256,
    width=256,
    batch=1,
    threads=2,
    quantity="latency_ms",
    unit="ms",
    value=1.5,
    low=1.25,
    high=1.75,
)


def cell(image: str, value: float = 30.0) -> Cell:
    return Cell(image, {"psnr": Score(value)})


def record(folder: RunFolder, models: list[str]) -> None:
    folder.write_record(run_record(replace(SPEC, models=tuple(models))))


@pytest.mark.parametrize("value", [30.125, math.inf, 1 / 3, -0.0])
def test_a_cell_survives_its_line_exactly(value: float) -> None:
    line = cell("a", value).to_line()
    assert Cell.from_line(line).scores["psnr"].value == value
    assert json.loads(line)  # plain JSON: no bare Infinity
    assert b"Infinity" not in line


def test_a_missing_score_survives_with_its_reason() -> None:
    back = Cell.from_line(Cell("a", {"ssim": Score.missing("too small")}).to_line())
    assert back.scores["ssim"] == Score.missing("too small")


@pytest.mark.parametrize("kept", range(1, 40))
def test_a_line_torn_at_any_byte_is_cut_off_and_written_again(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "m.jsonl"
    with CellWriter(path) as writer:
        writer.append(cell("a"))
        writer.append(cell("b"))
    whole = path.read_bytes()
    first = len(cell("a").to_line())
    path.write_bytes(whole[: first + min(kept, first - 1)])
    with CellWriter(path) as writer:
        assert writer.done == {"a"}
        writer.append(cell("b"))
    assert path.read_bytes() == whole


def test_scores_follow_the_suites_order_whatever_order_cells_were_written(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, SPEC)
    record(folder, ["input"])
    with folder.cell_writer("input") as writer:
        for image in ("c", "a", "b"):
            writer.append(cell(image))
    folder.write_images(Pair(i, Path(i), None, i) for i in "abc")
    folder.write_scores(["input"], ["a", "b", "c"])
    lines = (tmp_path / "scores.csv").read_text().splitlines()
    assert lines[0] == "model,image,metric,value,missing"
    assert [line.split(",")[1] for line in lines[1:]] == ["a", "b", "c"]
    assert list(folder.scores()["image"]) == ["a", "b", "c"]


def test_scores_of_an_unfinished_run_show_every_finished_cell(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, SPEC)
    record(folder, ["input"])
    folder.write_images([Pair("a", Path("a"), None, "a"), Pair("b", Path("b"), None, "b")])
    writer = folder.cell_writer("input")
    writer.append(cell("a", math.inf))  # no scores.csv has been written yet
    table = folder.scores()
    assert list(table["value"]) == [math.inf]
    writer.close()


def test_a_model_that_measured_nothing_leaves_the_strata_of_another(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for model, measured in (("first", {"light": "low"}), ("outputs-only", {})):
        with run.cell_writer(model) as writer:
            writer.append(Cell("i", {"psnr": Score(30.0)}, measured))
    pair = Pair("i", tmp_path / "x.png", None, "scene", {"blur": "weak"})
    run.write_images([pair], ["first", "outputs-only"])
    assert run.images()["strata"].tolist() == [{"light": "low", "blur": "weak"}]


def test_a_folder_refuses_a_run_with_other_options_and_names_them(tmp_path: Path) -> None:
    record(RunFolder.create(tmp_path, SPEC), ["input"])
    RunFolder.create(tmp_path, SPEC)
    other = replace(SPEC, metrics=("ssim",))
    with pytest.raises(BenchError, match=r"metrics was \['psnr'\], now \['ssim'\]"):
        RunFolder.create(tmp_path, other)


def test_a_folder_goes_on_where_its_data_has_been_moved(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    spec = replace(SPEC, data=str(here))
    RunFolder.create(tmp_path / "run", spec).write_record(run_record(spec))
    moved = replace(SPEC, data=str(there))
    with pytest.raises(BenchError, match="data was"):
        RunFolder.create(tmp_path / "run", moved)
    here.rename(there)
    RunFolder.create(tmp_path / "run", moved)


def test_one_process_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path).locked(),
        pytest.raises(BenchError, match="another bench process"),
        RunFolder(tmp_path).locked(),
    ):
        pass
    with RunFolder(tmp_path).locked():
        pass


def test_the_latest_run_of_a_suite_is_found_by_its_name(tmp_path: Path) -> None:
    import os

    for age, name in ((200, "old"), (100, "new")):
        folder = RunFolder(tmp_path / "demo" / name)
        record(folder, [])
        stamp = 1_700_000_000 - age
        os.utime(folder.path / "run.json", (stamp, stamp))
    assert find_run("demo", tmp_path).path.name == "new"
    assert find_run(str(tmp_path / "demo" / "old")).path.name == "old"
    with pytest.raises(BenchError, match="bench run --suite gopro"):
        find_run("gopro", tmp_path)


def test_a_damaged_record_is_named_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(BenchError, match=r"run\.json' is damaged"):
        RunFolder.create(tmp_path, SPEC)
    assert (tmp_path / "run.json").read_text() == "{"


def test_profiles_come_back_as_they_were_written(tmp_path: Path) -> None:
    row = replace(LATENCY, samples=((1.25, 1.5), (1.5, 0.1 + 0.2, 1.75)))
    gone = replace(
        LATENCY, quantity="energy_j", unit="J", value=None, low=None, high=None, missing="no NVML"
    )
    folder = RunFolder(tmp_path)
    folder.write_profiles([row, gone])
    assert folder.read_profiles() == [row, gone]
    table = folder.profiles()
    assert list(table["value"].isna()) == [False, True]
    header = (tmp_path / "profiles.csv").read_text().splitlines()[0]
    assert header == (
        "model,device,dtype,height,width,batch,threads,quantity,value,low,high,unit,missing,noisy"
    )
    assert (tmp_path / "samples.csv").read_text().splitlines()[4] == (
        "m,cpu,float32,256,256,1,2,latency_ms,2,0.30000000000000004"
    )


def test_profiles_of_runs_that_kept_no_single_measurements_are_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_profiles([LATENCY])
    (tmp_path / "samples.csv").unlink()
    assert folder.read_profiles() == [LATENCY]


def test_file_names_hold_nothing_that_leaves_the_folder() -> None:
    assert re.fullmatch(r"etc_passwd-[0-9a-f]{10}", file_name("../../etc/passwd"))
    assert file_name("gopro:blur=blur") == "gopro_blur_blur-42c021cf6c"
    assert re.fullmatch("[0-9a-f]{10}", file_name("..."))


def test_the_record_is_read_once_for_as_long_as_the_file_is_the_same(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, SPEC)
    record(folder, ["input"])
    first = folder.record()
    assert folder.record() is first
    record(folder, ["input", "nlm"])
    assert list(folder.record().models) == ["input", "nlm"]
    record(RunFolder(tmp_path), ["nlm"])  # another process's writing is seen too
    assert list(folder.record().models) == ["nlm"]
