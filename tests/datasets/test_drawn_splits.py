"""Splits of every kind, drawn in memory and written to disk."""

import csv
import hashlib
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chexnet.datasets import (
    SPLITS,
    ChestXray14,
    Selection,
    Source,
    SplitConfig,
    apply_split,
    draw_splits,
    label_strata,
    read_manifest,
    read_split,
    split_by_lists,
    split_folds,
    split_of,
    split_patients,
    split_pneumonia,
)
from chexnet.paper import PNEUMONIA_SPLIT

seeds = st.integers(0, 2**32)


@st.composite
def tables(draw, least=9, most=60):
    """Images and patients of a table, in any order of rows."""
    counts = draw(st.lists(st.integers(1, 7), min_size=least, max_size=most))
    rows = [(f"{p:03}_{i}.png", f"{p:03}") for p, count in enumerate(counts) for i in range(count)]
    rows = draw(st.permutations(rows))
    return [image for image, _ in rows], [patient for _, patient in rows]


def people(patients, split):
    return {part: {patients[row] for row in rows} for part, rows in split.parts().items()}


def assert_disjoint(patients, split):
    whose = people(patients, split)
    assert sum(map(len, whose.values())) == len(set().union(*whose.values()))


@given(tables(), st.data(), seeds)
@settings(max_examples=30)
def test_the_pneumonia_draw_has_exactly_the_patients_and_images_asked_for(table, data, seed):
    images, patients = table
    count = Counter(patients)
    names = sorted(count)
    # Sizes that some division of these patients has, so that there is a draw to find.
    home = data.draw(st.lists(st.sampled_from(SPLITS), min_size=len(names), max_size=len(names)))
    assume(set(home) == set(SPLITS))
    sizes = {}
    for part in SPLITS:
        members = [name for name, at in zip(names, home, strict=True) if at == part]
        sizes[part] = (len(members), sum(count[name] for name in members))
    sizes["test"] = (sizes["test"][0], data.draw(st.integers(*sizes["test"])))
    split = split_pneumonia(images, patients, sizes, seed=seed)
    found = {part: (len(people(patients, split)[part]), len(rows)) for part, rows in split.parts().items()}
    assert found == sizes
    assert_disjoint(patients, split)
    for part in ("train", "validation"):
        # All images of the patients that are not tested are used.
        assert sum(count[name] for name in people(patients, split)[part]) == sizes[part][1]


@given(tables(), seeds, st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_the_pneumonia_draw_follows_from_images_and_seed_not_from_the_order_of_rows(table, seed, random):
    images, patients = table
    count = Counter(patients)
    names = sorted(count)
    sizes = {
        part: (len(chosen), sum(count[name] for name in chosen))
        for part, chosen in zip(SPLITS, (names[:-4], names[-4:-2], names[-2:]), strict=True)
    }
    shuffled = list(zip(images, patients, strict=True))
    random.shuffle(shuffled)
    drawn = []
    for rows in (list(zip(images, patients, strict=True)), shuffled):
        split = split_pneumonia([image for image, _ in rows], [p for _, p in rows], sizes, seed=seed)
        drawn.append({part: {rows[row][0] for row in chosen} for part, chosen in split.parts().items()})
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    "sizes",
    [
        {"train": (2, 2), "validation": (1, 1), "test": (1, 1)},
        {"train": (1, 9), "validation": (1, 1), "test": (1, 1)},
        {"train": (1, 1), "validation": (1, 1), "test": (1, 0)},
    ],
)
def test_sizes_that_do_not_fit_the_patients_are_refused(sizes):
    with pytest.raises(ValueError, match="here are 3 images of 3 patients"):
        split_pneumonia(["a", "b", "c"], ["1", "2", "3"], sizes)


def test_sizes_that_no_draw_has_are_refused():
    sizes = {"train": (1, 3), "validation": (1, 1), "test": (1, 1)}
    with pytest.raises(ValueError, match="no draw with exactly"):
        split_pneumonia([f"{n}.png" for n in range(6)], ["1", "1", "2", "2", "3", "3"], sizes)


@given(tables(), st.integers(3, 5), seeds)
@settings(max_examples=50)
def test_folds_share_no_patient_and_test_every_image_once(table, folds, seed):
    _, patients = table
    assume(max(Counter(patients).values()) * folds < len(patients))
    splits = split_folds(patients, folds, seed=seed)
    for split in splits:
        assert_disjoint(patients, split)
        assert sorted(np.concatenate(list(split.parts().values())).tolist()) == list(range(len(patients)))
    tested = np.concatenate([split.test for split in splits])
    assert sorted(tested.tolist()) == list(range(len(patients)))
    validated = np.concatenate([split.validation for split in splits])
    assert sorted(validated.tolist()) == list(range(len(patients)))


def test_folds_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="folds are 2; expected at least 3"):
        split_folds(["a", "b", "c"], 2)
    with pytest.raises(ValueError, match="2 patients are too few for 3 folds"):
        split_folds(["a", "b"], 3)


@given(tables(least=20), st.data(), seeds)
@settings(max_examples=50)
def test_a_given_test_list_stays_and_validation_is_drawn_from_the_rest_by_patient(table, data, seed):
    images, patients = table
    tested = data.draw(st.sets(st.sampled_from(sorted(set(patients))), max_size=5))
    listed = [image for image, patient in zip(images, patients, strict=True) if patient in tested]
    split = split_by_lists(images, patients, [*listed, "elsewhere.png"], validation=0.3, seed=seed)
    assert {images[row] for row in split.test} == set(listed)
    assert_disjoint(patients, split)
    assert sorted(np.concatenate(list(split.parts().values())).tolist()) == list(range(len(patients)))


def test_a_test_list_that_takes_only_some_images_of_a_patient_is_refused():
    with pytest.raises(ValueError, match=r"b\.png: patient 1 is in both the test list and the other images"):
        split_by_lists(["a.png", "b.png"], ["1", "1"], ["a.png"])


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=40, max_size=120), seeds)
def test_strata_are_spread_by_patient_and_share_none(members, seed):
    patients = [f"{p}" for p, (images, _) in enumerate(members) for _ in range(images)]
    strata = [f"s{stratum}" for images, stratum in members for _ in range(images)]
    split = split_patients(patients, seed=seed, strata=strata)
    assert_disjoint(patients, split)
    largest = max(images for images, _ in members)
    for rows, share in zip(split.parts().values(), (0.7, 0.1, 0.2), strict=True):
        assert abs(len(rows) - share * len(patients)) <= largest


def test_the_stratum_of_a_patient_is_their_rarest_finding():
    patients = ["a", "a", "b", "c", "d"]
    labels = np.array([[1, 0], [0, 1], [1, 0], [np.nan, 0.4], [1, 0]])
    assert label_strata(patients, labels, ["Effusion", "Hernia"]) == [
        *("Hernia", "Hernia", "Effusion", "none", "Effusion")
    ]


# On the real table.


@pytest.fixture(scope="module")
def nih(data_dir):
    return data_dir / "chestxray14"


@pytest.fixture(scope="module")
def labels(nih):
    return ChestXray14(nih).labels()


@pytest.mark.parametrize("seed", range(3))
def test_the_split_of_section_3_1_has_the_papers_numbers(labels, seed):
    split = split_pneumonia(labels.images, labels.patients, seed=seed)
    whose = people(labels.patients, split)
    sizes = {part: (len(whose[part]), len(rows)) for part, rows in split.parts().items()}
    assert sizes == PNEUMONIA_SPLIT
    assert_disjoint(labels.patients, split)


def test_the_test_patients_of_the_pneumonia_draw_are_as_a_draw_of_images_gives_them(labels):
    """What the module says of the 6,712 images that the paper leaves out."""
    owners = np.unique(labels.patients, return_inverse=True)[1]
    images = np.bincount(owners)
    generator = np.random.default_rng(0)
    draws = [np.unique(generator.choice(owners, 420, replace=False)) for _ in range(300)]
    mean = np.mean([images[patients].sum() for patients in draws])
    # Its standard deviation over draws is about 390; of the mean of 300 draws, 23.
    assert mean == pytest.approx(6_956, abs=70)


def test_stratified_parts_have_the_prevalence_of_the_whole(labels):
    strata = label_strata(labels.patients, labels.values, labels.findings)
    split = split_patients(labels.patients, seed=1, strata=strata)
    owners = np.array(labels.patients)
    hernia = labels.of("Hernia") == 1
    total = len(set(owners[hernia]))
    for rows, share in zip(split.parts().values(), (0.7, 0.1, 0.2), strict=True):
        have = len(set(owners[rows][hernia[rows]]))
        # The rarest finding is a stratum of its own: only its two ends and the sizes of its patients differ.
        assert have == pytest.approx(share * total, abs=3)


def test_the_official_split_keeps_nihs_test_list(nih, tmp_path):
    drawn = draw_splits(nih, tmp_path / "official.csv", SplitConfig(kind="official"))
    (written,) = drawn.splits
    assert written.images["test"] == 25_596
    assert written.images["train"] + written.images["validation"] == 86_524
    assert written.images["validation"] == pytest.approx(8_652, abs=184)
    assert set(read_split(written.path).images["test"]) == set(ChestXray14(nih).official_lists()["test"])


def test_a_filter_is_counted_and_recorded(nih, tmp_path):
    drawn = draw_splits(nih, tmp_path / "pa.csv", selection=Selection(view="PA", one_per_patient=True))
    assert drawn.images == 112_120
    assert sum(drawn.splits[0].images.values()) == 28_868
    content = json.loads((tmp_path / "pa.json").read_text())
    assert content["selection"] == {"view PA": 44_810, "one image a patient": 38_442}


# On disk.

TABLE = "image,patient,sex,view,Hernia\n" + "".join(
    f"films/{patient:02}_{image}.png,{patient},{'FM'[patient % 2]},PA,{int(patient % 5 == 0)}\n"
    for patient in range(30)
    for image in range(1 + patient % 3)
)


@pytest.fixture
def films(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text(TABLE)
    return path


def test_what_is_written_is_read_back_and_the_same_seed_gives_the_same_bytes(films, tmp_path):
    (one,) = draw_splits(films, tmp_path / "one" / "split.csv", SplitConfig(seed=3)).splits
    (other,) = draw_splits(films, tmp_path / "other" / "split.csv", SplitConfig(seed=3)).splits
    for name in ("split.csv", "split.json"):
        assert (one.path.parent / name).read_bytes() == (other.path.parent / name).read_bytes()
    split = read_split(one.path)
    assert split.sha256() == one.sha256
    train = "\n".join(sorted(split.images["train"]))
    assert one.sha256["train"] == hashlib.sha256(train.encode()).hexdigest()
    known = Source(films).labels()
    assert split.patients == dict(zip(known.images, known.patients, strict=True))
    assert sum(len(names) for names in split.images.values()) == len(known.images)


def test_another_seed_gives_another_split(films, tmp_path):
    written = [draw_splits(films, tmp_path / f"{n}.csv", SplitConfig(seed=n)).splits[0] for n in range(5)]
    assert len({one.sha256["train"] for one in written}) == 5


def test_folds_become_numbered_files(films, tmp_path):
    drawn = draw_splits(films, tmp_path / "folds.csv", SplitConfig(kind="folds", folds=3, stratify=True))
    assert [one.path.name for one in drawn.splits] == ["folds-1.csv", "folds-2.csv", "folds-3.csv"]
    assert all(one.path.is_file() and one.path.with_suffix(".json").is_file() for one in drawn.splits)


def test_only_images_that_are_there_can_be_asked_for(films, tmp_path):
    (tmp_path / "films").mkdir()
    for patient in range(12):
        (tmp_path / "films" / f"{patient:02}_0.png").touch()
    drawn = draw_splits(films, tmp_path / "split.csv", only_present=True)
    assert [step.message for step in drawn.steps] == ["files that are there: 48 images left out"]
    assert sum(drawn.splits[0].images.values()) == 12


def test_a_split_puts_the_images_of_a_manifest_into_its_parts(films, tmp_path):
    (written,) = draw_splits(films, tmp_path / "split.csv", selection=Selection(sex="F")).splits
    manifest = read_manifest(films)
    divided = apply_split(manifest, read_split(written.path))
    assert {part: len(rows) for part, rows in split_of(divided).parts().items()} == written.images
    assert all(int(patient) % 2 == 0 for patient in divided.patients)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: edit(path, ",train\n", ",test\n"), "was changed after it was written"),
        (lambda path: edit(path, ",train\n", ",practice\n"), "split is 'practice'; expected train"),
        (lambda path: edit(path, "\nfilms/00_0", "\nfilms/01_0"), "01_0.png is there 2 times"),
        (lambda path: path.with_suffix(".json").write_text("[]"), "expected the hashes"),
    ],
)
def test_a_split_that_is_not_what_was_written_is_refused(films, tmp_path, change, said):
    (written,) = draw_splits(films, tmp_path / "split.csv").splits
    change(written.path)
    with pytest.raises(ValueError) as error:
        read_split(written.path)
    assert said in str(error.value)


def test_a_split_of_other_images_is_refused_unless_asked_for(films, tmp_path):
    (written,) = draw_splits(films, tmp_path / "split.csv").splits
    manifest = read_manifest(films)
    fewer = manifest.select(np.arange(1, len(manifest)))
    with pytest.raises(ValueError, match=r"1 of 60 images are not in films, the first films/00_0\.png"):
        apply_split(fewer, read_split(written.path))
    assert len(apply_split(fewer, read_split(written.path), only_present=True)) == 59


def test_lists_and_folders_of_lists_are_splits_too(data_dir, tmp_path):
    known = {"train": 78_468, "validation": 11_219, "test": 22_433}
    lists = read_split(data_dir / "splits" / "arnoweng")
    assert {part: len(names) for part, names in lists.images.items()} == known
    assert set(read_split(data_dir / "chestxray14").images) == {"train_val", "test"}
    (tmp_path / "training_ids.txt").write_text("a.png\nb.png\n")
    assert read_split(tmp_path / "training_ids.txt").images == {"train": ("a.png", "b.png")}
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="no list of images"):
        read_split(tmp_path / "mine")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"validation": 1.0}, "validation is 1.0; expected a share"),
        ({"folds": 2}, "folds is 2; expected at least 3"),
        ({"kind": "pneumonia", "stratify": True}, "is not stratified"),
    ],
)
def test_a_split_that_cannot_be_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        SplitConfig(**options)


def test_the_pneumonia_split_of_other_data_is_refused_and_writes_nothing(films, tmp_path):
    with pytest.raises(ValueError, match="here are 60 images of 30 patients"):
        draw_splits(films, tmp_path / "p.csv", SplitConfig(kind="pneumonia"))
    with pytest.raises(ValueError, match="expected the name of a CSV"):
        draw_splits(films, tmp_path / "p.txt")
    assert {path.name for path in tmp_path.iterdir()} == {"films.csv"}


def test_the_official_tables_alone_can_be_split(nih, tmp_path):
    (written,) = draw_splits(nih / "Data_Entry_2017_v2020.csv", tmp_path / "split.csv").splits
    with written.path.open(newline="") as file:
        assert sum(1 for _ in csv.reader(file)) == 112_121
