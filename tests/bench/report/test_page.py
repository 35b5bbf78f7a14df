"""The page: whole, self-contained, readable without pictures, safe with any names."""

from __future__ import annotations

import base64
import math
import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from bench.core.errors import BenchError
from bench.image import read
from bench.records import Score
from bench.report import summary_table, write_report
from bench.report.drawing.crops import Window, where_they_differ, where_to_look
from bench.report.drawing.html import linked
from bench.report.drawing.theme import shortened
from bench.report.reading.gather import gather
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.support.runs import NO_BACKBONE, NO_PSF, photograph_pairs, simple_run, write_run


def test_every_tag_is_closed_in_order_and_every_id_is_used_once(page: str) -> None:
    found = Page(page)
    assert [name for name, times in found.ids.items() if times > 1] == []


def test_nothing_is_loaded_from_outside_the_file(page: str) -> None:
    found = Page(page)
    assert [u for u in found.loads if not u.startswith(("data:image/png;base64,", "#"))] == []
    assert [u for u in found.links if not u.startswith(("#", "https://doi.org/10."))] == []
    assert re.findall(r"url\((?!#)|@import|<link|<iframe", page) == []
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page)  # may spell anything
    text = re.sub(r'<meta http-equiv|href="https://doi.org/|<title>.*?</title>', "", text)
    assert "http" not in text


def test_a_doi_is_a_link_and_ends_where_its_sentence_does(page: str) -> None:
    assert '<a href="https://doi.org/10.7717/peerj.453" rel="noreferrer">doi:10.7717' in page
    text = "See doi:10.1109/a_b(1).x, doi:10.5555/y. (doi:10.1000/182) <b> doi:11.1/no"
    assert linked(text) == (
        'See <a href="https://doi.org/10.1109/a_b(1).x" rel="noreferrer">doi:10.1109/a_b(1).x</a>, '
        '<a href="https://doi.org/10.5555/y" rel="noreferrer">doi:10.5555/y</a>. '
        '(<a href="https://doi.org/10.1000/182" rel="noreferrer">doi:10.1000/182</a>) '
        "&lt;b&gt; doi:11.1/no"
    )


def test_tables_plots_and_sections_have_links_of_their_own(page: str) -> None:
    found = Page(page)
    for name in found.tables:
        assert name == "None" or f"#{name}" in found.links
    plots = [name for name in found.ids if name.startswith("plot-")]
    assert len(plots) > 8
    assert set(found.links) >= {f"#{name}" for name in [*plots, "cost", "decision", "conditions"]}


def test_links_inside_the_page_lead_somewhere(page: str) -> None:
    found = Page(page)
    targets = [u[1:] for u in found.links + found.loads if u.startswith("#")]
    targets += re.findall(r"url\(#([^)]+)\)", page)
    assert targets
    assert [target for target in targets if target not in found.ids] == []


def test_every_image_and_plot_says_in_words_what_it_shows(page: str) -> None:
    found = Page(page)
    assert len(found.images) > 50
    assert [image for image in found.images if len(str(image.get("alt") or "")) < 8] == []
    assert len(found.drawings) >= 10
    assert [d for d in found.drawings if d.get("role") != "img" or not d.get("aria-label")] == []


def common_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean and count by model and metric, over the images that all models scored."""
    finite = scores[np.isfinite(scores["value"])]
    wide = finite.pivot_table(index="image", columns=["metric", "model"], values="value")
    metrics = wide.columns.levels[0]
    common = {metric: wide[metric].dropna().agg(["mean", "count"]).T for metric in metrics}
    return pd.concat(common, names=["metric"]).reorder_levels(["model", "metric"])


def test_means_on_the_page_are_those_of_pandas(page: str, run: RunFolder) -> None:
    scores = pd.read_csv(run.path / "scores.csv")
    means = common_means(scores)["mean"]
    rows = {row[0]: row for row in Page(page).tables["table-results"][2:]}
    assert set(rows) == {"input", "unsharp", "nlm", "tv", "median", "sharper", "wiener †"}
    for model in ("input", "unsharp", "nlm", "tv", "median", "sharper"):
        for column, (metric, places) in enumerate((("psnr", 2), ("ssim", 3)), start=1):
            shown = re.match(r"[\d.]+", rows[model][column])
            assert shown is not None
            assert float(shown[0]) == pytest.approx(means[model, metric], abs=0.51 * 10**-places)


def test_rows_are_ordered_by_the_first_metric_and_the_best_is_marked(page: str) -> None:
    rows = Page(page).tables["table-results"][2:]
    shown = [float(m[0]) for row in rows if (m := re.match(r"[\d.]+", row[1]))]
    assert shown == sorted(shown, reverse=True)
    assert rows[0][0] == "sharper"
    assert re.search(r'<td class="best" data-sort="[\d.]+">' + str(shown[0]), page)


def test_a_missing_number_is_a_dash_with_its_reason_never_a_zero(page: str) -> None:
    rows = {row[0]: row for row in Page(page).tables["table-results"][2:]}
    assert all(cell.startswith("—") for cell in rows["wiener †"][1:])
    assert rows["input"][5].startswith("—")  # LPIPS
    assert f'title="not applicable: {NO_PSF}"' in page
    assert f"Without any score: LPIPS (alex) ({NO_BACKBONE})." in Page(page).text
    assert "nan" not in Page(page).text.lower().replace("resonance", "").split()


def test_means_say_how_many_images_they_cover_and_why_not_all(page: str) -> None:
    text = Page(page).text
    assert "over 10 of 12 images in 6 scenes" in text
    assert "over 11 of 12 images in 6 scenes" in text
    failed = "1 image: median: failed: RuntimeError: out of patience"
    infinite = "1 image: tv: infinite: identical to the reference"
    assert f"Left out of PSNR, PSNR-Y: {infinite}; {failed}." in text
    assert f"Left out of SSIM, SSIM-Y: {failed}." in text


def test_the_page_names_conditions_conventions_licence_weights_and_failures(page: str) -> None:
    text = Page(page).text
    for fact in (
        "cpu, float32, 256×256, batch 1, 2 threads",
        "Gaussian 11 sigma 1.5, valid region, mean of R, G, B",
        "CC0",
        "doi:10.7717/peerj.453",
        "ab" * 32,
        "charbonnier",
        "median on chelsea-1: RuntimeError: out of patience",
        "OMP_NUM_THREADS",
        "suite=demo",
    ):
        assert fact in text, fact


def test_embedded_images_are_lossless_crops_of_the_runs_files(page: str, run: RunFolder) -> None:
    crops = {}
    for image in Page(page).images:
        data = base64.b64decode(str(image["src"]).partition(",")[2])
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        crops[str(image["alt"])] = cv2.imdecode(np.frombuffer(data, np.uint8), 1)[:, :, ::-1]
    name = next(alt.partition(":")[0] for alt in crops if alt.endswith(": sharper"))
    shot = next(row for row in run.images().to_dict("records") if row["image"] == name)
    for title, path in (
        ("Degraded", shot["degraded"]),
        ("reference", shot["reference"]),
        ("sharper", run.image_path("sharper", name)),
    ):
        whole, crop = read(Path(path)), crops[f"{name}: {title}"]
        difference = cv2.matchTemplate(whole, np.ascontiguousarray(crop), cv2.TM_SQDIFF)
        y, x = np.unravel_index(int(difference.argmin()), difference.shape)
        assert np.array_equal(whole[y : y + crop.shape[0], x : x + crop.shape[1]], crop)


def test_the_crop_lies_where_the_outputs_differ(tmp_path: Path) -> None:
    from bench.image import write_png

    base = np.full((200, 300, 3), 90, np.uint8)
    other = base.copy()
    other[150:170, 220:250] = 200
    write_png(tmp_path / "a.png", base)
    write_png(tmp_path / "b.png", other)
    found = where_they_differ([tmp_path / "a.png", tmp_path / "b.png", tmp_path / "gone.png"])
    assert found is not None
    window, full = found
    assert full == (200, 300)
    assert window.left <= 220
    assert window.left + window.width >= 250
    assert window.top <= 150
    assert window.top + window.height >= 170
    assert where_they_differ([tmp_path / "a.png"]) is None


def test_outputs_that_are_all_alike_are_shown_where_they_are_wrong(tmp_path: Path) -> None:
    from bench.image import write_png

    flat = np.full((200, 300, 3), 90, np.uint8)
    sharp = flat.copy()
    sharp[100:120, 200:240] = 160
    textured = flat.copy()
    textured[20:60:2, 30:70] = 120
    for name, pixels in (("flat", flat), ("same", flat), ("sharp", sharp), ("textured", textured)):
        write_png(tmp_path / f"{name}.png", pixels)
    alike = [tmp_path / "gone.png", tmp_path / "flat.png", tmp_path / "same.png"]
    assert where_they_differ(alike) is None
    (wrong, _), (middle, _) = (
        where_to_look(alike, reference) or pytest.fail("nothing found")
        for reference in (tmp_path / "sharp.png", None)
    )
    assert wrong.left <= 200 < 240 <= wrong.left + wrong.width
    assert wrong.top <= 100 < 120 <= wrong.top + wrong.height
    assert (middle.left, middle.top) == ((300 - 88) // 2, (200 - 88) // 2)  # nothing to see
    fine, _ = where_to_look([tmp_path / "textured.png"] * 2, None) or pytest.fail("nothing found")
    assert fine.left <= 30
    assert fine.top <= 20
    assert where_to_look([tmp_path / "gone.png"], None) is None


def test_a_run_of_the_base_alone_has_crops_out_of_the_corner(tmp_path: Path) -> None:
    from bench.image import write_png
    from bench.report.reading.analysis import analyse
    from bench.report.sections.samples import samples

    pairs = photograph_pairs(tmp_path / "data", ["chelsea", "coffee"], (200, 300))
    scores = {"input": {pair.id: {"psnr": Score(30.0 + i)} for i, pair in enumerate(pairs)}}
    run = write_run(tmp_path / "run", pairs, scores, ["psnr"])
    for pair in pairs:
        write_png(run.image_path("input", pair.id), read(pair.degraded))
    found = samples(analyse(gather([run])))
    assert [len(sample.tiles) for sample in found] == [2] * 4  # degraded, reference
    places = [(s.whole.left, s.whole.top) for s in found if s.whole]
    assert len(places) == 4
    assert (0.0, 0.0) not in places


@pytest.mark.slow
def test_the_base_is_called_by_its_name_everywhere(tmp_path: Path) -> None:
    from tests.support.runs import costs

    values: dict[str, list[float | str]] = {
        "bicubic": [28.0, 30.5, 27.0] * 2,
        "m": [30.0, 31.0, 29.5] * 2,
        "n": [31.0, 33.0, 30.0] * 2,
    }
    figures = [*costs("bicubic", 0.5, None), *costs("m", 9.0, 2e6), *costs("n", 90.0, 3e6)]
    run = simple_run(tmp_path / "run", values, list("abcdef"), profiles=figures)
    page = write_report([run]).read_text(encoding="utf-8")
    text = Page(page).text
    assert "untouched" not in page
    assert "Improvement over bicubic interpolation" in text
    assert "than bicubic interpolation. Orange" in text
    assert re.search(r"n has the best mean, 31.33 dB .*, \+2.83 dB against bicubic", text)
    assert "minus that of bicubic interpolation" in page  # the axis
    for suffix in ("csv", "md", "tex"):
        worst = (run.path / "report" / "tables" / f"worst.{suffix}").read_text()
        assert "input" not in worst
    assert "Against bicubic interpolation" in worst.replace(r" \\ ", " ")  # a head may be broken


def test_a_window_of_the_output_is_cut_from_a_smaller_input_in_proportion() -> None:
    small = np.arange(40 * 60 * 3, dtype=np.uint16).astype(np.uint8).reshape(40, 60, 3)
    crop = Window(left=40, top=80, width=88, height=48).cut(small, full=(160, 240))  # four times
    assert np.array_equal(crop, small[20:32, 10:32])


def test_images_without_a_reference_are_shown_without_one(tmp_path: Path) -> None:
    from dataclasses import replace

    from bench.image import write_png

    pairs = photograph_pairs(tmp_path / "data", ["chelsea", "coffee"], (96, 128))
    pairs = [replace(pair, reference=None) for pair in pairs]
    scores = {
        name: {pair.id: {"blur-effect": Score(value + 0.01 * i)} for i, pair in enumerate(pairs)}
        for name, value in (("input", 0.5), ("m", 0.4))
    }
    run = write_run(tmp_path / "run", pairs, scores, ["blur-effect"])
    for pair in pairs:
        pixels = read(pair.degraded)
        write_png(run.image_path("input", pair.id), pixels)
        write_png(run.image_path("m", pair.id), cv2.medianBlur(pixels, 5))
    found = Page(write_report([run]).read_text(encoding="utf-8"))
    titles = {str(image["alt"]).partition(": ")[2] for image in found.images}
    assert {"Degraded", "m"} <= titles
    assert "reference" not in titles
    assert "Blur effect: m has the best mean" in found.text  # lower is better


@pytest.mark.slow
def test_the_same_run_gives_the_same_page_and_plots_as_pdf_where_asked_for(
    run: RunFolder, page: str, report: Path, tmp_path: Path
) -> None:
    again = write_report([run], tmp_path / "again", pdf=True)
    assert again == tmp_path / "again" / "index.html"
    assert again.read_text(encoding="utf-8") == page
    assert not list((report / "plots").glob("*.pdf"))
    for svg in (report / "plots").glob("*.svg"):
        drawn = (tmp_path / "again" / "plots" / f"{svg.stem}.pdf").read_bytes()
        assert drawn.startswith(b"%PDF-")
        assert b"/CIDFontType2" in drawn or b"/TrueType" in drawn  # no outlines of Type 3


def test_plots_and_tables_lie_beside_the_page(report: Path) -> None:
    for name in (
        "psnr-against-latency-ms",
        "distribution-ssim",
        "improvement-psnr",
        "conventions-psnr",
        "training-psnr",
    ):
        drawn = cv2.imread(str(report / "plots" / f"{name}.png"))
        assert drawn is not None
        assert drawn.std() > 5
        assert (report / "plots" / f"{name}.svg").read_text().startswith("<?xml")
    for name in ("results", "improvements", "costs", "conventions", "strata", "worst"):
        for suffix in ("csv", "md", "tex"):
            assert (report / "tables" / f"{name}.{suffix}").stat().st_size > 50


def test_figures_say_what_their_signs_stand_for_without_the_page(report: Path) -> None:
    for name, signs in (
        (
            "psnr-against-latency-ms",
            (
                "Pareto front: no other beats it in both",
                "not on the front",
                "the front",
                "the untouched input",
                "95 % interval",
                "NN %: probability of being on the front",
            ),
        ),
        ("distribution-psnr", ("Box: quartiles, median.",)),
        ("improvement-psnr", ("Lines: 95 % intervals. Dashed: as good as the untouched input.",)),
        ("conventions-psnr", ("Bold: means.",)),
        ("cost-latency-ms", ("Lines: 95 % intervals.",)),
        ("acceptability", ("first", "second", "third", "further back")),
    ):
        text = (report / "plots" / f"{name}.svg").read_text()
        assert [sign for sign in signs if f">{sign}" not in text] == [], name


@pytest.mark.slow
def test_names_longer_than_plots_have_room_are_shortened_there_and_told_in_full(
    tmp_path: Path,
) -> None:
    from tests.support.runs import costs

    long = "checkpoints/restormer_finetuned_on_our_own_photographs_for_a_long_time"
    names = [f"{long}_iteration_{n}00000.pth" for n in (1, 2)] + ["short"]
    values: dict[str, list[float | str]] = {
        name: [30.0 + n, 31.0, 29.5 + n] for n, name in enumerate(names)
    }
    figures = [row for n, name in enumerate(names) for row in costs(name, 5.0 + n, 1e6)]
    run = simple_run(tmp_path / "run", values, list("abc"), profiles=figures)
    page = write_report([run]).read_text(encoding="utf-8")
    shorts = [shortened(names[0]), shortened(names[1])]
    assert shorts[0] != shorts[1]  # their ends differ, and are kept
    svg = (run.path / "report" / "plots" / "psnr-against-latency-ms.svg").read_text()
    for name, short in zip(names, shorts, strict=False):
        assert len(short) <= 26
        assert name not in re.sub("<metadata.*?</metadata>", "", svg)
        assert f">{short}" in svg
        assert f"{short}: {name}." in Page(page).text
        assert name in {row[0] for row in Page(page).tables["table-results"]}


@pytest.mark.parametrize("name", ["a", "x" * 26, "x" * 27, "x" * 200])
def test_a_shortened_name_is_never_longer_and_never_one_that_is_taken(name: str) -> None:
    short = shortened(name)
    assert len(short) <= min(26, len(name))
    assert (short == name) == (len(name) <= 26)
    if short != name:
        assert shortened(name, [short]) not in (short,)


# --- odd runs ------------------------------------------------------------------------------------


def test_names_are_shown_as_text_never_as_markup(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>&$x_1$"
    values: dict[str, list[float | str]] = {bad: [30.0, 31.0, 33.0], "input": [29.0, 28.5, 31.0]}
    run = simple_run(
        tmp_path / "run",
        values,
        ["<b>", "b", "c"],
        states={"gone": ("failed", "<img src=x onerror=alert(2)>")},
    )
    page = write_report([run]).read_text(encoding="utf-8")
    found = Page(page)
    assert found.scripts == 1  # ours
    assert not found.images
    assert "alert(1)" in found.text
    assert bad in {row[0] for row in found.tables["table-results"]}


def test_one_model_on_one_image_has_a_report_without_intervals(tmp_path: Path) -> None:
    pairs = photograph_pairs(tmp_path / "data", ["chelsea"], (96, 96))[:1]
    run = write_run(
        tmp_path / "run", pairs, {"unsharp": {pairs[0].id: {"psnr": Score(27.125)}}}, ["psnr"]
    )
    from bench.image import write_png

    write_png(run.image_path("unsharp", pairs[0].id), read(pairs[0].degraded))
    found = Page(write_report([run]).read_text(encoding="utf-8"))
    assert found.tables["table-results"][2] == ["unsharp", "27.12"]
    assert "One scene: the figures hold for it alone" in found.text
    assert len(found.images) >= 3  # degraded, restored, reference
    heads, rows, _ = summary_table(run)
    assert rows == [["unsharp", "27.12"]]
    assert len(heads) == 2


def test_a_run_without_any_score_still_tells_what_happened(tmp_path: Path) -> None:
    reasons: list[float | str] = [NO_BACKBONE] * 3
    run = simple_run(tmp_path / "run", {"input": reasons, "m": reasons}, list("abc"), "lpips-alex")
    found = Page(write_report([run]).read_text(encoding="utf-8"))
    assert found.tables["table-results"][2] == ["input", "—a"]
    assert f"Without any score: LPIPS (alex) ({NO_BACKBONE})." in found.text
    assert "table-improvements" not in found.tables
    heads, rows, _ = summary_table(run)
    assert heads[-1] == "Notes"
    assert rows[-1][-1] == f"LPIPS (alex) has no score: {NO_BACKBONE}"


def test_only_infinite_scores_are_counted_but_have_no_mean(tmp_path: Path) -> None:
    run = simple_run(
        tmp_path / "run", {"exact": [math.inf, math.inf], "m": [30.0, 31.0]}, ["a", "b"]
    )
    rows = {r[0]: r for r in Page(write_report([run]).read_text()).tables["table-results"][2:]}
    assert rows["exact"][1].startswith("—")
    assert "infinite: identical to the reference" in (run.path / "report/index.html").read_text()


def test_an_unfinished_run_says_so(tmp_path: Path) -> None:
    run = simple_run(tmp_path / "run", {"m": [30.0], "n": [29.0]}, ["a"], status="interrupted")
    found = Page(write_report([run]).read_text(encoding="utf-8"))
    assert "This run is not finished" in found.text


def test_images_that_are_gone_cost_the_samples_only(tmp_path: Path) -> None:
    run = simple_run(tmp_path / "run", {"input": [29.0, 30.0], "m": [30.0, 33.0]}, ["a", "b"])
    found = Page(write_report([run]).read_text(encoding="utf-8"))
    assert "No samples" in found.text
    assert found.tables["table-improvements"][2][0] == "m"


def test_a_model_that_died_in_profiling_stands_in_the_costs_with_the_reason(tmp_path: Path) -> None:
    from dataclasses import replace

    from tests.support.runs import costs

    dead = [
        replace(row, threads=0, value=None, low=None, high=None, missing="killed by the kernel")
        for row in costs("n", 1.0, 1e6)
    ]
    values: dict[str, list[float | str]] = {"m": [30.0, 31.0], "n": [29.0, 28.0]}
    run = simple_run(tmp_path / "run", values, ["a", "b"], profiles=[*costs("m", 5.0, 1e6), *dead])
    page = write_report([run]).read_text(encoding="utf-8")
    rows = {row[0]: row for row in Page(page).tables["table-costs"][1:]}
    assert all(cell.startswith("—") for cell in rows["n"][1:])
    assert rows["m"][1] == "1.00"
    assert 'title="killed by the kernel"' in page
    assert "table-costs-2" not in Page(page).tables


@pytest.mark.slow
def test_a_model_that_is_worse_than_doing_nothing_is_not_on_the_front(tmp_path: Path) -> None:
    from tests.support.runs import costs

    values: dict[str, list[float | str]] = {
        "input": [30.0, 31.0],
        "harm": [29.0, 30.5],
        "good": [33.0, 34.0],
        "dear": [32.0, 33.5],
    }
    figures = [*costs("harm", 1.0, 1e5), *costs("good", 9.0, 2e6), *costs("dear", 90.0, 3e6)]
    run = simple_run(tmp_path / "run", values, ["a", "b"], profiles=figures)
    page = write_report([run]).read_text(encoding="utf-8")
    assert "Not beaten in both PSNR and latency: good (9.00 ms)." in Page(page).text
    assert re.search(r"On the Pareto front, cheapest first, and how surely: good \d+ %\.", page)
    values |= {"good": [20.0, 21.0], "dear": [19.0, 20.0]}
    run = simple_run(tmp_path / "worse", values, ["a", "b"], profiles=figures)
    page = write_report([run]).read_text(encoding="utf-8")
    assert "Not beaten in both PSNR and latency: no model." in Page(page).text
    assert "no model improves on the untouched input" in page


def test_no_run_and_a_damaged_run_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no run to report on"):
        write_report([])
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(BenchError, match="damaged"):
        write_report([RunFolder(tmp_path)])
