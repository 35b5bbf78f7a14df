"""What proves the metrics: they agree, a wrong one differs, what is not there is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from bench.cli import app
from bench.core.errors import Unscorable
from bench.image import Pixels
from bench.metrics import checks
from bench.metrics.card import Check
from bench.metrics.checks import check_metrics, embedded_pairs
from bench.metrics.table import METRICS

PLAIN = (
    "psnr",
    "psnr-y",
    "ssim",
    "ssim-y",
    "ssim-volume",
    "ms-ssim",
    "vif",
    "gmsd",
    "haarpsi",
    "mdsi",
    "mse",
    "mae",
    "blur-effect",
    "niqe",
    "brisque",
)


def close(restored: Pixels, reference: Pixels) -> float:
    """PSNR with a peak of 256: what a slip looks like."""
    return checks.psnr(restored, reference) + 20 * float(np.log10(256 / 255))


def absent(restored: Pixels, reference: Pixels) -> float:
    raise Unscorable("it is not there")


def broken(restored: Pixels, reference: Pixels) -> float:
    raise RuntimeError("out of order")


def checked_by(monkeypatch: pytest.MonkeyPatch, function: Callable[..., float]) -> checks.Checked:
    check = Check(
        reference="a test's",
        package="numpy",
        value=f"{__name__}:{function.__name__}",
        tolerance=1e-9,
    )
    monkeypatch.setitem(METRICS, "psnr", replace(METRICS["psnr"], check=check))
    (found,) = check_metrics(["psnr"])
    return found


def test_the_pairs_are_many_kinds_of_real_images_and_always_the_same() -> None:
    pairs = list(embedded_pairs())
    assert len({name for name, _, _ in pairs}) == len(pairs) == 12
    assert {sharp.shape[0] % 2 for _, _, sharp in pairs} == {0, 1}
    assert all(min(sharp.shape[:2]) >= 161 for _, _, sharp in pairs)  # ms-ssim's smallest
    assert all(not np.array_equal(restored, sharp) for _, restored, sharp in pairs)
    again = list(embedded_pairs())
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(pairs, again, strict=True))


@pytest.mark.slow
def test_every_metric_with_a_reference_agrees_and_every_other_says_why_there_is_none() -> None:
    found = {one.metric: one for one in check_metrics(PLAIN)}
    assert {one.verdict for one in found.values()} == {"agrees"}
    assert all(one.images == 12 and one.version[0].isdigit() for one in found.values())
    others = {card.name: card.check for card in METRICS.values() if isinstance(card.check, str)}
    assert not set(others) & set(PLAIN)
    assert all(why != "its row names no reference" for why in others.values())


def test_lpips_is_checked_where_its_weights_are(
    random_backbone: Callable[[str], dict[str, torch.Tensor]],
) -> None:
    random_backbone("squeeze")
    (found,) = check_metrics(["lpips-squeeze"])
    assert found.verdict == "agrees", found
    assert found.difference is not None


def test_lpips_without_weights_is_missing(no_weights: Path) -> None:
    (found,) = check_metrics(["lpips-alex"])
    assert (found.verdict, found.difference) == ("missing", None)
    assert "bench fetch weights" in found.note


def test_a_slip_differs_by_what_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked_by(monkeypatch, close)
    assert found.verdict == "differs"
    assert found.difference == pytest.approx(20 * np.log10(256 / 255))


def test_a_reference_that_is_not_there_is_missing_and_one_that_fails_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert checked_by(monkeypatch, absent).verdict == "missing"
    found = checked_by(monkeypatch, broken)
    assert found.verdict == "differs"
    assert "out of order" in found.note


@pytest.mark.parametrize(("function", "code"), [(checks.psnr, 0), (close, 1)])
def test_the_command_shows_all_and_ends_with_1_where_one_differs(
    monkeypatch: pytest.MonkeyPatch, function: Callable[..., float], code: int
) -> None:
    few = {name: METRICS[name] for name in ("psnr", "mse", "orb-matches")}
    check = few["psnr"].check
    assert isinstance(check, Check)
    changed = replace(check, value=f"{function.__module__}:{function.__name__}")
    few["psnr"] = replace(few["psnr"], check=changed)
    monkeypatch.setattr("bench.metrics.table.METRICS", few)
    shown = CliRunner().invoke(app, ["metrics", "--check", "--json"])
    assert shown.exit_code == code
    rows = {row["metric"]: row for row in json.loads(shown.output)}
    assert rows["psnr"]["verdict"] == ("differs" if code else "agrees")
    assert rows["orb-matches"]["note"] == "OpenCV's ORB is the reference itself"
    table = CliRunner().invoke(app, ["metrics", "--check"], env={"COLUMNS": "200"})
    assert table.exit_code == code
    assert "scikit-image's mean_squared_error" in table.output
