"""A reader's own photograph in the report's page: as torch restores it, from a file, offline."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab
from torch import nn

from bench.core.files import sha256_of
from bench.core.layout import VARIABLE
from bench.image import Pixels, read, write_png
from bench.report import trial_of, write_report
from bench.runs.record import WeightsRecord
from bench.runs.store import RunFolder
from models.architectures.rescnn import ResidualCNN
from models.loading import load_restorer
from models.weights import save_weights
from tests.support.downloads import runtime_fetched
from tests.support.training import header_of

pytestmark = pytest.mark.slow  # 33 MB, once, and a page is made

OPTIONS = {"width": 8, "blocks": 1}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network whose pictures are far from the image that it is given."""
    network = ResidualCNN(**OPTIONS)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.05)
    path = tmp_path_factory.mktemp("weights") / "rescnn.safetensors"
    save_weights(path, network, header_of("rescnn", options=OPTIONS))
    return path


@pytest.fixture(scope="module")
def page(
    weights: Path, photographs_run: RunFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("trial")
    results = runtime_fetched(tmp_path_factory)
    run = RunFolder(shutil.copytree(photographs_run.path, folder / "run"))
    record = run.record()
    own = WeightsRecord(origin="trained", file=str(weights), sha256=sha256_of(weights), header={})
    model = replace(record.models["sharper"], spec=str(weights), family="given", weights=own)
    run.write_record(replace(record, models={**record.models, "sharper": model}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(results))
        yield write_report([run], trial=trial_of([run], "sharper"))


@pytest.fixture
def tab(browser: Browser, page: Path) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda line: line.type == "error" and wrong.append(line.text))
    tab.on("request", lambda one: one.url.startswith("http") and wrong.append(one.url))
    tab.goto(f"{page.as_uri()}#trial")
    yield tab
    assert wrong == []
    context.close()


def saved(tab: Tab) -> Pixels:
    link = tab.locator(".trial .save")
    expect(link).to_be_visible(timeout=60_000)
    with tab.expect_download() as coming:
        link.click()
    assert coming.value.suggested_filename == "mine-sharper.png"
    png = Path(coming.value.path()).read_bytes()
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_a_photograph_is_restored_in_the_page_as_torch_restores_it(
    tab: Tab, weights: Path, photograph: Pixels, tmp_path: Path
) -> None:
    asked = photograph[20:333, 40:451]  # 313 x 411: four tiles, and sides of no multiple
    write_png(tmp_path / "mine.png", np.ascontiguousarray(asked))
    tab.set_input_files(".trial input", tmp_path / "mine.png")
    made = saved(tab)
    restorer = load_restorer(str(weights))
    image = torch.from_numpy(read(tmp_path / "mine.png")).permute(2, 0, 1)[None].float() / 255
    whole = restorer.restore(image)[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255
    assert made.shape == asked.shape
    assert np.abs(made - whole).max() <= 1
    assert np.abs(made - asked.astype(float)).mean() > 3  # and it is no copy
    shown = tab.locator(".trial .viewer canvas")
    expect(shown).to_have_count(2)
    expect(tab.locator(".trial .place")).to_have_text("the whole image, 411 × 313 pixels")


def test_what_is_no_photograph_is_said_in_a_line(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(b"nothing of an image")
    tab.set_input_files(".trial input", tmp_path / "mine.png")
    expect(tab.locator(".trial .said")).to_contain_text("cannot read mine.png as a photograph")
