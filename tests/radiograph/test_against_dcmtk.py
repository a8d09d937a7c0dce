"""DICOM grey values against DCMTK, an independent implementation of the Standard's pipeline."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from image_files import LOSSLESS, NATIVE, data_set, dicom, grey_image, written
from PIL import Image
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from chexnet.radiograph import read_radiograph

FULL_RANGE, WINDOW, VOI_LUT = ["+Wm"], ["+Wi", "1"], ["+Wl", "1"]
ALL_OF_8_BITS = ["+Ww", "128", "256"]


@pytest.fixture(scope="module")
def dcmtk() -> str:
    program = shutil.which("dcmj2pnm")
    if program is None:
        pytest.skip("no dcmj2pnm to compare with; install dcmtk")
    return program


def shown_by_dcmtk(dcmtk: str, path: Path, folder: Path, options: list[str]) -> np.ndarray:
    """The image as DCMTK renders it into a PNG of 16 bits."""
    target, uncompressed = folder / "shown.png", folder / "uncompressed.dcm"
    # The renderer knows every compression but JPEG-LS, and this program only that one.
    decompressed = subprocess.run(
        [shutil.which("dcmdjpls") or "dcmdjpls", path, uncompressed], capture_output=True, check=False
    )
    path = uncompressed if decompressed.returncode == 0 else path
    subprocess.run([dcmtk, *options, "--no-overlays", "+on2", path, target], check=True, capture_output=True)
    return np.asarray(Image.open(target)) / 65535


# DCMTK computes in 16 bits: one level, rounded or truncated, and the same for its window's borders.
SIXTEEN_BITS = 2.5 / 65535


def compare(dcmtk: str, folder: Path, data: bytes, options: list[str], atol: float = SIXTEEN_BITS) -> None:
    path = folder / "image.dcm"
    path.write_bytes(data)
    shown = shown_by_dcmtk(dcmtk, path, folder, options)
    np.testing.assert_allclose(read_radiograph(path).pixels, shown, rtol=0, atol=atol)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("rescale", [(1, 0), (2.5, -1000), (-1, 100)])
def test_the_full_range_is_shown_as_by_dcmtk(dcmtk, tmp_path, photometric, signed, rescale):
    values = grey_image() // 2 + 300 - (2048 if signed else 0)
    elements = {"RescaleSlope": rescale[0], "RescaleIntercept": rescale[1], "RescaleType": "US"}
    data = dicom(values, signed=signed, photometric=photometric, **elements)
    # DCMTK rounds the rescaled values to integers.
    rounding = 0 if rescale[0] % 1 == 0 else 1 / (abs(rescale[0]) * np.ptp(values))
    compare(dcmtk, tmp_path, data, FULL_RANGE, SIXTEEN_BITS + rounding)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("function", ["LINEAR", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(2048, 4096), (1500.5, 800), (900, 300), (3000, 1)])
def test_a_window_is_shown_as_by_dcmtk(dcmtk, tmp_path, photometric, function, center, width):
    elements = {"WindowCenter": center, "WindowWidth": width, "VOILUTFunction": function}
    compare(dcmtk, tmp_path, dicom(grey_image(), photometric=photometric, **elements), WINDOW)


@pytest.mark.parametrize(("photometric", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")])
def test_a_consistent_presentation_lut_shape_is_understood_as_by_dcmtk(dcmtk, tmp_path, photometric, shape):
    """Where the two contradict each other, DCMTK follows the shape; we do not, on purpose."""
    data = dicom(grey_image(), photometric=photometric, PresentationLUTShape=shape)
    compare(dcmtk, tmp_path, data, FULL_RANGE)


def table(entries: np.ndarray, bits: int) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries), 0, bits]
    item["LUTDescriptor"].VR = "US"
    item.ModalityLUTType = "US"
    item.LUTData = entries.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


def test_a_voi_lut_is_shown_as_by_dcmtk(dcmtk, tmp_path):
    dataset = data_set(grey_image())
    dataset.VOILUTSequence = [table(np.arange(4096)[::-1] ** 2 // 4096, 12)]
    # DCMTK takes 2 ** 12 for white; the largest entry of 12 bits is one less.
    compare(dcmtk, tmp_path, written(dataset), VOI_LUT, SIXTEEN_BITS + 1 / 4096)


def test_a_modality_lut_is_shown_as_by_dcmtk(dcmtk, tmp_path):
    dataset = data_set(grey_image())
    dataset.ModalityLUTSequence = [table(np.arange(4096)[::-1] ** 2 // 1024, 16)]
    compare(dcmtk, tmp_path, written(dataset), FULL_RANGE)


@pytest.mark.parametrize(
    "syntax", [s for s in NATIVE + LOSSLESS if s != JPEG2000Lossless], ids=lambda syntax: syntax.keyword
)
def test_every_transfer_syntax_is_decoded_as_by_dcmtk(dcmtk, tmp_path, syntax):
    compare(dcmtk, tmp_path, dicom(grey_image(), syntax), FULL_RANGE)


# --- real images ----------------------------------------------------------------------------------------

REAL = {
    "WG04_RG2_JPLL.dcm": WINDOW,
    "WG04_RG3_JLSL.dcm": WINDOW,
    "fodicom_CR_teeth_MONO1_ModalityLUT_JPLL.dcm": FULL_RANGE,
    "udacity_NIH_test1.dcm": ALL_OF_8_BITS,
    "udacity_NIH_test2.dcm": ALL_OF_8_BITS,
    "udacity_NIH_test3.dcm": ALL_OF_8_BITS,
}
LOSSY = {
    "WG04_RG2_JPLY.dcm": WINDOW,
    "xrv_RSNA_CR_PA_MONO2_JPEGBaseline.dcm": ALL_OF_8_BITS,
    "xrv_fake_MONO1_same_pixels.dcm": ALL_OF_8_BITS,
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_a_real_image_is_shown_as_by_dcmtk(dcmtk, data_dir, tmp_path, name):
    path = data_dir / "dicom" / name
    shown = shown_by_dcmtk(dcmtk, path, tmp_path, REAL[name])
    np.testing.assert_allclose(read_radiograph(path).pixels, shown, rtol=0, atol=SIXTEEN_BITS)


@pytest.mark.parametrize("name", sorted(LOSSY))
def test_a_real_image_of_lossy_jpeg_is_shown_as_by_dcmtk_within_its_rounding(dcmtk, data_dir, tmp_path, name):
    path = data_dir / "dicom" / name
    shown = shown_by_dcmtk(dcmtk, path, tmp_path, LOSSY[name])
    # Inverse cosine transforms may differ by one level (T.83): of 8 bits, or of the window's 1024.
    level = 1 / 1023 if LOSSY[name] is WINDOW else 1 / 255
    np.testing.assert_allclose(read_radiograph(path).pixels, shown, rtol=0, atol=1.01 * level)


def test_baseline_jpeg_is_decoded_as_by_dcmtk(dcmtk, tmp_path):
    data = dicom(grey_image(bits=8), JPEGBaseline8Bit, bits_stored=8)
    compare(dcmtk, tmp_path, data, ALL_OF_8_BITS, atol=1.01 / 255)
