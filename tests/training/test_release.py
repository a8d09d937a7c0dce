import copy
import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_films import recipe

import chexnet
from chexnet.classifier import verify
from chexnet.datasets import Manifest
from chexnet.models import DenseNet121, load_state, read_state, round_to_float16
from chexnet.radiograph import Preprocessing, network_input, read_radiograph
from chexnet.statistics import POLICIES, PlattScaling, auroc, measure_reliability, sigmoid
from chexnet.training.data import read_training_data
from chexnet.training.release import auroc_differences, measure_finding, predict_logits


@pytest.fixture(scope="module")
def classifier(finished):
    return chexnet.load(finished.model, threads=1)


@pytest.fixture(scope="module")
def data(films):
    return read_training_data(films, recipe())


@pytest.fixture(scope="module")
def released(finished):
    network = DenseNet121(1)
    load_state(network, read_state(finished.folder / "best.ckpt"))
    return round_to_float16(network)


def test_the_file_passes_its_own_checks(finished):
    checks = verify(finished.model)
    assert checks
    assert [check for check in checks if not check.holds] == []


def test_the_file_predicts_from_an_image_file_what_torch_does(classifier, released, data):
    for path in data.part("test").images[:4]:
        prediction = classifier.predict(path, gate=False)
        image = network_input(read_radiograph(path), Preprocessing(size=32))
        with torch.inference_mode():
            expected = released(torch.from_numpy(image[None]))
        assert prediction["Pneumonia"].score == pytest.approx(float(expected.logits[0, 0]), abs=1e-4)
        # 32 pixels have one cell of the map.
        np.testing.assert_allclose(prediction.map_of("Pneumonia"), expected.maps[0, 0].numpy(), atol=1e-4)


def test_the_metadata_say_where_the_model_comes_from(classifier, finished, data):
    metadata = classifier.metadata
    held = json.loads((finished.folder / "recipe.json").read_text())
    assert held.items() <= metadata.training.items()
    assert metadata.training["epochs"] == 3
    assert metadata.training["validation_loss"] == pytest.approx(finished.validation_loss)
    assert metadata.training["software"]["torch"] == torch.__version__
    assert metadata.training["float16_logit_difference"] < 0.05
    # Rounding weights to float16 moves no AUROC on 12 images that are told apart with ease.
    assert metadata.training["float16_auroc_difference"] == {"Pneumonia": 0.0}
    assert (metadata.name, metadata.policy) == ("tiny", "max_f1")
    assert metadata.preprocessing == Preprocessing(size=32)
    assert metadata.test_data == "films, 12 test images of 6 patients"


def test_performance_in_the_file_is_that_of_the_test_images(classifier, data):
    test = data.part("test")
    scores = np.array([classifier.predict(path, gate=False)["Pneumonia"].score for path in test.images])
    (finding,) = classifier.metadata.findings
    present = test.labels[:, 0] == 1
    assert finding.auroc.value == pytest.approx(auroc(present, scores))
    assert (finding.positives, finding.negatives) == (int(present.sum()), int((~present).sum()))


def test_predictions_beside_the_model_are_its_own_and_calibrated(classifier, finished, data):
    for name in ("validation", "test"):
        with (finished.folder / f"{name}_predictions.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        part = data.part(name)
        assert [row["image"] for row in rows] == list(part.image_ids)
        assert [row["patient"] for row in rows] == list(part.patients)
        for row, path in zip(rows[:3], part.images, strict=False):
            probability = classifier.predict(path, gate=False)["Pneumonia"].probability
            assert float(row["Pneumonia"]) == pytest.approx(probability, abs=1e-4)


def test_three_validation_patients_are_too_few_to_call_a_finding_validated(classifier):
    (finding,) = classifier.metadata.findings
    assert finding.auroc.value == 1
    assert not finding.validated
    assert finding.thresholds == {}
    assert finding.calibration == PlattScaling()


# measure_finding needs no images: their labels and logits decide.


def images(labels):
    from pathlib import Path

    count = len(labels)
    return Manifest(
        "films",
        tuple(Path(f"{index}.png") for index in range(count)),
        tuple(f"p{index}" for index in range(count)),
        ("Hernia",),
        np.array(labels, np.float32)[:, None],
    )


def sample(seed, positives, negatives, apart=2.0):
    generator = np.random.default_rng(seed)
    labels = np.repeat([1.0, 0.0], [positives, negatives])
    return images(labels), (generator.normal(size=labels.size) + apart * labels).astype(np.float32)


@pytest.fixture(scope="module")
def validation():
    return sample(0, 40, 160)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_calibration_and_thresholds_do_not_look_at_the_test_images(validation, data):
    test, logits = sample(1, 30, 30)
    shuffled = data.draw(st.permutations(test.labels[:, 0].tolist()))
    one = measure_finding("Hernia", 0.0, validation, (test, logits))
    other = measure_finding("Hernia", 0.0, validation, (images(shuffled), logits * 3 - 1))
    assert one.thresholds == other.thresholds
    assert one.calibration == other.calibration
    assert one.thresholds.keys() == POLICIES.keys()


def test_calibration_and_thresholds_look_at_the_validation_images(validation):
    test = sample(1, 30, 30)
    one, other = (measure_finding("Hernia", 0.0, part, test) for part in (validation, sample(2, 100, 100)))
    assert one.thresholds != other.thresholds
    assert one.calibration != other.calibration
    assert one.auroc == other.auroc


@pytest.mark.parametrize(
    ("validation_counts", "test_counts", "apart", "validated"),
    [
        ((10, 10), (10, 10), 4.0, True),
        ((9, 50), (50, 50), 4.0, False),
        ((50, 9), (50, 50), 4.0, False),
        ((50, 50), (9, 50), 4.0, False),
        ((50, 50), (50, 9), 4.0, False),
        ((50, 50), (0, 50), 4.0, False),
        ((50, 50), (0, 0), 4.0, False),
        ((200, 200), (50, 50), 0.0, False),
        ((200, 200), (50, 50), -2.0, False),
    ],
)
def test_a_finding_is_validated_only_by_enough_images_and_better_than_chance(
    validation_counts, test_counts, apart, validated
):
    measured = measure_finding(
        "Hernia", 0.0, sample(3, *validation_counts, apart), sample(4, *test_counts, apart)
    )
    assert measured.validated == validated
    assert (measured.positives, measured.negatives) == test_counts
    assert (measured.auroc is None) == (0 in test_counts)
    assert bool(measured.thresholds) == (min(validation_counts) >= 10)


def test_reliability_is_that_of_the_test_images_before_and_after_calibration(validation):
    test, logits = sample(6, 30, 120)
    measured = measure_finding("Hernia", 0.0, validation, (test, logits))
    present, scores = test.labels[:, 0] == 1, logits.astype(float)
    assert measured.calibration_test.before == measure_reliability(present, sigmoid(scores))
    assert measured.calibration_test.after == measure_reliability(present, measured.calibration.apply(scores))
    # The logits are those of no probability, so that there is something to mend.
    assert measured.calibration_test.after.ece < measured.calibration_test.before.ece / 2


def test_reliability_without_test_images_is_not_measured(validation):
    test, logits = sample(6, 0, 0)
    assert measure_finding("Hernia", 0.0, validation, (test, logits)).calibration_test is None


def test_the_cost_of_rounding_is_the_difference_of_the_aurocs():
    test, logits = sample(7, 20, 60)
    present = test.labels[:, 0] == 1
    better = logits + present
    cost = auroc_differences(test, ("Hernia",), logits[:, None], better[:, None])
    assert cost["Hernia"] == pytest.approx(auroc(present, logits) - auroc(present, better))
    assert cost["Hernia"] < 0
    none = images([0.0] * 5)
    assert auroc_differences(none, ("Hernia",), np.zeros((5, 1)), np.ones((5, 1))) == {"Hernia": None}


def test_images_of_unknown_label_are_left_out(validation):
    test, logits = sample(5, 20, 20)
    unknown = images([*test.labels[:, 0], *[np.nan] * 15])
    padded = (unknown, np.concatenate([logits, np.full(15, 99, np.float32)]))
    whole = measure_finding("Hernia", 0.0, validation, (test, logits))
    # The bootstrap and DeLong see the same images under the same patients.
    assert measure_finding("Hernia", 0.0, validation, padded) == replace(whole)


def test_logits_do_not_depend_on_the_mode_that_training_left_the_network_in(released, data):
    here = {"device": torch.device("cpu"), "workers": 0}
    expected = predict_logits(released, data.part("test"), recipe(), "test", **here)
    training = copy.deepcopy(released).train()
    np.testing.assert_array_equal(
        predict_logits(training, data.part("test"), recipe(), "test", **here), expected
    )
    assert training.training
