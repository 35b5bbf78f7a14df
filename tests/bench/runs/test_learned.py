"""Weights known by the images that they learned from: no test image among them, unsaid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import bench
from bench.core.errors import BenchError
from bench.framework.marks import marks_of
from bench.image import Pixels, read, write_png
from bench.records import Pair, Profile
from bench.runs.planning import OnOverlap
from bench.runs.record import ModelRecord
from bench.runs.splits import learned_here
from bench.suites import open_suite
from bench.suites.learned import learned_from, overlap
from models.catalogue import model_cards
from models.loading import build_network
from models.weights import save_weights
from models.weights_folder import WeightsFolder
from tests.support.progress import Told
from tests.support.training import header_of, pairs_in


def collection(root: Path, photograph: Pixels, places: range) -> Path:
    """Crops of a photograph and their blurred versions."""
    for at in places:
        sharp = np.ascontiguousarray(photograph[at * 40 : at * 40 + 64, 30 * at : 30 * at + 72])
        write_png(root / "target" / f"{at}.png", sharp)
        blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.5), np.uint8)
        write_png(root / "input" / f"{at}.png", blurred)
    return root


def trained(path: Path, pairs: list[Pair] | None, seed: int = 0, suite: str = "demo") -> Path:
    """Weights of `rescnn` that say they learned from these pairs, or say nothing of it."""
    network = build_network(model_cards()["rescnn"], seed)
    if seed:
        with torch.no_grad():
            next(network.parameters()).add_(0.01)
    learned = None if pairs is None else learned_from(pairs)
    save_weights(path, network, header_of("rescnn", learned=learned, suite=suite))
    return path


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ran(data: Path, model: str | Path, on_overlap: OnOverlap = "refuse") -> ModelRecord:
    made = bench.run(
        "folder",
        data=data,
        models=("input", str(model)),
        metrics=("psnr",),
        profile=None,
        train="never",
        overlap=on_overlap,
        out=Path("run"),
    )
    _, record = made.record.models.values()
    return record


# --- the comparison -------------------------------------------------------------------------------


def test_images_are_found_by_bytes_and_by_pixels_under_whatever_name(
    tmp_path: Path, photograph: Pixels
) -> None:
    pairs = pairs_in(collection(tmp_path / "a", photograph, range(4)))
    learned = learned_from(pairs)
    assert learned.images == 8
    other = collection(tmp_path / "b", photograph, range(4, 8))
    (other / "input" / "4.png").write_bytes((tmp_path / "a" / "input" / "1.png").read_bytes())
    again = read(tmp_path / "a" / "target" / "2.png")
    cv2.imwrite(
        str(other / "target" / "6.png"), again[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )
    assert (other / "target/6.png").read_bytes() != (tmp_path / "a/target/2.png").read_bytes()
    found = overlap(learned, pairs_in(other))
    assert found.images == ("4", "6")
    assert found.compared == "8 training images compared by bytes and pixels"


def test_what_was_learned_from_is_named_by_content_whatever_files_are_called(
    tmp_path: Path, photograph: Pixels
) -> None:
    first = learned_from(pairs_in(collection(tmp_path / "a", photograph, range(3))))
    moved = collection(tmp_path / "b", photograph, range(3))
    for half in ("input", "target"):
        (moved / half / "0.png").rename(moved / half / "zero.png")
    assert learned_from(pairs_in(moved)) == first
    write_png(moved / "input" / "1.png", read(moved / "target" / "1.png"))
    assert learned_from(pairs_in(moved)).digest != first.digest


def test_too_many_images_to_decode_are_compared_by_bytes_and_it_is_said(
    tmp_path: Path, photograph: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.suites.learned.MOST_DECODED", 3)
    pairs = pairs_in(collection(tmp_path / "a", photograph, range(2)))
    learned = learned_from(pairs)
    assert learned.pixels == ""
    found = overlap(learned, pairs)
    assert (len(found.images), found.compared) == (2, "4 training images compared by bytes")


# --- in a run -------------------------------------------------------------------------------------


def test_weights_that_learned_from_test_images_are_refused_or_marked(
    tmp_path: Path, photograph: Pixels
) -> None:
    data = collection(tmp_path / "holiday", photograph, range(4))
    weights = trained(tmp_path / "w.safetensors", pairs_in(data)[:3])
    refused = ran(data, weights)
    assert refused.state == "failed"
    said = "3 of 4 test images (0, 1, 2) are among those that it learned from"
    assert refused.reason == (
        f"{weights}: {said}; take other weights, or measure it all the same, marked, with "
        "--overlap mark"
    )
    marked = ran(data, weights, "mark")
    assert (marked.state, marked.reason) == ("done", None)
    assert (marked.separation, marked.separation_note) == ("overlap", said)


def test_separate_weights_are_said_to_be_so_and_those_without_a_record_unknown(
    tmp_path: Path, photograph: Pixels
) -> None:
    data = collection(tmp_path / "holiday", photograph, range(2))
    others = pairs_in(collection(tmp_path / "others", photograph, range(5, 8)))
    known = ran(data, trained(tmp_path / "w.safetensors", others))
    assert (known.separation, known.separation_note) == (
        "separate",
        "6 training images compared by bytes and pixels",
    )
    assert known.weights is not None
    assert known.weights.header["learned"].keys() == {"images", "digest"}  # not the long lists
    unknown = ran(data, trained(tmp_path / "w.safetensors", None))
    assert unknown.separation == "unknown"
    assert unknown.separation_note.startswith("what it learned from is not recorded")


COST = Profile(
    model="w",
    device="cpu",
    dtype="float32",
    height=64,
    width=64,
    batch=1,
    threads=1,
    quantity="latency_ms",
    unit="ms",
    value=5.0,
    low=4.0,
    high=6.0,
)


def test_costs_of_a_model_that_has_changed_are_forgotten_even_where_none_are_measured(
    tmp_path: Path, photograph: Pixels
) -> None:
    data = collection(tmp_path / "holiday", photograph, range(2))
    others = pairs_in(collection(tmp_path / "others", photograph, range(5, 8)))
    weights = trained(tmp_path / "w.safetensors", others)
    ran(data, weights)
    folder = bench.open_run(tmp_path / "run").folder
    folder.write_profiles([COST, replace(COST, model="input")])
    ran(data, weights)
    assert [row.model for row in folder.read_profiles()] == ["w", "input"]
    trained(weights, others, seed=1)
    with pytest.raises(BenchError, match="w: costs were measured of another model than there is"):
        bench.run(
            "folder",
            data=data,
            models=("input", str(weights)),
            metrics=("psnr",),
            profile=None,
            train="never",
            changed="refuse",
            out=Path("run"),
        )
    assert len(folder.read_profiles()) == 2
    ran(data, weights)
    assert [row.model for row in folder.read_profiles()] == ["input"]


def test_weights_of_another_own_folder_are_marked_by_its_name(
    tmp_path: Path, photograph: Pixels
) -> None:
    data = collection(tmp_path / "holiday", photograph, range(2))
    others = pairs_in(collection(tmp_path / "harbour", photograph, range(5, 8)))
    for suite, marks in (("harbour", ["trained on harbour"]), ("holiday", [])):
        found = ran(data, trained(tmp_path / "w.safetensors", others, suite=suite))
        key = bench.open_run(tmp_path / "run").record.suite_key
        assert key == "holiday"
        assert [mark.short for mark in marks_of(found, key) if mark.symbol == "§"] == marks


def test_two_collections_called_the_same_share_no_weights(
    tmp_path: Path, photograph: Pixels
) -> None:
    """Weights are found by what they learned from; a set without training images takes none."""
    for place in "ab":
        collection(tmp_path / place / "holiday", photograph, range(3))
    learned = pairs_in(tmp_path / "a" / "holiday")
    weights = trained(tmp_path / "rescnn.safetensors", learned)
    WeightsFolder().keep(weights, "holiday", learned_from(learned).digest)
    found = ran(tmp_path / "b" / "holiday", "rescnn")
    assert found.state == "failed"
    assert "3 of 3 test images (0, 1, 2) are among those that it learned from" in str(found.reason)


def test_weights_of_other_training_images_of_a_suite_are_passed_over_and_it_is_said(
    tmp_path: Path, photograph: Pixels
) -> None:
    root = tmp_path / "data"
    for split, scene, places in (
        ("train", "GOPR0372_07_00", range(3)),
        ("train", "GOPR0374_11_00", range(3, 5)),
        ("test", "GOPR0384_11_00", range(6, 8)),
    ):
        made = collection(root / split / scene, photograph, places)
        (made / "input").rename(made / "blur")
        (made / "target").rename(made / "sharp")
    suite = open_suite("gopro", root)
    here = learned_here(suite)
    assert here is not None
    others = pairs_in(collection(tmp_path / "others", photograph, range(8, 10)))
    kept = WeightsFolder()
    strange = kept.keep(
        trained(tmp_path / "rescnn.safetensors", others), suite.key, learned_from(others).digest
    )
    told = Told()
    options = {"data": root, "models": ("rescnn",), "metrics": ("psnr",), "profile": None}
    first = bench.run("gopro", **options, train="never", out=Path("one"), progress=told)
    assert first.record.models["rescnn"].state == "failed"
    expected = f"  rescnn: passes over {strange}: it learned from other images than these"
    assert expected in told.notes
    own = kept.keep(
        trained(tmp_path / "rescnn.safetensors", [*suite.pairs("train"), *suite.pairs("val")]),
        suite.key,
        here.digest,
    )
    second = bench.run("gopro", **options, train="never", out=Path("two")).record.models["rescnn"]
    assert second.weights is not None
    assert (second.weights.file, second.separation) == (str(own), "separate")
    seeded = bench.run("gopro", **options, seed=1, train="never", out=Path("three"), progress=told)
    assert seeded.record.models["rescnn"].state == "failed"
    assert f"  rescnn: passes over {own}: its seed is 0, not 1" in told.notes
