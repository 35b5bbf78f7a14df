"""Real votes on blind deblurring: Lai et al., CVPR 2016, 14 methods on 100 images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from bench.metrics.opinions import opinions_at
from raters.statistics.analyse import analyse
from raters.statistics.votes import Votes
from raters.statistics.votes_file import read_votes

SCALE = {
    "Xu-10": 1.482,
    "Sun-13": 1.065,
    "Xu-13": 0.935,
    "Pan-14": 0.699,
    "Perrone-14": 0.656,
    "Zhong-13": 0.278,
    "Krishnan-11": 0.047,
    "Michaeli-14": -0.013,
    "Cho-09": -0.230,
    "Levin-11": -0.724,
    "Zhang-13": -0.802,
    "Whyte-12": -0.966,
    "Blur": -1.196,
    "Fergus-06": -1.232,
}


@pytest.fixture
def votes(real_data: Path) -> Votes:
    folder = real_data / "votes"
    if not folder.is_dir():
        pytest.skip(f"no votes at '{folder}'")
    return read_votes(folder / "deblur_study_uniform.csv", folder / "deblur_study_methods.txt")


def test_the_votes_give_the_known_scale_with_intervals_and_groups(votes: Votes) -> None:
    found = analyse(votes, samples=1000)
    assert {m.method: m.value for m in found.methods} == pytest.approx(SCALE, abs=0.002)
    assert [m.method for m in found.methods] == list(SCALE)
    assert found.agreement.u == pytest.approx(0.2626, abs=5e-5)
    assert (found.votes, found.images, found.raters) == (23479, 100, None)
    assert found.resampled == ("images",)
    assert any("no rater ids" in flag for flag in found.flags)
    assert all(0.2 < m.high - m.low < 0.5 for m in found.methods)
    groups = [m.group for m in found.methods]
    assert groups == sorted(groups)  # no method is grouped past one that it beats
    assert len(set("".join(groups))) > 4
    assert found.methods[0].rank_high < found.methods[5].rank_low


def test_in_jod_the_order_is_the_same(votes: Votes) -> None:
    found = analyse(votes, "thurstone", samples=200)
    assert [m.method for m in found.methods] == list(SCALE)


def test_as_opinions_for_metrics_the_shares_of_votes_are_in_the_known_order(
    votes: Votes, real_data: Path, tmp_path: Path
) -> None:
    """The votes beside images of any content: only their names are read here."""
    for name in ("deblur_study_methods.txt", "deblur_study_uniform.csv"):
        shutil.copy(real_data / "votes" / name, tmp_path)
    for folder in (*SCALE, "reference"):
        (tmp_path / folder).mkdir()
        for number in range(1, 101):
            (tmp_path / folder / f"{number}.png").touch()
    found = opinions_at(tmp_path)
    judged = list(found.read(tmp_path))
    assert len(judged) == found.images == 1391  # of 1400: nobody was asked of nine
    means = {
        name: np.mean([one.value for one in judged if one.image.parent.name == name])
        for name in SCALE
    }
    assert spearmanr(list(means.values()), list(SCALE.values())).statistic > 0.98
    assert means["Xu-10"] == max(means.values())
