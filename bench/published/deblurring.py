"""Published figures of deblurring: GoPro, HIDE, RealBlur, RSBlur, REDS."""

from __future__ import annotations

from typing import Any

from bench.published.row import Cost, Figure, Report

_RGB = "RGB, no border cut, mean over images"
_UNSTATED = "which SSIM is not stated"
_MATLAB = "MATLAB ssim on H×W×3 (Gaussian 11×11×11), mean over images"
_ALIGNED = "RGB after an alignment by ECC, where both overlap, mean over images"

_NAH = "Nah et al. 2017, doi:10.1109/CVPR.2017.35"
_KUPYN = "Kupyn et al. 2018, doi:10.1109/CVPR.2018.00854"
_V2 = "Kupyn et al. 2019, doi:10.1109/ICCV.2019.00897"
_TAO = "Tao et al. 2018, doi:10.1109/CVPR.2018.00853"
_CHO = "Cho et al. 2021, doi:10.1109/ICCV48922.2021.00460"
_MPR = "Zamir et al. 2021, doi:10.1109/CVPR46437.2021.01458"
_REST = "Zamir et al. 2022, doi:10.1109/CVPR52688.2022.00564"
_HIDE = f"{_REST}, Table 2"
_NAF = "Chen et al. 2022, doi:10.1007/978-3-031-20071-7_2"
_FFT = "Kong et al. 2023, arXiv:2211.12250, Table 1"
_MLW = "the tables of Gao et al. 2024 (MLWNet)"
_GENCASLAN = "Gençaslan, Two-Stage CNN Framework for Single-Image Deblurring"


def _psnr(value: float, source: str, caveat: str = "") -> Figure:
    return Figure("psnr", value, _RGB, source, "psnr", caveat=caveat)


def _ssim(value: float, source: str, caveat: str = "") -> Figure:
    return Figure("ssim", value, _UNSTATED, source, caveat=caveat)


def _volume(value: float, source: str) -> Figure:
    return Figure("ssim", value, _MATLAB, source, "ssim-volume")


def _gopro(model: str, *figures: Figure, **match: Any) -> Report:
    return Report("gopro", {"blur": "blur"}, model, figures, **match)


def _paper(model: str, psnr: float, ssim: float, *, caveat: str = "", **match: Any) -> Report:
    """Return a row of the table in the paper that proposes unet-gan, whose split is its own."""
    source = "Table 1 of the paper that proposes the U-Net with residual blocks and PatchGAN"
    why = "its split is 1600/300/313 images, the official one 2103/1111"
    why += f"; {caveat}" if caveat else ""
    convention = "which convention is not stated"
    return _gopro(
        model,
        Figure("psnr", psnr, convention, source, caveat=why),
        Figure("ssim", ssim, convention, source, caveat=why),
        **match,
    )


def _two_stage(model: str, psnr: float, ssim: float, *names: str) -> Report:
    """Return a row of Table 2 of the paper that proposes the t1-t4 generator."""
    return _gopro(
        model,
        *(
            Figure(
                name, value, "which convention is not stated", f"{_GENCASLAN}, Table 2",
                caveat="its inputs score 28.48 dB and 0.915: not GoPro's own images",
            )
            for name, value in (("psnr", psnr), ("ssim", ssim))
        ),
        names=names,
        size=(450, 800),
    )  # fmt: skip


def _hide(model: str, psnr: float, ssim: float, **match: Any) -> Report:
    figures = _psnr(psnr, _HIDE), _volume(ssim, _HIDE)
    return Report("hide", {}, model, figures, **match)


def _real(suite: str, model: str, psnr: float, ssim: float, **match: Any) -> Report:
    """Return a row of networks trained on the suite itself."""
    caveat = "of a network trained on this data set"
    convention, kind = (_RGB, "") if suite == "rsblur" else (_ALIGNED, "-aligned")
    return Report(
        suite,
        {},
        model,
        (
            Figure("psnr", psnr, convention, _MLW, f"psnr{kind}", caveat=caveat),
            Figure("ssim", ssim, f"{convention}; {_UNSTATED}", _MLW, caveat=caveat),
        ),
        **match,
    )


DEBLURRING: tuple[Report, ...] = (
    _gopro(
        "DeepDeblur", _psnr(29.08, _NAH),
        Figure("ssim", 0.914, _UNSTATED, _NAH, caveat="its author calls the paper's SSIM wrong"),
        names=("deepdeblur",), words=("deepdeblur",),
    ),
    _gopro(
        "DeepDeblur, retrained by its author", _psnr(30.40, _NAH), _ssim(0.9018, _NAH),
        names=("deepdeblur",), words=("deepdeblur",),
    ),
    _gopro(
        "DeblurGAN", _psnr(28.7, _KUPYN, "others' re-runs give 25.2 to 28.3 dB"),
        Figure("ssim", 0.958, "complex-wavelet SSIM, which is another measure", _KUPYN,
               caveat="others' re-runs give an SSIM of 0.80 to 0.86"),
        names=("deblurgan",), words=("deblurgan",), but=("v2",),
    ),
    _gopro("DeblurGAN-v2", _psnr(29.55, _V2), _ssim(0.934, _V2),
           words=("deblurgan", "v2"), but=("mobile",), cost=Cost(gmacs=42.0, source=_MLW)),
    _gopro("DeblurGAN-v2, MobileNet", _psnr(28.17, _V2), _ssim(0.925, _V2),
           words=("deblurgan", "v2", "mobile")),
    _gopro("SRN-DeblurNet", _psnr(30.26, _TAO), _ssim(0.934, _TAO), names=("srn",),
           words=("srn",)),
    _gopro("MIMO-UNet", _psnr(31.73, _CHO), _ssim(0.951, _CHO), words=("mimo",), but=("plus",)),
    _gopro("MIMO-UNet+", _psnr(32.45, _CHO), _ssim(0.957, _CHO), words=("mimo", "plus"),
           cost=Cost(mparams=16.1, gmacs=154.4, source=f"{_FFT}; {_MLW}")),
    _gopro("MPRNet", _psnr(32.66, _MPR), _volume(0.959, _MPR), names=("mprnet-gopro",),
           words=("mprnet",), cost=Cost(mparams=20.1, gmacs=760.8, source=f"{_FFT}; {_MLW}")),
    _gopro("Restormer", _psnr(32.92, _REST), _volume(0.961, _REST), names=("restormer-gopro",),
           words=("restormer",),
           cost=Cost(mparams=26.1, gmacs=140, source=f"{_FFT}; {_NAF}: convolutions only")),
    _gopro("Uformer-B", _psnr(33.06, _FFT), _ssim(0.9670, _FFT), names=("uformer-gopro",),
           words=("uformer",), cost=Cost(mparams=50.9, gmacs=89.5, source=f"{_FFT}; {_NAF}")),
    _gopro("Stripformer", _psnr(33.08, _FFT), _ssim(0.9624, _FFT), words=("stripformer",),
           cost=Cost(mparams=19.7, source=_FFT)),
    _gopro("NAFNet, width 32", _psnr(32.87, _NAF), _volume(0.9606, _NAF),
           names=("nafnet-gopro-w32",), words=("nafnet",), but=("64",), variants=("tlc",)),
    _gopro("NAFNet, width 64", _psnr(33.71, _NAF), _volume(0.9668, _NAF),
           names=("nafnet-gopro-w64",), words=("nafnet",), but=("32",), variants=("tlc",),
           cost=Cost(mparams=67.9, gmacs=65, source=f"{_FFT}; {_NAF}")),
    _gopro("NAFNet, width 64, plain", _psnr(33.08, _NAF), names=("nafnet-gopro-w64",),
           words=("nafnet",), but=("32",)),
    _gopro("FFTformer", _psnr(34.21, _FFT), _ssim(0.9692, _FFT), names=("fftformer-gopro",),
           words=("fftformer",), cost=Cost(mparams=16.6, gmacs=131.8, source=f"{_FFT}; {_MLW}")),
    _two_stage("t1-t4 generator with PatchGAN", 28.75, 0.943, "t1t4-gan"),
    _two_stage("Untouched input of the t1-t4 paper", 28.48, 0.915, "input"),
    _paper("U-Net with residual blocks and PatchGAN", 32.85, 0.93, names=("unet-gan",)),
    _paper("DeblurGAN, there", 30.40, 0.88, caveat="DeblurGAN's authors report 28.7 dB",
           names=("deblurgan",)),
    _paper("Deep Image Prior, there", 29.75, 0.85, names=("dip", "dip-paper")),
    _paper("Non-local means, there", 28.30, 0.80,
           caveat="denoising cannot deblur to 28.3 dB", names=("nlm",)),
    _hide("DeblurGAN", 24.51, 0.871, names=("deblurgan",), words=("deblurgan",), but=("v2",)),
    _hide("DeblurGAN-v2", 26.61, 0.875, words=("deblurgan", "v2")),
    _hide("SRN-DeblurNet", 28.36, 0.915, names=("srn",), words=("srn",)),
    _hide("DBGAN", 28.94, 0.915, words=("dbgan",)),
    _hide("MT-RNN", 29.15, 0.918, words=("mtrnn",)),
    _hide("MPRNet", 30.96, 0.939, names=("mprnet-gopro",), words=("mprnet",)),
    _hide("Restormer", 31.22, 0.942, names=("restormer-gopro",), words=("restormer",)),
    Report("realblur-j", {}, "Restormer, trained on GoPro",
           (Figure("psnr", 28.96, _ALIGNED, _HIDE, "psnr-aligned"),),
           names=("restormer-gopro",), words=("restormer",)),
    _real("realblur-j", "DeblurGAN-v2", 29.69, 0.870, words=("deblurgan", "v2")),
    _real("realblur-j", "SRN-DeblurNet", 31.38, 0.909, words=("srn",)),
    _real("realblur-j", "MPRNet", 31.76, 0.922, words=("mprnet",)),
    _real("realblur-j", "MIMO-UNet+", 31.92, 0.919, words=("mimo", "plus")),
    _real("realblur-j", "Stripformer", 32.48, 0.929, words=("stripformer",)),
    _real("realblur-j", "FFTformer", 32.62, 0.933, words=("fftformer",)),
    _real("realblur-r", "DeblurGAN-v2", 36.44, 0.935, words=("deblurgan", "v2")),
    _real("realblur-r", "SRN-DeblurNet", 38.65, 0.965, words=("srn",)),
    _real("realblur-r", "MPRNet", 39.31, 0.972, words=("mprnet",)),
    _real("realblur-r", "Stripformer", 39.84, 0.974, words=("stripformer",)),
    _real("realblur-r", "FFTformer", 40.11, 0.973, words=("fftformer",)),
    _real("rsblur", "SRN-DeblurNet", 32.53, 0.840, words=("srn",)),
    _real("rsblur", "MIMO-UNet", 32.73, 0.846, words=("mimo",), but=("plus",)),
    _real("rsblur", "MIMO-UNet+", 33.37, 0.856, words=("mimo", "plus")),
    _real("rsblur", "MPRNet", 33.61, 0.861, words=("mprnet",)),
    _real("rsblur", "Restormer", 33.69, 0.863, words=("restormer",)),
    _real("rsblur", "Uformer-B", 33.98, 0.866, words=("uformer",)),
    Report(
        "reds", {}, "NAFNet, width 64",
        tuple(
            Figure(name, value, convention, _NAF, caveat="of 300 frames after JPEG, which the "
                   "suite's are not")
            for name, value, convention in (("psnr", 29.09, _RGB), ("ssim", 0.8671, _MATLAB))
        ),
        names=("nafnet-reds-w64",), words=("nafnet", "reds"),
    ),
)  # fmt: skip
