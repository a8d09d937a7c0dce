"""Contours as a Grayscale Softcopy Presentation State (PS3.3 A.33.1), which viewers lay over the source."""

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from chexnet.arrays import Float64
from chexnet.findings import display_name
from chexnet.pacs.objects.content_items import NOTICE, reference
from chexnet.pacs.objects.inherited import inherit_orientation
from chexnet.pacs.objects.measurement_report import Outlines
from chexnet.pacs.objects.result import Reading, ResultObject, finished, new_object
from chexnet.radiograph import Radiograph
from chexnet.radiograph.dicom import PARSER_FAILURES, pydicom_muted

_LAYER = "FINDINGS"


def presentation_state(reading: Reading, radiograph: Radiograph, outlines: Outlines) -> ResultObject:
    """The presentation state: the source's own grey scale, a layer with contours and names."""
    height, width = radiograph.pixels.shape
    result = new_object(reading, "presentation_state", GrayscaleSoftcopyPresentationStateStorage, "PR")
    inherit_orientation(result, reading.source)
    result.pop("PatientOrientation", None)
    result.ContentLabel = "CHEXNET"
    result.ContentDescription = NOTICE
    result.ContentCreatorName = "Chexnet^Software"
    result.PresentationCreationDate = result.InstanceCreationDate
    result.PresentationCreationTime = result.InstanceCreationTime
    result.ReferencedSeriesSequence = Items([_series(reading)])
    result.DisplayedAreaSelectionSequence = Items([_whole_image(height, width)])
    result.GraphicLayerSequence = Items([_layer()])
    result.GraphicAnnotationSequence = Items([_annotation(outlines, (height, width))])
    _grey_scale(result, reading.source.dataset)
    return finished(result, "presentation_state", reading.source)


def _series(reading: Reading) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = reading.source.series_uid
    series.ReferencedImageSequence = Items([reference(reading.source)])
    return series


def _whole_image(height: int, width: int) -> Dataset:
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [width, height]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelAspectRatio = [1, 1]
    return area


def _layer() -> Dataset:
    layer = Dataset()
    layer.GraphicLayer = _LAYER
    layer.GraphicLayerOrder = 1
    layer.GraphicLayerDescription = NOTICE
    return layer


def _annotation(outlines: Outlines, size: tuple[int, int]) -> Dataset:
    annotation = Dataset()
    annotation.GraphicLayer = _LAYER
    graphics, texts = [], [_text(NOTICE, np.array([1.0, size[0]]), size)]
    for finding, polygons in outlines.items():
        graphics += [_polyline(polygon, size) for polygon in polygons]
        if polygons:
            top = polygons[0][polygons[0][:, 1].argmin()]
            texts.append(_text(display_name(finding), top, size))
    if graphics:
        annotation.GraphicObjectSequence = Items(graphics)
    annotation.TextObjectSequence = Items(texts)
    return annotation


def _on_pixels(points: Float64[np.ndarray, "_ 2"], size: tuple[int, int]) -> list[float]:
    """Column and row as this module counts them: the first pixel is (1, 1) (PS3.3 C.10.5.1.2)."""
    height, width = size
    return [float(value) for value in np.clip(points + 0.5, 1, [width, height]).astype(np.float32).ravel()]


def _polyline(polygon: Float64[np.ndarray, "_ 2"], size: tuple[int, int]) -> Dataset:
    graphic = Dataset()
    graphic.GraphicAnnotationUnits = "PIXEL"
    graphic.GraphicDimensions = 2
    graphic.NumberOfGraphicPoints = len(polygon)
    graphic.GraphicData = _on_pixels(polygon, size)
    graphic.GraphicType = "POLYLINE"
    graphic.GraphicFilled = "N"
    return graphic


def _text(words: str, place: Float64[np.ndarray, " 2"], size: tuple[int, int]) -> Dataset:
    item = Dataset()
    item.UnformattedTextValue = words
    item.AnchorPointAnnotationUnits = "PIXEL"
    item.AnchorPoint = _on_pixels(place[None], size)
    item.AnchorPointVisibility = "N"
    return item


def _grey_scale(result: Dataset, source: Dataset) -> None:
    """The source's own transformations (PS3.3 C.11): what a presentation state leaves out is not applied."""
    monochrome1 = str(source.get("PhotometricInterpretation", "")).strip() == "MONOCHROME1"
    result.PresentationLUTShape = "INVERSE" if monochrome1 else "IDENTITY"
    with pydicom_muted():
        if luts := _items(source, "ModalityLUTSequence"):
            result.ModalityLUTSequence = luts
        elif (slope := _first(source, "RescaleSlope")) is not None:
            result.RescaleIntercept = _first(source, "RescaleIntercept") or 0
            result.RescaleSlope = slope
            result.RescaleType = str(source.get("RescaleType") or "US")
        voi = Dataset()
        if luts := _items(source, "VOILUTSequence"):
            voi.VOILUTSequence = Items(luts[:1])
        elif (center := _first(source, "WindowCenter")) is not None:
            voi.WindowCenter, voi.WindowWidth = center, _first(source, "WindowWidth") or 1
        else:
            return
    result.SoftcopyVOILUTSequence = Items([voi])


def _items(source: Dataset, keyword: str) -> Items:
    try:
        return Items([item for item in source.get(keyword) or [] if "LUTData" in item])
    except PARSER_FAILURES:
        return Items([])


def _first(source: Dataset, keyword: str) -> Any:
    """The first of the element's numbers; None where there is none, or none that is a number."""
    try:
        value = source.get(keyword)
        if value is None or value == "":
            return None
        number = value[0] if isinstance(value, (list, tuple)) or hasattr(value, "append") else value
        return number if np.isfinite(float(number)) else None
    except PARSER_FAILURES:
        return None
