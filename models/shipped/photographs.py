"""What the shipped weights learned from: photographs inside packages that pip installs.

Their licences allow it; none is a photograph that the demo suite tests with. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import BenchError

if TYPE_CHECKING:
    from bench.image import Pixels
    from bench.suites.table import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A photograph in an installed package, and how often the training shows a piece of it.

    ``file`` lies in the folder of ``package``. ``credit`` is who made it.
    """

    name: str
    package: str
    file: str
    split: Split
    pieces: int
    licence: str
    credit: str

    @property
    def path(self) -> Path:
        """Where it lies. Raises `BenchError` where the package is not installed."""
        found = find_spec(self.package)
        path = Path(found.origin).parent / self.file if found and found.origin else None
        if path is None or not path.is_file():
            raise BenchError(
                f"no photograph '{self.name}': expected {self.file} in the package "
                f"'{self.package}'; install what the shipped weights learn from with "
                "pip install -e '.[shipped]' -c constraints.txt"
            )
        return path

    def pixels(self) -> Pixels:
        """Return it, (H, W, 3) uint8; a grey one has equal channels. See `path`."""
        import numpy as np  # those who only list the photographs need neither

        from bench.image import read

        if self.path.suffix == ".npz":
            grey: Pixels = np.load(self.path)["data"]
            return np.repeat(grey[..., None], 3, axis=2)
        return read(self.path)


CC0, CC_BY = "CC0 1.0", "CC BY 2.0"
_NASA = "public domain: a work of NASA"


def _skimage(
    name: str, pieces: int, credit: str, file: str, licence: str = CC0, split: Split = "train"
) -> Photograph:
    return Photograph(
        name=name,
        package="skimage",
        file=f"data/{file}",
        split=split,
        pieces=pieces,
        licence=licence,
        credit=credit,
    )


PHOTOGRAPHS: tuple[Photograph, ...] = (
    _skimage("rocket", 72, "SpaceX", "rocket.jpg", licence="public domain"),
    _skimage("brick", 20, "texture of CC0Textures", "brick.png"),
    _skimage("grass", 20, "linolafett, DeviantArt", "grass.png"),
    _skimage("gravel", 20, "texture of CC0Textures", "gravel.png"),
    _skimage("retina", 16, "Mikael Häggström", "retina.jpg"),
    _skimage("hubble", 16, "NASA, ESA", "hubble_deep_field.jpg", licence=_NASA),
    _skimage("coins", 12, "Brooklyn Museum Collection", "coins.png", split="val",
             licence="no known copyright"),
    Photograph(
        name="china", package="sklearn", file="datasets/images/china.jpg", split="train",
        pieces=160, licence=CC_BY, credit="danielbuechele, flickr 6061409035",
    ),
    Photograph(
        name="flower", package="sklearn", file="datasets/images/flower.jpg", split="val",
        pieces=12, licence=CC_BY, credit="vultilion, flickr 6056698931",
    ),
    Photograph(
        name="ascent", package="pywt", file="data/ascent.npz", split="train", pieces=48,
        licence="public domain", credit="public-domain-image.com, accent-to-the-top",
    ),
    Photograph(
        name="hopper", package="matplotlib", file="mpl-data/sample_data/grace_hopper.jpg",
        split="train", pieces=80, licence="public domain: a work of the U.S. Navy",
        credit="James S. Davis",
    ),
)  # fmt: skip
"""THE table. Colour photographs of many things are shown most, textures least."""
