"""Code from the user's own folder, imported as a world of its own.

A restoration repository has packages called ``models``, ``utils`` or ``bench``, as this program has
and as other installed packages may have. So a folder of code is imported under a name that nobody
else uses, and what its modules import is looked for in that folder first, as if Python had been
started there: ``from models.common import conv`` is theirs. Nothing of ours changes its meaning.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.core.errors import BenchError, message_of

PREFIX = "own_code_"
_OURS = {
    path.name: path
    for path in (
        Path(__file__).resolve().parents[1] / name for name in ("bench", "models", "raters")
    )
}
_FOLDERS: dict[str, Folder] = {}
"""By alias."""


class Folder:
    """A folder of code. ``alias`` is the package under which its modules are imported."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.alias = PREFIX + hashlib.sha256(str(root).encode()).hexdigest()[:10]
        package = ModuleType(self.alias)
        package.__path__ = [str(root)]
        sys.modules[self.alias] = package
        _FOLDERS[self.alias] = self
        _hook()

    def has(self, name: str) -> bool:
        """Say whether a module or package of this name lies in the folder, and is not ours."""
        package = self.root / name
        if package == _OURS.get(name):
            return False
        return package.with_name(f"{name}.py").is_file() or any(package.glob("*.py"))

    def load(self, module: str) -> ModuleType:
        """Import a module of the folder."""
        importlib.invalidate_caches()
        return importlib.import_module(f"{self.alias}.{module}")


@cache
def _folder(root: Path) -> Folder:
    return Folder(root)


def folder_of(spec: str) -> tuple[Folder, str] | None:
    """Return whose code ``module:name`` or ``path/file.py:name`` is, and the module's name there.

    A file's folder is that above its outermost package. A module is the user's own where it lies in
    the working folder; None where it does not: then it is an installed one.
    """
    before_colon, _, _ = spec.rpartition(":")
    if before_colon.endswith(".py"):
        file = Path(before_colon).resolve()
        names = [file.stem] if file.stem != "__init__" else []
        folder = file.parent
        while (folder / "__init__.py").is_file():
            names.insert(0, folder.name)
            folder = folder.parent
        return _folder(folder), ".".join(names)
    here = _folder(Path.cwd().resolve())
    return (here, before_colon) if here.has(before_colon.partition(".")[0]) else None


def require_own(spec: str) -> None:
    """Raise `BenchError` where a spec's file or its outermost module is not there.

    Nothing is imported.
    """
    before_colon, _, _ = spec.rpartition(":")
    if before_colon.endswith(".py"):
        if not Path(before_colon).is_file():
            raise BenchError(f"'{spec}': no file '{before_colon}'")
        return
    outermost = before_colon.partition(".")[0]
    if folder_of(spec) is None and outermost not in sys.modules and find_spec(outermost) is None:
        raise _no_module(spec, outermost)


def _no_module(spec: str, missing: str) -> BenchError:
    return BenchError(
        f"'{spec}': no module '{missing}' in '{Path.cwd()}' or among the installed packages"
    )


def load_own(spec: str) -> Any:
    """Import what ``spec`` names from the user's own code, or from an installed package.

    Raises `BenchError` that says what is missing, or what went wrong while it was imported.
    """
    require_own(spec)
    before_colon, _, attribute = spec.rpartition(":")
    own = folder_of(spec)
    try:
        module = own[0].load(own[1]) if own else importlib.import_module(before_colon)
    except ModuleNotFoundError as error:
        missing = str(error.name).removeprefix(f"{own[0].alias}." if own else "")
        raise _no_module(spec, missing) from error
    except Exception as error:
        raise BenchError(f"'{spec}' fails while it is imported: {message_of(error)}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise BenchError(f"'{spec}': module '{before_colon}' has no '{attribute}'") from None


def own_name(name: str, importer: str) -> str | None:
    """Return the full name of a module as a module called ``importer`` gets it, if it is its own.

    None where the importer is no code of a user's folder, or the folder has no such module.
    """
    folder = _FOLDERS.get(importer.partition(".")[0])
    if folder is None or not folder.has(name.partition(".")[0]):
        return None
    return f"{folder.alias}.{name}"


@cache
def _hook() -> None:
    """Let import statements, and `importlib.import_module`, heed who imports."""
    plain_import, plain_load = builtins.__import__, importlib.import_module

    def heeding_import(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        importer = str((globals or {}).get("__name__", ""))
        if level or not importer.startswith(PREFIX) or not (own := own_name(name, importer)):
            return plain_import(name, globals, locals, fromlist or (), level)
        if fromlist:
            return plain_import(own, globals, locals, fromlist, 0)
        plain_load(own)
        return sys.modules[".".join(own.split(".")[:2])]  # import a.b binds a

    def heeding_load(name: str, package: str | None = None) -> ModuleType:
        importer = str(sys._getframe(1).f_globals.get("__name__", ""))
        own = own_name(name, importer) if importer.startswith(PREFIX) else None
        return plain_load(own or name, package)

    builtins.__import__ = heeding_import
    importlib.import_module = heeding_load
