"""Metrics proved against other people's implementations, on this machine.

`check_metrics` scores photographs that come with scikit-image, degraded on the spot, by every
metric and by the reference that its row names (`bench.metrics.card.Check`), and tells the largest
difference. The functions below are the references of our own rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from bench.core.errors import Unscorable, message_of
from bench.core.plugins import load_object
from bench.image import Pixels
from bench.metrics.backbones import find_backbone
from bench.metrics.card import MetricCard
from bench.metrics.dists import CHANNELS, weights_file
from bench.metrics.scorer import Scorer
from bench.metrics.table import metric_card, metric_cards

Verdict = Literal["agrees", "differs", "missing", "no reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of one metric. ``difference`` is the largest over ``images`` pairs of images.

    ``note`` is why there is no verdict, or which pair differs by what.
    """

    metric: str
    reference: str
    version: str
    images: int
    difference: float | None
    tolerance: float | None
    verdict: Verdict
    note: str


def embedded_pairs() -> Iterator[tuple[str, Pixels, Pixels]]:
    """Yield names, degraded and sharp photographs, (H, W, 3): the same for ever and everywhere.

    They are crops of scikit-image's, of even and odd sizes, blurred, noisy, compressed or darkened.
    """
    from skimage import data

    photographs: Any = data  # untyped
    noise = np.random.default_rng(0)
    for name, image, (height, width) in (
        ("astronaut", photographs.astronaut()[:, 100:], (256, 256)),
        ("coffee", photographs.coffee()[100:, 150:], (181, 230)),
        ("cat", photographs.chelsea()[60:, 80:], (192, 163)),
    ):
        sharp: Pixels = np.ascontiguousarray(image[:height, :width])
        grain = noise.normal(0, 8, sharp.shape)
        compressed = cv2.imencode(".jpg", sharp, [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
        for how, worse in (
            ("blurred", cv2.GaussianBlur(sharp, (0, 0), 1.6)),
            ("noisy", sharp + grain),
            ("compressed", np.asarray(cv2.imdecode(compressed, cv2.IMREAD_COLOR))),
            ("darkened", sharp * 0.7),
        ):
            yield f"{name}, {how}", np.clip(np.rint(worse), 0, 255).astype(np.uint8), sharp


def check_metrics(names: Iterable[str] | None = None) -> list[Checked]:
    """Check the metrics of these names, or all, each against the reference that its row names."""
    pairs = list(embedded_pairs())
    return [_checked(metric_card(n), pairs) for n in (metric_cards() if names is None else names)]


def _checked(card: MetricCard, pairs: Iterable[tuple[str, Pixels, Pixels]]) -> Checked:
    check = card.check
    if isinstance(check, str):
        return Checked(
            metric=card.name,
            reference="",
            version="",
            images=0,
            difference=None,
            tolerance=None,
            verdict="no reference",
            note=check,
        )

    def checked(images: int, difference: float | None, verdict: Verdict, note: str) -> Checked:
        return Checked(
            metric=card.name,
            reference=check.reference,
            version=_version(check.package),
            images=images,
            difference=difference,
            tolerance=check.tolerance,
            verdict=verdict,
            note=note,
        )

    scorer = Scorer([card.name])
    found: dict[str, float] = {}
    for name, restored, sharp in pairs:
        score = scorer.score(restored, scorer.reference(sharp))[card.name]
        if score.value is None:
            return checked(len(found), None, "missing", f"{name}: {score.reason}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # theirs, of themselves
                expected = float(load_object(check.value)(restored, sharp))
        except Unscorable as reason:
            return checked(len(found), None, "missing", f"{name}: {reason}")
        except Exception as error:  # noqa: BLE001  a reference of a third party may raise anything
            return checked(
                len(found), None, "differs", f"{name}: the reference fails: {message_of(error)}"
            )
        found[name] = abs(score.value - expected)
    worst = max(found, key=lambda name: np.nan_to_num(found[name], nan=np.inf))
    if found[worst] <= check.tolerance:
        return checked(len(found), found[worst], "agrees", "")
    return checked(len(found), found[worst], "differs", f"most on {worst}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


# --- the references of our own rows --------------------------------------------------------------


def psnr(restored: Pixels, reference: Pixels) -> float:
    """scikit-image's."""
    return float(_skimage().peak_signal_noise_ratio(reference, restored, data_range=255))


def psnr_luma(restored: Pixels, reference: Pixels) -> float:
    """scikit-image's of its own luma."""
    from skimage.color import rgb2ycbcr

    x, y = (rgb2ycbcr(image)[..., 0] for image in (restored, reference))
    return float(_skimage().peak_signal_noise_ratio(y, x, data_range=255))


def ssim(restored: Pixels, reference: Pixels) -> float:
    """scikit-image's, with the Gaussian window of the paper."""
    return float(_skimage().structural_similarity(reference, restored, channel_axis=-1, **_PAPER))


def ssim_luma(restored: Pixels, reference: Pixels) -> float:
    """scikit-image's of its own luma."""
    from skimage.color import rgb2ycbcr

    x, y = (rgb2ycbcr(image)[..., 0] for image in (restored, reference))
    return float(_skimage().structural_similarity(y, x, **_PAPER))


_PAPER: Mapping[str, Any] = {
    "data_range": 255,
    "gaussian_weights": True,
    "sigma": 1.5,
    "use_sample_covariance": False,
}


def ssim_volume(restored: Pixels, reference: Pixels) -> float:
    """The formula of Wang et al. 2004 with SciPy's filter in three dimensions."""
    from scipy.ndimage import correlate1d

    steps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    steps /= steps.sum()

    def smooth(values: Any) -> Any:
        for axis in range(3):
            values = correlate1d(values, steps, axis, mode="nearest")
        return values

    x, y = (image.astype(float) for image in (restored, reference))
    a, b = smooth(x), smooth(y)
    variances = smooth(x * x) - a * a + smooth(y * y) - b * b
    covariance = smooth(x * y) - a * b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * a * b + c1) * (2 * covariance + c2)
    similarity /= (a * a + b * b + c1) * (variances + c2)
    return float(similarity.mean())


def ms_ssim(restored: Pixels, reference: Pixels) -> float:
    """piq's, in float64."""
    import piq

    return float(piq.multi_scale_ssim(_tensor(restored), _tensor(reference)))


def vif(restored: Pixels, reference: Pixels) -> float:
    """piq's of grey images that are the BT.601 luma, in float64."""
    import piq

    weights = np.array([0.299, 0.587, 0.114])
    x, y = (_tensor((image @ weights)[..., None]) for image in (restored, reference))
    return float(piq.vif_p(x, y))


def mse(restored: Pixels, reference: Pixels) -> float:
    """scikit-image's, of values in 0..1."""
    return float(_skimage().mean_squared_error(reference / 255, restored / 255))


def mae(restored: Pixels, reference: Pixels) -> float:
    """NumPy's mean of differences in float64."""
    return float(np.abs(reference / 255 - restored / 255).mean())


def blur_effect(restored: Pixels, reference: Pixels) -> float:
    """scikit-image's, of the grey image that it makes itself."""
    from skimage import measure
    from skimage.color import rgb2gray

    del reference
    measures: Any = measure  # untyped
    return float(measures.blur_effect(rgb2gray(restored), h_size=11))


def gmsd(restored: Pixels, reference: Pixels) -> float:
    """Equations 3 to 6 of Xue et al. 2014 with SciPy's filter, of YIQ's luma halved."""
    from scipy.ndimage import correlate

    def gradient(pixels: Pixels) -> Any:
        luma = pixels @ np.array([0.299, 0.587, 0.114])
        luma = np.pad(luma, (0, max(side % 2 for side in luma.shape)))  # as piq does
        height, width = (side // 2 for side in luma.shape)
        halved = luma[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))
        prewitt = np.array([[1, 0, -1]] * 3) / 3
        return np.hypot(
            *(correlate(halved, kernel, mode="constant") for kernel in (prewitt, prewitt.T))
        )

    x, y = gradient(restored), gradient(reference)
    return float(((2 * x * y + 170) / (x * x + y * y + 170)).std())


def lpips_alex(restored: Pixels, reference: Pixels) -> float:
    """The lpips package's, with the same backbone."""
    return _lpips("alex", restored, reference)


def lpips_vgg(restored: Pixels, reference: Pixels) -> float:
    """The lpips package's, with the same backbone."""
    return _lpips("vgg", restored, reference)


def lpips_squeeze(restored: Pixels, reference: Pixels) -> float:
    """The lpips package's, with the same backbone."""
    return _lpips("squeeze", restored, reference)


def _lpips(net: str, restored: Pixels, reference: Pixels) -> float:
    import torch

    network = _lpips_network(net, find_backbone(net))
    x, y = (2 * _tensor(image).float() - 1 for image in (restored, reference))
    with torch.inference_mode():
        return float(network(x, y))


@cache
def _lpips_network(net: str, backbone: Path) -> Any:
    """Return the package's network, with the backbone's weights in place of its random ones."""
    import lpips
    import torch

    state = torch.load(backbone, map_location="cpu", weights_only=True)
    network = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    # Its slices keep torchvision's numbers: slice2.3.weight is features.3.weight
    for key, weight in network.net.named_parameters():
        weight.data.copy_(state["features." + key.split(".", 1)[1]])
    return network


def dists(restored: Pixels, reference: Pixels) -> float:
    """piq's, with the same backbone and the authors' weights."""
    import torch

    network = _dists_network(find_backbone("vgg"), weights_file())
    x, y = (_tensor(image).float() for image in (restored, reference))
    with torch.inference_mode():
        return float(network(x, y))


@cache
def _dists_network(backbone: Path, learned: Path) -> Any:
    """Return piq's network with weights of these files: its own constructor would download them."""
    import torch
    from piq import DISTS
    from piq.perceptual import VGG16_LAYERS, ContentLoss
    from torchvision import models

    state = torch.load(backbone, map_location="cpu", weights_only=True)
    vgg = models.vgg16(weights=None).features
    prefix = "features."
    vgg.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if prefix in k})
    weights = torch.load(learned, map_location="cpu", weights_only=True)
    network = DISTS.__new__(DISTS)
    ContentLoss.__init__(
        network,
        vgg,
        layers=[VGG16_LAYERS[f"relu{name}"] for name in ("1_2", "2_2", "3_3", "4_3", "5_3")],
        weights=[w for key in ("alpha", "beta") for w in weights[key].split(CHANNELS, dim=1)],
        replace_pooling=True,
        allow_layers_weights_mismatch=True,
    )
    return network.eval()


def st_lpips_alex(restored: Pixels, reference: Pixels) -> float:
    """The stlpips-pytorch package's."""
    return _st_lpips("alex", restored, reference)


def st_lpips_vgg(restored: Pixels, reference: Pixels) -> float:
    """The stlpips-pytorch package's."""
    return _st_lpips("vgg", restored, reference)


def _st_lpips(net: str, restored: Pixels, reference: Pixels) -> float:
    import torch

    network = _st_lpips_network(net)
    x, y = (2 * _tensor(image).float() - 1 for image in (restored, reference))
    with torch.inference_mode():
        return float(network(x, y))


@cache
def _st_lpips_network(net: str) -> Any:
    try:
        from stlpips_pytorch import stlpips
    except ImportError as error:
        raise Unscorable(
            f"the package's own code needs {error.name}, which it does not declare: install "
            "ipython and torchsummary to check against it"
        ) from None
    return stlpips.LPIPS(net=net, variant="shift_tolerant", verbose=False).eval()


def _skimage() -> Any:
    """Return scikit-image's metrics, which are untyped."""
    from skimage import metrics

    return metrics


def _tensor(values: Any) -> Any:
    """(H, W, C) in 0..255 -> (1, C, H, W) float64 in 0..1."""
    import torch

    return torch.from_numpy(values).permute(2, 0, 1)[None].double() / 255
