"""What all result objects share: whose they are, which device made them, their UIDs and bytes."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from chexnet.classifier import Prediction
from chexnet.pacs.objects.content_items import plain
from chexnet.pacs.objects.identifiers import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION,
    INSTANCE_CREATOR_UID,
    MANUFACTURER,
    derived_uid,
)
from chexnet.pacs.objects.inherited import SourceHeader, inherit

Kind = Literal["capture", "report", "presentation_state"]

SERIES_NUMBERS: dict[Kind, int] = {"capture": 9701, "report": 9702, "presentation_state": 9703}
"""High, so that results sort after the images of the study."""


@dataclass(frozen=True)
class Predecessor:
    """An earlier result of the same source that a new one replaces.

    Attributes:
        kind: which object it is.
        study_uid: (0020,000D).
        series_uid: (0020,000E).
        sop_class_uid: (0008,0016).
        sop_instance_uid: (0008,0018).
    """

    kind: Kind
    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class Reading:
    """One source image and what a model says of it: the input of every result object.

    Attributes:
        source: the image's header.
        prediction: of status "ok" or "refused".
        made_at: stands in the objects as their time of creation.
        worth: by finding, what its test showed, for people to read.
        predecessors: earlier results of the same source.
    """

    source: SourceHeader
    prediction: Prediction
    made_at: datetime
    worth: Mapping[str, str] = field(default_factory=dict)
    predecessors: tuple[Predecessor, ...] = ()

    def predecessor(self, kind: Kind) -> Predecessor | None:
        """The earlier object of this kind, if any."""
        return next((one for one in self.predecessors if one.kind == kind), None)


@dataclass(frozen=True)
class ResultObject:
    """A DICOM file, complete and final: it is sent as it is, as often as needed.

    Attributes:
        kind: which object it is.
        study_uid: (0020,000D).
        series_uid: (0020,000E), one for each study, kind and model.
        sop_class_uid: (0008,0016).
        sop_instance_uid: (0008,0018), derived from the source's and from the content.
        content: the file (PS3.10), Explicit VR Little Endian.
    """

    kind: Kind
    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    content: bytes


def new_object(reading: Reading, kind: Kind, sop_class_uid: str, modality: str) -> Dataset:
    """A data set with the modules that every result has; its SOP Instance UID comes last."""
    source, model = reading.source, reading.prediction.model
    result = Dataset()
    inherit(result, source)
    result.SOPClassUID = UID(sop_class_uid)
    result.InstanceCreatorUID = INSTANCE_CREATOR_UID
    result.InstanceCreationDate, result.InstanceCreationTime = date_and_time(reading.made_at)
    result.StudyInstanceUID = source.study_uid
    result.Modality = modality
    result.SeriesInstanceUID = derived_uid("series", source.study_uid, kind, model.sha256)
    result.SeriesNumber = SERIES_NUMBERS[kind]
    result.SeriesDescription = plain(f"{model.name} {model.version}: research use")[:64]
    result.InstanceNumber = 1
    result.Manufacturer = MANUFACTURER
    result.ManufacturerModelName = plain(model.name)[:64]
    result.DeviceSerialNumber = model.sha256[:16]
    result.SoftwareVersions = plain(model.version)[:64]
    return result


def date_and_time(moment: datetime) -> tuple[str, str]:
    """As DA and TM."""
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


def finished(result: Dataset, kind: Kind, source: SourceHeader) -> ResultObject:
    """Give the object its UID, which depends on the source's UID and on all of its content; encode it."""
    result.SOPInstanceUID = UID(derived_uid("instance", source.sop_instance_uid, _encoded(result)))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = result.SOPClassUID
    meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    result.file_meta = meta
    buffer = io.BytesIO()
    result.save_as(buffer, enforce_file_format=True)
    return ResultObject(
        kind,
        source.study_uid,
        str(result.SeriesInstanceUID),
        str(result.SOPClassUID),
        str(result.SOPInstanceUID),
        buffer.getvalue(),
    )


def _encoded(result: Dataset) -> bytes:
    buffer = io.BytesIO()
    result.save_as(buffer, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


def called(prediction: Prediction) -> Sequence[str]:
    """The findings at or above their threshold."""
    return [finding.finding for finding in prediction.findings if finding.present]
