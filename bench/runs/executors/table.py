"""THE table of executors: where the work of a run is done. Each writes the same files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bench.compute.environment import pick_device
from bench.core.errors import BenchError
from bench.core.extras import extra
from bench.core.names import choose, parse_spec, seconds_of
from bench.core.plugins import extended, load_object

if TYPE_CHECKING:
    from bench.runs.executors.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """One row.

    ``run``, as ``module:function``, is given all of a run's work as one shard, the progress and the
    restorers that are loaded in this process. It fills every missing cell and returns the outcome.
    Where training and measuring are not done in this process either, it is a subclass of
    `bench.runs.executors.workplace.Workplace`.
    """

    name: str
    run: str
    about: str
    options: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    """How the text of each ``key=value`` is read; ``run`` gets the value by that keyword."""
    package: str | None = None
    """What it imports of others, which the extra of ours with the same name installs."""
    given: Mapping[str, object] = field(default_factory=dict)
    """The values of a spec's options: those of the table have none."""

    @property
    def limit(self) -> float | None:
        """How many seconds a model may take for an image, where its options say."""
        found = self.given.get("limit")
        return found if isinstance(found, float) else None

    def workplace(self) -> Workplace:
        """Return where the work is done, with the options that were given; to be entered."""
        from bench.runs.executors.workplace import Workplace  # and torch

        found = load_object(self.run)
        if isinstance(found, type):
            made: Workplace = found(**self.given)
            return made
        return Workplace(partial(found, **self.given))


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise BenchError(f"'{text}': expected a whole number above 0")
    return int(text)


def _devices(text: str) -> tuple[str, ...]:
    """Read ``cuda:0+cuda:1``. Raises `BenchError` for one that is not there."""
    devices = tuple(one.strip() for one in text.split("+"))
    if wrong := [one for one in devices if one.partition(":")[0] not in ("cpu", "cuda")]:
        raise BenchError(f"device '{wrong[0]}': expected devices such as cuda:0+cuda:1, or cpu+cpu")
    return tuple(pick_device(one) for one in devices)


def executor_on(devices: Sequence[str]) -> str:
    """Return the spec of the executor with a process on each device; a number means a GPU.

    >>> executor_on(["0", "1"])
    'processes:devices=cuda:0+cuda:1'
    """
    named = (f"cuda:{one}" if one.isdecimal() else one for one in devices)
    return f"processes:devices={'+'.join(named)}"


EXECUTORS: dict[str, Executor] = {
    executor.name: executor
    for executor in (
        Executor(
            name="local",
            run="bench.runs.executors.shard:restore_shard",
            about="this process; decoding, scoring and writing overlap with the models. A factory "
            "and an ONNX file work in processes of their own: one that ends its process, or takes "
            "longer than an hour for an image (local:limit=10m), takes nothing else with it",
            options={"limit": seconds_of},
        ),
        Executor(
            name="processes",
            run="bench.runs.executors.processes:Processes",
            about="a process for each model, whatever it is, as many at once as there are cores, "
            "and ended if it takes longer for an image than processes:limit=10m says; or a process "
            "for each of several devices, which share the images (processes:devices=cuda:0+cuda:1)",
            options={"limit": seconds_of, "devices": _devices},
        ),
        Executor(
            name="ray",
            run="bench.runs.executors.on_ray:RayWorkplace",
            about="tasks of Ray, on the CPUs or GPUs of this machine or of a cluster "
            "(ray:address=HOST:PORT); what a lost process or machine had is done again, and so "
            "many images are a task (ray:images=8); trainings and costs get a whole device each",
            options={"address": str, "images": _number},
            package="ray",
        ),
    )
}


def executors() -> dict[str, Executor]:
    """Return the table with the rows of packages that join ``restoration_bench.executors``."""
    return extended(EXECUTORS, "restoration_bench.executors", Executor)


def executor_named(spec: str) -> Executor:
    """Return the row that ``name[:key=value,..]`` names, with these options.

    Raises `BenchError` that suggests the nearest name.
    """
    name, texts = parse_spec(spec)
    table = executors()
    row = table[choose("executor", name, table)]
    if row.package and not find_spec(row.package):
        raise BenchError(f"executor '{name}' needs {row.package}: {extra(row.package)}")
    for key in texts:
        if key not in row.options:
            known = ", ".join(row.options) or "none"
            raise BenchError(f"executor '{name}' has no option '{key}'; its options: {known}")
    return replace(row, given={key: row.options[key](text) for key, text in texts.items()})
