"""The verdict: in plain words which model restores best, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from bench.core.names import counted
from bench.framework.marks import UNDERTRAINED
from bench.report.drawing.numbers import fixed, title
from bench.report.reading.analysis import Analysis
from bench.report.sections.costs import launch_lines
from bench.statistics.claims import TOO_FEW, told_apart


def verdict(analysis: Analysis) -> list[str]:
    """Return sentences by the first metric: who is best, by how much, who is tied with it, and what
    the other metrics say. Empty where there are no two models with scores."""
    metric = analysis.primary
    best = _best(analysis, metric) if metric else None
    if metric is None or best is None:
        return []  # or one model alone: there is nothing to hold it against
    sentences = [_head(analysis, metric, best), _how_much(analysis, metric, best)]
    sentences += [_who_else(analysis, metric), _others(analysis, best), _undertrained(analysis)]
    sentences += launch_lines(analysis)
    return [text for text in sentences if text]


def _best(analysis: Analysis, metric: str) -> str | None:
    return next((n for n in analysis.order if analysis.standing(metric, n).mark == "best"), None)


def _named(analysis: Analysis, name: str) -> str:
    return analysis.base_title if name == analysis.base else name


def _head(analysis: Analysis, metric: str, best: str) -> str:
    part = (
        f"{analysis.data.part[0].upper()}{analysis.data.part[1:]}. " if analysis.data.part else ""
    )
    if best == analysis.base:
        return f"{part}No model improves on {analysis.base_title} by {title(metric)}."
    told_more = analysis.data.table.apart
    among = " of the models that were told no more than the image" if told_more else ""
    gain = analysis.gain(metric, best)
    if (
        gain is not None
        and told_apart(gain.p_adjusted) is False
        and not _improves(analysis, metric)
    ):
        none = f"None{among}" if among else "No model"
        return (
            f"{part}{none} is known to improve on {analysis.base_title} by {title(metric)}. "
            f"{best} has the best mean."
        )
    alone = _tells(analysis, metric) and not _tied(analysis, metric)
    judged = "restores" if analysis.data.metrics[metric].needs_reference else "looks"
    verb = f"{judged} best by {title(metric)}" if alone else f"has the best mean {title(metric)}"
    return f"{part}{best} {verb}{among}."


def _tells(analysis: Analysis, metric: str) -> bool:
    return analysis.data.table.claims(metric).tests


def _tied(analysis: Analysis, metric: str) -> list[str]:
    return [n for n in analysis.order if analysis.standing(metric, n).mark == "tied"]


def _improves(analysis: Analysis, metric: str) -> bool:
    """Say whether any model that was told no more than the image is surely better than the base."""
    sign = 1 if analysis.data.table.higher_is_better[metric] else -1
    ranked = [n for n in analysis.order if n not in analysis.data.table.apart]
    gains = [analysis.gain(metric, name) for name in ranked if name != analysis.base]
    return any(g and sign * g.value > 0 and told_apart(g.p_adjusted) for g in gains)


def _how_much(analysis: Analysis, metric: str, best: str) -> str:
    """Return by how much it is better than the base, with what is known of that."""
    gain = analysis.gain(metric, best)
    if best == analysis.base or gain is None:
        return ""
    places, unit = analysis.places[metric], analysis.data.table.units[metric] or title(metric)
    sign = 1 if analysis.data.table.higher_is_better[metric] else -1
    way = "better" if sign * gain.value >= 0 else "worse"
    text = f"It is {fixed(abs(gain.value), places)} {unit} {way} than {analysis.base_title}"
    if gain.low is None or gain.high is None:
        return f"{text}, on one scene."
    low, high = sorted((sign * gain.low, sign * gain.high))
    around = " to ".join(fixed(edge, places, sign=True) for edge in (low, high))
    text += f" (95 % interval {around})"
    if told_apart(gain.p_adjusted) is False:
        return f"{text}, which may be chance once all models are tested together."
    if gain.p_adjusted is None:
        return f"{text}; there are {TOO_FEW}."
    return f"{text}, which is more than chance once all models are tested together."


def _who_else(analysis: Analysis, metric: str) -> str:
    """Return who is tied with the best; nothing where nothing could be told apart."""
    if not _tells(analysis, metric):
        return ""
    tied = _tied(analysis, metric)
    scenes = counted(analysis.data.table.claims(metric).scenes, "scene")
    if not tied:
        return f"No other model is tied with it on these {scenes}."
    names = _and([_named(analysis, name) for name in tied])
    return f"These {scenes} do not tell it apart from {names}."


def _others(analysis: Analysis, best: str) -> str:
    """Return which models the other metrics put first."""
    firsts: dict[str, list[str]] = {}
    for metric in analysis.shown:
        first = _best(analysis, metric)
        if metric != analysis.primary and first is not None:
            firsts.setdefault(first, []).append(title(metric))
    sentences = [
        f"{_and(metrics)} put{'s' if len(metrics) == 1 else ''} "
        + ("it first too" if first == best else f"{_named(analysis, first)} first")
        for first, metrics in firsts.items()
    ]
    return f"{'; '.join(sentences)}." if sentences else ""


def _undertrained(analysis: Analysis) -> str:
    """Return which models' scores are no results, for want of training."""
    names = [
        name
        for name in analysis.order
        if any(m.short == UNDERTRAINED for m in analysis.data.table.marks.get(name, ()))
    ]
    if not names:
        return ""
    be = "is" if len(names) == 1 else "are"
    return f"{_and(names)} {be} undertrained: such scores say nothing of what a network can do."


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else names[0]
