"""A radiograph: one grey image and what its file says of it."""

import math
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float32, Float64
from chexnet.radiograph.borders import Field


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A grey image in which air is dark and bone is bright, whatever the file's own convention.

    Everything that the file does not say is None, and nothing is guessed. Patient identifiers are
    carried because results must be filed under them; they never enter the network.

    Attributes:
        pixels: grey values after all transformations of the file (PS3.3 C.11 for DICOM),
            0 = black (air) to 1 = white (bone). Read-only when it comes from ``read_radiograph``.
        source: path or given name of the file, or ``<bytes>``.
        file_format: ``"PNG"``, ``"JPEG"`` or ``"DICOM"``, decided by the content.
        modality: (0008,0060), usually ``"CR"`` or ``"DX"``.
        body_part: (0018,0015) Body Part Examined.
        view_position: (0018,5101) View Position, such as ``"PA"``, ``"AP"`` or ``"LL"``.
        patient_id: (0010,0020).
        patient_sex: (0010,0040), ``"M"``, ``"F"`` or ``"O"``.
        patient_age_years: (0010,1010) Patient's Age; ``"006M"`` is 0.5.
        pixel_spacing_mm: distance between rows and between columns, (0028,0030) Pixel Spacing,
            or (0018,1164) Imager Pixel Spacing, which is measured at the detector.
        accession_number: (0008,0050).
        study_instance_uid: (0020,000D).
        series_instance_uid: (0020,000E).
        sop_instance_uid: (0008,0018).
        sop_class_uid: (0008,0016).
        burned_in_annotation: (0028,0301), whether identifying text is part of the image.
        notes: what had to be assumed, one sentence each.
        field: the part of the image that shows the patient, without uniform borders and what a
            collimator covers; None where it is the whole image. Only the field enters the network, and
            `over_image` brings a map of the field back to the image.
        pixel_aspect_ratio: height of a pixel divided by its width; 1 where the file does not say.

    Raises:
        ValueError: a pixel is not a number from 0 to 1, the field is not inside of the image, or the
            aspect ratio is not a positive number.
    """

    pixels: Float32[np.ndarray, "height width"]
    source: str
    file_format: str
    modality: str | None = None
    body_part: str | None = None
    view_position: str | None = None
    patient_id: str | None = None
    patient_sex: str | None = None
    patient_age_years: float | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    accession_number: str | None = None
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    sop_class_uid: str | None = None
    burned_in_annotation: bool | None = None
    notes: tuple[str, ...] = ()
    field: Field | None = None
    pixel_aspect_ratio: float = 1.0

    def __post_init__(self) -> None:
        # NaN fails every comparison, so it is refused as well.
        if not (self.pixels.size and self.pixels.min() >= 0 and self.pixels.max() <= 1):
            raise ValueError(f"{self.source}: the pixels of a radiograph must be numbers from 0 to 1")
        if self.field is not None and not self.field.is_inside(self.pixels.shape):
            raise ValueError(
                f"{self.source}: the field {self.field} lies outside of {self.pixels.shape} pixels"
            )
        if not 0 < self.pixel_aspect_ratio < math.inf:
            raise ValueError(
                f"{self.source}: pixel aspect ratio {self.pixel_aspect_ratio}; expected a positive number"
            )

    @property
    def field_pixels(self) -> Float32[np.ndarray, "rows columns"]:
        """The pixels of the field, a view; all pixels where there is no border."""
        return self.pixels if self.field is None else self.field.within(self.pixels)


_CELLS = 8
"""Cells of `over_image` for each cell of the map: the field's edge lies within an eighth of a cell."""


def over_image(
    layer: Float32[np.ndarray, "rows columns"], radiograph: Radiograph, outside: float = 0.0
) -> Float32[np.ndarray, "image_rows image_columns"]:
    """A map of the radiograph's field, stretched over its whole image.

    A map is a grid of cells that covers the field. Where the field is the whole image, it is
    returned as it is. Otherwise the grid becomes finer, its values between the centres of cells are
    interpolated (bilinear), and cells whose centre lies outside of the field have the value `outside`.
    """
    if radiograph.field is None:
        return layer
    field, (height, width) = radiograph.field, radiograph.pixels.shape
    rows = _cells_within(layer.shape[0], height, field.top, field.bottom)
    columns = _cells_within(layer.shape[1], width, field.left, field.right)
    inside = np.isfinite(rows)[:, None] & np.isfinite(columns)
    fine = _between(_between(layer, np.nan_to_num(rows)).T, np.nan_to_num(columns)).T
    return np.where(inside, fine, np.float32(outside)).astype(np.float32)


def _cells_within(cells: int, side: int, start: int, end: int) -> Float64[np.ndarray, " fine_cells"]:
    """Where in the field's grid the centre of each finer cell of the image lies; NaN outside of the field."""
    pixels = (np.arange(cells * _CELLS) + 0.5) * side / (cells * _CELLS)
    place = (pixels - start) / (end - start) * cells - 0.5
    return np.where((pixels >= start) & (pixels < end), place, np.nan)


def _between(
    layer: Float32[np.ndarray, "rows columns"], places: Float64[np.ndarray, " places"]
) -> Float32[np.ndarray, "places columns"]:
    """Rows of the layer at fractional places; beyond the outermost centres, the outermost row."""
    places = np.clip(places, 0, len(layer) - 1)
    low = np.minimum(places.astype(np.int64), max(len(layer) - 2, 0))
    share = (places - low).astype(np.float32)[:, None]
    return layer[low] * (1 - share) + layer[np.minimum(low + 1, len(layer) - 1)] * share
