"""What a DICOM header says about the radiograph and its patient (PS3.3 C.7 and C.8)."""

from typing import TypedDict

from chexnet.radiograph.dicom.elements import Elements, label
from chexnet.radiograph.dicom.transformations import LARGEST
from chexnet.radiograph.errors import Unfit

_DAYS_IN = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}

_VIEW_OF_CODE = {
    "272479007": "PA",
    "R-40888": "PA",
    "399348003": "AP",
    "R-10206": "AP",
    "399173006": "LL",
    "R-10236": "LL",
    "399198007": "RL",
    "R-10232": "RL",
}
"""Views of the chest in SNOMED CT, and in the older SNOMED-RT codes for the same (PS3.16 CID 4010)."""


class Description(TypedDict):
    """The attributes of a `Radiograph` that a DICOM header fills."""

    body_part: str | None
    view_position: str | None
    patient_id: str | None
    patient_sex: str | None
    patient_age_years: float | None
    pixel_spacing_mm: tuple[float, float] | None
    accession_number: str | None
    study_instance_uid: str | None
    series_instance_uid: str | None
    sop_instance_uid: str | None
    sop_class_uid: str | None
    burned_in_annotation: bool | None
    pixel_aspect_ratio: float


def described(elements: Elements, notes: list[str]) -> Description:
    """What the file says of the image and its patient."""
    _note_orientation(elements, notes)
    if (unknown := elements.unknown_character_set()) is not None:
        notes.append(f'{label("SpecificCharacterSet")} is "{unknown}", which is unknown; Latin-1 was assumed')
    sex = (elements.string("PatientSex") or "").upper()
    return {
        "body_part": elements.string("BodyPartExamined"),
        "view_position": _view_position(elements, notes),
        "patient_id": elements.string("PatientID"),
        "patient_sex": sex if sex in ("M", "F", "O") else None,
        "patient_age_years": _age_years(elements.string("PatientAge"), notes),
        "pixel_spacing_mm": _pixel_spacing_mm(elements),
        "accession_number": elements.string("AccessionNumber"),
        "study_instance_uid": elements.string("StudyInstanceUID"),
        "series_instance_uid": elements.string("SeriesInstanceUID"),
        "sop_instance_uid": elements.string("SOPInstanceUID"),
        "sop_class_uid": elements.string("SOPClassUID"),
        "pixel_aspect_ratio": _pixel_aspect_ratio(elements, notes),
        "burned_in_annotation": {"YES": True, "NO": False}.get(elements.string("BurnedInAnnotation") or ""),
    }


def _view_position(elements: Elements, notes: list[str]) -> str | None:
    """(0018,5101) View Position, or else (0054,0220) View Code Sequence (PS3.3 C.8.11.5)."""
    position = elements.string("ViewPosition")
    if position is not None:
        return position.upper()
    try:
        codes = [item.string("CodeValue") or "" for item in elements.items("ViewCodeSequence")]
    except Unfit as error:
        notes.append(f"ignored: {error}")
        return None
    return next((_VIEW_OF_CODE[code] for code in codes if code in _VIEW_OF_CODE), None)


def _age_years(age: str | None, notes: list[str]) -> float | None:
    """An Age String such as 045Y, 006M, 012W or 003D in years (PS3.5 6.2).

    Many systems leave the unit out, where they mean years.
    """
    if not age:
        return None
    number, unit = (age, "Y") if age.isdecimal() else (age[:-1], age[-1].upper())
    if unit not in _DAYS_IN or not number.isdecimal():
        notes.append(f'{label("PatientAge")} is "{age}"; expected a number and D, W, M or Y; it was ignored')
        return None
    if age.isdecimal():
        notes.append(f'{label("PatientAge")} is "{age}", without a unit; years were assumed')
    return int(number) * _DAYS_IN[unit] / _DAYS_IN["Y"]


def _pixel_spacing_mm(elements: Elements) -> tuple[float, float] | None:
    """Row and column spacing (PS3.3 10.7.1.3)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = elements.numbers(keyword)
        if len(spacing) == 2 and all(0 < s <= LARGEST for s in spacing):
            return spacing[0], spacing[1]
    return None


_LEAST_ASPECT, _LARGEST_ASPECT = 0.1, 10.0


def _pixel_aspect_ratio(elements: Elements, notes: list[str]) -> float:
    """Height of a pixel divided by its width, from its spacing or (0028,0034) (PS3.3 C.7.6.3.1.7)."""
    spacing = _pixel_spacing_mm(elements) or elements.numbers("PixelAspectRatio")
    if len(spacing) != 2 or not all(0 < side <= LARGEST for side in spacing):
        return 1.0
    ratio = spacing[0] / spacing[1]
    if not _LEAST_ASPECT <= ratio <= _LARGEST_ASPECT:
        notes.append(f"pixels of height {spacing[0]:g} to width {spacing[1]:g}; square ones were assumed")
        return 1.0
    if abs(ratio - 1) > 0.01:
        notes.append(f"pixels are not square: {ratio:.3g} times as high as wide; images are drawn so")
    return ratio


def _note_orientation(elements: Elements, notes: list[str]) -> None:
    """(0020,0020) Patient Orientation, where rows do not go to the patient's left and columns to the feet.

    Nothing is turned: headers are wrong at times, and an image may look right and be labelled wrong.
    """
    directions = elements.strings("PatientOrientation")
    if len(directions) != 2:
        return
    row, column = (direction[:1].upper() for direction in directions)
    if (row, column) == ("L", "F") or not {row, column} <= set("LRHF"):
        return
    what = "mirrored" if (row, column) == ("R", "F") else "turned, or turned and mirrored"
    said = "\\".join(directions)
    notes.append(
        f'{label("PatientOrientation")} is "{said}": the image is {what}; it was read as it is stored'
    )
