"""Content items of structured reports (PS3.3 C.17.3), and the codes that they need."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from chexnet.arrays import Float64
from chexnet.findings import FINDINGS, display_name
from chexnet.pacs.objects.identifiers import derived_uid
from chexnet.pacs.objects.inherited import SourceHeader

PRIVATE = "99CHEXNET"
"""Coding scheme of concepts that no standard code could be verified for."""

Concept = tuple[str, str, str]
"""Code Value, Coding Scheme Designator, Code Meaning (PS3.3 8.8)."""

PERCENT: Concept = ("%", "UCUM", "Percent")
COMMENT: Concept = ("121106", "DCM", "Comment")
FINDING: Concept = ("121071", "DCM", "Finding")
SOURCE: Concept = ("260753009", "SCT", "Source")
CHEST: Concept = ("51185008", "SCT", "Chest")
MODALITIES: dict[str, Concept] = {
    "CR": ("CR", "DCM", "Computed Radiography"),
    "DX": ("DX", "DCM", "Digital Radiography"),
    "OT": ("OT", "DCM", "Other Modality"),
}
"""Of the images that are read (PS3.16 CID 29)."""

NOTICE = "Research use, not for diagnosis"


def plain(text: str) -> str:
    """The text in ASCII, on one line: every character set can hold it."""
    one_line = " ".join(text.split())
    return one_line.replace("\u2013", "-").encode("ascii", "backslashreplace").decode("ascii")


def finding_concept(finding: str) -> Concept:
    """The verified code of a finding, or a private one."""
    known = FINDINGS.get(finding)
    if known and known.code:
        return known.code.value, known.code.scheme, known.code.meaning
    return private_concept(finding, display_name(finding))


def private_concept(value: str, meaning: str) -> Concept:
    """A code of our own; long values are cut and end in a hash, because 16 characters are allowed."""
    name = re.sub(r"[^A-Z0-9_]", "_", value.upper())
    if len(name) > 16:
        name = f"{name[:9]}_{hashlib.sha256(value.encode()).hexdigest()[:6].upper()}"
    return name, PRIVATE, plain(meaning)[:64]


def coded(concept: Concept) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = concept
    return item


def private_scheme() -> Dataset:
    """What (0008,0110) says of the private coding scheme."""
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE
    item.CodingSchemeUID = derived_uid("coding scheme", PRIVATE)
    item.CodingSchemeName = "Concepts of chexnet for which no standard code could be verified"
    item.CodingSchemeResponsibleOrganization = "chexnet"
    return item


def _item(relationship: str, value_type: str, concept: Concept | None) -> Dataset:
    item = Dataset()
    item.RelationshipType = relationship
    item.ValueType = value_type
    if concept is not None:
        item.ConceptNameCodeSequence = Items([coded(concept)])
    return item


def container(
    relationship: str, concept: Concept, children: Sequence[Dataset], template: str = ""
) -> Dataset:
    """A CONTAINER; the root has no relationship."""
    item = _item(relationship, "CONTAINER", concept)
    if not relationship:
        del item.RelationshipType
    item.ContinuityOfContent = "SEPARATE"
    if template:
        named = Dataset()
        named.MappingResource, named.TemplateIdentifier = "DCMR", template
        item.ContentTemplateSequence = Items([named])
    if children:
        item.ContentSequence = Items(list(children))
    return item


def text(relationship: str, concept: Concept, value: str) -> Dataset:
    """A TEXT item in ASCII."""
    item = _item(relationship, "TEXT", concept)
    item.TextValue = plain(value) or "-"
    return item


def code(relationship: str, concept: Concept, value: Concept) -> Dataset:
    """A CODE item."""
    item = _item(relationship, "CODE", concept)
    item.ConceptCodeSequence = Items([coded(value)])
    return item


def uid_reference(relationship: str, concept: Concept, uid: str) -> Dataset:
    """A UIDREF item."""
    item = _item(relationship, "UIDREF", concept)
    item.UID = uid
    return item


def number(relationship: str, concept: Concept, value: float, unit: Concept) -> Dataset:
    """A NUM item: two decimals to be read, and the exact value as a float."""
    item = _item(relationship, "NUM", concept)
    measured = Dataset()
    measured.MeasurementUnitsCodeSequence = Items([coded(unit)])
    measured.NumericValue = f"{value:.2f}"
    measured.FloatingPointValue = value
    item.MeasuredValueSequence = Items([measured])
    return item


def image(relationship: str, source: SourceHeader, concept: Concept | None = None) -> Dataset:
    """An IMAGE item that refers to the source."""
    item = _item(relationship, "IMAGE", concept)
    item.ReferencedSOPSequence = Items([reference(source)])
    return item


def reference(source: SourceHeader) -> Dataset:
    """The source's SOP class and instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.sop_class_uid
    item.ReferencedSOPInstanceUID = source.sop_instance_uid
    return item


def outline(source: SourceHeader, polygon: Float64[np.ndarray, "_ 2"]) -> Dataset:
    """An SCOORD item: a closed polyline in image coordinates (PS3.3 C.18.6)."""
    item = _item("CONTAINS", "SCOORD", ("111030", "DCM", "Image Region"))
    item.GraphicType = "POLYLINE"
    item.GraphicData = [float(value) for value in polygon.round(2).astype(np.float32).ravel()]
    item.ContentSequence = Items([image("SELECTED FROM", source)])
    return item


def evidence(source: SourceHeader) -> Dataset:
    """The source in its series and study, as evidence sequences name it (PS3.3 C.17.2)."""
    study = Dataset()
    study.StudyInstanceUID = source.study_uid
    series = Dataset()
    series.SeriesInstanceUID = source.series_uid
    series.ReferencedSOPSequence = Items([reference(source)])
    study.ReferencedSeriesSequence = Items([series])
    return study
