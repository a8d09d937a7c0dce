"""Training from a pack: the run that the same recipe makes of the films."""

import csv
import shutil
import sys

import numpy as np
import pytest
import torch
from chestxray14_folder import write_chestxray14
from synthetic_films import HERE, recipe, write_films

import chexnet
from chexnet.datasets import PackConfig, SplitConfig, draw_splits, open_pack, pack_data
from chexnet.models import read_checkpoint
from chexnet.radiograph import Preprocessing, UnreadableImage, network_input, packed_input, read_radiograph
from chexnet.training import TrainConfig, train
from chexnet.training.data import read_training_data
from chexnet.training.dataset import loader

run_module = sys.modules["chexnet.training.run"]
EIGHT_BIT = recipe(eight_bit=True)


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films", films=40)


@pytest.fixture
def pack(films, tmp_path):
    return pack_data(films, tmp_path / "pack", PackConfig(image_size=32, workers=1)).pack


def batches(data, config, *, train, workers):
    made = loader(data.part("train"), config, train=train, workers=workers)
    made.sampler.set_epoch(3)
    return list(made)


@pytest.mark.parametrize(("augmented", "workers"), [(True, 0), (False, 0), (True, 2)])
def test_batches_from_a_pack_are_those_of_the_films_bit_for_bit(films, pack, augmented, workers):
    ours = batches(
        read_training_data(films, EIGHT_BIT, packed=pack.folder), EIGHT_BIT, train=augmented, workers=workers
    )
    theirs = batches(read_training_data(films, EIGHT_BIT), EIGHT_BIT, train=augmented, workers=0)
    assert len(ours) == len(theirs) > 1
    for (images, labels), (others, other_labels) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(images.numpy(), others.numpy())
        np.testing.assert_array_equal(labels.numpy(), other_labels.numpy())


def test_a_run_from_a_pack_is_that_of_the_films_and_its_model_rounds_as_the_pack_does(
    films, pack, tmp_path, monkeypatch
):
    of_films = tmp_path / "of_films"
    with monkeypatch.context() as without_export:
        without_export.setattr(run_module, "_export", lambda *_: None)
        train(films, of_films, recipe(max_epochs=1, eight_bit=True), HERE)
    away = tmp_path / "away"
    films.parent.rename(away)
    films.parent.mkdir()
    shutil.copy(away / films.name, films)
    # The table and the pack alone are left.
    of_pack = train(films, tmp_path / "of_pack", recipe(max_epochs=1), HERE, packed=pack.folder)
    ours, theirs = (read_checkpoint(folder / "last.ckpt").state for folder in (of_pack.folder, of_films))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    # The recipe is the same, so either run may go on with the other's source.
    assert (of_pack.folder / "recipe.json").read_text() == (of_films / "recipe.json").read_text()

    classifier = chexnet.load(of_pack.model)
    assert classifier.metadata.preprocessing == Preprocessing(32, eight_bit=True)
    assert classifier.metadata.training["recipe"]["eight_bit"] is True
    with (of_pack.folder / "test_predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        image = network_input(read_radiograph(away / row["image"]), classifier.metadata.preprocessing)
        np.testing.assert_array_equal(image, packed_input(pack.grey(row["image"]), Preprocessing(32)))


def test_recipes_from_before_packs_are_still_theirs():
    assert "eight_bit" not in TrainConfig().to_dict()


def test_a_film_damaged_in_the_pack_stops_by_its_name(films, pack):
    path = pack.folder / "films.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnreadableImage, match=r"039\.png: its pixels are not those that were packed"):
        data = read_training_data(films, EIGHT_BIT, packed=pack.folder)
        list(loader(data.manifest, EIGHT_BIT, train=False, workers=0))


def test_a_pack_without_a_film_of_the_table_is_refused_with_the_reason(films, tmp_path):
    (films.parent / "004.png").write_bytes(b"")
    pack = pack_data(films, tmp_path / "pack", PackConfig(image_size=32, workers=1)).pack
    with pytest.raises(ValueError, match=r"1 of 40 images are not in the pack, the first 004\.png \(.*empty"):
        read_training_data(films, EIGHT_BIT, packed=pack.folder)


def test_a_pack_of_another_size_is_refused(films, pack):
    with pytest.raises(ValueError, match=r"images at 32 pixels; image_size is 64\. Give `image_size` 32"):
        read_training_data(films, recipe(image_size=64), packed=pack.folder)


def test_packed_films_are_never_taken_for_unrounded_ones(films, pack):
    data = read_training_data(films, EIGHT_BIT, packed=pack.folder)
    with pytest.raises(ValueError, match="holds 8-bit films at 32 pixels; expected unrounded ones at 32"):
        loader(data.manifest, recipe(), train=False, workers=0)


def test_of_chestxray14_the_tables_and_a_pack_suffice(tmp_path):
    root = write_chestxray14(tmp_path / "ChestX-ray14", patients=20)
    config = TrainConfig(image_size=32, weights="none", eight_bit=True)
    (split,) = draw_splits(root, tmp_path / "split.csv", SplitConfig()).splits
    expected = {
        film.name: network_input(read_radiograph(film), config.preprocessing)
        for film in root.glob("images_*/images/*.png")
    }
    pack = pack_data(root, tmp_path / "pack", PackConfig(image_size=32, workers=1)).pack
    for folder in root.glob("images_*"):
        shutil.rmtree(folder)
    data = read_training_data(root, config, packed=pack.folder)
    assert set(data.manifest.image_ids) == expected.keys() == open_pack(pack.folder).rows.keys()
    data = read_training_data(root, config, packed=pack.folder, split=split.path)
    test = data.part("test")
    images = np.concatenate([batch.numpy() for batch, _ in loader(test, config, train=False, workers=0)])
    for image, name in zip(images, test.image_ids, strict=True):
        np.testing.assert_array_equal(image, expected[name])
