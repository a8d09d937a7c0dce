"""Borders are left out of the network's input, with a note; maps come back to the whole image."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import grey_image, jpeg, png

from chexnet.radiograph import Field, Radiograph, network_input, over_image, read_radiograph
from chexnet.radiograph.borders import field_without_borders

CHEST = grey_image(96, 80, bits=8, seed=3)


def bordered(value: int, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    return np.pad(CHEST, (rows, columns), constant_values=value)


@pytest.mark.parametrize("value", [0, 255, 128, 1])
@pytest.mark.parametrize(
    ("rows", "columns"),
    [((12, 12), (10, 10)), ((0, 0), (40, 40)), ((30, 30), (0, 0)), ((0, 12), (0, 0)), ((7, 20), (3, 0))],
)
def test_a_border_is_left_out_of_the_input_and_noted(value, rows, columns):
    radiograph = read_radiograph(png(bordered(value, rows, columns)))
    height, width = radiograph.pixels.shape
    assert radiograph.field == Field(rows[0], height - rows[1], columns[0], width - columns[1])
    assert any(note.startswith("a border was left out: ") for note in radiograph.notes)
    np.testing.assert_array_equal(network_input(radiograph), network_input(read_radiograph(png(CHEST))))


def test_an_image_without_a_border_is_not_changed():
    radiograph = read_radiograph(png(CHEST))
    assert (radiograph.field, radiograph.notes) == (None, ())
    assert radiograph.field_pixels is radiograph.pixels


def test_a_frame_within_a_frame_is_left_out_with_it():
    inner = bordered(0, (10, 10), (10, 10))
    radiograph = read_radiograph(png(np.pad(inner, 8, constant_values=255)))
    assert radiograph.field == Field(18, 18 + 96, 18, 18 + 80)


def test_letters_in_a_bar_do_not_keep_it():
    image = bordered(0, (0, 0), (40, 40))
    image[4:6, 5:30] = 255
    assert read_radiograph(png(image)).field == Field(0, 96, 40, 120)


def test_the_noise_of_jpeg_does_not_keep_a_border():
    radiograph = read_radiograph(jpeg(bordered(0, (32, 32), (32, 32)), quality=85))
    assert radiograph.field is not None
    assert np.abs(np.array(radiograph.field) - (32, 128, 32, 112)).max() <= 8


def test_a_border_too_thin_to_matter_is_left():
    assert read_radiograph(png(bordered(0, (2, 2), (2, 2)))).field is None


@pytest.mark.parametrize("image", [np.zeros((64, 64)), bordered(0, (400, 400), (0, 0))])
def test_hardly_anything_is_never_the_field(image):
    assert field_without_borders((image / 255).astype(np.float32)) is None


@given(
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
    st.integers(0, 255),
)
def test_the_field_of_a_field_is_the_field(rows, columns, value):
    pixels = (bordered(value, rows, columns) / 255).astype(np.float32)
    field = field_without_borders(pixels)
    if field is not None:
        again = field_without_borders(np.ascontiguousarray(field.within(pixels)))
        # What is left of a border is too thin to matter, or there is nothing left of it.
        assert again is None or min(again.height / field.height, again.width / field.width) > 0.9


def with_field(field: Field | None, shape: tuple[int, int] = (100, 200)) -> Radiograph:
    return Radiograph(np.zeros(shape, np.float32), "x", "PNG", field=field)


@pytest.mark.parametrize(
    "field", [Field(0, 101, 0, 1), Field(-1, 5, 0, 5), Field(5, 5, 0, 5), Field(0, 9, 0, 201)]
)
def test_a_field_outside_of_the_image_is_refused(field):
    with pytest.raises(ValueError, match="lies outside"):
        with_field(field)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_pixel_aspect_ratio_is_refused(ratio):
    with pytest.raises(ValueError, match="pixel aspect ratio"):
        dataclasses.replace(with_field(None), pixel_aspect_ratio=ratio)


def test_a_map_of_the_whole_image_is_returned_as_it_is():
    layer = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert over_image(layer, with_field(None)) is layer


def test_a_map_of_the_field_lies_where_the_field_lies():
    layer = np.zeros((7, 7), np.float32)
    layer[1, 5] = 9
    fine = over_image(layer, with_field(Field(50, 100, 0, 100)), outside=-1.0)
    assert fine.shape == (56, 56)
    row, column = np.unravel_index(fine.argmax(), fine.shape)
    # The centre of the cell is at row 50 + 50 * 1.5 / 7 and column 100 * 5.5 / 7 of the image.
    assert abs((row + 0.5) / 56 * 100 - (50 + 50 * 1.5 / 7)) <= 100 / 56
    assert abs((column + 0.5) / 56 * 200 - 100 * 5.5 / 7) <= 200 / 56
    assert (fine[:28] == -1).all()
    assert (fine[:, 28:] == -1).all()


@given(st.integers(0, 2**32 - 1))
def test_the_mean_over_the_image_has_the_sign_of_the_mean_over_the_field(seed):
    layer = np.random.default_rng(seed).normal(0.5, 1, (7, 7)).astype(np.float32)
    field = Field(10, 90, 30, 150)
    fine = over_image(layer, with_field(field))
    share = field.height * field.width / (100 * 200)
    assert fine.mean() == pytest.approx(layer.mean() * share, abs=0.12)
