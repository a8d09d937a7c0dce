"""Damaged files from fixed seeds: dense DICOM headers, and the streams that decoders see."""

import random
from collections import Counter
from collections.abc import Iterator

import numpy as np
from image_files import LOSSLESS, codestream, data_set, dicom, encapsulated, grey_image, jpeg, png, written
from png_files import write_png
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from chexnet.radiograph import UnreadableImage, network_input, read_radiograph

VRS = b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OW PN SH SL SQ SS ST TM UI UL UN US UT".split()
VALUES = (b"\0", b"\xff" * 4, b"GBK\0", b"ISO_IR 13\0", b"ISO 2022 IR 87\\", b"1E-300", b"-1", b"NaN")

UNFORESEEN = "unlike every file known"
"""What the door says of an exception that no check foresaw."""


def dense_data_set() -> Dataset:
    """Every element that the reader looks at, and few others."""
    lut = Dataset()
    lut.add_new("LUTDescriptor", "US", [4096, 0, 12])
    lut.add_new("LUTData", "OW", np.arange(4096, dtype="<u2").tobytes())
    modality_lut = Dataset()
    modality_lut.add_new("LUTDescriptor", "US", [16, 0, 12])
    modality_lut.add_new("LUTData", "OW", (np.arange(16, dtype="<u2") * 200).tobytes())
    view = Dataset()
    view.CodeValue = "399348003"
    return data_set(
        grey_image(32, 32),
        SpecificCharacterSet="ISO_IR 100",
        AccessionNumber="A1",
        PresentationIntentType="FOR PRESENTATION",
        PatientID="P1",
        PatientSex="F",
        PatientAge="045Y",
        PatientOrientation=["L", "F"],
        BodyPartExamined="CHEST",
        ImagerPixelSpacing=[0.1, 0.1],
        ViewCodeSequence=[view],
        CollimatorShape="RECTANGULAR",
        CollimatorLeftVerticalEdge=1,
        CollimatorRightVerticalEdge=32,
        CollimatorUpperHorizontalEdge=1,
        CollimatorLowerHorizontalEdge=32,
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.4",
        NumberOfFrames=1,
        PixelSpacing=[0.2, 0.2],
        PixelAspectRatio=[1, 1],
        PixelPaddingValue=0,
        PixelPaddingRangeLimit=2,
        BurnedInAnnotation="NO",
        WindowCenter=[2048, 1000],
        WindowWidth=[4096, 500],
        RescaleIntercept=0,
        RescaleSlope=1,
        VOILUTFunction="SIGMOID",
        ModalityLUTSequence=[modality_lut],
        VOILUTSequence=[lut],
        PresentationLUTShape="IDENTITY",
    )


def headers() -> dict[str, bytes]:
    """Whole files whose header is dense, by transfer syntax."""
    syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
    return {syntax.keyword: written(dense_data_set(), syntax) for syntax in syntaxes}


def streams() -> dict[str, bytes]:
    """Whole files of every coding."""
    eight = grey_image(32, 40, bits=8)
    deep = grey_image(32, 40)
    baseline = data_set(eight, bits_stored=8)
    return {
        "png": png(eight),
        "png 16": write_png(grey_image(32, 40, bits=16)[..., None], 16, 0, parts=2),
        "jpeg": jpeg(eight),
        "jpeg progressive": jpeg(eight, progressive=True),
        DeflatedExplicitVRLittleEndian.keyword: dicom(deep, DeflatedExplicitVRLittleEndian),
        JPEGBaseline8Bit.keyword: encapsulated(
            baseline, JPEGBaseline8Bit, codestream(baseline, JPEGBaseline8Bit)
        ),
        **{syntax.keyword: dicom(deep, syntax) for syntax in LOSSLESS},
    }


def mutated(data: bytes, generator: random.Random, start: int, end: int) -> bytes:
    """The file with one to six changes between two places."""
    changed = bytearray(data)
    for _ in range(generator.randint(1, 6)):
        _change(changed, generator, start, min(end, len(changed)))
    return bytes(changed)


def _change(changed: bytearray, generator: random.Random, start: int, end: int) -> None:
    if end - start < 16:
        return
    at = generator.randrange(start, end - 8)
    match generator.randrange(8):
        case 0:
            changed[at] ^= 1 << generator.randrange(8)
        case 1:
            changed[at] = generator.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, generator.randrange(256)))
        case 2:
            changed[at : at + 2] = generator.choice(VRS)
        case 3:
            # Where two capitals stand, a value representation stands most of the time.
            for place in range(at, min(at + 64, end - 1)):
                if bytes(changed[place : place + 2]) in VRS:
                    changed[place : place + 2] = generator.choice(VRS)
                    return
        case 4:
            changed[at : at + 4] = generator.randrange(2**32).to_bytes(4, "little")
        case 5:
            del changed[at : at + generator.randint(1, 8)]
        case 6:
            value = generator.choice(VALUES)
            changed[at : at + len(value)] = value
        case 7:
            other = generator.randrange(start, end - 8)
            changed[at:at] = changed[other : other + generator.randint(1, 64)]


def mutations(kind: str, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many damaged files of "headers" or "streams", with what they were."""
    files = list((headers() if kind == "headers" else streams()).items())
    generator = random.Random(seed)
    for number in range(count):
        name, data = files[number % len(files)]
        if kind == "headers":
            # Up to the pixel cells: damage to those is only another image.
            yield name, mutated(data, generator, 132, len(data) - 2 * 32 * 32)
        else:
            yield name, mutated(data, generator, 0 if generator.random() < 0.2 else 300, len(data))


def outcome(data: bytes) -> str:
    """Whether the file was read or refused, or what ended the reading without a check that foresaw it."""
    try:
        radiograph = read_radiograph(data, name="mutated")
    except UnreadableImage as error:
        if UNFORESEEN in error.reason or "\n" in str(error) or not str(error).startswith("mutated: "):
            return f"unforeseen: {error.reason}"
        return "refused"
    except Exception as error:
        return f"crashed: {type(error).__name__}: {error}"
    return "read" if np.isfinite(network_input(radiograph)).all() else "crashed: not finite"


def survey(kind: str, count: int, seed: int = 20261125) -> Counter[str]:
    """How often each outcome arose."""
    return Counter(outcome(data) for _, data in mutations(kind, count, seed))
