"""A step on several cores: each thread takes a part of the batch through the network.

torch's own way, all threads for every operation in turn, lets them wait for each other hundreds of
times a step: small networks were seen to learn 1.1 to 1.5 times as fast on two idle cores as on
one, and ten times as slow where anything else wanted a core. Replicas wait for each other once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from models.restorer import AnyModule
from models.training.data import Item
from models.training.layout import laid_out
from models.training.plan import Task

T = TypeVar("T")


class Replicas:
    """A network and ``count`` - 1 copies that share its weights, but not their gradients."""

    def __init__(self, network: torch.nn.Module, count: int) -> None:
        self._networks = [network, *(_sharing(network) for _ in range(count - 1))]
        self._threads = ThreadPoolExecutor(
            count - 1, "replica", initializer=torch.set_num_threads, initargs=(1,)
        )

    def learn(self, batch: Item, part: Callable[[torch.nn.Module, Item], T]) -> list[T]:
        """Let ``part`` leave its gradients in each network for its part of a batch; return all.

        The sum of the gradients, always added in one order, is then the network's.
        """
        pieces = zip(*(side.chunk(len(self._networks)) for side in batch), strict=True)
        (own, piece), *others = zip(self._networks, pieces, strict=True)
        waiting = [self._threads.submit(part, *other) for other in others]
        results = [part(own, piece)]
        results += [other.result() for other in waiting]
        for network, _ in others:
            pairs = zip(own.parameters(), network.parameters(), strict=True)
            found = [(one.grad, other.grad) for one, other in pairs if other.grad is not None]
            if found:
                torch._foreach_add_(*map(list, zip(*found, strict=True)))
            network.zero_grad()
        return results


def _sharing(network: AnyModule) -> AnyModule:
    twin = copy.deepcopy(network)
    for one, other in zip(twin.parameters(), network.parameters(), strict=True):
        one.data, one.grad = other.data, None
        for hook in (other._backward_hooks or {}).values():  # a copy has none
            one.register_hook(hook)  # type: ignore[no-untyped-call]
    return twin


def most_replicas(task: Task, cores: int) -> int:
    """Return how many equal parts each batch of a training may be dealt out in, 1 at least."""
    recipe = task.recipe
    count = max(n for n in range(1, max(1, cores) + 1) if recipe.batch % n == 0)
    able = (
        count > 1
        and task.devices == 1
        and torch.device(task.device).type == "cpu"
        and recipe.method == "plain"
        and task.teacher is None
        and not recipe.execution.compile
        and divisible(task.network, task.validation[0].shape[1:-2])
    )
    return count if able else 1


def divisible(network: torch.nn.Module, shape: Sequence[int]) -> bool:
    """Say whether a network that learns makes of a batch what it makes of its parts.

    One that takes statistics of the batch does not, nor one that draws at random. ``shape`` is that
    of an input without batch, height and width.
    """
    learner = copy.deepcopy(network).train()
    generator = torch.Generator().manual_seed(0)
    batch = laid_out(torch.rand(2, *shape, 64, 64, generator=generator), learner)
    buffers = [buffer.clone() for buffer in learner.buffers()]
    drawn = torch.get_rng_state()
    with torch.no_grad(), torch.random.fork_rng([]):
        whole = learner(batch)
        parts = torch.cat([learner(one) for one in batch.chunk(2)])
        nothing_drawn = torch.equal(drawn, torch.get_rng_state())
    kept = all(map(torch.equal, buffers, learner.buffers()))
    return nothing_drawn and kept and torch.allclose(whole, parts, atol=1e-4)
