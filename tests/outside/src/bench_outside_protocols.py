"""Ways of asking, of somebody else: a rating in three levels and a comparison in seven."""

from __future__ import annotations

from raters.protocols import COMPARISONS, OPINIONS, Answer, Protocol, levels

THREE = Protocol(
    name="outside-three",
    title="Three levels",
    summary="ratings 1 to 3",
    slots=("a",),
    reference="never",
    answers=levels(3),
    views=(),
    compared=("a",),
    page_width=700,
    golden_better=("3",),
    golden_worse=("1", "2"),
    analysis=OPINIONS,
    texts={
        "en": {
            "question": "Is this image usable?",
            "counted_as": "Photograph",
            "instructions": "Say whether you could **use** this image.",
            "help": "say whether it is usable",
            "captions": {"a": "Photograph"},
            "answers": {"1": "No", "2": "Hardly", "3": "Yes"},
        }
    },
)

# ITU-T P.800 calls this comparison category rating
GRADED = Protocol(
    name="outside-graded",
    title="Comparison category rating",
    summary="pairs, in seven grades",
    slots=("a", "b"),
    reference="optional",
    answers=(
        Answer(code="a3", value=3, key="1"),
        Answer(code="a2", value=2, key="2"),
        Answer(code="a1", value=1, key="3"),
        Answer(code="0", value=0, key="4"),
        Answer(code="b1", value=-1, key="5"),
        Answer(code="b2", value=-2, key="6"),
        Answer(code="b3", value=-3, key="7", exported="right by far"),
    ),
    views=("flicker", "hold"),
    compared=("a", "b"),
    page_width=1100,
    golden_better=("a1", "a2", "a3"),
    golden_worse=("b1", "b2", "b3"),
    analysis=COMPARISONS,
    texts={
        "en": {
            "question": "How do these images compare?",
            "question_with_reference": "How do these images compare to the reference?",
            "counted_as": "Couple",
            "instructions": "Compare the two images.",
            "ties_instructions": "Or say that they are the **same**.",
            "help": "say which is better, and how much",
            "captions": {"a": "One", "b": "Other", "reference": "Original"},
            "answers": {
                "a3": "A much better",
                "a2": "A better",
                "a1": "A slightly",
                "0": "The same",
                "b1": "B slightly",
                "b2": "B better",
                "b3": "B much better",
            },
            "answer_help": {"0": "no difference"},
        }
    },
)
