"""Archives are unpacked whole, once, inside their folder, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.errors import BenchError
from bench.core.progress import unheard
from bench.suites import unpack
from bench.suites.fetch import Download, fetch
from tests.support.downloads import Server, visible

CONTENT = {"train/a.txt": b"a" * 5000, "test/b.txt": b"b", "README": b"hello"}


def _zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return stream.getvalue()


def _bundle(server: Server, files: dict[str, bytes]) -> Download:
    server.data = _zip(files)
    return Download(
        urls=(server.url,),
        file="set.zip",
        licence="CC0",
        page="https://example.org",
        sha256=hashlib.sha256(server.data).hexdigest(),
        unpack=True,
    )


def test_a_zip_is_unpacked_and_removed_and_not_fetched_twice(
    server: Server, tmp_path: Path
) -> None:
    download = _bundle(server, CONTENT)
    assert fetch(download, tmp_path) == tmp_path
    assert visible(tmp_path) == ["README", "test", "train"]
    assert {name: (tmp_path / name).read_bytes() for name in CONTENT} == CONTENT
    fetch(download, tmp_path)
    assert len(server.asked) == 1


def test_a_zip_put_there_by_hand_is_verified_and_used(server: Server, tmp_path: Path) -> None:
    download = _bundle(server, CONTENT)
    (tmp_path / "set.zip").write_bytes(server.data)
    fetch(download, tmp_path)
    fetch(download, tmp_path)
    assert server.asked == []
    assert visible(tmp_path) == ["README", "test", "train"]


@pytest.mark.parametrize(
    "name", ["../evil.txt", "train/../../evil.txt", "/evil.txt", "train\\..\\evil.txt", "C:evil"]
)
def test_a_zip_that_would_write_outside_is_refused_whole(
    server: Server, tmp_path: Path, name: str
) -> None:
    inside = tmp_path / "data"
    with pytest.raises(BenchError, match="would leave the target folder"):
        fetch(_bundle(server, {"fine.txt": b"", name: b"evil"}), inside)
    assert visible(inside) == ["set.zip"]
    assert visible(tmp_path) == ["data"]


def test_a_zip_with_a_link_is_refused(server: Server, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        bundle.writestr(link, "/etc")
    download = _bundle(server, CONTENT)
    (tmp_path / "set.zip").write_bytes(stream.getvalue())
    with pytest.raises(BenchError, match="is a link"):
        unpack.unpack(tmp_path / "set.zip", tmp_path, unheard)
    assert download.unpack
    assert not (tmp_path / "link").exists()


@pytest.mark.parametrize("harm", [lambda data: b"<html>", lambda data: data[:-40]])
def test_what_is_no_sound_zip_says_so(
    server: Server, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    server.data = harm(_zip(CONTENT))
    download = Download(
        urls=(server.url,),
        file="set.zip",
        licence="",
        page="https://example.org",
        sha256=None,
        unpack=True,
    )
    with pytest.raises(BenchError, match="no sound zip file"):
        fetch(download, tmp_path)


def test_a_flipped_byte_inside_a_zip_is_found(tmp_path: Path) -> None:
    data = bytearray(_zip({"a": np.random.default_rng(1).bytes(9000)}))
    data[4000] ^= 1
    (tmp_path / "set.zip").write_bytes(data)
    with pytest.raises(BenchError, match="no sound zip file"):
        unpack.unpack(tmp_path / "set.zip", tmp_path, unheard)
    assert visible(tmp_path) == ["set.zip"]


def test_nothing_is_unpacked_beside_other_things(server: Server, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    with pytest.raises(BenchError, match=re.escape("already holds photographs")):
        fetch(_bundle(server, CONTENT), tmp_path)
    assert server.asked == []  # said before the gigabytes come


def test_unpacking_killed_while_moving_is_finished_by_the_next_call(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = _bundle(server, CONTENT)
    moved = Path.rename

    def killed(self: Path, target: Path) -> Path:
        if self.name == "test":
            raise KeyboardInterrupt
        return moved(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(download, tmp_path)
    fetch(download, tmp_path)
    assert visible(tmp_path) == ["README", "test", "train"]
    assert {name: (tmp_path / name).read_bytes() for name in CONTENT} == CONTENT
    assert len(server.asked) == 1
    notes = json.loads((tmp_path / ".set.zip.fetched.json").read_text())
    assert notes["unpacked"] == ["README", "test", "train"]


@settings(max_examples=60)
@given(
    names=st.lists(
        st.one_of(
            st.text(max_size=6),
            st.lists(
                st.sampled_from(["..", ".", "/", "a", "b/", "\\", ".complete"]), max_size=5
            ).map("".join),
        ),
        max_size=4,
        unique=True,
    ).map(lambda names: [name for name in names if name.partition("\0")[0]])
)
def test_whatever_its_names_nothing_lands_outside(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "target").mkdir()
        archive = root / "target" / "set.zip"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are there twice
            archive.write_bytes(_zip(dict.fromkeys(names, b"x")))
        with suppress(BenchError, OSError):  # a file and a folder of one name: the disk refuses
            unpack.unpack(archive, root / "target", unheard)
        assert [path.name for path in root.iterdir()] == ["target"]


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFSOCK])
def test_a_zip_with_a_special_file_is_refused(tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("pipe")
    entry.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as bundle:
        bundle.writestr(entry, b"")
    with pytest.raises(BenchError, match="another special file"):
        unpack.unpack(tmp_path / "set.zip", tmp_path, unheard)
    assert visible(tmp_path) == ["set.zip"]


def test_a_zip_of_more_than_the_disk_holds_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as bundle:
        bundle.writestr("bomb", b"")
        bundle.infolist()[0].file_size = 1 << 60
    with pytest.raises(BenchError, match=r"unpacks to 1152921504\.6 GB"):
        unpack.unpack(tmp_path / "set.zip", tmp_path, unheard)
    assert visible(tmp_path) == ["set.zip"]
