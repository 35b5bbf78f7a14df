"""How much faster quick recipes learn by how they are fed and computed, in one run. 1 on a miss.

A step as it was, one crop after the other made floats, and all in float32 by one kernel for each
weight, against a step as it is: crops cut as bytes and made floats together, bfloat16 where the
processor has it, a fused optimiser. Then that step by the clock, on one core against two, between
which each batch is dealt out. Run as ``python tests/performance/training.py [MODEL..]``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from bench.suites import open_suite
from models.catalogue import MODELS
from models.loading import build_network
from models.recipes import Execution
from models.training.data import PairedCrops, ViewCache
from models.training.execution import precision_of
from models.training.methods import training_of
from models.training.pieces import floats
from models.training.plan import Task
from models.training.replicas import most_replicas

NAMES = ("litenet", "rescnn", "unet", "t1t4-gan")
RATIO = 1.3
"""Steps a second, at least, where the processor has bfloat16; elsewhere `WITHOUT`."""
WITHOUT = 1.0
DEALT_OUT = 1.2
"""At least, on two idle cores: the smallest networks wait longest for what Python does alone."""
ROUNDS, SECONDS = 5, 1.5
BEFORE = Execution(precision="float32", fused=False)


class Lane:
    """One way to take steps of a network."""

    def __init__(
        self, name: str, pairs: list, execution: Execution, together: bool, replicas: int = 1
    ) -> None:
        card = MODELS[name]
        recipe = replace(card.recipe, execution=execution)
        empty = torch.zeros(1, 3, 8, 8)
        task = Task(
            network=build_network(card, 0),
            recipe=recipe,
            pairs=pairs,
            validation=(empty, empty),
            card=card,
            replicas=replicas,
        )
        self.module = training_of(task).train()
        self.optimisers = self.module.configure_optimizers()
        self.crops = PairedCrops(
            pairs,
            side=recipe.crop,
            seed=0,
            augment=recipe.augment,
            start=0,
            stop=10**6,
            cache=ViewCache(),
        )
        self.crops._cache.fill(pairs)
        self.together, self.batch, self.step = together, recipe.batch, 0

    def fed(self) -> tuple[torch.Tensor, ...]:
        """Return the next batch."""
        numbers = range(self.step * self.batch, (self.step + 1) * self.batch)
        self.step += 1
        if self.together:
            return self.crops.batch(numbers)
        cuts = [self.crops._shown(n, *self.crops._drawn(n)) for n in numbers]
        return tuple(torch.stack(list(map(floats, side))) for side in zip(*cuts, strict=True))

    def timed(self, learn: bool, clock: Callable[[], float] = time.process_time) -> float:
        """Return the seconds of a step, or of its feeding alone, by a clock."""
        begin, count = clock(), 0
        while count < 2 or clock() - begin < SECONDS:
            batch = self.fed()
            if learn:
                self.module.step(batch, self.optimisers)
            count += 1
        return (clock() - begin) / count


def main(names: list[str]) -> int:
    """Take turns, so that what else the machine does falls on both."""
    torch.set_num_threads(1)
    wanted = RATIO if precision_of(Execution(), "cpu") == "bfloat16" else WITHOUT
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BENCH_RESULTS"] = f"{folder}/results"
        pairs = list(open_suite("demo", Path(folder) / "demo").pairs("train"))
        for name in names or NAMES:
            lanes = Lane(name, pairs, BEFORE, False), Lane(name, pairs, Execution(), True)
            feeding = [[lane.timed(learn=False) for lane in lanes] for _ in range(ROUNDS)]
            steps = [[lane.timed(learn=True) for lane in lanes] for _ in range(ROUNDS)]
            fed, taken = (
                [1000 * median(row) for row in zip(*rows, strict=True)] for rows in (feeding, steps)
            )
            ratio = median(before / now for before, now in steps)
            missed |= ratio < wanted
            print(
                f"{name}: {1000 / taken[0]:.2f} steps a second, now {1000 / taken[1]:.2f} = "
                f"{ratio:.2f} (at least {wanted}); feeding {fed[0]:.2f} ms a step, now "
                f"{fed[1]:.2f} ms",
                flush=True,
            )
            missed |= not dealt_out(name, pairs)
    return int(missed)


def dealt_out(name: str, pairs: list) -> bool:
    """Say how much faster steps are on two cores; whether that is enough, where it can be."""
    one = Lane(name, pairs, Execution(), True)
    count = most_replicas(one.module.task, 2)
    if count == 1 or (os.cpu_count() or 1) == 1:
        print(f"{name}: its batches are not dealt out")
        return True
    two = Lane(name, pairs, Execution(), True, replicas=count)
    steps = [[lane.timed(True, time.perf_counter) for lane in (one, two)] for _ in range(ROUNDS)]
    alone, both = (median(row) for row in zip(*steps, strict=True))
    ratio = median(before / now for before, now in steps)
    print(
        f"{name}: {1 / alone:.1f} steps a second on one core, on two {1 / both:.1f} = {ratio:.2f} "
        f"(at least {DEALT_OUT})",
        flush=True,
    )
    return ratio >= DEALT_OUT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
