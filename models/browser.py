"""onnxruntime for browsers: where its package lies, and what of it a page needs. No torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.files import sha256_of
from bench.core.identity import remembered
from bench.core.layout import runtime_folder
from bench.suites.fetch import Download

NAME, VERSION = "onnxruntime-web", "1.30.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package as `Download` has it, but for its address, which npm knows."""

    file: str
    licence: str
    page: str
    sha256: str
    bytes: int


RUNTIME = Package(
    file=f"{NAME}-{VERSION}.tgz",
    licence="MIT",
    page=f"https://www.npmjs.com/package/{NAME}",
    sha256="d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
    bytes=33_106_585,
)
"""Of the very file whose SHA-512 npm publishes: q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7s
vNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ== (base64)."""

_SCRIPT = "package/dist/ort.wasm.bundle.min.mjs"
_WASM = "package/dist/ort-wasm-simd-threaded.wasm"
_EXPORTED = re.compile(r"export\s*\{[^}]*?([\w$]+) as default[^}]*\}")


def published() -> Download:
    """Return the package where this machine's npm gets packages from, a mirror of its own perhaps.

    That is ``$NPM_CONFIG_REGISTRY``, else what npm says. Raises `BenchError` where neither is.
    """
    registry = os.environ.get("NPM_CONFIG_REGISTRY", "")
    if not registry and (npm := shutil.which("npm")):
        asked = subprocess.run(
            [npm, "config", "get", "registry"], capture_output=True, text=True, check=False
        )
        registry = asked.stdout.strip()
    if not registry.startswith(("http://", "https://")):
        raise BenchError(
            f"npm is not here, which knows where packages lie (got {registry!r}); install npm, set "
            f"NPM_CONFIG_REGISTRY to a registry's address, or put {RUNTIME.file} of {RUNTIME.page} "
            f"into '{runtime_folder()}'"
        )
    return Download(urls=(f"{registry.rstrip('/')}/{NAME}/-/{RUNTIME.file}",), **asdict(RUNTIME))


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs ONNX files in a browser: ``script`` is code for a worker that is no module, where
    the variable ``exported`` is the module's default export; ``wasm`` is what it runs."""

    script: str
    exported: str
    wasm: bytes


def read_runtime() -> Runtime:
    """Return the parts of the verified package, which lies in `runtime_folder` or $BENCH_WEIGHTS.

    Raises `BenchError` where it is missing, with the command that fetches it, and where it is
    another file than was published.
    """
    folders = [Path(own) for own in [os.environ.get("BENCH_WEIGHTS")] if own] + [runtime_folder()]
    path = next((p for folder in folders if (p := folder / RUNTIME.file).is_file()), None)
    get = f"run 'bench fetch {NAME}' (33 MB; {RUNTIME.licence})"
    if path is None:
        raise BenchError(f"no {NAME} here, which runs a model in a reader's browser: {get}")
    if (found := remembered("sha256", path, sha256_of)) != RUNTIME.sha256:
        raise BenchError(
            f"'{path}' is not {RUNTIME.file} as published: its SHA-256 is {found}, expected "
            f"{RUNTIME.sha256}; move it away, then {get}"
        )
    with tarfile.open(path) as package:
        script = _member(package, _SCRIPT).decode()
        wasm = _member(package, _WASM)
    exported = _EXPORTED.search(script)
    assert exported is not None, "the package is the one whose digest was asked for"
    # Browsers start no module as a worker of a page that was opened as a file.
    plain = _EXPORTED.sub("", script).replace("import.meta.url", "self.location.href")
    return Runtime(f'"use strict";\n{plain}', exported[1], wasm)


def _member(package: tarfile.TarFile, name: str) -> bytes:
    file = package.extractfile(name)
    assert file is not None, "the package is the one whose digest was asked for"
    return file.read()
