"""Prediction -> DICOM objects: Secondary Capture, structured report, presentation state."""

from chexnet.pacs.objects.identifiers import INSTANCE_CREATOR_UID, MANUFACTURER, is_own_result
from chexnet.pacs.objects.inherited import NoStudy, SourceHeader, source_header
from chexnet.pacs.objects.result_objects import (
    ObjectSet,
    Predecessor,
    ResultObject,
    measured_worth,
    result_objects,
)

__all__ = [
    "INSTANCE_CREATOR_UID",
    "MANUFACTURER",
    "NoStudy",
    "ObjectSet",
    "Predecessor",
    "ResultObject",
    "SourceHeader",
    "is_own_result",
    "measured_worth",
    "result_objects",
    "source_header",
]
