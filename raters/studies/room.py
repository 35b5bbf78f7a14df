"""The window that a study needs: `bench rate new` tells it, and the page asks for it at the door.

``page/screen.js`` computes the same from the browser's own figures.
"""

from __future__ import annotations

from raters.protocols import Protocol

GAP, CAPTION, MARGIN = 20, 20, 8
"""CSS pixels between images, above each, and around them."""
SCREENS = ((1366, 768), (1440, 900), (1536, 864), (1920, 1080), (2560, 1440), (3840, 2160))
"""Width and height in CSS pixels of what people have, the most frequent ones."""
USUAL = (1920, 1080)
STEP = 64
"""A smaller crop is proposed in steps of so many pixels."""

Extent = tuple[int, int]
"""Width and height in pixels."""


def needed(protocol: Protocol, image: Extent, window: Extent = (1440, 900)) -> Extent:
    """Return the window, in CSS pixels, in which all images of a trial fit beside each other.

    ``image``: the largest that is shown. One of its pixels is one CSS pixel, as where the device
    pixel ratio is 1. ``window``: the one that there is, by which the page's bars are high or low.
    """
    count = len(protocol.compared)
    wide = count * image[0] + (count - 1) * GAP + 2 * MARGIN
    return max(wide, protocol.page_width), image[1] + _bars(window) + CAPTION + MARGIN


def fits(protocol: Protocol, image: Extent, screen: Extent) -> bool:
    """Whether a study can be judged on a screen, with the browser over all of it."""
    width, height = needed(protocol, image, screen)
    return width <= screen[0] and height <= screen[1]


def advice(protocol: Protocol, image: Extent) -> str:
    """Say which window a study needs, which screens that shuts out, and which crop would not."""
    width, height = needed(protocol, image)
    told = f"needs a window of {width} x {height}"
    shut = [screen for screen in SCREENS if not fits(protocol, image, screen)]
    if not shut:
        return f"{told}: fits {_named(SCREENS[0])}"
    largest = max(shut, key=lambda screen: screen[0] * screen[1])
    smaller = " and smaller" if len(shut) > 1 else ""
    target = min(largest, USUAL, key=lambda screen: screen[0] * screen[1])
    side = (max(image) - 1) // STEP * STEP
    while side and not fits(protocol, (side, side), target):
        side -= STEP
    smallest = f"; --crop {side} fits {_named(target)}" if side else ""
    return f"{told}: shuts out {_named(largest)}{smaller}{smallest}"


def _bars(window: Extent) -> int:
    """Return how high the page's bars are together; ``page/page.css`` says so."""
    if window[1] <= 700:
        return 42 + 58
    return 60 + 88 if window[0] >= 1900 and window[1] >= 1000 else 48 + 72


def _named(screen: Extent) -> str:
    return f"{screen[0]} x {screen[1]}"
