"""A PostgreSQL server of its own for the tests, thrown away afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

_SETTINGS = "-c listen_addresses= -c max_connections=60 -c shared_buffers=32MB"
_FORGETFUL = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def find_server() -> Path | None:
    """Return the folder of initdb and pg_ctl of the newest PostgreSQL installed, or None."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name)
    )
    on_path = shutil.which("initdb")
    found = [*([Path(on_path).resolve().parent] if on_path else []), *installed]
    complete = [p for p in found if all((p / tool).exists() for tool in ("initdb", "pg_ctl"))]
    return complete[-1] if complete else None


@contextmanager
def server(tools: Path, durable: bool = False) -> Iterator[Path]:
    """Start a server on a Unix socket in a temporary folder; yield that folder.

    ``durable``: flush commits to the disk, as a real server does. Tests kill clients and never the
    machine, so they need it only for timing.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path holds 107 characters
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    data = folder / "data"
    try:
        _run(
            [
                *as_user,
                str(tools / "initdb"),
                "-D",
                str(data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale",
                "C",
                "--no-sync",
            ],
            folder,
        )
        pg_ctl = [*as_user, str(tools / "pg_ctl"), "-D", str(data), "-w"]
        settings = f"-k {folder} {_SETTINGS}" + ("" if durable else f" {_FORGETFUL}")
        _run([*pg_ctl, "-l", str(folder / "log"), "-o", settings, "start"], folder)
        try:
            yield folder
        finally:
            _run([*pg_ctl, "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """Yield the address, as SQLAlchemy writes it, of the server's database; empty it afterwards."""
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        with psycopg.connect(host=str(folder), user="postgres", autocommit=True) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")


def _run(command: Sequence[str], folder: Path) -> None:
    with (folder / "output").open("a+") as output:  # a pipe would stay open as long as the server
        done = subprocess.run(command, stdout=output, stderr=output, cwd=folder, check=False)
        if done.returncode:
            output.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed: {output.read()[-2000:]}")
