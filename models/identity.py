"""What a model is, by content: its weights, its file, or the source and state of a factory."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from bench.core.errors import BenchError
from bench.core.identity import digest_of, file_digest
from bench.core.version import VERSION
from bench.records import Pair
from bench.suites.outputs import names_of
from models.loading import OutputsRestorer
from models.own_code import folder_of, own_name
from models.restorer import Restorer
from models.specs import card_of, form_of, model_file
from models.variants import parted

OURS = Path(__file__).resolve().parent
"""Where the builders of our own rows lie."""


def model_digest(spec: str, weights: Path | None, restorer: Restorer) -> str:
    """Return the digest of all that decides what a loaded model makes of an image.

    That is the file of an ONNX network or of weights; of a factory and of a catalogue's row of
    another package the source files of its own package that it leads to, and the state of its
    network; of our own rows their options. A folder of outputs is another model on every image: see
    `output_digest`.
    """
    card, form, (spec, named) = card_of(spec), form_of(spec), parted(spec)
    parts: list[Any] = [form, *named]
    if (file := model_file(spec)) is not None:
        parts += [spec.removeprefix(str(file)), file_digest(file)]
    if weights is not None:
        parts.append(file_digest(weights))
    if card is not None:
        parts += [card.build, dict(card.options), card.multiple]
    builder = card.build if card is not None else spec if form == "factory" else None
    if builder is not None:
        module = sys.modules.get(_module_name(builder, own=card is None))
        parts.append(_source_digest(module) if module is not None else None)
        if weights is None and restorer.network is not None:
            parts.append(state_digest(restorer.network))
    return digest_of(*parts)


def output_digest(restorer: Restorer, pair: Pair) -> str | None:
    """Return the digest of the file that a folder of outputs has for a pair, None without one."""
    if not isinstance(restorer, OutputsRestorer):
        return None
    try:
        path = restorer.outputs.find(names_of(pair))
        return None if path is None else file_digest(path)
    except (OSError, BenchError):
        return None  # whoever restores says so


def state_digest(network: torch.nn.Module) -> str:
    """Return the digest of a network's parameters and buffers."""
    found = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest_of(found.hexdigest())


def _module_name(builder: str, own: bool) -> str:
    """Return the name of the module that a builder was loaded from."""
    if own and (found := folder_of(builder)) is not None:
        folder, name = found
        return f"{folder.alias}.{name}"
    return builder.rpartition(":")[0]


def _source_digest(module: ModuleType) -> str:
    """Return the digest of a module's source and of what it leads to in its own folder or package.

    Modules of ours are known by the version of this package.
    """
    path = _file(module)
    if path is not None and OURS in path.parents:
        return VERSION
    return digest_of(sorted(file_digest(path) for path in source_files(module)))


def source_files(module: ModuleType) -> list[Path]:
    """Return the Python files of a module and of the modules of its package that it leads to.

    For a module of no package those of the folder that it lies in count as its package.
    """
    top = module.__name__.partition(".")[0]
    start = _file(module)
    if start is None:
        return []
    folder = start.parent if "." not in module.__name__ else None
    found = {start}
    seen, waiting = {module.__name__}, [module]
    while waiting:
        for other in _named_in(waiting.pop()):
            path = _file(other)
            if other.__name__ in seen or path is None:
                continue
            seen.add(other.__name__)
            same = other.__name__.partition(".")[0] == top
            beside = folder is not None and folder in path.parents and not _installed(path)
            if same or beside:
                found.add(path)
                waiting.append(other)
    return sorted(found)


def _installed(path: Path) -> bool:
    return "site-packages" in path.parts or "dist-packages" in path.parts


def _named_in(module: ModuleType) -> Iterator[ModuleType]:
    """Yield the modules, of those imported, that a module's source imports, and its package."""
    path = _file(module)
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    names = [package]
    for node in ast.walk(ast.parse(path.read_bytes())) if path else ():
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # beyond its package: whoever imported it saw to that
                base = resolve_name("." * node.level + (node.module or ""), package)
                names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    names = [own_name(name, module.__name__) or name for name in names]
    yield from (sys.modules[name] for name in names if name in sys.modules)


def _file(module: ModuleType) -> Path | None:
    name = getattr(module, "__file__", None)
    if not isinstance(name, str) or not name.endswith(".py") or not Path(name).is_file():
        return None
    return Path(name).resolve()
