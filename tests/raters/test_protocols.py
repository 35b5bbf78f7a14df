"""One row says all of a protocol: rows that mean nothing are refused, those of others go all the
way from the study to its analysis."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from bench.core.errors import BenchError
from bench.report.sections.people import scale_table
from raters.database import schema
from raters.database.store import Store
from raters.protocols import (
    PROTOCOLS,
    Answer,
    NotAnAnswer,
    Protocol,
    levels,
    protocol_called,
    protocols,
)
from raters.statistics.analyse import ScaleAnalysis
from raters.statistics.ratings import RatingAnalysis
from raters.studies.answers import Answers, read_answers
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.export import judgements, judgements_csv, judgements_json
from raters.studies.status import needed, status
from raters.studies.tokens import invite
from raters.trials.session import Trial
from raters.web.app import create_app
from tests.browser.studies import Study, make_run, make_study
from tests.raters.web.test_app import judgement, ready, trial
from tests.support.outside import ENTRY_POINTS, put_protocols
from tests.support.studies import Shown, judge, trained

PAIR, ACR, DCR = (PROTOCOLS[name] for name in ("pair", "acr", "dcr"))
BLUR = {
    "reference": 0,
    "copy": 0,
    "deblurnet": 1,
    "restoreformer": 2,
    "plainconv": 3,
    "golden": 9,
    "training": 9,
}


@pytest.mark.parametrize(
    ("row", "changed", "message"),
    [
        (PAIR, {"slots": ("left", "right")}, "slots: got"),
        (PAIR, {"reference": "perhaps"}, "reference: got 'perhaps'"),
        (PAIR, {"views": ("side", "upside down")}, "views: got"),
        (PAIR, {"compared": ("a",)}, "compared: got"),
        (PAIR, {"compared": ("reference", "a", "b")}, "no reference where it is not always shown"),
        (ACR, {"answers": levels(1)}, "two or more"),
        (ACR, {"answers": (*levels(1), *levels(1))}, "two or more, each once"),
        (
            ACR,
            {"answers": (Answer(code="very good", value=2, key="2"), *levels(1))},
            "1 to 8 characters",
        ),
        (
            ACR,
            {"answers": (Answer(code="2", value=2, key="Z"), *levels(1))},
            "keys: got",
        ),
        (
            ACR,
            {"answers": (Answer(code="2", value=1, key="2"), *levels(1))},
            "values: got",
        ),
        (PAIR, {"answers": levels(2)}, "sides are swapped"),
        (PAIR, {"golden_better": ("1",)}, "golden_better: got"),
        (ACR, {"golden_worse": ()}, "golden_worse: got"),
        (
            ACR,
            {"answers": (Answer(code="0", value=0, key="0", both_bad=True), *levels(5))},
            "what calls both of two images bad",
        ),
        (PAIR, {"views": ("side", "flicker")}, "'hold' too"),
    ],
)
def test_a_row_that_makes_no_study_is_refused(
    row: Protocol, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(BenchError) as caught:
        replace(row, **changed)
    assert f"protocol '{row.name}'" in str(caught.value)
    assert message in str(caught.value)


def test_swapping_sides_swaps_answers_of_pairs_and_not_of_ratings() -> None:
    assert [PAIR.on_stimuli(code, True) for code in ("a", "same", "b")] == ["b", "same", "a"]
    assert [PAIR.on_stimuli(code, False) for code in ("a", "same", "b")] == ["a", "same", "b"]
    assert [PAIR.preference(code, True) for code in ("a", "same", "b")] == [-1, 0, 1]
    assert ACR.on_stimuli("5", True) == "5"
    assert ACR.preference("5", True) is None


def test_a_tie_is_an_answer_only_where_ties_are_allowed() -> None:
    assert [a.code for a in PAIR.choices(ties=True)] == ["a", "same", "b"]
    assert [a.code for a in PAIR.choices(ties=False)] == ["a", "b"]
    assert PAIR.check("same", ties=True) == "same"
    with pytest.raises(NotAnAnswer, match="expected one of a, b"):
        PAIR.check("same", ties=False)
    assert (PAIR.has_ties, ACR.has_ties) == (True, False)


def test_what_the_page_gets_can_be_sent_and_tells_no_known_answer() -> None:
    for row in PROTOCOLS.values():
        sent = json.dumps(row.for_page(ties=True))
        assert "golden" not in sent
        assert "analysis" not in sent


def test_a_protocol_that_is_not_here_is_named_with_the_nearest() -> None:
    with pytest.raises(BenchError, match="no protocol 'pear'; did you mean 'pair'"):
        protocol_called("pear")


def test_a_row_called_otherwise_than_its_entry_point_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = ENTRY_POINTS.replace("outside-three =", "outside-3 =")
    monkeypatch.syspath_prepend(put_protocols(tmp_path / "site", renamed))
    with pytest.raises(BenchError, match="protocols:outside-3: its row is called otherwise"):
        protocols()


# --- rows from outside ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("protocols"), 96)


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(put_protocols(tmp_path / "site"))


def rated(study: Study, choose: Callable[[dict[str, int]], str]) -> list[dict[str, Any]]:
    """Judge a whole study over HTTP; return what the page was told of it, for each rater.

    ``choose`` gets how much each slot's image is blurred.
    """
    store = Store(study.url)
    shown, sessions = Shown(store), []
    with TestClient(create_app(study.url)) as server:
        for token in study.tokens:
            client = ready(server.app, token)  # type: ignore[arg-type]
            sessions.append(client.get("/api/session").json())
            step = trial(client)
            for number in range(99):
                if step["state"] != "trial":
                    break
                sides, _ = shown.sides(step["slots"])
                answer = choose({slot: BLUR[name] for slot, name in sides.items()})
                body = judgement(step, "nonsense", f"key-{token[:8]}-{number}")
                assert client.post("/api/judgement", json=body).status_code == 422
                reply = client.post("/api/judgement", json={**body, "answer": answer}).json()
                assert reply["feedback"] is None or reply["feedback"]["right"], reply
                step = reply["next"]
            assert step == {"state": "done"}
    store.close()
    return sessions


def closed(study: Study) -> tuple[Answers, list[dict[str, str]]]:
    """Close a study; return its answers and its exported judgements but for practice."""
    store = Store(study.url)
    close_study(store, study.name)
    answers = read_answers(store, study.name)
    rows = list(csv.DictReader(io.StringIO(judgements_csv(store, study.name))))
    store.close()
    return answers, [row for row in rows if row["kind"] != "training"]


@pytest.mark.usefixtures("outside")
def test_a_rating_in_three_levels_goes_the_whole_way(run: Path, tmp_path: Path) -> None:
    study = make_study(
        run,
        f"sqlite:///{tmp_path / 's.db'}",
        raters=3,
        protocol="outside-three",
        reference="hidden",
        crop=96,
        per_pair=3,
        trials=22,
    )
    worth = {0: "3", 1: "3", 2: "2", 3: "1", 9: "1"}
    sessions = rated(study, lambda blur: worth[blur["a"]])
    said = sessions[0]["protocol"]
    assert [(a["code"], a["label"], a["key"]) for a in said["answers"]] == [
        ("1", "No", "1"),
        ("2", "Hardly", "2"),
        ("3", "Yes", "3"),
    ]
    assert sessions[0]["instructions"]["keys"][0] == "Say whether you could **use** this image."
    assert sessions[0]["question"] == "Is this image usable?"
    store = Store(study.url)
    now = status(store, study.name)
    store.close()
    # three raters, everything rated by each: 4 stimuli (one of them the reference) of 4 images
    assert (now.done, now.quota, now.connected) == (48, 48, None)
    assert (now.golden_passed, now.golden_seen) == (18, 18)  # a quarter of 22 is 5.5: 6 each
    answers, rows = closed(study)
    assert {row["answer"] for row in rows} == {"1", "2", "3"}
    assert {row["passed"] for row in rows if row["kind"] == "golden"} == {"yes"}
    found = answers.analyse(samples=100)
    assert isinstance(found, RatingAnalysis)
    assert {m.method: m.value for m in found.methods} == {
        "reference": 3,
        "deblurnet": 3,
        "restoreformer": 2,
        "plainconv": 1,
    }
    assert found.levels == (1, 2, 3)
    assert scale_table(found).columns[1].unit == "mean opinion, 1 to 3"


@pytest.mark.usefixtures("outside")
def test_a_comparison_in_seven_grades_goes_the_whole_way(run: Path, tmp_path: Path) -> None:
    study = make_study(
        run,
        f"sqlite:///{tmp_path / 's.db'}",
        raters=4,
        protocol="outside-graded",
        ties=True,
        crop=96,
        per_pair=16,
        trials=16,
        repeats=0.1,
    )
    grades = {3: "a3", 2: "a2", 1: "a1", 0: "0", -1: "b1", -2: "b2", -3: "b3"}

    def choose(blur: dict[str, int]) -> str:
        return grades[int(np.clip(blur["b"] - blur["a"], -3, 3))]

    sessions = rated(study, choose)
    said = sessions[0]["protocol"]
    assert [a["code"] for a in said["answers"]] == ["a3", "a2", "a1", "0", "b1", "b2", "b3"]
    assert said["views"] == ["flicker", "hold"]
    told = " ".join(sessions[0]["instructions"]["keys"])
    assert "Or say that they are the **same**." in told
    assert "one image in place of the other" in told
    assert "half of each" not in told  # no split view here
    answers, rows = closed(study)
    main = answers.kind == 0
    # 4 raters x 16 trials, of each 4 golden and 2 repeats (0.1 x 16 = 1.6): 10 main
    assert int(main.sum()) == 40
    first, second = (
        np.array([BLUR[m] for m in answers.methods])[side[main]]
        for side in (answers.first, answers.second)
    )
    assert np.array_equal(answers.answer[main], second - first)
    assert answers.repeats() is not None
    assert answers.repeats().value == 1  # type: ignore[union-attr]
    assert set(answers.votes().outcome.tolist()) <= {-1, 1}
    store = Store(study.url)
    with store.read() as connection:
        counted = connection.execute(select(schema.comparison)).all()
    exported = json.loads(judgements_json(store, study.name))
    store.close()
    assert sum(row.first_better + row.second_better + row.same for row in counted) == 40
    assert exported["answers"]["b3"] == "B much better"
    assert {row["answer"] for row in rows} <= {"a3", "a2", "a1", "b1", "b2", "right by far"}
    found = answers.analyse(samples=100, prior_sd=1.5)
    assert isinstance(found, ScaleAnalysis)
    assert [m.method for m in found.methods] == ["deblurnet", "restoreformer", "plainconv"]


def test_both_are_bad_is_a_tie_for_the_scale_and_a_share_beside_it(
    run: Path, tmp_path: Path
) -> None:
    study = make_study(
        run,
        f"sqlite:///{tmp_path / 's.db'}",
        raters=3,
        protocol="pair-bad",
        crop=96,
        per_pair=12,
        trials=18,
        repeats=0.1,
    )

    def choose(blur: dict[str, int]) -> str:
        if {2, 3} == set(blur.values()):  # restoreformer beside plainconv
            return "bad"
        return "a" if blur["a"] < blur["b"] else "b"

    sessions = rated(study, choose)
    said = sessions[0]["protocol"]["answers"]  # without --ties nobody may say "the same"
    assert [(a["code"], a["label"], a["key"]) for a in said] == [
        ("a", "A is better", "ArrowLeft"),
        ("bad", "Both are bad", "ArrowUp"),
        ("b", "B is better", "ArrowRight"),
    ]
    answers, rows = closed(study)
    main = answers.kind == 0
    together = {*map(answers.methods.index, ("restoreformer", "plainconv"))}
    both = [
        {one, other} == together
        for one, other in zip(answers.first[main], answers.second[main], strict=True)
    ]
    assert answers.bad[main].tolist() == both
    assert np.array_equal(answers.votes().outcome == 0, both)
    assert {row["answer"] for row in rows} == {"left", "right", "both bad"}
    assert answers.repeats().value == 1  # type: ignore[union-attr]
    # of the two pairs that each of the two models is in, one was called bad, all 12 times
    found = answers.analyse(samples=100, prior_sd=1.5)
    assert isinstance(found, ScaleAnalysis)
    shares = {name: (share.value, share.n) for name, share in found.called_bad.items()}
    assert shares["deblurnet"] == (0, shares["deblurnet"][1])
    for name in ("restoreformer", "plainconv"):
        value, n = shares[name]
        assert value == sum(both) / n > 0
    ties = {m.method: m.ties for m in found.methods}
    assert ties == {"deblurnet": 0, "restoreformer": sum(both), "plainconv": sum(both)}
    table = scale_table(found)
    assert table.columns[-1].head == "Called bad"
    assert {row[-1].text for row in table.rows if row[0].text == "deblurnet"} == {"0 %"}
    assert "For the scale they are ties" in " ".join(table.html_legend())


@pytest.mark.usefixtures("outside")
def test_a_narrower_scale_needs_fewer_ratings() -> None:
    # levels 1 to 3 are 2 apart where 1 to 5 are 4: (1.96 * .5 / .1)^2 = 96.04
    assert needed(protocol_called("outside-three")) == 97
    assert needed(ACR) == 385  # (1.96 * 1 / .1)^2 = 384.15


# --- a continuous scale ---------------------------------------------------------------------------


def test_places_on_a_continuous_scale_are_kept_checked_analysed_and_exported(
    sqlite_store: Store, run_folder: Path
) -> None:
    options = StudyOptions(
        "s", protocol="continuous", per_pair=4, images=4, crop=64, trials=20, repeats=0.2
    )
    create_study(sqlite_store, run_folder, options)
    shown, rng = Shown(sqlite_store), np.random.default_rng(0)
    worth = {"reference": 93, "copy": 93, "ada": 71, "bob": 52, "cyd": 33, "dan": 14, "golden": 4}

    def looking(trial: Trial) -> str:
        sides, _ = shown.sides(trial.slots)
        return str(int(worth[sides["a"]] + rng.integers(-4, 5)))  # at most 8 apart: within 10

    *attentive, careless = invite(sqlite_store, "s", 4)
    for token in attentive:
        judge(trained(sqlite_store, token), looking)
    judge(trained(sqlite_store, careless), lambda trial: str(41 + rng.integers(18)))
    close_study(sqlite_store, "s")
    answers = read_answers(sqlite_store, "s")
    scale = answers.without([answers.raters[-1]]).analyse(samples=200)
    assert isinstance(scale, RatingAnalysis)
    assert [one.method for one in scale.methods] == ["reference", "ada", "bob", "cyd", "dan"]
    for one in scale.methods:
        assert one.value == pytest.approx(worth[one.method], abs=2)
        assert one.low < one.value < one.high
    assert scale.levels[-1] == 100
    assert scale.agreement.repeats is not None
    assert (scale.agreement.repeats.value, scale.agreement.repeats.n) == (1.0, 12)
    # all of one's places in the middle fifth: as good as one answer
    assert [len(flags) > 0 for flags in answers.flags().values()] == [False, False, False, True]
    counted = status(sqlite_store, "s")
    assert [rater.flags != () for rater in counted.raters] == [False, False, False, True]
    assert [rater.repeats_same for rater in counted.raters[:3]] == [4, 4, 4]
    rows = judgements(sqlite_store, "s")
    assert all(int(row["answer"]) in range(101) for row in rows)
    assert any(int(row["answer"]) % 10 for row in rows)


def test_known_answers_on_a_continuous_scale_are_the_categories_of_acr() -> None:
    scale, five = PROTOCOLS["continuous"], PROTOCOLS["acr"]
    for place in range(101):
        level = str(min(place // 20, 4) + 1)  # fifths of the scale
        assert (str(place) in scale.golden_better) == (level in five.golden_better)
        assert (str(place) in scale.golden_worse) == (level in five.golden_worse)
    assert [answer.code for answer in scale.named] == ["10", "30", "50", "70", "90"]
    assert (scale.agree("40", "50"), scale.agree("40", "51")) == (True, False)
    for wrong in ("101", "-1", "50.5", ""):
        with pytest.raises(NotAnAnswer):
            scale.check(wrong, ties=False)


def test_a_slider_is_not_for_one_key(sqlite_store: Store, run_folder: Path) -> None:
    options = StudyOptions("s", protocol="continuous", images=2, crop=64, one_key=True)
    with pytest.raises(BenchError, match="--one-key is for buttons; 'continuous' has a slider"):
        create_study(sqlite_store, run_folder, options)
