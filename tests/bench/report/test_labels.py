"""Direct labels never lie on each other or on a marker where there is room."""

from __future__ import annotations

import itertools

import numpy as np

from bench.report.drawing.labels import Box, place

FRAME = (0.0, 0.0, 500.0, 350.0)


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_labels_of_crowded_points_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    points = [(float(x), float(y)) for x, y in rng.uniform([200, 120], [300, 200], (12, 2))]
    markers = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    boxes = place(points, [(60.0, 12.0)] * 12, markers, FRAME)
    assert len(boxes) == 12
    shown = [box for box in boxes if box is not None]
    assert len(shown) == 12
    assert not any(overlap(a, b) for a, b in itertools.combinations(shown, 2))
    assert not any(overlap(a, b) for a in shown for b in markers)
    assert all(b[0] >= 0 and b[1] >= 0 and b[2] <= 500 and b[3] <= 350 for b in shown)


def test_a_lone_label_lies_beside_its_point() -> None:
    (box,) = place([(250.0, 175.0)], [(60.0, 12.0)], [(245, 170, 255, 180)], FRAME)
    assert box is not None
    gap_x = max(box[0] - 250, 250 - box[2], 0)
    gap_y = max(box[1] - 175, 175 - box[3], 0)
    assert np.hypot(gap_x, gap_y) < 20


def test_labels_that_are_not_needed_are_left_out_where_there_is_no_room() -> None:
    points = [(250.0, 175.0)] * 30
    needed = [index < 4 for index in range(30)]
    boxes = place(points, [(60.0, 12.0)] * 30, [], FRAME, needed)
    assert all(box is not None for box in boxes[:4])
    assert any(box is None for box in boxes[4:])
    shown = [box for box in boxes if box is not None]
    assert not any(overlap(a, b) for a, b in itertools.combinations(shown, 2))


def test_no_points_have_no_labels() -> None:
    assert place([], [], [], FRAME) == []


def test_a_label_stays_nearer_to_its_own_point_than_to_another() -> None:
    points = [(100.0, 100.0), (118.0, 104.0), (109.0, 92.0)]
    boxes = place(points, [(40.0, 10.0)] * 3, [], (0, 0, 300, 300))

    def far(box: tuple[float, float, float, float], x: float, y: float) -> float:
        return float(np.hypot(max(0, box[0] - x, x - box[2]), max(0, box[1] - y, y - box[3])))

    for own, box in enumerate(boxes):
        assert box is not None
        gaps = [far(box, *point) for point in points]
        assert min(gaps) == gaps[own]


def test_a_name_with_no_room_beside_its_point_is_moved_into_the_frame_and_never_out_of_it() -> None:
    frame = (0.0, 0.0, 200.0, 100.0)
    wall = [(62.0, 0.0, 200.0, 100.0)]  # what is free is narrower than the name beside its point
    (box,) = place([(40.0, 50.0)], [(58.0, 10.0)], wall, frame)
    assert box is not None
    assert frame[0] <= box[0]
    assert box[2] <= wall[0][0]
