"""Finished images of other programs, found by the names that the field's programs give them.

GOPR0384_11_00-000001.png, GOPR0384_11_00_000001.png, GOPR0384_11_00/000001.png, babyx4.png and
baby_SR.png for baby_GT.bmp: folders, separators, case and what stands for the kind of an image
count for nothing where no file is called exactly so.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.errors import BenchError
from bench.records import Pair
from bench.suites.folder import REFERENCE, files_in, first_few, name_of, named_images

_KIND = re.compile(
    r"(?:[-_ .](?:srf[-_]?\d|gt|hr|lr|sr|lq|hq|out|output|outputs|result|results|restored|deblurred"
    r"|denoised|pred|prediction|rlt|blur|blurred|sharp|input|target)|[-_ .]?x[2-9])$"
)
"""What the name of a file ends in that says which image of a pair it is, or the scale."""


def names_of(pair: Pair) -> tuple[str, ...]:
    """Return the names under which a pair's output may be found, the pair's own first."""
    files = (pair.degraded, pair.reference)
    stems = [path.stem for path in files if path is not None]
    return tuple(dict.fromkeys((pair.id, *stems)))


def loose_name(name: str) -> str:
    """Return what of a name counts where nothing is called exactly so.

    >>> loose_name("baby_GT") == loose_name("babyx4") == "baby"
    True
    >>> loose_name("GOPR0384_11_00-000001")
    'gopr0384-11-00-000001'
    """
    found = unicodedata.normalize("NFC", name).casefold()
    while (shorter := _KIND.sub("", found)) not in ("", found):
        found = shorter
    return re.sub(r"[-_ .]+", "-", found).strip("-")


@dataclass
class Outputs:
    """The images under a folder, at any depth. Raises `BenchError` for none, or a name twice."""

    folder: Path
    _exact: dict[str, Path] = field(init=False, repr=False)
    _loose: dict[str, list[Path]] = field(init=False, repr=False)
    _stems: dict[str, list[Path]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        files = files_in(self.folder)
        self._exact = {name: self.folder / file for name, file in files.items()}
        self._loose, self._stems = defaultdict(list), defaultdict(list)
        for name, path in self._exact.items():
            self._loose[loose_name(name)].append(path)
            self._stems[loose_name(name_of(path.name))].append(path)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._exact.values())

    def find(self, names: Sequence[str]) -> Path | None:
        """Return the file of an image that may have any of ``names``, None where there is none.

        A file called exactly so comes first, then one called nearly so, then one in any folder.
        Raises `BenchError` where several files would do.
        """
        for name in names:
            if name in self._exact:
                return self._exact[name]
        for index in (self._loose, self._stems):
            for name in names:
                found = index.get(loose_name(name), [])
                if len(found) > 1:
                    several = ", ".join(f"'{path}'" for path in found[:3])
                    raise BenchError(f"several files could be image '{names[0]}': {several}")
                if found:
                    return found[0]
        return None

    def match(self, pairs: Iterable[Pair]) -> dict[str, Path]:
        """Return the file of each pair that has one, by the pair's id.

        Raises `BenchError` where one file would be the output of two pairs, and where there is not
        one pair with an output: it says what the folder holds and what was expected.
        """
        found: dict[str, Path] = {}
        owner: dict[Path, str] = {}
        expected: list[str] = []
        for pair in pairs:
            path = self.find(names_of(pair))
            if path is None:
                if len(expected) < 3:
                    expected.append(pair.id)
                continue
            if (other := owner.setdefault(path, pair.id)) != pair.id:
                raise BenchError(
                    f"'{path}' could be the output of '{other}' and of '{pair.id}'; call files as "
                    "the suite's images are called"
                )
            found[pair.id] = path
        if not found:
            raise BenchError(
                f"'{self.folder}' holds {first_few(self._exact)}, none of which is an output of an "
                f"image of the suite; expected files called like {', '.join(expected)}, with any "
                "suffix, or as the suite's own files"
            )
        return found


@dataclass(frozen=True, slots=True)
class Paired:
    """Outputs beside their references: (name, output, reference or None); ``missing`` have no
    output."""

    pairs: list[tuple[str, Path, Path | None]]
    missing: tuple[str, ...]


def pair_with_references(restored: Path, reference: Path) -> Paired:
    """Pair the outputs in a folder, or one image file, with references, as a run would.

    Raises `BenchError` where nothing fits, and for outputs without a reference: it lists the first
    few and says how many.
    """
    if restored.is_file() and reference.is_file():
        return Paired([(restored.stem, restored, reference)], ())
    outputs = Outputs(restored)
    theirs = {
        name: Pair(name, path, path, name)
        for name, path in named_images(reference, prefer=REFERENCE).items()
    }
    found = outputs.match(theirs.values())
    if left := sorted(set(outputs) - set(found.values())):
        raise BenchError(
            f"images are paired by name, but {len(left)} only in '{restored}': "
            f"{first_few(path.name for path in left)}; add their references to '{reference}' or "
            "remove them"
        )
    missing = tuple(name for name in theirs if name not in found)
    return Paired([(n, path, theirs[n].degraded) for n, path in found.items()], missing)
