"""How well a metric says what people say: correlations, and Krasula's two decisions on pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.special import expit
from scipy.stats import kendalltau

from bench.statistics import resampling as resampled
from bench.statistics.clusters import expanded_tail
from bench.statistics.resampling import Resamples, resample

Floats = NDArray[np.float64]
Statistic = Callable[..., float]

EVALUATIONS, REFIT = 2000, 50
REFITS = 400
"""So many resamples are fitted anew, at most: a fit takes as long as a hundred correlations."""
MOST_LOST = 0.05
"""An interval is not given where more resamples than this have no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A value of ``n`` items with its bootstrap interval; None, with the reason, where missing.

    ``draws`` (S,): the value of each resample, NaN where it has none. Those of equal clusters and
    seed are of the same resamples, so that two metrics can be compared draw by draw.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    note: str | None = None
    draws: Floats | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """``predicted`` (n,): the metric's values carried onto people's scale.

    ``parameters`` are of standardised columns, whose means and spreads are ``across`` and ``up``.
    """

    predicted: Floats
    parameters: tuple[float, ...]
    converged: bool
    across: tuple[float, float]
    up: tuple[float, float]

    def at(self, metric: ArrayLike) -> Floats:
        """Return where other values of the metric lie on people's scale."""
        x = (np.asarray(metric, np.float64) - self.across[0]) / self.across[1]
        return np.asarray(self.up[0] + self.up[1] * _logistic(x, np.asarray(self.parameters)))


def _logistic(x: Floats, b: Floats) -> Floats:
    line = b[4] * x if len(b) == 5 else 0.0
    return np.asarray(b[0] + b[1] * expit(b[3] * (x - b[2])) + line)


@dataclass(frozen=True, slots=True)
class Correlations:
    """Spearman, Kendall (tau-b), Pearson, and Pearson after a monotone logistic fit."""

    srocc: Coefficient
    krcc: Coefficient
    plcc: Coefficient
    plcc_fitted: Coefficient


@dataclass(frozen=True, slots=True)
class Decisions:
    """Areas under ROC curves of a metric's differences; 0.5 is chance, 1 is always right.

    ``better_worse``: on pairs that people separate, which is better. ``different_similar``: which
    pairs people separate at all. ``correct``: share of separated pairs with the right sign.
    """

    better_worse: Coefficient
    different_similar: Coefficient
    correct: Coefficient


def srocc(metric: Floats, people: Floats) -> float:
    """Return Spearman's rank correlation of two columns (n,); NaN where one is constant."""
    return plcc(_ranks(metric), _ranks(people))


def krcc(metric: Floats, people: Floats) -> float:
    """Return Kendall's tau-b of two columns (n,); NaN where one is constant."""
    return float(kendalltau(metric, people).statistic)


def plcc(metric: Floats, people: Floats) -> float:
    """Return Pearson's correlation of two columns (n,); NaN where one is constant."""
    if np.ptp(metric) == 0 or np.ptp(people) == 0:
        return float("nan")
    x, y = metric - np.mean(metric), people - np.mean(people)
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def fit_logistic(
    metric: ArrayLike,
    people: ArrayLike,
    parameters: int = 4,
    evaluations: int = EVALUATIONS,
    start: ArrayLike | None = None,
) -> LogisticFit:
    """Fit people's scale by a logistic function of a metric by least squares, both (n,).

    4: b1 + b2 / (1 + exp(-b4 (x - b3))), VQEG. 5: the same plus a line b5 x, Sheikh et al. 2006,
    doi:10.1109/TIP.2006.881959. x and y are standardised first, and so are the parameters.
    ``converged`` is False where the optimiser ran out of ``evaluations``.
    """
    if parameters not in (4, 5):
        raise ValueError(f"the logistic function has 4 or 5 parameters, got {parameters}")
    raw_x, raw_y = np.asarray(metric, np.float64), np.asarray(people, np.float64)
    across, up = ((float(v.mean()), float(v.std()) or 1.0) for v in (raw_x, raw_y))
    x, y = (raw_x - across[0]) / across[1], (raw_y - up[0]) / up[1]

    def jacobian(b: Floats) -> Floats:
        s = expit(b[3] * (x - b[2]))
        bend = b[1] * s * (1 - s)
        columns = [np.ones_like(x), s, -b[3] * bend, (x - b[2]) * bend]
        return np.column_stack(columns + ([x] if parameters == 5 else []))

    sign = 1.0 if x @ y >= 0 else -1.0
    guess = np.array([y.min(), np.ptp(y), 0.0, 1.7 * sign, 0.0][:parameters])
    found = least_squares(
        lambda b: _logistic(x, b) - y,
        guess if start is None else start,
        jac=jacobian,
        method="lm",
        max_nfev=evaluations,
    )
    return LogisticFit(
        up[0] + up[1] * _logistic(x, found.x),
        tuple(float(b) for b in found.x),
        found.status > 0,
        across,
        up,
    )


def correlate(
    statistic: Statistic,
    metric: ArrayLike,
    people: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Coefficient:
    """Return one of `srocc`, `krcc`, `plcc` of two columns (n,), as `correlations` does."""
    x, y = _columns(metric, people)
    return _correlated(statistic, x, y, resample(clusters, len(x), samples, seed), level)


def correlations(
    metric: ArrayLike,
    people: ArrayLike,
    clusters: ArrayLike | None = None,
    parameters: int = 4,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Correlations:
    """Correlate a metric with people's scale, both (n,), with bootstrap intervals.

    ``clusters`` (n,) names what is drawn as a whole, such as the image that several methods
    restored; without it every item is drawn on its own. The sign of a metric where lower is better
    stays: its correlations are negative, but for ``plcc_fitted``.
    """
    x, y = _columns(metric, people)
    drawn = resample(clusters, len(x), samples, seed)

    def of(statistic: Statistic) -> Coefficient:
        return _correlated(statistic, x, y, drawn, level)

    return Correlations(of(srocc), of(krcc), of(plcc), _fitted(x, y, drawn, parameters, level))


def decisions(
    difference: ArrayLike,
    people: ArrayLike,
    clusters: ArrayLike | None = None,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Decisions:
    """Compare a metric's ``difference`` (n,) of pairs with what ``people`` (n,) decide on them.

    ``difference``: first minus second, larger for better. ``people``: 1 where they significantly
    prefer the first, -1 the second, 0 where they do not separate the two. Krasula et al. 2016,
    doi:10.1109/QoMEX.2016.7498936.
    """
    x, y = _columns(difference, people)
    if not np.isin(y, (-1, 0, 1)).all():
        raise ValueError("people's decisions are 1, -1 or 0 where they do not separate the pair")
    drawn = resample(clusters, len(x), samples, seed)
    apart = y != 0
    # Each pair is seen from both sides, so that it does not matter which one is called first.
    signed, size, code = (x * y)[apart], np.abs(x), drawn.code
    right = np.where(signed == 0, 0.5, signed > 0)
    return Decisions(
        _coefficient(
            _auc(signed, -signed),
            resampled.area(signed, code[apart], -signed, code[apart], drawn.times),
            drawn,
            level,
            len(signed),
        ),
        _coefficient(
            _auc(size[apart], size[~apart]),
            resampled.area(size[apart], code[apart], size[~apart], code[~apart], drawn.times),
            drawn,
            level,
            len(x),
        ),
        _coefficient(
            float(right.mean()) if len(right) else np.nan,
            resampled.mean(right, Resamples(drawn.times, code[apart])),
            drawn,
            level,
            len(signed),
        ),
    )


def _ranks(column: Floats) -> Floats:
    """Return ranks from 1, equal values sharing their mean rank; many times faster than scipy's."""
    _, place, times = np.unique(column, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(times) - (times - 1) / 2)[place])


def _auc(high: Floats, low: Floats) -> float:
    """Return the area under the ROC curve, P(high > low) + P(high = low) / 2; NaN if undefined."""
    if not len(high) or not len(low):
        return float("nan")
    ranks = _ranks(np.concatenate([high, low]))[: len(high)]
    return float((ranks.sum() / len(high) - (len(high) + 1) / 2) / len(low))


def _columns(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 3:
        raise ValueError(f"expected two columns of three or more, got {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("values that are not finite have no place; exclude and count them first")
    return x, y


_RESAMPLED = {srocc: resampled.srocc, krcc: resampled.krcc, plcc: resampled.plcc}


def _correlated(
    statistic: Statistic, x: Floats, y: Floats, drawn: Resamples, level: float
) -> Coefficient:
    return _coefficient(statistic(x, y), _RESAMPLED[statistic](x, y, drawn), drawn, level, len(x))


def _coefficient(
    value: float, draws: Floats, drawn: Resamples, level: float, n: int
) -> Coefficient:
    if np.isnan(value):
        return Coefficient(
            value=None,
            low=None,
            high=None,
            n=n,
            note="not defined: a column or a kind of pair is constant",
        )
    return _with_interval(value, draws, drawn.clusters, n, level)


def _fitted(x: Floats, y: Floats, drawn: Resamples, parameters: int, level: float) -> Coefficient:
    if len(x) <= parameters:
        return Coefficient(
            value=None,
            low=None,
            high=None,
            n=len(x),
            note=f"{len(x)} items, {parameters} parameters",
        )
    fit = fit_logistic(x, y, parameters)
    value = plcc(fit.predicted, y)
    if not fit.converged or np.isnan(value):
        return Coefficient(
            value=None, low=None, high=None, n=len(x), note="the logistic fit did not converge"
        )

    def again(times: Floats) -> float:
        # What a refit could still gain when it is stopped does not show in its correlation.
        rows = np.repeat(np.arange(len(x)), times[drawn.code].astype(np.intp))
        found = fit_logistic(x[rows], y[rows], parameters, REFIT, fit.parameters)
        return plcc(found.predicted, y[rows])

    draws = np.array([again(times) for times in drawn.times[:REFITS]])
    return _with_interval(value, draws, drawn.clusters, len(x), level)


def _with_interval(value: float, drawn: Floats, clusters: int, n: int, level: float) -> Coefficient:
    known = drawn[~np.isnan(drawn)]
    lost = 1 - len(known) / len(drawn)
    if lost > MOST_LOST or clusters < 2:
        note = (
            f"{100 * lost:.0f} % of resamples have no value" if lost else "one cluster: no interval"
        )
        return Coefficient(value=value, low=None, high=None, n=n, note=note)
    tail = expanded_tail(clusters, level)
    low, high = np.quantile(known, [tail, 1 - tail])
    lack = f"{100 * lost:.1f} % of resamples have no value" if lost else None
    return Coefficient(value=value, low=float(low), high=float(high), n=n, note=lack, draws=drawn)
