import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import chexnet
from chexnet._typed_json import from_json
from chexnet.classifier.metadata import CalibrationTest
from chexnet.findings import display_name
from chexnet.report.checklists import CHECKLISTS
from chexnet.report.model_card import (
    ModelEvaluation,
    confounds,
    draw_reliability,
    model_card,
    performance_table,
)
from chexnet.report.model_card.card import NOT_MEASURED
from chexnet.statistics import measure_reliability

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model() -> chexnet.Classifier:
    return chexnet.load(threads=1)


OPTIONAL = ("max_f1", "reader_f1", "sensitivity_90", "youden", "reason")
EVALUATION = ROOT / "docs" / "model-card.json"


@pytest.fixture
def content(model):
    """The committed evaluation as JSON, as if it were of this very file."""
    content = json.loads(EVALUATION.read_text())
    content["model"]["sha256"] = model.identity.sha256
    return content


@pytest.fixture
def measured(content):
    return from_json(ModelEvaluation, content)


def sections(card):
    """Title to text."""
    parts = re.split(r"^## (.+)$", card, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def cells(row):
    """Of a Markdown table."""
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_card_without_an_evaluation_says_what_was_not_measured(model):
    card = model_card(model.metadata, model.identity)
    assert "Sections that need an evaluation of the model say so" in card
    found = sections(card)
    for title in ("Subgroups", "Where it fails", "Confounds looked for"):
        assert found[title].strip() == NOT_MEASURED.strip()
    assert model.metadata.intended_use in found["Intended use"]
    assert str(model.metadata.training["train_ids_sha256"]) in found["Training"]


def test_every_finding_has_its_row_and_is_marked_where_it_is_not_validated(model):
    rows = performance_table(model.metadata).splitlines()[2:]
    assert len(rows) == len(model.findings)
    for row, finding in zip(rows, model.metadata.findings, strict=True):
        assert cells(row)[0] == display_name(finding.finding)
        assert finding.auroc.text(3) in row
        assert f"{finding.positives} / {finding.negatives}" in row
        assert ("too few to tell" in row) != finding.validated


def test_findings_that_are_not_validated_have_no_operating_point_and_no_subgroup(model, measured):
    found = sections(model_card(model.metadata, model.identity, measured))
    for finding in model.metadata.findings:
        name = display_name(finding.finding)
        for title in ("Operating points", "Subgroups", "Where it fails"):
            named = {cells(line)[0] for line in found[title].splitlines() if line.startswith("|")}
            assert (name in named) == finding.validated, (title, name)


def numbers(content, path=()):
    """Every number that was measured, with its place."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from numbers(value, (*path, key))
    elif isinstance(content, list):
        for key, value in enumerate(content):
            yield from numbers(value, (*path, key))
    elif isinstance(content, float):
        yield path


def test_the_card_is_written_from_the_numbers_and_not_typed(model, content):
    before = model_card(model.metadata, model.identity, from_json(ModelEvaluation, content))
    shown = {"comparisons", "operating_points", "reproduced", "synthetic", "mean_auroc"}
    places = [path for path in numbers(content) if path[0] in shown]
    # Enough to meet every table, few enough to be quick.
    for path in places[:: max(1, len(places) // 60)]:
        changed = copy.deepcopy(content)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] += 0.31
        evaluation = from_json(ModelEvaluation, changed)
        assert model_card(model.metadata, model.identity, evaluation) != before, path


def test_an_evaluation_of_another_file_is_refused(model, measured):
    other = replace(measured, model=replace(measured.model, sha256="0" * 64))
    with pytest.raises(ValueError, match=r"is of the file 000000000000, the card of .*measure"):
        model_card(model.metadata, model.identity, other)


def test_an_evaluation_that_is_written_and_read_again_is_the_same(tmp_path, measured):
    measured.write(tmp_path / "e.json")
    assert ModelEvaluation.read(tmp_path / "e.json") == measured


def test_the_committed_evaluation_is_what_the_schema_writes(tmp_path):
    """No key of it is unknown to the schema, and none is missing."""
    ModelEvaluation.read(EVALUATION).write(tmp_path / "e.json")
    assert json.loads((tmp_path / "e.json").read_text()) == json.loads(EVALUATION.read_text())


def places(content, path=()):
    """The place of every value."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def spoken(path):
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


def test_what_is_missing_or_of_another_type_is_named(content):
    """Of every field of every kind of entry: removed where it can be, and made something else."""
    kinds = {}
    for path in places(content):
        kinds.setdefault(tuple("*" if isinstance(key, int) else key for key in path), path)
    # Findings are keys too; one of each table stands for all.
    chosen = [path for path in kinds.values() if not {"Mass", "Nodule", "Pneumonia"} & set(path)]
    assert len(chosen) > 200
    for path in chosen[:: max(1, len(chosen) // 80)]:
        for damage in ("another type", "missing"):
            changed = copy.deepcopy(content)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = {"not": "this"} if damage == "another type" else holder.pop(path[-1])
            if damage == "missing":
                if not isinstance(path[-1], str) or path[-1][0].isupper() or path[-1] in OPTIONAL:
                    continue  # an entry of a list or of a dict: fewer of them is no mistake
                del holder[path[-1]]
            with pytest.raises(ValueError, match=r"is missing|expected") as refusal:
                from_json(ModelEvaluation, changed)
            assert spoken(path[:1]) in str(refusal.value), path


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json"])
def test_a_file_that_is_no_evaluation_is_refused(tmp_path, text):
    path = tmp_path / "e.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"e\.json: .*(expected|missing)"):
        ModelEvaluation.read(path)


def test_without_an_evaluation_calibration_is_what_the_file_holds(model):
    generator = np.random.default_rng(0)
    labels, probabilities = generator.random(80) < 0.3, generator.random(80)
    test = CalibrationTest(
        measure_reliability(labels, probabilities), measure_reliability(labels, probabilities**2)
    )
    first, *others = model.metadata.findings
    others = [replace(finding, calibration_test=None) for finding in others]
    metadata = replace(model.metadata, findings=(replace(first, calibration_test=test), *others))
    text = sections(model_card(metadata, model.identity))["Calibration"]
    (row,) = (line for line in text.splitlines() if display_name(first.finding) in line)
    assert cells(row)[2:4] == [f"{test.before.ece:.3f}", f"{test.after.ece:.3f}"]
    assert cells(row)[4:6] == [f"{test.before.brier:.4f}", f"{test.after.brier:.4f}"]
    picture = draw_reliability(metadata, None)
    assert b"<svg" in picture
    assert picture == draw_reliability(metadata, None)


def test_where_calibration_was_not_measured_there_is_nothing_to_draw(model):
    findings = tuple(replace(finding, calibration_test=None) for finding in model.metadata.findings)
    metadata = replace(model.metadata, findings=findings)
    assert sections(model_card(metadata, model.identity))["Calibration"].strip() == "Not measured."
    with pytest.raises(ValueError, match="no reliability diagram to draw"):
        draw_reliability(metadata, None)


def test_items_of_the_checklists_lead_to_sections_or_documents_that_exist(model):
    titles = sections(model_card(model.metadata, model.identity))
    for item in (one for items in CHECKLISTS.values() for one in items):
        assert item.card or item.report
        for place in item.card:
            document = re.fullmatch(r"`(docs/.+)`", place)
            if document:
                assert (ROOT / document[1]).exists(), place
            else:
                assert place in titles or place == "the model file itself", place


def test_a_model_without_maps_that_add_up_has_no_mean_maps(model, measured):
    without = replace(measured, confounds=replace(measured.confounds, mean_maps={}))
    assert "Mean maps" not in confounds(without, model.metadata)


def test_the_command_prints_the_card_and_draws_its_diagrams(tmp_path, content):
    from click.testing import CliRunner

    from chexnet.cli import main

    (tmp_path / "e.json").write_text(json.dumps(content))
    picture = tmp_path / "r.svg"
    arguments = ["model", "card", "--evaluation", str(tmp_path / "e.json"), "--reliability", str(picture)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("# Model card: ")
    assert f"]({picture})" in result.output
    assert b"<svg" in picture.read_bytes()
    content["model"]["sha256"] = "1" * 64
    (tmp_path / "e.json").write_text(json.dumps(content))
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1
    assert "the evaluation is of the file 111111111111" in refused.output
