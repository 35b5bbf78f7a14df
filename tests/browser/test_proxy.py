"""The whole way of a rater and a coordinator through a real nginx, below a path, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from raters.audit import running
from raters.web.address import parsed
from raters.web.app import create_app
from tests.browser.conftest import PATIENCE_MS
from tests.browser.rater import Rater
from tests.browser.studies import make_study
from tests.browser.test_buttons import press
from tests.support.nginx import PLAIN, RECIPE, find_nginx, proxied
from tests.support.ports import free_port


@pytest.mark.slow
@pytest.mark.skipif(find_nginx() is None, reason="nginx is not installed here")
@pytest.mark.parametrize("recipe", [RECIPE.read_text(), PLAIN], ids=["recipe", "plain"])
def test_a_study_below_a_path_is_judged_and_closed(
    browser: Browser, run_folder: Path, tmp_path: Path, recipe: str
) -> None:
    study = make_study(run_folder, f"sqlite:///{tmp_path}/studies.db", trials=2, golden=0.0)
    https = free_port()
    address = f"https://localhost:{https}/study"
    reached = parsed(address)
    app = create_app(study.url, address=reached, root=reached.root)
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE_MS)
    with running(app) as served:
        port = int(served.rpartition(":")[2])
        with proxied(recipe, port, https, tmp_path / "nginx"):
            rater = Rater(context.new_page(), study, address)
            refused: list[str] = []
            rater.page.on("response", lambda r: r.status >= 400 and refused.append(r.url))
            rater.go(study.tokens[0])
            rater.reach_judging()
            rater.answer_and_wait("ArrowLeft")
            rater.answer("ArrowRight")
            rater.stage("thanks")
            assert len(rater.page.inner_text("#code")) == 8
            assert refused + rater.errors == []
            assert all(url.startswith((f"{address}/", "data:", "blob:")) for url in rater.requests)
            page = context.new_page()
            page.goto(f"{address}/dashboard/enter/{study.dashboard}")
            page.wait_for_selector("#live")
            press(page, "Close the study", "Close the study")
            expect(page.locator(".state")).to_contain_text("Closed")
            context.close()
