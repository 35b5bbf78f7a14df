"""ST-LPIPS against its authors' package, which holds the same weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics import st_lpips
from bench.metrics.checks import check_metrics
from bench.metrics.st_lpips import SMALLEST, StLpips, weights_file
from bench.metrics.table import DEFAULT, METRICS, at_hand
from tests.support.backbones import put_backbone


def theirs(net: str) -> torch.nn.Module:
    stlpips = pytest.importorskip("stlpips_pytorch.stlpips")
    network: torch.nn.Module = stlpips.LPIPS(net=net, variant="shift_tolerant", verbose=False)
    return network.eval()


def tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def distance(metric: StLpips, one: Pixels, other: Pixels) -> float:
    return metric.compare(Picture(one.copy()), metric.features(Picture(other.copy())))


@pytest.mark.slow
@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_it_is_the_packages_at_every_kind_of_size(net: str, photo: Pixels, worse: Pixels) -> None:
    ours, package = StLpips(net), theirs(net)
    for high, wide in ((SMALLEST[net], SMALLEST[net]), (64, 64), (97, 121), (130, 99)):
        a, b = worse[:high, :wide], photo[:high, :wide]
        with torch.inference_mode():
            expected = float(package(tensor(a), tensor(b)))
        assert distance(ours, a, b) == pytest.approx(expected, abs=1e-5)
        assert expected > 0.001


def test_a_shift_of_a_pixel_counts_less_than_blur_as_its_paper_says(photo: Pixels) -> None:
    metric = StLpips("alex")
    still, shifted = photo[:-1, :-1], photo[1:, 1:]
    assert distance(metric, still, still) == 0
    assert distance(metric, shifted, still) < 0.02
    coarse = np.repeat(np.repeat(still[::3, ::3], 3, 0), 3, 1)[:255, :255]
    assert distance(metric, coarse, still) > 5 * distance(metric, shifted, still)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_images_too_small_are_unscorable_and_no_smaller_than_they_must_be(net: str) -> None:
    side = SMALLEST[net]
    metric = StLpips(net)
    metric.features(Picture(np.zeros((side, side, 3), np.uint8)))
    small = Picture(np.zeros((side, side - 1, 3), np.uint8))
    with pytest.raises(Unscorable, match=f"needs at least {side}x{side}"):
        metric.features(small)
    metric.smallest = 1
    with pytest.raises(RuntimeError, match=r"[Pp]adding"):
        metric.features(small)


def test_its_digest_is_that_of_the_weights_and_without_the_package_there_is_a_reason(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert len(StLpips("alex").weights) == 64
    assert StLpips("alex").weights != StLpips("vgg").weights
    monkeypatch.setattr(st_lpips, "PACKAGE", "no_such_package")
    assert StLpips("alex").weights == "none"
    with pytest.raises(Unscorable, match="stlpips-pytorch is not installed"):
        StLpips("alex").features(Picture(photo))
    (tmp_path / "hollow").mkdir()
    (tmp_path / "hollow" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(st_lpips, "PACKAGE", "hollow")
    with pytest.raises(Unscorable, match=r"has no 'alex_shift_tolerant.pth'; install it again"):
        weights_file("alex")


@pytest.mark.slow
def test_it_is_checked_on_this_machine_and_says_what_its_package_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (found,) = check_metrics(["st-lpips-alex"])
    assert (found.verdict, found.version) == ("agrees", "0.0.2")
    from bench.metrics import checks

    checks._st_lpips_network.cache_clear()
    monkeypatch.delattr("stlpips_pytorch.stlpips")
    monkeypatch.setitem(sys.modules, "stlpips_pytorch.stlpips", None)
    (found,) = check_metrics(["st-lpips-alex"])
    assert found.verdict == "missing"
    assert "install ipython and torchsummary" in found.note


def test_it_is_in_the_standard_panel_everywhere_and_lpips_where_its_weights_are(
    no_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert at_hand(DEFAULT) == ("psnr", "ssim", "vif", "st-lpips-alex")
    put_backbone("alex", no_weights / "found", monkeypatch)
    assert at_hand(DEFAULT) == (*DEFAULT[:4], "lpips-alex")
    assert all("lpips-alex" not in METRICS[n].convention for n in ("st-lpips-alex", "st-lpips-vgg"))
