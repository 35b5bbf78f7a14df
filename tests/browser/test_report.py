"""The report in a real browser: offline, and its viewer shows the run's pixels, one for one."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from bench.compute.quantities import row_of
from bench.image import Pixels, read
from bench.report import write_report
from bench.runs.store import RunFolder
from tests.browser.rater import DRAWN, PIXELS
from tests.support.runs import photograph_run

SCENES = ("astronaut", "chelsea")
SIZE = (144, 192)


@dataclass
class Reader:
    """Somebody who reads the report in a tab."""

    tab: Tab
    run: RunFolder
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, page: Path) -> None:
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda line: line.type == "error" and self.errors.append(line.text))
        self.tab.goto(f"{page.as_uri()}#viewer")  # which opens its section
        self.tab.wait_for_selector(".viewer canvas")

    def canvas(self, pane: int = 0) -> Pixels:
        self.tab.evaluate(DRAWN)
        height, width, data = self.tab.evaluate(PIXELS, pane)
        flat = np.frombuffer(base64.b64decode(data), np.uint8)
        return flat.reshape(height, width, 4)[..., :3]

    def shows(self, expected: Pixels, pane: int = 0) -> bool:
        for _ in range(30):
            if np.array_equal(self.canvas(pane), expected):
                return True
            self.tab.wait_for_timeout(50)
        return False

    def choose(self, part: str, name: str) -> None:
        self.tab.select_option(f'.viewer [data-part="{part}"]', name)

    def key(self, *keys: str) -> None:
        self.tab.focus(".viewer")
        for key in keys:
            self.tab.keyboard.press(key)

    def file(self, version: str) -> Pixels:
        """Return the pixels of the run's file behind what the viewer calls ``version``."""
        image = self.tab.input_value('.viewer [data-part="image"]')
        row = next(r for r in self.run.images().to_dict("records") if r["image"] == image)
        paths = {"Degraded": row["degraded"], "Reference": row["reference"]}
        return read(Path(paths.get(version) or self.run.image_path(version, image)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run on a busy machine: its page has the more to say at its head."""
    run = photograph_run(tmp_path_factory.mktemp("report") / "run", SCENES, SIZE)
    seen = "medians of the processes differ by 264 %; passes repeated in 2 of 2 processes; load 7.1"
    rows = run.read_profiles()
    run.write_profiles([replace(r, noisy=seen * row_of(r.quantity).timed) for r in rows])
    return run


@pytest.fixture(scope="module")
def page(run: RunFolder) -> Path:
    return write_report([run])


@pytest.fixture
def reader(browser: Browser, run: RunFolder, page: Path) -> Iterator[Reader]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    reader = Reader(context.new_page(), run)
    reader.open(page)
    yield reader
    assert reader.errors == []
    context.close()


def test_the_page_asks_for_nothing_but_itself(reader: Reader, page: Path) -> None:
    reader.key(" ", "z", "ArrowRight")
    assert [u for u in reader.requests if not u.startswith("data:")] == [page.as_uri()]


def test_the_viewer_holds_the_pixels_of_the_runs_files_in_every_way_of_looking(
    reader: Reader,
) -> None:
    left, right = reader.file("Degraded"), reader.file("sharper")  # the best of the run
    assert reader.shows(left, 0)
    assert reader.shows(right, 1)
    reader.key(" ")
    assert reader.shows(left)
    reader.key(" ")
    assert reader.shows(right)
    reader.tab.keyboard.down("r")
    assert reader.shows(reader.file("Reference"))
    reader.tab.keyboard.up("r")
    reader.tab.click('.viewer [data-act="split"]')
    assert reader.shows(np.concatenate([left[:, :96], right[:, 96:]], axis=1))


def test_zoom_and_place_are_the_same_in_both_panes_and_stay_for_other_models(
    reader: Reader,
) -> None:
    reader.key("z", "z")
    height, width = reader.canvas().shape[:2]
    assert (height, width) == (460, 542)  # the room, less the caption; half of it less the gap
    for _ in range(20):
        reader.key("Shift+ArrowRight", "Shift+ArrowDown")  # to the corner
    reader.choose("left", "nlm")
    reader.choose("right", "tv")
    for pane, name in enumerate(("nlm", "tv")):
        whole = reader.file(name).repeat(4, axis=0).repeat(4, axis=1)
        # Panes begin on a whole image pixel, so they may end within one.
        top, left = (4 * int(n - m / 4) for n, m in zip(SIZE, (height, width), strict=True))
        shown = whole[top : top + height, left : left + width]
        assert reader.shows(shown, pane), name
    expect(reader.tab.locator('.viewer [data-part="zoom"]')).to_have_text("4×")


def test_arrows_step_through_the_versions_and_swap_them(reader: Reader) -> None:
    right = reader.tab.locator('.viewer [data-part="right"]')
    names = reader.tab.eval_on_selector_all(
        '.viewer [data-part="right"] option', "(all) => all.map((one) => one.value)"
    )
    assert names[0] == "Degraded"
    assert names[-1] == "Reference"
    reader.key("ArrowLeft", "ArrowLeft")
    expect(right).to_have_value("Reference")  # round from the first to the last
    assert reader.shows(reader.file("Reference"), 1)
    reader.key("ArrowDown")
    assert reader.shows(reader.file("Reference"), 0)
    assert reader.shows(reader.file("Degraded"), 1)
    expect(reader.tab.locator(".viewer figcaption").first).to_have_text("Reference")


def test_another_image_keeps_the_versions_that_are_compared(reader: Reader) -> None:
    reader.choose("right", "median")
    images = reader.tab.eval_on_selector_all(
        '.viewer [data-part="image"] option', "(all) => all.map((one) => one.value)"
    )
    assert len(images) == 4
    assert {image.rpartition("-")[0] for image in images[:2]} == set(SCENES)  # scenes take turns
    reader.choose("image", images[1])
    shown = "median" if reader.run.image_path("median", images[1]).is_file() else "sharper"
    assert reader.shows(reader.file(shown), 1)


def test_the_full_window_holds_the_same_viewer_and_escape_leaves_it(reader: Reader) -> None:
    reader.tab.click('.viewer [data-act="full"]')
    box = reader.tab.locator(".viewer").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (1280, 900)
    reader.key("z")
    doubled = reader.file("Degraded").repeat(2, axis=0).repeat(2, axis=1)
    assert reader.shows(doubled)
    reader.tab.keyboard.press("Escape")
    expect(reader.tab.locator(".home .viewer")).to_be_visible()
    assert reader.shows(doubled)


def test_keys_are_the_pages_own_outside_the_viewer(reader: Reader) -> None:
    reader.tab.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    reader.tab.keyboard.press(" ")
    for _ in range(100):
        if reader.tab.evaluate("window.scrollY > 200"):  # Space scrolls, and flickers nothing
            break
        reader.tab.wait_for_timeout(50)
    assert reader.tab.evaluate("window.scrollY > 200")
    assert reader.tab.locator(".viewer canvas").count() == 2


@pytest.mark.parametrize("ratio", [1, 1.5])
def test_one_image_pixel_is_one_pixel_of_the_screen(
    browser: Browser, run: RunFolder, page: Path, ratio: float
) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        device_scale_factor=ratio,
        reduced_motion="reduce",
    )
    reader = Reader(context.new_page(), run)
    reader.open(page)
    reader.tab.locator(".viewer .room").scroll_into_view_if_needed()
    assert reader.shows(reader.file("Degraded"))
    canvas = reader.tab.locator(".viewer canvas").first
    box = canvas.bounding_box()
    assert box is not None
    left, above = round(box["x"] * ratio), math.floor(box["y"] * ratio)
    png = reader.tab.screenshot(scale="device")
    screen = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    height, width = SIZE
    assert any(  # the window may have been scrolled by half a device pixel, which browsers round
        np.array_equal(screen[top : top + height, left : left + width], reader.file("Degraded"))
        for top in (above, above + 1)
    )
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark_and_nothing_scrolls_sideways_on_a_phone(
    browser: Browser, run: RunFolder, page: Path, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 420, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    reader = Reader(context.new_page(), run)
    reader.open(page)
    assert reader.tab.evaluate("document.documentElement.scrollWidth") == 420
    for selector in ("p", "td", "td small", "nav a", ".notes p", ".plot svg text", "figcaption"):
        ink, paper = reader.tab.evaluate(
            "(name) => { const style = getComputedStyle(document.querySelector(name));"
            " const svg = name.includes('svg');"
            " return [svg ? style.fill : style.color,"
            " getComputedStyle(document.documentElement).backgroundColor]; }",
            selector,
        )
        assert contrast(ink, paper) >= 4.5, (selector, ink, paper)  # WCAG 2, AA
    context.close()


def test_on_a_phone_nothing_is_cut_without_a_cue(browser: Browser, page: Path) -> None:
    context = browser.new_context(viewport={"width": 420, "height": 800})
    tab = context.new_page()
    tab.goto(page.as_uri())
    assert tab.evaluate("document.documentElement.scrollHeight") < 6000  # 27,764 unfolded
    tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    cut = tab.evaluate(CUT)
    assert len(cut) > 3  # tables, that are wider than a phone
    assert [one for one in cut if "linear-gradient" not in one] == []
    for plot in tab.locator("figure.plot svg").all():
        box = plot.bounding_box() or {}
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 420
    context.close()


CUT = """() => [...document.querySelectorAll("main *, header *")]
  .filter((one) => one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).overflowX !== "visible" && !one.closest(".viewer"))
  .map((one) => `${one.className} ${getComputedStyle(one).backgroundImage}`)"""
"""What is wider inside than it is shown, and what is drawn behind it."""


def contrast(first: str, second: str) -> float:
    """Return the contrast of two CSS colours by WCAG 2.2: 1 to 21."""
    lights = []
    for colour in (first, second):
        srgb = np.array([float(n) for n in re.findall(r"[\d.]+", colour)[:3]]) / 255
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_a_table_is_sorted_by_keyboard_and_what_is_missing_stays_last(reader: Reader) -> None:
    names = '#table-results tbody th[scope="row"]'
    latency = reader.tab.locator("#table-results th", has_text="Latency")
    by_quality = reader.tab.locator(names).all_inner_texts()
    latency.get_by_role("button").focus()
    reader.tab.keyboard.press("Enter")
    assert latency.get_attribute("aria-sort") == "descending"
    slowest = ["nlm", "sharper", "tv", "unsharp", "median", "input"]  # 310 ms to 0.02 ms
    assert reader.tab.locator(names).all_inner_texts()[:6] == slowest
    reader.tab.keyboard.press(" ")
    assert latency.get_attribute("aria-sort") == "ascending"
    assert reader.tab.locator(names).all_inner_texts() == [*slowest[::-1], "wiener †"]
    reader.tab.locator("#table-results th", has_text="PSNR").first.get_by_role("button").click()
    assert latency.get_attribute("aria-sort") is None
    assert reader.tab.locator(names).all_inner_texts() == by_quality
    reader.tab.locator("#table-results th", has_text="Model").get_by_role("button").click()
    assert reader.tab.locator(names).first.inner_text() == "input"


@pytest.mark.parametrize(("button", "suffix"), [("Markdown", "md"), ("LaTeX", "tex")])
def test_a_table_is_copied_as_its_file_has_it(
    reader: Reader, page: Path, button: str, suffix: str
) -> None:
    reader.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    figure = reader.tab.locator("figure.table", has=reader.tab.locator("#table-results"))
    copy = figure.get_by_role("button", name=button)
    copy.click()
    expect(reader.tab.get_by_role("status")).to_have_text(f"{button}: copied")
    expect(figure.get_by_role("button", name="Copied")).to_be_visible()
    copied = reader.tab.evaluate("navigator.clipboard.readText()")
    assert copied == (page.parent / "tables" / f"results.{suffix}").read_text(encoding="utf-8")


def test_a_script_that_is_not_the_pages_own_does_not_run(browser: Browser, page: Path) -> None:
    planted = page.with_name("planted.html")
    text = page.read_text(encoding="utf-8")
    planted.write_text(text.replace("</body>", "<script>window.hacked = 1</script></body>"))
    tab = browser.new_page()
    refused: list[str] = []
    tab.on("console", lambda line: refused.append(line.text))
    tab.goto(planted.as_uri())
    assert tab.evaluate("window.hacked") is None
    assert any("Content Security Policy" in line for line in refused)
    tab.close()
    planted.unlink()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_link_into_a_folded_section_opens_it(browser: Browser, page: Path, scripts: bool) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    tab = context.new_page()
    tab.goto(page.as_uri())
    assert tab.locator("details.fold").count() > 8
    assert tab.locator("details.fold[open]").count() == 0
    expect(tab.locator("#table-improvements")).to_be_hidden()
    tab.click('nav a[href="#improvement"]')
    expect(tab.locator("#table-improvements")).to_be_visible()
    assert tab.locator("details.fold[open]").count() == 1
    heading = tab.locator("details.fold[open] > summary").bounding_box()
    assert heading is not None
    assert 0 <= heading["y"] < 900  # and it is seen under its heading
    tab.goto(f"{page.as_uri()}#table-costs")
    expect(tab.locator("#table-costs")).to_be_in_viewport()
    context.close()


def test_the_head_of_the_page_is_two_screens_and_a_row_of_samples_one_row(
    browser: Browser, page: Path
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.goto(page.as_uri())
    boxes = {
        name: tab.locator(name).first.bounding_box() or {}
        for name in (".verdict", "#table-results", ".lead .plot", ".lead .sample")
    }
    tops = [box["y"] for box in boxes.values()]
    assert tops == sorted(tops)
    assert "Costs marked" in tab.inner_text(".warning")
    assert boxes[".verdict"]["y"] + boxes[".verdict"]["height"] < 300
    assert boxes["#table-results"]["y"] + boxes["#table-results"]["height"] < 900
    assert boxes[".lead .sample"]["y"] + boxes[".lead .sample"]["height"] < 2 * 900
    tiles = [tile.bounding_box() or {} for tile in tab.locator(".lead .tile").all()]
    assert len(tiles) == 6
    assert len({tile["y"] for tile in tiles}) == 1
    assert tiles[-1]["x"] == max(tile["x"] for tile in tiles)  # the reference, at the end
    for width in (420, 700, 1280, 1440, 2560):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for row in tab.locator(".tiles").all():
            others = row.locator(".whole, .tile:not(.reference)").all()
            end = row.locator(".tile.reference").bounding_box() or {}
            tops = [(one.bounding_box() or {})["y"] for one in others]
            assert end["y"] in tops, width  # never alone in a row of its own
    context.close()


def test_print_leaves_out_what_paper_cannot_do(reader: Reader) -> None:
    reader.tab.emulate_media(media="print", color_scheme="dark")
    assert not reader.tab.locator("#viewer").is_visible()
    folded = reader.tab.locator("details.fold:not([open]) > section")
    assert folded.count() > 8
    assert all(section.is_visible() for section in folded.all())  # paper has no folds
    assert not reader.tab.locator("nav").is_visible()
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    assert reader.tab.evaluate(paper) == "rgb(255, 255, 255)"  # whatever the screen's scheme
    assert reader.tab.pdf(format="A4").startswith(b"%PDF-")
