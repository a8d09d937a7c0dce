"""A run writes what it learned from into its file, and an older file can be given the same."""

import csv
import shutil
from pathlib import Path

import onnx
import pytest
from synthetic_films import HERE, recipe

import chexnet
from chexnet.classifier.training_set import TRAINING_SET_KEY
from chexnet.datasets import read_manifest
from chexnet.training import dataset as dataset_module
from chexnet.training import train
from chexnet.training.attach_training_set import EARLIER_IDS, add_training_set, remove_patients
from chexnet.training.dataset import loader


def without_list(model: Path, output: Path) -> Path:
    content = onnx.load(model)
    kept = {entry.key: entry.value for entry in content.metadata_props if entry.key != TRAINING_SET_KEY}
    onnx.helper.set_model_props(content, kept)
    onnx.save(content, output)
    return output


def test_a_run_knows_its_training_images_and_no_others(finished, manifest):
    training_set = chexnet.load(finished.model, threads=1).training_set
    assert training_set is not None
    trained = set((finished.folder / "training_ids.txt").read_text().split())
    assert {name for name in manifest.image_ids if training_set.has_image(name)} == trained
    owners = dict(zip(manifest.image_ids, manifest.patients, strict=True))
    seen = {patient for patient in set(manifest.patients) if training_set.has_patient(patient)}
    assert seen == {owners[name] for name in trained}


def test_a_list_is_added_to_an_older_file(finished, films, tmp_path):
    bare = without_list(finished.model, tmp_path / "bare.onnx")
    assert chexnet.load(bare, threads=1).training_set is None
    added = add_training_set(bare, [finished.folder / "training_ids.txt"], labels=films)
    trained = (finished.folder / "training_ids.txt").read_text().split()
    assert (added.images, added.patients, added.lists) == (len(trained), len(trained) // 2, 1)
    training_set = chexnet.load(bare, threads=1).training_set
    assert training_set is not None and training_set.has_image(trained[0])
    assert remove_patients(bare).patients == 0


def test_a_list_of_another_run_is_refused(finished, tmp_path):
    bare = without_list(finished.model, tmp_path / "bare.onnx")
    before = bare.read_bytes()
    (tmp_path / "other.txt").write_text("a.png\nb.png\n")
    with pytest.raises(ValueError, match=r"2 training images with the hash .*bare\.onnx knows"):
        add_training_set(bare, [tmp_path / "other.txt"])
    assert bare.read_bytes() == before


def test_a_run_remembers_what_its_initial_weights_learned_from(finished, films, tmp_path):
    """The second run leaves out one training patient, whom its initial weights have seen."""
    part = dict.fromkeys((finished.folder / "training_ids.txt").read_text().split(), "train")
    with films.open(newline="") as file:
        rows = list(csv.DictReader(file))
    manifest = read_manifest(films)
    from chexnet.datasets import split_of

    split = split_of(manifest, seed=0)
    part |= {manifest.image_ids[row]: "validation" for row in split.validation}
    part |= {manifest.image_ids[row]: "test" for row in split.test}
    left_out = next(row["patient"] for row in rows if part[row["image"]] == "train")
    table = films.parent / "second.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "split"])
        writer.writeheader()
        writer.writerows(row | {"split": part[row["image"]]} for row in rows if row["patient"] != left_out)
    weights = tmp_path / "first" / "best.ckpt"
    weights.parent.mkdir()
    for name in ("best.ckpt", "training_ids.txt"):
        shutil.copy(finished.folder / name, weights.with_name(name))
    second = train(table, tmp_path / "second", recipe(weights=str(weights), max_epochs=1), HERE)
    training_set = chexnet.load(second.model, threads=1).training_set
    seen_before = next(row["image"] for row in rows if row["patient"] == left_out)
    assert training_set is not None and training_set.has_image(seen_before)
    assert seen_before in (second.folder / EARLIER_IDS).read_text().split()
    bare = without_list(second.model, tmp_path / "bare.onnx")
    with pytest.raises(ValueError, match=r"also learned from the lists .*initial_weights of bare\.onnx"):
        add_training_set(bare, [second.folder / "training_ids.txt"])
    both = [second.folder / "training_ids.txt", weights.with_name("training_ids.txt")]
    assert add_training_set(bare, both).images == len(part) - len(split.validation) - len(split.test)


def test_a_folder_whose_run_failed_before_its_first_epoch_is_free(films, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.json").write_text('{"recipe": {"name": "a run that never began"}}')
    run = train(films, folder, recipe(max_epochs=1), HERE)
    assert "never began" not in (folder / "recipe.json").read_text()
    with pytest.raises(ValueError, match="holds another run"):
        train(films, folder, recipe(max_epochs=1, seed=1), HERE)
    assert run.model.is_file()


def test_a_temporary_folder_too_long_for_sockets_is_one_line(manifest, tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(ValueError, match=r"workers need one of at most 75; set TMPDIR=/tmp, or") as error:
        loader(manifest, recipe(), train=True, workers=1)
    assert "\n" not in str(error.value)
    assert loader(manifest, recipe(), train=True, workers=0)


def test_shared_memory_too_small_for_the_batches_is_one_line(manifest, tmp_path):
    refuse = dataset_module._refuse_workers_without_room
    refuse(2, 1000, shared_memory=tmp_path)
    with pytest.raises(ValueError, match=r"MiB free, and 2 workers need \d+; give the machine more") as error:
        refuse(2, 2**60, shared_memory=tmp_path)
    assert "\n" not in str(error.value)
