"""Model specs, wherever a model is named: what one means by its looks. Imports no torch.

unet                          a name of the catalogue, ours or of an installed package
FILE.safetensors|pth|ckpt|pt  our weights, or a published checkpoint that spandrel recognises
FILE.onnx[:output]            run by onnxruntime; the output where several could be the image
package.module:factory        a callable without arguments: a torch.nn.Module or a Restorer, from
path/file.py:factory          the working folder, an installed package or a file (`models.own_code`)
outputs:FOLDER                finished images, found by image id

After any but the last, @VARIANT+VARIANT names variants of it (`models.variants`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from bench.core.errors import BenchError
from bench.core.names import choose
from models.catalogue import Card, model_cards
from models.own_code import require_own
from models.suffixes import SUFFIXES
from models.variants import parted

Form = Literal["catalogue", "weights", "onnx", "factory", "outputs"]
_FACTORY = re.compile(r"([A-Za-z_][\w.]*|.+\.py):[A-Za-z_]\w*")
_ONNX = re.compile(r"(.+\.onnx)(?::(.+))?", re.IGNORECASE)


def form_of(spec: str) -> Form:
    """Say which of the five forms a spec has, by its looks alone."""
    spec, _ = parted(spec)
    if spec in model_cards():
        return "catalogue"
    if spec.startswith("outputs:"):
        return "outputs"
    if Path(spec).suffix.lower() in SUFFIXES:
        return "weights"
    if _ONNX.fullmatch(spec):
        return "onnx"
    return "factory" if _FACTORY.fullmatch(spec) else "catalogue"


def onnx_parts(spec: str) -> tuple[Path, str | None]:
    """Return the file of an ONNX spec, and the output that it names, if it does."""
    found = _ONNX.fullmatch(spec)
    if found is None:
        raise BenchError(f"'{spec}': expected FILE.onnx, or FILE.onnx:OUTPUT")
    return Path(found[1]), found[2]


def model_file(spec: str) -> Path | None:
    """Return the file of weights or of an ONNX network that a spec names; None for the others."""
    spec, form = parted(spec)[0], form_of(spec)
    if form == "onnx":
        return onnx_parts(spec)[0]
    return Path(spec) if form == "weights" else None


def label(spec: str) -> str:
    """Return the short name under which a spec's results are kept.

    The catalogue name, the file's name without its suffix, the folder's name; of a factory its
    module's and its own, ``module:factory``. Variants follow it: ``unet@x8``.
    """
    spec, named = parted(spec)
    return "@".join((_label(spec), *(["+".join(named)] if named else [])))


def _label(spec: str) -> str:
    form = form_of(spec)
    if form == "outputs":
        return Path(spec.removeprefix("outputs:")).resolve().name
    if (file := model_file(spec)) is not None:
        return file.name.partition(".pth")[0] if ".pth." in file.name else file.stem
    if form == "factory":
        module, _, name = spec.rpartition(":")
        path = Path(module)
        stem = path.parent.name if path.name == "__init__.py" else path.stem
        return f"{stem if module.endswith('.py') else module.rpartition('.')[2]}:{name}"
    return spec


def card_of(spec: str) -> Card | None:
    """Return the catalogue's card; None for a file, a factory or a folder of outputs.

    Raises `BenchError` for an unknown name, suggesting the nearest, and for a missing file, module
    or folder. Nothing is loaded.
    """
    whole, (spec, named) = spec, parted(spec)
    form = form_of(spec)
    if form == "outputs" and named:
        raise BenchError(f"'{whole}': finished images have no variants; give {spec}")
    if form == "catalogue":
        if Path(spec).is_dir():
            raise BenchError(f"'{spec}' is a folder; for its images give outputs:{spec}")
        if Path(spec).is_file():
            known = ", ".join((*SUFFIXES, ".onnx"))
            raise BenchError(f"'{spec}' is no model file of a known kind; known: {known}")
        cards = model_cards()
        return cards[choose("model", spec, cards)]
    if form == "outputs":
        folder = Path(spec.removeprefix("outputs:"))
        if not folder.is_dir():
            raise BenchError(
                f"no folder '{folder}' to take finished images from; expected outputs:FOLDER"
            )
    elif form == "factory":
        require_own(spec)
    elif (file := model_file(spec)) is not None and not file.is_file():
        raise BenchError(
            f"no model file '{file}'; expected a file that is there, or a name of 'bench models'"
        )
    return None


def require_weights(path: Path | None) -> None:
    """Raise `BenchError` where a file of weights is named that is not there."""
    if path is not None and not path.is_file():
        raise BenchError(f"no weights at '{path}': there is no such file")
