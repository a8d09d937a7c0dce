"""Which part of an image shows the body: without collimated borders and the air around the patient."""

import numpy as np
from PIL import Image, ImageDraw

from chexnet.arrays import Bool, Num

SIDE = 128
"""Rows and columns of the mask, stretched over the whole image as maps are."""

_DARK = 0.12
"""Share of the grey range below which a cell that touches the border may be air or collimation."""

_LEAST = 0.2
"""Where less of the image than this would be body, the mask is wrong: the whole image counts."""


def exposed_body(grey: Num[np.ndarray, "height width"]) -> Bool[np.ndarray, "128 128"]:
    """Cells that show the body; air around it is dark and reaches the border, lungs are dark and do not.

    Args:
        grey: with air dark and bone bright, of any range.
    """
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BOX))
    low, high = float(small.min()), float(small.max())
    dark = small <= low + _DARK * (high - low)
    # A ring around the image joins everything dark at its border; what is filled from it is outside.
    canvas = Image.fromarray(np.pad(np.where(dark, 0, 255).astype(np.uint8), 1))
    ImageDraw.floodfill(canvas, (0, 0), 128)
    body: Bool[np.ndarray, "128 128"] = np.asarray(canvas)[1:-1, 1:-1] != 128
    return body if body.mean() >= _LEAST else np.ones_like(body)
