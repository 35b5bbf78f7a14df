"""ICC profiles made here, and the same conversion by hand: an oracle for `bench.colour`."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

D50 = np.array([0.9642, 1.0, 0.8249])
D65 = (0.3127, 0.3290)
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
"""Chromaticities (x, y) of red, green and blue: IEC 61966-2-1, SMPTE EG 432-1, Adobe RGB (1998)."""

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def _xyz(xy: tuple[float, float]) -> Floats:
    return np.array([xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]])


def matrix(primaries: tuple[tuple[float, float], ...]) -> Floats:
    """Return linear RGB -> XYZ relative to D50, the profile connection space."""
    columns = np.stack([_xyz(xy) for xy in primaries], axis=1)
    columns = columns * np.linalg.solve(columns, _xyz(D65))
    scale = np.diag((_BRADFORD @ D50) / (_BRADFORD @ _xyz(D65)))
    return np.asarray(np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ columns)


def linear(values: Floats, gamma: float | None) -> Floats:
    """Undo a transfer curve: that of sRGB, or a power."""
    if gamma is not None:
        return np.asarray(values**gamma)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def by_hand(
    pixels: NDArray[np.uint8], primaries: tuple[tuple[float, float], ...], gamma: float | None
) -> Floats:
    """Return (H, W, 3) in sRGB, in levels, clipped and unrounded."""
    xyz = linear(pixels / 255.0, gamma) @ matrix(primaries).T
    rgb = np.clip(xyz @ np.linalg.inv(matrix(SRGB)).T, 0, 1)
    coded = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return np.asarray(255 * coded)


def profile(
    primaries: tuple[tuple[float, float], ...] | None, gamma: float | None, name: str = "made here"
) -> bytes:
    """Return an ICC profile, version 2, of a display with these primaries; None: of greys."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(value: Floats) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(fixed(float(v)) for v in value)

    levels = linear(np.linspace(0, 1, 1024), gamma)
    curve = (
        b"curv\0\0\0\0"
        + struct.pack(">I", 1024)
        + b"".join(struct.pack(">H", round(float(v) * 65535)) for v in levels)
    )
    tags = {b"wtpt": xyz(D50)}
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        columns = matrix(primaries).T
        tags |= {
            key: xyz(column)
            for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
        }
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _assembled(name, tags, b"mntr" + (b"GRAY" if primaries is None else b"RGB ") + b"XYZ ")


def of_inks(name: str = "made inks") -> bytes:
    """Return an ICC profile, version 2, of a printer whose inks multiply as naive filters.

    Full ink of C takes all red, of M all green, of Y all blue, of K all light; corners of the cube
    of inks are in a table of Lab, between which littleCMS interpolates.
    """
    corners = np.array([[n >> 3 & 1, n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(16)])
    rgb = (1 - corners[:, :3]) * (1 - corners[:, 3:])
    relative = (rgb @ matrix(SRGB).T) / D50
    f = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
    nodes = np.rint(lab * [2.55, 1, 1] + [0, 128, 128]).clip(0, 255).astype(np.uint8)
    straight = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += b"".join(struct.pack(">i", 65536 * value) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    table += 4 * straight + nodes.tobytes() + 3 * straight
    return _assembled(name, {b"A2B0": table, b"A2B1": table}, b"prtrCMYKLab ")


def _assembled(name: str, tags: dict[bytes, bytes], kind: bytes) -> bytes:
    """Return a profile of these tags; ``kind``: its class, its space and what it connects to."""
    text = name.encode("ascii") + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(8 + 3 + 67),
        b"cprt": b"text\0\0\0\0none\0",
        **tags,
    }
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        table += key + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = struct.pack(">I", start + len(data))
    header = size + bytes(4) + bytes([2, 0x40, 0, 0]) + kind + bytes(12)
    header += b"acsp" + bytes(28) + b"".join(struct.pack(">i", round(v * 65536)) for v in D50)
    header += bytes(128 - len(header))
    return header + struct.pack(">I", len(tags)) + table + data
