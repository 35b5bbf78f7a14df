"""The plan of a run, where it is measured and not only looked up."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import skimage.data
import torch
from safetensors.torch import save_file

from bench.image import write_png
from bench.records import Pair, RunSpec
from bench.runs.planning import TIMED_ITERATIONS, Entry, Planner, told_to
from bench.runs.store import RunFolder
from bench.suites import open_suite
from models.loading import load_restorer
from models.prior import PriorRestorer
from models.restorer import Hints
from models.specs import card_of
from models.weights_folder import WeightsFolder
from tests.support.progress import Told


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    """A run of `input` and `dip` on two small pieces of a photograph."""
    photograph = skimage.data.astronaut()[:64, 200:264]
    for side in ("input", "target"):
        for name in "ab":
            write_png(tmp_path / "photos" / side / f"{name}.png", photograph)
    return RunSpec(
        suite="folder",
        data=str(tmp_path / "photos"),
        models=("input", "dip"),
        metrics=("psnr",),
    )


def planned(spec: RunSpec, root: Path, kept: Path | None = None) -> list[str]:
    """Return what is said of each model."""
    suite, told = open_suite("folder", Path(spec.data)), Told()
    entries = [Entry(name, name, card_of(name)) for name in spec.models]
    folder = RunFolder.create(root / "run", spec)
    Planner(spec, folder, suite, suite.pairs("test"), told, WeightsFolder(kept or root)).decide(
        entries
    )
    return [note.strip() for note in told.notes]


def test_a_network_fitted_to_each_image_says_before_how_long_that_takes(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[PriorRestorer] = []
    restore = PriorRestorer.restore

    def counted(self: PriorRestorer, degraded: torch.Tensor, hints: Hints) -> torch.Tensor:
        fitted.append(self)
        return restore(self, degraded, hints)

    monkeypatch.setattr(PriorRestorer, "restore", counted)
    first, second = planned(spec, tmp_path)
    assert first == "input: ready"
    assert re.fullmatch(
        r"dip: fits a network to each image: 400 iterations, about [\d.]+ (s|min|h) for one, "
        r"[\d.]+ (s|min|h) for all",
        second,
    )
    (one,) = fitted
    assert one.spent == TIMED_ITERATIONS


def test_kept_weights_that_cannot_be_read_fail_alone(spec: RunSpec, tmp_path: Path) -> None:
    path = tmp_path / "weights" / "own-photos" / "0" / "unet.safetensors"
    path.parent.mkdir(parents=True)
    wanted = replace(spec, models=("input", "unet"))
    for header, why in (('{"schema": 9}', "has schema 9"), ("", "is damaged")):
        save_file({"w": torch.ones(1)}, path, metadata={"restoration_bench": header})
        first, second = planned(wanted, tmp_path / why[-1], kept=tmp_path / "weights")
        assert first == "input: ready"
        assert second.startswith(f"unet: failed: the header of '{path}' {why}")


def test_a_first_image_that_cannot_be_opened_stops_no_plan(spec: RunSpec, tmp_path: Path) -> None:
    (tmp_path / "photos" / "input" / "a.png").write_bytes(b"no image")
    assert planned(spec, tmp_path)[1] == "dip: fits a network to each image: 400 iterations"


@pytest.mark.parametrize(
    ("model", "degradation", "told"),
    [
        ("nlm", {"sigma": 25.0}, ("noise",)),
        ("nlm", {"blur": "gaussian"}, ()),
        ("input", {"sigma": 25.0}, ()),
        ("dip", {"sigma": 25.0}, ("noise",)),
        ("wiener", {"blur": "gaussian"}, ("psf",)),
        ("unsharp", {"blur": "gaussian"}, ()),
    ],
)
def test_what_a_model_is_told_of_the_degradation_is_known(
    model: str, degradation: dict[str, object], told: tuple[str, ...]
) -> None:
    pairs = [Pair("a", Path("a.png"), Path("a.png"), "a", degradation=degradation)]
    assert told_to(load_restorer(model), pairs) == told
