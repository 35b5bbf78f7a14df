"""What may be said of figures over so many independent scenes: the one rule, used everywhere.

1 scene: the figures alone, no interval, no probability, no test. 2 to 5: intervals and
probabilities with a warning; no test, which could find nothing: of n scenes the smallest two-sided
p-value by sign flips is 2 / 2^n. 6 and more: sign flips of whole scenes, adjusted for all models
by step-down max-T (`bench.statistics.clusters`).

Two models are *tied* if that test against the better of the two, adjusted for all models that are
compared on these images, does not tell them apart at 5 %. Nothing is called tied where there is no
test.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVEL = 0.95
FEWEST_TESTED = 6
"""2 / 2^6 is the first that is below 5 %."""
TOO_FEW = "too few scenes for a test at 5 %"
TIED = (
    "Tied: sign flips of whole scenes against the better of the two, adjusted for all models "
    "compared on these images, do not tell them apart at 5 %"
)


@dataclass(frozen=True, slots=True)
class Claims:
    """What may be said of figures over ``scenes`` scenes."""

    scenes: int

    @property
    def intervals(self) -> bool:
        """Whether intervals and probabilities are more than an echo of the figure."""
        return self.scenes != 1

    @property
    def tests(self) -> bool:
        """Whether a test could find anything at 5 %."""
        return self.scenes >= FEWEST_TESTED

    @property
    def caveat(self) -> str:
        """What is said once, above all figures; nothing where there are scenes enough."""
        if self.scenes == 1:
            return (
                "one scene: the figures hold for it alone; no interval, no probability and no test "
                "says how others would fare"
            )
        if 1 < self.scenes < FEWEST_TESTED:
            return (
                f"{self.scenes} scenes: intervals and probabilities from so few are rough, and "
                f"these are {TOO_FEW}"
            )
        return ""


def told_apart(p: float | None) -> bool | None:
    """Say whether a test tells two models apart: False is tied, None is not tested."""
    return None if p is None or p != p else p < 1 - LEVEL
