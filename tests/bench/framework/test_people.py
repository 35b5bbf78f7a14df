"""A closed study and the run that it was made of, joined."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.framework.people import read_study
from bench.image import read, write_png
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.statistics.analyse import analyse
from raters.statistics.ratings import RatingAnalysis
from raters.studies.answers import read_answers
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from tests.support.studies import judge, preferring, small_run, trained

STRENGTH = {"ada": 2.4, "bob": 0.8, "cyd": -0.8, "dan": -2.4}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return small_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def db(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two closed studies of the run, of pairs and of ratings, and an open one."""
    path = str(tmp_path_factory.mktemp("db") / "studies.db")
    store = Store(path)
    for name, protocol in (("pairs", "pair"), ("rated", "acr")):
        options = StudyOptions(name, protocol, per_pair=40, trials=30, images=4, crop=64)
        create_study(store, run.path, options)
        for number, token in enumerate(invite(store, name, 6)):
            judge(trained(store, token), preferring(store, STRENGTH, number))
        close_study(store, name)
    create_study(store, run.path, StudyOptions("open", images=4, crop=64))
    store.close()
    return path


def test_the_scale_is_that_of_the_votes_best_first(db: str, run: RunFolder) -> None:
    found = read_study(db, "pairs", run, samples=200)
    assert found.models == ("ada", "bob", "cyd", "dan")
    alone = analyse(read_answers(Store(db), "pairs").votes(), samples=200)
    assert found.value == pytest.approx([m.value for m in alone.methods])
    assert found.draws == pytest.approx(alone.draws)
    assert (found.unit, found.draws.shape) == ("log odds", (200, 4))
    assert (found.low < found.value).all()
    assert (found.value < found.high).all()
    # images share scenes, so scenes are resampled
    assert found.analysis.resampled == ("raters", "scenes")
    assert set(found.flags) == set(found.answers.raters)


def test_of_ratings_the_models_alone_are_in_the_scale(db: str, run: RunFolder) -> None:
    found = read_study(db, "rated", run, samples=200)
    assert found.models == ("ada", "bob", "cyd", "dan")
    assert isinstance(found.analysis, RatingAnalysis)
    assert [m.method for m in found.analysis.methods] == ["reference", *found.models]
    assert found.draws.mean(axis=0) == pytest.approx(found.value, abs=0.1)


def test_an_open_study_is_refused(db: str, run: RunFolder) -> None:
    with pytest.raises(BenchError, match="study 'open' is open, and its results stay hidden"):
        read_study(db, "", run)  # the latest


def test_a_copy_of_the_run_is_the_run_and_other_pixels_are_not(
    db: str, run: RunFolder, tmp_path: Path
) -> None:
    copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))
    same = read_study(db, "pairs", [small_run(tmp_path / "other", models=("eve", "fay")), copy])
    assert same.run is copy
    path = copy.image_path("ada", "image0")
    write_png(path, np.asarray(255 - read(path), np.uint8))
    with pytest.raises(BenchError, match="its ada of image0 has other pixels than were judged"):
        read_study(db, "pairs", copy)
    with pytest.raises(BenchError, match=r"no study of '.*copy'.*pairs \(of .*run\).*DB#NAME"):
        read_study(db, "", copy)


def test_where_wins_fix_no_scale_a_prior_does_and_it_says_so(
    run: RunFolder, tmp_path: Path
) -> None:
    path = str(tmp_path / "studies.db")
    store = Store(path)
    create_study(store, run.path, StudyOptions("sure", per_pair=12, images=4, crop=64, trials=20))
    rule = preferring(store, {name: 30 * value for name, value in STRENGTH.items()})
    for token in invite(store, "sure", 2):
        judge(trained(store, token), rule)
    close_study(store, "sure")
    found = read_study(path, "sure", run)
    assert found.models == ("ada", "bob", "cyd", "dan")
    assert np.isfinite(found.value).all()
    assert any("no finite distance but for the prior" in flag for flag in found.analysis.flags)
