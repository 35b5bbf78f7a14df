"""THE table of published checkpoints that run by name. Imports no torch.

Addresses, sizes and digests are quoted, never guessed: what nobody publishes is left empty, and
the listing says so. A digest that is not known is pinned at the first download. Where the authors
give a page for people only (Google Drive), the file is fetched by hand, once.

Addresses are the authors': the releases of github.com/swz30/Restormer (v1.0), JingyunLiang/SwinIR
(v0.0), cszn/KAIR (v1.0), kkkls/FFTformer, as their own download scripts and spandrel's tests name
them. The files of megvii-research/NAFNet lie on Google Drive; the mirror on Hugging Face was found
byte-identical to them by whoever published the digests that stand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.core.layout import published_folder

Family = Literal["cnn", "gan", "transformer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One published file of weights, whose architecture spandrel recognises.

    ``url`` is empty where only a person can download it from ``page``. ``bytes`` is the exact size
    and ``megabytes`` what is said of it where that is all that is known.
    """

    title: str
    family: Family
    tasks: tuple[str, ...]
    licence: str
    citation: str
    page: str
    """Where its authors offer it."""
    file: str
    """As its authors call it."""
    url: str = ""
    sha256: str | None = None
    bytes: int | None = None
    megabytes: float | None = None
    note: str = ""
    """What one must know before comparing it: what it is told, what it was trained for."""
    noise: int | None = None
    """The one noise level that it was trained for, in 8-bit levels, if it was: it knows that."""
    params: int | None = None
    gmacs: float | None = None
    """Multiply-accumulates, in 10^9, for a degraded image of 256x256, where they were counted here
    of the architecture that the file is of."""

    @property
    def size(self) -> str:
        """The size in words; "size not known"."""
        found = self.megabytes if self.bytes is None else self.bytes / 1e6
        return "size not known" if found is None else f"{found:.0f} MB"


_ACADEMIC = "Academic Public License: no commercial use"
_NAF = "Chen et al. 2022, doi:10.1007/978-3-031-20071-7_2"
_REST = "Zamir et al. 2022, doi:10.1109/CVPR52688.2022.00564"
_MPR = "Zamir et al. 2021, doi:10.1109/CVPR46437.2021.01458"
_SWINIR = "Liang et al. 2021, doi:10.1109/ICCVW54120.2021.00210"
_DNCNN = "Zhang et al. 2017, doi:10.1109/TIP.2017.2662206"
_DRUNET = "Zhang et al. 2021, doi:10.1109/TPAMI.2021.3088914"
_SCUNET = "Zhang et al. 2022, arXiv:2203.13278"
_KAIR = "https://github.com/cszn/KAIR/releases/download/v1.0/"
_BY_HAND = "a Google Drive page: no program may download it"


def _nafnet(
    data: str,
    width: int,
    task: str,
    sha256: str,
    megabytes: float,
    params: int,
    gmacs: float,
) -> Checkpoint:
    file = f"NAFNet-{data}-width{width}.pth"
    return Checkpoint(
        title=f"NAFNet, width {width}, {data}",
        family="cnn",
        tasks=(task,),
        licence="MIT",
        citation=_NAF,
        page="https://github.com/megvii-research/NAFNet#results-and-pre-trained-models",
        file=file,
        url=f"https://huggingface.co/nyanko7/nafnet-models/resolve/main/{file}",
        sha256=sha256,
        megabytes=megabytes,
        note={
            "GoPro": "its authors' figures are with test-time local statistics: @tlc",
            "SIDD": "trained on the noise of telephones",
            "REDS": "trained on blur after JPEG",
        }[data],
        params=params,
        gmacs=gmacs,
    )


def _restormer(
    title: str,
    file: str,
    task: str,
    note: str = "",
    whole: bool = False,
    noise: int | None = None,
) -> Checkpoint:
    return Checkpoint(
        title=f"Restormer, {title}",
        family="transformer",
        tasks=(task,),
        licence=_ACADEMIC,
        citation=_REST,
        page="https://github.com/swz30/Restormer",
        file=file,
        url=f"https://github.com/swz30/Restormer/releases/download/v1.0/{file}",
        note=note,
        noise=noise,
        params=26_126_644 if whole else None,
        gmacs=154.882 if whole else None,
    )


def _mprnet(
    title: str, task: str, drive: str, params: int | None = None, gmacs: float | None = None
) -> Checkpoint:
    return Checkpoint(
        title=f"MPRNet, {title}",
        family="cnn",
        tasks=(task,),
        licence=_ACADEMIC,
        citation=_MPR,
        page=f"https://drive.google.com/file/d/{drive}/view",
        file=f"model_{title}.pth",
        note=_BY_HAND,
        params=params,
        gmacs=gmacs,
    )


def _swinir(
    title: str,
    file: str,
    task: str,
    sha256: str | None = None,
    bytes: int | None = None,
    note: str = "",
    noise: int | None = None,
    params: int | None = None,
    gmacs: float | None = None,
) -> Checkpoint:
    return Checkpoint(
        title=f"SwinIR, {title}",
        family="transformer",
        tasks=(task,),
        licence="Apache-2.0",
        citation=_SWINIR,
        page="https://github.com/JingyunLiang/SwinIR/releases",
        file=file,
        url=f"https://github.com/JingyunLiang/SwinIR/releases/download/v0.0/{file}",
        sha256=sha256,
        bytes=bytes,
        note=note,
        noise=noise,
        params=params,
        gmacs=gmacs,
    )


def _kair(
    title: str,
    file: str,
    citation: str,
    *,
    family: Family = "cnn",
    task: str = "denoise",
    licence: str = "MIT",
    sha256: str | None = None,
    bytes: int | None = None,
    note: str = "",
    noise: int | None = None,
    params: int | None = None,
    gmacs: float | None = None,
) -> Checkpoint:
    return Checkpoint(
        title=title,
        family=family,
        tasks=(task,),
        licence=licence,
        citation=citation,
        page="https://github.com/cszn/KAIR/releases/tag/v1.0",
        file=file,
        url=f"{_KAIR}{file}",
        sha256=sha256,
        bytes=bytes,
        note=note,
        noise=noise,
        params=params,
        gmacs=gmacs,
    )


PUBLISHED: dict[str, Checkpoint] = {
    "nafnet-gopro-w32": _nafnet(
        "GoPro",
        32,
        "deblur",
        "19394e6155d12ef6371d1d57496f87f0ec88f92bdffa27c0792690722d5d1a5c",
        68.7,
        17_111_907,
        15.956,
    ),
    "nafnet-gopro-w64": _nafnet(
        "GoPro",
        64,
        "deblur",
        "329d3ab4077b8d6b7ff61de376e483714667960bf85be027bf4335cda701196f",
        271.8,
        67_888_835,
        63.055,
    ),
    "nafnet-sidd-w32": _nafnet(
        "SIDD",
        32,
        "denoise",
        "89c70e808d1783b6c07911306e106aaf0d4f7f3da8c61078b99ff7f8929a26f4",
        116.8,
        29_159_715,
        16.045,
    ),
    "nafnet-sidd-w64": _nafnet(
        "SIDD",
        64,
        "denoise",
        "cd685efaae01f7c4e9951f2deab05780079c8eb1e49ed664b72f6db04dabb445",
        464.4,
        115_982_915,
        63.236,
    ),
    "nafnet-reds-w64": _nafnet(
        "REDS",
        64,
        "deblur",
        "175fe8b3cdf3abedfbc87769779c3d9f491e05bb2e73ea9d627883f90a4b2df3",
        271.8,
        67_888_835,
        63.055,
    ),
    "restormer-gopro": _restormer(
        "motion deblurring", "motion_deblurring.pth", "deblur", whole=True
    ),
    "restormer-defocus": _restormer(
        "defocus deblurring, one image",
        "single_image_defocus_deblurring.pth",
        "deblur",
        "trained on the defocus of DPDD",
        whole=True,
    ),
    "restormer-derain": _restormer("deraining", "deraining.pth", "derain", whole=True),
    "restormer-sidd": _restormer(
        "real noise", "real_denoising.pth", "denoise", "trained on the noise of telephones"
    ),
    **{
        f"restormer-{ours}" + ("" if level == "blind" else f"-{level}"): _restormer(
            f"{ours} noise of {level}" if level != "blind" else f"{ours} noise, all levels",
            f"gaussian_{theirs}_denoising_{'' if level == 'blind' else 'sigma'}{level}.pth",
            "denoise",
            noise=None if level == "blind" else int(level),
        )
        for ours, theirs in (("colour", "color"), ("grey", "gray"))
        for level in ("15", "25", "50", "blind")
    },
    "mprnet-gopro": _mprnet(
        "deblurring", "deblur", "1QwQUVbk6YVOJViCsOKYNykCsdJSVGRtb", 20_127_073, 759.411
    ),
    "mprnet-sidd": _mprnet("denoising", "denoise", "1LODPt9kYmxwU98g96UrRA0_Eh5HYcsRw"),
    "mprnet-derain": _mprnet("deraining", "derain", "1O3WEJbcat7eTY6doXWeorAbQ1l_WmMnM"),
    "fftformer-gopro": Checkpoint(
        title="FFTformer, GoPro",
        family="transformer",
        tasks=("deblur",),
        licence="MIT",
        citation="Kong et al. 2023, arXiv:2211.12250",
        page="https://github.com/kkkls/FFTformer",
        file="fftformer_GoPro.pth",
        url="https://github.com/kkkls/FFTformer/releases/download/pretrain_model/"
        "fftformer_GoPro.pth",
        megabytes=63,
    ),
    "uformer-gopro": Checkpoint(
        title="Uformer-B, GoPro",
        family="transformer",
        tasks=("deblur",),
        licence="MIT",
        citation="Wang et al. 2022, arXiv:2106.03106",
        page="https://github.com/ZhendongWang6/Uformer",
        file="Uformer_B_GoPro.pth",
        note="its page links to OneDrive: no program may download it",
    ),
    "swinir-x2": _swinir(
        "classical, x2",
        "001_classicalSR_DF2K_s64w8_SwinIR-M_x2.pth",
        "super-resolution",
        params=11_752_487,
        gmacs=816.890,
    ),
    "swinir-x3": _swinir(
        "classical, x3",
        "001_classicalSR_DF2K_s64w8_SwinIR-M_x3.pth",
        "super-resolution",
        params=11_937_127,
        gmacs=829.536,
    ),
    "swinir-x4": _swinir(
        "classical, x4",
        "001_classicalSR_DF2K_s64w8_SwinIR-M_x4.pth",
        "super-resolution",
        "4e78e33f22c1aa8a773db0cf4a7381bae97c2362c717f155439ebc690cbd9215",
        67_869_037,
        params=11_900_199,
        gmacs=856.903,
    ),
    "swinir-light-x2": _swinir(
        "lightweight, x2",
        "002_lightweightSR_DIV2K_s64w8_SwinIR-S_x2.pth",
        "super-resolution",
        "193b229909ca89cd8b55de9c9e7fce146ae759d59dfcd78d8feb9dd1d6fa0fd7",
        params=910_152,
        gmacs=68.526,
    ),
    "swinir-light-x3": _swinir(
        "lightweight, x3",
        "002_lightweightSR_DIV2K_s64w8_SwinIR-S_x3.pth",
        "super-resolution",
        params=918_267,
        gmacs=69.057,
    ),
    "swinir-light-x4": _swinir(
        "lightweight, x4",
        "002_lightweightSR_DIV2K_s64w8_SwinIR-S_x4.pth",
        "super-resolution",
        params=929_628,
        gmacs=69.800,
    ),
    "swinir-colour-15": _swinir(
        "colour noise of 15",
        "005_colorDN_DFWB_s128w8_SwinIR-M_noise15.pth",
        "denoise",
        noise=15,
        params=11_504_163,
        gmacs=800.297,
    ),
    "swinir-colour-25": _swinir(
        "colour noise of 25",
        "005_colorDN_DFWB_s128w8_SwinIR-M_noise25.pth",
        "denoise",
        bytes=122_905_743,
        noise=25,
        params=11_504_163,
        gmacs=800.297,
    ),
    "swinir-colour-50": _swinir(
        "colour noise of 50",
        "005_colorDN_DFWB_s128w8_SwinIR-M_noise50.pth",
        "denoise",
        noise=50,
        params=11_504_163,
        gmacs=800.297,
    ),
    **{
        f"swinir-grey-{level}": _swinir(
            f"grey noise of {level}",
            f"004_grayDN_DFWB_s128w8_SwinIR-M_noise{level}.pth",
            "denoise",
            noise=level,
        )
        for level in (15, 25, 50)
    },
    "dncnn-15": _kair(
        "DnCNN, grey noise of 15",
        "dncnn_15.pth",
        _DNCNN,
        noise=15,
        params=555_137,
        gmacs=108.943,
    ),
    "dncnn-25": _kair(
        "DnCNN, grey noise of 25",
        "dncnn_25.pth",
        _DNCNN,
        sha256="0451a70de9b672ae037270498fbb1c17a1c1c4403785df586ff65df5b858e5b0",
        noise=25,
        params=555_137,
        gmacs=108.943,
    ),
    "dncnn-50": _kair(
        "DnCNN, grey noise of 50",
        "dncnn_50.pth",
        _DNCNN,
        noise=50,
        params=555_137,
        gmacs=108.943,
    ),
    "dncnn-grey-blind": _kair(
        "DnCNN, grey noise, all levels",
        "dncnn_gray_blind.pth",
        _DNCNN,
        params=665_921,
        gmacs=130.686,
    ),
    "dncnn-colour-blind": _kair(
        "DnCNN, colour noise, all levels",
        "dncnn_color_blind.pth",
        _DNCNN,
        params=668_227,
        gmacs=43.713,
    ),
    "drunet-grey": _kair(
        "DRUNet, grey",
        "drunet_gray.pth",
        _DRUNET,
        note="is told the noise level, where known",
        params=32_638_656,
        gmacs=415.878,
    ),
    "drunet-colour": _kair(
        "DRUNet, colour",
        "drunet_color.pth",
        _DRUNET,
        sha256="479abe3c5327dfd10ff54a80ec7d4098ca80752a5c9492cdff31cee430bec4b4",
        note="is told the noise level, where known",
        params=32_640_960,
        gmacs=138.777,
    ),
    **{
        f"scunet-{ours}-{level}": _kair(
            f"SCUNet, {ours} noise of {level}",
            f"scunet_{theirs}_{level}.pth",
            _SCUNET,
            family="transformer",
            licence="Apache-2.0",
            noise=level,
            params=17_946_072 if ours == "colour" else 17_943_768,
            gmacs=78.744 if ours == "colour" else 235.779,
        )
        for ours, theirs in (("colour", "color"), ("grey", "gray"))
        for level in (15, 25, 50)
    },
    "scunet-real-psnr": _kair(
        "SCUNet, real noise",
        "scunet_color_real_psnr.pth",
        _SCUNET,
        family="transformer",
        licence="Apache-2.0",
        sha256="fa78899ba2caec9d235a900e91d96c689da71c42029230c2028b00f09f809c2e",
        bytes=71_982_841,
        params=17_946_072,
        gmacs=78.744,
    ),
    "scunet-real-gan": _kair(
        "SCUNet, real noise, adversarial",
        "scunet_color_real_gan.pth",
        _SCUNET,
        family="gan",
        licence="Apache-2.0",
        sha256="892c83f812c59173273b74f4f34a14ecaf57a2fdb68df056664589beb55c966e",
        params=17_946_072,
        gmacs=78.744,
    ),
    "esrgan-psnr-x4": _kair(
        "ESRGAN's network trained for PSNR, x4",
        "RRDB.pth",
        "Wang et al. 2018, arXiv:1809.00219",
        task="super-resolution",
        licence="Apache-2.0",
        note="as KAIR offers it; its authors' own file lies on Google Drive",
        params=16_697_987,
        gmacs=1174.854,
    ),
    "esrgan-x4": _kair(
        "ESRGAN, x4",
        "ESRGAN.pth",
        "Wang et al. 2018, arXiv:1809.00219",
        family="gan",
        task="super-resolution",
        licence="Apache-2.0",
        note="as KAIR offers it; its authors' own file lies on Google Drive",
        params=16_697_987,
        gmacs=1174.854,
    ),
    **{
        f"craft-x{scale}": Checkpoint(
            title=f"CRAFT, x{scale}",
            family="transformer",
            tasks=("super-resolution",),
            licence="not found: ask its authors",
            citation="https://github.com/AVC2-UESTC/CRAFT-SR",
            page="https://drive.google.com/file/d/13wAmc93BPeBUBQ24zUZOuUpdBFG2aAY5/view",
            file=f"CRAFT_MODEL_X{scale}.pth",
            note=f"{_BY_HAND}; the file is in its archive",
        )
        for scale in (2, 3, 4)
    },
}


def place_of(name: str, checkpoint: Checkpoint) -> Path:
    """Return where the file of a published network lies, or belongs."""
    return published_folder() / f"{name}{Path(checkpoint.file).suffix}"
