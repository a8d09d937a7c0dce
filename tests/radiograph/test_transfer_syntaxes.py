"""The same image in every transfer syntax."""

import shutil
import subprocess

import numpy as np
import pytest
from image_files import LOSSLESS, NATIVE, codestream, data_set, dicom, encapsulated, even, grey_image, written
from openjpeg.utils import encode_array
from pydicom.uid import (
    HTJ2K,
    MPEG2MPML,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from chexnet.radiograph import UnreadableImage, read_radiograph


def ids(syntax: str) -> str:
    return syntax.name.replace(" ", "_")


@pytest.mark.parametrize("syntax", NATIVE + LOSSLESS, ids=ids)
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_every_lossless_transfer_syntax_gives_exactly_the_stored_pixels(syntax, bits):
    values = grey_image(bits=bits)
    pixels = read_radiograph(dicom(values, syntax, bits_stored=bits)).pixels
    # The values fill their bits, and without a window the full range is shown.
    np.testing.assert_array_equal(pixels, (values / (2**bits - 1)).astype(np.float32))


@pytest.mark.parametrize("syntax", [s for s in NATIVE if s != ExplicitVRBigEndian] + list(LOSSLESS), ids=ids)
def test_every_lossless_transfer_syntax_gives_exactly_the_stored_pixels_of_8_bits(syntax):
    values = grey_image(bits=8)
    pixels = read_radiograph(dicom(values, syntax, bits_stored=8)).pixels
    np.testing.assert_array_equal(pixels, (values / 255).astype(np.float32))


@pytest.mark.parametrize("syntax", NATIVE + LOSSLESS, ids=ids)
def test_signed_pixels_are_the_same_in_every_transfer_syntax(syntax):
    values = grey_image() - 2048
    pixels = read_radiograph(dicom(values, syntax, signed=True)).pixels
    np.testing.assert_array_equal(pixels, ((values + 2048) / 4095).astype(np.float32))


def test_baseline_jpeg_stays_within_the_loss_of_its_quality():
    values = grey_image(bits=8)
    pixels = read_radiograph(dicom(values, JPEGBaseline8Bit, bits_stored=8)).pixels
    # Quality 95 rounds the lowest coefficients to 1 or 2 levels: the mean error is about one level.
    assert np.abs(pixels * 255 - values).mean() < 1.5


def test_twelve_bit_jpeg_stays_within_the_loss_of_its_quality(tmp_path):
    encoder = shutil.which("dcmcjpeg")
    if encoder is None:
        pytest.skip("no dcmcjpeg to encode 12-bit JPEG; install dcmtk")
    values = grey_image()
    source, target = tmp_path / "source.dcm", tmp_path / "target.dcm"
    source.write_bytes(dicom(values, WindowCenter=2048, WindowWidth=4096))
    subprocess.run([encoder, "+ee", "+q", "100", source, target], check=True)
    pixels = read_radiograph(target).pixels
    # All quantisation steps are 1: rounding of coefficients to integers leaves less than a level.
    assert np.abs(pixels * 4095 - values).mean() < 1


def test_an_extended_jpeg_of_16_bits_which_cannot_exist_is_refused():
    """GDCM writes such files, and decodes them to noise (T.81 table B.2 allows 8 and 12 bits)."""
    with pytest.raises(UnreadableImage, match="SOF1 of 16 bits"):
        read_radiograph(dicom(grey_image(), JPEGExtended12Bit))


def test_near_lossless_jpeg_ls_stays_within_its_declared_error():
    values = grey_image()
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    pixels = read_radiograph(dicom(values, JPEGLSNearLossless, **window)).pixels
    # NEAR is 2; a hundredth of a level for float32.
    assert np.abs(pixels * 4095 - values).max() <= 2.01


def test_big_endian_words_of_8_bits_hold_the_first_pixel_in_the_low_byte():
    values = grey_image(bits=8)
    dataset = data_set(values, bits_stored=8)
    dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    dataset["PixelData"].VR = "OW"
    pixels = read_radiograph(written(dataset, ExplicitVRBigEndian)).pixels
    np.testing.assert_array_equal(pixels, (values / 255).astype(np.float32))


def test_big_endian_bytes_are_taken_as_they_come():
    values = grey_image(bits=8)
    dataset = data_set(values, bits_stored=8)
    pixels = read_radiograph(written(dataset, ExplicitVRBigEndian)).pixels
    np.testing.assert_array_equal(pixels, (values / 255).astype(np.float32))


@pytest.mark.parametrize("fragments", [2, 3, 7])
def test_a_frame_in_several_fragments_is_joined(fragments):
    values = grey_image()
    dataset = data_set(values)
    frame = codestream(dataset, JPEG2000Lossless)
    data = encapsulated(dataset, JPEG2000Lossless, frame, fragments=fragments)
    pixels = read_radiograph(data).pixels
    np.testing.assert_array_equal(pixels, (values / 4095).astype(np.float32))


def test_two_frames_are_refused():
    dataset = data_set(grey_image(), NumberOfFrames=2)
    dataset.PixelData = dataset.PixelData * 2
    with pytest.raises(UnreadableImage, match=r"\(0028,0008\) Number of Frames is 2; expected 1"):
        read_radiograph(written(dataset))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless], ids=ids)
def test_two_frames_that_the_header_does_not_mention_are_refused(syntax):
    dataset = data_set(grey_image())
    frame = codestream(dataset, syntax)
    with pytest.raises(UnreadableImage, match="fragments"):
        read_radiograph(encapsulated(dataset, syntax, frame, frame))


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLSLossless, JPEG2000Lossless], ids=ids)
def test_two_frames_without_an_offset_table_are_refused(syntax):
    dataset = data_set(grey_image(bits=8), bits_stored=8)
    frame = codestream(dataset, syntax)
    data = encapsulated(dataset, syntax, even(frame) + frame)
    with pytest.raises(UnreadableImage, match="several frames of Pixel Data; expected one"):
        read_radiograph(data)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless], ids=ids)
@pytest.mark.parametrize("signed", [False, True])
def test_a_codestream_of_fewer_bits_than_are_stored_keeps_its_values(syntax, signed):
    """Encoders may choose the precision that the values need; without a sign of its own it has none."""
    values = grey_image(bits=10)
    shallow = codestream(data_set(values, bits_stored=10), syntax)
    window = {"WindowCenter": 512, "WindowWidth": 1024}
    deep = data_set(values, bits_stored=14, signed=signed, **window)
    pixels = read_radiograph(encapsulated(deep, syntax, shallow)).pixels
    np.testing.assert_allclose(pixels, values / 1023, rtol=0, atol=1e-7)


def test_a_signed_codestream_of_fewer_bits_keeps_its_sign():
    values = grey_image(bits=10) - 512
    shallow = bytes(encode_array(values.astype(np.int16), bits_stored=10, photometric_interpretation=2))
    deep = data_set(values, bits_stored=14, signed=True, WindowCenter=0, WindowWidth=1024)
    pixels = read_radiograph(encapsulated(deep, JPEG2000Lossless, shallow)).pixels
    np.testing.assert_allclose(pixels, (values + 512) / 1023, rtol=0, atol=1e-7)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless], ids=ids)
def test_a_lossless_codestream_of_whole_cells_keeps_only_the_stored_bits(syntax):
    values = grey_image()
    cells = data_set(values | (0xA << 12), bits_stored=16)
    pixels = read_radiograph(encapsulated(data_set(values), syntax, codestream(cells, syntax))).pixels
    np.testing.assert_allclose(pixels, values / 4095, rtol=0, atol=1e-7)


def test_overshoot_of_a_lossy_codestream_saturates():
    values = grey_image()
    values[20:30] = 4095
    overshot = data_set(np.where(values == 4095, 4200, values), bits_stored=13)
    frame = codestream(overshot, JPEGLSNearLossless)
    data = data_set(values, WindowCenter=2048, WindowWidth=4096)
    pixels = read_radiograph(encapsulated(data, JPEGLSNearLossless, frame)).pixels
    assert (pixels[20:30] == 1).all()


def test_a_transfer_syntax_that_no_radiograph_uses_is_refused_by_name():
    with pytest.raises(UnreadableImage, match=rf'Transfer Syntax UID is "{MPEG2MPML}"'):
        read_radiograph(encapsulated(data_set(grey_image()), MPEG2MPML, b"\0\0\1\xb3"))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1], ids=ids)
def test_a_codestream_of_another_size_than_the_header_says_is_refused(syntax):
    data = dicom(grey_image(64, 48), syntax)
    rows = b"\x28\x00\x10\x00US\x02\x00"
    assert data.count(rows + b"\x40\x00") == 1
    with pytest.raises(UnreadableImage, match=r"codestream of 64 rows, 48 columns.*expected 63, 48"):
        read_radiograph(data.replace(rows + b"\x40\x00", rows + b"\x3f\x00"))


def test_bits_above_the_stored_ones_are_ignored():
    values = grey_image()
    garbage = np.random.default_rng(1).integers(0, 16, values.shape) << 12
    dataset = data_set(values)
    dataset.PixelData = (values | garbage).astype("<u2").tobytes()
    np.testing.assert_array_equal(
        read_radiograph(written(dataset)).pixels, (values / 4095).astype(np.float32)
    )


def test_the_high_bit_says_where_the_stored_bits_lie():
    values = grey_image()
    dataset = data_set(values, HighBit=15)
    dataset.PixelData = (values << 4).astype("<u2").tobytes()
    np.testing.assert_array_equal(
        read_radiograph(written(dataset)).pixels, (values / 4095).astype(np.float32)
    )


# --- whole, though another reader might call it damaged ------------------------------------------------


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K], ids=ids)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_high_throughput_jpeg_2000_is_read(syntax, bits):
    import imagecodecs

    values = grey_image(bits=bits)
    dataset = data_set(values, bits_stored=bits)
    cells = values.astype(np.uint8 if bits == 8 else np.uint16)
    frame = bytes(imagecodecs.htj2k_encode(cells))
    pixels = read_radiograph(encapsulated(dataset, syntax, frame)).pixels
    np.testing.assert_allclose(pixels, values / (2**bits - 1), atol=1e-6)


def test_jpeg_of_12_bits_is_read_and_is_an_error_where_data_run_out():
    import imagecodecs

    values = grey_image()
    dataset = data_set(values)
    frame = bytes(imagecodecs.jpeg8_encode(values.astype(np.uint16), level=98, bitspersample=12))
    pixels = read_radiograph(encapsulated(dataset, JPEGExtended12Bit, frame)).pixels
    assert np.abs(pixels - values / 4095).max() < 0.01
    with pytest.raises(UnreadableImage, match="damaged compressed Pixel Data"):
        read_radiograph(encapsulated(dataset, JPEGExtended12Bit, frame[:-400] + frame[-2:]))


def test_a_byte_of_padding_before_the_end_of_jpeg_ls_is_no_damage():
    dataset = data_set(grey_image())
    frame = codestream(dataset, JPEGLSLossless).rstrip(b"\0")
    padded = read_radiograph(encapsulated(dataset, JPEGLSLossless, frame[:-2] + b"\0" + frame[-2:]))
    np.testing.assert_allclose(padded.pixels, grey_image() / 4095, atol=1e-6)


def test_a_comment_before_the_end_of_jpeg_2000_is_no_damage():
    dataset = data_set(grey_image())
    frame = codestream(dataset, JPEG2000Lossless).rstrip(b"\0")
    commented = frame[:-2] + b"\xff\x64\x00\x0a\x00\x01Kakadu" + frame[-2:]
    pixels = read_radiograph(encapsulated(dataset, JPEG2000Lossless, commented)).pixels
    np.testing.assert_allclose(pixels, grey_image() / 4095, atol=1e-6)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless], ids=ids)
@pytest.mark.parametrize("end", [b"", bytes(8)])
def test_pixels_whose_sequence_delimiter_is_missing_or_zero_are_read_with_a_note(syntax, end):
    data = dicom(grey_image(), syntax)
    assert data.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    radiograph = read_radiograph(data[:-8] + end)
    np.testing.assert_allclose(radiograph.pixels, grey_image() / 4095, atol=1e-6)
    assert any("delimiter" in note for note in radiograph.notes)
    with pytest.raises(UnreadableImage):
        read_radiograph(data[:-20])
