"""Which images of a run are judged, and which part of each: reproducible from the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.image import ImageError, Pixels, read
from bench.runs.store import RunFolder
from raters.studies.stimuli import spread, widest

SMALLEST = 64
"""Pixels: less is not worth looking at."""

LOOKED_AT = 4
"""Images looked at for each one wanted. All outputs of thousands of photographs take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCrop:
    """One crop of one image: (height, width, 3) pixels of each model that has it."""

    image: str
    cluster: str
    strata: Mapping[str, str]
    top: int
    left: int
    height: int
    width: int
    chosen: str
    """``differ`` or ``random``."""
    outputs: Mapping[str, Pixels]
    reference: Pixels | None


@dataclass(slots=True)
class Notes:
    """What a coordinator should know about how a study came out. One line each, none twice."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Add a line."""
        if line not in self.lines:
            self.lines.append(line)


@dataclass(frozen=True, slots=True)
class _Candidate:
    image: str
    cluster: str
    strata: Mapping[str, str]
    reference: Path | None
    files: Mapping[str, Path]


def chosen_models(run: RunFolder, wanted: Sequence[str], notes: Notes) -> list[str]:
    """Return the run's models that restored something, or those ``wanted`` of them.

    Raises `BenchError` for an unknown model and where fewer than two are left.
    """
    record = run.record().models
    for name in wanted:
        choose("model", name, record)
    models = []
    for name in wanted or record:
        if not any((run.path / "images" / run.image_path(name, "x").parent.name).glob("*.png")):
            entry = record[name]
            reason = entry.reason or "it has no images in the run"
            notes.add(f"{name} is left out: {entry.state}: {reason}")
        elif name not in models:
            models.append(name)
    if len(models) < 2:
        reasons = "; ".join(notes.lines) or "the run has no others"
        raise BenchError(
            f"a study compares two models or more; '{run.path}' gives {len(models)} "
            f"({', '.join(models) or 'none'}); {reasons}"
        )
    return models


def choose_crops(
    run: RunFolder, models: Sequence[str], *, count: int, crop: int, seed: int, notes: Notes
) -> list[SourceCrop]:
    """Choose ``count`` images, half where the models differ most and half at random.

    Clusters are spread evenly in both halves. An image's crop is where its models differ most in
    the one half and anywhere in the other.
    """
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    candidates = _candidates(run, models, notes)
    order = [candidates[index] for index in rng.permutation(len(candidates))]
    looked = _by_turns(order)[: max(LOOKED_AT * count, count)]
    if len(looked) < len(order):
        notes.add(f"{len(looked)} of {len(order)} images were looked at to choose {count}")
    scores = {}
    for candidate in list(looked):
        opened = _open(candidate, notes)
        if opened is None:
            looked.remove(candidate)
            continue
        outputs, _ = opened
        height, width = next(iter(outputs.values())).shape[:2]
        size = min(crop, height), min(crop, width)
        scores[candidate.image] = widest(spread(list(outputs.values())), *size)
    if not looked:
        raise BenchError(
            f"no image of '{run.path}' can be judged: " + "; ".join(notes.lines or ["no images"])
        )
    if len(looked) < count:
        notes.add(f"{count} images were asked for; the run has {len(looked)}")
        count = len(looked)
    differ = _by_turns(sorted(looked, key=lambda c: -scores[c.image][2]))[: (count + 1) // 2]
    rest = [candidate for candidate in looked if candidate not in differ]
    used = [candidate.cluster for candidate in differ]
    at_random = _by_turns(rest, used)[: count - len(differ)]
    crops = [_cut(c, crop, "differ", scores[c.image][:2], notes) for c in differ]
    crops += [_cut(candidate, crop, "random", rng, notes) for candidate in at_random]
    if smaller := [c for c in crops if (c.height, c.width) != (crop, crop)]:
        sizes = ", ".join(sorted({f"{c.width}x{c.height}" for c in smaller}))
        notes.add(f"{len(smaller)} images are smaller than the crop of {crop}: {sizes}")
    return crops


def _candidates(run: RunFolder, models: Sequence[str], notes: Notes) -> list[_Candidate]:
    found = []
    for row in run.images().itertuples():
        image = str(row.image)
        files = {m: path for m in models if (path := run.image_path(m, image)).is_file()}
        for model in models:
            if model not in files:
                notes.add(f"{model} is left out of {image}: it has no output there")
        if len(files) < 2:
            notes.add(f"{image} is left out: fewer than two models have it")
            continue
        reference = Path(str(row.reference)) if row.reference else None
        strata: Any = row.strata
        found.append(_Candidate(image, str(row.cluster), strata, reference, files))
    if not found:
        raise BenchError(
            f"no image of '{run.path}' has the outputs of two models of {', '.join(models)}; "
            "run 'bench run' with images kept"
        )
    return found


def _by_turns(candidates: Sequence[_Candidate], used: Sequence[str] = ()) -> list[_Candidate]:
    """Order candidates so that clusters take turns; within a cluster the order is kept."""
    turn = {cluster: used.count(cluster) for cluster in used}
    numbered = []
    for index, candidate in enumerate(candidates):
        turn[candidate.cluster] = turn.get(candidate.cluster, 0) + 1
        numbered.append((turn[candidate.cluster], index, candidate))
    return [candidate for _, _, candidate in sorted(numbered, key=lambda entry: entry[:2])]


def _open(candidate: _Candidate, notes: Notes) -> tuple[dict[str, Pixels], Pixels | None] | None:
    """Return outputs of one size and the reference, or None with the reason noted."""
    outputs: dict[str, Pixels] = {}
    for model, path in candidate.files.items():
        try:
            outputs[model] = read(path)
        except ImageError as error:
            notes.add(f"{model} is left out of {candidate.image}: {error}")
    reference = None
    if candidate.reference is not None:
        try:
            reference = read(candidate.reference)
        except ImageError as error:
            notes.add(f"{candidate.image} is left out: {error}")
            return None
    shapes = [image.shape for image in outputs.values()]
    usual = (
        reference.shape
        if reference is not None
        else max(sorted(set(shapes)), key=shapes.count, default=(0, 0, 3))
    )
    for model in [model for model, image in outputs.items() if image.shape != usual]:
        shape = outputs.pop(model).shape
        notes.add(
            f"{model} is left out of {candidate.image}: its output is {shape[1]}x{shape[0]}, "
            f"the others are {usual[1]}x{usual[0]}"
        )
    if len(outputs) < 2:
        notes.add(f"{candidate.image} is left out: fewer than two models have it")
        return None
    if min(usual[:2]) < SMALLEST:
        notes.add(
            f"{candidate.image} is left out: it is {usual[1]}x{usual[0]}, smaller than "
            f"{SMALLEST} pixels"
        )
        return None
    return outputs, reference


def _cut(
    candidate: _Candidate,
    crop: int,
    chosen: str,
    where: tuple[int, int] | np.random.Generator,
    notes: Notes,
) -> SourceCrop:
    opened = _open(candidate, notes)
    if opened is None:
        raise BenchError(f"an output of image '{candidate.image}' changed while it was read")
    outputs, reference = opened
    size = next(iter(outputs.values())).shape[:2]
    height, width = min(crop, size[0]), min(crop, size[1])
    if isinstance(where, tuple):
        top, left = where
    else:
        top = int(where.integers(size[0] - height + 1))
        left = int(where.integers(size[1] - width + 1))

    def cut(pixels: Pixels) -> Pixels:
        return np.ascontiguousarray(pixels[top : top + height, left : left + width])

    return SourceCrop(
        image=candidate.image,
        cluster=candidate.cluster,
        strata=candidate.strata,
        top=top,
        left=left,
        height=height,
        width=width,
        chosen=chosen,
        outputs={model: cut(pixels) for model, pixels in outputs.items()},
        reference=None if reference is None else cut(reference),
    )
