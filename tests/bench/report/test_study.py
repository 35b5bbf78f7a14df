"""The sections of a report that a study adds."""

from __future__ import annotations

import base64
import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.core.errors import BenchError
from bench.framework.people import HumanScale, read_study
from bench.image import read
from bench.report import write_report
from bench.report.reading.analysis import analyse
from bench.report.reading.context import context_of
from bench.report.reading.gather import gather
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from tests.bench.report.html import Page
from tests.support.runs import simple_run
from tests.support.studies import judge, seeing, trained

pytestmark = pytest.mark.slow

MODELS = ("input", "unsharp", "nlm", "sharper")
SHARP = 80.0
"""Log odds per unit of SSIM: raters so sure that what they contradict is no chance."""


@pytest.fixture(scope="module")
def db(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A closed study of pairs, judged by SSIM but for one clicker, and one of ratings."""
    path = str(tmp_path_factory.mktemp("studies") / "studies.db")
    store = Store(path)
    for name, protocol, easy in (("rated", "acr", "2"), ("pairs", "pair", "a")):
        options = StudyOptions(name, protocol, per_pair=90, trials=50, images=12, models=MODELS)
        create_study(store, run.path, options)
        for number, token in enumerate(invite(store, name, 12)):
            rule = seeing(store, run, "ssim", number, SHARP) if number else lambda _: easy  # noqa: B023
            judge(trained(store, token), rule)
        close_study(store, name)
    store.close()
    return path


@pytest.fixture(scope="module")
def scale(db: str, run: RunFolder) -> HumanScale:
    return read_study(db, "pairs", run, samples=200)


@pytest.fixture(scope="module")
def studied(
    scale: HumanScale, run: RunFolder, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Page]:
    page = write_report([run], tmp_path_factory.mktemp("report"), people=scale)
    return page.parent, Page(page.read_text(encoding="utf-8"))


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_scale_of_the_page_is_that_of_the_study(
    studied: tuple[Path, Page], scale: HumanScale
) -> None:
    folder, page = studied
    written = rows(folder / "tables" / "people.csv")
    assert [row["method"] for row in written] == list(scale.models)
    assert [float(row["value"]) for row in written] == pytest.approx(scale.value)
    shown = page.tables["table-people"]
    assert [row[0] for row in shown[1:]] == list(scale.models)
    first = f"{scale.value[0]:.2f}[{scale.low[0]:.2f}, {scale.high[0]:.2f}]".replace("-", "−")
    assert shown[1][1] == first
    assert "People’s scale of pairs" in page.text
    assert f"find {scale.models[0]} best" in page.text


def test_every_part_is_there_and_drawn_for_readers_of_any_kind(
    studied: tuple[Path, Page],
) -> None:
    folder, page = studied
    for name in (
        "people",
        "people-differences",
        "people-strata",
        "raters",
        "trust",
        "trust-strata",
    ):
        assert page.ids[f"table-{name}"] == 1
        for form in ("csv", "md", "tex"):
            assert (folder / "tables" / f"{name}.{form}").stat().st_size > 80
    for plot in ("people", "ssim-against-people", "psnr-against-people"):
        assert page.ids[f"plot-{plot}"] == 1
        assert (folder / "plots" / f"{plot}.png").is_file()
        assert (folder / "plots" / f"{plot}.svg").is_file()
    signs = {
        "people": "Lines: 95 % intervals. Methods that share a letter do not differ significantly.",
        "ssim-against-people": "Small: single outputs. Large: means of models. Curve: ",
    }
    for plot, text in signs.items():  # each is read alone, without the page
        assert f">{text}" in (folder / "plots" / f"{plot}.svg").read_text()
    alts = " ".join(str(one.get("aria-label")) for one in page.drawings)
    assert "People’s scale in log odds, best first" in alts
    assert "SSIM and people’s judgement of 48 outputs" in alts
    assert all(text.startswith(("data:", "#")) for text in page.loads)


def test_the_metric_that_raters_saw_by_is_trusted(studied: tuple[Path, Page]) -> None:
    folder, page = studied
    written = rows(folder / "tables" / "trust.csv")
    assert written[0]["mark"] == "best"
    assert written[0]["metric"] in ("ssim", "ssim-y")
    assert float(written[0]["srocc"]) > float(written[-1]["srocc"])
    assert "says best what people say" in page.text
    # the model failed on no image of these, and a metric without a score is not in the table
    assert "lpips-alex" not in {row["metric"] for row in written}
    kinds = rows(folder / "tables" / "trust-strata.csv")
    assert {(row["stratum"], row["level"]) for row in kinds} == {
        ("blur", "weak"),
        ("blur", "strong"),
    }


def test_the_clicker_is_flagged_in_numbers_and_kept(
    studied: tuple[Path, Page], scale: HumanScale
) -> None:
    folder, page = studied
    written = rows(folder / "tables" / "raters.csv")
    (flagged,) = [row for row in written if row["flags"]]
    assert "chose the left" in flagged["flags"]
    assert page.tables["table-raters"][1][0] == flagged["rater"]
    assert "1 rater of 12 with a flag" in page.text
    assert sum(int(row["votes"]) for row in written) == scale.analysis.votes
    assert "The same answer again" in page.text
    assert "Known answers right" in page.text


def test_pairs_that_contradict_are_shown_as_pixels_of_both(
    studied: tuple[Path, Page], run: RunFolder
) -> None:
    _, page = studied
    assert "Where metrics contradict people most" in page.text
    start = page.text.index("Where metrics contradict people most")
    (words,) = [page.text[start:].split("people prefer ")[1].split(" by ")[0]]
    better, worse = words.split(" to ")
    image = page.text[start:].split(": people prefer ")[0].split()[-1]
    for model in (better, worse):
        shown = [one for one in page.images if one.get("alt") == f"{image}: {model}"]
        whole = read(run.image_path(model, image))
        found = []
        for one in shown:
            data = base64.b64decode(str(one["src"]).partition(",")[2])
            crop = cv2.imdecode(np.frombuffer(data, np.uint8), 1)[:, :, ::-1]
            match = cv2.matchTemplate(whole, np.ascontiguousarray(crop), cv2.TM_SQDIFF)
            found.append(match.min() < 1)
        assert any(found)


def test_without_a_study_the_page_has_no_section_on_people_and_says_why(page: str) -> None:
    assert 'id="people"' not in page
    assert 'id="table-trust"' not in page
    assert "Nothing of what people said: no study was given." in page


def test_without_a_study_it_cites_what_others_published_and_says_so(page: str) -> None:
    read = Page(page)
    rows = read.tables["table-published-trust"]
    psnr = [row for row in rows if row[0] == "PSNR" and row[1] == "live"]
    assert [row[2:5] for row in psnr] == [["0.8013", "0.5964", "0.7633"]]
    assert "pyiqa" in psnr[0][6]
    assert "published, not measured here" in read.text
    assert "no metric was held against people here" in read.text
    assert {row[0] for row in rows[1:]} == {"PSNR", "SSIM", "SSIM-Y"}  # those measured


@pytest.mark.slow
def test_the_verb_reports_ratings_as_mean_opinions(db: str, run: RunFolder, tmp_path: Path) -> None:
    def invoke(name: str) -> None:
        arguments = ["report", str(run.path), "--study", f"{db}#{name}", "--out", str(tmp_path)]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0

    with pytest.raises(BenchError, match="no study 'nobody'"):
        invoke("nobody")
    invoke("rated")
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    shown = page.tables["table-people"]
    assert shown[1][0] == "reference"
    assert {row[0] for row in shown[2:]} == set(MODELS)
    assert "mean opinion, 1 to 5" in page.text
    assert (tmp_path / "tables" / "opinions.csv").is_file()
    raters = rows(tmp_path / "tables" / "raters.csv")
    assert min(raters, key=lambda row: float(row["bias"]))["flags"] != ""  # said 2 to everything


def test_a_study_of_another_run_is_refused(scale: HumanScale, tmp_path: Path) -> None:
    other = simple_run(tmp_path / "other", {"input": [20.0, 21.0]}, ["x", "y"])
    with pytest.raises(BenchError, match="left out of this report; name that run first"):
        context_of(analyse(gather([other])), scale)
    with pytest.raises(BenchError, match="left out of this report; name that run first"):
        write_report([other], tmp_path / "report", people=scale)
