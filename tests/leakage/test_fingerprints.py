import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chexnet.leakage import BITS, NEAR, Fingerprints, find_twins, fingerprint, fingerprint_files
from chexnet.radiograph import Radiograph, read_radiograph


@pytest.fixture(scope="module")
def film(example_film):
    with Image.open(example_film) as image:
        return np.asarray(image.convert("L")).astype(np.float64)


def bits_of(pixels, form="PNG", **options):
    stored = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8)).save(stored, form, **options)
    return fingerprint(read_radiograph(stored.getvalue()))


def resized(pixels, width, height):
    image = Image.fromarray(pixels.astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).astype(np.float64)


@pytest.mark.parametrize(
    "changed",
    [
        lambda film: bits_of(film, "JPEG", quality=50),
        lambda film: bits_of(resized(film, 224, 224)),
        lambda film: bits_of(0.7 * film + 20),
        lambda film: bits_of(255 * (film / 255) ** 1.2),
        lambda film: bits_of(film + np.random.default_rng(0).normal(0, 3, film.shape)),
    ],
    ids=["JPEG", "224 pixels", "contrast", "gamma", "noise"],
)
def test_the_same_film_stored_otherwise_is_near(film, changed):
    assert (bits_of(film) != changed(film)).sum() <= NEAR


def test_a_dicom_and_its_png_have_the_same_fingerprint(example_film, example_dicom):
    one, other = (fingerprint(read_radiograph(path)) for path in (example_film, example_dicom))
    assert (one != other).sum() <= 2


def test_a_mirrored_film_is_another_picture(film):
    assert (bits_of(film) != bits_of(film[:, ::-1])).sum() > NEAR


def test_a_film_of_one_grey_has_no_bit_set():
    grey = np.full((80, 60), 0.4, np.float32)
    assert not fingerprint(Radiograph(grey, "grey", "PNG")).any()


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(0, 60))
def test_twins_are_the_pairs_that_counting_each_pair_finds(seed, films, near):
    generator = np.random.default_rng(seed)
    bits = generator.random((films, BITS)) < 0.5
    # Some are copies with a few bits changed.
    for copy in range(1, films, 2):
        bits[copy] = bits[copy - 1] ^ (generator.random(BITS) < generator.choice([0, 0.1, 0.3]))
    names = tuple(f"{number:02}" for number in range(films))
    expected = {
        (names[one], names[other]): int((bits[one] != bits[other]).sum())
        for one in range(films)
        for other in range(one + 1, films)
    }
    found = find_twins(Fingerprints(names, bits, {}), near)
    assert {(pair.first, pair.second): pair.bits for pair in found} == {
        pair: distance for pair, distance in expected.items() if distance <= near
    }
    assert [pair.bits for pair in found] == sorted(pair.bits for pair in found)


def test_twins_are_found_across_blocks():
    bits = np.random.default_rng(0).random((5_000, BITS)) < 0.5
    bits[4_999], bits[4_200] = bits[3], bits[4_100]
    names = tuple(str(number) for number in range(5_000))
    found = find_twins(Fingerprints(names, bits, {}))
    assert [(pair.first, pair.second, pair.bits) for pair in found] == [("3", "4999", 0), ("4100", "4200", 0)]


@pytest.mark.parametrize("near", [-1, 127])
def test_a_limit_that_separates_nothing_is_refused(near):
    with pytest.raises(ValueError, match="expected 0 to 126 of 255"):
        find_twins(Fingerprints((), np.zeros((0, BITS), bool), {}), near)


@pytest.mark.parametrize("workers", [0, 2])
def test_films_that_cannot_be_read_are_named_and_the_others_are_taken(example_film, tmp_path, workers):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    files = {"good": example_film, "bad": tmp_path / "bad.png", "gone": tmp_path / "gone.png"}
    steps = []
    found = fingerprint_files(
        files, workers=workers, progress=lambda done, total: steps.append((done, total))
    )
    assert found.names == ("good",)
    assert set(found.unreadable) == {"bad", "gone"}
    assert "bad.png" in found.unreadable["bad"]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert (found.bits[0] == fingerprint(read_radiograph(example_film))).all()


def test_no_films_have_no_twins():
    assert find_twins(fingerprint_files({})) == []


def test_real_films_and_their_originals_are_near(data_dir):
    folder = data_dir / "chestxray14"
    names = sorted(path.name for path in (folder / "images_1024").glob("*.png"))[::6]
    small, large = (
        fingerprint_files({n: folder / kind / n for n in names}) for kind in ("images", "images_1024")
    )
    assert (small.bits != large.bits).sum(axis=1).max() <= 6


@pytest.mark.slow
def test_of_1_330_real_films_two_show_the_same_picture_and_no_others_come_near(data_dir):
    files = {path.name: path for path in sorted((data_dir / "chestxray14" / "images").glob("*.png"))}
    found = find_twins(fingerprint_files(files), 49)
    assert [(pair.first, pair.second, pair.bits) for pair in found] == [
        ("00002658_001.png", "00002658_002.png", 0)
    ]
