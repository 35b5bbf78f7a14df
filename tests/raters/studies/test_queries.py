"""What others may ask of a study database."""

from __future__ import annotations

from pathlib import Path

from raters.database.store import Store
from raters.studies.creation import StudyOptions, create_study
from raters.studies.queries import all_studies, some_stimuli
from raters.studies.stimuli import SIGNATURE

MODELS = ["ada", "bob", "cyd", "dan"]


def test_studies_come_in_the_order_in_which_they_were_made(store: Store, run_folder: Path) -> None:
    assert all_studies(store) == []
    for name in ("zoe", "amy"):
        create_study(store, run_folder, StudyOptions(name, images=1, crop=64))
    assert [(s.name, s.run) for s in all_studies(store)] == [
        ("zoe", str(run_folder)),
        ("amy", str(run_folder)),
    ]


def test_stimuli_are_of_models_only_and_at_most_so_many(
    sqlite_store: Store, run_folder: Path
) -> None:
    create_study(
        sqlite_store, run_folder, StudyOptions("s", protocol="acr", images=2, crop=64, per_pair=1)
    )
    every = some_stimuli(sqlite_store, "s", 99)
    assert sorted((s.image, s.model) for s in every) == sorted(
        (image, model) for image in {s.image for s in every} for model in MODELS
    )
    assert len(every) == 2 * 4  # the hidden reference and golden images are none
    assert all(s.png.startswith(SIGNATURE) for s in every)
    few = some_stimuli(sqlite_store, "s", 2)
    assert [len({s.image for s in few}), len(few)] == [2, 2]
