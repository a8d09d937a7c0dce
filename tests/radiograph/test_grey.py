"""From stored values to grey, against the Standard's formulas written out value by value (PS3.3 C.11)."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import data_set, dicom, grey_image, png, written
from png_files import write_png
from pydicom import Dataset
from pydicom.pixels import apply_voi_lut
from pydicom.uid import ImplicitVRLittleEndian

from chexnet.radiograph import UnreadableImage, network_input, read_radiograph
from chexnet.radiograph.dicom.transformations import LookupTable, Window


def oracle_linear(x: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.2.1, with y from 0 to 1."""
    c, w, x = Fraction(center), Fraction(width), Fraction(x)
    if x <= c - Fraction(1, 2) - (w - 1) / 2:
        return 0.0
    if x > c - Fraction(1, 2) + (w - 1) / 2:
        return 1.0
    return float((x - (c - Fraction(1, 2))) / (w - 1) + Fraction(1, 2))


def oracle_linear_exact(x: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.3.2, with y from 0 to 1."""
    c, w, x = Fraction(center), Fraction(width), Fraction(x)
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 1.0
    return float((x - c) / w + Fraction(1, 2))


def oracle_sigmoid(x: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.3.1, with y from 0 to 1."""
    exponent = -4 * (x - center) / width
    return 1 / (1 + math.exp(exponent)) if exponent < 700 else 0.0


ORACLES = {"LINEAR": oracle_linear, "LINEAR_EXACT": oracle_linear_exact, "SIGMOID": oracle_sigmoid}

# Windows of real files are decimal strings of a few digits.
centers = st.integers(-50_000, 50_000).map(lambda n: n / 8)
widths = st.integers(8, 80_000).map(lambda n: n / 8)


@settings(deadline=None)
@given(center=centers, width=widths, function=st.sampled_from(sorted(ORACLES)), seed=st.integers(0, 99))
def test_a_window_shows_what_the_standards_formula_says(center, width, function, seed):
    values = np.random.default_rng(seed).integers(-32768, 65536, 200).astype(float)
    values[:3] = center, center - 0.5, center + width / 2
    shown = Window(center, width, function).shown(values)
    expected = [ORACLES[function](value, center, width) for value in values]
    # Double precision on both sides.
    np.testing.assert_allclose(shown, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("function", sorted(ORACLES))
def test_a_window_shows_what_pydicom_shows(function):
    values = grey_image().astype(np.uint16)
    dataset = data_set(grey_image(), WindowCenter=1900.5, WindowWidth=1000, VOILUTFunction=function)
    expected = apply_voi_lut(values, dataset) / 4095
    pixels = read_radiograph(written(dataset)).pixels
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=1e-6)  # float32


@pytest.mark.parametrize(
    ("center", "width", "function"),
    [
        (1.0, 0.0, "LINEAR"),
        (1.0, 0.5, "LINEAR"),
        (1.0, -5.0, "SIGMOID"),
        (1.0, 0.0, "LINEAR_EXACT"),
        (1.0, 1e-9, "SIGMOID"),
        (1e300, 5.0, "LINEAR"),
        (math.nan, 5.0, "LINEAR"),
        (1.0, math.inf, "SIGMOID"),
    ],
)
def test_an_impossible_window_does_not_exist(center, width, function):
    with pytest.raises(ValueError, match="expected"):
        Window(center, width, function)


def test_a_linear_window_of_width_one_is_a_threshold():
    values = np.array([9.0, 9.5, 10.0, 11.0])
    np.testing.assert_array_equal(Window(10.0, 1.0).shown(values), [0, 0, 1, 1])


@settings(deadline=None)
@given(
    first=st.integers(-3000, 3000),
    entries=st.lists(st.integers(0, 4095), min_size=1, max_size=60),
    bits=st.integers(12, 16),
)
def test_a_lookup_table_extends_its_first_and_last_entry(first, entries, bits):
    values = np.arange(first - 20, first + len(entries) + 20, dtype=float)
    shown = LookupTable(first, np.array(entries, np.int64), bits).shown(values)
    for value, y in zip(values, shown, strict=True):
        index = min(max(int(value) - first, 0), len(entries) - 1)
        assert y == entries[index] / (2 ** max(max(entries).bit_length(), 1) - 1)


# --- whole files ------------------------------------------------------------------------------------


def lut_item(first: int, entries: np.ndarray, bits: int, *, signed: bool = False) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item["LUTDescriptor"].VR = "SS" if signed else "US"
    item.LUTData = entries.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


def inverted_twin(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    return -1 - values if signed else 2**bits - 1 - values


@st.composite
def images(draw):
    bits = draw(st.integers(6, 16))
    signed = draw(st.booleans())
    values = grey_image(32, 33, bits, seed=draw(st.integers(0, 20))) - (2 ** (bits - 1) if signed else 0)
    return values, bits, signed


@settings(max_examples=40, deadline=None)
@given(image=images(), scale=st.sampled_from([None, (1, 0), (2.5, -1000), (-1, 4095), (0.125, 7)]))
def test_a_monochrome1_file_and_its_inverted_monochrome2_twin_give_the_same_input(image, scale):
    values, bits, signed = image
    rescale = {} if scale is None else {"RescaleSlope": scale[0], "RescaleIntercept": scale[1]}
    common = {"bits_stored": bits, "signed": signed, **rescale}
    one = dicom(inverted_twin(values, bits, signed), photometric="MONOCHROME1", **common)
    two = dicom(values, photometric="MONOCHROME2", **common)
    # Only 1 - y is rounded once more: one unit in the last place of float32, in units of the std 0.225.
    np.testing.assert_allclose(
        network_input(read_radiograph(one)), network_input(read_radiograph(two)), rtol=0, atol=2e-6
    )


@settings(max_examples=40, deadline=None)
@given(
    image=images(),
    place=st.floats(0.2, 0.8),
    share=st.floats(0.05, 1.5),
    function=st.sampled_from(sorted(ORACLES)),
)
def test_windowed_twins_give_the_same_input(image, place, share, function):
    values, bits, signed = image
    lowest, span = (-(2 ** (bits - 1)) if signed else 0), 2**bits
    center, width = round(lowest + place * span, 2), round(max(share * span, 2), 2)
    # LINEAR puts the middle of the window half a step below its centre.
    mirrored = 2 * lowest + span - (0 if function == "LINEAR" else 1) - center
    common = {"bits_stored": bits, "signed": signed, "WindowWidth": width, "VOILUTFunction": function}
    one = dicom(
        inverted_twin(values, bits, signed), photometric="MONOCHROME1", WindowCenter=mirrored, **common
    )
    two = dicom(values, photometric="MONOCHROME2", WindowCenter=center, **common)
    # A decimal string has 16 characters, and the mirrored centre may lose its last digits: 1e-9 of a
    # level. The rest is the last place of float32, in units of the std 0.225.
    np.testing.assert_allclose(
        network_input(read_radiograph(one)), network_input(read_radiograph(two)), rtol=0, atol=2e-6
    )


def test_a_image_gives_the_same_input_as_8_bit_png_and_as_12_bit_monochrome1_dicom():
    shade = grey_image(1024, 1024, bits=16) / 65535
    as_png = png(np.rint(shade * 255))
    as_dicom = dicom(
        np.rint((1 - shade) * 4095), photometric="MONOCHROME1", WindowCenter=2048, WindowWidth=4096
    )
    difference = network_input(read_radiograph(as_png)) - network_input(read_radiograph(as_dicom))
    # At most half a level of 8 bits and half of 12, in units of the smallest std; averaging over
    # 4.6 × 4.6 pixels keeps the mean far below.
    bound = (0.5 / 255 + 0.5 / 4095) / 0.224
    assert np.abs(difference).max() <= bound
    assert np.abs(difference).mean() < bound / 5


def test_an_8_bit_dicom_without_a_window_is_shown_as_the_png_of_the_same_pixels():
    values = grey_image(64, 48, bits=8) // 2 + 20  # neither black nor white occurs
    np.testing.assert_array_equal(
        read_radiograph(dicom(values, bits_stored=8)).pixels, read_radiograph(png(values)).pixels
    )


def test_a_deep_image_without_a_window_is_shown_from_its_darkest_to_its_brightest_value():
    values = grey_image() // 4 + 700
    radiograph = read_radiograph(dicom(values))
    np.testing.assert_allclose(radiograph.pixels, (values - 700) / 1023, rtol=0, atol=1e-7)
    assert radiograph.notes == ("no window; values from 700 to 1723 were shown",)


def oracle_pixels(values, *, modality, padding, voi, inverted):
    """One pixel at a time: padding, modality transformation, VOI, polarity."""
    shown = np.empty(values.shape)
    for index, value in np.ndenumerate(values):
        if padding is not None and min(padding) <= value <= max(padding):
            shown[index] = 0.0
            continue
        y = voi(modality(int(value)))
        shown[index] = 1 - y if inverted else y
    return shown


@settings(max_examples=40, deadline=None)
@given(
    signed=st.booleans(),
    inverted=st.booleans(),
    slope=st.sampled_from([1.0, -2.0, 0.25]),
    padding=st.none() | st.tuples(st.integers(-600, 600), st.integers(-600, 600)),
    function=st.sampled_from(sorted(ORACLES)),
)
def test_the_whole_chain_is_what_the_oracle_says(signed, inverted, slope, padding, function):
    values = grey_image(32, 32, bits=12) - (2048 if signed else 0)
    if padding is not None and not signed:
        padding = abs(padding[0]), abs(padding[1])
    center, width = slope * (100 if signed else 2000) + 30, 900
    elements = {
        "photometric": "MONOCHROME1" if inverted else "MONOCHROME2",
        "RescaleSlope": slope,
        "RescaleIntercept": 30,
        "WindowCenter": center,
        "WindowWidth": width,
        "VOILUTFunction": function,
    }
    dataset = data_set(values, signed=signed, **elements)
    if padding is not None:
        dataset.PixelPaddingValue, dataset.PixelPaddingRangeLimit = padding
        for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
            dataset[keyword].VR = "SS" if signed else "US"
    expected = oracle_pixels(
        values,
        modality=lambda value: slope * value + 30,
        padding=padding,
        voi=lambda x: ORACLES[function](x, center, width),
        inverted=inverted,
    )
    pixels = read_radiograph(written(dataset)).pixels
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=1e-7)  # float32 of numbers below 1


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("limit", [None, 4000, 3500])
def test_padding_is_black_and_does_not_stretch_the_range(photometric, limit):
    values = grey_image() // 4 + 1000
    values[:10] = 4000
    values[10:12] = 3700
    elements = {"PixelPaddingValue": 4000} | ({} if limit is None else {"PixelPaddingRangeLimit": limit})
    pixels = read_radiograph(dicom(values, photometric=photometric, **elements)).pixels
    padded = values == 4000 if limit in (None, 4000) else values >= 3500
    image = values[~padded]
    shown = (image - image.min()) / np.ptp(image)
    assert (pixels[padded] == 0).all()
    np.testing.assert_allclose(
        pixels[~padded], 1 - shown if photometric == "MONOCHROME1" else shown, rtol=0, atol=1e-7
    )


def test_a_image_of_padding_alone_is_black():
    radiograph = read_radiograph(dicom(np.full((40, 40), 5), PixelPaddingValue=5))
    assert (radiograph.pixels == 0).all()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("value", [0, 7, 4095])
def test_a_constant_image_is_read_as_mid_grey_and_said_to_be_constant(photometric, value):
    radiograph = read_radiograph(dicom(np.full((40, 40), value), photometric=photometric))
    assert (radiograph.pixels == 0.5).all()
    assert "all pixels are alike" in radiograph.notes[0]


# --- VOI LUT and Modality LUT sequences -------------------------------------------------------------


def test_a_voi_lut_is_applied_before_the_windows_of_the_same_file():
    values = grey_image()
    entries = (np.arange(4096) ** 2 // 4096).astype(np.int64)
    dataset = data_set(values, WindowCenter=[2000, 1000], WindowWidth=[500, 300])
    dataset.VOILUTSequence = [lut_item(0, entries, 12)]
    data = written(dataset)
    np.testing.assert_allclose(read_radiograph(data).pixels, entries[values] / 4095, rtol=0, atol=1e-7)
    for window, (center, width) in enumerate([(2000, 500), (1000, 300)], start=1):
        expected = np.vectorize(lambda x: oracle_linear(int(x), center, width))(values)  # noqa: B023
        shown = read_radiograph(data, window=window).pixels
        np.testing.assert_allclose(shown, expected, rtol=0, atol=1e-7)
    assert "3 VOI transformations" in read_radiograph(data).notes[0]
    with pytest.raises(UnreadableImage, match="3 was asked for; expected less than 3"):
        read_radiograph(data, window=3)


def test_a_voi_lut_agrees_with_pydicom():
    values = grey_image().astype(np.uint16)
    dataset = data_set(grey_image())
    dataset.VOILUTSequence = [lut_item(300, np.linspace(0, 1023, 2500).astype(np.int64), 10)]
    data = written(dataset)
    expected = apply_voi_lut(values, dataset) / 1023
    np.testing.assert_allclose(read_radiograph(data).pixels, expected, rtol=0, atol=1e-6)


def test_a_lut_of_65536_entries_declares_zero_entries():
    values = grey_image(bits=16)
    entries = np.arange(65536)[::-1].copy()
    dataset = data_set(values, bits_stored=16)
    dataset.VOILUTSequence = [lut_item(0, entries, 16)]
    expected = entries[values] / 65535
    np.testing.assert_allclose(read_radiograph(written(dataset)).pixels, expected, rtol=0, atol=1e-7)


def test_a_lut_of_bytes_is_read_as_bytes():
    values = grey_image()
    dataset = data_set(values)
    item = lut_item(0, np.arange(4096) // 16, 8)
    item.LUTData = (np.arange(4096) // 16).astype(np.uint8).tobytes()
    dataset.VOILUTSequence = [item]
    np.testing.assert_allclose(
        read_radiograph(written(dataset)).pixels, (values // 16) / 255, rtol=0, atol=1e-7
    )


@pytest.mark.parametrize("declared_signed", [True, False])
def test_a_lut_may_start_below_zero(declared_signed):
    values = grey_image() - 2048
    entries = np.arange(4096)[::-1].copy()
    dataset = data_set(values, signed=True)
    # Some writers state US and mean two's complement.
    first = -2048 if declared_signed else 65536 - 2048
    dataset.VOILUTSequence = [lut_item(first, entries, 12, signed=declared_signed)]
    expected = entries[values + 2048] / 4095
    np.testing.assert_allclose(read_radiograph(written(dataset)).pixels, expected, rtol=0, atol=1e-7)


def test_a_modality_lut_replaces_the_rescale_slope():
    values = grey_image(bits=10)
    entries = (1023 - np.arange(1024)) * 3
    dataset = data_set(values, bits_stored=10, RescaleSlope=1, RescaleIntercept=0)
    dataset.ModalityLUTSequence = [lut_item(0, entries, 16)]
    dataset.WindowCenter, dataset.WindowWidth = 1500, 2000
    expected = np.vectorize(lambda v: oracle_linear(int(entries[v]), 1500, 2000))(values)
    np.testing.assert_allclose(read_radiograph(written(dataset)).pixels, expected, rtol=0, atol=1e-7)


def test_a_modality_lut_without_a_window_is_shown_over_its_full_range():
    values = grey_image(bits=8)
    entries = np.arange(256) * 4 + 3
    dataset = data_set(values, bits_stored=8)
    dataset.ModalityLUTSequence = [lut_item(0, entries, 16)]
    expected = (values - values.min()) / np.ptp(values)
    np.testing.assert_allclose(read_radiograph(written(dataset)).pixels, expected, rtol=0, atol=1e-7)


def test_luts_are_read_in_implicit_vr_too():
    values = grey_image()
    entries = np.arange(4096)[::-1].copy()
    dataset = data_set(values)
    dataset.VOILUTSequence = [lut_item(0, entries, 12)]
    data = written(dataset, ImplicitVRLittleEndian)
    np.testing.assert_allclose(read_radiograph(data).pixels, entries[values] / 4095, rtol=0, atol=1e-7)


def test_a_voi_lut_that_contradicts_its_descriptor_is_ignored_with_a_note():
    values = grey_image()
    dataset = data_set(values)
    item = lut_item(0, np.arange(4096), 12)
    item.LUTDescriptor = [300, 0, 12]
    dataset.VOILUTSequence = [item]
    radiograph = read_radiograph(written(dataset))
    np.testing.assert_allclose(radiograph.pixels, values / 4095, rtol=0, atol=1e-7)
    assert "a VOI LUT was ignored: (0028,3006) LUT Data has 4096 entries" in radiograph.notes[0]


def test_a_modality_lut_that_contradicts_its_descriptor_is_refused():
    dataset = data_set(grey_image())
    item = lut_item(0, np.arange(4096), 12)
    item.LUTDescriptor = [300, 0, 12]
    dataset.ModalityLUTSequence = [item]
    with pytest.raises(UnreadableImage, match="LUT Data has 4096 entries of 12 bits; expected 300"):
        read_radiograph(written(dataset))


# --- what is ignored, and said -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("center", "width"),
    [("NaN", "100"), ("100", "NaN"), ("100", "0"), ("100", "-3"), ("x", "5"), ("1e99", "2")],
)
def test_an_impossible_or_useless_window_is_ignored_with_a_note(center, width):
    values = grey_image()
    dataset = data_set(values)
    dataset.WindowCenter, dataset.WindowWidth = "11111111", "22222222"
    data = written(dataset)
    for placeholder, text in ((b"11111111", center), (b"22222222", width)):
        assert data.count(placeholder) == 1
        data = data.replace(placeholder, text.ljust(8).encode())
    radiograph = read_radiograph(data)
    np.testing.assert_allclose(radiograph.pixels, values / 4095, rtol=0, atol=1e-7)
    assert "ignored" in radiograph.notes[0]
    assert "no window" in radiograph.notes[1]


def test_the_first_possible_window_is_applied():
    values = grey_image()
    dataset = data_set(values, WindowCenter=[10, 2000], WindowWidth=[0, 900])
    expected = np.vectorize(lambda x: oracle_linear(int(x), 2000, 900))(values)
    np.testing.assert_allclose(read_radiograph(written(dataset)).pixels, expected, rtol=0, atol=1e-7)


def test_an_unknown_voi_lut_function_is_taken_as_linear_and_said():
    dataset = data_set(grey_image(), WindowCenter=2000, WindowWidth=900, VOILUTFunction="CUBIC")
    radiograph = read_radiograph(written(dataset))
    expected = np.vectorize(lambda x: oracle_linear(int(x), 2000, 900))(grey_image())
    np.testing.assert_allclose(radiograph.pixels, expected, rtol=0, atol=1e-7)
    assert radiograph.notes == ('(0028,1056) VOI LUT Function is "CUBIC"; LINEAR was assumed',)


def test_a_window_that_was_asked_for_and_does_not_exist_is_an_error():
    with pytest.raises(UnreadableImage, match="VOI transformation 1 was asked for"):
        read_radiograph(dicom(grey_image()), window=1)


@pytest.mark.parametrize(
    ("slope", "intercept"), [("0", "5"), ("1E308", "5"), ("1", "-1E300"), ("1E-99", "0")]
)
def test_an_impossible_rescaling_is_ignored_with_a_note(slope, intercept):
    radiograph = read_radiograph(dicom(grey_image(), RescaleSlope=slope, RescaleIntercept=intercept))
    np.testing.assert_allclose(radiograph.pixels, grey_image() / 4095, rtol=0, atol=1e-7)
    assert f"rescale slope {float(slope):g}, intercept {float(intercept):g} ignored" in radiograph.notes


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["IDENTITY", "INVERSE"])
def test_the_photometric_interpretation_decides_the_polarity_and_a_contradiction_is_said(photometric, shape):
    """Some detectors write a Presentation LUT Shape that contradicts it, and is wrong."""
    radiograph = read_radiograph(dicom(grey_image(), photometric=photometric, PresentationLUTShape=shape))
    alone = read_radiograph(dicom(grey_image(), photometric=photometric))
    np.testing.assert_array_equal(radiograph.pixels, alone.pixels)
    consistent = (photometric == "MONOCHROME1") == (shape == "INVERSE")
    assert any("contradicts" in note for note in radiograph.notes) != consistent


# --- what declares more than it holds, and what shows nothing -------------------------------------------


@pytest.mark.parametrize("declared", [12, 14, 16])
@pytest.mark.parametrize("held", [9, 10, 12, 14, 16])
def test_a_voi_lut_is_scaled_by_the_bits_that_it_holds(declared, held):
    entries = np.rint(np.linspace(0, 2**held - 1, 4096)).astype(np.int64)
    values = grey_image()
    radiograph = read_radiograph(written(data_set(values, VOILUTSequence=[lut_item(0, entries, declared)])))
    np.testing.assert_allclose(radiograph.pixels, entries[values] / (2**held - 1), atol=1e-6)
    noted = any("the VOI LUT declares" in note for note in radiograph.notes)
    assert noted == (declared != held)


def test_where_a_window_shows_nothing_the_next_transformation_is_applied():
    values = grey_image()
    useless = written(data_set(values, WindowCenter=[9000, 2048], WindowWidth=[10, 4096]))
    radiograph = read_radiograph(useless)
    np.testing.assert_allclose(radiograph.pixels, values / 4095, atol=1e-6)
    assert any("VOI transformation 0 shows nearly every pixel alike" in note for note in radiograph.notes)
    asked = read_radiograph(useless, window=1)
    np.testing.assert_array_equal(asked.pixels, radiograph.pixels)
    assert not any("nearly" in note for note in asked.notes)


def test_a_window_that_shows_a_few_pixels_shows_nothing():
    values = grey_image()
    values[0, 0] = 0
    radiograph = read_radiograph(written(data_set(values // 2 + 2000, WindowCenter=1500, WindowWidth=900)))
    assert any("nearly every pixel alike" in note for note in radiograph.notes)
    assert np.ptp(radiograph.pixels) == 1


@pytest.mark.parametrize("defect", [0, 65535])
def test_a_few_extreme_pixels_do_not_decide_the_full_range(defect):
    values = 20000 + grey_image(64, 64, bits=12)
    plain = read_radiograph(written(data_set(values, bits_stored=16))).pixels
    values[0, :2] = defect
    radiograph = read_radiograph(written(data_set(values, bits_stored=16)))
    assert np.abs(radiograph.pixels[1:] - plain[1:]).max() < 0.1
    assert np.ptp(radiograph.pixels[1:]) > 0.85
    assert radiograph.pixels[0, 0] == (defect > 0)


@pytest.mark.parametrize("bits", range(8, 17))
def test_the_same_pixels_as_dicom_and_as_png_are_one_input(bits):
    values = grey_image(70, 50, bits=bits, seed=bits)
    as_png = png(values) if bits == 8 else write_png(values[..., None], 16, 0)
    expected = network_input(read_radiograph(as_png))
    for window in ({}, {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}):
        as_dicom = written(data_set(values, bits_stored=bits, **window))
        np.testing.assert_allclose(network_input(read_radiograph(as_dicom)), expected, atol=1e-5)


@pytest.mark.parametrize("keyword", ["ModalityLUTSequence", "VOILUTSequence"])
def test_an_empty_lookup_table_is_ignored_with_a_note(keyword):
    values = grey_image()
    radiograph = read_radiograph(written(data_set(values, **{keyword: [Dataset()]})))
    np.testing.assert_allclose(radiograph.pixels, values / 4095, atol=1e-6)
    assert any("ignored" in note for note in radiograph.notes)
