"""The demo without a browser: which models it offers, and what goes when a visit ends."""

from __future__ import annotations

import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.demo.at_hand import choices
from bench.demo.page import tried
from bench.demo.showing import scenes
from bench.demo.trying import Workshop, Worse, made_worse
from bench.demo.visits import PREFIX, Visits
from bench.image import Pixels, write_png
from bench.photographs.reading import Photograph
from models.catalogue import model_cards
from models.loading import build_network
from models.shipped.table import SHIPPED
from models.weights import save_weights
from models.weights_folder import WeightsFolder
from tests.support.commands import called
from tests.support.training import header_of


def test_models_at_hand_are_the_classical_ones_the_shipped_ones_and_those_trained_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    assert list(choices()) == ["nlm", "tv", "unsharp", *SHIPPED]
    assert list(choices(["nlm", "rescnn"])) == ["nlm", "rescnn-shipped-deblur"]
    with pytest.raises(BenchError, match="no weights for 'cnn'"):
        choices(["nlm", "cnn"])
    made = tmp_path / "rescnn.safetensors"
    save_weights(made, build_network(model_cards()["rescnn"], 0), header_of("rescnn"))
    kept = WeightsFolder().keep(made, "demo", "0" * 16)
    assert choices()["rescnn"].weights == kept
    assert [choice.weights for choice in choices(["rescnn", "tv"]).values()] == [kept, None]
    with pytest.raises(BenchError, match="did you mean"):
        choices(["unsharpp"])


def test_a_visit_leaves_nothing_and_a_killed_server_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    abandoned = tmp_path / f"{PREFIX}999999999-x"  # of no process: Linux counts to 4,194,304
    abandoned.mkdir()
    visits = Visits()
    assert not abandoned.exists()
    uploads = [visits.uploads / name / "a.png" for name in ("one", "two")]
    with visits.present("you"):
        with visits.present("me"), visits.present("me"):  # one of them the same, broken off
            for upload in uploads:
                upload.parent.mkdir()
                upload.write_bytes(b"photograph")
                visits.uploaded("me", str(upload))
            assert not uploads[0].parent.exists()  # another has taken its place
            made = []
            for visit in ("me", "me", "you"):
                with visits.working(visit) as folder:
                    made.append(folder)
            assert [folder.exists() for folder in made] == [False, True, True]
            assert uploads[1].exists()
            assert visits.is_here("me")
        assert not visits.is_here("me")
        assert not uploads[1].parent.exists()
        assert [folder.exists() for folder in made] == [False, False, True]
    visits.close()
    assert list(tmp_path.iterdir()) == []


def test_who_left_before_the_work_ended_or_began_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    visits = Visits()
    with ExitStack() as page:
        page.enter_context(visits.present("me"))
        with visits.working("me") as made:
            (made / "a.png").write_bytes(b"restored")
            page.close()
            made.mkdir()  # what was being written when the folder went
            (made / "b.png").write_bytes(b"restored")
    assert not made.exists()
    with visits.working("me") as made:  # it had waited in the queue
        (made / "a.png").write_bytes(b"restored")
    assert not made.exists()
    upload = visits.uploads / "a.png"
    upload.write_bytes(b"photograph")
    visits.uploaded("me", str(upload))  # the page's last words
    assert not upload.exists()
    visits.close()


def test_models_do_not_work_on_for_somebody_who_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    visits, workshop = Visits(), Workshop(choices(["unsharp", "tv"]), "cpu", 400_000)
    upload = visits.uploads / "a.png"
    write_png(upload, np.full((48, 48, 3), 90, np.uint8))
    with visits.present("me"):
        visits.uploaded("me", str(upload))
        shown = tried(workshop, visits, "me", str(upload), ["unsharp", "tv"], Worse())
        lines = [next(shown)[0] for _ in range(2)]
    assert lines == ["Model 1 of 2: unsharp is at work …"] * 2
    with pytest.raises(BenchError, match="nothing was kept: this page lost its connection"):
        next(shown)
    with visits.present("me"), pytest.raises(BenchError, match=r"here no more: .*; upload it"):
        next(tried(workshop, visits, "me", str(upload), ["unsharp"], Worse()))
    visits.close()


def test_two_with_the_same_photograph_take_it_from_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    visits = Visits()
    upload = visits.uploads / "of its content" / "a.png"
    upload.parent.mkdir()
    upload.write_bytes(b"photograph")
    with visits.present("they"):
        with visits.present("me"), visits.present("you"):
            for visit in ("me", "you", "they"):
                visits.uploaded(visit, str(upload))
            visits.uploaded("you", None)
        assert upload.exists()
    assert not upload.parent.exists()
    visits.close()


def test_noise_is_of_the_levels_asked_for_and_grey_stays_grey() -> None:
    flat = np.full((64, 64, 1), 128, np.uint8)
    worse = made_worse(Photograph(colour=flat), Worse(noise=20))
    assert worse.colour.shape == (64, 64, 1)
    assert worse.colour.std() == pytest.approx(20, rel=0.05)
    assert not Worse(blur="defocus").changes
    assert not Worse(extent=8).changes


def test_what_models_enlarge_is_shown_beside_the_photograph_at_that_size(
    tmp_path: Path, photograph: Pixels
) -> None:
    spec = tmp_path / "twice.py"
    spec.write_text(
        "import torch\n"
        "class Twice(torch.nn.Module):\n"
        "    scale = 2\n"
        "    def forward(self, x):\n"
        "        return torch.nn.functional.interpolate(x, scale_factor=2)\n"
    )
    found = choices([f"{spec}:Twice", "unsharp"])
    workshop = Workshop(found, "cpu", 10**6)
    given = Photograph(colour=np.ascontiguousarray(photograph[:100, :120]))
    versions = list(workshop.versions(given, list(found), Worse(), tmp_path))
    assert [version.error for version in versions] == [None] * 3
    assert [version.size for version in versions] == [(100, 120), (200, 240), (100, 120)]
    made = scenes(versions, tmp_path)
    assert (
        "240 × 200 pixels; the photograph's 120 × 100 are enlarged (bicubic)"
        in made.encode().decode("unicode_escape")
    )
    assert (tmp_path / "Photograph-240x200.png").is_file()


def test_a_taken_port_and_an_unknown_model_are_told() -> None:
    assert "did you mean" in called("demo", "--models", "unsharpp", "--no-browser", status=2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = called("demo", "--port", port, "--no-browser", status=2)
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "give another --port" in said
