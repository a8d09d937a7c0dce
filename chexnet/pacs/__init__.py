"""In the hospital: Prediction -> DICOM objects that viewers draw, and the node that loses none."""

from chexnet.pacs.objects import ObjectSet, ResultObject, result_objects
from chexnet.pacs.result_folder import ResultFolder
from chexnet.pacs.structured_log import log_as_json

__all__ = ["ObjectSet", "ResultFolder", "ResultObject", "log_as_json", "result_objects"]
