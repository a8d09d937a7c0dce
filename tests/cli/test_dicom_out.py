from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import dcmread

from chexnet.cli import main


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["predict", *arguments])
    return result.exit_code, result.output


def test_dicom_results_are_written_by_their_uid(example_dicom: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    status, output = run(str(example_dicom), "--dicom-out", str(folder), "--presentation-state")
    assert status == 0
    written = sorted(folder.iterdir())
    datasets = [dcmread(path) for path in written]
    assert sorted(dataset.Modality for dataset in datasets) == ["OT", "PR", "SR"]
    source = dcmread(example_dicom, stop_before_pixels=True)
    for path, dataset in zip(written, datasets, strict=True):
        assert path.stem == dataset.SOPInstanceUID
        assert dataset.StudyInstanceUID == source.StudyInstanceUID
        assert str(path) in output


@pytest.mark.parametrize(
    ("form", "name"), [("comprehensive", "Comprehensive SR Storage"), ("3d", "Comprehensive 3D SR Storage")]
)
def test_the_report_has_the_form_asked_for(example_dicom: Path, tmp_path: Path, form: str, name: str) -> None:
    run(str(example_dicom), "--dicom-out", str(tmp_path), "--sr", form)
    classes = {dcmread(path).SOPClassUID.name for path in tmp_path.iterdir()}
    assert classes == {"Secondary Capture Image Storage", name}


def test_an_image_that_is_not_dicom_is_read_but_has_no_dicom_result(
    example_film: Path, tmp_path: Path
) -> None:
    status, output = run(str(example_film), "--dicom-out", str(tmp_path / "results"))
    assert status == 0
    assert "no DICOM result of" in output and "expected a DICOM file" in output
    assert not (tmp_path / "results").exists()


def test_options_of_results_without_a_folder_are_named(example_dicom: Path) -> None:
    _, output = run(str(example_dicom), "--sr", "air")
    assert "--dicom-out, which is not given" in output
