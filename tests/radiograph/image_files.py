"""Synthetic images, and files made of them by encoders that are not the code under test."""

import io
from pathlib import Path
from typing import Any

import gdcm
import jpeg_ls
import numpy as np
from openjpeg.utils import encode_array
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

NATIVE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
LOSSLESS = (JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless)

_GDCM_SYNTAX = {
    JPEGLossless: gdcm.TransferSyntax.JPEGLosslessProcess14,
    JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    JPEGExtended12Bit: gdcm.TransferSyntax.JPEGExtendedProcess2_4,
}


def grey_image(height: int = 64, width: int = 48, bits: int = 12, seed: int = 0) -> np.ndarray:
    """Smooth structures with a little noise, from black to white of `bits` bits, both of which occur."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    shade = 0.5 + 0.35 * np.sin(x / 7 + seed) * np.cos(y / 9) + 0.1 * x / width
    shade = np.clip(shade + rng.normal(0, 0.005, shade.shape), 0, 1)
    shade = (shade - shade.min()) / np.ptp(shade)
    return np.rint(shade * (2**bits - 1)).astype(np.int64)


def data_set(
    values: np.ndarray,
    *,
    bits_stored: int = 12,
    bits_allocated: int | None = None,
    signed: bool = False,
    photometric: str = "MONOCHROME2",
    **elements: Any,
) -> Dataset:
    """An uncompressed little-endian DX image; `values` may be negative if it is signed."""
    allocated = bits_allocated or (8 if bits_stored <= 8 else 16)
    dataset = Dataset()
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    dataset.Modality = "DX"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.Rows, dataset.Columns = values.shape
    dataset.BitsAllocated = allocated
    dataset.BitsStored = bits_stored
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = int(signed)
    cells = values.astype(np.int64) & (2**bits_stored - 1)
    dataset.PixelData = even(cells.astype(f"<u{allocated // 8}").tobytes())
    dataset["PixelData"].VR = "OB" if allocated == 8 else "OW"
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def even(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)


def written(dataset: Dataset, syntax: str = ExplicitVRLittleEndian, *, preamble: bool = True) -> bytes:
    """The bytes of a file; the pixel data must already be in the transfer syntax."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", DigitalXRayImageStorageForPresentation)
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.8.498.2"
    dataset.file_meta = meta
    file = io.BytesIO()
    if preamble:
        dcmwrite(file, dataset, enforce_file_format=True)
    else:
        del dataset.file_meta
        implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
        dcmwrite(file, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    return file.getvalue()


def dicom(values: np.ndarray, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """A DICOM file of these values in any transfer syntax."""
    dataset = data_set(values, **elements)
    if syntax == ExplicitVRBigEndian:
        cells = np.frombuffer(dataset.PixelData, "<u2")
        dataset.PixelData = cells.astype(">u2").tobytes()
    elif syntax in _GDCM_SYNTAX:
        return _encoded_by_gdcm(written(dataset), _GDCM_SYNTAX[syntax])
    elif syntax not in NATIVE:
        return encapsulated(dataset, syntax, codestream(dataset, syntax))
    return written(dataset, syntax)


def encapsulated(dataset: Dataset, syntax: str, *frames: bytes, fragments: int = 1) -> bytes:
    """A file with these compressed frames."""
    dataset.PixelData = encapsulate([even(frame) for frame in frames], fragments_per_frame=fragments)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return written(dataset, syntax)


def codestream(dataset: Dataset, syntax: str) -> bytes:
    """One compressed frame."""
    dtype = np.uint8 if dataset.BitsAllocated == 8 else np.dtype("<u2")
    cells = np.frombuffer(dataset.PixelData, dtype, dataset.Rows * dataset.Columns)
    cells = cells.reshape(dataset.Rows, dataset.Columns)
    if syntax == JPEGBaseline8Bit:
        file = io.BytesIO()
        Image.fromarray(cells).save(file, "JPEG", quality=95)
        return file.getvalue()
    if syntax in (JPEGLSLossless, JPEGLSNearLossless):
        return bytes(jpeg_ls.encode_array(cells, lossy_error=2 if syntax == JPEGLSNearLossless else 0))
    if syntax == JPEG2000Lossless:
        return bytes(encode_array(cells, bits_stored=dataset.BitsStored, photometric_interpretation=2))
    assert syntax == RLELossless
    return RLELosslessEncoder.encode(
        cells,
        rows=dataset.Rows,
        columns=dataset.Columns,
        samples_per_pixel=1,
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        pixel_representation=0,
        number_of_frames=1,
        photometric_interpretation="MONOCHROME2",
    )


def _encoded_by_gdcm(uncompressed: bytes, syntax: int) -> bytes:
    """GDCM converts files only."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source.dcm"), Path(folder, "target.dcm")
        source.write_bytes(uncompressed)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(target))
        assert writer.Write()
        return target.read_bytes()


def png(pixels: np.ndarray) -> bytes:
    """An 8-bit PNG by Pillow."""
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def jpeg(pixels: np.ndarray, **options: Any) -> bytes:
    """A JPEG by Pillow."""
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", **options)
    return file.getvalue()
