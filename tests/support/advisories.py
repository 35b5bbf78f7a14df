"""Which pinned packages have a vulnerability that a stored database knows: `nox -s audit` offline.

The database is a package, ``safety-db``: package indices are mirrored where osv.dev is not to be
reached. Its last version is of July 2021, so what it does not know proves little; that is said.
Run as ``python tests/support/advisories.py constraints.txt``; exit status 1 if there is one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name


def stored() -> dict[str, Any]:
    """Return the database: by package, what is known of it. Raises `ModuleNotFoundError`."""
    found = find_spec("safety_db")  # it is not imported: what it opens when it is, is elsewhere
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("safety-db is not installed: pip install safety-db")
    file = Path(found.submodule_search_locations[0]) / "insecure_full.json"
    return dict(json.loads(file.read_text()))


def pins(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and version of each line ``name==version``."""
    for line in lines:
        if text := line.partition("#")[0].strip():
            requirement = Requirement(text)
            (pinned,) = requirement.specifier
            yield canonicalize_name(requirement.name), pinned.version


def known(pinned: Iterable[tuple[str, str]], database: Mapping[str, Any]) -> list[str]:
    """Return a line for each vulnerability of a pinned version."""
    by_name = {canonicalize_name(name): rows for name, rows in database.items() if name[0] != "$"}
    return [
        f"{name} {version}: {row.get('cve') or row['id']}: {row['advisory']}"
        for name, version in pinned
        for row in by_name.get(name, ())
        if any(SpecifierSet(spec).contains(version, prereleases=True) for spec in row["specs"])
    ]


def main(file: str) -> int:
    """Print what is known."""
    database = stored()
    pinned = list(pins(Path(file).read_text().splitlines()))
    found = known(pinned, database)
    day = datetime.fromtimestamp(database["$meta"]["timestamp"], UTC)
    last = (
        f"{len(pinned)} pinned packages, {len(found)} vulnerabilities known on {day:%d %B %Y}, the "
        "day of the stored database; later ones are found where there is a network"
    )
    sys.stdout.write("\n".join([*found, last]) + "\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
