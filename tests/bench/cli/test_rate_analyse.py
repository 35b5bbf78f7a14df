"""``bench rate analyse`` and ``plan``: from votes, of a study or of anyone, to a ranking."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from typer.testing import CliRunner

from bench.cli import app
from bench.core.errors import BenchError
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from tests.conftest import Bench
from tests.support.studies import judge, preferring, small_run, trained

TRUTH = {"good": 1.0, "fair": 0.1, "poor": -1.1}
STRENGTH = {"ada": 1.2, "bob": 0.4, "cyd": -0.4, "dan": -1.2}


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """900 votes of 15 raters on 12 images, a tenth of them ties."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("votes") / "votes.csv"
    lines = ["image,a,b,winner,rater"]
    for number in range(900):
        a, b = rng.permutation(list(TRUTH))[:2]
        won = "a" if rng.random() < expit(TRUTH[a] - TRUTH[b]) else "b"
        winner = "tie" if rng.random() < 0.1 else won
        lines.append(f"i{rng.integers(12)},{a},{b},{winner},r{number % 15}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A closed study of pairs, one of ratings, and an open one."""
    folder = tmp_path_factory.mktemp("study")
    run = small_run(folder / "run", images=6, clusters=6).path
    store = Store(f"{folder}/studies.db")
    for name, protocol in (("rated", "acr"), ("pairs", "pair")):
        create_study(
            store, run, StudyOptions(name, protocol, per_pair=60, trials=30, images=6, crop=64)
        )
        for number, token in enumerate(invite(store, name, 12)):
            rule = preferring(store, STRENGTH, number) if number else lambda _: "2"
            if name == "pairs" and not number:
                rule = lambda _: "a"  # noqa: E731  a clicker
            judge(trained(store, token), rule)
        close_study(store, name)
    create_study(store, run, StudyOptions("open", images=4, crop=64))
    store.close()
    return f"{folder}/studies.db"


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.slow
def test_anyones_votes_are_ranked_with_intervals_and_counts(bench: Bench, votes: Path) -> None:
    ran = bench("rate", "analyse", "--votes", votes, "--json", "--samples", 300)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert [m["method"] for m in found["methods"]] == ["good", "fair", "poor"]
    rows = list(csv.DictReader(votes.read_text().splitlines()))
    for m in found["methods"]:
        assert m["low"] < m["value"] < m["high"]
        name = m["method"]
        wins = sum(row["winner"] in "ab" and row[row["winner"]] == name for row in rows)
        ties = sum(row["winner"] == "tie" and name in (row["a"], row["b"]) for row in rows)
        shown = sum(name in (row["a"], row["b"]) for row in rows)
        assert (m["wins"], m["ties"], m["losses"]) == (wins, ties, shown - wins - ties)
    assert found["resampled"] == ["raters", "images"]
    assert (found["votes"], found["raters"], found["images"]) == (900, 15, 12)
    jod = json.loads(
        bench("rate", "analyse", "--votes", votes, "--json", "--model", "thurstone").stdout
    )
    assert jod["unit"] == "JOD"


def test_the_words_tables_and_plots_tell_the_same(
    bench_here: Bench, votes: Path, tmp_path: Path
) -> None:
    ran = bench_here("rate", "analyse", "--votes", votes, "--out", "made", "--samples", 300)
    assert ran.returncode == 0, ran.stderr
    written = _rows(tmp_path / "made/tables/people.csv")
    assert [row["method"] for row in written] == ["good", "fair", "poor"]
    shown = f"{float(written[0]['value']):.2f} [{float(written[0]['low']):.2f}"
    assert shown in ran.stdout
    pairs = _rows(tmp_path / "made/tables/people-differences.csv")
    assert len(pairs) == 3
    for file in ("people.md", "people.tex", "raters.csv"):
        assert (tmp_path / "made/tables" / file).stat().st_size > 100
    assert (tmp_path / "made/plots/people.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_study_is_ranked_and_its_clicker_is_flagged_and_kept(bench: Bench, db: str) -> None:
    ran = bench("rate", "analyse", "pairs", "--db", db)
    assert ran.returncode == 0, ran.stderr
    assert [ran.stdout.index(name) for name in STRENGTH] == sorted(
        ran.stdout.index(name) for name in STRENGTH
    )
    found = json.loads(bench("rate", "analyse", "pairs", "--db", db, "--json").stdout)
    first = found["people"][0]
    assert list(found["signs"]) == [first["rater"]]
    assert "chose the left" in " ".join(found["signs"][first["rater"]])
    assert found["votes"] == sum(person["votes"] for person in found["people"])
    assert found["agreement"]["repeats"]["n"] == 12 * 2  # 5 % of 30 trials is 1.5: 2
    assert found["agreement"]["golden"]["n"] == 12 * 2


@pytest.mark.slow
def test_raters_may_be_left_out_and_the_ranking_before_is_shown(bench: Bench, db: str) -> None:
    told = bench(
        "rate", "analyse", "pairs", "--db", db, "--samples", 100, "--exclude-flagged", "--json"
    )
    found = json.loads(told.stdout)
    (clicker,) = found["excluded"]
    assert found["raters"] == 11
    assert {row["method"] for row in found["before"]} == set(STRENGTH)
    assert found["signs"] == {}
    shown = bench("rate", "analyse", "pairs", "--db", db, "--samples", 100, "--exclude", clicker)
    assert f"Left out: {clicker}" in shown.stdout
    assert "rank before" in shown.stdout
    wrong = bench("rate", "analyse", "pairs", "--db", db, "--exclude", "999")
    assert (wrong.returncode, "no rater '999'" in wrong.stderr) == (2, True)


@pytest.mark.slow
def test_ratings_have_mean_opinions_bias_and_screening(bench: Bench, db: str) -> None:
    ran = bench("rate", "analyse", "rated", "--db", db, "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert [m["method"] for m in found["methods"]] == ["reference", *STRENGTH]
    assert found["unit"] == "MOS"
    lines = next(p for p in found["people"] if p["rater"] == min(found["signs"], key=int))
    assert lines["bias"] < 0  # said 2 to everything
    assert {"above", "below", "rejected"} <= set(lines)
    assert "gave the same answer 30 times in a row" in found["signs"][lines["rater"]]
    shown = bench("rate", "analyse", "rated", "--db", db)
    assert "mean opinion" in shown.stdout


def test_an_open_study_stays_hidden_unless_it_goes_on_record(bench_here: Bench, db: str) -> None:
    ran = bench_here("rate", "analyse", "open", "--db", db)
    assert ran.returncode == 2
    said = " ".join(ran.stderr.split())
    assert "'bench rate close open' closes it for good" in said
    assert "--unblind" in said
    assert not any(name in ran.stdout + ran.stderr for name in STRENGTH)


def test_wrong_requests_say_what_to_do(
    votes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text("image,a,b,winner\nx,good,poor,a\nx,good,poor,a\n")
    for arguments, said in (
        (["analyse", "pairs", "--votes", votes], "give one of them"),
        (["analyse", "--votes", "one.csv"], "'good' never lost"),
        (["analyse", "--methods", "names.txt"], "give that too"),
        (["analyse"], "no study database"),
        (["plan"], "--share 60% plans without a pilot"),
        (["plan", "--share", "40%"], "expected more than 50%"),
        (["plan", "--share", "60%", "--votes", votes], "without a pilot"),
        (["plan", "--votes", votes, "--pair", "good,best"], "no method 'best'"),
    ):
        with pytest.raises(BenchError) as error:
            CliRunner().invoke(app, ["rate", *map(str, arguments)], catch_exceptions=False)
        assert said in str(error.value)
    kept = ["rate", "analyse", "--votes", "one.csv", "--prior", "1"]
    assert CliRunner().invoke(app, kept, catch_exceptions=False).exit_code == 0


@pytest.mark.slow
def test_a_plan_for_an_effect_and_one_from_a_pilot(bench: Bench, votes: Path) -> None:
    ran = bench("rate", "plan", "--share", "70%", "--json", "--simulations", 200, "--images", 40)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["judgements"] == found["raters"] * 54  # 60 trials less 10 % golden and repeats
    assert found["power"]["value"] >= 0.8
    assert found["share"] == pytest.approx(0.7)
    smaller = bench("rate", "plan", "--share", "85%", "--json", "--simulations", 200)
    assert json.loads(smaller.stdout)["raters"] < found["raters"]

    ran = bench("rate", "plan", "--votes", votes, "--pair", "good,fair", "--simulations", 200)
    assert ran.returncode == 0, ran.stderr
    assert "find that good is better than fair" in ran.stdout
    assert "tested with 3 pairs together" in ran.stdout
