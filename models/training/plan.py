"""The plan of a training: how many steps, decided once, so that resuming repeats them exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.records import Pair
from models.catalogue import Card
from models.loading import tells_noise
from models.recipes import Recipe
from models.training.curriculum import Curriculum, curriculum_of
from models.training.data import Item
from models.windows import Reach, reach_of

Tell = Callable[[float, float, str], None]
"""Called with the steps done, the steps planned, and a line of text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is trained, how, on what, and where. ``validation`` holds fixed crops.

    Adversarial methods build what else they need from ``card`` and ``seed``.
    """

    network: torch.nn.Module
    recipe: Recipe
    pairs: Sequence[Pair]
    validation: Item
    device: str = "cpu"
    card: Card | None = None
    seed: int = 0
    teacher: Path | None = None
    """A file of weights whose network is followed, too."""
    devices: int = 1
    """Among which each batch is dealt out, on whatever machines."""
    replicas: int = 1
    """Equal parts of a batch, which threads of one CPU take through copies of the network."""

    @property
    def told_noise(self) -> bool:
        """Whether the network takes the noise level as a fourth channel."""
        return tells_noise(self.network)

    @property
    def reach(self) -> Reach:
        """Which frames the network sees for one."""
        return reach_of(self.network)

    @property
    def epoch(self) -> int:
        """Steps that show as many crops as there are pairs."""
        return max(1, math.ceil(len(self.pairs) / self.recipe.batch))

    @property
    def period(self) -> int:
        """Steps between two validations."""
        return self.recipe.validate_every or self.epoch

    def curriculum(self, steps: int) -> Curriculum | None:
        """Return in which order the pairs come in, if the recipe says so."""
        share = self.recipe.curriculum
        return curriculum_of(self.pairs, share * steps * self.recipe.batch) if share else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training will do. ``made_for`` is everything that must be equal to resume it."""

    made_for: Mapping[str, Any]
    steps: int
    period: int
    """Steps between validations."""
    seed: int
    limit_seconds: float | None
    step_seconds: float | None
    """As timed before the first step; None for a budget in steps."""
    threads: int
    """Of torch's, for each operation."""
    input_psnr: float
    input_ssim: float
    """Of the untouched validation crops; where the task is to enlarge, by bicubic interpolation."""
    replicas: int = 1
    """See `Task`; older plans say nothing of them."""

    def write(self, path: Path) -> None:
        """Write the plan as JSON."""
        write_atomic(path, (json.dumps(asdict(self), indent=1) + "\n").encode())

    @classmethod
    def read(cls, path: Path, made_for: Mapping[str, Any]) -> Plan | None:
        """Return the plan in a file, None where there is none.

        Raises `BenchError` for a plan of another training: its checkpoints would mix.
        """
        try:
            plan = cls(**json.loads(path.read_text()))
            found = dict(plan.made_for)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, RecursionError) as error:
            raise BenchError(f"'{path}' is damaged ({error}); delete it to train anew") from error
        wanted = json.loads(json.dumps(made_for))
        changed = list(_differences(found, wanted))
        if changed:
            name = path.name.removesuffix(".plan.json")
            raise BenchError(
                f"'{path.parent}' holds a training with other options ({'; '.join(changed)}); "
                f"train in another folder, or delete {name}.* there"
            )
        return plan


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any], above: str = "") -> list[str]:
    """Return what was and is now, of every value that differs, in words."""
    told: list[str] = []
    for key, now in wanted.items():
        was = found.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            told += _differences(was, now, f"{above}{key}.")
        elif was != now:
            told.append(f"{above}{key} was {was!r}, now {now!r}")
    told += [f"{above}{key} was {found[key]!r}" for key in found if above and key not in wanted]
    return told
