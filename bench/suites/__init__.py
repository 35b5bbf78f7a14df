"""Suites: what images there are and how they are to be scored. `SUITES` is the table.

To add a suite, write one file with an ``open_..`` function and add a row to `bench.suites.table`;
outside packages add a `SuiteCard` through the entry-point group ``restoration_bench.suites``.
"""

from __future__ import annotations

from bench.suites.table import SUITES, Suite, SuiteCard, open_suite, spread, suite_cards

__all__ = ["SUITES", "Suite", "SuiteCard", "open_suite", "spread", "suite_cards"]
