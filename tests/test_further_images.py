"""Further images for pretraining: synthetic ones of every kind, one look, aligned labels."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from chexnet.paper import PATHOLOGIES
from recipes.embedded import further_images
from recipes.embedded.further_images import SIDE, degraded, further_table, members, soft_labels

PNEUMONIA = PATHOLOGIES.index("Pneumonia")


def smooth(side, seed=0):
    """A synthetic image: a coarse pattern, enlarged, as radiographs have little that is fine."""
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 9), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("side", [1024, 2048, 299, 224])
def test_an_image_of_any_size_comes_out_as_the_small_copies_are(side):
    found = degraded(smooth(side))
    assert found.shape == (SIDE, SIDE)
    assert found.dtype == np.uint8
    # The same picture still: within the loss of the compression.
    expected = np.asarray(Image.fromarray(smooth(side)).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    assert np.abs(found.astype(float) - expected).mean() < 4


def test_a_full_sized_image_and_its_small_copy_look_alike():
    """That is what it is for: noise of single pixels would tell the sources apart."""
    full = np.clip(smooth(1024) + np.random.default_rng(1).normal(0, 20, (1024, 1024)), 0, 255).astype(
        np.uint8
    )
    small = np.asarray(Image.fromarray(full).resize((299, 299), Image.Resampling.BILINEAR))

    def grain(image):
        return np.abs(np.diff(image.astype(float), axis=1)).mean()

    assert grain(degraded(full)) == pytest.approx(grain(degraded(small)), rel=0.1)


def test_an_archive_gives_its_images_by_their_names(tmp_path):
    content = io.BytesIO()
    Image.fromarray(smooth(224)).save(content, "WEBP", lossless=True)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        entry = tarfile.TarInfo("00000001_000.webp")
        entry.size = len(content.getvalue())
        archive.addfile(entry, io.BytesIO(content.getvalue()))
    ((name, grey),) = members(tmp_path / "a.tar")
    assert name == "00000001_000.png"
    np.testing.assert_array_equal(grey, smooth(224))


def test_probabilities_are_aligned_to_the_prevalence_of_each_source_and_keep_their_order():
    generator = np.random.default_rng(0)
    count = 400
    sources = ["few"] * count + ["many"] * count
    prevalence = np.array([0.05] * count + [0.6] * count)
    reported = (generator.random((2 * count, 14)) < prevalence[:, None]).astype(float)
    # A teacher that ranks well, from where pneumonia is one image in a hundred.
    taught = {n: list(0.01 + 0.02 * reported[n] * generator.random(14)) for n in range(2 * count)}
    labels = soft_labels(reported, taught, [""] * (2 * count), sources)
    for source in ("few", "many"):
        rows = [n for n, one in enumerate(sources) if one == source]
        # The mean of the report and of what is aligned to it has the report's prevalence.
        np.testing.assert_allclose(labels[rows].mean(axis=0), reported[rows].mean(axis=0), atol=1e-6)
        aligned = 2 * labels[rows] - reported[rows]
        order = np.argsort([taught[n][0] for n in rows], kind="stable")
        assert (np.diff(aligned[order, 0]) >= -1e-12).all()


def test_what_radiologists_said_counts_for_pneumonia_alone():
    reported = np.zeros((3, 14))
    labels = soft_labels(reported, {}, ["Lung Opacity", "Normal", ""], ["a", "a", "a"])
    assert labels[:, PNEUMONIA].tolist() == [0.5, 0, 0]
    assert np.delete(labels, PNEUMONIA, axis=1).sum() == 0


@pytest.fixture
def manifests(tmp_path, monkeypatch):
    def row(image, patient, kind="", said=""):
        labels = {name: f"{int(name == 'Mass')}" for name in PATHOLOGIES}
        return {"image": image, "patient_id": patient, "kind": kind, "rsna_class": said, **labels}

    (tmp_path / "teacher_probabilities.csv").write_text(
        ",".join(["image", *PATHOLOGIES]) + "\n" + ",".join(["m0.png", *["0.2"] * 14]) + "\n"
    )
    monkeypatch.setattr(further_images, "_MORE", tmp_path)
    adults = [row(f"a{n}.png", f"{n}") for n in range(60)]
    more = [row(f"m{n}.png", f"{n}", ("whole", "lungs")[n % 2], "Normal") for n in range(80)]
    return adults, [*more, row("a1.png", "1", "whole", "Normal")]


def test_no_patient_of_validation_or_test_is_trained_on(manifests, tmp_path):
    adults, more = manifests
    table = further_table(adults, more, tmp_path)
    of_part = {
        part: {row["patient"] for row in table if row["split"] == part}
        for part in ("train", "validation", "test")
    }
    assert not of_part["train"] & (of_part["validation"] | of_part["test"])
    assert all(of_part.values())
    names = [row["image"].name for row in table]
    assert len(names) == len(set(names))
    # Patients that the 1,330 do not have are all trained on.
    assert {f"nih-{n}" for n in range(60, 80)} <= of_part["train"]
    measured = [row for row in table if row["split"] != "train"]
    assert all(float(row["Mass"]) == 1 and float(row["Pneumonia"]) == 0 for row in measured)
