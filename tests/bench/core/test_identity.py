"""What is told of files is remembered beside them, for as long as they are what they were."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bench.core import identity
from bench.core.identity import BESIDE, file_digest, keep_beside, recalled, remembered
from bench.core.layout import VARIABLE
from bench.core.remembering import Memory
from bench.image import Pixels
from bench.suites import open_suite
from bench.suites.check import check_suite
from bench.suites.learned import learned_from, pixels_of


class Teller:
    """Tells of a file what it says, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, path: Path) -> str:
        self.asked += 1
        return path.read_text().upper()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "results"))
    root = tmp_path / "data"
    (root / "scene").mkdir(parents=True)
    (root / "scene" / "a.txt").write_text("a")
    keep_beside(root)
    return root


def forget_process() -> None:
    """Let what follows open every file anew, as another process would."""
    identity._memory.cache_clear()
    identity._home.cache_clear()


def told(path: Path, teller: Teller, by_bytes: bool = True) -> tuple[str, int]:
    before = teller.asked
    return remembered("test", path, teller, by_bytes=by_bytes), teller.asked - before


def test_what_is_told_is_kept_beside_the_data_and_not_told_again(data: Path) -> None:
    teller = Teller()
    assert told(data / "scene" / "a.txt", teller) == ("A", 1)
    assert (data / BESIDE).is_file()
    assert not (data.parent / "results").exists()
    forget_process()
    assert told(data / "scene" / "a.txt", teller) == ("A", 0)


def test_another_process_finds_it_without_being_told_where(data: Path) -> None:
    path = data / "scene" / "a.txt"
    told(path, Teller())
    ask = f"from bench.core.identity import *; print(recalled('test', Path({str(path)!r})))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "A"


def test_a_changed_file_is_told_anew_even_of_equal_length(data: Path) -> None:
    path, teller = data / "scene" / "a.txt", Teller()
    assert told(path, teller) == ("A", 1)
    path.write_text("b")
    assert told(path, teller) == ("B", 1)


def test_a_touched_moved_or_copied_file_is_known_by_its_bytes(data: Path) -> None:
    path, teller = data / "scene" / "a.txt", Teller()
    told(path, teller)
    os.utime(path, ns=(1, 1))
    assert told(path, teller) == ("A", 0)
    assert told(shutil.copy(path, data / "b.txt"), teller) == ("A", 0)
    assert told(path.rename(data / "c.txt"), teller) == ("A", 0)
    copied = shutil.copytree(data, data.parent / "elsewhere")  # with what is remembered of it
    assert told(copied / "c.txt", teller) == ("A", 0)


def test_what_does_not_follow_from_the_bytes_is_told_again_of_a_touched_file(data: Path) -> None:
    path, teller = data / "scene" / "a.txt", Teller()
    told(path, teller, by_bytes=False)
    os.utime(path, ns=(1, 1))
    assert told(path, teller, by_bytes=False) == ("A", 1)


@pytest.mark.parametrize("damage", [b"no database at all", b"SQLite format 3\0" + b"x" * 8000])
def test_a_file_that_is_no_database_any_more_is_made_anew(data: Path, damage: bytes) -> None:
    path, teller = data / "scene" / "a.txt", Teller()
    told(path, teller)
    (data / BESIDE).write_bytes(damage)
    forget_process()
    assert told(path, teller) == ("A", 1)
    forget_process()
    assert told(path, teller) == ("A", 0)
    with sqlite3.connect(data / BESIDE) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_value_that_rots_in_the_file_is_told_again_and_never_believed(data: Path) -> None:
    path, teller = data / "scene" / "a.txt", Teller()
    told(path, teller)
    with sqlite3.connect(data / BESIDE) as base:
        base.execute("UPDATE told SET value = 'Z'")
    assert recalled("test", path, by_bytes=True) is None
    assert told(path, teller) == ("A", 1)


def test_where_nothing_can_be_written_beside_the_data_it_is_kept_under_results(data: Path) -> None:
    (data / BESIDE).mkdir()  # a folder cannot be opened as a file, not even by root
    path, teller = data / "scene" / "a.txt", Teller()
    assert told(path, teller) == ("A", 1)
    assert (data.parent / "results" / "digests.db").is_file()
    forget_process()
    assert told(path, teller) == ("A", 0)


def test_what_lies_beside_data_that_is_read_only_is_read(data: Path) -> None:
    path, teller = data / "scene" / "a.txt", Teller()
    told(path, teller)
    forget_process()
    memory = identity._memory(data / BESIDE)
    memory._writes = False  # as after a first write was refused; root may write anywhere
    memory._base = memory._connected("?mode=ro")
    assert told(path, teller) == ("A", 0)
    path.write_text("b")
    assert told(path, teller) == ("B", 1)
    assert (data.parent / "results" / "digests.db").is_file()


def test_with_no_place_to_write_it_is_known_while_the_process_lasts(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / BESIDE).mkdir()
    monkeypatch.setenv(VARIABLE, str(data / "scene" / "a.txt"))  # a file: no folder to write in
    path, teller = data / "scene" / "a.txt", Teller()
    assert [told(path, teller), told(path, teller)] == [("A", 1), ("A", 0)]


def test_of_two_processes_that_write_at_once_both_are_kept(tmp_path: Path) -> None:
    one, two = Memory(tmp_path / "m.db"), Memory(tmp_path / "m.db")
    for number in range(20):
        assert one.put("k", f"a{number}", "s", "1")
        assert two.put("k", f"b{number}", "s", "2")
    assert [one.get("k", "b19", "s"), two.get("k", "a0", "s")] == ["2", "1"]


def test_no_image_of_a_suite_is_decoded_twice(
    folder_suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(folder_suite.parent / "results"))
    pairs = open_suite("folder", folder_suite).pairs("test")
    first = learned_from(pairs)
    assert (folder_suite / BESIDE).is_file()
    forget_process()

    def decoded(path: Path) -> Pixels:
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr("bench.suites.learned.read", decoded)
    assert learned_from(pairs) == first


def test_a_check_of_a_suite_decodes_all_the_same_and_remembers_what_it_saw(
    folder_suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(folder_suite.parent / "results"))
    image = folder_suite / "input" / "scene0.png"
    assert check_suite("folder", folder_suite, decode=True).problems == []
    known = recalled("pixels", image)
    assert known is not None
    file_digest(image)
    with sqlite3.connect(folder_suite / BESIDE) as base:
        base.execute("DELETE FROM told WHERE name LIKE '%scene1%'")
    forget_process()
    assert check_suite("folder", folder_suite, decode=True).problems == []
    assert recalled("pixels", folder_suite / "input" / "scene1.png") is not None
    assert pixels_of(image) == known
