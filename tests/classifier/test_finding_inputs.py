import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

import chexnet
from chexnet.classifier import Classifier, InputFile, find_inputs, score_files
from chexnet.classifier.table import TableWriter


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return chexnet.load(threads=1)


@pytest.fixture
def archive(tmp_path: Path, example_film: Path, example_dicom: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "deep" / "deeper").mkdir(parents=True)
    shutil.copy(example_film, folder / "b.png")
    shutil.copy(example_film, folder / "deep" / "c.PNG")
    shutil.copy(example_dicom, folder / "deep" / "deeper" / "IM0001")
    (folder / "a.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no radiograph")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    return folder


def names(folder: Path, arguments: list[str]) -> list[str]:
    return [str(file.path.relative_to(folder)) for file in find_inputs(arguments).files]


def test_a_folder_is_searched_to_the_bottom_in_order_of_names(archive: Path) -> None:
    assert names(archive, [str(archive)]) == ["a.png", "b.png", "deep/c.PNG", "deep/deeper/IM0001"]


def test_files_of_a_folder_that_are_no_images_are_told_of(archive: Path) -> None:
    passed_over = find_inputs([str(archive)]).passed_over
    assert sorted(path.name for path in passed_over) == ["DICOMDIR", "notes.txt"]


def test_a_pattern_stands_for_the_files_it_matches(archive: Path) -> None:
    assert names(archive, [str(archive / "**" / "*.PNG")]) == ["deep/c.PNG"]


def test_a_file_named_twice_counts_once(archive: Path) -> None:
    assert names(archive, [str(archive / "b.png"), str(archive / "*.png")]) == ["b.png", "a.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path, example_film: Path) -> None:
    shutil.copy(example_film, tmp_path / "film[1].png")
    assert names(tmp_path, [str(tmp_path / "film[1].png")]) == ["film[1].png"]


def test_linked_folders_are_searched_and_links_in_a_loop_end(tmp_path: Path, example_film: Path) -> None:
    archive, elsewhere = tmp_path / "archive", tmp_path / "elsewhere"
    (archive / "z").mkdir(parents=True)
    elsewhere.mkdir()
    for folder in (archive, archive / "z", elsewhere):
        shutil.copy(example_film, folder / "image.png")
    (archive / "again").symlink_to(archive)
    (archive / "a_link_to_z").symlink_to(archive / "z")
    (archive / "linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(archive)
    assert names(archive, [str(archive)]) == ["image.png", "z/image.png", "linked/image.png"]


def as_nobody(look: Callable[[], str]) -> str:
    """What `look` returns to a user without privileges, for whom permissions count."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(65534)
        os.write(write_end, look().encode())
        os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end) as file:
        return file.read()


def test_a_folder_that_cannot_be_listed_is_an_error_of_its_own(classifier: Classifier) -> None:
    # Not below pytest's own temporary folder, which is closed to other users altogether.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "locked").mkdir(mode=0)
        seen = as_nobody(
            lambda: str([(file.path.name, file.problem) for file in find_inputs([folder]).files])
        )
    assert seen == "[('locked', 'the folder cannot be listed (Permission denied)')]"
    problem = InputFile(Path("locked"), Path("locked"), "the folder cannot be listed (Permission denied)")
    (scored,) = score_files(classifier, [problem])
    assert (scored.prediction.status, scored.prediction.reason) == (
        "error",
        "locked: the folder cannot be listed (Permission denied)",
    )


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_file_gets_its_own_result_in_order(archive: Path, classifier: Classifier, workers: int) -> None:
    files = find_inputs([str(archive)]).files
    scored = list(score_files(classifier, files, workers=workers))
    assert [item.prediction.image for item in scored] == [str(file.path) for file in files]
    assert [item.prediction.status for item in scored] == ["error", "ok", "ok", "ok"]
    alone = classifier.predict(archive / "b.png")
    assert scored[1].prediction.findings == alone.findings


def test_one_damaged_film_among_many_loses_no_other(
    tmp_path: Path, classifier: Classifier, example_film: Path
) -> None:
    for index in range(12):
        shutil.copy(example_film, tmp_path / f"{index:02}.png")
    content = example_film.read_bytes()
    (tmp_path / "05.png").write_bytes(content[: len(content) // 2])
    scored = list(score_files(classifier, find_inputs([str(tmp_path)]).files))
    assert [item.prediction.status for item in scored].count("ok") == 11
    (failed,) = [item.prediction for item in scored if item.prediction.status == "error"]
    assert failed.image.endswith("05.png")
    assert "05.png" in str(failed.reason)
    assert "\n" not in str(failed.reason)


def test_csv_json_and_parquet_hold_the_same_numbers(
    archive: Path, classifier: Classifier, tmp_path: Path
) -> None:
    predictions = [item.prediction for item in score_files(classifier, find_inputs([str(archive)]).files)]
    for suffix in ("csv", "json", "parquet"):
        with TableWriter(tmp_path / f"t.{suffix}", classifier.findings, classifier.identity) as table:
            for prediction in predictions:
                table.add(prediction)
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist()
    objects = json.loads((tmp_path / "t.json").read_text())
    assert list(rows[0]) == list(columns[0])
    for row, column, entry in zip(rows, columns, objects, strict=True):
        assert row["image"] == column["image"] == entry["image"]
        assert row["status"] == column["status"] == entry["status"]
        findings = {finding["finding"]: finding for finding in entry["findings"]}
        for name in classifier.findings:
            if entry["status"] == "ok":
                assert float(row[name]) == column[name] == findings[name]["probability"]
                verdict = findings[name]["present"]
                assert row[f"present_{name}"] == ("" if verdict is None else str(int(verdict)))
                assert column[f"present_{name}"] == verdict
                assert float(row[f"score_{name}"]) == column[f"score_{name}"] == findings[name]["score"]
            else:
                assert row[name] == row[f"present_{name}"] == row["policy"] == ""
                assert column[name] is None


def test_an_interrupted_table_is_kept_under_a_name_that_says_so(
    tmp_path: Path, classifier: Classifier, example_film: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("an earlier table")
    with (
        pytest.raises(KeyboardInterrupt),
        TableWriter(path, classifier.findings, classifier.identity) as table,
    ):
        table.add(classifier.predict(example_film))
        raise KeyboardInterrupt
    assert path.read_text() == "an earlier table"
    assert len((tmp_path / "t.csv.incomplete").read_text().splitlines()) == 2


def test_a_table_of_unknown_format_is_refused(tmp_path: Path, classifier: Classifier) -> None:
    with pytest.raises(ValueError, match=r"expected a name that ends in \.csv, \.json, \.jsonl, \.parquet"):
        TableWriter(tmp_path / "t.xlsx", classifier.findings, classifier.identity)
