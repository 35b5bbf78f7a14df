"""What a study shows and asks, written to its database: stimuli, comparisons, items, quotas."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeVar

from sqlalchemy import Connection

from bench.core.errors import BenchError
from bench.image import Pixels
from raters.database import schema
from raters.protocols import Protocol
from raters.studies.secret import derived, drawn, stream
from raters.studies.selection import SourceCrop
from raters.studies.stimuli import copied, degrade_golden, opaque_pngs

Shown = TypeVar("Shown")

TRAINING = 3
"""Training trials of a study."""
REFERENCE = "reference"
"""What the run's reference is called where it is rated among the models (hidden reference)."""


class Builder:
    """Writes methods, crops, stimuli, comparisons and items of one study."""

    def __init__(
        self,
        connection: Connection,
        study: int,
        protocol: Protocol,
        per_pair: int,
        labels: Sequence[str],
        secret: str,
    ) -> None:
        self.connection, self.study = connection, study
        self.protocol, self.per_pair = protocol, per_pair
        self.secret = secret
        self.items = self.judgements = 0
        shuffled = list(labels)
        secrets.SystemRandom().shuffle(shuffled)  # ids in no order that a reader could use
        self.methods = {
            label: insert(connection, schema.method, {"study": study, "label": label})
            for label in shuffled
        }
        self.labels = list(labels)

    def build(self, crops: Sequence[SourceCrop], hidden: bool, golden: int) -> None:
        """Write everything."""
        degraded = self._known_answers(crops, golden)
        stimuli: list[dict[str, int]] = []
        keys: list[int] = []
        for index, crop in enumerate(crops):
            images: dict[str, Pixels] = dict(crop.outputs)
            if crop.reference is not None:
                images[REFERENCE] = crop.reference
            for kind, number in degraded[index]:
                images |= self._known_images(crop, kind, number)
            key = insert(
                self.connection,
                schema.content,
                {
                    "study": self.study,
                    "image": crop.image,
                    "cluster": crop.cluster,
                    "strata": dict(crop.strata),
                    "top": crop.top,
                    "left": crop.left,
                    "height": crop.height,
                    "width": crop.width,
                    "chosen": crop.chosen,
                },
            )
            keys.append(key)
            stimuli.append(self._stimuli(key, crop, images, hidden))
        self._main(crops, keys, stimuli, hidden)
        for index, kinds in enumerate(degraded):
            referenced = crops[index].reference is not None
            for kind, number in kinds:
                self._known(keys[index], stimuli[index], kind, number, referenced)

    def _known_answers(
        self, crops: Sequence[SourceCrop], golden: int
    ) -> list[list[tuple[str, int]]]:
        """Say which degraded images each crop gets: of golden trials over all, then training."""
        planned: list[list[tuple[str, int]]] = [[] for _ in crops]
        order = self._shuffled(range(len(crops)), "crops of known answers")
        kinds = ["golden"] * (2 * golden) + ["training"] * TRAINING
        for number, kind in enumerate(kinds):
            planned[order[number % len(crops)]].append((kind, number))
        return planned

    def _shuffled(self, values: Iterable[Shown], purpose: str) -> list[Shown]:
        """Return ``values`` in an order that follows from the secret."""
        order = list(values)
        drawn(self.secret, purpose).shuffle(order)
        return order

    def _known_images(self, crop: SourceCrop, kind: str, number: int) -> dict[str, Pixels]:
        """Return a good image and a visibly worse one, of the reference or of any model's output.

        The good one is not quite what other trials show: there is nothing to recognise it by.
        """
        which, base = (kind, number), crop.reference
        if base is None:
            names = sorted(crop.outputs)
            base = crop.outputs[drawn(self.secret, "base", *which).choice(names)]
        seed = int.from_bytes(derived(self.secret, "degradation", *which)[:8])
        return {
            f"copy {kind} {number}": copied(base, stream(self.secret, base.size, "copy", *which)),
            f"{kind} {number}": degrade_golden(base, number, seed),
        }

    def _stimuli(
        self, content: int, source: SourceCrop, images: Mapping[str, Pixels], hidden: bool
    ) -> dict[str, int]:
        names = list(images)
        files = dict(zip(names, opaque_pngs([images[n] for n in names]), strict=True))
        secrets.SystemRandom().shuffle(names)
        made = {}
        for name in names:
            if name in source.outputs:
                kind = "method"
                method: int | None = self.methods[name]
            elif name == REFERENCE:
                kind = REFERENCE
                method = self.methods[REFERENCE] if hidden else None
            else:
                kind, method = name.split()[0], None
            made[name] = insert(
                self.connection,
                schema.stimulus,
                {
                    "content": content,
                    "method": method,
                    "kind": kind,
                    "png": files[name],
                    "height": source.height,
                    "width": source.width,
                },
            )
        return made

    def _main(
        self,
        crops: Sequence[SourceCrop],
        keys: Sequence[int],
        stimuli: Sequence[Mapping[str, int]],
        hidden: bool,
    ) -> None:
        """Write comparisons and their items, with quotas and the order among equals.

        In that order every comparison comes once before any comes twice, so at each moment all have
        had equally many judgements, to within one; and images take turns in it.
        """
        groups: list[tuple[str, ...]] = (
            list(combinations(self.labels, 2))
            if self.protocol.pairwise
            else [(label,) for label in self.labels]
        )
        groups = self._shuffled(groups, "comparisons")
        order = self._shuffled(range(len(crops)), "crops")
        rows: list[dict[str, Any]] = []
        for number, group in enumerate(groups):
            having = [
                index
                for index in order
                if all(m in crops[index].outputs or (hidden and m == REFERENCE) for m in group)
            ]
            if not having:
                continue
            quotas = self._quotas(len(having))
            comparison = insert(
                self.connection,
                schema.comparison,
                {
                    "study": self.study,
                    "first": self.methods[group[0]],
                    "second": self.methods[group[1]] if len(group) == 2 else None,
                    "quota": sum(quotas),
                },
            )
            # each group's surplus begins where the last one's ended: images too are judged equally
            start = number * max(self.per_pair % len(having), 1)
            for place, index in enumerate(having):
                quota = quotas[(place - start) % len(having)]
                if quota:
                    second = stimuli[index][group[1]] if len(group) == 2 else None
                    row = {
                        "content": keys[index],
                        "comparison": comparison,
                        "kind": "main",
                        "first": stimuli[index][group[0]],
                        "second": second,
                        "quota": quota,
                        "room": quota,
                        "correct": None,
                    }
                    rows.append(row)
        if not rows:
            raise BenchError("no two models have an image in common; give other --models")
        ordered = _in_turns(rows, drawn(self.secret, "ranks"))
        self.connection.execute(
            schema.item.insert(),
            [row | {"study": self.study, "rank": rank} for rank, row in enumerate(ordered)],
        )
        self.items = len(rows)
        self.judgements = sum(int(row["quota"]) for row in rows)

    def _quotas(self, images: int) -> list[int]:
        if not self.protocol.pairwise:
            return [self.per_pair] * images
        each, more = divmod(self.per_pair, images)
        return [each + (index < more) for index in range(images)]

    def _known(
        self,
        content: int,
        stimuli: Mapping[str, int],
        kind: str,
        number: int,
        referenced: bool,
    ) -> None:
        """Write an item whose answer is known: the degraded image is the worse one."""
        degraded = stimuli[f"{kind} {number}"]
        # Every other rating is of the reference itself, so that "always bad" fails too; but not
        # where it is rated as well, and would be seen twice.
        good = self.protocol.pairwise or (
            referenced and REFERENCE not in self.methods and number % 2 == 1
        )
        first = stimuli[f"copy {kind} {number}"] if good else degraded
        correct = list(self.protocol.golden_better if good else self.protocol.golden_worse)
        insert(
            self.connection,
            schema.item,
            {
                "study": self.study,
                "content": content,
                "comparison": None,
                "first": first,
                "second": degraded if self.protocol.pairwise else None,
                "kind": kind,
                "quota": 0,
                "room": 0,
                "rank": number,
                "correct": correct,
            },
        )


def _in_turns(rows: Sequence[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """Return the rows of items in turns, in each of which every comparison comes once.

    A comparison comes on that of its images that came least often yet, of those with the largest
    quota; in a turn every image comes once before any comes twice.
    """
    left: dict[int, list[dict[str, Any]]] = {}
    for row in rng.sample(rows, len(rows)):
        left.setdefault(row["comparison"], []).append(row)
    met: Counter[int] = Counter()
    order: list[dict[str, Any]] = []
    while left:
        turn: list[tuple[int, dict[str, Any]]] = []
        before = met.copy()
        for comparison in rng.sample(sorted(left), len(left)):
            chosen = min(left[comparison], key=lambda row: (-row["quota"], met[row["content"]]))
            left[comparison].remove(chosen)
            turn.append((met[chosen["content"]] - before[chosen["content"]], chosen))
            met[chosen["content"]] += 1
        left = {comparison: rest for comparison, rest in left.items() if rest}
        order += [row for _, row in sorted(turn, key=lambda entry: entry[0])]
    return order


def insert(connection: Connection, table: Any, values: Mapping[str, Any]) -> int:
    """Insert a row; return its number."""
    key = connection.execute(table.insert().values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])
