"""Addresses are read, not glued together."""

from __future__ import annotations

import pytest

from bench.core.errors import BenchError
from raters.web.address import filled, parsed, parsed_root, return_page


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://study.example.org", "https://study.example.org/r/T"),
        ("https://study.example.org/", "https://study.example.org/r/T"),
        ("https://Study.Example.org:443//", "https://study.example.org/r/T"),
        ("http://study.example.org:443", "http://study.example.org:443/r/T"),
        (
            "https://study.example.org:8443/lab/study/",
            "https://study.example.org:8443/lab/study/r/T",
        ),
        ("http://[::1]:8000/study", "http://[::1]:8000/study/r/T"),
    ],
)
def test_links_lie_under_the_address_however_it_is_written(url: str, link: str) -> None:
    assert parsed(url).rater("T") == link


def test_every_link_has_the_path() -> None:
    reached = parsed("https://x.org", "study/")
    assert (reached.scheme, reached.host, reached.root) == ("https", "x.org", "/study")
    assert reached.dashboard("T") == "https://x.org/study/dashboard/enter/T"
    assert reached.crowd("T") == "https://x.org/study/p/T?PROLIFIC_PID={{%PROLIFIC_PID%}}"
    assert parsed("https://x.org/study", "/study") == reached


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("study.example.org", "is no address of a web site"),
        ("ftp://x.org", "is no address of a web site"),
        ("https://", "is no address of a web site"),
        ("https://x.org:port", "is no address"),
        ("https://x.org/?study=1", "has more than an address"),
        ("https://me:secret@x.org", "has more than an address"),
        ("https://x.org/a b", "is no path to serve under"),
        ("https://x.org/../up", "is no path to serve under"),
        ("https://x.org/rate", "is a path of the server's own"),
    ],
)
def test_what_is_no_address_is_refused(url: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        parsed(url)


def test_two_paths_that_differ_are_refused() -> None:
    with pytest.raises(BenchError, match="lies under '/one', and --root-path says '/two'"):
        parsed("https://x.org/one", "/two")
    assert parsed_root("/") == ""


def test_the_way_back_leads_to_the_host_that_was_given_with_the_code_in_it() -> None:
    page = return_page("https://app.prolific.com/submissions/complete?cc={code}")
    assert filled(page, "A B&c") == "https://app.prolific.com/submissions/complete?cc=A%20B%26c"
    assert filled(page, None) is None
    assert filled("https://x.org/thanks", None) == "https://x.org/thanks"
    for wrong in (
        "javascript:alert('{code}')",
        "https://{code}.example.org/",
        "//x.org/{code}",
        "https://x.org/{cod}",
        "https://x.org/\n{code}",
        "x.org/{code}",
    ):
        with pytest.raises(BenchError, match="--return-url"):
            return_page(wrong)
