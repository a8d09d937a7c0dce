"""Projections of any modality and in colour are read; what holds no projection is refused by name."""

import numpy as np
import pytest
from image_files import data_set, encapsulated, even, grey_image, jpeg, written
from pydicom import Dataset
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from chexnet.radiograph import Field, UnreadableImage, network_input, read_radiograph

GREY = grey_image(bits=8)


@pytest.mark.parametrize("modality", ["RG", "RF", "XA", "OT", "SC", "XR", "DR"])
def test_a_projection_of_another_modality_is_read_with_a_note(modality):
    radiograph = read_radiograph(written(data_set(grey_image(), Modality=modality)))
    assert radiograph.modality == modality
    assert f'(0008,0060) Modality is "{modality}"; read as a radiograph' in radiograph.notes
    expected = read_radiograph(written(data_set(grey_image())))
    np.testing.assert_array_equal(network_input(radiograph), network_input(expected))


@pytest.mark.parametrize(
    ("elements", "name"),
    [
        ({"Modality": "CT"}, "a CT image"),
        ({"Modality": "MR"}, "an MR image"),
        ({"Modality": "US"}, "an ultrasound image"),
        ({"Modality": "OT", "SOPClassUID": CTImageStorage}, "a CT image"),
        ({"Modality": "MG"}, "a mammogram"),
        ({"Modality": "PR"}, "a presentation state"),
        ({"NumberOfFrames": 3}, r"\(0028,0008\) Number of Frames is 3; expected 1"),
    ],
)
def test_what_holds_no_single_projection_is_refused_by_name(elements, name):
    with pytest.raises(UnreadableImage, match=name):
        read_radiograph(written(data_set(grey_image(), **elements)))


def test_no_frames_are_one_with_a_note():
    radiograph = read_radiograph(written(data_set(grey_image(), NumberOfFrames=0)))
    assert any("(0028,0008) Number of Frames is 0; 1 was assumed" in note for note in radiograph.notes)


def colour_set(photometric: str = "RGB", *, by_plane: bool = False, values: np.ndarray = GREY) -> Dataset:
    """A secondary capture of the grey image in three equal colours."""
    dataset = data_set(values, bits_stored=8, Modality="OT", SOPClassUID=SecondaryCaptureImageStorage)
    colours = np.repeat(values[..., None].astype(np.uint8), 3, axis=2)
    if photometric.startswith("YBR_FULL"):
        colours[..., 1:] = 128
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, photometric
    dataset.PlanarConfiguration = int(by_plane)
    stored = np.moveaxis(colours, -1, 0) if by_plane else colours
    dataset.PixelData = even(stored.tobytes())
    return dataset


def test_grey_stored_in_colour_is_that_grey(syntax=ExplicitVRLittleEndian):
    expected = GREY / 255
    for photometric in ("RGB", "YBR_FULL"):
        for by_plane in (False, True):
            radiograph = read_radiograph(written(colour_set(photometric, by_plane=by_plane), syntax))
            np.testing.assert_allclose(radiograph.pixels, expected, atol=1e-6)
            assert any(f"Photometric Interpretation is {photometric}" in note for note in radiograph.notes)


def test_big_endian_colour_is_read():
    test_grey_stored_in_colour_is_that_grey(ExplicitVRBigEndian)


def _colours() -> np.ndarray:
    return np.repeat(GREY[..., None].astype(np.uint8), 3, axis=2)


def _jpeg() -> bytes:
    return jpeg(_colours(), quality=100, subsampling=0)


def _imagecodecs(name: str, **options: object) -> bytes:
    import imagecodecs

    return bytes(getattr(imagecodecs, name)(_colours(), **options))


def _rle() -> bytes:
    return RLELosslessEncoder.encode(
        _colours(),
        rows=GREY.shape[0],
        columns=GREY.shape[1],
        samples_per_pixel=3,
        planar_configuration=0,
        bits_allocated=8,
        bits_stored=8,
        pixel_representation=0,
        number_of_frames=1,
        photometric_interpretation="RGB",
    )


@pytest.mark.parametrize(
    ("syntax", "photometric", "stream", "tolerance"),
    [
        (JPEGBaseline8Bit, "YBR_FULL_422", _jpeg, 3 / 255),
        (JPEGLosslessSV1, "RGB", lambda: _imagecodecs("jpeg8_encode", lossless=True, predictor=1), 1e-6),
        (
            JPEG2000Lossless,
            "YBR_RCT",
            lambda: _imagecodecs("jpeg2k_encode", level=0, codecformat="J2K"),
            1e-6,
        ),
        (JPEGLSLossless, "RGB", lambda: _imagecodecs("jpegls_encode", level=0), 1e-6),
        (RLELossless, "RGB", _rle, 1e-6),
    ],
    ids=["baseline", "lossless", "jpeg 2000", "jpeg-ls", "rle"],
)
def test_grey_compressed_in_colour_is_that_grey(syntax, photometric, stream, tolerance):
    radiograph = read_radiograph(encapsulated(colour_set(photometric), syntax, stream()))
    np.testing.assert_allclose(radiograph.pixels, GREY / 255, atol=tolerance)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_is_read(bits):
    dataset = data_set(GREY, bits_stored=8, PhotometricInterpretation="PALETTE COLOR")
    ramp = np.arange(256)[::-1] * (257 if bits == 16 else 1)
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, bits])
        encoded = ramp.astype("<u2" if bits == 16 else np.uint8).tobytes()
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", encoded)
    radiograph = read_radiograph(written(dataset))
    np.testing.assert_allclose(radiograph.pixels, 1 - GREY / 255, atol=1e-4)


def test_several_frames_in_colour_are_refused():
    dataset = colour_set()
    dataset.SOPClassUID = MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    dataset.NumberOfFrames = 2
    with pytest.raises(UnreadableImage, match="Number of Frames is 2"):
        read_radiograph(written(dataset))


# --- what the header says of how the image lies --------------------------------------------------------


@pytest.mark.parametrize(
    ("orientation", "said"),
    [
        (["R", "F"], "mirrored"),
        (["L", "H"], "turned"),
        (["F", "R"], "turned"),
        (["L", "F"], None),
        (["A", "F"], None),
    ],
)
def test_a_mirrored_or_turned_image_is_noted(orientation, said):
    radiograph = read_radiograph(written(data_set(grey_image(), PatientOrientation=orientation)))
    noted = [note for note in radiograph.notes if "Patient Orientation" in note]
    assert bool(noted) == (said is not None)
    assert all(f"the image is {said}" in note for note in noted)


@pytest.mark.parametrize(
    ("elements", "ratio"),
    [
        ({"PixelSpacing": [0.2, 0.1]}, 2),
        ({"PixelAspectRatio": [1, 2]}, 0.5),
        ({"PixelSpacing": [0.1, 0.1], "PixelAspectRatio": [1, 2]}, 1),
        ({"PixelAspectRatio": [1, 2000]}, 1),
        ({}, 1),
    ],
)
def test_the_shape_of_a_pixel_is_known(elements, ratio):
    radiograph = read_radiograph(written(data_set(grey_image(), **elements)))
    assert radiograph.pixel_aspect_ratio == pytest.approx(ratio)
    assert any("pixel" in note.lower() for note in radiograph.notes) == (len(elements) == 1)


RECTANGLE = {
    "LeftVerticalEdge": 4,
    "RightVerticalEdge": 41,
    "UpperHorizontalEdge": 10,
    "LowerHorizontalEdge": 61,
}


@pytest.mark.parametrize("cover", ["Collimator", "Shutter"])
def test_what_a_collimator_or_a_shutter_covers_is_left_out(cover):
    edges = {f"{cover}{edge}": value for edge, value in RECTANGLE.items()}
    radiograph = read_radiograph(written(data_set(grey_image(), **{f"{cover}Shape": "RECTANGULAR"}, **edges)))
    assert radiograph.field == Field(10, 60, 4, 40)


def test_a_circle_and_a_polygon_cover_what_lies_around_them():
    circle = {
        "CollimatorShape": "CIRCULAR",
        "CenterOfCircularCollimator": [31, 25],
        "RadiusOfCircularCollimator": 20,
    }
    assert read_radiograph(written(data_set(grey_image(), **circle))).field == Field(10, 51, 4, 45)
    polygon = {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [6, 3, 60, 24, 20, 46]}
    assert read_radiograph(written(data_set(grey_image(), **polygon))).field == Field(5, 60, 2, 46)


def test_a_collimator_that_leaves_no_chest_is_ignored_with_a_note():
    edges = {f"Collimator{edge}": value for edge, value in RECTANGLE.items()}
    dataset = data_set(
        grey_image(), CollimatorShape="RECTANGULAR", **{**edges, "CollimatorRightVerticalEdge": -184}
    )
    radiograph = read_radiograph(written(dataset))
    assert radiograph.field is None
    assert any("leaves no field of a chest" in note for note in radiograph.notes)
