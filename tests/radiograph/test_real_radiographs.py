"""Every real image at hand is read, and the same image is the same whatever holds it."""

import re

import numpy as np
import pytest
from PIL import Image

from chexnet.radiograph import network_input, read_radiograph

# Name in data/dicom: modality, body part, view, sex, size.
DICOM = {
    "WG04_RG1_CHEST_PA_MONO1_15bit_J2KI.dcm": ("CR", "CHEST", "PA", "F", (1955, 1841)),
    "WG04_RG2_J2KR.dcm": ("CR", "HIP", None, "M", (2140, 1760)),
    "WG04_RG2_JLSL.dcm": ("CR", "HIP", None, "M", (2140, 1760)),
    "WG04_RG2_JPLL.dcm": ("CR", "HIP", None, "M", (2140, 1760)),
    "WG04_RG2_JPLY.dcm": ("CR", "HIP", None, "M", (2140, 1760)),
    "WG04_RG2_RLE.dcm": ("CR", "HIP", None, "M", (2140, 1760)),
    "WG04_RG3_J2KR.dcm": ("CR", "EXTREMITY", "AP", "F", (1760, 1760)),
    "WG04_RG3_JLSL.dcm": ("CR", "EXTREMITY", "AP", "F", (1760, 1760)),
    "WG04_RG3_JPLL.dcm": ("CR", "EXTREMITY", "AP", "F", (1760, 1760)),
    "fodicom_CR_teeth_MONO1_ModalityLUT_JPLL.dcm": ("CR", None, None, "M", (1576, 1976)),
    "udacity_NIH_test1.dcm": ("DX", "CHEST", None, "M", (1024, 1024)),
    "udacity_NIH_test2.dcm": ("DX", "CHEST", None, "M", (1024, 1024)),
    "udacity_NIH_test3.dcm": ("DX", "CHEST", None, "M", (1024, 1024)),
    "xrv_RSNA_CR_PA_MONO2_JPEGBaseline.dcm": ("CR", "CHEST", "PA", "M", (1024, 1024)),
    "xrv_fake_MONO1_same_pixels.dcm": ("CR", "CHEST", "PA", "M", (1024, 1024)),
}


@pytest.mark.parametrize("name", sorted(DICOM))
def test_a_real_dicom_file_is_read_with_what_it_says(data_dir, name):
    radiograph = read_radiograph(data_dir / "dicom" / name)
    found = (radiograph.modality, radiograph.body_part, radiograph.view_position, radiograph.patient_sex)
    assert (*found, radiograph.pixels.shape) == DICOM[name]
    assert radiograph.file_format == "DICOM"
    assert np.ptp(radiograph.pixels) > 0.8
    assert np.isfinite(network_input(radiograph)).all()


def test_no_real_dicom_file_is_left_out(data_dir):
    assert {path.name for path in (data_dir / "dicom").glob("*.dcm")} == DICOM.keys()


@pytest.mark.parametrize("image", ["RG2", "RG3"])
def test_one_real_image_in_several_transfer_syntaxes_is_one_image(data_dir, image):
    paths = [p for p in (data_dir / "dicom").glob(f"WG04_{image}_*.dcm") if not p.stem.endswith("JPLY")]
    assert len(paths) >= 3
    first, *others = (read_radiograph(path).pixels for path in paths)
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_a_real_image_in_lossy_12_bit_jpeg_is_close_to_the_lossless_one(data_dir):
    lossy, lossless = (
        read_radiograph(data_dir / "dicom" / f"WG04_RG2_{coding}.dcm") for coding in ("JPLY", "JLSL")
    )
    # Compressed 36 : 1, it differs by 4 of 1024 levels in the mean, mostly noise.
    assert np.abs(lossy.pixels - lossless.pixels).mean() < 6 / 1024
    assert np.abs(network_input(lossy) - network_input(lossless)).mean() < 6 / 1024 / 0.224


def test_the_monochrome1_label_alone_inverts_the_same_pixels(data_dir):
    one = read_radiograph(data_dir / "dicom" / "xrv_fake_MONO1_same_pixels.dcm")
    two = read_radiograph(data_dir / "dicom" / "xrv_RSNA_CR_PA_MONO2_JPEGBaseline.dcm")
    np.testing.assert_allclose(one.pixels, 1 - two.pixels, rtol=0, atol=1e-7)


def test_every_original_nih_image_is_read_as_pillow_reads_it(data_dir):
    paths = sorted((data_dir / "chestxray14" / "images_1024").glob("*.png"))
    assert len(paths) == 90
    modes = set()
    for path in paths:
        image = Image.open(path)
        radiograph = read_radiograph(path)
        modes.add(image.mode)
        expected = np.asarray(image.convert("L")) / 255
        np.testing.assert_allclose(radiograph.pixels, expected, rtol=0, atol=1e-7)
        assert radiograph.file_format == "PNG"
        assert len(radiograph.notes) == (radiograph.field is not None)
        assert re.fullmatch(r"\d{8}_\d{3}\.png", path.name)
    assert modes == {"L", "RGBA"}


def test_paediatric_jpegs_are_read(data_dir):
    paths = sorted((data_dir / "kermany" / "images").glob("*.jp*g"))[::100]
    assert paths
    for path in paths:
        radiograph = read_radiograph(path)
        assert (radiograph.file_format, radiograph.pixels.shape) == ("JPEG", (224, 224))
        # Stored as colour; red, green and blue are each rounded once more than the luma.
        expected = np.asarray(Image.open(path).convert("L")) / 255
        np.testing.assert_allclose(radiograph.pixels, expected, rtol=0, atol=2.01 / 255)
