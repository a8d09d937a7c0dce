"""In the hospital: Prediction -> DICOM objects that viewers draw, and the node that loses none."""

from chexnet.pacs.objects import ObjectSet, ResultObject, result_objects
from chexnet.pacs.result_folder import ResultFolder

__all__ = ["ObjectSet", "ResultFolder", "ResultObject", "result_objects"]
