"""JPEG files: colour, orientation, and what is refused."""

import io

import numpy as np
import pytest
from image_files import grey_image, jpeg
from PIL import Image, ImageOps

from chexnet.radiograph import UnreadableImage, read_radiograph
from chexnet.radiograph.jpeg import MAX_SCANS


def colours(seed: int = 0) -> np.ndarray:
    return np.stack([grey_image(48, 64, bits=8, seed=seed + n) for n in range(3)], axis=-1)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}, {"optimize": True}])
def test_a_grey_jpeg_is_what_pillow_decodes(options):
    data = jpeg(grey_image(bits=8), **options)
    expected = np.asarray(Image.open(io.BytesIO(data))) / 255
    radiograph = read_radiograph(data)
    np.testing.assert_allclose(radiograph.pixels, expected, rtol=0, atol=1e-7)
    assert (radiograph.file_format, radiograph.notes) == ("JPEG", ())


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_grey_image_stored_in_colour_is_the_grey_image(subsampling):
    grey = grey_image(48, 64, bits=8)
    stored = jpeg(np.repeat(grey[..., None], 3, axis=-1), quality=95, subsampling=subsampling)
    np.testing.assert_array_equal(
        read_radiograph(stored).pixels, read_radiograph(jpeg(grey, quality=95)).pixels
    )


def test_colour_becomes_luma():
    data = jpeg(colours(), quality=95, subsampling="4:4:4")
    decoded = np.asarray(Image.open(io.BytesIO(data)))
    expected = decoded @ [0.299, 0.587, 0.114] / 255
    # Going through red, green and blue rounds three times and clips: up to two levels, rarely more.
    difference = np.abs(read_radiograph(data).pixels - expected)
    assert difference.mean() < 0.5 / 255
    assert np.quantile(difference, 0.99) < 2 / 255


def test_cmyk_becomes_luma():
    file = io.BytesIO()
    Image.fromarray(colours().astype(np.uint8)).convert("CMYK").save(file, "JPEG", quality=100)
    expected = np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB")) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(
        read_radiograph(file.getvalue()).pixels, expected / 255, rtol=0, atol=0.51 / 255
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["II", "MM"])
def test_the_exif_orientation_is_applied_and_said(orientation, order):
    exif = Image.Exif()
    exif.endian = "<" if order == "II" else ">"
    exif[0x0112] = orientation
    data = jpeg(grey_image(40, 56, bits=8), exif=exif.tobytes())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))) / 255
    radiograph = read_radiograph(data)
    np.testing.assert_allclose(radiograph.pixels, expected, rtol=0, atol=1e-7)
    assert bool(radiograph.notes) == (orientation != 1)


@pytest.mark.parametrize(
    "exif",
    [b"", b"II*\0", b"XX*\0\0\0\0\x08", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01"],
)
def test_a_broken_exif_segment_leaves_the_image_as_it_is(exif):
    data = jpeg(grey_image(bits=8))
    segment = b"Exif\0\0" + exif
    with_exif = data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]
    np.testing.assert_array_equal(read_radiograph(with_exif).pixels, read_radiograph(data).pixels)


def test_bytes_after_the_end_of_the_image_are_ignored():
    """Cameras store previews there, and web servers line breaks."""
    data = jpeg(grey_image(bits=8))
    np.testing.assert_array_equal(
        read_radiograph(data + b"\r\n" + jpeg(grey_image(bits=8, seed=1))).pixels,
        read_radiograph(data).pixels,
    )


def test_restart_markers_and_fill_bytes_are_no_end():
    data = jpeg(grey_image(bits=8), restart_marker_blocks=2)
    assert b"\xff\xd0" in data
    expected = np.asarray(Image.open(io.BytesIO(data))) / 255
    np.testing.assert_allclose(read_radiograph(data).pixels, expected, rtol=0, atol=1e-7)
    filled = data[:-2] + b"\xff\xff\xff\xd9"
    np.testing.assert_array_equal(read_radiograph(filled).pixels, read_radiograph(data).pixels)


def test_a_jpeg_without_its_end_is_refused():
    with pytest.raises(UnreadableImage, match="truncated"):
        read_radiograph(jpeg(grey_image(bits=8))[:-2])


def test_a_jpeg_of_another_process_is_refused_by_name():
    data = jpeg(grey_image(bits=8)).replace(b"\xff\xc0", b"\xff\xc3", 1)
    with pytest.raises(UnreadableImage, match="SOF3 with 8 bits; expected 8-bit baseline"):
        read_radiograph(data)


def test_a_jpeg_of_thousands_of_scans_is_refused():
    data = jpeg(grey_image(bits=8), progressive=True)
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 14)
    while data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7:
        end = data.index(b"\xff", end + 1)
    scan = data[start:end]
    with pytest.raises(UnreadableImage, match="scans in the JPEG"):
        read_radiograph(data[:end] + scan * MAX_SCANS + data[end:])


def test_a_jpeg_of_two_frames_is_refused():
    data = jpeg(grey_image(bits=8))
    start = data.index(b"\xff\xc0")
    header = data[start : start + 13]
    with pytest.raises(UnreadableImage, match="2 frame headers"):
        read_radiograph(data[:start] + header + data[start:])
