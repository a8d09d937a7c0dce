"""Absurd sizes and decompression bombs: refused before memory is spent on them."""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from image_files import codestream, data_set, dicom, encapsulated, grey_image, jpeg, written
from png_files import SIGNATURE, chunk, header, write_png
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from chexnet.radiograph import UnreadableImage, read_radiograph
from chexnet.radiograph.limits import MAX_FILE_BYTES, MAX_PIXELS, MAX_SIDE, MIN_SIDE, size_problem

END = chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (1, 1, "at least 32×32"),
        (31, 4000, "at least 32×32"),
        (0, 0, "at least 32×32"),
        (20_001, 20_000, "at most 20000 a side"),
        (10_001, 10_000, "at most 100 megapixels"),
        (40, 400, "sides within a ratio of 8"),
    ],
)
def test_a_size_that_no_chest_radiograph_has_is_named(width, height, reason):
    assert size_problem(width, height) == f"{width}×{height} pixels; expected {reason}"


@pytest.mark.parametrize("size", [(32, 32), (256, 32), (10_000, 10_000), (7112, 8636)])
def test_the_limits_themselves_are_allowed(size):
    assert size_problem(*size) is None


def test_a_image_of_one_pixel_is_refused_in_every_format():
    one = np.zeros((1, 1), int)
    for data in (write_png(one[..., None], 8, 0), jpeg(one), dicom(one)):
        with pytest.raises(UnreadableImage, match="1×1 pixels; expected at least 32×32"):
            read_radiograph(data)


def test_the_smallest_image_is_read_in_every_format():
    small = grey_image(MIN_SIDE, MIN_SIDE, bits=8)
    for data in (write_png(small[..., None], 8, 0), jpeg(small), dicom(small, bits_stored=8)):
        assert read_radiograph(data).pixels.shape == (32, 32)


def png_of(width: int, height: int, image_data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    extra = b"".join(chunk(kind, content) for kind, content in chunks)
    return SIGNATURE + header(width, height, 8, 0) + extra + chunk(b"IDAT", image_data) + END


def zeros(megabytes: int, window_bits: int = zlib.MAX_WBITS) -> bytes:
    """A deflate stream of so many zeros, of a few hundredths of the size."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, window_bits)
    return b"".join(compressor.compress(bytes(2**20)) for _ in range(megabytes)) + compressor.flush()


def bombs() -> dict[str, bytes]:
    """By name; those that may spend memory are marked, and come last because peaks only grow."""
    small, huge = zlib.compress(bytes(33 * 32)), zeros(300)
    meta = written(data_set(grey_image()), DeflatedExplicitVRLittleEndian)
    start = 132 + 12 + int.from_bytes(meta[140:144], "little")
    ten_thousand = data_set(grey_image(), Rows=9999, Columns=9999)
    large_jpeg = jpeg(grey_image(bits=8)).replace(b"\x08\x00\x40\x00\x30", b"\x08\xff\xff\xff\xff", 1)
    runs = bytes([1, 0, 0, 0, 64, 0, 0, 0]) + bytes(56) + b"\x81\x00" * 2**20
    small_set = data_set(grey_image(bits=8), bits_stored=8)
    return {
        "a PNG that declares 30000 × 30000": png_of(30_000, 30_000, small),
        "! a PNG that declares 10000 × 10000 and holds nothing": png_of(10_000, 10_000, small),
        "a PNG whose image data inflate to 300 MB": png_of(32, 32, huge),
        "a PNG whose text inflates to 300 MB": png_of(32, 32, small, (b"zTXt", b"a\0\0" + huge)),
        "a PNG whose profile inflates to 300 MB": png_of(32, 32, small, (b"iCCP", b"a\0\0" + huge)),
        "a PNG of 100,000 chunks": png_of(32, 32, small, *[(b"tEXt", b"a\0b")] * 100_000),
        "a JPEG that declares 65535 × 65535": large_jpeg,
        "a DICOM file that declares 60000 rows": written(data_set(grey_image(), Rows=60_000, Columns=60_000)),
        "a DICOM file that declares 100 megapixels and holds few": written(ten_thousand),
        "! a deflated DICOM file of 300 MB": meta[:start] + zeros(300, -zlib.MAX_WBITS),
        "a DICOM codestream of another size": encapsulated(
            data_set(grey_image(bits=8), bits_stored=8), JPEGBaseline8Bit, large_jpeg
        ),
        "a DICOM JPEG-LS codestream of another size": encapsulated(
            data_set(grey_image()),
            JPEGLSLossless,
            codestream(data_set(grey_image()), JPEGLSLossless).replace(
                b"\x0c\x00\x40\x00\x30", b"\x0c\xff\xff\xff\xff"
            ),
        ),
        "a DICOM JPEG 2000 codestream of another size": encapsulated(
            data_set(grey_image()),
            JPEG2000Lossless,
            codestream(data_set(grey_image()), JPEG2000Lossless).replace(
                b"\x00\x00\x00\x30\x00\x00\x00\x40", b"\x00\xff\xff\xff\x00\xff\xff\xff", 1
            ),
        ),
        "RLE that unfolds to 128 MB": encapsulated(small_set, RLELossless, runs),
        "a frame much longer than its image": encapsulated(
            small_set, JPEG2000Lossless, codestream(small_set, JPEG2000Lossless) + bytes(2**20)
        ),
        "sequences within sequences": dicom(grey_image())[:132]
        + b"\x08\x00\x60\x00CS\x02\x00DX"
        + b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 100_000,
    }


MEASURE = """
import json, resource, sys, time
from pathlib import Path
from chexnet.radiograph import UnreadableImage, read_radiograph
from chexnet.radiograph import jpeg, png
from chexnet.radiograph.dicom import image
resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))
for path in sorted(Path(sys.argv[1]).iterdir(), key=lambda path: path.name[0] == "!"):
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        read_radiograph(path)
        outcome = "read"
    except UnreadableImage as refusal:
        outcome = refusal.reason
    spent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([path.name, outcome, spent / 1024, time.process_time() - start]))
"""

HARMLESS = {
    "a PNG whose image data inflate to 300 MB",
    "a PNG whose text inflates to 300 MB",
    "a PNG whose profile inflates to 300 MB",
    "a PNG of 100,000 chunks",
}
"""These hold a complete small image; what surrounds it is never inflated."""


@pytest.mark.skipif(sys.platform != "linux", reason="measures resident memory as Linux counts it")
def test_no_bomb_goes_off(tmp_path):
    crafted = bombs()
    for name, data in crafted.items():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", MEASURE, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stderr) == (0, "")
    measured = [json.loads(line) for line in done.stdout.splitlines()]
    assert {name for name, *_ in measured} == crafted.keys()
    for name, outcome, megabytes, _ in measured:
        assert (outcome == "read") == (name in HARMLESS), (name, outcome)
        assert ("holds more than" in outcome) == name.startswith("! a deflated"), (name, outcome)
        # Twice the file itself and some buffers; a deflated file may inflate to the limit of any file.
        allowed = 40 + 3 * len(crafted[name]) / 2**20
        if name == "! a deflated DICOM file of 300 MB":
            allowed += 3 * MAX_FILE_BYTES / 2**20
        if name == "! a PNG that declares 10000 × 10000 and holds nothing":
            allowed += MAX_PIXELS / 2**20
        assert megabytes < allowed, (name, megabytes, allowed)


def test_the_limits_leave_room_for_real_images():
    """14 × 17 inches at 50 micrometres, in 16 bits."""
    width, height = 7112, 8636
    assert size_problem(width, height) is None
    assert width * height * 2 < MAX_FILE_BYTES
    assert max(width, height) < MAX_SIDE
