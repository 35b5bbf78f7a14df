"""The table of blurs: each one's function, the unit of its ``size``, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.degrade.depth import Nearness, defocus_by_depth, plane_nearness, smooth_nearness
from bench.degrade.layers import Layer, draw_layers, move_layers
from bench.degrade.light import Light
from bench.degrade.parameters import Blur, Degradation, stream
from bench.degrade.psf import (
    Psf,
    blur,
    defocus_psf,
    gaussian_psf,
    motion_psf,
    rasterise,
    trajectory,
)
from bench.degrade.shake import Homographies, average, mean_psf, poses, rotations, spin, zoom


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a photograph and so is not drawn: distances (H, W), or moving layers."""

    nearness: Nearness | None = None
    layers: Sequence[Layer] | None = None


@dataclass(frozen=True, slots=True)
class BlurKind:
    """One row: ``apply`` takes (H, W, 3) linear light and returns it blurred, with its PSF."""

    apply: Callable[[Light, Degradation, Scene], tuple[Light, Psf]]
    unit: str
    uniform: bool
    """Whether one PSF holds for the whole image; else it is the mean."""
    about: str


def apply_blur(light: Light, how: Degradation, scene: Scene) -> tuple[Light, Psf]:
    """Blur (H, W, 3) linear light as ``how`` says; return it and its PSF, or its mean PSF.

    Where nothing moves and nothing is out of focus, no bit changes.
    """
    if how.blur == "none" or not (how.size or how.roll or how.background or scene.layers):
        return light, np.ones((1, 1))
    return BLURS[how.blur].apply(light, how, scene)


def _motion(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    return _convolved(light, motion_psf(how.size * how.exposure, how.angle))


def _trajectory(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    path = trajectory(stream(how, "path"), how.size, how.exposure)
    return _convolved(light, rasterise(path))


def _gaussian(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    return _convolved(light, gaussian_psf(how.size))


def _defocus(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    return _convolved(light, defocus_psf(how.size))


def _convolved(light: Light, psf: Psf) -> tuple[Light, Psf]:
    return blur(light, psf), psf


def _shake(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    rng, size = stream(how, "path"), _size(light)
    path = trajectory(rng, how.size, how.exposure)
    roll = np.radians(trajectory(rng, how.roll, how.exposure)[:, 0])
    return _averaged(light, rotations(poses(path, roll, size), size))


def _spin(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    return _averaged(light, spin(how.size * how.exposure, _size(light)))


def _zoom(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    return _averaged(light, zoom(how.size * how.exposure, _size(light)))


def _averaged(light: Light, homographies: Homographies) -> tuple[Light, Psf]:
    return average(light, homographies), mean_psf(homographies, _size(light))


def _layers(light: Light, how: Degradation, scene: Scene) -> tuple[Light, Psf]:
    camera = np.zeros((1, 2))
    if how.background:
        camera = trajectory(stream(how, "path"), how.background, how.exposure)
    layers = scene.layers
    if layers is None:
        length = how.size * how.exposure
        layers = draw_layers(stream(how, "scene"), _size(light), how.objects, length)
    return move_layers(light, layers, camera)


def _depth(light: Light, how: Degradation, scene: Scene) -> tuple[Light, Psf]:
    nearness = scene.nearness
    if nearness is None:
        draw = smooth_nearness if how.surface == "smooth" else plane_nearness
        nearness = draw(stream(how, "scene"), _size(light))
    return defocus_by_depth(light, nearness, how.size, how.focus)


def _size(light: Light) -> tuple[int, int]:
    return light.shape[0], light.shape[1]


BLURS: dict[Blur, BlurKind] = {
    "none": BlurKind(
        lambda light, how, scene: (light, np.ones((1, 1))), "none", True, "no blur",
    ),
    "motion": BlurKind(
        _motion, "pixels: length", True, "straight motion at even speed, along `angle`",
    ),
    "trajectory": BlurKind(
        _trajectory, "pixels: longer side of the path", True,
        "the path of a trembling hand, the same everywhere",
    ),
    "shake": BlurKind(
        _shake, "pixels: longer side of the path", False,
        "a hand's path that also rolls, by `roll`, so that it differs over the image",
    ),
    "spin": BlurKind(_spin, "degrees turned", False, "an even roll about the image's centre"),
    "zoom": BlurKind(_zoom, "percent grown", False, "a zoom or approach, away from the centre"),
    "layers": BlurKind(
        _layers, "pixels: longest motion", False,
        "`objects` that move against a background that is still, or shaken by `background`",
    ),
    "gaussian": BlurKind(_gaussian, "pixels: standard deviation", True, "Gaussian"),
    "defocus": BlurKind(_defocus, "pixels: radius", True, "the disc of a lens out of focus"),
    "depth": BlurKind(
        _depth, "pixels: largest radius", False,
        "defocus that grows with the distance from `focus`, over a drawn `surface`",
    ),
}  # fmt: skip
"""Blur -> how it is made. `Degradation` stores the name."""
