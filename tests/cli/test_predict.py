import csv
import json
import os
import shutil
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from PIL import Image, ImageOps

import chexnet
from chexnet.classifier import verify
from chexnet.classifier.classifier import DEFAULT_MODEL, NOT_CHECKED
from chexnet.classifier.gate import EXPECTED, GATE_CLASSES
from chexnet.classifier.metadata import KEY
from chexnet.cli import main
from chexnet.findings import display_name
from chexnet.paper import PATHOLOGIES

DIM = "\x1b[2m"


def test_json_is_an_array_of_one_object_an_input(chexnet_cli, example_film: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no picture")
    result = chexnet_cli("predict", example_film, tmp_path / "bad.png", "--json")
    good, bad = json.loads(result.out)
    assert (good["image"], good["status"], good["reason"]) == (str(example_film), "ok", None)
    assert [finding["finding"] for finding in good["findings"]] == list(PATHOLOGIES)
    assert all(
        set(finding) == {"finding", "probability", "score", "threshold", "policy", "present", "validated"}
        for finding in good["findings"]
    )
    assert set(good["model"]) == {"name", "version", "sha256"}
    assert (bad["status"], bad["findings"]) == ("error", [])
    assert "bad.png" in bad["reason"]


def test_json_says_what_the_library_says(chexnet_cli, example_film: Path) -> None:
    (printed,) = json.loads(chexnet_cli("predict", example_film, "--json").out)
    assert printed == json.loads(json.dumps(chexnet.load(one_image=True).predict(example_film).to_dict()))


def test_status_0_means_every_input_was_read(chexnet_cli, example_film: Path, example_dicom: Path) -> None:
    assert chexnet_cli("predict", example_film, example_dicom).status == 0


def test_status_2_means_some_inputs_could_not_be_read(
    chexnet_cli, example_film: Path, tmp_path: Path
) -> None:
    result = chexnet_cli("predict", example_film, tmp_path / "missing.png")
    assert result.status == 2
    assert "missing.png" in result.err
    assert "1 of 2 images could not be read" in result.err


def test_a_refused_film_is_one_line_counts_as_not_read_and_can_be_read_all_the_same(
    chexnet_cli, gated_model: Path, example_film: Path, tmp_path: Path
) -> None:
    negative, table = tmp_path / "negative.png", tmp_path / "scores.csv"
    ImageOps.invert(Image.open(example_film).convert("L")).save(negative)
    alone = chexnet_cli("predict", negative, "--model", gated_model)
    assert (alone.status, alone.out) == (1, "")
    assert f"refused: {negative}: {GATE_CLASSES['inverted']}; {EXPECTED}\n" in alone.err
    assert "1 of 1 images were refused; --no-gate reads them" in alone.err
    both = chexnet_cli("predict", negative, example_film, "--model", gated_model, "--output", table)
    assert both.status == 2
    with table.open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["refused", "ok"]
    read = chexnet_cli("predict", negative, "--model", gated_model, "--no-gate", "--json")
    assert read.status == 0
    (prediction,) = json.loads(read.out)
    assert (prediction["status"], prediction["notes"]) == ("ok", [f"{NOT_CHECKED}: the gate is off"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.png"],
        ["--model", "missing.onnx", "film"],
        ["--finding", "Flu", "film"],
        ["--policy", "bold", "film"],
        ["--output", "table.xlsx", "film"],
        ["--workers", "0", "film"],
        ["--heatmaps", "film", "film"],
        ["--no-such-flag", "film"],
        ["empty"],
        [],
    ],
)
def test_status_1_means_nothing_could_be_done(
    chexnet_cli, example_film: Path, tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    words = [str(example_film) if word == "film" else word for word in arguments]
    result = chexnet_cli("predict", *words)
    assert result.status == 1
    assert result.err.strip()
    assert "Traceback" not in result.err


def test_the_table_for_people_names_every_finding_and_the_notice(chexnet_cli, example_film: Path) -> None:
    out = chexnet_cli("predict", example_film).out
    assert all(display_name(pathology) in out for pathology in PATHOLOGIES)
    assert "not a medical device" in out


def test_heat_maps_of_the_findings_asked_for_are_written_and_named(
    chexnet_cli, example_film: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "maps"
    result = chexnet_cli(
        "predict", example_film, "--heatmaps", folder, "--finding", "Pneumonia", "--finding", "Mass"
    )
    assert result.status == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "synthetic_thorax_opacity-Mass.png",
        "synthetic_thorax_opacity-Pneumonia.png",
    ]
    assert str(folder / "synthetic_thorax_opacity-Mass.png") in result.err


def test_a_film_without_a_finding_at_its_threshold_is_told_of(
    chexnet_cli, example_film: Path, tmp_path: Path
) -> None:
    model = onnx.load(DEFAULT_MODEL)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    metadata = json.loads(stored[KEY])
    for finding in metadata["findings"]:
        finding["thresholds"] = dict.fromkeys(finding["thresholds"], 1.0)
    onnx.helper.set_model_props(model, {**stored, KEY: json.dumps(metadata)})
    onnx.save(model, tmp_path / "never.onnx")
    folder = tmp_path / "maps"
    result = chexnet_cli("predict", example_film, "--model", tmp_path / "never.onnx", "--heatmaps", folder)
    assert result.status == 0
    assert "no heat map of 1 of 1 images" in result.err
    assert not folder.exists()


def test_a_finding_without_a_folder_for_its_map_is_told_of(chexnet_cli, example_film: Path) -> None:
    result = chexnet_cli("predict", example_film, "--finding", "Mass")
    assert result.status == 0
    assert "without --heatmaps none is drawn" in result.err


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_a_name_that_is_no_utf_8_costs_no_result(
    chexnet_cli, example_film: Path, tmp_path: Path, suffix: str
) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    films = tmp_path / "films"
    films.mkdir()
    for name in (b"a.png", b"b\xff.png"):
        shutil.copy(example_film, films / os.fsdecode(name))
    table = tmp_path / f"scores{suffix}"
    result = chexnet_cli("predict", films, "--output", table)
    assert result.status == 0
    if suffix == ".parquet":
        import pyarrow.parquet

        images = pyarrow.parquet.read_table(table)["image"].to_pylist()
    elif suffix == ".json":
        images = [
            row["image"].encode("utf-8", "backslashreplace").decode() for row in json.loads(table.read_text())
        ]
    else:
        images = [row["image"] for row in csv.DictReader(table.open())]
    assert [image.rpartition("/")[2] for image in images] == ["a.png", r"b\udcff.png"]


def test_a_table_that_cannot_be_written_is_told_of_before_any_film_is_read(
    chexnet_cli, example_film: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder.csv").mkdir()
    for place in ("/proc/scores.csv", tmp_path / "folder.csv"):
        result = chexnet_cli("predict", example_film, "--output", place)
        assert result.status == 1
        assert str(place) in result.err
        assert not result.out


def test_output_has_one_row_an_image_and_counts_what_failed(
    chexnet_cli, example_film: Path, tmp_path: Path
) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for index in range(3):
        shutil.copy(example_film, films / f"{index}.png")
    (films / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    result = chexnet_cli("predict", films, "--output", tmp_path / "scores.csv")
    assert result.status == 2
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "error"]
    assert rows[3]["Pneumonia"] == ""


def test_png_and_dicom_of_one_film_give_nearly_the_same_probabilities(
    chexnet_cli, example_film: Path, example_dicom: Path
) -> None:
    png, dicom = json.loads(chexnet_cli("predict", example_film, example_dicom, "--json").out)
    for one, other in zip(png["findings"], dicom["findings"], strict=True):
        # The PNG has 8 bits a pixel, the DICOM 12.
        assert one["probability"] == pytest.approx(other["probability"], abs=0.01)


def test_all_real_films_are_read(chexnet_cli, data_dir: Path) -> None:
    folders = [data_dir / "chestxray14" / "images_1024", data_dir / "dicom"]
    count = sum(1 for folder in folders for path in folder.iterdir() if path.is_file())
    result = chexnet_cli("predict", *folders, "--no-gate", "--json")
    printed = json.loads(result.out)
    assert len(printed) == count
    failed = [entry["reason"] for entry in printed if entry["status"] != "ok"]
    assert result.status == 0, failed


@pytest.mark.parametrize(("policy", "present"), [("low", True), ("high", False)])
def test_every_door_applies_the_policy_and_gives_no_verdict_without_validation(
    chexnet_cli, half_validated: Path, example_film: Path, tmp_path: Path, policy: str, present: bool
) -> None:
    arguments = ("predict", example_film, "--model", half_validated, "--policy", policy)
    (entry,) = json.loads(chexnet_cli(*arguments, "--json").out)
    verdicts = {
        one["finding"]: (one["threshold"], one["policy"], one["present"]) for one in entry["findings"]
    }
    assert verdicts.pop("Pneumonia") == (0.0 if present else 1.0, policy, present)
    assert set(verdicts.values()) == {(None, None, None)}
    table = chexnet_cli(*arguments, "--output", tmp_path / "t.csv").out
    assert ("PRESENT" in table) == present
    assert table.count("too few to tell") == 13
    assert policy in table
    with (tmp_path / "t.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row.pop("present_Pneumonia"), row["policy"]) == (str(int(present)), policy)
    assert {value for name, value in row.items() if name.startswith("present_")} == {""}


def test_findings_that_are_not_validated_are_dim_on_a_terminal(
    half_validated: Path, example_film: Path
) -> None:
    for arguments in (["predict", str(example_film), "--model"], ["model", "info"]):
        shown = CliRunner().invoke(main, [*arguments, str(half_validated)], color=True).output
        for line in shown.splitlines():
            name = line.replace(DIM, "").split()[:1]
            if name and name[0] in PATHOLOGIES:
                assert (DIM in line) == (name != ["Pneumonia"]) == ("too few to tell" in line)
        assert shown.count("too few to tell") == 13


def test_help_teaches_by_example(chexnet_cli) -> None:
    out = chexnet_cli("predict", "--help").out
    assert "chexnet predict image.dcm" in out
    assert "Exit status" in out


def test_info_prints_the_card(chexnet_cli) -> None:
    out = chexnet_cli("model", "info").out
    assert "AUROC" in out
    assert "not for diagnosis" in out
    assert "max_f1 applies" in out
    assert chexnet.load().identity.sha256 in out


def test_info_as_json_is_the_metadata(chexnet_cli) -> None:
    printed = json.loads(chexnet_cli("model", "info", "--json").out)
    assert [finding["finding"] for finding in printed["findings"]] == list(PATHOLOGIES)


def test_verify_says_what_it_measured(chexnet_cli) -> None:
    result = chexnet_cli("model", "verify")
    assert result.status == 0
    assert result.out.count("ok ") == len(verify())


def test_verify_of_a_file_that_is_no_model_ends_with_1(chexnet_cli, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"nothing")
    result = chexnet_cli("model", "verify", tmp_path / "m.onnx")
    assert result.status == 1
    assert "m.onnx" in result.err


def test_info_tells_what_the_gate_was_measured_to_refuse(chexnet_cli, gated_model: Path) -> None:
    out = chexnet_cli("model", "info", gated_model).out
    gate = chexnet.load(gated_model).metadata.gate
    assert gate is not None
    assert f"gate          {gate.sha256[:12]}, passes at {gate.threshold:g}" in out
    assert all(entry.kind in out for entry in gate.measured)


def test_a_model_file_is_given_a_gate(chexnet_cli, gated_model: Path, tmp_path: Path) -> None:
    made = tmp_path / "gated.onnx"
    result = chexnet_cli("model", "add-gate", DEFAULT_MODEL, "--output", made)
    assert (result.status, result.out) == (0, f"wrote {made}\n")
    assert chexnet.load(made).metadata.gate == chexnet.load(gated_model).metadata.gate
    (tmp_path / "m.onnx").write_bytes(b"nothing")
    assert "m.onnx: not a readable ONNX file" in chexnet_cli("model", "add-gate", tmp_path / "m.onnx").err
