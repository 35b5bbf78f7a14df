"""``bench rate texts`` and the options of ``new`` that say what raters are told and asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.core.errors import BenchError
from raters.database.store import Store
from raters.texts.own import read_texts
from raters.trials.session import texts_of
from tests.conftest import Bench
from tests.support.commands import typed
from tests.support.studies import small_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return small_run(tmp_path / "run").path


def test_texts_are_written_changed_and_taken_back(
    bench_here: Bench, run: Path, tmp_path: Path
) -> None:
    written = bench_here("rate", "texts", "--language", "de", "--out", "my.toml")
    assert written.returncode == 0, written.stderr
    mine = tmp_path / "my.toml"
    text = mine.read_text(encoding="utf-8")
    assert read_texts(mine).language == "de"
    mine.write_text(text.replace('researcher = ""', 'researcher = "Dr. Ada"'), encoding="utf-8")
    made = bench_here(
        "rate", "new", "--run", run, "--crop", 64, "--texts", mine, "--name", "harbour"
    )
    assert made.returncode == 0, made.stderr
    said = " ".join(made.stdout.split())
    assert "needs a window of 1000 x 212: fits 1366 x 768" in said
    assert "the consent names no contact, purpose, kept_for; --texts FILE.toml can" in said
    store = Store(f"sqlite:///{tmp_path}/results/studies.db")
    (texts,) = texts_of(store, store.study("harbour").id).values()
    store.close()
    assert texts.language == "de"
    assert "Verantwortlich: Dr. Ada" in texts.words["consent.text"]


def test_a_study_in_the_browsers_language_has_them_all(
    bench_here: Bench, run: Path, tmp_path: Path
) -> None:
    made = bench_here(
        *typed("rate new --run"),
        run,
        "--crop",
        64,
        *typed("--language browser --time-limit 30min --colours --name harbour"),
    )
    assert made.returncode == 0, made.stderr
    store = Store(f"sqlite:///{tmp_path}/results/studies.db")
    study = store.study("harbour")
    assert list(texts_of(store, study.id)) == ["en", "de", "es", "zh"]
    assert (study.options["time_limit"], study.options["colours"]) == (30, True)
    store.close()


def test_a_file_of_texts_that_cannot_be_used_makes_no_study(
    bench_here: Bench, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "my.toml").write_text('[consent]\ntitel = "Hello"')
    ran = bench_here("rate", "new", "--run", run, "--crop", 64, "--texts", "my.toml")
    assert ran.returncode == 2
    said = " ".join(ran.stderr.split())
    assert "my.toml': no text 'consent.titel'; did you mean 'consent.title'?" in said
    ran = bench_here("rate", "new", "--run", run, "--crop", 64, "--time-limit", "soon")
    assert "'soon' is no time; expected one such as 90s, 10m, 12h or 14d" in ran.stderr
    store = Store(f"sqlite:///{tmp_path}/results/studies.db")
    with pytest.raises(BenchError, match="none here"):
        store.study("demo-pair")
    store.close()
