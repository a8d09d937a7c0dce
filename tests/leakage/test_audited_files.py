import json
import shutil

import numpy as np
import pytest
from synthetic_films import write_films

from chexnet.datasets import SplitConfig, draw_splits, read_split
from chexnet.evaluation.audit import audit_files, find_audited
from chexnet.report.audit_report import audit_json, show_audit
from chexnet.tables import hash_image_ids


@pytest.fixture(scope="module")
def nih(data_dir):
    return data_dir / "chestxray14"


def test_the_best_known_checkpoint_has_learned_from_17_920_official_test_images(data_dir, nih):
    audited = audit_files(nih, data_dir / "splits" / "arnoweng", [nih])
    found = {(one.part, one.what): one.found for one in audited.audit.reserved}
    test, boxed = (found["arnoweng: train", what] for what in ("official test images", "images with boxes"))
    assert (test.images, test.test_images) == (17_920, 25_596)
    assert (boxed.images, boxed.test_images) == (606, 880)
    overlaps = {(one.first, one.second): one for one in audited.audit.overlaps}
    assert overlaps["arnoweng: train", "chestxray14: test"].images == 17_920
    assert overlaps["arnoweng: train", "chestxray14: test"].leak
    # Each of the two is a split by patient in itself.
    assert not any(one.split(":")[0] == other.split(":")[0] for one, other in overlaps)
    text = show_audit(audited)
    assert "17,920 of 25,596" in text
    assert "606 of 880" in text


def test_the_official_test_list_is_another_population(nih):
    audited = audit_files(nih, nih)
    train_val, test = ({one.name: one.value for one in part.characteristics} for part in audited.audit.parts)
    shown = [
        (
            round(100 * part["no finding"], 1),
            round(100 * part["Pneumonia"], 2),
            round(100 * part["view AP"], 1),
        )
        for part in (train_val, test)
    ]
    assert shown == [(58.4, 1.01, 35.0), (38.5, 2.17, 56.6)]
    assert round(train_val["images per patient"], 2) == 3.09
    assert round(test["images per patient"], 2) == 9.15
    assert [(part.images, part.patients) for part in audited.audit.parts] == [
        (86_524, 28_008),
        (25_596, 2_797),
    ]
    notable = {shift.characteristic for shift in audited.audit.shifts if shift.notable}
    assert {"no finding", "view AP", "images per patient", "Pneumothorax"} <= notable
    assert "age in years" not in notable
    assert audited.audit.leaks == ()


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films", films=60)


@pytest.fixture
def split(films, tmp_path):
    return draw_splits(films, tmp_path / "split.csv", SplitConfig()).splits[0]


def test_a_drawn_split_is_sound_and_its_json_is_json(films, split):
    audited = audit_files(films, split.path)
    content = json.loads(json.dumps(audit_json(audited), allow_nan=False))
    assert content["leaks"] == 0
    assert [part["images"] for part in content["parts"]] == list(split.images.values())
    assert "no patient is in two parts" in show_audit(audited).splitlines()[-1]


def test_films_stored_twice_are_found_across_parts(films, split):
    parts = read_split(split.path).images
    one, other = parts["train"][0], parts["test"][0]
    shutil.copy(films.parent / one, films.parent / other)
    (films.parent / parts["test"][1]).write_bytes(b"damaged")
    audited = audit_files(films, split.path, pixels=True, near=0, workers=0)
    assert audited.audit.films == 59
    (found,) = [pair for pair in audited.audit.twins if {pair[0].first, pair[0].second} == {one, other}]
    assert set(found[1] + found[2]) == {"split.csv: train", "split.csv: test"}
    assert list(audited.unreadable) == [parts["test"][1]]
    assert f"({'split.csv: train'})" in show_audit(audited)
    json.dumps(audit_json(audited), allow_nan=False)


def run_folder(folder, names):
    folder.mkdir()
    (folder / "training_ids.txt").write_text("\n".join(names) + "\n")
    (folder / "recipe.json").write_text(json.dumps({"train_ids_sha256": hash_image_ids(names)}))
    (folder / "best.ckpt").write_bytes(b"")
    return folder


def test_a_run_is_known_by_the_list_it_left(films, split, tmp_path):
    names = read_split(split.path).images["test"]
    folder = run_folder(tmp_path / "run", names)
    for path in (folder, folder / "best.ckpt", folder / "training_ids.txt"):
        assert sorted(find_audited(path).images["train"]) == sorted(names)
        found = audit_files(films, path, [split.path]).audit
        assert {leak.second for leak in found.leaks} == {"split.csv: test"}


def test_a_list_that_is_not_the_runs_is_refused(films, split, tmp_path):
    folder = run_folder(tmp_path / "run", read_split(split.path).images["train"])
    (folder / "training_ids.txt").write_text("000.png\n")
    with pytest.raises(ValueError, match=r"training_ids\.txt is not the list that best\.ckpt was trained on"):
        find_audited(folder / "best.ckpt")
    (folder / "training_ids.txt").unlink()
    found = audit_files(films, folder / "best.ckpt", [split.path]).audit
    assert found.hashes[0].parts == ("split.csv: train",)
    assert "only the hash of its training images is known" in show_audit(
        audit_files(films, folder / "best.ckpt", [split.path])
    )
    (folder / "recipe.json").unlink()
    with pytest.raises(ValueError, match=r"no recipe\.json beside it"):
        find_audited(folder / "best.ckpt")


def test_the_model_that_comes_along_is_known_by_its_hash(films, split):
    from chexnet.classifier import load

    classifier = load()
    found = audit_files(films, classifier.path, [split.path]).audit
    assert found.hashes[0].sha256 == classifier.metadata.training["train_ids_sha256"]
    assert found.hashes[0].parts == ()


def test_two_splits_of_one_name_are_told_apart(films, split, tmp_path):
    other = draw_splits(films, tmp_path / "other" / "split.csv", SplitConfig(seed=1)).splits[0]
    found = audit_files(films, split.path, [other.path]).audit
    assert {part.split for part in found.parts} == {"split.csv", "split.csv (2)"}
    assert found.leaks


def test_the_whole_report_names_every_part_and_characteristic(films, split):
    text = show_audit(audit_files(films, split.path))
    for word in ("train", "validation", "test", "Pneumonia", "no finding", "images per patient"):
        assert word in text
    assert np.all([sha in text for sha in split.sha256.values()])
