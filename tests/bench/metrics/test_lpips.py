"""LPIPS against the lpips package, both with the same random backbone: real ones are a download."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics.lpips import SMALLEST, Lpips, alex, squeeze, vgg
from bench.metrics.table import METRICS

Backbone = Callable[[str], dict[str, torch.Tensor]]


def package(net: str, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    """Return the package's own network with the backbone's weights in place of its random ones."""
    import lpips

    network: torch.nn.Module = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    # Its slices keep torchvision's numbers: net.slice2.3.weight is features.3.weight
    for key, weight in network.net.named_parameters():
        weight.data.copy_(state["features." + key.split(".", 1)[1]])
    return network


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The parameter 'pretrained':UserWarning")
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
@pytest.mark.parametrize("net", ["alex", "squeeze", "vgg"])
def test_lpips_is_the_lpips_packages(
    net: str, random_backbone: Backbone, photo: Pixels, worse: Pixels
) -> None:
    theirs = package(net, random_backbone(net))
    ours = Lpips(net)
    for height, width in [(64, 64), (97, 131), (SMALLEST[net], 50)]:
        x, y = worse[:height, :width], photo[:height, :width]
        a, b = (
            torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None] / 127.5 - 1
            for image in (x, y)
        )
        with torch.inference_mode():
            expected = theirs(a, b).item()
        value = ours.compare(Picture(x), ours.features(Picture(y)))
        assert expected > 1e-4
        assert value == pytest.approx(expected, abs=1e-6, rel=1e-4)


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_lpips_of_identical_images_is_exactly_0(
    net: str, random_backbone: Backbone, photo: Pixels
) -> None:
    random_backbone(net)
    metric = Lpips(net)
    small = photo[:60, :75]
    for image in (small, np.zeros_like(small), np.full_like(small, 255)):
        assert metric.compare(Picture(image.copy()), metric.features(Picture(image))) == 0


def test_one_reference_serves_many_images_unchanged(
    random_backbone: Backbone, photo: Pixels, worse: Pixels
) -> None:
    random_backbone("alex")
    metric = alex()
    features = metric.features(Picture(photo))
    first = metric.compare(Picture(worse), features)
    assert metric.compare(Picture(photo), features) == 0
    assert metric.compare(Picture(worse), features) == first
    assert first > 0


@pytest.mark.parametrize("net", ["alex", "squeeze", "vgg"])
def test_images_too_small_for_the_backbone_are_unscorable(
    net: str, random_backbone: Backbone
) -> None:
    random_backbone(net)
    metric = Lpips(net)
    side = SMALLEST[net]
    metric.features(Picture(np.zeros((side, side, 3), np.uint8)))
    with pytest.raises(Unscorable, match=f"needs at least {side}x{side}"):
        metric.features(Picture(np.zeros((side, side - 1, 3), np.uint8)))


@pytest.mark.parametrize("make", [alex, vgg, squeeze])
def test_without_weights_it_is_built_but_unscorable(
    make: Callable[[], Lpips], no_weights: Path, photo: Pixels
) -> None:
    metric = make()
    with pytest.raises(Unscorable, match="bench fetch weights"):
        metric.features(Picture(photo))


def test_weights_fetched_meanwhile_are_used(
    no_weights: Path, random_backbone: Backbone, photo: Pixels
) -> None:
    metric = alex()
    with pytest.raises(Unscorable):
        metric.features(Picture(photo))
    random_backbone("alex")
    assert len(metric.features(Picture(photo))) == 5


def test_without_weights_torch_is_not_even_imported(no_weights: Path) -> None:
    code = (
        "import sys, numpy; from bench.metrics.scorer import Scorer\n"
        "scorer = Scorer(['lpips', 'lpips-vgg', 'psnr'])\n"
        "image = numpy.zeros((40, 40, 3), numpy.uint8)\n"
        "scores = scorer.score(image, scorer.reference(image))\n"
        "assert 'fetch weights' in scores['lpips-alex'].reason, scores\n"
        "assert 'torch' not in sys.modules and 'lpips' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_names_of_the_table_are_the_networks() -> None:
    for net in ("alex", "vgg", "squeeze"):
        metric = METRICS[f"lpips-{net}"].make("cpu")
        assert isinstance(metric, Lpips)
        assert metric.net == net


@pytest.mark.gpu
def test_lpips_on_cuda_is_that_on_the_cpu(
    random_backbone: Backbone, photo: Pixels, worse: Pixels
) -> None:
    random_backbone("alex")
    values = []
    for device in ("cpu", "cuda"):
        metric = alex(device=device)
        values.append(metric.compare(Picture(worse), metric.features(Picture(photo))))
    assert values[1] == pytest.approx(values[0], rel=1e-3)  # TF32 convolutions
