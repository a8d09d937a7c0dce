"""A batch keeps its rows whatever happens to it, and goes on where it was."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest

import chexnet
from chexnet.classifier import Classifier, PredictionJob, find_inputs, run_job
from chexnet.classifier.table import TableWriter

IMAGES = 12


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return chexnet.load(threads=1)


@pytest.fixture
def archive(tmp_path: Path, example_film: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(IMAGES):
        shutil.copy(example_film, folder / f"{number:02}.png")
    (folder / "05.png").write_bytes(b"not an image")
    return folder


def start(archive: Path, output: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "chexnet", "predict", str(archive), "--output", str(output), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_until(archive: Path, output: Path, rows: int, end: signal.Signals) -> subprocess.Popen[str]:
    """A batch that gets a signal once it has written so many lines."""
    unfinished = output.with_name(output.name + ".incomplete")
    process = start(archive, output, "--workers", "1")
    for _ in range(1200):
        if unfinished.exists() and len(unfinished.read_bytes().splitlines()) >= rows:
            break
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(end)
    return process


def images_of(path: Path) -> list[str]:
    match path.suffix:
        case ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                return [row["image"] for row in csv.DictReader(file)]
        case ".jsonl":
            return [json.loads(line)["image"] for line in path.read_text(encoding="utf-8").splitlines()]
        case ".json":
            return [row["image"] for row in json.loads(path.read_text(encoding="utf-8"))]
        case _:
            return pyarrow.parquet.read_table(path).column("image").to_pylist()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_a_killed_batch_goes_on_with_every_row_once(archive: Path, tmp_path: Path, suffix: str) -> None:
    whole, output = tmp_path / f"whole.{suffix}", tmp_path / f"scores.{suffix}"
    if suffix == "csv":
        assert start(archive, whole).wait() == 2
    process = run_until(archive, output, 4, signal.SIGKILL)
    process.communicate()
    assert not output.exists()
    unfinished = tmp_path / f"scores.{suffix}.incomplete"
    # What a kill in the middle of a row leaves.
    with unfinished.open("ab") as file:
        file.write(b'{"image": "half' if suffix != "csv" else b"/half/of/a/row,ok,,0.1")
    _, said = start(archive, output).communicate()
    assert "rows of an earlier run that did not end; go on with it by --resume, or delete the file" in said
    resumed = start(archive, output, "--resume")
    _, said = resumed.communicate()
    # The damaged file may have been done before the kill; then nothing is left out in the second run.
    assert resumed.returncode in (0, 2)
    assert f"of {IMAGES} images had a row already, and were not read again" in said
    assert images_of(output) == [str(path) for path in sorted(archive.glob("*.png"))]
    assert not unfinished.exists()
    if suffix == "csv":
        assert output.read_text() == whole.read_text()


def test_sigterm_ends_like_ctrl_c(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "scores.csv"
    process = run_until(archive, output, 3, signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.count("\n") <= 4
    assert f"interrupted; the rows so far are in {output}.incomplete" in said
    assert "Traceback" not in said


def test_a_finished_table_takes_up_what_was_added_to_the_archive(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "scores.parquet"
    list(run_job(PredictionJob(output=output), find_inputs([str(archive)]).files[:3]))
    again = list(run_job(PredictionJob(output=output, resume=True), find_inputs([str(archive)]).files[:5]))
    assert [Path(one.prediction.image).name for one in again] == ["03.png", "04.png"]
    assert [Path(name).name for name in images_of(output)] == [f"{number:02}.png" for number in range(5)]


def test_rows_of_another_model_are_not_added_to(
    tmp_path: Path, classifier: Classifier, example_film: Path
) -> None:
    other = chexnet.classifier.ModelIdentity("other", "1", "0" * 64)
    with TableWriter(tmp_path / "t.csv", classifier.findings, other) as table:
        table.add(classifier.predict(example_film))
    job = PredictionJob(output=tmp_path / "t.csv", resume=True)
    with pytest.raises(ValueError, match="its rows are of the model 000000000000, this one is"):
        list(run_job(job, find_inputs([str(example_film)]).files))


def test_columns_of_another_model_are_not_added_to(
    tmp_path: Path, classifier: Classifier, example_film: Path
) -> None:
    (tmp_path / "t.csv.incomplete").write_text("image,status\r\na.png,ok\r\n")
    job = PredictionJob(output=tmp_path / "t.csv", resume=True)
    with pytest.raises(ValueError, match="not rows of this version"):
        list(run_job(job, find_inputs([str(example_film)]).files))


@pytest.mark.parametrize("workers", [1, 3])
def test_a_fault_of_the_program_on_one_image_is_a_row(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """No input is known that does this, so the fault is made."""
    judge = Classifier.judge

    def faulty(self: Classifier, radiograph, **options):
        if radiograph.source.endswith("02.png"):
            raise TypeError("unsupported operand\n in some parser")
        return judge(self, radiograph, **options)

    monkeypatch.setattr(Classifier, "judge", faulty)
    output = tmp_path / "scores.csv"
    job = PredictionJob(output=output, workers=workers)
    outcomes = list(run_job(job, find_inputs([str(archive)]).files))
    assert [one.prediction.status for one in outcomes].count("ok") == IMAGES - 2
    assert outcomes[2].prediction.reason == (
        f"{archive / '02.png'}: an unexpected error of chexnet (TypeError: unsupported operand in some "
        "parser); please report it"
    )
    assert len(images_of(output)) == IMAGES


def test_a_refused_image_keeps_its_notes(example_film: Path, classifier: Classifier) -> None:
    radiograph = chexnet.read_radiograph(example_film)
    inverted = replace(radiograph, pixels=1 - radiograph.pixels, notes=("assumed something",))
    assert classifier.judge(inverted).status == "refused"
    assert classifier.judge(inverted).notes == ("assumed something",)
    with pytest.raises(chexnet.NotAChestRadiograph) as refusal:
        classifier.predict(inverted)
    assert refusal.value.notes == ("assumed something",)


def test_the_same_files_give_the_same_rows_in_every_format(archive: Path, tmp_path: Path) -> None:
    files = find_inputs([str(archive)]).files[4:7]
    for suffix in ("csv", "jsonl", "json", "parquet"):
        list(run_job(PredictionJob(output=tmp_path / f"t.{suffix}"), files))
    tables = [images_of(tmp_path / f"t.{suffix}") for suffix in ("csv", "jsonl", "json", "parquet")]
    assert tables == [[str(file.path) for file in files]] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "archive",
        "t.csv",
        "t.json",
        "t.jsonl",
        "t.parquet",
    ]


def test_impossible_jobs_are_refused() -> None:
    with pytest.raises(ValueError, match="window is -1"):
        PredictionJob(window=-1)
    with pytest.raises(ValueError, match="name it with `output`"):
        PredictionJob(resume=True)
