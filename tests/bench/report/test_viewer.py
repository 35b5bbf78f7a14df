"""What the viewer holds: the images on which models differ, without loss, within a bound."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from bench.framework.marks import PSF
from bench.image import read, write_png
from bench.records import Score
from bench.report import write_report
from bench.report.reading.analysis import analyse
from bench.report.reading.gather import gather
from bench.report.sections import samples, viewer
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.support.runs import photograph_pairs, simple_run, write_run


def decoded(view: viewer.View) -> np.ndarray:
    return decoded_source(view.source)


def decoded_source(source: str) -> np.ndarray:
    data = base64.b64decode(source.removeprefix("data:image/png;base64,"), validate=True)
    return cv2.imdecode(np.frombuffer(data, np.uint8), 1)[:, :, ::-1]


def test_the_images_are_those_on_which_scores_differ_most_of_different_scenes(
    run: RunFolder,
) -> None:
    scores = pd.read_csv(run.path / "scores.csv")
    psnr = scores[(scores["metric"] == "psnr") & np.isfinite(scores["value"])]
    spread = psnr.groupby("image")["value"].std(ddof=0).sort_values(ascending=False)
    first = dict.fromkeys(image.rpartition("-")[0] for image in spread.index)
    expected = [next(i for i in spread.index if i.startswith(f"{s}-")) for s in first][:4]
    assert [scene.image for scene in viewer.scenes(analyse(gather([run])))] == expected


def test_every_version_is_a_lossless_part_of_the_runs_file_at_one_place(run: RunFolder) -> None:
    scene = viewer.scenes(analyse(gather([run])))[0]
    scores = pd.read_csv(run.path / "scores.csv")
    psnr = scores[(scores["metric"] == "psnr") & np.isfinite(scores["value"])]
    best_first = psnr.groupby("model")["value"].mean().sort_values(ascending=False).index
    names = ["Degraded", *(name for name in best_first if name != "input"), "Reference"]
    assert [view.name for view in scene.views] == names
    assert scene.position == "the whole image, 192 × 144 pixels"
    for view in scene.views[1:-1]:
        whole = read(run.image_path(view.name, scene.image))
        assert np.array_equal(decoded(view), whole)
        assert view.score.endswith(" dB")


def test_no_run_puts_more_pixels_into_the_page_than_the_bound(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "PIXELS", 200_000)
    found = viewer.scenes(analyse(gather([run])))
    sizes = {decoded(view).shape for scene in found for view in scene.views}
    pixels = sum(decoded(view).size // 3 for scene in found for view in scene.views)
    assert 180_000 < pixels <= 200_000
    assert len(sizes) == 1  # the same shape as the whole: 200000 / 28 = 7142 = 73 x 97
    assert sizes == {(73, 97, 3)}
    assert re.fullmatch(r"97 × 73 pixels at column \d+, row \d+ of 192 × 144", found[0].position)
    image = found[0]
    column, row = map(int, re.findall(r"\d+", image.position)[2:4])
    whole = read(run.image_path("tv", image.image))[row : row + 73, column : column + 97]
    assert np.array_equal(decoded(next(v for v in image.views if v.name == "tv")), whole)


def test_the_page_holds_the_scenes_and_says_how_much_of_it_they_are(page: str) -> None:
    data = re.search(r'<script type="application/json" id="viewer-data">(.*?)</script>', page)
    assert data is not None
    scenes = json.loads(data[1])
    assert len(scenes) == 4
    sources = [view["source"] for scene in scenes for view in scene["views"]]
    assert [s for s in sources if not s.startswith("data:image/png;base64,")] == []
    megabytes = sum(map(len, sources)) / 1e6
    assert f"Embedded without loss: {megabytes:.1f} MB of this page" in Page(page).text


def test_the_code_is_that_of_the_judging_page_and_loads_nothing(page: str) -> None:
    script = page.rpartition('<script type="module">')[2]
    assert "class Viewport" in script
    assert re.findall(r"^\s*(?:import|export)\b|import\(|fetch\(", script, re.MULTILINE) == []


def test_outputs_of_another_size_are_left_out(tmp_path: Path) -> None:
    pairs = photograph_pairs(tmp_path / "data", ["chelsea"], (96, 128))[:1]
    image = pairs[0].id
    scores = {name: {image: {"psnr": Score(30.0)}} for name in ("input", "right", "large")}
    run = write_run(tmp_path / "run", pairs, scores, ["psnr"])
    pixels = read(pairs[0].degraded)
    for name, shown in (("input", pixels), ("right", pixels), ("large", pixels.repeat(2, axis=0))):
        write_png(run.image_path(name, image), shown)
    (scene,) = viewer.scenes(analyse(gather([run])))
    assert [view.name for view in scene.views] == ["Degraded", "right", "Reference"]


def test_names_cannot_end_the_script_element(tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script>"
    pairs = photograph_pairs(tmp_path / "data", ["chelsea"], (96, 128))[:1]
    run = write_run(tmp_path / "run", pairs, {bad: {pairs[0].id: {"psnr": Score(30.0)}}}, ["psnr"])
    write_png(run.image_path(bad, pairs[0].id), read(pairs[0].degraded))
    page = write_report([run]).read_text(encoding="utf-8")
    assert Page(page).scripts == 3  # the tables', the viewer's images and its code
    assert "<script>alert" not in page


def test_a_run_without_images_has_no_viewer(tmp_path: Path) -> None:
    run = simple_run(tmp_path / "run", {"input": [29.0, 30.0], "m": [30.0, 33.0]}, ["a", "b"])
    page = write_report([run]).read_text(encoding="utf-8")
    assert Page(page).scripts == 1
    assert 'id="viewer"' not in page


def test_who_was_told_more_is_named_so_beside_every_picture(run: RunFolder) -> None:
    data = gather([run])
    told = next(name for name in data.table.models if name not in ("input", "outputs"))
    table = replace(data.table, marks={told: (PSF,)})
    analysis = analyse(replace(data, table=table))
    names = {view.name for scene in viewer.scenes(analysis) for view in scene.views}
    assert f"{told} (knows the PSF)" in names
    assert told not in names
    tiles = [tile for sample in samples.samples(analysis) for tile in sample.tiles]
    assert {tile.title for tile in tiles if "knows the PSF" in tile.lines} == {told}
