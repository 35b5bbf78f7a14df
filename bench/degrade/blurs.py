"""What the blurs of the table do to (H, W, 3) linear light. Each returns it with its PSF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.plugins import load_object
from bench.degrade.depth import Nearness, defocus_by_depth, plane_nearness, smooth_nearness
from bench.degrade.haze import hazy
from bench.degrade.layers import Layer, draw_layers, move_layers
from bench.degrade.lens import corner_defocus
from bench.degrade.light import Light
from bench.degrade.parameters import Degradation, stream
from bench.degrade.psf import (
    Psf,
    blur,
    convolved,
    defocus_psf,
    gaussian_psf,
    motion_psf,
    rasterise,
    trajectory,
)
from bench.degrade.shake import Homographies, average, mean_psf, poses, rotations, spin, zoom
from bench.degrade.table import blurs
from bench.degrade.turbulence import turbulent


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a photograph and so is not drawn: distances (H, W), or moving layers."""

    nearness: Nearness | None = None
    layers: Sequence[Layer] | None = None


def apply_blur(light: Light, how: Degradation, scene: Scene) -> tuple[Light, Psf]:
    """Blur (H, W, 3) linear light as ``how`` says; return it and its PSF, or its mean PSF.

    Where nothing moves and nothing is out of focus, no bit changes.
    """
    moved = how.size or how.roll or how.background or how.radius or scene.layers
    if how.blur == "none" or not moved:
        return light, np.ones((1, 1))
    blurred: tuple[Light, Psf] = load_object(blurs()[how.blur].apply)(light, how, scene)
    return blurred


def none(light: Light, _: Degradation, __: Scene) -> tuple[Light, Psf]:
    """No blur: the PSF is one pixel."""
    return light, np.ones((1, 1))


def motion(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """Straight motion at even speed."""
    return _convolved(light, motion_psf(how.size * how.exposure, how.angle))


def hand_path(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """The path of a trembling hand, the same everywhere."""
    path = trajectory(stream(how, "path"), how.size, how.exposure)
    return _convolved(light, rasterise(path))


def gaussian(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """Gaussian."""
    return _convolved(light, gaussian_psf(how.size))


def defocus(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """The disc of a lens out of focus."""
    return _convolved(light, defocus_psf(how.size))


def _convolved(light: Light, psf: Psf) -> tuple[Light, Psf]:
    return blur(light, psf), psf


def shake(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """A hand's path that also rolls."""
    rng, size = stream(how, "path"), _size(light)
    path = trajectory(rng, how.size, how.exposure)
    rolled = np.radians(trajectory(rng, how.roll, how.exposure)[:, 0])
    return _averaged(light, rotations(poses(path, rolled, size), size))


def roll(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """An even roll about the centre."""
    return _averaged(light, spin(how.size * how.exposure, _size(light)))


def approach(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """A zoom, away from the centre."""
    return _averaged(light, zoom(how.size * how.exposure, _size(light)))


def _averaged(light: Light, homographies: Homographies) -> tuple[Light, Psf]:
    return average(light, homographies), mean_psf(homographies, _size(light))


def layers(light: Light, how: Degradation, scene: Scene) -> tuple[Light, Psf]:
    """Objects that move against a background."""
    camera = np.zeros((1, 2))
    if how.background:
        camera = trajectory(stream(how, "path"), how.background, how.exposure)
    moving = scene.layers
    if moving is None:
        length = how.size * how.exposure
        moving = draw_layers(stream(how, "scene"), _size(light), how.objects, length)
    return move_layers(light, moving, camera)


def defocus_with_depth(light: Light, how: Degradation, scene: Scene) -> tuple[Light, Psf]:
    """Defocus that grows with the distance from the plane in focus."""
    return defocus_by_depth(light, _nearness(light, how, scene), how.size, how.focus)


def lens(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """Defocus that grows to the corners."""
    return corner_defocus(light, how.size, how.astigmatism)


def motion_out_of_focus(light: Light, how: Degradation, scene: Scene) -> tuple[Light, Psf]:
    """Straight motion, seen by a lens out of focus."""
    psf = convolved(motion_psf(how.size * how.exposure, how.angle), defocus_psf(how.radius))
    return _convolved(light, psf)


def shake_out_of_focus(light: Light, how: Degradation, scene: Scene) -> tuple[Light, Psf]:
    """A shake, seen by a lens out of focus."""
    shaken, psf = shake(light, how, scene)
    disc = defocus_psf(how.radius)
    return blur(shaken, disc), convolved(psf, disc)


def turbulence(light: Light, how: Degradation, _: Scene) -> tuple[Light, Psf]:
    """A short exposure through turbulent air."""
    return turbulent(light, how.size, stream(how, "air"))


def apply_haze(light: Light, how: Degradation, scene: Scene) -> Light:
    """Return (H, W, 3) linear light as haze lets it through, of the distances of ``depth``."""
    if not how.haze:
        return light
    return hazy(light, _nearness(light, how, scene), how.haze, how.airlight)


def _nearness(light: Light, how: Degradation, scene: Scene) -> Nearness:
    if scene.nearness is not None:
        return scene.nearness
    draw = smooth_nearness if how.surface == "smooth" else plane_nearness
    return draw(stream(how, "scene"), _size(light))


def _size(light: Light) -> tuple[int, int]:
    return light.shape[0], light.shape[1]
