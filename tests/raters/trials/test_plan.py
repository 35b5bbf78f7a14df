"""The plan of a session: what is fixed of it, and that images tell nothing of kinds."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from raters.database.schema import GOLDEN, MAIN, REPEAT
from raters.trials.plan import REPEAT_GAP, plan, spacing


@given(
    st.integers(0, 99),
    st.integers(2, 120),
    st.integers(1, 30),
    st.floats(0, 0.25),
    st.floats(0, 0.25),
)
def test_whatever_is_asked_for_images_and_kinds_keep_the_rules(
    seed: int, trials: int, images: int, golden: float, repeats: float
) -> None:
    asked = trials, round(golden * trials), round(repeats * trials), images
    planned = plan(random.Random(seed), *asked)
    assert planned == plan(random.Random(seed), *asked)
    kinds, shown = planned.kinds, planned.images
    assert len(kinds) == len(shown) == trials
    assert kinds[0] == MAIN
    assert kinds.count(GOLDEN) <= asked[1]
    assert kinds.count(REPEAT) <= asked[2]
    sources = Counter(shown[at] for at, kind in enumerate(kinds) if kind == REPEAT)
    for at in range(trials):
        assert shown[at] not in shown[max(at - spacing(images), 0) : at]
        met = Counter(shown[: at + 1])
        assert met[shown[at]] - min(met[image] for image in range(images)) <= 2
        if kinds[at] == REPEAT:
            assert (shown[at], MAIN) in zip(shown[: at + 1 - REPEAT_GAP], kinds, strict=False)
    for image, count in sources.items():
        assert count <= sum(k == MAIN for s, k in zip(shown, kinds, strict=True) if s == image)


def test_a_session_of_60_has_3_golden_trials_one_in_each_third_and_3_repeats() -> None:
    plans = [plan(random.Random(rater), 60, 3, 3, 20) for rater in range(1, 50)]
    for planned in plans:
        golden = [place for place, kind in enumerate(planned.kinds) if kind == GOLDEN]
        # 59 places after the first in thirds: from 1, 20 and 40
        assert len(golden) == 3
        assert 1 <= golden[0] < 20 <= golden[1] < 40 <= golden[2] < 60
        assert len({planned.images[place] for place in golden}) == 3
        assert planned.kinds.count(REPEAT) == 3
    assert len(set(plans)) == 49


def test_of_the_trials_that_show_an_image_again_early_and_late_ones_are_repeats_alike() -> None:
    again, repeats = Counter(), Counter()
    for seed in range(400):
        planned = plan(random.Random(seed), 60, 0, 3, 20)
        for at, kind in enumerate(planned.kinds):
            if planned.images[at] in planned.images[:at]:
                again[at // 20] += 1
                repeats[at // 20] += kind == REPEAT
    # 1,200 repeats among some 16,000: 7.5 %; the first 20 trials have about 1,100, so 3.3 standard
    # errors are 0.026
    assert sum(repeats.values()) == 1200
    rates = [repeats[third] / again[third] for third in range(3)]
    assert max(rates) - min(rates) < 0.026, (rates, again)
