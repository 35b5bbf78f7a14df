"""How numbers are written: few digits, a real minus sign, and never a zero for what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable

MISSING = "—"

TITLES = {
    "psnr": "PSNR",
    "psnr-y": "PSNR-Y",
    "ssim": "SSIM",
    "ssim-y": "SSIM-Y",
    "ssim-volume": "SSIM-volume",
    "ms-ssim": "MS-SSIM",
    "vif": "VIF",
    "lpips-alex": "LPIPS (alex)",
    "st-lpips-alex": "ST-LPIPS (alex)",
    "st-lpips-vgg": "ST-LPIPS (vgg)",
    "lpips-vgg": "LPIPS (vgg)",
    "lpips-squeeze": "LPIPS (squeeze)",
    "mse": "MSE",
    "mae": "MAE",
    "fsim": "FSIM",
    "gmsd": "GMSD",
    "ms-gmsd": "MS-GMSD",
    "haarpsi": "HaarPSI",
    "vsi": "VSI",
    "mdsi": "MDSI",
    "sr-sim": "SR-SIM",
    "dss": "DSS",
    "iw-ssim": "IW-SSIM",
    "flip": "FLIP",
    "dists": "DISTS",
    "ocr": "OCR",
    "orb-matches": "ORB matches",
    "blur-effect": "Blur effect",
    "tof": "tOF",
    "warp-error": "Warping error",
    "niqe": "NIQE",
    "brisque": "BRISQUE",
    "fid": "FID",
    "kid": "KID",
}


def title(metric: str) -> str:
    """Return how a metric is written in headings."""
    return TITLES.get(metric, metric)


def decimals(values: Iterable[float], unit: str = "") -> int:
    """Return how many decimals a column of a metric needs: two for dB, else three or more."""
    if unit == "dB":
        return 2
    sizes = sorted(abs(value) for value in values if math.isfinite(value) and value)
    middle = sizes[len(sizes) // 2] if sizes else 1.0
    return min(7, max(3 if middle < 10 else 1, 2 - _exponent(middle)))


def fixed(value: float, places: int, sign: bool = False) -> str:
    """Return ``value`` with so many decimals; infinities as a sign."""
    if math.isinf(value):
        return ("+" if sign and value > 0 else "") + "∞" if value > 0 else "−∞"
    text = f"{value:+.{places}f}" if sign else f"{value:.{places}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def interval(low: float | None, high: float | None, places: int, sign: bool = False) -> str:
    """Return ``[low, high]``, or nothing where there is no interval."""
    if low is None or high is None:
        return ""
    return f"[{fixed(low, places, sign)}, {fixed(high, places, sign)}]"


def significant(value: float, digits: int = 3) -> str:
    """Return ``value`` with so many significant digits, and without an exponent where it reads."""
    if value == 0:
        return "0"
    value = float(f"{value:.{digits - 1}e}")
    exponent = _exponent(value)
    if not -4 <= exponent < 7:
        text = f"{value:.{digits - 1}e}"
    elif exponent < 4:
        text = f"{value:.{max(0, digits - 1 - exponent)}f}"
    else:
        text = f"{value:,.0f}".replace(",", " ")
    return text.replace("-", "−")


def percent(share: float) -> str:
    """Return a share of draws in whole percent, and never 0 or 100 % unless it is just that."""
    if 0 < share < 0.005:
        return "< 1 %"
    if 0.995 <= share < 1:
        return "> 99 %"
    return f"{100 * share:.0f} %"


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)))
