"""Figures that authors report, each with its convention and its source: `REPORTS` is the table.

Nothing stands here from memory: every figure was read in the source that it names, or in a table of
others that quotes it. Rows lie in a file for each task.
"""

from bench.published.deblurring import DEBLURRING
from bench.published.denoising import DENOISING
from bench.published.row import Cost, Figure, Report
from bench.published.superresolution import SUPERRESOLUTION

REPORTS: tuple[Report, ...] = (*DEBLURRING, *DENOISING, *SUPERRESOLUTION)

__all__ = ["REPORTS", "Cost", "Figure", "Report"]
