"""How the examples are made: one phantom, drawn twice, written as PNG and as a DICOM DX image."""

import uuid
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, JPEGLSLossless

from chexnet.arrays import Float32
from chexnet.examples import NORMAL_PNG, OPACITY_DICOM, OPACITY_PNG
from chexnet.examples.phantom import Opacity, Phantom, thorax_phantom

SIZE = 768
SEED = 7
OPACITY = Opacity.in_zone("right", "lower")

STATEMENT = "Synthetic: ray sums through a numerical phantom of the thorax. No patient, not for diagnosis."


@cache
def example_phantom(name: str) -> Phantom:
    """The phantom that an example shows; its ``opacity_box`` says where the opacity is."""
    return thorax_phantom(SIZE, seed=SEED, opacity=None if name == NORMAL_PNG else OPACITY)


def write_examples(folder: Path) -> list[Path]:
    """Write all examples; the same versions of the libraries write the same bytes."""
    paths = [folder / name for name in (NORMAL_PNG, OPACITY_PNG, OPACITY_DICOM)]
    for path in paths[:2]:
        write_png(path, example_phantom(path.name))
    dicom_image(example_phantom(OPACITY_DICOM)).save_as(paths[2], enforce_file_format=True)
    return paths


def write_png(path: Path, phantom: Phantom) -> None:
    """Eight bits, bone white; text chunks say what the picture is."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Synthetic chest radiograph, frontal (PA)")
    text.add_text("Description", STATEMENT)
    text.add_text("Source", f"chexnet.examples.phantom.thorax_phantom({SIZE}, seed={SEED})")
    Image.fromarray(_grey_levels(phantom.pixels, 255).astype(np.uint8)).save(
        path, pnginfo=text, optimize=True
    )


def dicom_image(phantom: Phantom) -> Dataset:
    """A Digital X-Ray Image For Presentation (PS3.3 A.26), MONOCHROME1, 12 bits, lossless JPEG-LS."""
    image = Dataset()
    image.file_meta = _file_meta()
    for module in (_patient_and_study(), _series_and_equipment(), _anatomy_and_view(), _picture(phantom)):
        image.update(module)
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID
    # MONOCHROME1 shows the highest value black (C.7.6.3.1.2), so bone has the lowest.
    stored = 4095 - _grey_levels(phantom.pixels, 4095)
    image.compress(JPEGLSLossless, stored.astype(np.uint16), generate_instance_uid=False)
    return image


def _grey_levels(pixels: Float32[np.ndarray, "height width"], white: int) -> np.ndarray:
    return np.rint(pixels.astype(np.float64) * white)


def _uid(what: str) -> UID:
    """A UID derived from a UUID (PS3.5 B.2); named, so that each making gives the same."""
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:chexnet:examples:{what}').int}")


def _file_meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = _uid("instance")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("implementation")
    meta.ImplementationVersionName = "CHEXNET"
    return meta


def _patient_and_study() -> Dataset:
    """C.7.1.1 and C.7.2.1; what has no true value is present and empty (type 2)."""
    part = Dataset()
    part.PatientName = "SYNTHETIC^THORAX"
    part.PatientID = "SYNTHETIC"
    part.PatientBirthDate = part.PatientSex = ""
    part.PatientComments = STATEMENT
    part.StudyInstanceUID = _uid("study")
    part.StudyDate = part.StudyTime = part.ReferringPhysicianName = part.AccessionNumber = ""
    part.StudyID = "SYNTHETIC"
    part.StudyDescription = "Synthetic chest radiograph"
    return part


def _series_and_equipment() -> Dataset:
    """C.7.3.1, C.8.11.1 and C.7.5.1."""
    part = Dataset()
    part.Modality = "DX"
    part.SeriesInstanceUID = _uid("series")
    part.SeriesNumber = part.InstanceNumber = 1
    part.PresentationIntentType = "FOR PRESENTATION"
    part.Manufacturer = "chexnet"
    part.ManufacturerModelName = "Numerical thorax phantom"
    return part


def _anatomy_and_view() -> Dataset:
    """C.8.11.2 and C.8.11.5: an upright chest, seen from the front, the rays coming from behind."""
    part = Dataset()
    part.BodyPartExamined = "CHEST"
    part.AnatomicRegionSequence = [_code(Code("816094009", "SCT", "Chest"))]
    part.ImageLaterality = "U"
    part.ViewPosition = "PA"
    part.ViewCodeSequence = [_code(Code("272479007", "SCT", "Postero-anterior"))]
    part.ViewCodeSequence[0].ViewModifierCodeSequence = []
    part.PatientOrientation = ["L", "F"]
    part.PositionerType = "NONE"
    part.AcquisitionContextSequence = []
    return part


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = (
        code.value,
        code.scheme_designator,
        code.meaning,
    )
    return item


def _picture(phantom: Phantom) -> Dataset:
    """C.8.11.3, C.8.11.4 and C.11.2; the window spans all grey values, so it changes none."""
    part = Dataset()
    part.ImageType = ["DERIVED", "PRIMARY"]
    part.DerivationDescription = STATEMENT
    part.Rows, part.Columns = phantom.pixels.shape
    part.SamplesPerPixel, part.PhotometricInterpretation = 1, "MONOCHROME1"
    part.BitsAllocated, part.BitsStored, part.HighBit, part.PixelRepresentation = 16, 12, 11, 0
    part.PixelIntensityRelationship, part.PixelIntensityRelationshipSign = "LOG", 1
    part.RescaleIntercept, part.RescaleSlope, part.RescaleType = 0, 1, "US"
    part.PresentationLUTShape = "INVERSE"
    part.WindowCenter, part.WindowWidth = 2048, 4096
    # The burned-in word and side marker identify nobody, and that is what the attribute asks (C.7.6.1).
    part.BurnedInAnnotation, part.RecognizableVisualFeatures = "NO", "NO"
    part.LossyImageCompression = "00"
    part.DetectorType = ""
    part.ImagerPixelSpacing = part.PixelSpacing = [f"{phantom.pixel_spacing_mm:.6f}"] * 2
    return part
