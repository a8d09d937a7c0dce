"""Small inputs that hospitals really send: each is read right, or refused for the right reason."""

from pathlib import Path

import numpy as np
import pytest

from chexnet.radiograph import network_input, read_radiograph


@pytest.fixture(scope="module")
def cases(data_dir) -> Path:
    folder = data_dir / "cases"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; it holds the inputs that once failed")
    return folder


@pytest.mark.parametrize("held", [12, 14])
def test_a_voi_lut_that_declares_too_many_bits_is_the_same_image(cases, held):
    expected = read_radiograph(cases / "voi_lut_declares_12_bits_holds_12.dcm")
    radiograph = read_radiograph(cases / f"voi_lut_declares_16_bits_holds_{held}.dcm")
    np.testing.assert_allclose(radiograph.pixels, expected.pixels, atol=2e-3)
    assert any("the VOI LUT declares 16 bits and holds" in note for note in radiograph.notes)


def test_a_png_of_15_significant_bits_is_the_same_image(cases):
    expected = read_radiograph(cases / "png_16_bit_with_16_significant_bits.png")
    radiograph = read_radiograph(cases / "png_16_bit_with_15_significant_bits.png")
    np.testing.assert_allclose(radiograph.pixels, expected.pixels, atol=1e-4)
    assert any("read as 15-bit values" in note for note in radiograph.notes)


def test_a_character_set_padded_with_nul_is_read(cases):
    radiograph = read_radiograph(cases / "charset_with_nul.dcm")
    assert radiograph.patient_id is not None
    assert not any("Character Set" in note for note in radiograph.notes)


def test_a_sequence_with_another_value_representation_is_noted(cases):
    radiograph = read_radiograph(cases / "sequence_with_another_vr.dcm")
    assert any("(0054,0220) View Code Sequence holds other values" in note for note in radiograph.notes)
    assert np.isfinite(network_input(radiograph)).all()


def test_a_jpeg_without_a_sequence_delimiter_is_whole(cases):
    radiograph = read_radiograph(cases / "jpeg_without_sequence_delimiter.dcm")
    assert any("sequence delimiter after (7FE0,0010) Pixel Data is missing" in n for n in radiograph.notes)
    assert np.ptp(radiograph.pixels) > 0.5


def test_an_empty_item_of_the_modality_lut_is_noted(cases):
    radiograph = read_radiograph(cases / "empty_modality_lut_item.dcm")
    assert any("Modality LUT Sequence has an empty item; it was ignored" in n for n in radiograph.notes)
    assert any('Modality is "OT"; read as a radiograph' in n for n in radiograph.notes)
