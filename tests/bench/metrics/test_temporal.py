"""Metrics of consecutive frames, held to motions that are known."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import bench as product
from bench.core.errors import Unscorable
from bench.image import Frame, Picture, Pixels, read, write_png
from bench.metrics.scorer import Scorer
from bench.metrics.table import METRICS
from bench.metrics.temporal import TOF, WarpError, motion, warp
from tests.support.commands import called
from tests.support.sequences import sharp_frames, write_gopro

DOWN, RIGHT = 2, 3


def texture(seed: int = 0) -> Pixels:
    """A scene with detail everywhere, so that its motion is seen everywhere."""
    noise = np.random.default_rng(seed).standard_normal((260, 300, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip(128 + 50 * smooth / smooth.std(), 0, 255).astype(np.uint8)


SCENE = texture()


def view(steps: float) -> Pixels:
    """What a camera sees that has moved up and left: the scene moves down and right."""
    top, left = round(60 - DOWN * steps), round(60 - RIGHT * steps)
    return np.ascontiguousarray(SCENE[top : top + 144, left : left + 176])


def frame(before: Pixels, now: Pixels) -> Frame:
    return Frame(now, Picture(before))


REFERENCE = frame(view(0), view(1))


def tof(restored: Frame, reference: Frame = REFERENCE) -> float:
    metric = TOF()
    return metric.compare(restored, metric.features(reference))


def warp_error(restored: Frame, reference: Frame = REFERENCE) -> float:
    metric = WarpError()
    return metric.compare(restored, metric.features(reference))


def test_both_flows_are_the_motion_of_the_scene() -> None:
    found = motion(REFERENCE.before, REFERENCE)
    assert np.abs(found.flow[found.seen] - (RIGHT, DOWN)).mean() < 0.05
    inner = TOF().features(REFERENCE)
    assert inner.shape == (128, 160, 2)  # 144 and 176 less 8 to each side, multiples of 32
    assert np.abs(inner - (RIGHT, DOWN)).mean() < 0.1


def test_tof_of_the_reference_against_itself_is_zero() -> None:
    assert tof(REFERENCE) == 0


def test_tof_of_a_film_that_stands_still_is_the_length_of_the_motion() -> None:
    assert tof(frame(view(0), view(0))) == pytest.approx(np.hypot(DOWN, RIGHT), rel=0.03)


def test_tof_of_a_film_that_moves_twice_as_fast_is_the_length_of_the_motion_too() -> None:
    assert tof(frame(view(0), view(2))) == pytest.approx(np.hypot(DOWN, RIGHT), rel=0.05)


def test_tof_looks_at_motion_and_not_at_brightness() -> None:
    dark = [np.asarray(view(step) // 2 + 20, np.uint8) for step in (0, 1)]
    assert tof(frame(*dark)) < 0.05 * np.hypot(DOWN, RIGHT)


def test_tof_is_the_end_point_error_of_farnebacks_flows_as_the_authors_script_has_it() -> None:
    rng = np.random.default_rng(1)
    noisy = [np.clip(view(s) + rng.normal(0, 12, view(0).shape), 0, 255) for s in (0, 1)]
    restored = frame(*(np.asarray(image, np.uint8) for image in noisy))

    def flow(one: Frame) -> NDArray[np.float32]:
        grey = [cv2.cvtColor(i.pixels, cv2.COLOR_RGB2GRAY) for i in (one.before, one)]
        return np.asarray(
            cv2.calcOpticalFlowFarneback(*grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
        )

    apart = (flow(restored) - flow(REFERENCE))[8:-8, 8:-8]
    expected = np.sqrt((apart**2).sum(-1)).mean()
    assert tof(restored) == pytest.approx(float(expected), rel=1e-5)


def test_warping_takes_a_known_motion_out_to_the_bit() -> None:
    flow = np.broadcast_to(np.float32((RIGHT, DOWN)), (144, 176, 2))
    back = warp(view(1), np.ascontiguousarray(flow))
    assert (back[: 144 - DOWN, : 176 - RIGHT] == view(0)[: 144 - DOWN, : 176 - RIGHT]).all()


def test_the_warping_error_of_a_film_that_moves_as_its_scene_is_next_to_nothing() -> None:
    # without taking the motion out, the two frames differ by so much
    still = np.square((view(1) - view(0).astype(float)) / 255).mean()
    assert warp_error(REFERENCE) < still / 500
    # where the film stands still though the scene moves, what is warped is what should not be
    found = motion(REFERENCE.before, REFERENCE)
    where = np.flatnonzero(found.seen)
    flow = np.ascontiguousarray(np.broadcast_to(np.float32((RIGHT, DOWN)), (144, 176, 2)))
    moved = np.square((warp(view(0), flow) - view(0)) / 255).mean(-1).flat[where].mean()
    assert warp_error(frame(view(0), view(0))) == pytest.approx(float(moved), rel=0.03)


def test_the_warping_error_of_flicker_is_its_square() -> None:
    # every second frame 10 levels brighter: (10 / 255)^2, on top of next to nothing
    brighter = np.asarray(np.minimum(view(1).astype(int) + 10, 255), np.uint8)
    assert warp_error(frame(view(0), brighter)) == pytest.approx((10 / 255) ** 2, rel=0.03)


def test_what_leaves_the_picture_and_what_is_covered_does_not_count() -> None:
    before, now, something = view(0).copy(), view(1).copy(), texture(9)[:60, :60]
    before[40:100, 40:100] = something
    now[40:100, 52:112] = something  # moves 12 to the right where the scene moves 3
    found = motion(Picture(before), Picture(now))
    assert found.seen[-DOWN:].mean() < 0.1
    assert found.seen[:, -RIGHT:].mean() < 0.1
    assert found.seen[45:95, 101:108].mean() < 0.1  # is behind it in the second
    assert found.seen[45:95, 45:90].mean() > 0.9  # itself is seen in both
    assert found.seen[:, :30].mean() > 0.9


def test_frames_that_are_too_small_have_no_score_and_a_reason() -> None:
    small = frame(view(0)[:40], view(1)[:40])
    with pytest.raises(Unscorable, match="40x176: tof needs 48x48"):
        TOF().features(small)
    tiny = frame(view(0)[:12], view(1)[:12])
    with pytest.raises(Unscorable, match="too small"):
        WarpError().features(tiny)


def test_a_score_without_a_frame_before_is_missing_and_says_why() -> None:
    scorer = Scorer(["psnr", "tof", "warp-error"])
    found = scorer.score(view(1), scorer.reference(view(1)))
    assert found["psnr"].value == float("inf")
    assert found["tof"].value is None
    assert "here images are looked at one by one" in (found["tof"].reason or "")
    both = scorer.score(view(1), scorer.reference(view(1), view(0)), view(0))
    assert both["tof"].value == 0
    assert both["warp-error"].value is not None
    alone = scorer.score(view(1), scorer.reference(None), view(0))
    assert alone["tof"].reason == "no reference image"


# --- in runs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gopro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two test sequences of four frames. Shared: nothing may change it."""
    return write_gopro(tmp_path_factory.mktemp("gopro"), train=0)


def cells(run: Path, model: str) -> dict[str, dict[str, object]]:
    lines = (run / "cells" / f"{model}.jsonl").read_text().splitlines()
    return {row["image"]: row["scores"] for row in map(json.loads, lines)}


def run(gopro: Path, out: Path, *models: str, **options: object) -> Path:
    options = {"metrics": ("psnr", "tof"), "profile": None, **options}
    spec = str(options.pop("spec", "gopro:frames=3"))
    product.run(spec, data=gopro, models=models, out=out, **options)  # type: ignore[arg-type]
    return out


@pytest.fixture(scope="module")
def whole(gopro: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run. Shared."""
    return run(gopro, tmp_path_factory.mktemp("run") / "whole", "input", "unsharp")


def test_each_frame_of_a_run_is_scored_beside_the_one_before_and_the_first_has_a_reason(
    gopro: Path, whole: Path
) -> None:
    found = cells(whole, "input")
    firsts = [name for name in found if name.endswith("000001")]
    assert len(firsts) == 2
    for name, scores in found.items():
        if name in firsts:
            assert scores["tof"] == {
                "missing": "the first frame of its sequence: there is none before it"
            }
    # the second frame's score, from the files
    scene = gopro / "test/GOPR0384_11_00"
    images = {
        half: [read(scene / half / f"00000{n}.png") for n in (1, 2)] for half in ("blur", "sharp")
    }
    expected = tof(frame(*images["blur"]), frame(*images["sharp"]))
    assert found["GOPR0384_11_00-000002"]["tof"] == pytest.approx(expected, rel=1e-6)


def test_a_frame_whose_predecessor_is_no_part_of_the_run_is_scored_beside_it_all_the_same(
    gopro: Path, whole: Path, tmp_path: Path
) -> None:
    few = cells(run(gopro, tmp_path / "few", "unsharp", limit=2), "unsharp")
    every = cells(whole, "unsharp")
    assert len(few) == 2
    assert not any(name.endswith("000001") for name in few)
    assert few == {name: every[name] for name in few}


def test_rescoring_adds_them_from_the_images_that_a_run_keeps(
    gopro: Path, whole: Path, tmp_path: Path
) -> None:
    run(gopro, tmp_path / "later", "unsharp", metrics=("psnr",))
    called("rescore", tmp_path / "later", "--metrics", "tof")
    later, every = cells(tmp_path / "later", "unsharp"), cells(whole, "unsharp")
    assert later == every


def test_a_suite_without_sequences_says_so_in_place_of_a_score(gopro: Path, tmp_path: Path) -> None:
    found = cells(run(gopro, tmp_path / "single", "input", spec="gopro"), "input")
    reasons = {scores["tof"]["missing"] for scores in found.values()}  # type: ignore[index]
    assert reasons == {
        "no sequences: open the suite with frames=, as gopro:frames=5, where it has any"
    }


def test_outputs_of_any_program_are_scored_by_the_numbers_of_their_names(tmp_path: Path) -> None:
    for number, pixels in enumerate(sharp_frames(3, (20, 30)), start=8):
        write_png(tmp_path / "truth" / f"street-{number}.png", pixels)
        write_png(tmp_path / "made" / f"street-{number}.png", np.ascontiguousarray(pixels[::-1]))
        write_png(tmp_path / "still" / f"street-{number}.png", sharp_frames(1, (20, 30))[0])
    same = product.score(tmp_path / "truth", tmp_path / "truth", metrics=("tof",))
    values = {cell.image: cell.scores["tof"] for cell in same.cells}
    assert values["street-8"].value is None
    assert values["street-9"].value == values["street-10"].value == 0
    still = product.score(tmp_path / "still", tmp_path / "truth", metrics=("tof",))
    assert min(cell.scores["tof"].value or 9 for cell in still.cells) > 2


def test_their_rows_say_that_they_look_at_two_frames() -> None:
    rows = [METRICS[name] for name in ("tof", "warp-error")]
    assert all(row.consecutive and row.group == "temporal" for row in rows)
    assert not any(row.higher_is_better for row in rows)
