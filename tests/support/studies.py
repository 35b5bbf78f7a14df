"""Runs for studies, small and quick to make, and raters who answer by rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import select

from bench.framework.scores import read_scores
from bench.image import Pixels, write_png
from bench.records import Pair, RunSpec
from bench.runs.store import RunFolder
from raters.database import schema
from raters.database.store import Store
from raters.protocols import Answer, protocol_called
from raters.trials.session import Session, Trial
from tests.support.runs import run_record


def small_run(
    path: Path,
    models: Sequence[str] = ("ada", "bob", "cyd", "dan"),
    images: int = 4,
    size: tuple[int, int] = (80, 96),
    references: bool = True,
    clusters: int = 2,
    missing: Sequence[tuple[str, int]] = (),
    photograph: Pixels | None = None,
) -> RunFolder:
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
    spec = RunSpec(suite="demo", data=str(data), models=tuple(models), metrics=("psnr",))
    folder.write_record(run_record(spec, pairs=pairs))
    return folder


LOOKED = {"reference_ms": 1000}
"""What a page says of a rater who has looked at the reference."""

Rule = Callable[[Trial], str]


class Shown:
    """Looks up which models stand behind a trial's sides: what only a simulation may know."""

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.read() as connection:
            labels = {m.id: m.label for m in connection.execute(select(schema.method))}
            self.of_stimulus = {
                s.id: (labels.get(s.method, s.kind), s.content)
                for s in connection.execute(
                    select(
                        schema.stimulus.c.id,
                        schema.stimulus.c.method,
                        schema.stimulus.c.kind,
                        schema.stimulus.c.content,
                    )
                )
            }

    def sides(self, slots: Mapping[str, str]) -> tuple[dict[str, str], int]:
        """Return the model (or reference, copy, golden, training) of each slot, and the content.

        ``slots`` name servings, by their id or by the address that ends in it.
        """
        names = {slot: name.rpartition("/")[2] for slot, name in slots.items()}
        with self.store.read() as connection:
            rows = connection.execute(
                select(schema.serving).where(schema.serving.c.id.in_(names.values()))
            ).all()
        found = {row.slot: self.of_stimulus[row.stimulus] for row in rows}
        return {slot: label for slot, (label, _) in found.items()}, next(iter(found.values()))[1]


def preferring(store: Store, strength: Mapping[str, float], seed: int = 0) -> Rule:
    """Return a rule that prefers, or rates, by chance as ``strength`` (log odds) says.

    A reference is better, a golden or training image worse, than all. Ratings are 3 + strength.
    """
    shown, rng = Shown(store), np.random.default_rng(seed)
    known = {"reference": 9.0, "copy": 9.0, "golden": -9.0, "training": -9.0} | dict(strength)

    def rule(trial: Trial) -> str:
        sides, _ = shown.sides(trial.slots)
        if "b" not in sides:
            rating = 3 + known[sides["a"]] + rng.normal(0, 0.7)
            return str(int(np.clip(np.rint(rating), 1, 5)))
        gap = known[sides["a"]] - known[sides["b"]]
        return "a" if rng.random() < 1 / (1 + np.exp(-gap)) else "b"

    return rule


def seeing(store: Store, run: RunFolder, metric: str, seed: int, gain: float = 25.0) -> Rule:
    """Return a rule that prefers, or rates, an output as its score says, with a person's noise.

    ``gain``: log odds per unit of ``metric`` (higher is better, 1 for the reference).
    """
    shown, rng, table = Shown(store), np.random.default_rng(seed), read_scores(run)
    with store.read() as connection:
        images = dict(connection.execute(select(schema.content.c.id, schema.content.c.image)).all())

    def worth(label: str, content: int) -> float:
        if label not in table.models:
            return float(label in ("reference", "copy"))
        return float(table.column(metric, label)[table.images.index(images[content])])

    def rule(trial: Trial) -> str:
        sides, content = shown.sides(trial.slots)
        value = {slot: worth(label, content) for slot, label in sides.items()}
        if "b" not in value:
            rating = 1 + 4 * value["a"] + rng.normal(0, 0.3)
            return str(int(np.clip(np.rint(rating), 1, 5)))
        gap = gain * (value["a"] - value["b"])
        return "a" if rng.random() < 1 / (1 + np.exp(-gap)) else "b"

    return rule


def enter(store: Store, token: str) -> Session:
    """Open a session and go through consent and checks."""
    session = Session.open(store, token)
    session.consent()
    session.checked({"dpr": 1.0, "zoom": 1.0, "viewport": [1280.0, 720.0]})
    return session


def right_answer(store: Store, trial: str) -> Answer:
    """Return the first answer, on sides, that a trial with a known answer accepts."""
    with store.read() as connection:
        row = connection.execute(
            select(schema.item.c.correct, schema.assignment.c.swapped, schema.study.c.protocol)
            .join(schema.assignment, schema.assignment.c.item == schema.item.c.id)
            .join(schema.study, schema.study.c.id == schema.assignment.c.study)
            .where(schema.assignment.c.public_id == trial)
        ).one()
    protocol = protocol_called(row.protocol)
    return protocol.answer(protocol.on_stimuli(row.correct[0], row.swapped))


def practised(session: Session) -> Session:
    """Answer the practice trials, rightly."""
    trial = session.trial("tab")
    while isinstance(trial, Trial) and trial.kind_for_client == "training":
        answer = right_answer(session.store, trial.id).code
        looked(session.store, trial.id, LOOKED["reference_ms"])
        trial = session.submit(trial.id, answer, f"key-{trial.id}", "tab", LOOKED).next
    return session


def trained(store: Store, token: str) -> Session:
    """Open a session and go through training too."""
    return practised(enter(store, token))


def looked(store: Store, trial: str, milliseconds: float) -> None:
    """Let a trial have been shown for so long: simulated raters do not wait."""
    of = schema.assignment.c.public_id == trial
    with store.write() as connection:
        shown = connection.execute(select(schema.assignment.c.shown).where(of)).scalar_one()
        began = shown - timedelta(milliseconds=milliseconds)
        connection.execute(schema.assignment.update().where(of).values(shown=began))


def judge(session: Session, rule: Rule, most: int | None = None) -> list[Trial]:
    """Answer until done, or ``most`` trials; return those answered."""
    answered: list[Trial] = []
    trial = session.trial("tab")
    while isinstance(trial, Trial) and (most is None or len(answered) < most):
        answered.append(trial)
        looked(session.store, trial.id, 1500)
        saved = session.submit(
            trial.id, rule(trial), f"key-{trial.id}", "tab", {"response_ms": 1500, **LOOKED}
        )
        trial = saved.next
    return answered
