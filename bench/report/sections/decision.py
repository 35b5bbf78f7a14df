"""What the tables of the decision show, in two sentences: the budget's choice, and how surely."""

from __future__ import annotations

from collections.abc import Sequence

from bench.compute.noise import MARK
from bench.compute.quantities import row_of
from bench.core.errors import BenchError
from bench.framework.acceptability import acceptability
from bench.framework.budgets import budget_steps
from bench.framework.joint import Joint
from bench.framework.ranking import fronts, ranks
from bench.records import ONE
from bench.report.drawing.axes import axis_title, in_words
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import percent, significant
from bench.report.reading.context import Context
from bench.report.reading.evidence import Facts


def section(context: Context) -> Content | Missing:
    """Return the two sentences, of what there is: nothing is said of one model alone."""
    found = context.facts
    sentences = [_by_budget(found), _how_surely(found)] if found.costs else [_by_rank(found)]
    text = " ".join(sentence for sentence in sentences if sentence)
    return Content([text] if text else [])


def _by_budget(found: Facts) -> str:
    joint = found.join(found.main, found.costs[0])
    if isinstance(joint, Missing) or len(joint.models) < 2:
        return ""
    row, quality = row_of(found.costs[0]), axis_title(found.main)
    steps = []
    for step in budget_steps(found.evidence, joint):
        budget = f"{significant(step.budget * row.factor)} {row.page_unit}".strip()
        noisy = found.costs[0] in joint.noise.get(step.model, {})
        single = step.model in joint.single.get(found.costs[0], ())
        word = f" {MARK}" * noisy + f" ({ONE})" * single
        steps.append(f"{step.model} from {budget}{word}")
    if not steps:
        return f"By {quality} no model is worth its {row.word}."
    return f"As the budget of {row.word} grows, take by {quality}: {_and(steps)}."


def _how_surely(found: Facts) -> str:
    joint = found.join(found.main, *found.costs)
    if isinstance(joint, Missing) or len(joint.models) < 2:
        return ""
    words = in_words([found.main, *found.costs])
    on_front = [row for row in fronts(joint) if row.on_front]
    if not joint.claims.intervals:
        names = _and([row.model for row in on_front]) if on_front else "no model"
        return f"Not beaten in {words}: {names}."
    named = [f"{row.model} ({percent(row.probability)})" for row in on_front]
    text = f"On the front of {words}, and how surely: {_and(named) if named else 'no model'}"
    return f"{text}{_first_most_often(joint)}."


def _first_most_often(joint: Joint) -> str:
    try:
        done = acceptability(joint)
    except BenchError:
        return ""
    first = done.order[0]
    share = percent(float(done.ranks[first, 0]))
    return f"; whatever these weigh, {done.models[first]} comes first most often ({share})"


def _by_rank(found: Facts) -> str:
    joint = found.join(found.main)
    if isinstance(joint, Missing) or len(joint.models) < 2:
        return ""
    first = min(ranks(found.evidence, joint, found.main), key=lambda row: row.rank)
    tied = f", tied with {_and(list(first.tied))}" if first.tied else ""
    return (
        f"Costs were not measured, so {axis_title(found.main)} alone decides: "
        f"{first.model} ranks first{tied}."
    )


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else names[0]
