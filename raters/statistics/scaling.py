"""From pairwise counts to a scale: Bradley-Terry, Thurstone, Davidson. `MODELS` is the table.

Every function takes one count matrix or a batch of them, and fits a batch at once by Newton's
method: bootstrapping a thousand studies is one call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_ndtr, ndtr, ndtri

from raters.statistics.comparisons import strongly_connected

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Evaluate = Callable[[Floats, Rows], tuple[Floats, Floats, Floats]]

JOD = float(1 / ndtri(0.75))
"""1.4826: standard deviation of a difference of opinions in JOD, so that 75 % is a JOD of 1."""

_TOLERANCE = 1e-9
_STEPS = 100


def bradley_terry(
    wins: ArrayLike, prior_sd: ArrayLike = math.inf, start: ArrayLike | None = None
) -> Floats:
    """Return the maximum-likelihood log strengths (..., M), mean zero, of ``wins`` (..., M, M).

    i is preferred to j with probability 1 / (1 + exp(q_j - q_i)): a difference is in log odds. Ties
    enter as half a win each. ``prior_sd`` (...): standard deviation of an independent Gaussian
    prior of every strength; infinite, there is none, and every matrix must be strongly connected
    (ValueError). ``start`` (..., M) only saves steps. Bradley and Terry 1952, doi:10.2307/2334029.
    """
    return _fit(wins, _logistic, prior_sd, start)


def thurstone(
    wins: ArrayLike, prior_sd: ArrayLike = math.inf, start: ArrayLike | None = None
) -> Floats:
    """Return the maximum-likelihood scale (..., M) in JOD, mean zero, of ``wins`` (..., M, M).

    i is preferred to j with probability Phi((q_i - q_j) / 1.4826), Thurstone's Case V with one
    just-objectionable difference where 75 % agree. Arguments as for `bradley_terry`. Thurstone
    1927, doi:10.1037/h0070288; Perez-Ortiz and Mantiuk 2017, arXiv:1712.03686.
    """
    return _fit(wins, _probit, prior_sd, start)


def davidson(
    wins: ArrayLike, ties: ArrayLike, prior_sd: ArrayLike = math.inf, start: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return log strengths (..., M), mean zero, and the tie parameter nu (...).

    With p = exp(q), i wins, j wins and they tie in the ratio p_i : p_j : nu sqrt(p_i p_j). ``ties``
    (..., M, M) is symmetric. The log likelihood is concave in (q, log nu). nu is 0 without ties;
    votes that are all ties have no maximum (ValueError). Davidson 1970,
    doi:10.1080/01621459.1970.10481082.
    """
    w, t, shape = *_square(wins, ties), np.shape(wins)
    if (w.sum(axis=(1, 2)) == 0).any():
        raise ValueError("votes that are all ties have no finite tie parameter")
    tied = t.sum(axis=(1, 2)) / 2
    precision = _precision(prior_sd, w + t / 2, shape)
    n = w + np.swapaxes(w, 1, 2) + t
    methods = w.shape[-1]

    def evaluate(theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        q, log_nu = theta[:, :-1], theta[:, -1]
        nu = np.where(tied[rows] > 0, np.exp(log_nu), 0.0)[:, None, None]
        d = q[:, :, None] - q[:, None, :]
        up = np.exp(np.minimum(d, 600) / 2)
        total = up + 1 / up + nu
        win, tie = up / total, nu / total
        score = win + tie / 2
        value = (w[rows] * (d / 2 - np.log(total))).sum((1, 2))
        value += (t[rows] * -np.log(total)).sum((1, 2)) / 2 + tied[rows] * log_nu
        value -= precision[rows] * (q**2).sum(1) / 2
        gradient = (w[rows] + t[rows] / 2 - n[rows] * score).sum(2) - precision[rows, None] * q
        of_nu = tied[rows] - (n[rows] * tie).sum((1, 2)) / 2
        information = np.empty((len(rows), methods + 1, methods + 1))
        information[:, :-1, :-1] = _laplacian(n[rows] * (win + tie / 4 - score**2), precision[rows])
        cross = (n[rows] * tie * (0.5 - score)).sum(2)
        information[:, :-1, -1] = information[:, -1, :-1] = cross
        spread = (n[rows] * tie * (1 - tie)).sum((1, 2)) / 2
        information[:, -1, -1] = np.where(tied[rows] > 0, spread, 1.0)
        return value, np.column_stack([gradient, np.where(tied[rows] > 0, of_nu, 0)]), information

    first = np.zeros((len(w), methods + 1))
    if start is not None:
        first[:, :-1] = np.broadcast_to(start, (*shape[:-2], methods)).reshape(-1, methods)
    decided = w.sum(axis=(1, 2))
    first[:, -1] = np.where(tied > 0, np.log(np.maximum(tied, 0.5) / decided), 0.0)
    theta = _maximise(evaluate, first)
    q = theta[:, :-1] - theta[:, :-1].mean(axis=1, keepdims=True)
    nu = np.where(tied > 0, np.exp(theta[:, -1]), 0.0)
    return q.reshape(shape[:-1]), nu.reshape(shape[:-2])


@dataclass(frozen=True, slots=True)
class Model:
    """One way from counts to a scale.

    ``fit(wins, ties, prior_sd, start)`` returns (..., M); ``preferred`` turns differences into the
    share of decided votes that go to the first.
    """

    fit: Callable[[Floats, Floats, ArrayLike, ArrayLike | None], Floats]
    preferred: Callable[[Floats], Floats]
    unit: str
    ties: str


MODELS = {
    "bradley-terry": Model(
        lambda w, t, prior, start: bradley_terry(w + t / 2, prior, start),
        expit,
        "log odds",
        "half a win each",
    ),
    "thurstone": Model(
        lambda w, t, prior, start: thurstone(w + t / 2, prior, start),
        lambda x: np.asarray(ndtr(x / JOD)),
        "JOD",
        "half a win each",
    ),
    "davidson": Model(
        lambda w, t, prior, start: davidson(w, t, prior, start)[0],
        expit,
        "log odds",
        "an outcome of their own",
    ),
}


def _logistic(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log F(x), its slope, and minus the slope's slope, F the logistic function."""
    e = np.exp(-np.abs(x))  # the one exponential that cannot overflow serves all three
    slope = np.where(x >= 0, e, 1.0) / (1 + e)
    return np.minimum(x, 0) - np.log1p(e), slope, e / (1 + e) ** 2


def _probit(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the same of F(x) = Phi(x / 1.4826)."""
    z = x / JOD
    log_f = log_ndtr(z)
    hazard = np.exp(-0.5 * z * z - 0.5 * math.log(2 * math.pi) - log_f)
    return log_f, hazard / JOD, hazard * (z + hazard) / JOD**2


def _fit(
    wins: ArrayLike,
    link: Callable[[Floats], tuple[Floats, Floats, Floats]],
    prior_sd: ArrayLike,
    start: ArrayLike | None,
) -> Floats:
    (w,), shape = _square(wins), np.shape(wins)
    precision = _precision(prior_sd, w, shape)

    def evaluate(q: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        mine = w[rows]
        log_f, slope, curve = link(q[:, :, None] - q[:, None, :])
        pull = mine * slope
        value = (mine * log_f).sum((1, 2)) - precision[rows] * (q**2).sum(1) / 2
        gradient = pull.sum(2) - pull.sum(1) - precision[rows, None] * q
        bend = mine * curve
        return value, gradient, _laplacian(bend + np.swapaxes(bend, 1, 2), precision[rows])

    first = np.zeros(w.shape[:2])
    if start is not None:
        first = np.broadcast_to(np.asarray(start, np.float64), shape[:-1]).reshape(first.shape)
    q = _maximise(evaluate, first)
    return np.asarray(q - q.mean(axis=1, keepdims=True)).reshape(shape[:-1])


def _square(*tables: ArrayLike) -> list[Floats]:
    """Return each (..., M, M) as (B, M, M) without what stands on the diagonals."""
    found = []
    for table in tables:
        t = np.asarray(table, np.float64)
        if t.ndim < 2 or t.shape[-1] != t.shape[-2] or t.shape[-1] < 2:
            raise ValueError(f"expected counts (..., M, M) of two methods or more, got {t.shape}")
        if not (t >= 0).all():
            raise ValueError("counts of votes are not negative and not NaN")
        found.append(t.reshape(-1, *t.shape[-2:]) * (1 - np.eye(t.shape[-1])))
    return found


def _precision(prior_sd: ArrayLike, wins: Floats, shape: tuple[int, ...]) -> Floats:
    sd = np.broadcast_to(np.asarray(prior_sd, np.float64), shape[:-2]).reshape(-1)
    if not (sd > 0).all():
        raise ValueError(f"prior_sd is positive, infinite for no prior; got {prior_sd!r}")
    bare = wins[np.isinf(sd)]
    if lost := int((~strongly_connected(bare)).sum()) if len(bare) else 0:
        raise ValueError(
            f"{lost} of {len(wins)} count matrices are not strongly connected: they have no finite "
            "maximum without a prior"
        )
    return 1 / sd**2


def _laplacian(weights: Floats, precision: Floats) -> Floats:
    """Return diag(row sums) - weights (B, M, M), made invertible where all strengths move alike."""
    methods = weights.shape[-1]
    total = weights.sum(axis=2)
    found = np.broadcast_to(total.mean(axis=1)[:, None, None] / methods, weights.shape) - weights
    found[:, range(methods), range(methods)] += total + precision[:, None]
    return found


def _maximise(evaluate: Evaluate, start: Floats) -> Floats:
    """Return the maximum (B, P) of B concave functions by Newton's method with halved steps."""
    theta = start.copy()
    rows = np.arange(len(theta))
    value, gradient, information = evaluate(theta, rows)
    for _ in range(_STEPS):
        step = np.linalg.solve(information, gradient[..., None])[..., 0]
        rising = np.ones(len(rows), dtype=bool)
        while True:
            found = evaluate(theta[rows] + step, rows)
            rising = found[0] >= value - 1e-9 * (1 + np.abs(value))
            if rising.all():
                break
            step[~rising] *= 0.5
        theta[rows] += step
        going = np.abs(step).max(axis=1) > _TOLERANCE
        if not going.any():
            return theta
        rows, value = rows[going], found[0][going]
        gradient, information = found[1][going], found[2][going]
    raise ArithmeticError(f"{len(rows)} of {len(theta)} scales did not converge")
