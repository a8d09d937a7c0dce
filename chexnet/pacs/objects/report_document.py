"""The frame of both structured reports: document, observer, language (PS3.3 A.35, PS3.16 TID 1001)."""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from chexnet.pacs.objects.content_items import (
    Concept,
    code,
    container,
    evidence,
    plain,
    private_scheme,
    text,
    uid_reference,
)
from chexnet.pacs.objects.identifiers import MANUFACTURER, derived_uid
from chexnet.pacs.objects.result import Reading, ResultObject, finished, new_object


def report(
    reading: Reading,
    sop_class_uid: str,
    title: Concept,
    children: Sequence[Dataset],
    template: str = "",
) -> ResultObject:
    """A complete, unverified report whose evidence is the source image."""
    result = new_object(reading, "report", sop_class_uid, "SR")
    result.ContentDate, result.ContentTime = result.InstanceCreationDate, result.InstanceCreationTime
    result.CompletionFlag = "COMPLETE"
    result.VerificationFlag = "UNVERIFIED"
    result.ReferencedPerformedProcedureStepSequence = Items([])
    result.PerformedProcedureCodeSequence = Items([])
    result.CurrentRequestedProcedureEvidenceSequence = Items([evidence(reading.source)])
    result.CodingSchemeIdentificationSequence = Items([private_scheme()])
    _name_predecessor(result, reading)
    root = container("", title, [*_context(reading), *children], template)
    for element in root:
        result[element.tag] = element
    return finished(result, "report", reading.source)


def _name_predecessor(result: Dataset, reading: Reading) -> None:
    """(0040,A360): the report that this one replaces (PS3.3 C.17.2)."""
    earlier = reading.predecessor("report")
    if earlier is None:
        return
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID = earlier.sop_class_uid
    instance.ReferencedSOPInstanceUID = earlier.sop_instance_uid
    series.SeriesInstanceUID = earlier.series_uid
    series.ReferencedSOPSequence = Items([instance])
    study.StudyInstanceUID = earlier.study_uid
    study.ReferencedSeriesSequence = Items([series])
    result.PredecessorDocumentsSequence = Items([study])


def _context(reading: Reading) -> list[Dataset]:
    """Language (TID 1204) and the device that observes (TID 1004)."""
    model = reading.prediction.model
    return [
        code(
            "HAS CONCEPT MOD",
            ("121049", "DCM", "Language of Content Item and Descendants"),
            ("en", "RFC5646", "English"),
        ),
        code("HAS OBS CONTEXT", ("121005", "DCM", "Observer Type"), ("121007", "DCM", "Device")),
        uid_reference(
            "HAS OBS CONTEXT",
            ("121012", "DCM", "Device Observer UID"),
            derived_uid("device", model.sha256),
        ),
        text("HAS OBS CONTEXT", ("121013", "DCM", "Device Observer Name"), model.name),
        text("HAS OBS CONTEXT", ("121014", "DCM", "Device Observer Manufacturer"), MANUFACTURER),
        text("HAS OBS CONTEXT", ("121015", "DCM", "Device Observer Model Name"), model.name),
    ]


def algorithm(reading: Reading, policy: str | None) -> list[Dataset]:
    """Algorithm identification (TID 4019): name, version, and as parameters the model file and the policy."""
    model = reading.prediction.model
    parameters = f"model file sha256 {model.sha256}; operating points {policy or 'none'}"
    return [
        text("HAS CONCEPT MOD", ("111001", "DCM", "Algorithm Name"), plain(model.name)),
        text("HAS CONCEPT MOD", ("111003", "DCM", "Algorithm Version"), plain(model.version)),
        text("HAS CONCEPT MOD", ("111002", "DCM", "Algorithm Parameters"), parameters),
    ]
