"""Never lose, never double: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from raters.database import schema
from raters.database.store import Store
from raters.protocols import NotAnAnswer
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.export import judgements, judgements_csv
from raters.studies.tokens import RaterRefused, invite, prolific_entry
from raters.trials.session import (
    Elsewhere,
    Expired,
    Feedback,
    Finished,
    NotNow,
    NotSeen,
    NotYours,
    RevisedEnough,
    Session,
    Trial,
    Waiting,
)
from raters.trials.withdrawal import erase
from raters.web.stimulus_cache import StimulusCache
from tests.raters.conftest import Clock
from tests.support.studies import enter, judge, looked, right_answer, trained

SMALL = {"images": 4, "crop": 64, "reference": "hidden"}


@pytest.fixture
def study(store: Store, run_folder: Path) -> str:
    options = StudyOptions("s", **SMALL, per_pair=12, trials=20, golden=0.1, repeats=0.1)
    create_study(store, run_folder, options)
    return "s"


def count(store: Store, table: object, *where: object) -> int:
    with store.read() as connection:
        return connection.execute(select(func.count()).select_from(table).where(*where)).scalar()


def first_trial(session: Session) -> Trial:
    trial = session.trial("tab")
    assert isinstance(trial, Trial)
    return trial


def test_the_way_through_a_study(store: Store, study: str) -> None:
    (token,) = invite(store, study, 1)
    session = Session.open(store, token)
    assert session.state().stage == "consent"
    with pytest.raises(NotNow, match="consent"):
        session.trial("tab")
    session.consent()
    assert session.state().stage == "checks"
    session.checked({"dpr": 2.0})
    assert session.state().stage == "training"
    feedback = []
    trial = session.trial("tab")
    while isinstance(trial, Trial) and trial.kind_for_client == "training":
        saved = session.submit(trial.id, "a", f"key-{trial.id}", "tab", {})
        feedback.append(saved.feedback)
        trial = saved.next
    # right answers take turns between the sides, so "a" is right once or twice of three times
    assert {given.right for given in feedback} == {True, False}
    assert {given.worse for given in feedback if not given.right} == {"a"}
    assert session.state().stage == "judging"
    answered = judge(session, lambda trial: "b")
    assert [trial.number for trial in answered] == list(range(1, 21))
    assert {trial.total for trial in answered} == {20}
    state = session.state()
    assert (state.stage, state.done, len(state.completion_code)) == ("done", 20, 8)
    assert session.trial("tab") == Finished(state.completion_code)
    again = Session.open(store, token)  # a finished rater gets the code again
    assert again.state() == state


def test_a_repeated_submission_is_stored_once_and_gets_the_stored_answer(
    store: Store, study: str
) -> None:
    session = trained(store, *invite(store, study, 1))
    trial = first_trial(session)
    saved = session.submit(trial.id, "a", "key-one", "tab", {"response_ms": 900})
    same_key = session.submit(trial.id, "b", "key-one", "tab", {"response_ms": 900})
    other_key = session.submit(trial.id, "b", "key-two", "tab", {"response_ms": 900})
    assert (saved.answer_stored, saved.repeated) == ("a", False)
    assert (same_key.answer_stored, same_key.repeated) == ("a", True)
    assert (other_key.answer_stored, other_key.repeated) == ("a", True)
    assert same_key.next.id == other_key.next.id == saved.next.id
    assert count(store, schema.judgement) == 3 + 1  # 3 of training


def test_the_last_answer_can_be_sent_again_after_the_end(store: Store, study: str) -> None:
    (token,) = invite(store, study, 1)
    last = judge(trained(store, token), lambda trial: "a")[-1]
    close_study(store, study)
    saved = Session.open(store, token).submit(last.id, "a", f"key-{last.id}", "tab", {})
    assert (saved.repeated, type(saved.next)) == (True, Finished)


def test_the_same_answer_sent_by_eight_threads_at_once_is_stored_once(
    store: Store, study: str
) -> None:
    session = trained(store, *invite(store, study, 1))
    trial = first_trial(session)
    results, errors, start = [], [], threading.Barrier(8)

    def send() -> None:
        start.wait()
        try:
            results.append(session.submit(trial.id, "a", "the-key", "tab", {}))
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(saved.repeated for saved in results) == [False] + [True] * 7
    assert len({saved.next.id for saved in results}) == 1
    assert count(store, schema.judgement, schema.judgement.c.key == "the-key") == 1
    assert count(store, schema.assignment, schema.assignment.c.state == "leased") == 3


def test_a_reload_gives_the_same_trial_with_the_same_sides_and_flags_the_timer(
    store: Store, study: str
) -> None:
    (token,) = invite(store, study, 1)
    session = trained(store, token)
    upcoming = session.submit(first_trial(session).id, "a", "key-0", "tab", {}).next
    assert not upcoming.resumed
    again = Session.open(store, token).trial("tab")
    assert (again.id, again.slots, again.resumed) == (upcoming.id, upcoming.slots, True)
    looked(store, again.id, 900)
    session.submit(again.id, "a", "key-1", "tab", {"response_ms": 800, "timer_broken": False})
    with store.read() as connection:
        row = connection.execute(
            select(schema.judgement).where(schema.judgement.c.key == "key-1")
        ).one()
    assert (row.timer_broken, row.reloads, row.response_ms) == (True, 1, 800)


def test_two_trials_ahead_are_told_and_are_those_that_follow(store: Store, study: str) -> None:
    session = trained(store, *invite(store, study, 1))
    trial = first_trial(session)
    for number in range(19):
        promised = trial.following
        assert len(promised) == min(2, 19 - number)
        trial = session.submit(trial.id, "a", f"key-{number}", "tab", {}).next
        assert (trial.slots, *trial.following)[: len(promised)] == promised
    assert trial.following == ()


def test_trials_ahead_are_held_as_long_as_the_one_that_is_judged_and_then_by_others(
    sqlite_store: Store, run_folder: Path, clock: Clock
) -> None:
    """Of 6 pairs on one image, one rater at work holds three until 10 minutes after the last."""
    options = StudyOptions(
        "s", per_pair=1, images=1, crop=64, trials=6, golden=0.0, repeats=0.0, reference="hidden"
    )
    create_study(sqlite_store, run_folder, options)
    one, other = (trained(sqlite_store, token) for token in invite(sqlite_store, "s", 2))

    def held() -> list[int]:
        a = schema.assignment.c
        with sqlite_store.read() as connection:
            query = select(a.rater, func.count()).where(a.state == "leased").group_by(a.rater)
            return [count for _, count in connection.execute(query.order_by(a.rater))]

    trial = first_trial(one)
    for number in range(2):
        clock.pass_(minutes=9)
        trial = one.submit(trial.id, "a", f"key-{number}", "tab", {}).next
    # 18 minutes after the first leases the third trial and those ahead are held by no other
    assert (held()[0], len(trial.following)) == (3, 2)
    clock.pass_(minutes=11)
    assert len(judge(other, lambda trial: "a")) == 4
    assert one.trial("tab") == Finished(one.state().completion_code)


def test_a_second_tab_is_told_and_may_take_over(store: Store, study: str) -> None:
    session = trained(store, *invite(store, study, 1))
    trial = first_trial(session)
    assert session.trial("other tab") == Elsewhere()
    taken = session.trial("other tab", take_over=True)
    assert (taken.id, taken.slots) == (trial.id, trial.slots)
    assert session.trial("tab") == Elsewhere()
    # an answer of the old tab is not lost
    saved = session.submit(trial.id, "a", "key-0", "tab", {})
    assert (saved.repeated, saved.next) == (False, Elsewhere())


def test_trials_of_other_raters_are_out_of_reach(store: Store, study: str) -> None:
    mine, theirs = invite(store, study, 2)
    one, other = trained(store, mine), trained(store, theirs)
    trial, cache = first_trial(one), StimulusCache(store)
    with pytest.raises(NotYours):
        other.submit(trial.id, "a", "key-0", "tab", {})
    with pytest.raises(NotYours):
        one.submit("no such trial", "a", "key-0", "tab", {})
    for serving in trial.slots.values():
        assert cache.png(serving, mine).startswith(b"\x89PNG")
        assert cache.png(serving, theirs) is None
    assert cache.png("../../etc/passwd", mine) is None
    one.submit(trial.id, "a", "key-0", "tab", {})
    with pytest.raises(NotYours):
        other.submit(first_trial(other).id, "a", "key-0", "tab", {})  # a key of someone else


def test_serving_ids_are_new_for_each_rater_and_trial(store: Store, study: str) -> None:
    ids: list[str] = []
    for token in invite(store, study, 2):
        for trial in judge(trained(store, token), lambda trial: "a"):
            ids += trial.slots.values()
    # 2 raters, 20 trials, left and right; 16 random bytes are 22 letters
    assert (len(ids), len(set(ids)), {len(i) for i in ids}) == (80, 80, {22})


def test_an_illegal_answer_is_refused_and_nothing_is_stored(store: Store, study: str) -> None:
    session = trained(store, *invite(store, study, 1))
    trial = first_trial(session)
    for answer in ("same", "c", "A", "", "1"):  # the study has no ties
        with pytest.raises(NotAnAnswer, match="expected one of a, b"):
            session.submit(trial.id, answer, "key-0", "tab", {})
    assert not session.submit(trial.id, "a", "key-0", "tab", {}).repeated


def test_a_revision_supersedes_and_keeps_what_was_there(store: Store, study: str) -> None:
    session = trained(store, *invite(store, study, 1))
    with pytest.raises(NotNow, match="no answer to revise"):
        session.revise("rev-0", "a", "tab")  # training is not revised
    trial = first_trial(session)
    session.submit(trial.id, "a", "key-0", "tab", {})
    assert session.revise("rev-1", "b", "tab").answer_stored == "b"
    again = session.revise("rev-1", "a", "tab")
    assert (again.answer_stored, again.repeated) == ("b", True)
    session.revise("rev-2", "a", "tab")
    session.revise("rev-3", "b", "tab")
    with store.read() as connection:
        first = select(schema.judgement.c.answer).where(schema.judgement.c.key == "key-0")
        kept = select(schema.revision.c.answer).order_by(schema.revision.c.id)
        assert connection.execute(first).scalar_one() == "a"
        assert connection.execute(kept).scalars().all() == ["b", "a", "b"]
        row = connection.execute(select(schema.comparison).where(schema.comparison.c.done == 1))
        counted = row.one()
        # counted once, as it now stands
        assert counted.first_better + counted.second_better + counted.same == 1
    assert session.submit(trial.id, "a", "key-0", "tab", {}).answer_stored == "b"


def test_no_answer_took_longer_than_the_server_has_waited_for_it(
    store: Store, study: str, clock: Clock
) -> None:
    session = trained(store, *invite(store, study, 1))
    for number, (waited, claimed) in enumerate(((3.0, 2500), (0.2, 2500), (60.0, 2500))):
        trial = first_trial(session)
        clock.pass_(seconds=waited)
        session.submit(trial.id, "a", f"key-{number}", "tab", {"response_ms": claimed})
    with store.read() as connection:
        rows = connection.execute(
            select(schema.judgement.c.response_ms, schema.judgement.c.client)
            .where(schema.judgement.c.key.like("key-_"))
            .order_by(schema.judgement.c.id)
        ).all()
    # a reply may be late, so the page's own time counts where it is the shorter
    assert [(row.response_ms, row.client) for row in rows] == [
        (2500, {}),
        (200, {"claimed_ms": 2500}),
        (2500, {}),
    ]


def test_an_answer_is_revised_five_times_and_all_are_kept(store: Store, study: str) -> None:
    session = trained(store, *invite(store, study, 1))
    session.submit(first_trial(session).id, "a", "key-0", "tab", {})
    given = ["b", "a", "b", "a", "b"]
    for number, answer in enumerate(given):
        session.revise(f"rev-{number}", answer, "tab")
    with pytest.raises(RevisedEnough):
        session.revise("rev-5", "a", "tab")
    assert session.revise("rev-4", "b", "tab").repeated  # sent again: nothing new
    with store.read() as connection:
        kept = select(schema.revision.c.answer).order_by(schema.revision.c.id)
        assert connection.execute(kept).scalars().all() == given
    session.submit(first_trial(session).id, "a", "key-1", "tab", {})
    assert session.revise("rev-6", "b", "tab").answer_stored == "b"  # of the next answer, again


def test_after_closing_nothing_is_revised(store: Store, study: str) -> None:
    (token,) = invite(store, study, 1)
    session = trained(store, token)
    last = judge(session, lambda trial: "a")[-1]
    session.revise("rev-0", "b", "tab")
    close_study(store, study)
    before = judgements_csv(store, study)
    late = Session.open(store, token)  # who has finished may look at their code again
    with pytest.raises(RaterRefused) as caught:
        late.revise("rev-1", "a", "tab")
    assert (caught.value.kind, late.revise("rev-0", "a", "tab").answer_stored) == ("closed", "b")
    assert late.submit(last.id, "a", "key-late", "tab", {}).answer_stored == "b"
    assert judgements_csv(store, study) == before


def tried(session: Session, answer: Callable[[Trial], str]) -> list[Feedback]:
    """Answer the practice trials; return what was said of each."""
    said, step = [], session.trial("tab")
    while isinstance(step, Trial) and step.kind_for_client == "training":
        saved = session.submit(step.id, answer(step), f"key-{step.id}", "tab", {})
        assert saved.feedback is not None
        said.append(saved.feedback)
        step = saved.next
    assert isinstance(step, Trial)
    assert step.practice == session.trial("tab").practice  # type: ignore[union-attr]
    return said


def test_practice_that_was_failed_comes_again_until_it_is_passed_or_three_times_are_over(
    store: Store, study: str
) -> None:
    quick, stubborn, slow = (enter(store, token) for token in invite(store, study, 3))

    def right(trial: Trial) -> str:
        return right_answer(store, trial.id).code

    def wrong(trial: Trial) -> str:
        return {"a": "b", "b": "a"}[right(trial)]

    assert [given.right for given in tried(quick, right)] == [True] * 3
    # three trials, three times each; the third time says that there is no fourth
    said = tried(stubborn, wrong)
    assert [given.again for given in said] == [True] * 6 + [False] * 3
    seen: list[str] = []

    def second_time(trial: Trial) -> str:
        seen.append(trial.id)
        return wrong(trial) if len(seen) == 1 else right(trial)

    said = tried(slow, second_time)
    assert [(given.right, given.again) for given in said] == [(False, True)] + [(True, False)] * 3
    with store.read() as connection:
        found = connection.execute(select(schema.rater.c.practice)).scalars().all()
        (damage,) = {tuple(sorted({given.damage for given in said}))}
    assert found == ["passed", "failed", "passed"]
    assert damage == ("defocus", "motion", "noise")
    judge(stubborn, lambda trial: "a", 1)
    assert {row["practice"] for row in judgements(store, study)} == {"passed", "failed"}


def test_no_answer_is_taken_about_a_reference_that_was_not_looked_at(
    store: Store, run_folder: Path, clock: Clock
) -> None:
    create_study(store, run_folder, StudyOptions("s", **{**SMALL, "reference": "shown"}, trials=8))
    (token,) = invite(store, "s", 1)
    session = enter(store, token)
    trial = first_trial(session)
    claims = [{}, {"reference_ms": 499}, {"reference_ms": "long"}, {"reference_ms": 60_000}]
    for client in claims:  # the last one lies: by the server's clock no time has passed
        with pytest.raises(NotSeen):
            session.submit(trial.id, "a", "key-0", "tab", client)
    assert count(store, schema.judgement) == 0
    clock.pass_(seconds=0.6)
    told = {"reference_ms": 60_000, "reference_shown": 2, "layout": "a reference b"}
    assert not session.submit(trial.id, "a", "key-0", "tab", told).repeated
    with store.read() as connection:
        kept = connection.execute(select(schema.judgement)).one()
    assert (kept.layout, kept.reference_shown, kept.reference_ms) == ("a reference b", 2, 600)
    assert kept.client == {}
    # what was stored is said again, whatever comes with it
    assert session.submit(trial.id, "a", "key-0", "tab", {}).repeated


def test_an_expired_lease_is_honoured_while_there_is_room(
    store: Store, study: str, clock: Clock
) -> None:
    session = trained(store, *invite(store, study, 1))
    trial = first_trial(session)
    clock.pass_(hours=3)
    saved = session.submit(trial.id, "a", "key-0", "tab", {})
    assert (saved.answer_stored, saved.repeated, saved.next.number) == ("a", False, 2)


def test_an_expired_lease_that_went_to_another_is_refused_and_said(
    store: Store, run_folder: Path, clock: Clock
) -> None:
    # two models on one image, one judgement: room for one
    options = StudyOptions(
        "s", **{**SMALL, "images": 1}, per_pair=1, models=("ada", "bob"), trials=2
    )
    create_study(store, run_folder, options)
    tokens = invite(store, "s", 2)
    slow = trained(store, tokens[0])
    trial = first_trial(slow)
    clock.pass_(minutes=11)
    quick = trained(store, tokens[1])
    assert isinstance(quick.submit(first_trial(quick).id, "a", "key-q", "tab", {}).next, Finished)
    with pytest.raises(Expired):
        slow.submit(trial.id, "a", "key-s", "tab", {})
    assert count(store, schema.judgement, schema.judgement.c.key == "key-s") == 0
    assert isinstance(slow.trial("tab"), Finished)


def test_who_comes_back_late_gets_the_same_trial(store: Store, study: str, clock: Clock) -> None:
    (token,) = invite(store, study, 1)
    trial = first_trial(trained(store, token))
    clock.pass_(hours=20)
    again = Session.open(store, token).trial("tab")
    assert (again.id, again.slots, again.number) == (trial.id, trial.slots, 1)


def test_closing_stops_those_at_work_kindly(store: Store, study: str) -> None:
    session = trained(store, *invite(store, study, 1))
    trial = first_trial(session)
    session.submit(trial.id, "a", "key-0", "tab", {})
    held = first_trial(session)
    close_study(store, study)
    with pytest.raises(RaterRefused, match="closed") as caught:
        session.submit(held.id, "a", "key-1", "tab", {})
    assert caught.value.kind == "closed"
    with pytest.raises(RaterRefused):
        session.trial("tab")


def test_who_closing_stops_gets_a_code_for_what_they_did(store: Store, study: str) -> None:
    stopped, idle = invite(store, study, 2)
    session = trained(store, stopped)
    session.submit(first_trial(session).id, "a", "key-0", "tab", {})
    trained(store, idle).trial("tab")
    close_study(store, study)
    state = Session.open(store, stopped).state()
    assert (state.stage, state.done, len(state.completion_code)) == ("closed", 1, 8)
    with pytest.raises(RaterRefused) as caught:  # who has judged nothing has earned no code
        Session.open(store, idle)
    assert caught.value.kind == "closed"


def test_a_study_may_have_a_code_for_parts(store: Store, run_folder: Path) -> None:
    options = StudyOptions("s", **SMALL, trials=20, completion_code="ALL", partial_code="PART")
    create_study(store, run_folder, options)
    leaves, idle, stopped, stays = (trained(store, token) for token in invite(store, "s", 4))
    for session in (leaves, stopped):
        session.submit(first_trial(session).id, "a", f"key-{session.rater}", "tab", {})
    assert (leaves.withdraw(), idle.withdraw()) == ("PART", None)
    judge(stays, lambda trial: "a")
    close_study(store, "s")
    assert [s.state().completion_code for s in (stopped, stays)] == ["PART", "ALL"]


def test_without_a_code_for_parts_who_leaves_gets_none(store: Store, study: str) -> None:
    session = trained(store, *invite(store, study, 1))
    session.submit(first_trial(session).id, "a", "key-0", "tab", {})
    assert session.withdraw() is None


def small(store: Store, run_folder: Path, **options: object) -> None:
    """Make a study of one pair on four images: ``per_pair`` places, at most four for each rater."""
    given = {
        "per_pair": 4,
        "images": 4,
        "crop": 64,
        "reference": "hidden",
        "models": ("ada", "bob"),
        "trials": 4,
        "golden": 0.0,
        "repeats": 0.0,
        **options,
    }
    create_study(store, run_folder, StudyOptions("s", **given))


def test_while_what_is_left_is_with_others_a_rater_waits_and_then_goes_on(
    store: Store, run_folder: Path, clock: Clock
) -> None:
    small(store, run_folder)
    one, other = (trained(store, token) for token in invite(store, "s", 2))
    assert first_trial(one).total == 4
    assert other.trial("tab") == Waiting(15)  # a lease is of ten minutes; it asks before
    clock.pass_(minutes=9, seconds=57)
    assert other.trial("tab") == Waiting(3)
    clock.pass_(seconds=4)
    assert first_trial(other).total == 4
    assert one.trial("tab") == Waiting(15)  # and now the first one waits
    judge(other, lambda trial: "a")
    assert other.state().completion_code
    # there is nothing left, and no code for nothing
    assert one.trial("tab") == Finished(None)
    assert (one.state().stage, one.state().completion_code) == ("done", None)


def test_who_was_promised_four_judges_four_whoever_comes(store: Store, run_folder: Path) -> None:
    small(store, run_folder, per_pair=8)
    sessions = [trained(store, token) for token in invite(store, "s", 3)]
    first, second = first_trial(sessions[0]), first_trial(sessions[1])
    assert (first.total, second.total) == (4, 4)
    assert isinstance(sessions[2].trial("tab"), Waiting)
    for session in sessions[:2]:
        assert [trial.number for trial in judge(session, lambda trial: "a")] == [1, 2, 3, 4]
        assert session.state().stage == "done"


def test_who_can_be_given_two_is_told_so_from_the_start(store: Store, run_folder: Path) -> None:
    small(store, run_folder, per_pair=6)
    one, other = (trained(store, token) for token in invite(store, "s", 2))
    assert first_trial(one).total == 4
    assert first_trial(other).total == 2
    assert (one.state().total, other.state().total) == (4, 2)
    assert len(judge(other, lambda trial: "a")) == 2
    assert (other.state().stage, len(other.state().completion_code)) == ("done", 8)


def test_half_open_sessions_of_a_crowd_hold_half_of_the_places_at_most(
    store: Store, run_folder: Path, clock: Clock
) -> None:
    options = StudyOptions("s", **{**SMALL, "images": 3}, per_pair=6, trials=8)
    made = create_study(store, run_folder, options)  # 6 pairs of 6: 36 places
    crowd = [
        trained(store, prolific_entry(store, made.entry_token, f"made up {number}"))
        for number in range(20)
    ]
    steps = [session.trial("tab") for session in crowd]
    assert 1 <= sum(isinstance(step, Trial) for step in steps) <= 3
    assert {type(step) for step in steps} == {Trial, Waiting}
    invited = trained(store, *invite(store, "s", 1))
    assert first_trial(invited).total == 8
    assert len(judge(invited, lambda trial: "a")) == 8
    assert invited.state().completion_code
    # who has begun to judge is no longer half open, and the next one gets in
    for session, step in zip(crowd, steps, strict=True):
        if isinstance(step, Trial):
            judge(session, lambda trial: "a", 1)
    assert sum(isinstance(session.trial("tab"), Trial) for session in crowd) > sum(
        isinstance(step, Trial) for step in steps
    )
    # and what nobody answers comes free by itself
    clock.pass_(minutes=11)
    late = trained(store, *invite(store, "s", 1))
    assert first_trial(late).total == 8


def test_withdrawing_frees_leases_and_keeps_judgements(store: Store, study: str) -> None:
    (token,) = invite(store, study, 1)
    session = trained(store, token)
    session.submit(first_trial(session).id, "a", "key-0", "tab", {})
    session.withdraw()
    assert count(store, schema.assignment, schema.assignment.c.state == "leased") == 0
    assert count(store, schema.judgement) == 4
    with pytest.raises(RaterRefused) as caught:
        Session.open(store, token)
    assert caught.value.kind == "withdrawn"


def test_erasing_removes_one_rater_and_nothing_else(store: Store, study: str) -> None:
    tokens = invite(store, study, 2)
    gone, stays = (trained(store, token) for token in tokens)
    judge(gone, lambda trial: "a", 5)
    gone.revise("rev-0", "b", "tab")
    judge(stays, lambda trial: "b", 4)
    assert erase(store, study, gone.rater) == 3 + 5
    with store.read() as connection:
        raters = connection.execute(select(schema.assignment.c.rater).distinct()).scalars().all()
        events = connection.execute(select(schema.event.c.what, schema.event.c.rater)).all()
        taken, done = connection.execute(
            select(func.sum(schema.comparison.c.taken), func.sum(schema.comparison.c.done))
        ).one()
        room = connection.execute(select(func.sum(schema.item.c.room))).scalar()
        main = connection.execute(
            select(func.count()).where(schema.assignment.c.kind == "main")
        ).scalar()
    assert raters == [stays.rater]
    assert count(store, schema.judgement) == 3 + 4
    assert count(store, schema.revision) == 0
    assert [tuple(e) for e in events if e.what == "erased"] == [("erased", None)]
    assert (taken, room) == (main, 72 - main)  # 6 pairs of 12
    assert done <= 4  # less if one of the four was golden
    with pytest.raises(RaterRefused) as caught:
        Session.open(store, tokens[0])
    assert caught.value.kind == "wrong"


def test_consent_and_checks_keep_their_first_time_and_their_last_finding(
    store: Store, study: str, clock: Clock
) -> None:
    session = enter(store, *invite(store, study, 1))
    clock.pass_(minutes=5)
    session.consent()
    session.checked({"dpr": 1.5})
    with store.read() as connection:
        row = connection.execute(select(schema.rater)).one()
    assert (clock.now - row.consented).total_seconds() == 300
    assert row.screen == {"dpr": 1.5}
