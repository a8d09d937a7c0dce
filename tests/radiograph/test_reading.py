"""The door: paths and bytes, formats by content, and every way in which there is nothing to read."""

import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from image_files import data_set, dicom, grey_image, jpeg, png, written
from PIL import Image
from pydicom import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from chexnet.radiograph import UnreadableImage, read_radiograph
from chexnet.radiograph.limits import MAX_FILE_BYTES

FILES = {"PNG": png(grey_image(bits=8)), "JPEG": jpeg(grey_image(bits=8)), "DICOM": dicom(grey_image())}


@pytest.mark.parametrize("file_format", sorted(FILES))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".dcm", ".txt", ""])
def test_the_content_decides_and_never_the_name(tmp_path, file_format, suffix):
    path = tmp_path / f"image{suffix}"
    path.write_bytes(FILES[file_format])
    for source in (path, str(path), FILES[file_format]):
        radiograph = read_radiograph(source)
        assert radiograph.file_format == file_format
        assert radiograph.source == ("<bytes>" if isinstance(source, bytes) else str(path))
    assert read_radiograph(path, name="study/IM-3").source == "study/IM-3"
    assert read_radiograph(FILES[file_format], name="upload").source == "upload"


@pytest.mark.parametrize("file_format", sorted(FILES))
def test_pixels_are_float32_from_0_to_1_and_read_only(file_format):
    pixels = read_radiograph(FILES[file_format]).pixels
    assert pixels.dtype == np.float32
    assert (pixels.shape, pixels.flags.c_contiguous) == ((64, 48), True)
    assert 0 <= pixels.min() < pixels.max() <= 1
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 0


def test_reading_twice_gives_the_same_and_never_changes_the_file(tmp_path):
    path = tmp_path / "image.dcm"
    path.write_bytes(FILES["DICOM"])
    first, second = read_radiograph(path), read_radiograph(path)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert path.read_bytes() == FILES["DICOM"]


def saved(image: Image.Image, file_format: str) -> bytes:
    import io

    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


GREY = Image.fromarray(grey_image(bits=8).astype(np.uint8))
OTHERS = {
    "an empty file": b"",
    "text": b"patient,label\n13,Pneumonia\n",
    "a GIF": saved(GREY, "GIF"),
    "a TIFF": saved(GREY, "TIFF"),
    "a BigTIFF": b"II+\0\x08\0" + bytes(40),
    "a HEIC": b"\0\0\0\x18ftypheic" + bytes(40),
    "an AVIF": b"\0\0\0\x20ftypavif" + bytes(40),
    "an ISO media file": b"\0\0\0\x20ftypisom" + bytes(40),
    "a JPEG XL": b"\xff\x0a" + bytes(40),
    "a NIfTI volume": b"\x5c\x01\0\0" + bytes(344),
    "a BMP": saved(GREY, "BMP"),
    "a WebP": saved(GREY, "WEBP"),
    "a PDF": b"%PDF-1.7\n",
    "a ZIP archive": b"PK\x03\x04" + bytes(40),
    "a gzip archive": b"\x1f\x8b\x08" + bytes(40),
    "a bare JPEG 2000 image": saved(GREY, "JPEG2000"),
    "a NumPy array": b"\x93NUMPY\x01\x00",
    "unknown content (00 00 00 00": bytes(300),
}


@pytest.mark.parametrize("what", sorted(OTHERS))
def test_other_content_is_named_and_refused(tmp_path, what):
    path = tmp_path / "image.png"
    path.write_bytes(OTHERS[what])
    with pytest.raises(UnreadableImage) as refusal:
        read_radiograph(path)
    assert str(refusal.value).startswith(f"{path}: {what}")
    assert str(refusal.value).endswith("; expected a PNG, JPEG or DICOM file")
    assert (refusal.value.source, "\n" in str(refusal.value)) == (str(path), False)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (Path.mkdir, "a directory"),
        (make_fifo, "a pipe"),
        (make_loop, "too many levels of symbolic links"),
        (make_socket, "no such device or address"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, make, reason):
    path = tmp_path / "image"
    make(path)
    with pytest.raises(UnreadableImage) as refusal:
        read_radiograph(path)
    assert refusal.value.reason == f"{reason}; expected a PNG, JPEG or DICOM file"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero on this system")
def test_an_endless_device_is_refused_at_once():
    with pytest.raises(UnreadableImage, match="/dev/zero: a device or socket"):
        read_radiograph("/dev/zero")


@contextmanager
def unprivileged():
    """As root, go on as a user who may not read every file."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix permissions")
def test_a_file_without_permission_is_refused():
    read_radiograph(FILES["PNG"])  # so that nothing is left to import when others' folders are closed
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "image.png")
        path.write_bytes(FILES["PNG"])
        path.chmod(0o644)
        with unprivileged():
            read_radiograph(path)
        path.chmod(0)
        with unprivileged(), pytest.raises(UnreadableImage, match="permission denied"):
            read_radiograph(path)


def test_a_file_beyond_the_limit_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "image.png"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # sparse: takes no disk
    with pytest.raises(
        UnreadableImage, match=f"{MAX_FILE_BYTES + 1} bytes; expected at most {MAX_FILE_BYTES}"
    ):
        read_radiograph(path)


def test_an_error_is_one_line_whatever_the_file_is_called():
    with pytest.raises(UnreadableImage) as refusal:
        read_radiograph(b"", name="a\nb\x1b[31m\udcff.png")
    assert str(refusal.value) == (
        "a\\nb\\x1b[31m\\udcff.png: an empty file; expected a PNG, JPEG or DICOM file"
    )


def test_an_impossible_path_is_refused():
    with pytest.raises(UnreadableImage, match="embedded null byte"):
        read_radiograph("image\0.png")


def test_a_negative_window_is_a_wrong_argument():
    with pytest.raises(ValueError, match="window is -1"):
        read_radiograph(FILES["DICOM"], window=-1)


# --- DICOM that is no radiograph ---------------------------------------------------------------------


def test_another_modality_is_refused_with_the_element():
    data = dicom(grey_image(), Modality="CT", SOPClassUID=CTImageStorage)
    with pytest.raises(UnreadableImage) as refusal:
        read_radiograph(data, name="study/IM-3.dcm")
    expected = 'a CT image ((0008,0060) Modality is "CT"); expected a single-frame radiograph'
    assert str(refusal.value) == f"study/IM-3.dcm: {expected}"


def test_without_a_modality_the_sop_class_decides_and_a_note_says_so():
    radiograph = read_radiograph(dicom(grey_image(), Modality=None))
    assert radiograph.modality == "DX"
    assert "(0008,0060) Modality is missing; taken from the SOP class" in radiograph.notes
    radiograph = read_radiograph(dicom(grey_image(), Modality=None, SOPClassUID=SecondaryCaptureImageStorage))
    assert radiograph.modality is None
    assert "(0008,0060) Modality is missing; a radiograph was assumed" in radiograph.notes
    with pytest.raises(UnreadableImage, match=r"a CT image \(\(0008,0016\) SOP Class UID is 1\.2\.840"):
        read_radiograph(dicom(grey_image(), Modality=None, SOPClassUID=CTImageStorage))


def test_a_structured_report_is_refused():
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID, report.Modality = BasicTextSRStorage, "1.2", "SR"
    with pytest.raises(UnreadableImage, match=r'\(0008,0060\) Modality is "SR"'):
        read_radiograph(written(report))


def test_a_dicom_file_without_pixels_is_refused():
    with pytest.raises(UnreadableImage, match=r"no \(7FE0,0010\) Pixel Data"):
        read_radiograph(written(data_set(grey_image(), PixelData=None)))


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        (
            {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3},
            r"6144 bytes of Pixel Data; expected 18432",
        ),
        (
            {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 1},
            r"Samples per Pixel is 1; expected 3 for",
        ),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, r"no descriptor of the red palette"),
        ({"PhotometricInterpretation": "CMYK"}, r'Photometric Interpretation is "CMYK"'),
        ({"PhotometricInterpretation": None}, r'Photometric Interpretation is ""'),
        ({"SamplesPerPixel": 3}, r"\(0028,0002\) Samples per Pixel is 3; expected 1"),
        ({"Rows": None}, r"no \(0028,0010\) Rows; expected a number"),
        ({"BitsAllocated": 32}, r"\(0028,0100\) Bits Allocated is 32; expected 8 or 16"),
        ({"BitsAllocated": 1}, r"\(0028,0100\) Bits Allocated is 1; expected 8 or 16"),
        ({"BitsStored": 17}, r"\(0028,0101\) Bits Stored is 17; expected 1 to 16"),
        ({"BitsStored": 0}, r"\(0028,0101\) Bits Stored is 0; expected 1 to 16"),
        ({"Rows": 65}, r"6144 bytes of Pixel Data; expected 6240"),
        ({"Rows": 32}, r"6144 bytes of Pixel Data; expected 3072"),
    ],
)
def test_a_header_that_no_grey_image_has_is_refused_with_the_element(elements, reason):
    with pytest.raises(UnreadableImage, match=reason):
        read_radiograph(written(data_set(grey_image(), **elements)))


def test_bytes_after_the_image_are_ignored_with_a_note():
    dataset = data_set(grey_image())
    dataset.PixelData += bytes(100)
    radiograph = read_radiograph(written(dataset))
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(dicom(grey_image())).pixels)
    assert "100 bytes after the image were ignored" in radiograph.notes


@pytest.mark.parametrize(
    ("elements", "note"),
    [
        ({"HighBit": None}, "(0028,0102) High Bit is None; 11 was assumed"),
        ({"HighBit": 99}, "(0028,0102) High Bit is 99; 11 was assumed"),
        ({"PixelRepresentation": None}, "(0028,0103) Pixel Representation is None; unsigned was assumed"),
        (
            {"PresentationIntentType": "FOR PROCESSING"},
            "(0008,0068) Presentation Intent Type is FOR PROCESSING: grey values not meant for display",
        ),
    ],
)
def test_what_had_to_be_assumed_is_in_the_notes(elements, note):
    radiograph = read_radiograph(dicom(grey_image(), **elements))
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(dicom(grey_image())).pixels)
    assert note in radiograph.notes


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_data_set_without_preamble_and_meta_information_is_read(syntax):
    radiograph = read_radiograph(written(data_set(grey_image()), syntax, preamble=False))
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(dicom(grey_image())).pixels)
    assert "(0002,0010) Transfer Syntax UID is missing; uncompressed little endian was assumed" in (
        radiograph.notes
    )


def test_a_file_that_starts_with_its_meta_information_is_read():
    np.testing.assert_array_equal(
        read_radiograph(FILES["DICOM"][132:]).pixels, read_radiograph(FILES["DICOM"]).pixels
    )


@pytest.mark.filterwarnings("ignore:.*alue.*:UserWarning:pydicom")  # of the encoder, for the broken elements
def test_nothing_is_warned_about_and_the_filters_are_restored_even_between_threads():
    data = dicom(grey_image(), SOPInstanceUID="999.not.a.UID", PatientAge="old", StudyInstanceUID="x" * 80)
    before = list(warnings.filters)
    caught = []

    def read_often() -> None:
        for _ in range(20):
            caught.append(read_radiograph(data).sop_instance_uid)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inside = list(warnings.filters)
        threads = [threading.Thread(target=read_often) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert warnings.filters == inside
    assert warnings.filters == before
    assert caught == ["999.not.a.UID"] * 80


LAZY = """
import sys
import tempfile
from chexnet.radiograph import read_radiograph, network_input
loaded = lambda *names: [n for n in names if n in sys.modules]
assert not loaded("pydicom", "PIL", "imagecodecs", "torch", "scipy"), loaded("pydicom", "PIL")
network_input(read_radiograph(sys.argv[1]))
assert not loaded("pydicom", "imagecodecs", "torch", "scipy", "PIL.JpegImagePlugin")
read_radiograph(sys.argv[2])
assert not loaded("torch", "scipy")
"""


def test_a_png_is_read_without_importing_pydicom_or_other_formats(tmp_path):
    (tmp_path / "image.png").write_bytes(FILES["PNG"])
    (tmp_path / "image.dcm").write_bytes(FILES["DICOM"])
    arguments = [sys.executable, "-c", LAZY, tmp_path / "image.png", tmp_path / "image.dcm"]
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("error", [AttributeError("a"), ZeroDivisionError(), SystemError("c"), MemoryError()])
def test_whatever_a_parser_raises_names_the_file(monkeypatch, error):
    def fail(*_args):
        raise error

    monkeypatch.setattr("chexnet.radiograph.dicom.read_dicom", fail)
    with pytest.raises(UnreadableImage, match=r"^chest\.dcm: ") as refusal:
        read_radiograph(FILES["DICOM"], name="chest.dcm")
    assert refusal.value.__cause__ is error


def test_a_refusal_keeps_the_notes_and_survives_pickling():
    dataset = data_set(grey_image(), BitsStored=17, PixelRepresentation=7, Modality=None)
    del dataset.SOPClassUID
    with pytest.raises(UnreadableImage) as refusal:
        read_radiograph(written(dataset))
    assert any("Modality" in note for note in refusal.value.notes)
    again = pickle.loads(pickle.dumps(refusal.value))
    assert (str(again), again.notes) == (str(refusal.value), refusal.value.notes)
