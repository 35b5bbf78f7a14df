"""Metrics that are added to a run: the numbers of a run that had them from the start."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skimage.data
from typer.testing import CliRunner

import bench
from bench.cli import app
from bench.core.errors import BenchError
from bench.image import write_png
from bench.runs.store import RunFolder
from tests.support.backbones import put_backbone
from tests.support.commands import called
from tests.support.progress import Told

SIZE = 64
MODELS = ("input", "unsharp", "tv")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four photographs with noise, in a folder of their own; no backbones are found."""
    monkeypatch.chdir(tmp_path)
    for variable in ("BENCH_WEIGHTS", "BENCH_RESULTS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    rng = np.random.default_rng(0)
    whole = skimage.data.astronaut()
    for index, name in enumerate("abcd"):
        sharp = whole[40 : 40 + SIZE, 60 * index : 60 * index + SIZE]
        noisy = np.clip(sharp + rng.normal(0, 12, sharp.shape), 0, 255).astype(np.uint8)
        write_png(tmp_path / "photos" / "target" / f"{name}.png", np.ascontiguousarray(sharp))
        write_png(tmp_path / "photos" / "input" / f"{name}.png", noisy)
    return tmp_path / "photos"


def run(photos: Path, out: str | None, *metrics: str, **asked: Any) -> bench.Run:
    options = {"suite": "folder", "data": photos, "models": MODELS, "profile": None, **asked}
    place = None if out is None else photos.parent / out
    return bench.run(metrics=metrics, out=place, **options)


def cells(folder: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.path.glob("cells/*.jsonl"))}


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    order = ["model", "image", "metric"]
    pd.testing.assert_frame_equal(
        one.sort_values(order, ignore_index=True), other.sort_values(order, ignore_index=True)
    )


def test_added_metrics_have_the_numbers_of_a_run_that_had_them_from_the_start(
    photos: Path,
) -> None:
    asked = {"prepare": ("clahe",)}
    whole = run(photos, "whole", "psnr", "ssim", "blur-effect", "st-lpips-alex", **asked)
    first = run(photos, "run", "psnr", "ssim", **asked)
    added = first.rescore(["st-lpips-alex", "blur-effect"])
    assert added.record.spec.metrics == ("psnr", "ssim", "st-lpips-alex", "blur-effect")
    assert added.record.metrics["blur-effect"] == whole.record.metrics["blur-effect"]
    same(added.scores, whole.scores)
    written = pd.read_csv(added.path / "scores.csv", keep_default_na=False)
    assert len(written) == len(whole.scores)
    assert not (added.path / "rescored").exists()
    assert added.compare("unsharp", "input", "blur-effect").metric == "blur-effect"
    assert added.pick("blur-effect").chosen == whole.pick("blur-effect").chosen


def test_a_suites_border_and_cut_references_are_obeyed(photos: Path) -> None:
    for index, name in enumerate(("baby", "bird", "butterfly", "head", "woman")):
        sharp = skimage.data.astronaut()[40:105, 60 * index : 60 * index + 67]
        write_png(photos.parent / "Set5" / f"{name}.png", np.ascontiguousarray(sharp))
    asked = {"suite": "set5:scale=2", "data": photos.parent / "Set5", "models": ("bicubic",)}
    added = run(photos, "run", "psnr-y", **asked).rescore(["mae"])
    same(added.scores, run(photos, "whole", "psnr-y", "mae", **asked).scores)
    assert added.record.suite.border == 2


def test_the_same_run_goes_on_with_what_was_added(photos: Path) -> None:
    first = run(photos, None, "psnr", limit=2)
    first.rescore(["gmsd", "st-lpips-alex"])
    before = cells(first.folder)
    told = Told()
    again = run(photos, None, "psnr", limit=2, progress=told)
    assert again.path == first.path
    assert again.record.spec.metrics == ("psnr", "gmsd", "st-lpips-alex")
    assert cells(again.folder) == before
    assert "done anew" not in " ".join(told.notes)
    assert set(again.scores["metric"]) == {"psnr", "gmsd", "st-lpips-alex"}
    all_of_them = run(photos, None, "psnr", "st-lpips-alex", "gmsd", limit=2)
    assert all_of_them.path == first.path
    assert cells(all_of_them.folder) == before
    more = ("psnr", "gmsd", "st-lpips-alex", "mae")
    with pytest.raises(BenchError, match=r"by 'bench rescore .* --metrics mae', give another"):
        bench.run(
            "folder",
            data=photos,
            models=MODELS,
            metrics=more,
            limit=2,
            profile=None,
            out=first.path,
        )


def test_a_run_that_was_stopped_goes_on_with_what_was_added(photos: Path) -> None:
    class Stop(Told):
        def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
            if stage == "restore and score" and done == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(photos, "run", "psnr", progress=Stop())
    stopped = bench.open_run("run")
    assert stopped.record.status == "interrupted"
    finished = len(stopped.scores)
    assert 0 < finished < 12
    assert len(stopped.rescore(["gmsd"]).scores) == 2 * finished
    done = run(photos, "run", "psnr")
    assert done.record.status == "done"
    same(done.scores, run(photos, "whole", "psnr", "gmsd").scores)


def test_stopped_it_leaves_the_run_as_it_was_and_goes_on(photos: Path) -> None:
    class Stop(Told):
        def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
            if stage == "score" and done == 2:
                raise KeyboardInterrupt

    class Count(Told):
        total = 0.0

        def update(self, stage: str, done: float, total: float, text: str = "", /) -> None:
            self.total = total if stage == "score" else self.total

    made = run(photos, "run", "psnr")
    before, record = cells(made.folder), (made.path / "run.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        made.rescore(["gmsd"], progress=Stop())
    assert cells(made.folder) == before
    assert (made.path / "run.json").read_bytes() == record
    count = Count()
    added = made.rescore(["gmsd"], progress=count)
    assert count.total == 2  # of four images: two were scored before
    same(added.scores, run(photos, "whole", "psnr", "gmsd").scores)


@pytest.mark.parametrize("scored", [(), ("mae",)])
def test_what_an_earlier_call_scored_is_not_taken_where_it_does_not_fit(
    photos: Path, scored: tuple[str, ...]
) -> None:
    made = run(photos, "run", "psnr")
    copied = RunFolder(photos.parent / "copy")
    shutil.copytree(made.path, copied.path)
    if scored:
        bench.Run(copied).rescore(scored)
    shutil.copytree(copied.path / "cells", made.path / "rescored")
    same(made.rescore(["gmsd"]).scores, run(photos, "whole", "psnr", "gmsd").scores)


def test_what_is_there_is_kept_and_nothing_is_done_twice(photos: Path) -> None:
    made = run(photos, "run", "psnr", "mae")
    before = cells(made.folder)
    assert made.rescore(["mae"]).record.spec.metrics == ("psnr", "mae")
    assert cells(made.folder) == before


def test_missing_scores_stay_missing_with_their_reason(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "input", tmp_path / "net")
    (tmp_path / "net" / "b.png").unlink()
    asked = {"models": (f"outputs:{tmp_path / 'net'}",)}
    made = run(photos, "run", "psnr", **asked)
    same(made.rescore(["gmsd"]).scores, run(photos, "whole", "psnr", "gmsd", **asked).scores)
    missing = made.rescore(["mae"]).scores.query("image == 'b'")
    assert len(set(missing["missing"])) == 1
    assert "no " in missing["missing"].iloc[0]


def test_a_lost_or_changed_stored_image_is_missing_until_it_is_there_again(photos: Path) -> None:
    made = run(photos, "run", "psnr")
    lost, changed = (made.folder.image_path("unsharp", image) for image in "ab")
    kept = lost.read_bytes()
    right = changed.read_bytes()
    lost.unlink()
    shutil.copy(photos / "target" / "b.png", changed)
    shown = CliRunner().invoke(app, ["rescore", "run", "--metrics", "gmsd", "--json"])
    assert shown.exit_code == 1
    told = json.loads(shown.stdout)
    assert told["added"] == ["gmsd"]
    reasons = {row["image"]: row["missing"] for row in told["lost"]}
    assert reasons["a"] == "its restored image is lost: no file"
    assert "the one that is there has psnr inf, its cell" in reasons["b"]
    assert set(reasons) == {"a", "b"}
    lost.write_bytes(kept)
    changed.write_bytes(right)
    same(made.rescore(["gmsd"]).scores, run(photos, "whole", "psnr", "gmsd").scores)


def test_a_run_whose_photographs_changed_is_refused(photos: Path) -> None:
    made = run(photos, "run", "psnr")
    shutil.copy(photos / "input" / "a.png", photos / "target" / "a.png")
    before = cells(made.folder)
    with pytest.raises(
        BenchError, match=r"scores of 1 image \(a\) are of other files.*'bench run'"
    ):
        made.rescore(["gmsd"])
    assert cells(made.folder) == before


def test_a_metric_that_lacked_its_weights_is_filled_in(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(photos, "run", "psnr", "lpips-alex")
    assert made.scores["value"].isna().sum() == 12
    put_backbone("alex", tmp_path / "nets", monkeypatch)
    told = Told()
    added = made.rescore(["gmsd"], progress=told)
    assert "  measured anew, as the weights of a metric have changed: lpips-alex" in told.notes
    assert added.scores["value"].notna().all()
    before = cells(added.folder)
    same(added.scores, run(photos, "whole", "psnr", "lpips-alex", "gmsd").scores)
    run(photos, "run", "psnr", "lpips-alex")
    assert cells(added.folder) == before
    for file in (tmp_path / "nets").iterdir():
        file.unlink()
    with pytest.raises(BenchError, match=r"has a score by lpips-alex.*run 'bench fetch weights"):
        added.rescore(["mae"])
    assert cells(added.folder) == before


def test_metrics_of_whole_sets_are_added_too(photos: Path) -> None:
    made = run(photos, "run", "psnr").rescore(["fid"])
    assert set(made.record.sets) == {"fid"}
    assert set(made.sets["model"]) == set(MODELS)
    assert made.sets["missing"].str.contains("bench fetch weights").all()  # on any such machine
    rows = (made.path / "sets.csv").read_bytes()
    made.rescore(["st-lpips-alex"])
    assert (made.path / "sets.csv").read_bytes() == rows


def test_it_says_what_it_did_and_what_is_next(photos: Path) -> None:
    made = run(photos, "run", "psnr")
    told = called("rescore", "run", "--metrics", "gmsd")
    assert "gmsd" in told.lower()
    assert "next: bench report run" in told
    assert "did you mean 'gmsd'" in called("rescore", "run", "--metrics", "gmsdd", status=2)
    assert "--metrics names none" in called("rescore", "run", "--metrics", ",", status=2)
    with made.folder.locked():
        assert "another bench process" in called("rescore", "run", "--metrics", "mae", status=2)


def test_a_run_whose_data_was_moved_is_told_where_it_is(photos: Path) -> None:
    run(photos, "run", "psnr")
    photos.rename(photos.parent / "moved")
    assert "photos" in called("rescore", "run", "--metrics", "gmsd", status=2)
    called("rescore", "run", "--metrics", "gmsd", "--data", "moved")
    assert set(bench.open_run("run").scores["metric"]) == {"psnr", "gmsd"}
