from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.core.errors import BenchError
from bench.suites.gopro import GOPRO_LARGE, OFFICIAL_TEST
from bench.suites.table import Split, Suite, open_suite

TEST = {"GOPR0384_11_00": 3, "GOPR0410_11_00": 2}
TRAIN = {"GOPR0372_07_00": 2, "GOPR0374_11_01": 2, "GOPR0477_11_00": 1}


def _frames(sequences: dict[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{n + 1:06d}") for name, count in sequences.items() for n in range(count)]


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def official(root: Path) -> None:
    for split, sequences in (("test", TEST), ("train", TRAIN)):
        for sequence, frame in _frames(sequences):
            for kind in ("blur", "blur_gamma", "sharp"):
                _touch(root / split / sequence / kind / f"{frame}.png")


def flattened(root: Path) -> None:
    for split, sequences in (("test", TEST), ("train", TRAIN)):
        for sequence, frame in _frames(sequences):
            for kind in ("blur", "sharp"):
                _touch(root / split / kind / f"{sequence}-{frame}.png")


def paired(root: Path) -> None:
    for split, sequences in (("test", TEST), ("train", TRAIN)):
        for sequence, frame in _frames(sequences):
            for kind in ("input", "target"):
                _touch(root / split / kind / f"{sequence}-{frame}.png")


LAYOUTS = pytest.mark.parametrize("layout", [official, flattened, paired])


def _ids(suite: Suite, split: Split) -> list[str]:
    return [pair.id for pair in suite.pairs(split)]


@LAYOUTS
def test_every_layout_gives_the_same_pairs(layout: Callable[[Path], None], tmp_path: Path) -> None:
    layout(tmp_path)
    suite = open_suite("gopro", tmp_path)
    assert suite.spec == "gopro:blur=blur"
    assert suite.layout == f"test: {layout.__name__}, train: {layout.__name__}"
    assert _ids(suite, "test") == [f"{s}-{f}" for s, f in _frames(TEST)]
    assert {pair.cluster for pair in suite.pairs("test")} == set(TEST)
    for pair in suite.pairs("test"):
        assert pair.reference is not None
        assert pair.degraded.is_file()
        assert pair.reference.is_file()
        assert pair.degraded.name == pair.reference.name
        assert pair.degraded.parent.name in ("blur", "input")
        assert pair.reference.parent.name in ("sharp", "target")


@LAYOUTS
def test_the_test_folder_itself_will_do(layout: Callable[[Path], None], tmp_path: Path) -> None:
    layout(tmp_path)
    suite = open_suite("gopro", tmp_path / "test")
    assert len(suite.pairs("test")) == 5
    assert suite.pairs("train") == suite.pairs("val") == []


@LAYOUTS
def test_validation_is_whole_sequences_of_train(
    layout: Callable[[Path], None], tmp_path: Path
) -> None:
    layout(tmp_path)
    suite = open_suite("gopro", tmp_path)
    val = {pair.cluster for pair in suite.pairs("val")}
    train = {pair.cluster for pair in suite.pairs("train")}
    assert val == {"GOPR0374_11_01"}  # the middle one of three
    assert train == set(TRAIN) - val
    assert len(suite.pairs("val")) + len(suite.pairs("train")) == 5
    assert any("GOPR0374_11_01" in note for note in suite.notes)


def test_the_zip_unpacked_with_its_own_folder_is_found(tmp_path: Path) -> None:
    official(tmp_path / "GOPRO_Large")
    assert len(open_suite("gopro", tmp_path).pairs("test")) == 5


def test_a_sequence_folder_inside_blur_is_read_too(tmp_path: Path) -> None:
    for sequence, frame in _frames(TEST):
        for kind in ("blur", "sharp"):
            _touch(tmp_path / "test" / kind / sequence / f"{frame}.png")
    assert _ids(open_suite("gopro", tmp_path), "test") == [f"{s}-{f}" for s, f in _frames(TEST)]


@pytest.mark.parametrize("joint", ["_", "__", "-"])
def test_copies_that_join_sequence_and_frame_otherwise(tmp_path: Path, joint: str) -> None:
    for kind in ("blur", "sharp"):
        _touch(tmp_path / "test" / kind / f"GOPR0384_11_00{joint}000001.png")
    (pair,) = open_suite("gopro", tmp_path).pairs("test")
    assert (pair.id, pair.cluster) == ("GOPR0384_11_00-000001", "GOPR0384_11_00")


# --- the two blurs ------------------------------------------------------------------------------


def test_the_chosen_blur_is_the_input_and_is_in_the_spec(tmp_path: Path) -> None:
    official(tmp_path)
    suite = open_suite("gopro:blur=blur_gamma", tmp_path)
    assert suite.spec == "gopro:blur=blur_gamma"
    assert {pair.degraded.parent.name for pair in suite.pairs("test")} == {"blur_gamma"}
    assert _ids(suite, "test") == _ids(open_suite("gopro", tmp_path), "test")


def test_a_blur_that_is_not_there_is_an_error_that_says_what_is(tmp_path: Path) -> None:
    flattened(tmp_path)
    with pytest.raises(
        BenchError, match=r"no folder 'blur_gamma' in .*test', which holds blur, sharp; choose gop"
    ):
        open_suite("gopro:blur=blur_gamma", tmp_path)
    official(tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / "test" / "GOPR0410_11_00" / "blur")
    with pytest.raises(BenchError, match=r"no folder 'blur' in .*GOPR0410_11_00', which holds bl"):
        open_suite("gopro", tmp_path / "other")


def test_folders_called_input_are_noted_as_unknown_and_never_gamma(tmp_path: Path) -> None:
    paired(tmp_path)
    assert any("do not say which blur" in note for note in open_suite("gopro", tmp_path).notes)
    with pytest.raises(BenchError, match="do not say that they hold blur_gamma"):
        open_suite("gopro:blur=blur_gamma", tmp_path)


# --- incomplete and wrong -----------------------------------------------------------------------


def test_the_official_test_set_has_1111_frames_of_11_sequences() -> None:
    assert len(OFFICIAL_TEST) == 11
    assert sum(OFFICIAL_TEST.values()) == 1111


def test_an_incomplete_copy_is_noted(tmp_path: Path) -> None:
    official(tmp_path)
    notes = " ".join(open_suite("gopro", tmp_path).notes)
    assert "5 of 1111 test images" in notes
    assert "5 of 2103 training images" in notes


def test_a_complete_test_set_is_not_noted_and_a_strange_sequence_is(tmp_path: Path) -> None:
    for sequence, frame in _frames(OFFICIAL_TEST):
        for kind in ("blur", "sharp"):
            _touch(tmp_path / "test" / sequence / kind / f"{frame}.png")
    assert open_suite("gopro", tmp_path).notes == ()
    for kind in ("blur", "sharp"):
        _touch(tmp_path / "test" / "MINE" / kind / "1.png")
    assert open_suite("gopro", tmp_path).notes == (
        "not in the official test set: MINE",
        "1112 of 1111 test images: not the official test set",
    )


@LAYOUTS
def test_a_frame_without_counterpart_is_listed(
    layout: Callable[[Path], None], tmp_path: Path
) -> None:
    layout(tmp_path)
    victim = next(
        path
        for path in sorted((tmp_path / "test").rglob("*000002.png"))
        if path.parent.name in ("sharp", "target")
    )
    victim.unlink()
    with pytest.raises(BenchError, match=r"1 only in '.*(blur|input)': .*000002; add the missing"):
        open_suite("gopro", tmp_path)


def test_a_sequence_without_sharp_is_an_error(tmp_path: Path) -> None:
    official(tmp_path)
    shutil.rmtree(tmp_path / "train" / "GOPR0477_11_00" / "sharp")
    with pytest.raises(BenchError, match=r"no folder 'sharp' in '.*GOPR0477_11_00'"):
        open_suite("gopro", tmp_path)


def test_two_layouts_in_one_folder_are_an_error(tmp_path: Path) -> None:
    official(tmp_path)
    flattened(tmp_path)
    with pytest.raises(BenchError, match=r"mixes the flattened and the official layout"):
        open_suite("gopro", tmp_path)


def test_two_halves_may_have_two_layouts(tmp_path: Path) -> None:
    official(tmp_path)
    shutil.rmtree(tmp_path / "train")
    paired(tmp_path / "other")
    (tmp_path / "other" / "train").rename(tmp_path / "train")
    shutil.rmtree(tmp_path / "other")
    assert open_suite("gopro", tmp_path).layout == "test: official, train: paired"


@pytest.mark.parametrize("make", [lambda root: None, Path.mkdir])
def test_missing_data_says_what_is_expected_and_how_to_get_it(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "gopro")
    with pytest.raises(BenchError) as caught:
        open_suite("gopro", tmp_path / "gopro")
    for part in (
        "test/GOPR0384_11_00/{blur,sharp}/000001.png",
        "{input,target}",
        "bench fetch gopro",
        "9 GB",
        "CC BY 4.0",
        "--data",
        GOPRO_LARGE.page,
    ):
        assert part in str(caught.value)


def test_the_training_half_alone_is_refused(tmp_path: Path) -> None:
    official(tmp_path)
    with pytest.raises(BenchError, match="pass the folder above it"):
        open_suite("gopro", tmp_path / "train")


def test_an_empty_split_says_so(tmp_path: Path) -> None:
    (tmp_path / "test" / "something").mkdir(parents=True)
    with pytest.raises(BenchError, match=r"none of the GoPro layouts; it holds something"):
        open_suite("gopro", tmp_path)


def test_the_download_is_pinned() -> None:
    assert re.fullmatch("[0-9a-f]{64}", GOPRO_LARGE.sha256 or "")
    assert GOPRO_LARGE.unpack
