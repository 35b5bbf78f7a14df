"""What compression brings: every variant of trained networks beside its eager original.

Run as ``python tests/performance/compression.py [--folder DIR] [--models rescnn,..]``. It trains,
compresses, scores on the demo suite, measures costs at two sizes, writes ``compression.csv`` to the
folder, prints the tables of docs/compression.md, and ends with 1 where no variant is `FASTER`
times as fast and `SMALLER` smaller than its eager original at a loss of at most `LOSS` dB.
The same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.api import Run, run
from bench.checks import CompressionOrder, check_compression
from bench.compressing import compress
from bench.compute.profile import Conditions, measure
from bench.core.errors import BenchError
from bench.core.layout import move_results
from bench.records import Profile
from models.compression.table import MEASURED as METRICS
from models.specs import label
from tests.support.commands import called

FASTER, SMALLER, LOSS = 4.0, 0.4, 0.1
SUITE, AMOUNT = "demo", 0.4
BUDGETS = {"rescnn": "75s", "unet": "75s", "litenet": "75s", "t1t4-gan": "300s"}
"""Model -> how long it is trained at first; half as long after pruning."""
STUDENT = ("t1t4-gan", "litenet")
"""Who teaches, and who learns."""
SIZES = ((256, 256), (720, 1280))

EAGER = '''
import torch
from models.loading import load_restorer


def eager():
    """The network as torch runs it by itself: channels outermost."""
    restorer = load_restorer({file!r})
    restorer.compute(layout=torch.contiguous_format)
    return restorer
'''


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to run a model: what it is called, its spec, and the file that it needs.

    ``compared``: it is none of the model's, and stands beside a variant that is to be better.
    """

    name: str
    spec: str
    file: Path
    compared: bool = False


class Said:
    """A progress that prints notes."""

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def update(self, stage: str, done: float, total: float, text: str = "") -> None: ...


def half(budget: str) -> str:
    return f"{int(budget.removesuffix('s')) // 2}s"


def smaller(source: Path, method: str, out: Path, **options: object) -> tuple[Path, ...]:
    """Return what a method of compression makes of a file, measured on one image and no more."""
    order = CompressionOrder(
        model=str(source), method=method, suite=SUITE, out=out, limit=1, metrics=("psnr",),
        profile=None, **options,  # type: ignore[arg-type]
    )  # fmt: skip
    return compress(check_compression(order), progress=Said()).made


def variants(model: str, folder: Path) -> list[Variant]:
    """Train and compress a model; return all that is measured of it, the eager original first."""
    called("train", model, "--suite", SUITE, "--budget", BUDGETS[model])
    original = folder / "training" / SUITE / f"{model}.safetensors"
    own = folder / f"eager_{model.replace('-', '_')}.py"
    own.write_text(EAGER.format(file=str(original)), encoding="utf-8")
    made = folder / "made"

    def file(source: Path, method: str, **options: object) -> Path:
        return smaller(source, method, made, **options)[0]

    pruned = file(original, "prune", amounts=(AMOUNT,), budget=half(BUDGETS[model]))
    found = [
        Variant("eager", f"{own}:eager", original),
        Variant("channels_last", str(original), original),
        Variant("onnxruntime", f"{original}@onnx", original),
    ]
    for name, path in {
        "int8": file(original, "quantise"),
        "float16": file(original, "float16"),
        f"pruned {AMOUNT:.0%}": pruned,
        f"pruned {AMOUNT:.0%}, int8": file(pruned, "quantise"),
    }.items():
        found.append(Variant(name, str(path), path))
    if model == STUDENT[0]:
        taught, alone = smaller(
            original, "distil", made, into=STUDENT[1], budget=BUDGETS[STUDENT[1]]
        )
        found += [
            Variant(f"{STUDENT[1]}, taught by it", str(taught), taught),
            Variant(f"{STUDENT[1]}, taught, int8", str(small := file(taught, "quantise")), small),
            Variant(f"{STUDENT[1]}, alone", str(alone), alone, compared=True),
        ]
    return found


def costs(
    model: str, asked: Sequence[Variant], size: tuple[int, int]
) -> dict[str, dict[str, Profile]]:
    """Measure every variant at a size, taking turns: name -> quantity -> figure."""
    conditions = Conditions(*size, processes=2, passes=10, seconds=4.0, limit=900)
    measured = measure([(v.name, str(v.spec), None) for v in asked], conditions)
    print(f"{model} at {size}: measured", file=sys.stderr, flush=True)
    return {m.model: {row.quantity: row for row in m.profiles()} for m in measured}


def quality(asked: Sequence[Variant]) -> Run:
    """Score the variants on the whole suite. The eager original makes the pictures of its file."""
    return run(
        SUITE, models=[str(v.spec) for v in asked if v.name != "eager"], metrics=METRICS,
        train="never", profile=None, progress=Said(),
    )  # fmt: skip


def changes(scored: Run, variant: Variant, original: str) -> dict[str, float | None]:
    """Return a variant's means and paired differences from the original, with their intervals."""
    name = original if variant.name == "eager" else label(str(variant.spec))
    found: dict[str, float | None] = {}
    for metric in METRICS:
        own = scored.scores.query("model == @name and metric == @metric")["value"]
        found[metric] = float(own.mean())
        if name == original:
            continue
        try:
            compared = scored.compare(name, original, metric)
        except BenchError:
            continue
        ends = {"": compared.difference, " low": compared.low, " high": compared.high}
        found |= {f"{metric} change{end}": value for end, value in ends.items()}
    return found


def table(model: str, folder: Path) -> list[dict[str, object]]:
    asked = variants(model, folder)
    scored = quality(asked)
    rows: list[dict[str, object]] = []
    for size in SIZES:
        figures = costs(model, asked, size)
        for variant in asked:
            own = figures[variant.name]
            rows.append(
                {
                    "model": model,
                    "variant": variant.name,
                    "compared": variant.compared,
                    "height": size[0],
                    "width": size[1],
                    "file_bytes": Path(variant.file).stat().st_size,
                    **{
                        f"{name}{end}": getattr(own[name], part)
                        for name in ("params", "macs", "latency_ms", "process_memory_mb")
                        for end, part in (("", "value"), (" low", "low"), (" high", "high"))
                    },
                    "noisy": own["latency_ms"].noisy or own["latency_ms"].missing or "",
                    **changes(scored, variant, label(str(asked[1].spec))),
                    "load": os.getloadavg()[0],
                }
            )
    return rows


def markdown(frame: pd.DataFrame) -> str:
    """Return the tables of a model's sizes as docs/compression.md has them."""
    lines = []
    for (model, height, width), rows in frame.groupby(["model", "height", "width"], sort=False):
        first = rows.iloc[0]
        lines += [
            f"\n**{model}, {width}×{height}**\n",
            "| variant | ms | × | MB | file, kB | PSNR, dB | SSIM | ST-LPIPS |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for _, row in rows.iterrows():
            mark = " ≈" if isinstance(row["noisy"], str) and row["noisy"] else ""
            cells = [
                f"*{row['variant']}*" if row["compared"] else str(row["variant"]),
                f"{row['latency_ms']:.4g}{mark}",
                f"{first['latency_ms'] / row['latency_ms']:.1f}",
                f"{row['process_memory_mb']:.0f}",
                f"{row['file_bytes'] / 1e3:.0f}",
                *(_changed(row, metric) for metric in METRICS),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _changed(row: pd.Series, metric: str) -> str:
    shown = f"{row[metric]:.2f}" if metric == "psnr" else f"{row[metric]:.4f}"
    change = row.get(f"{metric} change")
    if change is None or change != change:
        return shown
    low, high = row[f"{metric} change low"], row[f"{metric} change high"]
    places = 2 if metric == "psnr" else 4
    return f"{shown} ({change:+.{places}f} [{low:+.{places}f}, {high:+.{places}f}])"


def met(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the variants that are as fast, as small and as good as is promised."""
    eager = frame[frame["variant"] == "eager"].set_index(["model", "height"])
    before = frame.join(
        eager[["latency_ms", "file_bytes"]].add_suffix("_b"), on=["model", "height"]
    )
    fast = before["latency_ms_b"] / before["latency_ms"] >= FASTER
    small = 1 - before["file_bytes"] / before["file_bytes_b"] >= SMALLER
    good = before.get("psnr change", pd.Series(float("nan"), frame.index)) >= -LOSS
    return frame[fast & small & good & ~frame["compared"]]


def main() -> int:
    read = argparse.ArgumentParser(description=__doc__)
    read.add_argument("--folder", type=Path)
    read.add_argument("--models", default=",".join(BUDGETS))
    asked, _ = read.parse_known_args()
    with tempfile.TemporaryDirectory() as aside:
        folder = (asked.folder or Path(aside)).absolute()
        move_results(folder)
        rows: list[dict[str, object]] = []
        for model in asked.models.split(","):
            rows += table(model, folder)
            frame = pd.DataFrame(rows)
            frame.to_csv(folder / "compression.csv", index=False)
        print(markdown(frame))
        best = met(frame)
        print(f"\n{FASTER:g}x faster, {SMALLER:.0%} smaller, at most {LOSS:g} dB lost:")
        for _, row in best.iterrows():
            print(f"  {row['model']}, {row['variant']}, {row['width']}x{row['height']}")
        return 0 if len(best) else 1


if __name__ == "__main__":
    sys.exit(main())
