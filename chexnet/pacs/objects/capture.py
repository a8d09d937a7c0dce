"""Secondary Capture: the image with contours and words burned in, for viewers that draw nothing else."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import SecondaryCaptureImageStorage

from chexnet.arrays import Float64, UInt8
from chexnet.classifier import FindingPrediction
from chexnet.findings import display_name
from chexnet.pacs.objects.content_items import NOTICE, coded, plain, reference
from chexnet.pacs.objects.inherited import inherit_orientation
from chexnet.pacs.objects.measurement_report import Outlines
from chexnet.pacs.objects.result import Reading, ResultObject, called, finished, new_object
from chexnet.radiograph import Radiograph

LONGEST_SIDE = 1024
"""Pixels on the longer side of the image in a capture, which is then of 3 MB."""

_LEAST_WIDTH = 640
_LINE = 22
_MARGIN = 12
_TEXT = (235, 235, 235)
_COLOURS = ((255, 150, 40), (80, 180, 255), (240, 228, 66), (0, 200, 140), (230, 120, 200), (255, 255, 255))
"""Distinguishable in every common form of colour blindness (after Okabe and Ito), bright on black."""


def capture(reading: Reading, radiograph: Radiograph, outlines: Outlines) -> ResultObject:
    """The capture as an object; it names its source and says that it is derived."""
    pixels = drawn(reading, radiograph, outlines)
    result = new_object(reading, "capture", SecondaryCaptureImageStorage, "OT")
    inherit_orientation(result, reading.source)
    result.PatientOrientation = result.get("PatientOrientation", "")
    result.ConversionType = "WSD"
    result.ImageType = ["DERIVED", "SECONDARY"]
    result.ContentDate, result.ContentTime = result.InstanceCreationDate, result.InstanceCreationTime
    result.BurnedInAnnotation = "YES"
    result.DerivationDescription = _derivation(reading)
    source = reference(reading.source)
    source.PurposeOfReferenceCodeSequence = Items(
        [coded(("121322", "DCM", "Source of image processing operation"))]
    )
    result.SourceImageSequence = Items([source])
    _lossy(result, reading.source.dataset)
    _pixel_module(result, pixels)
    return finished(result, "capture", reading.source)


def _derivation(reading: Reading) -> str:
    model = reading.prediction.model
    text = f"Contours by {model.name} {model.version}, sha256 {model.sha256}. {NOTICE}."
    if earlier := reading.predecessor("capture"):
        text += f" Replaces {earlier.sop_instance_uid}."
    return plain(text)[:1024]


def _lossy(result: Dataset, source: Dataset) -> None:
    """What was once compressed with loss stays marked so (PS3.3 C.7.6.1.1.5)."""
    if str(source.get("LossyImageCompression", "")).strip() != "01":
        return
    result.LossyImageCompression = "01"
    for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        if source.get(keyword) not in (None, ""):
            result[keyword] = source[keyword]


def _pixel_module(result: Dataset, pixels: UInt8[np.ndarray, "height width 3"]) -> None:
    result.SamplesPerPixel = 3
    result.PhotometricInterpretation = "RGB"
    result.PlanarConfiguration = 0
    result.Rows, result.Columns = pixels.shape[:2]
    result.BitsAllocated = result.BitsStored = 8
    result.HighBit = 7
    result.PixelRepresentation = 0
    content = pixels.tobytes()
    result.PixelData = content + b"\0" * (len(content) % 2)


def drawn(
    reading: Reading, radiograph: Radiograph, outlines: Outlines
) -> UInt8[np.ndarray, "height width 3"]:
    """The image with its contours, and below it a line for each called finding and the model."""
    height, width = radiograph.pixels.shape
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    shown = Image.fromarray(np.round(radiograph.pixels * 255).astype(np.uint8))
    shown = shown.resize((max(1, round(width * scale)), max(1, round(height * scale))))
    findings = called(reading.prediction)
    lines = [_line(reading.prediction[finding], reading.worth.get(finding)) for finding in findings]
    canvas = Image.new(
        "RGB",
        (max(shown.width, _LEAST_WIDTH), shown.height + (len(lines) + 2) * _LINE + 2 * _MARGIN),
    )
    canvas.paste(shown.convert("RGB"), (0, 0))
    draw = ImageDraw.Draw(canvas)
    _draw_contours(draw, outlines, scale, (shown.width, shown.height))
    _write(draw, lines, _foot(reading), shown.height + _MARGIN)
    return np.asarray(canvas)


def _draw_contours(
    draw: ImageDraw.ImageDraw, outlines: Outlines, scale: float, size: tuple[int, int]
) -> None:
    for index, (finding, polygons) in enumerate(outlines.items()):
        for polygon in polygons:
            points = [(float(x), float(y)) for x, y in polygon * scale]
            # A dark line below keeps the bright one visible on bone.
            draw.line(points, fill=(0, 0, 0), width=5, joint="curve")
            draw.line(points, fill=_colour(index), width=2, joint="curve")
        if polygons:
            _label(draw, polygons[0] * scale, display_name(finding), _colour(index), size)


def _label(
    draw: ImageDraw.ImageDraw,
    polygon: Float64[np.ndarray, "_ 2"],
    name: str,
    colour: tuple[int, int, int],
    size: tuple[int, int],
) -> None:
    """The finding's name at the top of its contour, inside the image."""
    font = _font(16)
    top = polygon[polygon[:, 1].argmin()]
    x = min(max(float(top[0]), 2), max(2.0, size[0] - draw.textlength(name, font=font) - 4))
    y = min(max(float(top[1]) - 20, 2), max(2, size[1] - 20))
    draw.text((x, y), name, fill=colour, font=font, stroke_width=2, stroke_fill=(0, 0, 0))


def _write(draw: ImageDraw.ImageDraw, lines: list[str], foot: list[str], top: int) -> None:
    for index, line in enumerate([*lines, *foot]):
        fill = _colour(index) if index < len(lines) else _TEXT
        draw.text((_MARGIN, top + index * _LINE), line, fill=fill, font=_font(15))


def _line(finding: FindingPrediction, worth: str | None) -> str:
    name = display_name(finding.finding)
    line = f"{name} {finding.probability:.0%}, threshold {finding.threshold:.0%} ({finding.policy})"
    return line if worth is None else f"{line}; {worth}"


def _foot(reading: Reading) -> list[str]:
    model = reading.prediction.model
    return [
        f"{plain(model.name)} {plain(model.version)}  sha256 {model.sha256[:12]}",
        f"{NOTICE}. Contours hold half of the evidence.",
    ]


def _colour(index: int) -> tuple[int, int, int]:
    return _COLOURS[index % len(_COLOURS)]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
