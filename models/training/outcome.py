"""Whether a training came to anything: what a result must have, and what it is called else."""

from __future__ import annotations

from models.recipes import Recipe
from models.training.budget import parse_budget
from models.weights import Stopped, ValidationFigures


def undertrained(
    recipe: Recipe,
    *,
    budget: str,
    stopped: Stopped,
    steps: int,
    epoch: int,
    seconds: float,
    found: ValidationFigures,
) -> str:
    """Return why a training is no result, in words; nothing where it is one.

    It ended before the recipe's least (`Recipe.least`) and not for want of improvement, or its best
    validation is below the untouched input. ``steps`` were done, ``epoch`` is how many make one.
    """
    least = recipe.least or recipe.budget
    reasons = []
    if stopped != "no improvement" and (why := _too_short(least, budget, steps, epoch, seconds)):
        reasons.append(f"ended after {why}" + (", out of time" * (stopped == "out of time")))
    if found.psnr < found.input_psnr:
        reasons.append(
            f"its best validation, {found.psnr:.2f} dB, is below the untouched input's "
            f"{found.input_psnr:.2f} dB"
        )
    return "; ".join(reasons)


def _too_short(least: str, budget: str, steps: int, epoch: int, seconds: float) -> str:
    wanted = parse_budget(least)
    if wanted.seconds is not None:
        asked = parse_budget(budget).seconds or seconds
        return "" if asked >= wanted.seconds else f"{asked:.0f} s; its recipe asks for {least}"
    needed = wanted.steps or round((wanted.epochs or 0) * epoch)
    if steps >= needed:
        return ""
    return f"{steps} step{'s' * (steps != 1)}; its recipe asks for {least} at least"
