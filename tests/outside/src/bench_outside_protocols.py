"""Ways of asking, of somebody else: a rating in three levels and a comparison in seven."""

from __future__ import annotations

from raters.protocols import COMPARISONS, OPINIONS, Answer, Protocol, levels

THREE = Protocol(
    name="outside-three",
    title="Three levels",
    summary="ratings 1 to 3",
    slots=("a",),
    question="Is this image usable?",
    question_with_reference="Is this image usable?",
    reference="never",
    answers=levels("No", "Hardly", "Yes"),
    views=(),
    compared=("a",),
    captions={"a": "Photograph"},
    counted_as="Photograph",
    page_width=700,
    instructions=("Say whether you could **use** this image.",),
    help="say whether it is usable",
    golden_better=("3",),
    golden_worse=("1", "2"),
    analysis=OPINIONS,
)

# ITU-T P.800 calls this comparison category rating
GRADED = Protocol(
    name="outside-graded",
    title="Comparison category rating",
    summary="pairs, in seven grades",
    slots=("a", "b"),
    question="How do these images compare?",
    question_with_reference="How do these images compare to the reference?",
    reference="optional",
    answers=(
        Answer(code="a3", label="A much better", value=3, key="1"),
        Answer(code="a2", label="A better", value=2, key="2"),
        Answer(code="a1", label="A slightly", value=1, key="3"),
        Answer(code="0", label="The same", value=0, key="4", help="no difference"),
        Answer(code="b1", label="B slightly", value=-1, key="5"),
        Answer(code="b2", label="B better", value=-2, key="6"),
        Answer(code="b3", label="B much better", value=-3, key="7", exported="right by far"),
    ),
    views=("flicker", "hold"),
    compared=("a", "b"),
    captions={"a": "One", "b": "Other", "reference": "Original"},
    counted_as="Couple",
    page_width=1100,
    instructions=("Compare the two images.",),
    ties_instructions=("Or say that they are the **same**.",),
    help="say which is better, and how much",
    golden_better=("a1", "a2", "a3"),
    golden_worse=("b1", "b2", "b3"),
    analysis=COMPARISONS,
)
