"""From a run to a study."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import func, select

from bench.core.errors import BenchError
from bench.image import read
from bench.runs.store import RunFolder
from raters.database import schema
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.export import judgements_csv
from raters.studies.secret import new_secret
from tests.support.studies import small_run


def rows(store: Store, table: object, **where: object) -> list:
    with store.read() as connection:
        query = select(table)
        for key, value in where.items():
            query = query.where(table.c[key] == value)
        return list(connection.execute(query))


def decoded(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def test_quotas_sum_exactly_to_the_judgements_of_each_pair(
    sqlite_store: Store, run_folder: Path
) -> None:
    made = create_study(sqlite_store, run_folder, StudyOptions("s", per_pair=10, images=4, crop=64))
    # 4 models: 6 pairs; 10 judgements over 4 images: 3, 3, 2, 2
    assert (made.items, made.judgements) == (24, 60)
    quotas: dict[int, list[int]] = {}
    for item in rows(sqlite_store, schema.item, kind="main"):
        quotas.setdefault(item.comparison, []).append(item.quota)
    assert [sorted(q) for q in quotas.values()] == [[2, 2, 3, 3]] * 6


def test_fewer_judgements_than_images_are_spread_over_the_images(
    sqlite_store: Store, run_folder: Path
) -> None:
    create_study(sqlite_store, run_folder, StudyOptions("s", per_pair=2, images=4, crop=64))
    items = rows(sqlite_store, schema.item, kind="main")
    # 6 pairs of 2 on 4 images: 3 for each image
    assert sorted(Counter(item.content for item in items).values()) == [3, 3, 3, 3]
    assert {item.quota for item in items} == {1}


def test_in_acr_each_stimulus_is_rated_and_a_hidden_reference_with_them(
    sqlite_store: Store, run_folder: Path
) -> None:
    options = StudyOptions("s", protocol="acr", per_pair=3, images=2, crop=64)
    made = create_study(sqlite_store, run_folder, options)
    # 4 models and the reference on 2 images, 3 ratings of each
    assert (made.items, made.judgements) == (10, 30)
    assert {m.label for m in rows(sqlite_store, schema.method)} == {
        "ada",
        "bob",
        "cyd",
        "dan",
        "reference",
    }


def test_stimuli_are_the_runs_pixels_and_crops_are_the_same_for_all_models(
    sqlite_store: Store, run_folder: Path
) -> None:
    create_study(sqlite_store, run_folder, StudyOptions("s", images=4, crop=64))
    run = RunFolder(run_folder)
    labels = {m.id: m.label for m in rows(sqlite_store, schema.method)}
    for content in rows(sqlite_store, schema.content):
        stimuli = rows(sqlite_store, schema.stimulus, content=content.id)
        assert len({len(stimulus.png) for stimulus in stimuli}) == 1
        assert {decoded(stimulus.png).shape for stimulus in stimuli} == {(64, 64, 3)}
        window = np.s_[content.top : content.top + 64, content.left : content.left + 64]
        seen = set()
        for stimulus in stimuli:
            if stimulus.kind == "method":
                whole = read(run.image_path(labels[stimulus.method], content.image))
                assert np.array_equal(decoded(stimulus.png), whole[window])
                seen.add(labels[stimulus.method])
        assert seen == {"ada", "bob", "cyd", "dan"}


def test_crops_follow_from_the_seed(sqlite_store: Store, run_folder: Path) -> None:
    def crops(name: str, seed: int) -> list:
        create_study(sqlite_store, run_folder, StudyOptions(name, images=3, crop=64, seed=seed))
        key = sqlite_store.study(name).id
        return [
            (c.image, c.top, c.left, c.chosen)
            for c in rows(sqlite_store, schema.content, study=key)
        ]

    assert crops("one", 7) == crops("two", 7)
    assert len({tuple(crops(f"seed{seed}", seed)) for seed in range(6)}) > 1


def test_half_is_chosen_where_models_differ_most(tmp_path: Path, sqlite_store: Store) -> None:
    run = small_run(tmp_path / "run", images=6, clusters=6)
    # in image4 only, one model is wrong in one corner
    path = run.image_path("dan", "image4")
    pixels = read(path)
    pixels[8:72, 24:88] = 255 - pixels[8:72, 24:88]
    cv2.imwrite(str(path), pixels[:, :, ::-1])
    create_study(sqlite_store, run.path, StudyOptions("s", images=4, crop=64))
    contents = rows(sqlite_store, schema.content)
    assert [c.chosen for c in contents] == ["differ", "differ", "random", "random"]
    assert (contents[0].image, contents[0].top, contents[0].left) == ("image4", 8, 24)


def test_clusters_are_spread_evenly(tmp_path: Path, sqlite_store: Store) -> None:
    run = small_run(tmp_path / "run", images=12, clusters=3)
    create_study(sqlite_store, run.path, StudyOptions("s", images=6, crop=64))
    clusters = Counter(c.cluster for c in rows(sqlite_store, schema.content))
    assert clusters == {"cluster0": 2, "cluster1": 2, "cluster2": 2}


def test_a_model_without_an_output_is_left_out_of_that_image_and_this_is_said(
    tmp_path: Path, sqlite_store: Store
) -> None:
    run = small_run(tmp_path / "run", missing=[("bob", 2)])
    made = create_study(sqlite_store, run.path, StudyOptions("s", per_pair=12, images=4, crop=64))
    assert "bob is left out of image2: it has no output there" in made.notes
    # 3 pairs have 4 images, the 3 of bob have 3; each pair has its 12 judgements all the same
    assert (made.items, made.judgements) == (3 * 4 + 3 * 3, 72)


def test_a_model_without_any_output_is_left_out_with_its_reason(
    tmp_path: Path, sqlite_store: Store
) -> None:
    run = small_run(tmp_path / "run", missing=[("bob", n) for n in range(4)])
    record = run.record()
    bob = replace(record.models["bob"], state="not applicable", reason="no PSF")
    run.write_record(replace(record, models={**record.models, "bob": bob}))
    made = create_study(sqlite_store, run.path, StudyOptions("s", images=2, crop=64))
    assert made.models == ("ada", "cyd", "dan")
    assert "bob is left out: not applicable: no PSF" in made.notes


def test_equal_outputs_are_noted(tmp_path: Path, sqlite_store: Store) -> None:
    run = small_run(tmp_path / "run", images=1)
    run.image_path("bob", "image0").write_bytes(run.image_path("ada", "image0").read_bytes())
    made = create_study(sqlite_store, run.path, StudyOptions("s", images=1, crop=64))
    assert "ada and bob have equal pixels in image0" in made.notes


def test_a_crop_too_large_is_reduced_and_noted(sqlite_store: Store, run_folder: Path) -> None:
    made = create_study(sqlite_store, run_folder, StudyOptions("s", images=1, crop=512))
    assert "1 images are smaller than the crop of 512: 96x80" in made.notes
    study = sqlite_store.study("s")
    assert (study.height, study.width) == (80, 96)


def test_without_references_golden_trials_come_from_an_output(
    tmp_path: Path, sqlite_store: Store
) -> None:
    run = small_run(tmp_path / "run", references=False)
    create_study(sqlite_store, run.path, StudyOptions("s", images=4, crop=64))
    kinds = Counter(i.kind for i in rows(sqlite_store, schema.item))
    # 5 % of 60 trials are 3 golden ones in a session; twice as many are kept, and 3 for training
    assert (kinds["golden"], kinds["training"]) == (6, 3)
    assert not rows(sqlite_store, schema.stimulus, kind="reference")
    assert sqlite_store.study("s").question == "Which image looks better?"


def test_known_answers_are_known(sqlite_store: Store, run_folder: Path) -> None:
    create_study(sqlite_store, run_folder, StudyOptions("s", images=4, crop=64))
    stimuli = {s.id: s for s in rows(sqlite_store, schema.stimulus)}
    known = [i for i in rows(sqlite_store, schema.item) if i.kind in ("golden", "training")]
    for item in known:
        better, worse = stimuli[item.first], stimuli[item.second]
        assert (better.kind, worse.kind, item.correct) == ("copy", item.kind, ["a"])
        difference = decoded(better.png).astype(float) - decoded(worse.png)
        assert np.abs(difference).mean() > 4


def test_no_stimulus_has_the_pixels_of_another(sqlite_store: Store, run_folder: Path) -> None:
    create_study(sqlite_store, run_folder, StudyOptions("s", images=4, crop=64))
    stimuli = rows(sqlite_store, schema.stimulus)
    # a golden trial would be known by an image that is the reference shown beside it
    assert len({decoded(s.png).tobytes() for s in stimuli}) == len(stimuli) > 20


def test_of_two_studies_with_one_seed_the_crops_are_all_that_is_the_same(
    sqlite_store: Store, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raters.studies.creation.new_secret", new_secret)  # its own for each

    def told(name: str) -> tuple[list, list, set]:
        create_study(
            sqlite_store, run_folder, StudyOptions(name, images=4, crop=64, golden=0.2, seed=7)
        )
        key = sqlite_store.study(name).id
        content = {c.id: c for c in rows(sqlite_store, schema.content, study=key)}
        labels = {m.id: m.label for m in rows(sqlite_store, schema.method)}
        pairs = {
            c.id: (labels[c.first], labels[c.second])
            for c in rows(sqlite_store, schema.comparison, study=key)
        }
        items = sorted(rows(sqlite_store, schema.item, study=key), key=lambda item: item.rank)
        order = [(pairs[i.comparison], content[i.content].image) for i in items if i.comparison]
        known = {
            decoded(s.png).tobytes()
            for s in rows(sqlite_store, schema.stimulus)
            if s.content in content and s.kind not in ("method", "reference")
        }
        return [(c.image, c.top, c.left) for c in content.values()], order, known

    (crops, order, known), (same, other, more) = told("one"), told("two")
    assert crops == same
    assert order != other
    assert sorted(order) == sorted(other)
    assert not known & more


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"models": ("ada", "bbo")}, "no model 'bbo'; did you mean 'bob'?"),
        ({"models": ("ada",)}, "two models or more"),
        ({"name": "a b"}, "names no study"),
        ({"per_pair": 0}, "--per-pair 0 is too small"),
        ({"crop": 32}, "--crop 32 is too small; at least 64"),
        ({"golden": 0.4, "repeats": 0.2}, "less than half"),
        ({"protocol": "pairs"}, "did you mean 'pair'?"),
        ({"protocol": "acr", "assignment": "active"}, "chooses among pairs"),
        ({"protocol": "dcr", "reference": "hidden"}, "rates beside a reference"),
        ({"protocol": "acr", "ties": True}, "--ties is for pairs"),
        ({"lease": 0.0}, "leaves no time"),
    ],
)
def test_options_that_make_no_study_are_refused(
    sqlite_store: Store, run_folder: Path, changed: dict, message: str
) -> None:
    with pytest.raises(BenchError) as caught:
        create_study(sqlite_store, run_folder, StudyOptions(**{"name": "s", **changed}))
    assert message in str(caught.value)
    assert not rows(sqlite_store, schema.study)


def test_no_run_says_so(sqlite_store: Store, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no run at .*run\.json is missing"):
        create_study(sqlite_store, tmp_path / "nothing", StudyOptions("s"))


def test_images_smaller_than_64_pixels_are_refused(tmp_path: Path, sqlite_store: Store) -> None:
    run = small_run(tmp_path / "run", size=(60, 96))
    with pytest.raises(BenchError, match="is 96x60, smaller than 64 pixels"):
        create_study(sqlite_store, run.path, StudyOptions("s"))


def test_a_reference_cannot_be_shown_where_there_is_none(
    tmp_path: Path, sqlite_store: Store
) -> None:
    run = small_run(tmp_path / "run", references=False, images=1)
    with pytest.raises(BenchError, match="no references for all of its images"):
        create_study(sqlite_store, run.path, StudyOptions("s", protocol="dcr"))


def test_a_name_is_taken_once(store: Store, run_folder: Path) -> None:
    create_study(store, run_folder, StudyOptions("s", images=1, crop=64))
    with pytest.raises(BenchError, match="there is a study 's' already"):
        create_study(store, run_folder, StudyOptions("s", images=1, crop=64))
    create_study(store, run_folder, StudyOptions("t", images=1, crop=64))
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.study)).scalar() == 2


def test_numbers_in_the_database_follow_no_order_of_the_models(
    tmp_path: Path, sqlite_store: Store
) -> None:
    # 12 studies of 4 models: all in one order has a chance of (1/24)^11
    run = small_run(tmp_path / "run", images=1)
    orders = set()
    for number in range(12):
        create_study(sqlite_store, run.path, StudyOptions(f"s{number}", images=1, crop=64))
        key = sqlite_store.study(f"s{number}").id
        methods = rows(sqlite_store, schema.method, study=key)
        orders.add(tuple(m.label for m in sorted(methods, key=lambda m: m.id)))
    assert len(orders) > 1


def test_every_comparison_comes_once_before_any_comes_twice(
    sqlite_store: Store, run_folder: Path
) -> None:
    create_study(sqlite_store, run_folder, StudyOptions("s", per_pair=8, images=4, crop=64))
    items = sorted(rows(sqlite_store, schema.item, kind="main"), key=lambda item: item.rank)
    turns = [{i.comparison for i in items[at : at + 6]} for at in range(0, 24, 6)]
    assert [len(turn) for turn in turns] == [6, 6, 6, 6]


def test_closing_twice_is_logged_once(store: Store, run_folder: Path) -> None:
    create_study(store, run_folder, StudyOptions("s", images=1, crop=64))
    close_study(store, "s")
    close_study(store, "s")
    assert [e.what for e in rows(store, schema.event)] == ["created", "closed"]
    assert judgements_csv(store, "s").count("\n") == 1  # the header


@pytest.mark.parametrize(
    ("crowd", "said"),
    [
        (0, "--crowd 0 lets nobody in; expected 1 or more"),
        (-3, "--crowd -3 lets nobody in"),
        # 6 pairs of 4 models, 2 judgements of each
        (13, "--crowd 13: the study has 12 judgements, so not all of them could judge anything"),
    ],
)
def test_a_crowd_that_cannot_judge_is_refused_and_no_study_is_made(
    sqlite_store: Store, run_folder: Path, crowd: int, said: str
) -> None:
    options = StudyOptions("s", per_pair=2, images=2, crop=64, trials=4, crowd=crowd)
    with pytest.raises(BenchError, match=said):
        create_study(sqlite_store, run_folder, options)
    with sqlite_store.read() as connection:
        assert connection.execute(select(schema.study)).all() == []
    create_study(sqlite_store, run_folder, replace(options, crowd=12))
