"""A radiograph: one grey image and what its file says of it."""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float32


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
        modality: (0008,0060), ``"CR"`` or ``"DX"``.
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

    Raises:
        ValueError: a pixel is not a number from 0 to 1.
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

    def __post_init__(self) -> None:
        # NaN fails every comparison, so it is refused as well.
        if not (self.pixels.size and self.pixels.min() >= 0 and self.pixels.max() <= 1):
            raise ValueError(f"{self.source}: the pixels of a radiograph must be numbers from 0 to 1")
