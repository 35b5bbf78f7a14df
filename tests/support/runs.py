"""Run folders made through the store, as `bench run` makes them, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage
from skimage.filters import gaussian, unsharp_mask
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from bench.image import Pixels, read, write_png
from bench.metrics.table import METRICS
from bench.records import Failure, Pair, Profile, RunSpec, Score
from bench.runs.cells import Cell
from bench.runs.record import (
    MetricRecord,
    ModelRecord,
    RunRecord,
    State,
    SuiteRecord,
    WeightsRecord,
)
from bench.runs.store import RunFolder

Scores = Mapping[str, Mapping[str, Mapping[str, Score]]]
"""Model -> image -> metric -> score."""

NO_BACKBONE = "LPIPS's alex backbone weights were not found; 'bench fetch weights lpips-alex'"
NO_PSF = "no PSF: the blur of these images is not known"


def write_run(
    path: Path,
    pairs: Sequence[Pair],
    scores: Scores,
    metrics: Sequence[str],
    states: Mapping[str, tuple[State, str]] | None = None,
    profiles: Sequence[Profile] = (),
    failures: Sequence[Failure] = (),
    **changed: Any,
) -> RunFolder:
    """Make a run folder. ``states`` holds models that are not done, with the reason."""
    states = states or {}
    models = [*scores, *(name for name in states if name not in scores)]
    spec = RunSpec(suite="demo", data="data/demo", models=tuple(models), metrics=tuple(metrics))
    folder = RunFolder.create(path, spec)
    for model in scores:
        with folder.cell_writer(model) as writer:
            for image, values in scores[model].items():
                writer.append(Cell(image, values))
    folder.write_images(pairs)
    folder.write_profiles(profiles)
    record = run_record(spec, states, failures, pairs)
    folder.write_record(replace(record, **changed))
    folder.write_scores(models, [pair.id for pair in pairs])
    return folder


def run_record(
    spec: RunSpec,
    states: Mapping[str, tuple[State, str | None]] | None = None,
    failures: Sequence[Failure] = (),
    pairs: Sequence[Pair] = (),
) -> RunRecord:
    """Return the record of a finished run of ``spec``; models are done unless ``states`` say so."""
    states = states or {}
    return RunRecord(
        spec=spec,
        options={"suite": "demo", "limit": str(len(pairs))},
        status="done",
        started="2025-11-21T07:00:00+00:00",
        finished="2025-11-21T07:05:00+00:00",
        suite=SuiteRecord(
            name="demo",
            title="Photographs, blurred",
            task="deblur",
            layout="input/ and target/",
            licence="CC0",
            citation="doi:10.7717/peerj.453",
            notes=("Gaussian blur of 1.6 pixels and noise of 4 levels",),
            border=0,
            scale=1,
            images=len(pairs),
            clusters=len({pair.cluster for pair in pairs}),
        ),
        metrics={name: MetricRecord.of(METRICS[name]) for name in spec.metrics},
        sets={},
        models={m: model_record(m, *states.get(m, ("done", None))) for m in spec.models},
        profile_notes={},
        failures=tuple(failures),
        environment={
            "device": "cpu",
            "platform": {"system": "Linux", "machine": "x86_64"},
            "threads": {"torch": 2, "OMP_NUM_THREADS": None},
            "gpu": None,
            "packages": {"torch": "2.10.0", "numpy": "2.4.0"},
            "load": [0.5, 0.5, 0.5],
        },
    )


def model_record(label: str, state: State = "done", reason: str | None = None) -> ModelRecord:
    """Return the record of a model; the one called ``unsharp`` has weights."""
    weights = WeightsRecord(
        origin="loaded",
        file="w.safetensors",
        sha256="ab" * 32,
        header={"recipe": "charbonnier", "epochs": 3},
    )
    return ModelRecord(
        digest=None,
        remarks=(),
        separation="nothing learned",
        separation_note="",
        told=(),
        spec=label,
        title=label.capitalize(),
        family="classical",
        citation="doi:10.1109/TEST",
        state=state,
        reason=reason,
        weights=weights if label == "unsharp" else None,
    )


def simple_run(
    path: Path,
    values: Mapping[str, Sequence[float | str]],
    clusters: Sequence[str],
    metric: str = "psnr",
    **changed: Any,
) -> RunFolder:
    """Make a run of one metric without images on disk; text is the reason of a missing score."""
    ids = [f"image{index}" for index in range(len(clusters))]
    pairs = [Pair(i, path / "x.png", path / "y.png", c) for i, c in zip(ids, clusters, strict=True)]
    scores = {
        model: {
            image: {metric: Score.missing(v) if isinstance(v, str) else Score(v)}
            for image, v in zip(ids, column, strict=True)
        }
        for model, column in values.items()
    }
    return write_run(path, pairs, scores, [metric], **changed)


# --- real photographs, really degraded, restored and scored -------------------------------------

SCENES = {
    "astronaut": ("astronaut.png", (40, 120)),
    "chelsea": ("chelsea.png", (20, 90)),
    "coffee": ("coffee.png", (100, 150)),
    "rocket": ("rocket.jpg", (120, 230)),
    "motorcycle": ("motorcycle_left.png", (120, 300)),
    "camera": ("camera.png", (60, 150)),
    "page": ("page.png", (10, 60)),
    "hubble": ("hubble_deep_field.jpg", (100, 100)),
}
"""Scene -> file in scikit-image and where its crops begin."""


def _float(function: Callable[[Any], Any]) -> Callable[[Pixels], Pixels]:
    def restore(pixels: Pixels) -> Pixels:
        return np.rint(np.clip(function(pixels / 255.0), 0, 1) * 255).astype(np.uint8)

    return restore


RESTORERS: dict[str, Callable[[Pixels], Pixels]] = {
    "input": lambda pixels: pixels,
    "unsharp": _float(lambda x: unsharp_mask(x, radius=2, amount=1.0, channel_axis=2)),
    "nlm": _float(
        lambda x: denoise_nl_means(x, h=0.02, patch_distance=4, fast_mode=True, channel_axis=2)
    ),
    "tv": _float(lambda x: denoise_tv_chambolle(x, weight=0.03, channel_axis=2)),
    "median": lambda pixels: np.asarray(cv2.medianBlur(pixels, 3)),
    "sharper": _float(
        lambda x: unsharp_mask(
            denoise_tv_chambolle(x, weight=0.02, channel_axis=2),
            radius=1.6,
            amount=2.0,
            channel_axis=2,
        )
    ),
}

MEASURED = ("psnr", "ssim", "psnr-y", "ssim-y", "lpips-alex")


def score_with_skimage(restored: Pixels, reference: Pixels) -> dict[str, Score]:
    """Score by scikit-image under the conventions that `METRICS` names."""
    weights = np.array([65.481, 128.553, 24.966]) / 255
    luma = [16 + np.asarray(p, np.float64) @ weights for p in (restored, reference)]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    same = np.array_equal(restored, reference)
    psnr = np.inf if same else peak_signal_noise_ratio(reference, restored, data_range=255)
    psnr_y = np.inf if same else peak_signal_noise_ratio(luma[1], luma[0], data_range=255)
    ssim = structural_similarity(reference, restored, channel_axis=2, data_range=255, **options)
    ssim_y = structural_similarity(luma[1], luma[0], data_range=255, **options)
    return {
        "psnr": Score(float(psnr)),
        "ssim": Score(float(ssim)),
        "psnr-y": Score(float(psnr_y)),
        "ssim-y": Score(float(ssim_y)),
        "lpips-alex": Score.missing(NO_BACKBONE),
    }


def photograph_pairs(root: Path, scenes: Sequence[str], size: tuple[int, int]) -> list[Pair]:
    """Write two crops of each scene, sharp and degraded."""
    pairs, rng = [], np.random.default_rng(0)
    height, width = size
    for scene in scenes:
        file, (top, left) = SCENES[scene]
        whole = read(Path(skimage.data_dir) / file)
        for number, step in enumerate((0, 24)):
            y = min(top + step, whole.shape[0] - height)
            x = min(left + step, whole.shape[1] - width)
            sharp = np.ascontiguousarray(whole[y : y + height, x : x + width])
            sigma = 1.2 + 0.4 * number
            blurred = gaussian(sharp / 255.0, sigma, channel_axis=2)
            noisy = blurred + rng.normal(0, 4 / 255, sharp.shape)
            degraded = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
            name = f"{scene}-{number}"
            pair = Pair(
                name,
                root / "input" / f"{name}.png",
                root / "target" / f"{name}.png",
                scene,
                {"blur": "strong" if number else "weak"},
            )
            write_png(pair.degraded, degraded)
            write_png(root / "target" / f"{name}.png", sharp)
            pairs.append(pair)
    return pairs


def costs(model: str, milliseconds: float, parameters: float | None) -> list[Profile]:
    """Return a model's profile on a CPU: some figures with intervals, some missing."""
    row = Profile(
        model=model,
        device="cpu",
        dtype="float32",
        height=256,
        width=256,
        batch=1,
        threads=2,
        quantity="latency_ms",
        unit="ms",
        value=milliseconds,
        low=0.9 * milliseconds,
        high=1.2 * milliseconds,
    )
    no_network = "no network: nothing to count"
    counted = [("params", "", parameters), ("macs", "", parameters and 65536 * parameters)]
    return [
        *(
            replace(
                row,
                quantity=name,
                unit=unit,
                value=value,
                low=None,
                high=None,
                missing=None if value is not None else no_network,
            )
            for name, unit, value in counted
        ),
        row,
        replace(
            row,
            quantity="process_memory_mb",
            unit="MB",
            value=20 + milliseconds / 4,
            low=19.0 + milliseconds / 4,
            high=22.0 + milliseconds / 4,
        ),
        replace(
            row,
            quantity="energy_j",
            unit="J",
            value=None,
            low=None,
            high=None,
            missing="the model ran on the CPU, which has no energy counter here",
        ),
    ]


def photograph_run(
    path: Path,
    scenes: Sequence[str] = ("astronaut", "chelsea", "coffee", "rocket", "camera", "page"),
    size: tuple[int, int] = (144, 192),
) -> RunFolder:
    """Make a run with everything that happens: infinities, failures, a model that cannot run."""
    pairs = photograph_pairs(path.parent / f"{path.name}-data", scenes, size)
    folder = RunFolder(path)
    scores: dict[str, dict[str, dict[str, Score]]] = {}
    for model, restore in RESTORERS.items():
        scores[model] = {}
        for index, pair in enumerate(pairs):
            if model == "median" and index == 3:
                continue  # the failure below
            assert pair.reference is not None
            reference = read(pair.reference)
            restored = restore(read(pair.degraded))
            if model == "tv" and index == 0:
                restored = reference  # an infinite PSNR
            write_png(folder.image_path(model, pair.id), restored)
            scores[model][pair.id] = score_with_skimage(restored, reference)
    profiles = [
        *costs("input", 0.02, None),
        *costs("unsharp", 6.0, None),
        *costs("nlm", 310.0, None),
        *costs("tv", 45.0, 120_000.0),
        *costs("median", 1.1, 30_000.0),
        *costs("sharper", 52.0, 510_000.0),
    ]
    run = write_run(
        path,
        pairs,
        scores,
        MEASURED,
        states={"wiener": ("not applicable", NO_PSF), "median": ("done", "failed on 1 of 12")},
        profiles=profiles,
        failures=[Failure("median", pairs[3].id, "RuntimeError: out of patience")],
    )
    training = path / "training" / "sharper.csv"
    training.parent.mkdir()
    lines = ["epoch,quantity,value"]
    for epoch in range(12):
        lines.append(f"{epoch},train_loss,{0.05 / (1 + epoch)}")
        lines.append(f"{epoch},val_psnr,{24 + 3 * (1 - 0.7**epoch)}")
    training.write_text("\n".join(lines) + "\n")
    return run
