"""An attacker who has read the source: does a small number explain what a rater saw?

Whatever is drawn from a generator that starts at a small number can be computed by anybody who
tries numbers. Two things are tried here, each with far more evidence than luck could give. *Bytes*:
the padding of files, against the first numbers of numpy's generators, for each of a million seeds
at once; and, for the study's own seed, which people tell each other, against a long piece of them.
*Places*: of golden and repeated trials, which whoever knows them in advance judges with more care.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from raters.audit.findings import FALSE_ALARM, Leak
from raters.database.schema import GOLDEN, REPEAT
from raters.studies.secret import drawn
from raters.trials.plan import REPEAT_GAP, golden_places, plan

Words = NDArray[np.uint32]
Longs = NDArray[np.uint64]

SEEDS = 1_000_000
STREAMS = (0, 1)
"""``default_rng(seed)`` is that of ``[seed, 0]``; this program once drew from ``[seed, 1]``."""
EARLY = 32
"""Numbers of 64 bits that are looked at of each seed's generator."""
LONG = 2_000_000
"""The same, of the study's own seed: 16 MB."""
PLACES_IN = 10
"""Places take a hundred times as long to try as bytes: one seed in so many, the first ones."""
_CHUNK = 1 << 16

Guess = Callable[[int, int], random.Random]
GUESSES: Mapping[str, Guess] = {
    "the seed and the rater's number": lambda seed, rater: random.Random(f"plan {seed} {rater}"),
    "a secret that is a small number": lambda seed, rater: drawn(f"{seed:064x}", "plan", rater),
}
"""How a small number could decide a rater's plan."""


# --- numpy's generator, for many seeds at once ----------------------------------------------------


def first_words(seeds: Longs, stream: int, count: int = EARLY) -> Words:
    """Return the first numbers of ``PCG64([seed, stream])`` for each seed below 2**32.

    (S,) in, (S, 2 * ``count``) out, in the order in which a generator gives out 32 bits. O'Neill
    2014, PCG, XSL-RR 128/64; seeded as numpy's ``SeedSequence`` does.
    """
    start = _seeded(seeds.astype(np.uint32), stream)
    high, low = np.zeros_like(start[0]), np.zeros_like(start[0])
    step_high = start[2] << np.uint64(1) | start[3] >> np.uint64(63)
    step = step_high, start[3] << np.uint64(1) | np.uint64(1)
    high, low = _advanced(high, low, step)
    high, low = _advanced(*_sum(high, low, start[0], start[1]), step)
    words = np.empty((len(seeds), 2 * count), np.uint32)
    for number in range(count):
        high, low = _advanced(high, low, step)
        mixed, turn = high ^ low, high >> np.uint64(58)
        value = mixed >> turn | mixed << (np.uint64(64) - turn & np.uint64(63))
        words[:, 2 * number] = value
        words[:, 2 * number + 1] = value >> np.uint64(32)
    return words


def _seeded(seeds: Words, stream: int) -> list[Longs]:
    """Return four numbers of 64 bits for each seed, as ``SeedSequence([seed, stream])`` does."""
    factor = 0x43B0D7E5

    def hashed(value: Words) -> Words:
        nonlocal factor
        value = value ^ np.uint32(factor)
        factor = factor * 0x931E8875 & 0xFFFFFFFF
        value = value * np.uint32(factor)
        return np.asarray(value ^ value >> np.uint32(16), np.uint32)

    given = (seeds, np.full_like(seeds, stream), np.zeros_like(seeds), np.zeros_like(seeds))
    pool = [hashed(value) for value in given]
    for source in range(4):
        for target in range(4):
            if source != target:
                other = hashed(pool[source])
                mixed = pool[target] * np.uint32(0xCA01F9DD) - other * np.uint32(0x4973F715)
                pool[target] = mixed ^ mixed >> np.uint32(16)
    factor, parts = 0x8B51F9DD, []
    for number in range(8):
        value = pool[number % 4] ^ np.uint32(factor)
        factor = factor * 0x58F38DED & 0xFFFFFFFF
        value = value * np.uint32(factor)
        parts.append((value ^ value >> np.uint32(16)).astype(np.uint64))
    return [parts[i] | parts[i + 1] << np.uint64(32) for i in range(0, 8, 2)]


def _sum(high: Longs, low: Longs, more_high: Longs, more_low: Longs) -> tuple[Longs, Longs]:
    """Add numbers of 128 bits."""
    total = low + more_low
    return high + more_high + (total < low), total


def _advanced(high: Longs, low: Longs, step: tuple[Longs, Longs]) -> tuple[Longs, Longs]:
    """Return the next state: that times a constant, and ``step``, in 128 bits."""
    factor_high, factor_low = np.uint64(2549297995355413924), np.uint64(4865540595714422341)
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a, b, c, d = low & mask, low >> half, factor_low & mask, factor_low >> half
    middle = (a * c >> half) + (b * c & mask) + (a * d & mask)
    carried = b * d + (b * c >> half) + (a * d >> half) + (middle >> half)
    return _sum(high * factor_low + low * factor_high + carried, low * factor_low, *step)


# --- bytes ----------------------------------------------------------------------------------------


def seeds_of_bytes(
    paddings: Sequence[bytes], own: int, tried: int = SEEDS
) -> tuple[list[Leak], dict[str, int]]:
    """Look for the first eight bytes of each padding in what seeds below ``tried`` would give.

    ``own``: the study's seed. By luck a million seeds would hit one of a hundred paddings with a
    chance of 1e6 x 2 x 63 x 100 / 2**64, which is 7e-10.
    """
    wanted = {padding[:8]: number for number, padding in enumerate(paddings) if len(padding) >= 8}
    leaks = []
    for seed, found in _early(wanted, tried):
        leaks.append(_named(seed, found, len(wanted)))
    for stream in STREAMS:
        long = np.random.PCG64([own, stream]).random_raw(LONG).tobytes()
        found = [number for start, number in wanted.items() if long.find(start) >= 0]
        if found:
            leaks.append(_named(own, found, len(wanted)))
    numbers = {"paddings tried": len(wanted), "seeds tried against them": tried}
    return leaks, numbers


def _early(wanted: Mapping[bytes, int], tried: int) -> Iterator[tuple[int, list[int]]]:
    starts = np.array([np.frombuffer(start, "<u4") for start in wanted], np.uint32).reshape(-1, 2)
    known = np.zeros(
        1 << 16, np.bool_
    )  # a sieve: one look-up tells most numbers that they fit none
    known[starts[:, 0] & 0xFFFF] = True
    for begin in range(0, tried if len(starts) else 0, _CHUNK):
        seeds = np.arange(begin, min(begin + _CHUNK, tried), dtype=np.uint64)
        for stream in STREAMS:
            words = first_words(seeds, stream)
            rows, places = np.nonzero(known[words[:, :-1] & 0xFFFF])
            found: dict[int, list[int]] = {}
            for row, position in zip(rows.tolist(), places.tolist(), strict=True):
                number = wanted.get(words[row, position : position + 2].astype("<u4").tobytes())
                if number is not None:
                    found.setdefault(int(seeds[row]), []).append(number)
            yield from found.items()


def _named(seed: int, found: Sequence[int], of: int) -> Leak:
    evidence = f"the generator of seed {seed} gives the padding of {len(found)} of {of} images"
    return Leak("GET /s/<random>: PNG chunk padding", "bytes that follow from a seed", evidence)


# --- places ---------------------------------------------------------------------------------------


def seeds_of_places(
    seen: Mapping[int, Sequence[str]],
    planned: tuple[int, int, int, int],
    own: int,
    tried: int = SEEDS,
) -> tuple[list[Leak], dict[str, int]]:
    """Ask whether a small number gives the kinds of trials that raters had, by their numbers.

    ``planned``: trials of a session, golden ones and repeats, and images; a session may have ended
    early.
    Where so few trials were seen that luck would explain a hit, only ``own``, the study's seed, is
    tried, or nothing.
    """
    tried = math.ceil(tried / PLACES_IN)
    bits = sum(_bits(kinds, planned[3]) for kinds in seen.values())
    enough = -math.log2(FALSE_ALARM / 4)
    seeds: Sequence[int] = range(tried) if bits >= enough + math.log2(2 * tried) else ()
    if bits >= enough + 1 and own not in seeds:
        seeds = [*seeds, own]
    leaks = []
    for words, guess in GUESSES.items():
        for seed in seeds:
            if all(_explains(guess, seed, rater, kinds, planned) for rater, kinds in seen.items()):
                evidence = f"with {seed}, all golden and repeated trials are known in advance"
                leaks.append(Leak("order of trials", f"follows from {words}", evidence))
    return leaks, {"seeds tried against the places of trials": len(seeds)}


def _explains(
    guess: Guess, seed: int, rater: int, kinds: Sequence[str], planned: tuple[int, int, int, int]
) -> bool:
    """Whether a seed gives a rater's plan: golden places come first, being drawn quickly."""
    trials, golden, _, _ = planned
    early = golden_places(guess(seed, rater), trials, golden)
    if [p for p in early if p < len(kinds)] != [p for p, k in enumerate(kinds) if k == GOLDEN]:
        return False
    return _places(plan(guess(seed, rater), *planned).kinds[: len(kinds)]) == _places(kinds)


def _places(kinds: Sequence[str]) -> list[tuple[int, str]]:
    return [(position, kind) for position, kind in enumerate(kinds) if kind in (GOLDEN, REPEAT)]


def _bits(kinds: Sequence[str], images: int) -> float:
    """Return how much the places of one rater tell, in bits, and not more.

    Each place is one of as many as `plan` has for it, less two: some of those may be taken. A
    repeat's are those at which one of so many ``images`` comes again.
    """
    again = len(kinds) - images - REPEAT_GAP
    counts = ((len(kinds), kinds.count(GOLDEN)), (again, kinds.count(REPEAT)))
    return sum(count * math.log2(max(of / count - 2, 1)) for of, count in counts if count)
