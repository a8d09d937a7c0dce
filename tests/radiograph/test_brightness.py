"""Dark exports are stretched with a note, as long as enough grey levels are left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import data_set, grey_image, jpeg, png, written

from chexnet import load
from chexnet.radiograph import NotAChestRadiograph, read_radiograph


@pytest.mark.parametrize("encode", [png, jpeg, lambda v: written(data_set(v, bits_stored=8))])
def test_a_dark_image_is_stretched_with_a_note(encode):
    values = grey_image(bits=8) * 55 // 255
    radiograph = read_radiograph(encode(values))
    assert np.quantile(radiograph.pixels, 0.99) == pytest.approx(0.9, abs=0.05)
    assert any(note.startswith("a dark image: grey values were multiplied by") for note in radiograph.notes)


@given(st.integers(70, 255))
def test_an_image_that_is_not_dark_is_not_changed(white):
    values = grey_image(bits=8) * white // 255
    np.testing.assert_allclose(read_radiograph(png(values)).pixels, values / 255, atol=1e-6)


def test_too_few_grey_levels_are_left_as_they_are():
    values = grey_image(bits=8) * 17 // 255
    np.testing.assert_allclose(read_radiograph(png(values)).pixels, values / 255, atol=1e-6)


def test_black_stays_black():
    assert (read_radiograph(png(np.zeros((40, 40)))).pixels == 0).all()


@pytest.mark.parametrize(("white", "passes"), [(54, True), (61, True), (18, False)])
def test_a_dark_export_of_a_chest_is_read_and_one_of_18_levels_is_not(data_dir, white, passes):
    values = np.rint(read_radiograph(data_dir / "chestxray14/images/00000017_001.png").pixels * white)
    model = load(threads=1)
    if passes:
        assert model.predict(png(values)).status == "ok"
    else:
        with pytest.raises(NotAChestRadiograph, match=r"is (too dark|constant)"):
            model.predict(png(values))
