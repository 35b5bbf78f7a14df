"""Small studies of real photographs, served by the real server in a process of its own."""

from __future__ import annotations

import http.client
import io
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage
from PIL import Image
from sqlalchemy import text

from bench.image import Pixels, read, write_png
from bench.records import Pair, RunSpec
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.protocols import Answer, protocol_called
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from raters.texts import Texts
from tests.support.ports import free_port
from tests.support.runs import run_record
from tests.support.studies import right_answer

MODELS = {"deblurnet": 0.8, "restoreformer": 1.6, "plainconv": 2.4}
"""Model -> how much it blurs."""
IMAGES = ("harbour-night", "market-noon", "forest-path", "old-bridge")


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def photographs(size: int) -> dict[str, Pixels]:
    """Four square crops of one photograph: each shows something else."""
    whole = read(Path(skimage.data_dir) / "astronaut.png")
    last = 512 - size
    corners = ((0, last // 2), (last // 2, 0), (last // 2, last), (last, last // 3))
    return {
        name: np.ascontiguousarray(whole[y : y + size, x : x + size])
        for name, (y, x) in zip(IMAGES, corners, strict=True)
    }


def make_run(path: Path, size: int) -> Path:
    """Write a finished run whose models blur more and more, with names that must not leak."""
    spec = RunSpec(suite="folder", data=str(path), models=tuple(MODELS), metrics=("psnr",))
    run = RunFolder.create(path / "run", spec)
    pairs = []
    for name, sharp in photographs(size).items():
        target = path / "data" / "target" / f"{name}.png"
        degraded = path / "data" / "input" / f"{name}.png"
        write_png(target, sharp)
        write_png(degraded, blurred(sharp, 3))
        pairs.append(Pair(name, degraded, target, name))
        for model, strength in MODELS.items():
            write_png(run.image_path(model, name), blurred(sharp, strength))
    run.write_images(pairs, {})
    run.write_record(run_record(spec, pairs=pairs))
    return run.path


@dataclass(frozen=True)
class Study:
    """One study in a database that may hold others."""

    name: str
    url: str
    tokens: tuple[str, ...]
    dashboard: str
    entry: str

    def rows(self, table: str, columns: str = "*") -> list[Any]:
        """Return rows of a table of the database, of all studies, in the order written."""
        store = Store(self.url)
        try:
            with store.read() as connection:
                return list(connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY id")))
        finally:
            store.close()

    def judgements(self) -> list[Any]:
        """Return the study's judgements in order: answer, timer_broken, kind, public_id, client."""
        store = Store(self.url)
        query = (
            "SELECT j.answer, j.timer_broken, j.response_ms, a.kind, a.public_id, a.swapped, j.id "
            "FROM judgement j JOIN assignment a ON a.id = j.assignment "
            "JOIN study s ON s.id = a.study WHERE s.name = :name ORDER BY j.id"
        )
        try:
            with store.read() as connection:
                return list(connection.execute(text(query), {"name": self.name}))
        finally:
            store.close()

    def right(self, trial: str) -> Answer:
        """Return the first answer that a practice trial accepts, on sides."""
        store = Store(self.url)
        try:
            return right_answer(store, trial)
        finally:
            store.close()

    def pixels(self, serving: str) -> Pixels:
        """Return the stored pixels behind a serving id."""
        store = Store(self.url)
        query = (
            "SELECT s.png FROM stimulus s JOIN serving v ON v.stimulus = s.id WHERE v.id = :serving"
        )
        try:
            with store.read() as connection:
                png = connection.execute(text(query), {"serving": serving}).scalar_one()
        finally:
            store.close()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


_numbers = itertools.count(1)


def make_study(
    run: Path, url: str, raters: int = 1, own: Sequence[Texts] = (), **options: Any
) -> Study:
    """Make a study of three practice trials and four real ones, one of them golden.

    It shows no reference unless asked to: nobody would have to look at one before each answer.
    """
    name = f"harbour{next(_numbers)}"
    given = {"per_pair": 40, "trials": 4, "images": 4, "crop": 160, "golden": 0.25, "repeats": 0.0}
    if protocol_called(options.get("protocol", "pair")).reference == "optional":
        given["reference"] = "hidden"
    store = Store(url)
    try:
        made = create_study(store, run, StudyOptions(name, **{**given, **options}), own)
        tokens = invite(store, name, raters)
    finally:
        store.close()
    return Study(name, url, tuple(tokens), made.dashboard_token, made.entry_token)


class Server:
    """The real server on one port; may be killed and started again."""

    def __init__(self, url: str) -> None:
        self.url, self.port = url, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        program = (
            "import sys; from raters.web.app import create_app, server; "
            "server(create_app(sys.argv[1]), port=int(sys.argv[2])).run()"
        )
        arguments = [sys.executable, "-c", program, self.url, str(self.port)]
        self.process = subprocess.Popen(arguments)
        for _ in range(1200):
            if self.answers():
                return self
            assert self.process.poll() is None, "the server ended while it started"
            time.sleep(0.05)
        self.kill()
        raise AssertionError("the server did not answer within a minute")

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/favicon.ico")
            return connection.getresponse().status == 204
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """Kill the process at once, as a power cut would."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None
