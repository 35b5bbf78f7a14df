"""Tables as CSV, Markdown and LaTeX; how numbers are written."""

from __future__ import annotations

import io
import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.report.drawing.numbers import decimals, fixed, interval, significant
from bench.report.drawing.tables import Column, Table, TableCell
from bench.runs.store import RunFolder
from tests.bench.report.test_page import common_means

AWKWARD = Table(
    "t",
    "100 % of A & B",
    [Column("Model", numeric=False), Column("PSNR", "dB ↑", "Quality_1")],
    rows=[
        [
            TableCell("a_b|<c>$^~\\{}#"),
            TableCell("−1.50", "[−2, 1]", "best", ("less than 5 % of it", "x_y")),
        ],
        [TableCell("plain"), TableCell.missing("no PSF & no luck")],
    ],
    records=[{"model": "a,b", "value": -1.5}, {"model": "plain", "value": None}],
)

LONG = Table(
    "long",
    "Words",
    [Column("Model", numeric=False), Column("PSNR"), Column("Why", numeric=False)],
    rows=[
        [
            TableCell("a"),
            TableCell("1"),
            TableCell("the images: 110 of the test set's 1111; the convention"),
        ]
    ],
    records=[],
)
PLAIN = {
    "begin",
    "end",
    "centering",
    "caption",
    "multicolumn",
    "textbf",
    "underline",
    "scriptsize",
    "textsuperscript",
    "par",
    "smallskip",
    "footnotesize",
    "textbackslash",
    "textasciitilde",
    "textasciicircum",
    "textless",
    "textgreater",
    "textbar",
    "times",
    "infty",
    "approx",
    "uparrow",
    "downarrow",
    "pm",
    "dag",
    "ddag",
    "S",
    "P",
    "circ",
    "setlength",
    "tabcolsep",
    "medskip",
    "raggedright",
    "allowbreak",
    "tabularnewline",
}
"""Commands of plain LaTeX; rules are those of booktabs."""


def test_the_csv_has_pandas_numbers_at_full_precision(report: Path, run: RunFolder) -> None:
    scores = pd.read_csv(run.path / "scores.csv")
    found = pd.read_csv(report / "tables" / "results.csv").set_index(["model", "metric"])
    expected = common_means(scores)
    assert len(expected) == 6 * 4
    for key, row in expected.iterrows():
        assert found.loc[key, "mean"] == pytest.approx(row["mean"], abs=1e-12)
        assert found.loc[key, "images"] == row["count"]
        assert found.loc[key, "low"] <= row["mean"] <= found.loc[key, "high"]
    assert found.loc[("tv", "psnr"), "infinite"] == 1
    assert found.loc[("wiener", "psnr"), "missing"] == 12
    assert math.isnan(found.loc[("wiener", "psnr"), "mean"])
    assert (found["standing"] == "best").sum() == 4


def test_improvements_are_pandas_paired_differences(report: Path, run: RunFolder) -> None:
    scores = pd.read_csv(run.path / "scores.csv")
    wide = scores.pivot_table(index="image", columns=["model", "metric"], values="value")
    found = pd.read_csv(report / "tables" / "improvements.csv").set_index(["model", "metric"])
    for model in ("unsharp", "nlm", "tv", "median", "sharper"):
        for metric in ("psnr", "ssim"):
            gain = wide[model, metric] - wide["input", metric]
            columns = [one for one in wide if one[1] == metric and one[0] != "wiener"]
            gain = gain[np.isfinite(wide[columns]).all(axis=1)]
            assert found.loc[(model, metric), "difference"] == pytest.approx(gain.mean(), abs=1e-12)
            assert found.loc[(model, metric), "images"] == len(gain)


def test_the_worst_image_is_pandas_minimum(report: Path, run: RunFolder) -> None:
    scores = pd.read_csv(run.path / "scores.csv")
    found = pd.read_csv(report / "tables" / "worst.csv")
    found = found[found["kind"] == "worst"].set_index(["model", "metric"])
    one = scores[(scores["model"] == "nlm") & (scores["metric"] == "ssim")]
    assert found.loc[("nlm", "ssim"), "image"] == one.loc[one["value"].idxmin(), "image"]


def test_the_spread_of_conventions_is_over_the_same_images(report: Path, run: RunFolder) -> None:
    scores = pd.read_csv(run.path / "scores.csv")
    wide = scores.pivot_table(index="image", columns=["model", "metric"], values="value")
    ours = wide[[one for one in wide if one[1] in ("psnr", "psnr-y") and one[0] != "wiener"]]
    both = wide["tv"][np.isfinite(ours).all(axis=1)]
    found = pd.read_csv(report / "tables" / "conventions.csv").set_index(["model", "metric"])
    assert len(both) == 10
    assert found.loc[("tv", "psnr-y"), "mean"] == pytest.approx(both["psnr-y"].mean())


def test_costs_keep_their_unit_interval_and_conditions(report: Path) -> None:
    found = pd.read_csv(report / "tables" / "costs.csv").set_index(["model", "quantity"])
    row = found.loc[("nlm", "latency_ms")]
    assert (row["value"], row["low"], row["high"], row["unit"]) == (310.0, 279.0, 372.0, "ms")
    assert (row["device"], row["height"], row["threads"]) == ("cpu", 256, 2)
    assert "no energy counter" in found.loc[("nlm", "energy_j"), "missing"]


def test_latex_special_characters_are_escaped() -> None:
    text = AWKWARD.latex()
    assert r"a\_b\textbar{}\textless{}c\textgreater{}\$\textasciicircum{}\textasciitilde{}" in text
    assert r"\textbackslash{}\{\}\#" in text
    assert r"100 \% of A \& B" in text
    assert r"\textbf{$-$1.50}\textsuperscript{a,b}" in text
    assert r"{\scriptsize [$-$2, 1]}" in text
    assert r"\multicolumn{1}{c}{Quality\_1}" in text
    assert "---" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]


def test_latex_rows_have_a_cell_for_every_column(report: Path) -> None:
    for path in (report / "tables").glob("*.tex"):
        panels = re.findall(
            r"^\\begin\{tabular\}\{@\{\}([^@]*)@\{\}\}$.*?^\\midrule\n(.*?)\n\\bottomrule$",
            path.read_text(),
            re.MULTILINE | re.DOTALL,
        )
        assert panels
        for layout, body in panels:
            columns = re.findall(r"[lr]|p\{\d+pt\}", layout)
            assert len(body.splitlines()) >= 1
            for line in body.splitlines():
                assert line.replace("\\&", "").count("&") == len(columns) - 1, path


def test_latex_is_well_formed(report: Path) -> None:
    tables = [path.read_text() for path in (report / "tables").glob("*.tex")]
    assert len(tables) > 5
    for text in [*tables, AWKWARD.latex(), LONG.latex()]:
        bare = re.sub(
            r"\\[\\{}&%$#_]", "", re.sub(r"^%.*\n", "", text)
        )  # escaped ones and comments
        depth = 0
        for brace in re.findall(r"[{}]", bare):
            depth += 1 if brace == "{" else -1
            assert depth >= 0
        assert depth == 0
        open_now: list[str] = []
        for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", bare):
            if kind == "begin":
                open_now.append(name)
            else:
                assert open_now.pop() == name
        assert open_now == []
        assert re.findall(r"[#%~^_]", bare) == []  # each means something to TeX
        assert bare.count("$") % 2 == 0
        commands = set(re.findall(r"\\([a-zA-Z]+)", bare))
        assert commands <= PLAIN | {"toprule", "midrule", "bottomrule", "cmidrule"}, commands


def test_long_text_wraps_in_latex() -> None:
    assert re.search(r"\\begin\{tabular\}\{@\{\}lrp\{\d+pt\}@\{\}\}", LONG.latex())


def test_latex_leaves_out_empty_columns_and_says_why() -> None:
    table = replace(
        AWKWARD,
        columns=[*AWKWARD.columns, Column("LPIPS"), Column("Nobody")],
        rows=[[*row, TableCell.missing("no weights"), TableCell("")] for row in AWKWARD.rows],
    )
    text = table.latex()
    assert r"\begin{tabular}{@{}lr@{}}" in text
    assert "LPIPS: --- (no weights)." in text
    assert "Nobody" not in text
    assert "LPIPS" in table.markdown()  # which has every column


def wide(name: str, metrics: int, model: str) -> Table:
    columns = [Column("Model", numeric=False)]
    columns += [
        Column(f"Metric-{m}", "dB ↑", "Mean over 10 of 12 images in 6 scenes")
        for m in range(metrics)
    ]
    columns += [Column("Process memory", "MB", "Cost: cpu, float32, 256×256, batch 1, 2 threads")]
    columns += [Column("Tied with", numeric=False)]
    number = TableCell("−27.28", "[−30.15, −22.05]", "tied", ("a reason",))
    row = [
        TableCell(model),
        *[number] * metrics,
        TableCell("1024"),
        TableCell(", ".join(["richardson-lucy"] * 4)),
    ]
    return Table(
        name,
        f"Of {model}: a caption",
        columns,
        rows=[row, row],
        records=[],
        legend=[f"Brackets: 95 % intervals of {model}."],
    )


def test_every_table_fits_a_papers_column_or_page_by_tex(report: Path, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no TeX: pdflatex is not in PATH (Debian: texlive-latex-recommended)")
    long = "checkpoints/restormer_finetuned_on_" + "x" * 70 + "_iteration_100000.safetensors"
    texts = [path.read_text() for path in sorted((report / "tables").glob("*.tex"))]
    texts += [table.latex() for table in (AWKWARD, LONG)]
    texts += [wide("w", n, name).latex() for n in (1, 3, 5, 9, 25) for name in ("m", long)]
    assert len(texts) > 15
    assert any(r"\begin{table}" in text for text in texts)
    assert any(r"\begin{table*}" in text for text in texts)
    assert any(text.count(r"\toprule") > 1 for text in texts)
    for options, widths, shown in (
        ("", "", texts),
        (
            "twocolumn",
            r"\setlength{\textwidth}{496pt}\setlength{\columnsep}{22pt}",
            [text for text in texts if r"\begin{table}" in text],
        ),
    ):
        log = set_in_tex(tmp_path, options, widths, shown)
        assert re.findall(r"^!.*", log, re.MULTILINE) == []
        assert re.findall(r"^Overfull \\hbox.*", log, re.MULTILINE) == []
        assert len(re.findall(r"^TABLE ", log, re.MULTILINE)) == len(shown)


def set_in_tex(folder: Path, options: str, widths: str, tables: Sequence[str]) -> str:
    """Set tables in an article that has booktabs alone; return what TeX says."""
    body = "\n".join(f"{table}\\clearpage\\typeout{{TABLE {n}}}" for n, table in enumerate(tables))
    source = folder / "paper.tex"
    source.write_text(
        f"\\documentclass[{options}]{{article}}\\usepackage{{booktabs}}{widths}\n"
        f"\\begin{{document}}\n{body}\n\\end{{document}}\n",
        encoding="utf-8",
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", source.name]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    return source.with_suffix(".log").read_text(encoding="utf-8", errors="replace")


def test_markdown_cells_survive_pipes_and_markup(report: Path) -> None:
    text = AWKWARD.markdown()
    assert "a\\_b\\|&lt;c>" in text
    assert "**−1.50** [−2, 1] (a,b)" in text
    assert "- (c) no PSF & no luck" in text
    for path in (report / "tables").glob("*.md"):
        rows = [line for line in path.read_text().splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in rows}) == 1, path


def test_csv_fields_with_commas_are_quoted_and_missing_ones_empty() -> None:
    back = pd.read_csv(io.StringIO(AWKWARD.csv()))
    assert back["model"].tolist() == ["a,b", "plain"]
    assert back["value"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("value", "places", "sign", "text"),
    [
        (27.125, 2, False, "27.12"),
        (-0.5, 2, True, "−0.50"),
        (0.5, 1, True, "+0.5"),
        (-0.001, 2, True, "0.00"),
        (math.inf, 2, False, "∞"),
        (-math.inf, 2, True, "−∞"),
    ],
)
def test_fixed_numbers(value: float, places: int, sign: bool, text: str) -> None:
    assert fixed(value, places, sign) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (9.999, "10.0"),
        (310.4, "310"),
        (15956.4, "16 000"),
        (-2.5, "−2.50"),
        (1e-6, "1.00e−06"),
        (3.2e9, "3.20e+09"),
    ],
)
def test_significant_numbers(value: float, text: str) -> None:
    assert significant(value) == text


def test_decimals_follow_the_size_of_the_numbers() -> None:
    assert decimals([27.1, 30.2], "dB") == 2
    assert decimals([0.9, 0.85]) == 3
    assert decimals([0.0012, 0.0034]) == 5
    assert decimals([]) == 3
    assert interval(None, None, 2) == ""
