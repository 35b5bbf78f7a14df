"""Data sets of opinions in small: each layout is read, and metrics are correlated with people."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat
from scipy.stats import spearmanr

from bench.core.errors import BenchError
from bench.image import Pixels, read
from bench.metrics import opinions
from bench.metrics.opinions import OPINIONS, opinions_at
from bench.metrics.published import PUBLISHED, published
from bench.metrics.scorer import Scorer
from bench.metrics.table import METRICS
from bench.metrics.validation import _off_mean, validate
from tests.conftest import Bench

LEVELS = (2, 6, 12, 25)
"""Standard deviations of noise; people are said to mind it, the more the worse."""


def put(path: Path, pixels: Pixels, deviation: float = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(int(deviation)).normal(0, 1, pixels.shape) * deviation
    worse = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    assert cv2.imwrite(str(path), worse[..., ::-1])


@pytest.fixture
def sharp(photo: Pixels) -> list[Pixels]:
    return [np.ascontiguousarray(photo[at : at + 64, at : at + 72]) for at in (0, 60, 130)]


def tid2013(root: Path, sharp: list[Pixels]) -> None:
    lines = []
    for number, pixels in enumerate(sharp, start=1):
        # The set's own files mix upper and lower case.
        put(root / "reference_images" / f"i{number:02}.BMP", pixels)
        for level, deviation in enumerate(LEVELS, start=1):
            put(root / "distorted_images" / f"i{number:02}_01_{level}.bmp", pixels, deviation)
            lines.append(f"{7 - deviation / 5} I{number:02}_01_{level}.bmp")
    (root / "mos_with_names.txt").write_text("\n".join(lines) + "\n")


def kadid10k(root: Path, sharp: list[Pixels]) -> None:
    rows = ["dist_img,ref_img,dmos,var"]
    for number, pixels in enumerate(sharp, start=1):
        put(root / "images" / f"I{number:02}.png", pixels)
        for level, deviation in enumerate(LEVELS, start=1):
            name = f"I{number:02}_01_{level:02}.png"
            put(root / "images" / name, pixels, deviation)
            rows.append(f"{name},I{number:02}.png,{5 - deviation / 8},0.5")
    (root / "dmos.csv").write_text("\n".join(rows) + "\n")


def csiq(root: Path, sharp: list[Pixels]) -> None:
    rows = ["image,dst_idx,dst_type,dst_lev,dmos_std,dmos"]
    for number, pixels in enumerate(sharp):
        put(root / "src_imgs" / f"160{number}.png", pixels)
        for level, deviation in enumerate(LEVELS, start=1):
            put(root / "dst_imgs" / "awgn" / f"160{number}.AWGN.{level}.png", pixels, deviation)
            rows.append(f"160{number},1,noise,{level},0.1,{deviation / 30}")
    (root / "csiq.DMOS.csv").write_text("\n".join(rows) + "\n")


def pipal(root: Path, sharp: list[Pixels]) -> None:
    (root / "Train_Label").mkdir(parents=True)
    for number, pixels in enumerate(sharp, start=1):
        name = f"A{number:04}"
        put(root / "Train_Ref" / f"{name}.bmp", pixels)
        lines = []
        for level, deviation in enumerate(LEVELS):
            put(root / "Train_Dist" / f"{name}_00_{level:02}.bmp", pixels, deviation)
            lines.append(f"{name}_00_{level:02}.bmp,{1500 - 10 * deviation}")
        (root / "Train_Label" / f"{name}.txt").write_text("\n".join(lines) + "\n")


def live(root: Path, sharp: list[Pixels]) -> None:
    """Two folders, in each all levels and one reference of each image."""
    values, originals, names = [], [], []
    for folder in ("jp2k", "wn"):
        number = 0
        for which, pixels in enumerate(sharp):
            put(root / "refimgs" / f"scene{which}.bmp", pixels)
            for deviation in (0, *LEVELS):
                number += 1
                put(root / folder / f"img{number}.bmp", pixels, deviation)
                values.append(float(deviation))
                originals.append(deviation == 0)
                names.append(f"scene{which}.bmp")
    savemat(root / "dmos.mat", {"dmos": values, "orgs": originals})
    savemat(root / "refnames_all.mat", {"refnames_all": np.array(names, dtype=object)})


def votes(root: Path, sharp: list[Pixels]) -> None:
    """Two methods and the input: each pair is voted on four times, the worse one wins once."""
    methods = ["Blur", "Xu-10", "Pan-14"]
    (root / "deblur_study_methods.txt").parent.mkdir(parents=True, exist_ok=True)
    (root / "deblur_study_methods.txt").write_text("\n".join(methods) + "\n")
    lines = []
    for number, pixels in enumerate(sharp, start=1):
        put(root / "reference" / f"{number:03}.png", pixels)
        for method, deviation in zip(methods, (30, 18, 4), strict=True):
            put(root / method / f"{number}.png", pixels, deviation + 5 * number)
        for one, other in ((1, 2), (1, 3), (3, 2)):
            better = 2 if other > one else 1
            lines += [f"{number},{one},{other},{w}" for w in (better, better, better, 3 - better)]
    (root / "deblur_study_uniform.csv").write_text("\n".join(lines) + "\n")


LAYOUTS: dict[str, Callable[[Path, list[Pixels]], None]] = {
    "tid2013": tid2013,
    "kadid10k": kadid10k,
    "live": live,
    "csiq": csiq,
    "pipal": pipal,
    "deblurring-votes": votes,
}
IMAGES = {"live": 24, "deblurring-votes": 9}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_told_read_and_agrees_with_a_metric_that_sees_the_same(
    name: str, tmp_path: Path, sharp: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opinions, "LIVE_FOLDERS", {"jp2k": 15, "wn": 15})
    LAYOUTS[name](tmp_path, sharp)
    found = opinions_at(tmp_path)
    assert found is OPINIONS[name]
    judged = list(found.read(tmp_path))
    assert len(judged) == IMAGES.get(name, 12)
    assert len({one.reference for one in judged}) == 3
    (psnr, mse) = validate(found, tmp_path, ["psnr", "mse"])
    for one in (psnr, mse):
        assert one.agreement is not None
        assert one.agreement.srocc.value is not None
        assert one.agreement.srocc.value > 0.9  # whichever of both is better when lower
    assert (psnr.images, psnr.references) == (len(judged), 3)


def test_votes_are_shares_of_those_that_a_method_was_in_compared_on_its_image(
    tmp_path: Path, sharp: list[Pixels]
) -> None:
    votes(tmp_path, sharp)
    judged = list(OPINIONS["deblurring-votes"].read(tmp_path))
    shares = {one.image.parent.name: one.value for one in judged if one.reference.stem == "001"}
    # of 8 votes each: Blur lost 6, Xu-10 won 3 of one pair and lost 3 of the other, Pan-14 won 6
    assert shares == {"Blur": 0.25, "Xu-10": 0.5, "Pan-14": 0.75}
    (psnr,) = validate(OPINIONS["deblurring-votes"], tmp_path, ["psnr"])
    assert psnr.agreement is not None
    # noisier from image to image, which no vote says anything of: within images all is in order
    assert psnr.agreement.krcc.value == pytest.approx(1, abs=0.35)
    scores = np.arange(9.0)
    assert np.allclose(_off_mean(scores, np.repeat([0, 1, 2], 3)), np.tile([-1, 0, 1], 3))


@pytest.mark.parametrize(
    ("line", "told"),
    [("1,2,9,1", "is no vote"), ("1,2,3,3", "is no vote"), ("7,1,2,1", "has no image 7")],
)
def test_votes_that_mean_nothing_are_refused(
    tmp_path: Path, sharp: list[Pixels], line: str, told: str
) -> None:
    votes(tmp_path, sharp)
    (tmp_path / "deblur_study_uniform.csv").write_text(line + "\n")
    with pytest.raises(BenchError, match=told):
        list(OPINIONS["deblurring-votes"].read(tmp_path))


def test_its_coefficient_is_scipys(tmp_path: Path, sharp: list[Pixels]) -> None:
    kadid10k(tmp_path, sharp)
    (found,) = validate(OPINIONS["kadid10k"], tmp_path, ["ssim"])
    judged = list(OPINIONS["kadid10k"].read(tmp_path))
    scorer = Scorer(["ssim"])
    scores = []
    for one in judged:
        prepared = scorer.reference(read(one.reference))
        scores.append(scorer.score(read(one.image), prepared)["ssim"].value)
    expected = spearmanr(scores, [one.value for one in judged]).statistic
    assert found.agreement is not None
    assert found.agreement.srocc.value == pytest.approx(expected, abs=1e-12)


def test_a_part_is_whole_references_and_too_few_images_say_so(
    tmp_path: Path, sharp: list[Pixels]
) -> None:
    tid2013(tmp_path, sharp)
    (two,) = validate(OPINIONS["tid2013"], tmp_path, ["psnr"], limit=2)
    assert (two.images, two.references) == (8, 2)
    (one,) = validate(OPINIONS["tid2013"], tmp_path, ["psnr"], limit=1)
    assert (one.agreement, one.reason) == (None, "4 images are too few")
    (small,) = validate(OPINIONS["tid2013"], tmp_path, ["niqe"])
    assert "needs at least 96x96" in small.reason


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda root: (root / "dmos.csv").write_text("a,b\n1,2\n"),
            "has no column dist_img, ref_img, dmos",
        ),
        (lambda root: (root / "images" / "I01_01_01.png").unlink(), "has no 'I01_01_01.png'"),
        (
            lambda root: (root / "dmos.csv").write_text(
                "dist_img,ref_img,dmos\nI01_01_01.png,I01.png,nan\n"
            ),
            "'nan' is no number",
        ),
    ],
)
def test_what_is_wrong_with_a_set_is_told(
    tmp_path: Path, sharp: list[Pixels], spoil: Callable[[Path], object], told: str
) -> None:
    kadid10k(tmp_path, sharp)
    spoil(tmp_path)
    with pytest.raises(BenchError, match=told):
        list(OPINIONS["kadid10k"].read(tmp_path))


def test_a_live_copy_of_other_length_and_a_folder_of_no_set_are_refused(
    tmp_path: Path, sharp: list[Pixels]
) -> None:
    with pytest.raises(BenchError, match=r"expected the folder of one of tid2013 \(mos_with"):
        opinions_at(tmp_path)
    live(tmp_path, sharp)
    with pytest.raises(BenchError, match="30 values and 30 names of references; expected 982"):
        list(OPINIONS["live"].read(tmp_path))


def test_the_command_shows_it_beside_what_was_published(
    bench_here: Bench, tmp_path: Path, sharp: list[Pixels]
) -> None:
    tid2013(tmp_path / "tid", sharp)
    ask = partial(bench_here, "metrics", "validate", "--metrics", "psnr,ssim")
    shown = ask("--data", tmp_path / "tid")
    assert shown.returncode == 0, shown.stderr
    assert "12 of 3000 images, 3 references" in shown.stdout
    below = shown.stdout.partition("published, not measured here")[2]
    assert "psnr    0.6869  0.4958  0.6601  as ours; PLCC without a fit" in below
    assert "large images made smaller first: not ours" in below
    told = json.loads(ask("--data", tmp_path / "tid", "--json").stdout)
    assert told["opinions"]["citation"].startswith("Ponomarenko")
    assert set(told["metrics"][0]["agreement"]["srocc"]) == {"value", "low", "high", "n", "note"}
    assert "needs --data" in ask().stderr
    assert "no action 'validat'" in bench_here("metrics", "validat").stderr


def test_published_rows_are_of_metrics_and_sets_that_there_are_and_have_sources() -> None:
    assert {one.metric for one in PUBLISHED} <= set(METRICS)
    assert {one.opinions for one in PUBLISHED} <= set(OPINIONS)
    keys = {(one.metric, one.opinions, one.source) for one in PUBLISHED}
    assert len(keys) == len(PUBLISHED)
    assert all(0 < one.srocc < 1 and one.source and one.convention for one in PUBLISHED)
    # Kendall's is smaller than Spearman's, always
    assert all(one.krcc < one.srocc for one in PUBLISHED if one.krcc is not None)
    assert all("doi:10." in one.citation and one.licence for one in OPINIONS.values())
    assert [one.srocc for one in published("vsi", "tid2013")] == [0.90, 0.90]
    assert published("vsi", "live") == ()
    assert {one.opinions for one in published("lpips-alex")} == {"csiq", "live", "tid2013"}
