"""Source images as hospitals send them: one synthetic thorax under many headers."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom import DataElement, Dataset, dcmread

from chexnet.classifier import Prediction
from chexnet.pacs.objects.identifiers import derived_uid

EXAMPLE = Path(__file__).resolve().parents[2] / "chexnet" / "examples" / "synthetic_thorax_opacity.dcm"

MADE_AT = datetime(2026, 11, 25, 12, 30, 15)

Change = Callable[[Dataset], None]


def source(name: str, change: Change = lambda dataset: None) -> bytes:
    """The synthetic thorax with its own UIDs, changed."""
    dataset = dcmread(EXAMPLE)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, derived_uid("test", name, keyword))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientID = name
    change(dataset)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def named(character_set: str | list[str], name: str) -> Change:
    def change(dataset: Dataset) -> None:
        dataset.SpecificCharacterSet = character_set
        dataset.PatientName = name

    return change


def without(*keywords: str) -> Change:
    def change(dataset: Dataset) -> None:
        for keyword in keywords:
            dataset.pop(keyword, None)

    return change


def with_invalid_values(dataset: Dataset) -> None:
    for tag, vr, value in (
        (0x00101010, "AS", "81"),
        (0x00080020, "DA", "2020.01.02"),
        (0x00100040, "CS", "female"),
    ):
        dataset[tag] = DataElement(tag, vr, value, validation_mode=0)
    dataset.private_block(0x0011, "VENDOR", create=True).add_new(1, "LO", "private")


def other_photometric(dataset: Dataset) -> None:
    """The same image in the other of the two conventions."""
    inverse = dataset.PhotometricInterpretation == "MONOCHROME1"
    pixels = dataset.pixel_array
    dataset.decompress()
    dataset.PixelData = (2**dataset.BitsStored - 1 - pixels).astype(np.uint16).tobytes()
    dataset.PhotometricInterpretation = "MONOCHROME2" if inverse else "MONOCHROME1"
    dataset.PresentationLUTShape = "IDENTITY" if inverse else "INVERSE"


KANJI = "Yamada^Tarou=山田^太郎=やまだ^たろう"

NAMES = {
    "ir100": ("ISO_IR 100", "Mañana^José"),
    "ir144": ("ISO_IR 144", "Люкceмбypг"),
    "ir13+87": (["ISO_IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎"),
    "ir87": (["", "ISO 2022 IR 87"], KANJI),
    "ir192": ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
    "gb18030": ("GB18030", "Wang^XiaoDong=王^小东"),
}

VARIANTS: dict[str, Change] = {
    "plain": lambda dataset: None,
    "other photometric": other_photometric,
    "no spacing": without("PixelSpacing", "ImagerPixelSpacing"),
    "no accession, no birth date": without("AccessionNumber", "PatientBirthDate"),
    "invalid values": with_invalid_values,
    **{name: named(*pair) for name, pair in NAMES.items()},
}


def nothing_called(prediction: Prediction) -> Prediction:
    """The same prediction, with every probability below its threshold."""
    findings = tuple(
        replace(one, probability=0.01, present=None if one.present is None else False)
        for one in prediction.findings
    )
    return replace(prediction, findings=findings)


def refused(prediction: Prediction) -> Prediction:
    reason = 'source.dcm: (0018,0015) Body Part Examined is "HÜFTE"; expected a chest radiograph'
    return Prediction("source.dcm", "refused", reason, (), prediction.model)


def small_source(name: str) -> bytes:
    """The synthetic thorax at a quarter of its width, uncompressed: quick to send and to read."""

    def change(dataset: Dataset) -> None:
        pixels = dataset.pixel_array[::3, ::3]
        dataset.decompress()
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.PixelData = np.ascontiguousarray(pixels).tobytes()

    return source(name, change)
