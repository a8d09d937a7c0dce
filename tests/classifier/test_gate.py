import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import chexnet
from chexnet.classifier import Classifier, InvalidModel, verify
from chexnet.classifier.classifier import NOT_CHECKED
from chexnet.classifier.gate import EXPECTED, GATE_CLASSES
from chexnet.classifier.metadata import KEY
from chexnet.examples.phantom import thorax_phantom
from chexnet.models.gate_network import remove_gate_graph
from chexnet.radiograph import NotAChestRadiograph, Radiograph, network_input, read_radiograph

EXAMPLES = Path(chexnet.__file__).parent / "examples"


@pytest.fixture(scope="module")
def classifier(gated_model: Path) -> Classifier:
    return chexnet.load(gated_model, threads=1)


@pytest.fixture(scope="module")
def pixels(example_film: Path) -> np.ndarray:
    return read_radiograph(example_film).pixels


def film(pixels: np.ndarray, **header: str) -> Radiograph:
    return Radiograph(np.ascontiguousarray(pixels, dtype=np.float32), "film.dcm", "DICOM", **header)


def refusal(classifier: Classifier, radiograph: Radiograph) -> str:
    with pytest.raises(NotAChestRadiograph) as refused:
        classifier.predict(radiograph)
    assert str(refused.value).startswith("film.dcm: ")
    return refused.value.reason


@pytest.mark.parametrize(
    "name",
    ["synthetic_thorax.png", "synthetic_thorax_opacity.png", "synthetic_thorax_opacity.dcm"],
)
def test_the_example_films_pass_without_a_note(classifier: Classifier, name: str) -> None:
    prediction = classifier.predict(EXAMPLES / name)
    assert (prediction.status, prediction.notes) == ("ok", ())


def between_bars(pixels: np.ndarray, grey: float, share: float) -> np.ndarray:
    """The film in the middle of a picture that is wider by bars of one grey."""
    width = round(pixels.shape[1] * (1 / share - 1) / 2)
    return np.pad(pixels, ((0, 0), (width, width)), constant_values=grey)


@pytest.mark.parametrize("share", [9 / 16, 3 / 4])
@pytest.mark.parametrize("grey", [0, 1, 0.3])
def test_bars_beside_a_film_do_not_matter(
    classifier: Classifier, pixels: np.ndarray, grey: float, share: float
) -> None:
    assert classifier.predict(film(between_bars(pixels, grey, share))).status == "ok"
    assert refusal(classifier, film(between_bars(1 - pixels, grey, share))).startswith(
        GATE_CLASSES["inverted"]
    )


@pytest.mark.parametrize("seed", range(3))
def test_other_phantoms_pass(classifier: Classifier, seed: int) -> None:
    assert classifier.predict(film(thorax_phantom(256, seed=100 + seed).pixels)).status == "ok"


def test_a_mirrored_film_passes_as_side_cannot_be_told(classifier: Classifier, pixels: np.ndarray) -> None:
    assert classifier.predict(film(pixels[:, ::-1])).status == "ok"


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda p: 1 - p, {"inverted"}),
        (lambda p: p[::-1], {"upside_down"}),
        (lambda p: p[::-1, ::-1], {"upside_down"}),
        (np.rot90, {"turned_left"}),
        (lambda p: np.rot90(p, 3), {"turned_right"}),
        (lambda p: p[300:560, 120:380], {"part", "other"}),
    ],
    ids=["inverted", "flipped", "turned by 180°", "turned left", "turned right", "a third"],
)
def test_a_film_that_was_altered_is_refused_with_the_reason(
    classifier: Classifier, pixels: np.ndarray, change: Callable, kinds: set[str]
) -> None:
    expected = {f"{GATE_CLASSES[kind]}; {EXPECTED}" for kind in kinds}
    assert refusal(classifier, film(change(pixels))) in expected


def test_what_is_no_film_is_refused(classifier: Classifier) -> None:
    from sklearn.datasets import load_sample_images

    for photograph in load_sample_images().images:
        assert GATE_CLASSES["other"] in refusal(classifier, film(photograph.mean(axis=2) / 255))
    noise = np.random.default_rng(0).uniform(size=(300, 300))
    assert GATE_CLASSES["other"] in refusal(classifier, film(noise))


def test_what_no_network_needs_to_see_is_refused_by_its_numbers(
    classifier: Classifier, pixels: np.ndarray
) -> None:
    small = refusal(classifier, film(pixels[::8, ::8]))
    assert small == "is too small, 96×96 pixels; expected at least 112×112"
    constant = refusal(classifier, film(np.full((300, 300), 0.5)))
    assert constant == f"is constant, grey values 0.50 to 0.50 of 1; {EXPECTED}"
    assert refusal(classifier, film(0.2 * pixels)).startswith("is too dark, grey values 0.0")


def test_a_header_that_the_picture_contradicts_is_told(classifier: Classifier, pixels: np.ndarray) -> None:
    prediction = classifier.predict(film(pixels, body_part="HIP", view_position="LL"))
    assert prediction.notes == (
        '(0018,0015) Body Part Examined is "HIP", but it looks like a frontal chest radiograph',
        '(0018,5101) View Position is "LL", but it looks like a frontal chest radiograph',
    )
    assert classifier.predict(film(pixels, body_part="CHEST", view_position="PA")).notes == ()
    assert refusal(classifier, film(1 - pixels, body_part="CHEST", view_position="AP")) == (
        'looks inverted, with bone dark, though (0018,0015) Body Part Examined is "CHEST" and '
        f'(0018,5101) View Position is "AP"; {EXPECTED}'
    )


def test_of_another_part_of_the_body_the_header_says_what_it_is(
    classifier: Classifier, pixels: np.ndarray
) -> None:
    assert refusal(classifier, film(1 - pixels, body_part="HIP", view_position="AP")) == (
        f'{GATE_CLASSES["other"]}, and (0018,0015) Body Part Examined is "HIP"; {EXPECTED}'
    )
    assert refusal(classifier, film(1 - pixels, view_position="LL")) == (
        f'{GATE_CLASSES["inverted"]}, and (0018,5101) View Position is "LL"; {EXPECTED}'
    )


def test_without_the_gate_everything_is_read_and_the_note_says_so(
    classifier: Classifier, pixels: np.ndarray
) -> None:
    for radiograph in (film(1 - pixels), film(pixels[::8, ::8]), film(np.zeros((9, 9)))):
        prediction = classifier.predict(radiograph, gate=False)
        assert (prediction.status, prediction.notes) == ("ok", (f"{NOT_CHECKED}: the gate is off",))


def test_one_films_refusal_is_no_other_films(classifier: Classifier, pixels: np.ndarray) -> None:
    films = [film(pixels), film(1 - pixels), film(pixels)]
    inputs = np.stack([network_input(one, classifier.metadata.preprocessing) for one in films])
    predictions = classifier.predict_inputs(inputs, films)
    assert [prediction.status for prediction in predictions] == ["ok", "refused", "ok"]
    assert predictions[1].findings == ()
    alone = classifier.predict(films[0])
    for finding, expected in zip(predictions[2].findings, alone.findings, strict=True):
        assert finding.score == pytest.approx(expected.score, abs=1e-4)


def without_gate(gated_model: Path, path: Path) -> Path:
    """The model as a version before the gate wrote it."""
    model = onnx.load(gated_model)
    remove_gate_graph(model)
    metadata = json.loads({entry.key: entry.value for entry in model.metadata_props}[KEY])
    del metadata["gate"]
    onnx.helper.set_model_props(model, {KEY: json.dumps(metadata)})
    onnx.save(model, path)
    return path


def test_a_file_from_before_the_gate_loads_and_says_that_it_has_none(
    gated_model: Path, pixels: np.ndarray, tmp_path: Path
) -> None:
    old = chexnet.load(without_gate(gated_model, tmp_path / "old.onnx"))
    assert old.metadata.gate is None
    assert old.predict(film(1 - pixels)).notes == (f"{NOT_CHECKED}: the model file has no gate",)
    with pytest.raises(NotAChestRadiograph, match="too small"):
        old.predict(film(pixels[::8, ::8]))
    with pytest.raises(ValueError, match="it has no gate"):
        old.kinds(np.zeros((1, 3, 224, 224), np.float32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["lateral", "frontal"], "reference_logits": [0.0, 0.0]}, "expected frontal"),
        (
            {"classes": ["frontal", "lateral"], "reference_logits": [0.0, 0.0]},
            r"'gate': \[8\].*'gate': \[2\]",
        ),
        ({"classes": ["frontal", "cat"]}, "expected frontal"),
        ({"reference_logits": []}, "0 reference logits for 8 classes"),
        ({"threshold": 0.0}, "threshold is 0.0; expected a probability"),
        ({"more": 1}, "unexpected keyword"),
    ],
)
def test_inconsistent_metadata_of_a_gate_are_refused(
    gated_model: Path, tmp_path: Path, change: dict, message: str
) -> None:
    model = onnx.load(gated_model)
    metadata = json.loads({entry.key: entry.value for entry in model.metadata_props}[KEY])
    metadata["gate"] |= change
    onnx.helper.set_model_props(model, {KEY: json.dumps(metadata)})
    path = tmp_path / "changed.onnx"
    onnx.save(model, path)
    with pytest.raises(InvalidModel, match=message):
        chexnet.load(path)


def test_verify_looks_at_the_gate(gated_model: Path, tmp_path: Path) -> None:
    assert [check.holds for check in verify(gated_model)] == [True] * 4
    model = onnx.load(gated_model)
    (bias,) = (tensor for tensor in model.graph.initializer if tensor.name == "gate.hidden.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 0.1, bias.name))
    onnx.save(model, tmp_path / "changed.onnx")
    checks = verify(tmp_path / "changed.onnx")
    assert [check.holds for check in checks] == [True, True, True, False]
    assert checks[3].what.startswith("gate ")


REAL = {
    "WG04_RG1_CHEST_PA_MONO1_15bit_J2KI.dcm": None,
    "WG04_RG2_JLSL.dcm": "other",
    "WG04_RG3_JLSL.dcm": "other",
    # A wide panorama of teeth, once its black borders are left out.
    "fodicom_CR_teeth_MONO1_ModalityLUT_JPLL.dcm": "inverted",
    "udacity_NIH_test1.dcm": None,
    "udacity_NIH_test2.dcm": None,
    "udacity_NIH_test3.dcm": None,
    "xrv_RSNA_CR_PA_MONO2_JPEGBaseline.dcm": None,
    # MONOCHROME1 in the header, MONOCHROME2 in the pixels.
    "xrv_fake_MONO1_same_pixels.dcm": "inverted",
}


@pytest.mark.parametrize(("name", "kind"), REAL.items())
def test_real_dicom_films_of_chests_pass_and_others_are_refused(
    classifier: Classifier, data_dir: Path, name: str, kind: str | None
) -> None:
    radiograph = read_radiograph(data_dir / "dicom" / name, name="film.dcm")
    if kind is None:
        assert classifier.predict(radiograph).status == "ok"
    else:
        assert refusal(classifier, radiograph).startswith(GATE_CLASSES[kind])


def test_real_films_pass_and_upside_down_they_do_not(classifier: Classifier, data_dir: Path) -> None:
    """One film in ten of the adults; the measured share of false refusals is below one in a hundred."""
    files = sorted((data_dir / "chestxray14" / "images").glob("*.png"))[::10]
    radiographs = [read_radiograph(file) for file in files]
    inputs = np.stack([network_input(one, classifier.metadata.preprocessing) for one in radiographs])
    gate = classifier.metadata.gate
    assert gate is not None
    passed = [gate.refusal(kinds) is None for kinds in classifier.kinds(inputs)]
    turned = [gate.refusal(kinds) is None for kinds in classifier.kinds(inputs[:, :, ::-1].copy())]
    assert np.mean(passed) >= 0.97
    assert np.mean(turned) <= 0.03
