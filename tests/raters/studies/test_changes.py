"""A study that was made may be extended, reopened and deleted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.store import Store
from raters.studies.changes import close_study, contents, delete_study, extend_study, reopen_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.queries import summaries
from raters.studies.status import status
from raters.studies.tokens import RaterRefused, invite
from raters.studies.unblinding import unblind
from raters.trials import session as sessions
from raters.trials.session import Session
from tests.raters.conftest import Clock
from tests.support.studies import judge, trained


@pytest.fixture
def study(store: Store, run_folder: Path) -> Store:
    options = StudyOptions("s", images=2, crop=64, per_pair=3, trials=8, golden=0.25, repeats=0.0)
    create_study(store, run_folder, options)
    return store


def test_more_judgements_of_each_pair_are_spread_over_its_images(study: Store) -> None:
    judged = judge(trained(study, *invite(study, "s", 1)), lambda trial: "a")
    done = status(study, "s").done
    assert (len(judged), done) == (8, 6)  # 2 golden ones
    extend_study(study, "s", per_pair=7)
    now = status(study, "s")
    assert (now.done, now.quota) == (done, 6 * 7)
    assert all(pair.quota == 7 for pair in now.pairs)
    with study.read() as connection:
        i = schema.item.c
        rows = connection.execute(select(schema.item).where(i.kind == "main")).all()
        held = select(func.count()).where(schema.assignment.c.kind == "main")
        assert sorted({row.quota for row in rows}) == [3, 4]  # 7 over 2 images
        assert sum(row.quota - row.room for row in rows) == connection.execute(held).scalar_one()
    with pytest.raises(BenchError, match="--per-pair 7: it is 7 already"):
        extend_study(study, "s", per_pair=7)


def test_more_trials_are_for_those_who_begin(study: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "VIEW_SECONDS", 0.0)  # a server sees it ten seconds later
    early, late = invite(study, "s", 2)
    session = trained(study, early)
    extend_study(study, "s", trials=12)
    assert len(judge(session, lambda trial: "a")) == 8
    assert len(judge(trained(study, late), lambda trial: "a")) == 12
    with pytest.raises(BenchError, match="nothing to extend"):
        extend_study(study, "s")
    with pytest.raises(BenchError, match="--crowd 5: it has no limit"):
        extend_study(study, "s", crowd=5)


def test_links_that_end_work_for_longer(study: Store, clock: Clock) -> None:
    (short,) = invite(study, "s", 1, valid=timedelta(days=1))
    (ever,) = invite(study, "s", 1)
    clock.pass_(days=2)
    with pytest.raises(RaterRefused, match="expired"):
        Session.open(study, short)
    extend_study(study, "s", links=timedelta(days=3))
    clock.pass_(days=2)
    assert Session.open(study, short)
    assert Session.open(study, ever)


def test_a_closed_study_is_reopened_on_record_and_codes_stay(study: Store) -> None:
    session = trained(study, *invite(study, "s", 1))
    judge(session, lambda trial: "a", 2)
    with pytest.raises(BenchError, match="is open already"):
        reopen_study(study, "s")
    close_study(study, "s")
    code = session.state().completion_code
    assert code
    unblind(study, "s")
    assert reopen_study(study, "s") is True
    assert session.state().stage == "judging"
    close_study(study, "s")
    assert session.state().completion_code == code
    assert reopen_study(study, "s") is True
    assert len(judge(session, lambda trial: "a")) == 6
    with study.read() as connection:
        said = connection.execute(select(schema.event.c.what).order_by(schema.event.c.id))
        record = [what for what in said.scalars() if what != "invited"]
    assert record == ["created", "closed", "unblinded", "reopened", "closed", "reopened"]


def test_a_deleted_study_is_gone_and_others_stay(study: Store, run_folder: Path) -> None:
    create_study(study, run_folder, StudyOptions("t", images=2, crop=64, trials=8))
    for name in ("s", "t"):
        judge(trained(study, *invite(study, name, 1)), lambda trial: "a", 2)
    held = contents(study, "s")
    # 3 of practice and 2 that count
    assert (held.models, held.images, held.raters, held.judgements) == (4, 2, 1, 5)
    assert [(s.name, s.raters, s.judgements) for s in summaries(study)] == [
        ("s", 1, status(study, "s").done),
        ("t", 1, status(study, "t").done),
    ]
    delete_study(study, "s")
    assert [s.name for s in summaries(study)] == ["t"]
    assert contents(study, "t").judgements == 5
    with study.read() as connection:
        for table in schema.metadata.sorted_tables:
            if "study" in table.c:
                left = connection.execute(select(table.c.study).distinct()).scalars().all()
                assert len(left) == 1
        servings = connection.execute(select(func.count()).select_from(schema.serving)).scalar_one()
        of = select(func.count()).select_from(
            schema.serving.join(
                schema.assignment, schema.assignment.c.id == schema.serving.c.assignment
            )
        )
        assert connection.execute(of).scalar_one() == servings
    with pytest.raises(BenchError, match="no study 's'"):
        contents(study, "s")
