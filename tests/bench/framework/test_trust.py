"""Which metric people bear out: hand-made cases, and simulated raters who see as a metric does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, spearmanr, ttest_ind

from bench.framework.judged import Judged, centred, halves, judged
from bench.framework.people import HumanScale, read_study
from bench.framework.scores import ScoreTable, read_scores
from bench.framework.trust import all_pairs, by_stratum, ceiling, disagreements, trust
from bench.image import read
from bench.metrics.scorer import Scorer
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.statistics.active import posterior
from raters.studies.answers import Crop
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from tests.support.runs import photograph_run
from tests.support.studies import judge, seeing, trained

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
MODELS = ("input", "unsharp", "nlm", "tv", "sharper")


def place(number: int, **strata: str) -> Crop:
    return Crop(
        image=f"i{number}", scene=f"i{number}", strata=strata, top=0, left=0, height=64, width=64
    )


def made(people: Floats, scores: Mapping[str, Floats], **changed: object) -> Judged:
    """Return judged images; a difference of 1 is two standard deviations, so people separate it."""
    count, number = people.shape
    apart = 2 * (people[:, :, None] - people[:, None, :])
    found = Judged(
        models=tuple("abcdefgh"[:number]),
        crops=tuple(place(k) for k in range(count)),
        clusters=np.array([f"i{k}" for k in range(count)]),
        people=centred(people),
        apart=apart,
        votes=None,
        scores=scores,
        higher_is_better={name: name != "loss" for name in scores},
        units=dict.fromkeys(scores, ""),
        missing={},
        anew=False,
    )
    return replace(found, **changed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def simulated() -> Judged:
    """Forty images of five models, metrics that see well, badly, nothing, and upside down."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1, (40, 5)) + np.linspace(-1, 1, 5)
    content = rng.normal(0, 5, (40, 1))  # images differ far more than models do
    seen = {
        "good": 3 * truth + content + rng.normal(0, 1, truth.shape),
        "weak": truth + content + rng.normal(0, 2.5, truth.shape),
        "blind": rng.normal(0, 1, truth.shape),
        "loss": 7 - truth + rng.normal(0, 0.4, truth.shape),
    }
    return made(truth + rng.normal(0, 0.2, truth.shape), seen)


@pytest.mark.slow
def test_the_metric_that_sees_best_is_trusted_most(simulated: Judged) -> None:
    found = {one.metric: one for one in trust(simulated, samples=300)}
    assert list(found)[2:] == ["weak", "blind"]
    values = {name: one.srocc.value or 0.0 for name, one in found.items()}
    assert values["good"] > 0.9
    assert values["loss"] > 0.9  # lower is better, so its sign is turned
    assert abs(values["blind"]) < 0.2
    marks = {name: one.mark for name, one in found.items()}
    assert sorted([marks["good"] or "", marks["loss"] or ""]) == ["best", "tied"]
    assert (marks["weak"], marks["blind"]) == ("behind", "behind")
    assert found["good"].plcc_fitted.value == pytest.approx(0.93, abs=0.06)
    assert (found["good"].correct.value or 0) > 0.9 > (found["weak"].correct.value or 1) > 0.5
    for one in found.values():
        for value in (one.srocc, one.krcc, one.better_worse, one.different_similar):
            assert value.value is not None
            assert value.low is not None
            assert value.high is not None
            assert value.low < value.value < value.high


def test_a_correlation_is_scipys_of_what_is_between_models(simulated: Judged) -> None:
    (good, *_) = [one for one in trust(simulated, samples=100) if one.metric == "good"]
    scores = simulated.scores["good"]
    scores = scores - scores.mean(axis=1, keepdims=True)
    assert good.srocc.value == pytest.approx(
        spearmanr(scores.reshape(-1), simulated.people.reshape(-1)).statistic
    )
    assert good.srocc.n == 200


def test_what_one_metric_lacks_is_left_out_for_all(simulated: Judged) -> None:
    holed = {name: values.copy() for name, values in simulated.scores.items()}
    holed["good"][0, 1:] = np.nan  # one model is left of that image: nothing to compare
    holed["weak"][1, 0] = np.nan
    found = trust(replace(simulated, scores=holed), samples=100)
    assert {one.srocc.n for one in found} == {200 - 5 - 1}
    # 38 images of 10 pairs, and one with 4 models: 6 pairs
    assert len(all_pairs(replace(simulated, scores=holed)).row) == 38 * 10 + 6


def test_kinds_of_images_are_told_apart(simulated: Judged) -> None:
    places = tuple(place(k, blur="strong" if k % 2 else "weak", scene=str(k)) for k in range(40))
    fooled = simulated.scores["good"].copy()
    fooled[1::2] = -fooled[1::2]
    found = by_stratum(replace(simulated, crops=places, scores={"good": fooled}), samples=200)
    assert [(one.key, one.level, one.images) for one in found] == [
        ("blur", "weak", 20),
        ("blur", "strong", 20),
    ]
    weak, strong = (one.srocc.value or 0.0 for one in found)
    assert weak > 0.85
    assert strong < -0.85
    assert found[0].correct.value == pytest.approx(1, abs=0.05)
    assert found[1].correct.value == pytest.approx(0, abs=0.05)


def test_the_worst_contradictions_come_first_and_once_an_image() -> None:
    people = np.array([[2.0, 0.0, 1.9], [0.0, 3.0, 0.0], [0.0, 0.2, 0.0]])
    metric = np.array([[0.0, 5.0, 0.0], [9.0, 0.0, 8.0], [5.0, 0.0, 0.0]])
    found = disagreements(made(people, {"m": metric}), "m", count=5)
    # image 1: a over b by 9 where people have b by 6 deviations; image 0: b over a by 5 and 4;
    # image 2: 0.4 deviations are no preference
    assert [(one.crop.image, one.preferred, one.other) for one in found] == [
        ("i1", "b", "a"),
        ("i0", "a", "b"),
    ]
    assert found[0].scores == (0.0, 9.0)
    assert found[0].people == pytest.approx(6.0)
    agrees = disagreements(made(people, {"m": people}), "m")
    assert agrees == []


def test_without_a_majority_of_direct_votes_there_is_no_contradiction() -> None:
    people = np.array([[2.0, 0.0], [2.0, 0.0]])
    votes = np.array([[[0, 1.0], [3.0, 0]], [[0, 5.0], [1.0, 0]]])
    judged_by = made(people, {"m": -people}, votes=votes)
    (found,) = disagreements(judged_by, "m")
    assert (found.crop.image, found.votes) == ("i1", (5.0, 1.0))


# --- real images, really scored, judged by simulated raters -------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return photograph_run(tmp_path_factory.mktemp("runs") / "run", size=(96, 128))


def ask(run: RunFolder, folder: Path, protocol: str, crop: int = 512) -> HumanScale:
    store = Store(str(folder / f"{protocol}{crop}.db"))
    options = StudyOptions(
        "s", protocol, per_pair=80, trials=70, images=8, crop=crop, models=MODELS, repeats=0.0
    )
    create_study(store, run.path, options)
    for number, token in enumerate(invite(store, "s", 12)):
        rule = seeing(store, run, "ssim", number)
        judge(trained(store, token), rule)
    close_study(store, "s")
    db = store.url
    store.close()
    return read_study(db, "s", run, samples=200)


@pytest.fixture(scope="module")
def scale(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> HumanScale:
    return ask(run, tmp_path_factory.mktemp("pairs"), "pair")


@pytest.fixture(scope="module")
def table(run: RunFolder) -> ScoreTable:
    return read_scores(run)


@pytest.mark.slow
def test_raters_who_see_structure_bear_out_ssim(scale: HumanScale, table: ScoreTable) -> None:
    found = judged(scale, table, ["psnr", "ssim"])
    assert not found.anew
    first, second = trust(found, samples=200)
    assert (first.metric, first.mark) == ("ssim", "best")
    assert (first.srocc.value or 0) > 0.75
    assert second.srocc.value is not None
    assert second.srocc.value < (first.srocc.value or 0)
    one, other = halves(scale.answers, scale.models)
    top = ceiling(one, other, found, samples=100)
    assert top.value is not None
    assert 0.6 < top.value <= 1
    assert {one.key for one in by_stratum(found, samples=100)} == {"blur"}


@pytest.mark.slow
def test_people_on_an_image_are_the_posterior_of_its_votes(
    scale: HumanScale, table: ScoreTable
) -> None:
    found = judged(scale, table, ["ssim"])
    votes = scale.answers.votes()
    at = {scale.answers.methods.index(model): k for k, model in enumerate(scale.models)}
    wins = np.zeros((5, 5))
    for image, a, b, outcome in zip(votes.image, votes.a, votes.b, votes.outcome, strict=True):
        if image == 3:
            wins[(at[a], at[b]) if outcome > 0 else (at[b], at[a])] += 1
    mean, covariance = posterior(wins)
    assert found.people[3] == pytest.approx(mean)
    assert found.votes is not None
    assert found.votes[3] == pytest.approx(wins)
    spread = np.sqrt(covariance[0, 0] + covariance[2, 2] - 2 * covariance[0, 2])
    assert found.apart[3, 0, 2] == pytest.approx((mean[0] - mean[2]) / spread)


@pytest.mark.slow
def test_of_ratings_pairs_are_apart_by_welchs_test(
    run: RunFolder, table: ScoreTable, tmp_path: Path
) -> None:
    scale = ask(run, tmp_path, "acr")
    found = judged(scale, table, ["psnr", "ssim"])
    assert trust(found, samples=100)[0].metric == "ssim"
    ratings = scale.answers.ratings()
    columns, _ = ratings.table()
    from raters.statistics.opinion import recover_opinion

    plain = ratings.rating - recover_opinion(columns).bias[ratings.rater]
    first, second = (
        plain[(ratings.image == 2) & (ratings.method == ratings.methods.index(model))]
        for model in (scale.models[0], scale.models[4])
    )
    p = ttest_ind(first, second, equal_var=False).pvalue
    assert 2 * norm.sf(found.apart[2, 0, 4]) == pytest.approx(p, rel=1e-6)
    assert found.votes is None


@pytest.mark.slow
def test_where_people_saw_a_piece_the_piece_is_scored(
    run: RunFolder, table: ScoreTable, tmp_path: Path
) -> None:
    scale = ask(run, tmp_path, "pair", crop=64)
    found = judged(scale, table, ["psnr", "ssim", "lpips-alex"])
    assert found.anew
    spot = scale.answers.crops[1]
    window = np.s_[spot.top : spot.top + 64, spot.left : spot.left + 64]
    reference = dict(zip(run.images()["image"], run.images()["reference"], strict=True))
    scorer = Scorer(["psnr"])
    truth = scorer.reference(read(Path(reference[spot.image]))[window].copy())
    model = "nlm"
    ours = scorer.score(read(run.image_path(model, spot.image))[window].copy(), truth)
    assert found.scores["psnr"][1, scale.models.index(model)] == ours["psnr"].value
