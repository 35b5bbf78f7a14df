"""THE table of training methods: what a recipe's ``method`` names -> the module that does it.

``distil`` is no recipe's: it is that of every training that has a teacher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.core.plugins import load_object

if TYPE_CHECKING:
    from models.training.module import Training
    from models.training.plan import Plan, Task

METHODS: dict[str, str] = {
    "plain": "models.training.plain:Plain",
    "gan": "models.training.gan:Adversarial",
    "cyclegan": "models.training.cyclegan:Cycle",
    "distil": "models.training.distil:Distilled",
}


def training_of(task: Task, plan: Plan | None = None) -> Training:
    """Return the module that trains ``task``. Imports the trainer, which takes seconds once."""
    method = "distil" if task.teacher else task.recipe.method
    if method not in METHODS:
        raise BenchError(f"no training method '{method}'; known: {', '.join(METHODS)}")
    made: Training = load_object(METHODS[method])(task, plan)
    return made
