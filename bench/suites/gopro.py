"""GOPRO_Large (Nah et al. 2017), in its official layout and in the two that it is passed on in.

official   {train,test}/GOPRxxxx_xx_xx/{blur,blur_gamma,sharp}/NNNNNN.png
flattened  {train,test}/{blur,blur_gamma,sharp}/GOPRxxxx_xx_xx-NNNNNN.png
paired     {train,test}/{input,target}/GOPRxxxx_xx_xx-NNNNNN.png
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.records import BenchError, Pair
from bench.suites.fetch import Download
from bench.suites.folder import first_few, named_images, require_same_names
from bench.suites.table import Split, Suite, SuiteCard, canonical

OFFICIAL_TEST: dict[str, int] = {
    "GOPR0384_11_00": 100, "GOPR0384_11_05": 100, "GOPR0385_11_01": 100, "GOPR0396_11_00": 100,
    "GOPR0410_11_00": 134, "GOPR0854_11_00": 100, "GOPR0862_11_00": 77, "GOPR0868_11_00": 100,
    "GOPR0869_11_00": 100, "GOPR0871_11_00": 100, "GOPR0881_11_01": 100,
}  # fmt: skip
"""Frames of each test sequence, 1111 in all."""
TRAIN_IMAGES = 2103

GOPRO_LARGE = Download(
    # The copy under the author's account (snah), which several public projects fetch.
    urls=("https://huggingface.co/datasets/snah/GOPRO_Large/resolve/main/GOPRO_Large.zip",),
    file="GOPRO_Large.zip",
    # As two unrelated public projects pin that very file.
    sha256="24532c036712515cf33803704421311c91f6a080e76049d7e5e7fd22389f128e",
    licence="CC BY 4.0",
    page="https://seungjunnah.github.io/Datasets/gopro.html",
    unpack=True,
)

_VARIANTS = ("blur", "blur_gamma")
_FLAT = frozenset({*_VARIANTS, "sharp"})


def open_gopro(card: SuiteCard, root: Path, options: Mapping[str, str]) -> Suite:
    """Open GOPRO_Large under ``root``: the folder with train and test, or the test folder itself.

    The layout is recognised; ``blur`` says which of the two blurs is the input. Validation pairs
    are whole sequences taken out of train. Raises `BenchError` where there is no data, where the
    chosen blur is not there, and for frames without a counterpart.
    """
    blur = options["blur"]
    folders = _split_folders(card, root)
    found = {split: _Folder(path, blur) for split, path in folders.items()}
    pairs: dict[str, list[Pair]] = {"test": found["test"].pairs if "test" in found else []}
    train = found["train"].pairs if "train" in found else []
    held_out = validation_sequences([pair.cluster for pair in train])
    pairs["val"] = [pair for pair in train if pair.cluster in held_out]
    pairs["train"] = [pair for pair in train if pair.cluster not in held_out]

    def listed(split: Split) -> Sequence[Pair]:
        return pairs[split]

    return Suite(
        spec=canonical(card.name, options),
        card=card,
        root=root,
        layout=", ".join(f"{split}: {folder.layout}" for split, folder in found.items()),
        pairs=listed,
        notes=tuple(_notes(found, blur, held_out)),
    )


def validation_sequences(clusters: Sequence[str]) -> list[str]:
    """Return every seventh training sequence (3 of the official 22); none if there is but one."""
    names = sorted(set(clusters))
    count = max(1, len(names) // 7) if len(names) > 1 else 0
    return [names[(2 * i + 1) * len(names) // (2 * count)] for i in range(count)]


def _split_folders(card: SuiteCard, root: Path) -> dict[str, Path]:
    for base in (root, root / "GOPRO_Large"):
        splits = {name: base / name for name in ("test", "train") if (base / name).is_dir()}
        if splits:
            return splits
    if root.name == "train":
        raise BenchError(f"'{root}' is the training half; pass the folder above it")
    if root.is_dir() and _layout(root) is not None:
        return {"test": root}
    inside = first_few(path.name for path in root.iterdir()) if root.is_dir() else "no such folder"
    raise BenchError(
        f"no GoPro data in '{root}' ({inside or 'empty'}): expected "
        "test/GOPR0384_11_00/{blur,sharp}/000001.png or test/{blur,sharp}/"
        "GOPR0384_11_00-000001.png or test/{input,target}/GOPR0384_11_00-000001.png, and train "
        f"alike; run 'bench fetch {card.name}' ({card.size}, {card.licence}), download it from "
        f"{GOPRO_LARGE.page}, or pass --data with the folder that holds it"
    )


def _layout(folder: Path) -> str | None:
    """Return which layout a split's folder has, or None. Raises `BenchError` if it has two."""
    inside = {path.name for path in _folders(folder)}
    layouts = {
        "flattened": not inside.isdisjoint(_FLAT),
        "paired": {"input", "target"} <= inside,
        "official": any(not _FLAT.isdisjoint(path.name for path in _folders(folder / name))
                        for name in inside - _FLAT - {"input", "target"}),
    }  # fmt: skip
    fitting = [name for name, fits in layouts.items() if fits]
    if len(fitting) > 1:
        raise BenchError(
            f"'{folder}' mixes the {' and the '.join(fitting)} layout ({first_few(inside)}); keep "
            "one of them"
        )
    return fitting[0] if fitting else None


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


class _Folder:
    """One split on disk: its layout and its pairs."""

    def __init__(self, path: Path, blur: str) -> None:
        layout = _layout(path)
        if layout is None:
            raise BenchError(
                f"'{path}' has none of the GoPro layouts; it holds "
                f"{first_few(p.name for p in path.iterdir()) or 'nothing'}"
            )
        self.layout = layout
        self.pairs: list[Pair] = []
        if layout == "paired":
            if blur != "blur":
                raise BenchError(
                    f"'{path}' has the folders input and target, which do not say that they hold "
                    f"{blur}; rename input to {blur} and target to sharp if they do, or choose "
                    "gopro:blur=blur"
                )
            self._add(path / "input", path / "target", "")
        elif layout == "flattened":
            self._add(_chosen(path, blur), _chosen(path, "sharp"), "")
        else:
            for sequence in _folders(path):
                self._add(_chosen(sequence, blur), _chosen(sequence, "sharp"), sequence.name)
        self.pairs.sort(key=lambda pair: pair.id)

    def _add(self, degraded: Path, reference: Path, sequence: str) -> None:
        ours, theirs = named_images(degraded), named_images(reference)
        require_same_names(ours, degraded, theirs, reference)
        for name, path in ours.items():
            pair, cluster = (f"{sequence}-{name}", sequence) if sequence else _identity(name)
            self.pairs.append(Pair(pair, path, theirs[name], cluster))


def _chosen(folder: Path, name: str) -> Path:
    if not (folder / name).is_dir():
        there = [path.name for path in _folders(folder)]
        hint = "".join(
            f"; choose gopro:blur={other}"
            for other in _VARIANTS
            if name != "sharp" and other in there
        )
        raise BenchError(f"no folder '{name}' in '{folder}', which holds {first_few(there)}{hint}")
    return folder / name


def _identity(name: str) -> tuple[str, str]:
    """Return pair id and sequence of ``GOPR0384_11_00-000001``; some copies join by ``_``."""
    known = re.fullmatch(r"(GOPR\d{4}_\d\d_\d\d)[-_]+(\d+)", name)
    if known:
        return f"{known[1]}-{known[2]}", known[1]
    return name, name.rpartition("-")[0] or name


def _notes(found: Mapping[str, _Folder], blur: str, held_out: Sequence[str]) -> list[str]:
    notes = []
    test = found["test"].pairs if "test" in found else []
    strange = {pair.cluster for pair in test} - OFFICIAL_TEST.keys()
    official = sum(OFFICIAL_TEST.values())
    if strange:
        notes.append(f"not in the official test set: {first_few(strange)}")
    if len(test) - sum(pair.cluster in strange for pair in test) != official:
        notes.append(f"{len(test)} of {official} test images: not the official test set")
    train = len(found["train"].pairs) if "train" in found else 0
    if train not in (0, TRAIN_IMAGES):
        notes.append(f"{train} of {TRAIN_IMAGES} training images")
    if held_out:
        notes.append(f"validation: {', '.join(held_out)}, taken out of train")
    if any(folder.layout == "paired" for folder in found.values()):
        notes.append(
            f"folders called input do not say which blur they hold; it is taken to be {blur}"
        )
    return notes
