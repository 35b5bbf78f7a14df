"""Metrics. `METRICS` is the table of conventions: an id names one convention for ever.

To add a metric, write one file with a class like those beside this one and add a row here; outside
packages add a `MetricCard` through the entry-point group ``restoration_bench.metrics``.
Metrics of whole sets have a table of their own, `SET_METRICS`, and a group of their own,
``restoration_bench.set_metrics``.
"""

from __future__ import annotations

from bench.metrics.card import Check, Metric, MetricCard
from bench.metrics.set_table import SET_METRICS, SetMetricCard, set_metric_cards
from bench.metrics.table import ALIASES, METRICS, metric_cards, resolve

__all__ = [
    "ALIASES",
    "METRICS",
    "SET_METRICS",
    "Check",
    "Metric",
    "MetricCard",
    "SetMetricCard",
    "metric_cards",
    "resolve",
    "set_metric_cards",
]
