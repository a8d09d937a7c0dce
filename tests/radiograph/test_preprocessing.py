"""The network's input against the definition of the resize, torch and Pillow."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import grey_image, png

from chexnet.paper import IMAGENET_MEAN, IMAGENET_STD
from chexnet.radiograph import (
    Preprocessing,
    Radiograph,
    network_input,
    packed_grey,
    packed_input,
    read_radiograph,
)


def radiograph(pixels: np.ndarray) -> Radiograph:
    return Radiograph(pixels.astype(np.float32), "image", "PNG")


def weights(old: int, new: int) -> np.ndarray:
    """One row for each new pixel: a triangle around its centre, as wide as the scale, of sum 1."""
    scale = old / new
    support = max(scale, 1.0)
    rows = np.zeros((new, old))
    for i in range(new):
        center = (i + 0.5) * scale
        for j in range(old):
            rows[i, j] = max(0.0, 1 - abs(j + 0.5 - center) / support)
        rows[i] /= rows[i].sum()
    return rows


def slow_input(pixels: np.ndarray, size: int, mean: tuple, std: tuple) -> np.ndarray:
    height, width = pixels.shape
    grey = weights(height, size) @ pixels.astype(np.float64) @ weights(width, size).T
    return np.stack([(grey - m) / s for m, s in zip(mean, std, strict=True)])


# Pillow accumulates the two passes in single precision: a few units of 6e-8, divided by the std 0.224.
FLOAT32 = 2e-6

fractions = st.floats(0, 1, width=32)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(32, 300), width=st.integers(32, 300), size=st.integers(1, 80), seed=st.integers(0, 99)
)
def test_the_input_is_the_antialiased_triangle_filter_normalised(height, width, size, seed):
    pixels = np.random.default_rng(seed).random((height, width), np.float32)
    expected = slow_input(pixels, size, IMAGENET_MEAN, IMAGENET_STD)
    np.testing.assert_allclose(
        network_input(radiograph(pixels), Preprocessing(size)), expected, rtol=0, atol=FLOAT32
    )


@pytest.mark.parametrize("shape", [(1024, 1024), (2140, 1760), (256, 256), (224, 224), (100, 333)])
def test_the_input_is_what_torch_computes(shape):
    pixels = np.random.default_rng(0).random(shape, np.float32)
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(pixels)[None, None], (224, 224), mode="bilinear", antialias=True, align_corners=False
    )
    mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    expected = ((resized[0] - mean) / std).numpy()
    # Torch places its filters in single precision: 1024 × 6e-8 pixels off, on noise, divided by 0.224.
    np.testing.assert_allclose(network_input(radiograph(pixels)), expected, rtol=0, atol=3e-4)


def test_the_input_is_that_of_the_usual_8_bit_pipeline_within_its_rounding():
    from PIL import Image

    values = grey_image(512, 512, bits=8)
    usual = np.asarray(Image.fromarray(values.astype(np.uint8)).convert("RGB").resize((224, 224), 2))
    expected = (usual / 255 - IMAGENET_MEAN) / IMAGENET_STD
    # Pillow rounds to 8 bits after each of its two passes, with weights of 8 fractional bits more.
    np.testing.assert_allclose(
        network_input(read_radiograph(png(values))),
        expected.transpose(2, 0, 1),
        rtol=0,
        atol=1.1 / 255 / 0.224,
    )


def test_a_pattern_finer_than_the_input_is_averaged_and_not_sampled():
    """Without antialiasing, stripes of one pixel would become a moiré."""
    stripes = np.zeros((1024, 1024))
    stripes[:, ::2] = 1
    values = network_input(radiograph(stripes)) * IMAGENET_STD[0] + IMAGENET_MEAN[0]
    assert np.abs(values[0] - 0.5).max() < 0.06  # a triangle of 4.6 pixels leaves a twentieth


@settings(deadline=None)
@given(level=fractions)
def test_a_constant_image_stays_constant(level):
    values = network_input(radiograph(np.full((60, 70), level)))
    expected = (np.float32(level) - np.array(IMAGENET_MEAN)) / IMAGENET_STD
    np.testing.assert_allclose(values, np.broadcast_to(expected[:, None, None], values.shape), atol=FLOAT32)


def test_a_image_of_the_size_of_the_input_is_only_normalised():
    pixels = np.random.default_rng(1).random((224, 224), np.float32)
    expected = slow_input(pixels, 224, IMAGENET_MEAN, IMAGENET_STD)
    np.testing.assert_allclose(network_input(radiograph(pixels)), expected, rtol=0, atol=FLOAT32)


def test_mirroring_the_image_mirrors_the_input():
    pixels = np.random.default_rng(2).random((333, 257), np.float32)
    np.testing.assert_allclose(
        network_input(radiograph(pixels[:, ::-1])),
        network_input(radiograph(pixels))[:, :, ::-1],
        atol=FLOAT32,
    )


def test_the_input_belongs_to_the_caller():
    image_ = read_radiograph(png(grey_image(bits=8)))
    first = network_input(image_)
    assert first.flags.writeable
    assert first.flags.c_contiguous
    assert first.dtype == np.float32
    first[:] = 0
    assert network_input(image_).any()


# --- the settings ----------------------------------------------------------------------------------


def test_the_defaults_are_the_papers():
    assert Preprocessing() == Preprocessing(224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@settings(deadline=None)
@given(
    size=st.integers(1, 2000),
    mean=st.tuples(*[st.floats(-2, 2)] * 3),
    std=st.tuples(*[st.floats(1e-3, 10)] * 3),
)
def test_settings_survive_json(size, mean, std):
    settings_ = Preprocessing(size, mean, std)
    assert Preprocessing.from_dict(json.loads(json.dumps(settings_.to_dict()))) == settings_


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 0}, "size is 0; expected a positive"),
        ({"size": 224.0}, "size is 224.0; expected a positive"),
        ({"size": True}, "size is True; expected a positive"),
        ({"mean": [0.5, 0.5]}, "mean is"),
        ({"mean": "abc"}, "mean is 'abc'"),
        ({"mean": [0.5, 0.5, None]}, "mean is"),
        ({"mean": [0.5, 0.5, math.nan]}, "mean is"),
        ({"std": [0.2, 0.2, 0]}, "expected positive numbers"),
        ({"std": [0.2, 0.2, math.inf]}, "std is"),
        ({"crop": 224}, "expected \\['mean', 'size', 'std'\\]"),
    ],
)
def test_impossible_settings_refuse_to_exist(change, reason):
    with pytest.raises(ValueError, match=reason):
        Preprocessing.from_dict(Preprocessing().to_dict() | change)


def test_missing_settings_are_not_guessed():
    stored = Preprocessing().to_dict()
    del stored["std"]
    with pytest.raises(ValueError, match="has the keys"):
        Preprocessing.from_dict(stored)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_eight_bits_move_the_grey_by_half_a_level_at_most(bits):
    image = read_radiograph(png(grey_image(90, 70, bits=bits)))
    std = np.float32(IMAGENET_STD)[:, None, None]
    moved = (
        network_input(image, Preprocessing(32, eight_bit=True)) - network_input(image, Preprocessing(32))
    ) * std
    # Half a level, and the rounding of float32 on values up to 3.
    assert np.abs(moved).max() <= 0.5 / 255 + 1e-6
    assert np.abs(moved).max() > 0.1 / 255


def test_an_8_bit_image_of_the_networks_size_is_not_rounded():
    values = grey_image(64, 64, bits=8)
    image = read_radiograph(png(values))
    np.testing.assert_array_equal(packed_grey(image, 64), values)
    np.testing.assert_array_equal(
        network_input(image, Preprocessing(64, eight_bit=True)), network_input(image, Preprocessing(64))
    )


@settings(max_examples=25, deadline=None)
@given(side=st.integers(32, 90), size=st.integers(1, 80), seed=st.integers(0, 99))
def test_what_is_packed_gives_the_input_of_the_image_bit_for_bit(side, size, seed):
    image = radiograph(np.random.default_rng(seed).random((side, side + 7), np.float32))
    preprocessing = Preprocessing(size, eight_bit=True)
    np.testing.assert_array_equal(
        packed_input(packed_grey(image, size), preprocessing), network_input(image, preprocessing)
    )


def test_white_and_black_stay_what_they_are_in_eight_bits():
    for value in (0, 1):
        assert np.unique(packed_grey(radiograph(np.full((301, 173), value)), 64)).tolist() == [255 * value]


def test_eight_bits_are_stored_and_only_where_they_are_asked_for():
    assert "eight_bit" not in Preprocessing().to_dict()
    preprocessing = Preprocessing(64, eight_bit=True)
    assert Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing
    with pytest.raises(ValueError, match="eight_bit is 1; expected true or false"):
        Preprocessing.from_dict(preprocessing.to_dict() | {"eight_bit": 1})
