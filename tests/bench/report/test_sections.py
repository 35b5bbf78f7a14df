"""The table of sections: a row is a section of the page, and a section that is missing says why."""

from __future__ import annotations

import ast
import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest

import bench.report
from bench.core.errors import BenchError
from bench.report import write_report
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.analysis import analyse
from bench.report.reading.context import Context, context_of
from bench.report.reading.gather import gather
from bench.report.sections import table
from bench.report.sections.table import SECTIONS, Section, build
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.support.runs import simple_run


def toy(context: Context) -> Content:
    names = context.analysis.order
    rows = [[TableCell(name), TableCell(str(len(name)))] for name in names]
    records = [{"model": name, "letters": len(name)} for name in names]
    columns = [Column("Model", numeric=False), Column("Letters")]
    shown = Table("letters", "Letters of each name", columns, rows=rows, records=records)
    return Content(
        ["Names are of <b> different lengths.", shown],
        findings=["Some names are long."],
        notes=["Letters are counted."],
        kept=[replace(shown, name="kept-letters")],
    )


def refuse(context: Context) -> Missing:
    return Missing(f"{len(context.analysis.order)} names are too few")


def never(context: Context) -> Content:
    raise AssertionError("built, though what it wants is not there")


@pytest.fixture
def plain(tmp_path: Path) -> RunFolder:
    return simple_run(tmp_path / "run", {"m": [30.0, 31.0], "longer": [29.0, 28.0]}, ["a", "b"])


def page_with(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, *sections: Section
) -> tuple[Path, Page]:
    more = {section.id: section for section in sections}
    monkeypatch.setattr(table, "extended", lambda own, group, kind: {**own, **more})
    page = write_report([run])
    return page.parent, Page(page.read_text(encoding="utf-8"))


def test_a_row_from_outside_is_on_the_page_in_its_navigation_and_in_files(
    plain: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, page = page_with(plain, monkeypatch, Section("toy", "Letters", ("scores",), toy))
    assert page.ids["toy"] == 1
    assert page.navigation[-1] == "#toy"  # after ours
    assert page.tables["table-letters"][1:] == [["m", "1"], ["longer", "6"]]
    assert "table-kept-letters" not in page.tables
    for text in (
        "Names are of <b> different lengths.",
        "Letters are counted.",
        "Some names are long.",
    ):
        assert page.text.count(text) == 1
    for name in ("letters", "kept-letters"):
        with (folder / "tables" / f"{name}.csv").open(newline="") as file:
            assert list(csv.DictReader(file)) == [
                {"model": "m", "letters": "1"},
                {"model": "longer", "letters": "6"},
            ]
        assert (folder / "tables" / f"{name}.md").is_file()
        assert (folder / "tables" / f"{name}.tex").is_file()


def test_a_missing_section_says_why_and_is_not_in_the_navigation(
    plain: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, page = page_with(plain, monkeypatch, Section("toy", "Letters", (), refuse))
    assert "No letters: 2 names are too few." in page.text
    assert "toy" not in page.ids
    assert "#toy" not in page.links


@pytest.mark.parametrize(
    ("want", "reason"),
    [
        ("costs", "costs were not measured"),
        ("people", "no study was given"),
        ("training", "nothing of a training was kept"),
        ("references", "the images have no references"),
    ],
)
def test_a_section_whose_want_is_absent_is_missing_and_never_built(
    plain: RunFolder, monkeypatch: pytest.MonkeyPatch, want: str, reason: str
) -> None:
    images = plain.images()
    images["reference"] = ""
    monkeypatch.setattr(RunFolder, "images", lambda self: images)
    _, page = page_with(
        plain, monkeypatch, Section("toy", "Letters", ("scores", want), never, "Not a letter")
    )
    assert f"Not a letter: {reason}." in page.text
    assert "toy" not in page.ids


def test_a_section_of_missing_parts_is_missing_with_their_reasons(plain: RunFolder) -> None:
    context = context_of(analyse(gather([plain])))
    part = Section("part", "Letters", (), refuse)
    both = Section("whole", "Words", parts=(part, Section("toy", "Toy", (), toy)))
    (found,), missing = build([both], context)
    assert [one.section.id for one in found.parts] == ["toy"]
    assert found.reasons == ["No letters: 2 names are too few."]
    assert missing == []
    assert [one.name for one in found.tables()] == ["letters", "kept-letters"]
    none, missing = build([Section("whole", "Words", parts=(part,))], context)
    assert (none, missing) == ([], ["No letters: 2 names are too few."])


def test_two_tables_of_one_name_and_an_unknown_want_are_refused(
    plain: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Section("one", "One", (), toy), Section("two", "Two", (), toy)
    with pytest.raises(BenchError, match="sections 'one' and 'two' both write 'tables/letters'"):
        page_with(plain, monkeypatch, first, second)
    with pytest.raises(BenchError, match="no want of a section 'cost'; did you mean 'costs'"):
        page_with(plain, monkeypatch, Section("one", "One", ("cost",), toy))


def test_the_page_has_the_sections_in_the_order_of_the_table(page: str) -> None:
    shown = re.findall(r'<section id="([^"]+)">', page)
    assert shown == [name for name in SECTIONS if name in shown]
    assert Page(page).navigation == [f"#{i}" for i in shown]


def test_no_function_of_the_report_takes_an_argument_to_delete_it() -> None:
    for path in Path(str(bench.report.__file__)).parent.rglob("*.py"):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(one, ast.FunctionDef):
                continue
            given = {a.arg for a in (*one.args.posonlyargs, *one.args.args, *one.args.kwonlyargs)}
            deleted = {
                target.id
                for step in ast.walk(one)
                if isinstance(step, ast.Delete)
                for target in step.targets
                if isinstance(target, ast.Name)
            }
            assert not given & deleted, f"{path.name}: {one.name} takes {given & deleted}"
