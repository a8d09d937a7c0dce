"""Truncated and damaged files: an error or the same image, never half of one, never a crash."""

import random

import numpy as np
import pytest
from image_files import (
    LOSSLESS,
    NATIVE,
    codestream,
    data_set,
    dicom,
    encapsulated,
    grey_image,
    jpeg,
    png,
    written,
)
from png_files import write_png
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from chexnet.radiograph import UnreadableImage, network_input, read_radiograph

FILES = {
    "png": png(grey_image(bits=8)),
    "png 16": write_png(grey_image(bits=16)[..., None], 16, 0, parts=4),
    "png interlaced": write_png(grey_image(bits=8)[..., None], 8, 0, interlaced=True),
    "jpeg": jpeg(grey_image(bits=8)),
    "jpeg progressive": jpeg(grey_image(bits=8), progressive=True),
    "dicom JPEGBaseline8Bit": dicom(grey_image(bits=8), JPEGBaseline8Bit, bits_stored=8),
    **{f"dicom {syntax.keyword}": dicom(grey_image(), syntax) for syntax in NATIVE + LOSSLESS},
}


def read_or_refuse(data: bytes) -> np.ndarray | None:
    try:
        radiograph = read_radiograph(data)
    except UnreadableImage as refusal:
        assert "\n" not in str(refusal)
        assert "expected" in refusal.reason
        return None
    assert np.isfinite(network_input(radiograph)).all()
    return radiograph.pixels


@pytest.mark.parametrize("what", sorted(FILES))
def test_a_file_cut_at_every_tenth_is_refused(what):
    data = FILES[what]
    assert read_or_refuse(data) is not None
    for tenth in range(10):
        assert read_or_refuse(data[: len(data) * tenth // 10]) is None


@pytest.mark.parametrize("what", sorted(FILES))
def test_a_file_without_its_last_bytes_is_refused_or_the_same(what):
    data = FILES[what]
    whole = read_or_refuse(data)
    for missing in (1, 2, 3, 5, 9, 14):
        pixels = read_or_refuse(data[:-missing])
        assert pixels is None or np.array_equal(pixels, whole)


def test_a_deflated_file_that_was_cut_is_called_so():
    data = FILES["dicom DeflatedExplicitVRLittleEndian"]
    with pytest.raises(UnreadableImage, match="a truncated deflated DICOM file; expected a complete one"):
        read_radiograph(data[:-100])


@pytest.mark.parametrize("undefined_length", [False, True])
def test_a_file_cut_anywhere_inside_of_a_sequence_is_refused(undefined_length):
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [40, 0, 12], bytes(80)
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    item.is_undefined_length_sequence_item = undefined_length
    dataset = data_set(grey_image(), VOILUTSequence=[item])
    dataset["VOILUTSequence"].is_undefined_length = undefined_length
    data = written(dataset)
    start, end = data.index(b"\x28\x00\x10\x30SQ"), data.index(b"\xe0\x7f\x10\x00OW")
    for cut in range(start, end):
        assert read_or_refuse(data[:cut]) is None
        # And with what follows moved up, as where bytes were lost on the way.
        read_or_refuse(data[:cut] + data[cut + 3 :])


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLSLossless, JPEG2000Lossless, RLELossless])
def test_a_frame_cut_short_inside_of_a_complete_file_is_refused(syntax):
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    dataset = data_set(grey_image(bits=bits), bits_stored=bits)
    frame = codestream(dataset, syntax)
    for tenth in range(1, 10):
        data = encapsulated(dataset, syntax, frame[: len(frame) * tenth // 10])
        assert read_or_refuse(data) is None


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1])
def test_a_frame_that_was_cut_and_closed_again_is_refused(syntax):
    """As left by a tool that repairs the end marker and not the image."""
    data = dicom(grey_image(), syntax)
    end = data.rindex(b"\xff\xd9")
    start = data.index(b"\xff\x4f" if syntax == JPEG2000Lossless else b"\xff\xd8", 132)
    for tenth in range(3, 10):
        cut = start + (end - start) * tenth // 10
        # The item keeps its length: the image ends early, and padding follows.
        damaged = data[:cut] + b"\xff\xd9" + bytes(end - cut) + data[end + 2 :]
        assert read_or_refuse(damaged) is None


@pytest.mark.parametrize(
    "options", [{}, {"quality": 30}, {"restart_marker_blocks": 3}, {"progressive": True}, {"optimize": True}]
)
@pytest.mark.parametrize("shape", [(64, 48), (61, 43)])
@pytest.mark.parametrize("colour", [False, True])
def test_a_jpeg_that_was_cut_and_closed_again_is_refused(options, shape, colour):
    """The library fills in mid-grey, and reports nothing."""
    values = grey_image(*shape, bits=8)
    data = jpeg(np.repeat(values[..., None], 3, axis=-1) if colour else values, **options)
    # The last scan of a progressive file only sharpens.
    start, end = (
        data.index(b"\xff\xda") + 14,
        data.rindex(b"\xff\xda" if "progressive" in options else b"\xff\xd9"),
    )
    whole = read_or_refuse(data)
    for percent in range(5, 101, 5):
        cut = start + (end - start) * percent // 100 - 2
        cut -= data[cut - 1] == 0xFF  # an FF would join the marker
        frame = data[:cut] + b"\xff\xd9"
        pixels = read_or_refuse(frame)
        # Only a cut within the last block of 8 × 8, or 16 × 16 in colour, escapes.
        assert pixels is None or np.array_equal(pixels[:-16], whole[:-16]), percent
        assert pixels is None or percent >= 90, percent
        if not colour:
            dataset = data_set(values, bits_stored=8)
            assert (read_or_refuse(encapsulated(dataset, JPEGBaseline8Bit, frame)) is None) == (
                pixels is None
            )


def test_a_jpeg_that_ends_in_mid_grey_is_whole():
    values = grey_image(bits=8)
    values[-16:, -16:] = 128
    radiograph = read_radiograph(jpeg(values, quality=95))
    np.testing.assert_allclose(radiograph.pixels[-8:, -8:], 128 / 255, rtol=0, atol=1e-7)


@pytest.mark.parametrize("what", sorted(FILES))
def test_damaged_bytes_give_an_error_or_an_image_of_sane_numbers(what):
    data = FILES[what]
    rng = random.Random(what)
    for _ in range(80):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 6))):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        pixels = read_or_refuse(bytes(damaged))
        if pixels is not None:
            assert min(pixels.shape) >= 32


@pytest.mark.parametrize("what", sorted(FILES))
def test_damaged_headers_give_an_error_or_an_image_of_sane_numbers(what):
    data = FILES[what]
    rng = random.Random(what)
    header = max(data.find(b"\xe0\x7f\x10\x00"), 200)
    for _ in range(80):
        damaged = bytearray(data)
        damaged[rng.randrange(min(header, len(data)))] = rng.choice((0, 255, rng.randrange(256)))
        read_or_refuse(bytes(damaged))


def test_a_table_of_an_unknown_kind_is_an_error_and_silent(capfd):
    """It makes some decoders end the whole process (std::terminate)."""
    data = dicom(grey_image(bits=8), JPEGLosslessSV1, bits_stored=8)
    frame = data.index(b"\xff\xd8\xff\xc3")
    table = data.index(b"\xff\xc4", frame)
    damaged = data[:table] + b"\xff\x01" + data[table + 2 :]
    with pytest.raises(UnreadableImage, match=r"image\.dcm: damaged compressed Pixel Data; expected"):
        read_radiograph(damaged, name="image.dcm")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("cut", [40, 400, 1000])
def test_lossless_data_that_run_out_or_are_left_over_are_an_error(bits, cut):
    """The library only warns of either, and makes up what is missing."""
    dataset = data_set(grey_image(bits=bits), bits_stored=bits)
    expected = read_radiograph(written(dataset)).pixels
    data = dicom(grey_image(bits=bits), JPEGLosslessSV1, bits_stored=bits)
    start = data.index(b"\xff\xd8\xff\xc3")
    stream = data[start : data.rindex(b"\xff\xd9") + 2]
    surplus = bytes(byte for byte in stream[-cut - 2 : -2] if byte != 255)
    for damaged in (stream[: -cut - 2] + stream[-2:], stream[:-2] + surplus + stream[-2:]):
        with pytest.raises(UnreadableImage, match="damaged compressed Pixel Data"):
            read_radiograph(encapsulated(dataset, JPEGLosslessSV1, damaged))
    whole = read_radiograph(encapsulated(dataset, JPEGLosslessSV1, stream))
    np.testing.assert_array_equal(whole.pixels, expected)
