"""Decode one JPEG codestream with GDCM, as a program of its own.

GDCM ends the whole process (``std::terminate``) on some damaged codestreams, and prints its
complaints straight to the error stream. In a child process the first becomes an exit status and the
second becomes readable, so that a crafted file can neither stop a service nor pass as half an image.

Usage: ``python gdcm_worker.py ROWS COLUMNS PRECISION TRANSFER_SYNTAX``; the codestream comes on
standard input, the samples leave on standard output, little endian.
"""

import sys

MEMORY_BYTES = 2 * 2**30
"""An image of 100 megapixels takes 0.2 GB for the samples and as much again for each copy of GDCM's."""


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not a Unix: no limit there
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _samples(encoded: bytes, rows: int, columns: int, bits: int, transfer_syntax: str) -> bytes | None:
    """The samples of one grey frame, in one byte each up to 8 bits and else in two."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(encoded)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    image.SetPhotometricInterpretation(grey)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(transfer_syntax)))
    image.SetPixelFormat(gdcm.PixelFormat(1, 8 if bits <= 8 else 16, bits, bits - 1, 0))
    buffer = image.GetBuffer()
    # GDCM returns its char* as str.
    return None if buffer is None else buffer.encode("utf-8", "surrogateescape")


def main() -> int:
    """Decode; the exit status is 1 where GDCM gave no image."""
    _limit_memory()
    rows, columns, bits = (int(argument) for argument in sys.argv[1:4])
    samples = _samples(sys.stdin.buffer.read(), rows, columns, bits, sys.argv[4])
    if samples is None:
        return 1
    sys.stdout.buffer.write(samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
