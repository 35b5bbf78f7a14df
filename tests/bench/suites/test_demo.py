from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.degrade.light import to_linear, to_pixels
from bench.degrade.parameters import Degradation
from bench.degrade.psf import blur
from bench.image import read
from bench.suites import demo, demo_plan
from bench.suites import made as making
from bench.suites.demo import IDENTITY, make_demo, open_demo
from bench.suites.demo_plan import MARGIN, SCENES, DemoShot, plan
from bench.suites.made import usable
from bench.suites.table import SUITES, Suite

CARD = SUITES["demo"]


@pytest.fixture(scope="module")
def shots() -> list[DemoShot]:
    return plan()


@pytest.fixture(scope="module")
def few(shots: list[DemoShot]) -> list[DemoShot]:
    """One shot of each blur in each split, small ones first: enough to see how all are made."""
    chosen = {(shot.split, shot.how.blur): shot for shot in shots}
    return sorted(chosen.values(), key=lambda shot: (shot.height * shot.width, shot.how.blur))


@pytest.fixture(scope="module")
def made(few: list[DemoShot], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("suite") / "demo"
    make_demo(root, few)
    return root


def _open(root: Path) -> Suite:
    return open_demo(CARD, root, {})


# --- the plan -----------------------------------------------------------------------------------


def test_the_plan_is_the_same_every_time(shots: list[DemoShot]) -> None:
    assert plan() == shots


def test_the_plan_of_this_version_is_frozen(shots: list[DemoShot]) -> None:
    """A change here, by us or by NumPy's generators, is another suite: raise demo.VERSION."""
    usual = Degradation().as_dict()  # a parameter that is added later has its usual value here
    frozen = [
        shot.as_dict() | {"how": {k: v for k, v in shot.how.as_dict().items() if v != usual[k]}}
        for shot in shots
    ]
    digest = hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()
    assert (demo.VERSION, digest[:16]) == (2, "2cc2f1c54a88aa88")


def test_no_scene_and_no_photograph_is_in_two_splits(shots: list[DemoShot]) -> None:
    for key in ("scene", "photograph"):
        where: dict[str, set[str]] = {}
        for shot in shots:
            where.setdefault(getattr(shot, key), set()).add(shot.split)
        assert all(len(splits) == 1 for splits in where.values()), where


def test_the_two_stereo_photographs_are_one_scene(shots: list[DemoShot]) -> None:
    stereo = [shot for shot in shots if shot.photograph.startswith("motorcycle")]
    assert {shot.photograph for shot in stereo} == {"motorcycle_left.png", "motorcycle_right.png"}
    assert {(shot.split, shot.scene) for shot in stereo} == {("train", "motorcycle")}


def test_the_plan_has_the_promised_images(shots: list[DemoShot]) -> None:
    assert Counter(shot.split for shot in shots) == {"train": 192, "test": 12, "val": 16}
    assert len({shot.id for shot in shots}) == len(shots)
    test = [shot for shot in shots if shot.split == "test"]
    assert len({shot.scene for shot in test}) == 6
    assert {shot.strata["blur"] for shot in test} == {"shake", "defocus", "motion"}
    assert Counter(shot.strata["light"] for shot in test) == {"normal": 6, "low": 6}
    assert all(max(shot.height, shot.width) <= 512 for shot in test)
    assert all(shot.height % 16 == shot.width % 16 == 0 for shot in shots)


def test_no_blur_reaches_beyond_the_margin(shots: list[DemoShot]) -> None:
    for shot in shots:
        corner = np.hypot(shot.height, shot.width) / 2
        reach = shot.how.size + np.radians(shot.how.roll) * corner
        assert reach <= MARGIN, shot.id


@pytest.mark.parametrize("scene", ["motorcycle", "coins"])
def test_a_piece_that_is_neither_shrunk_nor_turned_is_the_photograph_itself(
    shots: list[DemoShot], scene: str
) -> None:
    shot = next(s for s in shots if s.scene == scene and s.scale == 1 and s.turn == 0)
    piece = demo_plan.sharp(shot)
    whole = demo_plan.photograph(shot.photograph)
    windows = np.lib.stride_tricks.sliding_window_view(whole[..., 0], piece.shape[:2])
    assert (windows[:, :, 0] == piece[0, :, 0]).all(axis=-1).any()


def test_a_piece_that_is_shrunk_keeps_the_light_of_what_it_shows(shots: list[DemoShot]) -> None:
    shot = next(s for s in shots if s.scale < 0.7 and s.turn == 0 and s.scene == "gravel")
    whole = to_linear(demo_plan.photograph(shot.photograph))
    half = (shot.height / 2 + MARGIN) / shot.scale
    rows, columns = (slice(round(at - half), round(at + half)) for at in (shot.row, shot.column))
    found = to_linear(demo_plan.sharp(shot)).mean()
    assert found == pytest.approx(whole[rows, columns].mean(), rel=0.01)


# --- making it ----------------------------------------------------------------------------------


def test_making_it_twice_gives_the_same_files(
    made: Path, few: list[DemoShot], tmp_path: Path
) -> None:
    again = make_demo(tmp_path / "demo", few)
    first = json.loads((made / "manifest.json").read_text())
    assert [row["files"] for row in again["pairs"]] == [row["files"] for row in first["pairs"]]


def test_every_file_is_in_the_manifest_and_nothing_else_is_made(made: Path) -> None:
    manifest = json.loads((made / "manifest.json").read_text())
    listed = {name for row in manifest["pairs"] for name in row["files"]}
    found = {str(p.relative_to(made)) for p in made.rglob("*") if p.is_file()}
    assert found == listed | {"manifest.json"}
    assert [p.name for p in made.parent.iterdir() if p.name.endswith(".part")] == []


def test_the_suite_opens_with_everything_a_pair_can_have(made: Path, few: list[DemoShot]) -> None:
    suite = _open(made)
    assert suite.spec == "demo"
    for split in ("train", "val", "test"):
        pairs = {pair.id: pair for pair in suite.pairs(split)}
        for shot in few:
            if shot.split != split:
                continue
            pair = pairs.pop(shot.id)
            assert pair.reference is not None
            assert pair.psf is not None
            assert pair.cluster == shot.scene
            assert pair.strata == shot.strata
            assert read(pair.degraded).shape == (shot.height, shot.width, 3)
            assert read(pair.reference).shape == (shot.height, shot.width, 3)
            assert np.load(pair.psf).sum() == pytest.approx(1)
        assert pairs == {}


def test_the_psf_explains_the_blur(made: Path) -> None:
    """Blurring the reference with it comes nearer to the input than the reference itself is."""
    for pair in _open(made).pairs("test"):
        assert pair.reference is not None
        assert pair.psf is not None
        degraded, reference = (read(path).astype(float) for path in (pair.degraded, pair.reference))
        blurred = to_pixels(blur(to_linear(read(pair.reference)), np.load(pair.psf)))
        inside = (slice(12, -12), slice(12, -12))
        before = np.mean((degraded - reference)[inside] ** 2)
        assert np.mean((degraded - blurred)[inside] ** 2) < 0.9 * before


def test_the_inputs_are_moderately_degraded(made: Path) -> None:
    for pair in _open(made).pairs("test"):
        assert pair.reference is not None
        error = read(pair.degraded).astype(float) - read(pair.reference)
        assert 17 < 10 * np.log10(255**2 / np.mean(error**2)) < 33


def test_a_suite_that_is_there_is_used_as_it_is(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_make_all", None)  # would fail if it were called
    before = (made / "manifest.json").stat().st_mtime_ns
    _open(made)
    assert (made / "manifest.json").stat().st_mtime_ns == before


def _lose_a_file(root: Path) -> None:
    next((root / "val" / "psf").iterdir()).unlink()


def _cut_a_file(root: Path) -> None:
    path = next((root / "train" / "input").iterdir())
    os.truncate(path, path.stat().st_size - 1)


def _damage_the_manifest(root: Path) -> None:
    (root / "manifest.json").write_text('{"version": 1, "pai')


def _make_it_older(root: Path) -> None:
    manifest = json.loads((root / "manifest.json").read_text())
    (root / "manifest.json").write_text(json.dumps({**manifest, "version": 0}))


@pytest.mark.parametrize("harm", [_lose_a_file, _cut_a_file, _damage_the_manifest, _make_it_older])
def test_a_damaged_or_older_suite_is_made_again(
    made: Path, few: list[DemoShot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: object
) -> None:
    root = tmp_path / "demo"
    shutil.copytree(made, root)
    harm(root)  # type: ignore[operator]
    assert usable(root, IDENTITY) is None
    monkeypatch.setattr(demo_plan, "plan", lambda: few[:2])
    assert sum(len(_open(root).pairs(split)) for split in ("train", "val", "test")) == 2
    assert usable(root, IDENTITY) is not None


def test_a_crash_leaves_nothing_half_made(
    few: list[DemoShot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "demo", few, killed)
    assert [path.name for path in tmp_path.iterdir()] == [".demo.lock"]


def test_what_a_kill_left_is_swept_away(few: list[DemoShot], tmp_path: Path) -> None:
    left = tmp_path / ".demo.part" / "test" / "input"
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"half")
    make_demo(tmp_path / "demo", few[:1])
    assert not (tmp_path / ".demo.part").exists()
    assert not list((tmp_path / "demo").rglob("half.png"))


def test_a_folder_with_something_else_is_never_replaced(
    few: list[DemoShot], tmp_path: Path
) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(BenchError, match=r"no folder of the demo suite: it holds holiday\.jpg"):
        make_demo(tmp_path, few[:1])
    assert (tmp_path / "holiday.jpg").read_bytes() == b"precious"


def test_an_empty_folder_will_do(few: list[DemoShot], tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    assert len(make_demo(tmp_path / "demo", few[:1])["pairs"]) == 1


def test_progress_counts_to_the_end(few: list[DemoShot], tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    make_demo(tmp_path / "demo", few[:3], lambda *step: seen.append(step))
    assert [step[1:] for step in seen] == [(1, 3), (2, 3), (3, 3)]


def test_a_disk_that_refuses_is_an_error_of_ours(
    few: list[DemoShot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BenchError, match=r"the demo suite in .*No space left on device.*make room"):
        make_demo(tmp_path / "demo", few[:1])


def test_every_photograph_of_the_plan_ships_with_scikit_image() -> None:
    for scenes in SCENES.values():
        for files in scenes.values():
            for file in files:
                assert demo_plan.photograph(file).shape[2] == 3
