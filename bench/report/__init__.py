"""Reports of finished runs: one self-contained page, tables, plots."""

from __future__ import annotations

from bench.report.page import write_report
from bench.report.summary import summary_table

__all__ = ["summary_table", "write_report"]
