import numpy as np
import pytest
from synthetic_films import write_films

from chexnet.datasets import SplitConfig, draw_splits, read_split
from chexnet.training import TrainConfig
from chexnet.training.data import read_training_data

CONFIG = TrainConfig(task="pneumonia")


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films", films=40)


def test_a_split_file_decides_the_parts_and_is_named_by_the_model(films, tmp_path):
    (written,) = draw_splits(films, tmp_path / "split.csv", SplitConfig(seed=5)).splits
    data = read_training_data(films, CONFIG, split=written.path)
    lists = read_split(written.path)
    for part, names in lists.images.items():
        assert sorted(data.part(part).image_ids) == sorted(names)
    provenance = data.provenance()
    assert provenance["train_ids_sha256"] == written.sha256["train"]
    assert provenance["split"] == {"name": "split.csv", "sha256": dict(written.sha256)}


def test_a_split_whose_images_are_not_all_there_is_refused_unless_asked_for(films, tmp_path):
    path = tmp_path / "split.csv"
    draw_splits(films, path)
    # Without its hashes: a split made elsewhere.
    path.with_suffix(".json").unlink()
    path.write_text(path.read_text() + "elsewhere.png,p,test\n")
    with pytest.raises(ValueError, match=r"1 of \d+ images are not in films, the first elsewhere\.png"):
        read_training_data(films, CONFIG, split=path)
    read_training_data(films, CONFIG, split=path, only_present=True)


def test_a_split_that_shares_a_patient_is_refused_whatever_it_says_of_patients(films, tmp_path):
    manifest = read_training_data(films, CONFIG).manifest
    shared = next(p for p in manifest.patients if manifest.patients.count(p) > 1)
    rows = np.flatnonzero([patient == shared for patient in manifest.patients])
    lines = [
        f"{name},{'test' if row == rows[0] else ('train', 'validation')[row % 5 == 0]}"
        for row, name in enumerate(manifest.image_ids)
    ]
    path = tmp_path / "bad.csv"
    path.write_text("image,split\n" + "\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="is in both"):
        read_training_data(films, CONFIG, split=path)


def test_lists_without_a_validation_part_cannot_be_trained_on(films, tmp_path):
    (tmp_path / "train_list.txt").write_text("a.png\n")
    with pytest.raises(ValueError, match="has the parts train; expected train, validation"):
        read_training_data(films, CONFIG, split=tmp_path / "train_list.txt")
