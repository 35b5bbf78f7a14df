"""Votes from names and from files, and what is wrong with a file, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.core.errors import BenchError
from raters.statistics.votes import Votes, make_votes
from raters.statistics.votes_file import read_votes

GOOD = "image,a,b,winner,rater\nx,unet,nafnet,b,ann\ny,nafnet,unet,a,bob\nx,unet,nafnet,tie,bob\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "votes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def plain(votes: Votes) -> list[tuple[str, str, str, int]]:
    return [
        (votes.images[i], votes.methods[a], votes.methods[b], int(o))
        for i, a, b, o in zip(votes.image, votes.a, votes.b, votes.outcome, strict=True)
    ]


def test_a_file_of_votes_becomes_arrays(tmp_path: Path) -> None:
    votes = read_votes(write(tmp_path, GOOD))
    assert plain(votes) == [
        ("x", "unet", "nafnet", -1),
        ("y", "nafnet", "unet", 1),
        ("x", "unet", "nafnet", 0),
    ]
    assert votes.rater is not None
    assert [votes.raters[r] for r in votes.rater] == ["ann", "bob", "bob"]
    assert len(votes) == 3


def test_columns_may_stand_in_any_order_and_others_are_passed_over(tmp_path: Path) -> None:
    text = "\ufeffWinner, time ,B,a,Image\n\nA,17,nafnet,unet,x\n"
    votes = read_votes(write(tmp_path, text))
    assert plain(votes) == [("x", "unet", "nafnet", 1)]
    assert votes.rater is None


@pytest.mark.parametrize("header", ["", "image, method 1, method 2, result\n"])
def test_numbered_methods_are_read_with_or_without_a_header(tmp_path: Path, header: str) -> None:
    names = tmp_path / "methods.txt"
    names.write_text("Blur\nFergus-06\nCho-09")
    path = write(tmp_path, header + "25,3,1,1\n74,1,2,2\n74,1,2,0\n")
    votes = read_votes(path, names)
    assert plain(votes) == [
        ("25", "Cho-09", "Blur", 1),
        ("74", "Blur", "Fergus-06", -1),
        ("74", "Blur", "Fergus-06", 0),
    ]
    assert read_votes(path).methods == ("1", "2", "3")


def test_what_is_wrong_is_said_line_by_line(tmp_path: Path) -> None:
    text = GOOD + "x,unet\nx,unet,unet,a,ann\n,unet,nafnet,a,\nx,unet,nafnet,unat,ann\n"
    with pytest.raises(BenchError) as error:
        read_votes(write(tmp_path, text))
    said = str(error.value)
    assert "4 of 7 votes that cannot be read" in said
    assert "line 5: 2 cells, expected 5" in said
    assert "line 6: 'unet' is compared with itself" in said
    assert "line 7: no image and no rater" in said
    assert "line 8: winner 'unat', expected a, b, 'unet', 'nafnet' or tie" in said


def test_only_the_first_wrong_lines_are_listed(tmp_path: Path) -> None:
    text = "image,a,b,winner\n" + "x,u,v,neither\n" * 30
    with pytest.raises(BenchError, match=r"line 6.*\n  and 25 more") as error:
        read_votes(write(tmp_path, text))
    assert "line 7" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("image,a,b,winner\n", "a header and no votes"),
        ("left,right,choice\nu,v,left\n", "begins with 'left,right,choice'; expected the columns"),
        ("image,a,b,winner,a\nx,u,v,a,u\n", "names a column twice"),
    ],
)
def test_files_that_are_no_votes_are_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        read_votes(write(tmp_path, text))


def test_files_that_are_missing_or_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no votes at"):
        read_votes(tmp_path / "none.csv")
    binary = tmp_path / "votes.png"
    binary.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(BenchError, match="is no text in UTF-8 or UTF-16"):
        read_votes(binary)


SEVEN_OF_EIGHT = "image,a,b,winner\n" + "".join(
    f"{i},{a},{b},{'B' if i else 'A'}\n" for i in range(8) for a, b in [("AB", "BA")[i % 2]]
)
"""Methods called A and B, each on either side; B won seven times, and its name is written down."""


def test_winners_that_are_a_method_and_the_others_column_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, SEVEN_OF_EIGHT)
    with pytest.raises(BenchError) as error:
        read_votes(path)
    said = str(error.value)
    assert "4 of 8 votes that cannot be read" in said
    assert (
        "line 3: winner 'B' is method 'B' and column b, which holds 'A'; say which is meant: "
        "--winner method or --winner column"
    ) in said


def test_the_reading_that_is_asked_for_decides(tmp_path: Path) -> None:
    path = write(tmp_path, SEVEN_OF_EIGHT)
    by_method, by_column = read_votes(path, winner="method"), read_votes(path, winner="column")
    won = {votes: {"A": 0, "B": 0} for votes in ("method", "column")}
    for name, votes in (("method", by_method), ("column", by_column)):
        for _, a, b, outcome in plain(votes):
            won[name][a if outcome == 1 else b] += 1
    assert won["method"] == {"A": 1, "B": 7}
    assert won["column"] == {"A": 5, "B": 3}


def test_names_of_methods_are_winners_too(tmp_path: Path) -> None:
    text = "image,a,b,winner\nx,unet,nafnet,NAFNet\ny,unet,nafnet,unet\nz,A,nafnet,a\n"
    assert [row[3] for row in plain(read_votes(write(tmp_path, text)))] == [-1, 1, 1]
    with pytest.raises(BenchError, match="line 2: winner 'a', expected 'unet' or 'nafnet', or tie"):
        read_votes(write(tmp_path, "image,a,b,winner\nx,unet,nafnet,a\n"), winner="method")


def test_names_that_look_alike_are_one(tmp_path: Path) -> None:
    looks = ["r\u00e9st", "re\u0301st", "r\u00e9\u200bst", "\ufeffr\u00e9st\u00a0"]
    text = "image,a,b,winner\n" + "".join(f"x,{name},other,{name}\n" for name in looks)
    votes = read_votes(write(tmp_path, text))
    assert votes.methods == ("other", "r\u00e9st")
    assert votes.outcome.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep=MARK\n"])
def test_spreadsheets_of_whatever_making_are_read(
    tmp_path: Path, encoding: str, mark: str, first: str
) -> None:
    path = tmp_path / "votes.csv"
    text = first.replace("MARK", mark) + GOOD.replace("unet", "\u65b9\u6cd5").replace(",", mark)
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    votes = read_votes(path)
    assert votes.methods == ("nafnet", "\u65b9\u6cd5")
    assert votes.outcome.tolist() == [-1, 1, 0]


def test_names_must_fit_the_numbers(tmp_path: Path) -> None:
    path, names = write(tmp_path, "1,1,2,1\n1,2,3,1\n"), tmp_path / "methods.txt"
    names.write_text("A\nB\n")
    with pytest.raises(BenchError, match="line 2: method '3', expected 1 to 2"):
        read_votes(path, names)
    names.write_text("A\nB\nA\n")
    with pytest.raises(BenchError, match="names a method twice"):
        read_votes(path, names)
    with pytest.raises(BenchError, match="no names of methods"):
        read_votes(path, tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ((["x"], ["u"], ["v"], ["left"]), "winner 'left' is none of a, b, tie, same"),
        ((["x"], ["u"], ["u"], ["a"]), "'u' is compared with itself"),
        ((["x", "y"], ["u"], ["v"], ["a"]), "differ in length"),
        (([], [], [], []), "no votes"),
    ],
)
def test_columns_that_are_no_votes_are_refused(columns: tuple[list[str], ...], why: str) -> None:
    with pytest.raises(BenchError, match=why):
        make_votes(*columns)
