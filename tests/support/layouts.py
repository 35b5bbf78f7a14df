"""Data sets in the layouts that people have them in, made of small pieces of a photograph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.image import Pixels

HEIGHT, WIDTH = 24, 36  # multiples of 2, 3 and 4


class Maker:
    """Writes pieces of a photograph, never the same one twice, under ``root``."""

    def __init__(self, root: Path, photograph: Pixels) -> None:
        self.root, self._photograph, self._count = root, photograph, 0

    def sharp(self, *files: str, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
        """Write one new piece under all these names, and return it."""
        y, x = divmod(self._count * 5, self._photograph.shape[1] - width)
        self._count += 1
        piece = self._photograph[3 * y : 3 * y + height, x : x + width]
        for file in files:
            self.write(file, piece)
        return np.ascontiguousarray(piece)

    def pair(self, degraded: str, sharp: str) -> None:
        """Write a new piece and its blurred version."""
        piece = self.sharp(sharp)
        self.write(degraded, np.asarray(cv2.GaussianBlur(piece, (0, 0), 1.2), np.uint8))

    def small(self, low: str, sharp: str, scale: int, surplus: int = 0) -> None:
        """Write a new piece and a smaller version that does not cover its last ``surplus`` rows."""
        piece = self.sharp(sharp, height=HEIGHT + surplus)
        size = (WIDTH // scale, HEIGHT // scale)
        self.write(low, cv2.resize(piece[:HEIGHT], size, interpolation=cv2.INTER_CUBIC))

    def write(self, file: str, pixels: object) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.asarray(pixels)[:, :, ::-1])

    def text(self, file: str, *lines: str) -> None:
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Layout:
    """One way in which a suite's data may lie there, and what is then found in it."""

    spec: str
    name: str
    make: Callable[[Maker], None]
    splits: Mapping[str, int]
    says: str
    """Part of what the opened suite calls its layout."""


# --- deblurring ---------------------------------------------------------------------------------

TEST_SCENES, TRAIN_SCENES = (
    ("GOPR0384_11_00", "GOPR0410_11_00"),
    ("GOPR0372_07_00", "GOPR0374_11_01"),
)


def gopro_official(maker: Maker) -> None:
    for split, scenes in (("test", TEST_SCENES), ("train", TRAIN_SCENES)):
        for scene in scenes:
            for frame in ("000001", "000002"):
                folder = f"{split}/{scene}"
                maker.pair(f"{folder}/blur/{frame}.png", f"{folder}/sharp/{frame}.png")


def both_splits(
    degraded: str, sharp: str, test: str, train: str, inner: str = ""
) -> Callable[[Maker], None]:
    """{test,train}/{degraded,sharp}/NAME.png: two frames of two scenes each."""

    def make(maker: Maker) -> None:
        for split, pattern in (("test", test), ("train", train)):
            for scene in (1, 2):
                for frame in (1, 2):
                    name = pattern.format(scene=scene, frame=frame)
                    place = f"{inner}{split}"
                    maker.pair(f"{place}/{degraded}/{name}.png", f"{place}/{sharp}/{name}.png")

    return make


def hide_official(maker: Maker) -> None:
    for folder, names in (
        ("test/test-close-ups", ("1fromGOPR1000", "2fromGOPR1000")),
        ("test/test-long-shot", ("3fromGOPR1001",)),
        ("train", ("4fromGOPR2000", "5fromGOPR2001", "6fromGOPR2001")),
    ):
        for name in names:
            maker.pair(f"{folder}/{name}.png", f"GT/{name}.png")


def realblur_lists(half: str, folder: str) -> Callable[[Maker], None]:
    def make(maker: Maker) -> None:
        for split, scenes in (
            ("test", ("scene230", "scene050")),
            ("train", ("scene001", "scene244_reflect")),
        ):
            rows = []
            for scene in scenes:
                for number in (2, 10):
                    sharp = f"{folder}/{scene}/gt/gt_{number}.png"
                    blurred = f"{folder}/{scene}/blur/blur_{number}.png"
                    maker.pair(blurred, sharp)
                    rows.append(f"{sharp} {blurred} ")
            maker.text(f"RealBlur_{half}_{split}_list.txt", *rows)

    return make


def rsblur_lists(maker: Maker) -> None:
    for split, numbers in (("test", (22, 41)), ("val", (42,)), ("train", (62, 82))):
        rows = []
        for number in numbers:
            folder = f"RSBlur/0001/{number:06d}"
            maker.pair(f"{folder}/real_blur/real_blur.png", f"{folder}/gt/gt_sharp.png")
            rows.append(f"{folder}/gt/gt_sharp.png {folder}/real_blur/real_blur.png")
        maker.text(f"RSBlur_real_{split}.txt", *rows)


def reds_official(nested: bool) -> Callable[[Maker], None]:
    def make(maker: Maker) -> None:
        for split, count in (("train", 3), ("val", 2)):
            for sequence in range(count):
                for frame in range(2):
                    place = f"{split}/" if nested else ""
                    file = f"{sequence:03d}/{frame:08d}.png"
                    maker.pair(f"{place}{split}_blur/{file}", f"{place}{split}_sharp/{file}")

    return make


def celeba_official(listed: bool) -> Callable[[Maker], None]:
    def make(maker: Maker) -> None:
        rows = []
        for number in range(1, 41):
            maker.sharp(f"img_align_celeba/{number:06d}.jpg")
            rows.append(f"{number:06d}.jpg {number % 13 + 100}")
        if listed:
            maker.text("Anno/identity_CelebA.txt", *rows)

    return make


def celeba_stored(maker: Maker) -> None:
    for split, numbers in (("train", (1, 2)), ("validation", (3,)), ("test", (4,))):
        for number in numbers:
            place = f"DBlur/CelebA/{split}"
            maker.pair(f"{place}/blur/{number:06d}.jpg", f"{place}/sharp/{number:06d}.jpg")


def triplets(maker: Maker) -> None:
    folders = {"S": "sharp", "F": "defocused_blurred", "M": "motion_blurred"}
    for scene in range(12):
        for kind, folder in folders.items():
            maker.sharp(f"{folder}/{scene}_IPHONE-SE_{kind}.JPG")


def frames(maker: Maker) -> None:
    for number in range(12):
        maker.pair(f"bad_frames/{number:03d}.png", f"good_frames/{number:03d}.png")


def two_folders(degraded: str, sharp: str) -> Callable[[Maker], None]:
    def make(maker: Maker) -> None:
        for name in ("harbour", "street-1", "street-2"):
            maker.pair(f"{degraded}/{name}.png", f"{sharp}/{name}.png")

    return make


# --- denoising and super-resolution -------------------------------------------------------------


def clean(folder: str, beside: str = "") -> Callable[[Maker], None]:
    def make(maker: Maker) -> None:
        for number in (1, 2, 3):
            maker.sharp(f"{folder}test{number:03d}.png")
            if beside:
                maker.sharp(f"{beside}test{number:03d}.png")

    return make


def enlarged(low: str, sharp: str, scale: int) -> Callable[[Maker], None]:
    """Two photographs; ``low`` may be empty: only references."""

    def make(maker: Maker) -> None:
        for name in ("baby", "bird"):
            if low:
                maker.small(low.format(name=name), sharp.format(name=name), scale, surplus=1)
            else:
                maker.sharp(sharp.format(name=name), height=HEIGHT + 1)

    return make


def div2k(low: bool) -> Callable[[Maker], None]:
    def make(maker: Maker) -> None:
        for split, numbers in (("train", (1, 2, 3)), ("valid", (801, 802))):
            for number in numbers:
                sharp = f"DIV2K_{split}_HR/{number:04d}.png"
                if low:
                    maker.small(f"DIV2K_{split}_LR_bicubic/X2/{number:04d}x2.png", sharp, 2)
                else:
                    maker.sharp(sharp)

    return make


J = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref"
R = "RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref"
FOUR = {"test": 4, "val": 2, "train": 2}
"""Two frames of two scenes each, one training scene held out."""

_LAYOUTS = (
    Layout("gopro", "official", gopro_official, FOUR, "official"),
    Layout(
        "gopro",
        "flattened",
        both_splits(
            "blur", "sharp", "GOPR0384_11_0{scene}-{frame:06d}", "GOPR0372_07_0{scene}-{frame:06d}"
        ),
        FOUR,
        "flattened",
    ),
    Layout(
        "gopro",
        "paired",
        both_splits(
            "input",
            "target",
            "GOPR0384_11_0{scene}-{frame:06d}",
            "GOPR0372_07_0{scene}-{frame:06d}",
        ),
        FOUR,
        "paired",
    ),
    Layout("hide", "official", hide_official, {"test": 3, "val": 2, "train": 1}, "GT, train, test"),
    Layout(
        "hide",
        "paired",
        both_splits("input", "target", "{frame}fromGOPR100{scene}", "{frame}fromGOPR200{scene}"),
        FOUR,
        "{input,target}",
    ),
    Layout("realblur-j", "lists", realblur_lists("J", J), FOUR, "lists"),
    Layout(
        "realblur-j",
        "paired",
        both_splits(
            "input", "target", "scene23{scene}-{frame}", "scene00{scene}-{frame}", "RealBlur_J/"
        ),
        FOUR,
        "{input,target}",
    ),
    Layout("realblur-r", "lists", realblur_lists("R", R), FOUR, "lists"),
    Layout(
        "realblur-r",
        "test only",
        two_folders("test/RealBlur_R/input", "test/RealBlur_R/target"),
        {"test": 3},
        "{input,target}",
    ),
    Layout("rsblur", "lists", rsblur_lists, {"test": 2, "val": 1, "train": 2}, "lists"),
    Layout(
        "rsblur",
        "paired",
        both_splits("input", "target", "000{scene}-{frame}", "001{scene}-{frame}"),
        FOUR,
        "{input,target}",
    ),
    Layout(
        "reds", "official", reds_official(True), {"test": 4, "val": 2, "train": 4}, "{train,val}"
    ),
    Layout(
        "reds",
        "side by side",
        reds_official(False),
        {"test": 4, "val": 2, "train": 4},
        "{train,val}",
    ),
    Layout("celeba:blur=uniform", "by person", celeba_official(True), {}, "identity_CelebA.txt"),
    Layout("celeba:blur=varying", "by file", celeba_official(False), {}, "img_align_celeba"),
    Layout(
        "celeba:blur=stored",
        "stored",
        celeba_stored,
        {"test": 1, "val": 1, "train": 2},
        "{blur,sharp}",
    ),
    Layout("blur-triplets", "official", triplets, {"test": 4, "val": 2, "train": 18}, "ID_DEVICE"),
    Layout("blur-triplets", "frames", frames, {"test": 2, "val": 1, "train": 9}, "good_frames"),
    Layout(
        "folder", "input and target", two_folders("input", "target"), {"test": 3}, "{input,target}"
    ),
    Layout("folder", "lq and gt", two_folders("lq", "gt"), {"test": 3}, "{lq,gt}"),
    Layout("photos", "flat", clean(""), {"test": 3}, "photographs below it"),
    Layout("bsd68", "flat", clean(""), {"test": 3}, "*"),
    Layout("bsd68:sigma=15", "own folder", clean("BSD68/"), {"test": 3}, "BSD68"),
    Layout(
        "cbsd68:sigma=50",
        "original",
        clean("CBSD68/original_png/", "CBSD68/noisy25/"),
        {"test": 3},
        "original_png",
    ),
    Layout("kodak24", "paired", clean("gt/", "lq/"), {"test": 3}, "gt"),
    Layout(
        "set5:scale=3",
        "flat",
        enlarged("Set5_LR_bicubic/x3/{name}x3.bmp", "Set5/{name}_GT.bmp", 3),
        {"test": 2},
        "Set5_LR_bicubic/x3",
    ),
    Layout(
        "set5:scale=4",
        "BasicSR",
        enlarged("LRbicx4/{name}.png", "GTmod12/{name}.png", 4),
        {"test": 2},
        "LRbicx4",
    ),
    Layout(
        "set5:scale=2", "references only", enlarged("", "{name}.png", 2), {"test": 2}, "made here"
    ),
    Layout(
        "set14:scale=4",
        "EDSR",
        enlarged("LR_bicubic/X4/{name}x4.png", "HR/{name}.png", 4),
        {"test": 2},
        "X4",
    ),
    Layout(
        "set14:scale=2",
        "SelfExSR",
        enlarged("image_SRF_2/{name}_SRF_2_LR.png", "image_SRF_2/{name}_SRF_2_HR.png", 2),
        {"test": 2},
        "image_SRF_2",
    ),
    Layout(
        "set14:scale=3", "paired", enlarged("lq/{name}.png", "gt/{name}.png", 3), {"test": 2}, "lq"
    ),
    Layout(
        "div2k:scale=2", "official", div2k(True), {"test": 2, "val": 1, "train": 2}, "LR_bicubic/X2"
    ),
    Layout(
        "div2k:scale=4",
        "references only",
        div2k(False),
        {"test": 2, "val": 1, "train": 2},
        "made here",
    ),
)

LAYOUTS = {f"{layout.spec} {layout.name}": layout for layout in _LAYOUTS}
