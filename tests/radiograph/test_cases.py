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


def test_a_character_set_padded_with_nul_is_read(cases):
    radiograph = read_radiograph(cases / "charset_with_nul.dcm")
    assert radiograph.patient_id is not None
    assert not any("Character Set" in note for note in radiograph.notes)


def test_a_sequence_with_another_value_representation_is_noted(cases):
    radiograph = read_radiograph(cases / "sequence_with_another_vr.dcm")
    assert any("(0054,0220) View Code Sequence holds other values" in note for note in radiograph.notes)
    assert np.isfinite(network_input(radiograph)).all()
