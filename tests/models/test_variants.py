"""Variants of a model: what a spec names, the mean over symmetries, statistics of a window."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from spandrel.architectures.NAFNet import NAFNet

with warnings.catch_warnings(action="ignore", category=FutureWarning):  # torch.jit, at import
    from spandrel_extra_arches.architectures.MPRNet import MPRNet

from bench.compute.calls import count_calls, observe
from bench.core.errors import BenchError
from models.catalogue import NONCOMMERCIAL
from models.ensemble import Ensemble
from models.identity import model_digest
from models.loading import load_restorer
from models.local_statistics import LocalMean
from models.restorer import NOTHING_KNOWN, Hints
from models.specs import card_of, form_of, label
from models.variants import VARIANTS, parted

IMAGE = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def nafnet(tmp_path: Path) -> str:
    """A small NAFNet with random weights, as its authors' training writes it."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = NAFNet(width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1])
        for parameter in network.parameters():  # beta and gamma begin at 0: blocks would do nothing
            torch.nn.init.normal_(parameter, std=0.3)
    torch.save({"params": network.state_dict()}, tmp_path / "nafnet.pth")
    return str(tmp_path / "nafnet.pth")


# --- the spec ---------------------------------------------------------------------------------


def test_variants_follow_a_spec_of_every_form_in_the_order_of_the_table(tmp_path: Path) -> None:
    assert parted("nlm") == ("nlm", ())
    assert parted("a/b.onnx:out@x8+tlc") == ("a/b.onnx:out", ("tlc", "x8"))
    assert parted("me@home/nafnet.pth") == ("me@home/nafnet.pth", ())
    assert (form_of("unet@x8"), label("unet@x8")) == ("catalogue", "unet@x8")
    assert (form_of("a/b.pth@x8+tlc"), label("a/b.pth@x8+tlc")) == ("weights", "b@tlc+x8")
    assert label("pack.mod:net@x8") == "mod:net@x8"
    (tmp_path / "best@x8").mkdir()
    assert label(f"outputs:{tmp_path}/best@x8") == "best@x8"  # a folder that is called so


def test_an_unknown_variant_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no variant 'x9'; did you mean 'x8'"):
        card_of("unet@x9")
    with pytest.raises(
        BenchError, match="no variant 'quick'; known: " + ", ".join(sorted(VARIANTS))
    ):
        card_of("unet@x8+quick")
    (tmp_path / "finished").mkdir()
    with pytest.raises(BenchError, match="finished images have no variants"):
        card_of(f"outputs:{tmp_path}/finished@x8")


def test_a_variant_is_another_model_by_content(nafnet: str) -> None:
    digests = {
        model_digest(nafnet + variant, None, load_restorer(nafnet + variant))
        for variant in ("", "@x8", "@tlc", "@tlc+x8")
    }
    assert len(digests) == 4


# --- x8 ---------------------------------------------------------------------------------------


def test_x8_is_the_mean_over_the_eight_symmetries_by_hand(nafnet: str) -> None:
    one, eight = load_restorer(nafnet), load_restorer(f"{nafnet}@x8")
    x = IMAGE[0].permute(1, 2, 0).numpy()
    expected = np.zeros_like(x, dtype=np.float64)
    for flip in (lambda a: a, np.flipud):
        for turns in range(4):
            seen = np.ascontiguousarray(np.rot90(flip(x), turns))
            made = one.restore(torch.from_numpy(seen).permute(2, 0, 1)[None])
            expected += flip(np.rot90(made[0].permute(1, 2, 0).numpy(), -turns)) / 8
    found = eight.restore(IMAGE)
    assert eight.name == "nafnet@x8"
    assert np.allclose(found[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)
    assert not torch.allclose(found, one.restore(IMAGE), atol=1e-3)


def test_x8_turns_the_psf_with_the_image() -> None:
    class Shifts:
        """Shifts an image by where the PSF has its one: what a turned PSF undoes, or not."""

        name, needs_psf, scale, device, network = "shifts", True, 1, torch.device("cpu"), None
        uses_noise = False

        def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
            assert hints.psf is not None
            row, column = (int(at[0]) - 1 for at in np.nonzero(hints.psf))
            return torch.roll(degraded, (row, column), (2, 3))

    psf = np.zeros((3, 3))
    psf[0, 2] = 1
    hints = Hints(psf=psf)
    assert torch.allclose(
        Ensemble(Shifts()).restore(IMAGE, hints), Shifts().restore(IMAGE, hints), atol=1e-6
    )


def test_x8_works_eight_times_and_its_operations_are_counted(nafnet: str) -> None:
    macs = []
    for spec in (nafnet, f"{nafnet}@x8"):
        restorer = load_restorer(spec)
        assert restorer.network is not None
        _, calls = observe(restorer.network, lambda r=restorer: r.restore(IMAGE))
        macs.append(count_calls(restorer.network, calls).macs)
    assert macs[1] == 8 * macs[0] > 0


# --- tlc --------------------------------------------------------------------------------------


def test_a_window_that_covers_the_image_gives_the_statistics_of_the_image(nafnet: str) -> None:
    plain, local = load_restorer(nafnet), load_restorer(f"{nafnet}@tlc")
    assert local.network is not None
    windows = [m.window for m in local.network.modules() if isinstance(m, LocalMean)]
    # 1.5 crops of 256 pixels, halved at each level that goes down
    assert sorted(windows) == [(96, 96), (192, 192), (192, 192), (384, 384), (384, 384)]
    assert torch.equal(local.restore(IMAGE), plain.restore(IMAGE))
    wide = torch.rand(1, 3, 32, 800, generator=torch.Generator().manual_seed(1))
    wide[..., :400] *= 0.2  # dark on the left: its statistics are not those of the whole
    difference = (local.restore(wide) - plain.restore(wide)).abs()
    assert difference.max() > 0.01


@pytest.mark.parametrize("size", [(11, 17), (12, 4), (5, 16), (6, 7)])
def test_a_local_mean_is_that_of_the_nearest_whole_window(size: tuple[int, int]) -> None:
    features = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(2))
    window = (6, 7)
    high, wide = (min(w, s) for w, s in zip(window, size, strict=True))
    expected = torch.empty_like(features)
    for row in range(size[0]):
        for column in range(size[1]):
            top = min(max(row - (high - 1) // 2, 0), size[0] - high)
            left = min(max(column - (wide - 1) // 2, 0), size[1] - wide)
            piece = features[:, :, top : top + high, left : left + wide]
            expected[:, :, row, column] = piece.mean(dim=(2, 3))
    found = LocalMean(window)(features)
    assert torch.allclose(found.expand_as(features), expected, atol=1e-6)


def test_running_sums_of_large_features_lose_nothing() -> None:
    features = 1000 + torch.rand(1, 1, 1, 2000, generator=torch.Generator().manual_seed(3))
    found = LocalMean((1, 384))(features)
    exact = features.double().unfold(3, 384, 1).mean(-1)
    assert torch.allclose(found[..., 191:-192].double(), exact, atol=2e-4)  # float32 near 1000


def test_networks_that_share_weights_and_cut_the_image_take_local_statistics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NONCOMMERCIAL, "1")
    network = MPRNet(n_feat=8, scale_unetfeats=4, scale_orsnetfeats=4, num_cab=2)
    torch.save({"state_dict": network.state_dict()}, tmp_path / "mprnet.pth")
    restorer = load_restorer(f"{tmp_path}/mprnet.pth@tlc")
    assert restorer.network is not None
    windows = {m.window for m in restorer.network.modules() if isinstance(m, LocalMean)}
    # stages see a quarter, a half and all of the image; U-Nets halve what they see twice
    assert {(192, 192), (192, 384), (384, 384), (48, 48)} <= windows
    assert torch.allclose(
        restorer.restore(IMAGE), load_restorer(f"{tmp_path}/mprnet.pth").restore(IMAGE)
    )


def test_what_takes_no_mean_of_the_whole_image_is_refused() -> None:
    with pytest.raises(BenchError, match=r"@tlc changes means .* of which 'nlm@tlc' takes none"):
        load_restorer("nlm@tlc")
    with pytest.raises(BenchError, match="of which 'unet@tlc' takes none"):
        load_restorer("unet@tlc", random_weights=True)
