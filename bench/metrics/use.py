"""What a restored image is good for: reading the text in it, and finding its features again."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics.card import OnCpu

Keypoints = NDArray[np.float32]
Descriptors = NDArray[np.uint8]

FEATURES = 2000
"""Keypoints that ORB keeps of each image, at most."""
NEAR = 3.0
"""Pixels between a keypoint and its match, at most: the images show the same scene in place."""
FEWEST_KEYPOINTS = 20

SURE = 60
"""Tesseract's confidence, of 100, from which a word counts."""
FEWEST_CHARACTERS = 5


class OrbMatches(OnCpu):
    """Share of the reference's ORB keypoints that are found again in the restored image, in place.

    Rublee et al. 2011, doi:10.1109/ICCV.2011.6126544. A match is each other's nearest descriptor
    (cross-check), and lies within 3 pixels.
    """

    def features(self, reference: Picture) -> tuple[Keypoints, Descriptors]:
        """Return the keypoints, (N, 2), and descriptors, (N, 32).

        Raises Unscorable where there are fewer than 20.
        """
        places, descriptors = _orb(reference.pixels)
        if len(places) < FEWEST_KEYPOINTS:
            raise Unscorable(
                f"the reference has {len(places)} ORB keypoints; expected at least "
                f"{FEWEST_KEYPOINTS}"
            )
        return places, descriptors

    def compare(self, restored: Picture, features: tuple[Keypoints, Descriptors]) -> float:
        """Return the share, 0 to 1."""
        places, descriptors = features
        found, others = _orb(restored.pixels)
        if not len(found):
            return 0.0
        matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(descriptors, others)
        pairs = np.array([(m.queryIdx, m.trainIdx) for m in matches], np.intp).reshape(-1, 2)
        return found_in_place(places, found, pairs)


def found_in_place(places: Keypoints, found: Keypoints, pairs: NDArray[np.intp]) -> float:
    """Return the share of ``places`` (N, 2) that one of ``found`` (M, 2) is the match of, in place.

    ``pairs`` (P, 2) are indices of matches, none of a place twice.
    """
    apart = np.linalg.norm(places[pairs[:, 0]] - found[pairs[:, 1]], axis=1)
    return float(np.count_nonzero(apart <= NEAR) / len(places))


def _orb(pixels: Pixels) -> tuple[Keypoints, Descriptors]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    orb: Any = cv2.ORB_create(nfeatures=FEATURES)  # type: ignore[attr-defined]
    points, descriptors = orb.detectAndCompute(grey, None)
    if descriptors is None:
        return np.empty((0, 2), np.float32), np.empty((0, 32), np.uint8)
    return np.array([point.pt for point in points], np.float32), descriptors


class Reading(OnCpu):
    """Character accuracy of what Tesseract reads, against what it reads in the reference.

    1 minus edits by characters, 0 at least, as in Rice et al. 1996 (UNLV/ISRI); words of confidence
    60 and more, joined by blanks.
    """

    @property
    def weights(self) -> str:
        """Which Tesseract reads: another one scores anew."""
        return self._version or "none"

    def features(self, reference: Picture) -> str:
        """Return the reference's text.

        Raises Unscorable without Tesseract, and where there is hardly any text.
        """
        text = self._read(reference.pixels)
        if len(text) < FEWEST_CHARACTERS:
            raise Unscorable(
                f"tesseract reads {len(text)} characters in the reference; expected at least "
                f"{FEWEST_CHARACTERS}"
            )
        return text

    def compare(self, restored: Picture, features: str) -> float:
        """Return the accuracy, 0 to 1."""
        return max(0.0, 1 - edits(self._read(restored.pixels), features) / len(features))

    @cached_property
    def _version(self) -> str:
        if shutil.which("tesseract") is None:
            return ""
        shown = subprocess.run(["tesseract", "--version"], capture_output=True, check=False)
        return (shown.stdout or shown.stderr).decode(errors="replace").partition("\n")[0].strip()

    def _read(self, pixels: Pixels) -> str:
        if not self._version:
            raise Unscorable(
                "the program tesseract is not installed; on Debian: apt-get install tesseract-ocr"
            )
        png = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
        command = ["tesseract", "stdin", "stdout", "-l", "eng", "--psm", "11", "tsv"]
        # one thread: several are slower on one line of text, and images are scored side by side
        done = subprocess.run(
            command,
            input=png,
            capture_output=True,
            check=False,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            raise Unscorable(f"tesseract fails: {told[-1] if told else done.returncode}")
        return " ".join(words(done.stdout.decode(errors="replace")))


def words(tsv: str) -> list[str]:
    """Return the words of Tesseract's table that it is sure of, in its order.

    >>> words("conf\\ttext\\n96.1\\tSTOP\\n31.0\\tS70P\\n-1\\t\\n")
    ['STOP']
    """
    head, *lines = tsv.splitlines()
    columns = head.split("\t")
    sure, text = columns.index("conf"), columns.index("text")
    rows = [line.split("\t") for line in lines]
    return [
        row[text].strip()
        for row in rows
        if len(row) == len(columns) and row[text].strip() and float(row[sure]) >= SURE
    ]


def edits(one: str, other: str) -> int:
    """Return how many characters are put in, taken out or changed to make one of the other.

    >>> edits("kitten", "sitting")
    3
    """
    theirs = np.array([ord(character) for character in other], np.int64)
    steps = np.arange(len(other) + 1)
    row = steps
    for number, character in enumerate(one, start=1):
        changed = np.minimum(row[1:] + 1, row[:-1] + (theirs != ord(character)))
        best = np.concatenate([[number], changed])
        row = np.minimum.accumulate(best - steps) + steps  # what is put in, all at once
    return int(row[-1])
