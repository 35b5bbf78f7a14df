"""Every suite of the table, in every layout that it is recognised in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.core.errors import BenchError
from bench.core.names import parse_spec
from bench.image import Pixels
from bench.suites.check import check_suite
from bench.suites.folder import NoData
from bench.suites.listing import Listing
from bench.suites.table import SUITES, Split, Suite, open_suite, resolve_suite
from tests.support.layouts import LAYOUTS, Layout, Maker

SPLITS: tuple[Split, ...] = ("test", "val", "train")
EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
OWN = ("folder", "photos")
NEEDS_DATA = [name for name, card in SUITES.items() if not card.made_here]


@pytest.fixture
def root(tmp_path: Path, photograph: Pixels, layout: Layout) -> Path:
    layout.make(Maker(tmp_path, photograph))
    return tmp_path


def test_no_suite_of_the_table_is_without_a_layout_here() -> None:
    assert {parse_spec(layout.spec)[0] for layout in LAYOUTS.values()} == set(NEEDS_DATA)


@EVERY_LAYOUT
def test_the_layout_is_recognised_and_split(layout: Layout, root: Path) -> None:
    suite = open_suite(layout.spec, root)
    assert layout.says in suite.layout
    found = {split: len(suite.pairs(split)) for split in SPLITS if len(suite.pairs(split))}
    if layout.splits:
        assert found == layout.splits
    assert found["test"] > 0


@EVERY_LAYOUT
def test_pairs_are_two_versions_of_one_image(layout: Layout, root: Path) -> None:
    suite = open_suite(layout.spec, root)
    ids = [pair.id for split in SPLITS for pair in suite.pairs(split)]
    assert len(set(ids)) == len(ids)
    for split in SPLITS:
        for pair in suite.pairs(split):
            assert pair.degraded.is_file()
            assert re.fullmatch(r"[\w.-]+", pair.id)
            assert pair.cluster
            if pair.reference is not None:
                assert pair.reference.is_file()
                if pair.degradation is not None:
                    assert pair.reference == pair.degraded
                else:
                    assert pair.reference != pair.degraded
            else:
                assert re.search("not aligned|nobody knows", suite.no_reference)


@EVERY_LAYOUT
def test_no_cluster_is_in_two_splits(layout: Layout, root: Path) -> None:
    suite = open_suite(layout.spec, root)
    clusters = [{pair.cluster for pair in suite.pairs(split)} for split in SPLITS]
    assert len(set.union(*clusters)) == sum(map(len, clusters))


@EVERY_LAYOUT
def test_a_sound_copy_has_no_problem_but_its_size(layout: Layout, root: Path) -> None:
    found = check_suite(layout.spec, root, decode=True)
    assert all("the published data set has" in problem for problem in found.problems)
    assert found.count == len(SUITES[parse_spec(layout.spec)[0]].images)
    assert sum(found.images.values()) > 0


PAIRED = {
    name: layout
    for name, layout in LAYOUTS.items()
    if not re.match(r"photos|bsd68|cbsd68|kodak24|celeba:blur=(uniform|varying)", layout.spec)
    and layout.name != "references only"
}


@pytest.mark.parametrize("layout", PAIRED.values(), ids=PAIRED)
def test_an_image_without_counterpart_is_named(layout: Layout, root: Path) -> None:
    suite = open_suite(layout.spec, root)
    pair = suite.pairs("test")[0]
    (pair.degraded if pair.scale > 1 else pair.reference or pair.degraded).unlink()
    with pytest.raises(BenchError) as caught:
        open_suite(layout.spec, root)
    assert not isinstance(caught.value, NoData)
    assert re.search(
        r"1 only in|no images in|are not in|1 of \d+ photographs are missing", str(caught.value)
    )


@pytest.mark.parametrize("name", NEEDS_DATA)
@pytest.mark.parametrize("there", [True, False])
def test_missing_data_says_what_was_expected_and_how_to_get_it(
    name: str, there: bool, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    if there:
        root.mkdir()
    with pytest.raises(NoData) as caught:
        open_suite(name, root)
    card, text = SUITES[name], str(caught.value)
    assert str(root) in text
    assert "expected" in text
    assert "--data" in text
    if name not in OWN:
        for part in (card.title, card.source, card.size, card.licence):
            assert part in text


@pytest.mark.parametrize("name", NEEDS_DATA)
def test_every_row_says_where_it_is_from_and_what_may_be_done_with_it(name: str) -> None:
    card = SUITES[name]
    assert card.licence
    assert card.size
    if name not in OWN:
        assert re.search(r"doi:10\.\d+/|https://|published by", card.citation)
        assert card.source.startswith("https://")


# --- what single families do --------------------------------------------------------------------


def _open(name: str, root: Path, photograph: Pixels, spec: str | None = None) -> Suite:
    LAYOUTS[name].make(Maker(root, photograph))
    return open_suite(spec or LAYOUTS[name].spec, root)


def test_super_resolution_is_scored_on_luma_without_a_border_of_the_scale(
    tmp_path: Path, photograph: Pixels
) -> None:
    suite = _open("set5:scale=3 flat", tmp_path, photograph)
    assert (suite.scale, suite.border) == (3, 3)
    assert suite.card.metrics == ("psnr-y", "ssim-y", "vif", "st-lpips-alex", "lpips-alex")
    pair = suite.pairs("test")[0]
    assert (pair.id, pair.degraded.name, pair.scale) == ("baby", "babyx3.bmp", 3)
    assert pair.reference is not None
    assert pair.reference.name == "baby_GT.bmp"


def test_low_resolution_that_lies_nowhere_is_made(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("set5:scale=2 references only", tmp_path, photograph)
    pair = suite.pairs("test")[0]
    assert pair.degradation == {"scale": 2}
    assert pair.scale == 2
    assert "made here" in suite.layout


def test_another_scales_files_are_not_taken(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("set5:scale=3 flat", tmp_path, photograph, "set5:scale=4")
    assert suite.pairs("test")[0].degradation == {"scale": 4}


def test_noise_depends_on_the_name_alone(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("bsd68 flat", tmp_path, photograph)
    (tmp_path / "test001.png").unlink()
    fewer = open_suite("bsd68:sigma=50", tmp_path)
    (_, second, _), (same, _) = suite.pairs("test"), fewer.pairs("test")
    assert second.id == same.id == "test002"
    # the seed is 32 bits of a SHA-256: $ printf test002 | sha256sum | cut -c-8
    assert second.degradation == {"sigma": 25.0, "seed": 0xD6B1F9E8, "grey": True}
    assert same.degradation == {"sigma": 50.0, "seed": 0xD6B1F9E8, "grey": True}


@pytest.mark.parametrize(("given", "spec"), [("26", "26"), ("12.50", "12.5"), ("100", "100")])
def test_noise_may_have_any_sigma(
    tmp_path: Path, photograph: Pixels, given: str, spec: str
) -> None:
    _open("bsd68 flat", tmp_path, photograph)
    suite = open_suite(f"bsd68:sigma={given}", tmp_path)
    assert suite.spec == f"bsd68:sigma={spec}"
    assert (suite.pairs("test")[0].degradation or {})["sigma"] == float(given)


@pytest.mark.parametrize("given", ["0", "-3", "nan", "256", "much", "any number"])
def test_a_sigma_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BenchError, match=f"sigma={given} is not one of 25, 15, 50, any number"):
        resolve_suite(f"bsd68:sigma={given}")


def test_colour_noise_is_not_grey(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("kodak24 paired", tmp_path, photograph)
    assert "grey" not in (suite.pairs("test")[0].degradation or {})


def test_noisy_files_that_come_along_are_left_alone(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("cbsd68:sigma=50 original", tmp_path, photograph)
    assert {pair.degraded.parent.name for pair in suite.pairs("test")} == {"original_png"}


def test_a_persons_photographs_are_in_one_split_wherever_the_others_are(
    tmp_path: Path, photograph: Pixels
) -> None:
    suite = _open("celeba:blur=uniform by person", tmp_path, photograph)
    where = {pair.id: split for split in SPLITS for pair in suite.pairs(split)}
    for number in range(20, 41):
        (tmp_path / "img_align_celeba" / f"{number:06d}.jpg").unlink()
    fewer = open_suite("celeba", tmp_path)
    left = {pair.id: split for split in SPLITS for pair in fewer.pairs(split)}
    assert len(left) == 19
    assert left.items() <= where.items()


def test_faces_are_split_80_to_20() -> None:
    from bench.suites.celeba import _split

    splits = [_split(str(person)) for person in range(10177)]
    # 10,177 draws of 0.2: one standard deviation is 0.4 %
    assert splits.count("test") / len(splits) == pytest.approx(0.2, abs=0.016)
    assert splits.count("val") / len(splits) == pytest.approx(0.08, abs=0.011)


def test_faces_are_blurred_alike_or_differently_over_the_image(
    tmp_path: Path, photograph: Pixels
) -> None:
    _open("celeba:blur=uniform by person", tmp_path, photograph)
    for blur, kind in (("uniform", "trajectory"), ("varying", "shake")):
        pairs = open_suite(f"celeba:blur={blur}", tmp_path).pairs("train")
        assert {(pair.degradation or {})["blur"] for pair in pairs} == {kind}
        assert len({(pair.degradation or {})["seed"] for pair in pairs}) == len(pairs)
        sizes = {"small": (4, 8), "medium": (8, 12), "large": (12, 16)}
        for pair in pairs:
            low, high = sizes[pair.strata["blur extent"]]
            assert low <= (pair.degradation or {})["size"] <= high


def test_a_photograph_of_nobody_on_the_list_is_an_error(tmp_path: Path, photograph: Pixels) -> None:
    _open("celeba:blur=uniform by person", tmp_path, photograph)
    Maker(tmp_path, photograph).sharp("img_align_celeba/999999.jpg")
    with pytest.raises(BenchError, match=r"1 of 41 photographs .* 999999\.jpg"):
        open_suite("celeba", tmp_path)


def test_triplets_are_pairs_without_reference(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("blur-triplets official", tmp_path, photograph)
    pairs = [pair for split in SPLITS for pair in suite.pairs(split)]
    assert len(pairs) == 24  # 12 scenes, defocus and motion
    assert all(pair.reference is None for pair in pairs)
    assert {pair.strata["blur"] for pair in pairs} == {"defocus", "motion"}
    assert suite.card.metrics == ("niqe", "brisque", "blur-effect")
    assert any("people can judge" in note for note in suite.notes)


def test_good_and_bad_frames_are_taken_to_be_aligned_and_that_is_noted(
    tmp_path: Path, photograph: Pixels
) -> None:
    suite = _open("blur-triplets frames", tmp_path, photograph)
    pair = suite.pairs("test")[0]
    assert pair.degraded.parent.name == "bad_frames"
    assert pair.reference is not None
    assert pair.reference.parent.name == "good_frames"
    assert "taken to be aligned" in suite.notes[0]


def test_hide_says_how_far_the_people_are(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("hide official", tmp_path, photograph)
    assert {pair.id: (pair.cluster, dict(pair.strata)) for pair in suite.pairs("test")} == {
        "1fromGOPR1000": ("GOPR1000", {"distance": "close-up"}),
        "2fromGOPR1000": ("GOPR1000", {"distance": "close-up"}),
        "3fromGOPR1001": ("GOPR1001", {"distance": "long shot"}),
    }


def test_realblur_is_scored_after_alignment(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("realblur-j lists", tmp_path, photograph)
    assert suite.card.metrics[:2] == ("psnr-aligned", "ssim-aligned")
    assert [pair.id for pair in suite.pairs("test")] == [
        "scene050-10",
        "scene050-2",
        "scene230-10",
        "scene230-2",
    ]
    assert any("as they lie" in note for note in suite.notes)


def test_a_list_that_pairs_two_images_is_refused(tmp_path: Path, photograph: Pixels) -> None:
    _open("realblur-j lists", tmp_path, photograph)
    rows = (tmp_path / "RealBlur_J_test_list.txt").read_text().replace("gt_2.png", "gt_10.png")
    (tmp_path / "RealBlur_J_test_list.txt").write_text(rows)
    with pytest.raises(BenchError, match=r"line 1 pairs '.*gt_10\.png' with '.*blur_2\.png'"):
        open_suite("realblur-j", tmp_path)


def test_lists_with_a_byte_order_mark_and_backslashes_are_read(
    tmp_path: Path, photograph: Pixels
) -> None:
    whole = [pair.id for pair in _open("realblur-j lists", tmp_path, photograph).pairs("test")]
    path = tmp_path / "RealBlur_J_test_list.txt"
    path.write_text("\ufeff" + path.read_text().replace("/", "\\"), encoding="utf-8")
    assert [pair.id for pair in open_suite("realblur-j", tmp_path).pairs("test")] == whole


@pytest.mark.parametrize("name", ["realblur-j lists", "rsblur lists"])
def test_images_without_the_authors_lists_are_not_guessed_at(
    name: str, tmp_path: Path, photograph: Pixels
) -> None:
    _open(name, tmp_path, photograph)
    for path in tmp_path.glob("*.txt"):
        path.unlink()
    with pytest.raises(BenchError, match="not the lists that split them"):
        open_suite(LAYOUTS[name].spec, tmp_path)


def test_rsblur_scenes_are_the_twenty_numbers_taken_in_a_row(
    tmp_path: Path, photograph: Pixels
) -> None:
    suite = _open("rsblur lists", tmp_path, photograph)
    assert {pair.id: pair.cluster for pair in suite.pairs("test")} == {
        "0001-000022": "0001-0001",
        "0001-000041": "0001-0001",
    }
    assert [pair.cluster for pair in suite.pairs("val")] == ["0001-0002"]  # published, not held out


def test_reds_tests_on_the_validation_set_and_says_so(tmp_path: Path, photograph: Pixels) -> None:
    suite = _open("reds official", tmp_path, photograph)
    assert suite.pairs("test")[0].degraded.parent.parent.name == "val_blur"
    assert suite.pairs("test")[0].id == "val-000-00000000"
    assert any("test references are not public" in note for note in suite.notes)


def test_long_suites_are_listings(tmp_path: Path, photograph: Pixels) -> None:
    for name in ("gopro official", "celeba:blur=uniform by person", "folder lq and gt"):
        assert isinstance(_open(name, tmp_path / name, photograph).pairs("test"), Listing)


def test_the_sets_that_the_field_trains_on_train_where_they_lie_beside_a_test_set(
    tmp_path: Path, photograph: Pixels
) -> None:
    maker = Maker(tmp_path, photograph)
    for file in ("CBSD68/1.png", "CBSD432/1.png", "CBSD432/2.png", "WED/1.png", "BSD400/1.png"):
        maker.sharp(file)
    suite = open_suite("cbsd68:sigma=5-50", tmp_path)
    learned = {pair.id for split in ("train", "val") for pair in suite.pairs(split)}
    assert learned == {"CBSD432-1", "CBSD432-2", "Waterloo-1", "BSD400-1"}
    assert all(pair.fresh == {"sigma": (5, 50)} for pair in suite.pairs("train"))
    (test,) = suite.pairs("test")
    assert test.fresh is None
    assert 5 <= (test.degradation or {})["sigma"] <= 50
