"""An evaluation read back from its JSON is the evaluation that was written."""

import json

import pytest
from simulated import study

from chexnet.evaluation import EvaluateOptions, evaluate, thresholds_from_json
from chexnet.leakage import read_training_list
from chexnet.report import evaluation_from_json, evaluation_json, show_evaluation


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    predicted, labelled, _, _ = study(folder)
    other, _, _, _ = study(folder, seed=3, name="other.csv")
    (folder / "thresholds.json").write_text('{"Pneumonia": 0.4}')
    (folder / "trained.txt").write_text("00000.png\nelsewhere.png\n")
    return evaluate(
        predicted,
        labelled,
        EvaluateOptions(samples=100, split="test part", adjust="view,sex"),
        against=other,
        thresholds=thresholds_from_json(folder / "thresholds.json"),
        training=read_training_list(folder / "trained.txt"),
    )


def test_an_evaluation_survives_its_json(evaluation):
    content = json.loads(json.dumps(evaluation_json(evaluation)))
    read = evaluation_from_json(content)
    assert json.loads(json.dumps(evaluation_json(read))) == content
    assert show_evaluation(read) == show_evaluation(evaluation)
    assert read.cohort is None


def test_a_file_from_before_the_name_was_stored_is_called_after_its_table(evaluation):
    content = json.loads(json.dumps(evaluation_json(evaluation)))
    del content["data"]["name"]
    assert evaluation_from_json(content).data.name == evaluation.data.name


def test_other_json_is_refused():
    with pytest.raises(ValueError, match="chexnet evaluate --json"):
        evaluation_from_json({"findings": {}})
