"""The size that a file declares is known before anything is decoded."""

import numpy as np
import pytest
from image_files import dicom, jpeg, png
from pydicom.uid import JPEGLSLossless

from chexnet.radiograph import declared_size


@pytest.mark.parametrize(
    "content",
    [
        png(np.zeros((40, 60))),
        jpeg(np.zeros((40, 60))),
        dicom(np.zeros((40, 60), int)),
        dicom(np.zeros((40, 60), int), JPEGLSLossless),
    ],
    ids=["png", "jpeg", "dicom", "jpeg-ls"],
)
def test_width_and_height_are_those_of_the_image(content):
    size = declared_size(content)
    assert size is not None
    assert (size.width, size.height, size.pixels) == (60, 40, 2400)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"text", bytes(200)])
def test_a_file_that_declares_no_size_gives_none(content):
    assert declared_size(content) is None
