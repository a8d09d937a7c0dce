"""A model file remembers what it learned from, without giving the names away."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chexnet
from chexnet.classifier import InvalidModel, TrainingSet
from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.metadata import KEY
from chexnet.classifier.training_set import TRAINING_SET_KEY

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\"), min_size=1)


@given(st.sets(names, min_size=1), names)
def test_it_holds_what_was_put_in_and_nothing_else(trained: set[str], other: str) -> None:
    training_set = TrainingSet.of(sorted(trained), [])
    again = TrainingSet.from_json(training_set.to_json())
    assert all(map(again.has_image, trained))
    alike = {one.casefold() for one in trained}
    if other.casefold() not in alike and "." not in other:
        assert not again.has_image(other)


def test_the_hash_is_what_the_docstring_says() -> None:
    training_set = TrainingSet.of(["00000001_000.png"])
    digest = hashlib.blake2b(b"00000001_000", digest_size=8, salt=training_set.salt).digest()
    assert training_set.images.tolist() == [int.from_bytes(digest, "little")]
    again, other = (TrainingSet.of(["00000001_000.png", *more]) for more in ([], ["00000002_000.png"]))
    assert again.images.tolist() == training_set.images.tolist()
    assert not set(other.images.tolist()) & set(training_set.images.tolist())


@pytest.mark.parametrize(
    "asked",
    [
        "00000001_000.png",
        "/data/NIH/images_001/00000001_000.png",
        "D:\\NIH\\00000001_000.PNG",
        "00000001_000.jpg",
        "00000001_000",
    ],
)
def test_folders_suffix_and_case_do_not_matter(asked: str) -> None:
    assert TrainingSet.of(["images/00000001_000.png", "images/00000001_001.png"]).has_image(asked)


def test_folders_matter_where_file_names_repeat() -> None:
    trained = [f"train/patient{number}/study1/view1_frontal.jpg" for number in range(3)]
    training_set = TrainingSet.of(trained)
    assert training_set.parts == 3
    assert training_set.has_image("/mnt/CheXpert-v1.0/train/patient2/study1/view1_frontal.jpg")
    assert not training_set.has_image("/mnt/CheXpert-v1.0/train/patient7/study1/view1_frontal.jpg")
    assert not training_set.has_image("view1_frontal.jpg")


def test_a_patient_is_one_however_the_number_is_written() -> None:
    training_set = TrainingSet.of(["a.png"], ["00012", " P7 "])
    assert training_set.has_patient("12")
    assert training_set.has_patient("p7")
    assert not training_set.has_patient("1")
    assert not training_set.without_patients().has_patient("12")


def test_no_false_alarm_among_a_hundred_thousand_names() -> None:
    training_set = TrainingSet.of([f"{number:08}_000.png" for number in range(10_000)])
    assert not any(training_set.has_image(f"{number:08}_001.png") for number in range(100_000))


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory, example_film: Path) -> Path:
    """The embedded model, with the synthetic example among its training images."""
    path = tmp_path_factory.mktemp("model") / "knowing.onnx"
    model = onnx.load(DEFAULT_MODEL)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    training_set = TrainingSet.of([example_film.name], ["P1"])
    onnx.helper.set_model_props(model, {**stored, TRAINING_SET_KEY: training_set.to_json()})
    onnx.save(model, path)
    return path


def test_predict_marks_an_image_that_was_trained_on(
    knowing: Path, example_film: Path, tmp_path: Path
) -> None:
    classifier = chexnet.load(knowing, threads=1)
    (note,) = classifier.predict(example_film).notes
    assert note.startswith("the model was trained on this image, by its name")
    other = tmp_path / "other.png"
    other.write_bytes(example_film.read_bytes())
    assert classifier.predict(other).notes == ()


def test_predict_marks_another_image_of_a_patient(knowing: Path, example_film: Path) -> None:
    radiograph = chexnet.read_radiograph(example_film.read_bytes())
    classifier = chexnet.load(knowing, threads=1)
    assert classifier.predict(radiograph).notes == ()
    from dataclasses import replace

    (note,) = classifier.predict(replace(radiograph, patient_id="P1")).notes
    assert note.startswith("the model was trained on other images of this patient")


def test_nothing_else_of_the_file_moves(knowing: Path) -> None:
    before, after = chexnet.load(DEFAULT_MODEL, threads=1), chexnet.load(knowing, threads=1)
    assert after.metadata == before.metadata
    image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    for one, other in zip(before.run(image), after.run(image), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"hash": "md5"},
        {"images": "not base64!"},
        {"images": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"salt": "zz"},
        {"parts": None},
    ],
)
def test_a_damaged_list_is_refused_when_the_file_is_loaded(tmp_path: Path, change: dict) -> None:
    stored = json.loads(TrainingSet.of(["a.png"]).to_json()) | change
    model = onnx.load(DEFAULT_MODEL)
    (card,) = (entry.value for entry in model.metadata_props if entry.key == KEY)
    onnx.helper.set_model_props(model, {KEY: card, TRAINING_SET_KEY: json.dumps(stored)})
    onnx.save(model, tmp_path / "damaged.onnx")
    with pytest.raises(InvalidModel, match=r"damaged\.onnx: the list of its training images is damaged"):
        chexnet.load(tmp_path / "damaged.onnx", one_image=True)


def test_predictions_of_the_embedded_model_do_not_depend_on_whether_it_knows_its_images() -> None:
    """Holds before and after the hashes are added to the embedded file."""
    training_set = chexnet.load(one_image=True).training_set
    if training_set is not None:
        assert (len(training_set.images), len(training_set.patients)) == (4815, 2790)
        assert training_set.has_image("00000001_000.png")
        assert training_set.has_patient("1")
        assert training_set.has_image("person96_bacteria_465.jpeg")
