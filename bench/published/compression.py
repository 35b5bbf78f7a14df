"""What authors report of making their networks smaller: claims, where no table was published."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That a network, one of ``names`` here, was made smaller by the part ``smaller`` of its size.

    ``quality`` are the author's words on what that cost; ``caveat`` is what a reader must know.
    """

    names: tuple[str, ...]
    method: str
    smaller: float
    quality: str
    source: str
    caveat: str

    def __str__(self) -> str:
        return (
            f"published: {self.method} made it {self.smaller:.0%} smaller, '{self.quality}' "
            f"({self.source}); {self.caveat}"
        )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        names=("hybrid-gan", "hybrid-gan-x4"),
        method="pruning and quantisation",
        smaller=0.4,
        quality="without major performance degradation",
        source="Singh and Sharma 2023, IJSRTM 2(2):6-10, section IV",
        caveat="nearly so much; no figure of quality, method or suite is given",
    ),
)
"""One claim a row."""


def claims_of(model: str) -> tuple[Claim, ...]:
    """Return what was published of making a network of the catalogue smaller."""
    return tuple(claim for claim in CLAIMS if model in claim.names)
