import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from chexnet.statistics.box_overlap import (
    GRID,
    THRESHOLDS,
    detected_boxes,
    localise,
    normalise,
    overlaps,
    points_at,
    random_maps,
    upscale,
)


def maps(side=7):
    cells = st.lists(st.integers(-5, 5), min_size=side * side, max_size=side * side)
    return cells.map(lambda values: np.array(values, dtype=float).reshape(side, side))


@settings(max_examples=25, deadline=None)
@given(maps(), st.sampled_from([0.2, 60 / 255, 0.5, 180 / 255, 0.95]))
def test_detected_boxes_are_scipys_connected_components(activation_map, level):
    heat = normalise(upscale(activation_map, 40, 40))
    if not heat.any():
        assert len(detected_boxes(heat, level)) == 0
        return
    labelled, _ = ndimage.label(heat >= level, structure=np.ones((3, 3)))
    expected = {
        (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        for rows, columns in ndimage.find_objects(labelled)
    }
    assert {tuple(box) for box in detected_boxes(heat, level).tolist()} == expected


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_components_of_noise_are_scipys_too(seed):
    heat = np.random.default_rng(seed).random((25, 31))
    _, number = ndimage.label(heat >= 0.55, structure=np.ones((3, 3)))
    assert len(detected_boxes(heat, 0.55)) == number


def test_upscaling_is_that_of_torch():
    torch = pytest.importorskip("torch")
    activation_map = np.random.default_rng(0).normal(size=(7, 5))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(activation_map)[None, None], (64, 48), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    # Both are double precision.
    np.testing.assert_allclose(upscale(activation_map, 64, 48), expected, atol=1e-12)


def test_upscaling_keeps_a_constant_and_a_single_cell():
    assert upscale(np.full((7, 7), 3.0), 20, 20) == pytest.approx(np.full((20, 20), 3.0))
    assert upscale(np.full((1, 1), 2.0), 4, 4) == pytest.approx(np.full((4, 4), 2.0))


@given(
    st.lists(st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 20)] * 2), min_size=1, max_size=4),
    st.lists(st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 20)] * 2), min_size=1, max_size=4),
)
@settings(max_examples=50, deadline=None)
def test_overlaps_are_shares_of_counted_pixels(detected, truth):
    def mask(box):
        x, y, width, height = box
        pixels = np.zeros((40, 40), dtype=bool)
        pixels[y : y + height, x : x + width] = True
        return pixels

    iobb, iou = overlaps(np.array(detected, float), np.array(truth, float))
    for place, box in enumerate(detected):
        own = mask(box)
        shared = [(own & mask(other)).sum() / own.sum() for other in truth]
        union = [(own & mask(other)).sum() / (own | mask(other)).sum() for other in truth]
        assert iobb[place] == pytest.approx(max(shared))
        assert iou[place] == pytest.approx(max(union))


def hot_cell(row, column):
    activation_map = np.zeros((7, 7))
    activation_map[row, column] = 1.0
    return activation_map


def test_a_map_that_is_hot_inside_the_box_localises_it():
    box = np.array([[2 / 7, 3 / 7, 1 / 7, 1 / 7]])
    found = localise(hot_cell(3, 2), box, levels=(0.5,))
    # At half its height a bilinear peak is one cell wide, so the boxes nearly coincide.
    assert found.pointing
    assert found.detected == 1
    assert found.iou_hit[:8].all()
    assert found.iobb_hit[:8].all()
    assert found.iobb_false[:8].tolist() == [0] * 8


def test_a_map_that_is_hot_elsewhere_does_not():
    found = localise(hot_cell(0, 6), np.array([[0.0, 0.6, 0.2, 0.3]]))
    assert not found.pointing
    assert not found.iou_hit.any()
    assert (found.iobb_false == found.detected).all()


def test_a_small_detection_in_a_large_box_counts_for_iobb_and_not_for_iou():
    found = localise(hot_cell(3, 3), np.array([[0.0, 0.0, 1.0, 1.0]]), levels=(0.5,))
    assert found.iobb_hit.all()
    assert not found.iou_hit[1:].any()


def test_any_of_several_boxes_counts():
    boxes = np.array([[0.0, 0.0, 0.1, 0.1], [2 / 7, 3 / 7, 1 / 7, 1 / 7]])
    assert localise(hot_cell(3, 2), boxes).pointing


def test_a_constant_map_detects_and_points_at_nothing():
    found = localise(np.full((7, 7), 0.3), np.array([[0.0, 0.0, 1.0, 1.0]]))
    assert (found.pointing, found.detected, found.iobb_hit.any()) == (False, 0, False)


@given(maps(), st.floats(0.1, 100), st.floats(-50, 50))
@settings(max_examples=25, deadline=None)
def test_the_scale_and_offset_of_a_map_do_not_matter(activation_map, scale, offset):
    heat = normalise(upscale(activation_map, GRID, GRID))
    again = normalise(upscale(scale * activation_map + offset, GRID, GRID))
    # Offsets of 50 cost about two digits of double precision.
    np.testing.assert_allclose(heat, again, atol=1e-9)


def test_a_hit_at_a_threshold_is_one_at_every_lower_threshold():
    generator = np.random.default_rng(1)
    for noise in random_maps(40, generator):
        found = localise(noise, np.array([[0.2, 0.2, 0.5, 0.4]]))
        for hits in (found.iobb_hit, found.iou_hit):
            assert (np.diff(hits.astype(int)) <= 0).all()
        assert (found.iobb_false <= found.detected).all()
        assert ((found.iobb_false < found.detected) == found.iobb_hit).all()
    assert len(THRESHOLDS) == 9


def test_noise_points_at_a_box_as_often_as_its_share_of_the_film():
    box = np.array([[0.25, 0.25, 0.5, 0.5]]) * 56
    noise = random_maps(800, np.random.default_rng(2))
    hits = [points_at(normalise(upscale(one, 56, 56)), box) for one in noise]
    # The peak of a noise map is one of 49 cells; 9 of them have their centre inside: 0.18, plus edges.
    assert 0.15 < np.mean(hits) < 0.30


def test_the_edge_of_a_box_belongs_to_it():
    heat = np.zeros((4, 4))
    heat[1, 1] = 1
    assert points_at(heat, np.array([[1.5, 1.5, 1.0, 1.0]]))
    assert not points_at(heat, np.array([[1.6, 1.5, 1.0, 1.0]]))


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        (np.zeros((0, 4)), "at least one box"),
        (np.array([[0.9, 0.0, 0.2, 0.2]]), "must lie in the film"),
        (np.array([[0.1, 0.1, 0.0, 0.2]]), "must lie in the film"),
        (np.array([[100.0, 100.0, 50.0, 50.0]]), "must lie in the film"),
    ],
)
def test_impossible_boxes_are_refused(boxes, reason):
    with pytest.raises(ValueError, match=reason):
        localise(np.eye(7), boxes)


def test_a_map_with_nan_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        localise(np.full((7, 7), np.nan), np.array([[0.1, 0.1, 0.2, 0.2]]))
