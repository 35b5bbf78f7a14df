"""Runs for studies, small and quick to make, and raters who answer by rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.image import Pixels, write_png
from bench.records import Pair
from bench.store import RunFolder
from raters.session import Session, Trial
from raters.store import Store


def small_run(
    path: Path, models: Sequence[str] = ("ada", "bob", "cyd", "dan"), images: int = 4,
    size: tuple[int, int] = (80, 96), references: bool = True, clusters: int = 2,
    missing: Sequence[tuple[str, int]] = (), photograph: Pixels | None = None,
) -> RunFolder:  # fmt: skip
    """Make a run whose models add ever more noise, in the order of their names.

    ``missing`` names outputs, as (model, image number), that are not there.
    """
    rng = np.random.default_rng(0)
    data = path.parent / f"{path.name}-data"
    pairs = []
    folder = RunFolder(path)
    height, width = size
    for number in range(images):
        if photograph is None:
            y, x = np.mgrid[:height, :width]
            waves = 127 + 90 * np.sin((y * (1 + number) + x * 2) / 9.0)
            sharp = np.repeat(waves[..., None], 3, axis=2).astype(np.uint8)
        else:
            sharp = np.ascontiguousarray(photograph[20 * number :][:height, :width])
        name = f"image{number}"
        reference = data / "target" / f"{name}.png" if references else None
        degraded = data / "input" / f"{name}.png"
        write_png(degraded, sharp)
        if reference is not None:
            write_png(reference, sharp)
        pairs.append(Pair(name, degraded, reference, f"cluster{number % clusters}"))
        for step, model in enumerate(models):
            if (model, number) not in missing:
                noise = rng.normal(0, 4 * (step + 1), sharp.shape)
                output = np.clip(sharp + noise, 0, 255).astype(np.uint8)
                write_png(folder.image_path(model, name), output)
    path.mkdir(parents=True, exist_ok=True)
    folder.write_images(pairs, {})
    states = {model: {"state": "done", "reason": None} for model in models}
    folder.write_record({"status": "done", "models": states, "failures": []})
    return folder


Rule = Callable[[Trial], str]


def enter(store: Store, token: str) -> Session:
    """Open a session and go through consent and checks."""
    session = Session.open(store, token)
    session.consent()
    session.checked({"dpr": 1.0, "zoom": 1.0, "viewport": [1280.0, 720.0]})
    return session


def trained(store: Store, token: str, answer: str = "a") -> Session:
    """Open a session and go through training too."""
    session = enter(store, token)
    trial = session.trial("tab")
    while isinstance(trial, Trial) and trial.kind_for_client == "training":
        trial = session.submit(trial.id, answer, f"key-{trial.id}", "tab", {}).next
    return session


def judge(session: Session, rule: Rule, most: int | None = None) -> list[Trial]:
    """Answer until done, or ``most`` trials; return those answered."""
    answered: list[Trial] = []
    trial = session.trial("tab")
    while isinstance(trial, Trial) and (most is None or len(answered) < most):
        answered.append(trial)
        saved = session.submit(trial.id, rule(trial), f"key-{trial.id}", "tab",
                               {"response_ms": 1500})  # fmt: skip
        trial = saved.next
    return answered
