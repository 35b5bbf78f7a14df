"""The demo in a real browser with a real photograph: what it shows, says, and does not keep."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread

import numpy as np
import pytest
import skimage
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import Page as Tab
from uvicorn import Server

from bench.core.listening import listen
from bench.demo.at_hand import choices
from bench.demo.serving import serve
from bench.demo.trying import Workshop
from bench.demo.visits import GRADIO_FOLDER
from bench.image import Pixels, read
from models.shipped.table import SHIPPED
from tests.browser.rater import DRAWN, PIXELS
from tests.support.nginx import PLAIN, find_nginx, proxied
from tests.support.ports import free_port

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # Gradio's

ASTRONAUT = Path(skimage.data_dir) / "astronaut.png"


@dataclass
class Served:
    port: int
    root: Path
    """Where temporary files go."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def left(self) -> list[Path]:
        """Return the files of all visits that are still there."""
        # what goes meanwhile is no error to `walk`
        return [Path(folder, name) for folder, _, names in os.walk(self.root) for name in names]

    def soon_left(self) -> list[Path]:
        """Return what is still there ten seconds after a visitor has left."""
        for _ in range(100):
            if not self.left():
                break
            time.sleep(0.1)
        return self.left()


@contextmanager
def serving(root: Path, root_path: str = "") -> Iterator[Served]:
    """Serve the demo, with its temporary files below ``root``, where nothing is left in the end."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("tempfile.tempdir", str(root))
        workshop = Workshop(choices(["unsharp", "tv", "wiener"]), "cpu", 400_000)
        listening, servers = listen("127.0.0.1", 0), Queue[Server]()
        work = partial(serve, workshop, listening, root_path, servers.put)
        thread = Thread(target=lambda: asyncio.run(work()))
        thread.start()
        server = servers.get(timeout=60)
        yield Served(listening.getsockname()[1], root)
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
    assert list(root.iterdir()) == []


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("temporary")) as started:
        yield started


@dataclass
class Visitor:
    tab: Tab
    context: BrowserContext
    address: str
    abroad: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def arrive(self) -> None:
        self.tab.on(
            "request",
            lambda r: (
                None
                if r.url.startswith((self.address, "data:", "blob:"))
                else self.abroad.append(r.url)
            ),
        )
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda line: line.type == "error" and self.errors.append(line.text))
        self.tab.goto(self.address)
        expect(self.tab.get_by_role("button", name="Restore")).to_be_visible()

    def upload(self, path: Path) -> None:
        with self.tab.expect_response(lambda answer: "/upload" in answer.url):
            self.tab.set_input_files("input[type=file]", str(path))
        self.tab.wait_for_timeout(500)  # until the page has the answer

    def restore(self) -> None:
        self.tab.get_by_role("button", name="Restore").click()

    def canvas(self, pane: int) -> Pixels:
        self.tab.evaluate(DRAWN)
        height, width, data = self.tab.evaluate(PIXELS, pane)
        return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3]


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1280, "height": 700})
    context.set_default_timeout(30_000)
    arrived = Visitor(context.new_page(), context, served.address)
    arrived.arrive()
    yield arrived
    context.close()


def test_a_photograph_is_restored_by_several_models_and_nothing_of_it_stays(
    served: Served, visitor: Visitor, tmp_path: Path
) -> None:
    tab = visitor.tab
    visitor.upload(ASTRONAUT)
    tab.get_by_label("tv", exact=False).check()
    visitor.restore()
    expect(tab.get_by_text("Finished.")).to_be_visible()
    rows = tab.locator(".figures tbody tr")
    expect(rows).to_have_count(3)
    assert [rows.nth(n).locator("th").inner_text() for n in range(3)] == [
        "Photograph",
        "unsharp",
        "tv",
    ]
    seconds, peak = (rows.nth(1).locator("td").nth(n).inner_text() for n in (0, 1))
    assert seconds.endswith(" s")
    assert peak.endswith(" MB")
    head = tab.locator(".figures thead").inner_text()
    assert "niqe" in head
    assert "psnr" not in head  # there is no original to compare with
    expect(tab.locator(".viewer [data-act=split]")).to_have_attribute("aria-pressed", "true")
    tab.locator(".viewer [data-act=zoom]").click()  # from whole to one pixel for one
    expect(tab.locator('.viewer [data-part="zoom"]')).to_have_text("1×")
    with tab.expect_download() as loaded:
        rows.nth(1).get_by_role("link").click()
    loaded.value.save_as(tmp_path / "restored.png")
    restored, before = read(tmp_path / "restored.png"), read(ASTRONAUT)
    assert restored.shape == before.shape
    tab.locator(".viewer").focus()
    tab.locator(".viewer [data-part=slider]").fill("0")
    shown = visitor.canvas(0)
    high, wide = shown.shape[:2]
    top, left = (512 - high) // 2, (512 - wide) // 2
    expected = restored[top : top + high, left : left + wide]
    assert np.abs(shown.astype(int) - expected).mean() < 0.01
    assert len(served.left()) >= 4  # the upload, and a file a version
    assert visitor.abroad == []
    assert visitor.errors == []
    tab.close()
    assert served.soon_left() == []


@pytest.mark.parametrize("wait", [50, 400])
def test_who_leaves_while_models_are_at_work_leaves_nothing(
    served: Served, visitor: Visitor, wait: int
) -> None:
    visitor.upload(ASTRONAUT)
    visitor.tab.get_by_label("tv", exact=False).check()
    visitor.restore()
    visitor.tab.wait_for_timeout(wait)
    visitor.tab.close()
    time.sleep(4)  # longer than all models take
    assert served.soon_left() == []


def test_a_sharp_one_made_worse_first_is_compared_with_itself(visitor: Visitor) -> None:
    tab = visitor.tab
    visitor.upload(ASTRONAUT)
    tab.get_by_text("It is sharp: make it worse first").click()
    typed, slider = (tab.get_by_label("Noise (8-bit levels)").nth(n) for n in (0, 1))
    for _ in range(100):  # Gradio sets values a moment after it draws: sooner than anybody types
        typed.fill("20")
        typed.press("Tab")
        if slider.input_value() == "20":  # it follows what Gradio knows
            break
        tab.wait_for_timeout(100)
    expect(slider).to_have_value("20")
    visitor.restore()
    expect(tab.get_by_text("Finished.")).to_be_visible()
    assert "psnr (dB)" in tab.locator(".figures thead").inner_text()
    names = tab.locator(".figures tbody th")
    assert names.all_inner_texts() == ["Degraded", "unsharp", "Reference"]
    psnr = float(tab.locator(".figures tbody tr").first.locator("td").nth(2).inner_text())
    assert psnr == pytest.approx(22.4, abs=0.5)  # 20 log10(255 / 20) = 22.1, a little is clipped
    expect(tab.locator(".viewer [data-act=hold]")).to_be_visible()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_text("no picture"), "this file is not an image of a kind"),
        (lambda path: Image.new("RGB", (800, 600)).save(path), "this photograph has 0.5 megapixel"),
        (None, "there is no photograph yet: upload, paste or take one"),
    ],
)
def test_what_cannot_be_restored_is_told_in_clear_words(
    visitor: Visitor, tmp_path: Path, make: object, says: str
) -> None:
    if callable(make):
        make(tmp_path / "a.png")
        visitor.upload(tmp_path / "a.png")
    visitor.restore()
    expect(visitor.tab.get_by_text(says)).to_be_visible()
    assert str(tmp_path) not in visitor.tab.inner_text("body")
    assert "Traceback" not in visitor.tab.inner_text("body")


def test_a_model_that_fails_says_why_and_the_others_are_shown(visitor: Visitor) -> None:
    visitor.upload(ASTRONAUT)
    visitor.tab.get_by_label("wiener", exact=False).check()
    visitor.restore()
    expect(visitor.tab.get_by_text("wiener failed, for the reason below")).to_be_visible()
    expect(visitor.tab.locator("ul.notes")).to_contain_text("wiener")
    expect(visitor.tab.locator(".viewer canvas")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "width", [360, *(pytest.param(wide, marks=pytest.mark.slow) for wide in (1280, 2560))]
)
def test_nothing_scrolls_sideways_at_any_width(
    browser: Browser, served: Served, width: int, scheme: str
) -> None:
    phone = width < 500
    context = browser.new_context(
        viewport={"width": width, "height": 844 if phone else 1000},
        color_scheme=scheme,  # type: ignore[arg-type]
        has_touch=phone,
        is_mobile=phone,
    )
    context.set_default_timeout(30_000)
    visit = Visitor(context.new_page(), context, served.address)
    visit.arrive()
    visit.upload(ASTRONAUT)
    visit.restore()
    expect(visit.tab.get_by_text("Finished.")).to_be_visible()
    expect(visit.tab.locator(".viewer canvas")).to_be_visible()
    assert visit.tab.evaluate("document.documentElement.scrollWidth") <= width
    viewer = visit.tab.locator(".viewer").bounding_box()
    assert viewer is not None
    assert viewer["width"] > (0.85 if phone else 0.68) * width  # the picture has the room there is
    assert visit.tab.evaluate("window.innerWidth") == width  # a phone zooms out of what is wider
    box = visit.tab.locator(".viewer").bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    context.close()


def test_files_of_the_machine_are_not_served(served: Served, visitor: Visitor) -> None:
    for path in ("/etc/passwd", str(Path(__file__)), shutil.which("python3") or "/bin/sh"):
        answer = visitor.context.request.get(f"{served.address}/gradio_api/file={path}")
        assert answer.status in (403, 404), path


@pytest.mark.slow
@pytest.mark.skipif(find_nginx() is None, reason="nginx is not installed here")
def test_behind_a_proxy_as_documented_it_works_below_a_path(
    browser: Browser, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
    found = re.search(r"location /demo/ \{.*?\n\}", page, re.DOTALL)
    assert found is not None
    location = found[0].replace("127.0.0.1:7860", "127.0.0.1:8000")
    recipe = re.sub(r"location /study/ \{.*?\n    \}", location, PLAIN, flags=re.DOTALL)
    root, https = tmp_path / "temporary", free_port()
    root.mkdir()
    with serving(root, "/demo") as served, proxied(recipe, served.port, https, tmp_path / "nginx"):
        context = browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(30_000)
        visit = Visitor(context.new_page(), context, f"https://localhost:{https}/demo/")
        refused: list[str] = []
        visit.tab.on("response", lambda r: r.status >= 400 and refused.append(r.url))
        visit.tab.on("console", lambda line: line.type == "error" and refused.append(line.text))
        visit.arrive()
        visit.upload(ASTRONAUT)
        visit.restore()
        expect(visit.tab.get_by_text("Finished.")).to_be_visible()
        expect(visit.tab.locator(".viewer canvas")).to_be_visible()
        with visit.tab.expect_download() as loaded:
            visit.tab.locator(".figures tbody a").last.click()
        loaded.value.save_as(tmp_path / "restored.png")
        assert read(tmp_path / "restored.png").shape == (512, 512, 3)
        assert refused + visit.abroad == []
        context.close()


@pytest.mark.slow
def test_the_command_tells_its_address_and_a_stopped_server_keeps_nothing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != GRADIO_FOLDER}
    environment |= {"TMPDIR": str(tmp_path), "BENCH_RESULTS": str(tmp_path / "results")}
    with (
        subprocess.Popen(
            [sys.executable, "-m", "bench", "demo", "--no-browser", "--port", "0", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as started,
        ExitStack() as failing,
    ):
        failing.callback(started.kill)  # leaving a process means to wait for its end
        assert started.stdout is not None
        told = ""
        while not told.rstrip().endswith("}"):
            line = started.stdout.readline()
            assert line, "it ended before it served"
            told += line
        said = json.loads(told)
        assert said["models"] == ["nlm", "tv", "unsharp", *SHIPPED]
        assert said["address"].startswith("http://127.0.0.1:")
        assert [path.name.startswith("bench-demo-") for path in tmp_path.iterdir()] == [True]
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 130
        failing.pop_all()
    assert list(tmp_path.iterdir()) == []
