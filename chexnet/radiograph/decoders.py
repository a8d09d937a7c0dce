"""Decoders of single grey codestreams, called directly: one codestream in, its samples out."""

import io

import numpy as np
from jaxtyping import Integer, Shaped

from chexnet.radiograph.codestreams import Codestream

_SYNTAX_OF = {
    0xC0: "1.2.840.10008.1.2.4.50",
    0xC1: "1.2.840.10008.1.2.4.51",
    0xC3: "1.2.840.10008.1.2.4.57",
    0xF7: "1.2.840.10008.1.2.4.80",
}
"""The transfer syntax under which GDCM decodes each process (T.81 table B.1)."""


def _shaped(buffer: bytes | bytearray, codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    samples = np.frombuffer(buffer, np.uint8 if codestream.precision <= 8 else "<u2")
    return samples.reshape(codestream.rows, codestream.columns)


def pillow_jpeg(codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    """8-bit baseline, extended and progressive JPEG, by libjpeg-turbo."""
    from PIL.JpegImagePlugin import JpegImageFile

    if codestream.precision != 8:
        raise ValueError(f"{codestream.precision} bits; expected 8")
    return np.asarray(JpegImageFile(io.BytesIO(codestream.encoded)).convert("L"))


def gdcm_jpeg(codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    """JPEG of 8 to 16 bits, lossless JPEG and JPEG-LS, by GDCM."""
    import gdcm

    if codestream.process not in _SYNTAX_OF:
        raise ValueError("no sequential Huffman or JPEG-LS process")

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(codestream.encoded)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((codestream.columns, codestream.rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(
        gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    )
    image.SetTransferSyntax(
        gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(_SYNTAX_OF[codestream.process]))
    )
    bits = codestream.precision
    image.SetPixelFormat(gdcm.PixelFormat(1, 8 if bits <= 8 else 16, bits, bits - 1, 0))
    # GDCM returns its char* as str.
    return _shaped(image.GetBuffer().encode("utf-8", "surrogateescape"), codestream)


def charls(codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    """JPEG-LS, by CharLS."""
    from jpeg_ls import decode_buffer  # type: ignore[import-untyped]

    buffer, _ = decode_buffer(codestream.encoded)
    return _shaped(buffer, codestream)


def openjpeg(codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    """JPEG 2000 and High-Throughput JPEG 2000, by OpenJPEG."""
    from openjpeg.utils import decode

    samples: Shaped[np.ndarray, "rows columns"] = decode(codestream.encoded)
    return samples
