"""An AUROC that only the view explains is seen for what it is."""

import numpy as np
import pytest
from simulated import write

from chexnet.evaluation import EvaluateOptions, evaluate
from chexnet.report import evaluation_json, show_evaluation
from chexnet.statistics import adjusted_auroc, metadata_baseline


@pytest.fixture(scope="module")
def by_view(tmp_path_factory):
    """Sick patients lie (AP); the model knows the view and nothing of the finding."""
    folder = tmp_path_factory.mktemp("view")
    generator = np.random.default_rng(0)
    view = generator.random(800) < 0.5
    labels = generator.random(800) < np.where(view, 0.5, 0.1)
    scores = np.where(view, 0.6, 0.2) + generator.random(800) / 5
    names = [f"{row}.png" for row in range(800)]
    predicted = write(folder / "p.csv", ["image", "Edema"], *zip(names, scores.tolist(), strict=True))
    views = np.where(view, "AP", "PA")
    labelled = write(
        folder / "l.csv",
        ["image", "patient", "view", "Edema"],
        *zip(names, range(800), views, labels.astype(int), strict=True),
    )
    return predicted, labelled, labels, scores, views


def test_the_adjusted_auroc_is_that_of_chance_and_the_baseline_explains_the_rest(by_view):
    predicted, labelled, labels, scores, views = by_view
    found = evaluate(predicted, labelled, EvaluateOptions(samples=200, adjust="view")).findings["Edema"]
    assert found.auroc.value > 0.7
    assert found.confounding.metadata.value == pytest.approx(
        metadata_baseline(labels, [views], []).value, abs=0.02
    )
    assert found.confounding.metadata.value > 0.65
    expected = adjusted_auroc(labels, scores, views, samples=200)
    assert found.confounding.stratified.value == pytest.approx(expected.stratified.value)
    assert found.confounding.matched.value == pytest.approx(expected.matched.value)
    assert found.confounding.stratified.low < 0.5 < found.confounding.stratified.high


def test_the_baseline_stands_beside_every_auroc_without_being_asked_for(by_view):
    found = evaluate(*by_view[:2], EvaluateOptions(samples=100))
    text = show_evaluation(found)
    assert "metadata alone" in text
    assert "stratified" not in text
    assert evaluation_json(found)["findings"]["Edema"]["metadata_auroc"] > 0.65


def test_a_column_that_is_not_there_is_named(by_view):
    with pytest.raises(ValueError, match=r"no column 'scanner'; there are: view"):
        evaluate(*by_view[:2], EvaluateOptions(samples=100, adjust="view,scanner"))
