"""Quotas, leases, sides and the plan of a session."""

from __future__ import annotations

import multiprocessing
import random
import threading
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from raters.database import schema
from raters.database.schema import GOLDEN, REPEAT
from raters.database.store import Store
from raters.studies import creation
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from raters.trials.assignment import Chooser
from raters.trials.plan import REPEAT_GAP
from raters.trials.quota import Counts
from raters.trials.session import Finished, Session, Trial
from raters.trials.views import view_study
from tests.raters.conftest import Clock
from tests.support.studies import judge, small_run, trained


def check_counters(store: Store) -> None:
    """The counters say what the rows say, and no quota is exceeded."""
    a, i = schema.assignment.c, schema.item.c
    with store.read() as connection:
        live = (
            select(a.item, func.count().label("n"))
            .where(a.kind == "main", a.state != "released")
            .group_by(a.item)
            .subquery()
        )
        for row in connection.execute(
            select(i.quota, i.room, live.c.n)
            .outerjoin(live, live.c.item == i.id)
            .where(i.kind == "main")
        ):
            assert row.quota - (row.n or 0) == row.room >= 0
        counted = {
            row.comparison: row
            for row in connection.execute(
                select(
                    i.comparison,
                    func.count(a.id).label("taken"),
                    func.count(schema.judgement.c.id).label("done"),
                )
                .join(schema.assignment, a.item == i.id)
                .outerjoin(schema.judgement, schema.judgement.c.assignment == a.id)
                .where(a.kind == "main", a.state != "released")
                .group_by(i.comparison)
            )
        }
        for row in connection.execute(select(schema.comparison)):
            one = counted.get(row.id)
            assert (row.taken, row.done) == ((one.taken, one.done) if one else (0, 0))
            assert row.first_better + row.second_better + row.same == row.done
            assert row.taken <= row.quota


# --- what raters get ------------------------------------------------------------------------------


@pytest.fixture
def busy(sqlite_store: Store, run_folder: Path) -> Store:
    options = StudyOptions("s", per_pair=16, images=4, crop=64, trials=24, golden=0.1, repeats=0.1)
    create_study(sqlite_store, run_folder, options)
    return sqlite_store


def assignments(store: Store) -> list:
    with store.read() as connection:
        return list(
            connection.execute(
                select(
                    schema.assignment,
                    schema.item.c.comparison,
                    schema.comparison.c.first,
                    schema.comparison.c.second,
                    schema.item.c.correct,
                )
                .join(schema.item, schema.item.c.id == schema.assignment.c.item)
                .outerjoin(schema.comparison, schema.comparison.c.id == schema.item.c.comparison)
                .order_by(schema.assignment.c.id)
            )
        )


def test_nobody_sees_a_pair_twice_but_for_repeats_with_sides_swapped(busy: Store) -> None:
    for token in invite(busy, "s", 4):
        judge(trained(busy, token), lambda trial: "a")
    rows = {row.id: row for row in assignments(busy)}
    once = Counter((row.rater, row.item) for row in rows.values() if row.kind != "repeat")
    assert set(once.values()) == {1}
    repeats = [row for row in rows.values() if row.kind == "repeat"]
    assert len(repeats) == 4 * 2  # 10 % of 24
    for row in repeats:
        first = rows[row.repeat_of]
        assert (first.rater, first.item, first.swapped) == (row.rater, row.item, not row.swapped)
        assert row.position - first.position >= REPEAT_GAP


def test_sides_are_balanced_for_each_pair_and_each_rater(busy: Store) -> None:
    for token in invite(busy, "s", 5):
        judge(trained(busy, token), lambda trial: "a")
    by_pair: dict[int, int] = defaultdict(int)
    by_model: dict[tuple[int, int], int] = defaultdict(int)
    for row in assignments(busy):
        if row.kind == "main":
            side = -1 if row.swapped else 1
            by_pair[row.comparison] += side
            by_model[row.rater, row.first] += side
            by_model[row.rater, row.second] -= side
    assert len(by_pair) == 6
    assert max(map(abs, by_pair.values())) <= 2  # of 16: at worst 9 on one side, 7 on the other
    assert max(map(abs, by_model.values())) <= 3  # of 10 or so
    check_counters(busy)


def test_right_answers_of_golden_trials_take_turns(busy: Store) -> None:
    for token in invite(busy, "s", 4):
        judge(trained(busy, token), lambda trial: "a")
    sides: dict[int, list[bool]] = defaultdict(list)
    for row in assignments(busy):
        if row.kind == "golden":
            sides[row.rater].append(row.swapped)
    # 10 % of 24 is 2: one on each side
    assert [sorted(side) for side in sides.values()] == [[False, True]] * 4


def test_the_least_judged_come_first(busy: Store) -> None:
    (token,) = invite(busy, "s", 1)
    judge(trained(busy, token), lambda trial: "a", 12)
    with busy.read() as connection:
        taken = connection.execute(select(schema.comparison.c.taken)).scalars().all()
    # all 6 pairs are judged equally often, to within one, at any moment
    assert max(taken) - min(taken) <= 1


@pytest.mark.parametrize(("order", "raters"), [("balanced", 1), ("balanced", 3), ("active", 1)])
def test_images_take_turns(sqlite_store: Store, tmp_path: Path, order: str, raters: int) -> None:
    """Of 12 images most come within the first trials; none is three ahead or comes too soon."""
    run = small_run(tmp_path / "run", models=tuple("abcdefg"), images=12, clusters=12)
    options = StudyOptions(
        "s",
        per_pair=20,
        images=12,
        crop=64,
        trials=60,
        golden=0.1,
        repeats=0.1,
        assignment=order,
    )
    create_study(sqlite_store, run.path, options)
    for token in invite(sqlite_store, "s", raters):
        judge(trained(sqlite_store, token), lambda trial: "a", 60)
    with sqlite_store.read() as connection:
        rows = connection.execute(
            select(schema.assignment.c.rater, schema.assignment.c.kind, schema.item.c.content)
            .join(schema.item, schema.item.c.id == schema.assignment.c.item)
            .where(schema.assignment.c.kind != "training")
            .order_by(schema.assignment.c.rater, schema.assignment.c.position)
        ).all()
    by_rater = [[r.content for r in rows if r.rater == one] for one in {r.rater for r in rows}]
    for images in by_rater:
        met = Counter(images)
        assert (len(images), len(met)) == (60, 12)
        assert len(set(images[:14])) >= 8
        assert max(met.values()) - min(met.values()) <= 2
        assert all(images[at] not in images[at - 4 : at] for at in range(4, 60))


@pytest.mark.parametrize("order", ["balanced", "active"])
def test_golden_trials_and_repeats_come_with_images_as_all_others_do(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    """Where an image comes again: is it ahead of others, was the one before, how long is it ago?

    Each share of a kind is within 3.3 standard errors of that of main trials (p = 0.001).
    """
    run = small_run(tmp_path / "run", models=tuple("abcdefg"), images=12, clusters=12)
    seen: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    for number in range(3):
        monkeypatch.setattr(creation, "new_secret", lambda number=number: f"{number:064x}")
        options = StudyOptions(
            f"s{number}",
            per_pair=60,
            images=12,
            crop=64,
            trials=60,
            golden=0.15,
            repeats=0.15,
            assignment=order,
        )
        name = create_study(sqlite_store, run.path, options).name
        for rater in numbers_of(sqlite_store, name, 6):
            images: list[int] = []
            ahead = False
            for kind, image in session_of(sqlite_store, name, rater):
                before, met = ahead, Counter(images)
                ahead = met[image] > min(met[one] for one in range(1, 13))
                if image in images:
                    soon = images[::-1].index(image) < 9
                    seen[kind].append((ahead, before, soon))
                images.append(image)
    shares = {kind: np.mean(rows, axis=0) for kind, rows in seen.items()}
    assert set(shares) == {"main", GOLDEN, REPEAT}
    for kind in (GOLDEN, REPEAT):
        of = 1 / len(seen[kind]) + 1 / len(seen["main"])
        pooled = np.mean([*seen[kind], *seen["main"]], axis=0)
        apart = np.abs(shares[kind] - shares["main"]) / np.sqrt(pooled * (1 - pooled) * of)
        assert (apart < 3.3).all(), (kind, shares)


def numbers_of(store: Store, study: str, count: int) -> list[int]:
    """Invite raters; return their numbers."""
    invite(store, study, count)
    with store.read() as connection:
        of = schema.rater.c.study == store.study(study).id
        return list(connection.execute(select(schema.rater.c.id).where(of)).scalars())


def session_of(store: Store, study: str, rater: int) -> list[tuple[str, int]]:
    """Return kind and image (from 1) of each trial of a rater who answers all of them."""
    with store.write() as connection:
        rules = view_study(connection, store.study(study).id).rules
        first = connection.execute(
            select(func.min(schema.content.c.id)).where(schema.content.c.study == rules.study)
        ).scalar_one()
        chooser = Chooser(store, connection, rules, rater, counts=Counts())
        while held := chooser.fill(rules.trials, hold=1):
            next(row for row in chooser.own if row.id == held[0]).state = schema.DONE
        return [(row.kind, row.content - first + 1) for row in chooser.own]


def test_a_full_study_has_exactly_its_quotas(busy: Store) -> None:
    finished = 0
    for token in invite(busy, "s", 8):
        session = trained(busy, token)
        judge(session, lambda trial: "b")
        finished += isinstance(session.trial("tab"), Finished)
    with busy.read() as connection:
        done = connection.execute(select(schema.comparison.c.done)).scalars().all()
    assert done == [16] * 6
    assert finished == 8
    check_counters(busy)


@pytest.mark.parametrize("protocol", ["acr", "dcr"])
def test_ratings_fill_their_quotas(sqlite_store: Store, run_folder: Path, protocol: str) -> None:
    options = StudyOptions("s", protocol=protocol, per_pair=2, images=2, crop=64, trials=12)
    create_study(sqlite_store, run_folder, options)
    for token in invite(sqlite_store, "s", 2):
        answered = judge(trained(sqlite_store, token), lambda trial: "4")
        wanted = {"a", "reference"} if protocol == "dcr" else {"a"}
        assert all(set(trial.slots) == wanted for trial in answered)
    with sqlite_store.read() as connection:
        room = connection.execute(
            select(schema.item.c.room).where(schema.item.c.kind == "main")
        ).scalars()
        # acr: 4 models and the hidden reference on 2 images; dcr: 4 models
        assert list(room) == [0] * (10 if protocol == "acr" else 8)


def test_active_asks_about_close_models_more(sqlite_store: Store, run_folder: Path) -> None:
    options = StudyOptions(
        "s", per_pair=40, images=4, crop=64, trials=24, golden=0, repeats=0, assignment="active"
    )
    create_study(sqlite_store, run_folder, options)
    strength = {"ada": 6.0, "bob": 5.8, "cyd": 0.2, "dan": 0.0}
    with sqlite_store.read() as connection:
        labels = {m.id: m.label for m in connection.execute(select(schema.method))}
        stimuli = dict(
            connection.execute(select(schema.stimulus.c.id, schema.stimulus.c.method)).all()
        )

    def better(trial: Trial) -> str:
        with sqlite_store.read() as connection:
            shown = {
                slot: strength.get(
                    labels.get(
                        stimuli[
                            connection.execute(
                                select(schema.serving.c.stimulus).where(
                                    schema.serving.c.id == serving
                                )
                            ).scalar_one()
                        ]
                    ),
                    9.0,
                )
                for slot, serving in trial.slots.items()
            }
        close = abs(shown["a"] - shown["b"]) < 1
        return random.Random(trial.id).choice("ab") if close else max("ab", key=shown.get)

    for token in invite(sqlite_store, "s", 5):
        judge(trained(sqlite_store, token), better)
    with sqlite_store.read() as connection:
        done = {
            frozenset((labels[r.first], labels[r.second])): r.done
            for r in connection.execute(select(schema.comparison))
        }
    close = done[frozenset(("ada", "bob"))] + done[frozenset(("cyd", "dan"))]
    # 2 of 6 pairs are close: evenly they would get a third of the 120 (each rater has 24 items)
    assert sum(done.values()) == 5 * 24
    assert close >= 40
    check_counters(sqlite_store)


# --- at the same time -----------------------------------------------------------------------------


def work(address: str, tokens: list[str], tab: str) -> None:
    """Judge everything that is given to each of several raters."""
    store = Store(address)
    for token in tokens:
        judge(trained(store, token), lambda trial: "a")
    store.close()


def test_quotas_hold_with_eight_threads(store: Store, run_folder: Path) -> None:
    options = StudyOptions("s", per_pair=6, images=3, crop=64, trials=8)
    create_study(store, run_folder, options)
    errors = []

    def judge_all(token: str) -> None:
        try:
            judge(trained(store, token), lambda trial: "a")
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    # 6 pairs of 6 judgements are 36; 8 raters want 8 each
    threads = [threading.Thread(target=judge_all, args=(t,)) for t in invite(store, "s", 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    check_counters(store)
    with store.read() as connection:
        assert connection.execute(select(func.sum(schema.comparison.c.done))).scalar() <= 36


@pytest.mark.slow
def test_quotas_hold_with_three_processes(store: Store, run_folder: Path, address: str) -> None:
    create_study(store, run_folder, StudyOptions("s", per_pair=6, images=3, crop=64, trials=8))
    tokens = invite(store, "s", 9)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["raters.trials.session", "tests.support.studies", __name__])
    processes = [
        context.Process(target=work, args=(address, tokens[at::3], f"tab{at}")) for at in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    check_counters(store)
    with store.read() as connection:
        # 9 raters of 8 trials are more than 36: all places are filled once the last ones came
        assert connection.execute(select(func.sum(schema.comparison.c.done))).scalar() == 36


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("jjjrtw"), st.integers(0, 15)),
        min_size=5,
        max_size=14,
    )
)
def test_whatever_raters_do_the_counters_stay_true(
    tmp_path_factory: pytest.TempPathFactory,
    run_folder: Path,
    steps: list[tuple[int, str, int]],
) -> None:
    """j: judge, r: revise, t: reload, w: withdraw; after each step so many minutes pass."""
    clock = Clock()
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('db')}/studies.db", clock)
    options = StudyOptions(
        "s", per_pair=2, images=2, crop=64, trials=6, models=("ada", "bob", "cyd")
    )
    create_study(store, run_folder, options)
    sessions: list[Session | None] = [trained(store, token) for token in invite(store, "s", 3)]
    for number, (who, what, minutes) in enumerate(steps):
        session = sessions[who]
        if session is None:
            continue
        if what == "w":
            session.withdraw()
            sessions[who] = None
        elif what == "r" and session.state().done:
            session.revise(f"rev-{number}", "b", "tab")
        elif what == "t":
            session.trial("tab")
        else:
            judge(session, lambda trial: "a", 1)
        check_counters(store)
        clock.pass_(minutes=minutes)
    store.close()
