"""Who tries a study leaves no trace in what it finds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import select

from raters.database import schema
from raters.database.store import Store
from raters.studies.answers import read_answers
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.export import judgements
from raters.studies.participants import participants
from raters.studies.status import status
from raters.studies.tokens import RaterRefused, invite
from raters.trials.preview import preview
from raters.trials.session import Session
from raters.trials.withdrawal import erase
from tests.raters.conftest import Clock
from tests.support.studies import judge, trained


@pytest.fixture
def study(store: Store, run_folder: Path) -> Store:
    options = StudyOptions("s", images=2, crop=64, per_pair=2, trials=12, golden=0.1, repeats=0.1)
    create_study(store, run_folder, options)
    return store


def counters(store: Store) -> list[object]:
    """Return all that quotas are kept by."""
    with store.read() as connection:
        return [
            connection.execute(select(table).order_by(table.c.id)).all()
            for table in (schema.comparison, schema.item)
        ]


def test_a_preview_is_like_the_study_and_counts_nowhere(study: Store) -> None:
    before = counters(study), asdict(status(study, "s"))
    session = trained(study, preview(study, "s"))
    trials = judge(session, lambda trial: "a")
    session.revise("revised-key", "b", "tab")
    # 6 pairs on 2 images, each twice: 12 trials, of which 1 is golden and 1 comes again
    assert len(trials) == 12
    with study.read() as connection:
        kinds = list(connection.execute(select(schema.assignment.c.kind)).scalars())
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "preview": 10,
        "golden": 1,
        "repeat": 1,
        "training": 3,
    }
    assert session.state().stage == "done"
    assert (counters(study), asdict(status(study, "s"))) == before
    assert judgements(study, "s") == []
    assert participants(study, "s") == []
    judged = judge(trained(study, *invite(study, "s", 1)), lambda trial: "a")
    assert len(judged) == 12
    close_study(study, "s")
    answers = read_answers(study, "s")
    exported = [row["rater"] for row in judgements(study, "s") if row["kind"] != "training"]
    assert (len(answers.kind), len(exported), len(set(exported))) == (12, 12, 1)
    taken = counters(study)
    erase(study, "s", session.rater)
    assert counters(study) == taken


def test_what_a_preview_holds_is_free_for_others(study: Store) -> None:
    trained(study, preview(study, "s")).trial("tab")
    assert len(judge(trained(study, *invite(study, "s", 1)), lambda trial: "a")) == 12


def test_old_previews_go_when_a_new_one_comes(study: Store, clock: Clock) -> None:
    first = preview(study, "s")
    clock.pass_(hours=20)
    second = preview(study, "s")
    assert Session.open(study, first)
    clock.pass_(hours=5)
    preview(study, "s")
    assert Session.open(study, second)
    with pytest.raises(RaterRefused, match="wrong"):
        Session.open(study, first)
