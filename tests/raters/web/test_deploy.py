"""The recipes of ``docs/deploy``: nginx in front of the server, a systemd unit, a container."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer

from bench.cli.rate import app as rate
from raters.audit import audit, running
from raters.web.address import parsed
from raters.web.app import create_app
from tests.browser.studies import Study, make_run, make_study
from tests.support.nginx import PLAIN, RECIPE, Site, find_nginx, proxied
from tests.support.ports import free_port

DEPLOY = RECIPE.parent
NUMBER = "5a9d64f5f6dfdd0001eaa73d"

needs_nginx = pytest.mark.skipif(find_nginx() is None, reason="nginx is not installed here")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("deploy")
    return make_study(make_run(folder, 96), f"sqlite:///{folder}/studies.db", raters=2, crop=96)


@pytest.fixture(params=[RECIPE.read_text(), PLAIN], ids=["recipe", "plain"])
def site(request: pytest.FixtureRequest, study: Study, tmp_path: Path) -> Iterator[Site]:
    """A proxy by the recipe and by none; both in front of a server that was told its address."""
    https = free_port()
    reached = parsed(f"https://localhost:{https}/study/")
    app = create_app(study.url, address=reached, root=reached.root)
    with running(app) as address:
        port = int(address.rpartition(":")[2])
        with proxied(request.param, port, https, tmp_path / "nginx") as site:
            yield site


@pytest.mark.slow
@needs_nginx
def test_a_study_behind_nginx_is_judged_closed_and_leaves_no_token_in_a_log(
    site: Site, study: Study, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = "recipe" in request.node.name
    address = f"https://localhost:{site.https}/study"
    trusted = ssl.create_default_context(cafile=str(site.certificate))
    with httpx.Client(verify=trusted) as client:
        for path in (f"r/{study.tokens[0]}", f"p/{study.entry}?PROLIFIC_PID={NUMBER}"):
            entered = client.get(f"{address}/{path}")
            assert (entered.status_code, entered.headers["location"]) == (303, "/study/rate/")
            cookie = entered.headers["set-cookie"]
            assert "Path=/study/" in cookie
            assert ("Secure" in cookie) == recipe
        page = client.get(f"{address}/rate/").text
        assert "127.0.0.1" not in page
        assets = re.findall(r'(?:src|href)="(\.[^"]+\.(?:js|css))"', page)
        assert assets
        for asset in assets:
            assert client.get(f"{address}/rate/{asset}").status_code == 200, asset
        inside = client.get(f"{address}/dashboard/enter/{study.dashboard}", follow_redirects=True)
        assert inside.status_code == 200
        figures = client.get(f"{address}/dashboard/of/{study.name}/")
        assert ("does not pass on" in figures.text) == (not recipe)
        if not recipe:
            for header in ("Host", "X-Forwarded-Proto", "X-Forwarded-For"):
                assert f"proxy_set_header {header} $" in figures.text
    monkeypatch.setenv("SSL_CERT_FILE", str(site.certificate))
    assert audit(study.url, study.name, address, raters=1, seeds=10).leaks == ()
    if recipe:
        moved = httpx.get(f"http://localhost:{site.http}/study/r/{study.tokens[1]}")
        assert moved.headers["location"].startswith("https://localhost/study/r/")
        written = site.written_with('"GET /study/r/..." 303')
        assert '"GET /study/p/..." 303' in written
        assert '"GET /study/dashboard/enter/..." 303' in written
        assert '"POST /study/api/judgement" 200' in written
        for secret in (*study.tokens, study.entry, study.dashboard, NUMBER, "127.0.0.1"):
            assert secret not in written
        # a served image's address is the key to it for its rater alone; it is not written either
        assert not re.search(r"/s/[A-Za-z0-9_-]{5}", written)


@pytest.mark.slow
@needs_nginx
def test_not_even_a_failing_server_makes_nginx_write_a_token(study: Study, tmp_path: Path) -> None:
    nobody, https = free_port(), free_port()
    with proxied(RECIPE.read_text(), nobody, https, tmp_path / "nginx") as site:
        trusted = ssl.create_default_context(cafile=str(site.certificate))
        address = f"https://localhost:{site.https}/study/r/{study.tokens[0]}"
        assert httpx.get(address, verify=trusted).status_code == 502
        assert study.tokens[0] not in site.written_with('"GET /study/r/..." 502')


def test_the_recipes_are_those_of_the_guide() -> None:
    guide = (DEPLOY.parent / "deploy.md").read_text()
    for file in sorted(DEPLOY.iterdir()):
        assert f"(deploy/{file.name})" in guide


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "restoration-bench.service").read_text()
    unit = tmp_path / "restoration-bench.service"
    unit.write_text(text.replace("/opt/restoration-bench/bin/bench", sys.executable))
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    said = [line for line in checked.stderr.splitlines() if unit.name in line]
    assert (checked.returncode, said) == (0, [])


@pytest.mark.parametrize("command", ["unit", "container"])
def test_what_a_recipe_starts_is_a_command_of_ours(command: str) -> None:
    if command == "unit":
        text = (DEPLOY / "restoration-bench.service").read_text()
        words = shlex.split(re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)[0])
    else:
        text = (DEPLOY / "Containerfile").read_text()
        words = json.loads(re.findall(r"^CMD (.*)$", text, re.MULTILINE)[0])
        sources = re.findall(r"-c /source/(\S+)", text)
        assert all((DEPLOY.parents[1] / source).is_file() for source in sources)
    assert [Path(words[0]).name, *words[1:3]] == ["bench", "rate", "serve"]
    verb = typer.main.get_command(rate).commands["serve"]  # type: ignore[attr-defined]
    given = verb.make_context("serve", words[3:]).params
    assert parsed(given["url"]).root == "/study"
