"""Images that the model was trained on: a warning wherever it is measured, and a way to leave them out."""

import csv
import json

import onnx
import pytest

from chexnet.classifier import TrainingSet
from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.training_set import TRAINING_SET_KEY

IMAGES = 8
FEW = ("--samples", 100)


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The embedded network, as if it had learned from 0.png, 1.png and an image of patient p2."""
    network = onnx.load(DEFAULT_MODEL)
    held = {entry.key: entry.value for entry in network.metadata_props}
    trained = TrainingSet.of(["0.png", "1.png", "elsewhere.png"], ["p0", "p1", "p2"])
    onnx.helper.set_model_props(network, {**held, TRAINING_SET_KEY: trained.to_json()})
    path = tmp_path_factory.mktemp("model") / "remembers.onnx"
    onnx.save(network, path)
    return path


@pytest.fixture
def study(tmp_path, example_film):
    """Copies of one image under several names, and their labels."""
    images = tmp_path / "images"
    images.mkdir()
    for row in range(IMAGES):
        (images / f"{row}.png").write_bytes(example_film.read_bytes())
    rows = [[f"{row}.png", f"p{row}", row % 2] for row in range(IMAGES)]
    return images, write(tmp_path / "labels.csv", ["image", "patient", "Pneumonia"], *rows)


def test_evaluate_warns_of_seen_images_and_leaves_them_out(chexnet_cli, study, model, tmp_path):
    images, labels = study
    measured = ("evaluate", model, "--images", images, "--labels", labels, *FEW)
    warned = chexnet_cli(*measured)
    assert warned.status == 0
    assert "CONTAMINATED: the model was trained on 2 of these 8 test images, 3 patients" in warned.err
    result = tmp_path / "result.json"
    clean = chexnet_cli(*measured, "--exclude-seen", "--json", result)
    assert (clean.status, clean.err) == (0, "")
    assert "3 of 8 test images were left out" in clean.out
    content = json.loads(result.read_text(encoding="utf-8"))
    assert content["contamination"]["left_out"] == 3
    assert content["findings"]["Pneumonia"]["positives"] == 3


def test_a_table_is_judged_by_the_model_file_that_made_it(chexnet_cli, study, model, tmp_path):
    images, labels = study
    predicted = tmp_path / "predicted.csv"
    assert chexnet_cli("predict", images, "--model", model, "--output", predicted).status == 0
    options = ("--labels", labels, "--image-root", images, *FEW)
    alone = chexnet_cli("evaluate", predicted, *options, "--exclude-seen")
    assert alone.status == 1
    assert "--exclude-seen: nothing is known of the images that the model was trained on" in alone.err
    judged = chexnet_cli("evaluate", predicted, *options, "--trained-on", model, "--exclude-seen")
    assert "3 of 8 test images were left out" in judged.out


def test_localise_warns_of_seen_images_and_leaves_them_out(chexnet_cli, study, model, tmp_path):
    images, labels = study
    rows = [[f"{row}.png", "Pneumonia", 10, 10, 300, 300] for row in range(IMAGES)]
    boxes = write(tmp_path / "boxes.csv", ["image", "finding", "x", "y", "width", "height"], *rows)
    measured = ("localise", boxes, "--images", images, "--model", model, "--labels", labels, *FEW)
    warned = chexnet_cli(*measured)
    assert "CONTAMINATED: the model was trained on 2 of these 8 test images" in warned.err
    clean = chexnet_cli(*measured, "--exclude-seen")
    assert (clean.status, clean.err) == (0, "")
    assert "3 of 8 test images were left out" in clean.out


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("C:\\films\\0.png\nC:\\films\\1.png\n", "trained on 2 of these 8 test images"),
        ("/data/0.png\n/data/other.png\n", "1 of the 2 names in it are in no row of the labels"),
        ("other.png\n", "1 of the 1 names in it are in no row of the labels"),
    ],
)
def test_a_list_is_compared_whatever_its_folders(chexnet_cli, study, tmp_path, listed, said):
    _, labels = study
    predicted = write(
        tmp_path / "p.csv", ["image", "Pneumonia"], *([f"{row}.png", row / 10] for row in range(IMAGES))
    )
    (tmp_path / "train.txt").write_text(listed, encoding="utf-8")
    judged = chexnet_cli(
        "evaluate", predicted, "--labels", labels, "--trained-on", tmp_path / "train.txt", *FEW
    )
    assert judged.status == 0
    assert said in judged.out


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ("x,y,width,height\n0.png,nan,nan,nan,nan", (), "line 2, image 0.png: expected x, y, and a width"),
        ("x,y,width,height\n0.png,100,100,nan,200", (), "line 2, image 0.png: expected x, y, and a width"),
        ("x,y,width,height\n0.png,100,100,0,200", (), "got 100, 100, 0, 200"),
        ("x,y,width,height\n0.png", (), "row 2 has 1 cells, the header 5"),
        ("x,y,width,height\n0.png,1,1,9,9", ("--film-side", 0), "--image-side is 0.0; expected the number"),
        ("x,y,width,height\n0.png,1,1,9,9", ("--image-side", "nan"), "--image-side is nan"),
    ],
)
def test_boxes_that_are_none_give_one_line(chexnet_cli, study, tmp_path, rows, options, said):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(f"image,{rows}\n", encoding="utf-8")
    ended = chexnet_cli("localise", boxes, "--images", study[0], "--finding", "Pneumonia", *options)
    assert ended.status == 1
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
