"""Result objects, judged by other people's tools: dicom3tools, dcmtk, highdicom, pydicom."""

import io
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import EnhancedSRStorage
from sources import (
    EXAMPLE,
    MADE_AT,
    NAMES,
    VARIANTS,
    named,
    nothing_called,
    refused,
    source,
    with_invalid_values,
)

from chexnet.pacs.objects import (
    NoStudy,
    ObjectSet,
    Predecessor,
    ResultObject,
    is_own_result,
    result_objects,
    source_header,
)

ALL = ObjectSet(presentation_state=True)
FORMS = [ALL, ObjectSet(report="comprehensive"), ObjectSet(report="air")]


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed; on Debian: apt-get install dcmtk dicom3tools")
    return path


def dataset_of(result: ResultObject) -> Dataset:
    return dcmread(io.BytesIO(result.content))


def one(results: list[ResultObject], kind: str) -> ResultObject:
    (found,) = [result for result in results if result.kind == kind]
    return found


def errors(path: Path) -> set[str]:
    done = subprocess.run([tool("dciodvfy"), str(path)], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return {line for line in lines if line.startswith("Error")}


@pytest.mark.parametrize("variant", VARIANTS)
def test_dciodvfy_finds_no_error(made: Any, tmp_path: Path, variant: str) -> None:
    content = source(variant, VARIANTS[variant])
    found = {}
    for objects in FORMS:
        for result in made(content, objects):
            path = tmp_path / f"{result.sop_instance_uid}.dcm"
            path.write_bytes(result.content)
            found[f"{result.kind} {objects.report}"] = errors(path)
    assert {kind for kind, lines in found.items() if lines} == set()
    assert len(found) == 7


@pytest.mark.parametrize("change", [nothing_called, refused])
def test_text_reports_have_no_error_either_and_any_tool_reads_them(
    made: Any, tmp_path: Path, change: Any
) -> None:
    (result,) = made(source("text"), ALL, prediction=change)
    assert result.sop_class_uid == EnhancedSRStorage
    path = tmp_path / "report.dcm"
    path.write_bytes(result.content)
    assert errors(path) == set()
    shown = subprocess.run(
        [tool("dsrdump"), "+Pl", "+Pc", str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert "Research use, not for diagnosis" in shown
    expected = "No finding at its threshold" if change is nothing_called else 'is "H\\xdcFTE"; expected'
    assert expected in shown


def test_sources_that_real_systems_wrote_give_results_without_new_errors(
    data_dir: Path, made: Any, tmp_path: Path
) -> None:
    tried = 0
    for path in sorted((data_dir / "dicom").glob("*.dcm")):
        content = path.read_bytes()
        if "JPLY" in path.name:
            continue
        before, uid = errors(path), source_header(content).sop_instance_uid
        for result in made(content, ALL):
            written = tmp_path / "result.dcm"
            written.write_bytes(result.content)
            # The source's UID is named as it is, valid or not.
            new = {line for line in errors(written) if uid not in line}
            assert new <= before, f"{path.name}, {result.kind}"
            tried += 1
    assert tried > 15


def test_dcmtk_renders_the_measurement_report(made: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.dcm"
    path.write_bytes(one(made(source("render")), "report").content)
    shown = subprocess.run(
        [tool("dsrdump"), "+Pl", "+Pc", str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert "Imaging Measurement Report" in shown
    assert re.search(r'Pneumonia probability.*="\d+\.\d\d" \(%,UCUM', shown)
    assert "Research use, not for diagnosis" in shown


def test_highdicom_reads_back_what_was_predicted(classifier: Any, made: Any) -> None:
    content = source("read back")
    prediction = classifier.predict(content)
    report = hd.sr.srread(io.BytesIO(one(made(content), "report").content))
    groups = report.content.get_planar_roi_measurement_groups()
    called = [finding for finding in prediction.findings if finding.present]
    assert {group.finding_type.meaning for group in groups} >= {"Pneumonia", "Atelectasis"}
    for group in groups:
        probability, threshold = group.get_measurements()
        (finding,) = [one for one in called if probability.name.meaning.startswith(_display(one.finding))]
        assert float(probability.value) == pytest.approx(100 * finding.probability, abs=0.005)
        assert probability[0].MeasuredValueSequence[0].FloatingPointValue == 100 * finding.probability
        assert float(threshold.value) == pytest.approx(100 * finding.threshold, abs=0.005)
        assert probability.unit.value == "%"
        region = group.roi
        assert region.graphic_type.value == "POLYLINE"
        assert (region.value[0] == region.value[-1]).all()
        assert region.value.min() >= 0 and region.value.max() <= 768
        names = {item.name.meaning: item.value for item in _texts(group[0])}
        assert names["Algorithm Name"] == prediction.model.name
        assert prediction.model.sha256 in names["Algorithm Parameters"]


def _display(finding: str) -> str:
    return finding.replace("_", " ").capitalize().replace("Effusion", "Pleural effusion")


def _texts(group: Any) -> list[Any]:
    return [item for item in group.ContentSequence if item.ValueType == "TEXT"]


def test_every_group_has_a_contour_and_what_is_not_called_is_an_evaluation(
    classifier: Any, made: Any
) -> None:
    content = source("groups")
    dataset = dataset_of(one(made(content), "report"))
    containers = {
        item.ConceptNameCodeSequence[0].CodeValue: item
        for item in dataset.ContentSequence
        if item.ValueType == "CONTAINER"
    }
    groups = containers["126010"].ContentSequence
    assert all(any(item.ValueType == "SCOORD" for item in group.ContentSequence) for group in groups)
    evaluations = containers["C0034375"].ContentSequence
    words = {item.ConceptNameCodeSequence[0].CodeMeaning: item.TextValue for item in evaluations}
    quiet = [one.finding for one in classifier.predict(content).findings if not one.present]
    assert len(words) >= len(quiet)
    assert "below its threshold" in words["Pleural effusion"]
    assert "too few to tell" in words["Cardiomegaly"]
    assert dataset.VerificationFlag == "UNVERIFIED"
    evidence = dataset.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert (
        evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source_header(content).sop_instance_uid
    )


def test_a_finding_without_a_verified_code_has_a_private_one_and_says_so(made: Any) -> None:
    dataset = dataset_of(one(made(source("private")), "report"))
    text = str(dataset)
    assert "99CHEXNET" in text and "PLEURAL_T_" in text
    (scheme,) = dataset.CodingSchemeIdentificationSequence
    assert "no standard code could be verified" in scheme.CodingSchemeName


def test_the_capture_shows_the_image_with_contours_and_words(made: Any) -> None:
    content = source("capture")
    capture = dataset_of(one(made(content), "capture"))
    shown, plain = capture.pixel_array, dcmread(io.BytesIO(content))
    assert capture.BurnedInAnnotation == "YES"
    assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == plain.SOPInstanceUID
    image = shown[: plain.Rows, : plain.Columns].astype(int)
    coloured = np.ptp(image, axis=2) > 60
    # Contours are lines: some of the image, little of it.
    assert 0.002 < coloured.mean() < 0.08
    words = shown[plain.Rows :]
    assert len({tuple(pixel) for pixel in words.reshape(-1, 3) if pixel.max() > 200}) > 5


def test_contours_of_the_presentation_state_are_those_of_the_report(made: Any) -> None:
    results = made(source("state"), ALL)
    state = dataset_of(one(results, "presentation_state"))
    report = hd.sr.srread(io.BytesIO(one(results, "report").content))
    drawn = state.GraphicAnnotationSequence[0].GraphicObjectSequence
    groups = report.content.get_planar_roi_measurement_groups()
    assert len(drawn) == len(groups)
    for graphic, group in zip(drawn, sorted(groups, key=lambda one: 0), strict=True):
        points = np.array(graphic.GraphicData).reshape(-1, 2)
        # Presentation states count pixels from (1, 1), reports from the corner (0, 0).
        assert points == pytest.approx(np.clip(group.roi.value + 0.5, 1, 768), abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_names_keep_every_letter(made: Any, name: str) -> None:
    content = source(name, named(*NAMES[name]))
    original = dcmread(io.BytesIO(content))
    for result in made(content, ALL):
        read = dataset_of(result)
        assert str(read.PatientName) == NAMES[name][1]
        assert read.get_item("PatientName") is not None
        assert read.SpecificCharacterSet == original.SpecificCharacterSet


@pytest.mark.parametrize("name", ["ir100", "ir144", "gb18030"])
def test_dcmtk_reads_the_same_name_in_utf_8(made: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "report.dcm"
    path.write_bytes(one(made(source(name, named(*NAMES[name]))), "report").content)
    shown = subprocess.run(
        [tool("dcmdump"), "+U8", "+P", "PatientName", str(path)], capture_output=True, check=False
    )
    if b"not available" in shown.stderr or b"without support" in shown.stderr:
        pytest.skip("this dcmtk converts no character sets")
    assert NAMES[name][1] in shown.stdout.decode()


@pytest.mark.parametrize(
    ("declared", "raw", "shown"),
    [
        (b"", "Müller^Jürgen".encode("latin-1"), "Müller^Jürgen"),
        (b"ISO_IR 100", "王^小東".encode(), "王^小東"),
        (b"ISO_IR 999", "王^小東".encode(), "王^小東"),
        (b"ISO_IR 192", "Müller".encode("latin-1"), "Müller"),
    ],
)
def test_a_name_outside_its_declared_character_set_moves_to_utf_8(
    made: Any, declared: bytes, raw: bytes, shown: str
) -> None:
    def change(dataset: Dataset) -> None:
        dataset.PatientName = "X" * (len(raw) + len(raw) % 2)
        dataset.SpecificCharacterSet = "ISO_IR 100"

    content = source("undeclared", change)
    padded = raw + b" " * (len(raw) % 2)
    content = content.replace(b"X" * len(padded), padded)
    assert b"ISO_IR 100" in content
    content = content.replace(b"ISO_IR 100", declared.ljust(10))
    header = source_header(content)
    assert header.character_set == ("ISO_IR 192",)
    assert header.attributes["PatientName"] == shown
    assert any("PatientName" in note and shown not in note for note in header.notes)


def test_invalid_values_are_repaired_or_left_out_and_private_ones_never_copied(made: Any) -> None:
    content = source("invalid", with_invalid_values)
    header = source_header(content)
    assert header.attributes["StudyDate"] == "20200102"
    assert header.attributes["PatientSex"] == ""
    assert "PatientAge" not in header.attributes
    assert {note.split()[0] for note in header.notes} == {
        "StudyDate",
        "PatientSex",
        "PatientAge",
    }
    for result in made(content, ALL):
        assert not [element for element in dataset_of(result) if element.tag.is_private]


def test_uids_follow_source_and_content(made: Any, classifier: Any) -> None:
    content = source("uids")
    first, again = made(content, ALL), made(content, ALL)
    assert [result.content for result in first] == [result.content for result in again]
    assert len({result.sop_instance_uid for result in first}) == 3
    assert len({result.series_uid for result in first}) == 3
    later = made(content, ALL, made_at=MADE_AT + timedelta(seconds=1))
    assert {one.sop_instance_uid for one in first}.isdisjoint(one.sop_instance_uid for one in later)
    assert [one.series_uid for one in first] == [one.series_uid for one in later]
    elsewhere = made(source("other"), ALL)
    assert {one.sop_instance_uid for one in first}.isdisjoint(one.sop_instance_uid for one in elsewhere)
    for result in first:
        assert re.fullmatch(r"2\.25\.\d{1,39}", result.sop_instance_uid)
        assert dataset_of(result).SOPInstanceUID == result.sop_instance_uid


def test_a_new_report_names_the_one_it_replaces(made: Any, tmp_path: Path) -> None:
    content = source("predecessor")
    old = made(content)
    earlier = tuple(
        Predecessor(one.kind, one.study_uid, one.series_uid, one.sop_class_uid, one.sop_instance_uid)
        for one in old
    )
    new = made(content, made_at=MADE_AT + timedelta(days=1), predecessors=earlier)
    report = dataset_of(one(new, "report"))
    named = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert named.ReferencedSOPInstanceUID == one(old, "report").sop_instance_uid
    assert one(old, "capture").sop_instance_uid in dataset_of(one(new, "capture")).DerivationDescription
    path = tmp_path / "report.dcm"
    path.write_bytes(one(new, "report").content)
    assert errors(path) == set()


def test_results_carry_the_mark_and_sources_do_not(made: Any) -> None:
    assert not is_own_result(dcmread(EXAMPLE))
    for result in made(source("mark"), ALL):
        dataset = dataset_of(result)
        assert is_own_result(dataset)
        del dataset.InstanceCreatorUID
        assert is_own_result(dataset)


def test_an_image_without_a_study_has_no_results(classifier: Any, made: Any) -> None:
    def change(dataset: Dataset) -> None:
        del dataset.StudyInstanceUID

    with pytest.raises(NoStudy, match="StudyInstanceUID"):
        made(source("no study", change))


def test_impossible_requests_are_refused(classifier: Any) -> None:
    with pytest.raises(ValueError, match="no object"):
        ObjectSet(capture=False, report="none")
    prediction = classifier.predict(EXAMPLE)
    with pytest.raises(ValueError, match="no radiograph"):
        result_objects(EXAMPLE.read_bytes(), None, prediction, made_at=MADE_AT)
