"""The systems of Table 2 beside CheXNet: each trains, becomes a model file and predicts."""

import csv
import json

import numpy as np
import pytest
import torch
from synthetic_films import HERE, recipe, write_films

import chexnet
from chexnet.classifier import verify
from chexnet.models import Wang2017, Yao2017, load_state, read_state, round_to_float16
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import Preprocessing, network_input, read_radiograph
from chexnet.training import TrainConfig, train
from chexnet.training.callbacks import read_metrics
from chexnet.training.losses import class_balanced_loss, count_labels
from chexnet.training.module import CheXNetModule

KINDS = {"wang2017": Wang2017, "yao2017": Yao2017}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_films(tmp_path_factory.mktemp("films"), findings=PATHOLOGIES)


@pytest.fixture(scope="module", params=sorted(KINDS))
def run(request, films, tmp_path_factory):
    config = recipe(network=request.param, task="pathologies", name=request.param)
    return request.param, train(films, tmp_path_factory.mktemp("run"), config, HERE)


def test_a_run_learns_and_its_file_predicts_what_torch_does(run, films):
    name, trained = run
    rows = read_metrics(trained.folder)
    # In fifteen steps of eight films; the norms of a ResNet's one last cell need more for new films.
    assert float(rows[-1]["train_loss"]) < 0.5 * float(rows[0]["train_loss"])

    network = KINDS[name](14)
    load_state(network, read_state(trained.folder / "best.ckpt"))
    released = round_to_float16(network)
    classifier = chexnet.load(trained.model, threads=1)
    for path in sorted(films.parent.glob("*.png"))[:3]:
        prediction = classifier.predict(path, gate=False)
        image = network_input(read_radiograph(path), Preprocessing(size=32))
        with torch.inference_mode():
            expected = released(torch.from_numpy(image[None]))
        scores = [finding.score for finding in prediction.findings]
        np.testing.assert_allclose(scores, expected.logits[0].numpy(), atol=1e-4)
        if expected.maps is None:
            assert prediction.maps is None
        else:
            np.testing.assert_allclose(prediction.maps, expected.maps[0].numpy(), atol=1e-3)


def test_the_file_passes_its_own_checks_and_says_what_its_maps_are(run):
    name, trained = run
    assert all(check.holds for check in verify(trained.model))
    metadata = chexnet.load(trained.model, threads=1).metadata
    assert metadata.maps == {"wang2017": "log_sum_exp", "yao2017": "none"}[name]
    assert metadata.training["recipe"]["network"] == name
    assert [finding.finding for finding in metadata.findings] == list(PATHOLOGIES)


def test_its_predictions_for_validation_and_test_lie_beside_it(run):
    _, trained = run
    for part in ("validation", "test"):
        with (trained.folder / f"{part}_predictions.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert set(rows[0]) == {"image", "patient", *PATHOLOGIES}
        assert all(0 <= float(row[name]) <= 1 for row in rows for name in PATHOLOGIES)
    assert json.loads((trained.folder / "recipe.json").read_text())["images"]["test"] == len(rows)


@pytest.mark.parametrize("network", sorted(KINDS))
def test_its_loss_is_w_cel_on_the_labels_at_hand(network):
    config = TrainConfig(network=network)
    module = CheXNetModule(KINDS[network](14), config, None).eval()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 14, generator=generator)
    y = (torch.rand(6, 14, generator=generator) < 0.1).float()
    assert torch.equal(module.loss(x, y), class_balanced_loss(x, y, count_labels(y)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": "pneumonia"}, "task is 'pneumonia'; expected pathologies for yao2017"),
        ({"teacher": "best.ckpt"}, "teacher is 'best.ckpt'; expected none for yao2017"),
    ],
)
def test_what_a_decoder_of_labels_cannot_do_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        TrainConfig(network="yao2017", **changes)
