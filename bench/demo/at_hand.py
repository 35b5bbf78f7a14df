"""The models that a visitor can try at once: nothing has to be trained or fetched first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.checks import check_restoring
from bench.core.errors import BenchError
from models.catalogue import Card, model_cards
from models.published_files import find_published
from models.shipped.table import shipped_of
from models.specs import label
from models.variants import renamed
from models.weights_folder import WeightsFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A model of the page: ``name`` as it is shown, ``about`` it in a few words, and what loads
    it."""

    name: str
    about: str
    spec: str
    weights: Path | None = None


def choices(asked: Sequence[str] = ()) -> dict[str, Choice]:
    """Return the models that work at once, by name; of ``asked`` specs those alone.

    Networks that were trained several times run with their latest weights. Raises `BenchError` for
    a spec that is not there or has no weights, and where there is nothing at all.
    """
    if asked:
        found = [_asked(spec) for spec in asked]
    else:
        found = [one for card in model_cards().values() if (one := _at_once(card)) is not None]
    if not found:
        raise BenchError("no model works here without training or a download; see 'bench models'")
    return {choice.name: choice for choice in found}


def _asked(spec: str) -> Choice:
    card = check_restoring(spec, weights=None, images=[Path()])
    if card is None:
        return Choice(name=label(spec), about=spec, spec=spec)
    weights = WeightsFolder().all_of(card.name) if card.recipe else []
    if card.recipe and not weights:
        if (row := shipped_of(card.name)) is not None:
            return _asked(renamed(spec, row.name))
        WeightsFolder().only(card.name)  # says how they come about
    about = card.title
    return Choice(
        name=label(spec), about=about, spec=spec, weights=weights[-1] if weights else None
    )


def _at_once(card: Card) -> Choice | None:
    """Return a card's choice, None where it lacks something, is a baseline, or takes minutes."""
    if card.needs_psf or card.baseline or card.family == "prior":
        return None
    weights = None
    if card.checkpoint is not None:
        if find_published(card) is None:
            return None
    elif card.recipe is not None:
        kept = WeightsFolder().all_of(card.name)
        if not kept:
            return None
        weights = kept[-1]
    return Choice(name=card.name, about=card.title, spec=card.name, weights=weights)
