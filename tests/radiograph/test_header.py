"""What a DICOM file says of its image and its patient."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import data_set, grey_image, png, written
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from chexnet.radiograph import Radiograph, UnreadableImage, read_radiograph

# Of the encoder, which is asked to write broken elements.
pytestmark = pytest.mark.filterwarnings("ignore:.*alue.*:UserWarning:pydicom")

DESCRIBED = {
    "Modality": "CR",
    "BodyPartExamined": "CHEST",
    "ViewPosition": "PA",
    "PatientID": "13",
    "PatientSex": "F",
    "PatientAge": "060Y",
    "PixelSpacing": [0.143, 0.168],
    "AccessionNumber": "A-77",
    "StudyInstanceUID": "1.2.3",
    "SeriesInstanceUID": "1.2.3.4",
    "SOPInstanceUID": "1.2.3.4.5",
    "BurnedInAnnotation": "NO",
}


def read(syntax: str = ExplicitVRLittleEndian, **elements) -> Radiograph:
    return read_radiograph(written(data_set(grey_image(), **elements), syntax))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_file_is_quoted_in_every_encoding(syntax):
    radiograph = read(syntax, **DESCRIBED)
    assert radiograph.modality == "CR"
    assert radiograph.body_part == "CHEST"
    assert radiograph.view_position == "PA"
    assert radiograph.patient_id == "13"
    assert radiograph.patient_sex == "F"
    assert radiograph.patient_age_years == 60
    assert radiograph.pixel_spacing_mm == (0.143, 0.168)
    assert radiograph.accession_number == "A-77"
    assert radiograph.study_instance_uid == "1.2.3"
    assert radiograph.series_instance_uid == "1.2.3.4"
    assert radiograph.sop_instance_uid == "1.2.3.4.5"
    assert radiograph.sop_class_uid == "1.2.840.10008.5.1.4.1.1.1.1"
    assert radiograph.burned_in_annotation is False


def test_what_the_file_does_not_say_is_none():
    radiograph = read_radiograph(png(grey_image(bits=8)))
    optional = [f.name for f in dataclasses.fields(Radiograph) if f.default is None]
    assert len(optional) == 14
    assert {name: getattr(radiograph, name) for name in optional} == dict.fromkeys(optional)


@pytest.mark.parametrize(
    ("age", "years"),
    [
        ("045Y", 45),
        ("006M", 0.5),
        ("052W", 364 / 365.25),
        ("003D", 3 / 365.25),
        ("000D", 0),
        *[(wrong, None) for wrong in ("Y", "-5Y", "4.5Y", "045X", "", "²Y")],
    ],
)
def test_an_age_is_counted_in_years(age, years):
    assert read(PatientAge=age).patient_age_years == (None if years is None else pytest.approx(years))


@pytest.mark.parametrize(("sex", "read_as"), [("M", "M"), ("f", "F"), ("O", "O"), ("", None), ("X", None)])
def test_a_sex_outside_of_the_standard_is_none(sex, read_as):
    assert read(PatientSex=sex).patient_sex == read_as


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"ImagerPixelSpacing": [0.2, 0.1], "PixelSpacing": [0.19, 0.09]}, (0.19, 0.09)),
        ({"PixelSpacing": [0, 0.1]}, None),
        ({"PixelSpacing": [0.1]}, None),
    ],
)
def test_the_spacing_is_of_rows_and_columns(elements, spacing):
    assert read(**elements).pixel_spacing_mm == spacing


@pytest.mark.parametrize(
    ("code", "view"),
    [("272479007", "PA"), ("R-10206", "AP"), ("399173006", "LL"), ("399198007", "RL"), ("30730003", None)],
)
def test_the_view_code_speaks_where_the_view_position_is_missing(code, view):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", "view"
    assert read(ViewCodeSequence=[item]).view_position == view
    assert read(ViewCodeSequence=[item], ViewPosition="ap").view_position == "AP"


@pytest.mark.parametrize(("answer", "burned_in"), [("YES", True), ("NO", False), ("", None)])
def test_burned_in_annotation_is_yes_no_or_unknown(answer, burned_in):
    assert read(BurnedInAnnotation=answer).burned_in_annotation is burned_in


@pytest.mark.parametrize(
    ("character_set", "patient_id"),
    [("ISO_IR 192", "Ω-13 患者"), ("ISO_IR 100", "Müller"), ("ISO_IR 144", "Иван"), ("GB18030", "病人13")],
)
def test_a_patient_id_is_read_in_the_files_character_set(character_set, patient_id):
    assert read(SpecificCharacterSet=character_set, PatientID=patient_id).patient_id == patient_id


NUMBERED = written(data_set(grey_image(), PatientID="#" * 40))


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_no_header_value_stops_the_reading_of_the_image(value):
    data = NUMBERED.replace(b"#" * 40, value.ljust(40))
    np.testing.assert_array_equal(read_radiograph(data).pixels, (grey_image() / 4095).astype(np.float32))


def test_pixels_outside_of_0_to_1_make_no_radiograph():
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="numbers from 0 to 1"):
            Radiograph(np.full((40, 40), wrong, np.float32), "image", "PNG")


@pytest.mark.parametrize("names", [b"GBK\0", b"ISO_IR 13\0", b"ISO_IR 100\0\0", b"\\ISO 2022 IR 87\0"])
def test_a_character_set_padded_with_nul_is_that_character_set(names):
    data = written(data_set(grey_image(), SpecificCharacterSet="ISO_IR 192", PatientID="A1"))
    data = data.replace(
        b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192", b"\x08\x00\x05\x00CS" + bytes([len(names), 0]) + names, 1
    )
    radiograph = read_radiograph(data)
    assert radiograph.patient_id == "A1"
    assert not any("Specific Character Set" in note for note in radiograph.notes)


@pytest.mark.parametrize("name", [b"FOO\0", b"hex ", b"undefined ", b"\xff\xfe"])
def test_an_unknown_character_set_is_noted_and_read_as_latin_1(name):
    data = written(data_set(grey_image(), SpecificCharacterSet="ISO_IR 192", PatientID="A1"))
    data = data.replace(
        b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192", b"\x08\x00\x05\x00CS" + bytes([len(name), 0]) + name, 1
    )
    radiograph = read_radiograph(data)
    assert radiograph.patient_id == "A1"
    assert any("Specific Character Set" in note and "Latin-1" in note for note in radiograph.notes)


@pytest.mark.parametrize(
    ("keyword", "refused"),
    [("ModalityLUTSequence", True), ("VOILUTSequence", False), ("ViewCodeSequence", False)],
)
def test_a_sequence_that_holds_no_items_is_refused_only_where_the_grey_depends_on_it(keyword, refused):
    dataset = data_set(grey_image())
    dataset.add_new(tag_for_keyword(keyword), "LO", "no items")
    if refused:
        with pytest.raises(UnreadableImage, match=r"x\.dcm: .* expected a sequence"):
            read_radiograph(written(dataset), name="x.dcm")
    else:
        assert any("expected a sequence" in note for note in read_radiograph(written(dataset)).notes)


def test_an_age_without_a_unit_is_years_with_a_note():
    radiograph = read_radiograph(written(data_set(grey_image(), PatientAge="59")))
    assert radiograph.patient_age_years == 59
    assert any('(0010,1010) Patient\'s Age is "59", without a unit; years' in n for n in radiograph.notes)


def test_a_character_set_of_another_value_representation_is_one_clear_line():
    data = written(data_set(grey_image(), SpecificCharacterSet="ISO_IR 100"))
    data = data.replace(b"\x08\x00\x05\x00CS", b"\x08\x00\x05\x00UL", 1)
    with pytest.raises(UnreadableImage, match=r"^x\.dcm: damaged DICOM elements"):
        read_radiograph(data, name="x.dcm")
