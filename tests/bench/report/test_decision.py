"""What to take: tables say what the framework says, and why a part is not there."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from bench.framework.budgets import pick
from bench.framework.joint import Evidence, join
from bench.framework.people import HumanScale
from bench.framework.ranking import beats, fronts
from bench.records import Profile
from bench.report.drawing.numbers import percent
from bench.report.drawing.tables import Table
from bench.report.drawing.theme import Plot
from bench.report.reading.analysis import Analysis, analyse
from bench.report.reading.context import context_of
from bench.report.reading.gather import gather
from bench.report.sections.table import SECTIONS, build
from bench.runs.store import RunFolder
from raters.studies.answers import Answers, Crop
from tests.bench.report.html import Page
from tests.support.runs import costs, simple_run

TABLES = ("budgets", "front", "acceptability", "ranks", "hypervolume", "efficiency")


def rows(report: Path, name: str) -> list[dict[str, str]]:
    with (report / "tables" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Decision:
    """The section's tables by name, plots and text by part, and why others are missing."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    plots: Mapping[str, Sequence[Plot]] = field(default_factory=dict)
    text: Mapping[str, str] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    said: str = ""


def decide(analysis: Analysis, people: HumanScale | None = None) -> Decision:
    there, missing = build([SECTIONS["decision"]], context_of(analysis, people))
    if not there:
        return Decision(reasons=missing)
    (found,) = there
    return Decision(
        {table.name: table for table in found.tables()},
        {part.section.id: plots for part in found.parts if (plots := part.plots())},
        {
            part.section.id: " ".join(
                block for block in part.content.body if isinstance(block, str)
            )
            for part in found.parts
        },
        found.reasons,
        " ".join(block for block in found.content.body if isinstance(block, str)),
    )


def decided(run: RunFolder, people: HumanScale | None = None) -> Decision:
    return decide(analyse(gather([run])), people)


def evidence_of(analysis: Analysis) -> Evidence:
    return Evidence(analysis.data.table, analysis.data.costs, None, analysis.base)


@pytest.fixture(scope="module")
def analysis(run: RunFolder) -> Analysis:
    return analyse(gather([run]))


def test_the_page_has_every_table_and_they_are_kept_as_files(page: str, report: Path) -> None:
    found = Page(page)
    assert "decision" in found.ids
    for name in TABLES:
        assert f"table-{name}" in found.tables
        assert rows(report, name)
        for suffix in ("md", "tex"):
            assert (report / "tables" / f"{name}.{suffix}").stat().st_size > 200


def test_fronts_are_those_of_the_framework(page: str, report: Path, analysis: Analysis) -> None:
    joint = join(
        evidence_of(analysis),
        ["psnr", "latency_ms", "process_memory_mb"],
        analysis.data.conditions()[0],
        [m for m in analysis.order if m != "input"],
    )
    expected = {row.model: row for row in fronts(joint)}
    told = {row["model"]: row for row in rows(report, "front") if row["quality"] == "psnr"}
    assert {m: float(row["probability"]) for m, row in told.items()} == pytest.approx(
        {m: row.probability for m, row in expected.items()}
    )
    shown = {row[0]: row[1] for row in Page(page).tables["table-front"][2:]}
    assert shown["sharper"] == percent(expected["sharper"].probability)
    assert shown["wiener †"].startswith("—")
    nlm = next(row for row in Page(page).tables["table-front"] if row[0] == "nlm")
    assert "ms less" in nlm[-1]  # 310 ms, and no better: its dominators and by how much


def test_every_budget_names_the_model_that_pick_chooses(report: Path, analysis: Analysis) -> None:
    evidence, steps = evidence_of(analysis), rows(report, "budgets")
    assert {row["cost"] for row in steps} == {"latency_ms", "process_memory_mb"}
    assert len(steps) >= 4
    for before, step in zip([None, *steps], steps, strict=False):
        limit = {step["cost"]: float(step["budget"])}
        assert pick(evidence, step["quality"], limit).chosen == step["model"]
        tighter = pick(evidence, step["quality"], {step["cost"]: float(step["budget"]) - 1e-9})
        same = before and (before["quality"], before["cost"]) == (step["quality"], step["cost"])
        if same and before:
            assert tighter.chosen == before["model"]


def test_ranks_and_weightings_add_up(report: Path, analysis: Analysis) -> None:
    shares = np.array(
        [
            [float(v) for k, v in row.items() if k.startswith("rank_")]
            for row in rows(report, "acceptability")
        ]
    )
    assert shares.sum(axis=0) == pytest.approx(1.0)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert list(shares[:, 0]) == sorted(shares[:, 0], reverse=True)
    joint = join(evidence_of(analysis), ["psnr"])
    better = beats(joint, "psnr")
    for row in rows(report, "ranks"):
        for other in joint.models:
            if other != row["model"] and row["model"] in joint.models:
                i, j = joint.models.index(row["model"]), joint.models.index(other)
                assert float(row[f"better than {other}"]) == pytest.approx(better[i, j])


def test_the_efficiency_score_is_the_formula_over_the_costs(report: Path, run: RunFolder) -> None:
    known = {(p.model, p.quantity): p.value for p in run.read_profiles() if p.value is not None}
    told = rows(report, "efficiency")
    assert {row["base"] for row in told} == {"sharper"}  # the best of those with all three
    weights = {"latency_ms": 0.7, "macs": 0.15, "params": 0.15}
    for row in told:
        expected = sum(
            weight * math.exp(2 * known[row["model"], q] / known["sharper", q])
            for q, weight in weights.items()
        )
        assert float(row["score"]) == pytest.approx(expected)
        assert float(row["low"]) <= float(row["score"]) <= float(row["high"])
    assert {row["model"] for row in told} == {"tv", "median", "sharper"}


def test_what_a_model_adds_is_no_more_than_what_it_covers(report: Path) -> None:
    for row in rows(report, "hypervolume"):
        assert 0 <= float(row["adds"]) <= float(row["alone"]) + 1e-12
        assert float(row["alone"]) <= float(row["all"]) + 1e-12 <= 1 + 1e-12


def test_the_plane_is_drawn_where_both_kinds_of_metric_are_there(page: str, tmp_path: Path) -> None:
    assert 'id="plot-plane' not in page  # LPIPS has no score in that run
    values: dict[str, list[float | str]] = {
        "input": [24.0, 26.0, 25.0],
        "sharp": [25.0, 28.0, 27.0],
        "smooth": [28.0, 30.0, 29.5],
    }
    run = simple_run(tmp_path / "psnr", values, list("abc"))
    analysis = analyse(gather([run]))
    table = analysis.data.table
    lpips = np.array([[0.5, 0.2, 0.4], [0.52, 0.18, 0.41], [0.49, 0.21, 0.38]])
    both = replace(
        table,
        metrics=("psnr", "lpips-alex"),
        values={**table.values, "lpips-alex": lpips},
        reasons={**table.reasons, "lpips-alex": {}},
        higher_is_better={"psnr": True, "lpips-alex": False},
        units={"psnr": "dB", "lpips-alex": ""},
    )
    found = decide(analyse(replace(analysis.data, table=both)))
    (plane,) = found.plots["plane"]
    assert "LPIPS (alex) of 3 models against PSNR" in plane.alt
    assert "sharp" in plane.alt.partition("No other is better in both")[2]
    assert "axis turned over" in plane.svg


def test_without_costs_the_reason_stands_in_their_place(tmp_path: Path) -> None:
    values: dict[str, list[float | str]] = {"m": [30.0, 31.0], "n": [29.0, 28.0], "o": [28.0, 27.0]}
    run = simple_run(tmp_path / "run", values, ["a", "b"])
    found = decided(run)
    assert found.said == "Costs were not measured, so PSNR alone decides: m ranks first."
    assert set(found.tables) == {"ranks"}
    assert "No choice by budget: costs were not measured." in found.reasons
    assert "No weightings: costs were not measured." in found.reasons


def test_without_any_score_there_is_nothing_to_decide_by(tmp_path: Path) -> None:
    run = simple_run(tmp_path / "run", {"m": ["failed", "failed"]}, ["a", "b"])
    found = decided(run)
    assert (found.tables, found.plots) == ({}, {})
    assert "no model has a score" in found.reasons[0]


def test_costs_of_other_conditions_are_in_no_table_of_the_decision(tmp_path: Path) -> None:
    values: dict[str, list[float | str]] = {
        "m": [30.0, 31.0],
        "n": [29.0, 28.0],
        "o": [28.0, 27.5],
        "other": [35.0, 36.0],
    }
    there = [replace(row, device="cuda") for row in costs("other", 0.1, 1e5)]
    profiles: list[Profile] = [*costs("m", 5.0, 1e6), *costs("n", 9.0, 2e6), *costs("o", 3.0, 2e6)]
    profiles += there
    run = simple_run(tmp_path / "run", values, ["a", "b"], profiles=profiles)
    found = decided(run)
    for name in ("budgets", "acceptability", "efficiency"):
        assert "other" not in [record["model"] for record in found.tables[name].records]
    (cell,) = [row[1] for row in found.tables["front"].rows if row[0].text == "other"]
    assert "under other conditions only (cuda" in cell.notes[0]


def test_two_sentences_say_what_the_tables_show(analysis: Analysis, report: Path) -> None:
    said = decide(analysis).said
    budget, surely = said.split(". ", 1)
    (step,) = [
        r for r in rows(report, "budgets") if (r["quality"], r["cost"]) == ("psnr", "latency_ms")
    ]
    assert budget == "As the budget of latency grows, take by PSNR: sharper from 62.4 ms"
    assert (step["model"], float(step["budget"])) == ("sharper", pytest.approx(62.4))
    front = {r["model"]: r for r in rows(report, "front") if r["quality"] == "psnr"}
    assert f"sharper ({percent(float(front['sharper']['probability']))})" in surely
    first, *_ = rows(report, "acceptability")
    share = percent(float(first["rank_1"]))
    assert f"{first['model']} comes first most often ({share})" in surely
    assert said.count(". ") == 1  # two sentences


def test_two_models_are_told_in_sentences_and_have_no_tables(tmp_path: Path) -> None:
    values: dict[str, list[float | str]] = {
        "input": [25.0, 26.0, 27.0],
        "m": [30.0, 31.0, 30.5],
        "n": [29.0, 28.0, 29.5],
    }
    profiles = [*costs("input", 0.1, None), *costs("m", 5.0, 1e6), *costs("n", 2.0, 2e6)]
    found = decided(simple_run(tmp_path / "run", values, list("abc"), profiles=profiles))
    assert found.tables == {}
    assert "take by PSNR: n from 2.40 ms and m from 6.00 ms." in found.said
    for part in ("No choice by budget", "No front", "No weightings", "No ranks"):
        assert f"{part}: 2 models to choose from; Results compares them." in found.reasons


# --- with people --------------------------------------------------------------------------------

MODELS = ("input", "nlm", "tv", "median", "sharper", "unsharp")


def judged(run: RunFolder, models: tuple[str, ...], per_db: float = 0.6) -> HumanScale:
    """Simulate raters who prefer what has the higher PSNR, ``per_db`` JOD for a dB."""
    table = analyse(gather([run])).data.table
    rng, votes = np.random.default_rng(0), 1500
    psnr = np.column_stack([table.finite("psnr")[:, table.models.index(m)] for m in models])
    psnr = np.where(np.isnan(psnr), np.nanmean(psnr), psnr)
    place, rater = rng.integers(0, len(table.images), votes), rng.integers(0, 15, votes)
    first = rng.integers(0, len(models), votes)
    second = (first + rng.integers(1, len(models), votes)) % len(models)
    gap = per_db * (psnr[place, first] - psnr[place, second])
    answer = np.where(gap + 1.4826 * rng.normal(size=votes) > 0, 1, -1).astype(np.int8)
    none = np.full(votes, -1)
    answers = Answers(
        study="simulated",
        run=str(run.path),
        protocol="pair",
        methods=models,
        crops=tuple(
            Crop(image=i, scene=str(c), strata={}, top=0, left=0, height=64, width=64)
            for i, c in zip(table.images, table.clusters, strict=True)
        ),
        raters=tuple(map(str, range(15))),
        kind=np.zeros(votes, np.int8),
        rater=rater,
        crop=place,
        first=first,
        second=second,
        answer=answer,
        shown=answer,
        bad=np.zeros(votes, bool),
        passed=np.zeros(votes, bool),
        earlier=none,
        response_ms=np.full(votes, 900, np.float32),
    )
    found = answers.analyse(model="thurstone", samples=200)
    return HumanScale(
        models=tuple(m.method for m in found.methods),
        value=np.array([m.value for m in found.methods]),
        low=np.array([m.low for m in found.methods]),
        high=np.array([m.high for m in found.methods]),
        draws=found.draws,
        unit=found.unit,
        analysis=found,
        answers=answers,
        run=run,
    )


def test_people_decide_first_and_their_preference_gets_its_worth(run: RunFolder) -> None:
    found = decided(run, judged(run, MODELS))
    assert "third by People, " in found.text["acceptability"]
    assert found.reasons == []
    assert {record["quality"] for record in found.tables["budgets"].records} == {"people", "psnr"}
    slopes = {(r["regressed_on"], r["predictor"]): r for r in found.tables["worth"].records}
    psnr = slopes["PSNR", "psnr"]
    assert psnr["low"] <= 0.6 <= psnr["high"]
    assert psnr["per"] == "1 dB psnr, to the better"
    cost = slopes["PSNR", "latency_ms"]  # what has no parameters has no MACs either
    assert cost["low"] <= 0 <= cost["high"]
    left = {(r["model"], r["regressed_on"]): r for r in found.tables["unexplained"].records}
    assert sum(r["jod"] for (_, on), r in left.items() if on == "PSNR") == pytest.approx(
        0, abs=1e-6
    )
    assert "People of 6 models against PSNR" in found.plots["plane"][0].alt


def test_a_study_of_few_models_is_not_regressed_on_and_says_why(run: RunFolder) -> None:
    found = decided(run, judged(run, ("input", "tv", "sharper", "median")))
    assert "worth" not in found.tables
    (reason,) = found.reasons
    assert "Not regressed on people's votes" in reason
    assert "a fit needs 5 models" in reason
    front = found.tables["front"]
    (nlm,) = [row for row in front.rows if row[0].text == "nlm"]
    assert "not in the study" in nlm[1].notes
