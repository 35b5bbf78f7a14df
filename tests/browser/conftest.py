"""One browser and one server for all tests here; a fresh browser profile for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="the browser tests need playwright: pip install '.[dev]'")

from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.rater import Rater
from tests.browser.studies import Server, Study, make_run, make_study

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

MakeStudy = Callable[..., Study]
Open = Callable[..., Rater]


def find_chromium() -> str | None:
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = find_chromium()
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(CHROMIUM)} is in PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"), 160)


@pytest.fixture(scope="session")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    database = tmp_path_factory.mktemp("database") / "studies.db"
    started = Server(f"sqlite:///{database}").start()
    yield started
    started.stop()


@pytest.fixture
def study(server: Server, run_folder: Path) -> MakeStudy:
    """Make a study in the server's database."""
    return lambda **options: make_study(run_folder, server.url, **options)


@pytest.fixture
def enter(browser: Browser, server: Server) -> Iterator[Open]:
    """Open a rater's link in a browser of its own."""
    contexts: list[BrowserContext] = []

    def opened(made: Study, number: int = 0, **options: Any) -> Rater:
        options.setdefault("viewport", {"width": 1280, "height": 720})
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        rater = Rater(context.new_page(), made, server.address)
        rater.go(made.tokens[number])
        return rater

    yield opened
    for context in contexts:
        context.close()
