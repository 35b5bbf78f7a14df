"""What shipped weights say of themselves. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from models.shipped.photographs import PHOTOGRAPHS
from models.shipped.table import GERUNDS, Shipped
from models.suffixes import HEADER_KEY


def credits() -> list[str]:
    """Return what the weights learned from, a line each: photograph, package, licence, credit."""
    return [
        f"{one.name} ({one.package}), {one.licence}, {one.credit}"
        for one in PHOTOGRAPHS
        if one.split == "train"
    ]


def figures_of(row: Shipped) -> dict[str, float]:
    """Return the means over the validation crops that the file tells: ``psnr`` and ``ssim`` of what
    is restored, ``input_psnr`` and ``input_ssim`` of the untouched."""
    from safetensors import safe_open  # those who only list models do not read them

    with safe_open(row.file, framework="numpy") as file:
        found: dict[str, Any] = json.loads(file.metadata()[HEADER_KEY])
    return dict(found["validation"])


def told(row: Shipped) -> str:
    """Return one line: source, task, what it was trained on and how good it is there."""
    found = figures_of(row)
    return (
        f"{row.name}, shipped with the package, for {GERUNDS[row.task]}: trained on "
        f"{sum(one.split == 'train' for one in PHOTOGRAPHS)} photographs of installed packages; on "
        f"validation crops {found['psnr']:.2f} dB, untouched {found['input_psnr']:.2f} dB"
    )


def as_row(row: Shipped) -> dict[str, Any]:
    """Return all of it as JSON can hold it."""
    return {
        **asdict(row),
        "name": row.name,
        "file": str(row.file),
        "validation": figures_of(row),
        "photographs": [asdict(one) for one in PHOTOGRAPHS],
    }
