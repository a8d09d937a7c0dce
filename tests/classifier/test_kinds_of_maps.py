"""Models whose maps do not add up to the score, and models without maps: what each door says."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from other_models import write_model_with_maps

import chexnet
from chexnet.classifier import Classifier, InputFile, InvalidModel, PredictionJob, run_job, verify
from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.metadata import KEY
from chexnet.classifier.overlay import overlay
from chexnet.evaluation.model_run import draw_film, run_maps
from chexnet.radiograph import read_radiograph

overlay_module = sys.modules["chexnet.classifier.overlay"]

NO_MAPS = "this model has no activation maps"


@pytest.fixture(scope="module")
def unmapped_file(tmp_path_factory) -> Path:
    return write_model_with_maps(tmp_path_factory.mktemp("model"), "none")


@pytest.fixture(scope="module")
def unmapped(unmapped_file) -> Classifier:
    return chexnet.load(unmapped_file, threads=1)


@pytest.fixture(scope="module")
def pooled_file(tmp_path_factory) -> Path:
    return write_model_with_maps(tmp_path_factory.mktemp("model"), "log_sum_exp")


@pytest.fixture(scope="module")
def pooled(pooled_file) -> Classifier:
    return chexnet.load(pooled_file, threads=1)


def test_a_model_without_maps_predicts_the_same_and_says_that_it_has_none(unmapped, example_film):
    prediction, mapped = unmapped.predict(example_film), chexnet.load(threads=1).predict(example_film)
    assert [finding.score for finding in prediction.findings] == pytest.approx(
        [finding.score for finding in mapped.findings], abs=1e-4
    )
    assert prediction.maps is None
    assert prediction.evidence is None
    for layer in (prediction.map_of, prediction.evidence_of):
        with pytest.raises(ValueError, match=NO_MAPS):
            layer("Pneumonia")


def test_heat_maps_of_a_model_without_maps_are_refused_before_any_film_is_read(
    unmapped_file, example_film, tmp_path
):
    job = PredictionJob(model=unmapped_file, heatmaps=tmp_path / "maps", output=tmp_path / "scores.csv")
    with pytest.raises(ValueError, match=rf"none\.onnx: {NO_MAPS}; leave `heatmaps` out"):
        next(run_job(job, [InputFile(example_film, Path(example_film.name))]))
    assert not (tmp_path / "maps").exists()


def test_what_needs_maps_refuses_a_model_without(unmapped_file, example_film):
    with pytest.raises(ValueError, match=f"{NO_MAPS} to compare with boxes"):
        run_maps(unmapped_file, example_film.parent, [(example_film.name, "Pneumonia")])
    with pytest.raises(ValueError, match=NO_MAPS):
        draw_film(unmapped_file, example_film, "Pneumonia")


@pytest.mark.parametrize("maps", ["none", "log_sum_exp"])
def test_the_law_of_the_mean_is_checked_only_of_models_that_claim_it(maps, tmp_path):
    checks = verify(write_model_with_maps(tmp_path, maps))
    assert [check.what.split()[0] for check in checks][:2] == ["logits", "an"]
    assert all(check.holds for check in checks)


def test_maps_that_do_not_add_up_are_shown_as_they_are(pooled, example_film):
    prediction = pooled.predict(example_film)
    np.testing.assert_array_equal(prediction.evidence, prediction.maps)
    assert prediction.maps_are == "log_sum_exp"


def test_the_bar_of_maps_that_do_not_add_up_claims_no_threshold(pooled, example_film, monkeypatch):
    written = []
    draw_bar = overlay_module._draw_bar
    monkeypatch.setattr(
        overlay_module, "_draw_bar", lambda *given: written.append(given[-1]) or draw_bar(*given)
    )
    film = read_radiograph(example_film)
    overlay(film, pooled.predict(film), "Pneumonia")
    overlay(film, chexnet.load(threads=1).predict(film), "Pneumonia")
    assert written == [("adds nothing", "map"), ("at threshold", "log odds")]


def changed(tmp_path, **entries) -> Path:
    model = onnx.load(DEFAULT_MODEL)
    (stored,) = (entry for entry in model.metadata_props if entry.key == KEY)
    stored.value = json.dumps(json.loads(stored.value) | entries)
    onnx.save(model, tmp_path / "changed.onnx")
    return tmp_path / "changed.onnx"


def test_a_graph_with_maps_under_a_card_without_is_refused(tmp_path):
    with pytest.raises(InvalidModel, match="its graph has"):
        chexnet.load(changed(tmp_path, maps="none"))


def test_an_unknown_kind_of_map_is_refused(tmp_path):
    with pytest.raises(InvalidModel, match="'saliency'"):
        chexnet.load(changed(tmp_path, maps="saliency"))


def test_a_file_from_before_this_was_said_has_maps_that_add_up(tmp_path):
    model = onnx.load(DEFAULT_MODEL)
    (stored,) = (entry for entry in model.metadata_props if entry.key == KEY)
    card = json.loads(stored.value)
    card.pop("maps", None)
    stored.value = json.dumps(card)
    onnx.save(model, tmp_path / "old.onnx")
    assert chexnet.load(tmp_path / "old.onnx").metadata.maps == "mean"
    assert verify(tmp_path / "old.onnx")[0].what.startswith("mean of each map")
