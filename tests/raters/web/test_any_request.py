"""Whatever is sent to the server of a study, it answers, and never with a fault of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case

from raters.web.app import create_app
from tests.browser.studies import make_run, make_study
from tests.raters.web.test_app import ready, visit


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> list[TestClient]:
    """One who judges, and one whom nobody knows."""
    folder: Path = tmp_path_factory.mktemp("any")
    url = f"sqlite:///{folder / 'studies.db'}"
    app = create_app(url)
    study = make_study(make_run(folder, 96), url, raters=2, crop=96)
    return [ready(app, study.tokens[0]), visit(app, "stranger")]


def sent(client: TestClient, case: Case) -> int:
    """Send a request; return the status."""
    words = case.as_transport_kwargs()
    words.pop("cookies", None)
    words["headers"] = {
        name: value for name, value in words["headers"].items() if name == "Content-Type"
    }
    return client.request(**words).status_code


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_no_request_of_the_schema_or_beside_it_is_a_fault_of_the_server(
    clients: list[TestClient],
) -> None:
    schema = schemathesis.openapi.from_dict(clients[0].app.openapi())  # type: ignore[attr-defined]
    found = [result.ok() for result in schema.get_all_operations()]
    assert len(found) > 8
    modes = list(schemathesis.GenerationMode)
    cases = st.one_of(
        *(operation.as_strategy(generation_mode=mode) for operation in found for mode in modes)
    )
    seen = set()

    @settings(
        max_examples=100,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, known=st.booleans())
    def check(case: Case, known: bool) -> None:
        status = sent(clients[0 if known else 1], case)
        seen.add((case.operation.path, status))
        assert status < 500, case.as_curl_command()

    check()
    assert {status for _, status in seen} >= {200, 422}
    assert len({path for path, _ in seen}) > 8
