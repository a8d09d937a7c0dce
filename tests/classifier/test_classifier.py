import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit

import chexnet
from chexnet.classifier import Classifier, InvalidModel, verify
from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.metadata import KEY, CalibrationTest, ModelMetadata
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import network_input, read_radiograph
from chexnet.statistics import measure_reliability

ACROSS_KERNELS = 1e-4
"""Logits: another batch or number of threads may take another float32 kernel; a real error is far larger."""


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return chexnet.load()


@pytest.fixture(scope="module")
def film(example_film: Path) -> chexnet.Radiograph:
    return read_radiograph(example_film)


def changed(tmp_path: Path, change, metadata=None) -> Path:
    """A copy of the embedded model after `change(onnx model)`, with `metadata` (a dict) if given."""
    model = onnx.load(DEFAULT_MODEL)
    change(model)
    if metadata is not None:
        onnx.helper.set_model_props(model, {KEY: json.dumps(metadata)})
    path = tmp_path / "changed.onnx"
    onnx.save(model, path)
    return path


def stored_metadata() -> dict:
    model = onnx.load(DEFAULT_MODEL)
    return json.loads({entry.key: entry.value for entry in model.metadata_props}[KEY])


@settings(max_examples=10, deadline=None)
@given(
    arrays(np.float32, (3, 224, 224), elements=st.floats(-3, 3, width=32), fill=st.floats(-3, 3, width=32))
)
def test_the_mean_of_each_map_plus_the_bias_is_the_logit(image: np.ndarray) -> None:
    classifier = chexnet.load()
    logits, maps = classifier.run(image[None])
    bias = np.array([finding.bias for finding in classifier.metadata.findings])
    np.testing.assert_allclose(maps.mean(axis=(2, 3)) + bias, logits, atol=1e-4)


def test_the_embedded_model_has_the_pathologies_of_the_paper_in_their_order(classifier: Classifier) -> None:
    assert classifier.findings == PATHOLOGIES


def test_path_bytes_and_radiograph_give_the_same_prediction(
    classifier: Classifier, example_film: Path
) -> None:
    from_path = classifier.predict(example_film)
    from_bytes = classifier.predict(example_film.read_bytes())
    from_radiograph = classifier.predict(read_radiograph(example_film))
    assert from_path.findings == from_bytes.findings == from_radiograph.findings


def test_a_probability_is_the_calibrated_score(classifier: Classifier, film: chexnet.Radiograph) -> None:
    prediction = classifier.predict(film)
    for entry, finding in zip(classifier.metadata.findings, prediction.findings, strict=True):
        expected = expit(entry.calibration.slope * finding.score + entry.calibration.intercept)
        assert finding.probability == pytest.approx(float(expected), abs=1e-12)


def test_the_score_is_the_mean_of_the_map_plus_the_bias(
    classifier: Classifier, film: chexnet.Radiograph
) -> None:
    prediction = classifier.predict(film)
    for entry in classifier.metadata.findings:
        mean = float(prediction.map_of(entry.finding).mean())
        assert mean + entry.bias == pytest.approx(prediction[entry.finding].score, abs=1e-4)


def test_evidence_is_positive_on_average_exactly_when_the_finding_is_present(
    classifier: Classifier, film: chexnet.Radiograph
) -> None:
    dark = chexnet.Radiograph(pixels=film.pixels * np.float32(0.5), source="dark", file_format="PNG")
    for prediction in (classifier.predict(film), classifier.predict(dark)):
        for finding in prediction.findings:
            mean = float(prediction.evidence_of(finding.finding).mean())
            zero = 0.0 if finding.threshold is None else float(logit(finding.threshold))
            assert mean == pytest.approx(float(logit(finding.probability)) - zero, abs=1e-4)
            if finding.present is not None and abs(mean) > 1e-4:
                assert finding.present == (mean > 0)


def test_the_numbers_do_not_depend_on_batch_or_threads(
    classifier: Classifier, film: chexnet.Radiograph
) -> None:
    image = network_input(film, classifier.metadata.preprocessing)
    alone, _ = classifier.run(image[None])
    together, _ = classifier.run(np.stack([image, -image, image]))
    other_threads, _ = chexnet.load(threads=1).run(image[None])
    np.testing.assert_allclose(together[[0, 2]], np.repeat(alone, 2, axis=0), atol=ACROSS_KERNELS)
    quickly_loaded, _ = chexnet.load(one_image=True).run(image[None])
    np.testing.assert_allclose(other_threads, alone, atol=ACROSS_KERNELS)
    np.testing.assert_allclose(quickly_loaded, alone, atol=ACROSS_KERNELS)


def test_a_finding_that_is_not_validated_has_no_threshold_and_no_verdict(
    tmp_path: Path, film: chexnet.Radiograph
) -> None:
    metadata = stored_metadata()
    for entry in metadata["findings"]:
        entry |= {"validated": entry["finding"] == "Pneumonia", "thresholds": {"max_f1": 0.5}}
    prediction = chexnet.load(changed(tmp_path, lambda model: None, metadata)).predict(film)
    assert (prediction["Pneumonia"].threshold, prediction["Pneumonia"].policy) == (0.5, "max_f1")
    assert prediction["Pneumonia"].present == (prediction["Pneumonia"].probability >= 0.5)
    assert {
        (finding.threshold, finding.policy, finding.present)
        for finding in prediction.findings
        if not finding.validated
    } == {(None, None, None)}


def test_a_policy_chooses_among_the_models_thresholds(tmp_path: Path, film: chexnet.Radiograph) -> None:
    metadata = stored_metadata()
    for entry in metadata["findings"]:
        entry |= {"validated": True, "thresholds": {"max_f1": 0.9, "sensitivity_90": 0.0}}
    path = changed(tmp_path, lambda model: None, metadata)
    assert {finding.threshold for finding in chexnet.load(path).predict(film).findings} == {0.9}
    sensitive = chexnet.load(path, policy="sensitivity_90").predict(film)
    assert all(finding.present for finding in sensitive.findings)
    assert {finding.policy for finding in sensitive.findings} == {"sensitivity_90"}
    with pytest.raises(InvalidModel, match="no policy 'bold'; it has max_f1, sensitivity_90"):
        chexnet.load(path, policy="bold")


def test_predicting_imports_nothing_that_it_does_not_need(example_film: Path) -> None:
    program = (
        "import sys, chexnet; chexnet.load().predict(sys.argv[1]); "
        "heavy = ('torch', 'matplotlib', 'pydicom', 'onnx', 'scipy', 'jaxtyping'); "
        "print([m for m in (*heavy, 'numpy.ma', 'numpy.random') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(example_film)], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_predicting_reports_to_nobody(example_film: Path, tmp_path: Path) -> None:
    """ONNX Runtime's telemetry leaves a session file in the temporary folder wherever it is on."""
    program = "import sys, chexnet; chexnet.load().predict(sys.argv[1])"
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", program, str(example_film)],
        env=environment | {"TMPDIR": str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.iterdir()) == []


def test_metadata_survive_writing_and_reading(classifier: Classifier) -> None:
    assert ModelMetadata.from_json(classifier.metadata.to_json()) == classifier.metadata


def test_a_file_from_before_reliability_was_measured_loads_and_says_so() -> None:
    metadata = stored_metadata()
    for entry in metadata["findings"]:
        entry.pop("calibration_test", None)
    read = ModelMetadata.from_json(json.dumps(metadata))
    assert {finding.calibration_test for finding in read.findings} == {None}


def test_measured_reliability_survives_writing_and_reading(classifier: Classifier) -> None:
    labels, probabilities = np.arange(50) % 3 == 0, np.linspace(0, 1, 50)
    measured = CalibrationTest(
        measure_reliability(labels, probabilities), measure_reliability(labels, probabilities / 2)
    )
    findings = tuple(replace(finding, calibration_test=measured) for finding in classifier.metadata.findings)
    metadata = replace(classifier.metadata, findings=findings)
    assert ModelMetadata.from_json(metadata.to_json()) == metadata


def _drop(key: str):
    return lambda metadata: metadata.pop(key)


def _set(key: str, value: object):
    return lambda metadata: metadata.update({key: value})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop("policy"), "metadata are damaged"),
        (_drop("findings"), "metadata are damaged"),
        (_drop("format"), "metadata are damaged"),
        (_set("format", 99), "metadata format 99; this software reads format 1"),
        (_set("surprise", 1), "metadata are damaged"),
        (_set("findings", []), "expected at least one"),
        (lambda metadata: metadata["findings"].pop(), "14 reference logits for 13 findings"),
        (lambda metadata: metadata["findings"][0].update(finding="Mass"), "none twice"),
        (lambda metadata: metadata["findings"][0]["thresholds"].update(mine=1.5), "expected a probability"),
        (lambda metadata: metadata["findings"][0]["calibration"].update(slope=-1.0), "metadata are damaged"),
        (lambda metadata: metadata["findings"][0].update(calibration_test={}), "metadata are damaged"),
        (lambda metadata: metadata["preprocessing"].update(size=256), "its metadata expect"),
    ],
)
def test_inconsistent_metadata_are_refused(tmp_path: Path, damage, message: str) -> None:
    metadata = stored_metadata()
    damage(metadata)
    with pytest.raises(InvalidModel, match=message):
        chexnet.load(changed(tmp_path, lambda model: None, metadata))


def test_an_onnx_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda model: model.ClearField("metadata_props"))
    with pytest.raises(InvalidModel, match="without the metadata of a chexnet model"):
        chexnet.load(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a" * 100])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(InvalidModel, match=r"model\.onnx"):
        chexnet.load(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(InvalidModel, match="cannot be read"):
            chexnet.load(path)


def test_a_device_and_a_pipe_are_refused_without_being_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    for path in (Path("/dev/zero"), tmp_path / "pipe.onnx"):
        with pytest.raises(InvalidModel, match="a device or a pipe; expected a model file"):
            chexnet.load(path)


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_truncated_model_is_refused(tmp_path: Path, tenth: int) -> None:
    content = DEFAULT_MODEL.read_bytes()
    path = tmp_path / "truncated.onnx"
    path.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(InvalidModel):
        chexnet.load(path)


def test_verify_finds_the_embedded_model_whole() -> None:
    assert all(check.holds for check in verify())


def test_verify_notices_a_single_changed_weight_tensor(tmp_path: Path) -> None:
    def damage(model: onnx.ModelProto) -> None:
        tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        values = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(-values, tensor.name))

    checks = verify(changed(tmp_path, damage))
    assert not all(check.holds for check in checks)


def test_verify_notices_a_wrong_bias_in_the_metadata(tmp_path: Path) -> None:
    metadata = stored_metadata()
    metadata["findings"][3]["bias"] += 0.01
    checks = verify(changed(tmp_path, lambda model: None, metadata))
    assert [check.holds for check in checks][:3] == [False, True, True]


def test_the_file_holds_no_path_of_the_machine_that_made_it() -> None:
    content = DEFAULT_MODEL.read_bytes()
    assert b"site-packages" not in content
    assert b'File "' not in content


def test_the_embedded_model_is_small_enough_to_ship() -> None:
    assert DEFAULT_MODEL.stat().st_size <= 15_000_000
