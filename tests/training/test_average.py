"""A released network whose weights are the mean of two runs'."""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from synthetic_films import HERE, recipe

from chexnet.classifier.metadata import KEY
from chexnet.models import DenseNet121, WeightsMismatch, load_state, mean_state, read_state, round_to_float16
from chexnet.training import TrainConfig, train


@pytest.fixture(scope="module")
def averaged(films, finished, tmp_path_factory):
    settings = recipe(average=str(finished.folder / "best.ckpt"), learning_rate=5e-4)
    return train(films, tmp_path_factory.mktemp("runs") / "averaged", settings, HERE)


def test_the_file_gives_what_the_mean_of_both_weights_gives(finished, averaged):
    one, other = (read_state(run.folder / "best.ckpt") for run in (averaged, finished))
    network = DenseNet121(1)
    load_state(network, {key: (value + other[key]) / 2 for key, value in one.items()})
    round_to_float16(network)
    image = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(image)).logits.numpy()
    session = onnxruntime.InferenceSession(averaged.model)
    logits = session.run(["logits"], {"image": image})[0]
    np.testing.assert_allclose(logits, expected, rtol=1e-3)
    load_state(network, one)
    with torch.no_grad():
        assert np.abs(network(torch.from_numpy(image)).logits.numpy() - logits).max() > 0.1


def test_the_file_and_the_record_name_the_other_run(finished, averaged):
    held = json.loads((averaged.folder / "recipe.json").read_text())
    assert held["recipe"]["average"] == held["average"]["source"] == "best.ckpt"
    assert held["average"]["trained_on"]["recipe"]["name"] == finished.model.stem
    session = onnxruntime.InferenceSession(averaged.model)
    training = json.loads(session.get_modelmeta().custom_metadata_map[KEY])["training"]
    assert training["average"] == held["average"]
    assert "validation_loss" not in training


def test_a_run_that_cannot_be_averaged_with_is_refused_before_anything_is_trained(films, finished, tmp_path):
    best = str(finished.folder / "best.ckpt")
    for changes, reason in (
        ({"average": "nowhere.ckpt"}, "average is 'nowhere.ckpt'; expected the best.ckpt of a finished run"),
        ({"average": best, "network": "efficientnet_lite0"}, "expected a efficientnet_lite0 to average with"),
    ):
        with pytest.raises(ValueError, match=reason):
            train(films, tmp_path / "run", recipe(**changes), HERE)
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def split_films(tmp_path_factory):
    """A table that says itself who is where, and a run on it."""
    from synthetic_films import write_films

    plain = write_films(tmp_path_factory.mktemp("divided"))
    rows = list(csv.DictReader(plain.open()))
    patients = list(dict.fromkeys(row["patient"] for row in rows))
    parts = {patient: ("test", "validation")[n] if n < 2 else "train" for n, patient in enumerate(patients)}
    tables = []
    for name, tested in (("one.csv", parts), ("two.csv", {patients[-1]: "test", patients[-2]: "validation"})):
        table = plain.with_name(name)
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0].keys() - {"split"}, "split"])
            writer.writeheader()
            writer.writerows(row | {"split": tested.get(row["patient"], "train")} for row in rows)
        tables.append(table)
    return tables


@pytest.mark.parametrize("role", ["average", "teacher", "weights"])
def test_a_run_that_has_learned_from_the_test_films_is_refused(split_films, tmp_path, role, monkeypatch):
    monkeypatch.setattr(sys.modules["chexnet.training.run"], "_export", lambda *_: None)
    one, two = split_films
    before = train(one, tmp_path / "one", recipe(max_epochs=1), HERE)
    best = before.folder / "best.ckpt"
    again = recipe(max_epochs=1, **{role: str(best)})
    train(one, tmp_path / "same split", again, HERE)
    with pytest.raises(ValueError, match=f"as {role} has learned from and the validation images of this run"):
        train(two, tmp_path / "two", again, HERE)
    (before.folder / "training_ids.txt").write_text("another.png\n")
    with pytest.raises(ValueError, match="is not the list of the images"):
        train(two, tmp_path / "two", again, HERE)
    (before.folder / "training_ids.txt").unlink()
    with pytest.raises(ValueError, match=r"no training_ids\.txt beside it"):
        train(two, tmp_path / "two", again, HERE)
    assert not (tmp_path / "two").exists()


def test_other_films_of_a_patient_count_even_where_this_run_leaves_them_out(films, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["chexnet.training.run"], "_export", lambda *_: None)
    rows = list(csv.DictReader(films.open()))
    of = {
        patient: [row["image"] for row in rows if row["patient"] == patient]
        for patient in (r["patient"] for r in rows)
    }
    several = [patient for patient, images in of.items() if len(images) > 1]
    assert len(several) >= 4

    def split(name, film, parts):
        path = tmp_path / name
        lines = [f"{Path(of[p][film]).name},{p},{part}\n" for p, part in zip(several, parts, strict=False)]
        path.write_text("image,patient,split\n" + "".join(lines))
        return path

    first = split("first.csv", 0, ["train", "train", "validation", "train"])
    second = split("second.csv", 1, ["test", "validation", "train", "train"])
    before = train(films, tmp_path / "one", recipe(max_epochs=1), HERE, split=first)
    again = recipe(max_epochs=1, weights=str(before.folder / "best.ckpt"))
    with pytest.raises(ValueError, match=r"the validation images of this run \(1 of 1 images\)"):
        train(films, tmp_path / "two", again, HERE, split=second)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            lambda content: content.update(chexnet_provenance="{"),
            "its record of how it was trained cannot be read",
        ),
        (
            lambda content: content.update(chexnet_provenance="{}"),
            "its record of how it was trained cannot be read",
        ),
        (lambda content: content["state_dict"].pop("network.classifier.weight"), r"classifier\.weight"),
        (
            lambda content: content["state_dict"]["network.classifier.bias"].fill_(float("nan")),
            r"weights that are not finite numbers, such as classifier\.bias",
        ),
    ],
    ids=["no JSON", "no recipe", "a weight missing", "not a number"],
)
def test_a_damaged_checkpoint_is_refused_before_anything_is_trained(
    films, finished, tmp_path, damage, reason
):
    content = torch.load(finished.folder / "best.ckpt", weights_only=True)
    damage(content)
    torch.save(content, tmp_path / "best.ckpt")
    shutil.copy(finished.folder / "training_ids.txt", tmp_path)
    with pytest.raises(ValueError, match=reason):
        train(films, tmp_path / "run", recipe(average=str(tmp_path / "best.ckpt")), HERE)
    assert not (tmp_path / "run").exists()


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def cut_early(path):
    path.write_bytes(path.read_bytes()[:50_000])


def no_checkpoint(path):
    path.write_text("image,patient\n")


def no_numbers(path):
    content = torch.load(path, weights_only=True)
    content["state_dict"]["network.classifier.bias"].fill_(float("nan"))
    torch.save(content, path)


def of_a_later_version(path):
    content = torch.load(path, weights_only=True)
    content["chexnet_provenance"] = content["chexnet_provenance"].replace("densenet121", "later")
    torch.save(content, path)


DAMAGES = [
    (cut, r"best.ckpt: not a readable checkpoint of plain tensors \(PytorchStreamReader"),
    (cut_early, "best.ckpt: not a readable checkpoint; the file is cut short or damaged$"),
    (no_checkpoint, r"best.ckpt: not a readable checkpoint of plain tensors \([^.]*\); save"),
    (no_numbers, r"weights that are not finite numbers, such as classifier\.bias"),
]
# Weights to start from fit or do not, whatever their network is called.
LATER = (of_a_later_version, "the network 'later', which this version does not know")


@pytest.mark.parametrize(
    ("role", "damage", "reason"),
    [(role, *damage) for role in ("average", "teacher", "weights") for damage in DAMAGES]
    + [("average", *LATER), ("teacher", *LATER)],
)
def test_so_is_one_in_any_role(films, finished, tmp_path, role, damage, reason):
    for name in ("best.ckpt", "training_ids.txt"):
        shutil.copy(finished.folder / name, tmp_path)
    damage(tmp_path / "best.ckpt")
    with pytest.raises(ValueError, match=reason):
        train(films, tmp_path / "run", recipe(**{role: str(tmp_path / "best.ckpt")}), HERE)
    assert not (tmp_path / "run").exists()


def test_states_of_two_kinds_have_no_mean():
    one = {"a": torch.ones(2), "count": torch.tensor(3)}
    mean = mean_state(one, {"a": torch.zeros(2), "count": torch.tensor(5)})
    assert mean["a"].tolist() == [0.5, 0.5]
    assert mean["count"] == 3
    for other in ({"a": torch.ones(3), "count": torch.tensor(3)}, {"a": torch.ones(2)}):
        with pytest.raises(WeightsMismatch, match="have no mean"):
            mean_state(one, other)


def test_a_recipe_without_it_is_stored_as_before():
    assert "average" not in TrainConfig().to_dict()
