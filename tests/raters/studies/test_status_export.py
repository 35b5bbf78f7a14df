"""What coordinators see: everything but who is ahead, until the study is closed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.store import Store
from raters.protocols import PROTOCOLS
from raters.studies.answers import read_answers
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.export import COLUMNS, judgements_csv, judgements_json
from raters.studies.status import needed, status
from raters.studies.tokens import invite
from raters.trials.session import Session, Trial
from tests.support.studies import judge, looked, trained

MODELS = ("ada", "bob", "cyd", "dan")


OPTIONS = StudyOptions(
    "s",
    per_pair=8,
    images=4,
    crop=64,
    reference="hidden",
    trials=12,
    golden=0.2,
    repeats=0.1,
    ties=True,
)


@pytest.fixture
def study(sqlite_store: Store, run_folder: Path) -> Store:
    create_study(sqlite_store, run_folder, OPTIONS)
    return sqlite_store


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def prefer(store: Store) -> object:
    """Prefer by the alphabet, which is how little noise the models add; the reference first."""
    with store.read() as connection:
        labels = {m.id: m.label for m in connection.execute(select(schema.method))}
        order = {
            s.id: labels.get(s.method, "" if s.kind in ("reference", "copy") else "zzz")
            for s in connection.execute(select(schema.stimulus))
        }

    def rule(trial: Trial) -> str:
        with store.read() as connection:
            shown = {
                row.slot: order[row.stimulus]
                for row in connection.execute(
                    select(schema.serving).where(schema.serving.c.id.in_(trial.slots.values()))
                )
            }
        return "a" if shown["a"] < shown["b"] else "b"

    return rule


def test_status_counts_and_names_no_winner(study: Store) -> None:
    tokens = invite(study, "s", 3)
    session = trained(study, tokens[0])
    judge(session, prefer(study))
    trained(study, tokens[1])
    now = status(study, "s")
    # 12 trials of which 2 golden (20 % of 12 is 2.4) and 1 repeat (1.2)
    assert (now.done, now.quota, now.to_quota) == (9, 48, 39)
    # the second rater has done the training only, which makes nobody active
    assert (now.invited, now.started, now.active, now.finished) == (3, 2, 1, 1)
    assert (now.golden_passed, now.golden_seen) == (2, 2)
    assert (now.repeats_same, now.repeats_seen) == (1, 1)
    assert now.median_ms == 1500.0
    assert now.connected is True
    assert now.scale_exists is None
    assert now.raters[0].flags == ()
    # the second rater holds two trials, of which one may be golden
    assert sum(pair.leased for pair in now.pairs) in (1, 2)
    text = json.dumps(asdict(now))
    assert not any(word in text for word in ("win", "better", "rank", "score"))


def test_status_is_the_same_whoever_wins(store: Store, run_folder: Path) -> None:
    # two studies, judged by opposite rules: nothing about models may differ
    shown = []
    for name, turned in (("one", False), ("two", True)):
        create_study(
            store,
            run_folder,
            StudyOptions(name, per_pair=2, images=2, crop=64, golden=0, repeats=0, trials=12),
        )
        rule = prefer(store)
        session = trained(store, *invite(store, name, 1))
        judge(session, lambda t, r=rule, f=turned: "ab"["ab".index(r(t)) ^ f])
        now = asdict(status(store, name))
        shown.append({k: v for k, v in now.items() if k not in ("study", "raters")})
    assert shown[0] == shown[1]


def test_a_clicker_is_flagged(study: Store) -> None:
    session = trained(study, *invite(study, "s", 1))
    trial = session.trial("tab")
    while isinstance(trial, Trial):
        trial = session.submit(trial.id, "a", f"k{trial.id}", "tab", {"response_ms": 200}).next
    (rater,) = status(study, "s").raters
    # of 12 trials the first was shown twice, after training and here: its time is not known
    assert "answered 11 of 11 in less than 0.6 s" in rater.flags


def test_a_scale_exists_once_wins_connect_all_and_the_study_is_closed(study: Store) -> None:
    judge(trained(study, *invite(study, "s", 1)), prefer(study))
    close_study(study, "s")
    # ada is never beaten: wins do not lead back to it, though judged pairs connect all
    now = status(study, "s")
    assert (now.connected, now.scale_exists) == (True, False)


def test_how_many_judgements_an_interval_needs() -> None:
    assert needed(PROTOCOLS["pair"]) == 97  # (1.96 * .5 / .1)^2 = 96.04
    assert needed(PROTOCOLS["pair"], half_width=0.05) == 385  # 384.15
    assert needed(PROTOCOLS["acr"], half_width=0.2) == 97  # (1.96 * 1 / .2)^2 = 96.04


def test_an_export_names_nobody_until_the_study_is_closed(study: Store) -> None:
    session = trained(study, *invite(study, "s", 1))
    judge(session, prefer(study))
    blind = judgements_csv(study, "s")
    assert not any(name in blind or name in judgements_json(study, "s") for name in MODELS)
    assert "reference" not in blind.partition("\n")[2]
    rows = table(blind)
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 3 + 12
    assert all(row["left"].startswith("#") and row["right"].startswith("#") for row in rows)
    close_study(study, "s")
    named = [row for row in table(judgements_csv(study, "s")) if row["kind"] == "main"]
    for row in named:  # judged by the alphabet
        assert row["answer"] == ("left" if row["left"] < row["right"] else "right")


def test_unblinding_early_is_logged(study: Store) -> None:
    judge(trained(study, *invite(study, "s", 1)), prefer(study), 4)
    named = judgements_csv(study, "s", unblind=True)
    assert any(name in named for name in MODELS)
    with study.read() as connection:
        events = connection.execute(select(schema.event.c.what)).scalars().all()
    assert events == ["created", "invited", "unblinded"]


def test_an_export_has_what_was_seen_and_how(study: Store) -> None:
    session = trained(study, *invite(study, "s", 1))
    trial = session.trial("tab")
    looked(study, trial.id, 2000)
    session.submit(trial.id, "same", "k0", "tab", {"response_ms": 1234.6, "dpr": 2.0, "pans": 3})
    session.revise("r0", "b", "tab")
    row = table(judgements_csv(study, "s"))[-1]
    assert (row["answer"], row["first_answer"], row["revisions"]) == ("right", "not sure", "1")
    assert (row["response_ms"], row["reloads"], row["timer_broken"]) == ("1234", "1", "yes")
    assert (row["pixel_ratio"], row["viewport_width"], row["zoom"]) == ("2.0", "1280.0", "1.0")
    assert json.loads(row["viewing"]) == {"dpr": 2.0, "pans": 3}
    assert row["judged"].endswith("+00:00")


def test_votes_are_final_answers_of_main_trials(store: Store, run_folder: Path) -> None:
    create_study(store, run_folder, OPTIONS)
    study = store
    rule = prefer(study)
    sessions: list[Session] = []
    for token in invite(study, "s", 2):
        sessions.append(trained(study, token))
        judge(sessions[-1], rule, 6)
    trial = sessions[0].trial("tab")
    sessions[0].submit(trial.id, {"a": "b", "b": "a"}[rule(trial)], "k-late", "tab", {})
    sessions[0].revise("r0", rule(trial), "tab")  # a slip, put right
    with pytest.raises(BenchError, match="open, and its results stay hidden"):
        read_answers(study, "s")
    close_study(study, "s")
    answers = read_answers(study, "s")
    found = answers.votes()
    assert found.methods == MODELS
    with study.read() as connection:
        main = connection.execute(
            select(schema.assignment.c.id).where(
                schema.assignment.c.kind == "main", schema.assignment.c.state == "done"
            )
        ).all()
    assert len(found) == len(main) > 0
    # every vote is for the earlier of the alphabet, whatever side it was on
    assert np.array_equal(found.outcome == 1, found.a < found.b)
    assert set(found.raters) == {str(session.rater) for session in sessions}
    assert found.images == tuple(crop.image for crop in answers.crops)
    assert set(found.scenes) == {"cluster0", "cluster1"}


def test_ratings_are_votes_too(sqlite_store: Store, run_folder: Path) -> None:
    options = StudyOptions("s", protocol="acr", per_pair=1, images=2, crop=64, golden=0, trials=10)
    create_study(sqlite_store, run_folder, options)
    judge(trained(sqlite_store, *invite(sqlite_store, "s", 1)), lambda trial: "4")
    close_study(sqlite_store, "s")
    found = read_answers(sqlite_store, "s").ratings()
    assert found.methods == (*MODELS, "reference")
    assert set(found.rating) == {4.0}
    table, stimuli = found.table()
    assert table.shape == (1, len(found)) == (1, len(set(stimuli)))


def test_answers_tell_what_status_tells(study: Store) -> None:
    rule = prefer(study)
    for number, token in enumerate(invite(study, "s", 2)):
        session = trained(study, token)
        judge(session, rule if number else lambda trial: "a")
    close_study(study, "s")
    answers, now = read_answers(study, "s"), status(study, "s")
    golden, repeats = answers.golden(), answers.repeats()
    assert golden is not None
    assert repeats is not None
    assert (round(golden.value * golden.n), golden.n) == (now.golden_passed, now.golden_seen)
    assert (round(repeats.value * repeats.n), repeats.n) == (now.repeats_same, now.repeats_seen)
    assert answers.flags() == {str(rater.rater): rater.flags for rater in now.raters}
    assert len(answers.votes()) == now.done


def test_answers_without_a_rater_are_those_of_the_others(study: Store) -> None:
    rule = prefer(study)
    sessions = [trained(study, token) for token in invite(study, "s", 3)]
    for number, session in enumerate(sessions):
        judge(session, rule if number else lambda trial: "a")
    close_study(study, "s")
    answers = read_answers(study, "s")
    gone = str(sessions[0].rater)
    left = answers.without([gone])
    assert set(left.flags()) == set(answers.flags()) - {gone}
    flags = answers.flags()
    assert all(left.flags()[name] == flags[name] for name in left.flags())
    repeats = left.earlier >= 0
    assert repeats.any()
    assert np.array_equal(left.rater[repeats], left.rater[left.earlier[repeats]])
    assert np.array_equal(left.crop[repeats], left.crop[left.earlier[repeats]])
    with pytest.raises(BenchError, match="no rater '77'"):
        answers.without(["77"])


def test_an_open_study_is_analysed_on_record_only(study: Store) -> None:
    judge(trained(study, *invite(study, "s", 1)), prefer(study), 4)
    with pytest.raises(BenchError, match="'bench rate close s' closes it for good"):
        read_answers(study, "s")
    assert len(read_answers(study, "s", unblind=True).methods) == 4
    with study.read() as connection:
        events = connection.execute(select(schema.event.c.what, schema.event.c.detail)).all()
    assert events[-1] == ("unblinded", {"by": "analyse"})


def test_a_study_without_answers_has_no_votes(study: Store) -> None:
    close_study(study, "s")
    with pytest.raises(BenchError, match="nobody has judged anything in 's'"):
        read_answers(study, "s").votes()
