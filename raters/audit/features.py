"""Does anything but the pixels tell one model, or one image, from another?

Each judged image is described by features: everything that came with it and is not its pixels. Two
questions are asked of each. *Models*: does it agree between images of one model more often than
labels dealt out at random would make it? *Images*: does it agree whenever the same image is shown
again, as a tag made from the content would? Both are permutation tests, exact under any
distribution of the feature, and share one false-alarm rate.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from raters.audit.findings import FALSE_ALARM, Leak
from raters.audit.walk import Exchange, Shown
from raters.studies.stimuli import PADDING, SIGNATURE, chunks

Ints = NDArray[np.intp]

ALLOWED_CHUNKS = (b"IHDR", b"IDAT", PADDING, b"IEND")
SAME_FOR_AN_IMAGE = ("zlib header", "number of IDAT chunks")
"""Only models are asked about: these are inside the file."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a judged image was: numbers of the database. ``model`` tells references and golden
    images apart too; ``main`` trials are those whose sides are balanced."""

    stimulus: int
    model: int
    content: int
    main: bool


def features(shown: Sequence[Shown]) -> list[dict[str, str]]:
    """Describe each judged image by everything that is not its pixels."""
    words = Counter(word for view in shown for word in set(_words(view.url)))
    described, places = [], _places(shown)
    for view, place in zip(shown, places, strict=True):
        path = urlsplit(view.url).path
        name = path.rsplit("/", 1)[-1]
        again = sorted(word for word in _words(view.url) if 2 <= words[word] < len(shown))
        values = {
            "address: parts": str(view.url.count("/")),
            "address: length": str(len(view.url)),
            "address: begins": name[:4],
            "address: ends": name[-4:],
            "address: parts seen elsewhere": " ".join(again),
            "status": str(view.image.status),
            "order of headers": " ".join(key for key, _ in view.image.headers),
            "length in bytes": str(len(view.image.body)),
            "order of slots": " ".join(view.step["slots"]),
        }
        values |= {f"header {key.lower()}": value for key, value in view.image.headers}
        values |= {f"trial reply: {key}": value for key, value in _leaves(view.step)}
        if (said := values.pop("trial reply: number", None)) is not None:
            # Places themselves are no labels dealt at random: pairs of models take turns. Tested as
            # if they were, 12 % of 200 studies that leak nothing had p <= 0.05, and 4 % p <= 0.01.
            values["trial reply: number, that counted"] = "" if said == str(place) else said
        values |= _of_file(view.image.body)
        described.append(values)
    return described


def _places(shown: Sequence[Shown]) -> list[int]:
    """Return which trial of its walk each view is of, from 1: what a rater can count."""
    trials: dict[int, dict[str, int]] = defaultdict(dict)
    return [
        trials[view.walk].setdefault(view.step["trial"], len(trials[view.walk]) + 1)
        for view in shown
    ]


def _words(url: str) -> list[str]:
    return [word for word in re.split(r"[^A-Za-z0-9]+", urlsplit(url).path) if len(word) > 1]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield what a reply says, but for the addresses of images, which are looked at themselves."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{number}")
    elif not (isinstance(value, str) and value.startswith("/s/")):
        yield path, str(value)


def _of_file(png: bytes) -> dict[str, str]:
    if not png.startswith(SIGNATURE):
        return {"file": "not a PNG"}
    parts = list(chunks(png))
    data = dict(reversed(parts))
    padding = data.get(PADDING, b"")
    layout = [name for name, _ in parts if name != b"IDAT"]
    return {
        "order of chunks": b" ".join(layout).decode("latin-1"),
        "number of IDAT chunks": str(len(parts) - len(layout)),
        "IHDR": data.get(b"IHDR", b"").hex(),
        "zlib header": data.get(b"IDAT", b"")[:2].hex(),
        "padding begins": padding[:4].hex(),
        "padding ends": padding[-4:].hex(),
    }


def extra_bytes(exchange: Exchange) -> Iterator[Leak]:
    """Name what a stimulus file holds beside pixels and padding, and where padding is missing."""
    where = f"{exchange.route}: PNG"
    if not exchange.body.startswith(SIGNATURE):
        yield Leak(where, "not a PNG", repr(exchange.body[:16]))
        return
    end, stream, padding = 8, b"", 0
    for name, data in chunks(exchange.body):
        end += 12 + len(data)
        if name == PADDING:
            padding += len(data)
        if name == b"IDAT":
            stream += data
        if name not in ALLOWED_CHUNKS:
            label = name.decode("latin-1")
            yield Leak(f"{where} chunk {label}", "a chunk that needs not be there", repr(data[:80]))
        if name == b"IEND":
            break
    if not padding:
        yield Leak(f"{where} padding", "none: the image of most detail", f"{end} bytes")
    if end < len(exchange.body):
        yield Leak(f"{where} after IEND", "bytes after the end", repr(exchange.body[end:][:80]))
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(stream)
    except zlib.error as error:
        yield Leak(f"{where} chunk IDAT", "pixels that do not decode", str(error))
        return
    if inflater.unused_data:
        hidden = repr(inflater.unused_data[:80])
        yield Leak(f"{where} chunk IDAT", "bytes behind the pixels", hidden)


def paddings(images: Sequence[Exchange]) -> list[bytes]:
    """Return the padding of each image that has one."""
    files = (image.body for image in images if image.body.startswith(SIGNATURE))
    found = (dict(chunks(file)).get(PADDING) for file in files)
    return [padding for padding in found if padding]


def digests(
    images: Sequence[Exchange], shown: Sequence[Shown], truths: Sequence[Truth]
) -> Iterator[Leak]:
    """Name what a digest tells: files that come again, and known answers with a reference's pixels.

    ``images``: each address once.
    """
    again = Counter(image.body for image in images)
    if (twice := sum(count - 1 for count in again.values())) > 0:
        yield Leak(
            "GET /s/<random>: bytes",
            "a file that was seen before",
            f"{twice} of {len(images)} images",
        )
    known = [
        _pixels(view.image) == _pixels(view.beside)
        for view, truth in zip(shown, truths, strict=True)
        if truth.model < 0 and view.beside is not None
    ]
    if any(known):
        yield Leak(
            "GET /s/<random>: PNG chunk IDAT",
            "a known answer, which is the reference",
            f"{sum(known)} of {len(known)} images of such trials",
        )


def _pixels(image: Exchange) -> bytes:
    body = image.body
    return b"".join(data for name, data in chunks(body) if name == b"IDAT")


def compare(
    shown: Sequence[Shown], truths: Sequence[Truth], seed: int = 0
) -> tuple[list[Leak], dict[str, int]]:
    """Ask both questions of every feature, and of sides; return leaks and numbers."""
    described = features(shown)
    names = sorted({name for values in described for name in values})
    walks = np.array([view.walk for view in shown], np.intp)
    stimulus = _codes([truth.stimulus for truth in truths])
    model = _codes([truth.model for truth in truths])
    content = _codes([truth.content for truth in truths])
    asked: list[tuple[str, str, Ints, Ints, Ints | None]] = []
    for name in names:
        values = _codes([values.get(name, "") for values in described])
        if name not in SAME_FOR_AN_IMAGE:
            strata = _codes(list(zip(content.tolist(), walks.tolist(), strict=True)))
            if _varies(values, strata):
                asked.append((name, "image", values, strata, None))
        if _varies(values, content):
            asked.append((name, "model", values, content, stimulus))
    sides = _sides(shown, truths)
    level = FALSE_ALARM / 2 / max(len(asked) + len(sides), 1)
    leaks = []
    for name, what, values, strata, blocks in asked:
        groups = stimulus if blocks is None else model
        chance = agreement(groups, values, strata, blocks=blocks, level=level, seed=seed)
        if chance <= level:
            leaks.append(_leak(name, what, chance, groups, values, described, truths))
    for number, left, total in sides:
        chance = float(binomtest(left, total).pvalue)
        if chance <= level:
            evidence = f"model {number} was on the left {left} times of {total}: p = {chance:.1e}"
            leaks.append(Leak("sides", "a model keeps to one side", evidence))
    numbers = {
        "images judged": len(shown),
        "features compared": len(names),
        "features that vary, tested": len({name for name, *_ in asked}),
        "models tested for sides": len(sides),
    }
    return leaks, numbers


def agreement(
    groups: Ints, values: Ints, strata: Ints, *, blocks: Ints | None, level: float, seed: int
) -> float:
    """Return how probable it is that ``values`` agree within ``groups`` as often by chance.

    The groups' labels are permuted within ``strata``; those of one block stay together. A block
    counts once, however often it was shown, and each of its values by its share: golden images are
    shown less often than others, and their group would else change its size with each permutation.
    Stops early where the answer is clearly above ``level``.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    units = np.arange(len(groups)) if blocks is None else blocks
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    labels, unit_strata = groups[first], strata[first]
    ordered = np.argsort(unit_strata, kind="stable")
    width, share = int(values.max()) + 1, 1 / np.bincount(unit)[unit]

    def agreeing(given: Ints) -> float:
        return float((np.bincount(given[unit] * width + values, share) ** 2).sum())

    observed, reached, rounds = agreeing(labels) * (1 - 1e-12), 0, math.ceil(2 / level)
    for tried in range(1, rounds + 1):
        dealt = np.empty_like(labels)
        dealt[ordered] = labels[np.lexsort((rng.random(len(labels)), unit_strata))]
        reached += agreeing(dealt) >= observed
        if reached >= 20 and reached / tried > 2 * level:
            return reached / tried
    return (1 + reached) / (1 + rounds)


def _codes(values: Sequence[Any]) -> Ints:
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([numbers[value] for value in values], np.intp)


def _varies(values: Ints, strata: Ints) -> bool:
    """Whether there is any stratum with two values: else no permutation changes anything."""
    pairs = set(zip(strata.tolist(), values.tolist(), strict=True))
    return len(pairs) > len(set(strata.tolist()))


def _sides(shown: Sequence[Shown], truths: Sequence[Truth]) -> list[tuple[int, int, int]]:
    """Return model, times on the left, and times in all, where images come in pairs."""
    left: dict[int, list[bool]] = defaultdict(list)
    for view, truth in zip(shown, truths, strict=True):
        if truth.main and "b" in view.step["slots"]:
            left[truth.model].append(view.slot == "a")
    return [(model, sum(sides), len(sides)) for model, sides in sorted(left.items())]


def _leak(
    name: str,
    what: str,
    chance: float,
    groups: Ints,
    values: Ints,
    described: Sequence[Mapping[str, str]],
    truths: Sequence[Truth],
) -> Leak:
    where = name if name.startswith("trial reply") else f"GET /s/<random>: {name}"
    examples = []
    for group in dict.fromkeys(groups.tolist()):
        members = np.flatnonzero(groups == group)
        common, times = Counter(values[members].tolist()).most_common(1)[0]
        one = int(members[values[members] == common][0])
        number = truths[one].model if what == "model" else truths[one].stimulus
        value = described[one].get(name, "")[:60]
        examples.append(f"{what} {number} has {value!r} {times} times of {len(members)}")
    evidence = f"{'; '.join(examples[:3])}; p = {chance:.1e}"
    return Leak(where, f"tells one {what} from another", evidence)
