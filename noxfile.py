"""Sessions `demo`, `lint`, `tests`, `slow`, `coverage`, `gpu`, `audit`, `versions` and
`performance`: each installs all that it needs."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True


def install(session: nox.Session, *extras: str, compiled: bool = True) -> None:
    what = f".[{','.join(extras)}]" if extras else "."
    if compiled:  # every process that runs imports torch: compiled once, that takes half the time
        session.env["UV_COMPILE_BYTECODE"] = "1"
        session.env["PYTHONDONTWRITEBYTECODE"] = ""
    session.install("-e", what, "-c", "constraints.txt")


@nox.session
def demo(session: nox.Session) -> None:
    """Train, restore, score, measure and report on the embedded demo suite."""
    install(session)
    session.run("bench", "run", "--suite", "demo", "--budget", "75s", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, and the floors of the house."""
    install(session, "dev", compiled=False)  # packages are read here, not run
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


def run_tests(session: nox.Session, which: str, *options: str) -> None:
    """Run tests, warnings as errors, one file at a time on each core."""
    install(session, "dev")
    session.env["OMP_NUM_THREADS"] = "1"
    session.run(
        "pytest", "-m", which, "-n", "logical", "--dist", "loadfile", *options, *session.posargs
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests but the slow ones."""
    run_tests(session, "not slow")


@nox.session
def coverage(session: nox.Session) -> None:
    """Run them again, counting what they and the processes that they start execute; hold that to
    its floor. Counting takes half as long again."""
    run_tests(session, "not slow", "--cov", "--cov-report=term:skip-covered")


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that take longest: whole trainings and runs that are killed and taken up."""
    run_tests(session, "slow")


@nox.session
def gpu(session: nox.Session) -> None:
    """Run every test that works on a CUDA device, one after the other; without one each is skipped
    with that reason."""
    install(session, "dev")
    session.run("pytest", "-m", "gpu", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Look up whether a pinned package has a known vulnerability: at osv.dev, else in a stored
    database of 2021."""
    session.install("pip-audit", "-c", "constraints.txt")
    try:
        socket.create_connection(("api.osv.dev", 443), timeout=10).close()
    except OSError as error:
        session.warn(f"api.osv.dev cannot be reached ({error}): the stored database is read")
        session.install("safety-db==2021.7.17")
        session.run("python", "tests/support/advisories.py", "constraints.txt")
        return
    pinned = ("-r", "constraints.txt", "--no-deps", "--disable-pip")
    session.run("pip-audit", *pinned, "--vulnerability-service", "osv", *session.posargs)


TELLING = [
    "tests/bench/compute",
    "tests/models",
    *(f"tests/bench/cli/test_{name}.py" for name in ("cli", "checks", "restore")),
    "tests/bench/test_image.py",
    "tests/bench/test_photographs.py",
]
"""The tests that a version of a package is most likely to break."""


OF_EACH = [("3.11", "lowest-direct"), *((f"3.{minor}", "highest") for minor in range(11, 15))]
"""Lowest versions are older than a later Python, and have no wheels for it."""


@nox.session
@nox.parametrize("python,which", OF_EACH)
def versions(session: nox.Session, which: str) -> None:
    """Run telling tests with the lowest versions declared, and with the newest on each Python."""
    if session.venv_backend != "uv":
        session.skip("only uv can resolve to the lowest versions")
    session.install("--resolution", which, "--upgrade", "-e", ".[dev]")
    session.env["OMP_NUM_THREADS"] = "1"
    session.run("pytest", "-m", "not slow", *(session.posargs or TELLING))


@nox.session
def performance(session: nox.Session) -> None:
    """Measure speed claims as ratios, one after the other."""
    install(session, "dev")
    for script in sorted(Path("tests/performance").glob("*.py")):
        session.run("python", os.fspath(script), *session.posargs)
