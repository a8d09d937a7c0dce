"""Which DICOM objects may be a chest radiograph: single-frame projections, whatever their Modality.

Pixels decide whether an image is a chest radiograph, and that is the gate's task. Only objects that do not
contain a projection are rejected here, by name: volumes, multi-frame images, reports and the like.
"""

from chexnet.radiograph.dicom.elements import Elements, label
from chexnet.radiograph.errors import Unfit

_RADIOGRAPHS = ("CR", "DX")

_NO_PROJECTION = {
    "CT": "a CT image",
    "MR": "an MR image",
    "PT": "a PET image",
    "NM": "a nuclear medicine image",
    "US": "an ultrasound image",
    "IVUS": "an ultrasound image",
    "OCT": "a tomogram of the eye",
    "OPT": "a tomogram of the eye",
    "OP": "a photograph of the eye",
    "BI": "a biomagnetic image",
    "TG": "a thermogram",
    "MG": "a mammogram",
    "IO": "a dental radiograph",
    "PX": "a panorama of the teeth",
    "BMD": "a measurement of bone density",
    "ES": "an endoscopic image",
    "GM": "an image of a microscope",
    "SM": "an image of a slide",
    "XC": "a photograph",
    "ECG": "an electrocardiogram",
    "SR": "a structured report",
    "KO": "a key object selection",
    "PR": "a presentation state",
    "DOC": "a document",
    "SEG": "a segmentation",
    "REG": "a registration",
    "RTIMAGE": "an image of radiotherapy",
    "RTDOSE": "a dose of radiotherapy",
    "RTSTRUCT": "structures of radiotherapy",
    "RTPLAN": "a plan of radiotherapy",
}
"""Values of (0008,0060) Modality (PS3.3 C.7.3.1.1.1) of objects that are not projections of a chest."""

_CLASSES = "1.2.840.10008.5.1.4.1.1."

_NO_PROJECTION_BY_CLASS = {
    "2": "CT",
    "4": "MR",
    "128": "PT",
    "130": "PT",
    "20": "NM",
    "3": "US",
    "6": "US",
    "11": "PR",
    "88": "SR",
    "104": "DOC",
    "66": "SEG",
    "481": "RTIMAGE",
}
"""The first number of the SOP class (PS3.4 B.5) after the common root, for the same objects."""

_MODALITY_OF_CLASS = {
    _CLASSES + "1": "CR",
    _CLASSES + "1.1": "DX",
    _CLASSES + "1.1.1": "DX",
}
"""SOP classes of radiographs (PS3.4 B.5)."""


def checked_modality(elements: Elements, notes: list[str]) -> str | None:
    """(0008,0060) Modality, or what the SOP class implies (PS3.3 C.7.3.1.1.1); None where neither says.

    Raises:
        Unfit: the object is not a single-frame projection.
    """
    sop_class = elements.string("SOPClassUID") or ""
    modality = (elements.string("Modality") or "").upper()
    number = sop_class.removeprefix(_CLASSES).split(".")[0] if sop_class.startswith(_CLASSES) else ""
    for kind in (modality, _NO_PROJECTION_BY_CLASS.get(number)):
        if kind in _NO_PROJECTION:
            raise Unfit(f"{_NO_PROJECTION[kind]} ({_said(elements)}); expected a single-frame radiograph")
    if not modality:
        found = _MODALITY_OF_CLASS.get(sop_class)
        taken = "a radiograph was assumed" if found is None else "taken from the SOP class"
        notes.append(f"{label('Modality')} is missing; {taken}")
        return found
    if modality not in _RADIOGRAPHS:
        notes.append(f'{label("Modality")} is "{modality}"; read as a radiograph')
    return modality


def _said(elements: Elements) -> str:
    if (modality := elements.string("Modality")) is not None:
        return f'{label("Modality")} is "{modality}"'
    return f"(0008,0016) SOP Class UID is {elements.string('SOPClassUID')}"


def check_frames(elements: Elements, notes: list[str]) -> None:
    """One frame of pixels (PS3.3 C.7.6.6).

    Raises:
        Unfit: there are no pixels, or several frames.
    """
    if elements.encoded("PixelData") is None:
        raise Unfit(f"no {label('PixelData')}, or a truncated file; expected an image")
    frames = elements.numbers("NumberOfFrames")
    if frames and frames[0] > 1:
        raise Unfit(f"{label('NumberOfFrames')} is {frames[0]:g}; expected 1")
    if frames and frames[0] != 1:
        notes.append(f"{label('NumberOfFrames')} is {frames[0]:g}; 1 was assumed")
    if elements.string("PresentationIntentType") == "FOR PROCESSING":
        notes.append(
            f"{label('PresentationIntentType')} is FOR PROCESSING: grey values not meant for display"
        )
