"""Reports of finished runs: one self-contained page, tables, plots."""

from __future__ import annotations

from bench.report.across import across, write_across
from bench.report.page import write_report
from bench.report.reading.trial import trial_of
from bench.report.summary import summary_table

__all__ = ["across", "summary_table", "trial_of", "write_across", "write_report"]
