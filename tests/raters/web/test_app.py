"""The web server without a browser: who gets in, what is closed, what an answer gives away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from bench.core.errors import BenchError
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.tokens import NEW_A_MINUTE
from raters.texts import shipped
from raters.web.app import create_app, server
from raters.web.rate_limiter import FAILURES
from raters.web.security import BODY_LIMIT
from tests.browser.studies import IMAGES, MODELS, Study, make_run, make_study

TAB = "tab-0001"
SCREEN = {
    "viewport": [1280, 720],
    "screen": [1920, 1080],
    "dpr": 1.0,
    "zoom": 1.0,
    "pinch": 1.0,
    "depth": 24,
    "wide_gamut": False,
    "dark_seen": 5,
    "bright_seen": 4,
}
CLIENT = {
    "viewport": [1280, 720],
    "dpr": 1.0,
    "modes": ["side"],
    "flickers": 0,
    "held": 0,
    "zoom": 1,
    "zoom_max": 1,
    "pans": 0,
}
LOOKED = {"layout": "a b", "reference_shown": 0, "reference_ms": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    return make_run(folder, 96)


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[FastAPI]:
    made = create_app(f"sqlite:///{folder / 'studies.db'}")
    with TestClient(made):
        yield made


@pytest.fixture
def study(run: Path, folder: Path, app: FastAPI) -> Study:
    return make_study(run, f"sqlite:///{folder / 'studies.db'}", raters=2, crop=96)


def visit(app: FastAPI, address: str = "testclient") -> TestClient:
    """Return a client without cookies; every test has an address of its own, as guesses count."""
    return TestClient(app, follow_redirects=False, client=(address, 50000))


def enter(app: FastAPI, token: str, address: str = "testclient") -> TestClient:
    client = visit(app, address)
    assert client.get(f"/r/{token}").status_code == 303
    return client


def ready(app: FastAPI, token: str) -> TestClient:
    """Return a rater who may judge."""
    client = enter(app, token)
    assert client.post("/api/consent", json={}).json() == {"ok": True}
    assert client.post("/api/checks", json=SCREEN).json()["ok"]
    return client


def trial(client: TestClient, **asked: Any) -> dict[str, Any]:
    reply = client.post("/api/trial", json={"tab": TAB, **asked})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def judgement(step: dict[str, Any], answer: str, key: str, **other: Any) -> dict[str, Any]:
    return {
        "trial": step["trial"],
        "answer": answer,
        "key": key,
        "tab": TAB,
        "response_ms": 1500,
        "timer_broken": False,
        "reloads": 0,
        **LOOKED,
        "client": CLIENT,
        **other,
    }


# --- links ---------------------------------------------------------------------------------------


def test_a_link_becomes_a_cookie_that_scripts_cannot_read(app: FastAPI, study: Study) -> None:
    reply = visit(app).get(f"/r/{study.tokens[0]}")
    assert (reply.status_code, reply.headers["location"]) == (303, "/rate/")
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    secure = TestClient(app, base_url="https://testserver", follow_redirects=False)
    assert "Secure" in secure.get(f"/r/{study.tokens[0]}").headers["set-cookie"]


def test_links_that_lead_nowhere_say_so_kindly(app: FastAPI, study: Study) -> None:
    wrong = visit(app, "kindly").get("/r/nonsense")
    assert (wrong.status_code, "not one of ours" in wrong.text) == (404, True)
    store = Store(study.url)
    close_study(store, study.name)
    store.close()
    closed = visit(app).get(f"/r/{study.tokens[0]}")
    assert (closed.status_code, "closed" in closed.text) == (410, True)


def test_refusals_are_in_the_language_of_the_study_else_in_that_of_the_browser(
    app: FastAPI, run: Path, study: Study
) -> None:
    german = {"Accept-Language": "de-AT, en;q=0.5"}
    stranger = visit(app, "stranger")
    stranger.headers.update(german)
    page = stranger.get("/r/nonsense").text
    assert '<html lang="de">' in page
    assert shipped("de").say("refused.wrong.title") in page
    posted = stranger.post("/api/trial", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert posted.json()["message"].startswith(shipped("de").say("errors.foreign.text"))
    assert stranger.post("/api/trial", data={"a": "b"}).json() == {
        "error": "type",
        "message": shipped("de").say("errors.type.text"),
    }
    large = stranger.post("/api/trial", json={"tab": "t" * BODY_LIMIT})
    assert large.json()["message"] == shipped("de").say("errors.too_large.text")
    assert stranger.get("/rate/config").json()["message"] == "Hier gibt es nichts."
    for _ in range(FAILURES):
        slowed = stranger.get("/r/nonsense")
    assert slowed.status_code == 429
    assert shipped("de").say("errors.slow_down.title") in slowed.text
    # of a study that is known, its own language is spoken, whatever the browser would rather have
    spanish = make_study(run, study.url, crop=96, language="es")
    store = Store(study.url)
    close_study(store, spanish.name)
    store.close()
    other = visit(app, "other")
    closed = other.get(f"/r/{spanish.tokens[0]}", headers=german).text
    assert '<html lang="es">' in closed
    assert shipped("es").say("refused.closed.title") in closed


def test_guessing_is_slowed_down_and_honest_raters_are_not_locked_out(
    app: FastAPI, study: Study
) -> None:
    honest = enter(app, study.tokens[0], "classroom")
    guesser = visit(app, "classroom")
    replies = [guesser.get(f"/r/guess{number}").status_code for number in range(FAILURES + 2)]
    assert replies == [404] * FAILURES + [429] * 2
    (name,) = [cookie.name for cookie in honest.cookies.jar]
    guesser.cookies.set(name, "another guess")
    assert guesser.get("/api/session").status_code == 429
    assert honest.get("/api/session").status_code == 200
    assert enter(app, study.tokens[0], "classroom")
    assert enter(app, study.tokens[1], "elsewhere")


def test_who_comes_in_a_crowd_waits_on_a_page_that_goes_on_by_itself(
    app: FastAPI, study: Study
) -> None:
    link = f"/p/{study.entry}?PROLIFIC_PID="
    replies = [visit(app).get(f"{link}made-up-{number}") for number in range(NEW_A_MINUTE + 1)]
    assert [reply.status_code for reply in replies] == [303] * NEW_A_MINUTE + [503]
    assert "Please wait a little" in replies[-1].text
    assert replies[-1].headers["refresh"] == replies[-1].headers["retry-after"] == "20"


# --- what is closed ------------------------------------------------------------------------------


def test_of_all_routes_of_gradio_only_the_page_and_its_assets_answer(app: FastAPI) -> None:
    client = visit(app)
    mounted = next(r for r in app.routes if isinstance(r, Mount) and r.path == "/rate")
    assert mounted.routes is not None
    routes = list(mounted.routes)
    for route in mounted.routes:  # FastAPI keeps a router that was included whole
        if (router := getattr(route, "original_router", None)) is not None:
            routes += router.routes
    paths = {re.sub(r"\{[^}]*\}", "x", getattr(route, "path", "/")) for route in routes}
    assert {"/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/file=x"} <= paths
    answering = {path for path in paths if client.get(f"/rate{path}").status_code != 404}
    assert answering == {"/", "/theme.css"}
    for path in paths:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert client.request(method, f"/rate{path}").status_code >= 400, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/rate",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/rate/config",
        "/rate/gradio_api/info",
        "/rate/gradio_api/file=/etc/passwd",
        "/rate/gradio_api/file%3D/etc/passwd",
        "/rate/file=/etc/passwd",
        "/rate/static/../../../../etc/passwd",
        "/rate/assets/..%2f..%2f..%2fversion.txt",
        "/rate/assets/../config.json",
        "/rate/?deep_link=x",
        "/rate/static/img/logo.svg",
        "/s/..%2f..%2fetc%2fpasswd",
        "/rate-assets/judge.html",
        "/rate-assets/../app.py",
        "/rate-assets/..%2fapp.py",
        "/dashboard/nothing",
        "/rate/gradio_api/queue/data",
        "/rate/monitoring",
    ],
)
def test_there_is_nothing_at(app: FastAPI, study: Study, path: str) -> None:
    reply = enter(app, study.tokens[0]).get(path)
    assert reply.status_code == 404
    assert "root:" not in reply.text


def test_requests_of_other_sites_are_refused(app: FastAPI, study: Study) -> None:
    client = enter(app, study.tokens[0])
    for headers in (
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://testserver:8080"},
    ):
        assert client.post("/api/consent", json={}, headers=headers).status_code == 403, headers
    assert client.get("/api/session").json()["stage"] == "consent"
    own = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/consent", json={}, headers=own).status_code == 200


def test_a_browser_that_keeps_its_origin_to_itself_is_believed_where_it_came_from(
    app: FastAPI, study: Study
) -> None:
    dashboard = at_dashboard(app, study)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "null"}
    for site, status in ((None, 403), ("cross-site", 403), ("same-origin", 303)):
        headers = form if site is None else {**form, "Sec-Fetch-Site": site}
        reply = dashboard.post(at(study, "close"), headers=headers)
        assert reply.status_code == status, site
        if status == 403:
            assert reply.headers["content-type"].startswith("text/html")
            assert "nothing was done" in reply.text


def test_the_address_that_raters_use_is_trusted_behind_a_proxy_that_hides_it(
    study: Study,
) -> None:
    made = create_app(study.url, ["https://Study.example.org:443/", "http://lab.local:8080"])
    with TestClient(made):
        client = enter(made, study.tokens[0])
        for origin, status in (
            ("https://study.example.org", 200),
            ("http://lab.local:8080", 200),
            ("http://study.example.org", 403),
            ("http://lab.local", 403),
        ):
            reply = client.post("/api/consent", json={}, headers={"Origin": origin})
            assert reply.status_code == status, origin
    with pytest.raises(BenchError, match=r"'study\.example\.org' is no address of a web site"):
        create_app(study.url, ["study.example.org"])


def test_what_is_not_expected_is_refused_and_not_stored(app: FastAPI, study: Study) -> None:
    client = ready(app, study.tokens[0])
    step = trial(client)
    good = judgement(step, "a", "key-00000001")
    for bad in (
        {"swapped": True},
        {"answer": "A"},
        {"answer": "same"},
        {"response_ms": -1},
        {"response_ms": "1500"},
        {"key": "k"},
        {"key": "../../key"},
        {"timer_broken": 1},
        {"client": {**CLIENT, "note": "x"}},
        {"client": {**CLIENT, "modes": ["x" * 999]}},
    ):
        reply = client.post("/api/judgement", json={**good, **bad})
        assert reply.status_code == 422, bad
        assert "swapped" not in reply.text
    form = client.post("/api/judgement", data={"trial": "x"})
    assert form.status_code == 415
    large = client.post("/api/judgement", json={**good, "key": "k" * BODY_LIMIT})
    assert large.status_code == 413
    assert study.judgements() == []


def test_a_large_body_without_a_length_is_not_read(app: FastAPI, study: Study) -> None:
    client = enter(app, study.tokens[0])
    pieces = (b" " * 4096 for _ in range(16))
    reply = client.post(
        "/api/consent", content=pieces, headers={"Content-Type": "application/json"}
    )
    assert reply.status_code >= 400
    assert client.get("/api/session").json()["stage"] == "consent"


# --- judging -------------------------------------------------------------------------------------


def test_the_same_judgement_twice_is_stored_once(app: FastAPI, study: Study) -> None:
    client = ready(app, study.tokens[0])
    body = judgement(trial(client), "b", "key-00000002")
    first = client.post("/api/judgement", json=body).json()
    again = client.post("/api/judgement", json=body).json()
    other = client.post("/api/judgement", json={**body, "answer": "a", "key": "key-other"}).json()
    assert [r["repeated"] for r in (first, again, other)] == [False, True, True]
    assert [r["answer"] for r in (first, again, other)] == ["b", "b", "b"]
    assert first["next"]["trial"] == again["next"]["trial"] == other["next"]["trial"]
    assert [row.answer for row in study.judgements()] == ["b"]


def test_images_are_for_the_rater_whose_trial_it_is(app: FastAPI, study: Study) -> None:
    owner, other = ready(app, study.tokens[0]), ready(app, study.tokens[1])
    step = trial(owner)
    replies = [owner.get(url) for url in step["slots"].values()]
    assert all(reply.content.startswith(b"\x89PNG") for reply in replies)
    assert len({len(reply.content) for reply in replies}) == 1
    assert all(other.get(url).status_code == 404 for url in step["slots"].values())
    assert visit(app, "no cookie").get(step["slots"]["a"]).status_code == 404
    foreign = other.post("/api/judgement", json=judgement(step, "a", "key-00000003"))
    assert foreign.status_code == 404


def test_a_page_whose_cookie_became_another_raters_gets_and_gives_nothing(
    app: FastAPI, study: Study
) -> None:
    client = ready(app, study.tokens[0])
    mine = {"X-Rater": client.get("/api/session").json()["who"]}
    step = trial(client)
    client.get(f"/r/{study.tokens[1]}")  # somebody else's link, in the same browser
    given = judgement(step, "a", "key-00000004")
    reply = client.post("/api/judgement", json=given, headers=mine)
    assert (reply.status_code, reply.json()["error"]) == (403, "another")
    assert "is kept until then" in reply.json()["message"]
    for path, body in (("trial", {"tab": TAB}), ("consent", {}), ("withdraw", {})):
        assert client.post(f"/api/{path}", json=body, headers=mine).status_code == 403
    client.get(f"/r/{study.tokens[0]}")
    assert client.get("/api/session").json()["who"] == mine["X-Rater"]
    assert client.post("/api/judgement", json=given, headers=mine).status_code == 200


def test_who_comes_from_a_platform_again_is_the_same_to_their_page(
    app: FastAPI, study: Study
) -> None:
    client = visit(app)
    seen = set()
    for _ in range(2):
        assert client.get(f"/p/{study.entry}?PROLIFIC_PID=5f3ab").status_code == 303
        seen.add(client.get("/api/session").json()["who"])
    assert len(seen) == 1


def test_servers_of_two_databases_have_cookies_of_two_names(
    app: FastAPI, study: Study, run: Path, tmp_path: Path
) -> None:
    other = make_study(run, f"sqlite:///{tmp_path / 's.db'}", crop=96)
    with TestClient(create_app(other.url)) as second:
        client = visit(second.app)  # type: ignore[arg-type]
        client.get(f"/r/{other.tokens[0]}")
        names = {c.name for c in (*client.cookies.jar, *enter(app, study.tokens[0]).cookies.jar)}
    again = create_app(other.url)  # a second server of that database, or the first one anew
    assert len(names) == 2
    with TestClient(again):
        back = visit(again)
        back.cookies = client.cookies
        assert back.get("/api/session").status_code == 200


def test_nothing_before_consent(app: FastAPI, study: Study) -> None:
    client = enter(app, study.tokens[0])
    assert client.post("/api/trial", json={"tab": TAB}).status_code == 409
    assert client.post("/api/checks", json=SCREEN).status_code == 409


def test_who_has_left_stays_out(app: FastAPI, study: Study) -> None:
    client = ready(app, study.tokens[0])
    trial(client)
    assert client.post("/api/withdraw", json={}).status_code == 200
    assert client.post("/api/trial", json={"tab": TAB}).json()["error"] == "withdrawn"
    assert visit(app).get(f"/r/{study.tokens[0]}").status_code == 410


# --- what answers carry --------------------------------------------------------------------------


def policies(reply: httpx.Response) -> dict[str, str]:
    directives = reply.headers["content-security-policy"].split(";")
    return {name: rest for name, _, rest in (d.strip().partition(" ") for d in directives)}


def test_every_answer_carries_the_security_headers(app: FastAPI, study: Study) -> None:
    client = enter(app, study.tokens[0])
    for path in (
        "/rate/",
        "/rate/theme.css",
        "/rate-assets/main.js",
        "/api/session",
        "/r/wrong",
        "/s/nothing",
        "/dashboard/",
        "/rate/config",
        "/favicon.ico",
    ):
        reply = client.get(path)
        assert reply.headers["x-content-type-options"] == "nosniff", path
        assert reply.headers["referrer-policy"] == "same-origin", path
        assert policies(reply)["frame-ancestors"] == "'none'", path
        assert policies(reply)["default-src"] == "'none'", path
        assert not {"server", "etag", "access-control-allow-origin"} & set(reply.headers), path


def test_scripts_in_gradios_page_are_let_in_by_hash(app: FastAPI) -> None:
    reply = visit(app).get("/rate/")
    scripts = policies(reply)["script-src"].split()
    inline = re.findall(r"<script(?![^>]*\ssrc=)", reply.text)
    assert "'unsafe-inline'" not in scripts
    assert sum(source.startswith("'sha256-") for source in scripts) == len(inline) >= 3
    assert not [source for source in scripts if "http" in source or "*" in source]


def test_the_page_is_the_same_for_every_rater_and_names_nothing(app: FastAPI, study: Study) -> None:
    pages = {enter(app, token).get("/rate/").text for token in study.tokens}
    assert len(pages) == 1
    page = pages.pop()
    assert not [word for word in (*MODELS, *IMAGES, study.name, str(study.url)) if word in page]
    assert '"dependencies":' in page
    assert 'is_colab":false' in page.replace(" ", "")


def test_steps_tell_a_client_nothing_of_what_it_sees(app: FastAPI, study: Study) -> None:
    client = ready(app, study.tokens[0])
    step = trial(client)
    assert set(step) == {
        "state",
        "trial",
        "training",
        "number",
        "total",
        "width",
        "height",
        "resumed",
        "practice",
        "slots",
        "following",
    }
    ids = [step["trial"], *(url.removeprefix("/s/") for url in step["slots"].values())]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20,}", name) for name in ids)
    view = client.get("/api/session").json()
    assert study.name not in str(view)


def test_the_server_logs_no_requests_and_does_not_name_itself(app: FastAPI) -> None:
    config = server(app, port=1).config
    assert (config.access_log, config.server_header, config.date_header) == (False, False, False)


# --- the dashboard -------------------------------------------------------------------------------


def at(study: Study, what: str = "") -> str:
    """Return the address of something at a study's dashboard."""
    return f"/dashboard/of/{study.name}/{what}"


def at_dashboard(app: FastAPI, study: Study) -> TestClient:
    client = visit(app)
    assert client.get(f"/dashboard/enter/{study.dashboard}").status_code == 303
    return client


def test_the_dashboard_opens_with_its_own_token_only(app: FastAPI, study: Study) -> None:
    assert visit(app, "dashboard 1").get(at(study)).status_code == 404
    assert enter(app, study.tokens[0]).get(at(study)).status_code == 404
    assert visit(app, "dashboard 2").get(f"/dashboard/enter/{study.tokens[0]}").status_code == 404
    client = at_dashboard(app, study)
    assert client.get(at(study)).status_code == 200
    assert client.get("/api/session").status_code == 401


def test_a_dashboards_cookie_opens_no_other_study(
    app: FastAPI, study: Study, run: Path, folder: Path
) -> None:
    other = make_study(run, f"sqlite:///{folder / 'studies.db'}", crop=96)
    client = at_dashboard(app, study)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.get(at(other)).status_code == 404
    assert client.post(at(other, "close"), headers=form).status_code == 404
    assert client.get(f"/dashboard/enter/{other.dashboard}").status_code == 303
    assert [client.get(at(made)).status_code for made in (study, other)] == [200, 200]
    # under the name of the other's cookie, a token opens nothing but its own study
    mixed = visit(app, "mixed")
    for cookie in client.cookies.jar:
        mixed.cookies.set(cookie.name, study.dashboard)
    assert [mixed.get(at(made)).status_code for made in (study, other)] == [200, 404]


def test_names_stay_hidden_until_closed_and_asked_for_on_record(app: FastAPI, study: Study) -> None:
    rater = ready(app, study.tokens[0])
    step = trial(rater)
    for number in range(3 * 3 + 4):  # practice that is failed comes again
        if step["state"] == "done":
            break
        body = judgement(step, "a", f"key-dashboard-{study.name}-{number}")
        step = rater.post("/api/judgement", json=body).json()["next"]
    assert step == {"state": "done"}
    dashboard = at_dashboard(app, study)

    def named() -> list[str]:
        return [model for model in MODELS if model in dashboard.get(at(study)).text]

    def export_named() -> list[str]:
        return [model for model in MODELS if model in dashboard.get(at(study, "export")).text]

    assert "Judgements" in dashboard.get(at(study)).text
    assert (named(), export_named()) == ([], [])
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert dashboard.post(at(study, "unblind"), headers=form).status_code == 409
    assert named() == []
    foreign = {**form, "Origin": "https://elsewhere.example"}
    assert dashboard.post(at(study, "close"), headers=foreign).status_code == 403
    assert dashboard.post(at(study, "close"), headers=form).status_code == 303
    assert named() == []
    assert dashboard.post(at(study, "unblind"), headers=form).status_code == 303
    assert sorted(named()) == sorted(MODELS)
    events = [row.what for row in study.rows("event")]
    assert events.count("unblinded") == 1
    assert dashboard.post(at(study, "unblind"), headers=form).status_code == 303
    assert [row.what for row in study.rows("event")] == events


# --- behind a proxy ------------------------------------------------------------------------------


def test_addresses_are_believed_from_the_proxies_that_were_named(study: Study) -> None:
    def guessed(asked_by: str, proxies: list[str]) -> int:
        config = server(create_app(study.url), proxies=proxies).config
        config.load()
        with TestClient(config.loaded_app, client=(asked_by, 50000)) as client:
            for number in range(FAILURES + 1):
                forwarded = {"X-Forwarded-For": f"203.0.113.{number}"}
                reply = client.get(f"/r/guess{number}", headers=forwarded)
        return reply.status_code

    assert guessed("10.0.0.2", ["10.0.0.0/24"]) == 404  # each guess is somebody else's
    assert guessed("10.0.1.2", ["10.0.0.0/24"]) == 429  # says who it is for, and is not believed
    assert guessed("10.0.0.2", ["127.0.0.1"]) == 429


def test_the_coordinator_and_raters_come_in_whoever_else_guesses_behind_their_proxy(
    study: Study,
) -> None:
    fresh = create_app(study.url)  # a server that was just started knows nobody
    with TestClient(fresh):
        guesser = visit(fresh, "proxy")
        replies = [guesser.get(f"/r/guess{number}").status_code for number in range(FAILURES + 1)]
        assert replies[-1] == 429
        assert enter(fresh, study.tokens[0], "proxy").get("/api/session").status_code == 200
        dashboard = visit(fresh, "proxy").get(f"/dashboard/enter/{study.dashboard}")
        assert dashboard.status_code == 303
        platform = visit(fresh, "proxy").get(f"/p/{study.entry}?PROLIFIC_PID=5a9d64f5")
        assert platform.status_code == 303


def test_below_a_path_everything_is_below_it_whether_the_proxy_takes_it_away_or_not(
    study: Study,
) -> None:
    below = create_app(study.url, root="/lab/study")
    with TestClient(below):
        for number, path in enumerate(("", "/lab/study")):
            client = visit(below)
            entered = client.get(f"{path}/r/{study.tokens[number]}")
            assert entered.headers["location"] == "/lab/study/rate/"
            assert "Path=/lab/study/" in entered.headers["set-cookie"]
            assert client.get(f"{path}/rate/").status_code == 200
            wrong = client.get(f"{path}/r/nonsense")
            assert 'href="/lab/study/rate-assets/error.css"' in wrong.text
            (dashboard,) = [
                client.get(f"{path}/dashboard/enter/{study.dashboard}").headers["location"]
            ]
            assert dashboard == f"/lab/study/dashboard/of/{study.name}/open"
        assert visit(below).get("/lab/studyrate/").status_code == 404
