"""Why a model that is loaded is not for the images of a run."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records import Pair
from bench.runs.planning import NO_PSF, any_psf
from bench.suites.frames import most_frames, too_few
from models.restorer import Restorer
from models.windows import reach_of


def unfit(restorer: Restorer, pairs: Sequence[Pair], scale: int) -> str | None:
    """Return why, None where it is for them. ``scale`` is what the suite asks to be enlarged by."""
    if restorer.needs_psf and not any_psf(pairs):
        return NO_PSF
    if restorer.scale not in (None, scale):
        return f"enlarges x{restorer.scale}; this suite asks for x{scale}"
    wanted, given = reach_of(restorer).frames, most_frames(pairs)
    return too_few(wanted, given) if wanted > given else None
