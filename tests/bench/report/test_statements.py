"""What the page, the terminal and the files say of the same run agrees with the numbers, and is
no more than can be said."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bench
from bench.cli import app
from bench.core.formats import to_json
from bench.framework.marks import TRAINED_FOR_NOISE, _short_training, marks_of
from bench.records import Pair, Score
from bench.report import summary_table, write_report
from bench.runs.record import WeightsRecord
from bench.runs.store import RunFolder
from models.catalogue import MODELS
from tests.bench.report.html import Page
from tests.support.runs import costs, simple_run, write_run

EXTENTS = ("0", "1", "2")


def made_run(
    path: Path, values: Mapping[str, Mapping[str, Sequence[float]]], **changed: object
) -> RunFolder:
    """Make a run of scenes at three extents: model -> extent -> PSNR by scene; NaN is missing."""
    scenes = len(next(iter(values.values()))["0"])
    pairs = [
        Pair(f"scene{n}-{extent}", path / "d.png", path / "r.png", f"scene{n}", {"extent": extent})
        for extent in EXTENTS
        for n in range(scenes)
    ]
    scores = {
        model: {
            pair.id: {"psnr": Score(value) if value == value else Score.missing("no output")}
            for pair in pairs
            if (value := by[pair.strata["extent"]][int(pair.cluster.removeprefix("scene"))])
            is not None
        }
        for model, by in values.items()
    }
    return write_run(path, pairs, scores, ["psnr"], **changed)


STEPS = np.arange(6.0)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Six scenes, clean and twice blurred. On clean pairs sharpening has 40 dB: over all images
    its mean is above the input's over the images that have one, and on common images it is below.
    """
    input_, sharpened = 25 + STEPS, 24 + STEPS + 0.1 * (STEPS % 2)
    return made_run(
        tmp_path_factory.mktemp("clean") / "run",
        {
            "input": {"0": [math.inf] * 6, "1": input_ + 3, "2": input_},
            "unsharp": {"0": [40.0] * 5 + [math.inf], "1": sharpened + 3, "2": sharpened},
            "nlm": {"0": [45.0] * 6, "1": input_ + 3.5, "2": input_ + 0.5 + 0.01 * STEPS},
        },
    )


@pytest.fixture(scope="module")
def clean_page(clean: RunFolder) -> Page:
    return Page(write_report([clean]).read_text(encoding="utf-8"))


def means(page: Page, table: str = "table-results") -> dict[str, float]:
    """Return the first number of each row."""
    found = {}
    for row in page.tables[table]:
        if len(row) > 1 and (number := re.match(r"[−\d.]+", row[1])):
            found[row[0]] = float(number[0].replace("−", "-"))
    return found


def test_means_of_a_column_are_over_the_same_images_and_order_the_rows(
    clean: RunFolder, clean_page: Page
) -> None:
    scores = pd.read_csv(clean.path / "scores.csv")
    wide = scores[scores["metric"] == "psnr"].pivot_table("value", "image", "model")
    common = wide[np.isfinite(wide["input"])].mean()
    shown = means(clean_page)
    assert list(shown) == ["nlm", "input", "unsharp"]
    for model, mean in shown.items():
        assert mean == pytest.approx(common[model], abs=0.0051)
    assert "over 12 of 18 images in 6 scenes" in clean_page.text
    assert "Left out of all: 6 images: clean pair" in clean_page.text


@pytest.mark.usefixtures("clean_page")
def test_terminal_files_pick_and_compare_say_what_the_page_says(clean: RunFolder) -> None:
    found = pd.read_csv(clean.path / "report" / "tables" / "results.csv").set_index("model")
    assert set(found["images"]) == {12}
    assert found.loc["nlm", "standing"] == "best"
    heads, rows, _ = summary_table(clean)
    assert heads[1] == "PSNR dB ↑ (12 of 18 images)"
    assert [row[0] for row in rows] == ["nlm", "input", "unsharp"]
    run = bench.open_run(clean.path)
    picked = run.pick("psnr")
    assert (picked.chosen, picked.images) == ("nlm", 12)
    for one in picked.candidates:
        assert one.figures["psnr"][0] == pytest.approx(found.loc[one.model, "mean"])
    apart = run.compare("unsharp", "nlm")
    assert apart.images == 12
    assert apart.difference == pytest.approx(
        found.loc["unsharp", "mean"] - found.loc["nlm", "mean"]
    )
    latex = (clean.path / "report" / "tables" / "results.tex").read_text()
    assert "over 12 of 18 images" in latex.replace(r" \\ ", " ")  # a head may be broken


def test_what_models_do_to_clean_pictures_is_told_apart(clean_page: Page) -> None:
    rows = {row[0]: row[1:] for row in clean_page.tables["table-clean"][1:]}
    assert rows["input"] == ["∞"]
    assert rows["nlm"] == ["45.00"]
    assert rows["unsharp"][0].startswith("40.00")
    assert "mean over the 5 clean pairs with a finite score; 1 came back as they were" in (
        clean_page.text
    )
    strata = clean_page.tables["table-strata"]
    assert "0" not in strata[1][1:]  # the level of nothing but clean pairs has no mean
    assert len(strata[2]) == 3


def test_a_model_with_few_images_stands_in_no_order(tmp_path: Path) -> None:
    most = {"0": 20 + STEPS, "1": 22 + STEPS, "2": 24 + STEPS}
    few = {extent: [99.0, *[math.nan] * 5] for extent in EXTENTS}
    run = made_run(
        tmp_path / "run",
        {
            "input": most,
            "m": {k: v + 1 for k, v in most.items()},
            "lucky": few,
            "holes": {"0": [math.nan, *most["0"][1:]], "1": most["1"] + 2, "2": most["2"] + 2},
        },
    )
    page = Page(write_report([run]).read_text(encoding="utf-8"))
    assert list(means(page)) == ["holes", "m", "input", "lucky"]
    assert "over 17 of 18 images in 6 scenes" in page.text
    assert "mean over 3 of 18 images, not ranked with the others; left out: 15 no output" in (
        page.text
    )
    rows = {row[0]: row for row in summary_table(run)[1]}
    assert rows["lucky"][-1] == "PSNR: 3 of 18 images, not ranked"
    picked = bench.open_run(run.path).pick("psnr")
    assert (picked.chosen, picked.images) == ("holes", 17)
    assert {c.model: c.reason for c in picked.candidates}["lucky"] == (
        "psnr on 3 of 18 images only"
    )


def scenes_run(path: Path, scenes: int, **more: float) -> RunFolder:
    """Make a run of two images a scene, of models with costs, by two metrics; ``more`` models have
    the PSNR of their first image."""
    pairs = [
        Pair(f"image{n}", path / "d.png", path / "r.png", f"scene{n // 2}")
        for n in range(2 * scenes)
    ]
    steps = np.arange(2.0 * scenes)
    psnr = {"input": 25 + steps, "tv": 28 + steps + 0.1 * (steps % 3), "unsharp": 26 + steps}
    psnr |= {model: first + steps for model, first in more.items()}
    scores = {
        model: {
            pair.id: {"psnr": Score(float(v)), "lpips-alex": Score(float(0.9 - v / 100))}
            for pair, v in zip(pairs, column, strict=True)
        }
        for model, column in psnr.items()
    }
    profiles = [*costs("tv", 45.0, 120_000.0), *costs("unsharp", 6.0, 10_000.0)]
    profiles += [row for model in more for row in costs(model, 20.0, 50_000.0)]
    return write_run(path, pairs, scores, ["psnr", "lpips-alex"], profiles=profiles)


def everything(run: RunFolder) -> tuple[Page, str]:
    """Return the page, and all words of it, of the terminal, and of all files beside it."""
    html = write_report([run]).read_text(encoding="utf-8")
    heads, rows, told = summary_table(run)
    words = [Page(html).text, *heads, *(cell for row in rows for cell in row), *told]
    words += [str(label) for label in re.findall(r'aria-label="([^"]*)"', html)]
    words += [f.read_text() for f in (run.path / "report" / "tables").iterdir()]
    return Page(html), "\n".join(words)


def test_of_one_scene_nothing_is_called_probable_significant_or_tied(tmp_path: Path) -> None:
    run = scenes_run(tmp_path / "run", 1, nlm=27.0)
    page, words = everything(run)
    assert page.text.count("One scene: the figures hold for it alone") == 1
    assert "shaded" not in page.text.lower()
    assert "significant" not in words
    for name in ("ranks", "acceptability"):
        assert f"table-{name}" not in page.tables
    found = pd.read_csv(run.path / "report" / "tables" / "results.csv")
    assert found["low"].isna().all()
    assert found["p_against_best"].isna().all()
    assert set(found["standing"].dropna()) == {"best"}
    for table in ("results", "improvements", "front", "budgets"):
        rows = [" ".join(row) for row in page.tables[f"table-{table}"]]
        assert [row for row in rows if re.search(r"\d %|[Pp]robab", row.replace("95 %", ""))] == []
    labels = re.findall(r'aria-label="([^"]*)"', page_source(run))
    assert [text for text in labels if re.search(r"\d %", text.replace("95 %", ""))] == []
    assert str(bench.open_run(run.path).compare("tv", "input")).count("one scene") == 1


def test_of_one_scene_no_interval_is_promised(tmp_path: Path) -> None:
    run = simple_run(tmp_path / "run", {"input": [20.0], "tv": [21.0]}, ["a"])
    page, _ = everything(run)
    assert "with intervals" not in page.text
    for table in ("results", "improvements"):
        text = (run.path / "report" / "tables" / f"{table}.md").read_text(encoding="utf-8")
        assert "95 %" not in text
        assert "interval" not in text
    shown = CliRunner().invoke(app, ["pick", str(run.path), "--quality", "psnr"]).output
    assert "means over 1 image\n" in shown


def page_source(run: RunFolder) -> str:
    return (run.path / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_of_five_scenes_there_are_intervals_but_no_test(tmp_path: Path) -> None:
    run = scenes_run(tmp_path / "run", 5)
    page, words = everything(run)
    assert page.text.count("5 scenes: intervals and probabilities from so few are rough") == 1
    assert "significant" not in words
    assert "against the untouched input (too few scenes for a test at 5 %)." in page.text
    found = pd.read_csv(run.path / "report" / "tables" / "results.csv")
    assert found["low"].notna().all()
    assert found["p_against_best"].isna().all()
    assert set(found["standing"].dropna()) == {"best"}
    assert any("too few scenes for a test at 5 %" in line for line in summary_table(run)[2])
    told = str(bench.open_run(run.path).compare("tv", "input"))
    assert "too few scenes for a test at 5 %" in told
    assert "95 % interval" in told


@pytest.mark.slow
def test_of_six_scenes_tied_is_one_thing_on_the_page_in_pick_and_in_compare(
    tmp_path: Path,
) -> None:
    run = scenes_run(tmp_path / "run", 6)
    page, words = everything(run)
    assert "too few scenes" not in words
    assert page.text.count("Tied: sign flips of whole scenes against the better of the two") == 1
    assert summary_table(run)[2] == []
    found = pd.read_csv(run.path / "report" / "tables" / "results.csv").set_index(
        ["metric", "model"]
    )
    opened = bench.open_run(run.path)
    states = {c.model: c.state for c in opened.pick("psnr").candidates}
    for model in ("unsharp",):
        behind = found.loc[("psnr", model), "standing"] == "behind"
        assert states[model] == ("behind" if behind else "tied")
        compared = opened.compare(model, "tv")
        assert compared.p_adjusted == found.loc[("psnr", model), "p_against_best"]
        assert (compared.better == "tv") == behind


def with_records(run: RunFolder, **changed: Mapping[str, object]) -> RunFolder:
    """Change what the run's record says of its models."""
    record = run.record()
    models = {n: replace(m, **changed.get(n, {})) for n, m in record.models.items()}
    run.write_record(replace(record, models=models))
    return RunFolder(run.path)


def weights(suite: str, **header: object) -> WeightsRecord:
    """Return the record of weights trained here with its paper's recipe unless changed."""
    card = MODELS["dncnn"]
    whole = {
        "model": "dncnn",
        "recipe": to_json(card.preset("paper")),
        "suite": suite,
        "budget": card.preset("paper").budget,
        "planned_steps": 100,
    }
    return WeightsRecord(origin="loaded", file="w", sha256="ab" * 32, header=whole | header)


NAMES = ("input", "told", "seen", "foreign", "brief", "blind", "noisy")


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Models that were told, or learned, more or less than others; the better, the more."""
    path = tmp_path_factory.mktemp("marks") / "run"
    pairs = [Pair(f"i{n}", path / "d.png", path / "r.png", f"scene{n}") for n in range(8)]
    worth = {"input": 0, "blind": 2, "brief": 1, "foreign": 1.5, "noisy": 4, "seen": 6, "told": 5}
    rng = np.random.default_rng(0)
    scores = {
        name: {
            p.id: {"psnr": Score(25 + i + worth[name] + rng.normal(0, 0.1))}
            for i, p in enumerate(pairs)
        }
        for name in NAMES
    }
    profiles = [one for name in NAMES for one in costs(name, 5.0 + worth[name], 1e5)]
    run = write_run(path, pairs, scores, ["psnr"], profiles=profiles)
    quick = MODELS["dncnn"].preset("quick")
    return with_records(
        run,
        told={"told": ("psf",)},
        noisy={"told": ("noise",)},
        seen={"separation": "overlap", "separation_note": "learned from 3 of 8 test images"},
        foreign={"weights": weights("gopro:blur=blur")},
        brief={"weights": weights("demo", recipe=to_json(quick), budget="90s")},
        blind={"weights": weights("demo"), "separation": "unknown", "separation_note": "unknown"},
    )


def test_what_models_did_and_learned_from_stands_beside_their_state(tmp_path: Path) -> None:
    run = made_run(
        tmp_path / "run", {m: dict.fromkeys(EXTENTS, 25 + STEPS) for m in ("input", "theirs")}
    )
    record = run.record()
    theirs = replace(
        record.models["theirs"],
        remarks=("out of memory on a whole image: worked in tiles of 50x50",),
        separation="separate",
        separation_note="8 training images compared by bytes and pixels",
    )
    run.write_record(replace(record, models={**record.models, "theirs": theirs}))
    text = " ".join(Page(write_report([run]).read_text(encoding="utf-8")).text.split())
    assert (
        "done; out of memory on a whole image: worked in tiles of 50x50; 8 training images "
        "compared by bytes and pixels"
    ) in text


def test_a_network_trained_for_the_noise_level_knows_it_as_one_that_is_told_does(
    marked: RunFolder,
) -> None:
    info = marked.record().models["blind"]
    for trained_on, suite, short in (
        ("bsd400:sigma=25", "bsd68:sigma=25.0", ["trained for this noise level"]),
        ("bsd400:sigma=15", "bsd68:sigma=25", []),
        ("bsd400", "bsd68:sigma=25", []),
        ("demo", "demo", []),
    ):
        own = replace(info, separation="separate", weights=weights(trained_on))
        assert [mark.short for mark in marks_of(own, suite) if mark.apart] == short
    for spec, suite, expected in (
        ("swinir-colour-25", "cbsd68:sigma=25", True),
        ("swinir-colour-25@x8", "cbsd68:sigma=25", True),
        ("swinir-colour-15", "cbsd68:sigma=25", False),
        ("dncnn-colour-blind", "cbsd68:sigma=25", False),
    ):
        published = replace(info, spec=spec, weights=None)
        assert (TRAINED_FOR_NOISE in marks_of(published, suite)) == expected
    told = replace(info, told=("noise",), weights=weights("bsd400:sigma=25"))
    assert [m.short for m in marks_of(told, "bsd68:sigma=25") if m.apart] == [
        "knows the noise level"
    ]


@pytest.mark.slow
def test_who_was_told_more_is_marked_and_ranked_apart_and_never_the_headline(
    marked: RunFolder,
) -> None:
    page, _ = everything(marked)
    rows = page.tables["table-results"][2:]
    assert [row[0] for row in rows] == [
        "blind ?",
        "foreign §",
        "brief °",
        "input",
        "seen ¶",
        "told †",
        "noisy ‡",
    ]
    found = pd.read_csv(marked.path / "report" / "tables" / "results.csv").set_index("model")
    assert found.loc["blind", "standing"] == "best"
    assert found.loc[["told", "seen", "noisy"], "standing"].isna().all()
    assert found.loc["told", "marks"] == "knows the PSF"
    best = "PSNR: blind has the best mean of those told only the image, "
    assert best in page.text
    _, terminal, told = summary_table(marked)
    assert [row[0] for row in terminal] == [row[0] for row in rows]
    assert [row[1][-1] for row in terminal if "*" in row[1]] == [terminal[0][1][-1]]
    for line in (
        "† told: given the true blur (its PSF), which the others have to do without; ranked apart.",
        "‡ noisy: given the true noise level, which the others have to do without; ranked apart.",
        "¶ seen: learned from 3 of 8 test images; ranked apart.",
        "§ foreign: trained on gopro:blur=blur.",
        "? blind: unknown.",
    ):
        assert line in told
        assert line in page.text
    assert [line for line in told if line.startswith("° brief: trained for 90s (100 steps)")]


@pytest.mark.slow
def test_every_table_and_plot_with_a_marked_model_says_so(marked: RunFolder) -> None:
    page, _ = everything(marked)
    html = page_source(marked)
    for name, rows in page.tables.items():
        for row in rows:
            assert not {"told", "seen", "noisy", "foreign", "brief"} & set(row), name
    drawn = re.findall(r">([^<>]*)</text>", html)
    assert [text for text in drawn if text.strip() in ("told", "seen", "brief")] == []
    assert len([text for text in drawn if text.startswith("told †")]) >= 4
    latex = (marked.path / "report" / "tables" / "results.tex").read_text()
    assert r"told \dag" in latex


@pytest.mark.slow
def test_pick_fronts_and_ranks_are_of_those_who_were_told_nothing(marked: RunFolder) -> None:
    picked = bench.open_run(marked.path).pick("psnr")
    assert picked.chosen == "blind"
    reasons = {c.model: c.reason for c in picked.candidates if c.state == "apart"}
    assert reasons == {
        "told": "knows the PSF: ranked apart",
        "noisy": "knows the noise level: ranked apart",
        "seen": "learned from test images: ranked apart",
    }
    write_report([marked])
    front = pd.read_csv(marked.path / "report" / "tables" / "front.csv")
    assert not {"told", "seen", "noisy"} & set(front["model"])
    found = str(bench.open_run(marked.path).compare("told", "blind"))
    assert "told: given the true blur" in found


def test_where_all_were_told_they_are_ranked_with_each_other(tmp_path: Path) -> None:
    steps = dict.fromkeys(EXTENTS, 20 + STEPS)
    more = dict.fromkeys(EXTENTS, 22 + STEPS)
    run = made_run(tmp_path / "run", {"input": steps, "wiener": more})
    page = Page(write_report([run]).read_text(encoding="utf-8"))
    assert page.tables["table-results"][2][0] == "wiener †"
    assert "wiener has the best mean" in page.text
    assert (
        "† wiener: given the true blur (its PSF), which the others have to do without." in page.text
    )
    assert "ranked apart" not in page.text


@pytest.mark.parametrize(
    ("suite", "limit", "part"),
    [
        pytest.param("gopro:blur=blur", 6, "6 of 1 111 test images", marks=pytest.mark.slow),
        # a folder with less than published
        pytest.param("gopro:blur=blur", None, "6 of 1 111 test images", marks=pytest.mark.slow),
        pytest.param("folder", 6, "only 6 images (--limit 6)", marks=pytest.mark.slow),
        pytest.param("folder", 9, "", marks=pytest.mark.slow),
        ("folder", None, ""),
    ],
)
def test_a_part_of_the_test_set_is_named_in_every_title_that_it_affects(
    tmp_path: Path, suite: str, limit: int | None, part: str
) -> None:
    run = scenes_run(tmp_path / "run", 3)
    record = run.record()
    spec = replace(record.spec, suite=suite, limit=limit)
    run.write_record(replace(record, spec=spec))
    html = write_report([run]).read_text(encoding="utf-8")
    titles = re.findall(r"<figcaption><b>\w+ \d+\.</b> (.*)$", html, re.MULTILINE)
    titles += re.findall("<h1>(.*)</h1>", html)
    titles += re.findall('<p class="verdict">(.*)</p>', html)
    assert len(titles) > 10
    findings = re.findall(r'<ul class="findings">(.*?)</ul>', html, re.S)[0]
    costs_of = "Costs|Latency|Memory|Process|Param|MAC|Multi|Peak"
    affected = [text for text in titles if not re.match(costs_of, text)]
    told = summary_table(run)[2]
    captions = [
        f.read_text()
        for f in (run.path / "report" / "tables").glob("*.tex")
        if not f.name.startswith("cost")
    ]
    if part:
        assert [text for text in affected if part.lower() not in text.lower()] == []
        assert findings.lower().count(f"<li>{part}. ") == findings.count("<li>")
        assert told[0] == f"{part}: a part of the test set"
        assert [text for text in captions if part not in text.split(r"\begin{tabular}")[0]] == []
    else:
        assert "test images" not in html
        assert "--limit" not in html.partition("<footer>")[0]  # the command has it
        assert not [line for line in told if "a part of" in line]


def test_failure_cases_are_distinct_images_and_gains_are_named_so(report: Path, page: str) -> None:
    section = page.split('<section id="failures">')[1].split("</section>")[0]
    heads = re.findall(r"<h3>(.*?) <small>(.*?)</small></h3>", section)
    images = [image for image, _ in heads]
    assert len(images) == len(set(images)) > 1
    worst = pd.read_csv(report / "tables" / "worst.csv")
    psnr = worst[(worst["metric"] == "psnr") & (worst["model"] != "input")]
    assert set(images) == set(psnr["image"])
    for _, row in psnr.iterrows():
        words = dict(heads)[row["image"]]
        (said,) = [part for part in words.split("; ") if part.startswith(f"{row['kind']} of ")]
        assert f"{row['model']} (" in said
        if row["kind"] != "worst":
            assert (row["kind"] == "largest loss") == (row["score"] < row["base"])


def test_a_model_that_makes_no_image_worse_has_a_smallest_gain(clean: RunFolder) -> None:
    write_report([clean])
    worst = pd.read_csv(clean.path / "report" / "tables" / "worst.csv").set_index("model")
    assert list(worst.loc["nlm", "kind"]) == ["worst", "smallest gain"]
    assert list(worst.loc["unsharp", "kind"]) == ["worst", "largest loss"]


@pytest.mark.parametrize(
    ("budget", "said"), [("6000steps", "6000 steps"), ("90s", "90s (6000 steps)")]
)
def test_how_long_a_network_was_trained_is_said_once(budget: str, said: str) -> None:
    header = {"model": "rescnn", "recipe": {}, "budget": budget, "planned_steps": 6000}
    assert _short_training(header) == f"trained for {said}"


def test_a_papers_epochs_are_words() -> None:
    header = {"model": "unet-gan", "recipe": {}, "budget": "400steps", "planned_steps": 400}
    said = "trained for 400 steps; its paper trains for 100 epochs"
    assert _short_training(header) == said
