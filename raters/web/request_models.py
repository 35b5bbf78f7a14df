"""What a client may send: these fields, in these ranges, and no others."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Answer = Annotated[str, Field(max_length=8)]
Small = Annotated[float, Field(ge=0, le=1e5)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]
Size = Annotated[list[Small], Field(min_length=2, max_length=2)]


class StrictRequest(BaseModel):
    """Refuses unknown fields, and values of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ScreenRequest(StrictRequest):
    """The facts and answers of the screen checks."""

    viewport: Size
    screen: Size
    dpr: Small
    zoom: Small
    pinch: Small
    depth: Count
    wide_gamut: bool
    dark_seen: Annotated[int, Field(ge=0, le=5)]
    bright_seen: Annotated[int, Field(ge=0, le=5)]
    plates: Annotated[list[Annotated[str, Field(max_length=8)]], Field(max_length=16)] = []
    """The numbers read in the plates of the colour check, in their order."""


class AnswersRequest(StrictRequest):
    """What raters say about themselves, by the questions' ids."""

    answers: Annotated[
        dict[
            Annotated[str, Field(max_length=64)],
            int | float | Annotated[str, Field(max_length=500)] | None,
        ],
        Field(max_length=30),
    ]


class WithdrawRequest(StrictRequest):
    """Leaves the study; with ``delete``, nothing stays of the rater."""

    delete: bool = False


class TrialRequest(StrictRequest):
    """Asks for the trial to judge."""

    tab: Name
    take_over: bool = False


class Viewing(StrictRequest):
    """How the images were looked at."""

    viewport: Size
    dpr: Small
    modes: Annotated[list[Annotated[str, Field(max_length=16)]], Field(max_length=8)]
    flickers: Count
    held: Count
    zoom: Small
    zoom_max: Small
    pans: Count


class JudgementRequest(StrictRequest):
    """A judgement."""

    trial: Name
    answer: Answer
    key: Name
    tab: Name
    response_ms: Count
    timer_broken: bool
    reloads: Count
    layout: Annotated[str, Field(max_length=40)]
    """The slots that were beside each other, from left to right."""
    reference_shown: Count
    """How often the reference was to be seen; and for how long in all, in milliseconds."""
    reference_ms: Count
    client: Viewing


class RevisionRequest(StrictRequest):
    """Another answer to the last trial."""

    key: Name
    answer: Answer
    tab: Name


class EmptyRequest(StrictRequest):
    """An empty body."""
