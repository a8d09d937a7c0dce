import csv
import json

import pytest


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def tables(tmp_path):
    """Thirty films, three readers who err on different films, two findings."""
    readings = write(
        tmp_path / "r.csv",
        ["image", "reader", "Pneumonia", "Mass"],
        *(
            [f"{film}.png", f"R{reader}", int((film % 3 == 0) != (film % 10 == reader)), film % 2]
            for film in range(30)
            for reader in range(3)
        ),
    )
    predictions = write(
        tmp_path / "p.csv",
        ["image", "Pneumonia", "Mass"],
        *([f"{film}.png", 0.8 if film % 3 == 0 else 0.3, 0.5] for film in range(30)),
    )
    return readings, predictions


def test_one_finding_gives_table_1_and_its_json(chexnet_cli, tables, tmp_path):
    readings, predictions = tables
    ran = chexnet_cli(
        "readers", readings, "--predictions", predictions, "--finding", "Pneumonia", "--threshold", 0.5,
        "--samples", 200, "--json", tmp_path / "o.json",
    )  # fmt: skip
    assert ran.status == 0
    found = json.loads((tmp_path / "o.json").read_text())
    assert set(found["readers"]) == {"R0", "R1", "R2"}
    assert found["model"]["f1"] - found["readers_mean"]["f1"] == pytest.approx(found["difference"]["f1"])
    assert "Radiologist avg." in ran.out
    assert "Verdict" in ran.out


def test_a_model_and_a_reader_of_one_name_are_told_apart(chexnet_cli, tables, tmp_path):
    readings, predictions = tables
    renamed = predictions.rename(tmp_path / "R0.csv")
    ran = chexnet_cli(
        "readers", readings, "--predictions", renamed, "--finding", "Pneumonia", "--threshold", 0.5,
        "--samples", 100, "--json", tmp_path / "o.json",
    )  # fmt: skip
    assert ran.status == 0
    found = json.loads((tmp_path / "o.json").read_text())
    assert set(found["against_consensus"]) == {"R0", "R1", "R2", "R0 (model)"}
    assert found["model"]["present"] == 10
    assert found["readers"]["R0"]["present"] == 11


def test_all_findings_are_compared_where_none_is_named(chexnet_cli, tables, tmp_path):
    readings, predictions = tables
    ran = chexnet_cli(
        "readers", readings, "--predictions", predictions, "--threshold", "Pneumonia=0.5", "--threshold",
        "Mass=0.5", "--samples", 100, "--json", tmp_path / "o.json",
    )  # fmt: skip
    assert ran.status == 0
    assert set(json.loads((tmp_path / "o.json").read_text())["findings"]) == {"Pneumonia", "Mass"}


def test_the_model_can_be_left_out_of_the_references(chexnet_cli, tables, tmp_path):
    readings, predictions = tables
    answers = []
    for flag in ("--model-as-reference", "--no-model-as-reference"):
        chexnet_cli(
            "readers", readings, "--predictions", predictions, "--finding", "Pneumonia", "--threshold", 0.5,
            "--samples", 100, "--json", tmp_path / "o.json", flag,
        )  # fmt: skip
        answers.append(json.loads((tmp_path / "o.json").read_text()))
    assert answers[0]["readers"]["R0"]["f1"] != answers[1]["readers"]["R0"]["f1"]
    assert answers[0]["model"]["f1"] == answers[1]["model"]["f1"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--finding", "Pneumonia"), "would flatter the model"),
        (("--finding", "Pnuemonia", "--threshold", "0.5"), "did you mean 'Pneumonia'"),
        (("--finding", "Pneumonia", "--threshold", "7"), "expected a probability"),
        (("--finding", "Pneumonia", "--threshold", "0.5", "--resample", "patients"), "no column patient"),
        (("--threshold", "0.5"), "name the finding"),
        (("--threshold", "Mass=0.5", "--threshold", "Mass=0.4"), "Mass already has 0.5"),
        (("--threshold", "Mass=0.5", "--rename", "Pnemonia=Mass"), "did you mean 'Pneumonia'?"),
    ],
)
def test_wrong_requests_give_one_clear_line(chexnet_cli, tables, options, reason):
    readings, predictions = tables
    ran = chexnet_cli("readers", readings, "--predictions", predictions, *options)
    assert ran.status == 1
    assert reason in ran.err
    assert "Traceback" not in ran.err
