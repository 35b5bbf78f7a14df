"""Ray: the work of a run on the CPUs and GPUs of one machine or of a cluster.

A task is a model on some images. It works in a folder of its own and sends back what it wrote; this
process alone writes to the run's folder, each model's cells in the order of the suite. So nothing
of a task that dies is in the run, what is done twice is written once, and a run begun by one
executor is taken up by another. Ray does a task again whose process or node is lost.

Workers read the suite, the models and the results folder at the paths that they have here: on
several machines these lie on a file system that all of them see.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import psutil

from bench.compute.environment import cpu, gpu
from bench.compute.processes import THREAD_VARIABLES
from bench.compute.profile import Conditions, Measurement, measure
from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.layout import VARIABLE, results
from bench.core.parallel import cores
from bench.core.progress import Progress, Unheard
from bench.records import Failure, Pair
from bench.runs.cells import Cell
from bench.runs.executors.restoring import FolderError
from bench.runs.executors.shard import Outcome, Shard, ShardModel, restore_shard
from bench.runs.executors.workplace import Workplace
from bench.runs.store import RunFolder
from models.catalogue import NONCOMMERCIAL
from models.loading import load_restorer
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
    variables: Mapping[str, str | None]

    @classmethod
    def here(cls) -> Setting:
        """Return that of this process."""
        names = (NONCOMMERCIAL, *THREAD_VARIABLES)
        return cls(
            str(Path.cwd()),
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
        if Path(self.folder).is_dir():
            os.chdir(self.folder)


@dataclass(frozen=True, slots=True)
class Part:
    """What a task wrote: the cells of its model, and files by their path in a run's folder."""

    outcome: Outcome
    cells: list[Cell]
    files: Mapping[str, bytes]


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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._started:
            import ray

            ray.shutdown()
            self._started = False
        self._clean()

    def _clean(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    # --- restore --------------------------------------------------------------------------------

    def restore(
        self, shard: Shard, progress: Progress, ready: Mapping[str, Restorer] | None = None
    ) -> Outcome:
        """Fill every missing cell of a shard.

        Workers build their own restorers (``ready`` is not used). An image whose task ends its
        process again and again is a failure of that image. Raises as `restore_shard`.
        """
        del ready
        kind = shard.device.partition(":")[0]
        gathering = _Gathering(shard, progress, self._images or IMAGES[kind])
        for model in shard.models:
            gathering.plan(model)
        if gathering.waiting:
            gathering.work(_resources(kind), _slots(kind))
        return gathering.outcome()

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


@dataclass
class _Gathering:
    """The tasks of a shard, and what they bring, written in order."""

    shard: Shard
    progress: Progress
    images: int
    waiting: deque[Shard] = field(default_factory=deque)
    failures: list[Failure] = field(default_factory=list)
    remarks: dict[str, tuple[str, ...]] = field(default_factory=lambda: defaultdict(tuple))
    done: int = 0
    total: int = 0

    def plan(self, model: ShardModel) -> None:
        """Divide a model's missing images."""
        folder = RunFolder(self.shard.folder)
        with folder.cell_writer(model.label) as writer:  # cuts a torn last line off
            missing = [pair for pair in self.shard.pairs if pair.id not in writer.done]
        self.total += len(missing)
        for start in range(0, len(missing), self.images):
            self.waiting.append(self._part(model, missing[start : start + self.images]))

    def _part(self, model: ShardModel, pairs: Sequence[Pair]) -> Shard:
        return replace(self.shard, models=(model,), pairs=tuple(pairs))

    def work(self, resources: Mapping[str, float], slots: int) -> None:
        """Do all tasks. What is finished out of turn waits for those before it, unread."""
        import ray

        remote = _task(_restore, resources)
        setting = Setting.here()
        out: deque[tuple[Shard, ObjectRef[Part]]] = deque()
        try:
            while self.waiting or out:
                while self.waiting and len(out) < 2 * slots:
                    part = self.waiting.popleft()
                    out.append((part, remote.remote(part, setting)))
                # one at a time and in turn: the cells of a model have one writer and one order
                part, reference = out.popleft()
                self._take(part, reference, lambda one: remote.remote(one, setting))
        finally:
            for _, reference in out:
                with suppress(Exception):  # the cluster may be gone
                    ray.cancel(reference)

    def _take(self, part: Shard, reference: ObjectRef[Part], again: Any) -> None:
        from ray.exceptions import RayError

        (model,) = part.models
        try:
            self._write(model.label, part, _got(reference))
        except RayError as error:
            if len(part.pairs) > 1:  # which of them it was is found out one by one
                alone = [self._part(model, [pair]) for pair in part.pairs]
                for one, found in [(one, again(one)) for one in alone]:
                    self._take(one, found, again)
                return
            how = f"its process or its node was lost {RETRIES + 1} times ({type(error).__name__})"
            self.failures.append(Failure(model.label, part.pairs[0].id, how))
            self._tell(part)

    def _write(self, label: str, part: Shard, found: Part) -> None:
        folder = RunFolder(self.shard.folder)
        try:
            for name, content in found.files.items():
                write_atomic(folder.path / name, content)
            with folder.cell_writer(label) as writer:
                for cell in found.cells:
                    writer.append(cell)
        except OSError as error:
            raise FolderError(folder, error) from error
        self.failures += found.outcome.failures
        known = self.remarks[label], found.outcome.remarks.get(label, ())
        self.remarks[label] = tuple(dict.fromkeys([*known[0], *known[1]]))
        self._tell(part)

    def _tell(self, part: Shard) -> None:
        self.done += len(part.pairs)
        self.progress.update("restore and score", self.done, self.total, part.pairs[-1].id)

    def outcome(self) -> Outcome:
        """Return it as the local executor does: failures by image, then by model, each once."""
        images = {pair.id: index for index, pair in enumerate(self.shard.pairs)}
        labels = {model.label: index for index, model in enumerate(self.shard.models)}

        def place(failure: Failure) -> tuple[int, int]:
            return images.get(failure.image or "", -1), labels[failure.model]

        failures = sorted(dict.fromkeys(self.failures), key=place)
        return Outcome(failures=failures, remarks={k: v for k, v in self.remarks.items() if v})


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

_loaded: dict[tuple[object, ...], Restorer] = {}
"""The model that this worker last had: the next task is mostly of the same."""


def _restore(shard: Shard, setting: Setting) -> Part:
    """Do a shard of one model in a folder of its own; return all that it wrote."""
    setting.take()
    device = shard.device.partition(":")[0]  # Ray shows a task the GPU that it has, and no other
    (model,) = shard.models
    key = model, device, shard.tile
    if key not in _loaded:
        _loaded.clear()
    with tempfile.TemporaryDirectory(prefix=FOLDER) as made:
        scratch = RunFolder(Path(made))
        ready = {model.label: _loaded[key]} if key in _loaded else {}
        if not ready:
            try:
                ready[model.label] = _loaded[key] = load_restorer(
                    model.spec, device=device, weights=model.weights, tile=shard.tile
                )
            except Exception:  # noqa: BLE001  told by `restore_shard`, which tries once more
                ready = {}
        own = replace(shard, folder=scratch.path, device=device)
        outcome = restore_shard(own, Unheard(), ready)
        files = {
            str(path.relative_to(scratch.path)): path.read_bytes()
            for path in scratch.path.rglob("*")
            if path.is_file() and path.parent.name != "cells"
        }
        return Part(outcome, list(scratch.cells(model.label)), files)


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
