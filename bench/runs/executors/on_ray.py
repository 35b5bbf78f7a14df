"""Ray: the work of a run on the CPUs and GPUs of one machine or of a cluster.

A task is a part of the work (`bench.runs.executors.parts`): it sends back what it wrote, and this
process writes it to the run's folder. Ray does a task again whose process or node is lost.

Workers read the suite, the models and the results folder at the paths that they have here: on
several machines these lie on a file system that all of them see.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bench.compute.environment import cpu, gpu
from bench.compute.processes import THREAD_VARIABLES
from bench.compute.profile import Conditions, Measurement, measure
from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.layout import VARIABLE, results
from bench.core.limits import cores
from bench.core.progress import Progress
from bench.runs.executors.parts import Lost, Part, restore_in_parts, restore_part
from bench.runs.executors.shard import Outcome, Shard
from bench.runs.executors.workplace import Workplace
from models.catalogue import NONCOMMERCIAL
from models.isolation import close_all
from models.restorer import Restorer
from models.training.train import Job, Trained, train

if TYPE_CHECKING:
    from ray import ObjectRef

ADDRESS = "RAY_ADDRESS"
"""Ray's own variable: set where a cluster starts a command, as its job launchers do."""
IMAGES = {"cpu": 8, "cuda": 32}
"""Images of a task: a task on a GPU has a process of its own, which takes seconds to begin."""
RETRIES = 3
"""How often Ray does a task again whose process or node was lost."""
SECONDS_TO_REACH = 5.0
FOLDER = "bench-ray-"

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns that this will be so
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What a worker takes over from this process, so that names and paths mean the same."""

    folder: str
    path: tuple[str, ...]
    variables: Mapping[str, str | None]

    @classmethod
    def here(cls) -> Setting:
        """Return that of this process."""
        names = (NONCOMMERCIAL, *THREAD_VARIABLES)
        return cls(
            str(Path.cwd()),
            tuple(folder or str(Path.cwd()) for folder in sys.path),
            {name: os.environ.get(name) for name in names} | {VARIABLE: str(results().absolute())},
        )

    def take(self, threads: bool = False) -> None:
        """Take it over; the variables of threads only where a whole machine is given."""
        for name, value in self.variables.items():
            if name in THREAD_VARIABLES and not threads:
                continue  # Ray has set as many as the task has CPUs
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        sys.path += [folder for folder in self.path if folder not in sys.path]
        if Path(self.folder).is_dir():
            os.chdir(self.folder)


class RayWorkplace(Workplace):
    """Tasks of Ray: on the cluster at ``address``, or on one that is started on this machine.

    ``images`` is how many of them a task has. Raises `BenchError` where there is no such cluster.
    """

    def __init__(self, *, address: str | None = None, images: int | None = None) -> None:
        super().__init__()
        self._address, self._images = address or os.environ.get(ADDRESS), images
        self._started = False
        self._folder: Path | None = None

    def __enter__(self) -> RayWorkplace:
        os.environ.update(_QUIET)
        import ray

        if ray.is_initialized():  # a sweep holds the connection for all its runs
            return self
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if self._address:
            _check_reachable(self._address)
            options["address"] = self._address
        else:
            _remove_left_over()
            self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
            options |= {
                "address": "local",
                "num_cpus": cores(),
                "include_dashboard": False,
                "_temp_dir": str(self._folder),
            }
        try:
            ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            self._clean()
            where = f"the Ray cluster at '{self._address}'" if self._address else "Ray"
            line = str(error).strip().splitlines()[0]
            raise BenchError(f"cannot start work on {where}: {line}") from error
        self._started = True
        return self

    def __exit__(self, *ended: object) -> None:
        if self._started:
            import ray

            ray.shutdown()
            self._started = False
        self._clean()

    def _clean(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def check(self, device: str) -> None:
        """Refuse a device that no node of the cluster has."""
        _slots(device.partition(":")[0])

    # --- restore --------------------------------------------------------------------------------

    def restore(
        self, shard: Shard, progress: Progress, ready: Mapping[str, Restorer] | None = None
    ) -> Outcome:
        """Fill every missing cell of a shard.

        Workers build their own restorers: those that are ``ready`` are ended. An image whose task
        ends its process again and again is a failure of that image. Raises as `restore_shard`.
        """
        close_all((ready or {}).values())
        kind = shard.device.partition(":")[0]
        remote, setting = _task(_restore, _resources(kind)), Setting.here()

        def submit(part: Shard) -> Callable[[], Part]:
            begun = remote.remote(part, setting)
            return lambda: _found(begun)

        images = self._images or IMAGES[kind]
        return restore_in_parts(shard, progress, submit, slots=_slots(kind), images=images)

    # --- train and measure ----------------------------------------------------------------------

    def train(self, jobs: Sequence[Job], progress: Progress) -> Iterator[Trained | BenchError]:
        """Yield what came of each training, in order, each on a whole device of its own."""
        began = []
        for job in jobs:
            whole = _whole_device(job.device, job.devices)
            remote = _task(_train, whole)
            sent = replace(job, train=tuple(job.train), val=tuple(job.val))
            began.append(remote.remote(sent, Setting.here()))
            progress.note(f"  {job.card.name}: trains as a task of Ray")
        for done, (job, reference) in enumerate(zip(jobs, began, strict=True)):
            progress.update("train", done, len(jobs), job.card.name)
            try:
                trained, remarks, files = _got(reference)
            except BenchError as error:
                yield error
                continue
            for remark in remarks:
                progress.note(remark)
            for name, content in files.items():
                path = job.folder / name
                if not path.is_file() or path.read_bytes() != content:  # no folder that both see
                    write_atomic(path, content)
            yield trained
        progress.update("train", len(jobs), len(jobs), "")

    def measure(
        self,
        models: Sequence[tuple[str, str, Path | None]],
        conditions: Conditions,
        progress: Progress,
    ) -> list[Measurement]:
        """Return what the models cost: measured on a whole device, beside no other task."""
        progress.update("profile", 0, len(models), "waits for a whole device")
        whole = _whole_device(conditions.device)
        remote = _task(_measure, whole)
        found: list[Measurement] = _got(
            remote.remote(models, conditions, Setting.here(), _machine(conditions.device))
        )
        progress.update("profile", len(models), len(models), "")
        return found


def _task(function: Callable[..., Any], resources: Mapping[str, float]) -> Any:
    """Return a function as a task of Ray: ``remote`` of it begins one."""
    import ray

    options: dict[str, Any] = {"max_retries": RETRIES, **resources}
    return ray.remote(**options)(function)


def _got(reference: ObjectRef[Any]) -> Any:
    """Return a task's result. Raises its `BenchError` as it was, and RayError where it was lost."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, BenchError):
            raise BenchError(str(error.cause)) from error
        raise


def _found(reference: ObjectRef[Part]) -> Part:
    from ray.exceptions import RayError, RayTaskError

    try:
        found: Part = _got(reference)
    except RayTaskError:
        raise
    except RayError as error:
        kind = type(error).__name__
        raise Lost(f"its process or its node was lost {RETRIES + 1} times ({kind})") from error
    return found


# --- what a cluster has ---------------------------------------------------------------------------


def _resources(kind: str) -> dict[str, float]:
    return {"num_cpus": 1, "num_gpus": 1} if kind == "cuda" else {"num_cpus": 1}


def _slots(kind: str) -> int:
    """Return how many tasks work at once. Raises `BenchError` where none would ever begin."""
    import ray

    name = "GPU" if kind == "cuda" else "CPU"
    found = int(ray.cluster_resources().get(name, 0))  # type: ignore[no-untyped-call]
    if not found:
        raise BenchError(
            f"Ray has no {name} here; start its nodes with one"
            + (", or give --device cpu" if kind == "cuda" else "")
        )
    return found


def _whole_device(device: str, number: int = 1) -> dict[str, float]:
    """Return what a task asks for that works beside no other: GPUs, or all CPUs of a node."""
    import ray

    kind = device.partition(":")[0]
    _slots(kind)
    if kind == "cuda":
        return {"num_cpus": 1, "num_gpus": number}
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return {"num_cpus": max(node["Resources"].get("CPU", 0) for node in nodes if node["Alive"])}


def _machine(device: str) -> str:
    """Return the processors that a figure of cost depends on, in words."""
    found = gpu(device) if device != "cpu" else None
    return str(found["name"]) if found else f"{cpu()} with {cores()} cores"


def _check_reachable(address: str) -> None:
    """Refuse an address that nobody answers at: Ray itself would try for minutes."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "://" in address:
        raise BenchError(
            f"ray:address={address}: expected auto, or HOST:PORT as 'ray start --head' prints it"
        )
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_REACH).close()
    except (OSError, OverflowError) as error:
        raise BenchError(
            f"no Ray cluster answers at '{address}' ({error}); 'ray start --head' starts one"
        ) from error


def _remove_left_over() -> None:
    """Remove the folders of clusters that a kill has ended together with their process."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*-*"):
        owner = folder.name.removeprefix(FOLDER).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


# --- in the workers -------------------------------------------------------------------------------


def _restore(shard: Shard, setting: Setting) -> Part:
    setting.take()  # Ray shows a task the GPU that it has, and no other
    return restore_part(replace(shard, device=shard.device.partition(":")[0]))


def _train(job: Job, setting: Setting) -> tuple[Trained, list[str], dict[str, bytes]]:
    """Train; return what came of it, what was said, and the files for who does not see them."""
    setting.take(threads=True)
    remarks: list[str] = []
    own = replace(job, device=job.device.partition(":")[0])
    trained = train(own, note=remarks.append)
    mine = [path for path in job.folder.rglob("*") if path.is_file()]
    files = {
        str(path.relative_to(job.folder)): path.read_bytes()
        for path in mine
        if path.relative_to(job.folder).parts[0].partition(".")[0] == job.card.name
    }
    return trained, remarks, files


def _measure(
    models: Sequence[tuple[str, str, Path | None]],
    conditions: Conditions,
    setting: Setting,
    asking: str,
) -> list[Measurement]:
    """Measure; say where, if that is another kind of machine than that which asks."""
    setting.take(threads=True)
    own = replace(conditions, device=conditions.device.partition(":")[0])
    machine = _machine(own.device)
    where = "" if machine == asking else f"measured on another machine than the run's: {machine}"
    return [replace(one, conditions=conditions, where=where) for one in measure(models, own)]
