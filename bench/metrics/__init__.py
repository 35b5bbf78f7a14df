"""Metrics. `METRICS` is the table of conventions: an id names one convention for ever.

To add a metric, write one file with a class like those beside this one and add a row here; outside
packages add a `MetricCard` through the entry-point group ``restoration_bench.metrics``.
"""

from __future__ import annotations

from bench.metrics.table import ALIASES, METRICS, Check, Metric, MetricCard, metric_cards, resolve

__all__ = ["ALIASES", "METRICS", "Check", "Metric", "MetricCard", "metric_cards", "resolve"]
